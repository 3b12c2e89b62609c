"""Arguments that the pool class, the dialect or the driver refuses, or takes without using them.

## What it does

Reports arguments of engines and of drivers' own pools that cannot work together:

- `pool_size`, `max_overflow`, `pool_timeout` or `pool_use_lifo` with `NullPool`, `StaticPool` or
  `AssertionPool`, also where only one branch chooses that class, and for SQLite databases in memory;
- `QueuePool` with an async engine, the async pool class with a sync one, a pool class given as a text;
- an asynchronous driver for `create_engine`, a synchronous one for `create_async_engine`, and `postgres://`;
- options that `create_engine` does not know;
- keys of `connect_args` and of the URL that the driver does not take, `server_settings` that are no texts, and
  `statement_cache_size` meant as the size of a cache under SQLAlchemy, which has its own;
- sizes and times that are texts from the environment, or None;
- `create_pool` and the pools of psycopg, psycopg2 and aiomysql with sizes that contradict each other or the
  defaults, with names that belong to SQLAlchemy, or with a `postgresql+asyncpg://` URL;
- Flask-SQLAlchemy's options that are set after `init_app`, or under a key such as
  `"SQLALCHEMY_ENGINE_OPTIONS['pool_size']"` that nobody reads, settings that release 3 reads no more, and a subclass
  that chooses `NullPool` for options that already hold sizes.

## Why it matters

Some of it fails when the program starts: `TypeError: Invalid argument(s) 'pool_size' sent to create_engine(), using
configuration PGDialect_asyncpg/NullPool/Engine`, `ArgumentError: Pool class QueuePool cannot be used with asyncio
engine`, `InvalidRequestError: The asyncio extension requires an async driver to be used`, `ValueError: min_size is
greater than max_size` from `asyncpg.create_pool(max_size=5)`, whose `min_size` is 10 when it is not given. When only
one branch is wrong, it fails on the day that branch is taken.

More of it fails at the first connection, long after the start: `create_engine` takes any `connect_args` and any
URL. Measured: asyncpg raised `TypeError: connect() got an unexpected keyword argument 'sslmode'`, psycopg2
`ProgrammingError: invalid dsn: invalid connection option "timeout"`, an asynchronous driver under `create_engine`
`MissingGreenlet: greenlet_spawn has not been called`, a number in `server_settings` `server_settings is expected to be
None or a Dict[str, str]`. `pool_timeout="30"` worked until the pool was full and then raised `TypeError: '<' not
supported between instances of 'str' and 'int'`.

And some of it does nothing. With `statement_cache_size=500` in `connect_args`, 300 different statements kept 101
prepared on the server, as without it; with `prepared_statement_cache_size=500` it was 305. A psycopg2 pool with a
minimum of 10 and a maximum of 2 gave out 30 connections when 30 were asked for. With Flask-SQLAlchemy 3.1,
options set after `init_app` left the pool as it was.

## Example

```python
import os

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine(os.environ["DATABASE_URL"], poolclass=NullPool, pool_size=20, max_overflow=10)
```

## Use instead

```python
import os

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine(os.environ["DATABASE_URL"], poolclass=NullPool)
```

## Fix safety

Safe, and offered only where one answer is right: arguments that the given pool class refuses are dropped, a queue
pool of the wrong kind is left to SQLAlchemy, a pool class in quotes becomes the class; misspelled options and keys
that another driver calls differently are renamed, `check_same_thread` is dropped for servers; numbers and booleans
in `server_settings` become the texts that PostgreSQL reads alike; texts from the environment get `int(...)`. An
option is dropped only from the call itself, or from a dict that nothing else uses.

## Limits

Two options count as given together only where one of them is always given with the other: tests that may exclude
each other are believed to. What the driver takes is judged only where the code itself, or everything that the
project says of a setting, names the driver, and where no test about the database stands between. Kinds of drivers
are judged for URLs written in the code. Dialects of other packages, pool classes of the project, `creator`,
listeners of `do_connect`, and whatever cannot be read are left alone; so are tests, and calls whose `TypeError` is
caught. Where the project does not pin SQLAlchemy, 2.0 and 2.1 must agree. Flask-SQLAlchemy 2 reads its options
when the engine is first used: there they are reported only after an application context in which something ran.

## Sources

- SQLAlchemy, "Engine Configuration": https://docs.sqlalchemy.org/en/20/core/engines.html
- SQLAlchemy, "Connection Pooling": https://docs.sqlalchemy.org/en/20/core/pooling.html
- SQLAlchemy, "asyncpg": https://docs.sqlalchemy.org/en/20/dialects/postgresql.html#module-sqlalchemy.dialects.postgresql.asyncpg
- asyncpg, "API Reference": https://magicstack.github.io/asyncpg/current/api/index.html
- psycopg, "psycopg_pool": https://www.psycopg.org/psycopg3/docs/api/pool.html
- libpq, "Parameter Key Words": https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
- Flask-SQLAlchemy, "Changes", 3.0: https://flask-sqlalchemy.readthedocs.io/en/stable/changes/
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.misfits.driver import of_driver
from dbpool_lint.facts.misfits.driver_pools import of_pool
from dbpool_lint.facts.misfits.engines import Misfit, of_options
from dbpool_lint.facts.misfits.flask import of_flask
from dbpool_lint.facts.misfits.givings import cases, expects_refusal
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP403", "pool-args-invalid", Severity.ERROR, __doc__ or "", Safety.SAFE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Everything in the module that a pool, a dialect or a driver refuses or does not read, each thing once."""
    if module.context is facts.Context.TEST:
        return
    for misfit in dict.fromkeys(_misfits(module, project)):
        mend = Mend(Safety.SAFE, misfit.title, misfit.recipes) if misfit.recipes else None
        yield Violation(rule, misfit.spot, misfit.message, mend=mend)


def _misfits(module: Module, project: Linked) -> Iterator[Misfit]:
    for case in cases(project.reader, project.creations, module):
        yield from of_options(case)
        yield from of_driver(case)
    for made in project.created_in(module):
        if not made.is_sqlalchemy and not expects_refusal(project.reader, made):
            yield from of_pool(project.reader, made)
    yield from of_flask(project.reader, module)
