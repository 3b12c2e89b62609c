"""How does a blocking call become one that waits without blocking, and where can it not?"""

from __future__ import annotations

import libcst as cst

from dbpool_lint.fixing import imports, scopes
from dbpool_lint.fixing.recipes import AwaitCall
from dbpool_lint.fixing.replacing import exchanged
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places


def await_call(site: Site, recipe: AwaitCall) -> tuple[Edit, ...]:
    places = site.places(recipe.call.statement)
    call = places.node(recipe.call.node)
    if not isinstance(call, cst.Call) or not may_await(places, call):
        raise Refused
    wanted = imports.Wanted(recipe.module, recipe.name, whole=True)
    code, added = imports.reach(site, recipe.call.statement, call, wanted)
    parent = next(above for above, _ in places.path(call))
    function = exchanged(places, places.whole(call.func), code)
    if isinstance(parent, cst.Await):
        return (*function, *added) if function else ()
    return *_awaited(places, call, parent, function), *added


def _awaited(places: Places, call: cst.Call, parent: cst.CSTNode, function: tuple[Edit, ...]) -> tuple[Edit, ...]:
    start, end = places.offsets(call)
    enclosed = not call.lpar and needs_parentheses(call, parent)
    front = "(await " if enclosed else "await "
    behind = (Edit(end, end, ")"),) if enclosed else ()
    if not function:
        return Edit(start, start, front), *behind
    (edit,) = function
    if places.chunk.source.text[edit.start - 1].isidentifier():
        front = " " + front  # `return(time.sleep)(1)`
    return Edit(edit.start, edit.end, front + edit.text), *behind


def needs_parentheses(call: cst.Call, parent: cst.CSTNode) -> bool:
    """Would `await` in front of the call take in what stands behind it?"""
    if isinstance(parent, (cst.Attribute, cst.Subscript)):
        return parent.value is call
    return isinstance(parent, cst.Call) and parent.func is call


def may_await(places: Places, call: cst.Call) -> bool:
    """Is there an async function around it in which `await` means to wait here, and nothing in between?"""
    inside = 0
    for parent, child in places.path(call):
        if isinstance(parent, cst.FunctionDef):
            return child is parent.body and parent.asynchronous is not None and inside <= 1
        if isinstance(parent, (cst.Lambda, cst.ClassDef, cst.Annotation)):
            return False
        if isinstance(parent, scopes.COMPREHENSIONS) and not _runs_outside(child, places, call):
            if isinstance(parent, cst.GeneratorExp):
                return False  # it would become an asynchronous generator
            inside += 1  # one in another: allowed from Python 3.11 on only
    return False


def _runs_outside(child: cst.CSTNode, places: Places, call: cst.Call) -> bool:
    """Does the call stand in the first iterable, which is worked out before the comprehension begins?"""
    if not isinstance(child, cst.CompFor):
        return False
    start, end = places.whole(child.iter)
    return start <= places.offsets(call)[0] < end
