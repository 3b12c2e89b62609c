"""Where is a lease found? By a name and the attributes behind it, followed to where both were written."""

from __future__ import annotations

from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.passing import passed
from dbpool_lint.facts.evaluation.classes import bases_of, lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.handing import given
from dbpool_lint.facts.evaluation.values import UNKNOWN, Instance, Kinded, Object, Routine, Type, Values
from dbpool_lint.facts.project import Class, Function, Module, Scope
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.tasks import SHARED_KINDS
from dbpool_lint.sources.names import Defined

_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is a name and attributes behind it; `owner` the function whose local it is, or the module of a global."""

    owner: Function | Module
    path: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.path)


def lease_kind(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Kind | None:
    """The kind of lease that an expression certainly is."""
    values = evaluator.values(fact, scope)
    return kind_of(passed(evaluator, fact, scope) if values == (UNKNOWN,) else values)


def kind_of(values: Values) -> Kind | None:
    found = [value for value in values if isinstance(value, Kinded) and value.kind in SHARED_KINDS]
    return found[0].kind if found and len(found) == len(values) else None


def is_something_else(values: Values) -> bool:
    """Whether an expression is known, and no lease: a client's session, a factory, a pool."""
    return any(
        isinstance(v, (Object, Instance, Routine, Type)) or (isinstance(v, Kinded) and v.kind not in SHARED_KINDS)
        for v in values
    )


def place_of(
    evaluator: Evaluator, fact: facts.Expr, scope: Scope, rest: tuple[str, ...] = (), depth: int = 0
) -> Place | None:
    """Where `fact.rest` is found; None for what is made on the spot and for what cannot be followed."""
    if depth > _DEEPEST:
        return None
    if isinstance(fact, (facts.Await, facts.Walrus)):
        return place_of(evaluator, fact.value, scope, rest, depth)
    if isinstance(fact, facts.Attr):
        inner = place_of(evaluator, fact.base, scope, (fact.name, *rest), depth)
        return inner or _of_class(evaluator, fact, scope, rest)
    if isinstance(fact, facts.Call):
        return _of_made(evaluator, fact, scope, rest, depth)
    return _of_name(evaluator, fact, scope, rest, depth) if isinstance(fact, facts.Name) else None


def _of_class(evaluator: Evaluator, fact: facts.Attr, scope: Scope, rest: tuple[str, ...]) -> Place | None:
    """`module.session`, `Class.session`"""
    module = scope if isinstance(scope, Module) else scope.module
    chain = walking.chain(fact)
    for meaning, left in evaluator.project.names.mention(module.name, ".".join(chain)) if chain else ():
        if isinstance(meaning, Defined) and (owner := evaluator.project.modules.get(meaning.module)) is not None:
            return Place(owner, (meaning.name, *(left.split(".") if left else ()), *rest))
    return None


def _of_name(evaluator: Evaluator, fact: facts.Name, scope: Scope, rest: tuple[str, ...], depth: int) -> Place | None:
    if isinstance(scope, Function) and fact.id not in scope.global_names:
        if scope.param(fact.id) is not None or fact.id in scope.bound:
            return _of_local(evaluator, fact, scope, rest, depth)
        if fact.id not in scope.nested and fact.id not in scope.imports and scope.parent is not None:
            return _of_name(evaluator, fact, scope.parent, rest, depth)
    module = scope if isinstance(scope, Module) else scope.module
    meaning = evaluator.project.names.of(module.name, fact.id)
    if isinstance(scope, Function) and fact.id in scope.imports:
        meaning = evaluator.project.names.binding(scope.imports[fact.id], module.name)
    if not isinstance(meaning, Defined) or (owner := evaluator.project.modules.get(meaning.module)) is None:
        return None
    if meaning.name in owner.classes or meaning.name in owner.functions:
        return Place(owner, (meaning.name, *rest)) if rest and meaning.name in owner.classes else None
    return Place(owner, (meaning.name, *rest))


def _of_local(
    evaluator: Evaluator, fact: facts.Name, scope: Function, rest: tuple[str, ...], depth: int
) -> Place | None:
    only = only_value(scope, fact.id)
    if only is not None and isinstance(only, (facts.Name, facts.Attr, facts.Await)):
        followed = place_of(evaluator, only, scope, rest, depth + 1)
        if followed is not None:
            return followed
    if only is not None and rest and isinstance(only, facts.Call) and makes_object(evaluator, only, scope):
        return _of_made(evaluator, only, scope, rest, depth + 1)
    return Place(scope, (fact.id, *rest))


def only_value(function: Function, name: str) -> facts.Expr | None:
    """The one value that a local name ever gets."""
    bounds = function.bound.get(name, [])
    only = bounds[0] if len(bounds) == 1 and function.param(name) is None else None
    return only.value if only is not None and only.how == "value" else None


def makes_object(evaluator: Evaluator, call: facts.Call, scope: Scope) -> bool:
    return any(isinstance(value, Type) for value in evaluator.values(call.func, scope))


def _of_made(evaluator: Evaluator, call: facts.Call, scope: Scope, rest: tuple[str, ...], depth: int) -> Place | None:
    """`Repository(session).session` is what the constructor was given."""
    if not rest:
        return None
    for value in evaluator.values(call.func, scope):
        stored = _stored(evaluator, value.cls, rest[0]) if isinstance(value, Type) else None
        if stored is None:
            continue
        maker, kept = stored
        inside = place_of(evaluator, kept, maker, rest[1:], depth + 1)
        if inside is not None and inside.owner is maker:
            return handed(evaluator, inside, maker, call, scope, depth + 1)
        return inside
    return None


def _stored(evaluator: Evaluator, cls: Class, name: str) -> tuple[Function, facts.Expr] | None:
    """The one value that objects of a class keep under a name, with the method that stores it."""
    for owner in bases_of(evaluator, cls):
        found = owner.stored.get(name, [])
        if found:
            return found[0] if len(found) == 1 else None
    return None


def handed(
    evaluator: Evaluator, place: Place, callee: Function, call: facts.Call, scope: Scope, depth: int = 0
) -> Place | None:
    """A place in terms of a function's parameters, in terms of who calls it so."""
    if place.owner is not callee:
        return place
    root, rest = place.path[0], place.path[1:]
    param = callee.param(root)
    if param is None:
        return None
    if callee.is_method and param is callee.node.params[0]:
        return _of_receiver(evaluator, callee, call, scope, rest, depth)
    argument = given(param, callee, call)
    return place_of(evaluator, argument, scope, rest, depth) if argument is not None else None


def _of_receiver(
    evaluator: Evaluator, callee: Function, call: facts.Call, scope: Scope, rest: tuple[str, ...], depth: int
) -> Place | None:
    if callee.node.name in ("__init__", "__post_init__", "__new__"):
        return _of_made(evaluator, call, scope, rest, depth)
    if not isinstance(call.func, facts.Attr):
        return place_of(evaluator, call.func, scope, rest, depth)
    base = call.func.base
    if isinstance(base, facts.Call) and walking.is_name(base.func, "super") and isinstance(scope, Function):
        return Place(scope, (scope.node.params[0].name, *rest)) if scope.node.params else None
    return place_of(evaluator, base, scope, rest, depth)


def canonical(evaluator: Evaluator, place: Place) -> Place:
    """The same lease under one name: `self.users.session` and `self.session` that a constructor was given alike."""
    owner, path = place.owner, place.path
    cls = owner.owner if isinstance(owner, Function) and owner.is_method else None
    if cls is None or not isinstance(owner, Function) or len(path) < 2 or path[0] != owner.node.params[0].name:
        return place
    for _ in range(_DEEPEST):
        stored = _stored(evaluator, cls, path[1]) if len(path) > 1 else None
        if stored is None or stored[0].node.name != "__init__":
            break
        inside = place_of(evaluator, stored[1], stored[0], path[2:])
        if inside is None:
            break
        if inside.owner is not stored[0] or inside.path[0] != stored[0].node.params[0].name:
            return inside
        owner, path = stored[0], inside.path
    return Place(lookup(evaluator, cls, "__init__") or owner, path)
