"""Prepared statements behind a pooler that changes servers under them.

## What it does

Reports asyncpg (by itself or under SQLAlchemy) and psycopg 3 with prepared statements on, where the
connections go through PgBouncer or a pooler like it in transaction mode. Evidence is a host name of such a
pooler, a `pgbouncer.ini` or a compose service that the URL's port or host points to, `pgbouncer=true` in the
URL, or the setting `pgbouncer = "transaction"`. Port 6432 alone is none.

## Why it matters

In transaction mode each transaction may run on another server connection, where the statement was never
prepared, or where one of that name was prepared by another process. Measured with PgBouncer 1.18: `prepared
statement "__asyncpg_stmt_1__" does not exist` (`InvalidSQLStatementNameError`), `… already exists`
(`DuplicatePreparedStatementError`), and **wrong rows without any error**: of 1,054 queries of one process,
205 returned the rows of another's. `prepared_statement_cache_size=0` alone, `NullPool`, a name function
without both zeros and `prepare_threshold=0` do not help: each was measured to fail.

## Example

```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app@pgbouncer:6432/shop")
```

```toml pyproject.toml
[project]
name = "shop"
dependencies = ["asyncpg>=0.31", "sqlalchemy>=2.0"]
```

## Use instead

```python
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app@pgbouncer:6432/shop", connect_args={"statement_cache_size": 0})
```

```toml pyproject.toml
[project]
name = "shop"
dependencies = ["asyncpg>=0.31", "sqlalchemy>=2.0"]
```

## Fix safety

Safe: the arguments are those that were measured to work for the asyncpg that the project pins. From 0.31 on
`statement_cache_size=0` is enough and leaves nothing behind on the server. For older or unknown versions
under SQLAlchemy both caches are turned off and each statement gets a unique name; psycopg 3 gets
`prepare_threshold=None`. Queries are then planned each time. An existing `connect_args` is kept and
completed.

## Limits

Silent for session mode, for a PgBouncer that the project gives `max_prepared_statements` above 0 or runs from
an image of 1.24 or newer (there the default is 200), and for drivers that do not prepare by themselves
(psycopg2). Neon says that its pooler supports protocol-level prepared statements since 2024; its hosts are
reported all the same, because SQL-level statements and older setups still fail: silence it with the setting
`pgbouncer = "off"`. What comes from arguments that cannot be read is left alone.

## Sources

- PgBouncer, `max_prepared_statements`: https://www.pgbouncer.org/config.html#max_prepared_statements
- asyncpg, FAQ: https://magicstack.github.io/asyncpg/current/faq.html
- SQLAlchemy, "Prepared Statement Name with PGBouncer":
  https://docs.sqlalchemy.org/en/20/dialects/postgresql.html#prepared-statement-name-with-pgbouncer
- psycopg, "Prepared statements": https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
- Supabase, "Connecting to Postgres": https://supabase.com/docs/guides/database/connecting-to-postgres
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.arguments import Table
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.connectors import Connector, driver_options, pooler_behind, possible
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import AddKeywords, MergeKeywordDict, Recipe
from dbpool_lint.knowledge.poolers import ASYNCPG_UNNAMED
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP501", "pgbouncer-statement-cache", Severity.ERROR, __doc__ or "", Safety.SAFE)

_STATEMENTS, _PREPARED, _NAMES = "statement_cache_size", "prepared_statement_cache_size", "prepared_statement_name_func"
_THRESHOLD = "prepare_threshold"


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every connection of the module that goes through a pooler with prepared statements on."""
    if module.context in (facts.Context.TEST, facts.Context.EXAMPLE):
        return
    for connector in project.connectors:
        if connector.module is module:
            behind = pooler_behind(connector, project.project.deployment, project.settings.pgbouncer)
            if behind and _prepares(project, connector):
                yield _violation(project, connector, behind)


def _prepares(project: Linked, connector: Connector) -> bool:
    """Whether statements are prepared for certain: what cannot be read is not."""
    table = driver_options(project.reader, connector)
    if connector.driver == "psycopg":
        thresholds = possible(project.reader, table, _THRESHOLD)
        return thresholds is not None and any(value is not None for value in thresholds or (5,))
    size = possible(project.reader, table, _STATEMENTS)
    if size is None:
        return False
    if not connector.through:
        return not _is_zero(size)
    return _prepares_under_sqlalchemy(project, connector, table, size)


def _prepares_under_sqlalchemy(project: Linked, connector: Connector, table: Table, size: tuple[object, ...]) -> bool:
    if not _is_zero(size):
        return True
    own = possible(project.reader, table, _PREPARED)
    in_url = any(f"{_PREPARED}=0" in url.query for url in connector.urls.known)
    both = in_url or (own is not None and _is_zero(own))
    if _NAMES in table.entries:
        return not both and own is not None
    version = project.project.deployment.lowest("asyncpg")
    return version is not None and version < ASYNCPG_UNNAMED


def _is_zero(values: tuple[object, ...]) -> bool:
    return bool(values) and all(value == 0 and value is not False for value in values)


def _violation(project: Linked, connector: Connector, behind: str) -> Violation:
    what = connector.name.rpartition(".")[2]
    message = (
        f"`{what}` connects with {connector.driver} through {behind} and prepares statements: other server connections "
        'do not know them, which ends in `prepared statement "…" does not exist` or in the rows of another query'
    )
    title, recipes = _recipes(project, connector)
    return Violation(rule, connector.spot, message, mend=Mend(Safety.SAFE, title, recipes))


def _recipes(project: Linked, connector: Connector) -> tuple[str, tuple[Recipe, ...]]:
    if connector.driver == "psycopg":
        items = ((f'"{_THRESHOLD}"', "None"),)
        if connector.through:
            return f"Set `{_THRESHOLD}` to None", (MergeKeywordDict(connector.spot, connector.through, items),)
        return f"Set `{_THRESHOLD}=None`", (AddKeywords(connector.spot, ((_THRESHOLD, "None"),)),)
    if not connector.through:
        return f"Set `{_STATEMENTS}=0`", (AddKeywords(connector.spot, ((_STATEMENTS, "0"),)),)
    version = project.project.deployment.lowest("asyncpg")
    named = _NAMES in driver_options(project.reader, connector).entries
    zero = ((f'"{_STATEMENTS}"', "0"),)
    if version is not None and version >= ASYNCPG_UNNAMED and not named:
        return f"Set `{_STATEMENTS}` to 0", (MergeKeywordDict(connector.spot, connector.through, zero),)
    both = (*zero, (f'"{_PREPARED}"', "0"))
    if named:
        return "Turn both statement caches off", (MergeKeywordDict(connector.spot, connector.through, both),)
    unique = (f'"{_NAMES}"', 'lambda: f"__asyncpg_{{{uuid.uuid4}()}}__"')
    recipe = MergeKeywordDict(connector.spot, connector.through, (*both, unique), (("uuid", "uuid4"),))
    return "Turn both statement caches off and give each statement a unique name", (recipe,)
