"""Where is a second connection taken from a pool while one of it is held already?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.depending import depended
from dbpool_lint.facts.evaluation.values import Generated, Routine, kinds
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation, keeps, url_of
from dbpool_lint.facts.pooling.descent import Origin
from dbpool_lint.facts.pooling.provenance import Provenance
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate.effects import Lease
from dbpool_lint.facts.typestate.life import Life
from dbpool_lint.facts.typestate.states import State
from dbpool_lint.facts.typestate.taking import lent, taken, worked_with
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.leases import LAZY

_DEEPEST = 3
_WORKING = ("works", "finishes", "calls")
_Taking = tuple[Lease, tuple[tuple[Function, walking.Fact], ...]]
"""A lease that is taken, and the calls that lead to it."""


@dataclass(frozen=True, slots=True)
class Nested:
    """While `held` holds a connection since `since`, `step` takes another one; `through` are the calls to it."""

    held: Lease
    since: walking.Fact | None
    step: walking.Fact
    inner: Lease
    through: tuple[tuple[Function, walking.Fact], ...]


def nested(project: Linked, function: Function) -> Iterator[Nested]:
    """The places of a function where a second connection is certainly taken while the first is held."""
    inner = takers(project, function)
    calls = [fact for fact in function.body if isinstance(fact, facts.Call)]
    called = [(fact, takings) for fact in calls if (takings := tuple(_called(project, fact, function, 0)))]
    told: set[int] = set()
    for held in worked_with(project.evaluator, function):
        others = [one for one in inner if one.fact is not held.fact]
        life = project.lives.of(held) if (others or called) and _has_pool(project, held) else None
        for found in _within(project, life, others, called) if life is not None else ():
            if id(found.step) not in told:
                told.add(id(found.step))
                yield found


def _has_pool(project: Linked, held: Lease) -> bool:
    """Whether it may be known where a lease comes from: of a parameter only a dependency tells."""
    return held.how != "given" or any(True for _ in depended(project.evaluator, held.function))


def _within(
    project: Linked, life: Life, others: list[Lease], called: list[tuple[facts.Call, tuple[_Taking, ...]]]
) -> Iterator[Nested]:
    held = life.lease
    for inner in others:
        step = _taking_step(project, inner)
        if step is not None and _holds(life, step) and _is_one_pool(project, held, inner):
            yield Nested(held, _since(life, step), step, inner, ())
    for fact, takings in called:
        for inner, through in takings if _holds(life, fact) else ():
            if _is_one_pool(project, held, inner):
                yield Nested(held, _since(life, fact), fact, inner, through)
                break


def _is_one_pool(project: Linked, held: Lease, inner: Lease) -> bool:
    pool = pool_of(project, held)
    return pool is not None and pool_of(project, inner) is pool


def _holds(life: Life, step: walking.Fact) -> bool:
    """Whether the lease holds its connection on every way to a step."""
    return life.states(step) == {State.HOLDING}


def _since(life: Life, step: walking.Fact) -> walking.Fact | None:
    found = [fact for _, since in life.before[id(step)] if (fact := life.facts.get(since)) is not None]
    return min(found, key=lambda fact: fact.at) if found else None  # type: ignore[attr-defined]


def takers(project: Linked, function: Function) -> tuple[Lease, ...]:
    """The leases that a function takes itself."""
    known = project.remember("leases of functions", dict[int, tuple[Lease, ...]])
    if id(function) not in known:
        known[id(function)] = (*taken(project.evaluator, function), *lent(project.evaluator, function))
    return known[id(function)]


def _taking_step(project: Linked, lease: Lease) -> walking.Fact | None:
    """The step at which a lease takes its connection for the first time: its first SQL, or the taking itself."""
    life = project.lives.of(lease)
    if life is None:
        return None
    if lease.kind not in LAZY:
        return lease.fact
    for fact in lease.function.body:
        effect = life.effects.get(("", id(fact)))
        if effect is not None and effect.name in _WORKING:
            return fact
    return None


def _called(project: Linked, call: facts.Call, scope: Function, depth: int) -> Iterator[_Taking]:
    """The leases that a call takes on every way through the functions it runs, whatever their pools."""
    values = project.evaluator.values(call.func, scope)
    routine = values[0] if len(values) == 1 else None
    if not isinstance(routine, Routine) or routine.function.node.generator or routine.function is scope:
        return
    if routine.function.node.asynchronous and not isinstance(scope.around.get(id(call)), facts.Await):
        return  # a coroutine that runs later, or in a task of its own
    known = project.remember("leases of calls", dict[tuple[int, int], tuple[_Taking, ...]])
    key = (id(routine.function), depth)
    if key not in known:
        known[key] = tuple(_run(project, routine.function, depth))
    yield from known[key]


def _run(project: Linked, callee: Function, depth: int) -> Iterator[_Taking]:
    names = project.evaluator.decorator_names(callee) if callee.node.decorators else ()
    if not all(name.startswith("builtins.") for name in names):
        return
    for inner in takers(project, callee):
        step = _taking_step(project, inner)
        if step is not None and _is_certain(project, callee, inner, step):
            yield inner, ((callee, step),)
    if depth < _DEEPEST:
        for fact in callee.body:
            if isinstance(fact, facts.Call) and _is_unconditional(project, callee, fact):
                for lease, through in _called(project, fact, callee, depth + 1):
                    yield lease, ((callee, fact), *through)


def _is_certain(project: Linked, callee: Function, lease: Lease, step: walking.Fact) -> bool:
    """`session = session or Session()` takes nothing when one is given."""
    return _is_unconditional(project, callee, step) and _is_unconditional(project, callee, lease.fact)


def _is_unconditional(project: Linked, function: Function, fact: walking.Fact) -> bool:
    """Whether a fact is evaluated whenever the function runs without an exception or an early return."""
    around = function.around
    before: walking.Fact = fact
    parent = around.get(id(fact))
    while parent is not None:
        if isinstance(parent, (facts.If, facts.While, facts.Choice)) and not _is_test(parent, before):
            return False
        if isinstance(parent, (facts.For, facts.Handler, facts.Match, facts.Logic, facts.Comprehension, facts.Lambda)):
            return isinstance(parent, facts.For) and parent.source is before
        before, parent = parent, around.get(id(parent))
    return not _returns_before(function, fact)


def _is_test(parent: facts.If | facts.While | facts.Choice, fact: walking.Fact) -> bool:
    return parent.test is fact


def _returns_before(function: Function, fact: walking.Fact) -> bool:
    """An early return in a block above may keep the fact from being reached."""
    for statement, conditional in walking.ordered(function.node.body):
        inside = (inner for block in walking.blocks(statement) for inner in walking.within(block))
        if any(one is fact for one in walking.within([statement])) and not any(one is fact for one in inside):
            return False
        if conditional and isinstance(statement, facts.Return):
            return True
    return False


def pool_of(project: Linked, lease: Lease) -> Origin | None:
    """The one pool that a lease is taken from; None when it may be another, or one that keeps no connections back."""
    memory = project.remember("pools of leases", dict[tuple[int, int], "Origin | None"])
    key = (id(lease.function), id(lease.fact))
    if key not in memory:
        memory[key] = _pool_of(project, lease)
    return memory[key]


def _pool_of(project: Linked, lease: Lease) -> Origin | None:
    provenance = project.remember("bound pools", lambda: _bound(project))
    origins: set[Origin] = set()
    for fact, scope in _sources(project, lease):
        found = provenance.of(fact, scope)
        if not found.complete:
            return None
        origins.update(found.origins)
    pool = origins.pop() if len(origins) == 1 else None
    return pool if pool is not None and _lets_wait(project, pool.made) else None


def _lets_wait(project: Linked, made: Creation) -> bool:
    """Whether the pool counts its connections: `NullPool` opens one for whoever asks, SQLite one for a thread."""
    if made.is_sqlalchemy:
        return keeps(project.reader, made) is True and not url_of(project.reader, made).only_sqlite
    return made.kind is not Kind.DATABASES  # which gives a task the connection that it has


def _bound(project: Linked) -> Provenance:
    return Provenance(project.reader, {id(made.call): made for made in project.creations}, bound=True)


def _sources(project: Linked, lease: Lease) -> Iterator[tuple[facts.Expr, Function]]:
    """The expressions that a lease comes from: the call that takes it, or what its dependency yields."""
    if lease.how == "given":
        for edge in depended(project.evaluator, lease.function):
            if lease.kind in kinds(project.evaluator.yielded(edge.callee)):
                yield from _yielded_by(project, edge.callee)
        return
    value = lease.fact.value if isinstance(lease.fact, facts.Entered) else lease.call
    lenders = [
        v.function
        for v in project.evaluator.values(cast(facts.Expr, value), lease.function)
        if isinstance(v, Generated)
    ]
    if lenders:
        for lender in lenders:
            yield from _yielded_by(project, lender)
    elif (
        isinstance(value, facts.Call) and isinstance(value.func, facts.Attr) and value.func.name in ("begin", "connect")
    ):
        yield value.func.base, lease.function
    else:
        yield cast(facts.Expr, value), lease.function


def _yielded_by(project: Linked, lender: Function) -> Iterator[tuple[facts.Expr, Function]]:
    for fact in lender.body:
        if isinstance(fact, facts.Yield) and fact.value is not None:
            yield from _lent_by(project, fact.value, lender)


def _lent_by(project: Linked, value: facts.Expr, lender: Function) -> Iterator[tuple[facts.Expr, Function]]:
    leases = [one for one in takers(project, lender) if isinstance(value, facts.Name) and one.name == value.id]
    for one in leases:
        yield from _sources(project, one)
    if not leases:
        yield value, lender
