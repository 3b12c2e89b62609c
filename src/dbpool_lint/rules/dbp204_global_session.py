"""One session for all requests.

## What it does

Reports a `Session`, `AsyncSession` or connection of an engine that is taken once and then serves every request, job
or handler of an application: at module level, in a class body, as a default argument, by an `init` function that sets
a global, on the application object, behind `lru_cache`, or by the constructor of an object of which there is only
one. A `scoped_session` that is called at import counts as well: what is kept is the session of the importing thread.

## Why it matters

A session is one transaction. Requests that share it commit and roll back each other's work, and see each other's
unsaved objects. One failed flush, or a connection that the server dropped, leaves it in
`sqlalchemy.exc.PendingRollbackError: This Session's transaction has been rolled back due to a previous exception
during flush`, or `Can't reconnect until invalid transaction is rolled back`: for every later request, until somebody
restarts the process. It holds its connection from the first query to the next commit, so that the server shows
`idle in transaction`. An `AsyncSession` fails as soon as two requests overlap: `InvalidRequestError: This session is
provisioning a new connection; concurrent operations are not permitted`, or asyncpg's `InterfaceError: cannot perform
operation: another operation is in progress`. Threads that share a `Session` break its state without an error.

## Example

```python
from fastapi import FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import Product
from settings import DATABASE_URL

app = FastAPI()
engine = create_engine(DATABASE_URL)
Session = sessionmaker(engine)
session = Session()


@app.get("/products")
def products():
    return session.scalars(select(Product)).all()
```

## Use instead

```python
from fastapi import FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import Product
from settings import DATABASE_URL

app = FastAPI()
engine = create_engine(DATABASE_URL)
Session = sessionmaker(engine)


@app.get("/products")
def products():
    with Session() as session:
        return session.scalars(select(Product)).all()
```

## Limits

Reported when a request, job or handler is seen to reach it, or when several functions of an application that serves
use it. Left alone: the registry of `scoped_session` and `async_scoped_session` itself, Flask-SQLAlchemy's
`db.session`, what is kept for one request (Flask's `g`, `request.state`, a `ContextVar`, a `threading.local`),
objects made anew for each request, scripts, commands, tests, and a session that only import-time code or a block
under `if __name__ == "__main__":` uses. A driver's own connection that is kept is not for this rule. What a container
that is filled at run time holds is not followed.

## Sources

- SQLAlchemy, "When do I construct a Session, when do I commit it, and when do I close it?":
  https://docs.sqlalchemy.org/en/20/orm/session_basics.html#when-do-i-construct-a-session-when-do-i-commit-it-and-when-do-i-close-it
- SQLAlchemy, "Contextual/Thread-local Sessions": https://docs.sqlalchemy.org/en/20/orm/contextual.html
- SQLAlchemy, "This Session's transaction has been rolled back due to a previous exception during flush":
  https://docs.sqlalchemy.org/en/20/faq/sessions.html
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module, module_of
from dbpool_lint.facts.sharing.standing import Standing, standing
from dbpool_lint.facts.sharing.users import Sharing, User, shared_by
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.model import Severity
from dbpool_lint.rules.base import Note, Rule, Violation, chain, described

rule = Rule("DBP204", "global-session", Severity.ERROR, __doc__ or "")

_MOST = 5
_HOW = {
    "global": "`{name}` is one {kind} for the whole process",
    "class": "`{name}` is one {kind} for all objects of the class",
    "default": "the default of `{name}` is made once, with one {kind} for all calls",
    "application": "`{name}` is one {kind} for the whole application",
    "cached": "`{name}` keeps what it returns: one {kind} for the whole process",
    "object": "`{name}` is made once and keeps this one {kind} for the whole process",
    "entered": "`{name}` is made once, and each `with` puts its {kind} there, over that of others",
}


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every session that the module takes once for all requests, jobs or handlers."""
    reported: set[int] = set()
    for lease in standing(project.evaluator):
        if module_of(lease.scope) is not module or id(lease.fact) in reported:
            continue
        sharing = shared_by(project, lease)
        if sharing is not None:
            reported.add(id(lease.fact))
            yield _violation(lease, sharing)


def _violation(lease: Standing, sharing: Sharing) -> Violation:
    message = _HOW[lease.how].format(name=lease.name, kind=lease.kind.value)
    if sharing.path is not None:
        message += f" ({described(sharing.path)})"
    message += f"; {_outcome(lease.kind)}"
    return Violation(rule, lease.spot, message, (*_made(lease), *_used(lease, sharing)))


def _outcome(kind: Kind) -> str:
    if kind in (Kind.ASYNC_SESSION, Kind.ASYNC_CONNECTION):
        return (
            "requests that overlap fail with `InvalidRequestError: This session is provisioning a new connection; "
            "concurrent operations are not permitted`, and commit or roll back each other's work"
        )
    return (
        "requests commit and roll back each other's work, and after one failure all fail with `PendingRollbackError` "
        "until the process is restarted"
    )


def _made(lease: Standing) -> Iterator[Note]:
    if lease.made is not None:
        module, spot = lease.made
        yield Note(module.name, spot, f"`{lease.name}` is made once here")


def _used(lease: Standing, sharing: Sharing) -> Iterator[Note]:
    told: set[int] = set()
    if sharing.path is not None:
        yield from chain(sharing.path)
    for user in sharing.users:
        if id(user.function) not in told and len(told) < _MOST:
            told.add(id(user.function))
            yield _use(lease, user)


def _use(lease: Standing, user: User) -> Note:
    story = f"`{user.function.qualname}` uses `{lease.name}` here"
    return Note(user.function.module.name, user.function.spot(user.fact), story)
