"""Where does the outside world start code? For each request, for each job, or once in the life of a process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph import views
from dbpool_lint.facts.callgraph.depending import depended, dependencies
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.callgraph.registering import Registered, assigned, is_app, registered, role_of_decorator
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.project import Class, Function, Module, Scope
from dbpool_lint.knowledge import frameworks, handlers
from dbpool_lint.knowledge.roles import JOB_ROLES, ONCE_ROLES, REQUEST_ROLES

__all__ = ["Entry", "is_app", "job_entries", "once_entries", "request_entries", "starts_once"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A function that the outside world starts; `what` says as what: "route", "dependency", "task", "startup" …"""

    function: Function
    what: str


def request_entries(evaluator: Evaluator) -> tuple[Entry, ...]:
    """The ends of the request path, each function once; tests are none."""
    return _in_roles(evaluator, REQUEST_ROLES)


def job_entries(evaluator: Evaluator) -> tuple[Entry, ...]:
    """The functions that a long-lived process runs again and again outside of requests, each once."""
    return _in_roles(evaluator, JOB_ROLES)


def once_entries(evaluator: Evaluator) -> tuple[Entry, ...]:
    """The functions that run once in the life of a process, each once: start-up, lifespan, command line, tests."""
    return _in_roles(evaluator, ONCE_ROLES)


def _in_roles(evaluator: Evaluator, roles: frozenset[str]) -> tuple[Entry, ...]:
    found: dict[int, Entry] = {}
    for function, what in _all(evaluator):
        if what in roles:
            found.setdefault(id(function), Entry(function, what))
    return tuple(found.values())


def _all(evaluator: Evaluator) -> tuple[Registered, ...]:
    memory = evaluator.project.memory
    if "registered" not in memory:
        modules = evaluator.project.modules.values()
        memory["registered"] = tuple(one for module in modules for one in _of_module(evaluator, module))
    return cast("tuple[Registered, ...]", memory["registered"])


def _of_module(evaluator: Evaluator, module: Module) -> Iterator[Registered]:
    if module.context is facts.Context.TEST:
        yield from ((function, "test") for function in module.all_functions)
        return
    for function in module.all_functions:
        yield from _of_function(evaluator, function)
    for cls in module.all_classes:
        yield from views.of_class(evaluator, cls)
    yield from views.hooks(module)
    scopes: list[Scope] = [module, *module.all_classes, *module.all_functions]
    for scope in scopes:
        yield from _in_scope(evaluator, scope)
    for function in module.all_functions:
        yield from ((edge.callee, "dependency") for edge in depended(evaluator, function))
    yield from views.started_at_import(evaluator, module)
    if module.context is facts.Context.MIGRATION:
        yield from ((function, "migration") for function in module.all_functions)


def _of_function(evaluator: Evaluator, function: Function) -> Iterator[Registered]:
    role = decorated_as(evaluator, function)
    if role:
        yield function, role
    yield from views.by_shape(evaluator, function)


def decorated_as(evaluator: Evaluator, function: Function) -> str:
    """What a function's decorators make of it: "route", "task", "startup" …, or "" when they register nothing."""
    outside: Scope = function.owner or function.parent or function.module
    for decorator in function.node.decorators:
        role = role_of_decorator(evaluator, decorator, outside)
        if role == "handler" and function.node.name in handlers.STARTING_EVENTS:
            return "startup"
        if role:
            return role
    return ""


def _in_scope(evaluator: Evaluator, scope: Scope) -> Iterator[Registered]:
    for fact in _facts_of(scope):
        if isinstance(fact, facts.Call):
            yield from registered(evaluator, fact, scope)
            if isinstance(scope, Class) and evaluator.dependency(fact, scope) is not None:
                yield from _dependencies(evaluator, fact, scope)
            for keyword in fact.keywords:
                if keyword.name == "dependencies":
                    yield from _dependencies(evaluator, keyword.value, scope)
        elif isinstance(fact, facts.Assign):
            for value, role in assigned(fact):
                yield from _assigned_as(evaluator, value, scope, role)


def _assigned_as(evaluator: Evaluator, value: facts.Expr, scope: Scope, role: str) -> Iterator[Registered]:
    return ((function, role) for function in functions_in(evaluator, value, scope))


def _dependencies(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Iterator[Registered]:
    return ((edge.callee, "dependency") for edge in dependencies(evaluator, fact, scope))


def _facts_of(scope: Scope) -> Iterator[walking.Fact]:
    if isinstance(scope, Function):
        yield from scope.body
    elif isinstance(scope, Class):
        yield from walking.within(scope.node.body)
    else:
        for piece in scope.pieces.values():
            yield from walking.within(piece.body)


def starts_once(evaluator: Evaluator, function: Function) -> bool:
    """Whether decorators say that a function runs once in the life of the process: start-up, command line."""
    role = decorated_as(evaluator, function)
    if role:
        return role in ONCE_ROLES
    outside: Scope = function.owner or function.parent or function.module
    for decorator in function.node.decorators:
        func = decorator.func if isinstance(decorator, facts.Call) else decorator
        if isinstance(func, facts.Attr) and func.name in frameworks.START_DECORATORS:
            return True
        names = [v.name for v in evaluator.values(func, outside) if isinstance(v, External)]
        if any(name.partition(".")[0] in ("click", "typer") for name in names):
            return True
        chain = walking.chain(func)
        if chain and chain[-1] in ("command", "callback") and len(chain) > 1:
            return True
    return False
