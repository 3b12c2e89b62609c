"""What happens behind a transaction-mode pooler such as PgBouncer? Hosts, drivers and the arguments that help.

Measured with PgBouncer 1.18, 1.24 and 1.26 and asyncpg 0.28 to 0.32, SQLAlchemy 2.0.58 and 2.1.9. Sources:
PgBouncer's configuration page (`max_prepared_statements`, default 200 since 1.24), Supabase's and Neon's pages on
connection pooling, asyncpg's FAQ, and SQLAlchemy's page on the asyncpg dialect.
"""

from __future__ import annotations

import re

CONNECTORS = frozenset(
    {
        "asyncpg.connect",
        "asyncpg.create_pool",
        "psycopg.connect",
        "psycopg.AsyncConnection.connect",
        "psycopg.Connection.connect",
    }
)
"""Callables that open connections of a driver which prepares statements by itself."""

SUPABASE_TRANSACTION_PORT = 6543
"""Supavisor's port for transaction mode; its port 5432 is in session mode."""

ASYNCPG_UNNAMED = (0, 31)
"""From this asyncpg on, `statement_cache_size=0` uses unnamed statements, which survive a change of server."""

_POOLER_LABEL = re.compile(r"(?:^|[-_])(?:pgbouncer|pgcat|odyssey|supavisor)(?:$|[-_\d])")
_NEON = re.compile(r"-pooler\.(?:[\w-]+\.)*neon\.tech$")
_SUPABASE = re.compile(r"\.pooler\.supabase\.com$")


def pooler_of_host(host: str, port: int | None) -> str:
    """The transaction-mode pooler that a host name gives away, or ""."""
    host = host.lower()
    if _NEON.search(host):
        return "Neon's pooler"
    if _SUPABASE.search(host):
        return "Supabase's pooler" if port == SUPABASE_TRANSACTION_PORT else ""
    if any(_POOLER_LABEL.search(label) for label in host.split(".")[:2]):
        return "PgBouncer"
    return ""
