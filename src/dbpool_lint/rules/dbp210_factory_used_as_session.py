"""A session factory used as if it were a session.

## What it does

Reports a `sessionmaker` or `async_sessionmaker` that is entered by `with`, awaited, or asked for rows without
being called, `async with async_sessionmaker() as session` among them, and a sync `sessionmaker` that is given an
async engine without `class_=AsyncSession`.

## Why it matters

None of these work. A factory is no context manager: `TypeError: 'async_sessionmaker' object does not support the
asynchronous context manager protocol`; `await factory` is `TypeError: object async_sessionmaker can't be used in
'await' expression`, and `factory.execute` is an `AttributeError`. `async_sessionmaker()` is easily taken for a
session; calling the class makes one more factory, without an engine. A sync factory on an async engine makes
sync sessions: `async with` fails with `TypeError: 'Session' object does not support the asynchronous context
manager protocol`, and its queries with `sqlalchemy.ext.asyncio.exc.AsyncContextNotStarted: AsyncConnection
context has not been started and object has not been awaited`.

## Example

```python
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL)
new_session = async_sessionmaker(engine)


async def is_alive():
    async with new_session as session:
        await session.execute(text("select 1"))
```

## Use instead

```python
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from settings import DATABASE_URL

engine = create_async_engine(DATABASE_URL)
new_session = async_sessionmaker(engine)


async def is_alive():
    async with new_session() as session:
        await session.execute(text("select 1"))
```

## Fix safety

Safe: a factory that is entered and has its engine is called, `factory` becomes `factory()`; the code failed
before. A factory without an engine is replaced by a call of the one factory of its kind that the module knows
and that has one; with none, or several, no fix is offered, nor where a sync factory is entered by `async with`
or the reverse, and for factories that are awaited or asked for rows, because nothing would close the session.

## Limits

A factory is one where the project makes it. An annotation alone does not count: parameters that get a session
are often annotated with the factory's class. `factory.begin()` and a `scoped_session`, which stands for its
session, are right as they are. A sync factory that is configured again elsewhere is left alone, and so are tests,
migrations and scripts.

## Sources

- SQLAlchemy, `async_sessionmaker`:
  https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.async_sessionmaker
- SQLAlchemy, "Using a sessionmaker": https://docs.sqlalchemy.org/en/20/orm/session_basics.html#using-a-sessionmaker
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.lending.factories import Misuse, Misused, configured_in, is_configured, is_reconfigured, misused
from dbpool_lint.facts.lending.spelling import spelled
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.fixing.recipes import ReplaceExpression
from dbpool_lint.knowledge.factories import CLASS_NAMES
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP210", "factory-used-as-session", Severity.ERROR, __doc__ or "", Safety.SAFE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every factory of the module that is used as a session."""
    if module.context is not facts.Context.APPLICATION:
        return
    for one in misused(project.evaluator, module):
        if one.misuse is not Misuse.ON_ASYNC_ENGINE or not is_reconfigured(project.evaluator, one):
            yield Violation(rule, one.spot, _message(one), mend=_mend(project.evaluator, one, module))


def _message(one: Misused) -> str:
    made = CLASS_NAMES[one.kind]
    what = f"`{spelled(one.fact) or made}`"
    if one.misuse is Misuse.ON_ASYNC_ENGINE:
        return (
            "this `sessionmaker` makes sync sessions on an async engine: their queries fail with "
            "`AsyncContextNotStarted`, and `async with` with a `TypeError`; `async_sessionmaker` makes the async ones"
        )
    if one.misuse is Misuse.ASKED:
        return f"{what} is a factory, not a session: `.{one.name}` fails with `AttributeError`; call the factory first"
    if one.misuse is Misuse.AWAITED:
        error = f"object {made} can't be used in 'await' expression"
        return f"{what} is a factory, not a session: awaiting it fails with `TypeError: {error}`"
    protocol = "asynchronous context manager" if one.asynchronous else "context manager"
    error = f"'{made}' object does not support the {protocol} protocol"
    return f"{what} is a factory, not a session: entering it fails with `TypeError: {error}`"


def _mend(evaluator: Evaluator, one: Misused, module: Module) -> Mend | None:
    if one.misuse is not Misuse.ENTERED or one.asynchronous is not (one.kind is Kind.ASYNC_FACTORY):
        return None
    if is_configured(one.made):
        code = spelled(one.fact)
    elif one.fact is one.made:
        code = _the_one(evaluator, one, module)
    else:
        code = None
    if code is None:
        return None
    return Mend(Safety.SAFE, "Call the factory", (ReplaceExpression(one.spot, f"{code}()"),))


def _the_one(evaluator: Evaluator, one: Misused, module: Module) -> str | None:
    """The one configured factory that stands for a bare `async_sessionmaker()`."""
    names = configured_in(evaluator, module, one.kind)
    if len(names) != 1:
        return None
    (name,) = names
    scope = one.scope
    while isinstance(scope, Function):
        if name in scope.bound or scope.param(name) is not None or name in scope.nested or name in scope.imports:
            return None
        scope = scope.parent or scope.module
    return name
