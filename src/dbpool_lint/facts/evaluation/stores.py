"""Where is what kept under a name? Values stored in attributes, under keys, and in containers, of the whole project.

`app.state.pool = …`, `app["pool"] = …`, `yield {"pool": …}` and `State(pool=…)` keep under "pool"; who reads
`request.app.state.pool` may get any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Literal, Type
from dbpool_lint.facts.project import Class, Function, Module, Scope

_ADDING = frozenset({"append", "add", "insert", "appendleft"})


@dataclass(slots=True)
class Stores:
    """`kept` by attribute or key, `held` by the name of the container; each with what was put there."""

    kept: dict[str, list[Place]] = field(default_factory=dict)
    held: dict[str, list[Place]] = field(default_factory=dict)

    def keep(self, name: str, place: Place) -> None:
        self.kept.setdefault(name, []).append(place)

    def hold(self, container: str, place: Place) -> None:
        self.held.setdefault(container, []).append(place)


def stores(evaluator: Evaluator) -> Stores:
    """Everything that the project stores; remembered."""
    memory = evaluator.project.memory
    if "stores of the project" not in memory:
        found = Stores()
        for scope, fact in _facts(evaluator):
            _store(evaluator, found, fact, scope)
        memory["stores of the project"] = found
    found = memory["stores of the project"]  # type: ignore[assignment]
    assert isinstance(found, Stores)
    return found


def _facts(evaluator: Evaluator) -> Iterator[tuple[Scope, walking.Fact]]:
    for module in evaluator.project.modules.values():
        if module.context is not facts.Context.TEST:
            for piece in module.pieces.values():
                yield from ((module, fact) for fact in walking.within(piece.body))
            for function in module.all_functions:
                yield from ((function, fact) for fact in function.body)
            for cls in module.all_classes:
                yield from ((cls, fact) for fact in walking.within(cls.node.body))


def _store(evaluator: Evaluator, found: Stores, fact: walking.Fact, scope: Scope) -> None:
    if isinstance(fact, facts.Assign):
        for target in fact.targets:
            for single, value in _pairs(target, fact.value):
                _put(evaluator, found, single, (value, scope))
    elif isinstance(fact, facts.Pair):
        if fact.key is not None and isinstance(key := walking.literal(fact.key), str):
            found.keep(key, (fact.value, scope))
    elif isinstance(fact, facts.Call):
        _call(evaluator, found, fact, scope)


def _pairs(target: facts.Expr, value: facts.Expr) -> Iterator[tuple[facts.Expr, facts.Expr]]:
    """Each single target with what it gets; parts of something unpacked get the whole."""
    if isinstance(target, facts.Sequence):
        items = value.items if isinstance(value, facts.Sequence) and len(value.items) == len(target.items) else None
        for index, item in enumerate(target.items):
            yield from _pairs(item, value if items is None else items[index])
    else:
        yield target, value


def _put(evaluator: Evaluator, found: Stores, target: facts.Expr, place: Place) -> None:
    if isinstance(target, facts.Attr):
        found.keep(target.name, place)
    elif isinstance(target, facts.Item):
        found.keep(key_of(evaluator, target.index, place[1]), place)
        if (container := last_name(target.base)) is not None:
            found.hold(container, place)


def _call(evaluator: Evaluator, found: Stores, call: facts.Call, scope: Scope) -> None:
    if isinstance(call.func, facts.Attr) and call.args:
        container = last_name(call.func.base)
        if call.func.name in _ADDING and container is not None:
            found.hold(container, (call.args[-1], scope))
        elif call.func.name in ("setdefault", "__setitem__", "set") and len(call.args) == 2:
            found.keep(key_of(evaluator, call.args[0], scope), (call.args[1], scope))
            if container is not None:
                found.hold(container, (call.args[1], scope))
    elif walking.is_name(call.func, "setattr") and len(call.args) == 3:
        found.keep(key_of(evaluator, call.args[1], scope), (call.args[2], scope))
    for keyword in call.keywords:
        if keyword.name and _keeps_keywords(evaluator, call, scope):
            found.keep(keyword.name, (keyword.value, scope))


def _keeps_keywords(evaluator: Evaluator, call: facts.Call, scope: Scope) -> bool:
    """`State(pool=pool)` of a data class, `dict(pool=pool)`, `state.update(pool=pool)`."""
    if isinstance(call.func, facts.Attr) and call.func.name == "update":
        return True
    if walking.is_name(call.func, "dict") or walking.is_name(call.func, "SimpleNamespace"):
        return True
    return any(isinstance(v, Type) and "__init__" not in v.cls.methods for v in evaluator.values(call.func, scope))


def key_of(evaluator: Evaluator, index: facts.Expr, scope: Scope) -> str:
    """What a key is called: its text, or the name of the constant that holds it."""
    for value in evaluator.values(index, scope):
        if isinstance(value, Literal) and isinstance(value.value, str):
            return value.value
    return f"[{last_name(index) or ''}]"


def last_name(fact: facts.Expr) -> str | None:
    """`b` of `a.b`, `a` of `a`, None for anything else."""
    if isinstance(fact, facts.Attr):
        return fact.name
    return fact.id if isinstance(fact, facts.Name) else None


def scope_chain(scope: Scope) -> Iterator[Function | Class | Module]:
    """The scopes that a name is looked up in, innermost first; those of classes only from inside their bodies."""
    yield scope
    while not isinstance(scope, Module):
        scope = scope.parent or scope.module
        yield scope
