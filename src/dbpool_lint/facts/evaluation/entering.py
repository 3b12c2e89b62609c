"""What do `with x as y` and `for y in x` bind? Managed leases, context managers of the project, generators."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.evaluation.classes import lookup
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    Evaluates,
    Generated,
    Instance,
    Kinded,
    Values,
    kept,
    kinds,
    merged,
)
from dbpool_lint.facts.project import Scope
from dbpool_lint.knowledge.kinds import Kind

_NOTHING: Values = (UNKNOWN,)
_WITH_METHODS: dict[tuple[Kind, str], Kind] = {
    (Kind.ENGINE, "begin"): Kind.CONNECTION,
    (Kind.ASYNC_ENGINE, "begin"): Kind.ASYNC_CONNECTION,
    (Kind.FACTORY, "begin"): Kind.SESSION,
    (Kind.ASYNC_FACTORY, "begin"): Kind.ASYNC_SESSION,
    (Kind.PSYCOPG_POOL, "connection"): Kind.PSYCOPG_LEASE,
}
"""What entering the result of a method gives."""


def entered(evaluator: Evaluates, fact: facts.Expr, scope: Scope) -> Values:
    """What `with fact as x` binds."""
    if isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr):
        pairs = ((kind, fact.func.name) for kind in sorted(kinds(evaluator.values(fact.func.base, scope))))
        made = [_WITH_METHODS[pair] for pair in pairs if pair in _WITH_METHODS]
        if made:
            return tuple(Kinded(kind) for kind in made)
    found: list[Values] = []
    for value in evaluator.values(fact, scope):
        if isinstance(value, Generated):
            found.append(evaluator.yielded(value.function))
        elif isinstance(value, Kinded):
            found.append(kept((value,)))
        elif isinstance(value, Instance):
            found.append(_entered_object(evaluator, value))
    return merged(*found) or _NOTHING


def _entered_object(evaluator: Evaluates, value: Instance) -> Values:
    enter = lookup(evaluator, value.cls, "__enter__") or lookup(evaluator, value.cls, "__aenter__")
    return kept(evaluator.result(enter)) if enter is not None else (value,)


def element(evaluator: Evaluates, source: facts.Expr, scope: Scope) -> Values:
    """`for x in generator():` gives what the generator yields."""
    values = evaluator.values(source, scope)
    return merged(*(evaluator.yielded(v.function) for v in values if isinstance(v, Generated))) or _NOTHING
