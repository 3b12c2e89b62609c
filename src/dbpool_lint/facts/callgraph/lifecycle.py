"""When does an application start and end? Lifespans and hooks, and what of the project belongs to their process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import edges
from dbpool_lint.facts.callgraph.entries import is_app
from dbpool_lint.facts.configuration.arguments import all_calls
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.values import UNKNOWN, External, Generated, Object, Routine
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.project import Class, Function, Module, Project, Scope, module_of
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge.lifecycles import (
    EVENT_METHODS,
    EVENTS,
    HOOK_DECORATORS,
    HOOK_KEYWORDS,
    HOOK_LISTS,
    LIFESPAN_KEYWORDS,
    LISTING,
    LIVING_APPS,
    STACKING,
    STACKS,
    WORKER_ENDS,
)

_ENDING = frozenset(
    {"close", "aclose", "stop", "shutdown", "disconnect", "cancel", "dispose", "terminate", "cleanup", "wait_closed"}
)


@dataclass(eq=False, frozen=True, slots=True)
class Hook:
    """A point in the life of an application: `what` is "lifespan", "startup", "shutdown" or "exit stack".

    `function` runs then, if it can be seen; `fact` in `scope` is where it is given to the application.
    """

    what: str
    function: Function | None
    fact: walking.Fact
    scope: Scope

    @property
    def module(self) -> Module:
        return module_of(self.scope)

    @property
    def spot(self) -> Spot:
        if self.function is not None and self.function.module is self.module:
            return Spot(self.function.statement, self.function.node.at)
        return Spot(statement_of(self.fact, self.scope), self.fact.at)  # type: ignore[attr-defined]


def hooks(evaluator: Evaluator) -> tuple[Hook, ...]:
    """The hooks of all applications; tests, migrations, scripts and examples have none."""
    memory = evaluator.project.memory
    if "hooks" not in memory:
        memory["hooks"] = tuple(h for h in _hooks(evaluator) if h.module.context is facts.Context.APPLICATION)
    found = memory["hooks"]
    assert isinstance(found, tuple)
    return found


def _hooks(evaluator: Evaluator) -> Iterator[Hook]:
    for call, scope in all_calls(evaluator):
        yield from _called(evaluator, call, scope)
    for function in evaluator.project.functions():
        yield from _decorated(evaluator, function)
        yield from _assigned(evaluator, function.body, function)
        yield from _stacks(evaluator, function)
    for module in evaluator.project.modules.values():
        for piece in module.pieces.values():
            yield from _assigned(evaluator, walking.within(piece.body), module)
        for cls in module.all_classes:
            yield from _settings(evaluator, cls)


def _called(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Iterator[Hook]:
    chain = walking.chain(call.func)
    if _makes_app(evaluator, call, scope):
        for keyword in call.keywords:
            if keyword.name in LIFESPAN_KEYWORDS and walking.literal(keyword.value) is not None:
                yield from _given(evaluator, "lifespan", keyword.value, call, scope)
            elif keyword.name in HOOK_KEYWORDS:
                yield from _given(evaluator, HOOK_KEYWORDS[keyword.name], keyword.value, call, scope)
    if not isinstance(call.func, facts.Attr) or not call.args:
        return
    if call.func.name in EVENT_METHODS and _is_living(evaluator, call.func.base, scope):
        event = next((EVENTS[v] for a in call.args if (v := _text(a)) in EVENTS), None)
        handler = next((a for a in call.args if _text(a) not in EVENTS), None)
        if event and handler is not None:
            yield from _given(evaluator, event, handler, call, scope)
    elif chain and len(chain) > 2 and call.func.name in LISTING and chain[-2] in HOOK_LISTS:
        yield from _given(evaluator, HOOK_LISTS[chain[-2]], call.args[-1], call, scope)


def _text(fact: facts.Expr) -> str:
    """The text of a literal, or the last part of a constant's name in small letters: `ServerEvent.SHUTDOWN`."""
    value = walking.literal(fact)
    return value if isinstance(value, str) else ""


def _makes_app(evaluator: Evaluator, call: facts.Call, scope: Scope) -> bool:
    if not any(k.name in LIFESPAN_KEYWORDS or k.name in HOOK_KEYWORDS for k in call.keywords):
        return False
    for value in evaluator.values(call, scope):
        if is_app(evaluator, value) or (isinstance(value, Object) and value.of.rpartition(".")[2] in LIVING_APPS):
            return True
    return any(k.name in LIFESPAN_KEYWORDS for k in call.keywords)


def _is_living(evaluator: Evaluator, base: facts.Expr, scope: Scope) -> bool:
    """Whether something may be an application: what is known to be something else is none."""
    values = evaluator.values(base, scope)
    return any(is_app(evaluator, v) or v is UNKNOWN or isinstance(v, Object) for v in values)


def _given(evaluator: Evaluator, what: str, given: facts.Expr, fact: facts.Call, scope: Scope) -> Iterator[Hook]:
    """A hook for each function that is given, alone, in a list, made by a helper, or with arguments filled in."""
    parts = given.items if isinstance(given, facts.Sequence) else (given,)
    for part in parts:
        functions = list(_functions(evaluator, part, scope))
        for function in functions:
            yield Hook(what, function, fact, scope)
        if not functions:
            yield Hook(what, None, fact, scope)


def _functions(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Iterator[Function]:
    for value in evaluator.values(fact, scope):
        if isinstance(value, (Routine, Generated)):
            yield value.function
            if isinstance(fact, facts.Call):
                continue
    if isinstance(fact, facts.Call):
        for value in evaluator.values(fact.func, scope):
            if isinstance(value, Routine):
                for result in returned(value.function):
                    inner = evaluator.values(result, value.function)
                    yield from (v.function for v in inner if isinstance(v, Routine))


def _decorated(evaluator: Evaluator, function: Function) -> Iterator[Hook]:
    outside: Scope = function.owner or function.parent or function.module
    for decorator in function.node.decorators:
        func = decorator.func if isinstance(decorator, facts.Call) else decorator
        if not isinstance(func, facts.Attr):
            continue
        if func.name == "connect" and _is_worker_end(evaluator, func.base, outside):
            yield Hook("shutdown", function, function.node, outside)
        if not _is_living(evaluator, func.base, outside):
            continue
        what = HOOK_DECORATORS.get(func.name, "")
        if func.name in EVENT_METHODS and isinstance(decorator, facts.Call):
            what = next((EVENTS[_text(a)] for a in decorator.args if _text(a) in EVENTS), "")
        if what:
            yield Hook(what, function, function.node, outside)


def _is_worker_end(evaluator: Evaluator, signal: facts.Expr, scope: Scope) -> bool:
    values = evaluator.values(signal, scope)
    return any(isinstance(v, External) and v.name in WORKER_ENDS for v in values)


def _assigned(
    evaluator: Evaluator, body: Iterator[walking.Fact] | tuple[walking.Fact, ...], scope: Scope
) -> Iterator[Hook]:
    """`app.router.lifespan_context = lifespan`"""
    for fact in body:
        if isinstance(fact, facts.Assign):
            for target in fact.targets:
                if isinstance(target, facts.Attr) and target.name == "lifespan_context":
                    for function in _functions(evaluator, fact.value, scope):
                        yield Hook("lifespan", function, fact, scope)


def _settings(evaluator: Evaluator, cls: Class) -> Iterator[Hook]:
    """`class WorkerSettings: on_startup = …` of arq."""
    if not cls.node.name.endswith(("Settings", "Config", "Worker")):
        return
    for name in sorted(cls.attributes):
        if name in HOOK_KEYWORDS:
            for bound in cls.attributes[name]:
                if bound.value is not None:
                    for function in _functions(evaluator, bound.value, cls):
                        yield Hook(HOOK_KEYWORDS[name], function, cls.node, cls)


def _stacks(evaluator: Evaluator, function: Function) -> Iterator[Hook]:
    """`async with AsyncExitStack() as stack:` where other things are entered or their end is put off."""
    for fact in function.body:
        for item in fact.items if isinstance(fact, facts.With) else ():
            values = evaluator.values(item.value, function)
            if any(isinstance(v, Object) and v.of in STACKS for v in values) and isinstance(item.target, facts.Name):
                name = item.target.id
                used = (f for f in walking.within([fact]) if isinstance(f, facts.Attr) and f.name in STACKING)
                if any(walking.is_name(f.base, name) for f in used):
                    yield Hook("exit stack", function, fact, function)


def reached(evaluator: Evaluator, function: Function, deepest: int) -> dict[int, Function]:
    """The functions, by identity, that a function runs within some steps, itself included."""
    memory = evaluator.project.memory
    key = ("reached", id(function), deepest)
    if key not in memory:
        found: dict[int, Function] = {}
        queue = deque([(function, 0)])
        while queue:
            current, depth = queue.popleft()
            if id(current) not in found and depth <= deepest:
                found[id(current)] = current
                queue.extend((e.callee, depth + 1) for e in edges(evaluator, current) if e.how != "depends")
        memory[key] = found
    return cast("dict[int, Function]", memory[key])


def sets_up(evaluator: Evaluator, function: Function, hook: Hook) -> bool:
    """Whether a function is, or calls, the one that gives the hook to its application."""
    return isinstance(hook.scope, Function) and id(hook.scope) in reached(evaluator, function, 3)


def ends_others(hook: Hook) -> bool:
    """Whether a hook's own code closes or stops anything at the end."""
    if hook.function is None or hook.what == "startup":
        return False
    calls = (fact for fact in walking.everything(hook.function.node.body) if isinstance(fact, facts.Attr))
    return any(fact.name in _ENDING for fact in calls)


def imported_by(project: Project, module: str) -> frozenset[str]:
    """The files that a file imports, directly or through others, itself included."""
    memory = project.memory
    key = ("imported by", module)
    if key not in memory:
        found = {module}
        queue = [module]
        while queue:
            for name in _imports(project, queue.pop()):
                if name not in found:
                    found.add(name)
                    queue.append(name)
        memory[key] = frozenset(found)
    known = memory[key]
    assert isinstance(known, frozenset)
    return known


def _imports(project: Project, module: str) -> Iterator[str]:
    names = project.names
    if module not in names.outlines:
        return
    outline = names.outlines[module]
    for statement in outline.statements:
        for binding in (*statement.imports, *statement.inner):
            absolute = names.absolute(binding, module)
            dotted = f"{absolute}/{binding.name}" if absolute.startswith("/") else f"{absolute}.{binding.name}"
            for wanted in (absolute, dotted if binding.name else ""):
                file = names.module_file(wanted, module) if wanted else None
                if file is not None:
                    yield file
    for star, level in outline.stars:
        folder = "/".join(module.split("/")[:-level]) if level else ""
        file = names.module_file(f"/{folder}/{star.replace('.', '/')}" if level else star, module)
        if file is not None:
            yield file
