"""What do the variables of a function hold, as far as a commit matters? States, and how statements change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.awaiting.mapped import Entity


@dataclass(frozen=True, slots=True)
class Held:
    """What a variable holds.

    `what` is "new" (an object that no session knows), "query", "result", "scalars", "many" (a list of objects) or
    "one". `session` is the variable of the session it came from; `expired` the commit since which it must be
    loaded again, `written` the attributes that were assigned since then.
    """

    what: str
    entity: Entity
    session: str = ""
    alone: bool = True
    expired: walking.Fact | None = None
    written: frozenset[str] = frozenset()


State = Mapping[str, Held]
"""What is known of the local variables, by their names."""

Moving = dict[str, Held]


def bind(target: facts.Expr, held: Held | None, state: Moving) -> None:
    if isinstance(target, facts.Name):
        state.pop(target.id, None)
        for name, other in list(state.items()):
            if other.session.partition(".")[0] == target.id:  # the name stands for another session now
                del state[name]
        if held is not None:
            state[target.id] = held


def write(target: facts.Expr, state: Moving) -> None:
    """`user.name = …` gives the attribute a value that needs no loading."""
    if isinstance(target, facts.Attr) and isinstance(target.base, facts.Name):
        held = state.get(target.base.id)
        if held is not None and held.expired is not None:
            state[target.base.id] = replace(held, written=held.written | {target.name})
    else:
        bind(target, None, state)


def attach(given: facts.Expr, session: str, state: Moving) -> None:
    for item in given.items if isinstance(given, facts.Sequence) else (given,):
        held = state.get(item.id) if isinstance(item, facts.Name) else None
        if isinstance(item, facts.Name) and held is not None and held.what in ("new", "one"):
            state[item.id] = replace(held, what="one", session=session)


def expire(session: str, commit: walking.Fact, state: Moving) -> None:
    for name, held in state.items():
        if held.session == session and held.what in ("one", "many"):
            state[name] = replace(held, expired=commit, written=frozenset())


def reloaded(state: State) -> Moving:
    """What is still known where any expired object may have been loaded again: which ones a later commit expires."""
    return {name: replace(held, expired=None, written=frozenset()) for name, held in state.items()}


def without(state: State, names: Iterable[str]) -> Moving:
    gone = set(names)
    return {name: held for name, held in state.items() if name not in gone}


def put(state: Moving, other: State) -> None:
    kept = dict(other)
    state.clear()
    state.update(kept)


def joined(*ways: State | None) -> State | None:
    """What holds on every way that goes on."""
    open_ways = [way for way in ways if way is not None]
    if not open_ways:
        return None
    first, *others = open_ways
    found: Moving = {}
    for name, held in first.items():
        alike = [way[name] for way in others if name in way and _are_alike(way[name], held)]
        if len(alike) == len(others):
            everywhere = all(other.expired is not None for other in alike)
            written = held.written.union(*(other.written for other in alike))
            found[name] = replace(held, expired=held.expired if everywhere else None, written=written)
    return found


def _are_alike(one: Held, two: Held) -> bool:
    return (one.what, one.entity, one.session) == (two.what, two.entity, two.session)
