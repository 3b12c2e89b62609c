"""What is known of a dict's items? Keys with the expressions they may hold, and how two such answers combine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.project import Scope

Place = tuple[facts.Expr, Scope]
"""An expression and the scope it is read in."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: absent, given with these possible values, or unknown.

    `certain` is False when it may have other values than `places` say (or any, where there are no places), and
    `optional` says that some ways through the code leave it out.
    """

    places: tuple[Place, ...]
    certain: bool
    optional: bool = False

    @property
    def absent(self) -> bool:
        return self.certain and not self.places


@dataclass(slots=True)
class Table:
    """What is known of a dict.

    `entries`: its keys with the expressions they may hold. `complete` is False when there may be other keys.
    `optional` are keys that some ways through the code leave out, `open` those that may hold other values as well.
    `displays` are the dict displays and `dict(...)` calls that the keys come from, where an item could be added.
    """

    entries: dict[str, list[Place]] = field(default_factory=dict)
    complete: bool = True
    displays: list[Place] = field(default_factory=list)
    optional: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)

    def copy(self) -> Table:
        entries = {key: list(places) for key, places in self.entries.items()}
        return Table(entries, self.complete, list(self.displays), set(self.optional), set(self.open))

    def argument(self, key: str) -> Argument:
        """What the dict gives as a keyword argument."""
        if key not in self.entries:
            return Argument((), self.complete and key not in self.open)
        return Argument(tuple(self.entries[key]), key not in self.open, key in self.optional)

    def put(self, key: str, place: Place) -> None:
        """`table[key] = place`"""
        self.drop(key)
        self.entries[key] = [place]

    def adopt(self, key: str, other: Table, its_key: str) -> None:
        """Take one item of another table under a key of this one."""
        self.put(key, other.entries[its_key][0])
        self.entries[key] = list(other.entries[its_key])
        self.optional.update({key} if its_key in other.optional else ())
        self.open.update({key} if its_key in other.open else ())

    def drop(self, key: str) -> None:
        """`table.pop(key)`. A dict that is not known completely holds the key no longer either."""
        self.entries.pop(key, None)
        self.optional.discard(key)
        self.open.discard(key)

    def overlay(self, other: Table) -> None:
        """`table.update(other)`: what the other one gives for certain replaces what was there."""
        if not other.complete:
            self.open.update(self.entries)
        for key, places in other.entries.items():
            if key not in other.optional:
                self.drop(key)
                self.entries[key] = list(places)
            else:
                if key not in self.entries:
                    self.optional.add(key)
                self.entries.setdefault(key, []).extend(places)
            if key in other.optional and not self.complete:
                self.open.add(key)
        self.open.update(other.open)
        self._takes_rest(other)

    def default(self, key: str, place: Place) -> None:
        """`table.setdefault(key, place)`"""
        if key in self.entries and key not in self.optional:
            return
        if not self.complete:
            self.open.add(key)
        self.optional.discard(key)
        self.entries.setdefault(key, []).append(place)

    def join(self, other: Table) -> None:
        """Either this table or the other one: what only one of them holds may be absent."""
        for one, two in ((self, other), (other, self)):
            missing = one.entries.keys() - two.entries.keys()
            self.optional.update(missing)
            if not two.complete:
                self.open.update(missing)
        self.optional.update(other.optional)
        self.open.update(other.open)
        for key, places in other.entries.items():
            known = self.entries.setdefault(key, [])
            known.extend(place for place in places if not any(_same(place, one) for one in known))
        self._takes_rest(other)

    def loosen(self) -> None:
        """Every key may be absent."""
        self.optional.update(self.entries)

    def spoil(self) -> None:
        """Something unknown was done to it."""
        self.complete = False
        self.open.update(self.entries)

    def _takes_rest(self, other: Table) -> None:
        self.complete = self.complete and other.complete
        self.displays.extend(place for place in other.displays if not any(_same(place, one) for one in self.displays))


def _same(one: Place, two: Place) -> bool:
    return one[0] is two[0] and one[1] is two[1]


def unknown() -> Table:
    """A dict of which nothing is known."""
    return Table(complete=False)


def joined(tables: Iterable[Table]) -> Table:
    """Any of several tables; unknown when there is none."""
    found: Table | None = None
    for table in tables:
        if found is None:
            found = table.copy()
        else:
            found.join(table)
    return found if found is not None else unknown()
