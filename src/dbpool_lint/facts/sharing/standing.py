"""Which sessions and connections are there once for the whole process? Made at import, by a singleton, as a default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.entries import is_app
from dbpool_lint.facts.evaluation.classes import bases_of, lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.stores import stores
from dbpool_lint.facts.evaluation.values import UNKNOWN, External, Generated, Instance, Kinded, Type, Values
from dbpool_lint.facts.pooling.keeping import is_cached
from dbpool_lint.facts.project import Class, Function, Module, Scope, module_of
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge.kinds import Kind

KINDS = frozenset({Kind.SESSION, Kind.ASYNC_SESSION, Kind.CONNECTION, Kind.ASYNC_CONNECTION})
"""SQLAlchemy's: connections of drivers are shared under other rules."""

_MAKING = ("__init__", "__post_init__", "__new__")
_ENTERING = ("__enter__", "__aenter__")


@dataclass(frozen=True, slots=True)
class Standing:
    """A lease that is there once: `fact` in `scope` takes it, and it is found under `name`.

    `how` is "global", "class", "default", "application", "cached", "object" (an object made once keeps it) or
    "entered" (each `with` on an object made once opens it there). `home` is the module or class that has the name;
    `made` is where the object is made, when that is another place.
    """

    fact: facts.Expr
    scope: Scope
    spot: Spot
    kind: Kind
    how: str
    name: str
    home: Module | Class | Function
    made: tuple[Module, Spot] | None = None
    cls: Class | None = None


def standing(evaluator: Evaluator) -> tuple[Standing, ...]:
    """Every such lease of the project's applications; remembered."""
    memory = evaluator.project.memory
    if "standing" not in memory:
        memory["standing"] = tuple(_all(evaluator))
    found = memory["standing"]
    assert isinstance(found, tuple)
    return found


def _all(evaluator: Evaluator) -> Iterator[Standing]:
    for module in evaluator.project.modules.values():
        if module.context is not facts.Context.APPLICATION:
            continue
        yield from _of_module(evaluator, module)
        for function in module.all_functions:
            yield from _of_function(evaluator, function)
        for cls in module.all_classes:
            if cls.parent is None or _leads_to_global(cls):
                yield from _of_class(evaluator, cls)


def _leads_to_global(cls: Class) -> bool:
    return cls.parent is not None and cls.node.name in cls.parent.global_names


def _of_module(evaluator: Evaluator, module: Module) -> Iterator[Standing]:
    guarded = _guarded(module)
    for index, statement in module.body():
        if isinstance(statement, facts.Assign) and id(statement) not in guarded:
            for target in statement.targets:
                if isinstance(target, facts.Name):
                    yield from _kept(evaluator, statement.value, module, index, "global", target.id, module)
                else:
                    yield from _on_application(evaluator, target, statement.value, module, index)


def _guarded(module: Module) -> frozenset[int]:
    """What stands below `if __name__ == "__main__":`, and in functions."""
    found: set[int] = set()
    for _, statement in module.body():
        if isinstance(statement, facts.If) and "__name__" in walking.names(statement.test):
            found.update(id(fact) for fact in walking.within(statement.body))
    return frozenset(found)


def _of_function(evaluator: Evaluator, function: Function) -> Iterator[Standing]:
    for fact in function.body:
        for target in fact.targets if isinstance(fact, facts.Assign) else ():
            assert isinstance(fact, facts.Assign)
            yield from _assigned(evaluator, function, target, fact.value)
    outside: Scope = function.owner or function.parent or function.module
    for param in function.node.params:
        if isinstance(param.default, facts.Call):
            yield from _kept(evaluator, param.default, outside, function.statement, "default", param.name, function)
    if not function.node.params and is_cached(evaluator, function):
        for value in returned(function):
            yield from _kept(evaluator, value, function, function.statement, "cached", function.node.name, function)


def _assigned(evaluator: Evaluator, function: Function, target: facts.Expr, value: facts.Expr) -> Iterator[Standing]:
    if isinstance(target, facts.Name) and target.id in function.global_names:
        yield from _kept(evaluator, value, function, function.statement, "global", target.id, function.module)
    elif isinstance(target, facts.Attr):
        for owner in evaluator.values(target.base, function):
            if isinstance(owner, Type):
                yield from _kept(evaluator, value, function, function.statement, "class", target.name, owner.cls)
                return
        yield from _on_application(evaluator, target, value, function, function.statement)
    elif isinstance(target, facts.Item):
        yield from _on_application(evaluator, target, value, function, function.statement)


def _of_class(evaluator: Evaluator, cls: Class) -> Iterator[Standing]:
    for statement in walking.statements(cls.node.body):
        if isinstance(statement, facts.Assign):
            for target in statement.targets:
                if isinstance(target, facts.Name):
                    yield from _kept(evaluator, statement.value, cls, cls.statement, "class", target.id, cls)


def _on_application(
    evaluator: Evaluator, target: facts.Expr, value: facts.Expr, scope: Scope, statement: int
) -> Iterator[Standing]:
    """`app.state.session = Session()`, `app["session"] = Session()`"""
    base = target.base if isinstance(target, (facts.Attr, facts.Item)) else None
    if isinstance(base, facts.Attr) and base.name in ("state", "ctx", "extensions"):
        base = base.base
    if base is None or not any(is_app(evaluator, v) for v in evaluator.values(base, scope)):
        return
    name = target.name if isinstance(target, facts.Attr) else _key(target)
    if name:
        yield from _kept(evaluator, value, scope, statement, "application", name, module_of(scope))


def _key(target: facts.Expr) -> str:
    value = walking.literal(target.index) if isinstance(target, facts.Item) else None
    return value if isinstance(value, str) else ""


def _kept(
    evaluator: Evaluator,
    value: facts.Expr,
    scope: Scope,
    statement: int,
    how: str,
    name: str,
    home: Module | Class | Function,
) -> Iterator[Standing]:
    """A lease that a name keeps for good, by itself, in a dict, or in an object of the project."""
    while isinstance(value, facts.Await):
        value = value.value
    if isinstance(value, facts.Mapping):
        for pair in value.items:
            yield from _kept(evaluator, pair.value, scope, statement, how, name, home)
        return
    spot = Spot(statement, value.at)
    kind = taken(evaluator, value, scope)
    if kind is not None:
        fact = _origin(value, scope) if how == "global" else None
        yield Standing(fact or value, scope, Spot(statement, (fact or value).at), kind, how, name, home)
        return
    for cls in _objects(evaluator, value, scope):
        for method, kept in _leases_of(evaluator, cls):
            found = taken(evaluator, kept, method)
            if found is None:
                continue
            if method.node.name in _ENTERING or how == "default":
                yield Standing(value, scope, spot, found, "entered" if how != "default" else how, name, home, None, cls)
            else:
                at = method.spot(kept)
                yield Standing(kept, method, at, found, "object", name, home, (module_of(scope), spot), cls)
            return


def _origin(value: facts.Expr, scope: Scope) -> facts.Expr | None:
    """`session = factory()` followed by `_session = session`: where it is taken."""
    if isinstance(value, facts.Name) and isinstance(scope, Function):
        calls = [b.value for b in scope.bound.get(value.id, ()) if isinstance(b.value, facts.Call)]
        return calls[0] if len(calls) == 1 else None
    return None


def _objects(evaluator: Evaluator, value: facts.Expr, scope: Scope) -> Iterator[Class]:
    if isinstance(value, facts.Call):
        values = evaluator.values(value, scope)
        if len(values) == 1 and isinstance(values[0], Instance):
            yield values[0].cls


def _leases_of(evaluator: Evaluator, cls: Class) -> Iterator[tuple[Function, facts.Expr]]:
    """What objects of a class keep from the time that they are made, or entered, on."""
    enter = next((lookup(evaluator, cls, name) for name in _ENTERING if lookup(evaluator, cls, name)), None)
    for owner in bases_of(evaluator, cls):
        for kept in owner.stored.values():
            for method, value in kept:
                name = method.node.name
                made = name in _MAKING and lookup(evaluator, cls, name) is method
                if made or method is enter:
                    yield method, value


def taken(evaluator: Evaluator, value: facts.Expr, scope: Scope) -> Kind | None:
    """The kind of session or connection that an expression takes for certain, for its name alone."""
    values = evaluator.values(value, scope)
    if isinstance(value, facts.Call):
        values = _called(evaluator, value, scope, values)
    elif isinstance(value, facts.Attr) and values == (UNKNOWN,):
        values = _stored_as(evaluator, value.name)
    found = [v for v in values if isinstance(v, Kinded) and v.fresh and v.kind in KINDS]
    return found[0].kind if found and len(found) == len(values) else None


def _called(evaluator: Evaluator, call: facts.Call, scope: Scope, values: Values) -> Values:
    """`Registry()` gives the thread's session, which a name then keeps for all; `next(get_db())` what it yields."""
    func = evaluator.values(call.func, scope)
    if any(isinstance(v, Kinded) and v.kind is Kind.SCOPED for v in func):
        return (Kinded(Kind.SESSION, fresh=True),)
    names = {v.name for v in func if isinstance(v, External)}
    if names & {"builtins.next", "builtins.anext"} and call.args:
        made = evaluator.values(call.args[0], scope)
        yielded = [v for one in made if isinstance(one, Generated) for v in evaluator.yielded(one.function)]
        return tuple(Kinded(v.kind, fresh=True) if isinstance(v, Kinded) else v for v in yielded)
    return values


def _stored_as(evaluator: Evaluator, name: str) -> Values:
    """What an attribute of something unknown is, when the project only ever puts new leases under that name."""
    places = stores(evaluator).kept.get(name, [])
    found = [evaluator.values(value, scope) for value, scope in places]
    return tuple(v for values in found for v in values)
