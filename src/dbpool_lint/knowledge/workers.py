"""How do task queues, schedulers and brokers start code, and what runs once at start-up or from the command line?

Sources: the API references of Celery, Dramatiq, RQ, arq, Huey, TaskIQ, Procrastinate, FastStream, Faust, pika,
aio-pika, NATS, APScheduler, schedule, Rocketry, Temporal, Tornado, fastapi-utils, click, typer, Flask, Django and
gunicorn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dbpool_lint.knowledge.roles import Given, Table, every, given, words

DECORATING_METHODS: Table[Mapping[str, str]] = (
    (r"celery\.(\w+\.)*Celery", {"task": "task"}),
    (r"huey\.(\w+\.)*\w*Huey", {"task": "task", "periodic_task": "job", "on_startup": "startup"}),
    (r"taskiq\w*\.(\w+\.)*\w*Broker\w*", {"task": "task", "on_event": "startup"}),
    (r"procrastinate\.(\w+\.)*(App|Blueprint)", {"task": "task", "periodic": "job"}),
    (
        r"faststream\.(\w+\.)*\w*(Broker|Router|RoutersRouter)",
        {"subscriber": "consumer", "publisher": "consumer"},
    ),
    (
        r"faststream\.(\w+\.)*(Asgi)?FastStream",
        every("on_startup after_startup", "startup") | every("on_shutdown after_shutdown", "shutdown"),
    ),
    (r"faust\w*\.(\w+\.)*App", {"agent": "consumer", "page": "route", **every("timer crontab", "job")}),
    (r"apscheduler\.(\w+\.)*\w*Scheduler", {"scheduled_job": "job"}),
    (r"flask_apscheduler\.(\w+\.)*APScheduler", {"task": "job"}),
    (r"rocketry\.(\w+\.)*(Rocketry|Grouper)", every("task cond", "job")),
    (r"streaq\.(\w+\.)*Worker", {"task": "task", "cron": "job"}),
    (r"pgqueuer\.(\w+\.)*(PgQueuer|QueueManager)", {"entrypoint": "consumer", "schedule": "job"}),
    (r"inngest\.(\w+\.)*Inngest|hatchet_sdk\.(\w+\.)*Hatchet", {"create_function": "task", "task": "task"}),
    (r"flask\.(\w+\.)*AppGroup|quart\.(\w+\.)*AppGroup", every("command group", "command")),
    (r"typer\.(\w+\.)*Typer|cyclopts\.(\w+\.)*App", every("command callback default", "command")),
    (r"flask_script\.(\w+\.)*Manager", every("command", "command")),
)

DECORATING: Table[str] = (
    (r"celery\.(\w+\.)*(shared_task|task|periodic_task)", "task"),
    (r"dramatiq\.(\w+\.)*actor", "task"),
    (r"(rq|django_rq)\.(\w+\.)*job", "task"),
    (r"huey\.contrib\.djhuey\.(db_)?task", "task"),
    (r"huey\.contrib\.djhuey\.(db_)?periodic_task", "job"),
    (r"background_task\.(\w+\.)*background", "task"),
    (r"(fastapi_utils|fastapi_restful|fastapi_utilities)\.(\w+\.)*repeat_(every|at)", "job"),
    (r"schedule\.repeat|aiocron\.crontab|uwsgidecorators\.(timer|cron|filemon|rbtimer)", "job"),
    (r"uwsgidecorators\.spool", "task"),
    (r"(discord|nextcord|disnake)\.ext\.tasks\.(\w+\.)*loop", "job"),
    (r"temporalio\.activity\.defn", "task"),
    (r"nameko\.(\w+\.)*(event_handler|consume)", "consumer"),
    (r"nameko\.timer\.timer", "job"),
    (r"celery\.signals\.(task|before_task|after_task)_\w+\.connect", "task"),
    (r"celery\.signals\.(worker|beat|celeryd|celery|setup)_?\w*\.connect", "startup"),
    (r"(click|asyncclick|rich_click|typer|cloup)\.(\w+\.)*(command|group|run)|flask\.cli\.with_appcontext", "command"),
    (r"uwsgidecorators\.postfork|pyramid\.events\.subscriber", "startup"),
    (r"(pytest|pytest_asyncio)\.(\w+\.)*fixture", "test"),
)

REGISTERING: Table[tuple[Given, ...]] = (
    (r"arq\.(\w+\.)*cron", (given("job", "coroutine", 0),)),
    (r"arq\.(\w+\.)*func", (given("task", "coroutine", 0),)),
    (r"(arq|saq)\.(\w+\.)*Worker", (given("task", "functions"), given("startup", "on_startup"))),
    (r"saq\.(\w+\.)*CronJob", (given("job", "function", 0),)),
    (
        r"starlette\.(\w+\.)*BackgroundTask|litestar\.(\w+\.)*BackgroundTask",
        (given("task", "fn", 0), given("task", "func")),
    ),
    (r"tornado\.(\w+\.)*PeriodicCallback", (given("job", "callback", 0),)),
    (r"aiocron\.crontab", (given("job", "func", 1),)),
    (r"kombu\.(\w+\.)*Consumer", (given("consumer", "callbacks"), given("consumer", "on_message"))),
    (r"django_q\.(\w+\.)*(async_task|schedule)", (given("task", "func", 0),)),
    (r"typer\.(\w+\.)*run|fire\.(\w+\.)*Fire", (given("main", "function", 0),)),
    (r"atexit\.register", (given("shutdown", "func", 0),)),
    (r"signal\.signal", (given("shutdown", "handler", 1),)),
)

REGISTERING_METHODS: Mapping[str, tuple[Given, ...]] = {
    "add_job": (given("job", "func", 0),),
    "add_schedule": (given("job", "func_or_task_id", 0),),
    "basic_consume": (
        given("consumer", "on_message_callback", 1),
        given("consumer", "consumer_callback", 0),
        given("consumer", "callback", 1),
    ),
    "enqueue": (given("task", "f", 0),),
    "enqueue_in": (given("task", "func", 1),),
    "enqueue_at": (given("task", "f", 1),),
    "enqueue_call": (given("task", "func", 0),),
    "run_repeating": (given("job", "callback", 0),),
    "run_daily": (given("job", "callback", 0),),
    "run_monthly": (given("job", "callback", 0),),
    "add_periodic_task": (given("job", "sig", 1),),
    "add_signal_handler": (given("shutdown", "callback", 1),),
    "register_listener": (given("startup", "listener", 0),),
    "add_event_handler": (given("startup", "func", 1),),
}

TYPED_METHODS: Table[Mapping[str, tuple[Given, ...]]] = (
    (r"(fastapi|starlette)\.(\w+\.)*BackgroundTasks", {"add_task": (given("task", "func", 0),)}),
    (r"quart\.(\w+\.)*Quart", {"add_background_task": (given("task", "func", 0),)}),
    (r"nats\.(\w+\.)*|nats\.connect", {"subscribe": (given("consumer", "cb", 2),)}),
    (r"google\.cloud\.pubsub\w*\.(\w+\.)*SubscriberClient", {"subscribe": (given("consumer", "callback", 1),)}),
    (
        r"gradio\.(\w+\.)*\w+",
        {
            name: (given("handler", "fn", 0),)
            for name in ["click", "submit", "change", "load", "select", "upload", "input"]
        },
    ),
    (
        r"telebot\.(\w+\.)*(Async)?TeleBot",
        {"register_message_handler": (given("handler", "callback", 0),)},
    ),
)
"""Class → method with too common a name → the arguments in which it takes handlers."""

TYPED_NAMES = frozenset(name for _, methods in TYPED_METHODS for name in methods)

HANDLER_CLASSES: tuple[tuple[str, str, str], ...] = (
    (r"celery\.(\w+\.)*Task", "run __call__ before_start after_return on_success on_failure", "task"),
    (r"django\.core\.management(\.base)?\.(BaseCommand|NoArgsCommand|AppCommand|LabelCommand)", "handle", "command"),
    (r"django\.apps(\.config)?\.AppConfig", "ready", "startup"),
    (r"flask_script\.(\w+\.)*Command", "run", "command"),
)
"""Base class → methods → what they are."""

HOOK_LISTS = {
    "on_startup": "startup",
    "on_shutdown": "shutdown",
    "on_cleanup": "shutdown",
    "cleanup_ctx": "lifespan",
    "startup": "startup",
    "shutdown": "shutdown",
    "middlewares": "middleware",
    "lifespan_context": "lifespan",
}
"""Attribute of an application → what is appended to it, registered with it, or assigned to it."""

LISTING = words("append register extend insert connect")
"""Methods of such attributes that add a function."""

WORKER_ATTRIBUTES = {
    "functions": "task",
    "cron_jobs": "job",
    "on_startup": "startup",
    "on_shutdown": "shutdown",
    "on_job_start": "task",
    "on_job_end": "task",
    "after_job_end": "task",
}
"""Attributes of arq's settings class, which has no base class: it is known by `functions` or `cron_jobs` in it."""

CELERY_KEYWORDS = words(
    "bind autoretry_for retry_backoff max_retries default_retry_delay acks_late soft_time_limit ignore_result"
)
"""Keywords of `task` decorators that only Celery's takes."""

_QUEUES = words("rq django_rq rq_scheduler flask_rq flask_rq2")
_SCHEDULERS = words("apscheduler flask_apscheduler")
_SCHEDULING = words(
    "trigger seconds minutes hours days weeks run_date replace_existing max_instances misfire_grace_time coalesce"
)

PACKAGES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(["enqueue", "enqueue_in", "enqueue_at", "enqueue_call"], _QUEUES),
    **dict.fromkeys(["add_job", "add_schedule"], _SCHEDULERS),
    **dict.fromkeys(["run_repeating", "run_daily", "run_monthly", "add_error_handler"], words("telegram")),
    "set_field": words("ariadne"),
    "add_view": words("pyramid"),
}
"""Method with a common name → the packages that it is one of: its object, or the file, must know them."""

TELLING: Mapping[str, frozenset[str]] = {
    "add_job": _SCHEDULING | words("cron interval date"),
    "add_view": words("route_name renderer"),
}
"""Such a method → keywords and literal arguments that tell it as well."""

SERVER_HOOKS = words(
    "on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_init worker_exit child_exit on_exit"
)
"""Functions of gunicorn's configuration file that run once for each process."""

SERVER_CONFIGURATION = re.compile(r"(.*/)?gunicorn\w*(\.conf|_conf|_config)?\.py|(.*/)?gunicorn/.*conf\w*\.py")
