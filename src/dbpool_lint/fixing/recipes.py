"""What shall be done to the text? Fixes as data: a rule says what, `rewrite` works out how.

A `Spot` names a node of code by the top-level statement it stands in and its number there
(`sources.syntax.preorder`), so that rules never hold a syntax node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Union


class Spot(NamedTuple):
    """A node: index of its top-level statement in the outline, number of the node in that statement."""

    statement: int
    node: int


@dataclass(frozen=True, slots=True)
class AddKeywords:
    """Give the call at `call` keywords it lacks, replacing one of the same name: `(("pool_pre_ping", "True"),)`."""

    call: Spot
    keywords: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AddDictItems:
    """Give a dict display, or a `dict(…)` call, items it lacks, replacing the value of a key that is there."""

    dict: Spot
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReplaceValue:
    """Write another expression in the place of the one at `value`."""

    value: Spot
    code: str


@dataclass(frozen=True, slots=True)
class MergeKeywordDict:
    """Put items into the dict given as keyword `name` of the call, making the keyword where it is missing.

    `imports` are `(module, name)` pairs which the code of the items needs; `{module.name}` stands for it in
    the code, and with imports `{{` and `}}` stand for braces, as in `str.format`.
    """

    call: Spot
    name: str
    items: tuple[tuple[str, str], ...]
    imports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AwaitCall:
    """Replace the called function by `module.name` and await it: `time.sleep(1)` → `await asyncio.sleep(1)`."""

    call: Spot
    module: str
    name: str


@dataclass(frozen=True, slots=True)
class PutAwait:
    """Await the coroutine that the call at `call` gives: `session.commit()` → `await session.commit()`.

    `misplaced` is the `await` of the chain that begins with the call; it waits for the call then, and for nothing
    else: `await session.execute(q).all()` → `(await session.execute(q)).all()`.
    """

    call: Spot
    misplaced: Spot | None = None


@dataclass(frozen=True, slots=True)
class WrapInWith:
    """Put the code from the assignment at `taken` to the last use of `variable` below `with taken as variable:`.

    Closing calls that the end of the block makes needless go away, and `try`/`finally` that then do nothing. A `try`
    that begins with the assignment may come below as a whole; `variable = None` above it goes.
    """

    taken: Spot
    variable: str
    asynchronous: bool


@dataclass(frozen=True, slots=True)
class EnterGenerator:
    """Let a context manager run the generator: `db = next(get_db())` → `with contextmanager(get_db)() as db:`.

    `taken` is the assignment to `variable`, or the `for` loop over the generator that runs once, or an expression
    in either that holds the call; `generator` is the call `get_db()`, there or where it is kept for a `next` below.
    """

    taken: Spot
    generator: Spot
    variable: str
    asynchronous: bool


@dataclass(frozen=True, slots=True)
class RollbackFirst:
    """Run the statement `code`, `session.rollback()`, as the first thing in the `except` clause at `handler`."""

    handler: Spot
    code: str


@dataclass(frozen=True, slots=True)
class HoistToModule:
    """Move the call at `call`, with the factories bound to it at once, above the statement, as a module global."""

    call: Spot


@dataclass(frozen=True, slots=True)
class RemoveKeywords:
    """Take these keywords from the call at `call`, those that it has; the comments on their lines stay."""

    call: Spot
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenameKeyword:
    """Call the keyword `old` of the call at `call` `new`; refused where it has both."""

    call: Spot
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RemoveDictItems:
    """Take the items with these keys, given as they are, from a dict display or a `dict(…)` call."""

    dict: Spot
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenameDictItem:
    """Give the item `old` of a dict display, or a `dict(…)` call, the key `new`; refused where it has both."""

    dict: Spot
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ReplaceExpression:
    """Write `code` in the place of the expression at `spot`, in parentheses where it would mean something else.

    `imports` are `(module, name)` pairs: `name` stands in the code as it is, and is written as the file reaches it.
    """

    spot: Spot
    code: str
    imports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WidenExcept:
    """Let the `except` clause at `handler` catch the exception class `module.name` too.

    A new import goes by `alias` where that is given, so that no builtin is hidden.
    """

    handler: Spot
    module: str
    name: str
    alias: str = ""


@dataclass(frozen=True, slots=True)
class DisposeAfterYield:
    """Run the statement `code` as the last thing that the generator function at `function` does, whatever happens.

    What follows its only `yield` goes below `try`, with the `yield`; `code` goes into `finally`. `imports` are
    `(module, name)` pairs as with `ReplaceExpression`.
    """

    function: Spot
    code: str
    imports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RemoveStatement:
    """Take the simple statement that is, or holds, the node at `spot` away; `pass` stands where it was the only one."""

    spot: Spot


Recipe = Union[
    AddDictItems,
    AddKeywords,
    AwaitCall,
    DisposeAfterYield,
    EnterGenerator,
    HoistToModule,
    MergeKeywordDict,
    PutAwait,
    RemoveDictItems,
    RemoveKeywords,
    RemoveStatement,
    RenameDictItem,
    RenameKeyword,
    ReplaceExpression,
    ReplaceValue,
    RollbackFirst,
    WidenExcept,
    WrapInWith,
]
