"""Who calls whom? For each function, the functions of the project that it runs, and where it does so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.depending import depended
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.callgraph.making import Edge, constructed_classes, makers
from dbpool_lint.facts.callgraph.passing import is_stub, passed, subclasses
from dbpool_lint.facts.callgraph.running import handed_on, put_off
from dbpool_lint.facts.evaluation.classes import bases_of, decorated, lookup, outside_bases
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    External,
    Instance,
    Kinded,
    Object,
    Routine,
    Type,
    Value,
    Values,
)
from dbpool_lint.facts.project import Class, Function, Scope
from dbpool_lint.knowledge.handlers import handler_methods

__all__ = ["Edge", "called_outside", "constructed_classes", "edges", "makers", "wrappers"]

_PROPERTIES = ("property", "cached_property", "reify", "hybrid_property", "computed_field", "memoized_property")
_ENTERING = ("enter_context", "enter_async_context")


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
    later: set[int] = set()
    for fact in function.body:
        if isinstance(fact, facts.Call):
            later |= put_off(evaluator, fact, function)
            for edge in _of_call(evaluator, fact, function):
                there = edge.how == "call" and id(fact) in later
                yield Edge(edge.callee, edge.fact, "hands on", edge.certain) if there else edge
        else:
            yield from _of_fact(evaluator, fact, function)
    yield from depended(evaluator, function)
    for decorator in function.node.decorators:
        yield from _wrapper(evaluator, decorator, function)


def _of_fact(evaluator: Evaluator, fact: walking.Fact, scope: Function) -> Iterator[Edge]:
    if isinstance(fact, facts.Attr):
        for value in evaluator.values(fact.base, scope):
            if isinstance(value, Instance):
                yield from _property(evaluator, value, fact)
    elif isinstance(fact, facts.With):
        wanted = ("__aenter__", "__aexit__") if fact.asynchronous else ("__enter__", "__exit__")
        for item in fact.items:
            yield from _protocol(evaluator, item.value, item, scope, wanted)
    elif isinstance(fact, (facts.For, facts.Clause)):
        wanted = ("__aiter__", "__anext__") if fact.asynchronous else ("__iter__", "__next__")
        yield from _protocol(evaluator, fact.source, fact.source, scope, wanted)


def _protocol(
    evaluator: Evaluator, source: facts.Expr, fact: walking.Fact, scope: Function, names: tuple[str, ...]
) -> Iterator[Edge]:
    """What `with` and `for` run of an object of the project."""
    for value in evaluator.values(source, scope):
        for name in names if isinstance(value, Instance) else ():
            method = lookup(evaluator, value.cls, name) if isinstance(value, Instance) else None
            if method is not None:
                yield Edge(method, fact, "call")


def _of_call(evaluator: Evaluator, fact: facts.Call, scope: Function) -> Iterator[Edge]:
    values = evaluator.values(fact.func, scope)
    for value in values:
        yield from _of_value(evaluator, value, fact, len(values) == 1)
    if isinstance(fact.func, facts.Attr):
        yield from _of_method(evaluator, fact, fact.func, scope, values)
    elif isinstance(fact.func, facts.Name) and values == (UNKNOWN,):
        for function in functions_in(evaluator, fact.func, scope):
            yield Edge(function, fact, "call", certain=False)
    yield from handed_on(evaluator, fact, scope, values)


def _of_value(evaluator: Evaluator, value: Value, fact: facts.Call, certain: bool) -> Iterator[Edge]:
    if isinstance(value, Routine):
        yield Edge(value.function, fact, "call", certain)
        for other in _dispatched(evaluator, value.function):
            yield Edge(other, fact, "call", certain=False)
    elif isinstance(value, Type):
        for made in makers(evaluator, value.cls):
            yield Edge(made, fact, "construct", certain)
    elif isinstance(value, Instance):
        called = lookup(evaluator, value.cls, "__call__")
        if called is not None:
            yield Edge(called, fact, "call", certain)


def _of_method(
    evaluator: Evaluator, fact: facts.Call, func: facts.Attr, scope: Function, values: Values
) -> Iterator[Edge]:
    """What a method call runs that the plain value of its name does not tell."""
    bases = evaluator.values(func.base, scope)
    if isinstance(func.base, facts.Call) and walking.is_name(func.base.func, "super"):
        method = _above(evaluator, scope, func.name)
        if method is not None:
            yield Edge(method, fact, "call")
    for value in bases:
        if isinstance(value, Instance):
            for method in _implementations(evaluator, value.cls, func.name):
                yield Edge(method, fact, "call", certain=False)
    if func.name in _ENTERING and fact.args:
        wanted = ("__enter__", "__exit__") if func.name == "enter_context" else ("__aenter__", "__aexit__")
        yield from _protocol(evaluator, fact.args[0], fact, scope, wanted)
    if values == (UNKNOWN,):
        yield from _by_callers(evaluator, fact, func, scope, bases)


def _above(evaluator: Evaluator, scope: Function, name: str) -> Function | None:
    """The method that `super().name()` runs."""
    owner = scope.owner
    above = bases_of(evaluator, owner)[1:] if owner is not None else ()
    return next((cls.methods[name] for cls in above if name in cls.methods), None)


def _implementations(evaluator: Evaluator, cls: Class, name: str) -> tuple[Function, ...]:
    """The methods of subclasses, where the class itself leaves a method to them and it is certain which one runs."""
    method = lookup(evaluator, cls, name)
    if method is not None and not is_stub(method):
        return ()
    found = {sub.methods[name]: None for sub in subclasses(evaluator, cls) if name in sub.methods}
    concrete = tuple(function for function in found if not is_stub(function))
    return concrete if len(concrete) == 1 or _is_handler(evaluator, cls) else ()


def _is_handler(evaluator: Evaluator, cls: Class) -> bool:
    """Whether a framework calls the objects of every subclass: views, tasks, servicers."""
    return any(handler_methods(base) is not None for base in outside_bases(evaluator, cls))


def _by_callers(
    evaluator: Evaluator, fact: facts.Call, func: facts.Attr, scope: Function, bases: Values
) -> Iterator[Edge]:
    """Methods of a parameter, or of what the constructor was given, when all callers agree on what that is."""
    known = passed(evaluator, func.base, scope) if bases == (UNKNOWN,) else ()
    if len(known) == 1:
        for value in evaluator.attribute(known[0], func.name, scope):
            yield from _of_value(evaluator, value, fact, False)
        if isinstance(known[0], Instance):
            for method in _implementations(evaluator, known[0].cls, func.name):
                yield Edge(method, fact, "call", certain=False)
    elif any(isinstance(value, Instance) for value in bases):
        found = passed(evaluator, func, scope)
        for value in found if len(found) == 1 else ():
            yield from _of_value(evaluator, value, fact, False)


def _dispatched(evaluator: Evaluator, function: Function) -> tuple[Function, ...]:
    """The functions that `@function.register` adds to one of `functools.singledispatch`."""
    if not function.has_decorator("singledispatch", "singledispatchmethod"):
        return ()
    memory = evaluator.project.memory
    key = ("dispatched", id(function))
    if key not in memory:
        memory[key] = tuple(_registered(evaluator, function))
    return cast("tuple[Function, ...]", memory[key])


def _registered(evaluator: Evaluator, function: Function) -> Iterator[Function]:
    for other in evaluator.project.functions():
        for decorator in other.node.decorators:
            func = decorator.func if isinstance(decorator, facts.Call) else decorator
            if isinstance(func, facts.Attr) and func.name == "register":
                outside: Scope = other.owner or other.parent or other.module
                if Routine(function) in evaluator.values(func.base, outside):
                    yield other


def _property(evaluator: Evaluator, value: Instance, fact: facts.Attr) -> Iterator[Edge]:
    method = lookup(evaluator, value.cls, fact.name)
    if method is not None and decorated(evaluator, method, *_PROPERTIES):
        yield Edge(method, fact, "property")


def _wrapper(evaluator: Evaluator, decorator: facts.Expr, function: Function) -> Iterator[Edge]:
    """Calling a decorated function runs the wrapper that the project's own decorator returns."""
    outside: Scope = function.owner or function.parent or function.module
    func = decorator.func if isinstance(decorator, facts.Call) else decorator
    for value in evaluator.values(func, outside):
        for wrapper in _of_decorator(evaluator, value, isinstance(decorator, facts.Call)):
            yield Edge(wrapper, decorator, "decorated")


def _of_decorator(evaluator: Evaluator, value: Value, called: bool) -> Iterator[Function]:
    if isinstance(value, Routine):
        yield from wrappers(evaluator, value.function)
    elif isinstance(value, (Type, Instance)):
        method = lookup(evaluator, value.cls, "__call__")
        if method is None:
            return
        if isinstance(value, Type) and not called:
            yield method  # the object takes the function's place
        else:
            yield from wrappers(evaluator, method)


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
