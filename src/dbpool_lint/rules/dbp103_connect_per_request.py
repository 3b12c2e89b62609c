"""A connection opened for each request or task, where one could be borrowed from a pool.

## What it does

Reports `asyncpg.connect`, `psycopg.connect`, `psycopg2.connect`, `aiomysql.connect`, `pymysql.connect` and the
like where a request or a task reaches them, directly or through helpers: in a route, a dependency, middleware, a
bot's handler, a Lambda handler, or a task of a queue. A connection that Flask's `g` keeps lives for one request
and counts. The way from the route is named.

## Why it matters

Opening a connection costs a network round trip, a TLS handshake, authentication and a new process on the server,
each time. And nothing bounds how many there are: as many as requests run at once. Measured against a server with
27 usable connections, the 28th failed with `FATAL:  remaining connection slots are reserved for non-replication
superuser connections`; asyncpg raises it as `asyncpg.exceptions.TooManyConnectionsError`. A pool makes the
surplus wait instead.

## Example

```python
import os

import asyncpg
from fastapi import FastAPI

app = FastAPI()


@app.get("/orders/{number}")
async def read_order(number: int):
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        return await connection.fetchrow("select * from orders where number = $1", number)
    finally:
        await connection.close()
```

## Use instead

```python
import os
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/orders/{number}")
async def read_order(number: int, request: Request):
    async with request.app.state.pool.acquire() as connection:
        return await connection.fetchrow("select * from orders where number = $1", number)
```

## Limits

Left alone: connections that outlive the request, in a global, an attribute that is looked at first, a cache or a
pool of the project's own; one-shot code, scheduled jobs and endless loops, which may reconnect; connections for
`LISTEN`; tests and migrations. A server that only the request names (a tenant's own database)
cannot come from one pool, so a call with an argument that is not settled beforehand is left alone, too.

## Sources

- asyncpg, "Connection Pools": https://magicstack.github.io/asyncpg/current/usage.html#connection-pools
- psycopg, "Connection pools": https://www.psycopg.org/psycopg3/docs/advanced/pool.html
- PostgreSQL, "How Connections Are Established": https://www.postgresql.org/docs/current/connect-estab.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.callgraph.reach import Path
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.pooling.losing import opened_for_each
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Rule, Violation, chain, described

rule = Rule("DBP103", "connect-per-request", Severity.WARNING, __doc__ or "")


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every connection of the module that requests or tasks open for themselves."""
    for made in project.connected_in(module):
        path = opened_for_each(project, made)
        if path is not None:
            yield _violation(made, path)


def _violation(made: Creation, path: Path) -> Violation:
    if path.entry.what == "lambda handler":
        message = (
            f"`{made.name}` opens a connection in each invocation ({described(path)}): a handshake and a login "
            "every time; made outside of the handler, it serves the invocations that follow"
        )
        return Violation(rule, made.spot, message, chain(path))
    each = "task" if path.entry.what in ("task", "consumer") else "request"
    message = (
        f"`{made.name}` opens a connection for each {each} ({described(path)}): a handshake and a login every time, "
        f"and as many at once as there are {each}s, until the server refuses more; a pool bounds both"
    )
    return Violation(rule, made.spot, message, chain(path))
