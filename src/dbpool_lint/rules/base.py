"""What is a rule, and what does it yield? Data and a function, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dbpool_lint.facts.callgraph.reach import Path, Step
from dbpool_lint.facts.configuration.reading import CallSite
from dbpool_lint.facts.configuration.sites import Chain, Site
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation, is_disposed_here, statement_of
from dbpool_lint.facts.project import Function, Module, module_of
from dbpool_lint.facts.typestate.effects import Lease
from dbpool_lint.facts.typestate.laziness import is_enterable
from dbpool_lint.fixing.recipes import Recipe, Spot, WrapInWith
from dbpool_lint.knowledge.kinds import ASYNC_LEASES
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


def entering(lease: Lease, safety: Safety) -> Mend | None:
    """Takes the lease by `with`, which closes it on every way; None where that cannot be."""
    if not is_enterable(lease):
        return None
    asynchronous = lease.kind in ASYNC_LEASES
    recipe = WrapInWith(lease.function.spot(lease.call), lease.name, asynchronous)
    return Mend(safety, f"Close it with `{'async with' if asynchronous else 'with'}`", (recipe,))


_STARTS = {
    "loop": "`{name}` loops without an end",
    "task": "task `{name}` runs for each message",
    "consumer": "consumer `{name}` runs for each message",
    "job": "job `{name}` runs on a schedule",
    "request context": "`{name}` keeps it on `g`, which lives for one request",
    "model property": "`{name}` runs for each object that a query gives",
}


def chain(path: Path) -> tuple[Note, ...]:
    """The way from a route, a task or a loop to the function at the end, as notes."""
    entry = path.entry
    story = _STARTS.get(entry.what, f"{entry.what} `{{name}}` runs for each request")
    first = Note(
        entry.function.module.name,
        Spot(entry.function.statement, entry.function.node.at),
        story.format(name=entry.function.qualname),
    )
    steps = (_note(step, f"`{step.function.qualname}` calls the next one here") for step in path.steps)
    return (first, *steps)


def also(steps: tuple[Step, ...]) -> tuple[Note, ...]:
    """Further places that do the same, as notes."""
    return tuple(_note(step, f"`{step.function.qualname}` does so here as well") for step in steps)


def _note(step: Step, message: str) -> Note:
    return Note(step.function.module.name, step.function.spot(step.fact), message)


def described(path: Path) -> str:
    """The same in words: "route `a` → `b` → `c`"."""
    names = [step.function.qualname for step in path.steps]
    return f"{path.entry.what} " + " → ".join(f"`{name}`" for name in (names or [path.entry.function.qualname]))


_MOST = 6


def left_by(site: Site, chains: Sequence[Chain], option: str, story: str = "") -> tuple[Note, ...]:
    """The calls that lead to a site without the option, each chain from its root on, the shortest ones first.

    `story` says what the calls do where they do not leave it off.
    """
    return tuple(_leading(site, chains[:_MOST], story or f"leaves `{option}` off"))


def _leading(site: Site, chains: Sequence[Chain], story: str) -> Iterator[Note]:
    told: set[int] = set()
    for chain in chains:
        for index, step in enumerate(chain):
            call, _ = step
            if id(call) not in told:
                told.add(id(call))
                yield _call_note(site, step, f" and {story}" if not index else "")


def _call_note(site: Site, step: CallSite, story: str) -> Note:
    call, scope = step
    runs = next((function.qualname for function in site.reader.callers.run_by(call, scope)), "it")
    caller = f"`{scope.qualname}`" if isinstance(scope, Function) else "the module"
    spot = Spot(statement_of(call.func, scope), call.at)
    return Note(module_of(scope).name, spot, f"{caller} calls `{runs}` here{story}")


_LEFT_OPEN = (
    "its connections stay open until the garbage collector comes by, and the server runs out of connection slots"
)


def outcome(made: Creation) -> str:
    """What becomes of a pool that is made again and again."""
    if is_disposed_here(made):
        return f"it is disposed only when nothing is raised, else {_LEFT_OPEN}"
    return _LEFT_OPEN
