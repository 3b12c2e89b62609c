"""What does an annotation promise? Kinds and classes, through aliases, unions, `Annotated` and quotes."""

from __future__ import annotations

import re

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.evaluation.classes import kind_of_class
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    Evaluates,
    External,
    Instance,
    Kinded,
    Literal,
    Object,
    Type,
    Value,
    Values,
    kinds,
    merged,
)
from dbpool_lint.facts.project import Scope
from dbpool_lint.knowledge.kinds import ANNOTATED, POOL_CLASSES, Kind

_NOTHING: Values = (UNKNOWN,)
_IDENTIFIERS = re.compile(r"[^\W\d][\w.]*")


def annotated(evaluator: Evaluates, fact: facts.Expr, scope: Scope) -> Values:
    """What an annotation promises."""
    if isinstance(fact, facts.Const):
        return _quoted(evaluator, fact.value, scope) if isinstance(fact.value, str) else ()
    if isinstance(fact, facts.Binary) and fact.op == "|":
        return merged(annotated(evaluator, fact.left, scope), annotated(evaluator, fact.right, scope))
    if isinstance(fact, facts.Item):
        return _subscripted(evaluator, fact, scope)
    found = merged(*(promised(evaluator, value) for value in evaluator.values(fact, scope)))
    return found or _alias(evaluator, fact, scope)


def completed(evaluator: Evaluates, values: Values, annotation: facts.Expr, scope: Scope) -> Values:
    """What a value is with the help of its annotation, where the value itself says little."""
    if UNKNOWN in values:
        return merged(values, annotated(evaluator, annotation, scope))
    if all(isinstance(value, (External, Object)) or value == Literal(None) for value in values):
        return merged(values, tuple(v for v in annotated(evaluator, annotation, scope) if isinstance(v, Kinded)))
    return values


def promised(evaluator: Evaluates, value: object) -> Values:
    if isinstance(value, External):
        if value.name in POOL_CLASSES:
            return (Kinded(Kind.POOL),)
        return (Kinded(ANNOTATED[value.name]),) if value.name in ANNOTATED else (Object(value.name),)
    if isinstance(value, Type):
        kind = kind_of_class(evaluator, value.cls)
        return (Kinded(kind),) if kind else (Instance(value.cls),)
    return ()


def _alias(evaluator: Evaluates, fact: facts.Expr, scope: Scope) -> Values:
    """`DB = Annotated[AsyncSession, Depends(get_db)]`: the alias stands for what it is bound to."""
    target = evaluator.assigned(fact, scope)
    if target is None or target[0] is fact:
        return _NOTHING
    return annotated(evaluator, *target)


def _quoted(evaluator: Evaluates, text: str, scope: Scope) -> Values:
    found = (_dotted(evaluator, name, scope) for name in _IDENTIFIERS.findall(text))
    return merged(*(promised(evaluator, v) for values in found for v in values if not _is_wrapper(v))) or _NOTHING


def _dotted(evaluator: Evaluates, dotted: str, scope: Scope) -> Values:
    first, *rest = dotted.split(".")
    values = evaluator.name(first, scope)
    for part in rest:
        values = merged(*(evaluator.attribute(value, part, scope) for value in values))
    return values


def _subscripted(evaluator: Evaluates, fact: facts.Item, scope: Scope) -> Values:
    index = fact.index.items if isinstance(fact.index, facts.Sequence) else (fact.index,)
    wrapper = next((_last(v) for v in evaluator.values(fact.base, scope) if _is_wrapper(v)), "")
    if wrapper in ("Annotated", "Final", "ClassVar", "Required", "NotRequired"):
        return annotated(evaluator, index[0], scope) if index else _NOTHING
    if wrapper in ("Optional", "Union"):
        return merged(*(annotated(evaluator, part, scope) for part in index))
    promised = annotated(evaluator, fact.base, scope)
    return promised if kinds(promised) or any(isinstance(v, Instance) for v in promised) else _NOTHING


def _is_wrapper(value: Value) -> bool:
    return isinstance(value, External) and value.name.partition(".")[0] in ("typing", "typing_extensions")


def _last(value: Value) -> str:
    return value.name.rpartition(".")[2] if isinstance(value, External) else ""
