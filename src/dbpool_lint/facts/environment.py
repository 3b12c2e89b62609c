"""What does a setting or an environment variable give? Its default, where the code states one."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.classes import outside_bases
from dbpool_lint.facts.project import Class, Scope
from dbpool_lint.facts.values import UNKNOWN, Evaluates, External, Literal, Object, Value, Values

_GETTERS = frozenset({"os.getenv", "os.environ.get", "environ.get"})
_READERS = frozenset(
    {
        "starlette.config.Config",
        "decouple.config",
        "decouple.Config",
        "environs.Env",
        "environ.Env",
    }
)
_CONVERTERS = {"builtins.int": int, "builtins.float": float, "builtins.str": str}
_FALSY_TEXT = frozenset({"", "0", "false", "no", "off", "f", "n"})
SETTINGS_CLASSES = frozenset(
    {"pydantic.BaseSettings", "pydantic_settings.BaseSettings", "pydantic_settings.main.BaseSettings"}
)
_FIELDS = frozenset({"pydantic.Field", "pydantic.fields.Field", "dataclasses.field"})


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
    objects = [v.of for v in evaluator.values(fact.func, scope) if isinstance(v, Object)]
    if any(name in _GETTERS for name in names):
        return _default(evaluator, fact, scope, position=1)
    if any(name in _READERS for name in (*names, *objects)) and fact.args:
        reads_file = any(name.rpartition(".")[2] in ("Config", "Env") for name in names)
        return None if reads_file else _default(evaluator, fact, scope, position=2)
    if any(name in _FIELDS for name in names):
        return _default(evaluator, fact, scope, position=0)
    if names and names[0] in _CONVERTERS and len(fact.args) == 1:
        return _converted(evaluator.values(fact.args[0], scope), names[0])
    return None


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
    chain = walking.chain(cast) if cast is not None else None
    return _cast(values, chain[-1]) if chain else values


def _cast(values: Values, name: str) -> Values:
    return _converted(values, f"builtins.{name}") if name != "bool" else tuple(_truth(v) for v in values)


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
