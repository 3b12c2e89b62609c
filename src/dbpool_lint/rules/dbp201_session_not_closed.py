"""A session or connection that nobody gives back.

## What it does

Reports a lease (a `Session` or `AsyncSession`, what a sessionmaker or a helper of the project hands out,
`engine.connect()`, `raw_connection()`, `pool.acquire()`, `getconn()`) that a function takes and on no path
closes, returns, stores or passes to something that may close it. Also one that an object of the project takes in its
`__init__`, when the object is made for each request or job and nothing closes the attribute.

## Why it matters

The connection stays checked out after the function is done: SQLAlchemy's objects are reference cycles, so it
comes back only when the cyclic garbage collector runs, and until then the server shows `idle in transaction`.
Measured with a pool of 5: of 40 calls in a row 22 failed with `sqlalchemy.exc.TimeoutError: QueuePool limit
of size 5 overflow 0 reached, connection timed out`; with a pool of 20 all passed, so that small tests do not
show it. An async session cannot be returned by the collector at all: its connection is terminated and
SQLAlchemy logs an error. A connection acquired from an asyncpg pool never comes back.

## Example

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def user_names():
    session = SessionLocal()
    return session.scalars(select(User.name)).all()
```

## Use instead

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def user_names():
    with SessionLocal() as session:
        return session.scalars(select(User.name)).all()
```

## Fix safety

Unsafe: the code up to the last use of the variable moves into a `with` block. What is read lazily after it,
such as a query that is not yet executed or an attribute that is loaded on access, would need the session
again. No fix is offered where the variable is used outside of the block that takes it, captured, or rebound,
nor for raw driver connections.

## Limits

Closed on one path counts as closed here: what an exception skips is DBP202. A session that is not used takes no
connection, and one that is bound to a connection takes none of its own. A lease that is returned,
yielded, stored in an object or a container, or passed to something that cannot be looked into is left alone.
Tests, migrations, scripts and commands that end by themselves are left alone: the process gives everything
back. How many calls deep a lease is followed is the setting `call-depth`; where a function beyond it is given the
lease, it counts as keeping it.

## Sources

- SQLAlchemy, "Session Basics: Opening and Closing a Session":
  https://docs.sqlalchemy.org/en/20/orm/session_basics.html#opening-and-closing-a-session
- SQLAlchemy, "Connection Pooling": https://docs.sqlalchemy.org/en/20/core/pooling.html
- asyncpg, `Pool.acquire`: https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.pool.Pool.acquire
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.callgraph.oneshot import runs_once
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module
from dbpool_lint.facts.typestate.effects import Lease
from dbpool_lint.facts.typestate.leaks import leaked
from dbpool_lint.facts.typestate.owning import Owned, owned
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Rule, Violation, chain, described, entering

rule = Rule("DBP201", "session-not-closed", Severity.ERROR, __doc__ or "", Safety.UNSAFE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every lease that a function of the module takes and nobody gives back."""
    if module.context is not facts.Context.APPLICATION:
        return
    for function in module.all_functions:
        if runs_once(project.reader, function):
            continue
        for lease in leaked(project.lives, function):
            yield _violation(lease)
    for found in owned(project, module):
        yield _kept(found)


def _violation(lease: Lease) -> Violation:
    what = f"`{lease.name}`" if lease.name else f"this {lease.kind.value}"
    message = (
        f"{what} takes a connection and is never closed in `{lease.function.qualname}`: the pool gets it back only "
        "when the garbage collector runs, and later callers wait until they time out"
    )
    return Violation(rule, lease.function.spot(lease.call), message, mend=entering(lease, Safety.UNSAFE))


def _kept(found: Owned) -> Violation:
    message = (
        f"`{found.lease.name}` takes a connection for each `{found.cls.qualname}` that {described(found.path)} makes, "
        "and nothing closes it: the pool gets it back only when the garbage collector runs, and later callers wait "
        "until they time out"
    )
    return Violation(rule, found.lease.function.spot(found.lease.call), message, chain(found.path))
