"""One pool of asyncpg, used from one event loop after another.

## What it does

Reports an async engine on asyncpg, or asyncpg's own pool, that is kept by the process (a global, a cached function)
while several event loops use it: a Celery, RQ or Dramatiq task or a plain web view that calls `asyncio.run`, makes a
loop with `new_event_loop` or calls through `async_to_sync` each time, `asyncio.run` inside a loop, or two calls of
`asyncio.run` one after the other.

## Why it matters

A connection of asyncpg belongs to the event loop it was opened in, and `asyncio.run` closes its loop at the end. The
pool does not know, and hands the connection out in the next loop. Measured with one engine and three runs: the first
worked, the second failed with `RuntimeError: Task <…> got Future <Future pending
cb=[BaseProtocol._on_waiter_completed()]> attached to a different loop`, the third with `InterfaceError: cannot
perform operation: another operation is in progress`. A worker does its first task and none after it. With
`pool_pre_ping` the second run fails still. With `NullPool`, or `await engine.dispose()` at the end of each run, all
three work.

## Example

```python
import asyncio

from celery import Celery
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

celery = Celery("shop")
engine = create_async_engine("postgresql+asyncpg://db/shop")


async def count():
    async with engine.connect() as connection:
        return await connection.scalar(text("select count(*) from orders"))


@celery.task
def count_orders():
    return asyncio.run(count())
```

## Use instead

```python
import asyncio

from celery import Celery
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

celery = Celery("shop")
engine = create_async_engine("postgresql+asyncpg://db/shop", poolclass=NullPool)


async def count():
    async with engine.connect() as connection:
        return await connection.scalar(text("select count(*) from orders"))


@celery.task
def count_orders():
    return asyncio.run(count())
```

## Limits

Left alone: `NullPool`; a pool that is disposed anywhere but at the end of an application; one loop that the process
keeps, even when a task asks for it with `get_event_loop`; pools made inside the coroutine or kept for each loop;
psycopg and aiosqlite, which showed no such error; a single `asyncio.run` in a program or command; tests;
`nest_asyncio`. The driver must be known: by the URL, or as the only async driver that the project requires.

## Sources

- SQLAlchemy, "Using multiple asyncio event loops":
  https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
- Python, `asyncio.run`: https://docs.python.org/3/library/asyncio-runner.html#asyncio.run
- asgiref, `async_to_sync`: https://github.com/django/asgiref#function-wrappers
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.callgraph.loops import Run
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.pooling.crossing import Crossing, crossed
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Note, Rule, Violation, chain, described

rule = Rule("DBP107", "engine-across-event-loops", Severity.ERROR, __doc__ or "")


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every pool made in the module that several event loops use."""
    for found in crossed(project):
        if found.origin.module is module:
            yield _violation(found)


def _violation(found: Crossing) -> Violation:
    origin, repetition = found.origin, found.repetition
    what = origin.made.name.rpartition(".")[2]
    message = (
        f"`{what}` keeps connections that belong to one event loop, and {_how(found)}: the second run fails with "
        "`RuntimeError: Task … got Future … attached to a different loop`, later ones with `InterfaceError: cannot "
        "perform operation: another operation is in progress`"
    )
    use = Spot(found.function.statement, found.fact.at)  # type: ignore[attr-defined]
    notes = (
        *(chain(repetition.path) if repetition.path else ()),
        *(_note(run) for run in repetition.runs),
        Note(found.function.module.name, use, f"`{found.function.qualname}` takes a connection here"),
    )
    return Violation(rule, origin.spot, message, notes)


def _how(found: Crossing) -> str:
    repetition = found.repetition
    if repetition.path is not None:
        return f"each run of {described(repetition.path)} makes a loop of its own"
    if repetition.how == "loop":
        return "each round of a loop runs it in a new one"
    return "the same program runs it in several, one after the other"


def _note(run: Run) -> Note:
    return Note(run.module.name, Spot(statement_of(run.fact, run.scope), run.fact.at), "an event loop is made here")
