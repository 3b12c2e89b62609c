"""Which connections go through a pooler, and with which driver arguments?"""

from __future__ import annotations

import pytest
from linking import linked

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.connectors import Connector, driver_options, pooler_behind, possible

_START = """
import aiomysql, asyncpg, psycopg, psycopg_pool
from asyncpg import connect
from sqlalchemy import create_engine, engine_from_config
from sqlalchemy.ext.asyncio import create_async_engine
from somewhere import UNSEEN
URL = "postgresql://h/d"
"""


def _project(text: str, **files: str) -> Linked:
    names = {name.replace("__", "."): content for name, content in files.items()}
    return linked({"app.py": _START + text, **names})


def _only(project: Linked) -> Connector:
    (found,) = project.connectors
    return found


# which calls


@pytest.mark.parametrize(
    "text",
    [
        "create_engine('postgresql+psycopg2://h/d')",
        "create_engine('mysql+pymysql://h/d')",
        "create_engine('postgresql://h/d')",
        "create_engine(UNSEEN)",
        "create_engine('postgresql+asyncpg://h/d' if UNSEEN else 'postgresql+psycopg://h/d')",
        "engine_from_config({'sqlalchemy.url': 'postgresql+asyncpg://h/d'})",
        "aiomysql.create_pool(URL)",
        "asyncpg.Record()",
        "UNSEEN.connect(URL)",
    ],
)
def test_drivers_that_do_not_prepare_are_no_connectors(text: str) -> None:
    assert _project(text).connectors == ()


@pytest.mark.parametrize(
    ("text", "driver", "through"),
    [
        ("create_async_engine('postgresql+asyncpg://h/d')", "asyncpg", "connect_args"),
        ("create_engine('postgresql+psycopg://h/d')", "psycopg", "connect_args"),
        ("create_async_engine('postgresql+psycopg_async://h/d')", "psycopg", "connect_args"),
        ("create_engine('postgresql+asyncpg://h/d' if UNSEEN else 'sqlite://')", "asyncpg", "connect_args"),
        ("psycopg_pool.ConnectionPool(URL)", "psycopg", "kwargs"),
        ("psycopg_pool.AsyncConnectionPool(conninfo=URL)", "psycopg", "kwargs"),
        ("connect(URL)", "asyncpg", ""),
        ("asyncpg.create_pool(dsn=URL)", "asyncpg", ""),
        ("psycopg.connect(URL)", "psycopg", ""),
        ("psycopg.AsyncConnection.connect(URL)", "psycopg", ""),
    ],
)
def test_drivers_that_prepare_are_connectors(text: str, driver: str, through: str) -> None:
    found = _only(_project(text))
    assert (found.driver, found.through) == (driver, through)
    assert found.urls.known
    assert found.module.name == "app.py"


@pytest.mark.parametrize(
    ("call", "host", "port"),
    [
        ("connect(host='db', port=6432)", "db", 6432),
        ("connect(host='db')", "db", None),
        ("connect(host='db', port=UNSEEN)", "db", None),
        ("psycopg.connect('host=db port=6432')", "db", 6432),
        ("asyncpg.create_pool(**{'host': 'db', 'port': 6432})", "db", 6432),
    ],
)
def test_a_server_may_be_named_by_its_parts(call: str, host: str, port: int | None) -> None:
    (url,) = _only(_project(call)).urls.known
    assert (url.host, url.port) == (host, port)


def test_a_host_nobody_knows_is_no_server() -> None:
    assert _only(_project("connect(host=UNSEEN, port=6432)")).urls.known == ()


# which pooler

_INI = "[databases]\n* = host=db\n[pgbouncer]\nlisten_port = 6432\npool_mode = {}\n"


def _pooler(url: str, setting: str = "auto", **files: str) -> str:
    project = _project(f"connect({url!r})", **files)
    return pooler_behind(_only(project), project.project.deployment, setting)


@pytest.mark.parametrize("setting", ["off", "session"])
def test_the_setting_rules_a_pooler_out(setting: str) -> None:
    assert _pooler("postgresql://pgbouncer:6432/d", setting) == ""


@pytest.mark.parametrize("setting", ["transaction", "statement"])
def test_the_setting_says_that_there_is_one(setting: str) -> None:
    assert "pgbouncer" in _pooler("postgresql://db/d", setting)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://db:5432/d", ""),
        ("postgresql://db:6432/d", ""),
        ("postgresql://bouncer/d", ""),
        ("postgresql://mypgbouncerish/d", ""),
        ("postgresql://ep-x.eu.aws.neon.tech/d", ""),
        ("postgresql://aws-0-eu.pooler.supabase.com:5432/d", ""),
        ("postgresql://db.pgbouncer.deep.down.example/d", "PgBouncer"),
        ("postgresql://a.b.pgbouncer.example/d", ""),
        ("postgresql://pgbouncer/d", "PgBouncer"),
        ("postgresql://db-pgbouncer-rw.ns.svc/d", "PgBouncer"),
        ("postgresql://PGCAT/d", "PgBouncer"),
        ("postgresql://db/d?pgbouncer=true", "PgBouncer"),
        ("postgresql://ep-x-pooler.eu.aws.neon.tech/d", "Neon's pooler"),
        ("postgresql://aws-0-eu.pooler.supabase.com:6543/d", "Supabase's pooler"),
    ],
)
def test_a_host_may_give_a_pooler_away(url: str, expected: str) -> None:
    assert _pooler(url) == expected


@pytest.mark.parametrize(
    ("mode", "url", "expected"),
    [
        ("session", "postgresql://localhost:6432/d", ""),
        ("session", "postgresql://pgbouncer:6432/d", ""),
        ("session", "postgresql://pgbouncer/d", ""),
        ("transaction", "postgresql://localhost:5432/d", ""),
        ("transaction\nmax_prepared_statements = 100", "postgresql://pgbouncer:6432/d", ""),
        ("transaction", "postgresql://localhost:6432/d", "PgBouncer in transaction mode (pgbouncer.ini)"),
        ("transaction", "postgresql://pgbouncer/d", "PgBouncer in transaction mode (pgbouncer.ini)"),
        ("statement", "postgresql://localhost:6432/d", "PgBouncer in statement mode (pgbouncer.ini)"),
    ],
)
def test_the_projects_own_pooler_is_asked(mode: str, url: str, expected: str) -> None:
    assert _pooler(url, pgbouncer__ini=_INI.format(mode)) == expected


# which arguments


def _option(text: str, name: str = "statement_cache_size") -> tuple[object, ...] | None:
    project = _project(text)
    return possible(project.reader, driver_options(project.reader, _only(project)), name)


_ENGINE = "create_async_engine('postgresql+asyncpg://h/d', {})"


@pytest.mark.parametrize(
    "text",
    [
        "connect(URL, **UNSEEN)",
        "connect(URL, statement_cache_size=UNSEEN)",
        _ENGINE.format("connect_args=UNSEEN"),
        _ENGINE.format("connect_args={**UNSEEN}"),
        _ENGINE.format("**UNSEEN"),
        _ENGINE.format("async_creator=UNSEEN"),
        _ENGINE.format("creator=UNSEEN"),
        "psycopg_pool.ConnectionPool(URL, connection_class=UNSEEN)",
        "psycopg_pool.ConnectionPool(URL, kwargs=UNSEEN)",
    ],
)
def test_arguments_that_cannot_be_read_are_not_called_absent(text: str) -> None:
    assert _option(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("connect(URL)", ()),
        ("connect(URL, statement_cache_size=0)", (0,)),
        ("connect(URL, **{'statement_cache_size': 0})", (0,)),
        (_ENGINE.format(""), ()),
        (_ENGINE.format("connect_args={}"), ()),
        (_ENGINE.format("statement_cache_size=0"), ()),
        (_ENGINE.format("connect_args={'statement_cache_size': 0}"), (0,)),
        (_ENGINE.format("**{'connect_args': {'statement_cache_size': 0}}"), (0,)),
        ("psycopg_pool.ConnectionPool(URL, kwargs={'statement_cache_size': None})", (None,)),
    ],
)
def test_arguments_reach_the_driver(text: str, expected: tuple[object, ...]) -> None:
    assert _option(text) == expected
