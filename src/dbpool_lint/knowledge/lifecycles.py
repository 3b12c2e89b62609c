"""How do frameworks start and stop an application, what ends a pool, and what runs an event loop of its own?

Sources: the references of FastAPI, Starlette, Litestar, Quart, Sanic, aiohttp, BlackSheep, FastStream, arq, aiogram,
Celery and FastMCP on lifespans and hooks; of SQLAlchemy, asyncpg, psycopg_pool, aiomysql and databases on closing;
Python's on `asyncio.run`, asgiref's on `async_to_sync`.
"""

from __future__ import annotations

import re

from dbpool_lint.knowledge.kinds import Kind

LIVING_APPS = frozenset(
    {
        *["FastAPI", "Starlette", "Litestar", "Quart", "Sanic", "Application", "FastMCP", "FastStream", "Robyn"],
        *["AsgiFastStream", "BlackSheep", "Dispatcher", "APIFlask", "Server"],
    }
)
"""Last part of the names of classes whose objects have a start and an end."""

LIFESPAN_KEYWORDS = frozenset({"lifespan"})
HOOK_KEYWORDS = {
    **dict.fromkeys(["on_startup", "after_startup", "before_serving"], "startup"),
    **dict.fromkeys(["on_shutdown", "after_shutdown", "after_serving"], "shutdown"),
}
"""Keyword of an application's class, or name in an arq `WorkerSettings` → what the functions in it are."""

HOOK_LISTS = {
    "on_startup": "startup",
    "on_shutdown": "shutdown",
    "on_cleanup": "shutdown",
    "cleanup_ctx": "lifespan",
    "on_start": "startup",
    "on_stop": "shutdown",
    "shutdown": "shutdown",
    "startup": "startup",
}
"""Attribute of an application → what is appended to it, or registered with it, is."""

LISTING = frozenset({"append", "register", "extend", "insert"})

HOOK_DECORATORS = {
    "on_startup": "startup",
    "after_startup": "startup",
    "before_serving": "startup",
    "before_server_start": "startup",
    "after_server_start": "startup",
    "main_process_start": "startup",
    "on_start": "startup",
    "on_shutdown": "shutdown",
    "after_shutdown": "shutdown",
    "after_serving": "shutdown",
    "before_server_stop": "shutdown",
    "after_server_stop": "shutdown",
    "main_process_stop": "shutdown",
    "on_stop": "shutdown",
    "while_serving": "lifespan",
    "lifespan": "lifespan",
}
"""Method of an application that, as a decorator, makes a function such a hook."""

EVENT_METHODS = frozenset({"on_event", "listener", "add_event_handler", "register_listener"})
"""Methods that take the name of the event as an argument."""

EVENTS = {
    **dict.fromkeys(["startup", "before_server_start", "after_server_start", "main_process_start"], "startup"),
    **dict.fromkeys(["shutdown", "before_server_stop", "after_server_stop", "main_process_stop"], "shutdown"),
}

WORKER_ENDS = frozenset(
    f"celery.signals.{name}" for name in ["worker_process_shutdown", "worker_shutdown", "worker_shutting_down"]
)
"""Celery's signals for the end of a worker. Source: Celery, "Signals"."""

FRAMES = frozenset({*HOOK_KEYWORDS, *HOOK_LISTS, *HOOK_DECORATORS, *EVENT_METHODS, "lifespan_context"}) - {
    *["startup", "shutdown", "listener", "lifespan"]
}
"""Attributes whose mention frames the life of an application."""

CLOSING: dict[Kind, frozenset[str]] = {
    Kind.ENGINE: frozenset({"dispose"}),
    Kind.ASYNC_ENGINE: frozenset({"dispose"}),
    Kind.ASYNCPG_POOL: frozenset({"close", "terminate"}),
    Kind.PSYCOPG_POOL: frozenset({"close"}),
    Kind.AIOMYSQL_POOL: frozenset({"close", "terminate"}),
    Kind.DATABASES: frozenset({"disconnect"}),
}
"""What closes a pool. Source: the API references."""

CLOSINGS = frozenset(name for names in CLOSING.values() for name in names) | {"aclose"}
POOLISH = re.compile(
    r"pool|db|database|engine|pg|postgres|psql|mysql|sql|conn|repo|storage|store|resource", re.IGNORECASE
)
"""Words in the name of something that may be a pool, or hold one, where nothing else is known of it."""

STACKS = frozenset({"contextlib.ExitStack", "contextlib.AsyncExitStack"})
STACKING = frozenset(
    {"enter_async_context", "enter_context", "push_async_exit", "push", "push_async_callback", "callback"}
)
"""Context managers that close things at their end, and their methods that take these."""

CLOSER = re.compile(
    r"(?:close|dispose|disconnect|shut_?down|clean_?up|terminate|teardown|destroy)_.*(?:db|database|engine|pool|conn|pg|sql)"
    r"|(?:db|database|engine|pool|conn|pg|sql)\w*_(?:close|dispose|disconnect|shut_?down|clean_?up|terminate|teardown)"
)
"""Names of functions that end a pool and that no framework looks for."""

ENTERING = frozenset({"enter_async_context", "enter_context", "push_async_exit", "push", "aclosing", "closing"})
"""Calls that see to the end of what they are given."""

NOT_OWNING = frozenset(
    {
        *["instrument", "configure", "create_all", "drop_all", "reflect", "run_sync", "listen", "listens_for", "bind"],
        *["append", "add", "insert", "setdefault", "update", "info", "debug", "warning", "error", "exception"],
    }
)
"""Methods that may be handed a pool and do not end it."""

NOT_OWNING_PACKAGES = frozenset(
    {
        *["sqlalchemy", "sqlmodel", "builtins", "fastapi", "starlette", "typing", "inspect", "logging", "asyncio"],
        *[
            "sqladmin",
            "starlette_admin",
            "fastapi_users",
            "alembic",
            "opentelemetry",
            "pydantic",
            "abc",
            "enum",
            "dataclasses",
            "pandas",
            "aiosql",
            "litestar",
        ],
    }
)
"""Packages whose functions and classes use a pool that they are handed, and leave its end to whoever made it."""

LOOP_RUNNERS = frozenset({"asyncio.run", "uvloop.run", "anyio.run", "asyncio.runners.run"})
"""Each call makes an event loop, runs a coroutine in it, and closes the loop."""

LOOP_BRIDGES = frozenset({"asgiref.sync.async_to_sync"})
"""What they return runs in a loop of its own when it is called from a thread without one."""

LOOP_MAKERS = frozenset({"asyncio.new_event_loop", "uvloop.new_event_loop", "asyncio.events.new_event_loop"})
