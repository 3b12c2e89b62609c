"""What runs several things at once, and what belongs to a task of its own?

Sources: the Python library reference (asyncio, threading, concurrent.futures), the API references of anyio, trio,
Starlette, FastAPI and SQLAlchemy ("Is the Session thread-safe? Is AsyncSession safe to share in concurrent tasks?").
"""

from __future__ import annotations

from dbpool_lint.knowledge.kinds import Kind

SHARED_KINDS = frozenset(
    {
        *(Kind.SESSION, Kind.ASYNC_SESSION, Kind.CONNECTION, Kind.ASYNC_CONNECTION),
        *(Kind.ASYNCPG_LEASE, Kind.ASYNCPG_CONNECTION, Kind.AIOMYSQL_LEASE),
    }
)
"""Leases that serve one task at a time. psycopg's connections have a lock of their own; pools are made for sharing."""

ASYNC_KINDS = SHARED_KINDS - {Kind.SESSION, Kind.CONNECTION}

HARMLESS = frozenset(
    {
        *("bind", "get_bind", "info", "in_transaction", "in_nested_transaction", "is_active", "is_closed", "dialect"),
        *("engine", "closed", "expunge", "expunge_all", "sync_session", "identity_map", "new", "dirty", "no_autoflush"),
        *("object_session", "get_transaction", "is_in_transaction", "add_log_listener", "autoflush", "is_modified"),
    }
)
"""Attributes and methods of leases that send nothing to the server."""

TELLING_METHODS = frozenset(
    {
        *("execute", "executemany", "scalar", "scalars", "stream", "stream_scalars", "query", "exec", "run_sync"),
        *("commit", "rollback", "flush", "refresh", "merge", "add", "add_all", "delete", "begin", "begin_nested"),
        *("fetch", "fetchrow", "fetchval", "bulk_save_objects", "bulk_insert_mappings"),
    }
)
"""Methods that a lease has: what a parameter without annotation is used for, once a caller passes a lease for it."""

ENDING_METHODS = frozenset({"commit", "rollback", "close", "begin", "begin_nested", "flush", "reset", "invalidate"})
"""Those that end or begin a transaction, or send what was added: they decide for all who share the lease."""

ONLY_LOOKING = frozenset(
    {f"builtins.{name}" for name in ("isinstance", "print", "repr", "str", "type", "id", "bool", "len", "dir")}
    | {f"builtins.{name}" for name in ("hasattr", "getattr", "callable")}
    | {"typing.cast", "typing.assert_type", "sqlalchemy.inspect", "weakref.ref", "copy.copy"}
)
"""Functions outside the project that run nothing on a lease that they are given."""

LOCKS = frozenset(
    {f"asyncio.{name}" for name in ("Lock", "locks.Lock", "Condition")}
    | {f"threading.{name}" for name in ("Lock", "RLock", "Condition")}
    | {"anyio.Lock", "trio.Lock", "multiprocessing.Lock", "aiorwlock.RWLock"}
)
SEMAPHORES = frozenset(
    {"asyncio.Semaphore", "asyncio.BoundedSemaphore", "anyio.Semaphore", "threading.Semaphore", "trio.Semaphore"}
)
"""Locks with a number: with one they let a single task in at a time."""

GATHERING = frozenset({"asyncio.gather", "asyncio.tasks.gather", "asyncer.gather"})
"""Functions that run all their arguments at once."""

COLLECTING = frozenset({"asyncio.wait", "asyncio.as_completed", "tqdm.asyncio.tqdm.gather", "aiostream.stream.merge"})
"""Functions that run at once what is in the collection given first."""

TASK_GROUPS = frozenset(
    {
        *("asyncio.TaskGroup", "asyncio.taskgroups.TaskGroup", "anyio.create_task_group", "anyio.abc.TaskGroup"),
        *("trio.open_nursery", "trio.Nursery", "asyncer.create_task_group", "quattro.TaskGroup"),
    }
)
GROUP_METHODS = frozenset({"create_task", "start_soon", "soonify"})
"""Methods of a task group that start a task."""

SPAWNING = frozenset({"asyncio.create_task", "asyncio.tasks.create_task", "asyncio.ensure_future"})
"""Functions that start a coroutine as a task."""

SPAWNING_METHODS = frozenset({"create_task", "ensure_future"})
"""Methods of an event loop that do so."""

ON_LOOP = frozenset(
    {
        *("asyncio.wait_for", "asyncio.shield", "asyncio.timeout", "asyncio.run_coroutine_threadsafe"),
        *SPAWNING,
    }
)
"""Functions that run the coroutine given first."""

IN_THREAD = frozenset(
    {
        *("asyncio.to_thread", "fastapi.concurrency.run_in_threadpool", "starlette.concurrency.run_in_threadpool"),
        *("anyio.to_thread.run_sync", "functools.partial"),
    }
)
"""Functions that run the callable given first with the arguments that follow."""

THREADS = frozenset({"threading.Thread", "threading.Timer"})
BACKGROUND = frozenset(
    {"fastapi.BackgroundTasks", "fastapi.background.BackgroundTasks", "starlette.background.BackgroundTasks"}
)
BACKGROUND_TASK = frozenset(
    {"starlette.background.BackgroundTask", "fastapi.BackgroundTask", "fastapi.background.BackgroundTask"}
)

EXECUTORS = frozenset(
    {
        *("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor"),
        *("concurrent.futures.Executor", "multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool"),
    }
)
"""Pools of threads. What goes to another process is a copy, which no session survives."""

KEEPS_RUNNING = frozenset(
    {
        *("add_done_callback", "done", "start", "set_name", "get_name", "daemon", "setDaemon", "name", "is_alive"),
        *("ident", "remove_done_callback", "cancelled", "running"),
    }
)
"""Attributes of tasks, threads and futures that neither wait for their end nor stop them."""

FASTAPI_CLOSES_FIRST = ((0, 106), (0, 118))
"""From the first version on and before the second, FastAPI ends dependencies before background tasks run.
Source: FastAPI's release notes for 0.106.0 and 0.118.0; measured with 0.105, 0.110, 0.117, 0.118 and 0.165."""

SERVERS = frozenset(
    {
        *("fastapi", "starlette", "flask", "quart", "sanic", "litestar", "tornado", "django", "uvicorn", "gunicorn"),
        *("celery", "dramatiq", "rq", "aiogram", "discord", "grpc", "strawberry", "falcon", "bottle", "pyramid"),
    }
)
"""Packages that serve requests, messages or jobs, and are imported for little else."""
