"""Where does one lease come into several tasks or threads? The first such hand-over of each lease in a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Callers
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.facts.sharing.lasting import Origin, outlives
from dbpool_lint.facts.sharing.members import Group, Layout, Member, binds, groups
from dbpool_lint.facts.sharing.places import Place, canonical
from dbpool_lint.facts.sharing.running import outside, started
from dbpool_lint.facts.sharing.spawning import Spawn, spawns
from dbpool_lint.facts.sharing.uses import locked, used_at, used_by_call
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.tasks import ASYNC_KINDS, IN_THREAD


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that a task works with, `found` here at a place that is `place` under its one name."""

    place: Place
    found: Place
    kind: Kind
    ends: bool

    @property
    def text(self) -> str:
        return self.found.text


@dataclass(frozen=True, slots=True)
class Conflict:
    """A lease that several tasks use.

    `how` is "together" (at once, by what `what` runs), "beside" (by a task and by the function that started it),
    "outlives" (by a task that goes on when the lease is closed) or "background" (after the response). `also` are the
    other places that use it at the same time.
    """

    function: Function
    fact: facts.Expr
    lease: str
    kind: Kind
    how: str
    what: str
    also: tuple[walking.Fact, ...] = ()
    origin: Origin = Origin.UNKNOWN


def conflicts(evaluator: Evaluator, callers: Callers, function: Function) -> Iterator[Conflict]:
    """The leases that a function lets several tasks or threads use, each once."""
    if not any(isinstance(fact, facts.Call) for fact in function.body):
        return
    layout = Layout(function)
    seen: set[Place] = set()
    found = sorted(_all(evaluator, callers, layout), key=lambda pair: layout.order.get(id(pair[1].fact), 0))
    for place, conflict in found:
        if place not in seen:
            seen.add(place)
            yield conflict


def _all(evaluator: Evaluator, callers: Callers, layout: Layout) -> Iterator[tuple[Place, Conflict]]:
    started_here = tuple(spawns(evaluator, layout))
    together = tuple(groups(evaluator, layout))
    for group in together:
        yield from _in_group(evaluator, layout, group)
    if started_here:
        yield from _of_spawns(evaluator, callers, layout, _not_gathered(layout, started_here, together))


def _not_gathered(layout: Layout, started_here: tuple[Spawn, ...], together: tuple[Group, ...]) -> list[Spawn]:
    """The tasks that are not those of a `gather`."""
    inside = {id(f) for group in together for member in group.members for f in walking.within([member.fact])}
    return [spawn for spawn in started_here if id(spawn.call) not in inside]


def _in_group(evaluator: Evaluator, layout: Layout, group: Group) -> Iterator[tuple[Place, Conflict]]:
    by_place: dict[Place, list[tuple[Member, Lease]]] = {}
    for member in group.members:
        for lease in _used_by_member(evaluator, layout, member):
            by_place.setdefault(lease.place, []).append((member, lease))
    for place, users in by_place.items():
        first, lease = users[0]
        others = [one.fact for one, _ in users[1:] if not layout.exclusive(first.fact, one.fact)]
        several = bool(others) or any(one.loop is not None for one, _ in users)
        threads = any(_in_thread(evaluator, layout, one.fact) for one, _ in users)
        if several and _disturb(lease.kind, threads, (used.ends for _, used in users)):
            yield (
                place,
                Conflict(layout.function, group.fact, lease.text, lease.kind, "together", group.what, tuple(others)),
            )


def _disturb(kind: Kind, threads: bool, ends: Iterable[bool]) -> bool:
    """Coroutines use a sync session one after the other: that matters when one of them commits or rolls back."""
    return kind in ASYNC_KINDS or threads or any(ends)


def _in_thread(evaluator: Evaluator, layout: Layout, fact: facts.Expr) -> bool:
    calls = walking.calls([fact])
    return any(
        outside(evaluator, call, layout.function) & IN_THREAD
        or (isinstance(call.func, facts.Attr) and call.func.name in ("run_in_executor", "submit"))
        for call in calls
    )


def _used_by_member(evaluator: Evaluator, layout: Layout, member: Member) -> Iterator[Lease]:
    """The leases of a coroutine, each once; not those that a loop around it has anew in each round."""
    alone = locked(evaluator, layout.function)
    calls = (call for call in _calls_of(evaluator, layout, member.fact) if id(call) not in alone)
    found = _leases(evaluator, layout, calls)
    yield from (lease for lease in found if not _is_anew(layout, lease.found, member))


def _leases(evaluator: Evaluator, layout: Layout, calls: Iterable[facts.Call]) -> list[Lease]:
    """The leases that calls work with, each under one place."""
    known: dict[Place, Lease] = {}
    for call in calls:
        for place, work in used_by_call(evaluator, call, layout.function):
            if work.kind is not None:
                at = canonical(evaluator, place)
                before = known.get(at)
                ends = work.ends or (before is not None and before.ends)
                known[at] = Lease(at, place, work.kind, ends)
    return list(known.values())


def _calls_of(evaluator: Evaluator, layout: Layout, fact: facts.Expr) -> Iterator[facts.Call]:
    while isinstance(fact, (facts.Await, facts.Star)):
        fact = fact.value
    if isinstance(fact, facts.Choice):
        yield from _calls_of(evaluator, layout, fact.then)
        yield from _calls_of(evaluator, layout, fact.other)
    elif isinstance(fact, facts.Call):
        func = fact.func
        inner = list(started(evaluator, fact, layout.function)) if _starts_something(func) else []
        yield from inner or [fact]


def _starts_something(func: facts.Expr) -> bool:
    return isinstance(func, facts.Attr) and func.name in ("start_soon", "submit", "create_task")


def _is_anew(layout: Layout, place: Place, member: Member) -> bool:
    if place.owner is not layout.function:
        return False
    root = place.path[0]
    loops = [outer for outer in layout.above(member.fact) if isinstance(outer, (facts.For, facts.While))]
    if any(isinstance(outer, facts.Comprehension) and binds(outer, root) for outer in layout.above(member.fact)):
        return True
    return member.loop is not None and any(binds(loop, root) for loop in loops)


def _of_spawns(
    evaluator: Evaluator, callers: Callers, layout: Layout, started_here: list[Spawn]
) -> Iterator[tuple[Place, Conflict]]:
    parts = [(spawn, _used_by_spawn(evaluator, layout, spawn)) for spawn in started_here]
    own = _own_uses(evaluator, layout, started_here) if any(used for _, used in parts) else []
    for index, (spawn, used) in enumerate(parts):
        later = parts[index + 1 :]
        for lease in used:
            origin = Origin.UNKNOWN
            if spawn.end is None:
                origin = outlives(evaluator, callers, layout, spawn.call, lease.place)
            if spawn.what == "background":
                if origin not in (Origin.UNKNOWN, Origin.OBJECT):
                    yield lease.place, _conflict(layout, spawn, lease, "background", (), origin)
            else:
                yield from _beside(layout, spawn, lease, origin, own, later)


Spawned = list[tuple[Spawn, list[Lease]]]
Own = list[tuple[walking.Fact, Place, bool]]


def _beside(
    layout: Layout, spawn: Spawn, lease: Lease, origin: Origin, own: Own, later: Spawned
) -> Iterator[tuple[Place, Conflict]]:
    """What works with a lease at the same time as a task or thread."""
    place = lease.place
    beside = [(fact, ends) for fact, at, ends in own if at == place and _runs_beside(layout, spawn, fact)]
    tasks = [
        (s.call, one.ends) for s, used in later for one in used if one.place == place and _overlap(layout, spawn, s)
    ]
    threads = spawn.what == "thread"
    many = _is_many(layout, spawn, lease.found)
    if (tasks or many) and _disturb(lease.kind, threads, (lease.ends, *(ends for _, ends in tasks))):
        yield place, _conflict(layout, spawn, lease, "together", tuple(call for call, _ in tasks), origin)
    elif origin is not Origin.UNKNOWN:
        how = "global" if isinstance(place.owner, Module) else "outlives"
        yield place, _conflict(layout, spawn, lease, how, tuple(fact for fact, _ in beside[:1]), origin)
    elif beside and _disturb(lease.kind, threads, (lease.ends, *(ends for _, ends in beside))):
        yield place, _conflict(layout, spawn, lease, "beside", tuple(fact for fact, _ in beside[:1]), origin)


def _conflict(
    layout: Layout, spawn: Spawn, lease: Lease, how: str, also: tuple[walking.Fact, ...], origin: Origin
) -> Conflict:
    what = f"{spawn.what}s" if how == "together" else spawn.what
    return Conflict(layout.function, spawn.call, lease.text, lease.kind, how, what, also, origin)


def _used_by_spawn(evaluator: Evaluator, layout: Layout, spawn: Spawn) -> list[Lease]:
    found = _leases(evaluator, layout, started(evaluator, spawn.call, layout.function))
    return [lease for lease in found if not _comprehended(layout, lease.found, spawn.call)]


def _comprehended(layout: Layout, place: Place, call: facts.Call) -> bool:
    """`[submit(work, s) for s in sessions]`"""
    outer = (fact for fact in layout.above(call) if isinstance(fact, facts.Comprehension))
    return any(binds(fact, place.path[0]) for fact in outer)


def _own_uses(evaluator: Evaluator, layout: Layout, started_here: list[Spawn]) -> Own:
    """What the function itself does with leases, outside of what it starts."""
    inside = {id(f) for spawn in started_here for f in walking.within([spawn.call])}
    return [
        (fact, canonical(evaluator, place), work.ends)
        for fact in layout.function.body
        if id(fact) not in inside
        for place, work in used_at(evaluator, fact, layout.function)
        if work.kind is not None
    ]


def _runs_beside(layout: Layout, spawn: Spawn, fact: walking.Fact) -> bool:
    start, at = layout.order[id(spawn.call)], layout.order[id(fact)]
    return start < at < (spawn.end if spawn.end is not None else 1 << 30) and layout.reached_after(spawn.call, fact)


def _overlap(layout: Layout, one: Spawn, other: Spawn) -> bool:
    at = layout.order[id(other.call)]
    return (one.end is None or at < one.end) and layout.reached_after(one.call, other.call)


def _is_many(layout: Layout, spawn: Spawn, place: Place) -> bool:
    """Whether a loop starts one after the other, without waiting, for a lease from outside of the loop."""
    loop = layout.loop_at(spawn.call)
    if loop is None or (isinstance(place.owner, Function) and binds(loop, place.path[0])):
        return False
    if spawn.end is None:
        return True
    return not any(layout.order.get(id(fact)) == spawn.end for fact in walking.within([loop]))
