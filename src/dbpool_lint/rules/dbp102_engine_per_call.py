"""A pool made for each task, message or object of a long-lived process.

## What it does

Reports `create_engine`, `create_async_engine`, `asyncpg.create_pool`, `psycopg_pool`'s pools and the like where a
process that lives long makes them again and again outside of requests: in a task of Celery, Dramatiq, RQ or arq,
in a consumer of messages, in a scheduled job, in the body of an endless loop, in a property of a Django model,
or in anything these call. A Flask application with its Flask-SQLAlchemy, built anew in each task, is such a pool
as well. The way from the task is named. What requests make is DBP101's.

## Why it matters

Each call leaves a pool with open connections behind, and nobody returns them: an engine that goes out of use is
closed by the cyclic garbage collector, some calls later. Measured against a server with 27 usable connections:
with the collector off, or with references kept, the 28th call failed with `FATAL:  remaining connection slots are
reserved for non-replication superuser connections`. Each worker process of the queue does this for itself.

## Example

```python
from celery import Celery
from sqlalchemy import create_engine, text

from settings import DATABASE_URL

app = Celery("jobs")


@app.task
def import_rows(name):
    engine = create_engine(DATABASE_URL)
    with engine.begin() as connection:
        connection.execute(text("insert into imports values (:name)"), {"name": name})
```

## Use instead

```python
from celery import Celery
from sqlalchemy import create_engine, text

from settings import DATABASE_URL

app = Celery("jobs")


engine = create_engine(DATABASE_URL)


@app.task
def import_rows(name):
    with engine.begin() as connection:
        connection.execute(text("insert into imports values (:name)"), {"name": name})
```

## Fix safety

Unsafe: the call moves to module level, with the factory that is bound to it. It then runs when the module is
imported; workers that fork must not use it before they fork. Refused when an argument is known only in the
function, or is tested or prepared there first; when the pool is kept in an object or disposed by a caller; when
a name would clash; and for pools that need a running event loop.

## Limits

Left alone: pools kept by a cache, a global, a class attribute, a dict, or an attribute of the task that is looked
at first; one-shot scripts, command lines, migrations and tests; `NullPool`; files of SQLite; engines that are
disposed in `finally`, by the function or by its caller; loops that end when they have succeeded, such as a wait
for the server. A process for each task, as Airflow has, keeps nothing behind and is left alone.

## Sources

- SQLAlchemy, "Engine Configuration": https://docs.sqlalchemy.org/en/20/core/engines.html
- SQLAlchemy, "Engine Disposal": https://docs.sqlalchemy.org/en/20/core/connections.html#engine-disposal
- Celery, "Tasks - Instantiation": https://docs.celeryq.dev/en/stable/userguide/tasks.html#instantiation
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.callgraph.reach import Path
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.pooling.losing import lost_to_jobs, others
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import HoistToModule
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation, also, chain, described, outcome

rule = Rule("DBP102", "engine-per-call", Severity.WARNING, __doc__ or "", Safety.UNSAFE)

_EACH = {"loop": "round of the loop", "job": "run of the job", "model property": "object"}


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every pool of the module that jobs make and nobody keeps."""
    for made in (*project.created_in(module), *project.applied_in(module)):
        path = lost_to_jobs(project, made)
        if path is not None:
            yield _violation(project, made, path)


def _violation(project: Linked, made: Creation, path: Path) -> Violation:
    each = _EACH.get(path.entry.what, "task")
    message = f"`{made.what}` makes a new pool for each {each} ({described(path)}); {outcome(made)}"
    mend = None
    if made.is_sqlalchemy:
        mend = Mend(Safety.UNSAFE, "Make the engine once, at module level", (HoistToModule(made.spot),))
    notes = (*chain(path), *also(others(project, made, path)))
    return Violation(rule, made.spot, message, notes, mend)
