"""A pool that keeps its connections for ever.

## What it does

Reports a SQLAlchemy engine of an application that keeps connections to a network database without
`pool_recycle`, with `-1` (the default: never), or with more seconds than the project's own `pgbouncer.ini`
lets a client lie idle. Options are looked up as for `missing-pre-ping`.

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

Safe: the option is added, or the `-1` replaced, with the seconds of the setting `pool-recycle` (1800). A
connection that old is replaced at its next checkout. No fix is offered where the value is the default of a
setting.

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

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.options import Site, State, state
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP402", "missing-recycle", Severity.WARNING, __doc__ or "", Safety.SAFE)

_OPTION = "pool_recycle"
_DEAD = "what the server or a load balancer drops is found dead"
_FLASK = ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS", "SQLAlchemy")


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every place in the module where engine options let connections grow old."""
    for site in project.sites:
        if site.module is not module or _recycles_itself(site):
            continue
        found = state(project.reader, site, _OPTION)
        story = _story(site, found, project.idle_limit)
        if story:
            yield _violation(site, found, story, project.settings.pool_recycle)


def _recycles_itself(site: Site) -> bool:
    known = site.urls.known
    return site.what in _FLASK and bool(known) and all(url.dialect in ("mysql", "mariadb") for url in known)


def _story(site: Site, found: State, limit: int | None) -> str:
    if found.state == "missing":
        return f"`{site.what}` without `{_OPTION}` keeps connections for ever: {_DEAD}"
    if found.state != "set":
        return ""
    numbers = [value for value in found.values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if any(number < 0 for number in numbers):
        default = "" if found.fixed else " by default"
        return f"`{_OPTION}` of `{site.what}` is -1{default}, which means never: {_DEAD}"
    if limit and numbers and max(numbers) > limit:
        return f"`{_OPTION}` of `{site.what}` is {max(numbers)} s, but pgbouncer.ini drops idle clients after {limit} s"
    return ""


def _violation(site: Site, found: State, story: str, seconds: int) -> Violation:
    numbers = [value for value in found.values if isinstance(value, int)]
    certain = found.fixed and all(number < 0 for number in numbers)
    recipes = site.recipes(_OPTION, str(seconds)) if certain else ()
    mend = Mend(Safety.SAFE, f"Set `{_OPTION}={seconds}`", recipes) if recipes else None
    return Violation(rule, site.spot, story, mend=mend)
