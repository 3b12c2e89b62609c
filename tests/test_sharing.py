"""Does the product see which tasks, threads and requests work with one lease? Shapes one by one."""

from __future__ import annotations

import textwrap

import pytest
from linking import linked

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.sharing.conflicts import conflicts
from dbpool_lint.facts.sharing.standing import standing
from dbpool_lint.facts.sharing.users import shared_by
from dbpool_lint.rules import dbp205_session_shared_across_tasks as rule

BASE = """
import asyncio, contextlib, functools, os, threading
from concurrent.futures import ThreadPoolExecutor
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine(os.environ["URL"])
factory = async_sessionmaker(engine)
Local = sessionmaker(create_engine(os.environ["URL"]))
app = FastAPI()


async def work(session: AsyncSession, item=None):
    await session.execute("select 1")


def plain(db: Session, item=None):
    db.execute("select 1")
    db.commit()


async def untyped(db):
    await db.execute("select 1")


class Repository:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def load(self, item=None):
        await self.session.execute("select 1")

    async def __call__(self):
        await self.load()


class Holder:
    def __init__(self, session):
        self.repository = Repository(session)

    async def both(self):
        await self.repository.load()


class Special(Repository):
    async def load(self, item=None):
        await super().load(item)

"""


def _linked(text: str) -> Linked:
    return linked(BASE + textwrap.dedent(text))


def _conflicts(text: str) -> list[str]:
    """ "how lease" of each conflict, in order."""
    project = _linked(text)
    found = (conflicts(project.evaluator, project.reader.callers, f) for f in project.project.functions())
    return [f"{one.how} {one.lease}" for each in found for one in each]


def _messages(text: str) -> list[str]:
    project = _linked(text)
    return [v.message for module in project.project.modules.values() for v in rule.check(module, project)]


def _shared(text: str) -> list[str]:
    """ "how name" of each lease that stands for the whole process and is shared."""
    project = _linked(text)
    return [f"{one.how} {one.name}" for one in standing(project.evaluator) if shared_by(project, one) is not None]


AT_ONCE = {
    "lists added": "await asyncio.gather(*([work(s)] + [work(s)]))",
    "a dict's values": "tasks = {1: work(s), 2: work(s)}\n    await asyncio.gather(*tasks.values())",
    "a dict comprehension": "tasks = {x: work(s) for x in xs}\n    await asyncio.gather(*list(tasks.values()))",
    "items of a dict": "ts = {}\n    for x in xs:\n        ts[x] = work(s)\n    await asyncio.gather(*ts.values())",
    "extended": "tasks = []\n    tasks.extend([work(s) for x in xs])\n    await asyncio.gather(*tasks)",
    "grown": "tasks = []\n    tasks += [work(s), work(s)]\n    await asyncio.gather(*tasks)",
    "a tuple": "await asyncio.gather(*(work(s), work(s)))",
    "named coroutines": "a = work(s)\n    b = work(s)\n    await asyncio.gather(a, b)",
    "a named coroutine in a list": "a = work(s)\n    ts = [a]\n    ts.append(work(s))\n    await asyncio.gather(*ts)",
    "waited for": "await asyncio.wait([asyncio.create_task(work(s)), asyncio.create_task(work(s))])",
    "as completed": "for one in asyncio.as_completed([work(s, x) for x in xs]):\n        await one",
    "limits inside": "await asyncio.gather(asyncio.wait_for(work(s), 5), asyncio.shield(work(s)))",
    "an alias": "t = s\n    await asyncio.gather(work(s), work(t))",
    "either": "await asyncio.gather(work(s) if xs else untyped(s), work(s))",
    "a parameter without annotation": "await asyncio.gather(untyped(s), untyped(s))",
    "something unknown": "await asyncio.gather(unknown(s), unknown(s))",
    "an object's method": "r = Repository(s)\n    await asyncio.gather(r.load(), r.load())",
    "an object on the spot": "await asyncio.gather(Repository(s).load(), Repository(s).load())",
    "an object that is called": "r = Repository(s)\n    await asyncio.gather(r(), r())",
    "an inherited method": "r = Special(s)\n    await asyncio.gather(r.load(), r.load())",
    "an object and its lease": "r = Repository(s)\n    await asyncio.gather(r.load(), work(r.session))",
    "a walrus": "await asyncio.gather(work(t := s), work(s))",
    "an awaited alias": "t = (await s)\n    await asyncio.gather(work(t), work(t))",
    "a kept object's object": "h = Holder(s)\n    await asyncio.gather(h.repository.load(), h.both())",
    "tasks in the group's hands": (
        "async with asyncio.TaskGroup() as g:\n        for x in xs:\n            g.create_task(work(s))"
    ),
    "imported names": (
        "from asyncio import create_task, gather\n    await gather(create_task(work(s)), create_task(work(s)))"
    ),
    "executors inside": (
        "loop = asyncio.get_running_loop()\n"
        "    await asyncio.gather(*[loop.run_in_executor(None, plain, s, x) for x in xs])"
    ),
    "a partial in threads": "await asyncio.gather(*[asyncio.to_thread(functools.partial(work, s), x) for x in xs])",
}


@pytest.mark.parametrize("body", AT_ONCE.values(), ids=AT_ONCE)
def test_a_lease_is_used_at_once(body: str) -> None:
    found = _conflicts(f"async def run(s: AsyncSession, xs):\n    {body}\n")
    assert [one.split()[0] for one in found] == ["together"]


ALONE = {
    "exceptions": "ts = []\n    try:\n        ts.append(work(s))\n    except OSError:\n        ts.append(work(s))\n"
    "    await asyncio.gather(*ts)",
    "cases": "ts = []\n    match xs:\n        case 1:\n            ts.append(work(s))\n        case 2:\n"
    "            ts.append(work(s))\n    await asyncio.gather(*ts)",
    "one choice": "await asyncio.gather(work(s) if xs else untyped(s), asyncio.sleep(1))",
    "a list for each round": "for x in xs:\n        ts = [work(s)]\n        await asyncio.gather(*ts)",
    "only looked at": "await asyncio.gather(look(s.bind), look(s.get_bind()))",
    "logged": "await asyncio.gather(*[logger.info(s) for x in xs])",
    "shown": "await asyncio.gather(*[print(s) for x in xs])",
    "an object that nobody uses": "await asyncio.gather(*[Repository(s) for x in xs])",
    "a rebound parameter": "await asyncio.gather(*[opens(s) for x in xs])",
    "nothing to gather": "await asyncio.gather()\n    await asyncio.gather(*xs)\n    await asyncio.gather(xs)",
    "a return in between": "if xs:\n        t = asyncio.create_task(work(s))\n        return await t\n    work(s)",
    "one end of an if": "t = asyncio.create_task(work(s))\n    t.add_done_callback(print)\n    return t",
    "a result": "with ThreadPoolExecutor() as pool:\n        pool.submit(plain, s).result()\n        work(s)",
}


@pytest.mark.parametrize("body", ALONE.values(), ids=ALONE)
def test_a_lease_is_used_by_one_task(body: str) -> None:
    opens = "async def opens(s):\n    async with factory() as s:\n        await s.execute('select 1')\n\n"
    assert _conflicts(f"{opens}async def run(s: AsyncSession, xs):\n    {body}\n") == []


STARTED = {
    "a thread's keywords": ("threading.Thread(target=plain, kwargs={'db': db}).start()", "outlives db"),
    "a timer": ("threading.Timer(5, plain)", None),
    "a lambda": ("threading.Thread(target=lambda: plain(db)).start()", "outlives db"),
    "a lambda's own": ("threading.Thread(target=lambda db: db.execute('select 1')).start()", None),
    "a partial": ("threading.Thread(target=functools.partial(plain, db)).start()", "outlives db"),
    "no target": ("threading.Thread().start()", None),
    "several in a loop": ("for x in xs:\n        threading.Thread(target=plain, args=(db, x)).start()", "together db"),
    "joined in each round": (
        "for x in xs:\n        t = threading.Thread(target=plain, args=(db, x))\n        t.start()\n        t.join()",
        None,
    ),
    "beside": (
        "t = threading.Thread(target=plain, args=(db,))\n    t.start()\n    db.commit()\n    t.join()",
        "beside db",
    ),
    "a pool": (
        "with ThreadPoolExecutor() as pool:\n        pool.submit(plain, db)\n        db.commit()",
        "beside db",
    ),
    "a pool alone": ("with ThreadPoolExecutor() as pool:\n        pool.submit(plain, db)\n    db.commit()", None),
    "kept in a dict": ("ts = {}\n    ts[1] = threading.Thread(target=plain, args=(db,))\n    wait(ts)", None),
    "a walrus": ("if (t := threading.Thread(target=plain, args=(db,))):\n        t.join()", None),
}


@pytest.mark.parametrize(("body", "expected"), STARTED.values(), ids=STARTED)
def test_a_thread_gets_the_session_of_a_parameter(body: str, expected: str | None) -> None:
    assert _conflicts(f"def run(db: Session, xs):\n    {body}\n") == ([expected] if expected else [])


def test_globals_of_other_modules_and_classes_are_followed() -> None:
    text = """
    session = factory()

    class Store:
        session = factory()

        @classmethod
        async def load(cls):
            await cls.session.execute("select 1")

    async def both():
        await asyncio.gather(work(session), work(session))

    async def of_class():
        await asyncio.gather(work(Store.session), work(Store.session))

    async def imported():
        from app import session as mine
        await asyncio.gather(work(mine), work(mine))

    async def closure(s: AsyncSession):
        async def one():
            await work(s)

        async def all_of_them():
            await asyncio.gather(one(), one())

        await all_of_them()
    """
    found = ["session", "Store.session", "session", "s"]
    assert _conflicts(text) == [f"together {name}" for name in found]


def test_what_runs_in_another_branch_is_not_beside() -> None:
    text = """
    async def returns(s: AsyncSession, xs):
        if xs:
            task = asyncio.create_task(work(s))
            return task
        await work(s)

    async def raises(s: AsyncSession, xs):
        async with factory() as own:
            if xs:
                t = asyncio.create_task(work(own))
                if xs > 1:
                    await t
                raise ValueError
            await own.commit()

    async def chosen(s: AsyncSession, xs):
        await asyncio.gather(*[work(s) if xs else work(s)])
        await asyncio.gather(*(xs and [work(s)]))

    async def handled(s: AsyncSession, xs):
        try:
            first = asyncio.create_task(work(s))
            await xs
        except OSError:
            await s.rollback()
        else:
            await first
        finally:
            await xs

    async def in_turn(s: AsyncSession, xs):
        while xs:
            t = asyncio.create_task(work(s))
            await t
        await asyncio.gather(*{work(s)}, *dict(xs))
    """
    assert _conflicts(text) == []


def test_a_lease_of_another_module_is_followed() -> None:
    store = """
    import os
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

    factory = async_sessionmaker(create_async_engine(os.environ["URL"]))
    session = factory()

    class Repository:
        def __init__(self, given: AsyncSession):
            self.given = given
            self.twice = given
            self.twice = session

        @staticmethod
        async def load(given: AsyncSession):
            await given.commit()

        async def save(self):
            await self.twice.commit()
    """
    text = """
    import asyncio
    import store
    from sqlalchemy.ext.asyncio import AsyncSession

    async def both():
        await asyncio.gather(store.session.commit(), store.session.commit())

    async def static(s: AsyncSession):
        await asyncio.gather(store.Repository.load(s), store.Repository.load(given=s))

    async def spread(s: AsyncSession, xs):
        await asyncio.gather(store.Repository.load(*xs), store.Repository.load(*xs))

    async def saved(s: AsyncSession):
        r = store.Repository(s)
        await asyncio.gather(r.save(), r.save())
    """
    project = linked({"store.py": store, "app.py": text})
    found = (conflicts(project.evaluator, project.reader.callers, f) for f in project.project.functions())
    assert [one.lease for each in found for one in each] == ["session", "s"]


def test_by_its_plain_name_a_task_is_seen_as_well() -> None:
    text = """
    from asyncio import create_task

    async def start(s: AsyncSession, xs):
        if xs:
            create_task(work(s))

    async def opened(xs):
        s = factory()
        create_task(work(s))

    async def kept(xs):
        async with factory() as s:
            pass
        create_task(work(s))

    async def blocks(xs):
        async with factory() as s:
            create_task(work(s))
            while xs:
                pass
    """
    assert _conflicts(text) == ["outlives s"]


def test_the_state_of_an_application_is_read_by_its_handlers() -> None:
    text = """
    from aiohttp import web

    server = web.Application()
    app.state.db = Local()
    app.state.limit = 5
    server["db"] = Local()

    @app.get("/")
    def get(request: Request):
        return request.app.state.db.execute("select 1")

    @app.get("/other")
    def other(request: Request):
        return request.state.db or found()["db"]

    async def handler(request):
        return request.app["db"].execute("select 1")
    """
    assert _shared(text) == ["application db", "application db"]


def test_nobody_closes_what_a_dependency_returns_anew() -> None:
    text = """
    def get_db():
        return Local()

    @app.post("/")
    def post(tasks: BackgroundTasks, db: Session = Depends(get_db)):
        tasks.add_task(plain, db)
    """
    assert _conflicts(text) == []


@pytest.mark.parametrize(
    ("dependency", "given", "words"),
    [
        ("yield Local()", "Depends(get_db)", "stays open"),
        ("yield Local()", "Depends(get_db, scope='function')", "closed before the task runs"),
        ("return request.state.db", "Depends(get_db)", "does not wait for the task"),
        ("return request.state.db", "ALIAS", "does not wait for the task"),
    ],
)
def test_the_message_says_when_the_session_of_a_background_task_ends(dependency: str, given: str, words: str) -> None:
    asked = "db: Db" if given == "ALIAS" else f"db: Session = {given}"
    text = f"""
    from typing import Annotated

    def get_db(request: Request):
        {dependency}

    Db = Annotated[Session, Depends(get_db)]

    @app.post("/")
    def post(tasks: BackgroundTasks, {asked}):
        tasks.add_task(func=plain, db=db)
    """
    (message,) = _messages(text)
    assert words in message


def test_an_alias_names_the_dependency() -> None:
    text = """
    from typing import Annotated

    def get_db():
        yield Local()

    Db = Annotated[Session, Depends(get_db)]

    @app.post("/")
    async def post(db: Db):
        asyncio.create_task(untyped(db))
        asyncio.get_running_loop().create_task(untyped(1))
    """
    assert _conflicts(text) == ["outlives db"]


def test_a_method_starts_a_task_with_the_session_its_object_was_given() -> None:
    text = """
    class Orders:
        def __init__(self, session: AsyncSession):
            self.repository = Repository(session)

        async def place(self):
            asyncio.create_task(self.repository.load())
            asyncio.create_task(asyncio.sleep(1))
    """
    assert _conflicts(text) == ["outlives self.repository.session"]
    assert _messages(text) == []
    route = """
    @app.post("/")
    async def post():
        async with factory() as session:
            await Orders(session).place()
    """
    (message,) = _messages(text + route)
    assert "when `Orders.place` returns" in message


def test_messages_name_what_fails() -> None:
    text = """
    async def both(connection: AsyncConnection):
        await asyncio.gather(connection.execute("select 1"), connection.execute("select 1"))

    async def beside(s: AsyncSession):
        t = asyncio.create_task(work(s))
        await s.commit()
        await t

    async def block():
        async with factory() as s:
            asyncio.create_task(work(s))

    async def of_request(s: AsyncSession = Depends(factory)):
        asyncio.create_task(work(s))
    """
    first, second, third, fourth = _messages(text)
    assert "a connection does one thing at a time" in first
    assert "by this task and by `beside` at once" in second
    assert "when its block ends" in third
    assert "when the request ends" in fourth


def test_commands_are_left_alone_unless_they_never_end() -> None:
    text = """
    import click

    @click.command()
    def once():
        with Local() as db:
            threading.Thread(target=plain, args=(db,)).start()
            db.commit()

    @click.command()
    def for_ever(db: Session):
        while True:
            threading.Thread(target=plain, args=(db,)).start()
    """
    (message,) = _messages(text)
    assert "several threads" in message


@pytest.mark.parametrize(
    "body",
    [
        "resource = next(get_db())",
        "resource: Session | None = Local()",
        "resource = scoped_session(Local)()",
    ],
)
def test_a_global_session_in_several_spellings(body: str) -> None:
    text = f"""
    def get_db():
        with Local() as db:
            yield db

    {body}

    @app.get("/")
    def get():
        from app import resource as mine
        return mine.execute("select 1")
    """
    assert _shared(text) == ["global resource"]


SINGLE = {
    "an application's key": (
        "from aiohttp import web\nserver = web.Application()\n\nasync def setup():\n    server['db'] = factory()\n",
        ["application db"],
    ),
    "the state of a request": (
        "@app.middleware('http')\nasync def m(request: Request, go):\n    request.state.db = factory()\n",
        [],
    ),
    "an attribute set on the class": (
        (
            "class Store:\n    db = None\n\n    @classmethod\n    def open(cls):\n        cls.db = Local()\n\n"
            "@app.get('/')\ndef get():\n    return Store.db.execute('select 1')\n"
        ),
        ["class db"],
    ),
    "awaited": (
        (
            "async def make():\n    return factory()\n\nasync def start():\n    global db\n    db = await make()\n\n"
            "@app.get('/')\nasync def get():\n    await db.execute('select 1')\n"
        ),
        ["global db"],
    ),
    "a cached object": (
        (
            "class Store:\n    def __init__(self):\n        self.db = Local()\n\n@functools.cache\ndef store():\n"
            "    return Store()\n\n@app.get('/')\ndef get():\n    return store().db.execute('select 1')\n"
        ),
        ["object store"],
    ),
    "closed and tested only": (
        "db = Local()\n\n@app.get('/')\ndef get():\n    if db:\n        db.close()\n",
        [],
    ),
    "a class inside a function": (
        "def make():\n    class Store:\n        db = Local()\n    return 1\n\n@app.get('/')\ndef g():\n    make()\n",
        [],
    ),
    "called by scripts alone": (
        (
            "db = Local()\n\ndef one():\n    db.execute('select 1')\n\ndef two():\n    one()\n\nimport click\n\n"
            "@click.command()\ndef command():\n    two()\n    one()\n    db.commit()\n"
        ),
        [],
    ),
}


@pytest.mark.parametrize(("text", "expected"), SINGLE.values(), ids=SINGLE)
def test_what_is_there_once(text: str, expected: list[str]) -> None:
    assert _shared(text) == expected
