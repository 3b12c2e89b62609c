"""Where does the `await` go that a coroutine lacks?"""

from __future__ import annotations

import libcst as cst

from dbpool_lint.fixing.awaiting import may_await, needs_parentheses
from dbpool_lint.fixing.recipes import PutAwait
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places


def put_await(site: Site, recipe: PutAwait) -> tuple[Edit, ...]:
    places = site.places(recipe.call.statement)
    call = places.node(recipe.call.node)
    if not isinstance(call, cst.Call) or not may_await(places, call):
        raise Refused
    if recipe.misplaced is not None:
        return _moved(places, call, places.node(recipe.misplaced.node))
    parent = next(above for above, _ in places.path(call))
    if isinstance(parent, cst.Await):
        return ()
    start, end = places.offsets(call)
    if not call.lpar and needs_parentheses(call, parent):
        return Edit(start, start, "(await "), Edit(end, end, ")")
    glued = places.chunk.source.text[start - 1 : start].isidentifier()  # `not(a or b).commit()`
    return (Edit(start, start, " await " if glued else "await "),)


def _moved(places: Places, call: cst.Call, misplaced: cst.CSTNode) -> tuple[Edit, ...]:
    """The `await` stands right in front of the call already: parentheses end it where the call ends."""
    if not isinstance(misplaced, cst.Await) or call.lpar:
        raise Refused
    start, end = places.offsets(call)
    front = places.offsets(misplaced)[0]
    if places.chunk.source.text[front:start].split() != ["await"]:
        raise Refused
    return Edit(front, front, "("), Edit(end, end, ")")
