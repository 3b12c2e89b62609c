"""Which expressions read a pool's counters wrongly, and what were they meant to say?"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.pooling.counters import Counting, Sum, run_by
from dbpool_lint.facts.project import Module, Scope
from dbpool_lint.fixing.recipes import Spot


class Mistake(str, enum.Enum):
    """What is wrong: the expression as it is usually written."""

    AVAILABLE = "size() - checkedout()"
    IN_USE = "size() - checkedin()"
    TWICE = "checkedout() + overflow()"
    IDLE_TWICE = "checkedin() + overflow()"
    OF_SIZE = "checkedout() / size()"
    OF_OPEN = "checkedout() / (size() + overflow())"
    AGAINST_OPEN = "checkedout() < size() + overflow()"
    OVERFLOW_SHARE = "overflow() / …"
    OVERFLOW_TRUTH = "if overflow()"


@dataclass(frozen=True, slots=True)
class Misreading:
    """A wrong reading: the expression, the sum it is about, and the words under which the result is known."""

    mistake: Mistake
    fact: facts.Expr
    scope: Scope
    read: Sum
    label: str
    clipped: bool = False

    @property
    def spot(self) -> Spot:
        return spot_of(self.fact, self.scope)


def spot_of(fact: facts.Expr, scope: Scope) -> Spot:
    """Where a fact that a scope runs stands, in its lambdas too."""
    if not isinstance(scope, Module):
        return Spot(scope.statement, fact.at)
    pieces = scope.pieces.values()
    return next(Spot(p.index, fact.at) for p in pieces if any(one is fact for one in walking.everything(p.body)))


def misreadings(counting: Counting, scope: Scope) -> Iterator[Misreading]:
    """The wrong readings in one scope."""
    found = run_by(scope)
    if not any(isinstance(fact, (facts.Binary, facts.If, facts.While, facts.Choice)) for fact in found):
        return
    around = _Around(counting, found)
    for fact in found:
        if isinstance(fact, facts.Binary):
            yield from _of_binary(counting, fact, scope, around)
        elif isinstance(fact, facts.Compare):
            yield from _of_comparison(counting, fact, scope, around)
        else:
            for test in _tests(fact):
                yield from _of_test(counting, test, scope, around)


class _Around:
    """What stands around the facts of a scope."""

    def __init__(self, counting: Counting, found: tuple[walking.Fact, ...]) -> None:
        self._counting = counting
        self._parents = {id(child): fact for fact in found for child in walking.below(fact)}

    def parent(self, fact: walking.Fact) -> walking.Fact | None:
        return self._parents.get(id(fact))

    def is_clipped(self, fact: facts.Expr, scope: Scope) -> bool:
        """`max(0, x)`, `min(x, 1.0)`, `x if … else 0`"""
        child: walking.Fact = fact
        parent = self.parent(fact)
        while isinstance(parent, facts.Binary) and parent.op in ("*", "/", "//"):
            child, parent = parent, self.parent(parent)
        if isinstance(parent, facts.Choice) and child is not parent.test:
            return isinstance(parent.test, facts.Compare) and self._compares_counters(parent.test, scope)
        if not isinstance(parent, facts.Call) or parent.func is child or len(parent.args) != 2:
            return False
        values = self._counting.reader.evaluator.values(parent.func, scope)
        return any(isinstance(v, External) and v.name in ("builtins.max", "builtins.min") for v in values)

    def _compares_counters(self, test: facts.Compare, scope: Scope) -> bool:
        sides = [self._counting.sum(side, scope) for side in (test.left, *test.rights)]
        return sum(bool(side.key) for side in sides) == 2 and len(sides) == 2

    def label(self, fact: facts.Expr) -> str:
        """The names and texts under which the value of an expression is kept, set or shown."""
        child: walking.Fact = fact
        parent = self.parent(fact)
        while parent is not None:
            if isinstance(parent, facts.Assign):
                return " ".join(word for target in parent.targets for word in _words(target))
            if isinstance(parent, facts.Pair):
                return " ".join(_words(parent.key)) if parent.key is not None else ""
            if isinstance(parent, facts.Keyword):
                return parent.name
            if isinstance(parent, facts.Text):
                return _before(parent, child)
            if isinstance(parent, facts.Call) and isinstance(parent.func, facts.Attr):
                return " ".join(_words(parent.func.base))
            if not isinstance(parent, (facts.Binary, facts.Call, facts.Choice, facts.Logic, facts.Lambda)):
                return ""
            child, parent = parent, self.parent(parent)
        return ""


def _words(fact: walking.Fact) -> Iterator[str]:
    for inner in walking.everything([fact]):
        if isinstance(inner, facts.Name):
            yield inner.id
        elif isinstance(inner, facts.Attr):
            yield inner.name
        elif isinstance(inner, facts.Const) and isinstance(inner.value, str):
            yield inner.value


def _before(text: facts.Text, part: walking.Fact) -> str:
    """The words right before a part of an f-string: `f"{a} in use, available: {part}"`."""
    place = next(i for i, one in enumerate(text.parts) if one is part)
    before = text.parts[place - 1] if place else None
    words = before.value if isinstance(before, facts.Const) else ""
    return str(words).rpartition(",")[2]


def _of_binary(counting: Counting, fact: facts.Binary, scope: Scope, around: _Around) -> Iterator[Misreading]:
    if fact.op in ("+", "-"):
        parent = around.parent(fact)
        if isinstance(parent, facts.Binary) and parent.op in ("+", "-"):
            return
        read = counting.sum(fact, scope)
        mistake = _of_sum(read)
    elif fact.op in ("/", "//"):
        read = counting.sum(fact.left, scope)
        mistake = _of_share(counting, fact, scope, read, around)
    else:
        return
    if mistake is not None:
        yield Misreading(mistake, fact, scope, read, around.label(fact), around.is_clipped(fact, scope))


def _of_sum(read: Sum) -> Mistake | None:
    if read.checkedout * read.overflow > 0 or read.checkedout * read.clamped > 0:
        return Mistake.TWICE
    if not read.is_pure:
        return None
    if read.checkedin * read.overflow > 0 and not read.size:
        return Mistake.IDLE_TWICE
    size, out, idle = read.reduced
    if size > 0 and (out, idle) == (-size, 0):
        return Mistake.AVAILABLE
    return Mistake.IN_USE if size > 0 and (out, idle) == (0, -size) else None


def _of_share(counting: Counting, fact: facts.Binary, scope: Scope, read: Sum, around: _Around) -> Mistake | None:
    if not read.is_pure:
        return None
    whole = counting.sum(_divisor(counting, fact.right, scope), scope)
    if read.overflow > 0 and not (read.size or read.checkedout or read.checkedin):
        return Mistake.OVERFLOW_SHARE if not isinstance(fact.right, facts.Const) else None
    _, out, _ = read.reduced
    if read.reduced != (0, out, 0) or out <= 0 or not whole.is_pure or whole.key != read.key:
        return None
    size, used, idle = whole.reduced
    if size > 0 and (used, idle) == (0, 0):
        return None if _is_beyond_one(fact, around) else Mistake.OF_SIZE
    return Mistake.OF_OPEN if size == 0 and used == idle > 0 else None


def _of_comparison(counting: Counting, fact: facts.Compare, scope: Scope, around: _Around) -> Iterator[Misreading]:
    """`checkedout() < size() + overflow()`: in a new pool both are 0."""
    if len(fact.rights) != 1:
        return
    sides = [counting.sum(side, scope) for side in (fact.left, fact.rights[0])]
    if not all(side.is_pure for side in sides) or sides[0].key != sides[1].key:
        return
    for used, whole in (sides, reversed(sides)):
        if used.reduced == (0, 1, 0) and whole.reduced == (0, 1, 1):
            yield Misreading(Mistake.AGAINST_OPEN, fact, scope, used, around.label(fact))


def _divisor(counting: Counting, fact: facts.Expr, scope: Scope) -> facts.Expr:
    """`max(pool.size(), 1)` keeps the division from failing."""
    if isinstance(fact, facts.Call) and len(fact.args) == 2:
        values = counting.reader.evaluator.values(fact.func, scope)
        given = [arg for arg in fact.args if not isinstance(arg, facts.Const)]
        if len(given) == 1 and any(isinstance(v, External) and v.name == "builtins.max" for v in values):
            return given[0]
    return fact


def _is_beyond_one(fact: facts.Expr, around: _Around) -> bool:
    """`checkedout() / size() > 1` asks for overflow on purpose."""
    parent = around.parent(fact)
    if not isinstance(parent, facts.Compare) or parent.left is not fact or len(parent.rights) != 1:
        return False
    limit = walking.literal(parent.rights[0])
    return isinstance(limit, (int, float)) and limit >= 1


def _tests(fact: walking.Fact) -> Iterator[facts.Expr]:
    """The expressions whose truth decides something."""
    if isinstance(fact, (facts.If, facts.While, facts.Choice)):
        yield from _parts(fact.test)


def _parts(test: facts.Expr) -> Iterator[facts.Expr]:
    if isinstance(test, facts.Logic):
        for operand in test.operands:
            yield from _parts(operand)
    elif isinstance(test, facts.Compare) and len(test.rights) == 1 and test.ops[0] in ("!=", "=="):
        if walking.literal(test.rights[0]) == 0:
            yield test.left
    else:
        yield test


def _of_test(counting: Counting, test: facts.Expr, scope: Scope, around: _Around) -> Iterator[Misreading]:
    if not isinstance(test, (facts.Call, facts.Name, facts.Item)):
        return
    read = counting.sum(test, scope)
    if read.is_pure and read.overflow > 0 and not (read.size or read.checkedout or read.checkedin):
        yield Misreading(Mistake.OVERFLOW_TRUTH, test, scope, read, around.label(test))
