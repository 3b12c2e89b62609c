"""Which facts stand inside which? Walks over statements and expressions that stop where the caller asks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from inspect import get_annotations
from typing import cast

import msgspec

from dbpool_lint.facts import model as facts

Fact = msgspec.Struct
"""Any statement, expression or part of one."""

_SCOPES = (facts.Function, facts.Class, facts.Lambda)


def below(fact: Fact) -> Iterator[Fact]:
    """The facts directly inside one, in order."""
    for name in _holding(type(fact)):
        value = getattr(fact, name)
        if isinstance(value, msgspec.Struct):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, msgspec.Struct):
                    yield item


_PLAIN = (int, str, bool, "int", "str", "bool", "tuple[str, ...]")


@functools.cache
def _holding(kind: type[Fact]) -> tuple[str, ...]:
    """The fields of a kind of fact that may hold other facts; numbers, names and flags are most of them."""
    annotations = {name: hint for base in reversed(kind.__mro__) for name, hint in get_annotations(base).items()}
    return tuple(name for name in kind.__struct_fields__ if annotations.get(name) not in _PLAIN)


def within(
    roots: Iterable[Fact], enter: Callable[[Fact], bool] = lambda fact: not isinstance(fact, _SCOPES)
) -> Iterator[Fact]:
    """Every fact at and below the roots, in order; what `enter` refuses is given but not looked into."""
    stack = list(reversed(list(roots)))
    while stack:
        fact = stack.pop()
        yield fact
        if enter(fact):
            stack.extend(reversed(list(below(fact))))


def body_of(function: facts.Function) -> Iterator[Fact]:
    """Everything a function itself runs: not its nested functions, classes and lambdas, which are given as such."""
    return within(function.body)


def everything(roots: Iterable[Fact]) -> Iterator[Fact]:
    """Every fact at and below the roots, nested scopes included."""
    return within(roots, lambda _: True)


def calls(roots: Iterable[Fact]) -> Iterator[facts.Call]:
    """The calls among the facts that the roots themselves run."""
    return (fact for fact in within(roots) if isinstance(fact, facts.Call))


def statements(body: Iterable[facts.Stmt]) -> Iterator[facts.Stmt]:
    """Every statement of a body, through nested blocks but not into functions and classes."""
    for statement in body:
        yield statement
        for block in blocks(statement):
            yield from statements(block)


def ordered(body: Iterable[facts.Stmt], conditional: bool = False) -> Iterator[tuple[facts.Stmt, bool]]:
    """Every statement of a body as `statements` gives it, and whether it runs under a condition."""
    for statement in body:
        yield statement, conditional
        for block in blocks(statement):
            yield from ordered(block, conditional or not isinstance(statement, facts.With))


def blocks(statement: facts.Stmt) -> Iterator[tuple[facts.Stmt, ...]]:
    """The blocks directly inside a compound statement, function and class bodies aside."""
    if isinstance(statement, (facts.If, facts.While, facts.For)):
        yield statement.body
        yield statement.orelse
    elif isinstance(statement, facts.With):
        yield statement.body
    elif isinstance(statement, facts.Try):
        yield statement.body
        for handler in statement.handlers:
            yield handler.body
        yield statement.orelse
        yield statement.final
    elif isinstance(statement, facts.Match):
        for case in statement.cases:
            yield case.body


def targets(fact: facts.Expr | None) -> Iterator[facts.Expr]:
    """The single targets in an assignment's left side: names, attributes, items."""
    if isinstance(fact, facts.Sequence):
        for item in fact.items:
            yield from targets(item)
    elif isinstance(fact, facts.Star):
        yield from targets(fact.value)
    elif fact is not None:
        yield fact


def chain(fact: facts.Expr) -> list[str] | None:
    """`a.b.c` as `["a", "b", "c"]`; None for anything that is not names and attributes."""
    parts: list[str] = []
    while isinstance(fact, facts.Attr):
        parts.append(fact.name)
        fact = fact.base
    return [fact.id, *reversed(parts)] if isinstance(fact, facts.Name) else None


def names(fact: Fact) -> frozenset[str]:
    """The names read or bound anywhere inside."""
    return frozenset(f.id for f in everything([fact]) if isinstance(f, facts.Name))


def parents(roots: Iterable[Fact]) -> dict[int, Fact]:
    """For each fact inside, by its identity, the one around it. The roots have none."""
    around: dict[int, Fact] = {}
    stack = list(roots)
    while stack:
        fact = stack.pop()
        for child in below(fact):
            around[id(child)] = fact
            stack.append(child)
    return around


def is_name(fact: Fact, name: str) -> bool:
    """Whether a fact is that very name."""
    return isinstance(fact, facts.Name) and fact.id == name


def awaited(fact: facts.Expr) -> facts.Expr:
    """What stands behind `await`s."""
    while isinstance(fact, facts.Await):
        fact = fact.value
    return fact


def literal(fact: facts.Expr | None) -> object:
    """The value of a literal, or `NotImplemented`."""
    return fact.value if isinstance(fact, facts.Const) else cast(object, NotImplemented)
