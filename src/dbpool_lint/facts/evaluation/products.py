"""What does calling something give? Objects, leases, results of the project's functions, partial calls."""

from __future__ import annotations

from dataclasses import replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.evaluation.annotations import promised
from dbpool_lint.facts.evaluation.classes import kind_of_class
from dbpool_lint.facts.evaluation.entering import element
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    Evaluates,
    External,
    Filled,
    Instance,
    Kinded,
    Object,
    Routine,
    Type,
    Value,
    Values,
    kinds,
    merged,
    names_of,
)
from dbpool_lint.facts.project import Scope
from dbpool_lint.knowledge import frameworks
from dbpool_lint.knowledge.kinds import CALLED, MADE_BY, Kind

_NOTHING: Values = (UNKNOWN,)


def called(evaluator: Evaluates, value: object, fact: facts.Call, scope: Scope) -> Values:
    """What calling `value` gives."""
    if isinstance(value, External):
        return _called_outside(evaluator, value.name, fact, scope)
    if isinstance(value, Type):
        kind = kind_of_class(evaluator, value.cls)
        return (Kinded(kind, fresh=True),) if kind else (Instance(value.cls),)
    if isinstance(value, Routine):
        if any(name in evaluator.project.settings.session_factories for name in names_of(value)):
            return (Kinded(Kind.SESSION, fresh=True),)
        return evaluator.outcome(value.function)
    if isinstance(value, Kinded):
        if value.kind is Kind.SCOPED:
            return (Kinded(Kind.SESSION, fresh=value.fresh),)
        return (Kinded(CALLED[value.kind], fresh=True),) if value.kind in CALLED else _NOTHING
    return _NOTHING


def _called_outside(evaluator: Evaluates, name: str, fact: facts.Call, scope: Scope) -> Values:
    if name in evaluator.project.settings.session_factories:
        return (Kinded(Kind.SESSION, fresh=True),)
    kind = MADE_BY.get(name)
    if kind is not None:
        return (Kinded(_factory_kind(evaluator, kind, fact, scope), fresh=True),)
    if name in ("builtins.next", "builtins.anext") and fact.args:
        return element(evaluator, fact.args[0], scope)
    if name == "typing.cast" and len(fact.args) == 2:
        return evaluator.values(fact.args[1], scope)
    if name in frameworks.RUN_COROUTINE and fact.args:
        return evaluator.values(fact.args[0], scope)
    if name == "functools.partial" and fact.args:
        return tuple(_filled(value, fact, scope) for value in evaluator.values(fact.args[0], scope))
    if name in frameworks.MANAGERS and fact.args:
        inner = evaluator.values(fact.args[0], scope)
        return tuple(Routine(v.function, v.bound) for v in inner if isinstance(v, Routine)) or _NOTHING
    return (Object(name),)


def _factory_kind(evaluator: Evaluates, kind: Kind, fact: facts.Call, scope: Scope) -> Kind:
    """`sessionmaker(engine, class_=AsyncSession)` is how SQLAlchemy 1.4 spells an async factory."""
    if kind is not Kind.FACTORY:
        return kind
    given = next((k.value for k in fact.keywords if k.name == "class_"), None)
    if given is None:
        return kind
    made = merged(*(promised(evaluator, v) for v in evaluator.values(given, scope)))
    return Kind.ASYNC_FACTORY if Kind.ASYNC_SESSION in kinds(made) else kind


def _filled(value: Value, fact: facts.Call, scope: Scope) -> Value:
    """What `functools.partial` makes of what it is given."""
    if isinstance(value, (External, Routine, Type)):
        return replace(value, filled=Filled(fact, scope, value.filled, id(fact)))
    return value
