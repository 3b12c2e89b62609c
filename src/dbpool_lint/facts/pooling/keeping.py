"""Is what a call makes kept for the next time? Caches, singletons, globals, and the application's state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import wrappers
from dbpool_lint.facts.callgraph.entries import is_app
from dbpool_lint.facts.evaluation.classes import decorated
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.handing import stored
from dbpool_lint.facts.evaluation.values import External, ModuleOf, Routine, Type, Value
from dbpool_lint.facts.project import Class, Function
from dbpool_lint.knowledge import frameworks

_CACHING_WORDS = ("cache", "memo", "singleton", "once")
_PUTTING_OFF = frozenset({"callback", "push_async_callback", "register", "addfinalizer", "add_event_handler"})
_CLOSING = frozenset({"dispose", "close", "close_all", "closeall", "wait_closed", "terminate", "aclose", "disconnect"})


def is_cached(evaluator: Evaluator, function: Function) -> bool:
    """Whether decorators make a function keep what it returned the first time."""
    if _is_made_anew(evaluator, function.owner) and _keeps_by_object(evaluator, function):
        return False  # kept by, or for, an object that is gone with the request
    for decorator, name in zip(function.node.decorators, evaluator.decorator_names(function), strict=True):
        if name in frameworks.CACHES:
            return not _keeps_nothing(decorator)
        func = decorator.func if isinstance(decorator, facts.Call) else decorator
        chain = walking.chain(func)
        if chain and any(word in chain[-1].lower() for word in _CACHING_WORDS):
            return True  # silence needs less evidence than a finding: the decorator says that it keeps
        outside = function.owner or function.parent or function.module
        if any(_memoizes(evaluator, v.function) for v in evaluator.values(func, outside) if isinstance(v, Routine)):
            return True
    return False


def _keeps_by_object(evaluator: Evaluator, function: Function) -> bool:
    """Whether a cache belongs to the object: `cached_property`, or `lru_cache` on a method, whose key has `self`."""
    if decorated(evaluator, function, "cached_property"):
        return True
    own = function.is_method and not function.has_decorator("classmethod")
    return own and decorated(evaluator, function, "lru_cache", "cache", "alru_cache")


def _keeps_nothing(decorator: facts.Expr) -> bool:
    """`@lru_cache(maxsize=0)` counts its misses and keeps nothing."""
    if not isinstance(decorator, facts.Call):
        return False
    sizes = (*decorator.args[:1], *(k.value for k in decorator.keywords if k.name == "maxsize"))
    return any(isinstance(size, facts.Const) and size.value == 0 and size.value is not False for size in sizes)


def _memoizes(evaluator: Evaluator, decorator: Function) -> bool:
    """Whether the wrapper that a decorator of the project returns keeps results in a container around it."""
    return any(
        isinstance(target, facts.Item) and isinstance(target.base, facts.Name) and target.base.id not in wrapper.bound
        for wrapper in wrappers(evaluator, decorator)
        for target, _ in _stores(evaluator, wrapper)
    )


def made_anew(evaluator: Evaluator) -> set[int]:
    """The classes, by identity, whose objects are made for each request or job, as far as is known by now."""
    return _remembered(evaluator, "classes made anew")


def entry_functions(evaluator: Evaluator) -> set[int]:
    """The functions, by identity, that requests and jobs start with."""
    return _remembered(evaluator, "entry functions")


def _remembered(evaluator: Evaluator, key: str) -> set[int]:
    found = evaluator.project.memory.setdefault(key, set())
    assert isinstance(found, set)
    return found


def _is_made_anew(evaluator: Evaluator, cls: Class | None) -> bool:
    return cls is not None and id(cls) in made_anew(evaluator)


def is_kept(evaluator: Evaluator, fact: walking.Fact, function: Function) -> bool:
    """Whether the value of an expression outlives the call of the function that evaluates it."""
    derived = _derived(evaluator, fact, function)
    return any(
        outlives(evaluator, target, function, derived)
        for target, value in _stores(evaluator, function)
        if value is fact or _carries(value, fact, derived)
    )


def is_kept_by_request(evaluator: Evaluator, fact: walking.Fact, function: Function) -> bool:
    """Whether the value is kept on Flask's `g`, which lives for one request."""
    derived = _derived(evaluator, fact, function)
    return any(
        isinstance(target, (facts.Attr, facts.Item))
        and (value is fact or _carries(value, fact, derived))
        and any(is_request_proxy(v) for v in evaluator.values(target.base, function))
        for target, value in _stores(evaluator, function)
    )


def _derived(evaluator: Evaluator, fact: walking.Fact, function: Function) -> frozenset[str]:
    """Local names that hold the value, or something made with it, such as the factory bound to an engine."""
    names: set[str] = set()
    grew = True
    while grew:
        before = len(names)
        for target, value in _stores(evaluator, function):
            local = isinstance(target, facts.Name) and target.id not in function.global_names
            if local and isinstance(target, facts.Name) and _carries(value, fact, names):
                names.add(target.id)
        grew = len(names) > before
    return frozenset(names)


def _holders(evaluator: Evaluator, fact: walking.Fact, function: Function) -> frozenset[str]:
    """Local names that hold the very value, not something made with it."""
    names: set[str] = set()
    for target, value in _stores(evaluator, function):
        if isinstance(target, facts.Name) and walking.awaited(value) is fact:
            names.add(target.id)
    return frozenset(names)


def _carries(value: walking.Fact, fact: walking.Fact, names: frozenset[str] | set[str]) -> bool:
    for inner in walking.within([value]):
        if inner is fact or (isinstance(inner, facts.Name) and inner.id in names):
            return True
    return False


def _stores(evaluator: Evaluator, function: Function) -> tuple[tuple[facts.Expr, facts.Expr], ...]:
    """Every (target, value) of the assignments in a function, `dict.setdefault` and `setattr` included."""
    memory = evaluator.project.memory
    key = ("stores", id(function))
    if key not in memory:
        memory[key] = tuple(_found_stores(function))
    return cast("tuple[tuple[facts.Expr, facts.Expr], ...]", memory[key])


def _found_stores(function: Function) -> Iterator[tuple[facts.Expr, facts.Expr]]:
    yield from stored(function)
    for fact in function.body:
        if isinstance(fact, facts.Call):
            yield from _stored_by_call(fact)


def _stored_by_call(call: facts.Call) -> Iterator[tuple[facts.Expr, facts.Expr]]:
    if isinstance(call.func, facts.Attr) and call.func.name in ("setdefault", "append", "add", "update") and call.args:
        yield facts.Item(call.at, call.func.base, facts.Const(call.at, None)), call.args[-1]
    elif isinstance(call.func, facts.Name) and call.func.id == "setattr" and len(call.args) == 3:
        yield facts.Attr(call.at, call.args[0], ""), call.args[2]


def outlives(
    evaluator: Evaluator, target: facts.Expr, function: Function, derived: frozenset[str] = frozenset()
) -> bool:
    """Whether what is stored in `target` stays when the function is done: globals, classes, objects, app state."""
    if isinstance(target, facts.Name):
        named = target.id in function.global_names or _is_nonlocal(target.id, function)
        return named and _asked_for(target.id, function)
    if isinstance(target, facts.Item):
        return _place_outlives(evaluator, target.base, function, derived)
    if isinstance(target, facts.Attr):
        if _is_own(target.base, function) and id(function) in entry_functions(evaluator):
            return _asked_for(target.name, function)  # a task that stores it on itself each time keeps nothing
        return _place_outlives(evaluator, target.base, function, derived)
    return False


def _is_own(base: facts.Expr, function: Function) -> bool:
    return function.is_method and walking.is_name(base, function.node.params[0].name)


def _asked_for(name: str, function: Function) -> bool:
    """Whether a function looks at a name before it fills it; one that is assigned on every call keeps nothing."""
    for fact in function.body:
        if isinstance(fact, (facts.If, facts.While, facts.Choice)) and _mentions(fact.test, name):
            return True
        if isinstance(fact, facts.Logic) and any(_mentions(part, name) for part in fact.operands[:-1]):
            return True
        if isinstance(fact, facts.Try) and any(_mentions(statement, name) for statement in fact.body):
            return True
    return False


def _mentions(fact: walking.Fact, name: str) -> bool:
    return any(
        name == (inner.id if isinstance(inner, facts.Name) else inner.name if isinstance(inner, facts.Attr) else None)
        or (isinstance(inner, facts.Const) and inner.value == name)
        for inner in walking.everything([fact])
    )


def _is_nonlocal(name: str, function: Function) -> bool:
    return any(
        isinstance(s, facts.Scope) and s.kind == "nonlocal" and name in s.names
        for s in walking.statements(function.node.body)
    )


def _place_outlives(evaluator: Evaluator, base: facts.Expr, function: Function, derived: frozenset[str]) -> bool:
    chain = walking.chain(base)
    if chain is None:
        return False
    first = chain[0]
    if function.owner is not None and function.is_method and first == function.node.params[0].name:
        # what an object keeps from its constructor lives as long as the object: its maker decides
        anew = _is_made_anew(evaluator, function.owner)
        return len(chain) > 1 or (not anew and function.node.name not in ("__init__", "__post_init__"))
    if _is_application_state(chain):
        return True
    if first in derived or (first in function.bound and first not in function.global_names):
        return any(_is_lasting(evaluator, value) for value in evaluator.values(base, function))
    if (param := function.param(first)) is not None:
        if isinstance(param.default, (facts.Mapping, facts.Sequence)):
            return True  # a default is made once, with the function
        return any(_is_lasting(evaluator, value) for value in evaluator.values(base, function))
    return not any(is_request_proxy(value) for value in evaluator.name(first, function))


def _is_application_state(chain: list[str]) -> bool:
    return ("state" in chain[1:] and "app" in chain[: chain.index("state")]) or chain == ["app", "state"]


def _is_lasting(evaluator: Evaluator, value: Value) -> bool:
    return isinstance(value, (Type, ModuleOf)) or is_app(evaluator, value)


def is_request_proxy(value: Value) -> bool:
    """Flask's `g`, `request` and the like look like globals and live for one request."""
    if isinstance(value, External):
        return value.name in ("flask.g", "flask.request", "flask.session", "quart.g", "quart.request")
    return False


def is_disposed(evaluator: Evaluator, fact: walking.Fact, function: Function) -> bool:
    """Whether a function closes, in a `finally` or by `with`, the pool that it made at `fact`."""
    names = _holders(evaluator, fact, function)
    if any(_is_put_off(inner, names) for inner in function.body):
        return True
    for statement in walking.statements(function.node.body):
        if isinstance(statement, facts.Try):
            for inner in walking.within(statement.final):
                if _closes(inner, names):
                    return True
        if isinstance(statement, facts.With) and any(
            _closing_manager(item.value, fact, names) for item in statement.items
        ):
            return True
    return False


def _is_put_off(fact: walking.Fact, names: frozenset[str]) -> bool:
    """`stack.callback(engine.dispose)`: an exit stack closes it at the end."""
    if not isinstance(fact, facts.Call) or not isinstance(fact.func, facts.Attr) or fact.func.name not in _PUTTING_OFF:
        return False
    methods = (inner for arg in fact.args for inner in walking.within([arg]) if isinstance(inner, facts.Attr))
    return any(m.name in _CLOSING and isinstance(m.base, facts.Name) and m.base.id in names for m in methods)


def _closes(fact: walking.Fact, names: frozenset[str]) -> bool:
    if not isinstance(fact, facts.Call):
        return False
    if isinstance(fact.func, facts.Attr) and fact.func.name in _CLOSING:
        chain = walking.chain(fact.func.base)
        return bool(chain) and chain is not None and chain[0] in names
    return any(isinstance(arg, facts.Name) and arg.id in names for arg in fact.args)


def _closing_manager(value: facts.Expr, fact: walking.Fact, names: frozenset[str]) -> bool:
    if not isinstance(value, facts.Call) or value is fact:
        return False
    chain = walking.chain(value.func)
    return bool(chain) and chain is not None and chain[-1] in ("closing", "aclosing") and _carries(value, fact, names)
