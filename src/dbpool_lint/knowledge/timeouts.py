"""Which exceptions mean that something took too long, and which calls can raise none of them?

Sources: Python's documentation of `asyncio.TimeoutError` (the builtin `TimeoutError` since 3.11), of
`concurrent.futures.TimeoutError` and `socket.timeout`; SQLAlchemy's "Core Exceptions".
"""

from __future__ import annotations

BUILTIN_TIMEOUTS = frozenset(
    {
        "builtins.TimeoutError",
        "asyncio.TimeoutError",
        "asyncio.exceptions.TimeoutError",
        "concurrent.futures.TimeoutError",
        "socket.timeout",
    }
)
"""What `asyncio.timeout`, sockets and asyncpg raise, and a SQLAlchemy pool does not."""

CATCHING_POOLS = frozenset(
    {
        "sqlalchemy.exc.TimeoutError",
        "sqlalchemy.exc.SQLAlchemyError",
        "builtins.Exception",
        "builtins.BaseException",
    }
)
"""What catches the error of a pool that has no connection left."""

SQLALCHEMY_ERRORS = "sqlalchemy.exc."

_CALM_PACKAGES = frozenset(
    {"sqlalchemy", "sqlmodel", "builtins", "logging", "structlog", "loguru", "datetime", "time", "uuid", "json", "re"}
    | {"math", "functools", "itertools", "collections", "decimal", "enum", "typing", "dataclasses", "copy", "hashlib"}
    | {"random", "string", "secrets", "contextlib", "pydantic", "fastapi", "starlette", "flask", "http", "types"}
    | {"prometheus_client", "operator", "statistics", "traceback"}
)
"""Packages whose functions wait for nothing but a database."""

_CALM = frozenset(
    {"asyncio.sleep", "asyncio.gather", "asyncio.get_event_loop", "asyncio.get_running_loop", "os.getenv", "os.environ"}
)
_NOT_CALM = frozenset(
    {
        "builtins.open",
        "builtins.exec",
        "builtins.eval",
        "builtins.input",
        "builtins.__import__",
        "builtins.getattr",
        "contextlib.AsyncExitStack",
        "contextlib.ExitStack",
        "fastapi.concurrency",
        "starlette.concurrency",
        "starlette.testclient",
        "fastapi.testclient",
        "http.client",
    }
)


def is_calm(name: str) -> bool:
    """Whether a function outside the project, by its dotted name, never raises a `TimeoutError` of Python's own."""
    if any(name == one or name.startswith(f"{one}.") for one in _NOT_CALM):
        return False
    return name.partition(".")[0] in _CALM_PACKAGES or any(name == one or name.startswith(f"{one}.") for one in _CALM)


NEVER_TIMING_OUT = frozenset({"psycopg2", "psycopg", "pymysql", "mysqldb", "mysqlclient", "pysqlite", "aiosqlite"})
"""Drivers, by SQLAlchemy's names, that wrap every timeout of theirs in an error of their own (an `OperationalError`
under SQLAlchemy). asyncpg and pg8000 let Python's `TimeoutError` through."""
