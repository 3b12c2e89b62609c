"""A pool that keeps its connections for ever.

## What it does

Reports a SQLAlchemy engine of an application that keeps connections to a network database without
`pool_recycle`, with `-1` (the default: never), or with more seconds than the project itself lets a connection lie
idle: `client_idle_timeout` in `pgbouncer.ini`, MySQL's `wait_timeout` and PostgreSQL's `idle_session_timeout` in
their configuration files, in the commands of compose files or in `connect_args`. Options are looked up as for
`missing-pre-ping`, and the calls that lead to a wrapper without the option are named.

## Why it matters

MySQL closes connections after `wait_timeout`, PgBouncer after `client_idle_timeout`, load balancers and NAT
gateways without a word. What lies in the pool longer than that is dead when it is needed. SQLAlchemy's
default is `-1`, whatever some guides say. The limit counts from when the connection was made, is looked at
when it is checked out, and closes nothing in the background; it also spreads connections again after a
failover.

## Example

```python
import os

from fastapi import FastAPI
from sqlalchemy import create_engine

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True)
```

## Use instead

```python
import os

from fastapi import FastAPI
from sqlalchemy import create_engine

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_recycle=1800)
```

## Fix safety

Safe: the option is added, or its number replaced, with the seconds of the setting `pool-recycle` (1800), or with
the limit that the project names where that is shorter. A connection that old is replaced at its next checkout. No
fix is offered where the value is the default of a setting, or where only some callers of a wrapper leave it out.

## Limits

Left alone: what `missing-pre-ping` leaves alone, and Flask-SQLAlchemy with MySQL, which recycles after two
hours by itself. A recycle time does not rescue a connection that was closed earlier: that is what
`pool_pre_ping` is for.

## Sources

- SQLAlchemy, "Setting Pool Recycle": https://docs.sqlalchemy.org/en/20/core/pooling.html#setting-pool-recycle
- MySQL, `wait_timeout`: https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_wait_timeout
- PgBouncer, `client_idle_timeout`: https://www.pgbouncer.org/config.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.configuration.idling import Limit, limit
from dbpool_lint.facts.configuration.options import Site, State, states
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.lasting import is_short_lived
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation, left_by

rule = Rule("DBP402", "missing-recycle", Severity.WARNING, __doc__ or "", Safety.SAFE)

_OPTION = "pool_recycle"
_DEAD = "what the server or a load balancer drops is found dead"
_FLASK = ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS", "SQLALCHEMY_BINDS", "SQLAlchemy")


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every place in the module where engine options let connections grow old."""
    for site in project.sites:
        if site.module is not module or _recycles_itself(site):
            continue
        idle = limit(project.project, site)
        told = [(chain, found, _story(site, found, idle)) for chain, found in states(site, _OPTION)]
        old = [one for one in told if one[2]]
        if old and not is_short_lived(project, site):
            notes = left_by(site, [chain for chain, _, _ in old], _OPTION)
            mended = [found for _, found, _ in old] if len(old) == len(told) else []
            seconds = min(project.settings.pool_recycle, idle.seconds if idle else project.settings.pool_recycle)
            yield Violation(rule, site.spot, old[0][2], notes, _mend(site, mended, seconds))


def _recycles_itself(site: Site) -> bool:
    known = site.urls.known
    return site.what in _FLASK and bool(known) and all(url.dialect in ("mysql", "mariadb") for url in known)


def _story(site: Site, found: State, idle: Limit | None) -> str:
    if found.state == "missing":
        return f"`{site.what}` without `{_OPTION}` keeps connections for ever: {_DEAD}"
    if found.state != "set":
        return ""
    numbers = list(_numbers(site, found))
    negative = [number < 0 for number in numbers]
    if negative and (all(negative) if found.optional else any(negative)):
        default = "" if found.fixed else " by default"
        return f"`{_OPTION}` of `{site.what}` is -1{default}, which means never: {_DEAD}"
    if idle and numbers and max(numbers) > idle.seconds:
        return f"`{_OPTION}` of `{site.what}` is {max(numbers)} s, but {idle.who} after {idle.seconds} s"
    return ""


def _numbers(site: Site, found: State) -> Iterator[float]:
    for value in found.values:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield value
        elif site.converts and isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
            yield int(value)


def _mend(site: Site, found: list[State], seconds: int) -> Mend | None:
    certain = bool(found) and all(one.fixed and len(one.values) <= 1 for one in found)
    recipes = site.recipes(_OPTION, str(seconds)) if certain else ()
    return Mend(Safety.SAFE, f"Set `{_OPTION}={seconds}`", recipes) if recipes else None
