"""Which statements matter? The seeds, what uses what they define, and what they are made of.

Seeds mention the vocabulary of `knowledge`. Upwards: every statement that mentions what a sliced one defines, across
modules. Downwards: the values, base classes and decorators that sliced statements mention; and for those that make
pools, the functions and classes that they mention, a few steps deep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dbpool_lint.knowledge.vocabulary import (
    ASKED_OF_POOLS,
    CLASSES,
    EXPECTING,
    FLASK_KEYS,
    LENDERS,
    MAKERS,
    POOL_NAMES,
    SINK_NAMES,
    TAKING,
)
from dbpool_lint.sources.framing import framing
from dbpool_lint.sources.names import Defined, Elsewhere, Names, dotted_names
from dbpool_lint.sources.outline import Binding, Statement

_NEAR = 2
_FAR = 1_000
_SINK_STEPS = 4


class Piece(NamedTuple):
    """A top-level statement, by its file and its place there."""

    module: str
    place: int


@dataclass(slots=True)
class Slicer:
    """`users` gives files that may use some names: those whose text mentions one of them."""

    names: Names
    users: Callable[[frozenset[str]], Iterator[str]]
    extra: frozenset[str] = frozenset()
    _uses: dict[str, None] = field(default_factory=dict)
    _used_by: dict[tuple[str, str], list[Piece]] = field(default_factory=lambda: defaultdict(list))
    _mentioned: dict[Piece, list[Defined]] = field(default_factory=dict)
    _seeds: dict[Piece, bool] = field(default_factory=dict)
    _asking: set[Piece] = field(default_factory=set)
    _lenders: set[Piece] = field(default_factory=set)
    _makers: set[Piece] = field(default_factory=set)
    _levels: dict[Piece, int] = field(default_factory=dict)

    def slice(self, modules: Iterator[str]) -> dict[str, list[int]]:
        """The indices of the statements that matter, by file. `modules` are the files that may hold seeds."""
        for module in modules:
            self._read(module)
        chosen = dict.fromkeys(self._seeds)
        self._upwards(chosen)
        self._downwards(chosen)
        if self._makers:
            around = framing(self.names, self.users)
            chosen.update(dict.fromkeys(Piece(*place) for place in around))
        found: dict[str, list[int]] = defaultdict(list)
        for piece in sorted(chosen):
            found[piece.module].append(piece.place)
        return dict(found)

    def _read(self, module: str) -> None:
        """Note what each statement of a file mentions."""
        if module in self._uses:
            return
        self._uses[module] = None
        known = {*self.names.bindings(module), *self.names.defined(module)}
        starred = bool(self.names.outlines[module].stars)
        for index, statement in enumerate(self.names.outlines[module].statements):
            self._read_statement(Piece(module, index), statement, known, starred)

    def _read_statement(self, piece: Piece, statement: Statement, known: set[str], starred: bool) -> None:
        inner = {binding.local: binding for binding in statement.inner}
        found: dict[Defined, None] = {}
        takes = any(call.rpartition(".")[2] in TAKING for call in statement.calls)
        takes = takes or any(mention.rpartition(".")[2] in EXPECTING for mention in statement.mentions)
        for mention in sorted(statement.mentions):  # the order of a set changes from run to run
            first = mention.partition(".")[0]
            last = mention.rpartition(".")[2]
            if last in FLASK_KEYS or (last in ASKED_OF_POOLS and last != mention):
                self._seeds[piece] = True
            if not (starred or first in known or first in inner):
                continue
            made = takes or mention in statement.calls or mention in statement.needs
            self._resolve(piece, mention, inner, found, made)
        self._mentioned[piece] = list(found)
        for defined in found:
            self._used_by[defined.module, defined.name].append(piece)

    def _resolve(
        self, piece: Piece, mention: str, inner: dict[str, Binding], found: dict[Defined, None], made: bool
    ) -> None:
        for meaning, _ in self.names.mention(piece.module, mention, inner):
            if isinstance(meaning, Elsewhere):
                # `db: Session` asks for a session and makes none: only a call, or a base class, is a seed
                if made or meaning.name not in CLASSES:
                    self._seed(piece, meaning.name)
                else:
                    self._asking.add(piece)
            elif isinstance(meaning, Defined):
                found[meaning] = None
                if self.extra and not self.extra.isdisjoint(dotted_names(meaning.module, meaning.name)):
                    self._seeds[piece] = True
                    self._makers.add(piece)

    def _seed(self, piece: Piece, name: str) -> None:
        if name in MAKERS:
            self._makers.add(piece)
        if name in LENDERS:
            self._lenders.add(piece)
        if name in POOL_NAMES or name in self.extra:
            self._seeds[piece] = True
        elif name in SINK_NAMES:
            self._seeds.setdefault(piece, False)

    def _upwards(self, chosen: dict[Piece, None]) -> None:
        """Add what uses the names that chosen statements define, for pools to the end, for sinks a few steps."""
        queue = list(chosen)
        pooled = {piece for piece in chosen if self._seeds[piece]}
        self._levels = dict.fromkeys(self._lenders, 0)
        steps = 0
        while queue:
            queue = [*queue, *self._newly_read(queue, pooled)]
            following: dict[Piece, None] = {}
            for piece in queue:
                chosen.setdefault(piece)
                if piece not in pooled and (steps >= _SINK_STEPS or self._statement(piece).kind == "async"):
                    continue  # who awaits it does not block because of what it calls
                for user in self._users(piece):
                    if piece in self._levels and user not in self._levels:
                        self._levels[user] = self._levels[piece] + 1
                    if piece in pooled and user not in pooled:
                        pooled.add(user)
                        following[user] = None
                    elif user not in chosen:
                        following[user] = None
            chosen.update(following)
            queue = list(following)
            steps += 1

    def _newly_read(self, queue: list[Piece], pooled: set[Piece]) -> list[Piece]:
        """Read the files that may use names of the queue's statements; the seeds found there."""
        names = frozenset(name for piece in queue for name in self._statement(piece).defines)
        before = len(self._seeds)
        for module in self.users(names):
            self._read(module)
        fresh = list(self._seeds)[before:]
        self._levels.update((piece, 0) for piece in fresh if piece in self._lenders)
        pooled.update(piece for piece in fresh if self._seeds[piece])
        return fresh

    def _users(self, piece: Piece) -> Iterator[Piece]:
        for name in self._statement(piece).defines:
            yield from self._used_by.get((piece.module, name), ())

    def _downwards(self, chosen: dict[Piece, None]) -> None:
        """Add what chosen statements are made of, and the functions that get a lease from them."""
        rounds = [(piece, *self._depth(piece)) for piece in chosen]
        while rounds:
            following: dict[Piece, tuple[int, bool]] = {}
            for piece, left, lends in rounds:
                self._read(piece.module)
                for needed, always in (*self._needed(piece, self._statement(piece)), *self._changing(piece)):
                    if needed in chosen:
                        continue
                    if lends:
                        self._read(needed.module)
                    if lends and needed in self._asking and left > 0:
                        following[needed] = (left - 1, True)
                    elif always or not self._statement(needed).kind or left > 1:
                        # a function that asks for no lease is less likely to get one: fewer steps from there
                        # what a class inherits decides what it is, through any number of bases
                        inherited = always and self._statement(needed).kind == "class"
                        following.setdefault(needed, (left if inherited else left - 2 if lends else left - 1, lends))
            chosen.update(dict.fromkeys(following))
            rounds = [(piece, left, lends) for piece, (left, lends) in following.items() if left > 0]

    def _depth(self, piece: Piece) -> tuple[int, bool]:
        """How far to follow what a statement mentions, and whether it takes leases that it may lend to others."""
        lends = self._levels.get(piece, _FAR) <= _NEAR
        if piece in self._makers:
            return 4, lends
        return (4, True) if lends else (1, False)

    def _needed(self, piece: Piece, statement: Statement) -> Iterator[tuple[Piece, bool]]:
        for defined in self._mentioned.get(piece, ()):
            always = any(defined.name in need.split(".") for need in statement.needs)
            for index in self.names.defined(defined.module).get(defined.name, ()):
                yield Piece(defined.module, index), always

    def _changing(self, piece: Piece) -> Iterator[tuple[Piece, bool]]:
        """Statements that may change the value which this one gives a name: `options["pool_size"] = 5`."""
        statement = self._statement(piece)
        if not statement.kind:
            for name in statement.defines:
                for user in self._used_by.get((piece.module, name), ()):
                    if user.module == piece.module and not self._statement(user).kind:
                        yield user, False

    def _statement(self, piece: Piece) -> Statement:
        return self.names.outlines[piece.module].statements[piece.place]
