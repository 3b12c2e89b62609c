"""A pool that hands out connections without asking whether they still live.

## What it does

Reports a SQLAlchemy engine of an application that keeps connections to a network database without
`pool_pre_ping=True`: the option is missing, is `False`, or comes from a setting whose default is off. Options
may stand in the call, in a `functools.partial` of it, in a dict that is passed with `**` and may be built by
helpers, in a dataclass or settings class, in the configuration of `engine_from_config`, in Flask-SQLAlchemy's
settings, binds and subclasses, or in advanced-alchemy's `EngineConfig`. For an engine that a wrapper makes, each
chain of calls is judged by itself, and those that leave the option off are named.

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
program decides that one, or where only some callers of a wrapper leave it off.

## Limits

Left alone: SQLite; `NullPool`, `StaticPool` and pool classes that cannot be read; tests, migrations, scripts
and examples, and helpers that only scripts and batch jobs call; engines that are disposed where they are made,
also by a context manager that a request or a task enters; engines that each request or task makes for itself,
which `engine-in-handler` and `engine-per-call` report; asyncpg's own pools, which are no SQLAlchemy engines.
What comes through `**options` that cannot be read is unknown and left alone, and so is an option that only one
branch sets. Branches that only SQLite takes do not count. A connection that is closed in the middle of a
transaction is not saved by a ping.

## Sources

- SQLAlchemy, "Disconnect Handling - Pessimistic": https://docs.sqlalchemy.org/en/20/core/pooling.html#disconnect-handling-pessimistic
- Flask-SQLAlchemy, "Configuration": https://flask-sqlalchemy.readthedocs.io/en/stable/config/
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.configuration.options import Site, State, pings_itself, states
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.lasting import is_short_lived
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation, left_by

rule = Rule("DBP401", "missing-pre-ping", Severity.WARNING, __doc__ or "", Safety.SAFE)

_OPTION = "pool_pre_ping"
_OFF = ("", "0", "f", "false", "n", "no", "off")
_STORY = (
    "a connection that the server or a load balancer closed while it lay idle is handed to the next request, "
    "which fails"
)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every place in the module where engine options lack the ping."""
    if pings_itself(module):
        return
    for site in project.sites:
        if site.module is module:
            told = list(states(site, _OPTION))
            off = [(chain, found) for chain, found in told if _is_off(site, found)]
            if off and not is_short_lived(project, site):
                notes = left_by(site, [chain for chain, _ in off], _OPTION)
                mend = _mend(site, [found for _, found in off]) if len(off) == len(told) else None
                yield Violation(rule, site.spot, f"{_what(site, off[0][1])}: {_STORY}", notes, mend)


def _is_off(site: Site, found: State) -> bool:
    if found.state != "set":
        return found.state == "missing"
    on = [not _is_false(site, value) for value in found.values]
    return not any(on) if found.optional else not all(on)


def _is_false(site: Site, value: object) -> bool:
    if site.converts and isinstance(value, str):
        return value.strip().lower() in _OFF
    return not value


def _mend(site: Site, found: list[State]) -> Mend | None:
    recipes = site.recipes(_OPTION, "True") if all(one.fixed for one in found) else ()
    return Mend(Safety.SAFE, f"Set `{_OPTION}=True`", recipes) if recipes else None


def _what(site: Site, found: State) -> str:
    if found.state == "missing":
        return f"`{site.what}` without `{_OPTION}=True`"
    return f"`{_OPTION}` of `{site.what}` is off" + ("" if found.fixed else " by default")
