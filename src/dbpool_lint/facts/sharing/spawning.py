"""Which tasks and threads does a function start, and how long do they run beside it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Routine, Type
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.sharing.members import Layout
from dbpool_lint.facts.sharing.running import is_of, outside
from dbpool_lint.knowledge.tasks import (
    BACKGROUND,
    BACKGROUND_TASK,
    EXECUTORS,
    KEEPS_RUNNING,
    SPAWNING,
    SPAWNING_METHODS,
    TASK_GROUPS,
    THREADS,
)

_KEEPING = frozenset({"append", "add", "insert", "appendleft", "setdefault"})


@dataclass(frozen=True, slots=True)
class Spawn:
    """A call that starts a task, a thread, or puts something off until the response is sent.

    `what` is "task", "thread" or "background"; `end` is the place in the function's order of facts at which it is
    waited for or stopped, None when that is never seen.
    """

    call: facts.Call
    what: str
    end: int | None


def spawns(evaluator: Evaluator, layout: Layout) -> Iterator[Spawn]:
    """What a function starts, in order."""
    for fact in layout.function.body:
        what = _spawned(evaluator, fact, layout.function) if isinstance(fact, facts.Call) else ""
        if what and isinstance(fact, facts.Call) and not _is_waited_for(layout, fact):
            yield Spawn(fact, what, None if what == "background" else _end(evaluator, layout, fact))


def _spawned(evaluator: Evaluator, call: facts.Call, scope: Function) -> str:
    names = outside(evaluator, call, scope)
    if names & SPAWNING:
        return "task"
    if names & THREADS:
        return "thread"
    if names & BACKGROUND_TASK:
        return "background"
    if not isinstance(call.func, facts.Attr):
        return ""
    return _by_method(evaluator, call.func, scope)


def _by_method(evaluator: Evaluator, func: facts.Attr, scope: Function) -> str:
    if func.name == "add_task":
        return "background" if is_of(evaluator, func.base, scope, BACKGROUND) else ""
    if func.name in ("submit", "apply_async"):
        return "thread" if is_of(evaluator, func.base, scope, EXECUTORS) else ""
    if func.name == "run_in_executor":
        return "thread"
    if func.name not in SPAWNING_METHODS or is_of(evaluator, func.base, scope, TASK_GROUPS):
        return ""
    known = any(isinstance(v, (Routine, Type, External)) for v in evaluator.values(func, scope))
    return "" if known else "task"


def _is_waited_for(layout: Layout, call: facts.Call) -> bool:
    """`await create_task(f())`, `await asyncio.wait_for(create_task(f()), 5)`, `submit(f).result()`: one at a time."""
    for outer in layout.above(call):
        if isinstance(outer, facts.Await):
            return True
        if isinstance(outer, facts.Attr):
            return outer.name not in KEEPS_RUNNING
        if isinstance(outer, (facts.Return, facts.Yield)):
            return not _responds(call, outer)
        if isinstance(outer, (facts.Keyword, facts.Star)):
            continue
        if not isinstance(outer, facts.Call):
            return False
        if isinstance(outer.func, facts.Attr) and outer.func.name in _KEEPING:
            return False
    return False


def _responds(call: facts.Call, outer: walking.Fact) -> bool:
    """`return JSONResponse(…, background=BackgroundTask(f, db))`"""
    return isinstance(outer, facts.Return) and outer.value is not call


def _end(evaluator: Evaluator, layout: Layout, call: facts.Call) -> int | None:
    """Where a task or thread is waited for: at the next mention of the variable, or list, that has it."""
    block = _executor_block(evaluator, layout, call)
    if block is not None:
        return block
    holder = _holder(layout, call)
    if holder is None:
        return None
    start = layout.order[id(call)]
    for fact in layout.function.body[start + 1 :]:
        if isinstance(fact, facts.Name) and fact.id == holder and not _only_touches(layout, fact):
            return layout.order[id(fact)]
    return None


def _holder(layout: Layout, call: facts.Call) -> str | None:
    """The local name that holds a task, or a list of such."""
    for outer in layout.above(call):
        if isinstance(outer, facts.Assign):
            target = outer.targets[0]
            if isinstance(target, facts.Item):
                target = target.base
            return target.id if isinstance(target, facts.Name) and _is_local(layout, target.id) else None
        if isinstance(outer, facts.Call) and isinstance(outer.func, facts.Attr) and outer.func.name in _KEEPING:
            base = outer.func.base
            return base.id if isinstance(base, facts.Name) and _is_local(layout, base.id) else None
        if isinstance(outer, facts.Walrus) and isinstance(outer.target, facts.Name):
            return outer.target.id
    return None


def _is_local(layout: Layout, name: str) -> bool:
    return name in layout.function.bound and name not in layout.function.global_names


def _only_touches(layout: Layout, name: facts.Name) -> bool:
    """`task.add_done_callback(…)`, `self._tasks.add(task)`, `while not task.done()`: it goes on running."""
    outer = next(layout.above(name), None)
    if isinstance(outer, facts.Attr):
        return outer.name in KEEPS_RUNNING or outer.name in _KEEPING
    if isinstance(outer, facts.Call) and isinstance(outer.func, facts.Attr):
        return outer.func.name in _KEEPING
    return isinstance(outer, facts.Assign) and any(target is name for target in outer.targets)


def _executor_block(evaluator: Evaluator, layout: Layout, call: facts.Call) -> int | None:
    """`with ThreadPoolExecutor() as executor:` waits at its end for all that was submitted."""
    func = call.func
    if not isinstance(func, facts.Attr) or not isinstance(func.base, facts.Name):
        return None
    for outer in layout.above(call):
        for item in outer.items if isinstance(outer, facts.With) else ():
            has = item.target is not None and walking.is_name(item.target, func.base.id)
            if has and is_of(evaluator, item.value, layout.function, EXECUTORS):
                return max(layout.order[id(fact)] for fact in walking.within([outer]))
    return None
