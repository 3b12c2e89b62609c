"""A session or connection that is closed only when nothing goes wrong.

## What it does

Reports a lease (a `Session` or `AsyncSession`, `engine.connect()`, `raw_connection()`, `pool.acquire()`,
`getconn()`) that a function closes on some paths, and on others leaves with its connection checked out: an
exception between taking and closing, an early `return`, a `break` or `continue`, a second lease bound to the same
variable, a cancelled `await`.

## Why it matters

The skipped connection stays checked out until the cyclic garbage collector finds it, and as long as the exception
object lives (a logged traceback, a failed task) not even then. Measured with a pool of 2: the second failing call
ends with `sqlalchemy.exc.TimeoutError: QueuePool limit of size 2 overflow 0 reached, connection timed out`. So the
first errors in production, a constraint, a timeout, a bad request, take the pool with them: an outage that starts
after something else went wrong. A connection acquired from an asyncpg pool never comes back.

## Example

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def user_names():
    session = SessionLocal()
    names = session.scalars(select(User.name)).all()
    session.close()
    return names
```

## Use instead

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def user_names():
    with SessionLocal() as session:
        names = session.scalars(select(User.name)).all()
    return names
```

## Fix safety

Safe when the lease is taken and closed in the same block, the closing call is its last use, and the variable is bound
only once: the code between moves into a `with` block and the closing call goes away. Unsafe where it is closed in
several places. No fix is offered where the variable is used outside of the block that takes it, captured or rebound,
where a query of it is read later, nor for raw driver connections.

## Limits

What can raise is a call, an `await`, a `yield` or a `raise`; logging, `time`, `contextlib`, plain builtins, closing
something else, and functions of the project that only do such things are taken to raise nothing, and so is reading an
attribute. A lease that holds no connection on the skipped path, because nothing was executed yet or everything was
committed or rolled back, is left alone. So is one that is returned, stored or passed to something that cannot be
looked into, and code of tests, migrations, scripts, lifespans, commands that end by themselves, and of what runs
`CREATE DATABASE`. How many calls deep the lease is followed is the setting `call-depth`.

## Sources

- SQLAlchemy, "Session Basics: Opening and Closing a Session":
  https://docs.sqlalchemy.org/en/20/orm/session_basics.html#opening-and-closing-a-session
- SQLAlchemy, "Working with Engines and Connections": https://docs.sqlalchemy.org/en/20/core/connections.html
- asyncpg, `Pool.release`: https://magicstack.github.io/asyncpg/current/api/index.html#asyncpg.pool.Pool.release
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.oneshot import runs_once
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.facts.typestate.leaks import Skipped, closed_in_line, skipped
from dbpool_lint.facts.typestate.life import Exit
from dbpool_lint.facts.typestate.states import State
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Note, Rule, Violation, entering

rule = Rule("DBP202", "close-not-in-finally", Severity.WARNING, __doc__ or "", Safety.SAFE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every lease that a function of the module closes on some paths only."""
    if module.context is not facts.Context.APPLICATION:
        return
    for function in module.all_functions:
        if not runs_once(project.reader, function):
            for found in skipped(project.lives, function):
                yield _violation(found, function)


def _violation(found: Skipped, function: Function) -> Violation:
    first = found.exits[0]
    again = first.since is not None and State.CLOSED in found.life.states(first.since)
    name = found.lease.name
    told = f"`{name}` is closed only when nothing goes wrong: {_story(first)} skips it"
    if again:
        told = f"`{name}` is used again after its `close()`, and then it is not closed"
    message = (
        f"{told}, and the connection "
        f"{'stays open' if found.lease.kind is Kind.DRIVER_CONNECTION else 'stays out of the pool'} until the garbage "
        "collector runs"
    )
    notes = [_note(function, one) for one in _apart(found.exits)[:3]]
    if first.since is not None and first.since is not found.lease.fact:
        notes.insert(0, Note(function.module.name, function.spot(first.since), "here the connection is taken"))
    safety = Safety.SAFE if closed_in_line(found) else Safety.UNSAFE
    return Violation(rule, function.spot(found.lease.call), message, tuple(notes), entering(found.lease, safety))


def _apart(exits: tuple[Exit, ...]) -> list[Exit]:
    """The exits with a reason; of steps inside one another, such as a call and its `await`, the outermost alone."""
    reasons = [one for one in exits if one.why is not None]
    inner = {
        id(step)
        for one in reasons
        for step in walking.within([one.why])  # type: ignore[list-item]
        if step is not one.why
    }
    return list({id(one.why): one for one in reversed(reasons) if id(one.why) not in inner}.values())[::-1]


def _story(left: Exit) -> str:
    if left.how == "lost":
        return "taking the next one" if isinstance(left.why, (facts.Call, facts.Await)) else "binding the variable anew"
    if left.how == "cancel":
        return "a cancelled task"
    if left.how == "fail":
        return "the `raise`" if isinstance(left.why, facts.Raise) else "an exception"
    if isinstance(left.why, facts.Return):
        return "an early `return`"
    return "an exception" if left.why is not None else "a branch"


def _note(function: Function, left: Exit) -> Note:
    stories = {
        "lost": "here it is lost",
        "cancel": "cancelled here, it is never closed",
        "fail": "what is raised here skips the closing",
        "end": "this way out skips the closing",
    }
    assert left.why is not None
    how = "end" if isinstance(left.why, facts.Return) else "fail" if left.how == "end" else left.how
    return Note(function.module.name, function.spot(left.why), stories[how])
