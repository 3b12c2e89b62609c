"""An object of an asynchronous session is read after the commit that expired it.

## What it does

Reports attributes of mapped objects that are read after `await session.commit()`, or after the end of `async with
session.begin():`, where the session's factory leaves `expire_on_commit` on. So are objects that are handed to a
pydantic model, or returned from a FastAPI route with a response model: that reads their attributes. The factory
is followed through dependencies, helpers, attributes and callers.

## Why it matters

At commit a session forgets what it loaded. A synchronous session loads an attribute again when it is read; an
asynchronous one cannot, for reading an attribute awaits nothing: `sqlalchemy.exc.MissingGreenlet: greenlet_spawn has
not been called; can't call await_() here. Was IO attempted in an unexpected place?`, for the primary key as for every
other attribute. Once the session is closed it is `sqlalchemy.orm.exc.DetachedInstanceError: Instance <User …> is not
bound to a Session; attribute refresh operation cannot proceed`. The row is written, and the request answers 500.

## Example

```python
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from models import User
from settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL)
async_session = async_sessionmaker(engine)


async def create_user(name: str) -> int:
    async with async_session() as session:
        user = User(name=name)
        session.add(user)
        await session.commit()
        return user.id
```

```python models.py
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
```

## Use instead

```python
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from models import User
from settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL)
async_session = async_sessionmaker(engine, expire_on_commit=False)


async def create_user(name: str) -> int:
    async with async_session() as session:
        user = User(name=name)
        session.add(user)
        await session.commit()
        return user.id
```

## Fix safety

Safe: `expire_on_commit=False` is added to the one call that configures the session, when it stands in the same file.
Objects then keep what they held at commit; `await session.refresh(user)` still loads what the server made. Where
the factory stands in another file, the finding names the line.

## Limits

One function is looked at: the load, the commit and the read must stand in it, one after the other on every way. What is
awaited in between may load the object again, so that nothing is reported after a query, a `refresh` or a call of the
project's own code. Nothing is reported where one of the factories that may have made the session has
`expire_on_commit=False`, where the setting is changed later on, or where the factory is not known. Attributes after
`rollback()` and relationships that are loaded lazily fail as well, with either setting; that is another defect.

## Sources

- SQLAlchemy, "Preventing Implicit IO when Using AsyncSession":
  https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession
- SQLAlchemy, error `xd2s`: https://sqlalche.me/e/20/xd2s
- SQLAlchemy, "Committing": https://docs.sqlalchemy.org/en/20/orm/session_basics.html#committing
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.awaiting.commits import Commits, Late
from dbpool_lint.facts.awaiting.makers import Made
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module, module_of
from dbpool_lint.fixing.recipes import AddKeywords
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Note, Rule, Violation

rule = Rule("DBP209", "expired-after-commit", Severity.WARNING, __doc__ or "", Safety.SAFE)

_ERROR = "sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called"


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every read of an expired object in a function of the module."""
    if module.context is not facts.Context.APPLICATION:
        return
    commits = project.remember(rule.code, lambda: Commits(project.reader))
    for function in module.all_functions:
        for late in commits.late(function):
            yield _violation(late)


def _violation(late: Late) -> Violation:
    function, read = late.function, late.read
    story = f"`{read.name}.{read.what}` is read" if read.what else f"the attributes of `{read.name}` are read"
    message = (
        f"{story} after a commit that expired it, and an async session cannot load it again on access: "
        f"`{_ERROR}`, or `DetachedInstanceError` once the session is closed"
    )
    notes = [_made_note(made) for made in late.makers]
    if read.held.expired is not None:
        notes.insert(0, Note(function.module.name, function.spot(read.held.expired), "this commits, and expires it"))
    return Violation(rule, function.spot(read.fact), message, tuple(notes), _mend(late))


def _made_note(made: Made) -> Note:
    return Note(module_of(made.scope).name, made.spot, "the session is configured here: `expire_on_commit` is on")


def _mend(late: Late) -> Mend | None:
    if len(late.makers) != 1 or module_of(late.makers[0].scope) is not late.function.module:
        return None
    recipe = AddKeywords(late.makers[0].spot, (("expire_on_commit", "False"),))
    return Mend(Safety.SAFE, "Keep objects readable after commits with `expire_on_commit=False`", (recipe,))
