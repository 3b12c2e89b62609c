"""What does a request reach, and what runs on the event loop? Shortest chains over the call graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.calls import Edge, constructed_classes, edges
from dbpool_lint.facts.entries import Entry
from dbpool_lint.facts.evaluate import Evaluator
from dbpool_lint.facts.keeping import is_cached, is_kept, per_request
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge import frameworks

_LONGEST = 30


@dataclass(frozen=True, slots=True)
class Step:
    """On the way, `function` runs the next one at `fact`."""

    function: Function
    fact: walking.Fact


@dataclass(frozen=True, slots=True)
class Path:
    """How the request path reaches a function: the entry it starts from, and the steps in between."""

    entry: Entry
    steps: tuple[Step, ...]


def request_paths(evaluator: Evaluator, entries: tuple[Entry, ...]) -> dict[int, Path]:
    """For every function on the request path, by its identity, the shortest way to it.

    Functions that keep what they made, and calls whose result is kept, are not passed: what lies behind them runs once.
    """
    known = per_request(evaluator)
    while True:
        found = _paths(evaluator, entries)
        made = {
            id(cls)
            for function in evaluator.project.functions()
            if id(function) in found
            for cls, fact in constructed_classes(evaluator, function)
            if not is_kept(evaluator, fact, function)
        }
        if made <= known:
            return found
        known |= made


def _paths(evaluator: Evaluator, entries: tuple[Entry, ...]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    # routes first: the way from a route tells more than the bare fact that something is a dependency
    for first in (True, False):
        started = [e for e in entries if (e.what != "dependency") is first and not is_cached(evaluator, e.function)]
        queue: deque[Function] = deque()
        for entry in started:
            if id(entry.function) not in found:
                found[id(entry.function)] = Path(entry, ())
                queue.append(entry.function)
        _spread(evaluator, queue, found)
    return found


def _spread(evaluator: Evaluator, queue: deque[Function], found: dict[int, Path]) -> None:
    while queue:
        function = queue.popleft()
        path = found[id(function)]
        if len(path.steps) >= _LONGEST:
            continue
        for edge in edges(evaluator, function):
            if id(edge.callee) not in found and _passes(evaluator, edge, function):
                found[id(edge.callee)] = Path(path.entry, (*path.steps, Step(function, edge.fact)))
                queue.append(edge.callee)


def _passes(evaluator: Evaluator, edge: Edge, caller: Function) -> bool:
    if is_cached(evaluator, edge.callee):
        return False
    return edge.how in ("depends", "decorated") or not is_kept(evaluator, edge.fact, caller)


def sync_calls(evaluator: Evaluator, function: Function) -> Iterator[Edge]:
    """The plain functions that a function runs itself for certain, there and then, on the same thread."""
    for edge in edges(evaluator, function):
        there = edge.certain and edge.how in ("call", "construct", "property")
        plain = not (edge.callee.node.asynchronous or edge.callee.node.generator)
        if there and plain and not _runs_elsewhere(evaluator, edge.callee):
            yield edge


def always(evaluator: Evaluator, function: Function) -> frozenset[int]:
    """The facts, by identity, that a function runs without a condition: not in `if`, `except` or short circuits."""
    memory = evaluator.project.memory
    key = ("always", id(function))
    if key not in memory:
        body = before_exit(function.node.body)
        memory[key] = frozenset(id(fact) for fact in walking.within(_straight(body), _is_straight))
    return cast("frozenset[int]", memory[key])


def before_exit(body: tuple[facts.Stmt, ...]) -> tuple[facts.Stmt, ...]:
    """The statements up to the first `if` that may leave the function: what follows runs only in some cases."""
    for index, statement in enumerate(body):
        if isinstance(statement, facts.If) and any(_leaves(inner) for inner in walking.statements((statement,))):
            return body[: index + 1]
    return body


def _leaves(statement: facts.Stmt) -> bool:
    return isinstance(statement, (facts.Return, facts.Raise))


def _straight(body: tuple[facts.Stmt, ...]) -> Iterator[walking.Fact]:
    for statement in body:
        if isinstance(statement, (facts.If, facts.While)):
            yield statement.test
            if isinstance(statement, facts.While):
                yield from _straight(statement.body)
        elif isinstance(statement, facts.Match):
            yield statement.subject
        elif isinstance(statement, facts.Try):
            yield from _straight((*statement.body, *statement.orelse, *statement.final))
        elif isinstance(statement, facts.For):
            yield statement.source
            yield from _straight(statement.body)
        elif isinstance(statement, facts.With):
            yield from statement.items
            yield from _straight(statement.body)
        else:
            yield statement


def _is_straight(fact: walking.Fact) -> bool:
    conditional = (facts.Choice, facts.Logic, facts.Comprehension, facts.Function, facts.Class, facts.Lambda)
    return not isinstance(fact, conditional)


def _runs_elsewhere(evaluator: Evaluator, function: Function) -> bool:
    """Whether calling a function may do something else than run it: a decorator decides."""
    names = evaluator.decorator_names(function)
    return not all(name in frameworks.TRANSPARENT or name in frameworks.CACHES for name in names)


class Sinks:
    """The shortest way from a plain function to a call that `is_sink` names, through plain functions only."""

    def __init__(self, evaluator: Evaluator, is_sink: Callable[[facts.Call, Function], bool]) -> None:
        self._evaluator = evaluator
        self._is_sink = is_sink
        self._known: dict[int, tuple[Step, ...] | None] = {}

    def direct(self, function: Function) -> Iterator[facts.Call]:
        """The sinks that a function calls itself."""
        for fact in function.body:
            if isinstance(fact, facts.Call) and self._is_sink(fact, function):
                yield fact

    def _certain(self, function: Function) -> Iterator[facts.Call]:
        """The sinks that a helper calls before an early `return`; behind one they may be for special cases only."""
        reached = {id(fact) for fact in walking.within(before_exit(function.node.body))}
        return (sink for sink in self.direct(function) if id(sink) in reached)

    def way(self, function: Function) -> tuple[Step, ...] | None:
        """The steps from `function` to a sink, the last one at the sink itself; None when there is no way.

        Calls that run only under a condition, or when something failed, are no way: what they lead to may never happen.
        """
        if id(function) not in self._known:
            self._search(function)
        return self._known[id(function)]

    def _search(self, start: Function) -> None:
        before: dict[int, tuple[Function, walking.Fact] | None] = {id(start): None}
        queue = deque([start])
        while queue:
            function = queue.popleft()
            sink = next(self._certain(function), None)
            if sink is not None:
                self._known[id(start)] = tuple(self._retrace(function, sink, before))
                return
            for edge in sync_calls(self._evaluator, function):
                if id(edge.callee) not in before and id(edge.fact) in always(self._evaluator, function):
                    before[id(edge.callee)] = (function, edge.fact)
                    queue.append(edge.callee)
        self._known[id(start)] = None

    @staticmethod
    def _retrace(
        function: Function, sink: walking.Fact, before: dict[int, tuple[Function, walking.Fact] | None]
    ) -> list[Step]:
        steps = [Step(function, sink)]
        while (came := before[id(function)]) is not None:
            function = came[0]
            steps.append(Step(function, came[1]))
        return steps[::-1]
