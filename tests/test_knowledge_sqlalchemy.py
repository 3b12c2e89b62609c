"""Is what `knowledge` says of engines, pools and drivers true of the packages that are installed?

Engines are really constructed, with real drivers; nothing connects to a server.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiomysql
import aiosqlite
import asyncpg
import psycopg
import psycopg2.extensions
import psycopg_pool
import pymysql
import pytest
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy import pool as pools
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from dbpool_lint.knowledge import drivers, engines, kinds
from dbpool_lint.knowledge.engines import Dialect, Release, dialect_of

INSTALLED = engines.installed()

ENGINES = [
    pytest.param("postgresql+asyncpg://h/d", True, id="asyncpg"),
    pytest.param("postgresql+psycopg://h/d", False, id="psycopg"),
    pytest.param("postgresql+psycopg://h/d", True, id="async psycopg"),
    pytest.param("postgresql+psycopg_async://h/d", True, id="psycopg_async"),
    pytest.param("postgresql+psycopg2://h/d", False, id="psycopg2"),
    pytest.param("postgresql://h/d", False, id="default of postgresql"),
    pytest.param("mysql+pymysql://h/d", False, id="pymysql"),
    pytest.param("mariadb+pymysql://h/d", False, id="pymysql for MariaDB"),
    pytest.param("mysql+aiomysql://h/d", True, id="aiomysql"),
    pytest.param("sqlite:///app.db", False, id="SQLite file"),
    pytest.param("sqlite://", False, id="SQLite in memory"),
    pytest.param("sqlite:///:memory:", False, id="SQLite in :memory:"),
    pytest.param("sqlite+aiosqlite:///app.db", True, id="aiosqlite file"),
    pytest.param("sqlite+aiosqlite://", True, id="aiosqlite in memory"),
]
each_engine = pytest.mark.parametrize(("url", "asynchronous"), ENGINES)

POOL_VALUES: dict[str, object] = {
    "pool_size": 3,
    "max_overflow": 2,
    "pool_timeout": 5,
    "pool_use_lifo": True,
    "pool_recycle": 60,
    "pool_pre_ping": True,
    "pool_reset_on_return": "rollback",
    "pool_logging_name": "x",
    "echo_pool": False,
    "pool_events": [],
}


def _words(text: str) -> list[str]:
    return text.split()


WRONG = _words("""
    max_size min_size pool_max_overflow overflow poolsize pool_preping timeout recycle connect_timeout
    statement_cache_size command_timeout server_settings pool_threadlocal sslmode pool_class
    """)


def _made(url: str, asynchronous: bool, **options: object) -> Engine:
    make: Callable[..., Any] = create_async_engine if asynchronous else create_engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated options still count
        engine = make(url, **options)
    sync: Engine = engine.sync_engine if asynchronous else engine
    return sync


def _dialect(url: str, asynchronous: bool, release: Release | None = None) -> Dialect:
    name, _, driver = make_url(url).drivername.partition("+")
    found = dialect_of(name, driver, asynchronous, release)
    assert found is not None
    return found


# dialects and their pools


@each_engine
def test_a_dialect_has_the_driver_and_pool_that_an_engine_gets(url: str, asynchronous: bool) -> None:
    engine, known = _made(url, asynchronous), _dialect(url, asynchronous)
    assert known.is_async is engine.dialect.is_async
    assert known.driver.removesuffix("_async") == engine.dialect.driver
    assert known.pool(make_url(url).database or "") in {type(engine.pool).__name__, None}
    assert known.release == INSTALLED


@each_engine
def test_a_pool_is_only_unknown_where_it_changed_within_a_release(url: str, asynchronous: bool) -> None:
    known = _dialect(url, asynchronous)
    database = make_url(url).database or ""
    if known.pool(database) is None:
        assert (known.driver, INSTALLED) == ("aiosqlite", (2, 0))


@pytest.mark.parametrize("database", [None, "{}", "/{}", "file:app.db?mode=memory&uri=true"])
def test_sqlites_pool_is_unknown_while_the_file_is(database: str | None) -> None:
    assert _dialect("sqlite://", False).pool(database) is None
    assert _dialect("postgresql+psycopg2://", False).pool(database) == "QueuePool"


def test_a_part_of_a_file_name_is_a_file() -> None:
    assert _dialect("sqlite://", False, (2, 1)).pool("{}/app.db") == "QueuePool"


@pytest.mark.parametrize(
    ("dialect", "driver", "release"),
    [
        ("postgres", "", None),
        ("postgresql", "pgnodriver", None),
        ("postgresql", "base", None),
        ("cockroachdb", "", None),
        ("cockroachdb", "psycopg2", None),
        ("postgresql", "{}", None),
        ("postgresql", "psycopg", (1, 4)),
        ("oracle", "oracledb", (1, 4)),
        ("mssql", "mssqlpython", (2, 0)),
        ("postgresql", "psycopg2", (1, 3)),
    ],
)
def test_other_packages_dialects_and_older_releases_are_unknown(
    dialect: str, driver: str, release: Release | None
) -> None:
    assert dialect_of(dialect, driver, False, release) is None


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb", "sqlite", "oracle", "mssql"])
def test_a_url_without_a_driver_means_what_sqlalchemy_takes(dialect: str) -> None:
    assert make_url(f"{dialect}://").get_dialect().driver == engines.default_driver(dialect, INSTALLED)


def test_postgresql_means_another_driver_from_2_1_on() -> None:
    assert engines.default_driver("postgresql", (1, 4)) == engines.default_driver("postgresql", (2, 0)) == "psycopg2"
    assert engines.default_driver("postgresql", (2, 1)) == "psycopg"
    assert _dialect("postgresql://", True, (2, 1)).is_async
    assert not _dialect("postgresql://", True, (2, 0)).is_async


@each_engine
def test_only_async_dialects_make_async_engines(url: str, asynchronous: bool) -> None:
    known = _dialect(url, True)
    if known.is_async:
        assert _made(url, True).dialect.is_async
    else:
        with pytest.raises(exc.InvalidRequestError, match="The asyncio extension requires an async driver"):
            _made(url, True)


@pytest.mark.parametrize("url", ["postgresql+asyncpg://h/d", "mysql+aiomysql://h/d", "sqlite+aiosqlite://"])
def test_a_sync_engine_of_an_async_driver_is_made_and_fails_when_it_connects(url: str) -> None:
    assert _dialect(url, False).is_async
    engine = _made(url, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(exc.MissingGreenlet, match="greenlet_spawn has not been called"):
            engine.connect()


@pytest.mark.parametrize(
    ("release", "file", "file_async"),
    [((1, 4), "NullPool", "NullPool"), ((2, 0), "QueuePool", None), ((2, 1), "QueuePool", "AsyncAdaptedQueuePool")],
)
def test_sqlite_files_got_queues_with_version_2(release: Release, file: str, file_async: str | None) -> None:
    assert _dialect("sqlite://", False, release).pool("app.db") == file
    assert _dialect("sqlite+aiosqlite://", True, release).pool("app.db") == file_async
    assert _dialect("sqlite+aiosqlite://", True, release).pool("") == "StaticPool"
    assert _dialect("sqlite://", False, release).pool("") == "SingletonThreadPool"


# which pool takes what


def _pool_class(name: str) -> type[pools.Pool] | None:
    return getattr(pools, name, None)


@pytest.mark.parametrize("pool", sorted(engines.POOLS))
@each_engine
def test_an_engine_takes_the_pool_classes_of_its_kind(url: str, asynchronous: bool, pool: str) -> None:
    cls = _pool_class(pool)
    if cls is None:
        pytest.skip("not in this release")
    if engines.refuses_pool(pool, asynchronous, INSTALLED):
        with pytest.raises(exc.ArgumentError, match=f"Pool class {pool} cannot be used with (?:non-)?asyncio engine"):
            _made(url, asynchronous, poolclass=cls)
    else:
        assert type(_made(url, asynchronous, poolclass=cls).pool) is cls


@pytest.mark.parametrize("keyword", sorted(POOL_VALUES))
@each_engine
def test_the_default_pool_takes_what_is_said(url: str, asynchronous: bool, keyword: str) -> None:
    pool = _dialect(url, asynchronous).pool(make_url(url).database or "")
    if pool is None:
        pytest.skip("changed within this release")
    assert (keyword in engines.pool_takes(pool)) is _accepts(url, asynchronous, **{keyword: POOL_VALUES[keyword]})


@pytest.mark.parametrize("keyword", sorted(POOL_VALUES))
@pytest.mark.parametrize("pool", sorted(engines.POOLS))
def test_a_given_pool_takes_what_is_said(pool: str, keyword: str) -> None:
    cls = _pool_class(pool)
    if cls is None:
        assert engines.pool_takes(pool) == engines.pool_takes("AsyncAdaptedQueuePool")
        return
    url = "sqlite+aiosqlite://" if engines.is_async_pool(pool) else "sqlite://"
    accepted = _accepts(url, engines.is_async_pool(pool), poolclass=cls, **{keyword: POOL_VALUES[keyword]})
    assert (keyword in engines.pool_takes(pool)) is accepted


def _accepts(url: str, asynchronous: bool, **options: object) -> bool:
    """Whether `create_engine` knows the options; what it thinks of their values does not matter."""
    try:
        _made(url, asynchronous, **options)
    except TypeError as error:
        if "Invalid argument(s)" in str(error):
            return False
    except (exc.SQLAlchemyError, AttributeError, ValueError, KeyError, ImportError):
        pass
    return True


def test_the_table_of_pool_keywords_is_whole() -> None:
    assert set(POOL_VALUES) == engines.POOL_KEYWORDS
    assert engines.POOL_KEYWORDS == engines.pool_takes("QueuePool") == engines.pool_takes("AsyncAdaptedQueuePool")
    assert {name for name in dir(pools) if name.endswith("Pool")} - {"Pool"} <= engines.POOLS
    with_timeouts = {pool for pool in engines.POOLS if "pool_timeout" in engines.pool_takes(pool)}
    assert with_timeouts == kinds.QUEUE_POOLS


def test_a_pool_class_of_others_is_unknown() -> None:
    with pytest.raises(KeyError):
        engines.pool_takes("OurPool")


def test_1_4_did_not_compare_pool_and_engine() -> None:
    assert not engines.refuses_pool("QueuePool", True, (1, 4))
    assert engines.refuses_pool("QueuePool", True, (2, 0))


# what create_engine takes


@each_engine
def test_every_keyword_that_create_engine_takes_is_known(url: str, asynchronous: bool) -> None:
    known = _dialect(url, asynchronous).keywords | (engines.pool_takes("QueuePool"))
    for keyword in engines.engine_keywords() | set(WRONG):
        if keyword not in known:
            assert not _accepts(url, asynchronous, **{keyword: None}), keyword


@each_engine
def test_no_keyword_is_known_that_create_engine_refuses(url: str, asynchronous: bool) -> None:
    known = _dialect(url, asynchronous).keywords
    # what came or went with a release is not told apart by dialect, and `url` is given here already
    for keyword in known - engines.POOL_KEYWORDS - _CHANGED - {"url"}:
        if not keyword.startswith("_"):
            assert _accepts(url, asynchronous, **{keyword: None}), keyword


_CHANGED = frozenset(
    keyword
    for one in engines.RELEASES
    for other in engines.RELEASES
    for keyword in engines.engine_keywords(one) - engines.engine_keywords(other)
) - {"async_creator"}


def test_what_came_with_a_release_is_there_and_what_went_is_not() -> None:
    urls = [param.values for param in ENGINES]
    for keyword in _CHANGED - engines.engine_keywords():
        assert not any(_accepts(str(url), bool(kind), **{keyword: None}) for url, kind in urls), keyword
    assert {"insertmanyvalues_page_size", "skip_autocommit_rollback"} <= engines.engine_keywords((2, 0))
    assert {"convert_unicode", "encoding", "case_sensitive"} & engines.engine_keywords((2, 0)) == set()
    assert {"convert_unicode", "encoding", "case_sensitive"} <= engines.engine_keywords((1, 4))
    assert "async_creator" not in engines.engine_keywords((1, 4))


@pytest.mark.parametrize("keyword", WRONG)
def test_wrong_names_are_refused_everywhere(keyword: str) -> None:
    assert all(keyword not in engines.engine_keywords(release) for release in engines.RELEASES)
    options: dict[str, Any] = {keyword: 1}
    assert not any(_accepts(str(url), bool(kind), **options) for url, kind in (param.values for param in ENGINES))


def test_a_name_that_stands_for_another_is_wrong_and_the_other_is_right() -> None:
    for wrong in (*WRONG, "pre_ping", "use_lifo", "pool_lifo", "pool_recycle_time"):
        right = engines.renamed(wrong)
        if right is not None:
            assert right in engines.engine_keywords(INSTALLED)
            assert wrong not in engines.engine_keywords(INSTALLED)
    assert engines.renamed("poolsize") == "pool_size"
    assert engines.renamed("pool_size") is None


def test_engine_from_config_converts_what_is_said() -> None:
    assert {"pool_size", "max_overflow", "pool_timeout", "pool_recycle", "echo", "echo_pool"} <= engines.converted()
    assert "pool_pre_ping" not in engines.converted()


# which values fail


@contextmanager
def _raises(message: str) -> Iterator[None]:
    error, _, text = message.strip("`").partition("`")[0].partition(": ")
    with pytest.raises(
        Exception, match="^" + "".join(f"[{c}]" if c in "+*.?()[]|" else c for c in text) + "$"
    ) as found:
        yield
    assert found.type.__name__ == error


def _queue(**options: object) -> Engine:
    return _made("sqlite://", False, poolclass=pools.QueuePool, **options)


@pytest.mark.parametrize("value", ["5", None, [5]])
@pytest.mark.parametrize("keyword", ["pool_size", "max_overflow", "pool_recycle"])
def test_numbers_that_are_none_end_in_the_error_that_is_said(keyword: str, value: object) -> None:
    said = engines.rejection(keyword, value)
    assert said is not None
    with _raises(said):
        engine = _queue(**{keyword: value})
        assert "first checkout" in said
        engine.connect()


def test_a_timeout_that_is_a_text_fails_once_the_pool_is_full() -> None:
    engine = _queue(pool_timeout="5", pool_size=1, max_overflow=0)
    said = engines.rejection("pool_timeout", "5")
    assert said is not None
    with engine.connect(), _raises(said):
        engine.connect()


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("pool_size", 5), ("pool_size", True), ("max_overflow", 2.5), ("pool_timeout", None), ("echo", "x")],
)
def test_other_values_are_not_said_to_fail(keyword: str, value: object) -> None:
    assert engines.rejection(keyword, value) is None


# drivers: `connect` and the pools


# what lifts a limit


def _taken(engine: Engine, most: int) -> tuple[int, int, str]:
    """How many connections could be taken at once, how many stayed open, and the error that ended it."""
    taken, error = [], ""
    try:
        for _ in range(most):
            taken.append(engine.raw_connection())  # noqa: PERF401  # those before the error count
    except (exc.TimeoutError, RecursionError) as raised:
        error = f"{type(raised).__name__}: {raised}"
    for connection in taken:
        connection.close()
    pool = engine.pool
    assert isinstance(pool, pools.QueuePool)
    kept = pool.checkedin()
    engine.dispose()
    return len(taken), kept, error.partition(",")[0]


@pytest.mark.parametrize(
    ("options", "taken", "kept", "error"),
    [
        ({"pool_size": 0}, 20, 20, ""),
        ({"pool_size": 0, "max_overflow": 2}, 20, 20, ""),
        ({"max_overflow": -1}, 20, 5, ""),
        ({"max_overflow": -5}, 0, 0, "RecursionError: maximum recursion depth exceeded"),
        ({"max_overflow": -2}, 3, 3, "RecursionError: maximum recursion depth exceeded"),
        ({"pool_size": -1}, 9, 9, "TimeoutError: QueuePool limit of size -1 overflow 10 reached"),
        ({"pool_size": -20}, 0, 0, "TimeoutError: QueuePool limit of size -20 overflow 20 reached"),
        ({"pool_size": 2, "max_overflow": 1}, 3, 2, "TimeoutError: QueuePool limit of size 2 overflow 1 reached"),
    ],
)
def test_a_queue_without_a_limit_does_what_is_said(
    options: dict[str, object], taken: int, kept: int, error: str
) -> None:
    *counts, raised = _taken(_queue(pool_timeout=0, **options), 20)
    assert counts == [taken, kept]
    assert raised.startswith(error)
    assert bool(raised) is bool(error)


@pytest.mark.parametrize(("seconds", "opened"), [(0, 10), (-1, 1), (-5, 1), (3600, 1)])
def test_an_age_of_zero_opens_a_connection_at_every_checkout(seconds: int, opened: int) -> None:
    engine = _queue(pool_recycle=seconds)
    made: list[object] = []
    event.listen(engine, "connect", lambda connection, _: made.append(connection))
    for _ in range(10):
        engine.raw_connection().close()
    engine.dispose()
    assert len(made) in (opened, opened + (not seconds))


@pytest.mark.parametrize(("size", "taken"), [(0, 20), (5, 5)])
def test_an_aiomysql_pool_of_size_zero_has_no_limit(size: int, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Connection:
        closed, last_usage, eof_received = False, 0, False
        get_transaction_status = at_eof = exception = lambda _: False

        @property
        def _reader(self) -> Connection:
            return self

    async def connect(**_: object) -> object:
        return Connection()

    async def take() -> tuple[int, int]:
        pool = await aiomysql.create_pool(maxsize=size)
        leases: list[object] = []
        with suppress(asyncio.TimeoutError):
            for _ in range(20):
                leases.append(await asyncio.wait_for(pool.acquire(), 0.1))  # noqa: PERF401
        for lease in leases:
            await pool.release(lease)
        return len(leases), pool.freesize

    monkeypatch.setattr(aiomysql.pool, "connect", connect)
    assert asyncio.run(take()) == (taken, taken)


def _parameters(function: Callable[..., object]) -> frozenset[str]:
    found = inspect.signature(function).parameters.values()
    return frozenset(p.name for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)) - {"self"}


def test_asyncpg_takes_what_is_said() -> None:
    assert drivers.call_keywords("asyncpg") == _parameters(asyncpg.connect)
    assert drivers.create_pool_keywords("asyncpg") == _parameters(asyncpg.connect) | _parameters(asyncpg.create_pool)


@pytest.mark.parametrize("connect", [psycopg.Connection.connect, psycopg.AsyncConnection.connect])
def test_psycopg_takes_what_is_said_beside_the_librarys_keywords(connect: Callable[..., object]) -> None:
    own = _parameters(connect)
    assert own <= (drivers.call_keywords("psycopg") or set())
    assert {k for k in (drivers.call_keywords("psycopg") or set()) if not _is_option(k)} - own <= _OTHER_LIBPQ


_OTHER_LIBPQ = frozenset(
    _words("""
    gssdelegation load_balance_hosts max_protocol_version min_protocol_version oauth_client_id
    oauth_client_secret oauth_issuer oauth_scope require_auth requiressl scram_client_key scram_server_key servicefile
    sslcertmode sslkeylogfile sslnegotiation
    """)
)
"""Keywords that some version of the library does not know: not all of them are in the one that is here."""


def _is_option(key: str) -> bool:
    try:
        psycopg.conninfo.make_conninfo(**{key: "1"})
    except psycopg.ProgrammingError:
        return False
    return True


def test_every_keyword_of_the_postgresql_library_is_known() -> None:
    known = drivers.call_keywords("psycopg") or frozenset()
    assert {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} <= known


@pytest.mark.parametrize("cls", [psycopg_pool.ConnectionPool, psycopg_pool.AsyncConnectionPool])
def test_psycopgs_pools_take_what_is_said(cls: type) -> None:
    assert drivers.create_pool_keywords("psycopg_pool") == _parameters(cls)


def test_psycopg2_takes_what_is_said() -> None:
    known = drivers.call_keywords("psycopg2") or frozenset()
    own = _parameters(psycopg2.connect) | {"async", "async_"}
    assert own <= known
    for key in known - own - _OTHER_LIBPQ:
        psycopg2.extensions.make_dsn(**{key: "1"})
    with pytest.raises(psycopg2.ProgrammingError, match="invalid connection option"):
        psycopg2.extensions.make_dsn(ssl="1")


def test_sqlite_takes_what_is_said() -> None:
    known = drivers.call_keywords("pysqlite") or frozenset()
    values = {"database": ":memory:", "isolation_level": None, "factory": sqlite3.Connection}
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    for key in known - {"autocommit"}:  # that one is new in Python 3.12
        connect(**{"database": ":memory:", key: values.get(key, 1)}).close()
    with pytest.raises(TypeError):
        connect(":memory:", connect_timeout=1)
    assert drivers.call_keywords("aiosqlite") == known | _parameters(aiosqlite.connect)


def test_the_drivers_of_mysql_take_what_is_said() -> None:
    assert drivers.call_keywords("pymysql") == _parameters(pymysql.connections.Connection)
    connect = _parameters(aiomysql.connect)
    assert drivers.call_keywords("aiomysql") == connect
    assert drivers.create_pool_keywords("aiomysql") == connect | _parameters(aiomysql.create_pool)


@pytest.mark.parametrize("driver", ["oracledb", "mysqldb", "pyodbc", ""])
def test_drivers_that_were_not_looked_at_are_unknown(driver: str) -> None:
    assert drivers.connect_keywords(driver) is None
    assert drivers.call_keywords(driver) is None
    assert drivers.url_keys(driver) is None
    assert drivers.create_pool_keywords(driver) is None
    assert drivers.renamed(driver, "sslmode") is None


# drivers: under SQLAlchemy


def _handed(url: str, connect_args: dict[str, object]) -> dict[str, object]:
    """What reaches an async driver's `connect` in the end."""
    seen: dict[str, object] = {}

    async def creator(*_: object, **given: object) -> object:
        seen.update(given)
        raise ConnectionRefusedError

    async def connect() -> None:
        engine = create_async_engine(url, connect_args={**connect_args, "async_creator_fn": creator})
        with pytest.raises((ConnectionRefusedError, exc.DBAPIError)):
            await engine.connect()

    asyncio.run(connect())
    return seen


def test_sqlalchemy_keeps_what_is_said_from_asyncpg() -> None:
    own = {"prepared_statement_cache_size": 5, "prepared_statement_name_func": None}
    seen = _handed("postgresql+asyncpg://u@h/d", {**own, "statement_cache_size": 5, "bogus": 1})
    assert seen == {"user": "u", "host": "h", "database": "d", "statement_cache_size": 5, "bogus": 1}
    assert own.keys() <= (drivers.connect_keywords("asyncpg") or set())


@pytest.mark.parametrize("url", ["postgresql+psycopg://h/d", "mysql+aiomysql://h/d", "postgresql+asyncpg://h/d"])
def test_an_async_creator_is_kept_from_the_driver(url: str) -> None:
    assert "async_creator_fn" not in _handed(url, {})
    assert "async_creator_fn" in (drivers.connect_keywords(make_url(url).drivername.partition("+")[2]) or set())


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", "psycopg_async", "aiomysql", "aiosqlite"])
def test_the_fallback_for_sync_code_is_gone_from_2_1_on(driver: str) -> None:
    dialect = {"aiomysql": "mysql", "aiosqlite": "sqlite"}.get(driver, "postgresql")
    assert "async_fallback" in (drivers.connect_keywords(driver, (2, 0)) or set())
    assert "async_fallback" in (drivers.connect_keywords(driver) or set())
    assert "async_fallback" not in (drivers.connect_keywords(driver, (2, 1)) or set())
    kept = (
        "async_fallback" in _handed(f"{dialect}+{driver}://h/d", {"async_fallback": False})
        if dialect != "sqlite"
        else None
    )
    assert kept in (None, INSTALLED >= (2, 1))


def test_sync_drivers_have_no_fallback() -> None:
    assert "async_fallback" not in (drivers.connect_keywords("psycopg2", (2, 0)) or set())
    assert "async_fallback" not in (drivers.url_keys("psycopg2", (2, 0)) or set())


KEYS = _words("""
    connect_timeout options keepalives keepalives_idle tcp_user_timeout application_name sslmode client_encoding
    gssencmode timeout command_timeout server_settings statement_cache_size max_cached_statement_lifetime
    max_cacheable_statement_size ssl direct_tls prepare_threshold autocommit target_session_attrs passfile krbsrvname
    jit statement_timeout pool_size min_size bogus
    """)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_connect_args_is_taken_by_the_drivers_that_are_said_to(key: str) -> None:
    assert (key in (drivers.connect_keywords("asyncpg") or set())) is (key in _parameters(asyncpg.connect))
    assert (key in (drivers.connect_keywords("psycopg") or set())) is (
        key in _parameters(psycopg.Connection.connect) or _is_option(key)
    )
    assert (key in (drivers.connect_keywords("psycopg2") or set())) is _psycopg2_takes(key)


def _psycopg2_takes(key: str) -> bool:
    try:
        psycopg2.extensions.make_dsn(**{key: "1"})
    except psycopg2.ProgrammingError:
        return False
    return True


_SERVICES = ("gsslib", "krbsrvname", "service", "servicefile")
TEXTS = {"ssl": "disable", "target_session_attrs": "any", "port": "1", "service": "", "servicefile": "", "dsn": ""}


@pytest.mark.parametrize("key", sorted((drivers.connect_keywords("asyncpg", (2, 1)) or set()) | {"sslmode", "options"}))
def test_a_key_of_a_url_works_as_a_text_where_that_is_said(key: str) -> None:
    if key in ("async_creator_fn", "prepared_statement_name_func", "direct_tls", *_SERVICES):
        pytest.skip("needs more than a text")
    handed = _handed("postgresql+asyncpg://127.0.0.1:1/d", {}) | {key: TEXTS.get(key, "1")}
    if key == "prepared_statement_cache_size":
        assert key not in _handed(f"postgresql+asyncpg://127.0.0.1:1/d?{key}=1", {})
        assert key in (drivers.url_keys("asyncpg") or set())
        return
    assert _reaches_the_network(handed) is (key in (drivers.url_keys("asyncpg") or set()))


def _reaches_the_network(handed: dict[str, object]) -> bool:
    async def connect() -> None:
        await asyncpg.connect(**{"timeout": 2, **handed})

    try:
        asyncio.run(connect())
    except (OSError, asyncio.TimeoutError):
        return True
    except (TypeError, ValueError, AttributeError, asyncpg.InterfaceError):
        return False
    raise AssertionError("nobody listens there")


@pytest.mark.parametrize("driver", ["pymysql", "aiomysql"])
def test_ssl_keys_of_a_mysql_url_are_gathered_by_sqlalchemy(driver: str) -> None:
    keys = sorted(k for k in drivers.url_keys(driver) or () if k in ("ssl_ca", "ssl_key", "ssl_cert", "ssl_capath"))
    query = "&".join(f"{key}=x" for key in keys)
    engine = _made(f"mysql+{driver}://h/d?{query}&connect_timeout=5", driver == "aiomysql")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, handed = engine.dialect.create_connect_args(engine.url)
    assert handed["connect_timeout"] == 5
    assert handed["ssl"] == {key.removeprefix("ssl_"): "x" for key in keys}


def test_every_key_of_a_sqlite_url_is_taken() -> None:
    assert drivers.url_keys("pysqlite") is None


def test_texts_of_server_settings_must_be_texts() -> None:
    ((driver, keyword),) = drivers.TEXTS_ONLY
    assert (driver, keyword) == ("asyncpg", "server_settings")
    assert not _reaches_the_network({"host": "127.0.0.1", "port": 1, keyword: {"jit": False}})
    assert _reaches_the_network({"host": "127.0.0.1", "port": 1, keyword: {"jit": "off"}})


# drivers: names of others


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", "psycopg2", "pymysql", "aiomysql", "pysqlite", "aiosqlite"])
def test_a_renamed_key_is_wrong_and_its_name_is_right(driver: str) -> None:
    own = (drivers.connect_keywords(driver) or frozenset()) | (drivers.create_pool_keywords(driver) or frozenset())
    _is_right(driver, own)


def test_a_renamed_key_of_psycopgs_pool_is_wrong_and_its_name_is_right() -> None:
    _is_right("psycopg_pool", drivers.create_pool_keywords("psycopg_pool") or frozenset())


def _is_right(driver: str, own: frozenset[str]) -> None:
    others = [drivers.call_keywords(d) for d in ("asyncpg", "psycopg", "psycopg2", "pymysql", "aiomysql", "pysqlite")]
    every = frozenset[str]().union(*(o for o in others if o)) | {
        "min_size",
        "max_size",
        "minsize",
        "maxsize",
        "minconn",
    }
    renamed = {
        key: name for key in every | {"username", "dbname", "max_idle"} if (name := drivers.renamed(driver, key))
    }
    assert renamed
    assert own.isdisjoint(renamed)
    assert set(renamed.values()) <= own


def test_the_names_that_are_asked_for_most() -> None:
    assert drivers.renamed("asyncpg", "sslmode") == drivers.renamed("asyncpg", "sslmode", in_url=True) == "ssl"
    assert drivers.renamed("asyncpg", "connect_timeout") == "timeout"
    assert drivers.renamed("asyncpg", "connect_timeout", in_url=True) is None
    assert drivers.renamed("psycopg2", "ssl", in_url=True) == "sslmode"
    assert drivers.renamed("aiomysql", "max_size") == "maxsize"
    assert drivers.renamed("asyncpg", "max_overflow") is None


def test_a_key_without_effect_has_another_that_has_one() -> None:
    for driver, keys in drivers.WITHOUT_EFFECT.items():
        known = drivers.connect_keywords(driver) or frozenset()
        assert {*keys, *keys.values()} <= known
