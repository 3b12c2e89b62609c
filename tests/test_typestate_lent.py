"""What do calls of the project's functions do with a lease or pool that they are given? Unknown ones keep it."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.typestate.leaks import is_only_used, leaked

_START = """
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker
from somewhere import keep
KEPT = []
Local = sessionmaker(create_engine("postgresql://h/d"))
def use(engine):
    engine.connect()
def nothing(engine): ...
def close(engine):
    engine.dispose()
    engine.close()
def store(engine):
    KEPT.append(engine)
def serve(engine):
    while True:
        engine.connect()
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("use(given)", True),
        ("use(engine=given)", True),
        ("nothing(given)", True),
        ("close(given)", False),
        ("store(given)", False),
        ("serve(given)", False),
        ("keep(given)", False),
        ("print(given)", False),
    ],
)
def test_a_call_that_only_uses_a_pool(call: str, expected: bool) -> None:
    project = linked(f"{_START}\ndef asked(given):\n    {call}\n")
    scope = function(project, "asked")
    found = next(fact for fact in scope.body if isinstance(fact, facts.Call))
    keyword = found.keywords[0] if found.keywords else None
    given = keyword.value if keyword else found.args[0]
    assert is_only_used(project.evaluator, found, given, keyword.name if keyword else None, scope) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Local().query(1).filter(2).all()", 1),
        ("for x in Local().query(1): keep(x)", 1),
        ("return [x for x in Local().query(1)]", 1),
        ("keep(Local().query(1))", 0),
        ("return Local().query(1).filter(2)", 0),
        ("Local().execute(1)", 1),
    ],
)
def test_a_query_of_a_session_without_a_name_counts_when_it_is_run(code: str, expected: int) -> None:
    project = linked(f"{_START}\ndef asked():\n    {code}\n")
    assert len(list(leaked(project.lives, function(project, "asked")))) == expected
