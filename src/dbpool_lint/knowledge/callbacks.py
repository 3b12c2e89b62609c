"""Which functions and methods outside the project run what they are handed, and when?

Sources: the Python library reference (asyncio, threading, concurrent.futures, multiprocessing, functools), those of
Starlette, anyio, asgiref, asyncer, gevent, trio and curio.
"""

from __future__ import annotations

from typing import NamedTuple


class Taken(NamedTuple):
    """Where the callable stands among the arguments."""

    keyword: str
    position: int


LATER = {
    **dict.fromkeys(
        [
            "asyncio.to_thread",
            "fastapi.concurrency.run_in_threadpool",
            "starlette.concurrency.run_in_threadpool",
            "starlette.concurrency.iterate_in_threadpool",
            "anyio.to_thread.run_sync",
            "anyio.from_thread.run",
            "trio.to_thread.run_sync",
            "asgiref.sync.sync_to_async",
            "asyncer.asyncify",
            "functools.partial",
            "gevent.spawn",
            "eventlet.spawn",
            "eventlet.spawn_n",
        ],
        Taken("func", 0),
    ),
    **dict.fromkeys(["threading.Thread", "multiprocessing.Process"], Taken("target", 1)),
    **dict.fromkeys(["starlette.background.BackgroundTask", "fastapi.BackgroundTask"], Taken("func", 0)),
    "threading.Timer": Taken("function", 1),
    "django.db.transaction.on_commit": Taken("func", 0),
    "weakref.finalize": Taken("func", 1),
}
"""Function → the callable that it runs in a thread, in a process, or later, on behalf of its caller."""

LATER_METHODS = {
    "run_in_executor": Taken("func", 1),
    "run_sync": Taken("fn", 0),
    "submit": Taken("fn", 0),
    "apply_async": Taken("func", 0),
    "imap": Taken("func", 0),
    "imap_unordered": Taken("func", 0),
    "starmap": Taken("func", 0),
    "map": Taken("func", 0),
    "call_soon": Taken("callback", 0),
    "call_soon_threadsafe": Taken("callback", 0),
    "call_later": Taken("callback", 1),
    "call_at": Taken("callback", 1),
    "add_done_callback": Taken("fn", 0),
    "start_soon": Taken("func", 0),
    "add_background_task": Taken("func", 0),
    "spawn": Taken("func", 0),
}
"""Method of an object outside the project → the callable that it runs elsewhere or later."""

LATER_OF_BACKGROUND = {"add_task": Taken("func", 0)}
"""The same for methods of `BackgroundTasks`: others have methods of this name that run nothing."""

AT_ONCE = {
    **dict.fromkeys(["builtins.map", "builtins.filter", "functools.reduce"], Taken("", 0)),
    **dict.fromkeys(["builtins.sorted", "builtins.max", "builtins.min"], Taken("key", 99)),
    "itertools.starmap": Taken("", 0),
}
"""Function → the callable that it runs itself, at once or as its result is used."""

TASK_MAKERS = frozenset(
    {
        "asyncio.create_task",
        "asyncio.ensure_future",
        "asyncio.run_coroutine_threadsafe",
        "asyncio.tasks.create_task",
        "anyio.from_thread.run",
    }
)
"""Functions that run a coroutine as a task of its own: what is called to make the coroutine runs later."""

TASK_METHODS = frozenset({"create_task", "ensure_future", "spawn", "start_soon"})
"""Methods that do so: of event loops, task groups and nurseries."""
