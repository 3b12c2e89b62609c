"""What may an expression be? Kinds by annotation, constructor, factory and import, and nothing by its name."""

from __future__ import annotations

import textwrap

import pytest
from linking import answer, asked, function, linked, said

from dbpool_lint.config import Settings


def _expressions(start: str, *cases: tuple[str, str]) -> pytest.MarkDecorator:
    """Cases of one file: an expression below `start`, and what it may be, possibilities separated by " | "."""
    params = [pytest.param(start, given, expected, id=given) for given, expected in cases]
    return pytest.mark.parametrize(("start", "expression", "expected"), params)


def _answer(start: str, expression: str) -> str:
    return " | ".join(sorted(answer(f"{textwrap.dedent(start)}\nasked = {expression}")))


# refusals: what is unknown stays unknown


@_expressions(
    """
    import os
    engine_of_names = [1]
    session_like = [1, 2]
    """,
    ("nowhere_defined", "unknown"),
    ("session_like[0]", "unknown"),
    ("{1: 2}", "unknown"),
    ("lambda: 1", "unknown"),
    ("1 + 2", "unknown"),
    ("not 1", "unknown"),
    ("'text'.upper()", "unknown"),
    ("(lambda: 1)()", "unknown"),
    ("engine_of_names.session.engine", "unknown"),
    ("{**session_like}.engine", "unknown"),
)
def test_names_and_shapes_alone_say_nothing(start: str, expression: str, expected: str) -> None:
    assert _answer(start, expression) == expected


@pytest.mark.parametrize(
    "body",
    [
        "asked = asked",
        "a = b\nb = a\nasked = a",
        "def f():\n    return f()\nasked = f()",
        "def f():\n    return g()\ndef g():\n    return f()\nasked = g()",
        "class A(B): pass\nclass B(A): pass\nasked = A().x",
        "class A:\n    def __init__(self):\n        self.x = self.x\nasked = A().x",
        "class A:\n    @property\n    def x(self):\n        return self.x\nasked = A().x",
        "from app import asked as again\nasked = again",
        "def f(x: 'x'):\n    asked = x",
        "Alias = Alias\ndef f(x: Alias):\n    asked = x",
    ],
)
def test_definitions_that_go_in_circles_end(body: str) -> None:
    assert all("ession" not in what for what in answer({"app.py": body}))


def test_a_circle_with_a_way_out_gives_what_the_way_out_gives() -> None:
    text = """
        from sqlalchemy.orm import Session
        def retry(left):
            if left:
                return retry(left - 1)
            return Session()
        asked = retry(3)
    """
    assert "fresh Session" in answer(text)


def test_very_long_chains_end_and_are_known_again_near_their_end() -> None:
    chain = "".join(f"def f{n}():\n    return f{n + 1}()\n" for n in range(90))
    project = linked(f"from sqlalchemy.orm import Session\n{chain}def f90():\n    return Session()\nasked = f0()")
    assert said(project.evaluator.values(*asked(project))) == {"unknown"}
    assert said(project.evaluator.result(function(project, "f88"))) == {"fresh Session"}


@pytest.mark.parametrize("how", ["*args: Session", "**kwargs: Session"])
def test_a_starred_parameter_holds_a_collection_and_not_what_it_is_annotated_with(how: str) -> None:
    name = how.strip("*").partition(":")[0]
    assert answer(f"from sqlalchemy.orm import Session\ndef f({how}):\n    asked = {name}") == {"unknown"}


def test_a_name_that_something_unknown_may_fill_may_be_unknown() -> None:
    text = """
        from sqlalchemy.orm import Session
        def f(rows):
            session = Session()
            for session, other in rows:
                pass
            asked = session
    """
    assert answer(text) >= {"fresh Session"}


@pytest.mark.parametrize(
    "body",
    [
        "for x in [1]:\n    pass",
        "for x, y in pairs:\n    pass",
        "x, y = pair",
        "(x, *y) = pair",
        "[(x, z), y] = pairs",
        "try:\n    pass\nexcept ValueError as x:\n    pass",
        "x += 1",
        "match pair:\n    case [x, y]:\n        pass",
        "with pair as x:\n    pass",
    ],
)
def test_names_bound_by_parts_of_something_are_unknown(body: str) -> None:
    assert answer(f"{body}\nasked = x") == {"unknown"}


# annotations

_PARAMETER = """
    from __future__ import annotations
    import sqlalchemy.orm
    import typing as t
    from typing import Annotated, Any, ClassVar, Final, Iterator, List, Optional, TypeVar, Union
    from typing_extensions import Annotated as Noted
    import asyncpg
    from asyncpg import Pool
    from fastapi import Depends
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import Engine
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
    from sqlalchemy.orm import Session, scoped_session, sessionmaker
    from somewhere import Stranger
    def provide() -> AsyncSession: ...
    DB = Annotated[AsyncSession, Depends(provide)]
    Same = DB
    Two = Union[Session, AsyncSession]
    Twice = Session
    Twice = AsyncSession
    class Mine(Session): ...
    class Plain: ...
"""


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Any", {"result of typing.Any"}),
        ("None", {"unknown"}),
        ("3", {"unknown"}),
        ("Nowhere", {"unknown"}),
        ("Stranger", {"result of somewhere.Stranger"}),
        ("List[Session]", {"unknown"}),
        ("list[Session]", {"unknown"}),
        ("Iterator[Session]", {"unknown"}),
        ("Twice", {"Session", "AsyncSession"}),
        ("'no such thing'", {"unknown"}),
        ("''", {"unknown"}),
        ("Plain", {"object of Plain"}),
        ("Session", {"Session"}),
        ("Mine", {"Session"}),
        ("sqlalchemy.orm.Session", {"Session"}),
        ("'Session'", {"Session"}),
        ("'sqlalchemy.orm.Session'", {"Session"}),
        ("'Optional[Session]'", {"Session"}),
        ("'Plain | Nothing'", {"object of Plain"}),
        ("Optional[Session]", {"Session"}),
        ("t.Optional[Session]", {"Session"}),
        ("Union[Session, AsyncSession]", {"Session", "AsyncSession"}),
        ("Union[Session, None]", {"Session"}),
        ("Session | None", {"Session"}),
        ("Session | AsyncSession", {"Session", "AsyncSession"}),
        ("'Session' | None", {"Session"}),
        ("Annotated[Session, Depends(provide)]", {"Session"}),
        ("Noted[Session, 'doc']", {"Session"}),
        ("Annotated['Session', 'doc']", {"Session"}),
        ("Annotated[Optional[Session], 'doc']", {"Session"}),
        ("Final[Engine]", {"Engine"}),
        ("ClassVar[AsyncEngine]", {"AsyncEngine"}),
        ("DB", {"AsyncSession"}),
        ("Same", {"AsyncSession"}),
        ("Two", {"Session", "AsyncSession"}),
        ("sessionmaker[Session]", {"sessionmaker"}),
        ("async_sessionmaker[AsyncSession]", {"async_sessionmaker"}),
        ("scoped_session[Session]", {"scoped_session"}),
        ("Connection", {"Connection"}),
        ("Pool", {"asyncpg pool"}),
        ("asyncpg.Connection", {"asyncpg connection"}),
        ("SQLAlchemy", {"Flask-SQLAlchemy extension"}),
    ],
)
def test_a_parameter_is_what_its_annotation_promises(annotation: str, expected: set[str]) -> None:
    found = answer(f"{textwrap.dedent(_PARAMETER)}\ndef f(x: {annotation}):\n    asked = x")
    assert found - {"unknown"} == expected - {"unknown"}


def test_an_alias_from_another_module_is_followed() -> None:
    files = {
        "deps.py": """
            from typing import Annotated
            from sqlalchemy.ext.asyncio import AsyncSession
            SessionDep = Annotated[AsyncSession, "from the pool"]
        """,
        "app.py": "import deps\nasync def f(x: deps.SessionDep):\n    asked = x",
    }
    assert answer(files) == {"AsyncSession"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pool: asyncpg.Pool\nasked = pool", {"asyncpg pool"}),
        ("pool: asyncpg.Pool | None = None\nasked = pool", {"asyncpg pool"}),
        ("pool: asyncpg.Pool = lib.pool()\nasked = pool", {"asyncpg pool", "result of lib.pool"}),
        ("pool: asyncpg.Pool = {}[1]\nasked = pool", {"asyncpg pool"}),
        ("pool = None\nasked = pool", {"None"}),
        ("pool = 5\nasked = pool", {"5"}),
    ],
)
def test_an_annotated_name_is_what_it_is_annotated_with(text: str, expected: set[str]) -> None:
    assert answer(f"import asyncpg, lib\n{text}") == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [("", {"unknown"}), ("-> Session", {"Session", "unknown"}), ("-> 'Session'", {"Session", "unknown"})],
)
def test_a_function_gives_what_its_annotation_promises_when_its_body_says_nothing(
    annotation: str, expected: set[str]
) -> None:
    text = f"from sqlalchemy.orm import Session\ndef make(x) {annotation}:\n    return x\nasked = make(1)"
    assert answer(text) == expected


# constructors and factories

_MAKERS = """
    import asyncio
    import functools
    from functools import partial
    from typing import cast
    import aiomysql
    import asyncpg
    import psycopg_pool
    from databases import Database
    from flask_sqlalchemy import SQLAlchemy
    from psycopg2.pool import ThreadedConnectionPool
    from sqlalchemy import create_engine, engine_from_config
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
    from sqlalchemy.orm import Session, scoped_session, sessionmaker
    engine = create_engine("postgresql://h/d")
    aengine = create_async_engine("postgresql+asyncpg://h/d")
    Local = sessionmaker(engine)
    ALocal = async_sessionmaker(aengine)
    Old = sessionmaker(aengine, class_=AsyncSession)
    Odd = sessionmaker(engine, class_=Session)
    Registry = scoped_session(Local)
    pool = psycopg_pool.ConnectionPool("postgresql://h/d")
    dbapi = ThreadedConnectionPool(1, 2)
    db = SQLAlchemy()
    Filled = partial(Session, engine)
    class Own(Session): ...
    class Settled(Own): ...
    session = Session()
"""


@_expressions(
    _MAKERS,
    ("create_engine('x')", "fresh Engine"),
    ("engine", "Engine"),
    ("engine_from_config({})", "fresh Engine"),
    ("create_async_engine('x')", "fresh AsyncEngine"),
    ("aengine.sync_engine", "Engine"),
    ("aengine.url", "unknown"),
    ("Local", "sessionmaker"),
    ("Local()", "fresh Session"),
    ("ALocal()", "fresh AsyncSession"),
    ("Old()", "fresh AsyncSession"),
    ("Odd()", "fresh Session"),
    ("Registry", "scoped_session"),
    ("Registry()", "Session"),
    ("Session()", "fresh Session"),
    ("session", "Session"),
    ("session()", "unknown"),
    ("Own()", "fresh Session"),
    ("Settled(engine)", "fresh Session"),
    ("Filled()", "fresh Session"),
    ("partial()", "result of functools.partial"),
    ("engine.connect()", "fresh Connection"),
    ("engine.raw_connection()", "fresh raw DBAPI connection"),
    ("engine.execution_options(a=1).connect()", "fresh Connection"),
    ("engine.connect().execution_options(a=1)", "fresh Connection"),
    ("engine.dispose()", "unknown"),
    ("aengine.connect()", "fresh AsyncConnection"),
    ("asyncpg.create_pool('x')", "fresh asyncpg pool"),
    ("asyncpg.create_pool('x').acquire()", "fresh connection of an asyncpg pool"),
    ("pool.getconn()", "fresh connection of a psycopg pool"),
    ("dbapi.getconn()", "fresh connection of a psycopg2 pool"),
    ("aiomysql.create_pool().acquire()", "fresh connection of an aiomysql pool"),
    ("Database('x')", "fresh databases.Database"),
    ("db.session", "scoped_session"),
    ("db.session()", "Session"),
    ("db.engine.connect()", "fresh Connection"),
    ("cast(Session, Session())", "fresh Session"),
    ("cast('Session', {}[1])", "unknown"),
    ("asyncio.run(Session())", "fresh Session"),
    ("asyncio.run()", "result of asyncio.run"),
    ("(again := Session())", "fresh Session"),
    ("Session() if engine else None", "None | fresh Session"),
    ("session or Session()", "Session | fresh Session"),
    ("None or Session()", "fresh Session"),
    ("'' or 'x'", "'x'"),
    ("1 and Session()", "unknown"),
)
def test_what_is_made_is_fresh_and_what_is_kept_is_not(start: str, expression: str, expected: str) -> None:
    assert _answer(start, expression) == expected


def test_awaiting_changes_nothing() -> None:
    text = "import asyncpg\nasync def f(pool: asyncpg.Pool):\n    asked = await pool.acquire()"
    assert answer(text) == {"fresh connection of an asyncpg pool"}


_FACTORY_FILES = {
    "shop/__init__.py": "from shop.db import make as exported",
    "shop/db.py": """
        from contextlib import contextmanager
        from sqlalchemy import create_engine
        from sqlalchemy.orm import sessionmaker
        engine = create_engine("postgresql://h/d")
        def factory():
            return sessionmaker(bind=engine)
        Local = factory()
        def make():
            session = Local()
            return session
    """,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from shop.db import make\nasked = make()", {"fresh Session"}),
        ("import shop.db\nasked = shop.db.make()", {"fresh Session"}),
        ("from shop import db\nasked = db.Local", {"sessionmaker"}),
        ("from shop import db\nasked = db", {"module shop/db.py"}),
        ("from shop import exported\nasked = exported()", {"fresh Session"}),
        ("from shop.db import factory\nasked = factory()()", {"fresh Session"}),
        ("def f():\n    from shop.db import Local\n    asked = Local()", {"fresh Session"}),
        ("from shop.db import missing\nasked = missing()", {"unknown"}),
        ("from shop.db import engine\nasked = engine", {"Engine"}),
        ("from shop.db import *\nasked = Local()", {"fresh Session"}),
    ],
)
def test_factories_are_followed_across_modules(text: str, expected: set[str]) -> None:
    assert answer({**_FACTORY_FILES, "app.py": text}) == expected


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("@staticmethod", {"fresh Session"}),
        ("@functools.lru_cache", {"Session"}),
        ("@functools.lru_cache(maxsize=1)", {"Session"}),
        ("@somewhere.unheard_of", {"Session"}),
        ("@own", {"Session"}),
        ("@contextlib.contextmanager", {"manager make"}),
    ],
)
def test_a_decorated_function_may_keep_what_it_made(decorator: str, expected: set[str]) -> None:
    text = f"""
import contextlib, functools, somewhere
from sqlalchemy.orm import Session
def own(f):
    return f
{decorator}
def make():
    return Session()
asked = make()
"""
    assert answer(text) == expected


def test_a_name_of_a_class_body_is_found_there_and_then_around_it() -> None:
    start = "from sqlalchemy.orm import Session, sessionmaker\nLocal = sessionmaker()\nclass A:\n    own = Session()\n"
    assert answer(f"{start}    asked = own") == {"fresh Session"}
    assert answer(f"{start}    asked = Local()") == {"fresh Session"}


def test_a_name_that_is_imported_or_defined_may_be_either() -> None:
    text = """
        try:
            from somewhere import Session
        except ImportError:
            class Session: ...
        def f():
            asked = Session
    """
    assert answer(text) == {"class Session", "outside somewhere.Session"}


def test_a_global_that_a_function_fills_is_known_everywhere() -> None:
    text = """
        from sqlalchemy import create_engine
        _engine = None
        def start():
            global _engine
            _engine = create_engine("postgresql://h/d")
            return _engine
        def use():
            asked = _engine
    """
    assert answer(text) == {"Engine"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def inner():\n        return Session()\n    asked = inner()", {"fresh Session"}),
        ("class Inner(Session):\n        pass\n    asked = Inner()", {"fresh Session"}),
        ("asked, other = Session(), 2", {"fresh Session"}),
        ("if (again := Session()):\n        asked = again", {"fresh Session"}),
        ("global Local\n    asked = Local()", {"fresh Session"}),
    ],
)
def test_names_of_a_function_are_found_in_it_first(body: str, expected: set[str]) -> None:
    start = "from sqlalchemy.orm import Session, sessionmaker\nLocal = sessionmaker()"
    if body.startswith("asked,"):
        body = body.replace("asked,", "made,") + "\n    asked = made"
    assert answer(f"{start}\ndef f():\n    {body}") == expected


def test_functions_named_in_the_settings_hand_out_sessions() -> None:
    files = {"shop/db.py": "def lend():\n    return secret()", "app.py": "from shop.db import lend\nasked = lend()"}
    assert answer(files, Settings(session_factories=("shop.db.lend",))) == {"fresh Session"}
    assert answer("import lib\nasked = lib.lend()", Settings(session_factories=("lib.lend",))) == {"fresh Session"}


# objects


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Store()", {"object of Store"}),
        ("Store", {"class Store"}),
        ("Store().nothing", {"unknown"}),
        ("Store.nothing", {"unknown"}),
        ("Store().engine", {"Engine"}),
        ("Store().shared", {"sessionmaker"}),
        ("Store.shared", {"sessionmaker"}),
        ("Store.declared", {"AsyncEngine"}),
        ("Store().declared", {"AsyncEngine"}),
        ("Child().engine", {"Engine"}),
        ("Child.shared()", {"fresh Session"}),
        ("Child().fresh", {"fresh Session"}),
        ("Child().cached", {"Session"}),
        ("Store().django_cached", {"Session"}),
        ("Store().method", {"function Store.method"}),
        ("Store().method()", {"fresh Session"}),
        ("Store.build()", {"object of Store"}),
        ("Store.build().engine", {"Engine"}),
        ("Store.plain()", {"fresh Session"}),
        ("Store().plain()", {"fresh Session"}),
        ("Child().itself().engine", {"Engine"}),
        ("Child().set_twice", {"fresh Session"}),
        ("Generic().engine", {"Engine"}),
    ],
)
def test_attributes_of_objects_are_what_their_class_stores(expression: str, expected: set[str]) -> None:
    text = f"""
from functools import cached_property
from typing import Generic as G, Optional, TypeVar
import django.utils.functional as lazy
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session, sessionmaker
T = TypeVar("T")
class Store:
    shared = sessionmaker()
    declared: Optional[AsyncEngine] = None
    def __init__(self, url):
        self.engine = create_engine(url)
    @property
    def fresh(self):
        return Session(self.engine)
    @cached_property
    def cached(self):
        return Session(self.engine)
    @lazy.cached_property
    def django_cached(self):
        return Session(self.engine)
    def method(self):
        return self.shared()
    @classmethod
    def build(cls):
        return cls("x")
    @staticmethod
    def plain():
        return Session()
    def itself(self):
        return self
    @property
    def set_twice(self):
        return Session()
    @set_twice.setter
    def set_twice(self, value):
        self.engine = value
class Child(Store): ...
class Generic(Store, G[T]): ...
asked = {expression}
"""
    assert answer(text) == expected


def test_application_state_of_a_request_belongs_to_the_application() -> None:
    text = "from starlette.requests import Request\ndef f(request: Request):\n    asked = request.app"
    assert answer(text) == {"result of starlette.applications.Starlette"}
    assert answer(text + ".state") == {"unknown"}


# dependencies


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ("Depends()", {"unknown"}),
        ("Depends(5)", {"unknown"}),
        ("Other(give)", {"unknown"}),
        ("None", {"unknown"}),
        ("Depends(give)", {"Session"}),
        ("Depends(dependency=give)", {"Session"}),
        ("Depends(lend)", {"Session"}),
        ("Depends(Store)", {"object of Store"}),
    ],
)
def test_a_dependency_hands_over_what_it_gives(default: str, expected: set[str]) -> None:
    text = f"""
from fastapi import Depends
from sqlalchemy.orm import Session
from somewhere import Other
class Store: ...
def give():
    return Session()
def lend():
    with Session() as session:
        yield session
def route(x={default}):
    asked = x
"""
    assert answer(text) == expected


# with and for


@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        ("open('x')", {"unknown"}),
        ("Plain()", {"object of Plain"}),
        ("Session()", {"Session"}),
        ("Local.begin()", {"Session"}),
        ("engine.begin()", {"Connection"}),
        ("engine.connect()", {"Connection"}),
        ("engine.dispose()", {"unknown"}),
        ("pool.connection()", {"connection of a psycopg pool"}),
        ("lent()", {"Session"}),
        ("wrapped()", {"Session"}),
        ("Unit()", {"Session"}),
        ("Deep()", {"Session"}),
    ],
)
def test_with_binds_what_the_manager_hands_out(manager: str, expected: set[str]) -> None:
    text = f"""
from contextlib import contextmanager
from psycopg_pool import ConnectionPool
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker
engine = create_engine("x")
Local = sessionmaker(engine)
pool = ConnectionPool("x")
def given():
    yield Session()
wrapped = contextmanager(given)
@contextmanager
def lent():
    yield Local()
class Plain: ...
class Unit:
    def __enter__(self):
        return Session()
class Deep(Unit): ...
with {manager} as bound:
    asked = bound
"""
    assert answer(text) == expected


def test_async_with_binds_what_aenter_returns() -> None:
    text = """
        from sqlalchemy.ext.asyncio import AsyncSession
        class Unit:
            async def __aenter__(self):
                self.session = AsyncSession()
                return self.session
        async def f():
            async with Unit() as bound:
                asked = bound
    """
    assert answer(text) == {"AsyncSession"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [("[Session()]", {"unknown"}), ("delegating()", {"unknown"}), ("lend()", {"Session"})],
)
def test_a_loop_binds_what_a_generator_yields(source: str, expected: set[str]) -> None:
    text = f"""
from sqlalchemy.orm import Session
def lend():
    yield Session()
    yield
def delegating():
    yield from lend()
for bound in {source}:
    asked = bound
"""
    assert answer(text) == expected


def test_calling_a_generator_function_gives_a_generator() -> None:
    assert answer("def lend():\n    yield 1\nasked = lend()") == {"generator lend"}


# settings and the environment

_ENVIRONMENT = """
    import os
    from os import environ, getenv
    import decouple
    from decouple import config
    from environs import Env
    from pydantic import BaseSettings, Field
    from starlette.config import Config
    read = Config(".env")
    env = Env()
    class Settings(BaseSettings):
        size: int = 5
        recycle: int = Field(1800, gt=0)
        ping: bool = Field(default=True)
        needed: str
        from_file: int = 3
        word: str = "a"
        debug: bool = False
    settings = Settings()
"""


@_expressions(
    _ENVIRONMENT,
    ("os.environ['SIZE']", "unknown"),
    ("os.getenv('SIZE')", "unknown"),
    ("int(os.environ['SIZE'])", "unknown"),
    ("int(os.getenv('SIZE', 'many'))", "unknown"),
    ("int({}[1])", "unknown"),
    ("int(None)", "unknown"),
    ("float('1e999999')", "inf"),
    ("int(float('inf'))", "unknown"),
    ("bool('x')", "result of builtins.bool"),
    ("environ.get('SIZE', '5')", "default '5'"),
    ("getenv('SIZE', default='5')", "default '5'"),
    ("int(getenv('SIZE', '5'))", "default 5"),
    ("float(getenv('SIZE', '5'))", "default 5.0"),
    ("int('7')", "7"),
    ("str(7)", "'7'"),
    ("config('SIZE', cast=int)", "unknown"),
    ("config('SIZE', default='5', cast=int)", "default 5"),
    ("config('PING', default='off', cast=bool)", "default False"),
    ("config('PING', default='yes', cast=bool)", "default True"),
    ("config('PING', default=1, cast=bool)", "default True"),
    ("config('PING', default={}[1], cast=bool)", "unknown"),
    ("config('SIZE', default='5', cast=list)", "unknown"),
    ("read('SIZE', cast=int, default=5)", "default 5"),
    ("env('SIZE', default=5)", "default 5"),
    ("read()", "unknown"),
    ("settings.size", "5"),
    ("settings.recycle", "default 1800"),
    ("settings.ping", "default True"),
    ("settings.needed", "result of builtins.str"),
)
def test_the_environment_gives_its_default_or_nothing(start: str, expression: str, expected: str) -> None:
    assert _answer(start, expression) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", "default 7"),
        ("--7", "default '--7'"),
        ("-1", "default -1"),
        ("true", "default True"),
        ("Off", "default False"),
        ("text", "default 'text'"),
        ("12345678901", "default '12345678901'"),
    ],
)
@pytest.mark.parametrize("base", ["BaseSettings", "object"])
def test_env_files_fill_settings_classes_and_no_others(base: str, value: str, expected: str) -> None:
    text = f"""
        from pydantic_settings import BaseSettings
        class Settings({base}):
            pool_size: int = 5
        asked = Settings().pool_size
    """
    files = {".env": f"POOL_SIZE={value}", "app.py": text}
    assert answer(files) == ({expected} if base == "BaseSettings" else {"5"})


_CIRCLES = """
    def count(n):
        if n:
            return count(n - 1)
        return 1
    def ping(n):
        if n:
            return pong(n)
        return 2
    def pong(n):
        if n:
            return ping(n)
        return 3
    def endless():
        return endless()
"""


@_expressions(
    _CIRCLES,
    ("count(5)", "1"),
    ("ping(5)", "2 | 3"),
    ("pong(5)", "2 | 3"),
    ("endless()", "unknown"),
)
def test_functions_that_ask_for_each_other_give_what_their_other_ways_give(
    start: str, expression: str, expected: str
) -> None:
    assert _answer(start, expression) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("asked = super().made", "function Base.made"),
        ("asked = super(Own, self).made()", "5"),
        ("asked = super().missing", "unknown"),
        ("asked = super().__init__", "function Base.__init__"),
    ],
)
def test_super_is_the_next_base(body: str, expected: str) -> None:
    text = f"""
        class Base:
            def __init__(self): ...
            def made(self):
                return 5
        class Between(Base): ...
        class Own(Between):
            def __init__(self): ...
            def made(self):
                {body}
    """
    assert answer(text) == {expected}


def test_super_outside_of_a_method_is_unknown() -> None:
    assert answer("def f():\n    asked = super().made") == {"unknown"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("asked = partial(f, 1)", {"function f"}),
        ("asked = partial(C, 1)", {"class C"}),
        ("asked = partial(C, 1)()", {"object of C"}),
        ("asked = partial(partial(create_engine, 1), 2)()", {"fresh Engine"}),
        ("asked = partial(UNSEEN)()", {"result of somewhere.UNSEEN"}),
        ("asked = partial(5)", {"5"}),
    ],
)
def test_a_partial_is_what_it_fills(text: str, expected: set[str]) -> None:
    start = "from functools import partial\nfrom sqlalchemy import create_engine\nfrom somewhere import UNSEEN\n"
    assert answer(f"{start}def f(x): ...\nclass C: ...\n{text}") == expected
