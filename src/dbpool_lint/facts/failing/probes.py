"""Does a `try` only ask whether the database answers, and what of its failing to connect is caught?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place
from dbpool_lint.facts.configuration.drivers import drivers
from dbpool_lint.facts.configuration.versions import sqlalchemy_releases
from dbpool_lint.facts.evaluation.values import kinds
from dbpool_lint.facts.failing.catching import Attempt, Caught, around_call, of_try
from dbpool_lint.facts.failing.timeouts import Mood, Moods
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.capacity import engines
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.timeouts import SQLALCHEMY_ERRORS

_RAW: frozenset[tuple[int, int]] = frozenset({(2, 0)})
"""Releases that let asyncpg's errors of connecting through as they are; 2.1 wraps them."""

_ASKS_NOTHING = re.compile(r"\s*select\s+(?:1|'?ok'?|true|version\(\)|now\(\))\s*;?\s*", re.IGNORECASE)
_RUNNING = frozenset({"execute", "exec", "scalar", "scalars"})
_TAKERS = frozenset({Kind.ASYNC_ENGINE, Kind.ASYNC_SESSION, Kind.ASYNC_CONNECTION})


def misses_connecting(project: Linked, moods: Moods, attempt: Attempt) -> bool:
    """Whether a probe of an asyncpg engine catches SQLAlchemy's errors only, where those of connecting are none."""
    caught = of_try(project.evaluator, attempt.statement, attempt.function).joined(attempt.outer)
    if not _only_sqlalchemys(caught) or not _answers(attempt.statement):
        return False
    asked = list(_asked(project, attempt))
    if not asked or moods.of(attempt.statement.body, attempt.function) is not Mood.TAKES:
        return False
    if set(sqlalchemy_releases(project.project, attempt.function.module)) != _RAW:
        return False
    made = [engines(project, place) for place in asked]
    if not all(made) or drivers(project, {one for group in made for one in group}) != {"asyncpg"}:
        return False
    return not _caught_by_callers(project, attempt.function, 0)


def _only_sqlalchemys(caught: Caught) -> bool:
    return caught.complete and bool(caught.names) and all(name.startswith(SQLALCHEMY_ERRORS) for name in caught.names)


def _answers(statement: facts.Try) -> bool:
    """Whether every handler answers, or waits to ask again, rather than passing the error on."""
    return all(
        any(isinstance(inner, (facts.Return, facts.Assign, facts.Evaluate)) for inner in walking.statements(h.body))
        and not any(isinstance(inner, facts.Raise) and inner.value is None for inner in walking.statements(h.body))
        for h in statement.handlers
    )


def _asked(project: Linked, attempt: Attempt) -> Iterator[Place]:
    """The engines, sessions and connections that the body asks; none where it asks for more than an answer."""
    found: list[Place] = []
    for call in walking.calls(attempt.statement.body):
        if not isinstance(call.func, facts.Attr):
            continue
        if not kinds(project.evaluator.values(call.func.base, attempt.function)) & _TAKERS:
            continue
        if call.func.name in _RUNNING:
            if not _asks_nothing(project, call, attempt.function):
                return
            found.append((call.func.base, attempt.function))
        elif call.func.name in ("connect", "begin"):
            found.append((call.func.base, attempt.function))
        else:
            return
    yield from found


def _asks_nothing(project: Linked, call: facts.Call, function: Function) -> bool:
    """`execute(text("select 1"))`, `scalar(select(1))`"""
    given = call.args[0] if len(call.args) == 1 else None
    inner = given.args[0] if isinstance(given, facts.Call) and len(given.args) == 1 else given
    text = walking.literal(inner)
    return text == 1 or (isinstance(text, str) and bool(_ASKS_NOTHING.fullmatch(text)))


def _caught_by_callers(project: Linked, function: Function, depth: int) -> bool:
    """Whether someone on the way may catch what the function lets through."""
    if depth > 4:
        return True
    for call, scope in project.reader.callers.of(function):
        if not isinstance(scope, Function):
            continue
        caught = around_call(project.evaluator, call, scope)
        if not caught.complete or any(not name.startswith(SQLALCHEMY_ERRORS) for name in caught.names):
            return True
        if _caught_by_callers(project, scope, depth + 1):
            return True
    return False
