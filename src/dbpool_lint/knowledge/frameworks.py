"""Which wrappers of frameworks and libraries pass on what a function gives, and which keep it?

Sources: the API references of FastAPI, Starlette, Flask, Quart, aiohttp, Litestar, Sanic, Django and Tornado.
"""

from __future__ import annotations

DEPENDS = frozenset(
    {
        "fastapi.Depends",
        "fastapi.Security",
        "fastapi.params.Depends",
        "fastapi.param_functions.Depends",
        "fast_depends.Depends",
        "faststream.Depends",
        "taskiq.TaskiqDepends",
        "litestar.di.Provide",
        "starlite.Provide",
        "esmerald.Inject",
    }
)
"""Calls whose first argument is run for each request."""

START_DECORATORS = frozenset(
    {
        *["on_event", "before_first_request", "before_serving", "after_serving", "while_serving", "cli"],
        *["listener", "before_server_start", "after_server_start", "before_server_stop", "after_server_stop"],
    }
)
"""Methods of such objects that make a function run once in the life of the process."""

RUN_COROUTINE = frozenset(
    {
        "asyncio.run",
        "asyncio.run_coroutine_threadsafe",
        "asyncio.wait_for",
        "asyncio.shield",
        "asgiref.sync.async_to_sync",
        "anyio.run",
    }
)
"""Calls whose value is that of their first argument."""

MANAGERS = frozenset(
    {"contextlib.contextmanager", "contextlib.asynccontextmanager", "contextlib._GeneratorContextManager"}
)

CACHES = frozenset(
    {
        "functools.lru_cache",
        "functools.cache",
        "functools.cached_property",
        "async_lru.alru_cache",
        "cachetools.cached",
        "cachetools.func.lru_cache",
        "cachetools.func.ttl_cache",
        "django.utils.functional.cached_property",
        "streamlit.cache_resource",
        "fastapi_utils.api_settings.lru_cache",
        "sqlalchemy.util.memoized_property",
        "werkzeug.utils.cached_property",
        "aiocache.cached",
    }
)
"""Decorators that run a function once and keep what it returned."""

TRANSPARENT = frozenset(
    {
        "builtins.staticmethod",
        "builtins.classmethod",
        "builtins.property",
        "typing.overload",
        "typing.no_type_check",
        "functools.wraps",
        "abc.abstractmethod",
        "typing.final",
        "typing.override",
    }
)
"""Decorators that leave what a function returns as it is."""

OBJECT_ATTRIBUTES = {
    ("starlette.requests.Request", "app"): "starlette.applications.Starlette",
    ("fastapi.Request", "app"): "fastapi.FastAPI",
    ("fastapi.FastAPI", "router"): "fastapi.routing.APIRouter",
    ("starlette.applications.Starlette", "router"): "starlette.routing.Router",
    ("aiohttp.web.Request", "app"): "aiohttp.web.Application",
    ("flask.Flask", "cli"): "flask.cli.AppGroup",
    ("flask.Blueprint", "cli"): "flask.cli.AppGroup",
    ("quart.Quart", "cli"): "flask.cli.AppGroup",
    **{
        (f"{package}.ext.commands.{bot}", "tree"): f"{package}.app_commands.CommandTree"
        for package in ("discord", "nextcord")
        for bot in ("Bot", "AutoShardedBot")
    },
}
