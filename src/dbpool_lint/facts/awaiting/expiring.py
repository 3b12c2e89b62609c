"""Which attributes are read of objects that a commit has expired? Statement by statement, along each function.

What holds on one way only is not held: a finding needs the load, the commit and the read on every way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.awaiting.holding import (
    Held,
    Moving,
    State,
    attach,
    bind,
    expire,
    joined,
    put,
    reloaded,
    without,
    write,
)
from dbpool_lint.facts.awaiting.loading import Loading
from dbpool_lint.facts.awaiting.mapped import is_loaded, is_schema
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.mapping import VALIDATING

_KEEPING = frozenset({"commit", "flush", "close", "aclose"})
_LETTING_GO = frozenset(
    {"expunge", "expunge_all", "expire", "expire_all", "make_transient", "make_transient_to_detached"}
)


@dataclass(frozen=True, slots=True)
class Read:
    """An object is read after a commit. `what` is the attribute; "" where all of them are, to be shown."""

    fact: walking.Fact
    name: str
    what: str
    held: Held


@dataclass(slots=True)
class Expiring:
    """The walk through one function. `expires` tells of which sessions, as they are written, commits expire."""

    evaluator: Evaluator
    function: Function
    loading: Loading
    expires: Callable[[facts.Expr], bool]
    is_shown: bool
    found: dict[int, Read]
    jumps: list[tuple[str, State]]

    def run(self) -> Iterable[Read]:
        """Every read of an expired object, the first one for each."""
        self.block(self.function.node.body, {})
        return self.found.values()

    # statements; None stands for a way that leaves

    def block(self, body: tuple[facts.Stmt, ...], state: State | None) -> State | None:
        for statement in body:
            if state is None:
                return None
            state = self._statement(statement, dict(state))
        return state

    def _statement(self, statement: facts.Stmt, state: Moving) -> State | None:
        if isinstance(statement, facts.If):
            self._read(statement.test, state)
            return joined(self.block(statement.body, state), self.block(statement.orelse, state))
        if isinstance(statement, (facts.For, facts.While)):
            return self._loop(statement, state)
        if isinstance(statement, facts.With):
            return self._with(statement, state)
        if isinstance(statement, facts.Try):
            return self._try(statement, state)
        if isinstance(statement, facts.Match):
            self._read(statement.subject, state)
            ends = [self.block(case.body, without(state, case.binds)) for case in statement.cases]
            return joined(state, *ends)
        return self._simple(statement, state)

    def _simple(self, statement: facts.Stmt, state: Moving) -> State | None:
        if isinstance(statement, facts.Return):
            self._return(statement, state)
            return None
        if isinstance(statement, facts.Jump):
            if statement.kind == "pass":
                return state
            self.jumps.append((statement.kind, state))
            return None
        if isinstance(statement, facts.Assign):
            self._assign(statement, state)
        elif isinstance(statement, facts.Augment):
            self._read(statement.target, state)
            self._read(statement.value, state)
            write(statement.target, state)
        elif isinstance(statement, facts.Delete):
            for target in statement.targets:
                bind(target, None, state)
        elif not isinstance(statement, (facts.Function, facts.Class, facts.Import, facts.Scope, facts.Declare)):
            for part in walking.below(statement):
                self._read(part, state)
        return None if isinstance(statement, facts.Raise) else state

    def _assign(self, statement: facts.Assign, state: Moving) -> None:
        self._read(statement.value, state)
        held = self.loading.held(statement.value, state)
        for target in statement.targets:
            if isinstance(target, facts.Name):
                bind(target, held, state)
            else:
                for part in walking.targets(target):
                    write(part, state)

    def _return(self, statement: facts.Return, state: Moving) -> None:
        if statement.value is None:
            return
        value = statement.value
        if isinstance(value, facts.Name) and self.is_shown:
            held = state.get(value.id)
            if held is not None and held.what in ("one", "many") and held.expired is not None:
                self.found.setdefault(id(value), Read(value, value.id, "", held))
        self._read(value, state)

    def _loop(self, statement: facts.For | facts.While, state: Moving) -> State | None:
        outer, self.jumps = self.jumps, []
        self._read(statement.source if isinstance(statement, facts.For) else statement.test, state)
        if isinstance(statement, facts.For) and statement.asynchronous:
            state = reloaded(state)
        first = self.block(statement.body, self._begun(statement, state))
        # what the first round leaves behind is what the second one finds
        again = joined(first, *(jump for kind, jump in self.jumps if kind == "continue"))
        second = self.block(statement.body, self._begun(statement, again)) if again is not None else None
        jumps, self.jumps = self.jumps, outer
        if isinstance(statement, facts.While) and walking.literal(statement.test) in (True, 1):
            return joined(*(jump for kind, jump in jumps if kind == "break"))
        after = joined(state, first, second, *(jump for _, jump in jumps))
        return self.block(statement.orelse, after) if statement.orelse else after

    def _begun(self, statement: facts.For | facts.While, state: State) -> Moving:
        """The state in which a round begins: the target is the next of the objects, as expired as they all are."""
        begun = dict(state)
        if isinstance(statement, facts.For):
            source = self.loading.held(statement.source, begun)
            for target in walking.targets(statement.target):
                bind(target, None, begun)
            if source is not None and source.what in ("many", "scalars") and isinstance(statement.target, facts.Name):
                begun[statement.target.id] = replace(source, what="one")
        return begun

    def _with(self, statement: facts.With, state: Moving) -> State | None:
        ending: list[tuple[str, facts.Call]] = []
        for item in statement.items:
            self._read(item.value, state)
            if statement.asynchronous and not self._is_known(item.value):
                state = reloaded(state)
            for target in walking.targets(item.target):
                bind(target, None, state)
            session = self._begins(item)
            if session is not None:
                ending.append((session, item.value))  # type: ignore[arg-type]
        after = self.block(statement.body, state)
        if after is None:
            return None
        moved = dict(after)
        for session, call in ending:
            expire(session, call, moved)
        return moved

    def _begins(self, item: facts.Entered) -> str | None:
        """`async with session.begin():` and `async with factory.begin() as session:` commit in the end."""
        call = item.value
        if not isinstance(call, facts.Call) or not isinstance(call.func, facts.Attr) or call.func.name != "begin":
            return None
        session: facts.Expr | None = call.func.base
        if not self.loading.is_session(call.func.base):
            session = item.target
        if session is None or not self.loading.is_session(session) or not self.expires(session):
            return None
        return _spelled(session)

    def _is_known(self, fact: facts.Expr) -> bool:
        """Whether entering an object loads nothing again: a session, a transaction, what is no code of the project."""
        if isinstance(fact, facts.Call):
            if isinstance(fact.func, facts.Attr) and self.loading.is_session(fact.func.base):
                return True
            return _is_outside(self.evaluator, fact, self.function)
        return False

    def _try(self, statement: facts.Try, state: Moving) -> State | None:
        done = self.block(statement.body, state)
        broken = joined(state, done) or {}
        start = reloaded(broken)
        ends = [self.block(handler.body, without(start, (handler.name,))) for handler in statement.handlers]
        end = joined(*ends, self.block(statement.orelse, done))
        after = self.block(statement.final, end if end is not None else start)
        return after if end is not None else None

    # expressions

    def _read(self, fact: walking.Fact, state: Moving) -> None:
        """Note what an expression reads, and what it does to the objects, in the order in which that happens."""
        if isinstance(fact, (facts.Lambda, facts.Function, facts.Class)):
            return
        if isinstance(fact, facts.Comprehension):
            self._comprehension(fact, state)
        elif isinstance(fact, facts.Await):
            self._await(fact, state)
        elif isinstance(fact, facts.Call):
            self._call(fact, state)
        elif isinstance(fact, facts.Walrus):
            self._read(fact.value, state)
            bind(fact.target, self.loading.held(fact.value, state), state)
        else:
            if isinstance(fact, facts.Attr):
                self._attribute(fact, state)
            for part in walking.below(fact):
                self._read(part, state)

    def _attribute(self, fact: facts.Attr, state: Moving) -> None:
        held = state.get(fact.base.id) if isinstance(fact.base, facts.Name) else None
        if held is None or held.what != "one" or held.expired is None or fact.name in held.written:
            return
        if is_loaded(self.evaluator, held.entity, fact.name) and isinstance(fact.base, facts.Name):
            self._note(fact, fact.base.id, fact.name, state)

    def _note(self, fact: walking.Fact, name: str, what: str, state: Moving) -> None:
        self.found.setdefault(id(fact), Read(fact, name, what, state[name]))
        del state[name]  # it raises here

    def _comprehension(self, fact: facts.Comprehension, state: Moving) -> None:
        inner = dict(state)
        for clause in fact.clauses:
            self._read(clause.source, inner)
            source = self.loading.held(clause.source, inner)
            for target in walking.targets(clause.target):
                bind(target, None, inner)
            if source is not None and source.what in ("many", "scalars") and isinstance(clause.target, facts.Name):
                inner[clause.target.id] = replace(source, what="one")
            for test in clause.tests:
                self._read(test, inner)
        for element in fact.elements:
            self._read(element, inner)

    def _call(self, call: facts.Call, state: Moving) -> None:
        func = call.func
        if isinstance(func, facts.Attr):
            self._read(func.base, state)  # a method may do without what was loaded
        self._arguments(call, state)
        name = func.name if isinstance(func, facts.Attr) else func.id if isinstance(func, facts.Name) else ""
        if name in _LETTING_GO:
            state.clear()
        elif isinstance(func, facts.Attr):
            if name in ("add", "add_all") and call.args and self.loading.is_session(func.base):
                attach(call.args[0], _spelled(func.base), state)
            elif name in VALIDATING and len(call.args) == 1:
                self._validated(call, func, state)

    def _arguments(self, call: facts.Call, state: Moving) -> None:
        for part in (*call.args, *(keyword.value for keyword in call.keywords)):
            self._read(part, state)

    def _validated(self, call: facts.Call, func: facts.Attr, state: Moving) -> None:
        (given,) = call.args
        held = state.get(given.id) if isinstance(given, facts.Name) else None
        if held is None or held.what != "one" or held.expired is None or held.written:
            return
        if isinstance(given, facts.Name) and is_schema(self.evaluator, func.base, self.function):
            self._note(given, given.id, "", state)

    def _await(self, fact: facts.Await, state: Moving) -> None:
        call = fact.value
        if not isinstance(call, facts.Call):
            self._read(call, state)
            put(state, reloaded(state))
            return
        if isinstance(call.func, facts.Attr):
            self._read(call.func.base, state)
        self._arguments(call, state)
        if isinstance(call.func, facts.Attr) and self.loading.is_session(call.func.base):
            self._asked(call, call.func, state)
        else:
            self._handed(call, state)

    def _asked(self, call: facts.Call, func: facts.Attr, state: Moving) -> None:
        """A method of a session is awaited: what loads anything may load any of its objects again."""
        session = _spelled(func.base)
        if func.name == "commit":
            if self.expires(func.base):
                expire(session, call, state)
        elif func.name == "rollback":
            put(state, {n: held for n, held in state.items() if held.session != session})
        elif func.name not in _KEEPING:
            put(state, reloaded(state))
            if func.name in ("delete", "merge") and call.args and isinstance(call.args[0], facts.Name):
                state.pop(call.args[0].id, None)

    def _handed(self, call: facts.Call, state: Moving) -> None:
        """Anything else is awaited: code of the project may load again what it can reach."""
        if not _is_outside(self.evaluator, call, self.function) or _mentions(call, state):
            put(state, reloaded(state))
        for name in walking.names(call):
            held = state.get(name)
            if held is not None and held.what in ("one", "many") and held.expired is None and _passes(call, name):
                state.pop(name)


def _is_outside(evaluator: Evaluator, call: facts.Call, function: Function) -> bool:
    values = evaluator.values(call.func, function)
    return bool(values) and all(isinstance(value, External) for value in values)


def _mentions(call: facts.Call, state: State) -> bool:
    """Whether a call gets a session, or one of the objects."""
    sessions = {held.session.partition(".")[0] for held in state.values()} | set(state)
    return any(isinstance(f, facts.Name) and f.id in sessions for f in walking.everything((*call.args, *call.keywords)))


def _passes(call: facts.Call, name: str) -> bool:
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    return any(walking.is_name(arg, name) for arg in given)


def _spelled(session: facts.Expr) -> str:
    return ".".join(walking.chain(session) or ())
