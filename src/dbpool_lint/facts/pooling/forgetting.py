"""Which pools does an application open and never close? One answer for each pool that is certainly forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.lifecycle import Hook, ends_others, hooks, imported_by, sets_up
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.handing import is_stored
from dbpool_lint.facts.pooling.closings import Closing, Closings
from dbpool_lint.facts.pooling.creations import (
    is_disposed_here,
    is_entered,
    is_for_tests,
    is_local_file,
    is_used_once,
    keeps,
)
from dbpool_lint.facts.pooling.descent import Origin
from dbpool_lint.facts.pooling.keeping import is_cached, is_disposed
from dbpool_lint.facts.pooling.provenance import Provenance
from dbpool_lint.facts.project import Class, Function, Scope, module_of
from dbpool_lint.knowledge.kinds import Kind

_ASYNC = frozenset({Kind.ASYNC_ENGINE, Kind.ASYNCPG_POOL, Kind.AIOMYSQL_POOL, Kind.DATABASES})
_ORDER = ("lifespan", "shutdown", "startup", "exit stack")
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A pool that nobody ends, and the hook of its application that would be the place for it."""

    origin: Origin
    hook: Hook
    missed: Closing | None = None


@dataclass(slots=True)
class Forgetting:
    """Looks through the pools of one project. `requested` are the functions, by identity, that requests reach."""

    reader: Reader
    origins: Provenance
    closings: Closings
    requested: frozenset[int]
    _hooks: tuple[Hook, ...] = field(default=())

    def __post_init__(self) -> None:
        found = hooks(self.reader.evaluator)
        self._hooks = tuple(sorted(found, key=lambda hook: _ORDER.index(hook.what)))

    def forgotten(self) -> Iterator[Forgotten]:
        """Every pool that is forgotten for certain, in order of files."""
        if not self._hooks:
            return
        calls: dict[int, list[Origin]] = {}
        for origin in self.origins.all():
            calls.setdefault(id(origin.call), []).append(origin)
        for origins in calls.values():
            yield from self._at_call(origins)

    def _at_call(self, origins: list[Origin]) -> Iterator[Forgotten]:
        """What a call gives may be one of several pools; to forget it is one fault."""
        for origin in origins:
            if self._may_matter(origin) and (hook := self._hook(origin)) is not None:
                if not any(self._is_ended(one) for one in origins):
                    yield Forgotten(origin, hook, next(self.closings.missed(origin), None))
                return

    def _may_matter(self, origin: Origin) -> bool:
        made = origin.made
        if any(one.module.context is not facts.Context.APPLICATION for one in origin.chain()):
            return False
        if made.kind not in _ASYNC and made.kind is not Kind.ENGINE and not _is_async_psycopg(made.name):
            return False
        if made.is_sqlalchemy and keeps(self.reader, made) is not True:
            return False
        return not (is_local_file(self.reader, made) or is_for_tests(self.reader, made) or is_used_once(made))

    def _is_ended(self, origin: Origin) -> bool:
        for one in origin.chain():
            if is_entered(one.made) or is_disposed_here(one.made):
                return True
            if one.function is not None and is_disposed(self.reader.evaluator, one.call, one.function):
                return True
        return next(self.closings.of(origin), None) is not None or self.closings.is_given_away(origin)

    def _hook(self, origin: Origin) -> Hook | None:
        """The hook of the application that a pool belongs to; None for one that lives no longer than a call."""
        if origin.made.kind is Kind.ENGINE:
            return next((hook for hook in self._hooks if _cleans_up_beside(origin, hook)), None)
        return next((hook for hook in self._hooks if self._belongs(origin, hook)), None)

    def _belongs(self, origin: Origin, hook: Hook) -> bool:
        if hook.what == "exit stack":
            return origin.function is hook.function
        evaluator = self.reader.evaluator
        function = origin.function
        if function is not None and (function is hook.function or sets_up(evaluator, function, hook)):
            return True
        imported = imported_by(evaluator.project, hook.module.name)
        if origin.module.name not in imported and not self._is_started_beside(origin, hook):
            return False
        return self._lasts(origin.call, origin.scope, hook, 0)

    def _is_started_beside(self, origin: Origin, hook: Hook) -> bool:
        """Whether something that makes the pool, through others, sets the application up as well."""
        seen: set[int] = set()
        queue = [(origin.scope, 0)]
        while queue:
            scope, depth = queue.pop()
            if isinstance(scope, Function) and id(scope) not in seen and depth <= _DEEPEST:
                seen.add(id(scope))
                if sets_up(self.reader.evaluator, scope, hook):
                    return True
                queue.extend((caller, depth + 1) for _, caller in self.reader.callers.of(scope))
        return False

    def _lasts(self, made: facts.Call, scope: Scope, hook: Hook, depth: int) -> bool:
        """Whether what a call gives stays as long as the application runs."""
        if not isinstance(scope, Function):
            return True
        evaluator = self.reader.evaluator
        if depth > _DEEPEST:
            return False
        if is_cached(evaluator, scope):
            return self._is_called(scope)
        if scope is hook.function or sets_up(evaluator, scope, hook):
            return True
        if not is_stored(scope, made, derived=True):
            return False
        if scope.owner is None or not _stays_on_self(scope, made):
            return self._is_called(scope)
        return any(self._lasts(call, where, hook, depth + 1) for call, where in self._constructions(scope.owner))

    def _is_called(self, function: Function) -> bool:
        if id(function) in self.requested or any(hook.function is function for hook in self._hooks):
            return True
        calls = self.reader.callers.of(function)
        return any(module_of(scope).context is facts.Context.APPLICATION for _, scope in calls)

    def _constructions(self, cls: Class) -> Iterator[tuple[facts.Call, Scope]]:
        for call, scope in self.reader.callers.making(cls):
            if module_of(scope).context is facts.Context.APPLICATION:
                yield call, scope


def _is_async_psycopg(name: str) -> bool:
    return name.rpartition(".")[2].startswith("Async")


def _cleans_up_beside(origin: Origin, hook: Hook) -> bool:
    """Whether the function that makes a pool sees itself to the end of other things."""
    if origin.function is None or not (hook.what == "exit stack" or ends_others(hook)):
        return False
    return origin.function is hook.function or origin.function is hook.scope


def _stays_on_self(function: Function, made: walking.Fact) -> bool:
    """Whether a method keeps it on its object, and nowhere else."""
    first = function.node.params[0].name if function.is_method else ""
    for fact in function.body:
        if isinstance(fact, facts.Assign) and any(inner is made for inner in walking.within([fact.value])):
            return all(isinstance(t, facts.Attr) and walking.is_name(t.base, first) for t in fact.targets)
    return True


def closing_code(found: Forgotten) -> str:
    """The statement that would close the pool in the lifespan, "" where that does not know it by a sure name."""
    origin, hook = found.origin, found.hook
    lifespan = hook.function if hook.what == "lifespan" and found.missed is None else None
    if lifespan is None or lifespan.module is not origin.module or not lifespan.node.asynchronous:
        return ""
    name = _name_of(origin, lifespan) if lifespan.node.generator else ""
    if not name or origin.made.kind is Kind.ENGINE:
        return f"{name}.dispose()" if name else ""
    if origin.made.kind is Kind.DATABASES:
        return f"await {name}.disconnect()"
    return f"await {name}.{'dispose' if origin.made.is_sqlalchemy else 'close'}()"


def _name_of(origin: Origin, lifespan: Function) -> str:
    """What the pool is assigned to where the lifespan can see it: a global of the file, or something of its own."""
    if origin.scope is lifespan or origin.scope is lifespan.parent:
        body = lifespan.body if origin.scope is lifespan else lifespan.parent.body if lifespan.parent else ()
    elif origin.scope is origin.module:
        body = tuple(f for piece in origin.module.pieces.values() for f in walking.statements(piece.body))
    else:
        return ""
    for fact in body:
        if isinstance(fact, facts.Assign) and walking.awaited(fact.value) is origin.call and len(fact.targets) == 1:
            return ".".join(walking.chain(fact.targets[0]) or ())
    return ""
