"""A coroutine of a session, connection or pool that nobody awaits.

## What it does

Reports calls of methods of `AsyncSession`, `AsyncConnection`, their transactions and `AsyncEngine`, of asyncpg's
connections and pools and of psycopg's asynchronous classes, that give a coroutine which is certainly never
awaited: it is thrown away, or used as if it were the result (`session.execute(q).scalars()`, `if session.get(…)`,
`for row in session.execute(q)`), at once or through a variable.

## Why it matters

The statement never runs. A forgotten `session.commit()`, `session.delete(row)` or `session.rollback()` does
nothing at all: the row stays, the request answers 200, and the log holds at most `RuntimeWarning: coroutine
'AsyncSession.delete' was never awaited`. A forgotten `close()` leaves the connection checked out: with a pool of
5, of 40 calls in a row 22 failed with `sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 0 reached,
connection timed out`. A coroutine that is used as a result ends in `AttributeError: 'coroutine' object has no
attribute 'scalars'` or `TypeError: 'coroutine' object is not iterable`; in a test it is always true.

## Example

```python
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from models import User
from settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL)
async_session = async_sessionmaker(engine, expire_on_commit=False)


async def delete_user(user_id: int):
    async with async_session() as session:
        user = await session.get(User, user_id)
        session.delete(user)
        await session.commit()
```

## Use instead

```python
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from models import User
from settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL)
async_session = async_sessionmaker(engine, expire_on_commit=False)


async def delete_user(user_id: int):
    async with async_session() as session:
        user = await session.get(User, user_id)
        await session.delete(user)
        await session.commit()
```

## Fix safety

Safe: `await` is put in front of the call, with parentheses where an attribute of its result is read. An `await`
that stands in front of the whole chain moves to the call it was meant for. No fix is offered where `await` cannot
stand: in plain functions, lambdas and generator expressions.

## Limits

A coroutine that is returned, yielded, stored, put into a list or handed to anything but a builtin that consumes
it (`list`, `len`, `print` …) is left alone: somebody may await it. So is a variable with a single such use.
`add`, `begin`, `cursor`, `transaction` and the like are no coroutines. An annotation alone is not believed
in a project that makes no asynchronous session but synchronous ones, nor in plain functions of one that makes both,
and functions that no session of the project reaches are not looked at. Tests, migrations, scripts and examples are
left alone.

## Sources

- SQLAlchemy, "Asynchronous I/O": https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession
- asyncpg, API reference: https://magicstack.github.io/asyncpg/current/api/index.html
- psycopg, "Concurrent operations": https://www.psycopg.org/psycopg3/docs/advanced/async.html
- Python, "Detect never-awaited coroutines": https://docs.python.org/3/library/asyncio-dev.html#detect-never-awaited-coroutines
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.awaiting.coroutines import Unawaited, unawaited
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import PutAwait
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Note, Rule, Violation

rule = Rule("DBP208", "unawaited-session-call", Severity.ERROR, __doc__ or "", Safety.SAFE)

_STORIES = {
    "called": "and calling the coroutine raises `TypeError: 'coroutine' object is not callable`",
    "iterated": "and iterating over the coroutine raises `TypeError: 'coroutine' object is not iterable`",
    "unpacked": "and unpacking the coroutine raises `TypeError: cannot unpack non-iterable coroutine object`",
    "subscripted": "and an item of the coroutine raises `TypeError: 'coroutine' object is not subscriptable`",
    "entered": "and entering the coroutine raises `TypeError`: it is no context manager",
    "tested": "and the test asks the coroutine itself, which is always true",
    "compared": "and the comparison sees the coroutine, not the result",
    "consumed": "and what gets the coroutine sees no result",
}


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every coroutine of a database object that a function of the module makes and nobody awaits."""
    if module.context is not facts.Context.APPLICATION:
        return
    for function in module.all_functions:
        for found in unawaited(project.reader, function):
            yield _violation(found)


def _violation(found: Unawaited) -> Violation:
    message = f"`{found.method}` is called without `await` in `{found.function.qualname}`: {_story(found)}"
    notes: tuple[Note, ...] = ()
    if found.is_used_elsewhere:
        text = "its coroutine is used as a result here"
        notes = (Note(found.function.module.name, found.function.spot(found.used), text),)
    return Violation(rule, found.function.spot(found.call), message, notes, _mend(found))


def _story(found: Unawaited) -> str:
    if not found.is_coroutine:
        return f"what it gives must be awaited or entered with `async with` first, and has no `{found.attribute}`"
    if found.use == "dropped":
        return "it does nothing, and all that is seen is `RuntimeWarning: coroutine … was never awaited`"
    if found.use == "read":
        error = f"AttributeError: 'coroutine' object has no attribute '{found.attribute}'"
        return f"nothing is sent to the database, and `.{found.attribute}` raises `{error}`"
    return f"nothing is sent to the database, {_STORIES[found.use]}"


def _mend(found: Unawaited) -> Mend | None:
    if not found.is_mendable:
        return None
    spot = found.function.spot
    misplaced = spot(found.misplaced) if found.misplaced is not None else None
    return Mend(Safety.SAFE, "Await it", (PutAwait(spot(found.call), misplaced),))
