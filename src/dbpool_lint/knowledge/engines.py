"""What do SQLAlchemy's engines, pools and dialects accept? Its own objects are asked; what they cannot say stands here.

SQLAlchemy is imported when a question is asked, not before: that takes a sixth of a second. The installed one may
be another release than the one that a project pins; the tables below say what differs between 1.4, 2.0 and 2.1.
They were verified with 1.4.54, 2.0.38, 2.0.43, 2.0.58 and 2.1.9 by constructing engines, and are compared with the
installed release by `tests/test_knowledge_sqlalchemy.py`. Other sources: "What's New in SQLAlchemy 2.0" and "2.1",
and the change log (2.0.38: pool of aiosqlite; 2.0.43: `skip_autocommit_rollback`).
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbpool_lint.knowledge.kinds import COUNTERLESS_POOLS, QUEUE_POOLS

if TYPE_CHECKING:
    from sqlalchemy.engine.default import DefaultDialect

Release = tuple[int, int]
"""Major and minor version of SQLAlchemy."""

RELEASES: tuple[Release, ...] = ((1, 4), (2, 0), (2, 1))
"""The releases that these tables speak about."""

POOLS = QUEUE_POOLS | COUNTERLESS_POOLS
"""SQLAlchemy's pool classes, by the names they have in `sqlalchemy.pool`."""

NUMBERS = frozenset({"pool_size", "max_overflow", "pool_timeout", "pool_recycle"})
"""Keywords of `create_engine` that must be numbers: a text fails, at construction or when connections are taken."""

_ONLY_ASYNC = frozenset({"AsyncAdaptedQueuePool", "FallbackAsyncAdaptedQueuePool"})
_ONLY_SYNC = frozenset({"QueuePool", "SingletonThreadPool"})
_NO_CHECK_OF_POOLS: Release = (1, 4)

_POOL_KEYWORDS = {
    "logging_name": "pool_logging_name",
    "echo": "echo_pool",
    "timeout": "pool_timeout",
    "recycle": "pool_recycle",
    "events": "pool_events",
    "reset_on_return": "pool_reset_on_return",
    "pre_ping": "pool_pre_ping",
    "use_lifo": "pool_use_lifo",
    "pool_size": "pool_size",
    "max_overflow": "max_overflow",
}
"""Parameter of a pool class → its name as a keyword of `create_engine`."""

_OWN = frozenset(
    {"connect_args", "creator", "echo", "enable_from_linting", "execution_options", "future", "hide_parameters"}
    | {"logging_name", "module", "plugins", "pool", "poolclass", "query_cache_size", "strategy", "empty_in_strategy"}
    | {"url", "_coerce_config", "_initialize", "_is_async"}
)
"""Keywords that `create_engine` itself or `Engine` takes, whatever the dialect and the pool."""

_ONLY_ASYNC_KEYWORDS = frozenset({"async_creator"})
"""Taken by `create_async_engine` from 2.0 on."""

_GONE: dict[str, Release] = {
    "case_sensitive": (2, 0),
    "coerce_to_unicode": (2, 0),
    "convert_unicode": (2, 0),
    "description_encoding": (2, 0),
    "encoding": (2, 0),
    "executemany_values_page_size": (2, 0),
    "supports_unicode_binds": (2, 0),
    "use_native_unicode": (2, 0),
    "use_native_uuid": (2, 0),
    "_json_deserializer": (2, 1),
    "_json_serializer": (2, 1),
    "threaded": (2, 1),
}
"""Keyword of some dialect → the first release that knows it no more."""

_SINCE: dict[str, Release] = {
    "enable_offset_fetch": (2, 0),
    "insertmanyvalues_page_size": (2, 0),
    "native_inet_types": (2, 0),
    "skip_autocommit_rollback": (2, 0),
    "supports_comments": (2, 0),
    "thick_mode": (2, 0),
    "use_insertmanyvalues": (2, 0),
    "enable_pooling": (2, 1),
}
"""Keyword of some dialect → the first release that knows it."""

_DEFAULT_DRIVERS: dict[str, tuple[tuple[Release, str], ...]] = {
    "postgresql": (((2, 1), "psycopg"), ((1, 4), "psycopg2")),
    "oracle": (((2, 1), "oracledb"), ((1, 4), "cx_oracle")),
    "mysql": (((1, 4), "mysqldb"),),
    "mariadb": (((1, 4), "mysqldb"),),
    "mssql": (((1, 4), "pyodbc"),),
    "sqlite": (((1, 4), "pysqlite"),),
}
"""Dialect → what `dialect://` means, by the release from which it does; the newest first."""

_DRIVERS_SINCE: dict[str, Release] = {
    **dict.fromkeys(("aioodbc", "oracledb", "oracledb_async", "psycopg", "psycopg_async"), (2, 0)),
    "mssqlpython": (2, 1),
}

_FILE_POOLS: dict[str, dict[Release, str]] = {
    "pysqlite": {(1, 4): "NullPool", (2, 0): "QueuePool", (2, 1): "QueuePool"},
    "aiosqlite": {(1, 4): "NullPool", (2, 0): "", (2, 1): "AsyncAdaptedQueuePool"},
}
"""The pool of a SQLite file by release; aiosqlite's changed from NullPool within 2.0."""

_ALIASES = {
    "overflow": "max_overflow",
    "pool_max_overflow": "max_overflow",
    "poolsize": "pool_size",
    "pool_pre_pring": "pool_pre_ping",
    "pool_preping": "pool_pre_ping",
    "pre_ping": "pool_pre_ping",
    "pool_recycle_time": "pool_recycle",
    "recycle": "pool_recycle",
    "pool_class": "poolclass",
    "pool_lifo": "pool_use_lifo",
    "use_lifo": "pool_use_lifo",
}


_PACKAGES = ("mssql", "mysql", "oracle", "postgresql", "sqlite")


@dataclass(frozen=True, slots=True)
class Dialect:
    """A dialect with its driver, as one release of SQLAlchemy knows it.

    `driver` is SQLAlchemy's name for it, also where the URL names none. `keywords` are those that `create_engine`
    takes for it with a queue pool or any other.
    """

    name: str
    driver: str
    is_async: bool
    release: Release
    keywords: frozenset[str]
    _file_pool: str
    _memory_pool: str

    def pool(self, database: str | None = None) -> str | None:
        """The class of the pool where `poolclass` is not given, by name.

        `database` is that part of the URL, None where it cannot be read; `{}` in it stands for what is not known.
        None where the class depends on what is not known, or on more than the release.
        """
        if self._file_pool == self._memory_pool:
            return self._file_pool
        if database is None or database.startswith("file:") or database.strip("/") == "{}":
            return None
        return (self._memory_pool if database in ("", ":memory:") else self._file_pool) or None


def dialect_of(dialect: str, driver: str, asynchronous: bool, release: Release | None = None) -> Dialect | None:
    """The dialect that a URL's `dialect+driver` stands for; `driver` may be empty.

    `asynchronous` says that `create_async_engine` asks: psycopg then is another class. None for dialects of other
    packages, for unknown drivers, and for those that the release does not have. No release: the installed one.
    """
    wanted = release or installed()
    driver = driver or default_driver(dialect, wanted) or ""
    if wanted not in RELEASES or not driver or _DRIVERS_SINCE.get(driver, wanted) > wanted:
        return None
    return _asked(dialect, driver, asynchronous, wanted)


def default_driver(dialect: str, release: Release) -> str | None:
    """The driver that `dialect://` means; None for dialects of other packages and older releases."""
    return next((driver for since, driver in _DEFAULT_DRIVERS.get(dialect, ()) if release >= since), None)


@functools.cache
def pool_takes(pool: str) -> frozenset[str]:
    """The keywords of `create_engine` that end at a pool class, by the class's name; all of them alike since 1.4.

    Raises KeyError for a class that is not SQLAlchemy's.
    """
    if pool not in POOLS:
        raise KeyError(pool)
    from sqlalchemy import pool as pools

    # one class of the queue pools is gone in 2.1, and had the arguments of the others
    cls = getattr(pools, pool, pools.QueuePool)
    parameters = _parameters(cls)
    return frozenset(keyword for name, keyword in _POOL_KEYWORDS.items() if name in parameters)


POOL_KEYWORDS = frozenset(_POOL_KEYWORDS.values())
"""The keywords of `create_engine` that some pool class takes."""


def engine_keywords(release: Release | None = None) -> frozenset[str]:
    """Every keyword that `create_engine` or `create_async_engine` knows for any dialect and pool of SQLAlchemy's."""
    wanted = release or installed()
    classes = [cls for package in _PACKAGES for cls in _drivers(package).values()]
    known = frozenset[str]().union(*(_keywords_of(cls, wanted) for cls in classes))
    return known | (_ONLY_ASYNC_KEYWORDS if wanted > (1, 4) else frozenset())


def refuses_pool(pool: str, asynchronous: bool, release: Release | None = None) -> bool:
    """Whether an engine of that kind raises `ArgumentError` for the pool class.

    1.4 did not look, nor did 2.0 until 2.0.26: such an engine is made, and its pool blocks the loop or lacks one.
    """
    if (release or installed()) <= _NO_CHECK_OF_POOLS:
        return False
    return pool in (_ONLY_SYNC if asynchronous else _ONLY_ASYNC)


def is_async_pool(pool: str) -> bool:
    """Whether the pool class is for engines of `create_async_engine` only."""
    return pool in _ONLY_ASYNC


def rejection(keyword: str, value: object) -> str | None:
    """The error that a value of the wrong type ends in, with when it comes; None where nothing is known to fail.

    `pool_size`, `max_overflow` and `pool_timeout` are those of a queue pool.
    """
    if keyword not in NUMBERS or isinstance(value, (int, float)) or (keyword == "pool_timeout" and value is None):
        return None
    kind = type(value).__name__
    return {
        "pool_size": f"`TypeError: unsupported operand type(s) for -: 'int' and '{kind}'` when the engine is made",
        "max_overflow": f"`TypeError: '>' not supported between instances of '{kind}' and 'int'` at the first checkout",
        "pool_recycle": f"`TypeError: '>' not supported between instances of '{kind}' and 'int'` at the first checkout",
        "pool_timeout": f"`TypeError: '<' not supported between instances of '{kind}' and 'int'` once the pool is full",
    }[keyword]


def renamed(keyword: str) -> str | None:
    """The keyword of `create_engine` that a wrong one stands for without doubt."""
    return _ALIASES.get(keyword)


@functools.cache
def converted() -> frozenset[str]:
    """The options that `engine_from_config` turns from texts into what they should be, for every dialect."""
    from sqlalchemy.engine.default import DefaultDialect

    return frozenset(DefaultDialect.engine_config_types)


def installed() -> Release:
    """The release that is installed beside this program, or the newest one that these tables know."""
    import sqlalchemy

    major, minor = sqlalchemy.__version__.split(".")[:2]
    return min((int(major), int(minor)), RELEASES[-1])


@functools.cache
def _asked(dialect: str, driver: str, asynchronous: bool, release: Release) -> Dialect | None:
    cls = _drivers(dialect).get(driver)
    if cls is None:
        return None
    from sqlalchemy.engine import make_url

    if asynchronous:
        cls = cls.get_async_dialect_cls(make_url(f"{dialect}://"))  # type: ignore[assignment]
    file, memory = (cls.get_pool_class(make_url(f"{dialect}://{path}")).__name__ for path in ("/app.db", ""))
    file = _FILE_POOLS.get(cls.driver, {}).get(release, file)
    own = _ONLY_ASYNC_KEYWORDS if asynchronous and release > (1, 4) else frozenset[str]()
    return Dialect(dialect, driver, cls.is_async, release, _keywords_of(cls, release) | own, file, memory)


def _keywords_of(cls: type[DefaultDialect], release: Release) -> frozenset[str]:
    """What `create_engine` takes for a dialect; what came or went with a release counts for every dialect then."""
    steady = _parameters(cls) - _GONE.keys() - _SINCE.keys()
    then = {name for name, gone in _GONE.items() if release < gone}
    now = {name for name, since in _SINCE.items() if release >= since}
    return steady | then | now | _OWN | POOL_KEYWORDS


def _parameters(cls: type) -> frozenset[str]:
    from sqlalchemy.util import get_cls_kwargs

    return frozenset(get_cls_kwargs(cls) or ())


@functools.cache
def _drivers(dialect: str) -> dict[str, type[DefaultDialect]]:
    """The classes of one of SQLAlchemy's own dialects, by the names of drivers in URLs."""
    package = "mysql" if dialect == "mariadb" else dialect
    if package not in _PACKAGES:
        return {}
    parts = vars(importlib.import_module(f"sqlalchemy.dialects.{package}"))
    found = {name: getattr(part, "dialect", None) for name, part in parts.items() if name != "base"}
    return {name: cls for name, cls in found.items() if isinstance(cls, type)}
