"""Where does the outside world start code? Every framework found, and what looks like it left alone."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

import pytest
from linking import function, linked

from dbpool_lint.config import Settings
from dbpool_lint.facts.callgraph.entries import Entry, job_entries, once_entries, request_entries, starts_once
from dbpool_lint.facts.callgraph.views import made_for_each_request
from dbpool_lint.facts.evaluation.evaluate import Evaluator

Files = Mapping[str, str] | str


def _found(entries: Callable[[Evaluator], tuple[Entry, ...]], files: Files) -> dict[str, str]:
    return {entry.function.qualname: entry.what for entry in entries(linked(files).evaluator)}


def _requests(files: Files) -> dict[str, str]:
    return _found(request_entries, files)


def _jobs(files: Files) -> dict[str, str]:
    return _found(job_entries, files)


def _once(files: Files) -> dict[str, str]:
    return _found(once_entries, files)


# what looks like a registration and is none


@pytest.mark.parametrize(
    "text",
    [
        "import requests\nrequests.get('/x')\ndef f(): ...",
        "import httpx\nclient = httpx.Client()\nclient.get('/x', f)\ndef f(): ...",
        "import httpx\nclient = httpx.AsyncClient()\n@client.get('/x')\ndef f(): ...",
        "table = {}\n@table.get('/x')\ndef f(): ...",
        "from unittest import mock\n@mock.patch('shop.get')\ndef f(): ...",
        "from unittest.mock import patch\n@patch('/x')\ndef f(): ...",
        "import respx\n@respx.get('/x')\ndef f(): ...",
        "def decorate(path):\n    return lambda f: f\n@decorate('/x')\ndef f(): ...",
        "from somewhere import registry\n@registry.register('/x')\ndef f(): ...",
        "from somewhere import registry\n@registry.get('/name')\ndef f(): ...",
        "registry = unknown()\n@registry.get('name')\ndef f(): ...",
        "registry = unknown()\n@registry.find('/name')\ndef f(): ...",
        "from somewhere import registry\n@registry.get\ndef f(): ...",
        "from somewhere import flow\n@flow.task\ndef f(): ...",
        "from somewhere import flow\n@flow.task(name='f')\ndef f(): ...",
        "from prefect import flow, task\n@task\ndef f(): ...\n@flow\ndef g(): ...",
        "from airflow.decorators import dag, task\n@task()\ndef f(): ...\n@dag()\ndef g(): ...",
        "from dagster import asset, op\n@op\ndef f(): ...\n@asset\ndef g(): ...",
        "from invoke import task\n@task\ndef f(c): ...",
        "from locust import HttpUser, task\nclass U(HttpUser):\n    @task\n    def f(self): ...",
        "from langchain_core.tools import tool\n@tool\ndef f(): ...",
        "from sqlalchemy import event\n@event.listens_for(x, 'connect')\ndef f(a, b): ...",
        "from django.dispatch import receiver\n@receiver(saved)\ndef f(sender, **rest): ...",
        "from django.db import models\nclass M(models.Model):\n    def get(self): ...\n    def save(self): ...",
        "class Store:\n    def get(self): ...\n    def post(self): ...",
        "class Cache(dict):\n    def get(self, key): ...",
        "from somewhere import Resource\nclass R(Resource):\n    def get(self): ...",
        "from pydantic import BaseModel\nclass M(BaseModel):\n    def get(self): ...",
        "import threading\nclass T(threading.Thread):\n    def run(self): ...",
        "class Caller:\n    def __call__(self, x): ...",
        "class Wrapper:\n    def __init__(self, app): ...\n    def __call__(self, request): ...",
        "def handle(event): ...",
        "def handle(context, event): ...",
        "class C:\n    def handle(event, context): ...",
        "def outer():\n    def handle(event, context): ...",
        "def decorate(get_response):\n    return get_response",
        "progress.add_task(describe)\ndef describe(): ...",
        "from rich.progress import Progress\nbar = Progress()\nbar.add_task(describe)\ndef describe(): ...",
        "class Bus:\n    def enqueue(self, f): ...\nbus = Bus()\nbus.enqueue(handle)\ndef handle(): ...",
        "def f(): ...\nhandlers.append(f)\nself.on_events.append(f)",
        "def f(): ...\nself.middlewares.append(f)",
        "def f(): ...\nsteps.add_job(f)\nsteps.add_job(f, 'name')\nsteps.enqueue(f)\nsteps.add_view(f)",
        "def f(): ...\nsteps.add_get('name', f)\nsteps.set_field('name', f)\nsteps.run_daily(f)",
        "import rq\nclass Bus:\n    def enqueue(self, f): ...\nBus().enqueue(handle)\ndef handle(): ...",
        "def f(): ...\nsignal.connect(f)\nsome.signal.connect(f)",
        "def f(): ...\nqueue.consume(f)",
        "def f(): ...\nparent.do(f)",
        "def f(): ...\nparent.load(f)",
        "import gradio\ndef f(): ...\nother.click(f)",
        "class Other:\n    functions = [f]\ndef f(): ...",
        "from grpc import ServicerContext\nclass Servicer:\n    def Get(self, request, context): ...",
        "from strawberry import type\n@type\nclass Item:\n    def title(self): ...",
        "from graphene import ObjectType\nclass Query(ObjectType):\n    def helper(self): ...",
    ],
)
def test_what_only_looks_like_a_registration_starts_nothing(text: str) -> None:
    assert {**_requests(text), **_jobs(text)} == {}


# requests


def test_a_router_of_another_module_is_known_by_what_it_was_made_from() -> None:
    files = {
        "shop/routing.py": "from fastapi import APIRouter\nrouter = APIRouter()",
        "shop/api/__init__.py": "from shop.routing import router",
        "shop/api/items.py": "from shop.api import router as items\n@items.get('/items')\ndef show(): ...",
    }
    assert _requests(files) == {"show": "route"}


@pytest.mark.parametrize(
    "decorated",
    [
        "def make():\n    router = APIRouter()\n    return router\nrouter = make()\n@router.get('')",
        (
            "def register(router: APIRouter):\n    return router\nclass Own(APIRouter): ...\n"
            "router = Own()\n@router.post('')"
        ),
        "router = Unknown().router\n@router.get('/items')",
        "@injected.route('/items', methods=['GET'])",
    ],
)
def test_routers_that_functions_return_or_that_cannot_be_seen_make_routes(decorated: str) -> None:
    assert _requests(f"from fastapi import APIRouter\n{decorated}\ndef show(): ...") == {"show": "route"}


@pytest.mark.parametrize(
    "text",
    [
        "app.get('/')(show)",
        "app.add_api_route('/', partial(show, 1))",
        "app.add_api_route('/', lambda: show())",
        "app.router.add_api_route('/', endpoint=show)",
        "def register(app: FastAPI):\n    app.add_api_route('/', show)",
        "def attach(app):\n    app.add_api_route('/', show)",
        "Starlette(routes=[Mount('/a', routes=[Route('/', show)])])",
        "app.add_exception_handler(KeyError, show)",
        "Starlette(exception_handlers={404: show})",
    ],
)
def test_functions_handed_to_starlette_and_fastapi_are_routes(text: str) -> None:
    start = """
from functools import partial
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route
app = FastAPI()
def show(*args): ...
"""
    assert _requests(start + text) == {"show": "route"}


_ASGI = "class Timed:\n    def __init__(self, app): ...\n    async def __call__(self, scope, receive, send): ..."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_ASGI, "Timed.__call__"),
        ("class Old:\n    def __call__(self, environ, start_response): ...", "Old.__call__"),
        ("async def app(scope, receive, send): ...", "app"),
        (
            (
                "from starlette.middleware import Middleware\n"
                "class Timed:\n    async def dispatch(self, request, call_next): ...\nMiddleware(Timed, limit=1)"
            ),
            "Timed.dispatch",
        ),
        (
            "class Timed:\n    async def dispatch(self, request, call_next): ...\napp.add_middleware(Timed)",
            "Timed.dispatch",
        ),
        (
            (
                "from starlette.middleware.base import BaseHTTPMiddleware\n"
                "async def timed(request, call_next): ...\napp.add_middleware(BaseHTTPMiddleware, dispatch=timed)"
            ),
            "timed",
        ),
        (
            (
                "from django.utils.deprecation import MiddlewareMixin\n"
                "class Timed(MiddlewareMixin):\n    def process_request(self, request): ..."
            ),
            "Timed.process_request",
        ),
        ("def timed(get_response):\n    def middleware(request): ...\n    return middleware", "timed.middleware"),
        ("from aiohttp import web\n@web.middleware\nasync def timed(request, handler): ...", "timed"),
        ("from aiohttp import web\nweb.Application(middlewares=[timed])\nasync def timed(app, handler): ...", "timed"),
        (
            (
                "from aiohttp import web\nasync def timed(app, handler): ...\n"
                "def setup(app: web.Application):\n    app.middlewares.append(timed)"
            ),
            "timed",
        ),
        (
            "import falcon\nclass Timed:\n    def process_response(self, *args): ...\nfalcon.App(middleware=[Timed()])",
            "Timed.process_response",
        ),
        (
            (
                "from sanic import Sanic\napp = Sanic('x')\ndef timed(request): ...\n"
                "app.register_middleware(timed, 'request')"
            ),
            "timed",
        ),
        (
            (
                "from aiogram import BaseMiddleware\nclass Timed(BaseMiddleware):\n"
                "    async def __call__(self, handler, event, data): ..."
            ),
            "Timed.__call__",
        ),
    ],
)
def test_middleware_of_all_shapes_runs_for_each_request(text: str, expected: str) -> None:
    assert _requests(text) == {expected: "middleware"}


def test_django_knows_middleware_by_the_function_its_constructor_is_given() -> None:
    text = """
        class Timed:
            def __init__(self, get_response): ...
            def __call__(self, request): ...
            def process_view(self, request, view, args, kwargs): ...
            def helper(self): ...
    """
    assert _requests(text) == {"Timed.__call__": "middleware", "Timed.process_view": "middleware"}


@pytest.mark.parametrize(
    "registration",
    [
        "path('x/', show)",
        "re_path('^x$', csrf_exempt(show))",
        "url('^x$', login_required(cache_page(60)(show)))",
    ],
)
def test_views_of_django_are_found_in_url_patterns(registration: str) -> None:
    files = {
        "shop/views.py": "def show(request): ...",
        "shop/urls.py": f"""
            from django.conf.urls import url
            from django.contrib.auth.decorators import login_required
            from django.urls import path, re_path
            from django.views.decorators.cache import cache_page
            from django.views.decorators.csrf import csrf_exempt
            from .views import show
            urlpatterns = [{registration}]
        """,
    }
    assert _requests(files) == {"show": "route"}


@pytest.mark.parametrize(
    ("base", "methods"),
    [
        ("django.views.generic.ListView", "get_queryset get_context_data"),
        ("django.views.generic.edit.FormView", "form_valid post"),
        ("django.contrib.auth.views.LoginView", "form_valid"),
        ("rest_framework.views.APIView", "get initial"),
        ("rest_framework.generics.ListCreateAPIView", "perform_create get_queryset"),
        ("rest_framework.viewsets.ModelViewSet", "list retrieve destroy"),
        ("rest_framework.permissions.BasePermission", "has_permission"),
        ("rest_framework.authentication.BaseAuthentication", "authenticate"),
        ("quart.views.MethodView", "get"),
        ("sanic.views.HTTPMethodView", "post"),
        ("flask_rest_jsonapi.ResourceList", "query before_post"),
        ("flask_classful.FlaskView", "index anything"),
        ("tornado.websocket.WebSocketHandler", "open on_message"),
        ("channels.generic.websocket.AsyncJsonWebsocketConsumer", "connect receive_json"),
    ],
)
def test_methods_of_class_based_views_run_for_each_request(base: str, methods: str) -> None:
    package, _, name = base.rpartition(".")
    for method in methods.split():
        text = (
            f"from {package} import {name}\nclass Mine({name}):\n    def {method}(self): ...\n    def _own(self): ..."
        )
        assert _requests(text) == {f"Mine.{method}": "view"}


def test_a_view_object_is_made_for_each_request_unless_the_class_says_otherwise() -> None:
    text = """
        from flask.views import MethodView
        class Anew(MethodView):
            def __init__(self): ...
        class Kept(MethodView):
            init_every_request = False
            def __init__(self): ...
    """
    project = linked(text)
    assert _requests(text) == {"Anew.__init__": "view"}
    classes = {cls.qualname: cls for cls in project.project.modules["app.py"].all_classes}
    assert made_for_each_request(project.evaluator, classes["Anew"])
    assert not made_for_each_request(project.evaluator, classes["Kept"])


def test_methods_of_a_mixin_run_with_the_view_that_has_them() -> None:
    text = """
        from rest_framework import viewsets
        class Owned:
            def get_queryset(self): ...
            def helper(self): ...
        class Unused:
            def get_queryset(self): ...
        class Items(Owned, viewsets.ModelViewSet): ...
    """
    assert _requests(text) == {"Owned.get_queryset": "view"}


def test_actions_of_view_sets_are_routes() -> None:
    text = """
        from rest_framework.decorators import action
        from rest_framework.viewsets import ViewSet
        class Items(ViewSet):
            @action(detail=True)
            def archive(self, request): ...
    """
    assert _requests(text) == {"Items.archive": "route"}


@pytest.mark.parametrize(
    ("imports", "registration"),
    [
        ("from flask import Flask\napp = Flask('x')", "@app.teardown_appcontext"),
        ("from flask import Flask\napp = Flask('x')", "@app.context_processor"),
        ("from flask import Blueprint\nbp = Blueprint('a', 'b')", "@bp.app_errorhandler(404)"),
        ("from ninja import NinjaAPI\napi = NinjaAPI()", "@api.get('/x')"),
        ("from ninja import Router\nrouter = Router()", "@router.api_operation(['GET'], '/x')"),
        ("from bottle import route", "@route('/x')"),
        ("import bottle\napp = bottle.Bottle()", "@app.get('/x')"),
        ("from pyramid.view import view_config", "@view_config(route_name='x')"),
        ("import cherrypy", "@cherrypy.expose"),
        ("from flask_admin import expose", "@expose('/')"),
        ("from robyn import Robyn\napp = Robyn('x')", "@app.get('/')"),
        ("from nicegui import ui", "@ui.page('/')"),
        ("from litestar.handlers import get", "@get('/')"),
        ("from blacksheep import Application\napp = Application()\nget = app.router", "@app.route('/')"),
        ("from chalice import Chalice\napp = Chalice('x')", "@app.route('/')"),
        ("from aws_lambda_powertools.event_handler import APIGatewayRestResolver as R\napp = R()", "@app.get('/')"),
    ],
)
def test_decorators_of_web_frameworks_make_routes(imports: str, registration: str) -> None:
    assert _requests(f"{imports}\n{registration}\ndef show(): ...") == {"show": "route"}


@pytest.mark.parametrize(
    "call",
    [
        "add_route('/x', Items())",
        "add_route('/x', resource=Items())",
    ],
)
def test_a_resource_of_falcon_answers_with_its_on_methods(call: str) -> None:
    text = f"""
        import falcon
        class Items:
            def on_get(self, request, response): ...
            def on_post(self, request, response): ...
            def helper(self): ...
        app = falcon.App()
        app.{call}
    """
    expected = {"Items.on_get": "route", "Items.on_post": "route"} if "resource=" not in call else {}
    assert _requests(text) == expected


def test_pyramid_takes_views_by_call_and_on_classes() -> None:
    text = """
        from pyramid.view import view_config
        @view_config(route_name="x", attr="show")
        class Items:
            def __init__(self, request): ...
            def show(self): ...
            def helper(self): ...
        def index(request): ...
        def includeme(config):
            config.add_view(index, route_name="index")
            config.add_request_method(session, "dbsession", reify=True)
        def session(request): ...
    """
    assert _requests(text) == {
        "Items.__init__": "route",
        "Items.show": "route",
        "index": "route",
        "session": "handler",
    }


@pytest.mark.parametrize(
    "registration",
    [
        "app.router.add_get('/x', show)",
        "app.router.add_route('GET', '/x', show)",
        "app.add_routes([web.post('/x', show), web.static('/s', 's')])",
        "app.add_routes([web.route('GET', '/x', handler=show)])",
        "routes = web.RouteTableDef()\nroutes.get('/x')(show)",
    ],
)
def test_handlers_of_aiohttp_are_routes(registration: str) -> None:
    text = f"from aiohttp import web\napp = web.Application()\nasync def show(request): ...\n{registration}"
    assert _requests(text) == {"show": "route"}


def test_sanic_takes_the_handler_first() -> None:
    text = "from sanic import Sanic\napp = Sanic('x')\nasync def show(request): ...\napp.add_route(show, '/x')"
    assert _requests(text) == {"show": "route"}


def test_controllers_of_litestar_name_hooks_and_dependencies_as_attributes() -> None:
    text = """
        from litestar import Controller, Litestar, get
        from litestar.di import Provide
        def session(): ...
        def check(request): ...
        def guard(connection, handler): ...
        class Items(Controller):
            dependencies = {"session": Provide(session)}
            before_request = check
            @get("/")
            def show(self): ...
        app = Litestar(route_handlers=[Items], guards=[guard])
    """
    assert _requests(text) == {"Items.show": "route", "check": "route", "session": "dependency", "guard": "route"}


_DEPENDING = """
from functools import partial
from typing import Annotated
from fastapi import APIRouter, Depends, FastAPI
from fastapi_utils.cbv import cbv
router = APIRouter()
def give(): ...
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(x=Depends(partial(give, 1))): ...", {"give"}),
        ("def f(x=Depends(lambda: give())): ...", {"give"}),
        ("class R:\n    def load(self): ...\ndef f(x=Depends(R().load)): ...", {"R.load"}),
        ("class R:\n    def __init__(self): ...\ndef f(x: Annotated[R, Depends()]): ...", {"R.__init__"}),
        ("def make():\n    def inner(): ...\n    return inner\ndef f(x=Depends(make())): ...", {"make.inner"}),
        ("@cbv(router)\nclass C:\n    x = Depends(give)\n    def __init__(self): ...", {"C.__init__", "give"}),
        ("@cbv(router)\nclass C:\n    x: int = Depends(give)", {"give"}),
        ("ALIAS = Depends(give)", set()),
        ("def f(x: int = 1): ...", set()),
    ],
)
def test_dependencies_of_all_shapes_run_for_each_request(text: str, expected: set[str]) -> None:
    assert _requests(_DEPENDING + text) == dict.fromkeys(expected, "dependency")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@strawberry.type\nclass Q:\n    @strawberry.field\n    def show(self): ...", "Q.show"),
        ("@strawberry.type\nclass M:\n    @strawberry.mutation(name='x')\n    def save(self): ...", "M.save"),
        ("@strawberry.type\nclass Q:\n    items: int = strawberry.field(resolver=load)\ndef load(): ...", "load"),
        ("from strawberry.dataloader import DataLoader\nDataLoader(load_fn=load)\nasync def load(keys): ...", "load"),
        (
            (
                "from strawberry.permission import BasePermission\nclass P(BasePermission):\n"
                "    def has_permission(self, source, info): ..."
            ),
            "P.has_permission",
        ),
        (
            "import graphene\nclass Q(graphene.ObjectType):\n    def resolve_items(self, info): ...",
            "Q.resolve_items",
        ),
        ("import graphene\nclass M(graphene.Mutation):\n    def mutate(self, info): ...", "M.mutate"),
        ("from ariadne import QueryType\nquery = QueryType()\n@query.field('x')\ndef show(*_): ...", "show"),
        (
            "from ariadne import ObjectType\nshop = ObjectType('Shop')\nshop.set_field('x', show)\ndef show(*_): ...",
            "show",
        ),
    ],
)
def test_resolvers_of_graphql_run_for_each_request(text: str, expected: str) -> None:
    assert _requests(f"import strawberry\n{text}") == {expected: "resolver"}


def test_the_context_of_a_graphql_router_is_a_dependency() -> None:
    text = """
        from strawberry.fastapi import GraphQLRouter
        async def context(): ...
        router = GraphQLRouter(schema, context_getter=context)
    """
    assert _requests(text) == {"context": "dependency"}


@pytest.mark.parametrize(
    "files",
    [
        {"shop/service.py": "from shop_pb2_grpc import ShopServicer\nclass Shop(ShopServicer):\n{body}"},
        {"shop/service.py": "from shop.v1 import shop_pb2_grpc as g\nclass Shop(g.ShopServicer):\n{body}"},
        {
            "shop/shop_pb2_grpc.py": "class ShopServicer(object):\n    def Get(self, request, context): ...",
            "shop/service.py": "from .shop_pb2_grpc import ShopServicer\nclass Shop(ShopServicer):\n{body}",
        },
    ],
)
def test_public_methods_of_a_grpc_servicer_answer_requests(files: dict[str, str]) -> None:
    body = "    def __init__(self): ...\n    def Get(self, request, context): ...\n    def _load(self): ..."
    assert _requests({name: text.format(body=body) for name, text in files.items()}) == {"Shop.Get": "servicer"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from mlflow.genai.agent_server import invoke\n@invoke()\nasync def answer(request): ...", "answer"),
        ("from mlflow.genai.agent_server import stream\n@stream()\nasync def answer(request): ...", "answer"),
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\n@mcp.tool()\ndef answer(): ...", "answer"),
        ("from fastmcp import FastMCP\nmcp = FastMCP('x')\n@mcp.resource('a://b')\ndef answer(): ...", "answer"),
        ("from mcp.server.lowlevel import Server\ns = Server('x')\n@s.call_tool()\nasync def answer(n): ...", "answer"),
        ("import chainlit as cl\n@cl.on_message\nasync def answer(message): ...", "answer"),
        ("import gradio as gr\ngr.ChatInterface(fn=answer)\ndef answer(): ...", "answer"),
        ("import gradio as gr\nbutton = gr.Button()\nbutton.click(answer)\ndef answer(): ...", "answer"),
        ("import dash\napp = dash.Dash('x')\n@app.callback(a, b)\ndef answer(): ...", "answer"),
        ("from dash import callback\n@callback(a, b)\ndef answer(): ...", "answer"),
        ("from discord.ext import commands\n@commands.command()\nasync def answer(ctx): ...", "answer"),
        ("from discord import app_commands\n@app_commands.command()\nasync def answer(i): ...", "answer"),
        ("from discord.ext.commands import Bot\nbot = Bot()\n@bot.event\nasync def on_message(m): ...", "on_message"),
        ("from discord.ext.commands import Bot\nbot = Bot()\n@bot.tree.command()\nasync def answer(i): ...", "answer"),
        ("import discord\nclass C(discord.Client):\n    async def on_message(self, m): ...", "C.on_message"),
        ("from aiogram import Router\nrouter = Router()\n@router.message()\nasync def answer(m): ...", "answer"),
        (
            "from aiogram import Dispatcher\ndp = Dispatcher()\ndp.message.register(answer)\ndef answer(m): ...",
            "answer",
        ),
        ("from telegram.ext import CommandHandler\nCommandHandler('x', answer)\ndef answer(u, c): ...", "answer"),
        ("from telegram.ext import CallbackQueryHandler as C\nC(answer)\ndef answer(u, c): ...", "answer"),
        ("from slack_bolt import App\napp = App()\n@app.command('/x')\ndef answer(ack): ...", "answer"),
        ("from slack_bolt import App\napp = App()\napp.event('x')(ack=a, lazy=[answer])\ndef answer(): ...", "answer"),
        ("from flask_login import LoginManager\nm = LoginManager()\n@m.user_loader\ndef answer(i): ...", "answer"),
        (
            "from flask_httpauth import HTTPBasicAuth\na = HTTPBasicAuth()\n@a.verify_password\ndef answer(u): ...",
            "answer",
        ),
        ("import socketio\nsio = socketio.AsyncServer()\n@sio.on('x')\nasync def answer(sid): ...", "answer"),
        ("import socketio\nclass N(socketio.AsyncNamespace):\n    def on_chat(self): ...", "N.on_chat"),
        ("from flask import request_started\n@request_started.connect\ndef answer(sender): ...", "answer"),
        ("from http.server import BaseHTTPRequestHandler as B\nclass H(B):\n    def do_GET(self): ...", "H.do_GET"),
        (
            (
                "from a2a.server.agent_execution import AgentExecutor\nclass A(AgentExecutor):\n"
                "    async def execute(self, context, queue): ..."
            ),
            "A.execute",
        ),
    ],
)
def test_handlers_of_bots_agents_and_extensions_run_for_each_request(text: str, expected: str) -> None:
    assert _requests(text) == {expected: "handler"}


@pytest.mark.parametrize(
    "text",
    [
        "def handle(event, context): ...",
        "def lambda_handler(body, _): ...",
        "def handle(event, _context): ...",
        (
            "from aws_lambda_powertools import Logger\nlog = Logger()\n"
            "@log.inject_lambda_context\ndef handle(event, context): ..."
        ),
        "import azure.functions as func\napp = func.FunctionApp()\n@app.route(route='x')\ndef handle(req): ...",
    ],
)
def test_handlers_of_serverless_platforms_are_found_by_their_parameters(text: str) -> None:
    (what,) = _requests(text).values()
    assert what == "lambda handler"


def test_a_decorator_of_the_project_that_registers_makes_what_it_says() -> None:
    text = """
        import dramatiq
        import functools
        from fastapi import APIRouter
        router = APIRouter()
        def public(path):
            def decorate(f):
                @router.get(path)
                @functools.wraps(f)
                def wrapper(*args):
                    return f(*args)
                return wrapper
            return decorate
        def listed(path):
            def decorate(f):
                router.add_api_route(path, f)
                return f
            return decorate
        def worker(f):
            return dramatiq.actor(f)
        def harmless(f):
            return f
        def two(f):
            return two(f)
        @public("/a")
        def a(): ...
        @listed("/b")
        def b(): ...
        @worker
        def c(): ...
        @harmless
        def d(): ...
        @two
        def e(): ...
    """
    assert {name: what for name, what in _requests(text).items() if len(name) == 1} == {"a": "route", "b": "route"}
    assert _jobs(text) == {"c": "task"}


# jobs


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from celery import Celery\napp = Celery('x')\n@app.task\ndef work(): ...", "task"),
        ("from celery import Celery\napp = Celery('x')\n@app.task(bind=True)\ndef work(self): ...", "task"),
        ("from celery import shared_task\n@shared_task\ndef work(): ...", "task"),
        ("from celery import shared_task\nrun = shared_task(work)\ndef work(): ...", "task"),
        ("from tasks import app\n@app.task(bind=True, max_retries=3)\ndef work(self): ...", "task"),
        ("from celery.signals import task_prerun\n@task_prerun.connect\ndef work(): ...", "task"),
        ("import dramatiq\n@dramatiq.actor\ndef work(): ...", "task"),
        ("from dramatiq import actor\n@actor(max_retries=1)\ndef work(): ...", "task"),
        ("from rq.decorators import job\n@job('low')\ndef work(): ...", "task"),
        ("from rq import Queue\nq = Queue()\nq.enqueue(work, 1)\ndef work(n): ...", "task"),
        (
            (
                "from rq import Queue\nfrom datetime import timedelta\n"
                "Queue().enqueue_in(timedelta(1), work)\ndef work(): ..."
            ),
            "task",
        ),
        ("class S:\n    functions = [work]\nimport arq\nasync def work(ctx): ...", "task"),
        ("from arq import cron\nclass S:\n    cron_jobs = [cron(work, hour=1)]\nasync def work(ctx): ...", "job"),
        ("from arq.worker import func\nJOBS = [func(work, name='x')]\nasync def work(ctx): ...", "task"),
        ("from huey import RedisHuey\nhuey = RedisHuey()\n@huey.task()\ndef work(): ...", "task"),
        ("from huey.contrib.djhuey import db_periodic_task as p\n@p()\ndef work(): ...", "job"),
        ("from taskiq_redis import ListQueueBroker\nb = ListQueueBroker('x')\n@b.task\nasync def work(): ...", "task"),
        ("import procrastinate\napp = procrastinate.App()\n@app.task\ndef work(): ...", "task"),
        (
            (
                "from faststream.rabbit import RabbitBroker\nb = RabbitBroker()\n@b.subscriber('q')\n"
                "async def work(): ..."
            ),
            "consumer",
        ),
        ("import faust\napp = faust.App('x')\n@app.agent()\nasync def work(s): ...", "consumer"),
        ("channel.basic_consume('q', on_message_callback=work)\ndef work(*args): ...", "consumer"),
        (
            (
                "channel.basic_consume(queue='q', on_message_callback=partial(work, 1))\n"
                "from functools import partial\ndef work(*a): ..."
            ),
            "consumer",
        ),
        ("import aio_pika\nasync def main(queue):\n    await queue.consume(work)\nasync def work(m): ...", "consumer"),
        ("from kombu import Consumer\nConsumer(c, callbacks=[work])\ndef work(b, m): ...", "consumer"),
        (
            (
                "from apscheduler.schedulers.background import BackgroundScheduler as B\ns = B()\n"
                "s.add_job(work, 'cron')\ndef work(): ..."
            ),
            "job",
        ),
        (
            (
                "from apscheduler.schedulers.asyncio import AsyncIOScheduler as A\ns = A()\n"
                "@s.scheduled_job('cron')\ndef work(): ..."
            ),
            "job",
        ),
        (
            ("class C:\n    def start(self):\n        self.s.add_job(self.work, 'interval')\n    def work(self): ..."),
            "job",
        ),
        ("scheduler.add_job(lambda: work(), 'interval', minutes=1)\ndef work(): ...", "job"),
        ("scheduler.add_job(work, id='x', max_instances=1)\ndef work(): ...", "job"),
        ("import rq\ndef f(queue):\n    queue.enqueue(work)\ndef work(): ...", "task"),
        ("import django_rq\ndjango_rq.get_queue('low').enqueue(work)\ndef work(): ...", "task"),
        ("import schedule\nschedule.every(10).minutes.do(work)\ndef work(): ...", "job"),
        ("from schedule import every, repeat\n@repeat(every(1).hours)\ndef work(): ...", "job"),
        ("from schedule import Scheduler\ns = Scheduler()\ns.every().day.at('1').do(work)\ndef work(): ...", "job"),
        ("from fastapi_utils.tasks import repeat_every\n@repeat_every(seconds=60)\nasync def work(): ...", "job"),
        ("from rocketry import Rocketry\napp = Rocketry()\n@app.task('daily')\ndef work(): ...", "job"),
        ("from discord.ext import tasks\n@tasks.loop(minutes=5)\nasync def work(): ...", "job"),
        ("from tornado.ioloop import PeriodicCallback as P\nP(work, 1000)\ndef work(): ...", "job"),
        ("from temporalio import activity\n@activity.defn\nasync def work(): ...", "task"),
        (
            (
                "from fastapi import BackgroundTasks\ndef f(tasks: BackgroundTasks):\n"
                "    tasks.add_task(work, 1)\ndef work(n): ..."
            ),
            "task",
        ),
        ("from starlette.background import BackgroundTask\nBackgroundTask(work)\ndef work(): ...", "task"),
        ("from telegram import Update\nqueue.run_repeating(work, interval=60)\nasync def work(u: Update): ...", "job"),
    ],
)
def test_tasks_scheduled_jobs_and_consumers_run_again_and_again(text: str, what: str) -> None:
    (found,) = _jobs(text).items()
    assert (found[0].rpartition(".")[2], found[1]) == ("work", what)


def test_task_classes_of_celery_run_for_each_message() -> None:
    text = """
        from celery import Task
        class Base(Task):
            def __call__(self, *args): ...
            def helper(self): ...
        class Work(Base):
            def run(self): ...
    """
    assert _jobs(text) == {"Base.__call__": "task", "Work.run": "task"}


def test_tests_start_neither_requests_nor_jobs() -> None:
    text = (
        "from celery import shared_task\nfrom flask import Flask\napp = Flask('x')\n"
        "@app.get('/')\n@shared_task\ndef f(): ..."
    )
    files = {"tests/test_it.py": text}
    assert _requests(files) == _jobs(files) == {}
    assert _once(files) == {"f": "test"}


# once


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from fastapi import FastAPI\napp = FastAPI(lifespan=f)\nasync def f(app): ...", "lifespan"),
        (
            (
                "from contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n"
                "app = FastAPI(lifespan=f)\n@asynccontextmanager\nasync def f(app):\n    yield"
            ),
            "lifespan",
        ),
        ("from starlette.applications import Starlette\nStarlette(on_startup=[f])\nasync def f(): ...", "startup"),
        ("from litestar import Litestar\nLitestar(lifespan=[f])\nasync def f(app): ...", "lifespan"),
        ("from litestar import Litestar\nLitestar(on_shutdown=[f])\nasync def f(app): ...", "shutdown"),
        ("from fastapi import FastAPI\nclass App(FastAPI): ...\nApp(lifespan=f)\nasync def f(app): ...", "lifespan"),
        ("app.router.lifespan_context = f\nasync def f(app): ...", "lifespan"),
        ("from fastapi import FastAPI\napp = FastAPI()\n@app.on_event('startup')\ndef f(): ...", "startup"),
        ("from fastapi import FastAPI\napp = FastAPI()\n@app.on_event('shutdown')\ndef f(): ...", "shutdown"),
        ("app.add_event_handler('startup', f)\ndef f(): ...", "startup"),
        ("app.add_event_handler('shutdown', f)\ndef f(): ...", "shutdown"),
        ("from quart import Quart\napp = Quart('x')\n@app.before_serving\nasync def f(): ...", "startup"),
        (
            ("from sanic import Sanic\napp = Sanic('x')\n@app.listener('after_server_stop')\nasync def f(a): ..."),
            "shutdown",
        ),
        ("from sanic import Sanic\napp = Sanic('x')\n@app.before_server_start\nasync def f(a): ...", "startup"),
        (
            (
                "from sanic import Sanic\napp = Sanic('x')\n"
                "app.register_listener(f, 'before_server_start')\nasync def f(a): ..."
            ),
            "startup",
        ),
        ("app.on_startup.append(f)\nasync def f(app): ...", "startup"),
        ("app.cleanup_ctx.append(f)\nasync def f(app):\n    yield", "lifespan"),
        ("app.on_cleanup.append(f)\nasync def f(app): ...", "shutdown"),
        ("from aiogram import Dispatcher\ndp = Dispatcher()\ndp.startup.register(f)\nasync def f(): ...", "startup"),
        (
            (
                "from discord.ext.commands import Cog\nclass C(Cog):\n    @Cog.listener()\n"
                "    async def on_ready(self): ..."
            ),
            "startup",
        ),
        ("from celery.signals import worker_process_init\n@worker_process_init.connect\ndef f(**rest): ...", "startup"),
        (
            ("from celery.signals import worker_process_init\nworker_process_init.connect(f)\ndef f(**rest): ..."),
            "startup",
        ),
        ("import arq\nclass S:\n    functions = []\n    on_startup = f\nasync def f(ctx): ...", "startup"),
        ("import arq\nclass S:\n    cron_jobs = []\n    async def on_shutdown(ctx): ...", "shutdown"),
        ("import click\n@click.command()\ndef f(): ...", "command"),
        ("import typer\ncli = typer.Typer()\n@cli.command()\ndef f(): ...", "command"),
        ("import typer\ndef f(): ...\ndef start():\n    typer.run(f)", "main"),
        ("from flask import Flask\napp = Flask('x')\n@app.cli.command('x')\ndef f(): ...", "command"),
        (
            (
                "from django.core.management.base import BaseCommand\nclass Command(BaseCommand):\n"
                "    def handle(self): ..."
            ),
            "command",
        ),
        ("from django.apps import AppConfig\nclass C(AppConfig):\n    def ready(self): ...", "startup"),
        ("def f(): ...\nif __name__ == '__main__':\n    f()", "main"),
        ("import asyncio\nasync def f(): ...\nif __name__ == '__main__':\n    asyncio.run(f())", "main"),
        ("def f(): ...\napp = f()", "startup"),
        ("class App:\n    def __init__(self): ...\napp = App()", "startup"),
        ("import atexit\natexit.register(f)\ndef f(): ...", "shutdown"),
        ("import signal\nsignal.signal(signal.SIGTERM, f)\ndef f(*args): ...", "shutdown"),
    ],
)
def test_start_up_shutdown_and_commands_run_once(text: str, what: str) -> None:
    assert _once(text) == dict.fromkeys(_once(text), what)
    assert len(_once(text)) == 1
    assert {**_requests(text), **_jobs(text)} == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Starlette(on_startup=[f, g])", "f g"),
        ("Starlette(on_startup=(f,))", "f"),
        ("HOOKS = [f]\nStarlette(on_startup=HOOKS)", "f"),
        ("HOOKS = [f]\nStarlette(on_startup=[*HOOKS, g])", "f g"),
        ("Starlette(on_startup=[f] + [g])", "f g"),
        ("Starlette(on_startup=[f] * 2)", ""),
        ("Starlette(on_startup=[[[[[[f]]]]]])", ""),
        ("Starlette(on_startup=[partial(f, 1), lambda: g()])", "f g"),
        ("Starlette(on_startup=[Callable()])", "Callable.__call__"),
        ("Starlette(on_startup=[Wrapped(f)])", ""),
        ("Starlette(on_startup=[outside(f)])", "f"),
        ("Starlette(on_startup=[1, unknown, {}])", ""),
        ("def build():\n    hooks = [f]\n    return Starlette(on_startup=hooks)", "f"),
        ("def build():\n    hook = lambda: f()\n    return Starlette(on_startup=[hook])", "f"),
        ("def build():\n    hooks = unknown\n    return Starlette(on_startup=hooks)", ""),
        ("def build(hooks):\n    return Starlette(on_startup=hooks)", ""),
        ("class App(Starlette):\n    def __init__(self):\n        super().__init__()\nApp(on_startup=[f])", "f"),
    ],
)
def test_functions_are_found_in_lists_and_wrappers(text: str, expected: str) -> None:
    start = """
from functools import partial
from starlette.applications import Starlette
def f(): ...
def g(): ...
class Callable:
    def __call__(self): ...
class Wrapped:
    def __init__(self, f): ...
"""
    found = {name for name in _once(start + text) if not name.endswith("__init__")}
    assert found == set(expected.split())


@pytest.mark.parametrize(
    "text",
    [
        "TABLE = {404: f}\nStarlette(exception_handlers=TABLE)",
        "Starlette(exception_handlers={404: f, **other})",
        "app = Starlette()\napp.route('/')(f)",
        "app = Starlette()\nadd = app.route\n@app.route('/')\n@other\ndef f(): ...",
        "class Own(Starlette): ...\nOwn().route('/')(f)",
    ],
)
def test_one_function_is_found_in_tables_and_calls(text: str) -> None:
    assert _requests(f"from starlette.applications import Starlette\ndef f(): ...\n{text}") == {"f": "route"}


def test_hooks_of_gunicorn_are_known_in_its_configuration_file_only() -> None:
    text = "def post_fork(server, worker): ...\ndef helper(): ..."
    assert _once({"deploy/gunicorn.conf.py": text}) == {"post_fork": "startup"}
    assert _once({"deploy/server.py": text}) == {}


def test_migrations_run_once() -> None:
    assert _once({"alembic/env.py": "def run_migrations_online(): ..."}) == {"run_migrations_online": "migration"}


def test_what_handles_requests_does_not_start_once_even_when_it_is_called_at_import() -> None:
    text = "from dash import callback\n@callback(a, b)\ndef f(): ...\n@other.callback()\ndef g(): ...\nf()"
    project = linked(text)
    assert not starts_once(project.evaluator, function(project, "f"))
    assert starts_once(project.evaluator, function(project, "g"))


def test_decorators_of_the_settings_make_routes_of_functions_in_any_module() -> None:
    files = {"lib/jobs.py": "def on(f):\n    return f", "app.py": "from lib.jobs import on\n@on\ndef f(): ..."}
    project = linked(files, Settings(entry_points=("lib.jobs.on",)))
    assert [entry.function.qualname for entry in request_entries(project.evaluator)] == ["f"]


def test_each_function_is_an_entry_once() -> None:
    text = textwrap.dedent(
        """
        from flask import Flask
        app = Flask("x")
        @app.get("/a")
        @app.get("/b")
        @app.before_request
        def f(): ...
        app.add_url_rule("/c", view_func=f)
        """
    )
    assert [entry.function.qualname for entry in request_entries(linked(text).evaluator)] == ["f"]
