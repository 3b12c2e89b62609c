"""Who gives a lease back? Only what is certainly neither closed nor handed away counts as lost."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts.typestate.laziness import reads_lazily
from dbpool_lint.facts.typestate.leaks import leaked

_START = """
import contextlib
from contextlib import closing
import asyncpg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from somewhere import UNSEEN, flag, keep
engine = create_engine("postgresql://h/d")
Local = sessionmaker(engine)
REGISTRY = scoped_session(Local)
KEPT = {}
def use(session, other=None):
    session.execute("x")
def close(session):
    session.close()
def store(session):
    KEPT["x"] = session
def hand_on(session):
    use(session)
def hand_on_and_close(session):
    close(session)
def again(session):
    return again_too(session)
def again_too(session):
    again(session)
def circle_with_end(session):
    circle(session)
    session.close()
def circle(session):
    circle_with_end(session)
def generate(session):
    yield session
def starred(*sessions): ...
def catch_all(**sessions): ...
@keep
def decorated(session): ...
class Holder:
    def __init__(self, session):
        self.session = session
    def use(self, session):
        session.execute("x")
    def close(self, session):
        session.close()
    @staticmethod
    def plainly(session):
        session.execute("x")
    @classmethod
    def by_class(cls, session):
        session.execute("x")
"""


def _lost(body: str, how: str = "def") -> list[str]:
    project = linked(f"{_START}{how} f(given=None):\n    {body}\n")
    return [f"{lease.kind.value} {lease.name}".strip() for lease in leaked(project.lives, function(project, "f"))]


@pytest.mark.parametrize(
    "body",
    [
        # closed
        "s = Session()\n    s.close()",
        "s = Session()\n    try:\n        s.execute('x')\n    finally:\n        s.close()",
        "s = Session()\n    if flag:\n        s.close()",
        "s = Session()\n    s.invalidate()",
        "Session().close()",
        "with Session() as s:\n        s.execute('x')",
        "s = Session()\n    with s:\n        pass",
        "s = Session()\n    with s.begin():\n        pass",
        "s = Session()\n    with closing(s):\n        pass",
        "s = Session()\n    atexit.register(s.close)",
        "s = Session()\n    close(s)",
        "s = Session()\n    close(session=s)",
        "s = Session()\n    hand_on_and_close(s)",
        "s = Session()\n    Holder(1).close(s)",
        "Registry = scoped_session(Local)\n    s = Registry()\n    Registry.remove()",
        "Own = sessionmaker()\n    s = Own()\n    Own.close_all()",
        # handed away
        "return Session()",
        "yield Session()",
        "s = Session()\n    return s",
        "s = Session()\n    yield s",
        "s = Session()\n    return s, 1",
        "s = Session()\n    return {'s': s}",
        "s = Session()\n    t = s",
        "s = Session()\n    t, u = s, 1",
        "s, t = Session(), 1",
        "s = t = Session()",
        "global s\n    s = Session()",
        "given.session = Session()",
        "s = Session()\n    given.session = s",
        "s = Session()\n    KEPT['s'] = s",
        "s = Session()\n    keep(s)",
        "s = Session()\n    keep(session=s)",
        "s = Session()\n    keep(s.rollback)",
        "s = Session()\n    keep(done=s.commit)",
        "s = Session()\n    store(s)",
        "s = Session()\n    generate(s)",
        "s = Session()\n    starred(s)",
        "s = Session()\n    catch_all(s=s)",
        "s = Session()\n    decorated(s)",
        "s = Session()\n    use(*s)",
        "s = Session()\n    use(*given, s)",
        "s = Session()\n    use(**s)",
        "s = Session()\n    Holder(s)",
        "s = Session()\n    given(s)",
        "s = Session()\n    setattr(given, 's', s)",
        "s = Session()\n    list(s)",
        "s = Session()\n    t = given or s",
        "s = Session()\n    def inner():\n        s.execute('x')\n    return inner",
        "s = Session()\n    keep(lambda: s)",
        "s = Session()\n    class Inner:\n        session = s",
        "keep(Session())",
        "keep(session=Session())",
        "keep(**Session())",
        "Holder(Session())",
        "[Session()]",
        "x = Session().execute",
        "x = Session().__enter__()",
        "x = Session().begin()",
        "x = Session().registry.y",
        "given[0] = Session()",
        # it holds nothing as long as it runs no SQL
        "s = Session()",
        "s: Session = Session()",
        "s = Session()\n    x = s.connection",
        "s = Session()\n    if s:\n        pass",
        "s = Session()\n    if s and (s or flag):\n        pass",
        "s = Session()\n    while s == flag:\n        pass",
        "s = Session()\n    assert s",
        "s = Session()\n    del s",
        "s = Session()\n    s = None",
        "s = given\n    s = s or Session()",
        "s = Session()\n    t = Session()\n    t.close()",
        "Session()",
        # not known for certain, or not ours
        "s = REGISTRY()",
        "s = given",
        "s = Session() if flag else UNSEEN",
        "for s in UNSEEN:\n        s = Session()",
        "with UNSEEN as s:\n        s = Session()",
        "s = UNSEEN()",
        "if (s := Session()):\n        s.execute('x')",
        "s = Session()\n    circle_with_end(s)",
        "s = Session()\n    circle(s)",
        "s = Session()\n    circle_with_end(s)\n    t = Session()\n    circle(t)",
    ],
)
def test_what_is_closed_handed_away_or_uncertain_is_not_lost(body: str) -> None:
    assert _lost(body) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s = Session()\n    s.execute('x')", ["Session s"]),
        ("s: Session = Session()\n    s.execute('x')", ["Session s"]),
        ("s = Local()\n    s.execute('x')", ["Session s"]),
        ("s = Session()\n    s.commit()\n    s.rollback()", ["Session s"]),
        ("s = Session()\n    s.begin()", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    x = s.connection", ["Session s"]),
        ("s = Session()\n    print(s, repr(s), s is None)", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    if s:\n        pass", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    if s and (s or flag):\n        pass", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    while s == flag:\n        pass", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    assert s", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    del s", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    s = None", ["Session s"]),
        ("s = given\n    s = s or Session()\n    s.execute('x')", ["Session s"]),
        ("s = Session()\n    s.execute('x')\n    t = Session()\n    t.close()", ["Session s"]),
        ("s = Session()\n    use(s)", ["Session s"]),
        ("s = Session()\n    use(1, s)", ["Session s"]),
        ("s = Session()\n    use(1, other=s)", ["Session s"]),
        ("s = Session()\n    hand_on(s)", ["Session s"]),
        ("s = Session()\n    again(s)", ["Session s"]),
        ("s = Session()\n    again_too(s)", ["Session s"]),
        ("s = Session()\n    Holder(1).use(s)", ["Session s"]),
        ("s = Session()\n    Holder.plainly(s)", ["Session s"]),
        ("s = Session()\n    Holder.by_class(s)", ["Session s"]),
        ("use(Session())", ["Session"]),
        ("use(1, other=Session())", ["Session"]),
        ("Session().execute('x')", ["Session"]),
        ("x = Session().execute('x')", ["Session"]),
        ("c = engine.connect()\n    c.execute('x')", ["Connection c"]),
        ("c = engine.connect().execution_options(a=1)\n    c.execute('x')", ["Connection c"]),
        ("c = engine.raw_connection()\n    c.cursor().close()", ["raw DBAPI connection c"]),
    ],
)
def test_what_is_neither_closed_nor_handed_away_is_lost(body: str, expected: list[str]) -> None:
    assert _lost(body) == expected


def test_a_lease_handed_on_further_than_anyone_looks_is_not_lost() -> None:
    chain = "".join(f"def pass{n}(s):\n    pass{n + 1}(s)\n" for n in range(20))
    text = f"{_START}{chain}def pass20(s):\n    s.execute('x')\ndef f():\n    s = Session()\n"
    near, far = (linked(f"{text}    {name}(s)") for name in ("pass15", "pass0"))
    assert len(list(leaked(near.lives, function(near, "f")))) == 1
    assert list(leaked(far.lives, function(far, "f"))) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("c = await pool.acquire()\n    await pool.release(c)", []),
        ("return await pool.acquire()", []),
        ("async with pool.acquire() as c:\n        await c.fetch('x')", []),
        ("c = await pool.acquire()\n    await c.fetch('x')", ["connection of an asyncpg pool c"]),
        ("await (await pool.acquire()).fetch('x')", ["connection of an asyncpg pool"]),
        ("await pool.acquire()", ["connection of an asyncpg pool"]),
    ],
)
def test_awaited_leases_are_followed_too(body: str, expected: list[str]) -> None:
    assert _lost(f"pool: asyncpg.Pool = UNSEEN\n    {body}", "async def") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s = Session()", False),
        ("s = Session()\n    return s.query(1).all()", False),
        ("s = Session()\n    return s.get(1, 2)", False),
        ("s = Session()\n    return given", False),
        ("s = Session()\n    return given.query(1)", False),
        ("s = Session()\n    return (await s.execute(1)).scalars().all()", False),
        ("s = Session()\n    q = s.query(1)\n    q.all()\n    s.commit()", False),
        ("s = Session()\n    q = s.query(1)\n    rows = q.all()\n    s.flush()\n    return rows", False),
        ("s = Session()\n    return s.query(1)", True),
        ("s = Session()\n    return await s.execute(1)", True),
        ("s = Session()\n    q = s.query(1)\n    return q.filter(2)", True),
        ("s = Session()\n    q = s.query(1)\n    for row in q:\n        print(row)", True),
    ],
)
def test_results_that_are_read_after_their_session_are_noticed(body: str, expected: bool) -> None:
    project = linked(f"{_START}async def f(given):\n    {body}\n")
    assert reads_lazily(function(project, "f"), "s") is expected
