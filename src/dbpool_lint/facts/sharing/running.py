"""Which call does an expression stand for, once it runs as a task or in a thread? The function, with its arguments."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import edges
from dbpool_lint.facts.evaluation.classes import lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Instance, Object, Routine, Type
from dbpool_lint.facts.project import Function, Scope
from dbpool_lint.knowledge.tasks import (
    BACKGROUND,
    BACKGROUND_TASK,
    EXECUTORS,
    IN_THREAD,
    ON_LOOP,
    SPAWNING_METHODS,
    TASK_GROUPS,
    THREADS,
)

_DEEPEST = 4


def outside(evaluator: Evaluator, call: facts.Call, scope: Scope) -> frozenset[str]:
    """Dotted names of what a call runs outside the project."""
    return frozenset(v.name for v in evaluator.values(call.func, scope) if isinstance(v, External))


def is_of(evaluator: Evaluator, fact: facts.Expr, scope: Scope, names: frozenset[str]) -> bool:
    """Whether an expression is an object that calling one of the names gives, or entering that, or annotated so."""
    if any(isinstance(v, Object) and v.of in names for v in evaluator.values(fact, scope)):
        return True
    bounds = scope.bound.get(fact.id, ()) if isinstance(fact, facts.Name) and isinstance(scope, Function) else ()
    entered = (bound.value for bound in bounds if bound.how == "entered" and bound.value is not None)
    return any(is_of(evaluator, value, scope, names) for value in entered)


def run_by(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> Iterator[facts.Call]:
    """The calls that run when `fact` is awaited, or handed to a task or thread: wrappers of coroutines are opened."""
    if isinstance(fact, (facts.Await, facts.Star, facts.Walrus)):
        fact = fact.value
    if not isinstance(fact, facts.Call) or depth > _DEEPEST:
        return
    names = outside(evaluator, fact, scope)
    if names & ON_LOOP or _is_method(evaluator, fact, scope, SPAWNING_METHODS):
        if fact.args:
            yield from run_by(evaluator, fact.args[0], scope, depth + 1)
    elif names & IN_THREAD:
        yield from _started(evaluator, fact.args, fact, scope, depth)
    elif _is_method(evaluator, fact, scope, frozenset({"run_in_executor"})):
        yield from _started(evaluator, fact.args[1:], fact, scope, depth)
    else:
        yield fact


def started(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Iterator[facts.Call]:
    """The calls that a hand-over starts: `Thread(target=f, args=(x,))`, `executor.submit(f, x)`, `add_task(f, x)`."""
    names = outside(evaluator, call, scope)
    if names & THREADS:
        target = next((k.value for k in call.keywords if k.name in ("target", "function")), None)
        position = {k.name: k.value for k in call.keywords}
        given = position.get("args")
        args = given.items if isinstance(given, facts.Sequence) else ()
        if target is not None:
            yield from _started(evaluator, (target, *args), _plain(call, position.get("kwargs")), scope, 0)
    elif names & BACKGROUND_TASK:
        func = next((k.value for k in call.keywords if k.name == "func"), None)
        yield from _started(evaluator, (func, *call.args) if func is not None else call.args, call, scope, 0)
    elif isinstance(call.func, facts.Attr):
        yield from _by_method(evaluator, call, call.func.name, scope)
    elif call.args:
        yield from run_by(evaluator, call.args[0], scope)


def _by_method(evaluator: Evaluator, call: facts.Call, method: str, scope: Scope) -> Iterator[facts.Call]:
    args = call.args[1:] if method == "run_in_executor" else call.args
    first = args[0] if args else next((k.value for k in call.keywords if k.name == "func"), None)
    if isinstance(first, facts.Call) and method not in ("add_task", "submit", "run_in_executor"):
        yield from run_by(evaluator, first, scope)
    elif first is not None:
        yield from _started(evaluator, args or (first,), call, scope, 0)


def _plain(call: facts.Call, kwargs: facts.Expr | None) -> facts.Call:
    """The keywords that a thread's target gets."""
    keywords: tuple[facts.Keyword, ...] = ()
    if isinstance(kwargs, facts.Mapping):
        pairs = ((pair.key, pair.value) for pair in kwargs.items)
        keywords = tuple(
            facts.Keyword(value.at, name, value) for key, value in pairs if isinstance(name := _key(key), str)
        )
    return facts.Call(call.at, call.func, (), keywords)


def _key(key: facts.Expr | None) -> object:
    return walking.literal(key)


def _started(
    evaluator: Evaluator, args: tuple[facts.Expr, ...], call: facts.Call, scope: Scope, depth: int
) -> Iterator[facts.Call]:
    """`f, x, y` is run as `f(x, y)`; a lambda by what is in it, a `partial` with what it was given."""
    if not args:
        return
    func, *rest = args
    if isinstance(func, facts.Lambda):
        bound = {param.name for param in func.params}
        inner = (f for f in walking.calls([func.body]))
        yield from (f for f in inner if not bound & _roots(f))
        return
    if isinstance(func, facts.Call) and "functools.partial" in outside(evaluator, func, scope):
        first, *filled = func.args or (func,)
        keywords = (*func.keywords, *call.keywords)
        yield from _started(
            evaluator, (first, *filled, *rest), facts.Call(call.at, func, (), keywords), scope, depth + 1
        )
        return
    keywords = tuple(k for k in call.keywords if k.name not in ("func", "target", "name", "abandon_on_cancel"))
    yield facts.Call(call.at, func, tuple(rest), keywords)


def _roots(call: facts.Call) -> set[str]:
    chain = walking.chain(call.func)
    return {chain[0]} if chain else set()


def _is_method(evaluator: Evaluator, call: facts.Call, scope: Scope, names: frozenset[str]) -> bool:
    """Whether a method of something outside the project is called: of an event loop, most likely."""
    if not isinstance(call.func, facts.Attr) or call.func.name not in names:
        return False
    known = evaluator.values(call.func, scope)
    if any(isinstance(v, (Routine, Type, External)) for v in known):
        return False
    return not is_of(evaluator, call.func.base, scope, TASK_GROUPS | EXECUTORS | BACKGROUND)


def callees(evaluator: Evaluator, call: facts.Call, scope: Scope) -> tuple[Function, ...]:
    """The functions of the project that a call runs for certain, or of which it runs the only one there is."""
    found: dict[int, Function] = {}
    for value in evaluator.values(call.func, scope):
        if isinstance(value, Routine):
            found[id(value.function)] = value.function
        elif isinstance(value, (Type, Instance)):
            name = "__init__" if isinstance(value, Type) else "__call__"
            method = lookup(evaluator, value.cls, name)
            if method is not None:
                found[id(method)] = method
    if not found and isinstance(scope, Function):
        linked = (e for e in edges(evaluator, scope) if e.fact is call and e.how in ("call", "construct"))
        found = {id(edge.callee): edge.callee for edge in linked}
    return tuple(found.values())
