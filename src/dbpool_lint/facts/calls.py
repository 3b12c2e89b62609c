"""Who calls whom? For each function, the functions of the project that it runs, and where it does so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.classes import bases_of, decorated, lookup
from dbpool_lint.facts.evaluate import Evaluator, returned
from dbpool_lint.facts.project import Class, Function, Scope
from dbpool_lint.facts.values import External, Instance, Kinded, Object, Routine, Type, Value
from dbpool_lint.knowledge import frameworks


@dataclass(frozen=True, slots=True)
class Edge:
    """`caller` runs `callee` at `fact`; `how` is "call", "construct", "depends", "property", "decorated" or "hands on".

    Only "call", "construct" and "property" run the callee there and then. `certain`: it can be no other function.
    """

    callee: Function
    fact: walking.Fact
    how: str
    certain: bool = True


def edges(evaluator: Evaluator, function: Function) -> tuple[Edge, ...]:
    """Everything of the project that a function runs; remembered."""
    key = ("edges", id(function))
    memory = evaluator.project.memory
    if key not in memory:
        memory[key] = tuple(_edges(evaluator, function))
    found = memory[key]
    assert isinstance(found, tuple)
    return found


def _edges(evaluator: Evaluator, function: Function) -> Iterator[Edge]:
    for fact in function.body:
        yield from _of_fact(evaluator, fact, function)
    yield from depended(evaluator, function)
    for decorator in function.node.decorators:
        yield from _wrapper(evaluator, decorator, function)


def _of_fact(evaluator: Evaluator, fact: walking.Fact, scope: Function) -> Iterator[Edge]:
    if isinstance(fact, facts.Call):
        values = evaluator.values(fact.func, scope)
        for value in values:
            yield from _of_value(evaluator, value, fact, len(values) == 1)
        yield from _handed_on(evaluator, fact, scope)
    elif isinstance(fact, facts.Attr):
        for value in evaluator.values(fact.base, scope):
            if isinstance(value, Instance):
                yield from _property(evaluator, value, fact)
    elif isinstance(fact, facts.With):
        for item in fact.items:
            for value in evaluator.values(item.value, scope):
                if isinstance(value, Instance):
                    yield from _entering(evaluator, value, item, "__aenter__" if fact.asynchronous else "__enter__")


def _of_value(evaluator: Evaluator, value: Value, fact: facts.Call, certain: bool) -> Iterator[Edge]:
    if isinstance(value, Routine):
        yield Edge(value.function, fact, "call", certain)
    elif isinstance(value, Type):
        for made in makers(evaluator, value.cls):
            yield Edge(made, fact, "construct", certain)
    elif isinstance(value, Instance):
        called = lookup(evaluator, value.cls, "__call__")
        if called is not None:
            yield Edge(called, fact, "call", certain)


def _handed_on(evaluator: Evaluator, fact: facts.Call, scope: Function) -> Iterator[Edge]:
    """`run_in_threadpool(f, x)` and the like run `f` on the caller's behalf."""
    names = [v.name for v in evaluator.values(fact.func, scope) if isinstance(v, External)]
    positions = [frameworks.THREAD_CALLS[name] for name in names if name in frameworks.THREAD_CALLS]
    if isinstance(fact.func, facts.Attr) and fact.func.name in ("run_in_executor", "run_sync"):
        positions.append(1 if fact.func.name == "run_in_executor" else 0)
    for position in positions:
        if position < len(fact.args):
            for value in evaluator.values(fact.args[position], scope):
                if isinstance(value, Routine):
                    yield Edge(value.function, fact, "hands on")


def _property(evaluator: Evaluator, value: Instance, fact: facts.Attr) -> Iterator[Edge]:
    method = lookup(evaluator, value.cls, fact.name)
    if method is not None and decorated(evaluator, method, "property", "cached_property"):
        yield Edge(method, fact, "property")


def _entering(evaluator: Evaluator, value: Instance, fact: facts.Entered, name: str) -> Iterator[Edge]:
    method = lookup(evaluator, value.cls, name)
    if method is not None:
        yield Edge(method, fact, "call")


def depended(evaluator: Evaluator, function: Function) -> Iterator[Edge]:
    """The functions that a framework runs to fill the parameters of `function`."""
    outside: Scope = function.owner or function.parent or function.module
    for param in function.node.params:
        for fact in (param.default, param.annotation):
            if fact is not None:
                yield from dependencies(evaluator, fact, outside)
        if param.default is not None and param.annotation is not None:
            yield from _by_annotation(evaluator, param.default, param.annotation, outside)
    for decorator in function.node.decorators:
        if isinstance(decorator, facts.Call):
            for keyword in decorator.keywords:
                if keyword.name == "dependencies":
                    yield from dependencies(evaluator, keyword.value, outside)


def _by_annotation(evaluator: Evaluator, default: facts.Expr, annotation: facts.Expr, scope: Scope) -> Iterator[Edge]:
    """`uow: UnitOfWork = Depends()` needs the class that the annotation names."""
    if isinstance(default, facts.Call) and evaluator.dependency(default, scope) == ():
        for value in evaluator.values(annotation, scope):
            yield from _needed(evaluator, value, default)


def dependencies(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> Iterator[Edge]:
    """The `Depends(...)` inside an expression, and inside the alias that an annotation names."""
    found = False
    for inner in walking.within([fact]):
        if isinstance(inner, facts.Call):
            for value in evaluator.dependency(inner, scope) or ():
                found = True
                yield from _needed(evaluator, value, inner)
    if not found and depth < 3 and (target := evaluator.assigned(fact, scope)) is not None and target[0] is not fact:
        for edge in dependencies(evaluator, target[0], target[1], depth + 1):
            yield Edge(edge.callee, fact, edge.how)


def _needed(evaluator: Evaluator, value: Value, fact: facts.Call) -> Iterator[Edge]:
    if isinstance(value, Routine):
        yield Edge(value.function, fact, "depends")
    elif isinstance(value, Type):
        for made in makers(evaluator, value.cls):
            yield Edge(made, fact, "depends")
    elif isinstance(value, Instance):
        called = lookup(evaluator, value.cls, "__call__")
        if called is not None:
            yield Edge(called, fact, "depends")


def _wrapper(evaluator: Evaluator, decorator: facts.Expr, function: Function) -> Iterator[Edge]:
    """Calling a decorated function runs the wrapper that the project's own decorator returns."""
    outside: Scope = function.owner or function.parent or function.module
    func = decorator.func if isinstance(decorator, facts.Call) else decorator
    for value in evaluator.values(func, outside):
        if isinstance(value, Routine):
            for wrapper in wrappers(evaluator, value.function):
                yield Edge(wrapper, decorator, "decorated")


def wrappers(evaluator: Evaluator, decorator: Function, depth: int = 0) -> Iterator[Function]:
    """The nested functions that a decorator returns, through one more level for decorators with arguments."""
    for fact in returned(decorator):
        for value in evaluator.values(fact, decorator):
            if isinstance(value, Routine) and value.function.parent is decorator:
                yield value.function
                if depth == 0:
                    yield from wrappers(evaluator, value.function, 1)


def called_outside(evaluator: Evaluator, fact: facts.Call, scope: Scope) -> frozenset[str]:
    """Dotted names of what a call may run outside the project, methods of outside objects included."""
    names: set[str] = set()
    for value in evaluator.values(fact.func, scope):
        if isinstance(value, External):
            names.add(value.name)
    if isinstance(fact.func, facts.Attr):
        for value in evaluator.values(fact.func.base, scope):
            if isinstance(value, Object):
                names.add(f"{value.of}.{fact.func.name}")
            elif isinstance(value, Kinded):
                names.add(f"{value.kind.value}.{fact.func.name}")
    return frozenset(names)


def _is_single(evaluator: Evaluator, cls: Class) -> bool:
    """Whether a metaclass of the class may hand out the object that is there already."""
    return any(k.name == "metaclass" for owner in bases_of(evaluator, cls) for k in owner.node.keywords)


def makers(evaluator: Evaluator, cls: Class) -> Iterator[Function]:
    """The methods that making an object of a class runs; none for a singleton that is there already."""
    if _is_single(evaluator, cls):
        return
    new = lookup(evaluator, cls, "__new__")
    if new is not None:
        yield new
    for name in ("__init__", "__post_init__"):
        made = lookup(evaluator, cls, name)
        # Python runs `__init__` again on the object that `__new__` has kept, unless it looks before it works
        if made is not None and (new is None or not _looks_first(made)):
            yield made


def _looks_first(function: Function) -> bool:
    own = function.node.params[0].name if function.node.params else ""
    tests = (s.test for s in walking.statements(function.node.body) if isinstance(s, facts.If))
    return any(own in walking.names(test) for test in tests)


def constructed_classes(evaluator: Evaluator, function: Function) -> Iterator[tuple[Class, walking.Fact]]:
    """The classes of the project whose objects a function makes, and where."""
    for fact in function.body:
        if isinstance(fact, facts.Call):
            for value in evaluator.values(fact.func, function):
                if isinstance(value, Type) and not _keeps_one(evaluator, value.cls):
                    yield value.cls, fact


def _keeps_one(evaluator: Evaluator, cls: Class) -> bool:
    return _is_single(evaluator, cls) or lookup(evaluator, cls, "__new__") is not None
