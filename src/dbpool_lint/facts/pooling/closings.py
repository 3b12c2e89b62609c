"""Who may end a pool? Every place of the project that closes one, or hands it to something that could.

Certainty first: a call of `.dispose()` on something unknown may end any engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import called_outside
from dbpool_lint.facts.callgraph.idleness import is_never_run
from dbpool_lint.facts.configuration.arguments import all_calls
from dbpool_lint.facts.evaluation.classes import lookup, outside_bases
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    External,
    Instance,
    Kinded,
    Literal,
    Object,
    Routine,
    Type,
    Value,
)
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.pooling.descent import Origin, Pools
from dbpool_lint.facts.pooling.provenance import Provenance, is_open
from dbpool_lint.facts.project import Function, Scope, module_of
from dbpool_lint.knowledge.kinds import POOLS, Kind
from dbpool_lint.knowledge.lifecycles import (
    CLOSING,
    CLOSINGS,
    ENTERING,
    NOT_OWNING,
    NOT_OWNING_PACKAGES,
    POOLISH,
)

_LIVING = frozenset({facts.Context.APPLICATION})
_COROUTINES = frozenset({Kind.ASYNC_ENGINE, Kind.DATABASES})


@dataclass(frozen=True, slots=True)
class Closing:
    """A place that may end a pool: the method's name, or "" where it is entered, and the pools that it may be.

    `kinds` are those that it may be of where not all is known. `unawaited` when the coroutine that would end it is
    made and thrown away.
    """

    fact: walking.Fact
    scope: Scope
    method: str
    sources: Pools
    kinds: frozenset[Kind]
    named: str = ""
    keeps_open: bool = False
    unawaited: bool = False

    def ends(self, origin: Origin) -> bool:
        """Whether the place may end that very pool."""
        return not self.keeps_open and not self.unawaited and self.touches(origin)

    def touches(self, origin: Origin) -> bool:
        """Whether it may end the pool, or make it forget its connections: `dispose(close=False)`."""
        kind = origin.made.kind
        if self.method and self.method not in CLOSING.get(kind, ()):
            return False
        if any(one in self.sources.origins for one in origin.chain()):
            return True
        if any(found.inner in origin.chain() for found in self.sources.origins if found.inner and origin.inner is None):
            return True
        if self.sources.complete or kind not in self.kinds:
            return False
        return self.method == "dispose" or bool(POOLISH.search(self.named))


@dataclass(slots=True)
class Closings:
    """All such places of the project, found once."""

    origins: Provenance
    _found: list[Closing] = field(default_factory=list)
    _given: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._found = [
            closing for scope, fact in _facts(self.origins.reader.evaluator) for closing in self._of(fact, scope)
        ]

    def of(self, origin: Origin) -> Iterator[Closing]:
        """The places that may end a pool; those in functions that nobody runs are none."""
        return (closing for closing in self._found if closing.ends(origin) and not self._is_dead(closing.scope))

    def missed(self, origin: Origin) -> Iterator[Closing]:
        """The places that were meant to end a pool, and do not: without `await`, or in a function that nobody runs."""
        certain = (closing for closing in self._found if closing.touches(origin) and closing.sources.origins)
        return (one for one in certain if one.unawaited or self._is_dead(one.scope))

    def _is_dead(self, scope: Scope) -> bool:
        return isinstance(scope, Function) and is_never_run(self.origins.reader, scope)

    def touching(self, origin: Origin) -> Iterator[Closing]:
        """The places that may end a pool, or make it forget its connections."""
        return (closing for closing in self._found if closing.touches(origin))

    def _of(self, fact: walking.Fact, scope: Scope) -> Iterator[Closing]:
        if isinstance(fact, facts.Attr) and fact.name in CLOSINGS:
            yield from self._method(fact, scope)
        elif isinstance(fact, facts.With):
            for item in fact.items:
                yield from self._entered(item.value, item, scope)
        elif isinstance(fact, facts.Call):
            name = fact.func.name if isinstance(fact.func, facts.Attr) else ""
            name = fact.func.id if isinstance(fact.func, facts.Name) else name
            if name in ENTERING:
                for arg in fact.args:
                    yield from self._entered(arg, fact, scope)
            elif name == "getattr" and len(fact.args) > 1 and (method := walking.literal(fact.args[1])) in CLOSINGS:
                yield self._closing(fact, scope, str(method), fact.args[0])

    def _method(self, fact: facts.Attr, scope: Scope) -> Iterator[Closing]:
        evaluator = self.origins.reader.evaluator
        values = evaluator.values(fact.base, scope)
        if not any(v is UNKNOWN or isinstance(v, (External, Kinded, Object, Literal)) for v in values):
            return  # an object of the project, a module: what its `close` does is looked at there
        yield self._closing(fact, scope, fact.name, fact.base)

    def _closing(self, fact: walking.Fact, scope: Scope, method: str, base: facts.Expr) -> Closing:
        values = self.origins.reader.evaluator.values(base, scope)
        promised = frozenset(v.kind for v in values if isinstance(v, Kinded))
        sources = self.origins.of(base, scope)
        if not sources.origins and (promised or not any(is_open(v) for v in values)):
            sources = Pools((), not promised & POOLS)
        return Closing(
            fact,
            scope,
            method,
            sources,
            promised or POOLS,
            _said(base),
            _keeps_open(fact, scope),
            self._is_dropped(fact, base, scope),
        )

    def _is_dropped(self, fact: walking.Fact, base: facts.Expr, scope: Scope) -> bool:
        """`engine.dispose()` as a statement, of an async engine for certain: nothing is run."""
        values = self.origins.reader.evaluator.values(base, scope)
        if not values or not all(isinstance(v, Kinded) and v.kind in _COROUTINES for v in values):
            return False
        statements = walking.statements(scope.node.body) if isinstance(scope, Function) else ()
        return any(
            isinstance(s, facts.Evaluate) and isinstance(s.value, facts.Call) and s.value.func is fact
            for s in statements
        )

    def _entered(self, value: facts.Expr, fact: walking.Fact, scope: Scope) -> Iterator[Closing]:
        sources = self.origins.of(value, scope)
        if sources.origins and not isinstance(value, facts.Attr | facts.Name) and not _is_made_by(value, sources):
            return
        if sources.origins:
            yield Closing(fact, scope, "", sources, POOLS)

    def is_given_away(self, origin: Origin) -> bool:
        """Whether a pool is handed to something outside the project, or unknown, that may end it."""
        if id(origin) not in self._given:
            evaluator = self.origins.reader.evaluator
            self._given[id(origin)] = any(
                self._is_handed(origin, call, scope)
                for call, scope in all_calls(evaluator)
                if module_of(scope).context is not facts.Context.TEST
            )
        return self._given[id(origin)]

    def _is_handed(self, origin: Origin, call: facts.Call, scope: Scope) -> bool:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        handed = [
            arg for arg in given if isinstance(arg, (facts.Name, facts.Attr, facts.Item, facts.Call, facts.Await))
        ]
        handed = [arg for arg in handed if not (isinstance(arg, facts.Attr) and arg.name == "sync_engine")]
        if not handed or _keeps_to_itself(self.origins.reader.evaluator, call, scope):
            return False
        return any(one in self.origins.of(arg, scope).origins for arg in handed for one in origin.chain())


def _keeps_to_itself(evaluator: Evaluator, call: facts.Call, scope: Scope) -> bool:
    """Whether what a call hands over stays where the project can see it, or with something that only uses it."""
    if isinstance(call.func, facts.Attr) and call.func.name in NOT_OWNING:
        return True
    values = evaluator.values(call.func, scope)
    if values and all(_is_in_sight(evaluator, v) for v in values):
        return True
    names = called_outside(evaluator, call, scope)
    certain = all(v is not UNKNOWN or names for v in values)
    return bool(names) and certain and all(name.partition(".")[0] in NOT_OWNING_PACKAGES for name in names)


def _is_in_sight(evaluator: Evaluator, value: Value) -> bool:
    """Whether calling a value runs the project's own code, or makes a session or connection."""
    if isinstance(value, Type):
        bases = outside_bases(evaluator, value.cls)
        known = {name for name in bases if name.partition(".")[0] in NOT_OWNING_PACKAGES}
        return bases == known or lookup(evaluator, value.cls, "__init__") is not None
    return isinstance(value, (Routine, Kinded, Instance))


def _keeps_open(fact: walking.Fact, scope: Scope) -> bool:
    """`engine.dispose(close=False)` forgets connections in a child process and ends none."""
    body = scope.body if isinstance(scope, Function) else ()
    return any(
        isinstance(call, facts.Call)
        and call.func is fact
        and any(k.name == "close" and walking.literal(k.value) is False for k in call.keywords)
        for call in body
    )


def _is_made_by(value: facts.Expr, sources: Pools) -> bool:
    return any(origin.call is walking.awaited(value) for origin in sources.origins)


def _said(fact: facts.Expr) -> str:
    """The last words of an expression that is closed."""
    while isinstance(fact, (facts.Await, facts.Call)):
        fact = fact.value if isinstance(fact, facts.Await) else fact.func
    if isinstance(fact, facts.Item):
        return f"{_said(fact.base)} {walking.literal(fact.index)}"
    return ".".join(walking.chain(fact) or [fact.name if isinstance(fact, facts.Attr) else "pool"])


def _facts(evaluator: Evaluator) -> Iterator[tuple[Scope, walking.Fact]]:
    """Everything that applications run, lambdas included."""
    for module in evaluator.project.modules.values():
        if module.context not in _LIVING:
            continue
        for piece in module.pieces.values():
            yield from ((module, fact) for fact in walking.within(piece.body, _enters))
        for function in module.all_functions:
            yield from ((function, fact) for fact in walking.within(function.node.body, _enters))
        for cls in module.all_classes:
            yield from ((cls, fact) for fact in walking.within(cls.node.body, _enters))


def _enters(fact: walking.Fact) -> bool:
    return not isinstance(fact, (facts.Function, facts.Class))


def closings_of(project: Linked) -> Closings:
    """Everything of the project that may end a pool, worked out once."""
    return project.remember("closings", lambda: Closings(Provenance(project.reader, _by_call(project))))


def _by_call(project: Linked) -> dict[int, Creation]:
    return {id(made.call): made for made in project.creations}
