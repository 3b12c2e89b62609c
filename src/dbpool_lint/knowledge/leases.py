"""What do the methods of a session or connection do to the connection of the pool?

Measured: an ORM session takes a connection at its first SQL and gives it back at commit, rollback or close; `begin()`
alone takes none; `engine.connect()` takes one at once and keeps it across commits; a connection that is acquired from
a driver's pool stays out until it is released. Sources: SQLAlchemy, "Session Basics" and "Working with Engines and
Connections"; SQLModel's `Session.exec`; the API references of asyncpg, psycopg_pool, psycopg2 and aiomysql.
"""

from __future__ import annotations

from dbpool_lint.knowledge.kinds import Kind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAZY = frozenset({Kind.SESSION, Kind.ASYNC_SESSION})
"""Leases that take their connection at the first SQL, and give it back at commit and rollback."""

WORKING = _words(
    "execute scalar scalars get get_one flush refresh merge exec connection stream stream_scalars run_sync "
    "bulk_save_objects bulk_insert_mappings bulk_update_mappings exec_driver_sql "
    "fetch fetchrow fetchval fetchmany executemany copy_from_query copy_records_to_table copy_to_table "
    "cursor prepare"
)
"""Methods that run SQL, or make what runs it on the connection."""

PREPARING = frozenset({"add", "add_all", "delete", "query", "expire", "expire_all", "expunge", "expunge_all"})
"""Methods of a session that run nothing yet."""

PENDING = frozenset({"add", "add_all", "delete", "merge"})
"""Those that leave something to be written, and `merge`, which does so after reading."""

READING = _words(
    "all first one one_or_none scalar scalars count delete update get yield_per __iter__ paginate values "
    "scalar_one scalar_one_or_none with_for_update_all"
)
"""Methods at the end of `session.query(…)` that run it. Source: SQLAlchemy, "Legacy Query API"."""

FLUSHING = frozenset(["flush", "commit", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"])
"""Methods of a session that write what was changed; after an error of theirs the session refuses to go on."""

FLUSHING_FIRST = frozenset(
    [
        "all",
        "first",
        "one",
        "one_or_none",
        "scalar",
        "scalars",
        "scalar_one",
        "scalar_one_or_none",
        "count",
        "execute",
        "exec",
    ]
)
"""Methods of a session or its query that flush before they read, unless `autoflush` is off."""

CHANGING = frozenset({"insert", "update", "delete", "text", "DDL"})
"""Functions that make a statement that changes something, or one that is written by hand."""

FINISHING = frozenset({"commit"})
UNDOING = frozenset({"rollback"})
CLOSING = _words("close remove release aclose close_all invalidate terminate putconn reset")
"""Methods, of the lease or of its pool, after which the connection is back or gone."""

MANAGING = frozenset({"contextlib.closing", "contextlib.aclosing"})
"""Context managers around a lease that close it."""

SWALLOWING = frozenset({"contextlib.suppress"})
"""Context managers that end an exception."""

SAFE_BUILTINS = _words(
    "print repr str type isinstance issubclass id bool hasattr callable len dict list set tuple frozenset super "
    "object range enumerate zip"
)
"""Builtins that are not expected to raise for what they are given in practice."""

SAFE_PACKAGES = frozenset({"contextlib", "logging", "loguru", "structlog", "time", "warnings"})
SAFE_CALLS = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "datetime.timedelta",
        "uuid.uuid4",
        "uuid.uuid1",
        "os.getpid",
        "os.getenv",
        "os.environ.get",
        "threading.get_ident",
        "asyncio.get_running_loop",
        "asyncio.get_event_loop",
        "asyncio.current_task",
        "sqlalchemy.text",
        "sqlalchemy.select",
        "sqlalchemy.insert",
        "sqlalchemy.update",
        "sqlalchemy.delete",
        "sqlalchemy.func",
        "sqlmodel.select",
    }
)
"""Functions outside the project that raise nothing that an application expects."""

ENDING = frozenset({"sys.exit", "os._exit", "os.abort", "builtins.exit", "builtins.quit"})
"""Functions that end the process, and every connection with it."""

NEVER_RETURNING = ENDING | {"flask.abort", "quart.abort"}
"""Functions that end what runs."""

DATABASE_ERRORS = _words(
    "Exception BaseException StandardError SQLAlchemyError DBAPIError DatabaseError OperationalError IntegrityError "
    "ProgrammingError InternalError DataError InterfaceError StatementError PendingRollbackError InvalidRequestError "
    "UniqueViolation UniqueViolationError ForeignKeyViolation ForeignKeyViolationError PostgresError "
    "PostgresConnectionError StaleDataError FlushError Error"
)
"""Last parts of the names of exception classes under which an error of the database is caught. Source:
`sqlalchemy.exc`, `sqlalchemy.orm.exc`, `asyncpg.exceptions`, `psycopg.errors`."""
