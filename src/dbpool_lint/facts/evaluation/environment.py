"""What does a setting or an environment variable give? Its default, where the code states one."""

from __future__ import annotations

from collections.abc import Callable

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.classes import outside_bases
from dbpool_lint.facts.evaluation.values import UNKNOWN, Evaluates, External, Literal, Object, Value, Values
from dbpool_lint.facts.project import Class, Scope

_GETTERS = frozenset({"os.getenv", "os.environ.get", "environ.get"})
_READERS = {
    "starlette.config.Config": 2,
    "decouple.config": 1,
    "decouple.Config": 1,
    "decouple.AutoConfig": 1,
    "environs.Env": 1,
    "environs.env": 1,
    "environ.Env": 2,
}
"""What reads a variable when it is called → the position of its default. `config("X", default=5, cast=int)`"""

_TYPED = frozenset({"str", "bool", "int", "float", "json", "list", "url", "db", "db_url", "log_level"})
"""Methods of such a reader that read a variable as a type: `env.bool("X", False)`."""

_CONVERTERS = {"builtins.int": int, "builtins.float": float, "builtins.str": str}
_FALSY_TEXT = frozenset({"", "0", "false", "no", "off", "f", "n"})
SETTINGS_CLASSES = frozenset(
    {"pydantic.BaseSettings", "pydantic_settings.BaseSettings", "pydantic_settings.main.BaseSettings"}
)
FIELDS = frozenset(
    {
        "pydantic.Field",
        "pydantic.fields.Field",
        "dataclasses.field",
        "attr.ib",
        "attr.attrib",
        "attr.field",
        "attrs.field",
        "msgspec.field",
        "sqlmodel.Field",
    }
)
"""Functions that describe a field of a class, its default among their arguments."""


def variable(evaluator: Evaluates, fact: facts.Expr, scope: Scope) -> Values | None:
    """The default of an expression that reads the environment; None when it does no such thing.

    A variable without a default is unknown. `int(...)` and the like around one convert it.
    """
    if isinstance(fact, facts.Item):
        chain = walking.chain(fact.base)
        return (UNKNOWN,) if chain and chain[-1] == "environ" else None
    if not isinstance(fact, facts.Call):
        return None
    names = [v.name for v in evaluator.values(fact.func, scope) if isinstance(v, External)]
    if any(name in _GETTERS for name in names):
        return _default(evaluator, fact, scope, position=1)
    if (position := _reader(evaluator, fact, scope)) is not None:
        return _default(evaluator, fact, scope, position)
    if any(name in FIELDS for name in names):
        return _default(evaluator, fact, scope, position=0)
    return converted(evaluator, fact, scope, lambda inner: evaluator.values(inner, scope))


def _reader(evaluator: Evaluates, fact: facts.Call, scope: Scope) -> int | None:
    """The position of the default in `config("X", …)` or `env.bool("X", …)`; None for other calls."""
    if not fact.args:
        return None
    for value in evaluator.values(fact.func, scope):
        if isinstance(value, Object) and value.of in _READERS:
            return _READERS[value.of]
        if isinstance(value, External) and value.name in _READERS and value.name.rpartition(".")[2].islower():
            return _READERS[value.name]
    if isinstance(fact.func, facts.Attr) and fact.func.name in _TYPED:
        for value in evaluator.values(fact.func.base, scope):
            name = value.of if isinstance(value, Object) else value.name if isinstance(value, External) else ""
            if name in _READERS and "env" in name:
                return 1
    return None


def converted(
    evaluator: Evaluates, fact: facts.Call, scope: Scope, read: Callable[[facts.Expr], Values]
) -> Values | None:
    """What `int(...)` and the like make of their argument; None for other calls."""
    for value in evaluator.values(fact.func, scope):
        if isinstance(value, External) and value.name in _CONVERTERS and len(fact.args) == 1:
            return _converted(read(fact.args[0]), value.name)
        return None
    return None


def reads(evaluator: Evaluates, fact: facts.Expr, scope: Scope) -> bool:
    """Whether an expression reads the environment or a settings file."""
    return isinstance(fact, (facts.Call, facts.Item)) and variable(evaluator, fact, scope) is not None


def key_of(evaluator: Evaluates, fact: facts.Call | facts.Item, scope: Scope) -> str:
    """The environment variable that an expression reads, or ""."""
    if variable(evaluator, fact, scope) is None:
        return ""
    first = fact.index if isinstance(fact, facts.Item) else fact.args[0] if fact.args else None
    name = walking.literal(first)
    return name if isinstance(name, str) else ""


def of_settings(evaluator: Evaluates, cls: Class, name: str) -> Values:
    """What the project's own `.env` files give to a field of a pydantic settings class; empty when nothing."""
    given = evaluator.project.deployment.variable(name.upper())
    if not given or not outside_bases(evaluator, cls) & SETTINGS_CLASSES:
        return ()
    return tuple(Literal(_read(text), default=True) for text in given)


def _read(text: str) -> str | int | bool:
    lowered = text.strip().lower()
    if lowered in ("true", "false", "yes", "no", "on", "off"):
        return lowered in ("true", "yes", "on")
    return int(lowered) if lowered.removeprefix("-").isdigit() and lowered.isascii() and len(lowered) < 10 else text


def _default(evaluator: Evaluates, fact: facts.Call, scope: Scope, position: int) -> Values:
    keyword = next((k.value for k in fact.keywords if k.name == "default"), None)
    given = keyword if keyword is not None else (fact.args[position] if len(fact.args) > position else None)
    if given is None:
        return (UNKNOWN,)
    values = evaluator.values(given, scope)
    cast = next((k.value for k in fact.keywords if k.name == "cast"), None)
    values = tuple(Literal(v.value, default=True) if isinstance(v, Literal) else v for v in values)
    if cast is None:
        return _truths(values) if isinstance(fact.func, facts.Attr) and fact.func.name == "bool" else values
    chain = walking.chain(cast)
    return _cast(values, chain[-1]) if chain else (UNKNOWN,)


def _cast(values: Values, name: str) -> Values:
    return _converted(values, f"builtins.{name}") if name != "bool" else _truths(values)


def _truths(values: Values) -> Values:
    return tuple(_truth(value) for value in values)


def _truth(value: Value) -> Value:
    if not isinstance(value, Literal):
        return UNKNOWN
    if isinstance(value.value, str):
        return Literal(value.value.strip().lower() not in _FALSY_TEXT, value.default)
    return Literal(bool(value.value), value.default)


def _converted(values: Values, name: str) -> Values:
    return tuple(_convert(value, name) for value in values)


def _convert(value: Value, name: str) -> Value:
    if not isinstance(value, Literal) or value.value is None or name not in _CONVERTERS:
        return UNKNOWN
    try:
        return Literal(_CONVERTERS[name](value.value), value.default)
    except (ValueError, OverflowError):
        return UNKNOWN
