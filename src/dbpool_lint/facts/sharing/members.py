"""What runs at once? The coroutines that `gather` and its like are given, through lists that were built before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.sharing.running import is_of, outside
from dbpool_lint.knowledge.tasks import COLLECTING, GATHERING, GROUP_METHODS, TASK_GROUPS

_ADDING = frozenset({"append", "add", "extend", "insert", "appendleft"})
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One coroutine of several that run at once; `loop` when it stands for one in each round of a loop around it."""

    fact: facts.Expr
    loop: walking.Fact | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A call, or a `with`, at which coroutines run at once."""

    fact: facts.Expr
    what: str
    members: tuple[Member, ...]


@dataclass(slots=True)
class Layout:
    """How the facts of one function stand in each other, and in which order."""

    function: Function
    around: dict[int, walking.Fact] = field(default_factory=dict)
    order: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.around = self.function.around
        self.order = {id(fact): index for index, fact in enumerate(self.function.body)}

    def above(self, fact: walking.Fact) -> Iterator[walking.Fact]:
        """What a fact stands in, innermost first."""
        found = self.around.get(id(fact))
        while found is not None:
            yield found
            found = self.around.get(id(found))

    def loop_at(self, fact: walking.Fact, below: walking.Fact | None = None) -> walking.Fact | None:
        """The innermost loop that runs a fact again and again; `below` bounds the search."""
        inner: walking.Fact = fact
        for outer in self.above(fact):
            if outer is below:
                return None
            if isinstance(outer, (facts.While, facts.Comprehension)):
                return outer
            if isinstance(outer, facts.For) and inner is not outer.source:
                return outer
            inner = outer
        return None

    def exclusive(self, one: walking.Fact, other: walking.Fact) -> bool:
        """Whether two facts stand in branches of which only one runs."""
        ways = {id(fact): (fact, before) for before, fact in self._steps(one)}
        for before, fact in self._steps(other):
            if id(fact) in ways:
                return _apart(fact, ways[id(fact)][1], before)
        return False

    def _steps(self, fact: walking.Fact) -> Iterator[tuple[walking.Fact, walking.Fact]]:
        for outer in self.above(fact):
            yield fact, outer
            fact = outer

    def reached_after(self, one: walking.Fact, other: walking.Fact) -> bool:
        """Whether a fact that stands below another runs after it: not in another branch, not behind a `return`."""
        if self.exclusive(one, other):
            return False
        inside = {id(fact) for fact in self.above(other)}
        child: walking.Fact = one
        for outer in self.above(one):
            if id(outer) in inside:
                return True
            if any(_leaves(block) for block in _blocks(outer) if any(s is child for s in block)):
                return False
            child = outer
        return True


def _blocks(fact: walking.Fact) -> Iterator[tuple[walking.Fact, ...]]:
    for name in ("body", "orelse", "final"):
        block = getattr(fact, name, ())
        if isinstance(block, tuple):
            yield block


def _leaves(block: tuple[walking.Fact, ...]) -> bool:
    last = block[-1]
    return isinstance(last, (facts.Return, facts.Raise)) or (isinstance(last, facts.Jump) and last.kind != "pass")


def _apart(fact: walking.Fact, one: walking.Fact, other: walking.Fact) -> bool:
    if one is other:
        return False
    if isinstance(fact, facts.Choice):
        return {id(one), id(other)} == {id(fact.then), id(fact.other)}
    if isinstance(fact, facts.If):
        first, second = ({id(s) for s in block} for block in (fact.body, fact.orelse))
        return (id(one) in first and id(other) in second) or (id(one) in second and id(other) in first)
    if isinstance(fact, facts.Try):
        handlers = {id(handler) for handler in fact.handlers}
        return id(one) in handlers or id(other) in handlers
    return isinstance(fact, facts.Match) and isinstance(one, facts.Case) and isinstance(other, facts.Case)


def groups(evaluator: Evaluator, layout: Layout) -> Iterator[Group]:
    """The places of a function where coroutines run at once, in order."""
    for fact in layout.function.body:
        if isinstance(fact, facts.Call):
            names = outside(evaluator, fact, layout.function)
            if names & GATHERING:
                yield Group(fact, "asyncio.gather", tuple(_each(layout, fact.args, 0)))
            elif names & COLLECTING and fact.args:
                what = min(names & COLLECTING)
                yield Group(fact, what, tuple(_spread(layout, fact.args[0], 0)))
        elif isinstance(fact, facts.With):
            yield from _task_group(evaluator, layout, fact)


def _each(layout: Layout, args: tuple[facts.Expr, ...], depth: int) -> Iterator[Member]:
    for argument in args:
        if isinstance(argument, facts.Star):
            yield from _spread(layout, argument.value, depth)
        else:
            yield from _single(layout, argument)


def _single(layout: Layout, fact: facts.Expr) -> Iterator[Member]:
    """A coroutine, or the local name of one."""
    if not isinstance(fact, facts.Name):
        yield Member(fact)
        return
    for bound in layout.function.bound.get(fact.id, ()):
        if bound.how == "value" and isinstance(bound.value, (facts.Call, facts.Await)):
            yield Member(bound.value)


def _spread(layout: Layout, fact: facts.Expr, depth: int) -> Iterator[Member]:
    """What a collection holds."""
    if depth > _DEEPEST:
        return
    if isinstance(fact, facts.Comprehension):
        yield Member(fact.elements[-1], fact)
    elif isinstance(fact, facts.Sequence):
        yield from _each(layout, fact.items, depth + 1)
    elif isinstance(fact, facts.Mapping):
        yield from (Member(pair.value) for pair in fact.items)
    elif isinstance(fact, facts.Binary) and fact.op in ("+", "|"):
        yield from _spread(layout, fact.left, depth + 1)
        yield from _spread(layout, fact.right, depth + 1)
    elif isinstance(fact, facts.Call) and (inner := _inside(fact)) is not None:
        yield from _spread(layout, inner, depth + 1)
    elif isinstance(fact, facts.Name):
        yield from _collected(layout, fact.id, depth)


def _inside(call: facts.Call) -> facts.Expr | None:
    """`tasks.values()`, `list(tasks)`"""
    if isinstance(call.func, facts.Attr) and call.func.name in ("values", "copy"):
        return call.func.base
    if isinstance(call.func, facts.Name) and call.func.id in ("list", "tuple", "set") and call.args:
        return call.args[0]
    return None


def _collected(layout: Layout, name: str, depth: int) -> Iterator[Member]:
    """What a local list was made with, and what was added to it since."""
    for bound in layout.function.bound.get(name, ()):
        if bound.how in ("value", "change") and bound.value is not None and not walking.is_name(bound.value, name):
            loop = _own_loop(layout, bound.value, name) if bound.how == "change" else None
            for member in _spread(layout, bound.value, depth + 1):
                yield Member(member.fact, member.loop or loop)
    for fact in layout.function.body:
        if isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr) and walking.is_name(fact.func.base, name):
            if fact.func.name in _ADDING and fact.args:
                spread = fact.func.name == "extend"
                found = _spread(layout, fact.args[0], depth + 1) if spread else _single(layout, fact.args[-1])
                loop = _own_loop(layout, fact, name)
                yield from (Member(member.fact, member.loop or loop) for member in found)
        elif isinstance(fact, facts.Assign) and any(
            isinstance(target, facts.Item) and walking.is_name(target.base, name) for target in fact.targets
        ):
            yield Member(fact.value, _own_loop(layout, fact, name))


def _own_loop(layout: Layout, fact: walking.Fact, name: str) -> walking.Fact | None:
    """The loop in which a list grows: not one that starts the list anew in each round."""
    loop = layout.loop_at(fact)
    return loop if loop is not None and not binds(loop, name) else None


def binds(loop: walking.Fact, name: str) -> bool:
    """Whether a loop gives a name a value of its own in each round."""
    for fact in walking.within([loop]):
        if isinstance(fact, facts.Assign):
            found = [single for target in fact.targets for single in walking.targets(target)]
        elif isinstance(fact, (facts.For, facts.Clause, facts.Walrus, facts.Entered)):
            found = list(walking.targets(fact.target))
        else:
            continue
        if any(walking.is_name(target, name) for target in found):
            return True
    return False


def _task_group(evaluator: Evaluator, layout: Layout, fact: facts.With) -> Iterator[Group]:
    """`async with TaskGroup() as tasks: tasks.create_task(f())`: at the first task."""
    for item in fact.items:
        if not isinstance(item.target, facts.Name) or not is_of(evaluator, item.value, layout.function, TASK_GROUPS):
            continue
        name = item.target.id
        started = [call for call in walking.calls(fact.body) if _starts(call, name)]
        if started:
            members = tuple(Member(call, layout.loop_at(call, fact)) for call in started)
            yield Group(started[0], "the task group", members)


def _starts(call: facts.Call, group: str) -> bool:
    func = call.func
    return isinstance(func, facts.Attr) and func.name in GROUP_METHODS and walking.is_name(func.base, group)
