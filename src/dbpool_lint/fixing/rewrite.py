"""Which text does a fix come to? Each recipe goes to the module that knows how, and comes back as edits, or refused."""

from __future__ import annotations

import libcst as cst

from dbpool_lint.fixing import awaiting, hoisting, keywords, recipes, wrapping
from dbpool_lint.fixing.recipes import Recipe, Spot
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit

__all__ = ["Site", "rewrite"]


def rewrite(recipe: Recipe, site: Site) -> tuple[Edit, ...] | None:
    """The edits of `recipe`, sorted; `None` where it is refused, or where nothing is left to do."""
    try:
        _check_strings(_spot(recipe), site)
        edits = _edits(recipe, site)
    except (Refused, cst.ParserSyntaxError):
        return None
    return tuple(sorted(set(edits))) or None


def _edits(recipe: Recipe, site: Site) -> tuple[Edit, ...]:
    match recipe:
        case recipes.AddKeywords():
            return keywords.add_keywords(site, recipe)
        case recipes.AddDictItems():
            return keywords.add_items(site, recipe)
        case recipes.ReplaceValue():
            return keywords.replace_value(site, recipe)
        case recipes.MergeKeywordDict():
            return keywords.merge_dict(site, recipe)
        case recipes.AwaitCall():
            return awaiting.await_call(site, recipe)
        case recipes.WrapInWith():
            return wrapping.wrap(site, recipe)
        case recipes.HoistToModule():
            return hoisting.hoist(site, recipe)


def _spot(recipe: Recipe) -> Spot:
    match recipe:
        case recipes.AddDictItems():
            return recipe.dict
        case recipes.ReplaceValue():
            return recipe.value
        case recipes.WrapInWith():
            return recipe.taken
        case _:
            return recipe.call


def _check_strings(spot: Spot, site: Site) -> None:
    """Code inside of an f-string may hold neither its quotes nor line ends before Python 3.12."""
    places = site.places(spot.statement)
    if any(isinstance(node, cst.BaseString) for node, _ in places.path(places.node(spot.node))):
        raise Refused
