"""Which functions does a call run for its caller? In a thread, as a task, later, or through a parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.callgraph.making import Edge
from dbpool_lint.facts.evaluation.classes import lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.handing import given
from dbpool_lint.facts.evaluation.values import External, Object, Routine, Type, Values
from dbpool_lint.facts.project import Function, Scope
from dbpool_lint.knowledge import callbacks
from dbpool_lint.knowledge.callbacks import Taken

_DEEPEST = 3


def handed_on(evaluator: Evaluator, call: facts.Call, scope: Function, values: Values) -> Iterator[Edge]:
    """The functions that a call hands to something that runs them; `values` are what is called."""
    for taken, how in _outside(evaluator, call, scope, values):
        handed = _taken(call, taken)
        if handed is not None:
            for function in functions_in(evaluator, handed, scope):
                yield Edge(function, call, how, certain=how != "call")
    for value in values:
        if isinstance(value, (Routine, Type)):
            yield from _through_params(evaluator, value, call, scope)


def _outside(evaluator: Evaluator, call: facts.Call, scope: Function, values: Values) -> Iterator[tuple[Taken, str]]:
    """The arguments that something outside the project runs, and when."""
    for value in values:
        if isinstance(value, External):
            if value.name in callbacks.LATER:
                yield callbacks.LATER[value.name], "hands on"
            elif value.name in callbacks.AT_ONCE:
                yield callbacks.AT_ONCE[value.name], "call"
    if not isinstance(call.func, facts.Attr) or any(isinstance(value, (Routine, Type)) for value in values):
        return
    if call.func.name in callbacks.LATER_METHODS:
        yield callbacks.LATER_METHODS[call.func.name], "hands on"
    elif call.func.name in callbacks.LATER_OF_BACKGROUND:
        owners = evaluator.values(call.func.base, scope)
        if any(isinstance(value, Object) and value.of.endswith("BackgroundTasks") for value in owners):
            yield callbacks.LATER_OF_BACKGROUND[call.func.name], "hands on"


def _taken(call: facts.Call, taken: Taken) -> facts.Expr | None:
    named = next((k.value for k in call.keywords if k.name and k.name == taken.keyword), None)
    if named is not None:
        return named
    return call.args[taken.position] if taken.position < len(call.args) else None


def put_off(evaluator: Evaluator, call: facts.Call, scope: Scope) -> frozenset[int]:
    """The calls, by identity, whose coroutines a call runs as tasks of their own: `create_task(f())`."""
    made = isinstance(call.func, facts.Attr) and call.func.name in callbacks.TASK_METHODS
    if not made:
        values = evaluator.values(call.func, scope)
        made = any(isinstance(v, External) and v.name in callbacks.TASK_MAKERS for v in values)
    return frozenset(id(a) for a in call.args if isinstance(a, facts.Call)) if made else frozenset()


def _through_params(evaluator: Evaluator, value: Routine | Type, call: facts.Call, scope: Function) -> Iterator[Edge]:
    """`retry(fetch)` runs `fetch`, when `retry` of the project calls its parameter."""
    callee = value.function if isinstance(value, Routine) else lookup(evaluator, value.cls, "__init__")
    if callee is None or not (call.args or call.keywords):
        return
    for name, how in _called_params(evaluator, callee, 0).items():
        param = callee.param(name)
        handed = given(param, callee, call) if param is not None else None
        if handed is not None and not isinstance(handed, facts.Call):
            for function in functions_in(evaluator, handed, scope):
                yield Edge(function, call, how, certain=False)


def _called_params(evaluator: Evaluator, function: Function, depth: int) -> dict[str, str]:
    """The parameters that a function calls, by itself ("call") or through others ("hands on")."""
    memory = evaluator.project.memory
    key = ("called params", id(function))
    if key not in memory:
        memory[key] = {}  # a function that passes its parameter to itself
        memory[key] = _find_called(evaluator, function, depth)
    return cast("dict[str, str]", memory[key])


def _find_called(evaluator: Evaluator, function: Function, depth: int) -> dict[str, str]:
    names = {p.name for p in function.node.params if p.kind not in ("*", "**")} - set(function.bound)
    if function.is_method:
        names.discard(function.node.params[0].name)
    if not names:
        return {}
    nested = (name for inner in function.nested.values() for name in _called_by_name(inner, names))
    passed_on = (
        name
        for fact in function.body
        if depth < _DEEPEST and isinstance(fact, facts.Call) and _passes_one(fact, names)
        for name in _passed_on(evaluator, fact, function, names, depth)
    )
    found = dict.fromkeys((*nested, *passed_on), "hands on")
    return {**found, **dict.fromkeys(_called_by_name(function, names), "call")}


def _called_by_name(function: Function, names: set[str]) -> Iterator[str]:
    for fact in function.body:
        if isinstance(fact, facts.Call) and isinstance(fact.func, facts.Name) and fact.func.id in names:
            yield fact.func.id


def _passes_one(call: facts.Call, names: set[str]) -> bool:
    handed = (*call.args, *(keyword.value for keyword in call.keywords))
    return any(isinstance(one, facts.Name) and one.id in names for one in handed)


def _passed_on(
    evaluator: Evaluator, call: facts.Call, function: Function, names: set[str], depth: int
) -> Iterator[str]:
    """The parameters that a call hands to something that runs them."""
    values = evaluator.values(call.func, function)
    for taken, _ in _outside(evaluator, call, function, values):
        handed = _taken(call, taken)
        if isinstance(handed, facts.Name) and handed.id in names:
            yield handed.id
    for value in values:
        if isinstance(value, Routine):
            for name in _called_params(evaluator, value.function, depth + 1):
                param = value.function.param(name)
                handed = given(param, value.function, call) if param is not None else None
                if isinstance(handed, facts.Name) and handed.id in names:
                    yield handed.id
