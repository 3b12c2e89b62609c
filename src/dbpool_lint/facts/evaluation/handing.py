"""How does a value get from hand to hand? Arguments of calls, dependencies, and the places a function stores it in."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Values
from dbpool_lint.facts.project import Function, Scope


def given(param: facts.Param, owner: Function, call: facts.Call) -> facts.Expr | None:
    """The argument that a call of `owner` gives for a parameter."""
    for keyword in call.keywords:
        if keyword.name == param.name:
            return keyword.value
    plain = [p for p in owner.node.params if p.kind in ("", "positional")]
    if not any(p is param for p in plain) or any(isinstance(arg, facts.Star) for arg in call.args):
        return None
    index = next(i for i, p in enumerate(plain) if p is param) - (1 if owner.is_method else 0)
    return call.args[index] if 0 <= index < len(call.args) else None


def needed(evaluator: Evaluator, param: facts.Param, owner: Function) -> Values:
    """What `Depends(...)` in a default or annotation asks for."""
    outside: Scope = owner.owner or owner.parent or owner.module
    found: Values = ()
    for fact in (param.default, param.annotation):
        if fact is not None:
            for inner in walking.within([fact]):
                if isinstance(inner, facts.Call):
                    found = (*found, *(evaluator.dependency(inner, outside) or ()))
    return found


def stored(function: Function) -> Iterator[tuple[facts.Expr, facts.Expr]]:
    """Every single target with its value, of the assignments in a function."""
    for fact in function.body:
        if isinstance(fact, facts.Assign):
            for target in fact.targets:
                for single in walking.targets(target):
                    yield single, fact.value
        elif isinstance(fact, facts.Walrus):
            yield fact.target, fact.value
        elif isinstance(fact, facts.With):
            for item in fact.items:
                if item.target is not None:
                    yield item.target, item.value


def holders(function: Function, made: walking.Fact, derived: bool = False) -> frozenset[str]:
    """The local names that hold what `made` gives; with `derived`, what is made with it as well."""
    names: set[str] = set()
    grew = True
    while grew:
        before = len(names)
        for target, value in stored(function):
            local = isinstance(target, facts.Name) and target.id not in function.global_names
            if local and isinstance(target, facts.Name) and _holds(value, made, names, derived):
                names.add(target.id)
        grew = len(names) > before
    return frozenset(names)


def is_stored(function: Function, made: walking.Fact, derived: bool = False) -> bool:
    """Whether a function puts what `made` gives anywhere but into local names: globals, attributes, items."""
    names = set(holders(function, made, derived))
    return any(
        _holds(value, made, names, derived)
        for target, value in stored(function)
        if not isinstance(target, facts.Name) or target.id in function.global_names
    )


def _holds(value: facts.Expr, made: walking.Fact, names: set[str], derived: bool) -> bool:
    if derived:
        inside = walking.within([value])
        return any(f is made or (isinstance(f, facts.Name) and f.id in names) for f in inside)
    plain = _plain(value)
    return any(one is made or (isinstance(one, facts.Name) and one.id in names) for one in plain)


def _plain(value: facts.Expr) -> Iterator[facts.Expr]:
    """The expressions that a value may be the very result of."""
    if isinstance(value, (facts.Await, facts.Walrus)):
        yield from _plain(value.value)
    elif isinstance(value, facts.Choice):
        yield from (*_plain(value.then), *_plain(value.other))
    elif isinstance(value, facts.Logic):
        for operand in value.operands:
            yield from _plain(operand)
    else:
        yield value


def yielded(function: Function) -> Iterator[facts.Expr]:
    """The expressions that a generator function yields."""
    for fact in function.body:
        if isinstance(fact, facts.Yield) and fact.value is not None:
            yield fact.value
