"""May a lease be used after the block that uses it? Then no `with` can be put around that block."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.lending.closing import holders
from dbpool_lint.facts.project import Function


def outlives(name: str, function: Function) -> bool:
    """Whether a variable's lease, or what is made with it, is returned, yielded, stored or captured."""
    held = holders(function, frozenset({name}))
    return any(_keeps(fact, held, function) for fact in function.body)


def _keeps(fact: walking.Fact, held: frozenset[str], function: Function) -> bool:
    if isinstance(fact, (facts.Function, facts.Lambda, facts.Class)):
        return bool(walking.names(fact) & held)
    if isinstance(fact, (facts.Return, facts.Yield)):
        return fact.value is not None and _is_held(fact.value, held)
    if isinstance(fact, facts.Assign):
        outside = any(not isinstance(target, facts.Name) for target in fact.targets)
        return outside and _is_held(fact.value, held)
    return isinstance(fact, facts.Scope) and bool(held & set(fact.names))


def _is_held(value: facts.Expr, held: frozenset[str]) -> bool:
    """`db`, `(db, 1)`, `{"db": db}`, `Repository(db)`; a called method such as `db.get(…)` gives something else."""
    if isinstance(value, facts.Name):
        return value.id in held
    if isinstance(value, facts.Sequence):
        return any(_is_held(item, held) for item in value.items)
    if isinstance(value, facts.Mapping):
        return any(_is_held(pair.value, held) for pair in value.items)
    if isinstance(value, facts.Call) and isinstance(value.func, facts.Name) and value.func.id[:1].isupper():
        given = (*value.args, *(keyword.value for keyword in value.keywords))
        return any(_is_held(one, held) for one in given)
    return False
