"""A pool made for each request.

## What it does

Reports `create_engine`, `create_async_engine`, `asyncpg.create_pool`, `psycopg_pool`'s pools and the like
where a request reaches them: in a route, a dependency or middleware, or in anything these call, through any
number of helpers and modules. The way from the route is named.

## Why it matters

Each request then opens connections of its own, and nobody returns them to anyone: an engine that goes out of
use is closed by the cyclic garbage collector, some requests later. Measured against a server with 27 usable
connections: 40 requests at once, 13 failed and 27 connections stayed open; with references kept, the 28th
request failed. The user sees `FATAL:  remaining connection slots are reserved for non-replication superuser
connections` (as `OperationalError`, or asyncpg's `TooManyConnectionsError`). It comes and goes with load and
with the collector, so tests rarely show it.

## Example

```python
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from settings import DATABASE_URL

app = FastAPI()


@app.get("/health")
async def health():
    engine = create_async_engine(DATABASE_URL)
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
```

## Use instead

```python
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from settings import DATABASE_URL

app = FastAPI()


engine = create_async_engine(DATABASE_URL)


@app.get("/health")
async def health():
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
```

## Fix safety

Unsafe: the call moves to module level, with the factory that is bound to it. It then runs when the module is
imported, which may be earlier than its configuration is ready, and a `dispose()` that followed goes away.
Refused when an argument is known only in the function, comes from the request, or is tested or prepared there
first; when the pool is kept in an object or disposed by a caller or a generator; when a name would clash; and
for pools that need a running event loop.

## Limits

Left alone: pools kept by `lru_cache` or `cache`, in a global, a class attribute, a dict, or the application's
state; singletons; lifespan and start-up code; tests; `NullPool`; files of SQLite; an engine that is disposed in
`finally` or by an exit stack, where it is made or by the caller that it is handed to. A driver's own pool that
each request enters with `with` is reported, unless its server is known only to the request: it opens all of its
first connections each time. Flask's `g` lives for one request and is no cache, and neither are `lru_cache` on a
method or `cached_property` of an object that the request makes. What a cache of an unknown kind keeps cannot be
seen.

## Sources

- SQLAlchemy, "Engine Configuration": https://docs.sqlalchemy.org/en/20/core/engines.html
- SQLAlchemy, "Engine Disposal": https://docs.sqlalchemy.org/en/20/core/connections.html#engine-disposal
- asyncpg, "Connection Pools": https://magicstack.github.io/asyncpg/current/usage.html#connection-pools
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.callgraph.reach import Path
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation, is_entered, needs_request
from dbpool_lint.facts.pooling.losing import lost_to_requests, others
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import HoistToModule
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation, also, chain, described, outcome

rule = Rule("DBP101", "engine-in-handler", Severity.ERROR, __doc__ or "", Safety.UNSAFE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every pool of the module that is made on the request path and not kept."""
    for made in project.created_in(module):
        path = lost_to_requests(project, made)
        if path is not None:
            yield _violation(project, made, path)


def _violation(project: Linked, made: Creation, path: Path) -> Violation:
    message = f"`{made.what}` makes a new pool for each request ({described(path)}); "
    if is_entered(made):
        message += "each request opens all of the pool's first connections, where it could borrow one"
    else:
        message += outcome(made)
    mend = None
    if made.is_sqlalchemy and not needs_request(project.evaluator, made):
        mend = Mend(Safety.UNSAFE, "Make the engine once, at module level", (HoistToModule(made.spot),))
    notes = (*chain(path), *also(others(project, made, path)))
    return Violation(rule, made.spot, message, notes, mend)
