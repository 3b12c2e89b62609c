"""Which functions of the project does an expression hand over? Methods, `partial`, lambdas, wrappers, lists."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.classes import lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Instance, Routine, Type
from dbpool_lint.facts.project import Class, Function, Scope

_DEEPEST = 4


def functions_in(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> Iterator[Function]:
    """The functions that whoever is handed `fact` may run, each as often as it is named."""
    if depth > _DEEPEST:
        return
    if isinstance(fact, facts.Lambda):
        yield from _run_by_lambda(evaluator, fact, scope)
    elif isinstance(fact, (facts.Sequence, facts.Mapping, facts.Binary, facts.Star)):
        for part in _parts(fact):
            yield from functions_in(evaluator, part, scope, depth + 1)
    else:
        named = list(_named(evaluator, fact, scope))
        yield from named
        if not named and isinstance(fact, facts.Call) and not _makes_object(evaluator, fact, scope):
            # `csrf_exempt(view)`, `cache_page(60)(view)`: what wraps a function runs it
            for argument in fact.args:
                yield from functions_in(evaluator, argument, scope, depth + 1)
        elif not named and isinstance(fact, (facts.Name, facts.Attr)):
            yield from _bound(evaluator, fact, scope, depth)


def _named(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Iterator[Function]:
    for value in evaluator.values(fact, scope):
        if isinstance(value, Routine):
            yield value.function
        elif isinstance(value, Instance) and (called := lookup(evaluator, value.cls, "__call__")) is not None:
            yield called


def _makes_object(evaluator: Evaluator, fact: facts.Call, scope: Scope) -> bool:
    return any(isinstance(value, Type) for value in evaluator.values(fact.func, scope))


def _run_by_lambda(evaluator: Evaluator, fact: facts.Lambda, scope: Scope) -> Iterator[Function]:
    for call in walking.calls([fact.body]):
        yield from _named(evaluator, call.func, scope)


def _parts(fact: facts.Expr) -> Iterator[facts.Expr]:
    if isinstance(fact, facts.Sequence):
        yield from fact.items
    elif isinstance(fact, facts.Mapping):
        yield from (pair.value for pair in fact.items)
    elif isinstance(fact, facts.Binary) and fact.op == "+":
        yield from (fact.left, fact.right)
    elif isinstance(fact, facts.Star):
        yield fact.value


def _bound(evaluator: Evaluator, fact: facts.Name | facts.Attr, scope: Scope, depth: int) -> Iterator[Function]:
    """What a name stands for that is bound to a list of functions, or to a lambda."""
    if isinstance(fact, facts.Name) and isinstance(scope, Function) and fact.id in scope.bound:
        for bound in scope.bound[fact.id]:
            if bound.how == "value" and isinstance(bound.value, (facts.Sequence, facts.Lambda)):
                yield from functions_in(evaluator, bound.value, scope, depth + 1)
        return
    target = evaluator.assigned(fact, scope)
    if target is not None and isinstance(target[0], (facts.Sequence, facts.Lambda, facts.Binary, facts.Mapping)):
        yield from functions_in(evaluator, *target, depth + 1)


def classes_in(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Iterator[Class]:
    """The classes of the project, or those of its objects, that an expression hands over; lists are looked into."""
    if isinstance(fact, facts.Sequence):
        for item in fact.items:
            yield from classes_in(evaluator, item, scope)
        return
    for value in evaluator.values(fact, scope):
        if isinstance(value, (Type, Instance)):
            yield value.cls
