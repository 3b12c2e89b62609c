"""What kind of code is a file? Signs in its path and in what it imports.

Sources: pytest's discovery rules (test_*.py, *_test.py, conftest.py), alembic's layout (env.py, versions/).
"""

from __future__ import annotations

import re

TEST_FOLDERS = frozenset({"test", "tests", "testing", "unittests", "unit_tests", "integration_tests", "e2e", "spec"})
TEST_FILE = re.compile(r"^(?:test_.*|.*_test|conftest|tests?)\.py$")
MIGRATION_FOLDERS = frozenset({"alembic", "migrations", "migration", "versions"})
MIGRATION_IMPORTS = frozenset({"alembic"})
EXAMPLE_FOLDERS = frozenset(
    {"example", "examples", "samples", "sample", "docs", "doc", "docs_src", "tutorials", "tutorial", "demos", "demo"}
)
SCRIPT_FOLDERS = frozenset({"script", "scripts", "bin", "hack", "benchmarks", "benchmark", "notebooks"})
SCRIPT_FILES = frozenset({"setup.py", "noxfile.py", "manage.py", "fabfile.py", "tasks.py.in"})
SERVING = frozenset(
    [
        "fastapi",
        "starlette",
        "flask",
        "quart",
        "sanic",
        "aiohttp",
        "litestar",
        "tornado",
        "django",
        "uvicorn",
        "gunicorn",
        "hypercorn",
        "celery",
        "dramatiq",
        "rq",
        "arq",
        "apscheduler",
        "discord",
        "telegram",
        "aiogram",
        "grpc",
        "faust",
        "kafka",
        "aiokafka",
        "confluent_kafka",
        "pika",
        "aio_pika",
        "streamlit",
    ]
)
"""Packages whose import makes a main module a long-lived process rather than a script."""

MESSAGING = frozenset({"kafka", "aiokafka", "confluent_kafka", "pika", "aio_pika"})
"""Those of them that batch jobs use as well, to send messages or to read what there is."""

SERVING_METHODS = frozenset(
    [
        "idle",
        "infinity_polling",
        "mainloop",
        "polling",
        "run",
        "run_app",
        "run_forever",
        "run_polling",
        "run_simple",
        "run_until_disconnected",
        "serve",
        "serve_forever",
        "start_consuming",
        "start_polling",
        "start_server",
        "wait_for_termination",
        "worker_main",
    ]
)
"""Methods that start servers, bots and workers, and come back when these are stopped."""

READING_CALLS = frozenset({"consume", "getmany", "getone", "poll", "receive"})
"""Methods that give a consumer's next messages."""

WAITING_CALLS = READING_CALLS | {"accept", "blpop", "brpop", "get", "get_message", "recv", "sleep", "wait", "xread"}
"""Calls in a loop that waits for more to do, rather than works through what there is."""
