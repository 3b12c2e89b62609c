"""Where is a second connection taken while the first is held? Only what is certain counts."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.typestate.nesting import nested

_START = """
import functools
import os
import asyncpg
from contextlib import asynccontextmanager, contextmanager
from databases import Database
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool, QueuePool
from somewhere import flag, keep, poolclass
engine = create_engine(os.environ["DATABASE_URL"])
other = create_engine(os.environ["OTHER_URL"])
Local = sessionmaker(engine)
Async = async_sessionmaker(create_async_engine(os.environ["ASYNC_URL"]))
def second():
    with Local() as inner:
        inner.execute("x")
def second_on_some_day(day):
    if day:
        second()
def second_in_test():
    if second():
        return 1
def second_after_return(day):
    if day:
        return
    second()
def second_in_loop(days):
    for day in days:
        second()
def second_as_source():
    for day in second():
        keep(day)
def second_in_while():
    while second():
        keep(1)
def second_in_handler():
    try:
        keep(1)
    except Exception:
        second()
def second_in_lambda():
    keep(lambda: second())
def second_in_comprehension(days):
    return [second() for day in days]
def second_by_choice(day):
    return second() if day else None
def second_by_logic(day):
    return day or second()
def second_in_match(day):
    match day:
        case 1:
            second()
@keep
def decorated():
    second()
class Helper:
    @staticmethod
    def static():
        second()
    @property
    def shown(self):
        return second()
def one_call_more():
    second()
def two_calls_more():
    one_call_more()
def three_calls_more():
    two_calls_more()
def four_calls_more():
    three_calls_more()
def again(number):
    with Local() as inner:
        inner.execute("x")
        again(number - 1)
def sessions():
    with Local() as inner:
        yield inner
async def second_later():
    async with Async() as inner:
        await inner.execute("x")
def unused():
    with Local() as inner:
        inner.expunge_all()
def committed():
    with Local() as inner:
        inner.add(1)
        inner.commit()
@contextmanager
def scope():
    session = Local()
    try:
        yield session
    finally:
        session.close()
@contextmanager
def other_scope():
    with Session(other) as session:
        yield session
@contextmanager
def unclear_scope():
    yield keep(1)
"""


def _steps(body: str, before: str = "", asynchronous: bool = False) -> list[str]:
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    word = "async def" if asynchronous else "def"
    project = linked(f"{_START}\n{before}\n{word} asked(day=None):\n{lines}\n")
    found = nested(project, function(project, "asked"))
    return [one.through[-1][0].qualname if one.through else one.inner.name for one in found]


_HELD = "with Local() as held:\n    held.execute('x')\n"


@pytest.mark.parametrize(
    "call",
    [
        "second()",
        "second_in_test()",
        "second_as_source()",
        "second_in_while()",
        "Helper.static()",
        "three_calls_more()",
        "committed()",
    ],
)
def test_what_is_called_takes_a_second_one(call: str) -> None:
    assert len(_steps(f"{_HELD}    {call}")) == 1


@pytest.mark.parametrize(
    "call",
    [
        "second_on_some_day(day)",
        "second_after_return(day)",
        "second_in_loop(day)",
        "second_in_handler()",
        "second_in_lambda()",
        "second_in_comprehension(day)",
        "second_by_choice(day)",
        "second_by_logic(day)",
        "second_in_match(day)",
        "decorated()",
        "four_calls_more()",
        "sessions()",
        "second_later()",
        "unused()",
        "keep(second)",
        "asked(day)",
        "(second if day else committed)()",
    ],
)
def test_what_is_called_takes_none_for_certain(call: str) -> None:
    assert _steps(f"{_HELD}    {call}") == []


def test_a_function_that_calls_itself_holds_one_for_each_call() -> None:
    assert _steps(f"{_HELD}    again(3)") == ["again"]


def test_a_coroutine_counts_where_it_is_awaited() -> None:
    held = "async with Async() as held:\n    await held.execute('x')\n"
    assert _steps(f"{held}    await second_later()", asynchronous=True) == ["second_later"]
    assert _steps(f"{held}    keep(second_later())", asynchronous=True) == []


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("with engine.connect() as inner:\n        inner.execute('y')", ["inner"]),
        ("with engine.begin() as inner:\n        inner.execute('y')", ["inner"]),
        ("with Session(engine) as inner:\n        inner.execute('y')", ["inner"]),
        ("with scope() as inner:\n        inner.execute('y')", ["inner"]),
        ("with Session(other) as inner:\n        inner.execute('y')", []),
        ("with other.connect() as inner:\n        inner.execute('y')", []),
        ("with other_scope() as inner:\n        inner.execute('y')", []),
        ("with unclear_scope() as inner:\n        inner.execute('y')", []),
        ("with Session(engine if day else other) as inner:\n        inner.execute('y')", []),
        ("with Session(flag) as inner:\n        inner.execute('y')", []),
        ("with Local() as inner:\n        inner.add(1)", []),
        ("inner = Local()\n    inner.execute('y')\n    inner.close()", ["inner"]),
    ],
)
def test_both_come_from_one_pool(inner: str, expected: list[str]) -> None:
    assert _steps(f"{_HELD}    {inner}") == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("create_engine(os.environ['A'])", ["inner"]),
        ("create_engine(os.environ['A'], poolclass=QueuePool)", ["inner"]),
        ("create_engine(os.environ['A'], poolclass=NullPool)", []),
        ("create_engine(os.environ['A'], poolclass=poolclass)", []),
        ("create_engine(os.environ['A'], pool=flag)", []),
        ("create_engine('sqlite://')", []),
        ("create_engine('sqlite:///shop.db')", []),
    ],
)
def test_pools_that_let_nobody_wait_are_left_alone(made: str, expected: list[str]) -> None:
    body = "with special.connect() as held:\n    with special.connect() as inner:\n        inner.execute('y')"
    assert _steps(body, f"special = {made}") == expected


def test_a_pool_that_gives_a_task_the_connection_it_has_is_left_alone() -> None:
    inner = "async with base.connection() as inner:\n        await inner.execute('y')"
    body = f"async with base.connection() as held:\n    {inner}"
    assert _steps(body, "base = Database(os.environ['A'])", asynchronous=True) == []


def test_a_dependency_that_yields_something_unclear_has_no_pool() -> None:
    before = "from fastapi import Depends\ndef lend():\n    yield keep(1)\n"
    project = linked(
        f"{_START}\n{before}\ndef asked(held: Session = Depends(lend)):\n    held.execute('x')\n    second()\n"
    )
    assert list(nested(project, function(project, "asked"))) == []


@pytest.mark.parametrize("value", ["Local()", "session", "Session(engine)"])
def test_a_dependency_lends_from_its_pool(value: str) -> None:
    before = f"from fastapi import Depends\ndef lend():\n    session = Local()\n    yield\n    yield {value}\n"
    project = linked(
        f"{_START}\n{before}\ndef asked(held: Session = Depends(lend)):\n    held.execute('x')\n    second()\n"
    )
    (found,) = nested(project, function(project, "asked"))
    assert found.inner.name == "inner"
    assert isinstance(found.since, facts.Call)


def test_a_parameter_of_nobody_knows_where_has_no_pool() -> None:
    project = linked(f"{_START}\ndef asked(held: Session):\n    held.execute('x')\n    second()\n")
    assert list(nested(project, function(project, "asked"))) == []


def test_one_step_is_told_once() -> None:
    body = "with Local() as one, Local() as two:\n    one.execute('x')\n    two.execute('y')\n    second()"
    assert _steps(body) == ["two", "second"]
