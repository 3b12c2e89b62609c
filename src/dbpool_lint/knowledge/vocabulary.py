"""Which names make a statement matter? The seeds of the slice."""

from __future__ import annotations

import re

from dbpool_lint.knowledge.blocking import SLEEPS
from dbpool_lint.knowledge.kinds import (
    ANNOTATED,
    CONNECTING,
    DRIVER_CONNECTING,
    MADE_BY,
    METHODS,
    TELLING_COUNTERS,
    VOCABULARY,
    Kind,
)
from dbpool_lint.knowledge.poolers import CONNECTORS

FLASK_KEYS = frozenset(
    {"SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS", "SQLALCHEMY_BINDS", "SQLALCHEMY_POOL_SIZE"}
    | {"SQLALCHEMY_POOL_TIMEOUT", "SQLALCHEMY_POOL_RECYCLE", "SQLALCHEMY_MAX_OVERFLOW"}
)
"""Settings of Flask-SQLAlchemy that are given by name. Source: its configuration page."""

MIDDLEWARE = frozenset({"fastapi_sqlalchemy.DBSessionMiddleware", "fastapi_async_sqlalchemy.SQLAlchemyMiddleware"})
"""Middleware that makes an engine of its own from `db_url` and `engine_args`."""

_ALCHEMY = (
    *("advanced_alchemy.config", "advanced_alchemy.config.asyncio", "advanced_alchemy.config.sync"),
    *("advanced_alchemy.config.engine", "advanced_alchemy.extensions.litestar"),
    *(f"advanced_alchemy.extensions.{name}" for name in ("fastapi", "starlette", "flask", "sanic", "litestar.plugins")),
    *("litestar.plugins.sqlalchemy", "litestar.contrib.sqlalchemy.plugins", "litestar.contrib.sqlalchemy"),
)
PLUGIN_CONFIGS = frozenset(
    f"{module}.{name}" for module in _ALCHEMY for name in ("SQLAlchemyAsyncConfig", "SQLAlchemySyncConfig")
)
"""Configurations of plugins that make an engine from `connection_string` and `engine_config`. advanced-alchemy 1.x."""

ENGINE_CONFIGS = frozenset(f"{module}.EngineConfig" for module in _ALCHEMY)
"""What holds their engine's options. What is left out is not passed to SQLAlchemy. advanced-alchemy 1.x."""

_CONNECTIONS = CONNECTING | DRIVER_CONNECTING
POOL_NAMES = VOCABULARY | CONNECTORS | _CONNECTIONS | MIDDLEWARE | PLUGIN_CONFIGS | ENGINE_CONFIGS
"""Dotted names whose statements are followed in both directions: to what uses them and to what they use."""

MAKERS = frozenset(MADE_BY) | CONNECTORS | _CONNECTIONS | MIDDLEWARE | PLUGIN_CONFIGS | ENGINE_CONFIGS
"""Those of them that make pools and leases: what stands around these is looked at more closely."""

CLASSES = frozenset(
    name for name, kind in ANNOTATED.items() if name.rpartition(".")[2][:1].isupper() and kind is not Kind.PSYCOPG_POOL
)
"""Classes of leases and pools: `db: Session` asks for one and takes none, so an annotation alone is no seed."""

TAKING = frozenset(method for _, method in METHODS)
"""Methods that take a lease from a pool."""

ASKED_OF_POOLS = TELLING_COUNTERS
"""Methods that only pools have: what calls one reads a pool, wherever it comes from."""

SPREADING = frozenset(
    {
        *("gather", "TaskGroup", "create_task_group", "create_task", "ensure_future", "start_soon", "run_in_executor"),
        *("add_task", "BackgroundTask", "Thread", "submit"),
    }
)
"""Functions and methods that start tasks and threads: a lease beside them may come into several."""

EXPECTING = SPREADING | {
    *("TimeoutError", "Exception", "SQLAlchemyError", "DBAPIError", "IntegrityError", "OperationalError", "DataError"),
}
"""Exceptions that code around a lease may expect, and what spreads it: such code is looked at although it only asks
for the lease."""

LENDERS = frozenset(name for name, kind in MADE_BY.items() if kind not in (Kind.ENGINE, Kind.ASYNC_ENGINE))
"""Those that hand out leases: what is lent one is looked at, for whether it gives it back."""

SINK_NAMES = SLEEPS
"""Dotted names whose statements are followed only to what uses them."""


def seeds(extra: frozenset[str] = frozenset()) -> re.Pattern[str]:
    """A quick test of a file's text: without a match it holds no seed. `extra` are dotted names from settings."""
    words = {name.rpartition(".")[2] for name in (POOL_NAMES | SINK_NAMES | ASKED_OF_POOLS | extra)}
    return re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, words))) + r")\b|" + "|".join(sorted(FLASK_KEYS)))
