"""What may an attribute of an object or class of the project be? Methods, properties, and what is stored."""

from __future__ import annotations

from dbpool_lint.facts.evaluation import environment
from dbpool_lint.facts.evaluation.classes import bases_of, decorated, lookup
from dbpool_lint.facts.evaluation.values import UNKNOWN, Evaluates, Routine, Values, kept, merged
from dbpool_lint.facts.project import Class, Function, Scope
from dbpool_lint.knowledge.kinds import Kind

_NOTHING: Values = (UNKNOWN,)

ATTRIBUTES: dict[tuple[Kind, str], Kind] = {
    (Kind.ASYNC_ENGINE, "sync_engine"): Kind.ENGINE,
    (Kind.FLASK_SQLALCHEMY, "session"): Kind.SCOPED,
    (Kind.FLASK_SQLALCHEMY, "engine"): Kind.ENGINE,
    (Kind.ASYNC_SESSION, "sync_session"): Kind.SESSION,
    (Kind.ENGINE, "pool"): Kind.POOL,
    (Kind.ASYNC_ENGINE, "pool"): Kind.POOL,
    (Kind.SESSION, "bind"): Kind.ENGINE,
    (Kind.ASYNC_SESSION, "bind"): Kind.ASYNC_ENGINE,
    (Kind.CONNECTION, "engine"): Kind.ENGINE,
    (Kind.ASYNC_CONNECTION, "engine"): Kind.ASYNC_ENGINE,
}
"""What attributes of values that carry connections are."""


def of_super(evaluator: Evaluates, name: str, scope: Scope) -> Values:
    """What `super().name` is in a method: the next base's own."""
    owner = scope.owner if isinstance(scope, Function) else None
    bases = bases_of(evaluator, owner)[1:] if owner is not None else ()
    method = next((base.methods[name] for base in bases if name in base.methods), None)
    return (Routine(method, bound=True),) if method is not None else _NOTHING


def of_instance(evaluator: Evaluates, cls: Class, name: str) -> Values:
    """What `object.name` is."""
    method = lookup(evaluator, cls, name)
    if method is not None:
        if not decorated(evaluator, method, "property", "cached_property", "hybrid_property", "computed_field"):
            return (Routine(method, bound=not method.has_decorator("staticmethod")),)
        result = evaluator.result(method)
        return kept(result) if decorated(evaluator, method, "cached_property") else result
    found: list[Values] = []
    for owner in bases_of(evaluator, cls):
        found.extend(kept(evaluator.values(value, function)) for function, value in owner.stored.get(name, ()))
        if name in owner.attributes:
            found.append(kept(evaluator.bindings(owner.attributes[name], owner)))
    given = environment.of_settings(evaluator, cls, name)
    settled = given or merged(*found)
    certain = tuple(v for v in settled if v is not UNKNOWN)
    return certain or _NOTHING


def of_class(evaluator: Evaluates, cls: Class, name: str) -> Values:
    """What `Class.name` is."""
    method = lookup(evaluator, cls, name)
    if method is not None:
        return (Routine(method, bound=method.has_decorator("classmethod")),)
    for owner in bases_of(evaluator, cls):
        if name in owner.attributes:
            return kept(evaluator.bindings(owner.attributes[name], owner))
    return _NOTHING
