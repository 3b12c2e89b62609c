"""Whose method is called? The asynchronous class of an object, by constructors, annotations and what gives it."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Kinded, Literal, Object, Value
from dbpool_lint.facts.evaluation.variables import owner_of
from dbpool_lint.facts.project import Bound, Class, Function, Scope
from dbpool_lint.knowledge.coroutines import GIVES, OF_KIND, OF_NAME
from dbpool_lint.knowledge.kinds import Kind

_DEEPEST = 8
_OF_BOTH = frozenset({Kind.PSYCOPG_POOL, Kind.PSYCOPG_LEASE})
"""Kinds whose values may be synchronous ones."""


def owner(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> str:
    """The class in the tables that an expression is certainly an object of, or "".

    What a coroutine gives counts as that, awaited or not.
    """
    if depth > _DEEPEST:
        return ""
    values = tuple(v for v in evaluator.values(fact, scope) if v != Literal(None))
    known = {_class_of(value) for value in values}
    if len(known) == 1 and (found := known.pop()):
        return found
    if all(isinstance(v, Kinded) and v.kind not in _OF_BOTH for v in values) and values:
        return ""
    return _by_origin(evaluator, fact, scope, depth)


def _class_of(value: Value) -> str:
    if isinstance(value, Kinded):
        return OF_KIND.get(value.kind, "")
    return OF_NAME.get(value.of, "") if isinstance(value, Object) else ""


def _by_origin(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int) -> str:
    """One step back: what the name is bound to, what the method gives."""
    if isinstance(fact, (facts.Await, facts.Walrus)):
        return owner(evaluator, fact.value, scope, depth + 1)
    if isinstance(fact, facts.Call):
        if isinstance(fact.func, facts.Attr):
            base = owner(evaluator, fact.func.base, scope, depth + 1)
            if (base, fact.func.name) in GIVES:
                return GIVES[base, fact.func.name]
        made = {OF_NAME.get(v.name, "") if isinstance(v, External) else "" for v in evaluator.values(fact.func, scope)}
        return made.pop() if len(made) == 1 else ""
    if isinstance(fact, facts.Name):
        return _of_name(evaluator, fact.id, scope, depth)
    return ""


def _of_name(evaluator: Evaluator, name: str, scope: Scope, depth: int) -> str:
    found = owner_of(name, scope, evaluator.project)
    if found is None:
        return ""
    place, local = found
    if isinstance(place, Function) and place.param(local) is not None:
        return ""
    bounds = [b for b in _bounds(place, local) if b.how != "annotated" and not _is_none(b)]
    known = {_of_bound(evaluator, bound, place, depth) for bound in bounds}
    return known.pop() if len(known) == 1 else ""


def _bounds(place: Scope, name: str) -> list[Bound]:
    table = place.attributes if isinstance(place, Class) else place.bound
    return table.get(name, [])


def _is_none(bound: Bound) -> bool:
    return isinstance(bound.value, facts.Const) and bound.value.value is None


def _of_bound(evaluator: Evaluator, bound: Bound, place: Scope, depth: int) -> str:
    if bound.how not in ("value", "entered") or bound.value is None:
        return ""
    return owner(evaluator, bound.value, place, depth + 1)
