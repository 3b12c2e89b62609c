"""What is known of the code that matters? A small tree of plain data for each sliced statement, and nothing of LibCST.

The tree keeps what later stages ask for: names, calls, control flow and literal values. Every node has `at`, its
number in its top-level statement (`sources.syntax.preorder`), from which its place is worked out when it is
reported.
"""

from __future__ import annotations

import enum
from typing import Union

import msgspec

from dbpool_lint.sources.outline import Binding


class Context(str, enum.Enum):
    """What kind of code a module is; configuration rules speak about applications."""

    APPLICATION = "application"
    TEST = "test"
    MIGRATION = "migration"
    SCRIPT = "script"
    EXAMPLE = "example"


class _Node(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    at: int


class Name(_Node, frozen=True):
    """A name that is read or bound."""

    id: str


class Attr(_Node, frozen=True):
    """`base.name`"""

    base: Expr
    name: str


class Const(_Node, frozen=True):
    """A literal string, number, boolean or None; negative numbers are folded."""

    value: Union[str, int, float, bool, None]


class Text(_Node, frozen=True):
    """An f-string; literal parts are `Const`."""

    parts: tuple[Expr, ...]


class Keyword(_Node, frozen=True):
    """`name=value` of a call; `name` is empty for `**value`."""

    name: str
    value: Expr


class Call(_Node, frozen=True):
    """`func(*args, **keywords)`; starred arguments are `Star`."""

    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]


class Await(_Node, frozen=True):
    value: Expr


class Yield(_Node, frozen=True):
    """`yield value`; `delegating` for `yield from`."""

    value: Union[Expr, None]
    delegating: bool


class Star(_Node, frozen=True):
    """`*value` in a call, a display or a target."""

    value: Expr


class Sequence(_Node, frozen=True):
    """A tuple, list or set display; `kind` is the type's name."""

    kind: str
    items: tuple[Expr, ...]


class Pair(_Node, frozen=True):
    """`key: value` of a dict display; no key for `**value`."""

    key: Union[Expr, None]
    value: Expr


class Mapping(_Node, frozen=True):
    """A dict display."""

    items: tuple[Pair, ...]


class Choice(_Node, frozen=True):
    """`then if test else other`"""

    test: Expr
    then: Expr
    other: Expr


class Logic(_Node, frozen=True):
    """`and`, `or`, `not`"""

    op: str
    operands: tuple[Expr, ...]


class Compare(_Node, frozen=True):
    """`left op right op right …`, operators as they are written."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]


class Binary(_Node, frozen=True):
    """`left op right`, the operator as it is written."""

    op: str
    left: Expr
    right: Expr


class Item(_Node, frozen=True):
    """`base[index]`"""

    base: Expr
    index: Expr


class Walrus(_Node, frozen=True):
    """`(name := value)`"""

    target: Expr
    value: Expr


class Clause(_Node, frozen=True):
    """`for target in source if …` of a comprehension."""

    target: Expr
    source: Expr
    tests: tuple[Expr, ...]
    asynchronous: bool


class Comprehension(_Node, frozen=True):
    """`kind` is list, set, dict or generator; a dict has two elements, key and value."""

    kind: str
    elements: tuple[Expr, ...]
    clauses: tuple[Clause, ...]


class Lambda(_Node, frozen=True):
    params: tuple[Param, ...]
    body: Expr


class Opaque(_Node, frozen=True):
    """Any other expression; its parts in order."""

    parts: tuple[Expr, ...]


Expr = Union[
    Name,
    Attr,
    Const,
    Text,
    Call,
    Await,
    Yield,
    Star,
    Sequence,
    Mapping,
    Choice,
    Logic,
    Compare,
    Binary,
    Item,
    Walrus,
    Comprehension,
    Lambda,
    Opaque,
]


class Param(_Node, frozen=True):
    """A parameter; `kind` is "" for plain ones, "*", "**", "keyword" or "positional"."""

    name: str
    annotation: Union[Expr, None]
    default: Union[Expr, None]
    kind: str


class Assign(_Node, frozen=True):
    """`target = target = value`, with the annotation of an annotated one."""

    targets: tuple[Expr, ...]
    value: Expr
    annotation: Union[Expr, None] = None


class Declare(_Node, frozen=True):
    """`target: annotation` without a value."""

    target: Expr
    annotation: Expr


class Augment(_Node, frozen=True):
    """`target op value`, the operator as it is written (`+=`)."""

    op: str
    target: Expr
    value: Expr


class Evaluate(_Node, frozen=True):
    """An expression as a statement."""

    value: Expr


class Return(_Node, frozen=True):
    value: Union[Expr, None]


class Raise(_Node, frozen=True):
    value: Union[Expr, None]
    cause: Union[Expr, None]


class Delete(_Node, frozen=True):
    targets: tuple[Expr, ...]


class Assert(_Node, frozen=True):
    test: Expr


class Jump(_Node, frozen=True):
    """`break`, `continue` or `pass`."""

    kind: str


class Scope(_Node, frozen=True):
    """`global` or `nonlocal` names."""

    kind: str
    names: tuple[str, ...]


class Import(_Node, frozen=True):
    bindings: tuple[Binding, ...]


class If(_Node, frozen=True):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class While(_Node, frozen=True):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class For(_Node, frozen=True):
    target: Expr
    source: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    asynchronous: bool


class Entered(_Node, frozen=True):
    """One item of a `with`: the context manager's expression and the target after `as`."""

    value: Expr
    target: Union[Expr, None]


class With(_Node, frozen=True):
    items: tuple[Entered, ...]
    body: tuple[Stmt, ...]
    asynchronous: bool


class Handler(_Node, frozen=True):
    """`except types as name`; no types for a bare one."""

    types: Union[Expr, None]
    name: str
    body: tuple[Stmt, ...]


class Try(_Node, frozen=True):
    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]
    group: bool


class Case(_Node, frozen=True):
    """A `case`: names the pattern binds, expressions in it, guard, body; `fits` when the pattern fits everything."""

    binds: tuple[str, ...]
    parts: tuple[Expr, ...]
    guard: Union[Expr, None]
    body: tuple[Stmt, ...]
    fits: bool


class Match(_Node, frozen=True):
    subject: Expr
    cases: tuple[Case, ...]


class Function(_Node, frozen=True):
    """A function definition; `generator` when its own body yields."""

    name: str
    params: tuple[Param, ...]
    returns: Union[Expr, None]
    decorators: tuple[Expr, ...]
    body: tuple[Stmt, ...]
    asynchronous: bool
    generator: bool


class Class(_Node, frozen=True):
    name: str
    bases: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    decorators: tuple[Expr, ...]
    body: tuple[Stmt, ...]


Stmt = Union[
    Assign,
    Declare,
    Augment,
    Evaluate,
    Return,
    Raise,
    Delete,
    Assert,
    Jump,
    Scope,
    Import,
    If,
    While,
    For,
    With,
    Try,
    Match,
    Function,
    Class,
]


class Piece(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sliced top-level statement: its index in the outline, and its facts."""

    index: int
    body: tuple[Stmt, ...]


class ModuleFacts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The sliced statements of one file, in order."""

    name: str
    pieces: tuple[Piece, ...]
