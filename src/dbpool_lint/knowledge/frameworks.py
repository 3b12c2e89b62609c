"""How do the web frameworks start code, and which wrappers pass it on?

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
        "litestar.di.Provide",
    }
)
"""Calls whose first argument is run for each request."""

APPS = frozenset(
    {
        "fastapi.FastAPI",
        "fastapi.APIRouter",
        "fastapi.applications.FastAPI",
        "fastapi.routing.APIRouter",
        "starlette.applications.Starlette",
        "starlette.routing.Router",
        "flask.Flask",
        "flask.Blueprint",
        "flask_openapi3.OpenAPI",
        "flask_openapi3.APIBlueprint",
        "quart.Quart",
        "quart.Blueprint",
        "sanic.Sanic",
        "sanic.Blueprint",
        "aiohttp.web.RouteTableDef",
        "aiohttp.web.Application",
        "litestar.Litestar",
        "litestar.Router",
        "fasthtml.common.FastHTML",
        "robyn.Robyn",
        "apiflask.APIFlask",
        "apiflask.APIBlueprint",
        "fastapi_utils.inferring_router.InferringRouter",
        "connexion.FlaskApp",
    }
)
"""Classes whose objects register handlers."""

REQUEST_DECORATORS = frozenset(
    {
        *[
            "get",
            "post",
            "put",
            "patch",
            "delete",
            "head",
            "options",
            "trace",
            "websocket",
            "api_route",
            "route",
            "middleware",
        ],
        *["exception_handler", "errorhandler", "before_request", "after_request", "teardown_request", "view"],
        *["before_app_request", "after_app_request", "websocket_route", "on_request", "on_response"],
    }
)
"""Methods of such objects that, as decorators, make a function run for each request."""

START_DECORATORS = frozenset(
    {
        *["on_event", "before_first_request", "before_serving", "after_serving", "while_serving", "cli"],
        *["listener", "before_server_start", "after_server_start", "before_server_stop", "after_server_stop"],
    }
)
"""Methods of such objects that make a function run once in the life of the process."""

REQUEST_FUNCTIONS = frozenset(
    {
        *(f"litestar.{name}" for name in ["get", "post", "put", "patch", "delete", "head", "websocket"]),
        *(f"litestar.handlers.{name}" for name in ["get", "post", "put", "patch", "delete", "head", "websocket"]),
        "django.views.decorators.http.require_GET",
        "django.views.decorators.http.require_POST",
        "django.views.decorators.http.require_http_methods",
        "rest_framework.decorators.api_view",
        "discord.ext.commands.command",
        "discord.ext.commands.Cog.listener",
        "discord.app_commands.command",
        "nextcord.ext.commands.command",
    }
)
"""Functions that, as decorators, make a function run for each request."""

HANDLER_CLASSES = {
    "flask.views.MethodView": None,
    "flask.views.View": ("dispatch_request",),
    "flask_restful.Resource": None,
    "flask_restx.Resource": None,
    "starlette.endpoints.HTTPEndpoint": None,
    "starlette.endpoints.WebSocketEndpoint": ("on_connect", "on_receive", "on_disconnect"),
    "starlette.middleware.base.BaseHTTPMiddleware": ("dispatch",),
    "tornado.web.RequestHandler": None,
    "aiohttp.web.View": None,
    "django.views.View": None,
    "django.views.generic.View": None,
    "rest_framework.views.APIView": None,
}
"""Base class → the methods that run for each request; None for those named like HTTP methods."""

HTTP_METHODS = frozenset(["get", "post", "put", "patch", "delete", "head", "options", "prepare"])

ADD_ROUTE = {
    "add_api_route": ("endpoint", 1),
    "add_api_websocket_route": ("endpoint", 1),
    "add_route": ("handler", 1),
    "add_websocket_route": ("route", 1),
    "add_url_rule": ("view_func", 2),
    "add_get": ("handler", 1),
    "add_post": ("handler", 1),
    "add_put": ("handler", 1),
    "add_patch": ("handler", 1),
    "add_delete": ("handler", 1),
}
"""Method → the keyword and position of the function that it registers for requests."""

ROUTE_CALLS = {
    **{f"aiohttp.web.{name}": ("handler", 1) for name in ["get", "post", "put", "patch", "delete", "head", "view"]},
    "starlette.routing.Route": ("endpoint", 1),
    "starlette.routing.WebSocketRoute": ("endpoint", 1),
    "django.urls.path": ("view", 1),
    "django.urls.re_path": ("view", 1),
}
"""Function → the keyword and position of the handler that it names."""

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

THREAD_CALLS = {
    "asyncio.to_thread": 0,
    "fastapi.concurrency.run_in_threadpool": 0,
    "starlette.concurrency.run_in_threadpool": 0,
    "anyio.to_thread.run_sync": 0,
    "asgiref.sync.sync_to_async": 0,
    "asyncer.asyncify": 0,
    "functools.partial": 0,
}
"""Function → position of the callable that it runs, in a thread or later, on behalf of its caller."""

OBJECT_ATTRIBUTES = {
    ("starlette.requests.Request", "app"): "starlette.applications.Starlette",
    ("fastapi.Request", "app"): "fastapi.FastAPI",
}
