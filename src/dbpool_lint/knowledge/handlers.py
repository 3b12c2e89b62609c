"""How do the web frameworks and bots start code? What registers a handler, and which methods of classes are some.

Names are matched as regular expressions against the full dotted name, since packages offer their classes under
several modules. Sources: the API references of FastAPI, Starlette, Litestar, Flask and its extensions, Quart, Sanic,
aiohttp, Django and its REST framework, Ninja, Tornado, Falcon, Bottle, Pyramid, Strawberry, Graphene, Ariadne, gRPC,
the MCP SDK, MLflow's agent server, Chainlit, Gradio, discord.py, aiogram, python-telegram-bot and Slack's Bolt.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from dbpool_lint.knowledge import workers
from dbpool_lint.knowledge.roles import Given, Table, every, given, matching, words

_VERBS = "get post put patch delete head options trace"

_WEB = {
    **every(_VERBS, "route"),
    **every("websocket api_route api_operation websocket_route route view expose", "route"),
    **every("exception_handler errorhandler app_errorhandler exception error", "route"),
    **every("before_request after_request before_app_request after_app_request before_websocket", "route"),
    **every("after_websocket teardown_request teardown_app_request teardown_appcontext teardown_websocket", "route"),
    **every("on_request on_response context_processor app_context_processor url_value_preprocessor", "route"),
    **every("template_global template_filter template_test", "route"),
    **every("middleware", "middleware"),
    **every("on_event before_first_request before_app_first_request before_serving while_serving listener", "startup"),
    **every("before_server_start after_server_start main_process_start startup_handler on_startup", "startup"),
    **every("after_serving before_server_stop after_server_stop main_process_stop shutdown_handler", "shutdown"),
    **every("on_shutdown", "shutdown"),
    **every("lifespan", "lifespan"),
}

WEB_APPS = re.compile(
    r"fastapi\.(\w+\.)*(FastAPI|APIRouter)|starlette\.(\w+\.)*(Starlette|Router)|(flask|quart)\.(\w+\.)*"
    r"(Flask|Quart|Blueprint)|flask_openapi3\.(\w+\.)*(OpenAPI|APIBlueprint)|flask_smorest\.(\w+\.)*Blueprint|"
    r"apiflask\.(\w+\.)*(APIFlask|APIBlueprint)|sanic\.(\w+\.)*(Sanic|Blueprint)|"
    r"aiohttp\.(\w+\.)*(RouteTableDef|Application)|litestar\.(\w+\.)*(Litestar|Router)|"
    r"fasthtml\.(\w+\.)*(FastHTML|APIRouter)|robyn\.(\w+\.)*(Robyn|SubRouter)|ninja\w*\.(\w+\.)*(NinjaAPI|Router|NinjaExtraAPI)|"
    r"(fastapi_utils|fastapi_restful)\.(\w+\.)*InferringRouter|connexion\.(\w+\.)*\w*App|bottle\.Bottle|"
    r"blacksheep\.(\w+\.)*(Application|Router)|esmerald\.(\w+\.)*Esmerald|nicegui\.app|chalice\.(\w+\.)*(Chalice|Blueprint)|"
    r"aws_lambda_powertools\.(\w+\.)*(\w+Resolver|Router)|cherrypy\.Application"
)
"""Classes whose objects are web applications, or parts of one that register handlers."""

_TELEGRAM_EVENTS = (
    "message edited_message channel_post edited_channel_post callback_query inline_query chosen_inline_result "
    "shipping_query pre_checkout_query poll poll_answer my_chat_member chat_member chat_join_request error errors "
    "message_handler callback_query_handler inline_handler errors_handler message_reaction"
)

DECORATING_METHODS: Table[Mapping[str, str]] = (
    (WEB_APPS, _WEB),
    (r"flask_login\.(\w+\.)*LoginManager", every("user_loader request_loader unauthorized_handler", "handler")),
    (
        r"flask_httpauth\.\w+Auth",
        every("verify_password verify_token get_password get_user_roles hash_password", "handler"),
    ),
    (
        r"flask_jwt_extended\.(\w+\.)*JWTManager",
        every("user_lookup_loader token_in_blocklist_loader user_identity_loader additional_claims_loader", "handler"),
    ),
    (r"flask_principal\.Principal", every("identity_loader", "handler")),
    (
        r"flask_socketio\.SocketIO|socketio\.(\w+\.)*(Async)?Server|fastapi_socketio\.(\w+\.)*SocketManager",
        every("on event on_error", "handler"),
    ),
    (r"ariadne\.(\w+\.)*(Query|Mutation|Subscription|Object|Interface)Type", every("field source", "resolver")),
    (r"(mcp|fastmcp)\.(\w+\.)*FastMCP", every("tool resource prompt custom_route", "handler")),
    (
        r"mcp\.server\.(\w+\.)*Server",
        every("call_tool list_tools read_resource list_resources get_prompt list_prompts completion", "handler"),
    ),
    (
        r"(discord|nextcord|disnake|guilded)\.(\w+\.)*((AutoSharded|Interaction)?(Bot|Client)|CommandTree|Group|SlashCommandGroup)",
        every("command event listen group hybrid_command hybrid_group slash_command user_command", "handler")
        | every("message_command context_menu error", "handler"),
    ),
    (r"aiogram\.(\w+\.)*(Router|Dispatcher)", every(_TELEGRAM_EVENTS, "handler")),
    (r"aiogram\.(\w+\.)*(Router|Dispatcher)", {"startup": "startup", "shutdown": "shutdown"}),
    (r"telebot\.(\w+\.)*(Async)?TeleBot", every(_TELEGRAM_EVENTS, "handler")),
    (r"pyrogram\.(\w+\.)*Client", every("on_message on_callback_query on_inline_query on_edited_message", "handler")),
    (r"telethon\.(\w+\.)*TelegramClient", every("on", "handler")),
    (
        r"slack_bolt\.(\w+\.)*(Async)?App",
        every("event command action view shortcut message options error function middleware use", "handler"),
    ),
    (r"azure\.functions\.(\w+\.)*(FunctionApp|Blueprint)", every("route function_name", "lambda handler")),
    (r"chalice\.(\w+\.)*(Chalice|Blueprint)", every("authorizer", "lambda handler")),
    (
        r"chalice\.(\w+\.)*(Chalice|Blueprint)",
        every("schedule on_s3_event on_sqs_message on_sns_message on_cw_event lambda_function", "lambda handler"),
    ),
    (r"dash\.(\w+\.)*Dash", every("callback", "handler")),
    (r"gradio\.(\w+\.)*Blocks", every("load", "handler")),
    *workers.DECORATING_METHODS,
)
"""Class → method that registers what it decorates, or is called with → what that is then."""

DECORATING: Table[str] = (
    (rf"(litestar|blacksheep|esmerald|classy_fastapi|bottle)\.(\w+\.)*({_VERBS.replace(' ', '|')}|route)", "route"),
    (r"litestar\.(\w+\.)*(websocket|websocket_listener|websocket_stream)", "route"),
    (
        r"django\.views\.decorators\.http\.\w+|rest_framework\.decorators\.(api_view|action|list_route|detail_route)",
        "route",
    ),
    (r"ninja_extra\.(\w+\.)*http_\w+", "route"),
    (r"pyramid\.view\.(view_config|(forbidden|notfound|exception)_view_config)|cornice\.(\w+\.)*view", "route"),
    (
        r"cherrypy\.expose|flask_admin\.expose|flask_appbuilder\.(\w+\.)*expose|flask_classful\.route|tg\.expose",
        "route",
    ),
    (r"nicegui\.ui\.page|bentoml\.(\w+\.)*api", "route"),
    (
        r"aiohttp\.(\w+\.)*middleware|django\.utils\.decorators\.(sync_and_async|sync_only|async_only)_middleware",
        "middleware",
    ),
    (r"strawberry\.(\w+\.)*(field|mutation|subscription|connection|input_mutation)", "resolver"),
    (r"strawberry_django\.(\w+\.)*(field|mutation|connection|input_mutation)", "resolver"),
    (r"mlflow\.genai\.agent_server\.(invoke|stream)", "handler"),
    (
        r"chainlit\.(on_\w+|action_callback|password_auth_callback|oauth_callback|header_auth_callback|set_\w+)",
        "handler",
    ),
    (r"dash\.(\w+\.)*callback|functions_framework\.\w+|firebase_functions\.\w+\.on_\w+", "handler"),
    (
        (
            r"(discord|nextcord|disnake)\.(\w+\.)*(command|group|hybrid_command|hybrid_group|slash_command|listener|"
            r"user_command|message_command|context_menu|button|select)"
        ),
        "handler",
    ),
    (r"nameko\.web\.handlers\.http|nameko\.rpc\.rpc", "handler"),
    *workers.DECORATING,
)
"""Function that registers what it decorates → what that is then."""

REGISTERING: Table[tuple[Given, ...]] = (
    (r"starlette\.(\w+\.)*(Route|WebSocketRoute)", (given("route", "endpoint", 1),)),
    (r"fastapi\.(\w+\.)*(APIRoute|APIWebSocketRoute)", (given("route", "endpoint", 1),)),
    (r"starlette\.(\w+\.)*Mount", (given("route", "app", 1),)),
    (r"(starlette|fastapi)\.(\w+\.)*Middleware", (given("middleware", "cls", 0), given("middleware", "dispatch"))),
    (r"starlette\.(\w+\.)*BaseHTTPMiddleware", (given("middleware", "dispatch", 1),)),
    (r"django\.(\w+\.)*(path|re_path|url)", (given("route", "view", 1),)),
    (rf"aiohttp\.web(\.\w+|_\w+)*\.({_VERBS.replace(' ', '|')}|view)", (given("route", "handler", 1),)),
    (r"aiohttp\.web(\.\w+|_\w+)*\.route", (given("route", "handler", 2),)),
    (r"esmerald\.(\w+\.)*(Gateway|WebSocketGateway)", (given("route", "handler", 1),)),
    (r"strawberry\.(\w+\.)*(field|mutation|subscription)", (given("resolver", "resolver", 0),)),
    (r"strawberry\.(\w+\.)*DataLoader|aiodataloader\.DataLoader", (given("resolver", "load_fn", 0),)),
    (
        r"strawberry\.(\w+\.)*(GraphQLRouter|GraphQL)",
        (given("dependency", "context_getter"), given("dependency", "root_value_getter")),
    ),
    (r"graphql\.(\w+\.)*GraphQLField", (given("resolver", "resolve", 2),)),
    (r"telegram\.ext\.(\w+\.)*(CommandHandler|MessageHandler|TypeHandler)", (given("handler", "callback", 1),)),
    (
        r"telegram\.ext\.(\w+\.)*(CallbackQuery|InlineQuery|ChatMember|PollAnswer|ChosenInlineResult|PreCheckoutQuery)Handler",
        (given("handler", "callback", 0),),
    ),
    (r"gradio\.(\w+\.)*(Interface|ChatInterface)", (given("handler", "fn", 0),)),
    (
        r"litestar\.(\w+\.)*(Litestar|Router)",
        tuple(given("route", name) for name in ("before_request", "after_request", "after_response", "guards")),
    ),
    (r"falcon\.(\w+\.)*(App|API)", (given("middleware", "middleware"),)),
    (
        (
            r"(fastapi|starlette|litestar|fastmcp|mcp|faststream|esmerald)\.(\w+\.)*"
            r"(FastAPI|APIRouter|Starlette|Router|Litestar|FastMCP|FastStream|Esmerald)"
        ),
        (given("lifespan", "lifespan"), given("startup", "on_startup"), given("shutdown", "on_shutdown")),
    ),
    (
        r"(fastapi|starlette|litestar)\.(\w+\.)*(FastAPI|Starlette|Litestar|Router)",
        (given("route", "exception_handlers"), given("middleware", "middleware")),
    ),
    (r"aiohttp\.(\w+\.)*Application", (given("middleware", "middlewares"),)),
    *workers.REGISTERING,
)
"""Callable → the arguments in which it takes handlers, and what they are."""

REGISTERING_METHODS: Mapping[str, tuple[Given, ...]] = {
    "add_api_route": (given("route", "endpoint", 1),),
    "add_api_websocket_route": (given("route", "endpoint", 1),),
    "add_route": (given("route", "handler", 1), given("route", "route", 0), given("route", "handler", 2)),
    "add_websocket_route": (given("route", "route", 1), given("route", "handler", 0)),
    "add_url_rule": (given("route", "view_func", 2),),
    **{f"add_{verb}": (given("route", "handler", 1),) for verb in [*_VERBS.split(), "view"]},
    "add_view": (given("route", "view", 0), given("route", "handler", 1)),
    "add_exception_handler": (given("route", "handler", 1),),
    "register_error_handler": (given("route", "f", 1),),
    "add_request_method": (given("handler", "callable", 0),),
    "add_middleware": (given("middleware", "middleware_class", 0), given("middleware", "dispatch")),
    "register_middleware": (given("middleware", "middleware", 0),),
    "set_field": (given("resolver", "resolver", 1),),
    "add_error_handler": (given("handler", "callback", 0),),
    **workers.REGISTERING_METHODS,
}
"""Method, whatever the object → the arguments in which it takes functions of the project, and what they are."""


class Methods(NamedTuple):
    """Methods of a class that a framework calls: those of some names, or all public ones (`*`)."""

    names: frozenset[str]
    role: str
    anew: bool


HTTP_METHODS = frozenset(f"{_VERBS} prepare".split())
_CLASS_VIEW = HTTP_METHODS | words("dispatch dispatch_request")
_DJANGO = _CLASS_VIEW | words(
    "setup get_queryset get_object get_context_data get_form get_form_kwargs form_valid form_invalid "
    "http_method_not_allowed"
)
_REST = _DJANGO | words(
    "initial finalize_response handle_exception list retrieve create update partial_update destroy "
    "perform_create perform_update perform_destroy get_serializer get_serializer_context "
    "get_serializer_class check_permissions"
)


def _methods(names: str | frozenset[str], role: str, *, anew: bool = False) -> Methods:
    return Methods(frozenset(names.split()) if isinstance(names, str) else names, role, anew)


HANDLER_CLASSES: Table[Methods] = (
    (r"(flask|quart)\.views\.MethodView", _methods(HTTP_METHODS, "view", anew=True)),
    (r"(flask|quart)\.views\.View", _methods("dispatch_request", "view", anew=True)),
    (r"flask_rest(ful|x|plus)\.(\w+\.)*Resource", _methods(HTTP_METHODS, "view", anew=True)),
    (
        r"flask_(combo|rest)_jsonapi\.(\w+\.)*Resource\w+",
        _methods(
            HTTP_METHODS | words("get_list get_item before_get before_post before_patch before_delete query"),
            "view",
            anew=True,
        ),
    ),
    (r"flask_classful\.FlaskView", _methods("*", "view", anew=True)),
    (r"starlette\.(\w+\.)*HTTPEndpoint", _methods(HTTP_METHODS, "view", anew=True)),
    (r"starlette\.(\w+\.)*WebSocketEndpoint", _methods("on_connect on_receive on_disconnect", "view", anew=True)),
    (r"starlette\.(\w+\.)*BaseHTTPMiddleware", _methods("dispatch", "middleware")),
    (r"starlette\.(\w+\.)*AuthenticationBackend", _methods("authenticate", "middleware")),
    (r"litestar\.(\w+\.)*Abstract\w*Middleware", _methods("__call__ authenticate_request", "middleware")),
    (r"sanic\.(\w+\.)*HTTPMethodView", _methods(HTTP_METHODS, "view", anew=True)),
    (
        r"tornado\.(\w+\.)*RequestHandler",
        _methods(HTTP_METHODS | words("initialize on_finish get_current_user write_error"), "view", anew=True),
    ),
    (r"tornado\.(\w+\.)*WebSocketHandler", _methods("open on_message on_close initialize", "view", anew=True)),
    (r"aiohttp\.(\w+\.)*View", _methods(HTTP_METHODS, "view", anew=True)),
    (r"django\.(contrib\.\w+\.)?views\.(\w+\.)*\w*View", _methods(_DJANGO, "view", anew=True)),
    (r"rest_framework\w*\.(\w+\.)*\w*(APIView|ViewSet)", _methods(_REST, "view", anew=True)),
    (
        r"rest_framework\w*\.(\w+\.)*\w*Serializer",
        _methods("create update save validate to_representation to_internal_value", "view", anew=True),
    ),
    (r"rest_framework\w*\.(\w+\.)*\w*Permission\w*", _methods("has_permission has_object_permission", "view")),
    (r"rest_framework\w*\.(\w+\.)*\w*Authentication", _methods("authenticate authenticate_credentials", "view")),
    (
        r"django\.utils\.deprecation\.MiddlewareMixin",
        _methods("process_request process_view process_response process_exception", "middleware"),
    ),
    (
        r"channels\.(\w+\.)*\w*Consumer",
        _methods("connect receive disconnect receive_json websocket_connect websocket_receive", "view", anew=True),
    ),
    (r"strawberry\.(\w+\.)*BasePermission", _methods("has_permission", "resolver")),
    (
        r"strawberry\.(\w+\.)*(SchemaExtension|Extension|FieldExtension)",
        _methods("on_operation on_execute on_validate on_parse resolve resolve_async", "resolver"),
    ),
    (r"graphene\w*\.(\w+\.)*(ObjectType|SQLAlchemyObjectType|DjangoObjectType)", _methods("resolve_*", "resolver")),
    (
        r"graphene\w*\.(\w+\.)*(\w*Mutation|ClientIDMutation)",
        _methods("mutate mutate_and_get_payload", "resolver"),
    ),
    (r"\w*(\.\w+)*_pb2_grpc\.\w+Servicer", _methods("*", "servicer")),
    (r"socketio\.(\w+\.)*(Async)?Namespace|flask_socketio\.Namespace", _methods("on_*", "handler")),
    (
        r"(discord|nextcord|disnake)\.(\w+\.)*((AutoSharded|Interaction)?(Bot|Client))",
        _methods("on_*", "handler"),
    ),
    (r"aiogram\.(\w+\.)*BaseMiddleware", _methods("__call__", "middleware")),
    (r"a2a\.(\w+\.)*AgentExecutor", _methods("execute cancel", "handler")),
    (r"http\.server\.\w*HTTPRequestHandler", _methods("do_*", "handler", anew=True)),
    (r"socketserver\.\w*RequestHandler", _methods("handle", "handler", anew=True)),
    (r"twisted\.web\.resource\.Resource", _methods("render_*", "view")),
    *((pattern, _methods(names, role)) for pattern, names, role in workers.HANDLER_CLASSES),
)
"""Base class → its methods that run for each request or message, and whether each makes an object anew."""

STARTING_EVENTS = words("on_ready on_connect on_resumed on_disconnect on_shard_ready")
"""Events of discord.py's clients that come with a connection to the server, not with a user's message."""

CLASS_ATTRIBUTES: Table[Mapping[str, str]] = (
    (r"litestar\.(\w+\.)*Controller", every("before_request after_request after_response guards", "route")),
)
"""Base class → its attributes that name handlers, and what these are."""

CLASS_BASED = re.compile(r"(fastapi_utils|fastapi_restful|fastapi_views)\.(\w+\.)*(cbv|Resource)")
"""Decorators that make a class's methods routes and its attributes and constructor dependencies."""

REQUEST_SIGNALS = re.compile(r"flask\.(signals\.)?(request|appcontext|template)_\w+\.connect")


@functools.cache
def decorating_methods(name: str) -> Mapping[str, str]:
    """The methods of a class that register what they decorate, and what it is then; empty for other classes."""
    return {method: role for found in matching(DECORATING_METHODS, name) for method, role in found.items()}


@functools.cache
def decorating(name: str) -> str:
    """What a function makes of what it decorates; "" for one that registers nothing."""
    return next(iter(matching(DECORATING, name)), "handler" if REQUEST_SIGNALS.fullmatch(name) else "")


@functools.cache
def registering(name: str) -> tuple[Given, ...]:
    """The arguments in which a callable takes handlers."""
    return tuple(one for found in matching(REGISTERING, name) for one in found)


@functools.cache
def handler_methods(base: str) -> Methods | None:
    """The methods of a class's subclasses that a framework calls."""
    return next(iter(matching(HANDLER_CLASSES, base)), None)


@functools.cache
def handler_attributes(base: str) -> Mapping[str, str]:
    """The attributes of a class's subclasses that name handlers."""
    return next(iter(matching(CLASS_ATTRIBUTES, base)), {})
