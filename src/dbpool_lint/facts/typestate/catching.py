"""Does a handler catch the errors that a session raises when the database refuses something?"""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Type
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.leases import DATABASE_ERRORS

_RAISING = frozenset({"sqlalchemy", "sqlmodel", "builtins"})
"""Packages whose errors a session of SQLAlchemy raises: it wraps those of drivers."""


def catches_database_errors(evaluator: Evaluator, handler: facts.Handler, function: Function) -> bool:
    """Whether one of the handler's types is an error of the database, or wider; a bare one catches everything."""
    if handler.types is None:
        return True
    types = handler.types.items if isinstance(handler.types, facts.Sequence) else (handler.types,)
    return any(_is_database_error(evaluator, type_, function) for type_ in types)


def _is_database_error(evaluator: Evaluator, type_: facts.Expr, function: Function) -> bool:
    values = evaluator.values(type_, function)
    names = [v.name for v in values if isinstance(v, External)]
    if any(isinstance(v, Type) for v in values):
        return False  # no error of the project's own comes from the database
    if names:
        return all(n.partition(".")[0] in _RAISING and n.rpartition(".")[2] in DATABASE_ERRORS for n in names)
    chain = walking.chain(type_)
    return chain is not None and chain[-1] in DATABASE_ERRORS
