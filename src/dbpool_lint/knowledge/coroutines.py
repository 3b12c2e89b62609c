"""Which methods of asynchronous database objects give a coroutine, which does nothing until it is awaited?

Sources: SQLAlchemy's asyncio extension (2.0 and 2.1), asyncpg 0.32, psycopg 3.3 and psycopg_pool 3.3, each by its
API reference; the tests compare the tables with the installed packages.
"""

from __future__ import annotations

from dbpool_lint.knowledge.kinds import Kind

SESSION = "sqlalchemy.ext.asyncio.AsyncSession"
CONNECTION = "sqlalchemy.ext.asyncio.AsyncConnection"
TRANSACTION = "sqlalchemy.ext.asyncio.AsyncTransaction"
SESSION_TRANSACTION = "sqlalchemy.ext.asyncio.AsyncSessionTransaction"
ENGINE = "sqlalchemy.ext.asyncio.AsyncEngine"
ASYNCPG = "asyncpg.Connection"
ASYNCPG_POOL = "asyncpg.Pool"
ASYNCPG_TRANSACTION = "asyncpg.transaction.Transaction"
STATEMENT = "asyncpg.prepared_stmt.PreparedStatement"
PSYCOPG = "psycopg.AsyncConnection"
CURSOR = "psycopg.AsyncCursor"
PSYCOPG_POOL = "psycopg_pool.AsyncConnectionPool"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FETCHING = "execute executemany fetch fetchmany fetchrow fetchval"
_COPYING = "copy_from_query copy_from_table copy_records_to_table copy_to_table"

COROUTINES: dict[str, frozenset[str]] = {
    SESSION: _words(
        "aclose close close_all commit connection delete delete_all exec execute flush get get_one invalidate merge "
        "merge_all refresh reset rollback run_sync scalar scalars stream stream_scalars"
    ),
    CONNECTION: _words(
        "aclose close commit exec_driver_sql execute execution_options get_isolation_level get_raw_connection "
        "invalidate rollback run_sync scalar scalars start"
    ),
    TRANSACTION: _words("close commit rollback start"),
    SESSION_TRANSACTION: _words("commit rollback start"),
    ENGINE: _words("dispose raw_connection"),
    ASYNCPG: _words(
        f"{_FETCHING} {_COPYING} add_listener close prepare reload_schema_state remove_listener reset "
        "reset_type_codec set_builtin_type_codec set_type_codec"
    ),
    ASYNCPG_POOL: _words(f"{_FETCHING} {_COPYING} close expire_connections release"),
    ASYNCPG_TRANSACTION: _words("commit rollback start"),
    STATEMENT: _words("executemany explain fetch fetchmany fetchrow fetchval"),
    PSYCOPG: _words(
        "cancel_safe close commit connect execute rollback set_autocommit set_deferrable set_isolation_level "
        "set_read_only tpc_begin tpc_commit tpc_prepare tpc_recover tpc_rollback"
    ),
    CURSOR: _words("close execute executemany fetchall fetchmany fetchone scroll"),
    PSYCOPG_POOL: _words("check close drain getconn open putconn resize wait"),
}
"""Class → those of its methods that give a coroutine. `exec` is SQLModel's. Not here: `add`, `begin`, `cursor`,
`transaction` … are no coroutines; `stream` of a connection and `acquire` of a pool can be awaited or entered."""

ONE_OF_TWO: dict[str, frozenset[str]] = {
    CONNECTION: _words("stream stream_scalars"),
    ASYNCPG_POOL: _words("acquire"),
}
"""Class → methods whose value must be awaited or entered with `async with` before it is of use."""

FUNCTIONS = frozenset({"asyncpg.connect", "asyncpg.connection.connect", "psycopg.AsyncConnection.connect"})
"""Functions that give a coroutine."""

OF_KIND: dict[Kind, str] = {
    Kind.ASYNC_SESSION: SESSION,
    Kind.ASYNC_CONNECTION: CONNECTION,
    Kind.ASYNC_ENGINE: ENGINE,
    Kind.ASYNCPG_LEASE: ASYNCPG,
    Kind.ASYNCPG_CONNECTION: ASYNCPG,
    Kind.ASYNCPG_POOL: ASYNCPG_POOL,
}
"""The class of the values of a kind."""

OF_NAME: dict[str, str] = {
    **{name: name for name in COROUTINES},
    "sqlalchemy.ext.asyncio.engine.AsyncTransaction": TRANSACTION,
    "sqlalchemy.ext.asyncio.session.AsyncSessionTransaction": SESSION_TRANSACTION,
    "asyncpg.connection.Connection": ASYNCPG,
    "asyncpg.pool.PoolConnectionProxy": ASYNCPG,
    "psycopg.AsyncConnection.connect": PSYCOPG,
    "psycopg.connection_async.AsyncConnection": PSYCOPG,
    "psycopg.cursor_async.AsyncCursor": CURSOR,
    "psycopg_pool.AsyncNullConnectionPool": PSYCOPG_POOL,
    "psycopg_pool.pool_async.AsyncConnectionPool": PSYCOPG_POOL,
}
"""Dotted name of a class, or of what makes its objects → the class in the tables."""

GIVES: dict[tuple[str, str], str] = {
    (SESSION, "begin"): SESSION_TRANSACTION,
    (SESSION, "begin_nested"): SESSION_TRANSACTION,
    (SESSION, "connection"): CONNECTION,
    (CONNECTION, "begin"): TRANSACTION,
    (CONNECTION, "begin_nested"): TRANSACTION,
    (CONNECTION, "execution_options"): CONNECTION,
    (ASYNCPG, "transaction"): ASYNCPG_TRANSACTION,
    (ASYNCPG, "prepare"): STATEMENT,
    (ASYNCPG_POOL, "acquire"): ASYNCPG,
    (PSYCOPG, "cursor"): CURSOR,
    (PSYCOPG, "execute"): CURSOR,
    (CURSOR, "execute"): CURSOR,
    (PSYCOPG_POOL, "connection"): PSYCOPG,
    (PSYCOPG_POOL, "getconn"): PSYCOPG,
}
"""(class, method) → the class of what the method gives in the end, awaited or entered."""

CONSUMING = frozenset(
    f"builtins.{name}"
    for name in (
        *("all", "any", "bool", "dict", "enumerate", "float", "frozenset", "int", "iter", "len", "list", "max", "min"),
        *("next", "print", "repr", "reversed", "set", "sorted", "str", "sum", "tuple", "zip"),
    )
)
"""Builtin functions that make do with what they are given and await nothing."""
