"""Which leases does a function work with? Summaries by its parameters, by what is around it, and by globals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Kinded, Object, Type
from dbpool_lint.facts.project import Function, Scope
from dbpool_lint.facts.sharing.places import (
    Place,
    handed,
    is_something_else,
    kind_of,
    lease_kind,
    place_of,
)
from dbpool_lint.facts.sharing.running import callees, outside, run_by, started
from dbpool_lint.knowledge.kinds import LEASES, Kind
from dbpool_lint.knowledge.tasks import ENDING_METHODS, HARMLESS, LOCKS, ONLY_LOOKING, SEMAPHORES, TELLING_METHODS


class Work(NamedTuple):
    """What is done with a lease: `kind` is None where only a caller knows that it is one; `ends` its transaction."""

    kind: Kind | None
    ends: bool

    def and_(self, other: Work) -> Work:
        return Work(self.kind or other.kind, self.ends or other.ends)


Uses = dict[Place, Work]
"""Places of leases, and what is done with them."""

Used = tuple[Place, Work]

_DEEPEST = 10


def uses(evaluator: Evaluator, function: Function, depth: int = 0) -> Uses:
    """The leases from outside that a function works with, in itself and in what it calls; remembered."""
    memory = cast("dict[int, Uses]", evaluator.project.memory.setdefault("uses of leases", {}))
    if id(function) not in memory:
        memory[id(function)] = {}  # a function that calls itself adds nothing
        if depth <= _DEEPEST:
            memory[id(function)] = _summary(evaluator, function, depth)
    return memory[id(function)]


def _summary(evaluator: Evaluator, function: Function, depth: int) -> Uses:
    found: Uses = {}
    alone = locked(evaluator, function)
    for fact in function.body:
        if id(fact) not in alone:
            for place, work in used_at(evaluator, fact, function, depth):
                if _comes_from_outside(place, function):
                    found[place] = found[place].and_(work) if place in found else work
    return found


def used_at(evaluator: Evaluator, fact: walking.Fact, scope: Function, depth: int = 0) -> Iterator[Used]:
    """The leases that a call, or entering a `with`, works with."""
    if isinstance(fact, facts.Call):
        yield from used_by_call(evaluator, fact, scope, depth)
    elif isinstance(fact, facts.Entered) and isinstance(fact.value, (facts.Name, facts.Attr)):
        kind = lease_kind(evaluator, fact.value, scope)
        place = place_of(evaluator, fact.value, scope) if kind else None
        if place is not None:
            yield place, Work(kind, ends=True)


def used_by_call(evaluator: Evaluator, call: facts.Call, scope: Scope, depth: int = 0) -> Iterator[Used]:
    """The leases that a call works with: by a method, as arguments, in the functions of the project that it runs."""
    if isinstance(call.func, facts.Attr):
        yield from _by_method(evaluator, call.func, scope)
    inner = [one for one in run_by(evaluator, call, scope) if one is not call]
    inner = inner or [one for one in _handed_over(evaluator, call, scope) if one is not call]
    for one in inner:
        yield from used_by_call(evaluator, one, scope, depth + 1)
    if inner or depth > _DEEPEST:
        return
    run = callees(evaluator, call, scope)
    for callee in run:
        for place, work in uses(evaluator, callee, depth + 1).items():
            yield from _in_terms_of(evaluator, place, work, callee, call, scope)
    if not run:
        yield from _as_arguments(evaluator, call, scope)


def _handed_over(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Iterator[facts.Call]:
    """What a call of `Thread`, `submit`, `add_task` and their like starts."""
    if isinstance(scope, Function):
        from_thread = outside(evaluator, call, scope)
        if any(name.startswith("threading.") for name in from_thread):
            yield from started(evaluator, call, scope)


def _by_method(evaluator: Evaluator, func: facts.Attr, scope: Scope) -> Iterator[Used]:
    if func.name in HARMLESS:
        return
    kind = lease_kind(evaluator, func.base, scope)
    if kind is None and (func.name not in TELLING_METHODS or is_something_else(evaluator.values(func.base, scope))):
        return
    place = place_of(evaluator, func.base, scope)
    if place is not None:
        yield place, Work(kind, func.name in ENDING_METHODS)


def _in_terms_of(
    evaluator: Evaluator, place: Place, work: Work, callee: Function, call: facts.Call, scope: Scope
) -> Iterator[Used]:
    found = handed(evaluator, place, callee, call, scope)
    if found is None:
        return
    if place.owner is callee and len(place.path) == 1 and len(found.path) == 1 and isinstance(scope, Function):
        values = evaluator.name(found.path[0], scope)
        if is_something_else(values):
            return
        work = Work(work.kind or kind_of(values), work.ends)
    yield found, work


def _as_arguments(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Iterator[Used]:
    """What is unknown works with a lease that it is given; classes only keep it, as far as can be seen."""
    names = outside(evaluator, call, scope)
    if names & ONLY_LOOKING or any(name.rpartition(".")[2][:1].isupper() for name in names):
        return
    values = evaluator.values(call.func, scope)
    if any(isinstance(v, (Type, Object, Kinded)) for v in values) or _logs(call):
        return
    if any(isinstance(v, External) and v.name.startswith("builtins.") for v in values):
        return
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, (facts.Name, facts.Attr)):
            kind = lease_kind(evaluator, argument, scope)
            place = place_of(evaluator, argument, scope) if kind in LEASES else None
            if place is not None:
                yield place, Work(kind, ends=False)


def _logs(call: facts.Call) -> bool:
    return isinstance(call.func, facts.Attr) and call.func.name in ("debug", "info", "warning", "error", "exception")


def _comes_from_outside(place: Place, function: Function) -> bool:
    """Whether a place is a parameter, or belongs to what is around the function; what it opens is its own."""
    if place.owner is not function:
        return True
    root = place.path[0]
    if function.param(root) is None:
        return False
    return all(_falls_back(bound.value, root) or bound.how == "annotated" for bound in function.bound.get(root, ()))


def _falls_back(value: facts.Expr | None, name: str) -> bool:
    """`session = session or Session()`"""
    return isinstance(value, facts.Logic) and value.op == "or" and walking.is_name(value.operands[0], name)


def locked(evaluator: Evaluator, function: Function) -> frozenset[int]:
    """The facts, by identity, that run while a function has a lock: one task at a time."""
    found: set[int] = set()
    for fact in function.body:
        if isinstance(fact, facts.With) and any(_is_lock(evaluator, item.value, function) for item in fact.items):
            found.update(id(inner) for inner in walking.within(fact.body))
    return frozenset(found)


def _is_lock(evaluator: Evaluator, fact: facts.Expr, scope: Function) -> bool:
    values = evaluator.values(fact, scope)
    if any(isinstance(v, Object) and v.of in LOCKS for v in values):
        return True
    if any(isinstance(v, Object) and v.of in SEMAPHORES for v in values):
        return _lets_one_in(evaluator, fact, scope)
    chain = walking.chain(fact.func if isinstance(fact, facts.Call) else fact)
    # silence needs less evidence than a finding: something called a lock is taken for one
    return bool(chain) and any(word in chain[-1].lower() for word in ("lock", "mutex")) if chain else False


def _lets_one_in(evaluator: Evaluator, fact: facts.Expr, scope: Function) -> bool:
    """`Semaphore(1)`, and one whose number cannot be seen here."""
    place = place_of(evaluator, fact, scope)
    bounds = []
    if place is not None and len(place.path) == 1:
        bounds = place.owner.bound.get(place.path[0], [])
    calls = [bound.value for bound in bounds if isinstance(bound.value, facts.Call)]
    numbers = [walking.literal(call.args[0]) for call in calls if call.args]
    return not calls or any(number == 1 for number in numbers) or any(not call.args for call in calls)
