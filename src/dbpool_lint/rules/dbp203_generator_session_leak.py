"""A session taken out of a generator that nobody runs to its end.

## What it does

Reports what asks a generator function that lends a session or connection (`get_db`, written for `Depends`) for
its lease and then drops the generator: `next(get_db())`, `get_db().__next__()`, `await anext(get_db())`,
`generator = get_db()` with a `next(generator)` and nothing after it, and `async for db in get_db():` left by
`break` or `return`. Reports as well a dependency that returns a lease it took, where it should yield it.

## Why it matters

The `finally` or `with` of the generator is what gives the lease back, and only its end runs that. In
`next(get_db())` nothing holds the generator, so its `finally` closes the session *before* the first query. A
closed session can be used again: it silently takes another connection, which nobody gives back. Measured with a
pool of 5: the fifth call of such a handler failed with `sqlalchemy.exc.TimeoutError: QueuePool limit of size 5
overflow 0 reached, connection timed out`. A generator in a variable is ended when the object is freed: by luck
at the end of the function, later in a reference cycle or with a kept traceback.

The end of an async generator runs in a task of its own, some turns of the event loop later. After
`await anext(get_db())` that is while the session is in use: SQLAlchemy 2.1 then fails in the background with
`InterfaceError: cannot perform operation: another operation is in progress`, and the connection stays checked
out. After `return` inside `async for` the connection is still checked out when the function is left.

FastAPI resumes a dependency that yields and does nothing more for one that returns.

## Example

```python
from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


def user_names():
    db = next(get_db())
    return db.scalars(select(User.name)).all()
```

## Use instead

```python
from contextlib import contextmanager

from sqlalchemy import create_engine, select
from sqlalchemy.orm import sessionmaker

from models import User
from settings import DATABASE_URL

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(engine)


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()


def user_names():
    with contextmanager(get_db)() as db:
        return db.scalars(select(User.name)).all()
```

## Fix safety

Unsafe: the code up to the last use of the variable moves into `with contextmanager(get_db)() as db:`, or `async
with asynccontextmanager(get_db)()`. The generator then commits, rolls back and closes as it is written, which it
did not do before, and what is read lazily after the block needs the session again. No fix is offered where the
session is returned, stored or captured, where the generator yields in a loop, and for dependencies.

## Limits

Left alone: `Depends(get_db)`; a session that a `with`, or a `close()` in `finally`, gives back anyway, here or in
a function that it is passed or returned to; a generator that is closed, run on, or passed on; one that yields
anything but leases it takes itself, such as the session of a `scoped_session`; tests, migrations, scripts and
commands that end by themselves. A plain `for` that is left early is reported only where the session is used
after it, because its generator is closed at once. A `close()` on the straight path alone changes nothing.

## Sources

- FastAPI, "Dependencies with yield": https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/
- Python, "Generator-iterator methods": https://docs.python.org/3/reference/expressions.html#generator.close
- Python, "Asynchronous generator functions", finalization:
  https://docs.python.org/3/reference/expressions.html#asynchronous-generator-functions
- Python, `contextlib.contextmanager`: https://docs.python.org/3/library/contextlib.html#contextlib.contextmanager
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.callgraph.oneshot import runs_once
from dbpool_lint.facts.lending.asking import Asked, asked
from dbpool_lint.facts.lending.generators import Lender
from dbpool_lint.facts.lending.leaving import Left, left
from dbpool_lint.facts.lending.outliving import outlives
from dbpool_lint.facts.lending.returning import Returned, handed_out
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module, Scope
from dbpool_lint.facts.typestate.laziness import reads_lazily
from dbpool_lint.fixing.recipes import EnterGenerator, Spot
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Note, Rule, Violation

rule = Rule("DBP203", "generator-session-leak", Severity.ERROR, __doc__ or "", Safety.UNSAFE)

_TIMES_OUT = "and later callers wait until they time out"


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every lease of a generator that the module takes and leaves to nobody."""
    if module.context is not facts.Context.APPLICATION:
        return
    for one in asked(project, module):
        if not _ends_soon(project, one.scope):
            yield _asked(one)
    for loop in left(project, module):
        if not _ends_soon(project, loop.function):
            yield _left(loop)
    for lease in handed_out(project, module):
        yield _returned(lease)


def _ends_soon(project: Linked, scope: Scope) -> bool:
    """Whether code runs once, in a process that may end with it."""
    return isinstance(scope, Function) and runs_once(project.reader, scope) and not _makes_global(project, scope)


def _makes_global(project: Linked, function: Function) -> bool:
    """`service = Service()` in a module: what its `__init__` takes serves every request."""
    if function.node.name != "__init__":
        return False
    return any(isinstance(scope, Module) for _, scope in project.reader.callers.of(function))


def _asked(one: Asked) -> Violation:
    name = one.lender.function.qualname
    what = f"`{one.variable}`" if one.variable else f"the {one.lender.kind.value}"
    if one.kept:
        message = (
            f"`{one.kept}` is never run to its end or closed: what `{name}` does after its `yield` happens when the "
            f"generator object is freed, late in a reference cycle or with a kept traceback, and until then {what} "
            "keeps its connection"
        )
    elif one.lender.asynchronous:
        message = (
            f"the generator of `{name}` is dropped here and cleans up in a task of its own while {what} is in use "
            f"(`another operation is in progress`); the connection stays checked out, {_TIMES_OUT}"
        )
    else:
        message = (
            f"the generator of `{name}` is dropped here, so it closes {what} before the first query; that then takes a "
            f"connection again, which nobody gives back, {_TIMES_OUT}"
        )
    return Violation(rule, one.spot, message, (_lending(one.lender),), _mend_asked(one))


def _lending(lender: Lender) -> Note:
    function = lender.function
    spot = Spot(function.statement, function.node.at)
    return Note(
        function.module.name, spot, f"`{function.qualname}` gives the {lender.kind.value} back after its `yield`"
    )


def _mend_asked(one: Asked) -> Mend | None:
    if not one.variable or not isinstance(one.scope, Function):
        return None
    return _mend(one.lender, one.call, one.made, one.variable, one.scope)


def _mend(lender: Lender, taken: facts.Call, made: facts.Expr, variable: str, function: Function) -> Mend | None:
    lazy = reads_lazily(function, variable)
    if not lender.once or outlives(variable, function) or lazy:
        return None
    if lender.asynchronous and not function.node.asynchronous:
        return None
    word = "async with asynccontextmanager" if lender.asynchronous else "with contextmanager"
    recipe = EnterGenerator(function.spot(taken), function.spot(made), variable, lender.asynchronous)
    return Mend(Safety.UNSAFE, f"Run the generator by `{word}(…)()`", (recipe,))


def _left(loop: Left) -> Violation:
    name = loop.lender.function.qualname
    words = [way.kind if isinstance(way, facts.Jump) else "return" for way in loop.ways]
    word = words[0]
    if loop.loop.asynchronous:
        message = (
            f"`{word}` leaves the generator of `{name}` suspended: the event loop cleans it up some turns later, and "
            f"`{loop.variable}` keeps its connection until then, {_TIMES_OUT}"
        )
    else:
        message = (
            f"`{word}` drops the generator of `{name}`, which closes `{loop.variable}`; used after that, it takes a "
            f"connection again, which nobody gives back, {_TIMES_OUT}"
        )
    notes = tuple(
        Note(loop.function.module.name, loop.function.spot(way), f"`{word}` leaves the loop here")
        for way, word in zip(loop.ways, words, strict=True)
    )
    mend = None
    if loop.loop.asynchronous:
        mend = _mend(loop.lender, loop.made, loop.made, loop.variable, loop.function)
    return Violation(rule, loop.function.spot(loop.made), message, (*notes, _lending(loop.lender)), mend)


def _returned(lease: Returned) -> Violation:
    asker = lease.asker
    if lease.early:
        story = (
            f"closes this {lease.kind.value} and then returns it; used after that, it takes a connection again, which "
            "nobody gives back"
        )
    else:
        story = f"returns this {lease.kind.value} open, and nothing closes what a dependency returns"
    message = f"dependency `{lease.function.qualname}` {story}, {_TIMES_OUT}: yield it instead"
    note = Note(asker.module.name, Spot(asker.statement, asker.node.at), f"`{asker.qualname}` gets it for each call")
    return Violation(rule, lease.function.spot(lease.taken), message, (note,))
