"""What do names hold when a path comes to a place? Statement by statement, a state for each way the tests come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place
from dbpool_lint.facts.project import Class, Function, Scope

MOST = 128
_LOOKING = frozenset(
    {"print", "len", "repr", "str", "dict", "bool", "sorted", "list", "copy", "deepcopy", "get", "keys", "items"}
    | {"debug", "info", "warning", "error", "log", "format", "isinstance", "int", "make_url", "sessionmaker"}
    | {"create_engine", "create_async_engine", "create_pool", "startswith", "async_sessionmaker"}
)
"""Calls that leave a dict handed to them as it is."""

Guard = tuple[str, bool]
"""A test, spelled out, and how it came out."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value on one path: its expression and scope, the tests it hangs on, and for a dict its items.

    `holder` is the call or dict display in which it stands under its name; None where it came in another way.
    """

    fact: facts.Expr
    scope: Scope
    guards: frozenset[Guard] = frozenset()
    holder: Place | None = None
    items: Items | None = None

    @property
    def place(self) -> Place:
        return (self.fact, self.scope)

    def meets(self, other: Given) -> bool:
        """Whether the two are given together wherever the one that is given less often is given."""
        return self.guards <= other.guards or other.guards <= self.guards


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a dict on one path; there may be others unless it is `complete`."""

    entries: Mapping[str, Given] = field(default_factory=dict)
    complete: bool = True

    def merged(self, other: Items) -> Items:
        return Items({**self.entries, **other.entries}, self.complete and other.complete)

    def under(self, guards: frozenset[Guard]) -> Items:
        """The same items where more tests decide about them."""
        if not guards:
            return self
        return Items({k: replace(g, guards=g.guards | guards) for k, g in self.entries.items()}, self.complete)


UNKNOWN = Items({}, False)


@dataclass(frozen=True, slots=True)
class State:
    """Where a path stands: how tests came out, which of them are around, and what the names hold."""

    decided: Mapping[str, bool] = field(default_factory=dict)
    active: frozenset[Guard] = frozenset()
    names: Mapping[str, Given] = field(default_factory=dict)

    def bound(self, name: str, given: Given) -> State:
        return replace(self, names={**self.names, name: given})

    def joined(self, other: State) -> State | None:
        """This state, knowing how the tests of another one came out; None when they contradict each other."""
        if any(self.decided.get(test, came) is not came for test, came in other.decided.items()):
            return None
        return replace(self, decided={**self.decided, **other.decided})


class TooMany(Exception):
    """More paths than anyone needs."""


class Evaluates(Protocol):
    """What a walk asks about expressions. Each answer comes with the state that the expression's choices lead to."""

    def value(self, fact: facts.Expr, scope: Scope, state: State, depth: int) -> Iterator[tuple[State, Given]]: ...

    def items(self, fact: facts.Expr, scope: Scope, state: State, depth: int) -> Iterator[tuple[State, Items]]: ...

    def assume(self, test: facts.Expr, scope: Scope, state: State, branch: bool) -> State | None: ...


@dataclass(slots=True)
class Walk:
    """One walk through the body of a scope.

    `around` are the identities of the fact that is looked for and of all that stands around it: `found` are the
    states that come to it. Names that the wanted ones do not depend on are not followed. `returned` is what
    the function returns, when that is collected.
    """

    evaluates: Evaluates
    scope: Scope
    needed: frozenset[str]
    around: frozenset[int] = frozenset()
    collects: bool = False
    found: list[State] = field(default_factory=list)
    returned: list[tuple[State, Given]] = field(default_factory=list)

    def run(self, body: Iterable[facts.Stmt], states: tuple[State, ...]) -> tuple[State, ...]:
        for statement in body:
            states = tuple(after for state in states for after in self._step(statement, state))
            if len(states) > MOST:
                raise TooMany
        return states

    def _step(self, statement: facts.Stmt, state: State) -> tuple[State, ...]:
        here = id(statement) in self.around
        if isinstance(statement, facts.If):
            return self._if(statement, state, here)
        if isinstance(statement, facts.With):
            return self._with(statement, state, here)
        if isinstance(statement, facts.Try):
            return self._try(statement, state, here)
        if isinstance(statement, (facts.For, facts.While, facts.Match)):
            return self._unsure(statement, state, here)
        if here:
            self.found.append(state)
            return ()
        if isinstance(statement, (facts.Return, facts.Raise)):
            self._leave(statement, state)
            return ()
        if _leaves(statement):
            return ()
        return tuple(self._simple(statement, state))

    def _leave(self, statement: facts.Return | facts.Raise, state: State) -> None:
        if self.collects and isinstance(statement, facts.Return) and statement.value is not None:
            self.returned.extend(self.evaluates.value(statement.value, self.scope, state, 1))

    def _if(self, statement: facts.If, state: State, here: bool) -> tuple[State, ...]:
        if here and id(statement.test) in self.around:
            self.found.append(state)
            return ()
        if not here and not self._matters(statement):
            return (state,)
        ended: list[State] = []
        for branch, body in ((True, statement.body), (False, statement.orelse)):
            if here and not any(id(inner) in self.around for inner in body):
                continue
            chosen = self.evaluates.assume(statement.test, self.scope, state, branch)
            if chosen is not None:
                ended.extend(replace(s, active=state.active) for s in self.run(body, (chosen,)))
        return tuple(ended)

    def _with(self, statement: facts.With, state: State, here: bool) -> tuple[State, ...]:
        if any(id(item) in self.around for item in statement.items):
            self.found.append(state)
            return ()
        for item in statement.items:
            state = self._forgotten(state, walking.targets(item.target))
        return self.run(statement.body, (state,))

    def _try(self, statement: facts.Try, state: State, here: bool) -> tuple[State, ...]:
        """What a body did before it failed is not known: handlers start from names it may have changed as unknown."""
        after = self.run((*statement.body, *statement.orelse), (state,))
        failed = self._lost(statement.body, state)
        for handler in statement.handlers:
            after += self.run(handler.body, (self._bind(failed, handler.name),))
        if here and any(id(inner) in self.around for inner in statement.final):
            after = (failed,)
        return self.run(statement.final, after) if statement.final else after

    def _unsure(self, statement: facts.For | facts.While | facts.Match, state: State, here: bool) -> tuple[State, ...]:
        """A block that runs any number of times: what it changes is unknown in it and after it."""
        lost = self._lost([statement], state)
        if here:
            if not any(id(inner) in self.around for block in walking.blocks(statement) for inner in block):
                self.found.append(state)
                return ()
            for block in walking.blocks(statement):
                if any(id(inner) in self.around for inner in block):
                    self.run(block, (lost,))
            return ()
        return (lost,)

    def _matters(self, statement: facts.Stmt) -> bool:
        """Whether a block changes a name that is needed, or leaves the scope."""
        return any(_leaves(inner) or changed(inner) & self.needed for inner in walking.statements([statement]))

    def _lost(self, body: Iterable[facts.Stmt], state: State) -> State:
        names = frozenset(name for inner in walking.statements(body) for name in changed(inner))
        return self._forgotten(state, [facts.Name(0, name) for name in names])

    def _forgotten(self, state: State, targets: Iterable[facts.Expr]) -> State:
        for target in targets:
            if isinstance(target, facts.Name):
                state = self._bind(state, target.id)
        return state

    def _bind(self, state: State, name: str) -> State:
        if not name or name not in self.needed:
            return state
        return state.bound(name, Given(facts.Opaque(0, ()), self.scope, state.active, items=UNKNOWN))

    def _simple(self, statement: facts.Stmt, state: State) -> Iterator[State]:
        if not changed(statement) & self.needed:
            yield state
        elif isinstance(statement, facts.Assign):
            yield from self._assign(statement, state)
        elif isinstance(statement, facts.Augment) and isinstance(statement.target, facts.Name) and statement.op == "|=":
            for after, items in self.evaluates.items(statement.value, self.scope, state, 1):
                yield _put(after, statement.target.id, items)
        elif isinstance(statement, facts.Evaluate):
            yield from self._called(walking.awaited(statement.value), state)
        elif isinstance(statement, facts.Delete):
            yield self._deleted(statement, state)
        elif isinstance(statement, facts.Declare):
            yield state
        else:
            yield self._forgotten(state, [facts.Name(0, name) for name in changed(statement)])

    def _assign(self, statement: facts.Assign, state: State) -> Iterator[State]:
        for after, given in self.evaluates.value(statement.value, self.scope, state, 0):
            called = [facts.Name(0, name) for name in _by_calls(statement.value)]
            current = self._forgotten(replace(after, active=state.active), called)
            for target in statement.targets:
                current = self._assigned(target, given, current)
            yield current

    def _assigned(self, target: facts.Expr, given: Given, state: State) -> State:
        if isinstance(target, facts.Name):
            return state.bound(target.id, given) if target.id in self.needed else state
        if isinstance(target, facts.Item) and isinstance(target.base, facts.Name):
            key = walking.literal(target.index)
            if isinstance(key, str):
                return _put(state, target.base.id, Items({key: replace(given, holder=None)}))
            return self._bind(state, target.base.id)
        return self._forgotten(state, walking.targets(target))

    def _called(self, fact: facts.Expr, state: State) -> Iterator[State]:
        """`options.update(…)`, `.setdefault(…)`, `.pop(…)`, or a call that may do anything to what it is handed."""
        if not isinstance(fact, facts.Call):
            yield state
            return
        name, base = _method(fact)
        keys = [walking.literal(arg) for arg in fact.args[:1]]
        if base in state.names and name == "update":
            yield from self._updated(fact, base, state)
        elif base in state.names and name == "setdefault" and len(fact.args) == 2 and isinstance(keys[0], str):
            held = state.names[base].items or UNKNOWN
            for after, given in self.evaluates.value(fact.args[1], self.scope, state, 0):
                put = not held.complete or keys[0] not in held.entries
                yield _put(after, base, Items({keys[0]: given})) if put and held.complete else after
        elif base in state.names and name == "pop" and keys and isinstance(keys[0], str):
            yield _without(state, base, keys[0])
        else:
            yield self._forgotten(state, [facts.Name(0, changed) for changed in _handed(fact)])

    def _updated(self, fact: facts.Call, base: str, state: State) -> Iterator[State]:
        given = facts.Call(fact.at, facts.Name(fact.at, "dict"), fact.args, fact.keywords)
        for after, items in self.evaluates.items(given, self.scope, state, 1):
            yield _put(replace(after, active=state.active), base, items)

    def _deleted(self, statement: facts.Delete, state: State) -> State:
        for target in statement.targets:
            if isinstance(target, facts.Item) and isinstance(target.base, facts.Name):
                key = walking.literal(target.index)
                known = isinstance(key, str) and target.base.id in state.names
                state = _without(state, target.base.id, str(key)) if known else self._bind(state, target.base.id)
        return state


def _leaves(statement: facts.Stmt) -> bool:
    jumps = isinstance(statement, facts.Jump) and statement.kind != "pass"
    return jumps or isinstance(statement, (facts.Return, facts.Raise))


def _put(state: State, name: str, items: Items) -> State:
    held = state.names.get(name)
    if held is None:
        return state
    return state.bound(name, replace(held, items=(held.items or UNKNOWN).merged(items)))


def _without(state: State, name: str, key: str) -> State:
    held = state.names[name]
    items = held.items or UNKNOWN
    left = {k: g for k, g in items.entries.items() if k != key}
    return state.bound(name, replace(held, items=Items(left, items.complete)))


def _method(fact: facts.Call) -> tuple[str, str]:
    """The method and the name it is called on; two empty texts for any other call."""
    if isinstance(fact.func, facts.Attr) and isinstance(fact.func.base, facts.Name):
        return fact.func.name, fact.func.base.id
    return "", ""


def _handed(fact: facts.Call) -> frozenset[str]:
    """The names whose dicts a call may change: what it is called on and what it is handed as it is."""
    chain = walking.chain(fact.func)
    if chain and chain[-1] in _LOOKING:
        return frozenset()
    given = (*fact.args, *(keyword.value for keyword in fact.keywords if keyword.name))
    return frozenset({g.id for g in given if isinstance(g, facts.Name)} | ({_method(fact)[1]} - {""}))


def changed(statement: facts.Stmt) -> frozenset[str]:
    """The names that a statement by itself binds, or whose dicts it may change."""
    if isinstance(statement, facts.Assign):
        return _targets(statement.targets) | _by_calls(statement.value)
    if isinstance(statement, facts.Augment):
        return _targets((statement.target,))
    if isinstance(statement, facts.Delete):
        return _targets(statement.targets)
    if isinstance(statement, facts.For):
        return _targets((statement.target,))
    if isinstance(statement, facts.With):
        return _targets(tuple(item.target for item in statement.items if item.target is not None))
    if isinstance(statement, facts.Evaluate):
        return _by_calls(statement.value)
    return frozenset({statement.name}) if isinstance(statement, (facts.Function, facts.Class)) else frozenset()


def _targets(targets: Iterable[facts.Expr]) -> frozenset[str]:
    found: set[str] = set()
    for target in (single for one in targets for single in walking.targets(one)):
        base = target.base if isinstance(target, facts.Item) else target
        if isinstance(base, facts.Name):
            found.add(base.id)
    return frozenset(found)


def _by_calls(value: facts.Expr) -> frozenset[str]:
    return frozenset(name for call in walking.calls([value]) for name in _handed(call))


def needed_for(roots: Iterable[str], body: Iterable[facts.Stmt]) -> frozenset[str]:
    """The names that those in `roots` depend on through the statements of a body."""
    statements = list(walking.statements(body))
    found = set(roots)
    grown = True
    while grown:
        size = len(found)
        for statement in statements:
            if changed(statement) & found and isinstance(statement, (facts.Assign, facts.Augment, facts.Evaluate)):
                found |= walking.names(statement.value)
        grown = len(found) > size
    return frozenset(found)


def body_of(scope: Scope) -> tuple[facts.Stmt, ...]:
    """The statements that a scope runs."""
    if isinstance(scope, (Function, Class)):
        return scope.node.body
    return tuple(statement for piece in scope.pieces.values() for statement in piece.body)


def around(fact: walking.Fact, body: Iterable[facts.Stmt]) -> frozenset[int]:
    """The identities of a fact and of everything around it."""
    parents = walking.parents(body)
    found = [id(fact)]
    while found[-1] in parents:
        found.append(id(parents[found[-1]]))
    return frozenset(found)
