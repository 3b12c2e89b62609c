"""Which leases does a function take, and which variable holds each?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.entering import entered
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Kinded, Literal, Values, kinds
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate.effects import Lease
from dbpool_lint.knowledge.kinds import CALLED, DRIVER_CONNECTING, LEASES, MADE_BY, Kind
from dbpool_lint.knowledge.leases import CLOSING, LAZY

_CONNECTING = frozenset({"connect", "connection", "begin"})
_ANOTHER = ("entered", "element", "part", "unknown", "change")
"""Bindings by which a variable may hold something that is not followed."""


def taken(evaluator: Evaluator, function: Function) -> tuple[Lease, ...]:
    """The leases that a function takes from a pool into a local variable and has to give back."""
    return _remembered(evaluator, function, "taken", _taken)


def _remembered(
    evaluator: Evaluator, function: Function, what: str, find: Callable[[Evaluator, Function], Iterator[Lease]]
) -> tuple[Lease, ...]:
    memory = evaluator.project.memory
    key = (what, id(function))
    if key not in memory:
        memory[key] = tuple(find(evaluator, function))
    return cast("tuple[Lease, ...]", memory[key])


def _taken(evaluator: Evaluator, function: Function) -> Iterator[Lease]:
    around = function.around
    for fact in function.body:
        kind = taken_by(evaluator, fact, function) if isinstance(fact, facts.Call) else None
        if isinstance(fact, facts.Call) and kind is not None and not is_emptied(fact, function):
            yield from _held(fact, kind, function, around)


def connected(evaluator: Evaluator, function: Function) -> Iterator[Lease]:
    """The connections that a function opens with a driver, without a pool, and has to close."""
    around = function.around
    for fact in function.body:
        if isinstance(fact, facts.Call):
            values = evaluator.values(fact.func, function)
            if values and all(isinstance(v, External) and v.name in DRIVER_CONNECTING for v in values):
                yield from _held(fact, Kind.DRIVER_CONNECTION, function, around)


def _held(fact: facts.Call, kind: Kind, function: Function, around: dict[int, walking.Fact]) -> Iterator[Lease]:
    taking, name = holder(fact, around)
    root = name.partition(".")[0]
    local = name and name not in function.global_names and not _bound_otherwise(function, name)
    if local if root == name else _is_given(root, function):
        yield Lease("taken", name, kind, function, taking)


def _is_given(name: str, function: Function) -> bool:
    """Whether a name is a parameter other than `self`, so that its attributes last as long as the call."""
    first = function.node.params[0].name if function.is_method else ""
    return name != first and function.param(name) is not None


def worked_with(evaluator: Evaluator, function: Function) -> tuple[Lease, ...]:
    """Every lease that a function works with: taken, entered, or given as a parameter."""
    return _remembered(evaluator, function, "worked with", _worked_with)


def _worked_with(evaluator: Evaluator, function: Function) -> Iterator[Lease]:
    yield from taken(evaluator, function)
    yield from lent(evaluator, function)
    for param in function.node.params:
        kind = _kind_of(evaluator.name(param.name, function)) if param.kind not in ("*", "**") else None
        if kind is not None:
            yield Lease("given", param.name, kind, function, param)


def lent(evaluator: Evaluator, function: Function) -> Iterator[Lease]:
    """The leases that a function works with in the block of a `with`."""
    for fact in function.body:
        if isinstance(fact, facts.Entered) and isinstance(fact.target, facts.Name):
            kind = _kind_of(entered(evaluator, fact.value, function))
            if kind is not None and not isinstance(fact.value, facts.Name):
                yield Lease("entered", fact.target.id, kind, function, fact)


def _kind_of(values: Values) -> Kind | None:
    """The kind of a lease; None when it may be anything else, other than None."""
    found = {v.kind if isinstance(v, Kinded) else None for v in values if v != Literal(None)}
    kind = found.pop() if len(found) == 1 else None
    return kind if kind in LEASES else None


def taken_by(evaluator: Evaluator, fact: facts.Call, function: Function) -> Kind | None:
    """The kind of lease that a call takes from a pool, to be given back by this function."""
    values = evaluator.values(fact, function)
    found = [v for v in values if isinstance(v, Kinded) and v.kind in LEASES]
    if not found or not all(v.fresh for v in found):
        return None
    # one possibility that is no fresh lease (a cached session, an unknown) and nothing is certain any more
    if len(found) != len(values) or (found[0].kind in LAZY and _is_bound_to_connection(evaluator, fact, function)):
        return None
    return found[0].kind


def _is_bound_to_connection(evaluator: Evaluator, fact: facts.Call, function: Function) -> bool:
    """`Session(connection)` works on a connection that somebody else has taken, and a parameter may be one."""
    if not all(
        (isinstance(v, External) and v.name in MADE_BY) or (isinstance(v, Kinded) and v.kind in CALLED)
        for v in evaluator.values(fact.func, function)
    ):
        return False
    given = next((k.value for k in fact.keywords if k.name == "bind"), fact.args[0] if fact.args else None)
    if given is None or isinstance(given, facts.Star):
        return False
    values = evaluator.values(given, function)
    if kinds(values) & {Kind.CONNECTION, Kind.ASYNC_CONNECTION}:
        return True
    bounds = function.bound.get(given.id, ()) if isinstance(given, facts.Name) else ()
    made = (given, *(bound.value for bound in bounds if bound.value is not None))
    if any(_connects(one) for one in made):
        return True
    names = {one.id for one in made if isinstance(one, facts.Name)}
    return any(function.param(name) is not None for name in names) and not kinds(values)


def _connects(made: facts.Expr) -> bool:
    """`anything.connect()`, `session.connection()`: also of what is not known, it gives a connection."""
    made = walking.awaited(made)
    return isinstance(made, facts.Call) and isinstance(made.func, facts.Attr) and made.func.name in _CONNECTING


def is_emptied(fact: facts.Call, function: Function) -> bool:
    """`Registry.remove()` closes what `Registry()` gave."""
    registry = fact.func.id if isinstance(fact.func, facts.Name) else ""
    return bool(registry) and any(
        isinstance(f, facts.Attr) and f.name in CLOSING and walking.is_name(f.base, registry)
        for f in walking.everything(function.node.body)
    )


def holder(fact: facts.Expr, around: dict[int, walking.Fact]) -> tuple[facts.Expr, str]:
    """The expression whose evaluation takes the lease, and what it is assigned to: `x`, `a.b.x`; "" for neither."""
    parent = around.get(id(fact))
    if isinstance(parent, facts.Await):
        fact, parent = parent, around.get(id(parent))
    inner: walking.Fact = fact
    while _passes_on(parent, inner):
        assert parent is not None
        inner, parent = parent, around.get(id(parent))
    if isinstance(parent, facts.Walrus) and parent.value is inner:
        return fact, parent.target.id if isinstance(parent.target, facts.Name) else ""
    if isinstance(parent, facts.Sequence):
        return fact, _unpacked(parent, inner, around)
    target = parent.targets[0] if isinstance(parent, facts.Assign) and len(parent.targets) == 1 else None
    chain = walking.chain(target) if target is not None else None
    return fact, ".".join(chain) if chain else ""


def _passes_on(parent: walking.Fact | None, fact: walking.Fact) -> bool:
    """`given or Session()`, `Session() if given is None else given`"""
    if isinstance(parent, facts.Logic):
        return parent.op == "or" and parent.operands[-1] is fact
    return isinstance(parent, facts.Choice) and parent.test is not fact


def _unpacked(sequence: facts.Sequence, fact: walking.Fact, around: dict[int, walking.Fact]) -> str:
    """`a, b = Session(), other`: the variable at the same place."""
    assign = around.get(id(sequence))
    target = assign.targets[0] if isinstance(assign, facts.Assign) and len(assign.targets) == 1 else None
    if not isinstance(target, facts.Sequence) or len(target.items) != len(sequence.items):
        return ""
    place = next(i for i, item in enumerate(sequence.items) if item is fact)
    name = target.items[place]
    return name.id if isinstance(name, facts.Name) else ""


def _bound_otherwise(function: Function, name: str) -> bool:
    """A name that a loop, a `with` or a handler binds as well is not followed."""
    return any(bound.how in _ANOTHER for bound in function.bound.get(name, ()))
