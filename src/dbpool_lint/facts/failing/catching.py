"""Which exceptions does a handler catch, and which handlers stand around it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Type
from dbpool_lint.facts.project import Function, Scope

_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Caught:
    """The exceptions that one or more handlers name, dotted; `complete` when all of them are known."""

    names: frozenset[str]
    complete: bool

    def joined(self, more: Caught) -> Caught:
        return Caught(self.names | more.names, self.complete and more.complete)


NOTHING = Caught(frozenset(), True)
_UNKNOWN = Caught(frozenset(), False)
_ANYTHING = Caught(frozenset({"builtins.BaseException"}), True)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A `try` of a function, with what the handlers of those around it catch, `suppress` among them."""

    statement: facts.Try
    function: Function
    outer: Caught


def attempts(evaluator: Evaluator, function: Function) -> Iterator[Attempt]:
    """Every `try` with handlers that a function runs."""
    yield from _attempts(evaluator, function.node.body, function, NOTHING)


def _attempts(
    evaluator: Evaluator, body: tuple[facts.Stmt, ...], function: Function, outer: Caught
) -> Iterator[Attempt]:
    for statement in body:
        if isinstance(statement, facts.Try):
            if statement.handlers:
                yield Attempt(statement, function, outer)
            inner = outer.joined(of_try(evaluator, statement, function))
            yield from _attempts(evaluator, statement.body, function, inner)
            for block in (*(h.body for h in statement.handlers), statement.orelse, statement.final):
                yield from _attempts(evaluator, block, function, outer)
        else:
            around = outer.joined(_suppressed(evaluator, statement, function))
            for block in walking.blocks(statement):
                yield from _attempts(evaluator, block, function, around)


def of_try(evaluator: Evaluator, statement: facts.Try, scope: Scope) -> Caught:
    """What the handlers of a `try` catch together."""
    found = NOTHING
    for handler in statement.handlers:
        found = found.joined(of_handler(evaluator, handler, scope))
    return found


def of_handler(evaluator: Evaluator, handler: facts.Handler, scope: Scope) -> Caught:
    """What one handler catches; a bare one catches everything."""
    return _ANYTHING if handler.types is None else _of_types(evaluator, handler.types, scope, 0)


def _of_types(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int) -> Caught:
    if isinstance(fact, facts.Sequence):
        found = NOTHING
        for item in fact.items:
            found = found.joined(_of_types(evaluator, item, scope, depth))
        return found
    values = evaluator.values(fact, scope)
    if values and all(isinstance(value, (External, Type)) for value in values):
        names = frozenset(v.name for v in values if isinstance(v, External))
        # exceptions of the project's own may derive from any others
        return Caught(names, len(names) == len(values) == 1)
    place = evaluator.assigned(fact, scope)
    return _of_types(evaluator, *place, depth + 1) if place is not None and depth < _DEEPEST else _UNKNOWN


def _suppressed(evaluator: Evaluator, statement: facts.Stmt, scope: Scope) -> Caught:
    """`with suppress(Exception):`; a context manager of the project may handle what is raised inside."""
    found = NOTHING
    for item in statement.items if isinstance(statement, facts.With) else ():
        call = walking.awaited(item.value)
        values = evaluator.values(call.func, scope) if isinstance(call, facts.Call) else ()
        if isinstance(call, facts.Call) and External("contextlib.suppress") in values:
            for arg in call.args:
                found = found.joined(_of_types(evaluator, arg, scope, 0))
    return found


def around_call(evaluator: Evaluator, call: facts.Call, function: Function) -> Caught:
    """What is caught of the exceptions that one call of a function raises."""
    return _around(evaluator, function.node.body, call, function) or NOTHING


def _around(evaluator: Evaluator, body: tuple[facts.Stmt, ...], call: facts.Call, function: Function) -> Caught | None:
    for statement in body:
        if not any(fact is call for fact in walking.within([statement])):
            continue
        found = NOTHING
        for block in walking.blocks(statement):
            inner = _around(evaluator, block, call, function)
            if inner is None:
                continue
            found = inner.joined(_suppressed(evaluator, statement, function))
            if isinstance(statement, facts.Try) and block is statement.body:
                found = found.joined(of_try(evaluator, statement, function))
        return found
    return None
