"""What do decorators and calls make of functions? Handlers, tasks and hooks, as the framework that takes them says."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.handed import classes_in, functions_in
from dbpool_lint.facts.evaluation.classes import lookup, outside_bases
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import UNKNOWN, External, Instance, Object, Routine, Type, Value, names_of
from dbpool_lint.facts.project import Function, Scope, module_of
from dbpool_lint.knowledge import handlers, workers
from dbpool_lint.knowledge.roles import ONCE_ROLES, Given, matching, words

Registered = tuple[Function, str]
"""A function, and what it was registered as."""

_PATH_METHODS = handlers.HTTP_METHODS | {"route", "websocket", "api_route"}
_ADDING_VERBS = tuple(f"add_{verb}" for verb in ("get", "post", "put", "patch", "delete", "head", "options", "trace"))
_STOPPING = words("shutdown stop cleanup teardown")


def is_app(evaluator: Evaluator, value: Value) -> bool:
    """Whether a value registers handlers: an application, a router, a bot, or one of a class made from these."""
    return any(handlers.decorating_methods(name) for name in _classes_of(evaluator, value))


def _classes_of(evaluator: Evaluator, value: Value) -> tuple[str, ...]:
    """Dotted names of the outside classes that a value is an object of."""
    if isinstance(value, Object):
        return (value.of,)
    if isinstance(value, Instance):
        return tuple(sorted(outside_bases(evaluator, value.cls)))
    return (value.name,) if isinstance(value, External) else ()


def role_of_decorator(evaluator: Evaluator, decorator: facts.Expr, scope: Scope, depth: int = 0) -> str:
    """What a decorator, or a call that takes a function as one would, makes of the function; "" for nothing known."""
    call = decorator if isinstance(decorator, facts.Call) else None
    func = call.func if call is not None else decorator
    for value in evaluator.values(func, scope):
        role = _role_by_name(evaluator, value) or (
            _role_by_project(evaluator, value.function, depth) if isinstance(value, Routine) else ""
        )
        if role:
            return role
    return _role_by_object(evaluator, func, call, scope) if isinstance(func, facts.Attr) else ""


def _role_by_name(evaluator: Evaluator, value: Value) -> str:
    if any(name in evaluator.project.settings.entry_points for name in names_of(value)):
        return "route"
    return handlers.decorating(value.name) if isinstance(value, External) else ""


def _role_by_object(evaluator: Evaluator, func: facts.Attr, call: facts.Call | None, scope: Scope) -> str:
    values = evaluator.values(func.base, scope)
    for value in values:
        for name in _classes_of(evaluator, value):
            role = handlers.decorating_methods(name).get(func.name, "")
            if role == "startup" and call is not None and _stops(call):
                return "shutdown"
            if role:
                return role
    if call is None or not all(value is UNKNOWN or isinstance(value, External) for value in values):
        return ""
    if func.name == "task" and any(keyword.name in workers.CELERY_KEYWORDS for keyword in call.keywords):
        return "task"
    return "route" if values == (UNKNOWN,) and _says_route(func, call) and not _is_plain(func.base, scope) else ""


def _stops(call: facts.Call) -> bool:
    """`@app.on_event("shutdown")`"""
    texts = (walking.literal(argument) for argument in call.args[:2])
    return any(isinstance(text, str) and any(word in text for word in _STOPPING) for text in texts)


def _says_route(func: facts.Attr, call: facts.Call) -> bool:
    """`@router.get("/items")` says enough where the object itself cannot be seen."""
    return func.name in _PATH_METHODS and bool(call.args) and _is_path(call.args[0])


def _is_plain(base: facts.Expr, scope: Scope) -> bool:
    """Whether the object is seen to be a dict, a list or the like."""
    if not isinstance(base, facts.Name):
        return False
    bounds = [*(scope.bound.get(base.id, ()) if isinstance(scope, Function) else ())]
    bounds += module_of(scope).bound.get(base.id, ())
    named = (facts.Call, facts.Name, facts.Attr, facts.Await)
    return any(bound.value is not None and not isinstance(bound.value, named) for bound in bounds)


def _role_by_project(evaluator: Evaluator, decorator: Function, depth: int) -> str:
    """What a decorator of the project makes of a function that it hands on to a framework."""
    if depth > 2:
        return ""
    key = ("role of decorator", id(decorator))
    memory = evaluator.project.memory
    if key not in memory:
        memory[key] = ""  # a decorator that decorates with itself
        memory[key] = next(filter(None, _handed_on(evaluator, decorator, depth)), "")
    return str(memory[key])


def _handed_on(evaluator: Evaluator, decorator: Function, depth: int) -> Iterator[str]:
    for function in (decorator, *decorator.nested.values()):
        params = function.node.params[1 if function.is_method else 0 :]
        if not params:
            continue
        wrapping = {n.node.name for n in function.nested.values() if params[0].name in walking.names(n.node)}
        for nested in function.nested.values():
            if nested.node.name in wrapping:
                for inner in nested.node.decorators:
                    yield role_of_decorator(evaluator, inner, function, depth + 1)
        for fact in function.body:
            if isinstance(fact, facts.Call):
                yield from _takes(evaluator, fact, function, {*wrapping, params[0].name})


def _takes(evaluator: Evaluator, call: facts.Call, scope: Function, names: set[str]) -> Iterator[str]:
    """What a call makes of one of the local functions of these names."""
    for one in _arguments(evaluator, call, scope):
        argument = _argument(call, one)
        if isinstance(argument, facts.Name) and argument.id in names:
            yield one.role
    if call.args and isinstance(call.args[0], facts.Name) and call.args[0].id in names:
        yield _called_as_decorator(evaluator, call, scope)


def _called_as_decorator(evaluator: Evaluator, call: facts.Call, scope: Scope) -> str:
    """`router.get("/")(f)` and `shared_task(f)`"""
    func = call.func
    if isinstance(func, facts.Call):
        return role_of_decorator(evaluator, func, scope, 2)
    for value in evaluator.values(func, scope):
        if isinstance(value, External) and (role := handlers.decorating(value.name)):
            return role
    if isinstance(func, facts.Attr):
        for value in evaluator.values(func.base, scope):
            for name in _classes_of(evaluator, value):
                if role := handlers.decorating_methods(name).get(func.name, ""):
                    return role
    return ""


def registered(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Iterator[Registered]:
    """The functions that a call hands to a framework, and what they become."""
    for one in _arguments(evaluator, call, scope):
        argument = _argument(call, one)
        if argument is None:
            continue
        for function in functions_in(evaluator, argument, scope):
            yield function, one.role
        yield from _of_classes(evaluator, argument, scope, one.role)
    handed = [*call.args[:1], *(k.value for k in call.keywords if k.name in ("ack", "lazy"))]
    if handed and (role := _called_as_decorator(evaluator, call, scope)):
        for argument in handed:
            yield from ((function, role) for function in functions_in(evaluator, argument, scope))


def _arguments(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Iterator[Given]:
    """The arguments in which what is called takes functions."""
    for value in evaluator.values(call.func, scope):
        if isinstance(value, External):
            yield from handlers.registering(value.name)
        elif isinstance(value, Type):
            for base in sorted(outside_bases(evaluator, value.cls)):
                yield from handlers.registering(base)
    if isinstance(call.func, facts.Attr):
        yield from _by_method(evaluator, call, call.func, scope)


def _by_method(evaluator: Evaluator, call: facts.Call, func: facts.Attr, scope: Scope) -> Iterator[Given]:
    if func.name in workers.LISTING and isinstance(func.base, facts.Attr):
        role = _role_of_list(evaluator, func, func.base, scope)
        if role:
            yield Given(role, "", 1 if func.name == "insert" else 0)
    elif func.name == "do" and _is_schedule(evaluator, func, scope):
        yield Given("job", "job_func", 0)
    elif func.name == "consume" and _imports(scope, "aio_pika", "aiormq"):
        yield Given("consumer", "callback", 0)
    elif func.name in handlers.REGISTERING_METHODS and _is_framework(evaluator, call, func, scope):
        yield from (_settled(call, func.name, one) for one in handlers.REGISTERING_METHODS[func.name])
    for table_name in _typed(evaluator, func, scope):
        for table in matching(workers.TYPED_METHODS, table_name):
            yield from table.get(func.name, ())


def _is_framework(evaluator: Evaluator, call: facts.Call, func: facts.Attr, scope: Scope) -> bool:
    """Whether a method that registers is the framework's: many an object has one called `enqueue`."""
    packages = workers.PACKAGES.get(func.name)
    if packages is None:
        return not func.name.startswith(_ADDING_VERBS) or any(_is_path(argument) for argument in call.args)
    if any(isinstance(value, Routine) for value in evaluator.values(func, scope)):
        return False
    owners = (name for value in evaluator.values(func.base, scope) for name in _classes_of(evaluator, value))
    if any(name.partition(".")[0] in packages for name in owners) or _imports(scope, *packages):
        return True
    said = {*(keyword.name for keyword in call.keywords), *(walking.literal(argument) for argument in call.args)}
    return not said.isdisjoint(workers.TELLING.get(func.name, ()))


def _is_path(argument: facts.Expr) -> bool:
    text = walking.literal(argument)
    return isinstance(text, str) and text.startswith("/")


def _typed(evaluator: Evaluator, func: facts.Attr, scope: Scope) -> Iterator[str]:
    if func.name in workers.TYPED_NAMES:
        for value in evaluator.values(func.base, scope):
            yield from _classes_of(evaluator, value)


def _settled(call: facts.Call, method: str, one: Given) -> Given:
    """`add_event_handler("shutdown", f)` stops."""
    return Given("shutdown", one.keyword, one.position) if method == "add_event_handler" and _stops(call) else one


def _role_of_list(evaluator: Evaluator, func: facts.Attr, hooks: facts.Attr, scope: Scope) -> str:
    """`app.on_startup.append(f)`, `router.message.register(f)`, `worker_init.connect(f)`"""
    if func.name == "connect":
        return next(
            (
                role
                for value in evaluator.values(func, scope)
                if isinstance(value, External) and (role := handlers.decorating(value.name))
            ),
            "",
        )
    owners = evaluator.values(hooks.base, scope)
    for name in (name for value in owners for name in _classes_of(evaluator, value)):
        if func.name == "register" and (role := handlers.decorating_methods(name).get(hooks.name, "")):
            return role
    role = workers.HOOK_LISTS.get(hooks.name, "")
    certain = role in ONCE_ROLES or any(is_app(evaluator, value) for value in owners)
    return role if certain else ""


def _is_schedule(evaluator: Evaluator, func: facts.Attr, scope: Scope) -> bool:
    """`schedule.every(10).minutes.do(f)`"""
    root: facts.Expr = func
    while isinstance(root, (facts.Attr, facts.Call)):
        root = root.base if isinstance(root, facts.Attr) else root.func
        for value in evaluator.values(root, scope):
            if any(name.partition(".")[0] == "schedule" for name in _classes_of(evaluator, value)):
                return True
    return False


def _imports(scope: Scope, *packages: str) -> bool:
    return any(binding.module.partition(".")[0] in packages for binding in module_of(scope).imports())


def _argument(call: facts.Call, one: Given) -> facts.Expr | None:
    for keyword in call.keywords:
        if keyword.name and keyword.name == one.keyword:
            return keyword.value
    if one.position is None or one.position >= len(call.args):
        return None
    return call.args[one.position]


_CLASS_METHODS = {
    "middleware": ("dispatch", "__call__", "process_request", "process_response", "process_resource"),
    "route": ("on_get", "on_post", "on_put", "on_patch", "on_delete", "on_head", "on_options"),
}
"""What a class, or an object, that is registered as such must offer."""


def _of_classes(evaluator: Evaluator, argument: facts.Expr, scope: Scope, role: str) -> Iterator[Registered]:
    for cls in classes_in(evaluator, argument, scope) if role in _CLASS_METHODS else ():
        for name in _CLASS_METHODS[role]:
            method = lookup(evaluator, cls, name)
            if method is not None:
                yield method, role


def assigned(statement: facts.Assign) -> Iterator[tuple[facts.Expr, str]]:
    """`app.router.lifespan_context = f`: what is assigned to a hook of an application, and what it becomes."""
    for target in statement.targets:
        if isinstance(target, facts.Attr) and target.name == "lifespan_context":
            yield statement.value, workers.HOOK_LISTS[target.name]
