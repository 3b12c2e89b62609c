"""What does each step of a function do to the lease in a variable? By what it is called on, and what it is given to."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts.typestate.effects import committing, joined
from dbpool_lint.facts.typestate.states import State, effect
from dbpool_lint.facts.typestate.taking import worked_with
from dbpool_lint.knowledge.kinds import Kind

_START = """
import asyncpg
import atexit
import contextlib
import sqlalchemy
from contextlib import aclosing, closing, contextmanager
from fastapi import Depends
from sqlalchemy import create_engine, inspect
from sqlalchemy.orm import Session, sessionmaker
from somewhere import UNSEEN, flag, keep
engine = create_engine("postgresql://h/d")
def use(x): x.execute(1)
def shut(x): x.close()
def keyed(*, x): x.execute(1)
def many(*x): ...
@contextmanager
def scope(x):
    try:
        yield x
    finally:
        x.close()
@contextmanager
def lent(x):
    x.execute(1)
    yield
@contextmanager
def committed():
    with Session() as session:
        yield session
        session.commit()
@contextmanager
def either():
    yield
class Work:
    def __init__(self, x): self.x = x
    def run(self, x): x.execute(1)
"""


def _effects(body: str, head: str = "def f(given):", take: str = "s = Session()") -> str:
    """The effects on the lease in `s`, in the order of the text; those of a `with` say when."""
    lines = [f"    {line}" for line in f"{take}\n{body}".strip().split("\n")]
    project = linked("\n".join([_START, head, *lines]))
    here = function(project, "f")
    lease = next(one for one in worked_with(project.evaluator, here) if one.name.partition(".")[0] in ("s", "request"))
    found = project.lives.effects(lease)
    order = {id(fact): here.spot(fact).node for fact in here.body}
    said = [
        (order[fact], how != "enter", f"{how} {one.name}".strip())
        for (how, fact), one in found.items()
        if one.name not in ("takes", "enters")
    ]
    return ", ".join(text for *_, text in sorted(said))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # methods
        ("s.execute(1)", "works"),
        ("s.add(1)", "uses"),
        ("s.commit()", "finishes"),
        ("s.rollback()", "undoes"),
        ("s.close()", "closes"),
        ("s.__exit__(None, None, None)", "closes"),
        ("s.begin()", "uses"),
        ("with s.begin():\n    pass", "leave ends, uses"),
        ("with s.begin_nested():\n    pass", "leave nests, uses"),
        ("s.execution_options(a=1)", "uses"),
        ("s = s.execution_options(a=1)", "uses"),
        ("t = s.execution_options(a=1)", "escapes"),
        ("x = s.bind", ""),
        ("s.anything()", "uses"),
        ("given.callback(s.close)", "escapes"),
        ("given.callback(after=s.commit)", "escapes"),
        ("given.run(s.execute, 1)", "works"),
        ("given.run(s.add, 1)", "uses"),
        # queries
        ("s.query(1)", "uses"),
        ("s.query(1).all()", "works, uses"),
        ("q = s.query(1).filter(2)\nq.all()", "uses, works"),
        ("q = s.query(1)\nr = q.filter(2)\nr.first()", "uses, works"),
        ("for row in s.query(1):\n    pass", "works, uses"),
        ("x = [row for row in s.query(1)]", "works, uses"),
        ("x = list(s.query(1))", "works, uses"),
        ("q = s.query(1)\nq.subquery", "uses"),
        # given on
        ("return s", "escapes"),
        ("given.s = s", "escapes"),
        ("x = [s]", "escapes"),
        ("x = given or s", "escapes"),
        ("x = s if given else None", "escapes"),
        ("x = not s", ""),
        ("x = 1 if s and given else 2", ""),
        ("if s and (given or s):\n    pass", ""),
        ("s = s or given", ""),
        ("s", ""),
        ("yield s", "escapes"),
        ("yield s\ns.close()", "lends, closes"),
        ("s = None", "loses"),
        ("s = given", "loses"),
        ("with s:\n    pass", "leave closes"),
        ("with closing(s):\n    pass", "leave closes"),
        ("x = closing(s)", "escapes"),
        ("print(s)", "uses"),
        ("list(s)", "escapes"),
        ("inspect(s)", "works"),
        ("keep(s)", "escapes"),
        ("given(s)", "escapes"),
        ("given.release(s)", "closes"),
        ("engine.release(s)", "closes"),
        ("use(s)", "calls"),
        ("use(x=s)", "calls"),
        ("use(y=s)", "escapes"),
        ("use(*given, s)", "escapes"),
        ("use(1, s)", "escapes"),
        ("keyed(x=s)", "calls"),
        ("many(s)", "escapes"),
        ("shut(s)", "closes"),
        ("Work(1).run(s)", "calls"),
        ("Work.run(given, s)", "calls"),
        ("Work(s)", "escapes"),
        ("run = use if given else shut\nrun(s)", "calls"),
        ("run = use if given else keep\nrun(s)", "escapes"),
        ("with scope(s):\n    pass", "leave closes"),
        ("scope(s)", "escapes"),
        ("with lent(s):\n    pass", "works"),
        ("with scope(y=s):\n    pass", "escapes"),
        # nested functions
        ("def g():\n    s.execute(1)", "escapes"),
        ("def g():\n    s.execute(1)\ng()", "works"),
        ("def g():\n    s.close()", "escapes"),
        ("def g(s):\n    s.close()", ""),
        ("x = lambda: s", "escapes"),
        ("x = lambda s: s", ""),
        ("class A:\n    x = s", "escapes"),
    ],
)
def test_the_effects_on_a_session(body: str, expected: str) -> None:
    assert _effects(body) == expected


@pytest.mark.parametrize(
    ("take", "body", "expected"),
    [
        ("s = engine.connect()", "s.query(1)", "uses"),
        ("s = engine.connect()", "with s:\n    pass", "leave closes"),
        ("s = engine.raw_connection()", "with s:\n    pass", "enter escapes"),
        ("with Session() as s:", "    for s in given:\n        pass", "leave closes, loses"),
        ("with Session() as s:", "    with given as s:\n        pass", "leave closes, enter loses"),
        ("with engine.begin() as s:", "    s.execute(1)", "leave completes, works"),
        ("with engine.connect() as s:", "    s.execute(1)", "leave closes, works"),
        ("with committed() as s:", "    s.execute(1)", "leave completes, works"),
        ("with Session() as s:", "    s.close()", "leave closes, closes"),
    ],
)
def test_the_effects_on_other_leases(take: str, body: str, expected: str) -> None:
    assert _effects(body, take=take) == expected


def test_the_lease_that_an_object_carries_is_worked_with_by_what_is_given_the_object() -> None:
    body = "request.state.db.execute(1)\nUNSEEN(request)\nrequest.state.db.close()"
    assert _effects(body, "def f(request):", "request.state.db = Session()") == "works, works, closes"


def _joined(*names: str) -> dict[State, frozenset[State]]:
    return dict(joined([effect(name, Kind.SESSION) for name in names]).after)


def test_what_one_of_several_calls_does_is_what_any_of_them_does() -> None:
    assert _joined("closes") == dict(effect("closes", Kind.SESSION).after)
    either = _joined("undoes", "closes")
    assert either[State.HOLDING] == {State.RELEASED, State.CLOSED}
    assert either[State.OPEN] == {State.OPEN, State.CLOSED}


@pytest.mark.parametrize(("name", "expected"), [("committed", True), ("scope", False), ("either", False)])
def test_a_commit_after_the_yield_is_found(name: str, expected: bool) -> None:
    assert (committing(function(linked(_START), name)) is not None) is expected
