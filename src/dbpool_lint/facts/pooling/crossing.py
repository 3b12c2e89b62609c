"""Which pools of asyncpg outlive an event loop and are used from the next one?

asyncpg's connections belong to the loop they were opened in. A pool that is kept beyond it hands them out in the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.entries import once_entries
from dbpool_lint.facts.callgraph.lifecycle import hooks, reached
from dbpool_lint.facts.callgraph.loops import Repetition, Run, repetitions, runs
from dbpool_lint.facts.callgraph.reach import Path
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.handing import stored
from dbpool_lint.facts.evaluation.values import Kinded
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.closings import Closings, closings_of
from dbpool_lint.facts.pooling.creations import is_for_tests, keeps, url_of
from dbpool_lint.facts.pooling.descent import Origin
from dbpool_lint.facts.pooling.keeping import is_cached
from dbpool_lint.facts.pooling.provenance import Provenance
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.lifecycles import CLOSINGS

_DEEPEST = 8
_LEASES = frozenset({Kind.ASYNC_SESSION, Kind.ASYNC_CONNECTION, Kind.ASYNCPG_LEASE})
_LENDERS = frozenset({Kind.ASYNC_ENGINE, Kind.ASYNCPG_POOL, Kind.ASYNC_FACTORY})
_OTHER_DRIVERS = frozenset({"psycopg", "aiosqlite", "aiomysql", "asyncmy", "aioodbc", "oracledb"})
_LOOP_NAMES = frozenset({"get_running_loop", "get_event_loop", "current_task", "local", "ContextVar"})


@dataclass(frozen=True, slots=True)
class Crossing:
    """A pool that several loops use: how they come about, and the call that takes a connection in `function`."""

    origin: Origin
    repetition: Repetition
    fact: walking.Fact
    function: Function


@dataclass(slots=True)
class Crossings:
    """Looks through one project. `bound` knows the pools behind sessions; `ways` lead to what runs again and again."""

    reader: Reader
    bound: Provenance
    closings: Closings
    ways: tuple[dict[int, Path], ...]
    _uses: dict[int, tuple[tuple[Origin, walking.Fact, Function], ...]] = field(default_factory=dict)

    def found(self) -> Iterator[Crossing]:
        """Every such pool, once."""
        if _loops_are_nested(self.reader):
            return
        seen: set[int] = set()
        for repetition in repetitions(self.reader, runs(self.reader), self.ways):
            for origin, fact, function in self._shared(repetition):
                if id(origin.call) not in seen and self._is_crossed(origin, repetition):
                    seen.add(id(origin.call))
                    yield Crossing(origin, repetition, fact, function)

    def _shared(self, repetition: Repetition) -> Iterator[tuple[Origin, walking.Fact, Function]]:
        """The pools that each of the runs uses."""
        first, *others = repetition.runs
        elsewhere = [{id(origin) for origin, _, _ in self._used(run)} for run in others if run.fact is not first.fact]
        for use in self._used(first):
            if not others or any(id(use[0]) in used for used in elsewhere):
                yield use

    def _used(self, run: Run) -> tuple[tuple[Origin, walking.Fact, Function], ...]:
        """What a run takes connections from, with the place."""
        started = run.started
        if started is None:
            return ()
        if id(started) not in self._uses:
            self._uses[id(started)] = tuple(self._found_uses(started))
        return self._uses[id(started)]

    def _found_uses(self, started: Function) -> Iterator[tuple[Origin, walking.Fact, Function]]:
        for function in reached(self.reader.evaluator, started, _DEEPEST).values():
            for fact in function.body:
                if isinstance(fact, facts.Call) and self._takes(fact, function):
                    pools = self.bound.of(fact.func if isinstance(fact.func, facts.Attr) else fact, function)
                    if pools.complete and len({id(origin.call) for origin in pools.origins}) == 1:
                        yield pools.origins[0], fact, function

    def _takes(self, call: facts.Call, function: Function) -> bool:
        evaluator = self.reader.evaluator
        if any(isinstance(v, Kinded) and v.kind in _LEASES and v.fresh for v in evaluator.values(call, function)):
            return True
        if not isinstance(call.func, facts.Attr) or call.func.name in CLOSINGS:
            return False
        base = evaluator.values(call.func.base, function)
        return any(isinstance(v, Kinded) and v.kind in _LENDERS for v in base)

    def _is_crossed(self, origin: Origin, repetition: Repetition) -> bool:
        if not _outlives(self.reader, origin) or not _is_asyncpg(self.reader, origin):
            return False
        if origin.made.is_sqlalchemy and keeps(self.reader, origin.made) is not True:
            return False
        return not is_for_tests(self.reader, origin.made) and not self._is_emptied(origin, repetition)

    def _is_emptied(self, origin: Origin, repetition: Repetition) -> bool:
        """Whether anything but the end of an application may close the pool."""
        evaluator = self.reader.evaluator
        ends = [hook.function for hook in hooks(evaluator) if hook.function is not None]
        ends += [entry.function for entry in once_entries(evaluator) if entry.what in ("shutdown", "lifespan")]
        ending = {key for function in ends for key in reached(evaluator, function, _DEEPEST)}
        involved: set[int] = set()
        for run in repetition.runs:
            involved.update(map(id, run.by))
            for function in (run.started, run.scope):
                if isinstance(function, Function):
                    involved.update(reached(evaluator, function, _DEEPEST))
        for closing in self.closings.touching(origin):
            if not isinstance(closing.scope, Function) or id(closing.scope) in involved:
                return True
            if id(closing.scope) not in ending:
                return True
        return False


def _loops_are_nested(reader: Reader) -> bool:
    """`nest_asyncio.apply()` makes `asyncio.run` go on with the loop that is there."""
    modules = reader.evaluator.project.modules.values()
    return any(binding.module.startswith("nest_asyncio") for module in modules for binding in module.imports())


def _outlives(reader: Reader, origin: Origin) -> bool:
    """Whether the pool is kept by the process: a global, a cache, or what an object of the module keeps."""
    function = origin.function
    if function is None:
        return isinstance(origin.scope, Module)
    if any(name in _LOOP_NAMES for name in _mentioned(function)):
        return False  # one for each loop, perhaps
    if is_cached(reader.evaluator, function):
        return not [p for p in function.node.params if p.kind in ("", "positional")][int(function.is_method) :]
    for target, value in stored(function):
        if walking.awaited(value) is origin.call:
            if isinstance(target, facts.Name):
                return target.id in function.global_names and _asked_for(target.id, function)
            return _is_own(target, function) and _is_lasting(reader, function)
    return False


def _asked_for(name: str, function: Function) -> bool:
    """A global that each call fills anew is another pool each time."""
    tests = (f.test for f in function.body if isinstance(f, (facts.If, facts.Choice)))
    return any(name in walking.names(test) for test in tests)


def _is_own(target: facts.Expr, function: Function) -> bool:
    own = function.node.params[0].name if function.is_method else ""
    return isinstance(target, facts.Attr) and walking.is_name(target.base, own)


def _is_lasting(reader: Reader, function: Function) -> bool:
    if function.owner is None or function.node.name != "__init__":
        return False
    sites = reader.callers.making(function.owner)
    return bool(sites) and all(isinstance(scope, Module) for _, scope in sites)


def _mentioned(function: Function) -> Iterator[str]:
    for fact in walking.everything(function.node.body):
        if isinstance(fact, facts.Name):
            yield fact.id
        elif isinstance(fact, facts.Attr):
            yield fact.name


def _is_asyncpg(reader: Reader, origin: Origin) -> bool:
    """Whether the driver is asyncpg for certain: by the URL, or as the only async driver of the project."""
    if origin.made.kind is Kind.ASYNCPG_POOL:
        return True
    known = url_of(reader, origin.made).known
    if known:
        return all(url.driver == "asyncpg" for url in known)
    packages = {requirement.package for requirement in reader.evaluator.project.deployment.requirements}
    return "asyncpg" in packages and not packages & _OTHER_DRIVERS


def crossed(project: Linked) -> tuple[Crossing, ...]:
    """The pools of the project that several event loops use, worked out once."""
    return project.remember("crossed pools", lambda: _crossed(project))


def _crossed(project: Linked) -> tuple[Crossing, ...]:
    if not project.creations:
        return ()
    closings = closings_of(project)
    ways = (project.job_paths, project.request_paths)
    return tuple(Crossings(project.reader, closings.origins.bound_to(), closings, ways).found())
