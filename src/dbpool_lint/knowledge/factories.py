"""What can a session factory do, and what only the sessions that it makes?

Sources: the API references of `sqlalchemy.orm.sessionmaker`, `sqlalchemy.ext.asyncio.async_sessionmaker`, `Session`
and `AsyncSession`, 2.0 and 2.1; checked in the tests against the installed release.
"""

from __future__ import annotations

from dbpool_lint.knowledge.kinds import Kind

FACTORIES = frozenset({Kind.FACTORY, Kind.ASYNC_FACTORY})

OF_SESSIONS = frozenset(
    {
        *("add", "add_all", "begin_nested", "close", "commit", "connection", "delete", "execute", "expire"),
        *("expire_all", "expunge", "expunge_all", "flush", "get", "get_bind", "get_one", "in_transaction"),
        *("invalidate", "is_modified", "merge", "refresh", "rollback", "scalar", "scalars"),
    }
)
"""Methods of sessions, sync and async, that no factory has."""

OF_SYNC_SESSIONS = frozenset({"bulk_insert_mappings", "bulk_save_objects", "bulk_update_mappings", "query"})
OF_ASYNC_SESSIONS = frozenset({"aclose", "run_sync", "stream", "stream_scalars"})

CLASS_NAMES = {
    Kind.FACTORY: "sessionmaker",
    Kind.ASYNC_FACTORY: "async_sessionmaker",
}
