"""Where does the outside world start code? Routes, dependencies and middleware: the ends of the request path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.calls import depended, dependencies
from dbpool_lint.facts.classes import outside_bases
from dbpool_lint.facts.evaluate import Evaluator
from dbpool_lint.facts.project import Class, Function, Module, Scope
from dbpool_lint.facts.values import External, Instance, Object, Routine, Value, names_of
from dbpool_lint.knowledge import frameworks


@dataclass(frozen=True, slots=True)
class Entry:
    """A function that runs for each request; `what` says as what: "route", "dependency", "middleware", "view"."""

    function: Function
    what: str


def request_entries(evaluator: Evaluator) -> tuple[Entry, ...]:
    """The ends of the request path, each function once; tests are none."""
    found: dict[int, Entry] = {}
    for module in evaluator.project.modules.values():
        if module.context is facts.Context.TEST:
            continue
        for entry in _of_module(evaluator, module):
            found.setdefault(id(entry.function), entry)
    return tuple(found.values())


def _of_module(evaluator: Evaluator, module: Module) -> Iterator[Entry]:
    for function in module.all_functions:
        what = decorated_as(evaluator, function)
        if what:
            yield Entry(function, what)
    for cls in module.all_classes:
        yield from _views(evaluator, cls)
    scopes: list[Module | Function] = [module, *module.all_functions]
    for scope in scopes:
        yield from _registered(evaluator, scope)
    for function in module.all_functions:
        for edge in depended(evaluator, function):
            yield Entry(edge.callee, "dependency")


def decorated_as(evaluator: Evaluator, function: Function) -> str:
    """What a function's decorators make of it: "route", "middleware", or "" when it is no request handler."""
    outside: Scope = function.owner or function.parent or function.module
    for decorator in function.node.decorators:
        func = decorator.func if isinstance(decorator, facts.Call) else decorator
        for value in evaluator.values(func, outside):
            if any(_named(evaluator, name) for name in names_of(value)):
                return "route"
        if isinstance(func, facts.Attr) and _registers(evaluator, func, outside):
            return "middleware" if func.name == "middleware" else "route"
    return ""


def _registers(evaluator: Evaluator, func: facts.Attr, scope: Scope) -> bool:
    if func.name not in frameworks.REQUEST_DECORATORS:
        return False
    return any(is_app(evaluator, value) for value in evaluator.values(func.base, scope))


def _named(evaluator: Evaluator, name: str) -> bool:
    return name in frameworks.REQUEST_FUNCTIONS or name in evaluator.project.settings.entry_points


def is_app(evaluator: Evaluator, value: Value) -> bool:
    """Whether a value registers handlers: an application, a router, a blueprint, or one of a class made from these."""
    if isinstance(value, Object):
        return value.of in frameworks.APPS
    if isinstance(value, Instance):
        return bool(outside_bases(evaluator, value.cls) & frameworks.APPS)
    return False


def _views(evaluator: Evaluator, cls: Class) -> Iterator[Entry]:
    for base in sorted(outside_bases(evaluator, cls)):
        if base in frameworks.HANDLER_CLASSES:
            names = frameworks.HANDLER_CLASSES[base] or frameworks.HTTP_METHODS
            for name, method in cls.methods.items():
                if name in names:
                    yield Entry(method, "middleware" if "middleware" in base else "view")


def _registered(evaluator: Evaluator, scope: Scope) -> Iterator[Entry]:
    for call in _calls_of(scope):
        given = _handler(evaluator, call, scope)
        if given is not None:
            for value in evaluator.values(given, scope):
                if isinstance(value, Routine):
                    yield Entry(value.function, "route")
        for keyword in call.keywords:
            if keyword.name == "dependencies":
                for edge in dependencies(evaluator, keyword.value, scope):
                    yield Entry(edge.callee, "dependency")


def _calls_of(scope: Scope) -> Iterator[facts.Call]:
    if isinstance(scope, Function):
        yield from (fact for fact in scope.body if isinstance(fact, facts.Call))
    elif isinstance(scope, Module):
        for piece in scope.pieces.values():
            yield from walking.calls(piece.body)


def _handler(evaluator: Evaluator, call: facts.Call, scope: Scope) -> facts.Expr | None:
    """The function that a call such as `app.add_api_route("/x", f)` names."""
    place: tuple[str, int] | None = None
    if isinstance(call.func, facts.Attr) and call.func.name in frameworks.ADD_ROUTE:
        place = frameworks.ADD_ROUTE[call.func.name]
    else:
        for value in evaluator.values(call.func, scope):
            if isinstance(value, External) and value.name in frameworks.ROUTE_CALLS:
                place = frameworks.ROUTE_CALLS[value.name]
    if place is None:
        return None
    keyword, position = place
    named = next((k.value for k in call.keywords if k.name == keyword), None)
    return named if named is not None else (call.args[position] if position < len(call.args) else None)


def starts_once(evaluator: Evaluator, function: Function) -> bool:
    """Whether decorators say that a function runs once in the life of the process: start-up, command line."""
    if decorated_as(evaluator, function):
        return False
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
