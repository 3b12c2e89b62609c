"""Where can an option be dropped or renamed so that nothing else changes? Recipes for what stands in one call only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place
from dbpool_lint.facts.misfits.paths import Given, body_of
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.project import Function, Module, Scope, module_of
from dbpool_lint.fixing.recipes import (
    Recipe,
    RemoveDictItems,
    RemoveKeywords,
    RenameDictItem,
    RenameKeyword,
    Spot,
)


@dataclass(frozen=True, slots=True)
class Own:
    """What may be changed: the module, and the call whose arguments are meant; None where they are a dict's items."""

    module: Module
    call: facts.Call | None


def droppable(own: Own, options: Iterable[tuple[str, Given]]) -> tuple[Recipe, ...]:
    """How to take options away, where all of them stand in one call or in a dict that only this call is given."""
    found = list(options)
    holders = {id(given.holder[0]) if given.holder is not None else 0 for _, given in found}
    holder = found[0][1].holder
    if len(holders) != 1 or holder is None or not _is_own(own, holder):
        return ()
    names = tuple(name for name, _ in found)
    spot = _spot(holder)
    if isinstance(holder[0], facts.Call):
        return (RemoveKeywords(spot, names),)
    return (RemoveDictItems(spot, names),)


def renaming(own: Own, given: Given, old: str, new: str) -> tuple[Recipe, ...]:
    """How to rename an option where it stands; a dict that others use too gets its right name for all of them."""
    holder = given.holder
    if holder is None or module_of(holder[1]) is not own.module:
        return ()
    if isinstance(holder[0], facts.Call):
        return (RenameKeyword(_spot(holder), old, new),)
    return (RenameDictItem(_spot(holder), old, new),)


def spot_of(own: Own, place: Place) -> Spot | None:
    """The spot of an expression that stands in the module itself."""
    return _spot(place) if module_of(place[1]) is own.module else None


def _spot(place: Place) -> Spot:
    fact, scope = place
    return Spot(statement_of(fact, scope), fact.at)


def _is_own(own: Own, holder: Place) -> bool:
    """Whether a call or dict display is the site's own: it stands in the call, or in a local that is used once."""
    fact, scope = holder
    if module_of(scope) is not own.module:
        return False
    call = own.call
    if call is not None and any(inner is fact for inner in walking.everything([call])):
        return True
    if call is None:
        return True
    return _is_used_once(fact, scope)


def _is_used_once(fact: facts.Expr, scope: Scope) -> bool:
    if not isinstance(scope, Function):
        return False
    for statement in walking.statements(body_of(scope)):
        if isinstance(statement, facts.Assign) and statement.value is fact and len(statement.targets) == 1:
            target = statement.targets[0]
            name = target.id if isinstance(target, facts.Name) else ""
            uses = [f for f in walking.everything(scope.node.body) if isinstance(f, facts.Name) and f.id == name]
            return bool(name) and len(uses) == 2
    return False
