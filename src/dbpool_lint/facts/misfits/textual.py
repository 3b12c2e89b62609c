"""Is a value a text where a number is wanted? What the environment gives is text until somebody converts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.evaluation.classes import bases_of, outside_bases
from dbpool_lint.facts.evaluation.environment import SETTINGS_CLASSES
from dbpool_lint.facts.evaluation.values import External, Instance, Literal, Type
from dbpool_lint.facts.project import Class

_GETTERS = frozenset({"os.getenv", "os.environ.get", "os.environ.setdefault"})
_READERS = frozenset({"decouple.config"})
_MODELS = SETTINGS_CLASSES | {"pydantic.BaseModel", "pydantic.main.BaseModel", "sqlmodel.SQLModel"}
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Textual:
    """A text: `what` it comes from, in words; `code` its expression where that can be written out again.

    `always` is False when it is one only if the environment gives the variable.
    """

    what: str
    code: str = ""
    always: bool = True


def textual(reader: Reader, place: Place, depth: int = 0) -> Textual | None:
    """The text that a value is for certain, or becomes when its variable is set; None for anything else."""
    fact, scope = place
    if depth > _DEEPEST:
        return None
    if isinstance(fact, facts.Const):
        return Textual(f'"{fact.value}"') if isinstance(fact.value, str) else None
    if isinstance(fact, facts.Item):
        chain = walking.chain(fact.base)
        code = _written(fact)
        read = bool(chain) and chain is not None and _is_environ(reader, fact.base, place)
        return Textual(f"`{code}`", code) if read and code else None
    if isinstance(fact, facts.Call):
        return _read(reader, fact, place)
    if isinstance(fact, facts.Attr) and (found := _attribute(reader, fact, place, depth)) is not None:
        return found
    held = reader.evaluator.assigned(fact, scope)
    return textual(reader, held, depth + 1) if held is not None and held[0] is not fact else None


def _is_environ(reader: Reader, fact: facts.Expr, place: Place) -> bool:
    return any(isinstance(v, External) and v.name == "os.environ" for v in reader.evaluator.values(fact, place[1]))


def _read(reader: Reader, fact: facts.Call, place: Place) -> Textual | None:
    names = [v.name for v in reader.evaluator.values(fact.func, place[1]) if isinstance(v, External)]
    if len(names) != 1 or names[0] not in _GETTERS | _READERS or any(k.name == "cast" for k in fact.keywords):
        return None
    keyword = next((k.value for k in fact.keywords if k.name == "default"), None)
    default = keyword if keyword is not None else (fact.args[1] if len(fact.args) > 1 else None)
    code = _written(fact)
    if not code:
        return None
    if default is None:
        return Textual(f"`{code}`", code if names[0] in _READERS else "")
    values = reader.evaluator.values(default, place[1])
    if not all(isinstance(v, Literal) for v in values):
        return None
    texts = all(isinstance(v, Literal) and isinstance(v.value, str) for v in values)
    return Textual(f"`{code}`", code, texts)


def _attribute(reader: Reader, fact: facts.Attr, place: Place, depth: int) -> Textual | None:
    """A field of a settings class: pydantic makes it what its annotation says, a plain class keeps what it is given."""
    classes = [v.cls for v in reader.evaluator.values(fact.base, place[1]) if isinstance(v, (Instance, Type))]
    found = [_field(reader, cls, fact.name, depth) for cls in classes]
    texts = [text for text in found if text is not None]
    return texts[0] if len(classes) == 1 and texts else None


def _field(reader: Reader, cls: Class, name: str, depth: int) -> Textual | None:
    bounds = [(owner, bound) for owner in bases_of(reader.evaluator, cls) for bound in owner.attributes.get(name, ())]
    stored = any(name in owner.stored or name in owner.methods for owner in bases_of(reader.evaluator, cls))
    if len(bounds) != 1 or stored:
        return None
    owner, bound = bounds[0]
    if outside_bases(reader.evaluator, cls) & _MODELS:
        is_text = bound.annotation is not None and walking.is_name(bound.annotation, "str")
        return Textual(f"the field `{owner.node.name}.{name}: str`") if is_text else None
    if bound.annotation is None and bound.how == "value" and bound.value is not None:
        given = textual(reader, (bound.value, owner), depth + 1)
        return Textual(f"`{owner.node.name}.{name}`, which is {given.what}", "", given.always) if given else None
    return None


def _written(fact: facts.Expr) -> str:
    """The code of a simple expression, written out again; "" for others."""
    return "".join(_parts(fact)) if all(_parts(fact)) else ""


def _parts(fact: facts.Expr) -> Iterator[str]:
    chain = walking.chain(fact)
    if chain:
        yield ".".join(chain)
    elif isinstance(fact, facts.Const):
        yield _literal(fact.value)
    elif isinstance(fact, facts.Item):
        yield from (*_parts(fact.base), "[", *_parts(fact.index), "]")
    elif isinstance(fact, facts.Call):
        given = [*map(_written, fact.args), *(f"{k.name}={_written(k.value)}" for k in fact.keywords)]
        yield from (*_parts(fact.func), f"({', '.join(given)})" if all(given) else "")
    else:
        yield ""


def _literal(value: str | float | bool | None) -> str:
    if not isinstance(value, str):
        return repr(value)
    plain = value.isprintable() and not {'"', "\\", "{", "}"} & set(value)
    return f'"{value}"' if plain else ""
