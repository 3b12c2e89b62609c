"""Which methods and functions does a framework call by what they derive from, or by their shape?"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.callgraph.registering import Registered, role_of_decorator
from dbpool_lint.facts.evaluation.classes import bases_of, lookup, outside_bases
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.values import Routine, Type
from dbpool_lint.facts.project import Class, Function, Module
from dbpool_lint.knowledge import handlers, workers
from dbpool_lint.knowledge.handlers import Methods
from dbpool_lint.knowledge.roles import words


def of_class(evaluator: Evaluator, cls: Class) -> Iterator[Registered]:
    """The methods of a class that a framework calls, and the functions that its attributes name."""
    for base in sorted(_bases(evaluator, cls)):
        kind = handlers.handler_methods(base)
        if kind is not None:
            yield from _methods(evaluator, cls, kind)
        for name, role in handlers.handler_attributes(base).items():
            yield from _attribute(evaluator, cls, name, role)
    yield from _decorated_class(evaluator, cls)
    yield from _middleware(cls)
    if _is_worker(cls):
        for name, role in workers.WORKER_ATTRIBUTES.items():
            yield from _attribute(evaluator, cls, name, role)


def _bases(evaluator: Evaluator, cls: Class) -> frozenset[str]:
    """The outside bases, and those that gRPC's compiler wrote into the project."""
    generated = (
        f"generated_pb2_grpc.{owner.node.name}"
        for owner in bases_of(evaluator, cls)
        if owner is not cls and owner.module.name.endswith("_pb2_grpc.py")
    )
    return frozenset({*outside_bases(evaluator, cls), *generated})


def _methods(evaluator: Evaluator, cls: Class, kind: Methods) -> Iterator[Registered]:
    for owner in bases_of(evaluator, cls):
        if owner.module.name.endswith("_pb2_grpc.py"):
            continue
        for name, method in owner.methods.items():
            if not _is_named(name, kind.names) or method.has_decorator("staticmethod", "property", "cached_property"):
                continue
            starting = kind.role == "handler" and name in handlers.STARTING_EVENTS
            yield method, "startup" if starting else kind.role
    made = lookup(evaluator, cls, "__init__") if kind.anew and not _is_single(cls) else None
    if made is not None:
        yield made, kind.role


def _is_named(name: str, wanted: frozenset[str]) -> bool:
    if name in wanted:
        return True
    if name.startswith("_"):
        return False
    return any(one.endswith("*") and name.startswith(one[:-1]) for one in wanted)


def _is_single(cls: Class) -> bool:
    """`init_every_request = False` makes Flask keep one view object."""
    bound = cls.attributes.get("init_every_request", ())
    return any(b.value is not None and walking.literal(b.value) is False for b in bound)


def _attribute(evaluator: Evaluator, cls: Class, name: str, role: str) -> Iterator[Registered]:
    for bound in cls.attributes.get(name, ()):
        if bound.value is not None:
            yield from ((function, role) for function in functions_in(evaluator, bound.value, cls))
    if name in cls.methods and role != "task":
        yield cls.methods[name], role


def _is_worker(cls: Class) -> bool:
    """arq's settings class is known by what is in it, and by the package that its file imports."""
    named = "functions" in cls.attributes or "cron_jobs" in cls.attributes
    return named and any(binding.module.partition(".")[0] == "arq" for binding in cls.module.imports())


def _decorated_class(evaluator: Evaluator, cls: Class) -> Iterator[Registered]:
    """`@view_config(attr="show")` and `@cbv(router)` on a class."""
    outside = cls.parent or cls.module
    for decorator in cls.node.decorators:
        if not isinstance(decorator, facts.Call):
            continue
        names = [getattr(v, "name", "") for v in evaluator.values(decorator.func, outside)]
        if any(handlers.CLASS_BASED.fullmatch(name) for name in names):
            yield from ((m, "dependency") for n, m in cls.methods.items() if n == "__init__")
        elif role_of_decorator(evaluator, decorator, outside) == "route":
            attr = next((walking.literal(k.value) for k in decorator.keywords if k.name == "attr"), "__call__")
            yield from ((m, "route") for n, m in cls.methods.items() if n in (attr, "__init__"))


_DJANGO_METHODS = words(
    "__call__ process_request process_view process_response process_exception process_template_response"
)


def _middleware(cls: Class) -> Iterator[Registered]:
    """ASGI, WSGI and Django know middleware by the parameters of its methods."""
    called, made = cls.methods.get("__call__"), cls.methods.get("__init__")
    if called is not None and _is_interface(_names(called)[1:]):
        yield called, "middleware"
    if made is not None and _names(made)[1:2] == ["get_response"]:
        yield from ((method, "middleware") for name, method in cls.methods.items() if name in _DJANGO_METHODS)


def _names(function: Function) -> list[str]:
    return [param.name for param in function.node.params]


def _is_interface(names: list[str]) -> bool:
    return names in (["scope", "receive", "send"], ["environ", "start_response"])


def by_shape(evaluator: Evaluator, function: Function) -> Iterator[Registered]:
    """What a function's own parameters say: a server's interface, a Lambda handler, Django's middleware."""
    if function.owner is not None:
        return
    names = _names(function)
    if _is_interface(names):
        yield function, "middleware"
    elif function.parent is None and _takes_event(function, names):
        yield function, "lambda handler"
    elif names == ["get_response"]:
        for value in (v for fact in returned(function) for v in evaluator.values(fact, function)):
            if isinstance(value, Routine) and value.function.parent is function:
                yield value.function, "middleware"


def _takes_event(function: Function, names: list[str]) -> bool:
    plain = [name.strip("_") for name in names]
    return plain == ["event", "context"] or (function.node.name == "lambda_handler" and len(names) == 2)


def hooks(module: Module) -> Iterator[Registered]:
    """The functions of gunicorn's configuration file."""
    if workers.SERVER_CONFIGURATION.fullmatch(module.name):
        for name, function in module.functions.items():
            if name in workers.SERVER_HOOKS:
                yield function, "startup"


def made_for_each_request(evaluator: Evaluator, cls: Class) -> bool:
    """Whether a framework makes an object of the class anew for each request."""
    kinds = (handlers.handler_methods(base) for base in _bases(evaluator, cls))
    return any(kind is not None and kind.anew for kind in kinds) and not _is_single(cls)


def started_at_import(evaluator: Evaluator, module: Module) -> Iterator[Registered]:
    """The functions that a module calls by itself: when it is imported, or when it is the program."""
    for piece in module.pieces.values():
        for statement in piece.body:
            guard = isinstance(statement, facts.If) and "__name__" in walking.names(statement.test)
            for call in walking.calls([statement]):
                for value in evaluator.values(call.func, module):
                    if isinstance(value, Routine):
                        yield value.function, "main" if guard else "startup"
                    elif isinstance(value, Type) and (made := lookup(evaluator, value.cls, "__init__")) is not None:
                        yield made, "main" if guard else "startup"
