"""Can code that works on a database raise Python's own `TimeoutError`, and does it take a connection of a pool?

What cannot be read may raise anything: only code of which every call is known is called calm.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import called_outside
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import (
    External,
    Generated,
    Instance,
    Kinded,
    Literal,
    Object,
    Routine,
    Type,
    Value,
    kinds,
)
from dbpool_lint.facts.failing.catching import attempts, of_try
from dbpool_lint.facts.project import Class, Function, Scope
from dbpool_lint.knowledge.kinds import USING_METHODS, Kind
from dbpool_lint.knowledge.timeouts import BUILTIN_TIMEOUTS, CATCHING_POOLS, is_calm

_DEEPEST = 8
_DATABASE = frozenset(
    {
        Kind.ENGINE,
        Kind.ASYNC_ENGINE,
        Kind.FACTORY,
        Kind.ASYNC_FACTORY,
        Kind.SCOPED,
        Kind.SESSION,
        Kind.ASYNC_SESSION,
        Kind.CONNECTION,
        Kind.ASYNC_CONNECTION,
        Kind.FLASK_SQLALCHEMY,
        Kind.POOL,
    }
)
_SESSIONS = frozenset({Kind.SESSION, Kind.ASYNC_SESSION, Kind.SCOPED})
_ENGINES = frozenset({Kind.ENGINE, Kind.ASYNC_ENGINE})
_SQL = frozenset(
    {"execute", "exec", "scalar", "scalars", "stream", "stream_scalars", "get", "get_one", "query", "refresh", "flush"}
    | {"commit", "merge", "connection", "delete"}
    | {"bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"}
)
"""Methods of a session that may take its connection."""

_PLAIN_METHODS = frozenset(
    {"scalar", "scalars", "scalar_one", "scalar_one_or_none", "one", "one_or_none", "first", "all", "fetchone"}
    | {"fetchall", "fetchmany", "mappings", "unique", "tuples", "columns", "partitions", "close", "get", "count"}
    | {"where", "filter", "filter_by", "order_by", "limit", "offset", "join", "outerjoin", "select_from", "options"}
    | {"group_by", "having", "distinct", "with_for_update", "values", "returning", "on_conflict_do_nothing"}
    | {"on_conflict_do_update", "execution_options", "keys", "items", "append", "extend", "add", "update", "format"}
    | {"strip", "split", "lower", "upper", "replace", "startswith", "isoformat", "total_seconds", "_asdict", "copy"}
)
"""Methods of results, statements and plain values."""


class Mood(enum.IntFlag):
    """What a piece of code may do: nothing of note, take a connection of a pool, or anything."""

    CALM = 0
    TAKES = 1
    UNKNOWN = 2


@dataclass(slots=True)
class Moods:
    """Answers for one project."""

    reader: Reader
    _known: dict[int, Mood] = field(default_factory=dict)

    @property
    def evaluator(self) -> Evaluator:
        return self.reader.evaluator

    def _kinds(self, fact: facts.Expr, scope: Scope) -> frozenset[Kind]:
        """The kinds of an expression; of a bare parameter those that callers hand over."""
        return kinds(self.evaluator.values(fact, scope)) or kinds(self.reader.values((fact, scope)))

    def of(self, roots: Iterable[walking.Fact], scope: Scope, depth: int = 0) -> Mood:
        """What running the statements may do; functions and lambdas inside are not run by it."""
        found = Mood.CALM
        for fact in walking.within(roots):
            found |= self._of_fact(fact, scope, depth)
            if found & Mood.UNKNOWN:
                return Mood.UNKNOWN
        return found

    def _of_fact(self, fact: walking.Fact, scope: Scope, depth: int) -> Mood:
        if isinstance(fact, facts.Call):
            return self._call(fact, scope, depth)
        if isinstance(fact, facts.Await):
            inner = walking.awaited(fact)
            return Mood.CALM if isinstance(inner, facts.Call) else self._known_thing(inner, scope)
        if isinstance(fact, facts.Entered):
            inner = walking.awaited(fact.value)
            return Mood.CALM if isinstance(inner, facts.Call) else self._known_thing(inner, scope)
        if isinstance(fact, facts.For) and fact.asynchronous and not isinstance(fact.source, facts.Call):
            return self._known_thing(fact.source, scope)
        if isinstance(fact, facts.Raise) and fact.value is not None:
            raised = fact.value.func if isinstance(fact.value, facts.Call) else fact.value
            names = {v.name for v in self.evaluator.values(raised, scope) if isinstance(v, External)}
            return Mood.UNKNOWN if names & BUILTIN_TIMEOUTS else Mood.CALM
        return Mood.UNKNOWN if isinstance(fact, facts.Yield) and depth == 0 else Mood.CALM

    def _known_thing(self, fact: facts.Expr, scope: Scope) -> Mood:
        if self._kinds(fact, scope) & _DATABASE or self._is_derived(fact, scope, 0):
            return Mood.TAKES
        return Mood.UNKNOWN

    def _call(self, call: facts.Call, scope: Scope, depth: int) -> Mood:
        if isinstance(call.func, facts.Attr):
            base = self._kinds(call.func.base, scope)
            if base and base <= _DATABASE:
                return self._method(call, call.func, base)
            if call.func.name in _PLAIN_METHODS and self._is_derived(call.func.base, scope, 0):
                return Mood.CALM
        values = self.evaluator.values(call.func, scope)
        outside = called_outside(self.evaluator, call, scope)
        if outside and not any(isinstance(value, (Routine, Type, Instance)) for value in values):
            return Mood.CALM if all(is_calm(name) for name in outside) else Mood.UNKNOWN
        found = Mood.CALM if values else Mood.UNKNOWN
        for value in values:
            found |= self._value(value, scope, depth)
        return found

    def _method(self, call: facts.Call, func: facts.Attr, base: frozenset[Kind]) -> Mood:
        if func.name == "run_sync":
            run = call.args[0] if call.args else None
            return Mood.TAKES if isinstance(run, facts.Attr) and run.name in USING_METHODS else Mood.UNKNOWN
        if base & _ENGINES:
            return Mood.TAKES if func.name in ("connect", "begin", "raw_connection") else Mood.CALM
        return Mood.TAKES if base & _SESSIONS and func.name in _SQL else Mood.CALM

    def _value(self, value: Value, scope: Scope, depth: int) -> Mood:
        if isinstance(value, Kinded):
            return Mood.CALM if value.kind in _DATABASE else Mood.UNKNOWN
        if isinstance(value, Routine):
            return self._function(value.function, depth)
        if isinstance(value, Type):
            return self._making(value.cls, depth)
        return Mood.CALM if isinstance(value, Literal) else Mood.UNKNOWN

    def _making(self, cls: Class, depth: int) -> Mood:
        made = cls.methods.get("__init__") or cls.methods.get("__post_init__")
        return self._function(made, depth) if made is not None else Mood.CALM

    def _function(self, function: Function, depth: int) -> Mood:
        """What calling a function of the project may do; unknown decorators may do anything."""
        if depth > _DEEPEST:
            return Mood.UNKNOWN
        if id(function) not in self._known:
            self._known[id(function)] = Mood.CALM  # a function that calls itself does what else it does
            calm = all(is_calm(name) for name in self.evaluator.decorator_names(function))
            found = self.of(function.node.body, function, depth + 1) if calm else Mood.UNKNOWN
            self._known[id(function)] = found if not self._translates(function) else Mood.UNKNOWN
        return self._known[id(function)]

    def _translates(self, function: Function) -> bool:
        """Whether a function makes something else of a pool's error."""
        return any(
            of_try(self.evaluator, attempt.statement, function).names & CATCHING_POOLS
            and not all(_raises_again(handler) for handler in attempt.statement.handlers)
            for attempt in attempts(self.evaluator, function)
        )

    def _is_derived(self, fact: facts.Expr, scope: Scope, depth: int) -> bool:
        """Whether an expression is what a session or connection gave: a result, a row, an object."""
        if depth > _DEEPEST:
            return False
        while isinstance(fact, (facts.Call, facts.Attr, facts.Await, facts.Item)):
            if isinstance(fact, facts.Attr) and self._kinds(fact.base, scope) & _DATABASE:
                return True
            fact = _left(fact)
        if isinstance(fact, (facts.Const, facts.Text, facts.Sequence, facts.Mapping, facts.Comprehension)):
            return True
        if not isinstance(fact, facts.Name) or not isinstance(scope, Function) or scope.param(fact.id) is not None:
            return False
        values = self.evaluator.values(fact, scope)
        if any(isinstance(value, (Instance, Object, Routine, Type, External, Generated)) for value in values):
            return False
        given = [b.value for b in scope.bound.get(fact.id, ())] or list(_looped(fact.id, scope))
        return bool(given) and all(value is not None and self._gives(value, scope, depth + 1) for value in given)

    def _gives(self, fact: facts.Expr, scope: Scope, depth: int) -> bool:
        """`rows = await session.execute(…)`, `total = sum(…)`: SQLAlchemy's own things, or plain ones."""
        inner = walking.awaited(fact)
        if isinstance(inner, facts.Call) and not isinstance(inner.func, facts.Attr):
            outside = called_outside(self.evaluator, inner, scope)
            return bool(outside) and all(name.startswith(("sqlalchemy.", "builtins.", "sqlmodel.")) for name in outside)
        if isinstance(inner, facts.Call):
            outside = called_outside(self.evaluator, inner, scope)
            if outside and all(name.startswith(("sqlalchemy.", "time.", "datetime.")) for name in outside):
                return True
        return self._is_derived(inner, scope, depth)


def _looped(name: str, function: Function) -> Iterator[facts.Expr]:
    """What the comprehensions of a function let a name run through."""
    for fact in function.body:
        if isinstance(fact, facts.Clause) and any(walking.is_name(one, name) for one in walking.targets(fact.target)):
            yield fact.source


def _raises_again(handler: facts.Handler) -> bool:
    return any(isinstance(s, facts.Raise) and s.value is None for s in walking.statements(handler.body))


def _left(fact: facts.Call | facts.Attr | facts.Await | facts.Item) -> facts.Expr:
    if isinstance(fact, facts.Call):
        return fact.func
    return fact.value if isinstance(fact, facts.Await) else fact.base
