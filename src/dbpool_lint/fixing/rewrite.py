"""Which text does a fix come to? Each recipe goes to the module that knows how, and comes back as edits, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import libcst as cst

from dbpool_lint.fixing import (
    awaiting,
    catching,
    disposing,
    entering,
    hoisting,
    keywords,
    putting,
    recipes,
    removing,
    replacing,
    rescuing,
    wrapping,
)
from dbpool_lint.fixing.recipes import Recipe, Spot
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import UNREADABLE

__all__ = ["Site", "rewrite"]


_WRITERS: dict[type[Recipe], Callable[[Site, Any], tuple[Edit, ...]]] = {
    recipes.AddDictItems: keywords.add_items,
    recipes.AddKeywords: keywords.add_keywords,
    recipes.AwaitCall: awaiting.await_call,
    recipes.DisposeAfterYield: disposing.dispose,
    recipes.EnterGenerator: entering.enter,
    recipes.HoistToModule: hoisting.hoist,
    recipes.MergeKeywordDict: keywords.merge_dict,
    recipes.PutAwait: putting.put_await,
    recipes.RemoveDictItems: removing.remove_items,
    recipes.RemoveKeywords: removing.remove_keywords,
    recipes.RemoveStatement: removing.remove_statement,
    recipes.RenameDictItem: removing.rename_item,
    recipes.RenameKeyword: removing.rename_keyword,
    recipes.ReplaceExpression: replacing.replace_expression,
    recipes.ReplaceValue: replacing.replace_value,
    recipes.RollbackFirst: rescuing.roll_back,
    recipes.WidenExcept: catching.widen,
    recipes.WrapInWith: wrapping.wrap,
}


def rewrite(recipe: Recipe, site: Site) -> tuple[Edit, ...] | None:
    """The edits of `recipe`, sorted; `None` where it is refused, or where nothing is left to do."""
    try:
        _check_strings(_spot(recipe), site)
        edits = _WRITERS[type(recipe)](site, recipe)
    except (Refused, *UNREADABLE):
        return None
    return tuple(sorted(set(edits))) or None


def _spot(recipe: Recipe) -> Spot:
    """The node it is about, which each recipe names first, by what that is."""
    spot = getattr(recipe, fields(recipe)[0].name)
    assert isinstance(spot, Spot)
    return spot


def _check_strings(spot: Spot, site: Site) -> None:
    """Code inside of an f-string may hold neither its quotes nor line ends before Python 3.12."""
    places = site.places(spot.statement)
    if any(isinstance(node, cst.BaseString) for node, _ in places.path(places.node(spot.node))):
        raise Refused
