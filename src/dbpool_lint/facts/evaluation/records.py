"""What may a field of a settings object, dataclass or model be? Its default, and what constructors are given."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.reading import Source
from dbpool_lint.facts.configuration.tables import Place, Table
from dbpool_lint.facts.evaluation import environment
from dbpool_lint.facts.evaluation.classes import bases_of, outside_bases
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Instance
from dbpool_lint.facts.project import Class, Scope

_MODELS = frozenset(
    {
        *environment.SETTINGS_CLASSES,
        "pydantic.BaseModel",
        "pydantic.main.BaseModel",
        "pydantic.v1.BaseModel",
        "msgspec.Struct",
        "typing.NamedTuple",
        "sqlmodel.SQLModel",
    }
)
_DECORATORS = ("dataclass", "define", "frozen", "mutable", "attrs", "s", "pydantic_dataclass")
_DUMPS = frozenset({"model_dump", "dict", "_asdict", "to_dict"})
_DUMPERS = frozenset(
    {"dataclasses.asdict", "attr.asdict", "attrs.asdict", "msgspec.structs.asdict", "builtins.vars", "builtins.dict"}
)


def is_settings(evaluator: Evaluator, cls: Class) -> bool:
    """Whether the fields are filled from the environment."""
    return bool(outside_bases(evaluator, cls) & environment.SETTINGS_CLASSES)


def is_record(evaluator: Evaluator, cls: Class) -> bool:
    """Whether the class's constructor takes its annotated attributes as arguments."""
    key = ("record", id(cls))
    memory = evaluator.project.memory
    if key not in memory:
        memory[key] = bool(outside_bases(evaluator, cls) & _MODELS) or any(
            _is_decorated(evaluator, owner) for owner in bases_of(evaluator, cls)
        )
    return bool(memory[key])


def _is_decorated(evaluator: Evaluator, cls: Class) -> bool:
    scope: Scope = cls.parent or cls.module
    for decorator in cls.node.decorators:
        func = decorator.func if isinstance(decorator, facts.Call) else decorator
        for value in evaluator.values(func, scope):
            if isinstance(value, External) and value.name.rpartition(".")[2] in _DECORATORS:
                return True
    return False


def fields(evaluator: Evaluator, cls: Class) -> dict[str, Class]:
    """The fields of a record by name, those of its bases first, with the class that declares each."""
    found: dict[str, Class] = {}
    for owner in reversed(bases_of(evaluator, cls)):
        for name, bounds in owner.attributes.items():
            annotated = any(bound.annotation is not None for bound in bounds)
            if annotated and not name.startswith("__") and name != "model_config":
                found[name] = owner
    return found


def default_of(cls: Class, name: str) -> Place | None:
    """The expression a field is bound to in its class."""
    bounds = cls.attributes.get(name, ())
    value = bounds[-1].value if bounds and bounds[-1].how == "value" else None
    return (value, cls) if value is not None else None


def unwrapped(evaluator: Evaluator, place: Place) -> Source:
    """The default inside `Field(default=…)`, `field(default_factory=…)` and the like; other expressions as they are."""
    fact, scope = place
    if not isinstance(fact, facts.Call):
        return Source(place)
    names = {v.name for v in evaluator.values(fact.func, scope) if isinstance(v, External)}
    if not names & environment.FIELDS:
        return Source(place)
    given = {keyword.name: keyword.value for keyword in fact.keywords}
    default = given.get("default", fact.args[0] if fact.args else None)
    if default is not None and not _is_ellipsis(default):
        return Source((default, scope))
    factory = given.get("default_factory", given.get("factory"))
    if isinstance(factory, facts.Lambda):
        return Source((factory.body, scope))
    if factory is not None:
        return Source((facts.Call(-1, factory, (), ()), scope))
    return Source(None)


def _is_ellipsis(fact: facts.Expr) -> bool:
    return isinstance(fact, facts.Opaque) and not fact.parts


def dumped(evaluator: Evaluator, call: facts.Call, scope: Scope) -> Table | None:
    """The items of `settings.pool.model_dump()` or `asdict(settings.pool)`; None for calls that do no such thing."""
    base = _dumped_object(evaluator, call, scope)
    if base is None:
        return None
    classes = [v.cls for v in evaluator.values(base, scope) if isinstance(v, Instance)]
    if not classes or len(classes) < len(evaluator.values(base, scope)):
        return Table(complete=False)
    table = Table(complete=len(classes) == 1 and is_record(evaluator, classes[0]))
    if len(classes) == 1:
        for name in fields(evaluator, classes[0]):
            table.put(name, (facts.Attr(base.at, base, name), scope))
    _limit(table, call)
    return table


def _dumped_object(evaluator: Evaluator, call: facts.Call, scope: Scope) -> facts.Expr | None:
    if isinstance(call.func, facts.Attr) and call.func.name in _DUMPS:
        values = evaluator.values(call.func.base, scope)
        own = any(
            isinstance(v, Instance) and any(call.func.name in c.methods for c in bases_of(evaluator, v.cls))
            for v in values
        )
        return call.func.base if not own and any(isinstance(v, Instance) for v in values) else None
    names = {v.name for v in evaluator.values(call.func, scope) if isinstance(v, External)}
    if names & _DUMPERS and len(call.args) == 1 and not (call.keywords and "builtins.dict" in names):
        found = any(isinstance(v, Instance) for v in evaluator.values(call.args[0], scope))
        return call.args[0] if found else None
    return None


def _limit(table: Table, call: facts.Call) -> None:
    """`include=`, `exclude=` and the like, where they can be read."""
    for keyword in call.keywords:
        names = _names(keyword.value)
        if keyword.name == "include" and names is not None:
            for name in table.entries.keys() - names:
                table.drop(name)
        elif keyword.name == "exclude" and names is not None:
            for name in names & table.entries.keys():
                table.drop(name)
        elif keyword.name in ("exclude_none", "exclude_unset", "exclude_defaults"):
            table.loosen()
        elif keyword.name not in ("mode", "by_alias", "round_trip", "warnings"):
            table.loosen()
            table.spoil()
        elif keyword.name == "by_alias" and walking.literal(keyword.value) is not False:
            table.spoil()


def _names(fact: facts.Expr) -> frozenset[str] | None:
    items: tuple[facts.Expr, ...] | None = None
    if isinstance(fact, facts.Sequence):
        items = fact.items
    elif isinstance(fact, facts.Mapping):
        items = tuple(pair.key for pair in fact.items if pair.key is not None)
    found = [walking.literal(item) for item in items or ()]
    return (
        frozenset(str(name) for name in found) if items is not None and all(isinstance(n, str) for n in found) else None
    )


def position(evaluator: Evaluator, cls: Class, name: str) -> int:
    """The position of a field among the constructor's arguments, -1 when it has none."""
    names = list(fields(evaluator, cls))
    return names.index(name) if name in names else -1
