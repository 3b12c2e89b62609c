"""What does a framework run to fill the parameters of a function? `Depends(...)` and its like, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.callgraph.making import Edge, makers
from dbpool_lint.facts.evaluation.classes import lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Instance, Routine, Type, Value
from dbpool_lint.facts.project import Function, Scope

_ALIASES = 3


def depended(evaluator: Evaluator, function: Function) -> Iterator[Edge]:
    """The functions that a framework runs to fill the parameters of `function`."""
    outside: Scope = function.owner or function.parent or function.module
    for param in function.node.params:
        for fact in (param.default, param.annotation):
            if fact is not None:
                yield from dependencies(evaluator, fact, outside)
        if param.default is not None and param.annotation is not None:
            yield from _by_annotation(evaluator, param.default, param.annotation, outside)
        elif param.annotation is not None:
            yield from _in_annotation(evaluator, param.annotation, outside)
    for decorator in function.node.decorators:
        if isinstance(decorator, facts.Call):
            for keyword in decorator.keywords:
                if keyword.name == "dependencies":
                    yield from dependencies(evaluator, keyword.value, outside)


def _by_annotation(evaluator: Evaluator, default: facts.Expr, annotation: facts.Expr, scope: Scope) -> Iterator[Edge]:
    """`uow: UnitOfWork = Depends()` needs the class that the annotation names."""
    if isinstance(default, facts.Call) and evaluator.dependency(default, scope) == ():
        for value in evaluator.values(annotation, scope):
            yield from _needed(evaluator, value, default)


def _in_annotation(evaluator: Evaluator, annotation: facts.Expr, scope: Scope) -> Iterator[Edge]:
    """`uow: Annotated[UnitOfWork, Depends()]` needs the class that stands first."""
    if not isinstance(annotation, facts.Item) or not isinstance(annotation.index, facts.Sequence):
        return
    first, *rest = annotation.index.items
    for inner in rest:
        yield from _by_annotation(evaluator, inner, first, scope)


def dependencies(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> Iterator[Edge]:
    """The `Depends(...)` inside an expression, and inside the alias that an annotation names."""
    found = False
    for inner in walking.within([fact]):
        if isinstance(inner, facts.Call) and (needed := evaluator.dependency(inner, scope)) is not None:
            found = True
            yield from _of_call(evaluator, inner, needed, scope)
    if not found and depth < _ALIASES:
        target = evaluator.assigned(fact, scope)
        if target is not None and target[0] is not fact:
            for edge in dependencies(evaluator, target[0], target[1], depth + 1):
                yield Edge(edge.callee, fact, edge.how)


def _of_call(evaluator: Evaluator, call: facts.Call, needed: tuple[Value, ...], scope: Scope) -> Iterator[Edge]:
    edges = [edge for value in needed for edge in _needed(evaluator, value, call)]
    if not edges and call.args and isinstance(call.args[0], facts.Lambda):
        edges = [Edge(function, call, "depends") for function in functions_in(evaluator, call.args[0], scope)]
    yield from edges


def _needed(evaluator: Evaluator, value: Value, fact: facts.Call) -> Iterator[Edge]:
    if isinstance(value, Routine):
        yield Edge(value.function, fact, "depends")
    elif isinstance(value, Type):
        for made in makers(evaluator, value.cls):
            yield Edge(made, fact, "depends")
    elif isinstance(value, Instance):
        called = lookup(evaluator, value.cls, "__call__")
        if called is not None:
            yield Edge(called, fact, "depends")
