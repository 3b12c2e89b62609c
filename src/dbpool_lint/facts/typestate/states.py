"""In which states can a lease be, and what takes it from one to the next?"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.leases import LAZY


class State(enum.IntEnum):
    """Where a lease is in its life. OPEN and RELEASED hold no connection; a closed session may be used again."""

    UNTAKEN = 0
    OPEN = 1
    HOLDING = 2
    RELEASED = 3
    CLOSED = 4
    ESCAPED = 5
    LOST = 6


Moves = Mapping[State, frozenset[State]]
"""From each state to the states that may follow; a state that is not named stays."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step does to a lease: when it goes well, when it raises, and, if that is something else, when it is
    cancelled. `name` says what it is."""

    name: str
    after: Moves
    failing: Moves
    certain: bool = True
    cancelled: Moves | None = None


def _to(state: State, *sources: State) -> Moves:
    return {source: frozenset({state}) for source in sources}


_LIVE = (State.OPEN, State.HOLDING, State.RELEASED)
_ALL = (*_LIVE, State.CLOSED)
_NOTHING: Moves = {}


def effect(name: str, kind: Kind) -> Effect:
    """The effect of a step on a lease of a kind; a session goes by its transactions, a connection does not."""
    lazy = kind in LAZY
    if name in ("takes", "enters"):
        taken = _to(State.OPEN if lazy else State.HOLDING, *State)
        return Effect(name, taken, _NOTHING)
    if name == "works":
        moves = _to(State.HOLDING, *_ALL) if lazy else _NOTHING
        return Effect(name, moves, moves)
    if name == "lends":
        # whoever takes the lease from the generator may run SQL on it, or not
        moves = {source: frozenset({source, State.HOLDING}) for source in _ALL} if lazy else _NOTHING
        return Effect(name, moves, moves)
    if name == "finishes":
        # a failed commit leaves the transaction, and with it the connection, to the rollback
        failing = _to(State.HOLDING, State.OPEN, State.RELEASED) if lazy else _NOTHING
        return Effect(name, _to(State.RELEASED, State.HOLDING) if lazy else _NOTHING, failing)
    if name in ("undoes", "ends"):
        moves = _to(State.RELEASED, State.HOLDING) if lazy else _NOTHING
        return Effect(name, moves, moves)
    if name in ("closes", "completes"):
        return Effect(name, _to(State.CLOSED, *_ALL), _to(State.CLOSED, *_ALL))
    if name == "escapes":
        return Effect(name, _to(State.ESCAPED, *_ALL), _to(State.ESCAPED, *_ALL))
    if name == "loses":
        return Effect(
            name, {**_to(State.LOST, State.HOLDING), **_to(State.UNTAKEN, State.OPEN, State.RELEASED, State.CLOSED)}, {}
        )
    return Effect(name, _NOTHING, _NOTHING)  # "uses", "nests"
