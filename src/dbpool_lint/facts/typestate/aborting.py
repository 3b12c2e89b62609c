"""Does a failed statement abort the transaction? On PostgreSQL it does; MySQL, SQLite and others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.pooling.creations import url_of

if TYPE_CHECKING:
    from dbpool_lint.facts.link import Linked

_ABORTING = frozenset({"postgresql", "postgres", "cockroachdb", "redshift", "duckdb"})
_ABORTING_DRIVERS = frozenset(
    {
        "psycopg2",
        "psycopg2-binary",
        "psycopg2cffi",
        "psycopg",
        "psycopg-binary",
        "asyncpg",
        "pg8000",
        "pgvector",
        "sqlalchemy-cockroachdb",
        "sqlalchemy-redshift",
        "duckdb-engine",
    }
)
_OTHER_DRIVERS = frozenset(
    {
        "pymysql",
        "mysqlclient",
        "aiomysql",
        "asyncmy",
        "mysql-connector-python",
        "mysql-connector",
        "mariadb",
        "aiosqlite",
        "pyodbc",
        "aioodbc",
        "pymssql",
        "oracledb",
        "cx-oracle",
    }
)


def aborts(project: Linked) -> bool:
    """False when all that can be seen is that the application's databases are others than PostgreSQL."""
    required = {requirement.package for requirement in project.project.deployment.requirements}
    seen: set[str] = set()
    for made in project.creations:
        if made.is_sqlalchemy and made.module.context is facts.Context.APPLICATION:
            seen |= {url.dialect for url in url_of(project.reader, made).known}
    if required & _ABORTING_DRIVERS or seen & _ABORTING:
        return True
    return not seen and not required & _OTHER_DRIVERS
