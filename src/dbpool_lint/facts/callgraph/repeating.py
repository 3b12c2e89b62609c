"""What does a function run again and again by itself? The bodies of its endless loops and of those over messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Object
from dbpool_lint.facts.project import Function

_CONSUMERS = frozenset(
    {
        "kafka.KafkaConsumer",
        "aiokafka.AIOKafkaConsumer",
        "confluent_kafka.Consumer",
        "pulsar.Consumer",
    }
)
"""Classes whose objects give one message after the other, without an end. Sources: their API references."""


def looped(evaluator: Evaluator, function: Function) -> frozenset[int]:
    """The facts, by identity, that an endless loop of the function runs each time around.

    A loop that is left when it has succeeded (a retry, a wait for the server) is none.
    """
    memory = evaluator.project.memory
    key = ("looped", id(function))
    if key not in memory:
        memory[key] = frozenset(_found(evaluator, function))
    return cast("frozenset[int]", memory[key])


def _found(evaluator: Evaluator, function: Function) -> Iterator[int]:
    for loop in function.body:
        endless = isinstance(loop, (facts.While, facts.For)) and _is_endless(evaluator, loop, function)
        if endless and isinstance(loop, (facts.While, facts.For)) and not any(_exits(loop.body)):
            yield from (id(fact) for fact in walking.within(loop.body))


def _is_endless(evaluator: Evaluator, loop: facts.While | facts.For, function: Function) -> bool:
    if isinstance(loop, facts.For):
        return any(isinstance(v, Object) and v.of in _CONSUMERS for v in evaluator.values(loop.source, function))
    return walking.literal(loop.test) in (True, 1) or _waits_for_event(loop.test)


def _waits_for_event(test: facts.Expr) -> bool:
    """`while not stopping.is_set():`"""
    if not isinstance(test, facts.Logic) or test.op != "not":
        return False
    asked = test.operands[0]
    return isinstance(asked, facts.Call) and isinstance(asked.func, facts.Attr) and asked.func.name == "is_set"


def _exits(body: tuple[facts.Stmt, ...]) -> Iterator[bool]:
    """What leaves the loop for certain: not under a condition, not when something failed, not from an inner loop."""
    for statement in body:
        if isinstance(statement, facts.Return) or (isinstance(statement, facts.Jump) and statement.kind == "break"):
            yield True
        elif isinstance(statement, facts.Try):
            yield from _exits((*statement.body, *statement.orelse, *statement.final))
        elif isinstance(statement, facts.With):
            yield from _exits(statement.body)
