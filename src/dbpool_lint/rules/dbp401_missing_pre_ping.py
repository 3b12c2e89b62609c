"""A pool that hands out connections without asking whether they still live.

## What it does

Reports a SQLAlchemy engine of an application that keeps connections to a network database without
`pool_pre_ping=True`: the option is missing, is `False`, or comes from a setting whose default is off. Options
may stand in the call, in a dict that is passed with `**`, in a settings class, or in Flask-SQLAlchemy's
`SQLALCHEMY_ENGINE_OPTIONS`.

## Why it matters

Servers, poolers and load balancers close connections that lie idle. The pool does not notice, and the next
request gets the dead one. Measured after the server had closed an idle connection: psycopg2 raised
`sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) server closed the connection unexpectedly`,
psycopg 3 `terminating connection due to administrator command`, asyncpg `sqlalchemy.exc.InterfaceError: …
connection is closed`. With `pool_pre_ping=True` there was no error with any of them. Behind PgBouncer it
matters as well: PgBouncer drops idle clients.

## Example

```python
import os

from fastapi import FastAPI
from sqlalchemy import create_engine

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"])
```

## Use instead

```python
import os

from fastapi import FastAPI
from sqlalchemy import create_engine

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
```

## Fix safety

Safe: the option is added, or turned on, where the others stand; each checkout then costs one short round trip
(three with asyncpg). No fix is offered where the value is the default of a setting, since whoever deploys the
program decides that one.

## Limits

Left alone: SQLite; `NullPool`, `StaticPool` and pool classes that cannot be read; tests, migrations, scripts
and examples; engines that are disposed where they are made; asyncpg's own pools, which are no SQLAlchemy
engines. What comes through `**options` that cannot be read is unknown and left alone. A connection that is
closed in the middle of a transaction is not saved by a ping.

## Sources

- SQLAlchemy, "Disconnect Handling - Pessimistic": https://docs.sqlalchemy.org/en/20/core/pooling.html#disconnect-handling-pessimistic
- Flask-SQLAlchemy, "Configuration": https://flask-sqlalchemy.readthedocs.io/en/stable/config/
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.options import Site, State, pings_itself, state
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP401", "missing-pre-ping", Severity.WARNING, __doc__ or "", Safety.SAFE)

_OPTION = "pool_pre_ping"


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every place in the module where engine options lack the ping."""
    if pings_itself(module):
        return
    for site in project.sites:
        if site.module is module:
            found = state(project.reader, site, _OPTION)
            if found.state == "missing" or (found.state == "set" and not all(found.values)):
                yield _violation(site, found)


def _violation(site: Site, found: State) -> Violation:
    message = (
        f"{_what(site, found)}: a connection that the server or a load balancer closed while it lay idle is handed "
        "to the next request, which fails"
    )
    recipes = site.recipes(_OPTION, "True") if found.fixed else ()
    mend = Mend(Safety.SAFE, f"Set `{_OPTION}=True`", recipes) if recipes else None
    return Violation(rule, site.spot, message, mend=mend)


def _what(site: Site, found: State) -> str:
    if found.state == "missing":
        return f"`{site.what}` without `{_OPTION}=True`"
    return f"`{_OPTION}` of `{site.what}` is off" + ("" if found.fixed else " by default")
