"""What does a function of the project do to a lease that it is given? By its life there, through further calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.passing import subclasses
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate import conditions
from dbpool_lint.facts.typestate.effects import Effects, Lease, Reader
from dbpool_lint.facts.typestate.graph import Graph, Node, TooLarge, graph, nodes
from dbpool_lint.facts.typestate.life import Life, life
from dbpool_lint.facts.typestate.states import Effect, State, effect
from dbpool_lint.facts.typestate.taking import holder
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.leases import LAZY, SWALLOWING

_TRANSPARENT = frozenset({"builtins.staticmethod", "builtins.classmethod", "functools.wraps"})
_ROUNDS = 4
"""Recursive functions settle in two rounds, one for each state that is added; more is no longer certain."""


@dataclass(slots=True)
class _Memory:
    known: dict[tuple[int, str, Kind], Effect]
    assumed: dict[tuple[int, str, Kind], Effect]
    cuts: int = 0


class Lives:
    """The lives of leases in the functions of a project, and the summaries they rest on."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.deepest = evaluator.project.settings.call_depth
        self._memory = _Memory({}, {})
        self._graphs: dict[int, Graph | None] = {}
        self._lives: dict[tuple[int, int, str], Life | None] = {}

    def of(self, lease: Lease) -> Life | None:
        """A lease's life in its function; None when the function is too large to tell."""
        key = (id(lease.function), id(lease.fact), lease.name)
        if key not in self._lives:
            self._lives[key] = self._life(lease)
        return self._lives[key]

    def _life(self, lease: Lease) -> Life | None:
        flow = self._graph(lease.function)
        if flow is None:
            return None
        effects = self.effects(lease)
        try:
            return life(self.evaluator, lease, effects, flow, _start(lease))
        except TooLarge:
            return None

    def effects(self, lease: Lease, managed: bool = False) -> Effects:
        return Reader(self.evaluator, lease, self, managed).read()

    def next_work(self, lease: Lease, step: walking.Fact, empty: bool = False) -> walking.Fact | None:
        """A step that may follow and goes on in the lease's transaction; None when it ends before.

        `empty` when the step is a call that gives None or False, so that a test of it goes one way only.
        """
        return next((fact for fact in self._following(lease, step, empty) if fact is not None), None)

    def ends_after(self, lease: Lease, step: walking.Fact, empty: bool = False) -> bool:
        """Whether the function may return after a step without anything more being done with the lease."""
        return any(fact is None for fact in self._following(lease, step, empty))

    def heals_first(self, lease: Lease) -> bool:
        """Whether the function that is given a lease may roll it back before it does anything else."""
        flow, effects = self._graph(lease.function), self.effects(lease)
        queue = [flow.start] if flow is not None else []
        seen: set[int] = set()
        while queue:
            node = queue.pop()
            names = [effects["", id(one)].name for one in node.steps if ("", id(one)) in effects]
            acting = [name for name in names if name != "uses"]
            if acting and acting[0] in ("undoes", "closes", "takes"):
                return True
            if not acting:
                queue += [after for after in node.after if id(after) not in seen]
                seen |= {id(after) for after in node.after}
        return False

    def _following(self, lease: Lease, step: walking.Fact, empty: bool) -> Iterator[walking.Fact | None]:
        """The next steps that work with the lease on the straight ways on from a step; None for the end."""
        flow, effects = self._graph(lease.function), self.effects(lease)
        answer = _answer(step, lease.function) if empty else None
        queue = [(node, True) for node in nodes(flow) if any(one is step for one in node.steps)] if flow else []
        seen: set[int] = set()
        while queue:
            node, first = queue.pop(0)
            ended = False
            steps = _after(node.steps, step) if first else node.steps
            for one in steps:
                how = node.how if isinstance(one, facts.Entered) else ""
                name = effects[how, id(one)].name if (how, id(one)) in effects else ""
                ended = name in ("undoes", "closes", "escapes", "takes", "loses")
                if name in ("works", "finishes", "calls", "ends", "completes"):
                    yield one
                    ended = True
                if ended:
                    break
            if flow is not None and node is flow.end:
                yield None
            if not ended:
                onward = node.after if answer is None else _ways(node, step, answer)
                queue += [(after, False) for after in onward if id(after) not in seen]
                seen |= {id(after) for after in onward}

    def _graph(self, function: Function) -> Graph | None:
        if id(function) not in self._graphs:
            try:
                self._graphs[id(function)] = graph(function.node, lambda item: self._swallows(item, function))
            except TooLarge:
                self._graphs[id(function)] = None
        return self._graphs[id(function)]

    def _swallows(self, item: facts.Entered, function: Function) -> bool:
        call = item.value
        if not isinstance(call, facts.Call):
            return False
        return any(isinstance(v, External) and v.name in SWALLOWING for v in self.evaluator.values(call.func, function))

    def summary(self, function: Function, param: str, kind: Kind) -> Effect | None:
        """The effect of calling a function with a lease in one of its parameters; None where it cannot be told."""
        if function.node.generator or not self._is_plain(function) or self._is_overridden(function):
            return None
        return self._remembered(function, param, kind)

    def managed(self, function: Function, param: str, kind: Kind) -> Effect | None:
        """The same for a context manager of the project, from before its block until after it."""
        return self._remembered(function, param, kind) if function.node.generator else None

    def _remembered(self, function: Function, param: str, kind: Kind) -> Effect | None:
        key = (id(function), param, kind)
        memory = self._memory
        if key in memory.known:
            return memory.known[key]
        if key in memory.assumed:
            memory.cuts += 1
            return memory.assumed[key]
        if len(memory.assumed) >= self.deepest:
            memory.cuts += 1
            return None
        cuts = memory.cuts
        found = self._fixpoint(key, function)
        if not memory.assumed or memory.cuts == cuts:
            memory.known[key] = found
        return found

    def _fixpoint(self, key: tuple[int, str, Kind], function: Function) -> Effect:
        """A function that calls itself does what it does without that, again and again until nothing is added."""
        assumed = self._memory.assumed
        assumed[key] = Effect("uses", {}, {})
        try:
            for _ in range(_ROUNDS):
                found = self._summed(function, key[1], key[2])
                if found == assumed[key]:
                    return found
                assumed[key] = found
            return effect("escapes", key[2])
        finally:
            del assumed[key]

    def _summed(self, function: Function, param: str, kind: Kind) -> Effect:
        flow = self._graph(function)
        fact = function.param(param)
        if flow is None or fact is None or param in function.global_names:
            return effect("escapes", kind)
        lease = Lease("given", param, kind, function, fact)
        effects = self.effects(lease, function.node.generator)
        names = {one.name for one in effects.values()}
        if not names - {"uses"}:
            return Effect("uses", {}, {})
        try:
            starts = (State.OPEN, State.HOLDING, State.CLOSED) if kind in LAZY else (State.HOLDING,)
            lives = {start: life(self.evaluator, lease, effects, flow, start) for start in starts}
        except TooLarge:
            return effect("escapes", kind)
        return _composed(lives)

    def _is_overridden(self, function: Function) -> bool:
        """Whether a derived class has another method in the place of a method."""
        derived = subclasses(self.evaluator, function.owner) if function.owner is not None else ()
        return any(function.node.name in one.methods for one in derived)

    def _is_plain(self, function: Function) -> bool:
        return all(name in _TRANSPARENT for name in self.evaluator.decorator_names(function))


def _after(steps: tuple[walking.Fact, ...], step: walking.Fact) -> tuple[walking.Fact, ...]:
    return steps[next(i for i, one in enumerate(steps) if one is step) + 1 :]


def _answer(step: walking.Fact, function: Function) -> str:
    """The variable that keeps what a call gives; "" for none."""
    return holder(step, function.around)[1] if isinstance(step, facts.Call) else ""


def _ways(node: Node, step: walking.Fact, answer: str) -> list[Node]:
    """Where a node may lead when a step has given nothing, which `answer` keeps."""
    if node.how != "test" or node.fact is None:
        return node.after
    asked = walking.awaited(node.fact) if isinstance(node.fact, facts.Await) else node.fact
    said = conditions.atom(node.fact)
    if asked is step:
        return node.after[1:]
    if answer and said is not None and said[0] == answer:
        return node.after[1:] if said[1] else node.after[:1]
    return node.after


def lives_of(evaluator: Evaluator) -> Lives:
    """The one `Lives` of an evaluator's project."""
    memory = evaluator.project.memory
    if "lives" not in memory:
        memory["lives"] = Lives(evaluator)
    return cast(Lives, memory["lives"])


def _start(lease: Lease) -> State:
    if lease.how != "given":
        return State.UNTAKEN
    return State.OPEN if lease.kind in LAZY else State.HOLDING


def _composed(lives: dict[State, Life]) -> Effect:
    """The effect that leads from each state at the start to those at the end."""
    after = {start: frozenset(_states(one, "end")) for start, one in lives.items()}
    failing = {start: frozenset(_states(one, "fail")) for start, one in lives.items()}
    cancelled = {start: frozenset(_states(one, "cancel")) for start, one in lives.items()}
    first = next(iter(lives.values()))
    for moves in (after, failing, cancelled) if State.OPEN in after else ():
        moves[State.RELEASED] = frozenset(State.RELEASED if s is State.OPEN else s for s in moves[State.OPEN])
    ends = {state for start, states in after.items() for state in states if start is not State.CLOSED}
    if State.ESCAPED in ends:
        return effect("escapes", first.lease.kind)
    # closed on some path counts as closed: what the others skip is told where they stand
    if State.CLOSED in ends:
        closed = {start: frozenset({State.CLOSED}) for start in (*after, State.CLOSED)}
        return Effect("closes", closed, closed)
    name = "finishes" if ends == {State.RELEASED} and first.has("finishes") else "calls"
    if not first.has("works", "finishes", "calls"):
        name = "undoes" if first.has("undoes") else "uses"
    return Effect(name, after, failing, first.works_itself, cancelled)


def _states(of: Life, how: str) -> Iterator[State]:
    return (one.state for one in of.exits if one.how == how)
