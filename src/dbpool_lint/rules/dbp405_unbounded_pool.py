"""A pool whose limit, wait or age is switched off by a special number.

## What it does

Reports options of an application's pools that lift a limit: `max_overflow=-1` or lower, `pool_size=0` (from
SQLAlchemy 2.0 on) or negative, `pool_timeout=None`, and `pool_recycle=0`; also `maxsize=0` of
`aiomysql.create_pool` and `aiopg.create_pool`. Options are looked up as for `missing-pre-ping`: in the call, in
dicts, settings classes and Flask-SQLAlchemy's configuration.

## Why it matters

The pool's limit is what keeps a burst of requests from taking every connection of the server. All of this was
measured with SQLAlchemy 2.0 and 2.1. With `max_overflow=-1` every checkout opens another connection until the
server refuses all clients: `FATAL:  remaining connection slots are reserved for non-replication superuser
connections`. `pool_size=0` is not "no pool", it means no limit, whatever `max_overflow` says, and of 20
connections that were taken at once all 20 stayed open afterwards; `maxsize=0` of aiomysql did the same. Other
negative numbers mean nothing: `max_overflow=-5` was accepted and ended in `RecursionError: maximum recursion
depth exceeded` at the first connect, `pool_size=-1` left 9 connections of 5 + 10, and `pool_size=-20` none:
`QueuePool limit of size -20 overflow 20 reached`. With `pool_timeout=None` a request waits for ever when the pool
is empty, so that one leak stops the whole process without any error. `pool_recycle=0` is not "never" (that is
`-1`): it opened a new connection at every checkout.

## Example

```python
import os

from fastapi import FastAPI
from sqlalchemy import create_engine

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_size=10, max_overflow=-1)
```

## Use instead

```python
import os

from fastapi import FastAPI
from sqlalchemy import create_engine

app = FastAPI()
engine = create_engine(os.environ["DATABASE_URL"], pool_pre_ping=True, pool_size=10, max_overflow=10)
```

## Limits

Left alone: SQLite, where a pool without a limit waits for nothing but a file; `NullPool`, which has no limit
either, but keeps nothing; tests, migrations and scripts; engines that are disposed where they are made; values
that cannot be read, or of which only some lift a limit. `pool_size=0` is left alone where the project admits
SQLAlchemy 1.4, which limits such a pool to its overflow. `max_size=None` of psycopg's pools is a fixed size, and
asyncpg's pools always have one. There is no fix: which limit is right depends on the server and on the number
of processes.

## Sources

- SQLAlchemy, "QueuePool": https://docs.sqlalchemy.org/en/20/core/pooling.html#sqlalchemy.pool.QueuePool
- SQLAlchemy, "Setting Pool Recycle": https://docs.sqlalchemy.org/en/20/core/pooling.html#setting-pool-recycle
- aiomysql, "Pool": https://aiomysql.readthedocs.io/en/stable/pool.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeGuard

from dbpool_lint.facts.configuration.options import Site, State, states
from dbpool_lint.facts.configuration.versions import sqlalchemy_releases
from dbpool_lint.facts.evaluation.values import Literal
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.model import Context
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Rule, Violation, left_by

rule = Rule("DBP405", "unbounded-pool", Severity.WARNING, __doc__ or "")

_UNLIMITED_BY_ZERO = (2, 0)
_ZERO_IS_UNLIMITED = frozenset({"aiomysql.create_pool", "aiopg.create_pool"})
_REFUSED = "until the server refuses all clients (`{error}`)"
_NO_LIMIT = f", which means no limit and not no pool: every connection that is opened is kept, {_REFUSED}"
_ERRORS = {True: "Too many connections", False: "remaining connection slots are reserved …"}
_MYSQL = frozenset({"mysql", "mariadb"})


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every pool of the module that an option leaves without a limit."""
    zero = min(sqlalchemy_releases(project.project, module)) >= _UNLIMITED_BY_ZERO
    for site in project.sites:
        if site.module is module:
            yield from _of_site(site, zero)
    for made in project.created_in(module):
        if made.name in _ZERO_IS_UNLIMITED and module.context is Context.APPLICATION and _is_zero(project, made):
            message = f"`maxsize` of `{made.what}` is 0{_NO_LIMIT}".format(error=_ERRORS["mysql" in made.name])
            yield Violation(rule, made.spot, message)


def _of_site(site: Site, zero: bool) -> Iterator[Violation]:
    """One finding for what is wrong with a site; where there is no limit, nothing waits for one either."""
    for option, story in _STORIES.items():
        told = [(chain, found, text) for chain, found in states(site, option) if (text := _told(site, found, story))]
        if option == "pool_size" and not zero:
            told = [one for one in told if 0 not in _numbers(site, one[1])]
        if told:
            _, found, text = told[0]
            default = "" if found.fixed else " by default"
            notes = left_by(site, [chain for chain, _, _ in told], option, f"gives `{option}={_written(found)}`")
            text = text.format(error=_ERRORS[_is_mysql(site)])
            yield Violation(rule, site.spot, f"`{option}` of `{site.what}` is {_written(found)}{default}{text}", notes)
            return


def _is_mysql(site: Site) -> bool:
    return bool(site.urls.known) and all(url.dialect in _MYSQL for url in site.urls.known)


def _told(site: Site, found: State, story: Callable[[object], str]) -> str:
    """What every possible value of an option leads to; nothing where one of them is fine."""
    if found.state != "set" or (found.optional and not found.fixed):
        return ""
    told = [story(value) for value in _numbers(site, found)]
    return told[0] if told and all(told) else ""


def _numbers(site: Site, found: State) -> list[object]:
    return [
        int(value)
        if site.converts and isinstance(value, str) and value.strip().removeprefix("-").isdecimal()
        else value
        for value in found.values
    ]


def _written(found: State) -> str:
    return str(found.values[0])


def _overflow(value: object) -> str:
    if not _is_number(value) or value >= 0:
        return ""
    if value == -1:
        return f": the pool opens as many connections as are asked for, {_REFUSED}"
    return ", but only -1 means no limit: checkouts end in `RecursionError: maximum recursion depth exceeded`"


def _size(value: object) -> str:
    if not _is_number(value) or value > 0:
        return ""
    if value == 0:
        return _NO_LIMIT
    return (
        ": nothing is ever closed when it is given back, and the limit shrinks to the overflow less that number "
        "(`QueuePool limit of size … reached`)"
    )


def _timeout(value: object) -> str:
    if value is not None:
        return ""
    return ": with all connections taken requests wait for ever, and no error says why the application stands still"


def _recycle(value: object) -> str:
    if not _is_number(value) or value != 0:
        return ""
    return ", which means now and not never (that is -1): each checkout closes the connection and opens a new one"


_STORIES: dict[str, Callable[[object], str]] = {
    "max_overflow": _overflow,
    "pool_size": _size,
    "pool_timeout": _timeout,
    "pool_recycle": _recycle,
}


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_zero(project: Linked, made: Creation) -> bool:
    argument = project.reader.argument(made.call, made.scope, "maxsize", 1 if "mysql" in made.name else None)
    values = project.reader.given(argument) if argument.certain else ()
    return bool(values) and all(isinstance(value, Literal) and value.value == 0 for value in values)
