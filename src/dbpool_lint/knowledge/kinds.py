"""What kinds of values carry connections, and which calls make them?

Sources: the SQLAlchemy 2.1 and 2.0 documentation (engines, session basics, asyncio extension), asyncpg's and
psycopg_pool's API references, SQLModel's source (its Session and create_engine are SQLAlchemy's with other
defaults). Sync and async kinds are never the same.
"""

from __future__ import annotations

import enum


class Kind(str, enum.Enum):
    """The kind of a value, worked out from annotations, constructors, factories and imports."""

    ENGINE = "Engine"
    ASYNC_ENGINE = "AsyncEngine"
    FACTORY = "sessionmaker"
    ASYNC_FACTORY = "async_sessionmaker"
    SCOPED = "scoped_session"
    SESSION = "Session"
    ASYNC_SESSION = "AsyncSession"
    CONNECTION = "Connection"
    ASYNC_CONNECTION = "AsyncConnection"
    RAW_CONNECTION = "raw DBAPI connection"
    ASYNCPG_POOL = "asyncpg pool"
    ASYNCPG_LEASE = "connection of an asyncpg pool"
    ASYNCPG_CONNECTION = "asyncpg connection"
    PSYCOPG_POOL = "psycopg pool"
    PSYCOPG_LEASE = "connection of a psycopg pool"
    DBAPI_POOL = "psycopg2 pool"
    DBAPI_LEASE = "connection of a psycopg2 pool"
    AIOMYSQL_POOL = "aiomysql pool"
    AIOMYSQL_LEASE = "connection of an aiomysql pool"
    DRIVER_CONNECTION = "driver connection"
    DATABASES = "databases.Database"
    FLASK_SQLALCHEMY = "Flask-SQLAlchemy extension"
    POOL = "pool of a SQLAlchemy engine"


LEASES = frozenset(
    {
        Kind.SESSION,
        Kind.ASYNC_SESSION,
        Kind.CONNECTION,
        Kind.ASYNC_CONNECTION,
        Kind.RAW_CONNECTION,
        Kind.ASYNCPG_LEASE,
        Kind.PSYCOPG_LEASE,
        Kind.DBAPI_LEASE,
        Kind.AIOMYSQL_LEASE,
    }
)
"""Kinds that hold, or will hold, a connection of a pool, and must be given back."""

ASYNC_LEASES = frozenset({Kind.ASYNC_SESSION, Kind.ASYNC_CONNECTION, Kind.ASYNCPG_LEASE, Kind.AIOMYSQL_LEASE})


def _spelled(packages: str, name: str) -> list[str]:
    return [f"{package}.{name}" for package in packages.split()]


MADE_BY: dict[str, Kind] = {
    **dict.fromkeys(
        [
            *_spelled("sqlalchemy sqlalchemy.engine sqlalchemy.engine.create sqlmodel", "create_engine"),
            *_spelled("sqlalchemy sqlalchemy.engine sqlalchemy.engine.create", "engine_from_config"),
        ],
        Kind.ENGINE,
    ),
    **dict.fromkeys(
        [
            *_spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.engine", "create_async_engine"),
            *_spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.engine", "async_engine_from_config"),
            "sqlmodel.ext.asyncio.create_async_engine",
        ],
        Kind.ASYNC_ENGINE,
    ),
    **dict.fromkeys(_spelled("sqlalchemy.orm sqlalchemy.orm.session sqlmodel", "sessionmaker"), Kind.FACTORY),
    **dict.fromkeys(
        _spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.session", "async_sessionmaker"), Kind.ASYNC_FACTORY
    ),
    **dict.fromkeys(
        [
            *_spelled("sqlalchemy.orm sqlalchemy.orm.scoping", "scoped_session"),
            *_spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.scoping", "async_scoped_session"),
        ],
        Kind.SCOPED,
    ),
    **dict.fromkeys(
        _spelled("sqlalchemy.orm sqlalchemy.orm.session sqlmodel sqlmodel.orm.session", "Session"), Kind.SESSION
    ),
    **dict.fromkeys(
        _spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.session sqlmodel.ext.asyncio.session", "AsyncSession"),
        Kind.ASYNC_SESSION,
    ),
    "asyncpg.create_pool": Kind.ASYNCPG_POOL,
    "asyncpg.pool.create_pool": Kind.ASYNCPG_POOL,
    "asyncpg.connect": Kind.ASYNCPG_CONNECTION,
    "asyncpg.connection.connect": Kind.ASYNCPG_CONNECTION,
    **dict.fromkeys(
        [
            *_spelled("psycopg_pool psycopg_pool.pool", "ConnectionPool"),
            *_spelled("psycopg_pool psycopg_pool.pool_async", "AsyncConnectionPool"),
            *_spelled("psycopg_pool", "NullConnectionPool"),
            *_spelled("psycopg_pool", "AsyncNullConnectionPool"),
        ],
        Kind.PSYCOPG_POOL,
    ),
    **dict.fromkeys(
        [
            *_spelled("psycopg2.pool", "SimpleConnectionPool"),
            *_spelled("psycopg2.pool", "ThreadedConnectionPool"),
        ],
        Kind.DBAPI_POOL,
    ),
    **dict.fromkeys(
        [
            *_spelled("databricks_langchain databricks_langchain.checkpoint", "AsyncCheckpointSaver"),
            *_spelled("databricks_langchain databricks_langchain.checkpoint", "CheckpointSaver"),
            *_spelled("databricks_langchain databricks_langchain.store", "AsyncDatabricksStore"),
            *_spelled("databricks_langchain databricks_langchain.store", "DatabricksStore"),
        ],
        Kind.PSYCOPG_POOL,
    ),
    **dict.fromkeys(
        [
            *_spelled("mysql.connector mysql.connector.pooling", "MySQLConnectionPool"),
            *_spelled("dbutils.pooled_db DBUtils.PooledDB", "PooledDB"),
            "oracledb.create_pool",
        ],
        Kind.DBAPI_POOL,
    ),
    **dict.fromkeys(["aiomysql.create_pool", "asyncmy.create_pool", "aiopg.create_pool"], Kind.AIOMYSQL_POOL),
    "databases.Database": Kind.DATABASES,
    "flask_sqlalchemy.SQLAlchemy": Kind.FLASK_SQLALCHEMY,
}
"""Dotted name of a callable → the kind of what calling it gives."""

ANNOTATED: dict[str, Kind] = {
    **{name: kind for name, kind in MADE_BY.items() if name.rpartition(".")[2][:1].isupper()},
    **{name: kind for name, kind in MADE_BY.items() if kind in (Kind.FACTORY, Kind.ASYNC_FACTORY, Kind.SCOPED)},
    **dict.fromkeys(_spelled("sqlalchemy sqlalchemy.engine sqlalchemy.engine.base", "Engine"), Kind.ENGINE),
    **dict.fromkeys(_spelled("sqlalchemy sqlalchemy.engine sqlalchemy.engine.base", "Connection"), Kind.CONNECTION),
    **dict.fromkeys(_spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.engine", "AsyncEngine"), Kind.ASYNC_ENGINE),
    **dict.fromkeys(
        _spelled("sqlalchemy.ext.asyncio sqlalchemy.ext.asyncio.engine", "AsyncConnection"), Kind.ASYNC_CONNECTION
    ),
    "asyncpg.Pool": Kind.ASYNCPG_POOL,
    "asyncpg.pool.Pool": Kind.ASYNCPG_POOL,
    "asyncpg.Connection": Kind.ASYNCPG_CONNECTION,
    "aiomysql.Pool": Kind.AIOMYSQL_POOL,
}
"""Dotted name of a class as it stands in an annotation → the kind it promises."""

METHODS: dict[tuple[Kind, str], Kind] = {
    (Kind.ENGINE, "connect"): Kind.CONNECTION,
    (Kind.ENGINE, "raw_connection"): Kind.RAW_CONNECTION,
    (Kind.ENGINE, "execution_options"): Kind.ENGINE,
    (Kind.ASYNC_ENGINE, "connect"): Kind.ASYNC_CONNECTION,
    (Kind.ASYNC_ENGINE, "raw_connection"): Kind.RAW_CONNECTION,
    (Kind.ASYNC_ENGINE, "execution_options"): Kind.ASYNC_ENGINE,
    (Kind.CONNECTION, "execution_options"): Kind.CONNECTION,
    (Kind.FLASK_SQLALCHEMY, "get_engine"): Kind.ENGINE,
    (Kind.SESSION, "get_bind"): Kind.ENGINE,
    (Kind.ASYNC_SESSION, "get_bind"): Kind.ENGINE,
    (Kind.ASYNCPG_POOL, "acquire"): Kind.ASYNCPG_LEASE,
    (Kind.PSYCOPG_POOL, "getconn"): Kind.PSYCOPG_LEASE,
    (Kind.DBAPI_POOL, "getconn"): Kind.DBAPI_LEASE,
    (Kind.AIOMYSQL_POOL, "acquire"): Kind.AIOMYSQL_LEASE,
}
"""(kind, method) → the kind that calling the method gives."""

CONNECTING = frozenset(
    {
        *_spelled("asyncpg asyncpg.connection", "connect"),
        *_spelled("psycopg psycopg.Connection psycopg.AsyncConnection", "connect"),
        *_spelled("psycopg2 pymysql MySQLdb mysql.connector mariadb", "connect"),
        *_spelled("aiomysql asyncmy aiopg", "connect"),
        "langgraph.checkpoint.postgres.PostgresSaver.from_conn_string",
        "langgraph.checkpoint.postgres.aio.AsyncPostgresSaver.from_conn_string",
        "langgraph.store.postgres.PostgresStore.from_conn_string",
        "langgraph.store.postgres.aio.AsyncPostgresStore.from_conn_string",
    }
)
"""Callables that open one connection to a database server, without a pool. Sources: the drivers' API references;
LangGraph's savers open a connection each time their `from_conn_string` is entered."""

DRIVER_CONNECTING = frozenset(
    {
        *(name for name in CONNECTING if not name.startswith("langgraph.")),
        *_spelled("pyodbc pymssql oracledb cx_Oracle", "connect"),
        *_spelled("trino.dbapi prestodb.dbapi snowflake.connector clickhouse_driver.dbapi", "connect"),
    }
)
"""Callables that give one driver connection, which stays open until it is closed. Source: PEP 249."""

CALLED: dict[Kind, Kind] = {Kind.FACTORY: Kind.SESSION, Kind.ASYNC_FACTORY: Kind.ASYNC_SESSION}
"""What calling a value of a kind gives. A scoped registry gives the thread's one session, which it keeps itself."""

VOCABULARY = frozenset({*MADE_BY, *ANNOTATED})
"""Dotted names that make a statement matter."""

SQLALCHEMY_ENGINES = frozenset(n for n, k in MADE_BY.items() if k in (Kind.ENGINE, Kind.ASYNC_ENGINE))
POOLS = frozenset(
    {
        Kind.ENGINE,
        Kind.ASYNC_ENGINE,
        Kind.ASYNCPG_POOL,
        Kind.PSYCOPG_POOL,
        Kind.DBAPI_POOL,
        Kind.AIOMYSQL_POOL,
        Kind.DATABASES,
    }
)
"""Kinds that keep connections open for others to lease."""

MANAGED_LEASES = LEASES - {Kind.RAW_CONNECTION, Kind.PSYCOPG_LEASE, Kind.DBAPI_LEASE}
"""Leases whose `with` gives the connection back. psycopg's closes it, psycopg2's only commits, and SQLAlchemy's raw
connection is a context manager from 2.1 on only."""

USING = frozenset(
    {
        "sqlalchemy.inspect",
        "sqlalchemy.event.listen",
        "sqlalchemy.event.listens_for",
        "sqlalchemy.orm.Session",
        "sqlmodel.Session",
        "sqlalchemy.ext.asyncio.AsyncSession",
        "sqlmodel.ext.asyncio.session.AsyncSession",
        "pandas.read_sql",
        "pandas.read_sql_query",
        "pandas.read_sql_table",
    }
)
"""Functions outside the project that use an engine, connection or session, and neither close nor keep it."""

USING_METHODS = frozenset({"create_all", "drop_all", "reflect"})
"""Methods of a `MetaData` that do so."""

POOL_CLASSES = frozenset(
    _spelled("sqlalchemy.pool sqlalchemy.pool.base", "Pool")
    + _spelled("sqlalchemy.pool sqlalchemy.pool.impl", "QueuePool")
    + _spelled("sqlalchemy.pool sqlalchemy.pool.impl", "AsyncAdaptedQueuePool")
)
"""Classes of SQLAlchemy's pools as they stand in annotations; no seeds of the slice."""

COUNTERS = frozenset({"size", "checkedout", "checkedin", "overflow"})
"""Methods of a `QueuePool` that count. Source: SQLAlchemy's "Connection Pooling", API documentation."""

TELLING_COUNTERS = frozenset({"checkedout", "checkedin"})
"""Those of them that nothing else has."""

QUEUE_POOLS = frozenset({"QueuePool", "AsyncAdaptedQueuePool", "FallbackAsyncAdaptedQueuePool"})
"""Pool classes with a size, an overflow and a timeout, that keep connections for others to lease."""

COUNTERLESS_POOLS = frozenset({"NullPool", "StaticPool", "AssertionPool", "SingletonThreadPool"})
"""The other pool classes, which count nothing; `SingletonThreadPool.size` is a number. Verified with 2.0 and 2.1."""
