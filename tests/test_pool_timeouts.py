"""Can code raise Python's own `TimeoutError`, what is caught around it, and which drivers are in play?"""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.drivers import drivers, engines, may_time_out_commands, never_time_out
from dbpool_lint.facts.failing.catching import Caught, around_call, attempts, of_try
from dbpool_lint.facts.failing.timeouts import Mood, Moods
from dbpool_lint.knowledge.timeouts import is_calm

HEAD = """
import asyncio, logging, time
import httpx
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase
from settings import URL, unknown, thing
engine = create_async_engine(URL)
factory = async_sessionmaker(engine)
log = logging.getLogger(__name__)
class Base(DeclarativeBase): ...
class Row(Base):
    def send(self):
        return httpx.get(URL)
class Plain:
    def __init__(self):
        self.at = time.time()
class Slow:
    def __init__(self):
        httpx.get(URL)
async def helper(session: AsyncSession):
    return await session.execute(text("select 1"))
async def again(session: AsyncSession):
    return await again(session)
async def slow():
    await asyncio.wait_for(thing(), 1)
"""

CALM, TAKES, UNKNOWN = Mood.CALM, Mood.TAKES, Mood.UNKNOWN


@pytest.mark.parametrize(
    ("line", "mood"),
    [
        ("log.info('%s', len([1]))", CALM),
        ("'a'.join(['b'])", CALM),
        ("Plain()", CALM),
        ("Row(name=1)", CALM),
        ("Slow()", UNKNOWN),
        ("unknown()", UNKNOWN),
        ("await unknown", UNKNOWN),
        ("open('x')", UNKNOWN),
        ("await session.execute(select(Row))", TAKES),
        ("await asyncio.gather(session.execute(text('a')), session.execute(text('b')))", TAKES),
        ("session.add(Row())", CALM),
        ("await session.run_sync(unknown)", UNKNOWN),
        ("async with engine.begin() as c:\n        await c.run_sync(Base.metadata.create_all)", TAKES),
        ("async with engine.begin() as c:\n        await c.run_sync()", UNKNOWN),
        ("async with engine.connect() as c:\n        await c.execute(text('a'))", TAKES),
        ("async with session:\n        pass", TAKES),
        ("async with unknown:\n        pass", UNKNOWN),
        ("async with factory() as s:\n        await s.commit()", TAKES),
        ("factory.configure(expire_on_commit=False)", CALM),
        ("await engine.dispose()", CALM),
        ("async for row in await session.stream(text('a')):\n        print(row)", TAKES),
        ("async for row in unknown:\n        pass", UNKNOWN),
        ("rows = (await session.execute(text('a'))).scalars().all()\n    [r.name.lower() for r in rows]", TAKES),
        ("rows = await session.execute(text('a'))\n    for row in rows:\n        row.items()", TAKES),
        ("row = await session.get(Row, 1)\n    row.send()", UNKNOWN),
        ("row = await session.get(Row, 1)\n    row.name.send()", UNKNOWN),
        ("started = time.monotonic()\n    started.total_seconds()", CALM),
        ("found = sorted([2])\n    found.append(1)", CALM),
        ("found = unknown()\n    found.append(1)", UNKNOWN),
        ("given.append(1)", UNKNOWN),
        ("[x.strip() for x in given]", UNKNOWN),
        ("query = select(Row).where(Row.id == 1)\n    await session.execute(query.limit(1))", TAKES),
        ("await helper(session)", TAKES),
        ("await again(session)", CALM),
        ("await slow()", UNKNOWN),
        ("raise asyncio.TimeoutError", UNKNOWN),
        ("raise TimeoutError('x')", UNKNOWN),
        ("raise ValueError('x')", CALM),
        ("raise", CALM),
        ("yield session", UNKNOWN),
        ("loop = asyncio.get_running_loop()\n    loop.time()", CALM),
    ],
)
def test_moods(line: str, mood: Mood) -> None:
    project = linked(f"{HEAD}\nasync def run(session: AsyncSession, given):\n    {line}\n")
    running = function(project, "run")
    assert Moods(project.reader).of(running.node.body, running) is mood


def test_code_too_deep_to_follow_may_do_anything() -> None:
    steps = "".join(f"def f{i}():\n    f{i + 1}()\n" for i in range(12))
    project = linked(f"{steps}def f12(): ...\ndef run():\n    f0()\n")
    running = function(project, "run")
    assert Moods(project.reader).of(running.node.body, running) is UNKNOWN


@pytest.mark.parametrize(
    ("name", "calm"),
    [
        ("builtins.len", True),
        ("builtins.open", False),
        ("fastapi.HTTPException", True),
        ("fastapi.concurrency.run_in_threadpool", False),
        ("asyncio.sleep", True),
        ("asyncio.wait_for", False),
        ("httpx.get", False),
    ],
)
def test_calm_names(name: str, calm: bool) -> None:
    assert is_calm(name) is calm


def _caught(handlers: str, before: str = "") -> list[Caught]:
    body = f"try:\n        pass\n    {handlers}"
    project = linked(
        f"import asyncio\nfrom sqlalchemy import exc\nfrom settings import Odd\n{before}\ndef run():\n    {body}\n"
    )
    running = function(project, "run")
    return [of_try(project.evaluator, one.statement, running) for one in attempts(project.evaluator, running)]


@pytest.mark.parametrize(
    ("handlers", "names", "complete"),
    [
        ("except ValueError:\n        pass", {"builtins.ValueError"}, True),
        ("except:\n        pass", {"builtins.BaseException"}, True),
        (
            "except (OSError, exc.TimeoutError):\n        pass",
            {"builtins.OSError", "sqlalchemy.exc.TimeoutError"},
            True,
        ),
        ("except Odd:\n        pass", {"settings.Odd"}, True),
        ("except unknown():\n        pass", set(), False),
        ("except Own:\n        pass", set(), False),
        ("except KNOWN:\n        pass", {"builtins.OSError"}, True),
    ],
)
def test_what_handlers_catch(handlers: str, names: set[str], complete: bool) -> None:
    before = "class Own(OSError): ...\nKNOWN = (OSError,)"
    assert _caught(handlers, before) == [Caught(frozenset(names), complete)]


def test_a_try_without_handlers_is_no_attempt() -> None:
    assert _caught("finally:\n        pass") == []


OUTER = """
from contextlib import suppress
def run(step):
    with suppress(KeyError), step:
        try:
            try:
                step()
            except ValueError:
                try:
                    step()
                except IndexError:
                    pass
        except OSError:
            pass
    for _ in step:
        try:
            step()
        except LookupError:
            pass
"""


def test_what_stands_around_an_attempt() -> None:
    project = linked(OUTER)
    running = function(project, "run")
    found = [(one.statement.handlers[0].types, one.outer.names) for one in attempts(project.evaluator, running)]
    outer = {
        kind.id: {name.removeprefix("builtins.") for name in names}
        for kind, names in found
        if isinstance(kind, facts.Name)
    }
    assert outer == {
        "OSError": {"KeyError"},
        "ValueError": {"KeyError", "OSError"},
        "IndexError": {"KeyError", "OSError"},
        "LookupError": set(),
    }


def test_what_is_caught_around_a_call() -> None:
    project = linked(OUTER)
    running = function(project, "run")
    calls = [
        f for f in running.body if isinstance(f, facts.Call) and isinstance(f.func, facts.Name) and f.func.id == "step"
    ]
    names = [sorted(around_call(project.evaluator, call, running).names) for call in calls]
    assert [[name.removeprefix("builtins.") for name in one] for one in names] == [
        ["KeyError", "OSError", "ValueError"],
        ["IndexError", "KeyError", "OSError"],
        ["LookupError"],
    ]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("create_engine('postgresql+psycopg2://db/x')", {"psycopg2"}),
        ("create_engine('postgresql://db/x')", {"psycopg2", "psycopg"}),
        ("create_engine('mysql+pymysql://db/x')", {"pymysql"}),
        ("create_engine('odd://db/x')", {""}),
        ("create_engine(URL)", {""}),
        ("create_engine('postgresql+psycopg2://db/x' if URL else URL)", {"psycopg2", ""}),
    ],
)
def test_drivers(code: str, names: set[str]) -> None:
    project = linked(f"from sqlalchemy import create_engine\nfrom settings import URL\nengine = {code}\n")
    assert drivers(project, engines(project)) == names
    assert never_time_out(project) is ("" not in names)


def test_engines_of_tests_are_not_asked() -> None:
    project = linked({"tests/test_x.py": "from sqlalchemy import create_engine\nengine = create_engine('sqlite://')\n"})
    assert drivers(project, engines(project)) == {""}


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ("", False),
        ("connect_args={'timeout': 5}", False),
        ("connect_args={'command_timeout': 5}", True),
        ("connect_args=ARGS", True),
        ("**ARGS", True),
    ],
)
def test_command_timeouts(given: str, limits: bool) -> None:
    head = "from sqlalchemy.ext.asyncio import create_async_engine\nfrom settings import ARGS, URL\n"
    code = f"{head}engine = create_async_engine(URL, {given})\n"
    assert may_time_out_commands(linked(code)) is limits


def test_a_command_timeout_in_the_url() -> None:
    code = "from sqlalchemy.ext.asyncio import create_async_engine\nengine = create_async_engine('postgresql+asyncpg://db/x?command_timeout=5')\n"
    assert may_time_out_commands(linked(code))
