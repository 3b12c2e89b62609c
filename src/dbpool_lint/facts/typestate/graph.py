"""In which order does a function run its code? A control-flow graph over the facts of its body.

Every node runs one statement, or the part of one up to a condition, and knows where it goes when that goes well,
when it raises, and when it is cancelled or closed while it waits. `finally` blocks and the ends of `with` stand in
the graph once for each way that passes them, so that no path mixes two ways out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.typestate.raising import waits
from dbpool_lint.facts.typestate.steps import conditional, evaluated

_MOST_NODES = 20_000
"""`finally` in `finally` doubles at each level; a function with more nodes than this is not judged."""

_EVERYTHING = frozenset({"BaseException"})
_ERRORS = frozenset({"Exception", "BaseException"})
_NO_ERRORS = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})


class TooLarge(Exception):
    """The graph of a function would not end."""


@dataclass(eq=False, slots=True)
class Node:
    """One part of a function that runs in one go: `steps` in the order of their evaluation.

    `how` says what the steps are for: "run" a statement; "test" a condition (`after` is then where it leads when
    true, and when false); "next" element of a loop (body, end); "enter" and "leave" a context manager, "abort"
    it on an exception; "catch" chooses a handler; "bind" a handler's name; "return"; "raise"; "end", "fail" and
    "cancel", the ends.
    """

    how: str
    fact: walking.Fact | None
    steps: tuple[walking.Fact, ...] = ()
    after: list[Node] = field(default_factory=list)
    failing: Node | None = None
    cancelled: Node | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """`start` runs first; `end` is reached by returning, `fail` and `cancel` by what nobody caught."""

    start: Node
    end: Node
    fail: Node
    cancel: Node


_Way = Callable[[], Node]


@dataclass(frozen=True, slots=True)
class _Ways:
    """Where the ways out of a block lead; `cancelling` in a handler that a cancellation has led to."""

    returns: _Way
    raises: _Way
    cancels: _Way
    breaks: _Way | None = None
    continues: _Way | None = None
    cancelling: bool = False

    def through(self, passing: Callable[[_Way], _Way]) -> _Ways:
        """The same ways, each through something that runs before a block is left."""
        return replace(
            self,
            returns=passing(self.returns),
            raises=passing(self.raises),
            cancels=passing(self.cancels),
            breaks=passing(self.breaks) if self.breaks is not None else None,
            continues=passing(self.continues) if self.continues is not None else None,
        )


def graph(function: facts.Function, swallows: Callable[[facts.Entered], bool] = lambda _: False) -> Graph:
    """The graph of a function's own body; `swallows` tells context managers that end an exception.

    Raises TooLarge.
    """
    end, fail, cancel = Node("end", None), Node("fail", None), Node("cancel", None)
    builder = _Builder(swallows, _cancelling(function))
    start = builder.block(function.body, end, _Ways(lambda: end, lambda: fail, lambda: cancel))
    return Graph(start, end, fail, cancel)


class _Builder:
    def __init__(self, swallows: Callable[[facts.Entered], bool], cancelling: frozenset[str]) -> None:
        self._count = 0
        self._swallows = swallows
        self._cancelling = cancelling
        # where it may be either, a handler of the one is no handler of the other
        self._certain = cancelling if len(cancelling) == 2 else _EVERYTHING

    def node(
        self, how: str, fact: walking.Fact | None, steps: tuple[walking.Fact, ...], after: list[Node], ways: _Ways
    ) -> Node:
        self._count += 1
        if self._count > _MOST_NODES:
            raise TooLarge
        return Node(how, fact, steps, after, ways.raises(), ways.cancels() if self._cancelling else None)

    def block(self, body: tuple[facts.Stmt, ...], after: Node, ways: _Ways) -> Node:
        """The first node of a block that goes on to `after`."""
        for statement in reversed(body):
            after = self.statement(statement, after, ways)
        return after

    def statement(self, fact: facts.Stmt, after: Node, ways: _Ways) -> Node:
        if isinstance(fact, facts.If):
            return self._if(fact, after, ways)
        if isinstance(fact, facts.While):
            return self._while(fact, after, ways)
        if isinstance(fact, facts.For):
            return self._for(fact, after, ways)
        if isinstance(fact, facts.With):
            return self._with(fact, 0, after, ways)
        if isinstance(fact, facts.Try):
            return self._try(fact, after, ways)
        if isinstance(fact, facts.Match):
            return self._match(fact, after, ways)
        return self._simple(fact, after, ways)

    def _if(self, fact: facts.If, after: Node, ways: _Ways) -> Node:
        branches = [fact]  # a loop, for `elif` may go on for hundreds of branches
        while len(branches[-1].orelse) == 1 and isinstance(inner := branches[-1].orelse[0], facts.If):
            branches.append(inner)
        following = self.block(branches[-1].orelse, after, ways)
        for branch in reversed(branches):
            following = self.decision(branch.test, self.block(branch.body, after, ways), following, ways)
        return following

    def _simple(self, fact: facts.Stmt, after: Node, ways: _Ways) -> Node:
        if isinstance(fact, facts.Jump):
            if fact.kind == "break" and ways.breaks is not None:
                return ways.breaks()
            return ways.continues() if fact.kind == "continue" and ways.continues is not None else after
        how, following = "run", [after]
        if isinstance(fact, facts.Return):
            how, following = "return", [ways.returns()]
        elif isinstance(fact, facts.Raise):
            how, following = "raise", []
            if fact.value is None and ways.cancelling:
                ways = replace(ways, raises=ways.cancels)
        return self.value(fact, self.node(how, fact, (fact,), following, ways), ways)

    def value(self, fact: walking.Fact, after: Node, ways: _Ways) -> Node:
        """Evaluates what stands below a fact that `after` goes on with; conditional parts on ways of their own."""
        if isinstance(fact, (facts.Function, facts.Class, facts.Lambda)):
            return after
        if not conditional(fact):
            after.steps = (*(step for step in evaluated(fact) if step is not fact), *after.steps)
            return after
        for part in reversed(list(walking.below(fact))):
            after = self.operand(part, after, ways)
        return after

    def operand(self, fact: walking.Fact, after: Node, ways: _Ways) -> Node:
        """Evaluates an operand, then goes on to `after`."""
        if isinstance(fact, facts.Logic) and fact.op in ("and", "or") and conditional(fact):
            following = self.operand(fact.operands[-1], after, ways)
            for operand in reversed(fact.operands[:-1]):
                yes, no = (following, after) if fact.op == "and" else (after, following)
                following = self.decision(operand, yes, no, ways)
            return following
        if isinstance(fact, facts.Choice) and conditional(fact):
            then, other = self.operand(fact.then, after, ways), self.operand(fact.other, after, ways)
            return self.decision(fact.test, then, other, ways)
        return self.value(fact, self.node("run", fact, (fact,), [after], ways), ways)

    def decision(self, fact: facts.Expr, yes: Node, no: Node, ways: _Ways) -> Node:
        """Evaluates a condition and goes to one of two nodes."""
        if isinstance(fact, facts.Logic) and fact.op == "not":
            return self.decision(fact.operands[0], no, yes, ways)
        if isinstance(fact, facts.Logic):
            *first, last = fact.operands
            following = self.decision(last, yes, no, ways)
            for operand in reversed(first):
                both = (following, no) if fact.op == "and" else (yes, following)
                following = self.decision(operand, *both, ways)
            return following
        if isinstance(fact, facts.Choice):
            then, other = self.decision(fact.then, yes, no, ways), self.decision(fact.other, yes, no, ways)
            return self.decision(fact.test, then, other, ways)
        return self.value(fact, self.node("test", fact, (fact,), [yes, no], ways), ways)

    def _while(self, fact: facts.While, after: Node, ways: _Ways) -> Node:
        start = self.node("run", None, (), [], ways)
        body = self.block(fact.body, start, replace(ways, breaks=lambda: after, continues=lambda: start))
        if walking.literal(fact.test) in (True, 1):
            start.after = [body]
        else:
            start.after = [self.decision(fact.test, body, self.block(fact.orelse, after, ways), ways)]
        return start

    def _for(self, fact: facts.For, after: Node, ways: _Ways) -> Node:
        start = self.node("next", fact, (fact,), [], ways)
        body = self.block(fact.body, start, replace(ways, breaks=lambda: after, continues=lambda: start))
        start.after = [body, self.block(fact.orelse, after, ways)]
        return self.operand(fact.source, start, ways)

    def _with(self, fact: facts.With, index: int, after: Node, ways: _Ways) -> Node:
        if index == len(fact.items):
            return self.block(fact.body, after, ways)
        item = fact.items[index]
        swallowed = _suppressed(item) if self._swallows(item) else frozenset()

        def leaving(way: _Way) -> _Way:
            return _once(lambda: self.node("leave", item, (item,), [way()], ways))

        def aborting(way: _Way, may: frozenset[str], must: frozenset[str]) -> _Way:
            def following() -> list[Node]:
                return [*([] if must & swallowed else [way()]), *([after] if may & swallowed else [])]

            return _once(lambda: self.node("abort", item, (item,), following(), ways))

        inside = replace(
            ways.through(leaving),
            raises=aborting(ways.raises, swallowed - _NO_ERRORS, _ERRORS),
            cancels=aborting(ways.cancels, self._cancelling, self._certain),
        )
        body = self._with(fact, index + 1, leaving(lambda: after)(), inside)
        return self.value(item.value, self.node("enter", item, (item.value, item), [body], ways), ways)

    def _try(self, fact: facts.Try, after: Node, ways: _Ways) -> Node:
        if not fact.final:
            return self._caught(fact, after, ways)

        def finishing(way: _Way, within: _Ways = ways) -> _Way:
            return _once(lambda: self.block(fact.final, way(), within))

        inside = replace(
            ways.through(finishing),
            raises=finishing(ways.raises, replace(ways, cancelling=False)),
            cancels=finishing(ways.cancels, replace(ways, cancelling=True)),
        )
        return self._caught(fact, finishing(lambda: after)(), inside)

    def _caught(self, fact: facts.Try, after: Node, ways: _Ways) -> Node:
        orelse = self.block(fact.orelse, after, ways)
        if not fact.handlers:
            return self.block(fact.body, orelse, ways)
        raises = _once(lambda: self._catch(fact, after, replace(ways, cancelling=False), ways.raises, _ERRORS))
        cancels = _once(lambda: self._catch(fact, after, replace(ways, cancelling=True), ways.cancels, self._certain))
        return self.block(fact.body, orelse, replace(ways, raises=raises, cancels=cancels))

    def _catch(self, fact: facts.Try, after: Node, ways: _Ways, uncaught: _Way, certain: frozenset[str]) -> Node:
        """Chooses a handler; a cancellation has handlers of its own, for a bare `raise` goes on with it."""
        following: list[Node] = []
        for handler in fact.handlers:
            names = caught(handler)
            if names & self._cancelling if ways.cancelling else not names or names - _NO_ERRORS:
                body = self.block(handler.body, after, ways)
                following.append(self.node("bind", handler, (handler,), [body], ways))
            if names & certain and not fact.group:
                break
        else:
            following.append(uncaught())
        return self.node("catch", fact, (), following, ways)

    def _match(self, fact: facts.Match, after: Node, ways: _Ways) -> Node:
        following = after
        for case in reversed(fact.cases):
            body = self.block(case.body, after, ways)
            if case.guard is not None:
                body = self.decision(case.guard, body, following, ways)
            following = self.node("run", case, (case,), [body] if case.fits else [body, following], ways)
        return self.operand(fact.subject, following, ways)


def caught(handler: facts.Handler) -> frozenset[str]:
    """The last parts of the names of what a handler catches; a bare one catches BaseException."""
    if handler.types is None:
        return _EVERYTHING
    types = handler.types.items if isinstance(handler.types, facts.Sequence) else (handler.types,)
    return frozenset(names[-1] for type_ in types if (names := walking.chain(type_)))


def _suppressed(item: facts.Entered) -> frozenset[str]:
    """The last parts of the names of what `suppress(…)` swallows."""
    args = item.value.args if isinstance(item.value, facts.Call) else ()
    return frozenset((walking.chain(arg) or ["?"])[-1] for arg in args)


def _cancelling(function: facts.Function) -> frozenset[str]:
    """What may be thrown into a function where it waits, and what catches it; nothing when it never waits."""
    cancelled = {"CancelledError"} if function.asynchronous and any(map(_waits, walking.body_of(function))) else set()
    closed = {"GeneratorExit"} if function.generator else set()
    return frozenset({*cancelled, *closed, "BaseException"} if cancelled or closed else ())


def _waits(fact: walking.Fact) -> bool:
    return waits(fact) or (isinstance(fact, facts.With) and fact.asynchronous)


def _once(make: _Way) -> _Way:
    """Makes the node when it is first asked for, and gives the same one ever after."""
    made: list[Node] = []

    def give() -> Node:
        if not made:
            made.append(make())
        return made[0]

    return give


def nodes(of: Graph) -> Iterator[Node]:
    """Every node that can be reached, in no particular order."""
    seen: set[int] = set()
    stack = [of.start]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(node.after)
            stack.extend(way for way in (node.failing, node.cancelled) if way is not None)
