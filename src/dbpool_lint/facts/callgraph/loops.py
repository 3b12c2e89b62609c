"""Where does code make an event loop of its own to run a coroutine in, and how often does a process do so?

`asyncio.run`, a loop made by `new_event_loop` in the very function, asgiref's `async_to_sync`, and helpers of the
project that do one of these with the coroutine that they are handed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.reach import Path, always
from dbpool_lint.facts.configuration.arguments import Reader, all_calls
from dbpool_lint.facts.evaluation.handing import given, is_stored
from dbpool_lint.facts.evaluation.values import External, Generated, Routine
from dbpool_lint.facts.project import Function, Module, Scope, module_of
from dbpool_lint.knowledge.lifecycles import LOOP_BRIDGES, LOOP_MAKERS, LOOP_RUNNERS

_DEEPEST = 4
_LIVING = frozenset({facts.Context.APPLICATION, facts.Context.SCRIPT})


@dataclass(eq=False, frozen=True, slots=True)
class Run:
    """A call that runs `started` in a loop of its own: `fact` in `scope`; `by` are helpers on the way."""

    fact: facts.Call
    scope: Scope
    started: Function | None
    by: tuple[Function, ...] = ()

    @property
    def module(self) -> Module:
        return module_of(self.scope)


@dataclass(frozen=True, slots=True)
class Repetition:
    """How a process comes to run several loops: on the way from `path`'s entry, in a loop, or by two calls."""

    runs: tuple[Run, ...]
    path: Path | None
    how: str


def runs(reader: Reader) -> tuple[Run, ...]:
    """Every such call of applications and scripts, with what it starts; remembered."""
    memory = reader.evaluator.project.memory
    if "runs" not in memory:
        memory["runs"] = tuple(_runs(reader))
    found = memory["runs"]
    assert isinstance(found, tuple)
    return found


def _runs(reader: Reader) -> Iterator[Run]:
    for call, scope in all_calls(reader.evaluator):
        if module_of(scope).context in _LIVING and (coroutine := _run_by(reader, call, scope)) is not None:
            yield from _started(reader, coroutine, scope, Run(call, scope, None), 0)


def _run_by(reader: Reader, call: facts.Call, scope: Scope) -> facts.Expr | None:
    """The coroutine, or the function that makes it, that a call runs in a loop of its own."""
    evaluator = reader.evaluator
    if isinstance(call.func, facts.Attr) and call.func.name == "run_until_complete" and call.args:
        return call.args[0] if _is_own_loop(reader, call.func.base, scope) else None
    if isinstance(call.func, facts.Call):
        bridges = evaluator.values(call.func.func, scope)
        bridged = any(isinstance(v, External) and v.name in LOOP_BRIDGES for v in bridges)
        return call.func.args[0] if bridged and call.func.args else None
    values = evaluator.values(call.func, scope)
    certain = bool(values) and all(isinstance(v, External) and v.name in LOOP_RUNNERS for v in values)
    return call.args[0] if certain and call.args else None


def _is_own_loop(reader: Reader, loop: facts.Expr, scope: Scope) -> bool:
    """Whether a loop was made by this very function, for itself."""
    if not isinstance(loop, facts.Name) or not isinstance(scope, Function) or loop.id in scope.global_names:
        return False
    bounds = scope.bound.get(loop.id, ())
    values = (bound.value for bound in bounds if bound.how == "value")
    made = [value for value in values if isinstance(value, facts.Call)]
    if not made or len(made) != len(bounds) or scope.param(loop.id) is not None:
        return False
    return all(
        any(isinstance(v, External) and v.name in LOOP_MAKERS for v in reader.evaluator.values(call.func, scope))
        and not is_stored(scope, call)
        for call in made
    )


def _started(reader: Reader, fact: facts.Expr, scope: Scope, run: Run, depth: int) -> Iterator[Run]:
    """What is started when an expression is run: through helpers, by whoever hands them the coroutine."""
    if depth > _DEEPEST:
        return
    if isinstance(fact, facts.Name) and isinstance(scope, Function) and scope.param(fact.id) is not None:
        yield from _handed(reader, fact.id, scope, run, depth)
        return
    if isinstance(fact, facts.Name) and isinstance(scope, Function) and len(scope.bound.get(fact.id, ())) == 1:
        bound = scope.bound[fact.id][0].value
        if bound is not None:
            yield from _started(reader, bound, scope, run, depth + 1)
            return
    if isinstance(fact, facts.Call):
        yield from _started(reader, fact.func, scope, run, depth + 1)
        for arg in fact.args:
            if isinstance(arg, (facts.Call, facts.Star)):
                yield from _started(reader, arg, scope, run, depth + 1)
        return
    for value in reader.evaluator.values(fact, scope):
        if isinstance(value, (Routine, Generated)):
            yield Run(run.fact, run.scope, value.function, run.by)
            yield from _inside(reader, value.function, scope, run, depth)


def _inside(reader: Reader, function: Function, scope: Scope, run: Run, depth: int) -> Iterator[Run]:
    """A coroutine that is awaited by a function nested in the helper which is handed it."""
    if function.parent is None or function.parent is not scope:
        return
    for fact in function.body:
        if isinstance(fact, facts.Await):
            inner = fact.value.func if isinstance(fact.value, facts.Call) else fact.value
            own = isinstance(inner, facts.Name) and (inner.id in function.bound or function.param(inner.id))
            if isinstance(inner, facts.Name) and not own and function.parent.param(inner.id) is not None:
                yield from _handed(reader, inner.id, function.parent, run, depth)


def _handed(reader: Reader, name: str, helper: Function, run: Run, depth: int) -> Iterator[Run]:
    param = helper.param(name)
    for call, scope in reader.callers.of(helper):
        value = given(param, helper, call) if param is not None else None
        if value is not None and module_of(scope).context in _LIVING:
            yield from _started(reader, value, scope, Run(call, scope, None, (*run.by, helper)), depth + 1)


def repetitions(reader: Reader, found: tuple[Run, ...], ways: tuple[dict[int, Path], ...]) -> Iterator[Repetition]:
    """The runs that one process certainly makes more than once. `ways` lead to what runs again and again."""
    together: dict[int, list[Run]] = {}
    for run in found:
        function = run.scope if isinstance(run.scope, Function) else None
        path = next((way[id(function)] for way in ways if id(function) in way), None)
        if path is not None and _is_plain(path):
            yield Repetition((run,), path, path.entry.what)
        elif _is_looped(run):
            yield Repetition((run,), None, "loop")
        elif _is_certain(reader, run):
            together.setdefault(id(run.scope), []).append(run)
    for several in together.values():
        if len({id(run.fact) for run in several}) > 1:
            yield Repetition(tuple(several), None, "several")


def _is_plain(path: Path) -> bool:
    """Whether no event loop runs on the way: inside one, `asyncio.run` raises, and helpers do something else."""
    on_the_way = (path.entry.function, *(step.function for step in path.steps))
    return not any(function.node.asynchronous for function in on_the_way)


def _is_looped(run: Run) -> bool:
    """Whether it stands in the body of a loop that goes round more than once, as far as can be seen."""
    body = run.scope.node.body if not isinstance(run.scope, Module) else _top_level(run.scope)
    for statement in walking.statements(body):
        if isinstance(statement, (facts.For, facts.While)) and any(
            f is run.fact for f in walking.within(statement.body)
        ):
            return not any(isinstance(s, (facts.Return, facts.Jump)) for s in walking.statements(statement.body))
    return False


def _top_level(module: Module) -> tuple[facts.Stmt, ...]:
    return tuple(statement for piece in module.pieces.values() for statement in piece.body)


def _is_certain(reader: Reader, run: Run) -> bool:
    """Whether it runs whenever what it stands in does."""
    if isinstance(run.scope, Function):
        return id(run.fact) in always(reader.evaluator, run.scope)
    if not isinstance(run.scope, Module):
        return False
    for statement in _top_level(run.scope):
        body = statement.body if isinstance(statement, facts.If) and "__name__" in walking.names(statement.test) else ()
        for inner in (statement, *body):
            simple = isinstance(inner, (facts.Evaluate, facts.Assign))
            if simple and any(fact is run.fact for fact in walking.within([inner])):
                return True
    return False
