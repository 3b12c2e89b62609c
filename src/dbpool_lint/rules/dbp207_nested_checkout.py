"""A second connection is taken from a pool while the first is still held.

## What it does

Reports a place where a function certainly holds a connection of a pool (a session after its first SQL, an
`engine.connect()`, an acquired connection) and takes another one from the same pool, itself or through functions that
it calls.

## Why it matters

Each request then needs two connections at once. As long as the pool has free ones, nothing is seen. When as many
requests as the pool has connections hold their first, all of them wait for a second that nobody can give back: the
application deadlocks against itself until the pool's timeout, and then every one of them fails with
`sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00`.
Measured with a pool of one: not a single task finished. With asyncpg, whose `acquire()` waits without end, it stays
so for ever. A bigger pool only moves the load at which it happens.

## Example

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import Audit, User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def log_access(user_id):
    with SessionLocal() as session:
        session.add(Audit(user_id=user_id))
        session.commit()


def load_user(user_id):
    with SessionLocal() as session:
        user = session.get(User, user_id)
        log_access(user_id)
        return user
```

## Use instead

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import Audit, User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def log_access(session, user_id):
    session.add(Audit(user_id=user_id))
    session.commit()


def load_user(user_id):
    with SessionLocal() as session:
        user = session.get(User, user_id)
        log_access(session, user_id)
        return user
```

## Limits

Reported is only what is certain: both leases come from one pool that the project makes in one place, the first holds
its connection on every way to the second, and the second is taken on every way through the called functions, three
calls deep. A session that has not executed anything yet, or that has committed, holds none. Pools that open a
connection for whoever asks (`NullPool`) are left alone, and so are SQLite, pools whose class cannot be read, coroutines
that are not awaited where they are made, and code of tests, migrations, scripts and commands that end by themselves.

## Sources

- SQLAlchemy, "Connection Pooling": https://docs.sqlalchemy.org/en/20/core/pooling.html
- SQLAlchemy, "QueuePool limit of size <x> overflow <y> reached": https://docs.sqlalchemy.org/en/20/errors.html#error-3o7r
- asyncpg, `Pool.acquire`: https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.pool.Pool.acquire
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.callgraph.oneshot import runs_once
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.facts.typestate.nesting import Nested, nested
from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Note, Rule, Violation

rule = Rule("DBP207", "nested-checkout", Severity.WARNING, __doc__ or "")


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every place of the module where a second connection is taken while the first is held."""
    if module.context is not facts.Context.APPLICATION:
        return
    for function in module.all_functions:
        for found in nested(project, function):
            if not runs_once(project.reader, function):
                yield _violation(found, function)


def _violation(found: Nested, function: Function) -> Violation:
    taker = f"`{found.through[-1][0].qualname}` takes" if found.through else "this takes"
    message = (
        f"{taker} a second connection while `{found.held.name}` holds one of the same pool: when the pool is full, "
        "each caller waits for a connection that only the others could give back"
    )
    notes = [Note(where.module.name, where.spot(step), _story(where)) for where, step in found.through]
    if found.since is not None:
        notes.insert(0, Note(function.module.name, function.spot(found.since), "here the first connection is taken"))
    return Violation(rule, function.spot(found.step), message, tuple(notes))


def _story(where: Function) -> str:
    return f"`{where.qualname}` goes on to the second one here"
