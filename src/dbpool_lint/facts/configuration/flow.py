"""What may a variable be where it is read? Walks statements in the order they run, branches joined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking

S = TypeVar("S")

Prunes = Callable[[facts.Expr], bool | None]
"""Which way of a test is left out: True for the one taken when it holds, False for the other, None for neither."""


class Flow(ABC, Generic[S]):
    """The state of one variable, a name or an attribute such as `self.options`, statement by statement.

    `around` are the identities of the statements around the place that is asked for, so that the walk ends there.
    None stands for a way that leaves the block.
    """

    def __init__(self, variable: tuple[str, ...], around: frozenset[int], prunes: Prunes) -> None:
        self.variable = variable
        self._around = around
        self._prunes = prunes
        self._reached: S | None = None
        self._exits: list[S] = []
        self._jumps: list[S] = []

    @abstractmethod
    def join(self, one: S, two: S) -> S:
        """Either of two states."""

    @abstractmethod
    def assign(self, value: facts.Expr | None, state: S) -> S:
        """The variable is bound to a value, None for one that cannot be named."""

    def assign_part(self, value: facts.Expr, state: S) -> S:
        """The variable is bound to a part of a value."""
        return self.assign(None, state)

    @abstractmethod
    def effect(self, fact: walking.Fact, state: S) -> S:
        """What a simple statement, or an expression in the head of a block, does to what the variable holds."""

    def nested(self, statement: facts.Stmt, state: S) -> S:
        """What a function or class that is defined here may do to it later."""
        return state

    def guarded(self, statement: facts.If, state: S) -> S | None:
        """The state after an `if` that asks for the variable itself; None when it does not."""
        return None

    def run(self, body: Iterable[facts.Stmt], state: S) -> S | None:
        """The state at the place asked for, or at the end of the scope; None when neither is reached."""
        end = self._block(body, state)
        if self._reached is not None:
            return self._reached
        return self._either(end, *self._exits)

    def is_variable(self, fact: facts.Expr) -> bool:
        chain = walking.chain(fact)
        return chain is not None and tuple(chain) == self.variable

    def _either(self, *states: S | None) -> S | None:
        found: S | None = None
        for state in states:
            if state is not None:
                found = state if found is None else self.join(found, state)
        return found

    def _block(self, body: Iterable[facts.Stmt], state: S | None) -> S | None:
        for statement in body:
            if state is None or self._reached is not None:
                return None
            state = self._step(statement, state)
        return None if self._reached is not None else state

    def _step(self, statement: facts.Stmt, state: S) -> S | None:
        if id(statement) in self._around and not self._is_deeper(statement):
            self._reached = state
            return None
        if isinstance(statement, facts.If):
            return self._if(statement, state)
        if isinstance(statement, (facts.While, facts.For)):
            return self._loop(statement, state)
        if isinstance(statement, facts.Try):
            return self._try(statement, state)
        if isinstance(statement, facts.With):
            for item in statement.items:
                state = self._bound(item.target, self.effect(item.value, state))
            return self._block(statement.body, state)
        if isinstance(statement, facts.Match):
            after = self.effect(statement.subject, state)
            return self._either(after, *(self._block(case.body, after) for case in statement.cases))
        return self._simple(statement, state)

    def _is_deeper(self, statement: facts.Stmt) -> bool:
        return any(id(inner) in self._around for block in walking.blocks(statement) for inner in block)

    def _simple(self, statement: facts.Stmt, state: S) -> S | None:
        if isinstance(statement, (facts.Function, facts.Class)):
            return self.nested(statement, state)
        state = self.effect(statement, state)
        if isinstance(statement, facts.Assign):
            for target in statement.targets:
                state = self._assigned(target, statement.value, state)
        elif isinstance(statement, facts.Return):
            self._exits.append(state)
            return None
        elif isinstance(statement, facts.Raise):
            return None
        elif isinstance(statement, facts.Jump) and statement.kind != "pass":
            self._jumps.append(state)
            return None
        return state

    def _assigned(self, target: facts.Expr, value: facts.Expr, state: S) -> S:
        if self.is_variable(target):
            return self.assign(value, state)
        if isinstance(target, facts.Sequence):
            matched = value.items if isinstance(value, facts.Sequence) else ()
            for index, part in enumerate(target.items):
                if self.is_variable(part):
                    whole = len(matched) != len(target.items)
                    return self.assign_part(value, state) if whole else self.assign(matched[index], state)
            return self._bound(target, state)
        return state

    def _bound(self, target: facts.Expr | None, state: S) -> S:
        """Bound by a loop, a `with` or in part: to what cannot be named."""
        for one in walking.targets(target):
            if self.is_variable(one.base if isinstance(one, facts.Item) else one):
                return self.assign(None, state)
        return state

    def _if(self, statement: facts.If, state: S) -> S | None:
        state = self.effect(statement.test, state)
        if id(statement) not in self._around:
            settled = self.guarded(statement, state)
            if settled is not None:
                return settled
        then = self._block(statement.body, state)
        other = self._block(statement.orelse, state) if self._reached is None else None
        idle = self._prunes(statement.test)
        if idle is True and other is not None:
            return other
        if idle is False and then is not None:
            return then
        return self._either(then, other)

    def _loop(self, statement: facts.While | facts.For, state: S) -> S | None:
        endless = isinstance(statement, facts.While) and walking.literal(statement.test) in (True, 1)
        head = statement.source if isinstance(statement, facts.For) else statement.test
        state = self.effect(head, state)
        outer, self._jumps = self._jumps, []
        around, self._around = self._around, frozenset()
        target = statement.target if isinstance(statement, facts.For) else None
        first = self._block(statement.body, self._bound(target, state))
        self._around = around
        again = self._either(state, first, *self._jumps)
        assert again is not None
        if id(statement) in around:
            self._block(statement.body, self._bound(target, again))
        ends = self._jumps
        self._jumps = outer
        if self._reached is not None:
            return None
        if endless:
            return self._either(*ends)
        return self._block(statement.orelse, again)

    def _try(self, statement: facts.Try, state: S) -> S | None:
        done = self._block(statement.body, state)
        if self._reached is not None:
            return None
        broken = self._either(state, done)
        assert broken is not None
        ends = [self._block(handler.body, broken) for handler in statement.handlers]
        ends.append(self._block(statement.orelse, done))
        if self._reached is not None:
            return None
        end = self._either(*ends)
        after = self._block(statement.final, end if end is not None else broken)
        return after if end is not None else None
