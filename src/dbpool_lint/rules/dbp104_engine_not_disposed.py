"""A pool that the application opens and never closes.

## What it does

Reports an async engine, an asyncpg pool or another pool of an async driver that an application opens and nothing in
the project closes, although the application has a place for it: a lifespan, start-up and shutdown events, aiohttp's
`on_cleanup`, an exit stack. A plain engine is reported only where the very function that makes it sees to the end
of other things.

## Why it matters

Nothing else closes the connections of an async engine: its destructor cannot await. They stay open until the process
is gone or the garbage collector comes by, each start in the same process (a test, a reload) adds its own, and open
transactions are cut off. Measured with asyncpg: without `dispose()` Python reports `ResourceWarning: unclosed
connection <asyncpg.connection.Connection …>` and `unclosed transport` for each connection, and for one that was in
use the server logs `unexpected EOF on client connection with an open transaction`. After `await engine.dispose()`
there was neither, and no connection was left over.

## Example

```python
from contextlib import asynccontextmanager

from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine

from settings import DATABASE_URL, REDIS_URL

engine = create_async_engine(DATABASE_URL)


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.redis = Redis.from_url(REDIS_URL)
    yield
    await app.state.redis.aclose()


app = FastAPI(lifespan=lifespan)
```

## Use instead

```python
from contextlib import asynccontextmanager

from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine

from settings import DATABASE_URL, REDIS_URL

engine = create_async_engine(DATABASE_URL)


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.redis = Redis.from_url(REDIS_URL)
    try:
        yield
        await app.state.redis.aclose()
    finally:
        await engine.dispose()


app = FastAPI(lifespan=lifespan)
```

## Fix safety

Safe: offered where the lifespan stands in the same file, yields once, and knows the pool by a name that is bound
before. The pool is closed in `finally`, after everything else.

## Limits

Left alone: a pool that may be closed anywhere in the project, directly, by a helper, in a loop, by a method of a
class that keeps it, or by something outside the project that it is handed to; scripts, tests and migrations;
`NullPool`; SQLite; applications that have neither lifespan nor hooks. A `dispose()` on something unknown counts for
every engine. A function that ends it counts unless nothing in the project mentions it; so does a call without `await`
unless the engine is known.

## Sources

- SQLAlchemy, "Engine Disposal": https://docs.sqlalchemy.org/en/20/core/connections.html#engine-disposal
- SQLAlchemy, "Using multiple asyncio event loops": https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html
- asyncpg, `Pool.close`: https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.pool.Pool.close
- FastAPI, "Lifespan Events": https://fastapi.tiangolo.com/advanced/events/
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.closings import Closing, closings_of
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.pooling.crossing import crossed
from dbpool_lint.facts.pooling.forgetting import Forgetting, Forgotten, closing_code
from dbpool_lint.facts.project import Module, module_of
from dbpool_lint.fixing.recipes import DisposeAfterYield, Spot
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Note, Rule, Violation

rule = Rule("DBP104", "engine-not-disposed", Severity.WARNING, __doc__ or "", Safety.SAFE)


_WORDS = {"startup": "start-up hook", "shutdown": "shutdown hook"} | {w: w for w in ("lifespan", "exit stack")}


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every pool that the application gets in the module and never closes."""
    for found in project.remember("forgotten pools", lambda: _forgotten(project)):
        if found.origin.module is module:
            yield _violation(found)


def _forgotten(project: Linked) -> tuple[Forgotten, ...]:
    if not project.creations:
        return ()
    closings = closings_of(project)
    found = Forgetting(project.reader, closings.origins, closings, frozenset(project.request_paths)).forgotten()
    # a pool that each run of a task uses in a loop of its own is not the application's to dispose
    elsewhere = {id(crossing.origin.made.call) for crossing in crossed(project)}
    return tuple(one for one in found if id(one.origin.made.call) not in elsewhere)


def _meant(missed: Closing) -> Note:
    """Where the author meant to end it."""
    why = "without `await` nothing is run here" if missed.unawaited else "this would end it, but nothing calls it"
    spot = Spot(statement_of(missed.fact, missed.scope), missed.fact.at)  # type: ignore[attr-defined]
    return Note(module_of(missed.scope).name, spot, why)


def _violation(found: Forgotten) -> Violation:
    origin, hook = found.origin, found.hook
    what = f"`{origin.made.name.rpartition('.')[2]}`"
    if origin.inner is not None:
        what = f"the pool of {what} that this call gives"
    closing = "disposed" if origin.made.is_sqlalchemy else "closed"
    place = f"{'an' if hook.what == 'exit stack' else 'a'} {_WORDS[hook.what]}" + (
        f", `{hook.function.qualname}`" if hook.function else ""
    )
    message = (
        f"{what} is never {closing}, though the application has {place}: its connections stay open until the process "
        "is gone, and what is in use then is cut off (`unexpected EOF on client connection with an open transaction`)"
    )
    inner = [Note(one.module.name, one.spot, "the pool is made here") for one in list(origin.chain())[1:]]
    missed = [_meant(found.missed)] if found.missed is not None else []
    notes = (*inner, *missed, Note(hook.module.name, hook.spot, f"the {_WORDS[hook.what]} that could end it"))
    code = closing_code(found)
    mend = None
    if code and hook.function is not None:
        recipe = DisposeAfterYield(Spot(hook.function.statement, hook.function.node.at), code)
        mend = Mend(Safety.SAFE, f"Call `{code}` at the end of `{hook.function.qualname}`", (recipe,))
    return Violation(rule, origin.spot, message, notes, mend)
