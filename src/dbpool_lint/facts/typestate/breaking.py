"""Where is an error of the database swallowed, so that a session goes on in a broken transaction?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.depending import depended
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.values import Routine, kinds
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate import conditions
from dbpool_lint.facts.typestate.effects import Lease, committing, is_use, parameter
from dbpool_lint.facts.typestate.graph import caught
from dbpool_lint.facts.typestate.life import Life
from dbpool_lint.facts.typestate.statements import Statements, Weight, arguments
from dbpool_lint.facts.typestate.states import State
from dbpool_lint.facts.typestate.summaries import Lives
from dbpool_lint.facts.typestate.taking import worked_with
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.leases import FINISHING, FLUSHING_FIRST, LAZY, PENDING, UNDOING

_SESSIONS = frozenset({Kind.SESSION, Kind.ASYNC_SESSION, Kind.CONNECTION, Kind.ASYNC_CONNECTION})
_WIDE = frozenset({"Exception", "BaseException", "StandardError"})
_LIVE = frozenset({State.OPEN, State.HOLDING, State.RELEASED})
_ADDING = frozenset({"add", "add_all", "delete"})
_ACTING = ("works", "finishes", "calls")
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class _Use:
    """`then`, in `where`, goes on with `lease` after `step` has left its transaction broken."""

    then: walking.Fact
    where: Function
    lease: Lease
    step: walking.Fact


@dataclass(frozen=True, slots=True)
class Broken:
    """`handler` swallows what `failed` raises on a lease; `then`, in `where`, goes on in the same transaction."""

    lease: Lease
    life: Life
    handler: facts.Handler
    failed: walking.Fact
    use: _Use
    weight: Weight = Weight.QUERY

    @property
    def then(self) -> walking.Fact:
        return self.use.then

    @property
    def where(self) -> Function:
        return self.use.where

    @property
    def certain_lease(self) -> bool:
        """Whether the lease is taken on every way to the handler."""
        return State.UNTAKEN not in self.life.states(self.handler)

    @property
    def is_specific(self) -> bool:
        """Whether the handler names errors of the database, and nothing wider."""
        return not caught(self.handler) & _WIDE


def broken(lives: Lives, reader: Reader, function: Function, aborting: bool = True) -> Iterator[Broken]:
    """The handlers of a function after which a session is used although its transaction has failed.

    `aborting` tells whether a failed statement alone aborts the transaction, as it does on PostgreSQL.
    """
    if not any(isinstance(fact, facts.Handler) for fact in function.body) or _commits_itself(function):
        return
    told: set[int] = set()
    for lease in worked_with(lives.evaluator, function):
        life = lives.of(lease) if lease.kind in _SESSIONS else None
        for found in _weighed(lives, reader, life, aborting) if life is not None else ():
            if id(found.handler) not in told:
                told.add(id(found.handler))
                yield found


def _weighed(lives: Lives, reader: Reader, life: Life, aborting: bool) -> list[Broken]:
    """What is worth telling, for each handler first the step that an error is expected of most."""
    statements = _statements(lives)
    found = [
        replace(one, weight=_weight(one, statements))
        for one in _of_life(lives, reader, life)
        if not _undoes_elsewhere(one) and not statements.rolls_back(one.lease, one.then)
    ]
    return sorted((one for one in found if _matters(one, statements, aborting)), key=lambda one: -one.weight)


def _undoes_elsewhere(one: Broken) -> bool:
    """`savepoint.rollback()`, or that of anything else that may be part of the transaction."""
    return any(
        isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr) and fact.func.name in UNDOING
        for fact in walking.within(one.handler.body)
        if not _is_method(fact, one.lease.name, UNDOING)
    )


def _weight(one: Broken, statements: Statements) -> Weight:
    """What fails; a query of the session's own flushes first what the `try` has added in an earlier turn."""
    weight = statements.weight(one.lease, one.failed)
    if weight is not Weight.QUERY or one.lease.kind not in LAZY or not _queries(one.failed):
        return weight
    around = next(
        (f for f in one.lease.function.body if isinstance(f, facts.Try) and any(h is one.handler for h in f.handlers)),
        None,
    )
    body = list(walking.everything(around.body)) if around is not None else []
    adds = any(_is_method(fact, one.lease.name, _ADDING) for fact in body)
    again = one.then is one.failed or any(one.then is fact for fact in body)
    return Weight.FLUSH if adds and again and statements.flushes_by_itself else weight


def _queries(step: walking.Fact) -> bool:
    """Whether a step is a query that flushes before it runs."""
    return isinstance(step, facts.Call) and isinstance(step.func, facts.Attr) and step.func.name in FLUSHING_FIRST


def _is_method(fact: walking.Fact, name: str, methods: frozenset[str]) -> bool:
    return (
        isinstance(fact, facts.Call)
        and isinstance(fact.func, facts.Attr)
        and fact.func.name in methods
        and is_use(fact.func.base, name)
    )


def _matters(one: Broken, statements: Statements, aborting: bool) -> bool:
    """Whether the error is one that the handler is there for, and whether what follows suffers from it."""
    if one.weight is Weight.FLUSH:
        return True
    if not aborting or one.weight < (Weight.QUERY if one.is_specific else Weight.SQL):
        return False
    if not _is_commit(one.then):
        return True
    if one.weight is Weight.QUERY and one.lease.kind in LAZY and one.where is one.lease.function:
        return isinstance(one.then, facts.Call)  # who commits after a query has changed objects, if not in sight
    places = ((one.lease, one.failed), (one.use.lease, one.use.step))
    return any(_writes_more(statements, lease, {id(step), id(one.then)}) for lease, step in places)


def _is_commit(then: walking.Fact) -> bool:
    """A commit, or the end of a `with` that commits: in an aborted transaction it does nothing, and raises nothing."""
    if isinstance(then, facts.Entered):
        return True
    return isinstance(then, facts.Call) and isinstance(then.func, facts.Attr) and then.func.name in FINISHING


def _writes_more(statements: Statements, lease: Lease, but: set[int]) -> bool:
    """Whether a function writes anything besides, that the commit would lose."""
    effects = statements.lives.effects(lease)
    for fact in lease.function.body:
        if not isinstance(fact, facts.Call) or id(fact) in but:
            continue
        if _is_method(fact, lease.name, PENDING):
            return True
        acts = effects.get(("", id(fact)))
        if acts is not None and acts.name in _ACTING and statements.weight(lease, fact) >= Weight.SQL:
            return True
    return False


def _statements(lives: Lives) -> Statements:
    memory = lives.evaluator.project.memory
    if "statements" not in memory:
        memory["statements"] = Statements(lives)
    return cast(Statements, memory["statements"])


def _of_life(lives: Lives, reader: Reader, life: Life) -> Iterator[Broken]:
    lease = life.lease
    for one in life.swallowed:
        yield Broken(lease, life, one.handler, one.failed, _Use(one.then, lease.function, lease, one.failed))
    if lease.how == "given":
        for one in life.left_broken:
            fails = _returns_nothing(one.handler)
            after = _committed_by_lender(lives, lease) or _used_by_callers(lives, reader, lease, fails, 0)
            if after is not None:
                yield Broken(lease, life, one.handler, one.failed, after)


def _returns_nothing(handler: facts.Handler) -> bool:
    """Whether the handler ends with `return None` or `return False`, which callers may ask for."""
    last = handler.body[-1]
    return isinstance(last, facts.Return) and (last.value is None or conditions.settled(last.value) is False)


def _committed_by_lender(lives: Lives, lease: Lease) -> _Use | None:
    """`yield session; session.commit()` of the dependency that a framework took the lease from."""
    for edge in depended(lives.evaluator, lease.function):
        lends = edge.callee.node.generator and lease.kind in kinds(lives.evaluator.yielded(edge.callee))
        commit = committing(edge.callee) if lends else None
        if commit is not None:
            return _Use(commit, edge.callee, lease, commit)
    return None


def _commits_itself(function: Function) -> bool:
    """A connection in autocommit has no transaction that could be broken."""
    return any(isinstance(fact, facts.Const) and fact.value == "AUTOCOMMIT" for fact in function.body)


def _used_by_callers(lives: Lives, reader: Reader, lease: Lease, fails: bool, depth: int) -> _Use | None:
    """What a caller does next with the lease that it has given; `fails` when it can tell by an empty answer."""
    for call, scope in reader.callers.of(lease.function):
        if isinstance(scope, Function) and scope.module.context is facts.Context.APPLICATION:
            used = _next_use(lives, reader, lease, call, scope, fails, depth)
            if used is not None:
                return used
    return None


def _next_use(
    lives: Lives, reader: Reader, lease: Lease, call: facts.Call, scope: Function, fails: bool, depth: int
) -> _Use | None:
    given = _given(lives, lease, call, scope)
    if given is None:
        return None
    for other in worked_with(lives.evaluator, scope):
        if other.name != given.id or other.kind is not lease.kind or not _is_live(lives, other, call):
            continue
        then = lives.next_work(other, call, fails)
        if then is not None:
            return _Use(then, scope, other, call)
        if other.how == "given" and depth < _DEEPEST and lives.ends_after(other, call, fails):
            return _used_by_callers(lives, reader, other, False, depth + 1)
    return None


def _is_live(lives: Lives, lease: Lease, step: walking.Fact) -> bool:
    """Whether it is this lease that a step finds in the variable, not one of the same name."""
    life = lives.of(lease)
    return life is not None and bool(life.states(step) & _LIVE)


def _given(lives: Lives, lease: Lease, call: facts.Call, scope: Function) -> facts.Name | None:
    """The variable of the caller whose lease the call gives."""
    for value in lives.evaluator.values(call.func, scope):
        if not isinstance(value, Routine) or value.function is not lease.function:
            continue
        for given, keyword in arguments(call):
            if isinstance(given, facts.Name) and parameter(value, call, given, keyword) == lease.name:
                return given
    return None
