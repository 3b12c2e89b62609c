"""With which arguments is a call really made? What cannot be read is said to be unknown, never absent."""

from __future__ import annotations

import pytest
from linking import asked, linked, said

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.arguments import Argument, Reader
from dbpool_lint.facts.configuration.options import pings_itself, state
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import statement_of

_START = """
import functools
from functools import cached_property, partial
from sqlalchemy import create_engine
from somewhere import UNSEEN, fetch, flag
BASE = {"ping": True}
EMPTY = {}
def made():
    return {"ping": True}
"""


def _argument(text: str, name: str = "ping", position: int | None = None) -> tuple[Reader, Argument]:
    project = linked(f"{_START}{text}")
    fact, scope = asked(project)
    assert isinstance(fact, facts.Call)
    return project.reader, project.reader.argument(fact, scope, name, position)


def _told(text: str, name: str = "ping", position: int | None = None) -> str:
    """ "absent", "unknown", or the values that the argument may have; with "?" when there may be others."""
    reader, found = _argument(text, name, position)
    if found.absent:
        return "absent"
    values = " | ".join(sorted(said(reader.given(found))))
    return "unknown" if not values else values if found.certain else f"{values} ?"


# refusals: what cannot be read is unknown


@pytest.mark.parametrize(
    "text",
    [
        "asked = create_engine(**UNSEEN)",
        "asked = create_engine(**fetch())",
        "asked = create_engine(**fetch.options)",
        "asked = create_engine(**{flag: True})",
        "asked = create_engine(**{**UNSEEN})",
        "asked = create_engine(**[1])",
        "asked = create_engine(**dict(UNSEEN))",
        "asked = create_engine(**{k: v for k, v in UNSEEN})",
        "asked = create_engine(**(EMPTY if flag else UNSEEN))",
        "asked = create_engine(**(UNSEEN or {}))",
        "asked = create_engine(**(EMPTY | UNSEEN))",
        "asked = create_engine(**nowhere)",
        "def f(options):\n    asked = create_engine(**options)",
        "def f(**options):\n    asked = create_engine(**options)",
        "def f(options):\n    asked = create_engine(**options)\nf(UNSEEN)",
        "def f(options):\n    asked = create_engine(**options)\nf()",
        "def f(options):\n    asked = create_engine(**options)\nf(*UNSEEN)",
        "def f():\n    for options in UNSEEN:\n        asked = create_engine(**options)",
        "def f():\n    for name, options in UNSEEN:\n        asked = create_engine(**options)",
        "for options in UNSEEN:\n    asked = create_engine(**options)",
        "options = {}\nfor options in UNSEEN:\n    asked = create_engine(**options)",
        "options = {}\nwith fetch() as options:\n    asked = create_engine(**options)",
        "def f():\n    with fetch() as options:\n        asked = create_engine(**options)",
        "def f():\n    first, options = UNSEEN\n    asked = create_engine(**options)",
        "options = {}\noptions[flag] = True\nasked = create_engine(**options)",
        "options = {}\noptions.setdefault(flag, True)\nasked = create_engine(**options)",
        "options = {}\noptions.update(UNSEEN)\nasked = create_engine(**options)",
        "options = {}\noptions.update(**UNSEEN)\nasked = create_engine(**options)",
        "options = {}\noptions |= UNSEEN\nasked = create_engine(**options)",
        "options = options\nasked = create_engine(**options)",
        "def f(**options):\n    asked = create_engine(**options)\nmake = functools.partial(f, 1)\nf(2)",
    ],
)
def test_what_cannot_be_read_is_unknown_and_not_absent(text: str) -> None:
    assert _told(text) == "unknown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("asked = create_engine()", "absent"),
        ("asked = create_engine('url')", "absent"),
        ("asked = create_engine(ping=True)", "True"),
        ("asked = create_engine(**{'ping': True})", "True"),
        ("asked = create_engine(**{'other': True})", "absent"),
        ("asked = create_engine(**{**BASE})", "True"),
        ("asked = create_engine(**{**EMPTY, 'ping': False})", "False"),
        ("asked = create_engine(**dict(ping=True))", "True"),
        ("asked = create_engine(**dict(BASE, other=1))", "True"),
        ("asked = create_engine(**dict(**BASE))", "True"),
        ("asked = create_engine(**BASE)", "True"),
        ("asked = create_engine(**EMPTY)", "absent"),
        ("asked = create_engine(**BASE.copy())", "True"),
        ("asked = create_engine(**(BASE | EMPTY))", "True"),
        ("asked = create_engine(**(BASE if flag else {'ping': False}))", "False | True"),
        ("asked = create_engine(**(BASE if flag else {}))", "True"),
        ("asked = create_engine(**(None or BASE))", "True"),
        ("asked = create_engine(**made())", "True"),
        ("asked = create_engine(**BASE, **UNSEEN)", "True"),
        ("asked = create_engine(**{**BASE, **UNSEEN})", "True ?"),
        ("def f(options):\n    options = {}\n    asked = create_engine(**options)", "absent"),
        ("options = {}\noptions = {'a': 1}\nasked = create_engine(**options)", "absent"),
        ("make = partial(create_engine, ping=True)\nasked = make('url')", "True"),
        ("make = partial(create_engine, ping=True)\nasked = make('url', ping=False)", "False"),
        ("asked = partial(create_engine, ping=True)('url')", "True"),
        ("asked = partial(partial(create_engine, 'url', a=1), ping=True)()", "True"),
        ("make = partial(create_engine, **UNSEEN)\nasked = make('url')", "unknown"),
        ("def f(**options):\n    asked = create_engine(**options)\nmake = partial(f, ping=True)\nmake(1)", "True"),
        ("asked = create_engine(**UNSEEN, ping=False)", "False"),
        ("options = {}\noptions['ping'] = True\nasked = create_engine(**options)", "True"),
        ("options = {'ping': False}\noptions['ping'] = True\nasked = create_engine(**options)", "True"),
        (
            "options = {'ping': False}\nif flag:\n    options['ping'] = True\nasked = create_engine(**options)",
            "False | True",
        ),
        ("options = {}\noptions.update(ping=True)\nasked = create_engine(**options)", "True"),
        ("options = {}\noptions.update({'ping': True})\nasked = create_engine(**options)", "True"),
        ("options = {}\noptions.update(**BASE)\nasked = create_engine(**options)", "True"),
        ("options = {}\noptions.setdefault('ping', True)\nasked = create_engine(**options)", "True"),
        ("options = {}\noptions.pop('ping')\nasked = create_engine(**options)", "absent"),
        ("options = {}\noptions |= BASE\nasked = create_engine(**options)", "True"),
        ("options: dict = {'ping': True}\nasked = create_engine(**options)", "True"),
        ("def f():\n    options = {}\n    options |= BASE\n    asked = create_engine(**options)", "True"),
        ("def f():\n    options = BASE\n    def g():\n        asked = create_engine(**options)", "True"),
        (
            "def f(x):\n    options = {}\n    if x:\n        options = BASE\n    asked = create_engine(**options)",
            "True",
        ),
    ],
)
def test_dicts_are_read_as_far_as_they_can_be(text: str, expected: str) -> None:
    assert _told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("asked = create_engine('u')", "'u'"),
        ("asked = create_engine(url='u')", "'u'"),
        ("asked = create_engine(**{'url': 'u'})", "'u'"),
        ("asked = create_engine()", "absent"),
        ("asked = create_engine(*UNSEEN)", "unknown"),
        ("asked = create_engine(*UNSEEN, url='u')", "'u'"),
    ],
)
def test_an_argument_may_be_positional(text: str, expected: str) -> None:
    assert _told(text, "url", 0) == expected


@pytest.mark.parametrize(
    ("signature", "call", "expected"),
    [
        ("url, ping=False", "f(1)", "False"),
        ("url, ping=False", "f(1, True)", "True"),
        ("url, ping=False", "f(1, ping=True)", "True"),
        ("url, ping=False", "f(1)\nf(2, ping=True)", "False | True"),
        ("url, ping=False", "f(1, **UNSEEN)", "unknown"),
        ("url, ping", "f(1)", "unknown"),
        ("url, ping", "f(*UNSEEN)", "unknown"),
        ("url, ping=False", "", "default False"),
        ("url, ping", "", "unknown"),
        ("url, *, ping=False", "f(1, ping=True)", "True"),
        ("url, ping, /", "f(1, True)", "True"),
        ("url, ping=False", "partial(f, 1, True)()", "True"),
        ("url, ping=False", "f(2)\nfetch(partial(f, 1))", "False | unknown"),
        ("url, ping=True", "def g(ping=False):\n    f(1, ping=ping)\ng()\ng(True)", "False | True"),
        ("url, ping=True", "def g():\n    f(1, ping=BASE)", "unknown"),
    ],
)
def test_a_parameter_is_what_the_callers_hand_over(signature: str, call: str, expected: str) -> None:
    text = f"def f({signature}):\n    asked = create_engine(url, ping=ping)\n{call}"
    assert _told(text) == expected


@pytest.mark.parametrize(
    ("signature", "call", "expected"),
    [
        ("url, **options", "f(1)", "absent"),
        ("url, **options", "f(1, ping=True)", "True"),
        ("url, **options", "f(1, **BASE)", "True"),
        ("url, **options", "f(1, **UNSEEN)", "unknown"),
        ("url, ping=False, **options", "f(1, ping=True)", "absent"),
        ("url, ping, /, **options", "f(1, 2, ping=True)", "True"),
        ("url, *, ping=1, **options", "f(1, ping=True)", "absent"),
        ("url, options=BASE", "f(1)", "True"),
        ("url, options=None", "f(1)", "absent"),
        ("url, options=None", "f(1, {'ping': False})", "False"),
        ("url, options=None", "f(1, options=BASE)\nf(2, BASE)", "True"),
        ("url, options", "f(1, made())", "True"),
    ],
)
def test_keywords_go_through_wrappers(signature: str, call: str, expected: str) -> None:
    assert _told(f"def f({signature}):\n    asked = create_engine(url, **options)\n{call}") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("options = BASE", "True"),
        ("def __init__(self):\n        self.options = BASE", "True"),
        ("def __init__(self, options):\n        self.options = options", "unknown"),
        ("@property\n    def options(self):\n        return BASE", "True"),
        ("@cached_property\n    def options(self):\n        return BASE", "True"),
        ("def options(self):\n        return BASE", "unknown"),
        ("options: dict", "unknown"),
    ],
)
def test_options_may_be_kept_by_an_object(body: str, expected: str) -> None:
    assert _told(f"class C:\n    {body}\nc = C()\nasked = create_engine(**c.options)") == expected


def test_a_constructor_hands_its_arguments_on() -> None:
    text = """
class Store:
    def __init__(self, url, **options):
        asked = create_engine(url, **options)
Store("u", ping=True)
"""
    assert _told(text) == "True"


def test_options_of_another_module_are_read_there() -> None:
    files = {
        "conf.py": "OPTIONS = {'ping': True}\nOPTIONS['other'] = 1",
        "app.py": "from sqlalchemy import create_engine\nimport conf\nasked = create_engine(**conf.OPTIONS)",
    }
    project = linked(files)
    fact, scope = asked(project)
    assert isinstance(fact, facts.Call)
    found = project.reader.argument(fact, scope, "ping")
    assert said(project.reader.given(found)) == {"True"}


def test_wrappers_around_wrappers_around_wrappers_end() -> None:
    text = "def f(**o):\n    f(**o)\n    asked = create_engine(**o)"
    assert _told(text) == "unknown"


def test_a_fact_of_another_module_has_no_statement_here() -> None:
    project = linked({"a.py": "asked = print()", "b.py": "x = 1"})
    fact, _ = asked(project)
    with pytest.raises(LookupError):
        statement_of(fact, project.project.modules["b.py"])


# sites of options


def _states(project: Linked, option: str = "pool_pre_ping") -> list[str]:
    found = [state(project.reader, site, option) for site in project.sites]
    return [f"{s.state}{' fixed' if s.fixed and s.values else ''} {s.values}" for s in found]


@pytest.mark.parametrize(
    "text",
    [
        "engine = create_engine('sqlite:///x.db')",
        "engine = create_engine(URL, connect_args={'check_same_thread': False})",
        "engine = create_engine(URL, poolclass=NullPool)",
        "engine = create_engine(URL, poolclass=StaticPool if flag else StaticPool)",
        "engine = create_engine(URL, poolclass=UNSEEN)",
        "engine = create_engine(URL, **UNSEEN)",
        "engine = create_engine(URL, poolclass=Own)",
        "engine = create_engine(URL, pool=UNSEEN)",
        "engine = create_engine(URL, strategy='mock')",
        "dialect = create_engine(URL).dialect",
        "engine = create_engine(TEST_URL)",
        "engine = create_engine(settings.test_database_url)",
        "if 'sqlite' in URL:\n    engine = create_engine(URL)",
        "if URL.startswith('sqlite') and flag:\n    engine = create_engine(URL)",
        "if is_sqlite:\n    engine = create_engine(URL)",
        "if settings.uses_sqlite:\n    engine = create_engine(URL)",
        "if 'sqlite' not in URL:\n    pass\nelse:\n    engine = create_engine(URL)",
        "if not is_sqlite:\n    pass\nelse:\n    engine = create_engine(URL)",
        "try:\n    pass\nexcept TypeError:\n    engine = create_engine(URL)",
        "def f():\n    engine = create_engine(URL)\n    engine.dispose()",
        "def f():\n    create_engine(URL).connect()",
        "def f():\n    engine = create_engine(URL)\n    with engine.connect() as c:\n        c.execute('x')",
        "def f():\n    engine = create_engine(URL)\n    Base.metadata.create_all(engine)",
        "def f():\n    engine = create_engine(URL)\n    Base.metadata.create_all(bind=engine)",
        "def f():\n    engine = create_engine(URL)\n    with Session(engine) as s:\n        return s.get(1)",
        "def f():\n    engine = create_engine(URL)\n    return inspect(engine).names()",
        "async def f():\n    engine = await create_engine(URL)\n    engine.connect()",
    ],
)
def test_engines_without_connections_that_grow_old_have_no_site(text: str) -> None:
    assert linked(_SITES + text).sites == ()


_SITES = """
from sqlalchemy import create_engine, inspect
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool, QueuePool, StaticPool
from somewhere import Base, TEST_URL, UNSEEN, URL, flag, is_sqlite, keep, settings
class Own(QueuePool): ...
"""


@pytest.mark.parametrize(
    "text",
    [
        "engine = create_engine(URL)",
        "engine = create_engine(URL, poolclass=QueuePool)",
        "engine = create_engine('sqlite:///x' if flag else 'postgresql://h/d')",
        "engine = create_engine(LATEST_URL)",
        "if 'sqlite' not in URL:\n    engine = create_engine(URL)",
        "if not is_sqlite:\n    engine = create_engine(URL)",
        "if 'postgres' in URL:\n    engine = create_engine(URL)",
        "if 'sqlite' in URL:\n    pass\nelse:\n    engine = create_engine(URL)",
        "try:\n    pass\nexcept KeyError:\n    engine = create_engine(URL)",
        "try:\n    engine = create_engine(URL)\nexcept TypeError:\n    pass",
        "def f():\n    return create_engine(URL)",
        "def f():\n    engine = create_engine(URL)\n    return engine",
        "def f():\n    engine = create_engine(URL)\n    return sessionmaker(engine)",
        "def f():\n    engine = create_engine(URL)\n    return Session(engine)",
        "def f():\n    engine = create_engine(URL)\n    keep(engine)",
        "def f():\n    engine = create_engine(URL)\n    other = engine",
        "def f(self):\n    self.engine = create_engine(URL)",
        "def f():\n    global engine\n    engine = create_engine(URL)",
        "def f():\n    engine = create_engine(URL)\n    while True:\n        engine.connect()",
        "def f():\n    keep(create_engine(URL))",
        "async def f():\n    return await create_engine(URL)",
    ],
)
def test_engines_that_live_on_have_a_site(text: str) -> None:
    assert len(linked(_SITES + text).sites) == 1


@pytest.mark.parametrize("name", ["tests/test_db.py", "alembic/env.py", "examples/shop.py", "scripts/load.py"])
def test_engines_beside_the_application_have_no_site(name: str) -> None:
    text = f"{_SITES}engine = create_engine(URL)"
    assert linked({name: text}).sites == ()
    assert len(linked({"shop/db.py": text}).sites) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("engine = create_engine(URL)", "missing ()"),
        ("engine = create_engine(URL, poolclass=QueuePool, **UNSEEN)", "unknown ()"),
        ("engine = create_engine(URL, pool_pre_ping=flag)", "unknown ()"),
        ("engine = create_engine(URL, pool_pre_ping=True)", "set fixed (True,)"),
        ("PING = False\nengine = create_engine(URL, pool_pre_ping=PING)", "set (False,)"),
        ("import os\nengine = create_engine(URL, pool_pre_ping=os.getenv('P', 1))", "set (1,)"),
        ("from sqlalchemy import engine_from_config as c\nengine = c({'sqlalchemy.url': URL})", "missing ()"),
        (
            "from sqlalchemy import engine_from_config as c\nengine = c({'sqlalchemy.pool_pre_ping': 'true'})",
            "set fixed ('true',)",
        ),
        (
            "from sqlalchemy import engine_from_config as c\nengine = c({'db.pool_pre_ping': 1}, prefix='db.')",
            "set fixed (1,)",
        ),
        ("from sqlalchemy import engine_from_config as c\nengine = c(UNSEEN)", "unknown ()"),
        ("from sqlalchemy import engine_from_config as c\nengine = c()", "unknown ()"),
        ("from sqlalchemy import engine_from_config as c\nengine = c(UNSEEN, pool_pre_ping=True)", "set fixed (True,)"),
    ],
)
def test_an_option_is_missing_set_or_unknown(text: str, expected: str) -> None:
    assert _states(linked(_SITES + text)) == [expected]


_FLASK = "from flask import Flask\nfrom flask_sqlalchemy import SQLAlchemy\napp = Flask('x')\n"
_URI = "app.config['SQLALCHEMY_DATABASE_URI'] = 'postgresql://h/d'\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("db = SQLAlchemy(app)", []),
        ("app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///x'", []),
        ("app.config['SQLALCHEMY_DATABASE_URI'] = None", []),
        ("other['SQLALCHEMY_DATABASE_URI'] = 'postgresql://h/d'", []),
        ("class Testing:\n    TESTING = True\n    SQLALCHEMY_DATABASE_URI = 'postgresql://h/d'", []),
        (_URI + "class Own(SQLAlchemy):\n    def apply_driver_hacks(self): ...", ["missing ()"]),
        (_URI + "class Own(SQLAlchemy):\n    def _make_engine(self, key, options, app): ...", []),
        (_URI + "db = SQLAlchemy(engine_options={'poolclass': 1})", []),
        (_URI, ["missing ()"]),
        ("app.config.update(SQLALCHEMY_DATABASE_URI='postgresql://h/d')", ["missing ()"]),
        ("app.config.from_mapping(SQLALCHEMY_DATABASE_URI='postgresql://h/d')", ["missing ()"]),
        ("def create():\n    app.config['SQLALCHEMY_DATABASE_URI'] = 'postgresql://h/d'", ["missing ()"]),
        ("SQLALCHEMY_DATABASE_URI = 'postgresql://h/d'", ["missing ()"]),
        ("class Config:\n    SQLALCHEMY_DATABASE_URI = 'postgresql://h/d'", ["missing ()"]),
        ("class Config:\n    SQLALCHEMY_ENGINE_OPTIONS = {}", ["missing ()"]),
        ("class Config:\n    SQLALCHEMY_ENGINE_OPTIONS = {'pool_pre_ping': True}", ["set fixed (True,)"]),
        ("class Config:\n    SQLALCHEMY_ENGINE_OPTIONS: dict", []),
        ("class Config:\n    SQLALCHEMY_ENGINE_OPTIONS = unseen()", ["unknown ()"]),
        (_URI + "db = SQLAlchemy(engine_options={'pool_pre_ping': True})", ["set fixed (True,)"]),
        (_URI + "db = SQLAlchemy(engine_options=unseen())", ["unknown ()"]),
        (_URI + "db = SQLAlchemy(**unseen())", []),
    ],
)
def test_flask_sqlalchemy_takes_options_from_its_settings(text: str, expected: list[str]) -> None:
    assert _states(linked(_FLASK + text)) == expected


def test_flask_settings_without_flask_sqlalchemy_are_nothing() -> None:
    assert linked(f"from flask import Flask\napp = Flask('x')\n{_URI}").sites == ()


def test_a_setting_of_flask_sqlalchemy_2_stands_for_its_option() -> None:
    text = _FLASK + "class Config:\n    SQLALCHEMY_POOL_RECYCLE = 60\n    SQLALCHEMY_DATABASE_URI = 'postgresql://h/d'"
    assert _states(linked(text), "pool_recycle") == ["unknown ()"]
    assert _states(linked(text), "pool_pre_ping") == ["missing ()"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("app.add_middleware(DBSessionMiddleware)", []),
        ("app.add_middleware(DBSessionMiddleware, db_url='sqlite:///x')", []),
        ("app.add_middleware(Other, db_url='postgresql://h/d')", []),
        ("app.add_middleware(DBSessionMiddleware, db_url='postgresql://h/d')", ["missing ()"]),
        ("app.add_middleware(DBSessionMiddleware, db_url=URL, engine_args={})", ["missing ()"]),
        ("app.add_middleware(DBSessionMiddleware, db_url=URL, engine_args=URL)", ["unknown ()"]),
        ("app.add_middleware(DBSessionMiddleware, db_url=URL, engine_args={'pool_pre_ping': 1})", ["set fixed (1,)"]),
        ("Middleware(DBSessionMiddleware, db_url=URL)", []),
        ("DBSessionMiddleware(app, db_url=URL)", ["missing ()"]),
    ],
)
def test_session_middleware_makes_an_engine(call: str, expected: list[str]) -> None:
    start = """
from fastapi import FastAPI
from fastapi_sqlalchemy import DBSessionMiddleware
from somewhere import Middleware, Other, URL
app = FastAPI()
"""
    assert _states(linked(start + call)) == expected
    assert linked({"tests/conftest.py": start + call}).sites == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("@event.listens_for(engine, 'connect')\ndef f(c):\n    raise exc.DisconnectionError()", False),
        ("@event.listens_for(engine, 'checkout')\ndef f(c): ...", False),
        ("@event.listens_for\ndef f(c):\n    raise exc.DisconnectionError()", False),
        ("@event.listens_for(engine, 'checkout')\ndef f(c):\n    raise exc.DisconnectionError()", True),
        ("@event.listens_for(engine, 'engine_connect')\ndef f(c):\n    raise DisconnectionError", True),
    ],
)
def test_a_listener_that_refuses_dead_connections_pings(text: str, expected: bool) -> None:
    project = linked(f"from sqlalchemy import event, exc\nfrom sqlalchemy.exc import DisconnectionError\n{text}")
    assert pings_itself(project.project.modules["app.py"]) is expected
