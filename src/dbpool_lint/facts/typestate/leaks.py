"""Who gives a lease back, and on which paths does nobody? Leases without an owner, and closings that are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Routine
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate.effects import Lease, Reader, is_use
from dbpool_lint.facts.typestate.life import Exit, Life
from dbpool_lint.facts.typestate.states import State
from dbpool_lint.facts.typestate.summaries import Lives, lives_of
from dbpool_lint.facts.typestate.taking import connected, holder, is_emptied, taken, taken_by
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.leases import CLOSING, LAZY, READING

_NOT_YET = frozenset({"begin", "begin_nested", "connection", "execution_options", "options", "registry", "transaction"})
"""Methods that lead on to something else, by which the lease may be closed yet."""

USING = frozenset({"uses", "works", "calls", "finishes", "undoes"})
_ORDER = ("end", "lost", "raise", "fail", "cancel")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A lease that is closed, but not on the paths that leave the function by `exits`, the plainest first."""

    lease: Lease
    life: Life
    exits: tuple[Exit, ...]


def leaked(lives: Lives, function: Function) -> Iterator[Lease]:
    """The leases that a function takes and that on no path are given back or handed on."""
    for lease in taken(lives.evaluator, function):
        life = lives.of(lease) if "." not in lease.name else None
        if life is not None and not life.has("closes", "escapes") and _is_used(life) and _stays_out(life):
            yield lease
    yield from _nameless(lives, function)


def skipped(lives: Lives, function: Function) -> Iterator[Skipped]:
    """The leases that a function closes on some paths, and on others leaves holding their connection."""
    if _sets_up(function):
        return
    told: set[tuple[object, ...]] = set()
    for lease in (*taken(lives.evaluator, function), *connected(lives.evaluator, function)):
        life = lives.of(lease)
        if life is None or not life.has("closes"):
            continue
        exits = [one for one in life.exits if one.state in (State.HOLDING, State.LOST)]
        places = sorted(place for (_, place), effect in life.effects.items() if effect.name == "closes")
        closings = (lease.name, *places)
        if exits and closings not in told:  # `conn = a() if … else b()`: the same closing is told once
            told.add(closings)
            yield Skipped(lease, life, tuple(sorted(exits, key=_plainness)))


def _sets_up(function: Function) -> bool:
    """`CREATE DATABASE`, of which an installation is in need once."""
    texts = (fact.value for fact in function.body if isinstance(fact, facts.Const) and isinstance(fact.value, str))
    return any(text.lstrip().upper().startswith("CREATE DATABASE") for text in texts)


def _plainness(left: Exit) -> int:
    """A `raise` of the function itself says more than a call that may raise."""
    return _ORDER.index("raise" if isinstance(left.why, facts.Raise) else left.how)


def _is_used(life: Life) -> bool:
    return any(effect.name not in ("takes", "loses") for effect in life.effects.values())


def _stays_out(life: Life) -> bool:
    """Whether some path ends with the lease open; one that only works in `with session.begin():` holds nothing."""
    within_blocks = life.has("ends")
    kept = (State.HOLDING, State.LOST) if within_blocks else (State.OPEN, State.HOLDING, State.RELEASED, State.LOST)
    return any(one.state in kept for one in life.exits)


def _nameless(lives: Lives, function: Function) -> Iterator[Lease]:
    """Leases that are used on the spot, or only lent to a function of the project that keeps nothing."""
    around = function.around
    for fact in function.body:
        if not isinstance(fact, facts.Call) or (kind := taken_by(lives.evaluator, fact, function)) is None:
            continue
        if is_emptied(fact, function) or holder(fact, around)[1]:  # a variable, or an attribute that keeps it
            continue
        lease = Lease("taken", "", kind, function, fact)
        if _is_thrown_away(fact, kind, around) or _is_only_lent(lives, lease, fact, around):
            yield lease


def _is_thrown_away(fact: facts.Expr, kind: Kind, around: dict[int, walking.Fact]) -> bool:
    """`Session().execute(q)`: nothing is left that could be closed, unless a method of it is handed on."""
    parent = around.get(id(fact))
    while isinstance(parent, facts.Await):
        parent = around.get(id(parent))
    if isinstance(parent, facts.Evaluate):
        return kind not in LAZY  # a session that is not used takes nothing
    if not isinstance(parent, facts.Attr) or parent.name in CLOSING or parent.name.startswith("__"):
        return False
    call = around.get(id(parent))
    if not isinstance(call, facts.Call) or call.func is not parent or parent.name in _NOT_YET:
        return False
    return parent.name != "query" or _is_run(call, around)


def _is_run(query: facts.Call, around: dict[int, walking.Fact]) -> bool:
    """Whether `Session().query(…)` goes on to a method that executes it."""
    fact: walking.Fact = query
    while isinstance(parent := around.get(id(fact)), (facts.Attr, facts.Call)):
        if isinstance(parent, facts.Attr) and parent.name in READING:
            return True
        fact = parent
    return isinstance(parent, (facts.For, facts.Clause))


def _is_only_lent(lives: Lives, lease: Lease, fact: facts.Expr, around: dict[int, walking.Fact]) -> bool:
    """`query(Session())`: the lease is handed to a function of the project that only uses it."""
    parent = around.get(id(fact))
    call = around.get(id(parent)) if isinstance(parent, facts.Keyword) else parent
    if not isinstance(call, facts.Call) or call.func is fact:
        return False
    keyword = parent.name if isinstance(parent, facts.Keyword) else None
    if keyword == "":
        return False
    return passed_on(lives, lease, call, fact, keyword) in USING


def passed_on(lives: Lives, lease: Lease, call: facts.Call, given: facts.Expr, keyword: str | None) -> str:
    """What a call does that is given a lease: the name of its effect."""
    reader = Reader(lives.evaluator, lease, lives)
    reader.passed(call, given, keyword)
    return reader.found["", id(call)].name if ("", id(call)) in reader.found else "escapes"


def is_only_used(
    evaluator: Evaluator, call: facts.Call, given: facts.Expr, keyword: str | None, function: Function
) -> bool:
    """Whether a call of functions of the project only uses the pool it is given: neither closes nor keeps it."""
    routines = [v.function for v in evaluator.values(call.func, function) if isinstance(v, Routine)]
    if not routines or any(isinstance(fact, facts.While) for routine in routines for fact in routine.body):
        return False
    lease = Lease("taken", "", Kind.ENGINE, function, given)
    return passed_on(lives_of(evaluator), lease, call, given, keyword) in USING


def closed_in_line(found: Skipped) -> bool:
    """Whether the lease is taken and closed by two statements of one block, the closing being its last use."""
    lease = found.lease
    closings = [key for key, effect in found.life.effects.items() if effect.name == "closes"]
    if len(closings) != 1 or len(lease.function.bound.get(lease.name, ())) != 1:
        return False
    for block in _blocks(lease.function.node.body):
        start = next((i for i, statement in enumerate(block) if _evaluates(statement, lease.fact)), None)
        if start is None:
            continue
        end = next((i for i, one in enumerate(block) if _is_plain(one) and _has(one, closings[0])), None)
        after = block[end + 1 :] if end is not None and end > start else None
        if after is not None:
            inside = {id(f) for statement in block[start : (end or 0) + 1] for f in walking.everything([statement])}
            return all(id(use) in inside for use in _named(lease))
    return False


def _named(lease: Lease) -> Iterator[walking.Fact]:
    for fact in walking.everything(lease.function.node.body):
        if is_use(fact, lease.name):
            yield fact


def _blocks(body: tuple[facts.Stmt, ...]) -> Iterator[tuple[facts.Stmt, ...]]:
    yield body
    for statement in walking.statements(body):
        yield from walking.blocks(statement)


def _is_plain(statement: facts.Stmt) -> bool:
    return isinstance(statement, facts.Evaluate)


def _evaluates(statement: facts.Stmt, fact: walking.Fact) -> bool:
    return isinstance(statement, facts.Assign) and any(one is fact for one in walking.within([statement]))


def _has(statement: facts.Stmt, closing: tuple[str, int]) -> bool:
    return any(id(fact) == closing[1] for fact in walking.within([statement]))
