"""What does each step of a function do to a lease that a variable holds?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Generated, Kinded, Routine
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate.states import Effect, effect
from dbpool_lint.knowledge.kinds import ANNOTATED, MANAGED_LEASES, POOLS, USING, USING_METHODS, Kind
from dbpool_lint.knowledge.leases import (
    CLOSING,
    FINISHING,
    LAZY,
    MANAGING,
    PREPARING,
    READING,
    SAFE_BUILTINS,
    UNDOING,
    WORKING,
)

_ONLY_READING = frozenset(name for name in USING - ANNOTATED.keys() if name.startswith("sqlalchemy."))
_SCOPES = (facts.Function, facts.Lambda, facts.Class)
_TESTS = (facts.If, facts.While, facts.Assert, facts.Compare, facts.Delete, facts.Text, facts.Case)
_PLAIN = (facts.Evaluate, facts.Assign, facts.Return)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that a function works with.

    `how` is "taken" (assigned from `fact`), "entered" (`with fact as name`), or "given" (a parameter).
    """

    how: str
    name: str
    kind: Kind
    function: Function
    fact: walking.Fact

    @property
    def call(self) -> walking.Fact:
        """The fact without the `await` around it."""
        return walking.awaited(self.fact) if isinstance(self.fact, facts.Await) else self.fact


class Summaries(Protocol):
    """What functions of the project do to the lease in one of their parameters; None where that cannot be told."""

    def summary(self, function: Function, param: str, kind: Kind) -> Effect | None:
        """What calling a function does."""
        ...

    def managed(self, function: Function, param: str, kind: Kind) -> Effect | None:
        """What a context manager does until its block is left."""
        ...


Effects = dict[tuple[str, int], Effect]
"""By "enter", "leave" or "" and the identity of a fact: what happens there."""


class Reader:
    """Reads the effects on one lease."""

    def __init__(self, evaluator: Evaluator, lease: Lease, summaries: Summaries, managed: bool = False) -> None:
        self.evaluator, self.lease, self.function, self.summaries = evaluator, lease, lease.function, summaries
        self.managed = managed
        self.around = lease.function.around
        self.found: Effects = {}
        self.derived: set[str] = set()

    def read(self) -> Effects:
        """All effects of the function's own steps."""
        self._beginning()
        for use in list(self._uses(self.lease.name)):
            self._use(use)
        told: set[str] = set()
        while fresh := self.derived - told:
            told |= fresh
            for name in fresh:
                for use in self._uses(name):
                    self._query(use, use)
        if self.managed or any(e.name == "closes" for e in self.found.values()):
            lent = effect("lends", self.lease.kind)
            self.found = {key: lent if e.name == "yields" else e for key, e in self.found.items()}
        return {key: self._settled(e) for key, e in self.found.items()}

    def _settled(self, found: Effect) -> Effect:
        return effect("escapes", self.lease.kind) if found.name == "yields" else found

    def _beginning(self) -> None:
        if self.lease.how == "taken":
            self._add(self.lease.fact, "takes")
            self._carried()
        elif self.lease.how == "entered":
            self._add(self.lease.fact, "enters", "enter")
            self._add(self.lease.fact, "completes" if self._commits() else "closes", "leave")

    def _commits(self) -> bool:
        """Whether the `with` that lends the lease commits at its end: `engine.begin()`, a helper that does."""
        value = self.lease.fact.value if isinstance(self.lease.fact, facts.Entered) else None
        if not isinstance(value, facts.Call):
            return False
        if isinstance(value.func, facts.Attr) and value.func.name == "begin":
            return True
        made = self.evaluator.values(value, self.function)
        return any(isinstance(v, Generated) and committing(v.function) is not None for v in made)

    def _carried(self) -> None:
        """What is given the object that a lease was put on (`request.state.db`) is there to work with it."""
        root = self.lease.name.partition(".")[0]
        for fact in self.function.body if root != self.lease.name else ():
            if isinstance(fact, facts.Call) and any(walking.is_name(arg, root) for arg in fact.args):
                self._add(fact, "works")

    def _uses(self, name: str) -> Iterator[facts.Expr]:
        for fact in walking.everything(self.function.node.body):
            if is_use(fact, name):
                scope = self._outermost(fact)
                if scope is None:
                    yield fact
                elif not self._hides(scope, name):
                    self._captured(scope)

    def _outermost(self, fact: walking.Fact) -> walking.Fact | None:
        """The nested function or class that a fact stands in, seen from the function itself."""
        found: walking.Fact | None = None
        parent = self.around.get(id(fact))
        while parent is not None and parent is not self.function.node:
            found = parent if isinstance(parent, _SCOPES) else found
            parent = self.around.get(id(parent))
        return found

    def _hides(self, scope: walking.Fact, name: str) -> bool:
        """A nested function with a parameter of that name means another one."""
        return isinstance(scope, (facts.Function, facts.Lambda)) and any(p.name == name for p in scope.params)

    def _captured(self, scope: walking.Fact) -> None:
        """A nested function that is only called on the spot uses the lease; any other may outlive the function."""
        if isinstance(scope, facts.Function) and not scope.decorators and not scope.generator:
            calls = [f for f in self.function.body if isinstance(f, facts.Call) and walking.is_name(f.func, scope.name)]
            named = sum(1 for f in self.function.body if isinstance(f, facts.Name) and f.id == scope.name)
            if calls and named == len(calls) and not _closes_inside(scope, self.lease.name):
                for call in calls:
                    self._add(call, "works")
                return
        self._add(scope, "escapes")

    def _add(self, fact: walking.Fact, name: str, how: str = "") -> None:
        self._put(fact, effect(name, self.lease.kind), how)

    def _put(self, fact: walking.Fact, found: Effect, how: str = "") -> None:
        self.found.setdefault((how, id(fact)), found)

    def _use(self, use: facts.Expr) -> None:
        parent = self.around.get(id(use))
        if isinstance(parent, facts.Attr):
            self._attribute(parent)
        elif isinstance(parent, facts.Assign):
            self._assigned(parent, use)
        elif isinstance(parent, facts.Call) and parent.func is not use:
            self.passed(parent, use, None)
        elif isinstance(parent, facts.Keyword) and isinstance(call := self.around.get(id(parent)), facts.Call):
            self.passed(call, use, parent.name or None)
        elif isinstance(parent, facts.Entered):
            self._entered(parent, use)
        elif isinstance(parent, facts.Logic):
            self._logic(parent, use)
        elif isinstance(parent, facts.Yield):
            self._put(parent, Effect("yields", {}, {}))
        elif isinstance(parent, (facts.For, facts.Clause)) and parent.target is use:
            self._add(parent, "loses")
        elif not isinstance(parent, (*_TESTS, facts.Evaluate)):
            self._add(parent if parent is not None else use, "escapes")

    def _assigned(self, parent: facts.Assign, use: facts.Expr) -> None:
        if not any(target is use for target in parent.targets):
            self._add(parent, "escapes")
        elif not any(fact is self.lease.fact for fact in walking.within([parent.value])) and not self._continues(
            parent.value
        ):
            self._add(parent, "loses")

    def _continues(self, value: facts.Expr) -> bool:
        """`session = session or …`, `conn = conn.execution_options(…)`: the variable keeps its lease."""
        return any(is_use(fact, self.lease.name) for fact in walking.everything([value]))

    def _logic(self, logic: facts.Logic, use: facts.Expr) -> None:
        """A lease is given on by `x = session or other`, not by a test, and not by `session = session or …`."""
        outer = self.around.get(id(logic))
        while isinstance(outer, facts.Logic):
            outer = self.around.get(id(outer))
        if isinstance(outer, (*_TESTS, facts.Evaluate)) or (isinstance(outer, facts.Choice) and outer.test is logic):
            return
        if isinstance(outer, facts.Assign) and all(is_use(t, self.lease.name) for t in outer.targets):
            return
        if logic.op == "not":
            return
        self._add(outer if outer is not None else logic, "escapes")

    def _entered(self, item: facts.Entered, use: facts.Expr) -> None:
        if item.target is use:
            if not self._continues(item.value) and item is not self.lease.fact:
                self._add(item, "loses", "enter")
        elif self.lease.kind in MANAGED_LEASES:
            self._add(item, "closes", "leave")
        else:
            self._add(item, "escapes", "enter")

    def _attribute(self, attr: facts.Attr) -> None:
        parent = self.around.get(id(attr))
        if not (isinstance(parent, facts.Call) and parent.func is attr):
            if isinstance(parent, (facts.Call, facts.Keyword)):
                self._handed_method(attr, parent)
            return
        name = attr.name
        if name in CLOSING or name in ("__exit__", "__aexit__"):
            self._add(parent, "closes")
        elif name in FINISHING:
            self._add(parent, "finishes")
        elif name in UNDOING:
            self._add(parent, "undoes")
        elif name in ("begin", "begin_nested"):
            self._begun(parent, name)
        elif name == "query" and self.lease.kind in LAZY:
            self._add(parent, "uses")
            self._query(parent, parent)
        elif name in WORKING:
            self._add(parent, "works")
        elif name == "execution_options":
            self._renamed(parent)
        else:
            self._add(parent, "uses")

    def _renamed(self, call: facts.Call) -> None:
        parent = self.around.get(id(call))
        same = isinstance(parent, facts.Assign) and all(is_use(t, self.lease.name) for t in parent.targets)
        self._add(call, "uses" if same or isinstance(parent, (facts.Evaluate, facts.Attr)) else "escapes")

    def _begun(self, call: facts.Call, name: str) -> None:
        """`with session.begin():` ends in commit or rollback; `with session.begin_nested():` undoes its own part."""
        parent = self.around.get(id(call))
        if isinstance(parent, facts.Await):
            parent = self.around.get(id(parent))
        if isinstance(parent, facts.Entered):
            self._add(parent, "ends" if name == "begin" else "nests", "leave")
        self._add(call, "uses")

    def _handed_method(self, attr: facts.Attr, parent: walking.Fact) -> None:
        """`stack.callback(session.close)` will close it; `to_thread(session.execute, q)` works with it."""
        call = self.around.get(id(parent)) if isinstance(parent, facts.Keyword) else parent
        if call is None:
            return
        later = attr.name in CLOSING | FINISHING | UNDOING | {"__exit__", "__aexit__"}
        self._add(call, "escapes" if later else "works" if attr.name in WORKING else "uses")

    def _query(self, fact: walking.Fact, first: walking.Fact) -> None:
        """Follows `session.query(…).filter(…)…` to what runs it, or to the variable that keeps it."""
        parent = self.around.get(id(fact))
        while isinstance(parent, (facts.Attr, facts.Await)) or (isinstance(parent, facts.Call) and parent.func is fact):
            if isinstance(parent, facts.Attr):
                call = self.around.get(id(parent))
                if parent.name in READING and isinstance(call, facts.Call) and call.func is parent:
                    self._add(call, "works")
                    return
            fact, parent = parent, self.around.get(id(parent))
        looped = isinstance(parent, (facts.For, facts.Clause)) and parent.source is fact
        if looped or isinstance(parent, facts.Call):
            self._add(parent, "works")  # type: ignore[arg-type]
        elif isinstance(parent, facts.Assign):
            self.derived |= {t.id for t in parent.targets if isinstance(t, facts.Name)} - {self.lease.name}

    def passed(self, call: facts.Call, use: facts.Expr, keyword: str | None) -> None:
        """What a call does that is given the lease; a `**` or `*` hides where it goes."""
        if isinstance(call.func, facts.Attr) and self._gives_back(call, call.func):
            self._add(call, "closes")
            return
        if isinstance(call.func, facts.Attr) and call.func.name in USING_METHODS:
            self._add(call, "works")
            return
        values = self.evaluator.values(call.func, self.function)
        names = {v.name for v in values if isinstance(v, External)}
        made = self.evaluator.values(call, self.function)
        if made and all(isinstance(v, Generated) and v.managed for v in made):
            self._managed(call, use, keyword)
        elif len(names) == len(values) and names:
            self._passed_outside(call, names)
        else:
            found = [self._callee(v, call, use, keyword) if isinstance(v, Routine) else None for v in values]
            certain = [one for one in found if one is not None]
            if certain and len(certain) == len(found):
                self._put(call, joined(certain))
            else:
                self._add(call, "escapes")

    def _gives_back(self, call: facts.Call, func: facts.Attr) -> bool:
        """`pool.release(conn)`, `registry.putconn(conn)`"""
        if func.name not in CLOSING:
            return False
        known = [v for v in self.evaluator.values(func.base, self.function) if isinstance(v, Kinded)]
        return not known or any(v.kind in POOLS for v in known)

    def _passed_outside(self, call: facts.Call, names: set[str]) -> None:
        parent = self.around.get(id(call))
        if names <= MANAGING and isinstance(parent, facts.Entered):
            self._add(parent, "closes", "leave")
        elif names <= _ONLY_READING:
            self._add(call, "works")
        elif names <= {f"builtins.{name}" for name in SAFE_BUILTINS - {"dict", "list", "set", "tuple", "frozenset"}}:
            self._add(call, "uses")
        else:
            self._add(call, "escapes")

    def _managed(self, call: facts.Call, use: facts.Expr, keyword: str | None) -> None:
        """`with scope(session):` of the project: what the context manager does with what it is given."""
        item = self.around.get(id(call))
        found: list[Effect | None] = []
        for value in self.evaluator.values(call.func, self.function):
            param = parameter(value, call, use, keyword) if isinstance(value, Routine) else None
            known = isinstance(value, Routine) and param
            found.append(self.summaries.managed(value.function, param, self.lease.kind) if known else None)  # type: ignore[union-attr,arg-type]
        name = found[0].name if len(found) == 1 and found[0] is not None else "escapes"
        if name == "closes" and isinstance(item, facts.Entered):
            self._add(item, "closes", "leave")
        else:
            self._add(
                call, name if name in ("uses", "works") else "works" if name in ("calls", "finishes") else "escapes"
            )

    def _callee(self, value: Routine, call: facts.Call, use: facts.Expr, keyword: str | None) -> Effect | None:
        param = parameter(value, call, use, keyword)
        return self.summaries.summary(value.function, param, self.lease.kind) if param else None


def committing(lender: Function) -> walking.Fact | None:
    """The commit that a generator runs after its `yield` when nothing was raised."""
    yielded = False
    for statement in walking.statements(lender.node.body):
        inner = list(walking.within([statement])) if isinstance(statement, _PLAIN) else []
        yielded = yielded or any(isinstance(fact, facts.Yield) for fact in inner)
        for fact in inner if yielded else ():
            if isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr) and fact.func.name in FINISHING:
                return fact
    return None


def is_use(fact: walking.Fact, name: str) -> TypeGuard[facts.Expr]:
    """Whether a fact reads or binds a variable, or `a.b.c`, that holds a lease."""
    if "." not in name:
        return isinstance(fact, facts.Name) and fact.id == name
    return isinstance(fact, facts.Attr) and walking.chain(fact) == name.split(".")


def _closes_inside(scope: facts.Function, name: str) -> bool:
    """Whether a nested function does more with a lease than work with it."""
    around = walking.parents(scope.body)
    for fact in walking.everything(scope.body):
        if is_use(fact, name):
            attr = around.get(id(fact))
            if not isinstance(attr, facts.Attr) or attr.name not in WORKING | PREPARING:
                return True
    return False


def parameter(value: Routine, call: facts.Call, given: facts.Expr, keyword: str | None) -> str | None:
    """The name of the parameter that takes an argument; None where `*` hides it or nothing does."""
    params = value.function.node.params
    if keyword is not None:
        return next((p.name for p in params if p.name == keyword and p.kind in ("", "keyword")), None)
    if value.filled is not None or any(isinstance(arg, facts.Star) for arg in call.args):
        return None
    plain = [p.name for p in params if p.kind in ("", "positional")]
    offset = 1 if value.bound and value.function.is_method else 0
    place = next((i + offset for i, arg in enumerate(call.args) if arg is given), len(plain))
    return plain[place] if place < len(plain) else None


def joined(effects: list[Effect]) -> Effect:
    """What one of several calls does, it is not known which."""
    if len(effects) == 1:
        return effects[0]
    states = {state for one in effects for state in (*one.after, *one.failing)}

    def union(pick: Callable[[Effect], object]) -> dict[object, frozenset[object]]:
        return {
            state: frozenset().union(*(pick(one).get(state, frozenset({state})) for one in effects))  # type: ignore[attr-defined]
            for state in states
        }

    cancelled = union(lambda e: e.failing if e.cancelled is None else e.cancelled)
    return Effect("calls", union(lambda e: e.after), union(lambda e: e.failing), False, cancelled)  # type: ignore[arg-type]
