"""Where is a session factory used as if it were a session? Entered, awaited, asked for rows; given the wrong engine.

A factory is one where the code makes it: annotations alone do not count, because parameters that get a session are
often annotated with the factory's class.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.values import External, Instance, Kinded, Routine, Values, kinds
from dbpool_lint.facts.project import Class, Function, Module, Scope
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge.factories import FACTORIES, OF_ASYNC_SESSIONS, OF_SESSIONS, OF_SYNC_SESSIONS
from dbpool_lint.knowledge.kinds import MADE_BY, Kind

_DEEPEST = 6


class Misuse(enum.Enum):
    """What is done with a factory."""

    ENTERED = "entered"
    AWAITED = "awaited"
    ASKED = "asked"
    ON_ASYNC_ENGINE = "on an async engine"


@dataclass(frozen=True, slots=True)
class Misused:
    """A factory that is misused: `fact` is the expression that gives it, `made` the call that makes it."""

    fact: facts.Expr
    misuse: Misuse
    kind: Kind
    made: facts.Call
    scope: Scope
    spot: Spot
    name: str
    asynchronous: bool


def misused(evaluator: Evaluator, module: Module) -> Iterator[Misused]:
    """Every factory of a module that is used as a session, or given an engine that it cannot use."""
    for scope, statement, roots in _code(module):
        for fact in walking.within(roots):
            yield from _of_fact(evaluator, fact, scope, statement)


def _code(module: Module) -> Iterator[tuple[Scope, int, tuple[walking.Fact, ...]]]:
    for piece in module.pieces.values():
        yield module, piece.index, piece.body
    for cls in module.all_classes:
        yield cls, cls.statement, cls.node.body
    for function in module.all_functions:
        yield function, function.statement, function.node.body


def _of_fact(evaluator: Evaluator, fact: walking.Fact, scope: Scope, statement: int) -> Iterator[Misused]:
    if isinstance(fact, facts.With):
        for item in fact.items:
            yield from _used(evaluator, item.value, Misuse.ENTERED, scope, statement, "", fact.asynchronous)
    elif isinstance(fact, facts.Await) and not _may_give_coroutine(evaluator, fact.value, scope):
        yield from _used(evaluator, fact.value, Misuse.AWAITED, scope, statement, "", True)
    elif isinstance(fact, facts.Attr):
        for one in _used(evaluator, fact.base, Misuse.ASKED, scope, statement, fact.name, False):
            own = OF_SYNC_SESSIONS if one.kind is Kind.FACTORY else OF_ASYNC_SESSIONS
            if fact.name in OF_SESSIONS | own:
                yield one
    elif isinstance(fact, facts.Call) and _is_sync_on_async_engine(evaluator, fact, scope):
        yield Misused(fact, Misuse.ON_ASYNC_ENGINE, Kind.FACTORY, fact, scope, Spot(statement, fact.at), "", False)


def _used(
    evaluator: Evaluator, fact: facts.Expr, misuse: Misuse, scope: Scope, statement: int, name: str, asynchronous: bool
) -> Iterator[Misused]:
    made = made_by(evaluator, fact, scope)
    if made is not None:
        call, kind = made
        yield Misused(fact, misuse, kind, call, scope, Spot(statement, fact.at), name, asynchronous)


def _may_give_coroutine(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> bool:
    """`await get_factory()` awaits the helper, not what it gives."""
    if not isinstance(fact, facts.Call):
        return False
    values = evaluator.values(fact.func, scope)
    return not all(isinstance(value, External) and MADE_BY.get(value.name) in FACTORIES for value in values)


def made_by(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int = 0) -> tuple[facts.Call, Kind] | None:
    """The call that makes the factory which an expression always gives, and its kind; None when it is not certain."""
    values = evaluator.values(fact, scope)
    if depth > _DEEPEST or not values or not all(isinstance(v, Kinded) and v.kind in FACTORIES for v in values):
        return None
    (kind, *others) = sorted(kinds(values))
    if others:
        return None
    for source, place in _sources(evaluator, fact, scope):
        if source is fact:
            return (fact, kind) if isinstance(fact, facts.Call) else None
        if (found := made_by(evaluator, source, place, depth + 1)) is not None:
            return found
    return None


def _sources(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Iterator[tuple[facts.Expr, Scope]]:
    """One step back: the one expression that a name, an attribute or a helper stands for; a maker is its own."""
    if isinstance(fact, facts.Call):
        yield from _of_call(evaluator, fact, scope)
    elif isinstance(fact, facts.Name):
        yield from _of_name(evaluator, fact, scope)
    elif isinstance(fact, facts.Attr):
        yield from _of_attribute(evaluator, fact, scope)


def _of_call(evaluator: Evaluator, fact: facts.Call, scope: Scope) -> Iterator[tuple[facts.Expr, Scope]]:
    for value in evaluator.values(fact.func, scope):
        if isinstance(value, External) and MADE_BY.get(value.name) in FACTORIES:
            yield fact, scope
        elif isinstance(value, Routine) and not value.function.node.asynchronous:
            results = list(returned(value.function))
            if len(results) == 1:
                yield results[0], value.function


def _of_name(evaluator: Evaluator, fact: facts.Name, scope: Scope) -> Iterator[tuple[facts.Expr, Scope]]:
    owner: Scope | None = scope
    while isinstance(owner, (Function, Class)):
        if isinstance(owner, Function) and fact.id not in owner.global_names:
            if owner.param(fact.id) is not None or fact.id in owner.imports:
                return
            if fact.id in owner.bound:
                yield from _only(owner, fact.id)
                return
        owner = owner.parent or owner.module
    yield from _of_global(evaluator, fact, scope)


def _only(owner: Function, name: str) -> Iterator[tuple[facts.Expr, Scope]]:
    bounds = owner.bound[name]
    if len(bounds) == 1 and bounds[0].how == "value" and bounds[0].value is not None:
        yield bounds[0].value, owner


def _of_global(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Iterator[tuple[facts.Expr, Scope]]:
    found = evaluator.assigned(fact, scope)
    if found is not None:
        yield found


def _of_attribute(evaluator: Evaluator, fact: facts.Attr, scope: Scope) -> Iterator[tuple[facts.Expr, Scope]]:
    for value in evaluator.values(fact.base, scope):
        if not isinstance(value, Instance):
            yield from _of_global(evaluator, fact, scope)
            return
        stored = value.cls.stored.get(fact.name, ())
        if len(stored) == 1 and fact.name not in value.cls.methods:
            yield stored[0][1], stored[0][0]


def _is_sync_on_async_engine(evaluator: Evaluator, call: facts.Call, scope: Scope) -> bool:
    """`sessionmaker(create_async_engine(url))` without a class: it makes sync sessions."""
    values = evaluator.values(call.func, scope)
    if not values or not all(isinstance(v, External) and MADE_BY.get(v.name) is Kind.FACTORY for v in values):
        return False
    if any(keyword.name in ("class_", "sync_session_class", "") for keyword in call.keywords):
        return False
    engine = next((k.value for k in call.keywords if k.name == "bind"), call.args[0] if call.args else None)
    if engine is None or len(call.args) > 1:
        return False
    found: Values = evaluator.values(engine, scope)
    return bool(found) and all(isinstance(v, Kinded) and v.kind is Kind.ASYNC_ENGINE for v in found)


def is_configured(call: facts.Call) -> bool:
    """Whether a factory gets its engine where it is made."""
    return bool(call.args) or any(keyword.name in ("bind", "binds", "") for keyword in call.keywords)


def configured_in(evaluator: Evaluator, module: Module, kind: Kind) -> tuple[str, ...]:
    """The names by which a module reaches factories of a kind that have their engine."""
    found = []
    for name in sorted({*module.bound, *evaluator.project.names.bindings(module.name)}):
        made = made_by(evaluator, facts.Name(0, name), module)
        if made is not None and made[1] is kind and is_configured(made[0]):
            found.append(name)
    return tuple(found)


def is_reconfigured(evaluator: Evaluator, one: Misused) -> bool:
    """Whether `factory.configure(…)` is called on the name that a factory is made for: what it makes is open."""
    module = one.scope if isinstance(one.scope, Module) else one.scope.module
    names = {name for name, bounds in module.bound.items() for bound in bounds if bound.value is one.made}
    everything = (
        fact
        for other in evaluator.project.modules.values()
        for piece in other.pieces.values()
        for fact in walking.everything(piece.body)
    )
    return bool(names) and any(_configures(fact, names) for fact in everything)


def _configures(fact: walking.Fact, names: set[str]) -> bool:
    if not isinstance(fact, facts.Attr) or fact.name != "configure":
        return False
    return isinstance(fact.base, facts.Name) and fact.base.id in names
