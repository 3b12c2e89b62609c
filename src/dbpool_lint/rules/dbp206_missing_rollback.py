"""An error of the database is swallowed, and the session goes on in the broken transaction.

## What it does

Reports an `except` clause that catches an error of a session's SQL, flush or commit without a rollback, when the same
session is used or committed afterwards: further down in the function, in the next turn of a loop, by the callers that
gave the session, or by the dependency or `with` block that commits it at the end.

## Why it matters

After the error the transaction is aborted. What was measured on PostgreSQL, with psycopg2, psycopg and asyncpg alike:
the next statement fails with `current transaction is aborted, commands ignored until end of transaction block`; after
a failed flush it is `sqlalchemy.exc.PendingRollbackError: This Session's transaction has been rolled back due to a
previous exception during flush`. And when the next thing is a `commit()`, it raises **nothing**, and every row that
was written before the error is gone.

## Example

```python
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import sessionmaker

from models import Event
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def store(rows):
    with SessionLocal() as session:
        for row in rows:
            try:
                session.add(Event(**row))
                session.commit()
            except IntegrityError:
                print("known already", row)
```

## Use instead

```python
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import sessionmaker

from models import Event
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def store(rows):
    with SessionLocal() as session:
        for row in rows:
            try:
                session.add(Event(**row))
                session.commit()
            except IntegrityError:
                session.rollback()
                print("known already", row)
```

To keep what was written before the error, put the statement that may fail into `with session.begin_nested():`.

## Fix safety

`session.rollback()`, awaited for an async session, becomes the first statement of the handler. Safe where the handler
names errors of the database: the transaction is lost at that point with or without it. Unsafe where it catches
anything (`Exception`): after an error that has nothing to do with the database, rows that were written before would be
committed without the rollback. No fix is offered where the session may not have been taken yet when the
handler runs.

## Limits

Followed are sessions and connections of SQLAlchemy in a variable or parameter, not those in attributes. A handler
counts when it names an error of SQLAlchemy, `Exception`, or nothing at all; errors of a driver never reach it, for
SQLAlchemy wraps them. A handler that names errors of the database is taken at its word. Behind `except Exception` a
query alone is not reported, for what is caught there is mostly something else: there must be a flush, a commit, an
`INSERT`, `UPDATE` or `DELETE`, or SQL written by hand, in the `try` itself or in a function of the project that it
calls.

A failed statement aborts the transaction on PostgreSQL; where the URLs of the engines or the required drivers speak
only of MySQL, SQLite and others, failed flushes and commits alone are reported. When nothing follows but a commit,
something else must have been written that it loses. Handlers that raise, roll back, close the session or return to
callers that do not use it any more are left alone, and so are errors inside `begin_nested()`, connections in
autocommit, and code of tests, migrations and scripts.

## Sources

- SQLAlchemy, "This Session's transaction has been rolled back due to a previous exception during flush":
  https://docs.sqlalchemy.org/en/20/faq/sessions.html#this-session-s-transaction-has-been-rolled-back-due-to-a-previous-exception-during-flush-or-similar
- SQLAlchemy, "Using SAVEPOINT": https://docs.sqlalchemy.org/en/20/orm/session_transaction.html#using-savepoint
- PostgreSQL, "Transactions": https://www.postgresql.org/docs/current/tutorial-transactions.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.facts.typestate.aborting import aborts
from dbpool_lint.facts.typestate.breaking import Broken, broken
from dbpool_lint.facts.typestate.statements import Weight
from dbpool_lint.fixing.recipes import RollbackFirst
from dbpool_lint.knowledge.kinds import ASYNC_LEASES
from dbpool_lint.knowledge.leases import LAZY
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Note, Rule, Violation

rule = Rule("DBP206", "missing-rollback", Severity.ERROR, __doc__ or "", Safety.SAFE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every handler of the module that swallows an error and lets the session go on."""
    if module.context is not facts.Context.APPLICATION:
        return
    aborting = project.remember("failed statements abort", lambda: aborts(project))
    for function in module.all_functions:
        for found in broken(project.lives, project.reader, function, aborting):
            yield _violation(found, function)


def _violation(found: Broken, function: Function) -> Violation:
    where = "" if found.where is function else f" in `{found.where.qualname}`"
    held = "session" if found.lease.kind in LAZY else "connection"
    message = (
        f"this handler swallows an error of `{found.lease.name}` without a rollback, and the {held} goes on{where}: "
        f"{_outcome(found)}"
    )
    notes = (
        Note(function.module.name, function.spot(found.failed), "what fails here leaves the transaction aborted"),
        Note(found.where.module.name, found.where.spot(found.then), "here the session goes on in it"),
    )
    return Violation(rule, function.spot(found.handler), message, notes, _mend(found, function))


def _outcome(found: Broken) -> str:
    if found.weight is Weight.FLUSH:
        return "after a failed flush or commit that raises PendingRollbackError"
    return "later statements fail with `current transaction is aborted`, and a commit loses the rows written before"


def _mend(found: Broken, function: Function) -> Mend | None:
    asynchronous = found.lease.kind in ASYNC_LEASES
    if not found.certain_lease or (asynchronous and not function.node.asynchronous):
        return None
    code = f"{'await ' if asynchronous else ''}{found.lease.name}.rollback()"
    safety = Safety.SAFE if found.is_specific else Safety.UNSAFE
    return Mend(safety, "Roll back first", (RollbackFirst(function.spot(found.handler), code),))
