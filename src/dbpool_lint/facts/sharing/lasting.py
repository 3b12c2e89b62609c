"""Does a task outlive the lease that it works with? Who closes it: the request, the block, the caller."""

from __future__ import annotations

import enum

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Callers
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.handing import given
from dbpool_lint.facts.evaluation.values import Kinded, Routine, Values, merged
from dbpool_lint.facts.project import Function, Module, Scope
from dbpool_lint.facts.sharing.members import Layout
from dbpool_lint.facts.sharing.places import Place


class Origin(enum.Enum):
    """Who gives a lease back."""

    UNKNOWN = "unknown"
    REQUEST = "request"
    REQUEST_FIRST = "request, before the response"
    REQUEST_STATE = "request, by other means than the dependency"
    BLOCK = "block"
    CALLER = "caller"
    OBJECT = "whoever made the object"
    PROCESS = "process"


def outlives(evaluator: Evaluator, callers: Callers, layout: Layout, call: facts.Call, place: Place) -> Origin:
    """Who closes, or goes on with, a lease while what `call` started is still at work; UNKNOWN when nobody may."""
    if isinstance(place.owner, Module):
        return Origin.PROCESS
    if place.owner is not layout.function:
        return _of_object(place)
    root = place.path[0]
    param = layout.function.param(root)
    if param is not None:
        return _of_param(evaluator, callers, layout, param, place)
    for bound in layout.function.bound.get(root, ()):
        if bound.how == "entered":
            return Origin.BLOCK if _stands_in(layout, call, root) and _ends_soon(layout, call, root) else Origin.UNKNOWN
    return Origin.UNKNOWN


def _of_object(place: Place) -> Origin:
    """`self.session`, which the object was given: whoever made it closes it."""
    owner = place.owner
    own = isinstance(owner, Function) and owner.node.name == "__init__" and owner.param(place.path[0]) is not None
    given_there = own and isinstance(owner, Function) and place.path[0] != owner.node.params[0].name
    return Origin.OBJECT if given_there else Origin.UNKNOWN


def _of_param(evaluator: Evaluator, callers: Callers, layout: Layout, param: facts.Param, place: Place) -> Origin:
    function = layout.function
    wanted = _needed(evaluator, param, function)
    if wanted is not None:
        return _of_dependency(evaluator, param, wanted)
    if len(place.path) > 1:
        return Origin.UNKNOWN
    handed = [(given(param, function, call), scope) for call, scope in callers.of(function)]
    if handed and all(fact is not None and _is_fresh(evaluator, fact, scope) for fact, scope in handed):
        return Origin.UNKNOWN
    return Origin.CALLER


def _of_dependency(evaluator: Evaluator, param: facts.Param, wanted: Values) -> Origin:
    if _gives_unclosed(evaluator, wanted):
        return Origin.UNKNOWN
    functions = [v.function for v in wanted if isinstance(v, Routine)]
    if functions and not any(function.node.generator for function in functions):
        return Origin.REQUEST_STATE  # `return request.state.db`: a middleware closes it
    return Origin.REQUEST_FIRST if _ends_first(param) else Origin.REQUEST


def _needed(evaluator: Evaluator, param: facts.Param, function: Function) -> Values | None:
    """What `Depends(...)` in a default, an annotation or its alias asks for; None where there is none."""
    outside: Scope = function.owner or function.parent or function.module
    found: list[Values] = []
    for fact in (param.default, param.annotation):
        places = [(fact, outside)] if fact is not None else []
        alias = evaluator.assigned(fact, outside) if fact is not None else None
        for inside, scope in [*places, alias] if alias is not None else places:
            calls = (inner for inner in walking.within([inside]) if isinstance(inner, facts.Call))
            found.extend(w for call in calls if (w := evaluator.dependency(call, scope)) is not None)
    return merged(*found) if found else None


def _gives_unclosed(evaluator: Evaluator, wanted: Values) -> bool:
    """A dependency that returns a lease of its own: nobody closes it before the task does."""
    functions = [v.function for v in wanted if isinstance(v, Routine)]
    results = [evaluator.result(f) for f in functions if not f.node.generator]
    fresh = [values for values in results if any(isinstance(v, Kinded) and v.fresh for v in values)]
    return bool(functions) and len(fresh) == len(functions)


def _ends_first(param: facts.Param) -> bool:
    """`Depends(get_db, scope="function")` ends before the response is sent."""
    given_ = [fact for fact in (param.default, param.annotation) if fact is not None]
    return any(
        isinstance(fact, facts.Keyword) and fact.name == "scope" and walking.literal(fact.value) == "function"
        for fact in walking.within(given_)
    )


def _is_fresh(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> bool:
    values = evaluator.values(fact, scope) if isinstance(fact, facts.Call) else ()
    return bool(values) and all(isinstance(v, Kinded) and v.fresh for v in values)


def _stands_in(layout: Layout, call: facts.Call, name: str) -> bool:
    return _block(layout, call, name) is not None


def _block(layout: Layout, call: facts.Call, name: str) -> facts.With | None:
    for outer in layout.above(call):
        if isinstance(outer, facts.With) and any(
            item.target is not None and walking.is_name(item.target, name) for item in outer.items
        ):
            return outer
    return None


def _ends_soon(layout: Layout, call: facts.Call, name: str) -> bool:
    """Whether nothing else is awaited in the block after a task was started: else it may last as long as the task."""
    block = _block(layout, call, name)
    inside = walking.within(block.body) if block is not None else ()
    start = layout.order[id(call)]
    after = (fact for fact in inside if layout.order.get(id(fact), -1) > start)
    return not any(isinstance(fact, (facts.Await, facts.While)) and not _is_of(fact, name) for fact in after)


def _is_of(fact: facts.Await | facts.While, name: str) -> bool:
    """`await session.commit()`"""
    if not isinstance(fact, facts.Await) or not isinstance(fact.value, facts.Call):
        return False
    chain = walking.chain(fact.value.func)
    return bool(chain) and chain[0] == name if chain else False
