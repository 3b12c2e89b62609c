"""Which loops over a lending generator are left before it is run to its end? By `break` and by `return`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.lending.closing import Closings
from dbpool_lint.facts.lending.generators import Lender, lender_of
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.knowledge.leases import CLOSING

Leaving = facts.Return | facts.Jump


@dataclass(frozen=True, slots=True)
class Left:
    """A loop over a lender's generator, and the statements that leave it early, in order."""

    loop: facts.For
    made: facts.Call
    lender: Lender
    variable: str
    function: Function
    ways: tuple[Leaving, ...]


def left(project: Linked, module: Module) -> Iterator[Left]:
    """The loops in a module that leave a lender's generator with the lease not given back."""
    for function in module.all_functions:
        for loop in function.body:
            if not isinstance(loop, facts.For) or not isinstance(loop.source, facts.Call):
                continue
            lender = lender_of(project.evaluator, loop.source, function)
            if (
                lender is None
                or lender.asynchronous is not loop.asynchronous
                or not isinstance(loop.target, facts.Name)
            ):
                continue
            name = loop.target.id
            ways = tuple(_ways(loop, name, function))
            if ways and not Closings(project).closed_as(frozenset({name}), function, loop.source):
                yield Left(loop, loop.source, lender, name, function, ways)


def _ways(loop: facts.For, name: str, function: Function) -> Iterator[Leaving]:
    """The ways out that leave the lease open.

    A plain generator that a `for` lets go of ends at once (F3), so that only what is used after that counts.
    """
    for way, before in _ends(loop.body):
        if _closes(before, name):
            continue
        if loop.asynchronous or _is_used_on(way, loop, name, function):
            yield way


def _ends(body: Iterable[facts.Stmt], own: bool = True) -> Iterator[tuple[Leaving, facts.Stmt | None]]:
    """The statements that leave a loop with this body, with the one before each; `own` while a `break` leaves it."""
    before: facts.Stmt | None = None
    for statement in body:
        if isinstance(statement, facts.Return) or (
            own and isinstance(statement, facts.Jump) and statement.kind == "break"
        ):
            yield statement, before
        elif isinstance(statement, (facts.For, facts.While)):
            yield from _ends(statement.body, False)
            yield from _ends(statement.orelse, own)
        else:
            for block in walking.blocks(statement):
                yield from _ends(block, own)
        before = statement


def _closes(before: facts.Stmt | None, name: str) -> bool:
    """`await db.close()` right before the way out."""
    return before is not None and any(
        isinstance(fact, facts.Attr) and fact.name in CLOSING and walking.is_name(fact.base, name)
        for fact in walking.within([before])
    )


def _is_used_on(way: Leaving, loop: facts.For, name: str, function: Function) -> bool:
    if isinstance(way, facts.Return):
        return way.value is not None and _hands_out(way.value, name)
    inside = {id(fact) for fact in walking.everything([loop])}
    uses = (fact for fact in walking.everything(function.node.body) if walking.is_name(fact, name))
    return any(id(fact) not in inside and fact.at > loop.at for fact in uses)  # type: ignore[attr-defined]


def _hands_out(value: facts.Expr, name: str) -> bool:
    """Whether the lease itself is returned, bare or in a display."""
    if isinstance(value, facts.Sequence):
        return any(_hands_out(item, name) for item in value.items)
    if isinstance(value, facts.Mapping):
        return any(_hands_out(pair.value, name) for pair in value.items)
    return walking.is_name(value, name)
