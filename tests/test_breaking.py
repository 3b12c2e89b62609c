"""Which swallowed errors leave a session in a broken transaction? What matters about the step that fails."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts.typestate.aborting import aborts
from dbpool_lint.facts.typestate.breaking import broken

_START = """
import sqlalchemy as sa
from sqlalchemy import create_engine, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy import Connection
from somewhere import UNSEEN, T, keep, table
engine = create_engine("postgresql://h/d")
QUESTION = "SELECT a FROM b"
PING = "SELECT 1"
def store(session: Session):
    session.commit()
def again(session: Session):
    session.commit()
    again(session)
def read(session: Session):
    return session.scalars(select(T))
def undone(session: Session):
    try:
        session.commit()
    except Exception:
        session.rollback()
        raise
def undo_and_write(session: Session):
    session.rollback()
    session.add(T())
    session.commit()
def write_or_undo(session: Session):
    if UNSEEN:
        session.execute(select(T))
    else:
        session.rollback()
def write(session: Session):
    for t in UNSEEN:
        session.execute(select(T))
def lent(session: Session, *others):
    session.commit()
"""


def _found(body: str, types: str = "Exception", then: str = "s.scalars(select(T))", before: str = "pass") -> list[str]:
    text = f"""{_START}
def f(s: Session, c: Connection, x):
    {before}
    try:
        {body}
    except {types}:
        print("swallowed")
    {then}
"""
    project = linked(text)
    found = broken(project.lives, project.reader, function(project, "f"))
    return [one.weight.name for one in found]


@pytest.mark.parametrize(
    ("body", "weight"),
    [
        ("s.flush()", "FLUSH"),
        ("s.commit()", "FLUSH"),
        ("s.bulk_save_objects([])", "FLUSH"),
        ("store(s)", "FLUSH"),
        ("store(session=s)", "FLUSH"),
        ("again(s)", "FLUSH"),
        ("lent(s)", "FLUSH"),
        ("s.execute(insert(T).values(a=1))", "SQL"),
        ("s.execute(sa.update(T).where(T.a == 1).values(a=1))", "SQL"),
        ("s.execute(table.delete().where(UNSEEN))", "SQL"),
        ("s.execute(table.insert())", "SQL"),
        ("s.query(T).filter(T.a == 1).delete()", "SQL"),
        ("s.execute(text(QUESTION))", "SQL"),
        ("s.execute(text('UPDATE a SET b = 1'))", "SQL"),
        ("s.execute(text(f'DELETE FROM {x}'))", "SQL"),
        ("s.execute(text(x))", "SQL"),
        ("s.execute('SELECT ' + x)", "SQL"),
        ("s.execute(f'SELECT {x}')", "SQL"),
        ("s.execute(QUESTION)", "SQL"),
        ("q = delete(T)\n        s.execute(q)", "SQL"),
        ("q = r = delete(T)\n        q = q.where(UNSEEN)\n        s.execute(q)", "SQL"),
        ("s.connection().exec_driver_sql('x')", None),
        ("k = s.connection()\n        k.exec_driver_sql('SELECT a')", "SQL"),
        ("k = s.connection()\n        k.execute(insert(T))", "SQL"),
        ("k = s.connection()\n        k.execute(select(T))", None),
        ("k = s.connection()\n        UNSEEN(k)", None),
        # a query hardly fails
        ("s.scalars(select(T)).all()", None),
        ("s.execute(select(T).where(T.a == 1))", None),
        ("s.execute(x)", None),
        ("q = select(T)\n        s.execute(q)", None),
        ("q = q\n        s.execute(q)", None),
        ("s.query(T).all()", None),
        ("s.get(T, 1)", None),
        ("s.refresh(x)", None),
        ("s.scalar(1)", None),
        ("s.execute(text('SELECT 1'))", None),
        ("s.execute(text(PING))", None),
        ("s.execute(PING)", None),
        ("read(s)", None),
        ("for t in s.query(T): print(t)", None),
        # nothing is left broken
        ("undone(s)", None),
    ],
)
def test_what_fails_decides_behind_a_wide_handler(body: str, weight: str | None) -> None:
    assert _found(body) == ([weight] if weight else [])


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ("", True),
        ("BaseException", True),
        ("SQLAlchemyError", True),
        ("(ValueError, IntegrityError)", True),
        ("sa.exc.IntegrityError", True),
        ("UNSEEN.IntegrityError", False),
        ("ValueError", False),
        ("KeyError as e", False),
        ("UNSEEN", False),
    ],
)
def test_the_handler_has_to_be_one_for_errors_of_the_database(types: str, told: bool) -> None:
    assert bool(_found("s.flush()", types)) is told


def test_a_handler_that_names_errors_of_the_database_is_taken_at_its_word() -> None:
    assert _found("s.scalars(select(T))", "SQLAlchemyError") == ["QUERY"]
    assert _found("read(s)", "SQLAlchemyError") == ["QUERY"]
    assert _found("for t in s.query(T): print(t)", "SQLAlchemyError") == ["QUERY"]
    assert _found("undone(s)", "SQLAlchemyError") == []


@pytest.mark.parametrize(
    ("then", "before", "told"),
    [
        ("s.commit()", "pass", False),
        ("s.commit()", "s.add(x)", True),
        ("s.commit()", "s.execute(insert(T))", True),
        ("s.commit()", "store(s)", True),
        ("s.commit()", "read(s)", False),
        ("s.scalars(select(T))", "pass", True),
        ("read(s)", "pass", True),
        ("write(s)", "pass", True),
        ("undo_and_write(s)", "pass", False),
        ("write_or_undo(s)", "pass", False),
        ("s.rollback()", "pass", False),
        ("s.close()", "pass", False),
        ("UNSEEN(s)", "pass", False),
    ],
)
def test_what_follows_has_to_suffer(then: str, before: str, told: bool) -> None:
    assert bool(_found("s.execute(update(T))", "SQLAlchemyError", then, before)) is told


def test_a_commit_after_a_query_is_there_for_changed_objects() -> None:
    assert _found("s.get(T, x)", "SQLAlchemyError", "s.commit()") == ["QUERY"]
    assert _found("s.get(T, x)", "Exception", "s.commit()") == []
    assert _found("c.execute(select(T))", "SQLAlchemyError", "c.commit()") == []


def test_a_connection_knows_no_flush() -> None:
    assert _found("c.commit()", "Exception", "c.execute(select(T))") == ["SQL"]


_ADDING = """
    for row in rows:
        try:
            if s.query(T).filter_by(a=row).count() == 0:
                s.add(T(a=row))
        except Exception:
            print("swallowed")
    s.commit()
"""


@pytest.mark.parametrize(("start", "told"), [("", ["FLUSH"]), ("Local = sessionmaker(engine, autoflush=False)", [])])
def test_a_query_flushes_what_was_added_in_the_turn_before(start: str, told: list[str]) -> None:
    project = linked(f"{_START}{start}\ndef f(s: Session, rows):\n{_ADDING}")
    found = broken(project.lives, project.reader, function(project, "f"))
    assert [one.weight.name for one in found] == told


_HELPER = """
def helper(s: Session):
    try:
        s.flush()
    except SQLAlchemyError:
        {0}
    return True
"""


@pytest.mark.parametrize(
    ("answer", "caller", "told"),
    [
        ("pass", "def f(s: Session):\n    helper(s)\n    read(s)", True),
        ("pass", "def f(s: Session):\n    helper(s)", False),
        ("pass", "def f(s: Session):\n    helper(s=s)\n    s.rollback()", False),
        ("pass", "def g(s: Session):\n    f(s)\n    s.commit()\ndef f(s: Session):\n    helper(s)", True),
        ("pass", "def f(o: Connection, s: Session):\n    helper(s)\n    read(s)", True),
        ("pass", "def f(x):\n    helper(x.s)\n    read(x.s)", False),
        ("pass", "def f(s: Session):\n    UNSEEN(helper)\n    helper(*s)\n    read(s)", False),
        ("pass", "helper(UNSEEN)", False),
        ("return False", "def f(s: Session):\n    if helper(s):\n        read(s)", False),
        ("return False", "def f(s: Session):\n    if not helper(s):\n        read(s)", True),
        ("return", "def f(s: Session):\n    a = helper(s)\n    if a is not None:\n        read(s)", False),
        ("return", "def f(s: Session):\n    a = helper(s)\n    if a is None:\n        read(s)", True),
        ("return", "def f(s: Session):\n    a = helper(s)\n    if UNSEEN:\n        read(s)", True),
        ("return 1", "def f(s: Session):\n    if helper(s):\n        read(s)", True),
    ],
)
def test_callers_go_on_with_what_a_helper_has_broken(answer: str, caller: str, told: bool) -> None:
    project = linked(f"{_START}{_HELPER.format(answer)}{caller}\n")
    assert bool(list(broken(project.lives, project.reader, function(project, "helper")))) is told


def _engine(url: str) -> str:
    return f"from sqlalchemy import create_engine\nimport os\ne = create_engine({url})\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app.py": _engine("os.environ['URL']")}, True),
        ({"app.py": _engine("'postgresql://h/d'")}, True),
        ({"app.py": _engine("'cockroachdb://h/d'")}, True),
        ({"app.py": _engine("'mysql://h/d'")}, False),
        ({"app.py": _engine("os.environ.get('URL', 'sqlite:///x.db')")}, False),
        ({"app.py": _engine("'sqlite:///x.db'"), "requirements.txt": "psycopg2-binary==2.9\n"}, True),
        ({"app.py": _engine("os.environ['URL']"), "requirements.txt": "pymysql==1.1\n"}, False),
        ({"app.py": _engine("os.environ['URL']"), "requirements.txt": "asyncpg==0.29\npymysql==1.1\n"}, True),
        ({"app.py": "import os\n", "tests/test_x.py": _engine("'sqlite://'")}, True),
    ],
)
def test_failed_statements_abort_where_nothing_speaks_against_postgresql(files: dict[str, str], expected: bool) -> None:
    assert aborts(linked(files)) is expected


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("pass", True),
        ("savepoint.rollback()", False),
        ("s.rollback()", False),
        ("UNSEEN.rollback()", False),
        ("print(s)", True),
    ],
)
def test_whatever_the_handler_rolls_back_may_be_the_transaction(handler: str, told: bool) -> None:
    body = f"""
def f(s: Session):
    savepoint = s.begin_nested()
    try:
        s.flush()
    except SQLAlchemyError:
        {handler}
    s.scalars(select(T))
"""
    project = linked(f"{_START}{body}")
    assert bool(list(broken(project.lives, project.reader, function(project, "f")))) is told


def test_one_name_for_two_sessions_is_told_apart() -> None:
    body = """
Local = sessionmaker(engine)
def f(rows):
    with Local() as s:
        read(s)
    for row in rows:
        with Local() as s:
            helper(s)
"""
    project = linked(f"{_START}{_HELPER.format('pass')}{body}")
    assert list(broken(project.lives, project.reader, function(project, "helper"))) == []
