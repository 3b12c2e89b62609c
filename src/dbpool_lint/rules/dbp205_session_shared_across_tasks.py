"""One session that several tasks or threads use.

## What it does

Reports a lease (a `Session`, `AsyncSession`, connection of an engine, or connection acquired from an asyncpg pool)
that one function lets several tasks or threads work with: two or more coroutines of `asyncio.gather`, a task group or
`asyncio.wait`; a comprehension or loop that makes a coroutine for each item; a task or thread that goes on beside the
function, or longer than the session; a background task that gets the request's session. The session may be passed,
captured by a closure, or kept by the object whose methods run.

## Why it matters

A session is one transaction, for one task at a time. Measured: two queries in `asyncio.gather` on a fresh session
raise `InvalidRequestError: This session is provisioning a new connection; concurrent operations are not permitted`,
but only when the pool has no idle connection, so that tests miss it. Inside a transaction they run one after the other
and gain nothing. A commit beside a query gives asyncpg's `InterfaceError: cannot perform operation: another operation
is in progress` and poisons the pooled connection: sessions that have nothing to do with it failed afterwards with
`cannot use Connection.transaction() in a manually started transaction`. Two commits raise `IllegalStateChangeError`.

A task that outlives the session raises nothing: the session is closed, opens again by itself at the task's first
query, and nobody closes it any more: the connection is lost to the pool.

FastAPI's background tasks with the session of a dependency depend on the version: before 0.106 and from 0.118 on the
session stays open, and holds its connection, until all background tasks are done; from 0.106 to 0.117 it is closed
before they run, opened again by them, and never returned (measured: with a pool of 3, the fourth request failed).

## Example

```python
import asyncio

from fastapi import Depends, FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from models import Invoice, Order
from settings import DATABASE_URL

app = FastAPI()
engine = create_async_engine(DATABASE_URL)
async_session = async_sessionmaker(engine)


async def get_db():
    async with async_session() as session:
        yield session


async def count(session: AsyncSession, model):
    return await session.scalar(select(func.count()).select_from(model))


@app.get("/totals")
async def totals(db: AsyncSession = Depends(get_db)):
    return await asyncio.gather(count(db, Order), count(db, Invoice))
```

## Use instead

One session for each task, or one query after the other:

```python
import asyncio

from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from models import Invoice, Order
from settings import DATABASE_URL

app = FastAPI()
engine = create_async_engine(DATABASE_URL)
async_session = async_sessionmaker(engine)


async def count(model):
    async with async_session() as session:
        return await session.scalar(select(func.count()).select_from(model))


@app.get("/totals")
async def totals():
    return await asyncio.gather(count(Order), count(Invoice))
```

A background task takes ids and opens its own session; the request's session is committed before the handler
returns, else each request holds two connections.

## Limits

Left alone: a session for each task; one coroutine of several that uses the session while the others do not; awaits
one after the other, also of `to_thread` and `run_in_threadpool`; uses under a lock; factories, pools, engines and
scoped registries, which are made for sharing; `databases.Database`, which knows about tasks; psycopg's connections,
which have a lock; a task that is awaited before the session is used again. A task without an end in sight is reported
only when somebody else closes the session or goes on with it.

FastAPI's version is read from lock files and requirements. Without one, or with a range that holds several, the
message speaks of the newest. One finding for each lease in a function, where the first task gets it.

## Sources

- SQLAlchemy, "Is the Session thread-safe? Is AsyncSession safe to share in concurrent tasks?":
  https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks
- SQLAlchemy, "Using AsyncSession with Concurrent Tasks":
  https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-asyncsession-with-concurrent-tasks
- FastAPI, "Dependencies with yield and background tasks":
  https://fastapi.tiangolo.com/advanced/advanced-dependencies/#background-tasks-and-dependencies-with-yield-technical-details
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.entries import starts_once
from dbpool_lint.facts.configuration.versions import releases
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.facts.sharing.conflicts import Conflict, conflicts
from dbpool_lint.facts.sharing.lasting import Origin
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.tasks import ASYNC_KINDS, FASTAPI_CLOSES_FIRST
from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Note, Rule, Violation

rule = Rule("DBP205", "session-shared-across-tasks", Severity.ERROR, __doc__ or "")


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every lease that a function of the module lets several tasks or threads use."""
    if module.context is not facts.Context.APPLICATION:
        return
    for function in module.all_functions:
        if starts_once(project.evaluator, function) and not _never_ends(function):
            continue
        for conflict in conflicts(project.evaluator, project.reader.callers, function):
            if _is_certain(project, conflict):
                yield _violation(project, conflict)


def _never_ends(function: Function) -> bool:
    """A command with `while True:` is no command that ends by itself."""
    loops = (s for s in walking.statements(function.node.body) if isinstance(s, facts.While))
    return any(walking.literal(loop.test) in (True, 1) for loop in loops)


def _is_certain(project: Linked, conflict: Conflict) -> bool:
    """An object's own session may be there for its one task: not on the request path, nor when it works with it too."""
    if conflict.how != "outlives" or conflict.origin is not Origin.OBJECT or conflict.also:
        return True
    key = id(conflict.function)
    return key in project.request_paths or key in project.job_paths


def _violation(project: Linked, conflict: Conflict) -> Violation:
    function = conflict.function
    spots = ((fact.at, function.spot(fact)) for fact in conflict.also)  # type: ignore[attr-defined]
    notes = tuple(
        Note(function.module.name, spot, f"`{conflict.lease}` is used here at the same time")
        for _, spot in sorted(spots)
    )
    return Violation(rule, function.spot(conflict.fact), _message(project, conflict), notes)


def _message(project: Linked, conflict: Conflict) -> str:
    lease, what, outcome = f"`{conflict.lease}`", conflict.what, _outcome(conflict)
    if conflict.how == "background":
        return f"{lease} goes to a background task{_background(project, conflict)}"
    if conflict.how == "outlives":
        return (
            f"{lease} goes to a {what} that nobody waits for; {_closer(conflict)}, the {what} opens it again with its "
            "next query, and that connection never comes back to the pool"
        )
    if conflict.how == "global":
        return f"this {what} works with {lease}, which everything in the process shares; {outcome}"
    if conflict.how == "beside":
        return f"{lease} is used by this {what} and by `{conflict.function.qualname}` at once; {outcome}"
    by = what if what in ("tasks", "threads") else f"tasks of {what}"
    return f"{lease} is used by several {by} at once; {outcome}"


def _outcome(conflict: Conflict) -> str:
    if conflict.kind in (Kind.ASYNCPG_LEASE, Kind.ASYNCPG_CONNECTION):
        return "asyncpg raises `InterfaceError: cannot perform operation: another operation is in progress`"
    if conflict.kind is Kind.ASYNC_SESSION:
        return (
            "depending on timing SQLAlchemy raises `InvalidRequestError: This session is provisioning a new "
            "connection; concurrent operations are not permitted` or `IllegalStateChangeError`; "
            "give each task its own session"
        )
    if conflict.kind in ASYNC_KINDS:
        return "a connection does one thing at a time: they wait for each other, or fail; give each task its own"
    return (
        "they work in one transaction: one commits or rolls back what another has begun, and a failure of one fails "
        "all; give each its own session"
    )


def _closer(conflict: Conflict) -> str:
    if conflict.origin in (Origin.REQUEST, Origin.REQUEST_FIRST, Origin.REQUEST_STATE):
        return "when the request ends it is closed"
    if conflict.origin is Origin.BLOCK:
        return "when its block ends it is closed"
    return f"when `{conflict.function.qualname}` returns, its owner goes on with it or closes it"


def _background(project: Linked, conflict: Conflict) -> str:
    leaks = (
        ": it is closed before the task runs, which opens it again, and that connection never comes back to the pool"
    )
    if conflict.origin is Origin.REQUEST_STATE:
        return (
            ": who closes it when the request ends does not wait for the task; what the task does then opens it again, "
            "and that connection never comes back to the pool"
        )
    if conflict.origin in (Origin.BLOCK, Origin.REQUEST_FIRST) or _closes_first(project, conflict):
        return leaks
    return (
        ": the request's session stays open, and holds a connection, until all background tasks are done; under load "
        "requests fail with `QueuePool limit … reached, connection timed out`"
    )


def _closes_first(project: Linked, conflict: Conflict) -> bool:
    """Whether every version of FastAPI that is possible ends dependencies before background tasks."""
    first, below = FASTAPI_CLOSES_FIRST
    pin = releases(project.project, "fastapi", conflict.function.module)
    return pin.is_at_least(first) and pin.is_before(below)
