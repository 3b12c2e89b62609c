"""Which states does a lease pass through on every path of a function, and in which does the function leave it?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Kinded
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate import conditions
from dbpool_lint.facts.typestate.catching import catches_database_errors
from dbpool_lint.facts.typestate.conditions import Known
from dbpool_lint.facts.typestate.effects import Effects, Lease, is_use
from dbpool_lint.facts.typestate.graph import Graph, Node, TooLarge
from dbpool_lint.facts.typestate.raising import raises, returns, waits
from dbpool_lint.facts.typestate.states import Effect, State

_MOST_POINTS = 40_000
"""Points (a node in one configuration) that are looked at before the function counts as too large."""

_UNHARMED = (0, 0)


class _Config(NamedTuple):
    """What is known at a node: the lease's state, the step since when it holds a connection, the step that has
    failed with the handler that swallowed it, and the conditions that were decided."""

    state: State
    since: int
    failed: tuple[int, int]
    known: Known


_Point = tuple[Node, _Config]


@dataclass(frozen=True, slots=True)
class Exit:
    """How a function is left: `how` is "end", "fail" (an exception), "cancel" or "lost" (the variable is bound anew).

    `why` is the `return`, or the step that raises or loses the lease, also where a handler goes on to the end of the
    body; None where nothing special leads there. `since` is the step that took the connection.
    """

    how: str
    state: State
    why: walking.Fact | None
    since: walking.Fact | None


@dataclass(frozen=True, slots=True)
class Swallowed:
    """`handler` swallows an error of `failed`, and `then` goes on in the broken transaction."""

    handler: facts.Handler
    failed: walking.Fact
    then: walking.Fact


@dataclass(eq=False, slots=True)
class Life:
    """`before` tells, for each step, in which states the lease may be when the step is reached, and since when.

    `left_broken` are the errors that were swallowed and after which the function returns without another step;
    `raised` are the steps whose errors leave the function with the transaction broken.
    """

    lease: Lease
    effects: Effects
    exits: list[Exit] = field(default_factory=list)
    before: dict[int, set[tuple[State, int]]] = field(default_factory=dict)
    swallowed: list[Swallowed] = field(default_factory=list)
    left_broken: list[Swallowed] = field(default_factory=list)
    raised: list[walking.Fact] = field(default_factory=list)
    facts: dict[int, walking.Fact] = field(default_factory=dict)

    def states(self, step: walking.Fact) -> frozenset[State]:
        """The states in which a step finds the lease; none for a step that is never reached."""
        return frozenset(state for state, _ in self.before.get(id(step), ()))

    @property
    def works_itself(self) -> bool:
        """Whether the function runs SQL on the lease, not only functions that it calls."""
        return self.has("works", "finishes") and any(
            effect.certain for effect in self.effects.values() if effect.name in ("works", "finishes")
        )

    def has(self, *names: str) -> bool:
        """Whether anything in the function has one of these effects."""
        return any(effect.name in names for effect in self.effects.values())


def life(evaluator: Evaluator, lease: Lease, effects: Effects, graph: Graph, start: State) -> Life:
    """The life of a lease on every path of its function. Raises TooLarge."""
    walk = _Walk(evaluator, lease, effects, graph)
    walk.run(start)
    return walk.life


class _Walk:
    def __init__(self, evaluator: Evaluator, lease: Lease, effects: Effects, graph: Graph) -> None:
        self.evaluator, self.lease, self.effects, self.graph = evaluator, lease, effects, graph
        self.function: Function = lease.function
        self.life = Life(lease, effects)
        self.relevant = conditions.relevant(lease.function.node, lease.name, _decisive(effects))
        self.came: dict[tuple[int, _Config], tuple[_Point | None, walking.Fact | None, str]] = {}
        self.queue: deque[_Point] = deque()
        self._raising: dict[int, bool] = {}
        self._waiting = set(_waiting(lease.function.node))
        self._ending: dict[int, bool] = {}

    def run(self, start: State) -> None:
        known: Known = frozenset({(self.lease.name, True)}) if self.lease.how == "given" else frozenset()
        self._go(self.graph.start, _Config(start, 0, _UNHARMED, known), None, None, "")
        while self.queue:
            if len(self.came) > _MOST_POINTS:
                raise TooLarge
            node, config = self.queue.popleft()
            if node.how in ("end", "fail", "cancel"):
                self._leave(node, config)
            else:
                self._pass(node, config)

    def _go(
        self, node: Node | None, config: _Config, before: _Point | None, cause: walking.Fact | None, how: str
    ) -> None:
        if node is None or (id(node), config) in self.came:
            return
        self.came[id(node), config] = (before, cause, how)
        self.queue.append((node, config))

    def _pass(self, node: Node, config: _Config) -> None:
        """Runs a node's steps and goes on to the nodes that may follow."""
        here = (node, config)
        now = [config]  # no sets: their order would change from run to run, and with it which way is told
        for step in node.steps:
            effect = self._effect(node, step)
            raising = self._raises(step, effect)
            waiting = self._waits(node, step)
            following: dict[_Config, None] = {}
            for one in now:
                self._note(step, one, effect, node.how)
                following.update(dict.fromkeys(self._after(one, step, effect, node.how)))
                if raising and node.how not in ("leave", "abort") and not isinstance(step, facts.Raise):
                    for failed in self._failing(one, step, effect):
                        self._go(node.failing, failed, here, step, "fail")
                if waiting:
                    kept = self._healed(one, effect, "abort") if effect is not None else one.failed
                    for failed in self._failing(one, step, effect, cancelled=True):
                        self._go(node.cancelled, failed._replace(failed=kept), here, step, "cancel")
            now = list(following) if self._returns(step) else []
        for one in now:
            self._onward(node, one, here)

    def _onward(self, node: Node, config: _Config, here: _Point) -> None:
        if node.how == "raise":
            self._go(node.failing, config, here, node.fact, "fail")
        elif node.how == "test" and node.fact is not None:
            for way, decided in self._decided(node.fact, config):
                self._go(node.after[0 if way else 1], decided, here, None, "")
        else:
            if node.how == "bind" and isinstance(node.fact, facts.Handler):
                config = self._bound(node.fact, config)
            configs = self._forgetful(node.fact, config) if node.how in ("next", "run", "enter") else (config,)
            for following in node.after:
                for one in configs:
                    self._go(following, one, here, None, "")

    def _effect(self, node: Node, step: walking.Fact) -> Effect | None:
        if node.how in ("enter", "leave", "abort") and isinstance(step, facts.Entered):
            return self.effects.get(("enter" if node.how == "enter" else "leave", id(step)))
        return self.effects.get(("", id(step)))

    def _raises(self, step: walking.Fact, effect: Effect | None) -> bool:
        if id(step) not in self._raising:
            acting = effect is not None and effect.name in ("works", "finishes", "calls", "takes", "enters")
            quiet = effect is not None and effect.name in ("uses", "closes", "undoes")
            itself = not quiet and not _is_awaiting(step) and raises(self.evaluator, step, self.function)
            self._raising[id(step)] = acting or itself
        return self._raising[id(step)]

    def _waits(self, node: Node, step: walking.Fact) -> bool:
        """Whether a step may be cancelled: what is called in an `await` is, while it works, and not after."""
        if node.how == "enter" and ("leave", id(step)) in self.effects:
            return False  # `async with session:` does nothing yet
        return id(step) in self._waiting or (waits(step) and not _is_awaiting(step))

    def _returns(self, step: walking.Fact) -> bool:
        if id(step) not in self._ending:
            self._ending[id(step)] = returns(self.evaluator, step, self.function)
        return self._ending[id(step)]

    def _note(self, step: walking.Fact, config: _Config, effect: Effect | None, how: str) -> None:
        """Remembers what a step meets."""
        self.life.facts[id(step)] = step
        self.life.before.setdefault(id(step), set()).add((config.state, config.since))
        if effect is None:
            return
        lost = effect.name in ("takes", "loses") and config.state is State.HOLDING
        if lost:
            self._add(Exit("lost", State.LOST, step, self.life.facts.get(config.since)))
        handler = self.life.facts.get(config.failed[1])
        goes_on = effect.name in ("works", "finishes", "calls") or (
            how == "leave" and effect.name in ("ends", "completes")
        )
        if goes_on and isinstance(handler, facts.Handler):
            found = Swallowed(handler, self.life.facts[config.failed[0]], step)
            if found not in self.life.swallowed:
                self.life.swallowed.append(found)

    def _after(self, config: _Config, step: walking.Fact, effect: Effect | None, how: str) -> Iterator[_Config]:
        if effect is None:
            yield config
            return
        for state in effect.after.get(config.state, frozenset({config.state})):
            known = config.known
            if effect.name in ("takes", "enters"):
                known = conditions.forgetting(known, self.lease.name) | {(self.lease.name, True)}
            # what is lost has been reported; from here on the variable holds something else
            reached = State.UNTAKEN if state is State.LOST else state
            yield _Config(reached, self._since(config, reached, step), self._healed(config, effect, how), known)

    def _failing(
        self, config: _Config, step: walking.Fact, effect: Effect | None, cancelled: bool = False
    ) -> Iterator[_Config]:
        if effect is None or effect.name in ("takes", "enters", "loses"):
            yield config
            return
        acting = effect.name in ("works", "finishes", "calls") and effect.certain
        # before it is taken, what is done with the variable is done to something else
        broken = acting and config.failed == _UNHARMED and config.state is not State.UNTAKEN
        moves = effect.failing if not cancelled or effect.cancelled is None else effect.cancelled
        for state in moves.get(config.state, frozenset({config.state})):
            failed = (id(step), 0) if broken else self._healed(config, effect, "abort")
            yield config._replace(state=state, since=self._since(config, state, step), failed=failed)

    def _since(self, config: _Config, state: State, step: walking.Fact) -> int:
        if state is not State.HOLDING:
            return 0
        return config.since if config.state is State.HOLDING else id(step)

    def _healed(self, config: _Config, effect: Effect, how: str) -> tuple[int, int]:
        """A failed transaction ends with a rollback or close, and, in a savepoint, with the savepoint."""
        flying = config.failed[1] == 0 and how == "abort"
        if effect.name in ("undoes", "closes", "ends", "completes", "escapes", "takes", "enters", "loses") or (
            effect.name == "nests" and flying
        ):
            return _UNHARMED
        # reported once, at the first step that goes on
        return _UNHARMED if effect.name in ("works", "finishes", "calls") and config.failed[1] else config.failed

    def _bound(self, handler: facts.Handler, config: _Config) -> _Config:
        if config.failed[0] and not config.failed[1]:
            database = catches_database_errors(self.evaluator, handler, self.function)
            self.life.facts[id(handler)] = handler
            return config._replace(failed=(config.failed[0], id(handler)) if database else _UNHARMED)
        return config

    def _decided(self, fact: walking.Fact, config: _Config) -> Iterator[tuple[bool, _Config]]:
        """The ways a condition may go from here."""
        if isinstance(fact, facts.Const) and (value := conditions.settled(fact)) is not None:
            yield value, config
            return
        said = conditions.atom(fact)
        if said is None or said[0] not in self.relevant:
            yield True, config
            yield False, config
            return
        text, positive = said
        known = conditions.truth(config.known, text)
        for truth in (True, False) if known is None else (known,):
            yield truth == positive, config._replace(known=config.known | {(text, truth)})

    def _forgetful(self, fact: walking.Fact | None, config: _Config) -> tuple[_Config, ...]:
        """What is known after a statement has bound names; `owns = session is None` decides both at once."""
        known = config.known
        for target in _targets(fact):
            name = conditions.key(target)
            if name and not self._keeps(fact, name, known):
                known = conditions.forgetting(known, name)
        if isinstance(fact, facts.Assign) and len(fact.targets) == 1:
            name = conditions.key(fact.targets[0])
            if name in self.relevant and not self._keeps(fact, name, config.known):
                if self._is_lease(fact.value):
                    return (config._replace(known=known | {(name, True)}),)
                return tuple(config._replace(known=one) for one in _learned(known, name, fact.value, self.relevant))
        return (config._replace(known=known),)

    def _is_lease(self, value: facts.Expr) -> bool:
        """Whether a value is truthy because it is some lease."""
        if isinstance(value, facts.Logic) and value.op == "or":
            value = value.operands[-1]
        values = self.evaluator.values(value, self.function) if isinstance(value, (facts.Call, facts.Await)) else ()
        return bool(values) and all(isinstance(one, Kinded) for one in values)

    def _keeps(self, fact: walking.Fact | None, name: str, known: Known) -> bool:
        """Whether an assignment leaves the lease in its variable: the one that takes it, `s = s or …`."""
        if name != self.lease.name or not isinstance(fact, facts.Assign):
            return name == self.lease.name and fact is self.lease.fact  # with … as name
        there = conditions.truth(known, name) is True
        return any(
            inner is self.lease.fact or (there and is_use(inner, name)) for inner in walking.within([fact.value])
        )

    def _leave(self, node: Node, config: _Config) -> None:
        """The function is left: says why, from the way that led here."""
        point: _Point | None = (node, config)
        why: walking.Fact | None = None
        while point is not None and why is None:
            before, cause, kind = self.came[id(point[0]), point[1]]
            if node is not self.graph.end and cause is not None and not _is_reraised(cause):
                why = cause
            elif node is self.graph.end and before is not None and before[0].how == "return":
                why = before[0].fact
            elif node is self.graph.end and kind:
                why = cause  # past a handler, which has dealt with what was raised there
            point = before
        if node is self.graph.fail and config.failed[0]:
            broke = self.life.facts[config.failed[0]]
            self.life.raised += [broke] if not any(one is broke for one in self.life.raised) else []
        handler = self.life.facts.get(config.failed[1])
        if node is self.graph.end and isinstance(handler, facts.Handler):
            found = Swallowed(handler, self.life.facts[config.failed[0]], handler)
            if found not in self.life.left_broken:
                self.life.left_broken.append(found)
        self._add(Exit(node.how, config.state, why, self.life.facts.get(config.since)))

    def _add(self, exit_: Exit) -> None:
        if exit_ not in self.life.exits:
            self.life.exits.append(exit_)


def _decisive(effects: Effects) -> frozenset[int]:
    return frozenset(fact for (_, fact), one in effects.items() if one.name not in ("uses", "works", "calls"))


def _learned(known: Known, name: str, value: facts.Expr, relevant: frozenset[str]) -> Iterator[Known]:
    """What may be known after `name = value`."""
    if (truth := conditions.settled(value)) is not None:
        yield known | {(name, truth)}
        return
    said = conditions.atom(value)
    if said is None or said[0] not in relevant:
        yield known
        return
    decided = conditions.truth(known, said[0])
    for truth in (True, False) if decided is None else (decided,):
        yield known | {(said[0], truth), (name, truth == said[1])}


def _is_awaiting(step: walking.Fact) -> bool:
    return isinstance(step, facts.Await) and isinstance(step.value, facts.Call)


def _waiting(function: facts.Function) -> Iterator[int]:
    """The identities of the calls that are awaited, and of the items of `async with`."""
    for fact in walking.body_of(function):
        if isinstance(fact, facts.Await) and isinstance(fact.value, facts.Call):
            yield id(fact.value)
        elif isinstance(fact, facts.With) and fact.asynchronous:
            yield from (id(item) for item in fact.items)


def _is_reraised(fact: walking.Fact) -> bool:
    return isinstance(fact, facts.Raise) and fact.value is None


def _targets(fact: walking.Fact | None) -> Iterator[facts.Expr]:
    if isinstance(fact, facts.Assign):
        for target in fact.targets:
            yield from walking.targets(target)
    elif isinstance(fact, (facts.For, facts.Entered)):
        yield from walking.targets(fact.target)
    elif isinstance(fact, facts.Augment):
        yield fact.target
