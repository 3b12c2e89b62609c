"""What does a request reach, and what runs on the event loop? Shortest chains over the call graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import Edge, constructed_classes, edges
from dbpool_lint.facts.callgraph.entries import Entry
from dbpool_lint.facts.callgraph.repeating import looped
from dbpool_lint.facts.callgraph.views import made_for_each_request
from dbpool_lint.facts.configuration.arguments import all_calls
from dbpool_lint.facts.evaluation.classes import decorated, outside_bases
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Type, kinds
from dbpool_lint.facts.pooling.keeping import entry_functions, is_cached, is_disposed, is_kept, made_anew
from dbpool_lint.facts.project import Class, Function
from dbpool_lint.knowledge import frameworks
from dbpool_lint.knowledge.kinds import POOLS

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


@dataclass(frozen=True, slots=True)
class Paths:
    """The shortest ways to what runs again and again, by the identity of each function on them."""

    requests: dict[int, Path]
    jobs: dict[int, Path]


def paths(evaluator: Evaluator, requests: tuple[Entry, ...], jobs: tuple[Entry, ...]) -> Paths:
    """For every function on the request path, and on that of jobs, the shortest way to it.

    Functions that keep what they made, and calls whose result is kept, are not passed: what lies behind them runs once.
    Which classes are made anew decides what their objects keep, and is found on the way: rounds until nothing is added.
    """
    models = list(_model_properties(evaluator))
    jobs = (*jobs, *models)
    entry_functions(evaluator).update(id(entry.function) for entry in (*requests, *jobs))
    known, lasting = made_anew(evaluator), _made_at_import(evaluator)
    known.update(id(entry.function.owner) for entry in models)
    known.update(id(cls) for cls in _of_views(requests) if made_for_each_request(evaluator, cls))
    while True:
        found = Paths(_from(evaluator, _by_request(evaluator, requests)), _from(evaluator, _by_job(evaluator, jobs)))
        made = {
            id(cls)
            for function in evaluator.project.functions()
            if id(function) in found.requests or id(function) in found.jobs
            for cls in _made_by(evaluator, function)
        } - lasting
        if made <= known:
            return found
        known |= made


def _made_at_import(evaluator: Evaluator) -> set[int]:
    """The classes, by identity, of which a module makes an object: what that one keeps lasts, whatever others do."""
    return {
        id(value.cls)
        for call, scope in all_calls(evaluator)
        if not isinstance(scope, Function)
        for value in evaluator.values(call.func, scope)
        if isinstance(value, Type)
    }


def _of_views(requests: tuple[Entry, ...]) -> Iterator[Class]:
    return (entry.function.owner for entry in requests if entry.function.owner is not None)


def _made_by(evaluator: Evaluator, function: Function) -> Iterator[Class]:
    """The classes whose objects a function makes, or has made for its parameters, and does not keep."""
    for cls, fact in constructed_classes(evaluator, function):
        if not is_kept(evaluator, fact, function):
            yield cls
    outside = function.owner or function.parent or function.module
    for param in function.node.params:
        given = [fact for fact in (param.default, param.annotation) if fact is not None]
        for fact in walking.within(given):
            if isinstance(fact, facts.Call) and (needed := evaluator.dependency(fact, outside)) is not None:
                if not needed and param.annotation is not None:
                    needed = evaluator.values(param.annotation, outside)
                yield from (value.cls for value in needed if isinstance(value, Type))


_MODELS = frozenset({"django.db.models.Model", "django.db.models.base.Model"})


def _model_properties(evaluator: Evaluator) -> Iterator[Entry]:
    """Properties of Django's models: each query makes its objects anew, and with them what they keep."""
    for module in evaluator.project.modules.values():
        for cls in module.all_classes if module.context is facts.Context.APPLICATION else ():
            if outside_bases(evaluator, cls) & _MODELS:
                yield from _properties(evaluator, cls)


def _properties(evaluator: Evaluator, cls: Class) -> Iterator[Entry]:
    for method in cls.methods.values():
        if decorated(evaluator, method, "property", "cached_property"):
            yield Entry(method, "model property")


Start = tuple[Function, Path]


def _by_request(evaluator: Evaluator, entries: tuple[Entry, ...]) -> Iterator[list[Start]]:
    # routes first: the way from a route tells more than the bare fact that something is a dependency
    yield [(e.function, Path(e, ())) for e in _uncached(evaluator, entries) if e.what != "dependency"]
    yield [(e.function, Path(e, ())) for e in _uncached(evaluator, entries) if e.what == "dependency"]


def _by_job(evaluator: Evaluator, entries: tuple[Entry, ...]) -> Iterator[list[Start]]:
    yield [(e.function, Path(e, ())) for e in _uncached(evaluator, entries)]
    yield [
        (edge.callee, Path(Entry(function, "loop"), (Step(function, edge.fact),)))
        for function in evaluator.project.functions()
        if function.module.context is facts.Context.APPLICATION and (inside := looped(evaluator, function))
        for edge in edges(evaluator, function)
        if id(edge.fact) in inside and _passes(evaluator, edge, function)
    ]


def _uncached(evaluator: Evaluator, entries: tuple[Entry, ...]) -> Iterator[Entry]:
    return (entry for entry in entries if not is_cached(evaluator, entry.function))


def _from(evaluator: Evaluator, groups: Iterator[list[Start]]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for group in groups:
        queue: deque[Function] = deque()
        for function, path in group:
            if id(function) not in found:
                found[id(function)] = path
                queue.append(function)
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
    if edge.how in ("depends", "decorated"):
        return True
    return not (is_kept(evaluator, edge.fact, caller) or _disposes(evaluator, edge.fact, caller))


def _disposes(evaluator: Evaluator, fact: walking.Fact, caller: Function) -> bool:
    """Whether the caller closes the pool that a call handed to it."""
    if not isinstance(fact, facts.Call) or not kinds(evaluator.values(fact, caller)) & POOLS:
        return False
    return is_disposed(evaluator, fact, caller)


def callers(evaluator: Evaluator, found: dict[int, Path], function: Function) -> Iterator[Step]:
    """Every place on the ways of `found` where a function is called, in order of files."""
    for caller in evaluator.project.functions():
        if id(caller) in found:
            for edge in edges(evaluator, caller):
                if edge.callee is function and _passes(evaluator, edge, caller):
                    yield Step(caller, edge.fact)


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
