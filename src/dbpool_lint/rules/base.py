"""What is a rule, and what does it yield? Data and a function, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module
from dbpool_lint.facts.reach import Path
from dbpool_lint.fixing.recipes import Recipe, Spot
from dbpool_lint.model import Safety, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `page` is its documentation in Markdown; `fixable` says what its fixes are, None when it has none."""

    code: str
    name: str
    severity: Severity
    page: str
    fixable: Safety | None = None
    default: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    """A step on the way to a violation, at a spot of some module."""

    module: str
    spot: Spot
    message: str


@dataclass(frozen=True, slots=True)
class Mend:
    """How a violation could be mended. The first recipe that can be carried out is used."""

    safety: Safety
    title: str
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """What a rule yields: the spot in the module that was checked, the story, and the way to mend it."""

    rule: Rule
    spot: Spot
    message: str
    notes: tuple[Note, ...] = ()
    mend: Mend | None = None


Check = Callable[[Module, Linked], Iterator[Violation]]


def chain(path: Path) -> tuple[Note, ...]:
    """The way from a route to the function at the end, as notes."""
    entry = path.entry
    first = Note(
        entry.function.module.name,
        Spot(entry.function.statement, entry.function.node.at),
        f"{entry.what} `{entry.function.qualname}` runs for each request",
    )
    steps = (
        Note(
            step.function.module.name,
            step.function.spot(step.fact),
            f"`{step.function.qualname}` calls the next one here",
        )
        for step in path.steps
    )
    return (first, *steps)


def described(path: Path) -> str:
    """The same in words: "route `a` → `b` → `c`"."""
    names = [step.function.qualname for step in path.steps]
    return f"{path.entry.what} " + " → ".join(f"`{name}`" for name in (names or [path.entry.function.qualname]))
