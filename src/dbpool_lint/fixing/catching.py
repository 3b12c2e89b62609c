"""How does an `except` clause come to catch one more class, and when can it not?"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from dbpool_lint.fixing import imports, scopes
from dbpool_lint.fixing.layout import Row, more
from dbpool_lint.fixing.recipes import WidenExcept
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places

_CLASSES = frozenset({"select.error", "socket.error", "socket.timeout"})  # named like functions
_CATCH_IT_ALREADY = frozenset({"BaseException", "Exception"})


def widen(site: Site, recipe: WidenExcept) -> tuple[Edit, ...]:
    statement = recipe.handler.statement
    places = site.places(statement)
    handler = places.node(recipe.handler.node)
    if not isinstance(handler, cst.ExceptHandler) or handler.type is None:
        raise Refused
    wanted = imports.Wanted(recipe.module, recipe.name, alias=recipe.alias)
    known = imports.ways_to(site, statement, handler, wanted)
    if any(_dotted(member) in {*known, *_CATCH_IT_ALREADY} for member in _caught_so_far(places, handler)):
        return ()
    members = list(_members(handler.type))
    hidden = scopes.hidden(places, handler)
    if not members or not all(_is_class(site, member, hidden) for member in members):
        raise Refused
    code, added = imports.reach(site, statement, handler, wanted)
    return *_one_more(places, handler.type, code), *added


def _caught_so_far(places: Places, handler: cst.ExceptHandler) -> Iterator[cst.BaseExpression]:
    """The classes that this handler, and those above it, catch."""
    node, _ = next(places.path(handler))
    for other in cst.ensure_type(node, cst.Try).handlers:
        if other.type:
            yield from _members(other.type)
        if other is handler:
            return


def _members(caught: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(caught, cst.Tuple):
        yield from (element.value for element in caught.elements)
    else:
        yield caught


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        front = _dotted(node.value)
        return f"{front}.{node.attr.value}" if front else ""
    return node.value if isinstance(node, cst.Name) else ""


def _is_class(site: Site, member: cst.BaseExpression, hidden: frozenset[str]) -> bool:
    """Is it the name of a class, as far as can be seen? A tuple of classes cannot stand in another tuple."""
    name = _dotted(member)
    first, last = name.partition(".")[0], name.rpartition(".")[2]
    if first in hidden or not (name in _CLASSES or (last[:1].isupper() and not last.isupper())):
        return False
    defining = [statement for statement in site.statements if first in statement.defines]
    return all(statement.kind == "class" for statement in defining) and not site.is_rebound(first)


def _one_more(places: Places, caught: cst.BaseExpression, code: str) -> tuple[Edit, ...]:
    if isinstance(caught, cst.Tuple):
        if not caught.lpar:
            raise Refused
        inner = places.offsets(caught.lpar[-1])[0] + 1, places.offsets(caught.rpar[0])[1] - 1
        spans = tuple((places.offsets(element)[0], places.whole(element.value)[1]) for element in caught.elements)
        return more(places.chunk.source.text, Row(*inner, spans), len(spans), [code])
    start, end = places.offsets(caught)
    if caught.lpar:
        return (Edit(end, end, f", {code}"),)
    return Edit(start, start, "("), Edit(end, end, f", {code})")
