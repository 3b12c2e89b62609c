"""Which expressions does a name, an attribute or an item stand for? One step back, to where its value was written."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.reading import Reads, Source
from dbpool_lint.facts.configuration.tables import Argument
from dbpool_lint.facts.evaluation import environment, records
from dbpool_lint.facts.evaluation.annotations import annotated
from dbpool_lint.facts.evaluation.classes import bases_of, decorated, lookup
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.values import Instance, Routine, Type, Value
from dbpool_lint.facts.evaluation.variables import GIVEN, owner_of, reaching
from dbpool_lint.facts.project import Class, Function, Scope

_PROPERTIES = ("property", "cached_property", "computed_field")

Sources = tuple[Source, ...]


def outside(function: Function) -> Scope:
    """The scope that a function's defaults and annotations are read in."""
    return function.owner or function.parent or function.module


def sources(reader: Reads, fact: facts.Expr, scope: Scope) -> Sources | None:
    """One step back from an expression; None where no expression of the project says more."""
    if isinstance(fact, (facts.Await, facts.Walrus)):
        return (Source((fact.value, scope)),)
    if isinstance(fact, facts.Name):
        return _of_name(reader, fact, scope)
    if isinstance(fact, facts.Attr):
        return _of_attribute(reader, fact, scope)
    if environment.reads(reader.evaluator, fact, scope):
        return None
    if isinstance(fact, facts.Item):
        key = walking.literal(fact.index)
        return _of_key(reader.table(fact.base, scope).argument(key), None) if isinstance(key, str) else None
    if isinstance(fact, facts.Call):
        return _of_call(reader, fact, scope)
    return None


def _of_name(reader: Reads, fact: facts.Name, scope: Scope) -> Sources | None:
    found = owner_of(fact.id, scope, reader.evaluator.project)
    if found is None:
        return None
    owner, name = found
    gathered: list[Source] = []
    for value in reaching(name, fact, scope, owner, reader.evaluator.project, reader.prunes):
        if value is GIVEN and isinstance(owner, Function):
            gathered.extend(_of_param(reader, name, owner))
        else:
            gathered.append(Source((value, owner) if value is not None else None))
    return tuple(gathered)


def _of_param(reader: Reads, name: str, owner: Function) -> Sources:
    param = owner.param(name)
    if param is None or param.kind in ("*", "**"):
        return (Source(None),)
    calls = reader.calls_of(owner)
    found = [source for site in calls for source in reader.given_to(param, owner, reader.handed_over(*site))]
    if calls and not reader.callers.are_known(owner):
        found.append(Source(None))
    if not calls:
        found.append(Source((param.default, outside(owner)) if param.default is not None else None, default=True))
    return tuple(found)


def _of_attribute(reader: Reads, fact: facts.Attr, scope: Scope) -> Sources | None:
    gathered: list[Source] = []
    for value in reader.evaluator.values(fact.base, scope):
        found = of_field(reader, value, fact.name)
        if found is None:
            return _of_global(reader, fact, scope)
        gathered.extend(found)
    return tuple(gathered)


def _of_global(reader: Reads, fact: facts.Attr, scope: Scope) -> Sources | None:
    place = reader.evaluator.assigned(fact, scope)
    return (Source(place),) if place is not None else None


def of_field(reader: Reads, value: Value, name: str) -> Sources | None:
    """Where an attribute of an object or class of the project gets its value; None when that is not known."""
    if isinstance(value, Type):
        owner = next((c for c in bases_of(reader.evaluator, value.cls) if name in c.attributes), None)
        return _in_class(reader, owner, name) if owner is not None else None
    if not isinstance(value, Instance):
        return None
    method = lookup(reader.evaluator, value.cls, name)
    if method is not None:
        if not decorated(reader.evaluator, method, *_PROPERTIES):
            return None
        return tuple(Source((result, method)) for result in returned(method))
    for owner in bases_of(reader.evaluator, value.cls):
        if name in owner.stored:
            return tuple(Source((fact, function)) for function, fact in owner.stored[name])
        if name in owner.attributes:
            return _declared(reader, value.cls, owner, name)
    return None


def _in_class(reader: Reads, owner: Class, name: str) -> Sources | None:
    place = records.default_of(owner, name)
    return (records.unwrapped(reader.evaluator, place),) if place is not None else None


def _declared(reader: Reads, cls: Class, owner: Class, name: str) -> Sources | None:
    """A field of a record: what its constructor is given, else its default."""
    evaluator = reader.evaluator
    place = records.default_of(owner, name)
    default = records.unwrapped(evaluator, place) if place is not None else Source(None)
    if not records.is_record(evaluator, cls) or any("__init__" in c.methods for c in bases_of(evaluator, cls)):
        return (default,) if place is not None else None
    if environment.of_settings(evaluator, cls, name):
        return None
    filled = from_outside(reader, cls)
    made = reader.callers.making(cls)
    found = [source for call, scope in made for source in _constructed(reader, cls, name, default, call, scope)]
    if filled:
        found.append(Source(default.place, default=True))
    return tuple(found) or (Source(None),)


def _constructed(reader: Reads, cls: Class, name: str, default: Source, call: facts.Call, scope: Scope) -> list[Source]:
    handed = reader.handed_over(call, scope)
    given = handed.named(name) or handed.positional(records.position(reader.evaluator, cls, name))
    if given is not None:
        return [Source(given)]
    spread = reader.spread(call, scope).argument(name)
    if not spread.certain or handed.starred:
        return [Source(None)]
    found = [Source(place) for place in spread.places]
    return found if found and not spread.optional else [*found, default]


def from_outside(reader: Reads, cls: Class) -> bool:
    """Whether the environment fills the objects of a class: settings, and the models that they hold."""
    memory = reader.evaluator.project.memory
    if "filled" not in memory:
        memory["filled"] = frozenset(_filled(reader))
    found = memory["filled"]
    assert isinstance(found, frozenset)
    return id(cls) in found


def _filled(reader: Reads) -> set[int]:
    evaluator = reader.evaluator
    classes = [cls for module in evaluator.project.modules.values() for cls in module.all_classes]
    found = {id(cls): cls for cls in classes if records.is_settings(evaluator, cls)}
    queue = list(found.values())
    while queue:
        cls = queue.pop()
        for name, owner in records.fields(evaluator, cls).items():
            annotation = owner.attributes[name][0].annotation
            held = annotated(evaluator, annotation, owner) if annotation is not None else ()
            for value in held:
                if isinstance(value, Instance) and id(value.cls) not in found:
                    found[id(value.cls)] = value.cls
                    queue.append(value.cls)
    return set(found)


def _of_key(argument: Argument, default: Source | None) -> Sources:
    found = [Source(place) for place in argument.places]
    if not argument.certain:
        found.append(Source(None))
    if default is not None and (argument.optional or argument.absent):
        found.append(default)
    return tuple(found)


def _of_call(reader: Reads, fact: facts.Call, scope: Scope) -> Sources | None:
    """`options.get("x", 5)`, `options.pop("x", 5)`, and functions of the project by what they return."""
    func = fact.func
    if isinstance(func, facts.Attr) and func.name in ("get", "pop", "setdefault") and fact.args:
        key = walking.literal(fact.args[0])
        table = reader.table(func.base, scope) if isinstance(key, str) else None
        if table is not None and isinstance(key, str) and (table.complete or table.entries):
            given = fact.args[1] if len(fact.args) > 1 else facts.Const(-1, None)
            return _of_key(table.argument(key), Source((given, scope)))
        return None
    values = reader.evaluator.values(func, scope)
    functions = [v.function for v in values if isinstance(v, Routine)]
    if not functions or len(functions) < len(values) or any(f.node.generator for f in functions):
        return None
    if any(f.node.decorators and not f.is_method for f in functions):
        return None
    return tuple(Source((result, function)) for function in functions for result in returned(function))
