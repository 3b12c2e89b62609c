"""Which generator functions lend, and is what they lent closed in the end?"""

from __future__ import annotations

import textwrap

import pytest
from linking import function, linked

from dbpool_lint.facts.lending.asking import asked
from dbpool_lint.facts.lending.generators import lends
from dbpool_lint.facts.lending.leaving import left
from dbpool_lint.facts.lending.outliving import outlives
from dbpool_lint.facts.lending.returning import handed_out
from dbpool_lint.facts.lending.spelling import spelled
from dbpool_lint.facts.link import Linked

DATABASE = """
from contextlib import ExitStack, closing, contextmanager
from typing import Generator, Iterator, Optional

from fastapi import Depends
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from vendor import Factory, lending, make

engine = create_engine("postgresql://db/app")
SessionLocal = sessionmaker(engine)
Registry = scoped_session(SessionLocal)


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()

"""


def _project(code: str) -> Linked:
    return linked({"app.py": DATABASE + textwrap.dedent(code)})


NOT_LENDING = {
    "a registry's session": """
        def lend():
            db = Registry()
            try:
                yield db
            finally:
                db.close()
    """,
    "a registry's session, entered": """
        def lend():
            with Registry() as db:
                yield db
    """,
    "a parameter": """
        def lend(db: Session):
            yield db
    """,
    "a parameter that may be filled": """
        def lend(db=None):
            db = db or SessionLocal()
            yield db
    """,
    "a global": """
        shared = SessionLocal()

        def lend():
            yield shared
    """,
    "what it sets as a global": """
        def lend():
            global shared
            shared = SessionLocal()
            yield shared
    """,
    "numbers": """
        def lend():
            yield 1
            yield 2
    """,
    "nothing": """
        def lend():
            yield
            yield None
    """,
    "a lease and something else": """
        def lend():
            with SessionLocal() as db:
                yield db
                yield "done"
    """,
    "part of something": """
        def lend():
            db, other = make()
            yield db
    """,
    "a session that an attribute holds": """
        class Holder:
            def __init__(self):
                self.db = SessionLocal()

            def current(self):
                return self.db

        holder = Holder()

        def lend() -> Iterator[Session]:
            db = holder.current()
            yield db
            db.close()
    """,
    "a helper that gives the one session": """
        def current() -> Session:
            return Registry()

        def lend():
            db = current()
            try:
                yield db
            finally:
                db.close()
    """,
    "a helper that gives nothing": """
        def current() -> Session:
            pass

        def lend():
            db = current()
            yield db
            db.close()
    """,
    "something unknown that it does not close": """
        def lend() -> Iterator[Session]:
            db = make()
            yield db
    """,
    "something unknown": """
        def lend():
            with make() as db:
                yield db
    """,
    "something unknown that a plain annotation calls a session": """
        def lend() -> Session:
            with make() as db:
                yield db
    """,
    "itself": """
        def lend():
            yield from lend()
    """,
    "an element of a list": """
        def lend(sessions):
            for db in sessions:
                yield db
    """,
    "what a manager keeps": """
        @contextmanager
        def managed():
            yield Registry()

        def lend() -> Iterator[Session]:
            with managed() as db:
                yield db
    """,
    "a handler's name": """
        def lend():
            try:
                make()
            except ValueError as db:
                yield db
    """,
}

LENDING = {
    "a session that it makes": """
        def lend():
            db = None
            try:
                db = SessionLocal()
                yield db
            finally:
                if db:
                    db.close()
    """,
    "a session on the spot": """
        def lend():
            yield SessionLocal()
    """,
    "a connection": """
        def lend():
            with engine.begin() as connection:
                yield connection
    """,
    "what an annotation calls a session": """
        def lend():
            db: Session = make()
            try:
                yield db
            finally:
                db.close()
    """,
    "what a declaration calls a session": """
        def lend():
            db: Session
            db = make()
            yield db
            db.close()
    """,
    "what the result of the generator is said to be": """
        def lend() -> Generator[Session, None, None]:
            with make() as db:
                yield db
    """,
    "what the result of the generator is said to be, in one word": """
        def lend() -> Iterator[Session]:
            db = Factory().build()
            yield db
            db.close()
    """,
    "what the result of the generator is said to be, in quotes": """
        def lend() -> "Iterator[Session]":
            with make() as db:
                yield db
    """,
    "what a helper takes from something unknown": """
        def new() -> Session:
            return make()

        def lend():
            db = new()
            yield db
            db.close()
    """,
    "what a manager lends": """
        @contextmanager
        def managed():
            with SessionLocal() as db:
                yield db

        def lend():
            with managed() as db:
                yield db
    """,
    "what another one lends, by a manager made of it": """
        def lend():
            with contextmanager(get_db)() as db:
                yield db
    """,
    "what another one lends": """
        def lend():
            yield from get_db()
    """,
    "what another one lends, in a loop": """
        def between():
            yield from get_db()

        def lend():
            for db in between():
                yield db
    """,
}


@pytest.mark.parametrize("code", NOT_LENDING.values(), ids=NOT_LENDING)
def test_lends_nothing_of_its_own(code: str) -> None:
    project = _project(code)
    assert lends(project.evaluator, function(project, "lend")) is None


@pytest.mark.parametrize("code", LENDING.values(), ids=LENDING)
def test_lends(code: str) -> None:
    project = _project(code)
    found = lends(project.evaluator, function(project, "lend"))
    assert found is not None
    assert found.once
    assert not found.asynchronous


def test_a_loop_may_lend_more_than_once() -> None:
    project = _project(
        """
        def lend():
            while True:
                with SessionLocal() as db:
                    yield db

        def lend_all():
            for db in lend():
                yield db

        def lend_some():
            for name in make():
                with SessionLocal() as db:
                    yield db
        """
    )
    found = [lends(project.evaluator, function(project, name)) for name in ("lend", "lend_all", "lend_some")]
    assert [one is not None and one.once for one in found] == [False, False, False]
    assert None not in found


CLOSED = {
    "entered later": "with db:\n    db.commit()",
    "put on a stack": "stack = ExitStack()\nstack.callback(db.close)\ndb.commit()",
    "entered on a stack": "stack = ExitStack()\nstack.enter_context(db)",
    "closed under another name": "other = db\ntry:\n    other.commit()\nfinally:\n    other.close()",
    "closed as a choice": "other = db if db else None\ntry:\n    other.commit()\nfinally:\n    other.close()",
    "closed as a fallback": "other = db or None\ntry:\n    other.commit()\nfinally:\n    other.close()",
    "handed to a closing function": "with closing(db) as other:\n    other.commit()",
    "handed by name to what closes it": "work(1, db=db)",
    "handed to a method that closes it": "Worker().run(db)",
    "handed on with what closes it": "make(target=work, kwargs={'db': db})",
    "kept in a container": "make()['db'] = db",
    "kept where it is closed": "holder = Holder()\nholder.kept = db",
    "kept where it is entered": "holder = Holder()\nholder.entered = db",
    "kept where it is put on a stack": "holder = Holder()\nholder.stacked = db",
    "in an object that closes it when it goes": "Watch(db)",
}

OPEN = {
    "used": "db.commit()",
    "closed on the straight path": "db.commit()\ndb.close()",
    "closed for failures only": "try:\n    db.commit()\nexcept ValueError:\n    db.close()\n    raise",
    "handed to what only uses it": "use(db)",
    "handed by name to what only uses it": "use(db=db)",
    "handed to something unknown": "make(db, again=db)",
    "kept where nothing closes it": "holder = Holder()\nholder.forgotten = db",
    "closed in a finally that came before": "pass",
    "captured by what uses it": "def done():\n    db.commit()\nmake(done)",
    "begun without with": "db.begin()",
    "asked for its begin": "make(db.begin)",
    "deleted": "del db",
}

_AROUND = """
def work(number, db):
    try:
        db.commit()
    finally:
        db.close()


def use(db):
    db.commit()


class Worker:
    def run(self, db):
        return work(2, db)


class Holder:
    def stop(self):
        self.kept.close()

    def run(self):
        with self.entered:
            pass

    def stack(self, stack):
        stack.enter_context(self.stacked)


class Watch:
    def __init__(self, db):
        self.db = db

    def __del__(self):
        self.db.close()


def asking():
    db = SessionLocal()
    try:
        db.commit()
    finally:
        db.close()
    db = next(get_db())
"""


def _asked(after: str) -> int:
    project = _project(_AROUND + textwrap.indent(after, "    "))
    return sum(len(list(asked(project, module))) for module in project.project.modules.values())


@pytest.mark.parametrize("after", CLOSED.values(), ids=CLOSED)
def test_closed_in_the_end(after: str) -> None:
    assert _asked(after) == 0


@pytest.mark.parametrize("after", OPEN.values(), ids=OPEN)
def test_left_open(after: str) -> None:
    assert _asked(after) == 1


CLOSED_AROUND = {
    "a walrus that is entered": "with (db := next(get_db())):\n    db.commit()",
    "a walrus that is closed": "try:\n    if (db := next(get_db())):\n        db.commit()\nfinally:\n    db.close()",
    "a choice": "db = next(get_db()) if make() else None\ntry:\n    db.commit()\nfinally:\n    db.close()",
    "a method on the spot": "with next(get_db()).begin():\n    pass",
    "closed on the spot": "make(next(get_db()).close)",
    "an argument by name": "work(1, db=next(get_db()))",
    "unpacked": "db, other = next(get_db()), 1\ntry:\n    db.commit()\nfinally:\n    db.close()",
    "something else than a generator": "next(make())",
    "something that may be a lender": "source = get_db() if make() else make()\nnext(source)",
    "a parameter": "def inner(source):\n    return next(source)",
    "a generator bound twice": "source = get_db()\nsource = make()\nnext(source)",
    "a generator given by default": "def inner(source=make):\n    source = get_db()\n    return next(source)",
    "a generator of an attribute": "holder = Holder()\nholder.lent = get_db()\nnext(holder.lent)",
    "an item": "next(make()[0])",
    "no argument": "next()",
}


@pytest.mark.parametrize("code", CLOSED_AROUND.values(), ids=CLOSED_AROUND)
def test_nothing_is_said_where_it_is_closed_or_not_known(code: str) -> None:
    project = _project(
        _AROUND.replace("db = next(get_db())", "pass") + "\n\ndef other():\n" + textwrap.indent(code, "    ")
    )
    assert [one for module in project.project.modules.values() for one in asked(project, module)] == []


def test_circles_of_callers_end() -> None:
    project = _project(
        """
        def one(n):
            if n:
                return two(n)
            return next(get_db())

        def two(n):
            return one(n - 1)

        def use(db, n):
            use(db, n - 1)

        def three():
            use(next(get_db()), 3)
        """
    )
    (module,) = project.project.modules.values()
    assert [one.scope.qualname for one in asked(project, module)] == ["one", "three"]  # type: ignore[union-attr]


def test_a_plain_loop_left_by_return_counts_where_it_hands_the_lease_out() -> None:
    project = _project(
        """
        def pair():
            for db in get_db():
                return db, 1

        def rows():
            for db in get_db():
                return db.rows()

        def nothing():
            for db in get_db():
                return

        def other():
            for db, n in get_db():
                return db

        async def mixed():
            async for db in get_db():
                return db
        """
    )
    (module,) = project.project.modules.values()
    assert [one.function.qualname for one in left(project, module)] == ["pair"]


@pytest.mark.parametrize(
    "code",
    [
        "return db",
        "return [db]",
        "return {'db': db}",
        "return Repository(db)",
        "return Repository(session=db)",
        "yield db",
        "make().db = db",
        "make(lambda: db.commit())",
        "def inner():\n    db.commit()",
        "global db",
        "repository = Repository(db)\nreturn repository",
    ],
)
def test_outlives_its_block(code: str) -> None:
    project = _project("def user():\n    db = next(get_db())\n" + textwrap.indent(code, "    "))
    assert outlives("db", function(project, "user"))


@pytest.mark.parametrize(
    "code", ["return db.get(1)", "return count(db)", "return 1", "x = db.get(1)", "make().rows = 1", "return", "yield"]
)
def test_does_not_outlive_its_block(code: str) -> None:
    project = _project("def user():\n    db = next(get_db())\n" + textwrap.indent(code, "    "))
    assert not outlives("db", function(project, "user"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return SessionLocal()", 1),
        ("db = SessionLocal()\nreturn db", 1),
        ("db = SessionLocal()\nmake(db)\nreturn db", 0),
        ("db = SessionLocal()\nmake(done=db.close)\nreturn db", 0),
        ("db = SessionLocal()\ndb.execute(make(1))\nreturn db", 1),
        ("db = SessionLocal()\nother = db\nreturn db", 0),
        ("db = make()\nreturn db", 0),
        ("global db\ndb = SessionLocal()\nreturn db", 0),
        ("db = SessionLocal()\ndb = SessionLocal()\nreturn db", 0),
        ("return 1", 0),
        ("return make()", 0),
    ],
)
def test_a_dependency_returns_a_lease(body: str, expected: int) -> None:
    code = (
        "def dependency():\n"
        + textwrap.indent(body, "    ")
        + "\n\n\ndef route(db=Depends(dependency)):\n    db.commit()\n"
    )
    project = _project(code)
    (module,) = project.project.modules.values()
    assert len(list(handed_out(project, module))) == expected


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("a.b.c", "a.b.c"),
        ("f(x, y=True, z=None)", "f(x, y=True, z=None)"),
        ("f(g(x))", "f(g(x))"),
        ("f('text')", None),
        ("f(*x)", None),
        ("f(**x)", None),
        ("f(x=[1])", None),
        ("x[0]", None),
    ],
)
def test_spelled(code: str, text: str | None) -> None:
    project = linked(f"asked = {code}")
    (module,) = project.project.modules.values()
    value = module.bound["asked"][0].value
    assert value is not None
    assert spelled(value) == text
