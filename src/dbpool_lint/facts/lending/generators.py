"""Which generator functions lend? Those that take a lease, yield it, and give it back when they are resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.annotations import annotated
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.values import Generated, Instance, Kinded, Routine, Type, Values, kinds
from dbpool_lint.facts.project import Bound, Function, Scope
from dbpool_lint.knowledge.kinds import LEASES, Kind
from dbpool_lint.knowledge.leases import CLOSING

_GENERATORS = frozenset({"Generator", "Iterator", "Iterable", "AsyncGenerator", "AsyncIterator", "AsyncIterable"})
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Lender:
    """A generator function that lends leases of a kind; `once` when it yields a single time."""

    function: Function
    kind: Kind
    once: bool

    @property
    def asynchronous(self) -> bool:
        return self.function.node.asynchronous


def lender_of(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Lender | None:
    """The lender whose generator an expression gives; None when it may be anything else."""
    values = evaluator.values(fact, scope)
    found = [lends(evaluator, v.function) for v in values if isinstance(v, Generated) and not v.managed]
    return found[0] if len(found) == len(values) and all(found) else None


def lends(evaluator: Evaluator, function: Function) -> Lender | None:
    """What a generator function lends: None when it yields anything but leases that it takes itself."""
    memory = evaluator.project.memory
    key = ("lends", id(function))
    if key not in memory:
        memory[key] = None  # a generator that only hands on what it gets from itself lends nothing
        memory[key] = _lends(evaluator, function)
    return cast("Lender | None", memory[key])


def _lends(evaluator: Evaluator, function: Function) -> Lender | None:
    found: set[Kind | None] = set()
    for fact in function.body:
        if isinstance(fact, facts.Yield) and fact.value is not None and walking.literal(fact.value) is not None:
            found.add(_lent(evaluator, fact, fact.value, function))
    if not found or None in found:
        return None
    return Lender(function, min(kind for kind in found if kind), _once(evaluator, function.node.body, function))


def _lent(evaluator: Evaluator, fact: facts.Yield, value: facts.Expr, function: Function) -> Kind | None:
    if fact.delegating:
        inner = lender_of(evaluator, value, function)
        return inner.kind if inner else None
    if not isinstance(value, facts.Name):
        return _fresh(evaluator.values(value, function))
    bounds = [b for b in function.bound.get(value.id, ()) if b.value is None or walking.literal(b.value) is not None]
    taking = [b for b in bounds if b.how != "annotated"]
    if not taking or function.param(value.id) is not None or value.id in function.global_names:
        return None
    if not all(_takes(evaluator, bound, value.id, function) for bound in taking):
        return None
    known = _lease(evaluator.values(value, function)) or _handed(evaluator, taking, function)
    return known or _promised(evaluator, function)


def _fresh(values: Values) -> Kind | None:
    """The lease among the values that is made by the very expression."""
    return _lease(tuple(v for v in values if isinstance(v, Kinded) and v.fresh))


def _lease(values: Values) -> Kind | None:
    return min(kinds(values) & LEASES, default=None)


def _takes(evaluator: Evaluator, bound: Bound, name: str, function: Function) -> bool:
    """Whether a name is bound to a lease that the generator took itself and is to give back."""
    if bound.value is None:
        return False
    if bound.how == "entered":
        return _enters(evaluator, bound.value, function)
    if bound.how == "element":
        return lender_of(evaluator, bound.value, function) is not None
    if bound.how != "value":
        return False
    if _fresh(evaluator.values(bound.value, function)):
        return True
    return _is_closed(function, name) and _may_take(evaluator, bound.value, function)


def _handed(evaluator: Evaluator, bounds: Iterable[Bound], function: Function) -> Kind | None:
    """The kind that the loop `for db in get_db():` hands on."""
    loops = (bound.value for bound in bounds if bound.how == "element" and bound.value is not None)
    lenders = (lender_of(evaluator, source, function) for source in loops)
    return next((lender.kind for lender in lenders if lender), None)


def _enters(evaluator: Evaluator, context: facts.Expr, function: Function) -> bool:
    """`with Session() as db:` gives back what it took; a session that exists already belongs to somebody else."""
    for value in evaluator.values(context, function):
        if isinstance(value, Kinded) and not value.fresh:
            return False
        if isinstance(value, Generated) and not lends(evaluator, value.function):
            return False
    return True


def _may_take(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> bool:
    """Whether a call of something unknown may take a lease: a registry, a cache or an attribute lends its own."""
    call = walking.awaited(fact)
    if not isinstance(call, facts.Call) or depth > _DEEPEST:
        return False
    for value in evaluator.values(call.func, scope):
        if isinstance(value, (Kinded, Instance, Type)):
            return False
        if isinstance(value, Routine):
            inside = [r for r in returned(value.function) if walking.literal(r) is not None]
            if not inside or not all(_may_take(evaluator, r, value.function, depth + 1) for r in inside):
                return False
    return True


def _is_closed(function: Function, name: str) -> bool:
    return any(
        isinstance(fact, facts.Attr) and fact.name in CLOSING and walking.is_name(fact.base, name)
        for fact in function.body
    )


def _promised(evaluator: Evaluator, function: Function) -> Kind | None:
    """The kind that `-> Generator[Session, None, None]` names."""
    promise = function.node.returns
    outside: Scope = function.owner or function.parent or function.module
    if isinstance(promise, facts.Const):
        return _lease(annotated(evaluator, promise, outside))
    if not isinstance(promise, facts.Item):
        return None
    chain = walking.chain(promise.base)
    if not chain or chain[-1] not in _GENERATORS:
        return None
    items = promise.index.items if isinstance(promise.index, facts.Sequence) else (promise.index,)
    return _lease(annotated(evaluator, items[0], outside)) if items else None


def _once(evaluator: Evaluator, body: Iterable[facts.Stmt], function: Function) -> bool:
    """Whether no `yield` stands in a loop, but for loops over what yields once itself."""
    for loop in _loops(body):
        yields = any(isinstance(fact, facts.Yield) for fact in walking.within([loop]))
        if yields and not _runs_once(evaluator, loop, function):
            return False
    return True


def _loops(body: Iterable[facts.Stmt]) -> Iterator[facts.For | facts.While]:
    return (s for s in walking.statements(body) if isinstance(s, (facts.For, facts.While)))


def _runs_once(evaluator: Evaluator, loop: facts.For | facts.While, function: Function) -> bool:
    if not isinstance(loop, facts.For):
        return False
    inner = lender_of(evaluator, loop.source, function)
    return inner is not None and inner.once
