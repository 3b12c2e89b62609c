"""A handler that waits for another error than the pool raises.

## What it does

Reports `except asyncio.TimeoutError` and `except TimeoutError` around code that takes a connection from a SQLAlchemy
pool and does nothing else that could time out: where the handler speaks of the pool, or where the application's
drivers never raise that error.

Under SQLAlchemy 2.0 with asyncpg it also reports a check of the database (`select 1`) that catches SQLAlchemy's
errors only.

## Why it matters

When no connection becomes free within `pool_timeout`, sync and async pools alike raise
`sqlalchemy.exc.TimeoutError: QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 0.50`.
That is no `asyncio.TimeoutError` and no builtin `TimeoutError` (measured; neither clause caught it), so the answer
that was prepared for an exhausted pool is never given: the request ends in a 500 with a traceback. The builtin
comes from elsewhere: `asyncio.timeout`, asyncpg's `command_timeout`, connecting with asyncpg, `pool.acquire(timeout=)`
of asyncpg's own pool.

asyncpg's errors of connecting are SQLAlchemy's from 2.1 on. Under 2.0 they come through raw, measured with a server
that was down (`ConnectionRefusedError`) and one that was full (`asyncpg.exceptions.TooManyConnectionsError`):
`except SQLAlchemyError` misses them, and a readiness check raises where it should say "down".

## Example

```python
from fastapi import FastAPI, HTTPException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from settings import DATABASE_URL

app = FastAPI()
factory = async_sessionmaker(create_async_engine(DATABASE_URL, pool_timeout=5))


@app.get("/orders/count")
async def count_orders():
    try:
        async with factory() as session:
            return await session.scalar(text("select count(*) from orders"))
    except TimeoutError:
        raise HTTPException(503, "connection pool exhausted") from None
```

## Use instead

```python
from fastapi import FastAPI, HTTPException
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from settings import DATABASE_URL

app = FastAPI()
factory = async_sessionmaker(create_async_engine(DATABASE_URL, pool_timeout=5))


@app.get("/orders/count")
async def count_orders():
    try:
        async with factory() as session:
            return await session.scalar(text("select count(*) from orders"))
    except (TimeoutError, SQLAlchemyTimeoutError):
        raise HTTPException(503, "connection pool exhausted") from None
```

## Fix safety

Safe: the clause catches `sqlalchemy.exc.TimeoutError` besides what it caught before. Nothing else in the `try`, and
no `try` around it in the function, caught that error so far. For the second shape no fix is offered: what to do
about a driver's own errors is yours to say.

## Limits

Silent where anything in the `try` cannot be read, or may raise the builtin error: `asyncio.timeout`, `wait_for`, HTTP
clients, a driver's own pool, an engine with `command_timeout`, functions from packages that are not known to be calm.
Silent too where the same `try`, or one around it, catches `sqlalchemy.exc.TimeoutError`, `SQLAlchemyError` or
`Exception`, and in tests and examples. With asyncpg the builtin error also means that connecting took too long, so
the handler has to speak of the pool (exhausted, checked out, no free connection). The second shape needs SQLAlchemy
2.0 pinned or locked, a URL that says asyncpg, and callers that catch nothing more.

## Sources

- SQLAlchemy, "Error Messages", QueuePool limit: https://docs.sqlalchemy.org/en/20/errors.html#error-3o7r
- SQLAlchemy, "Core Exceptions", `TimeoutError`: https://docs.sqlalchemy.org/en/20/core/exceptions.html#sqlalchemy.exc.TimeoutError
- Python, `asyncio.TimeoutError`: https://docs.python.org/3/library/asyncio-exceptions.html#asyncio.TimeoutError
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.drivers import may_time_out_commands, never_time_out
from dbpool_lint.facts.failing.catching import Attempt, attempts, of_handler, of_try
from dbpool_lint.facts.failing.probes import misses_connecting
from dbpool_lint.facts.failing.timeouts import Mood, Moods
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.fixing.recipes import Spot, WidenExcept
from dbpool_lint.knowledge.timeouts import BUILTIN_TIMEOUTS, CATCHING_POOLS
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP408", "pool-timeout-not-caught", Severity.WARNING, __doc__ or "", Safety.SAFE)

_ELSEWHERE = (facts.Context.TEST, facts.Context.MIGRATION, facts.Context.EXAMPLE)
_POOL = re.compile(
    r"\bpools?\b|pool_|_pool|exhaust|check(?:ed)?[ _-]?out|too many (?:conn|req|client)|overload|saturat"
    r"|no (?:free |available |more )?connections?|connections? (?:un)?available",
    re.IGNORECASE,
)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every handler of the module that waits for another error than the pool raises."""
    if module.context in _ELSEWHERE:
        return
    moods = project.remember(rule.code, lambda: Moods(project.reader))
    for function in module.all_functions:
        for attempt in attempts(project.evaluator, function):
            handler = _expecting(project, moods, attempt)
            if handler is not None:
                yield _violation(project, handler, function)
            elif misses_connecting(project, moods, attempt):
                yield _unconnected(attempt)


def _expecting(project: Linked, moods: Moods, attempt: Attempt) -> facts.Handler | None:
    """The handler of a `try` that is meant for the pool and does not catch its error."""
    evaluator, statement = project.evaluator, attempt.statement
    for handler in statement.handlers:
        if not of_handler(evaluator, handler, attempt.function).names & BUILTIN_TIMEOUTS:
            continue
        caught = of_try(evaluator, statement, attempt.function).joined(attempt.outer)
        if not caught.complete or caught.names & CATCHING_POOLS:
            return None
        if moods.of(statement.body, attempt.function) is not Mood.TAKES:
            return None
        meant = _speaks_of_pool(handler) and not may_time_out_commands(project)
        return handler if meant or never_time_out(project) else None
    return None


def _speaks_of_pool(handler: facts.Handler) -> bool:
    """Whether the texts and names in a handler say that it is about connections of a pool."""
    for fact in walking.everything(handler.body):
        text = fact.value if isinstance(fact, facts.Const) else getattr(fact, "id", getattr(fact, "name", ""))
        if isinstance(text, str) and _POOL.search(text):
            return True
    return False


def _violation(project: Linked, handler: facts.Handler, function: Function) -> Violation:
    assert handler.types is not None
    names = of_handler(project.evaluator, handler, function).names & BUILTIN_TIMEOUTS
    shown = min(names).removeprefix("builtins.")
    message = (
        f"`except {shown}` does not catch what the pool raises when no connection becomes free: "
        "`sqlalchemy.exc.TimeoutError: QueuePool limit of size … overflow … reached, connection timed out` goes past it"
    )
    recipe = WidenExcept(function.spot(handler), "sqlalchemy.exc", "TimeoutError", "SQLAlchemyTimeoutError")
    mend = Mend(Safety.SAFE, "Catch `sqlalchemy.exc.TimeoutError` too", (recipe,))
    return Violation(rule, function.spot(handler.types), message, mend=mend)


def _unconnected(attempt: Attempt) -> Violation:
    types = attempt.statement.handlers[0].types
    assert types is not None
    message = (
        "SQLAlchemy 2.0 lets asyncpg's errors of connecting through as they are (`ConnectionRefusedError`, "
        "`asyncpg.exceptions.TooManyConnectionsError`): with the server down this check fails instead of answering"
    )
    return Violation(rule, Spot(attempt.function.statement, types.at), message)
