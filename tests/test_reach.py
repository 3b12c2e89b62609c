"""What does a request reach? Every way in which a framework starts code, what it passes, and where caches stop it."""

from __future__ import annotations

import pytest
from linking import asked, function, linked

from dbpool_lint.config import Settings
from dbpool_lint.facts import model as facts
from dbpool_lint.facts.callgraph.calls import called_outside, edges
from dbpool_lint.facts.callgraph.entries import starts_once
from dbpool_lint.facts.callgraph.reach import Sinks
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.pooling.keeping import is_cached, is_disposed, is_kept
from dbpool_lint.facts.project import Function


def _entries(text: str, settings: Settings | None = None, name: str = "app.py") -> dict[str, str]:
    return {entry.function.qualname: entry.what for entry in linked({name: text}, settings).entries}


def _reached(text: str) -> set[str]:
    """The functions on the request path."""
    project = linked(text)
    return {f.qualname for f in project.project.functions() if id(f) in project.request_paths}


def _asking(text: str) -> tuple[Evaluator, facts.Expr, Function]:
    project = linked(text)
    fact, scope = asked(project)
    assert isinstance(scope, Function)
    return project.evaluator, fact, scope


# what runs for each request: refusals first


@pytest.mark.parametrize(
    "text",
    [
        "def get(): ...",
        "import functools\n@functools.wraps\ndef get(): ...",
        "from cachetools import TTLCache\nstore = TTLCache()\n@store.get\ndef f(): ...",
        "class App:\n    def get(self, f): ...\napp = App()\n@app.get\ndef f(): ...",
        "from fastapi import FastAPI\napp = FastAPI()\n@app.on_event('startup')\ndef f(): ...",
        "from flask import Flask\napp = Flask('x')\n@app.cli.command()\ndef f(): ...",
        "from django.urls import path\npath('x')",
        "from django.urls import path\npath('x', 'dotted.view')",
        "from fastapi import FastAPI\napp = FastAPI()\napp.add_api_route('/x')",
        "from flask.views import View\nclass V(View):\n    def get(self): ...",
        "from flask.views import MethodView\nclass V(MethodView):\n    def helper(self): ...",
        "from somewhere import Base\nclass V(Base):\n    def get(self): ...",
    ],
)
def test_code_that_no_framework_starts_for_a_request_is_no_entry(text: str) -> None:
    assert _entries(text) == {}


def test_routes_of_tests_are_no_entries() -> None:
    text = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef f(): ..."
    assert _entries(text) == {"f": "route"}
    assert _entries(text, name="tests/test_app.py") == {}


@pytest.mark.parametrize(
    ("imports", "app", "decorators"),
    [
        (
            "from fastapi import FastAPI",
            "FastAPI()",
            "get post put patch delete head options trace websocket api_route",
        ),
        ("from fastapi import APIRouter", "APIRouter()", "get post websocket"),
        ("from fastapi.routing import APIRouter", "APIRouter()", "get"),
        ("from starlette.applications import Starlette", "Starlette()", "route websocket_route exception_handler"),
        (
            "from flask import Flask",
            "Flask('x')",
            "route get errorhandler before_request after_request teardown_request",
        ),
        ("from flask import Blueprint", "Blueprint('a', 'b')", "route before_app_request after_app_request"),
        ("from quart import Quart", "Quart('x')", "route websocket before_request"),
        ("from sanic import Sanic", "Sanic('x')", "get on_request on_response"),
        ("from aiohttp import web", "web.RouteTableDef()", "get post view"),
        ("from litestar import Router", "Router()", "get"),
        ("import fastapi\nclass Own(fastapi.FastAPI): ...", "Own()", "get"),
        ("from fastapi import APIRouter\nclass A(APIRouter): ...\nclass B(A): ...", "B()", "post"),
        ("from fastapi import FastAPI\ndef make():\n    app = FastAPI()\n    return app", "make()", "get"),
        ("from flask import Flask\ndef make() -> Flask: ...", "make()", "get"),
    ],
)
def test_methods_of_applications_and_routers_make_routes(imports: str, app: str, decorators: str) -> None:
    for decorator in decorators.split():
        for spelled in (decorator, f"{decorator}('/x')"):
            assert _entries(f"{imports}\napp = {app}\n@app.{spelled}\ndef f(): ...") == {"f": "route"}


def test_a_route_in_an_application_factory_is_a_route() -> None:
    text = """
        from flask import Flask
        def create_app():
            app = Flask("x")
            @app.route("/")
            def index(): ...
            return app
        def register(app: Flask):
            @app.get("/more")
            def more(): ...
    """
    assert _entries(text) == {"create_app.index": "route", "register.more": "route"}


@pytest.mark.parametrize(
    "decorated",
    [
        "from litestar import get\n@get('/')",
        "import litestar\n@litestar.post",
        "from litestar.handlers import websocket\n@websocket('/ws')",
        "from rest_framework.decorators import api_view\n@api_view(['GET'])",
        "from django.views.decorators.http import require_GET\n@require_GET",
    ],
)
def test_decorators_of_frameworks_make_routes(decorated: str) -> None:
    assert _entries(f"{decorated}\ndef f(): ...") == {"f": "route"}


@pytest.mark.parametrize("start", ["from shop.jobs import job", "from lib.jobs import job"])
def test_decorators_named_in_the_settings_make_routes(start: str) -> None:
    dotted = start.split()[1] + ".job"
    files = {"shop/jobs.py": "def job(f):\n    return f", "app.py": f"{start}\n@job\ndef f(): ..."}
    found = {entry.function.qualname for entry in linked(files, Settings(entry_points=(dotted,))).entries}
    assert found == {"f"}
    assert linked(files).entries == ()


@pytest.mark.parametrize("app", ["fastapi.FastAPI()", "starlette.applications.Starlette()", "sanic.Sanic('x')"])
def test_a_middleware_function_is_middleware(app: str) -> None:
    text = (
        f"import fastapi, sanic, starlette.applications\napp = {app}\n@app.middleware('http')\nasync def f(r, n): ..."
    )
    assert _entries(text) == {"f": "middleware"}


@pytest.mark.parametrize(
    ("base", "methods", "what"),
    [
        ("flask.views.MethodView", "get post", "view"),
        ("flask.views.View", "dispatch_request", "view"),
        ("flask_restful.Resource", "delete", "view"),
        ("flask_restx.Resource", "put", "view"),
        ("starlette.endpoints.HTTPEndpoint", "get head", "view"),
        ("starlette.endpoints.WebSocketEndpoint", "on_connect on_receive on_disconnect", "view"),
        ("starlette.middleware.base.BaseHTTPMiddleware", "dispatch", "middleware"),
        ("tornado.web.RequestHandler", "get post prepare", "view"),
        ("aiohttp.web.View", "get", "view"),
        ("django.views.View", "get", "view"),
        ("django.views.generic.View", "post", "view"),
        ("rest_framework.views.APIView", "patch", "view"),
    ],
)
def test_methods_of_class_views_run_for_each_request(base: str, methods: str, what: str) -> None:
    package, _, name = base.rpartition(".")
    for method in methods.split():
        body = f"    def {method}(self): ...\n    def helper(self): ..."
        direct = f"from {package} import {name}\nclass Mine({name}):\n{body}"
        derived = f"from {package} import {name}\nclass Base({name}): ...\nclass Mine(Base):\n{body}"
        assert _entries(direct) == _entries(derived) == {f"Mine.{method}": what}


@pytest.mark.parametrize(
    "call",
    [
        "app.add_api_route('/x', f)",
        "app.add_api_route('/x', endpoint=f)",
        "app.add_api_websocket_route('/x', f)",
        "app.add_route('/x', f)",
        "app.add_websocket_route('/x', route=f)",
        "app.add_url_rule('/x', 'x', f)",
        "app.add_url_rule('/x', view_func=f)",
        *(f"app.router.add_{verb}('/x', f)" for verb in ["get", "post", "put", "patch", "delete"]),
        "app.add_routes([web.get('/x', f), web.post('/y', handler=f)])",
        "Starlette(routes=[Route('/x', f)])",
        "Starlette(routes=[WebSocketRoute('/x', endpoint=f)])",
        "urlpatterns = [path('x/', f)]",
        "urlpatterns = [re_path('^x$', view=f, name='x')]",
    ],
)
@pytest.mark.parametrize("where", ["module", "function"])
def test_functions_that_a_call_registers_are_routes(call: str, where: str) -> None:
    start = """
from aiohttp import web
from django.urls import path, re_path
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from fastapi import FastAPI
app = FastAPI()
def f(): ...
"""
    assert _entries(start + (call if where == "module" else f"def register(app):\n    {call}")) == {"f": "route"}


_DEPENDING = """
from typing import Annotated
from fastapi import APIRouter, Depends, FastAPI, Security
from somewhere import Other
app = FastAPI()
def give(): ...
class Unit:
    def __init__(self): ...
class Callable:
    def __call__(self): ...
callable_object = Callable()
Alias = Annotated[int, Depends(give)]
Second = Alias
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(x=Other(give)): ...", {}),
        ("def f(x=Depends()): ...", {}),
        ("def f(x: Unit): ...", {}),
        ("def f(x: int = Depends()): ...", {}),
        ("def f(x=Depends(give)): ...", {"give": "dependency"}),
        ("def f(x=Security(give)): ...", {"give": "dependency"}),
        ("def f(x=Depends(dependency=give)): ...", {"give": "dependency"}),
        ("def f(x: Annotated[int, Depends(give)]): ...", {"give": "dependency"}),
        ("def f(x: Alias): ...", {"give": "dependency"}),
        ("def f(x: Second): ...", {"give": "dependency"}),
        ("def f(x=Depends(Unit)): ...", {"Unit.__init__": "dependency"}),
        ("def f(x: Unit = Depends()): ...", {"Unit.__init__": "dependency"}),
        ("def f(x=Depends(Callable())): ...", {"Callable.__call__": "dependency"}),
        ("def f(x=Depends(callable_object)): ...", {"Callable.__call__": "dependency"}),
        ("def f(x=Depends(Other())): ...", {}),
        ("def f(x=Depends(Unit())): ...", {}),
        ("router = APIRouter(dependencies=[Depends(give)])", {"give": "dependency"}),
        ("app.include_router(router, dependencies=[Depends(give)])", {"give": "dependency"}),
        ("SHARED = [Depends(give)]\nrouter = APIRouter(dependencies=SHARED)", {"give": "dependency"}),
        ("@app.get('/', dependencies=[Depends(give)])\ndef f(): ...", {"f": "route", "give": "dependency"}),
    ],
)
def test_dependencies_run_for_each_request(text: str, expected: dict[str, str]) -> None:
    assert _entries(_DEPENDING + text) == expected


# what starts once


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("@app.get('/')", False),
        ("@functools.cache", False),
        ("@command", False),
        ("@app.on_event('startup')", True),
        ("@app.before_serving", True),
        ("@app.listener('before_server_start')", True),
        ("@click.command()", True),
        ("@typer.run", True),
        ("@app.cli.command('x')", True),
        ("@cli.callback()", True),
    ],
)
def test_start_up_and_commands_start_once(decorator: str, expected: bool) -> None:
    text = f"import click, functools, typer\nfrom app_of import app, cli, command\n{decorator}\ndef f(): ..."
    project = linked(text)
    assert starts_once(project.evaluator, function(project, "f")) is expected


# what a request passes on its way


_ROUTE = "from fastapi import Depends, FastAPI\napp = FastAPI()\n"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("x = helper", False),
        ("register(helper)", False),
        ("lambda: helper()", False),
        ("def inner(): helper()", False),
        ("app.state.kept = helper()", False),
        ("request.app.state.kept = helper()", False),
        ("KEPT['a'] = helper()", False),
        ("KEPT.setdefault('a', helper())", False),
        ("Shared.kept = helper()", False),
        ("setattr(Shared, 'kept', helper())", False),
        ("shared.kept = helper()", False),
        ("helper()", True),
        ("x = [helper() for _ in range(2)]", True),
        ("return helper()", True),
        ("await run_in_threadpool(helper, 1)", True),
        ("await asyncio.to_thread(helper)", True),
        ("await loop.run_in_executor(None, helper)", True),
        ("await connection.run_sync(helper)", True),
        ("request.state.kept = helper()", True),
        ("local = {}\n    local['a'] = helper()", True),
        ("local = Shared()\n    local.kept = helper()", True),
        ("setattr(local, 'kept', helper())", False),
        ("Runner()", True),
        ("Runner().run", True),
        ("Runner().lazily", True),
        ("callable_object()", True),
        ("with Manager(): pass", True),
        ("with open_it() as x: pass", True),
        ("wrapped()", True),
        ("wrapped_with_arguments()", True),
    ],
)
def test_calls_whose_result_is_not_kept_are_passed(route: str, expected: bool) -> None:
    start = """
import asyncio
from contextlib import contextmanager
from functools import cached_property
from starlette.concurrency import run_in_threadpool
KEPT = {}
def helper(): ...
class Shared: ...
shared = Shared()
class Runner:
    def __init__(self):
        helper()
    @property
    def run(self):
        helper()
    @cached_property
    def lazily(self):
        helper()
class Callable:
    def __call__(self):
        helper()
callable_object = Callable()
class Manager:
    def __enter__(self):
        helper()
@contextmanager
def open_it():
    yield helper()
def decorator(f):
    def wrapper():
        helper()
        return f()
    return wrapper
def with_arguments(n):
    def outer(f):
        def wrapper():
            helper()
        return wrapper
    return outer
@decorator
def wrapped(): ...
@with_arguments(1)
def wrapped_with_arguments(): ...
"""
    route = f"@app.get('/')\nasync def route(request, connection, loop, register):\n    {route}\n"
    assert ("helper" in _reached(_ROUTE + start + route)) is expected


def test_chains_longer_than_anyone_could_read_are_not_followed_to_their_end() -> None:
    chain = "".join(f"def f{n}():\n    f{n + 1}()\n" for n in range(60))
    reached = _reached(f"{_ROUTE}{chain}def f60(): ...\n@app.get('/')\ndef route():\n    f0()")
    assert "f20" in reached
    assert "f59" not in reached


def test_of_several_ways_the_shortest_from_a_route_is_told() -> None:
    project = linked(
        _ROUTE
        + """
def deep(): ...
def middle(): deep()
def give(): middle()
@app.get('/far')
def far(): middle()
@app.get('/near')
def near(x=Depends(give)): deep()
"""
    )
    path = project.request_paths[id(function(project, "deep"))]
    assert (path.entry.function.qualname, len(path.steps)) == ("near", 1)


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("", False),
        ("@staticmethod", False),
        ("@functools.wraps(print)", False),
        ("@functools.lru_cache", True),
        ("@functools.lru_cache(maxsize=None)", True),
        ("@functools.cache", True),
        ("@alru_cache()", True),
        ("@cachetools.cached({})", True),
        ("@streamlit.cache_resource", True),
        ("@somewhere.memoize", True),
        ("@somewhere.run_once()", True),
        ("@Singleton", True),
    ],
)
def test_caches_are_passed_only_once(decorator: str, expected: bool) -> None:
    text = f"""
import cachetools, functools, somewhere, streamlit
from async_lru import alru_cache
from somewhere import Singleton
{decorator}
def f(): ...
"""
    project = linked(text)
    assert is_cached(project.evaluator, function(project, "f")) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("asked = make()", False),
        ("global KEPT\n    KEPT = asked = make()", False),
        ("g.kept = asked = make()", False),
        ("param.kept = asked = make()", False),
        ("make().kept = asked = make()", False),
        ("asked = make()\n    return asked", False),
        ("asked = make()\n    other = bound(asked)", False),
        ("def inner():\n        return asked\n    asked = make()", False),
        ("global KEPT\n    if KEPT is None:\n        KEPT = asked = make()", True),
        ("global KEPT\n    try:\n        KEPT.x\n    except AttributeError:\n        KEPT = asked = make()", True),
        ("global KEPT\n    asked = make()\n    KEPT = KEPT or asked", True),
        ("global KEPT\n    KEPT = asked = make() if KEPT is None else KEPT", True),
        ("global KEPT\n    while not KEPT:\n        KEPT = asked = make()", True),
        ("asked = make()\n    factory = bound(asked)\n    TABLE['f'] = factory", True),
        ("asked = make()\n    TABLE.setdefault('f', asked)", True),
        ("asked = make()\n    LIST.append(asked)", True),
        ("asked = make()\n    flask_app.config['x'] = asked", True),
        ("asked = make()\n    param.app.state.engine = asked", True),
        ("asked = make()\n    app_param.engine = asked", True),
        ("local = Shared\n    asked = make()\n    local.engine = asked", True),
        ("local = Shared()\n    asked = make()\n    local.engine = asked", False),
        ("asked = make()\n    if (kept := asked):\n        TABLE['x'] = kept", True),
        ("with make() as kept:\n        asked = kept\n        TABLE['x'] = asked", True),
        ("TABLE['x'], other = asked = make()", True),
    ],
)
def test_what_is_stored_beyond_the_call_is_kept(body: str, expected: bool) -> None:
    text = f"""
from flask import Flask, g
from somewhere import bound, make
flask_app = Flask("x")
KEPT = None
TABLE = {{}}
LIST = []
class Shared: ...
def f(param, app_param: Flask):
    {body}
"""
    evaluator, fact, scope = _asking(text)
    assert is_kept(evaluator, fact, scope) is expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("def run(self):\n        asked = make()", False),
        ("def run(self):\n        self.kept = asked = make()", True),
        ("def run(self):\n        self.parts.kept = asked = make()", True),
        ("def __init__(self):\n        self.kept = asked = make()", False),
        ("def __init__(self):\n        self.parts['kept'] = asked = make()", True),
        ("def __post_init__(self):\n        self.kept = asked = make()", False),
        ("@classmethod\n    def run(cls):\n        cls.kept = asked = make()", True),
        ("@staticmethod\n    def run():\n        C.kept = asked = make()", True),
    ],
)
def test_what_an_object_keeps_lives_as_long_as_the_object(method: str, expected: bool) -> None:
    evaluator, fact, scope = _asking(f"from somewhere import make\nclass C:\n    {method}")
    assert is_kept(evaluator, fact, scope) is expected


def test_a_name_of_the_function_around_is_kept_by_it_when_it_looks_first() -> None:
    text = """
        def outer():
            kept = None
            def inner():
                nonlocal kept
                if kept is None:
                    kept = asked = make()
                return kept
            return inner
    """
    evaluator, fact, scope = _asking(text)
    assert is_kept(evaluator, fact, scope) is True


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("asked = make()", False),
        ("asked = make()\n    asked.dispose()", False),
        ("asked = make()\n    try:\n        pass\n    finally:\n        other.dispose()", False),
        (
            "asked = make()\n    other = bound(asked)\n    try:\n        pass\n    finally:\n        other.close()",
            False,
        ),
        ("asked = make()\n    try:\n        pass\n    finally:\n        asked.connect()", False),
        ("asked = make()\n    with open('x'):\n        pass", False),
        ("asked = make()\n    with closing(other):\n        pass", False),
        ("asked = make()\n    try:\n        pass\n    finally:\n        asked.dispose()", True),
        ("asked = make()\n    try:\n        pass\n    finally:\n        if asked:\n            asked.close()", True),
        ("asked = await make()\n    try:\n        pass\n    finally:\n        await asked.close()", True),
        ("asked = make()\n    try:\n        pass\n    finally:\n        shut(asked)", True),
        ("asked = make()\n    with closing(asked):\n        pass", True),
        ("asked = make()\n    with contextlib.closing(asked) as c:\n        pass", True),
    ],
)
def test_what_a_finally_or_a_manager_closes_is_disposed(body: str, expected: bool) -> None:
    text = f"import contextlib\nfrom contextlib import closing\nasync def f(other, bound):\n    {body}"
    evaluator, fact, scope = _asking(text)
    made = fact.value if isinstance(fact, facts.Await) else fact
    assert is_disposed(evaluator, made, scope) is expected


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        ("class C:\n    def __init__(self): ...", {"C.__init__"}),
        ("class C:\n    def __post_init__(self): ...", {"C.__post_init__"}),
        ("class B:\n    def __init__(self): ...\nclass C(B): ...", {"B.__init__"}),
        ("class C(metaclass=Single):\n    def __init__(self): ...", set()),
        ("class B(metaclass=Single): ...\nclass C(B):\n    def __init__(self): ...", set()),
        ("class C:\n    def __new__(cls): ...\n    def __init__(self): ...", {"C.__new__", "C.__init__"}),
        ("class C:\n    def __new__(cls): ...\n    def __init__(self):\n        if self.x: ...", {"C.__new__"}),
        ("class C:\n    def __new__(cls): ...\n    def __init__(): ...", {"C.__new__", "C.__init__"}),
    ],
)
def test_making_an_object_runs_its_constructors_unless_it_is_there_already(cls: str, expected: set[str]) -> None:
    project = linked(f"{cls}\ndef f():\n    C()")
    assert {edge.callee.qualname for edge in edges(project.evaluator, function(project, "f"))} == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("unheard()", set()),
        ("own()", set()),
        ("time.sleep(1)", {"time.sleep"}),
        ("print(1)", {"builtins.print"}),
        ("client.get('x')", {"httpx.Client.get"}),
        ("session.execute('x')", {"Session.execute"}),
    ],
)
def test_what_runs_outside_the_project_has_a_dotted_name(call: str, expected: set[str]) -> None:
    text = f"""
import time
import httpx
from sqlalchemy.orm import Session
client = httpx.Client()
def own(): ...
def f(session: Session):
    asked = {call}
"""
    project = linked(text)
    fact, scope = asked(project)
    assert isinstance(fact, facts.Call)
    assert called_outside(project.evaluator, fact, scope) == expected


# what runs on the event loop


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", None),
        ("f()", None),
        ("worker()", None),
        ("coroutine()", None),
        ("generated()", None),
        ("managed()", None),
        ("asyncio.to_thread(helper)", None),
        ("maybe()", None),
        ("if flag:\n        helper()", None),
        ("flag and helper()", None),
        ("helper() if flag else 1", None),
        ("[helper() for _ in flag]", None),
        ("try:\n        pass\n    except ValueError:\n        helper()", None),
        ("match flag:\n        case 1:\n            helper()", None),
        ("if helper():\n        pass", ["f", "helper"]),
        ("while True:\n        helper()", ["f", "helper"]),
        ("for _ in flag:\n        helper()", ["f", "helper"]),
        ("for _ in helper():\n        pass", ["f", "helper"]),
        ("match helper():\n        case 1:\n            pass", ["f", "helper"]),
        ("with flag:\n        helper()", ["f", "helper"]),
        ("with helper():\n        pass", ["f", "helper"]),
        ("try:\n        helper()\n    except ValueError:\n        pass", ["f", "helper"]),
        ("try:\n        pass\n    finally:\n        helper()", ["f", "helper"]),
        ("time.sleep(1)", ["f"]),
        ("helper()", ["f", "helper"]),
        ("deeper()", ["f", "deeper", "helper"]),
        ("Own()", ["f", "Own.__init__"]),
        ("Prop().value", ["f", "Prop.value"]),
        ("deeper()\n    helper()", ["f", "helper"]),
    ],
)
def test_the_shortest_way_to_a_sleep_is_told(body: str, expected: list[str] | None) -> None:
    text = f"""
import asyncio, time
from contextlib import contextmanager
from somewhere import flag
def helper():
    time.sleep(1)
def deeper():
    helper()
def quiet(): ...
maybe = helper if flag else quiet
def worker():
    return asyncio.to_thread(helper)
async def coroutine():
    time.sleep(1)
def generated():
    time.sleep(1)
    yield
@contextmanager
def managed():
    time.sleep(1)
    yield
class Own:
    def __init__(self):
        time.sleep(1)
class Prop:
    @property
    def value(self):
        time.sleep(1)
def f():
    {body}
"""
    project = linked(text)
    evaluator = project.evaluator
    sinks = Sinks(evaluator, lambda call, scope: "time.sleep" in called_outside(evaluator, call, scope))
    for _ in range(2):  # the second answer is the remembered one
        way = sinks.way(function(project, "f"))
        assert (None if way is None else [step.function.qualname for step in way]) == expected
