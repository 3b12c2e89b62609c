"""What do sums of a pool's counters say? Which counters an expression is made of, through variables and dicts.

`size()` is the configured pool size, `overflow()` the number of open connections less that: it starts at minus the
pool size. So open = size + overflow = checkedout + checkedin, whatever the pool does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.evaluation.classes import bases_of
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.values import UNKNOWN, External, Instance, Kinded, Routine, Type, Values, kinds
from dbpool_lint.facts.project import Bound, Class, Function, Module, Project, Scope
from dbpool_lint.knowledge.kinds import COUNTERS, METHODS, TELLING_COUNTERS, Kind

_DEEPEST = 14
_NUMBERS = frozenset({"builtins.int", "builtins.float", "builtins.round", "typing.cast"})
_ROUNDS = 2
_TOLD_BY = TELLING_COUNTERS | {"overflow"}
_SQLALCHEMY = frozenset({"sqlalchemy", "sqlmodel", "flask_sqlalchemy", "flask_sqlmodel"})


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum of one pool's counters, each taken some times; `other` when there is more in it than that.

    `clamped` stands for `max(0, overflow())`. `pool` is where the pool stands, `key` tells it from other pools.
    """

    size: float = 0
    checkedout: float = 0
    checkedin: float = 0
    overflow: float = 0
    clamped: float = 0
    other: bool = False
    key: str = ""
    pool: Place | None = None

    @property
    def counts(self) -> tuple[float, float, float, float, float]:
        return (self.size, self.checkedout, self.checkedin, self.overflow, self.clamped)

    @property
    def reduced(self) -> tuple[float, float, float]:
        """The same without overflow: how often the size, what is checked out and what is checked in are taken."""
        return (self.size - self.overflow, self.checkedout + self.overflow, self.checkedin + self.overflow)

    @property
    def is_pure(self) -> bool:
        """Whether it is made of counters alone."""
        return any(self.counts) and not self.other and not self.clamped

    def times(self, factor: float) -> Sum:
        size, out, idle, over, clamped = (count * factor for count in self.counts)
        return Sum(size, out, idle, over, clamped, self.other, self.key, self.pool)

    def plus(self, more: Sum) -> Sum:
        if self.key and more.key and self.key != more.key:
            return REST
        size, out, idle, over, clamped = (a + b for a, b in zip(self.counts, more.counts, strict=True))
        other, pool = self.other or more.other, self.pool or more.pool
        return Sum(size, out, idle, over, clamped, other, self.key or more.key, pool)


REST = Sum(other=True)


@dataclass(slots=True)
class Counting:
    """Reads counters of one project's pools."""

    reader: Reader
    _known: dict[tuple[int, int], Sum] = field(default_factory=dict)
    _alone: bool | None = None

    def sum(self, fact: facts.Expr, scope: Scope, depth: int = 0) -> Sum:
        """What counters an expression is the sum of."""
        key = (id(fact), id(scope))
        if key not in self._known:
            self._known[key] = REST  # a sum that is defined by itself
            self._known[key] = self._sum(fact, scope, depth + 1) if depth < _DEEPEST else REST
        return self._known[key]

    def _sum(self, fact: facts.Expr, scope: Scope, depth: int) -> Sum:
        if isinstance(fact, facts.Const):
            return Sum(other=bool(fact.value))
        if isinstance(fact, facts.Binary):
            return self._binary(fact, scope, depth)
        if isinstance(fact, (facts.Await, facts.Walrus)):
            return self.sum(fact.value, scope, depth)
        if isinstance(fact, facts.Logic) and fact.op == "or" and isinstance(fact.operands[-1], facts.Const):
            return self.sum(fact.operands[0], scope, depth) if len(fact.operands) == 2 else REST
        if isinstance(fact, facts.Choice):
            return self._choice(fact, scope, depth)
        if isinstance(fact, facts.Call):
            return self._call(fact, scope, depth)
        if isinstance(fact, facts.Name):
            return self._name(fact.id, scope, depth)
        if isinstance(fact, facts.Item):
            return self._item(fact.base, fact.index, scope, depth)
        return self._attribute(fact, scope, depth) if isinstance(fact, facts.Attr) else REST

    def _binary(self, fact: facts.Binary, scope: Scope, depth: int) -> Sum:
        left, right = self.sum(fact.left, scope, depth), self.sum(fact.right, scope, depth)
        if fact.op in ("+", "-"):
            return left.plus(right.times(1 if fact.op == "+" else -1))
        if fact.op == "*":
            for factor, rest in ((walking.literal(fact.left), right), (walking.literal(fact.right), left)):
                if isinstance(factor, (int, float)):
                    return rest.times(factor)
        return REST

    def _choice(self, fact: facts.Choice, scope: Scope, depth: int) -> Sum:
        """`pool.size() if … else 0`: the number stands in where there is no pool, or for what is negative."""
        for value, other in ((fact.then, fact.other), (fact.other, fact.then)):
            if isinstance(other, facts.Const):
                found = self.sum(value, scope, depth)
                return _at_least_zero(found) if isinstance(fact.test, facts.Compare) else found
        return REST

    def _call(self, fact: facts.Call, scope: Scope, depth: int) -> Sum:
        if isinstance(fact.func, facts.Attr):
            counter = self.counter(fact, scope)
            if counter is not None:
                return counter
            if fact.func.name == "get" and fact.args:
                return self._item(fact.func.base, fact.args[0], scope, depth)
        values = self.reader.evaluator.values(fact.func, scope)
        names = {value.name for value in values if isinstance(value, External)}
        if names and names <= _NUMBERS and fact.args:
            return self.sum(fact.args[-1] if "typing.cast" in names else fact.args[0], scope, depth)
        if names == {"builtins.max"} and len(fact.args) == 2:
            return self._clamped(fact, scope, depth)
        return self._result(values, depth)

    def _clamped(self, fact: facts.Call, scope: Scope, depth: int) -> Sum:
        given = [arg for arg in fact.args if walking.literal(arg) != 0]
        return _at_least_zero(self.sum(given[0], scope, depth)) if len(given) == 1 else REST

    def _result(self, values: Values, depth: int) -> Sum:
        """What a helper of the project counts."""
        routines = [value.function for value in values if isinstance(value, Routine)]
        results = [(fact, f) for f in routines for fact in returned(f) if not isinstance(fact, facts.Const)]
        return self.sum(*results[0], depth) if len(results) == 1 and len(values) == 1 else REST

    def counter(self, fact: facts.Call, scope: Scope) -> Sum | None:
        """The counter that a call reads; None for any other call."""
        if not isinstance(fact.func, facts.Attr) or fact.func.name not in COUNTERS or fact.args or fact.keywords:
            return None
        base = fact.func.base
        if not self.is_pool(base, scope):
            return None
        size, out, idle, over = (
            int(fact.func.name == name) for name in ("size", "checkedout", "checkedin", "overflow")
        )
        return Sum(size, out, idle, over, key=self._key(base, scope), pool=(base, scope))

    def _name(self, name: str, scope: Scope, depth: int) -> Sum:
        bounds, owner = _bounds(name, scope)
        values = [b.value for b in bounds if b.how == "value" and b.value is not None]
        counted = [value for value in values if not isinstance(value, facts.Const)]
        if len(counted) != 1 or len(values) != len(bounds):
            return REST
        found = self.sum(counted[0], owner, depth)
        # another, literal value may be what stands in for a negative one
        return found if len(values) == 1 else _at_least_zero(found)

    def _item(self, base: facts.Expr, index: facts.Expr, scope: Scope, depth: int) -> Sum:
        """`stats["size"]`"""
        key = walking.literal(index)
        if not isinstance(key, str):
            return REST
        places = self.reader.table(base, scope).entries.get(key, [])
        counted = [place for place in places if not isinstance(place[0], facts.Const)]
        return self.sum(*counted[0], depth) if len(counted) == 1 else REST

    def _attribute(self, fact: facts.Attr, scope: Scope, depth: int) -> Sum:
        """`self.size`, stored by a method of the class."""
        places = [
            place
            for value in self.reader.evaluator.values(fact.base, scope)
            if isinstance(value, (Instance, Type))
            for place in self._stored(value.cls, fact.name)
        ]
        return self.sum(*places[0], depth) if len(places) == 1 else REST

    def _stored(self, cls: Class, name: str) -> list[Place]:
        found = [p for owner in bases_of(self.reader.evaluator, cls) for p in owner.stored.get(name, ())]
        return [(value, function) for function, value in found if not isinstance(value, facts.Const)]

    def is_pool(self, fact: facts.Expr, scope: Scope) -> bool:
        """Whether an expression is the pool of a SQLAlchemy engine."""
        kind = self._kind(fact, scope, 0)
        return kind is Kind.POOL if kind is not None else self._speaks(fact, scope)

    def _kind(self, fact: facts.Expr, scope: Scope, depth: int) -> Kind | None:
        """The kind of an engine or pool, followed further than the evaluator does: to what callers hand over."""
        if depth > _DEEPEST:
            return None
        found = {*kinds(self.reader.values((fact, scope)))}
        if found:
            return found.pop() if len(found) == 1 else None
        if isinstance(fact, facts.Name):
            bounds, owner = _bounds(fact.id, scope)
            given = [b.value for b in bounds if b.how == "value" and b.value is not None]
            return self._kind(given[0], owner, depth + 1) if len(given) == 1 else None
        if isinstance(fact, facts.Attr):
            return self._kind_of_attribute(fact, scope, depth)
        if isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr):
            base = self._kind(fact.func.base, scope, depth + 1)
            return METHODS.get((base, fact.func.name)) if base is not None else None
        return None

    def _kind_of_attribute(self, fact: facts.Attr, scope: Scope, depth: int) -> Kind | None:
        evaluator = self.reader.evaluator
        for value in evaluator.values(fact.base, scope):
            if isinstance(value, (Instance, Type)):
                places = self._stored(value.cls, fact.name)
                return self._kind(*places[0], depth + 1) if len(places) == 1 else None
        base = self._kind(fact.base, scope, depth + 1)
        values = evaluator.attribute(Kinded(base), fact.name, scope) if base is not None else ()
        return min(kinds(values), default=None)

    def _speaks(self, fact: facts.Expr, scope: Scope) -> bool:
        """Whether a `pool` of something of no known kind is asked `checkedout()`, as only SQLAlchemy's pools are."""
        if any(value is not UNKNOWN for value in self.reader.evaluator.values(fact, scope)):
            return False
        if not self._are_sqlalchemys():
            return False
        key = self._key(fact, scope)
        if not key.endswith(".pool"):
            return False
        told = (f for f in run_by(scope) if isinstance(f, facts.Attr) and f.name in TELLING_COUNTERS)
        return any(self._key(one.base, scope) == key for one in told)

    def _are_sqlalchemys(self) -> bool:
        """Whether the project uses SQLAlchemy and has nothing of its own that counts so."""
        if self._alone is None:
            project = self.reader.evaluator.project
            imported = {b.module.partition(".")[0] for m in project.modules.values() for b in m.imports()}
            own = any(function.node.name in TELLING_COUNTERS for function in project.functions())
            self._alone = bool(imported & _SQLALCHEMY) and not own
        return self._alone

    def _key(self, fact: facts.Expr, scope: Scope, depth: int = 0) -> str:
        """A text that is the same for the same pool, as far as it can be seen."""
        if isinstance(fact, facts.Attr):
            base = self._key(fact.base, scope, depth)
            return base if fact.name == "sync_engine" else f"{base}.{fact.name}"
        if isinstance(fact, facts.Call) and not fact.args and not fact.keywords:
            return f"{self._key(fact.func, scope, depth)}()"
        if isinstance(fact, facts.Call) and walking.chain(fact.func) in (["cast"], ["typing", "cast"]):
            return self._key(fact.args[-1], scope, depth)
        if not isinstance(fact, facts.Name):
            return str(id(fact))
        bounds, owner = _bounds(fact.id, scope)
        values = [b.value for b in bounds if b.value is not None and not isinstance(b.value, facts.Const)]
        if len(values) != 1 or bounds[0].how != "value" or depth > _DEEPEST:
            return fact.id
        return self._key(values[0], owner, depth + 1)


def _at_least_zero(found: Sum) -> Sum:
    """The same where a negative overflow may have been replaced."""
    return replace(found, overflow=0, clamped=found.clamped + found.overflow) if found.overflow else found


def _bounds(name: str, scope: Scope) -> tuple[list[Bound], Scope]:
    """How a name is bound, and in which scope; nothing for parameters."""
    while isinstance(scope, (Function, Class)):
        if isinstance(scope, Function) and name not in scope.global_names:
            if scope.param(name) is not None:
                return [], scope
            if name in scope.bound:
                return scope.bound[name], scope
        scope = scope.parent or scope.module
    return scope.bound.get(name, []), scope


def run_by(scope: Scope) -> tuple[walking.Fact, ...]:
    """Everything in a scope, its lambdas included; functions and classes inside are scopes of their own."""
    if isinstance(scope, (Function, Class)):
        roots = scope.node.body
    else:
        roots = tuple(statement for piece in scope.pieces.values() for statement in piece.body)
    return tuple(walking.within(roots, lambda fact: not isinstance(fact, (facts.Function, facts.Class))))


def counting_modules(project: Project) -> frozenset[str]:
    """The modules that ask pools for their counters, and those that may be told: they import such a one."""
    found = frozenset(name for name, module in project.modules.items() if _asks(module))
    for _ in range(_ROUNDS if found else 0):
        found |= {
            name for name, module in project.modules.items() if name not in found and _uses(project, module, found)
        }
    return found


def _asks(module: Module) -> bool:
    return any(
        isinstance(fact, facts.Attr) and fact.name in _TOLD_BY
        for piece in module.pieces.values()
        for fact in walking.everything(piece.body)
    )


def _uses(project: Project, module: Module, modules: frozenset[str]) -> bool:
    meanings = (project.names.binding(binding, module.name) for binding in module.imports())
    return any(getattr(meaning, "module", "") in modules for meaning in meanings)
