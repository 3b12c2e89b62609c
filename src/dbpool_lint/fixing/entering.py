"""How does a generator that is only asked for its first value come to be run to its end?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from dbpool_lint.fixing import imports, leaving, outliving, scopes
from dbpool_lint.fixing.emptying import take_out
from dbpool_lint.fixing.lines import Lines, span_of
from dbpool_lint.fixing.recipes import EnterGenerator
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.fixing.wrapping import Taking, put_below, taken
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places, preorder

_FIRST = {False: ("next", "__next__"), True: ("anext", "__anext__")}


def enter(site: Site, recipe: EnterGenerator) -> tuple[Edit, ...]:
    places = site.places(recipe.taken.statement)
    node, call = places.node(recipe.taken.node), places.node(recipe.generator.node)
    if not isinstance(call, cst.Call) or recipe.generator.statement != recipe.taken.statement:
        raise Refused
    code, added = _managed(site, recipe, call)
    loop = next((at for at in (node, *(above for above, _ in places.path(node))) if _is_over(at, call)), None)
    if isinstance(loop, cst.For):
        return _entered(places, loop, recipe, code), *added
    taking = taken(places, _whole(places, node), recipe.variable)
    also = _keeping(places, taking, call, asynchronous=recipe.asynchronous)
    span = places.offsets(call)
    return put_below(places, taking, span, code, asynchronous=recipe.asynchronous, also=also), *added


def _managed(site: Site, recipe: EnterGenerator, call: cst.Call) -> tuple[str, tuple[Edit, ...]]:
    """`contextmanager(get_db)()`, and the import of that. Raises `Refused` for functions that are not known by name."""
    parts = list(preorder(call.func))
    if call.lpar or call.func.lpar or not all(isinstance(part, (cst.Name, cst.Attribute)) for part in parts):
        raise Refused
    if isinstance(call.func, cst.Name) and _is_decorated(site, call.func.value):
        raise Refused
    places, text = site.places(recipe.generator.statement), site.source.text
    wanted = imports.Wanted("contextlib", "asynccontextmanager" if recipe.asynchronous else "contextmanager")
    manager, added = imports.reach(site, recipe.generator.statement, call, wanted)
    (start, end), (_, last) = places.offsets(call.func), places.offsets(call)
    return f"{manager}({text[start:end]}){text[end:last]}", added


def _is_decorated(site: Site, name: str) -> bool:
    """Does this file define it with a decorator? That may have made a context manager of it already."""
    for index, statement in enumerate(site.statements):
        if name in statement.defines:
            found = (node for node in preorder(site.chunk_of(index).module) if isinstance(node, cst.FunctionDef))
            if any(node.name.value == name and node.decorators for node in found):
                return True
    return False


def _whole(places: Places, node: cst.CSTNode) -> cst.CSTNode:
    """The statement that holds the node, whatever part of it the recipe names."""
    above = (node, *(parent for parent, _ in places.path(node)))
    found = next((at for at in above if isinstance(at, (cst.SimpleStatementLine, cst.BaseSuite))), None)
    if not isinstance(found, cst.SimpleStatementLine):
        raise Refused
    return found


# ---- `next`


def _keeping(places: Places, taking: Taking, call: cst.Call, *, asynchronous: bool) -> Sequence[cst.CSTNode]:
    """The lines that keep the generator in a variable before its first value is asked for, and close it.

    None where the call stands in the taking itself. Raises `Refused` for any other way to ask.
    """
    value: cst.BaseExpression = taking.value
    if asynchronous != isinstance(value, cst.Await):
        raise Refused
    asked = _asked(value.expression if isinstance(value, cst.Await) else value, asynchronous=asynchronous)
    if asked is call:
        return ()
    if not isinstance(asked, cst.Name) or scopes.bound(taking.function)[asked.value] != 1:
        raise Refused
    kept = taken(places, call, asked.value)
    lines, (start, end) = kept.block.body, places.offsets(call)
    if any(start <= places.offsets(comment)[0] < end for comment in places.comments):
        raise Refused  # it would stay where it is as well
    if kept.block is not taking.block or lines.index(kept.line) + 1 != lines.index(taking.line):
        raise Refused
    going = (kept.line, *leaving.closings(taking.function.body, asked.value))
    known = {name for line in (taking.line, *going) for name, _ in scopes.variables(line)}
    if any(name.value == asked.value and name not in known for name, _ in scopes.variables(taking.function)):
        raise Refused
    return going


def _asked(value: cst.BaseExpression, *, asynchronous: bool) -> cst.BaseExpression | None:
    """What `next(…)` or `….__next__()` asks."""
    if not isinstance(value, cst.Call):
        return None
    function, method = _FIRST[asynchronous]
    if isinstance(value.func, cst.Name) and value.func.value == function and len(value.args) == 1:
        return None if value.args[0].star else value.args[0].value
    if isinstance(value.func, cst.Attribute) and value.func.attr.value == method and not value.args:
        return value.func.value
    return None


# ---- `for`


def _is_over(node: cst.CSTNode, call: cst.Call) -> bool:
    return isinstance(node, cst.For) and node.iter is call


def _entered(places: Places, loop: cst.For, recipe: EnterGenerator, code: str) -> Edit:
    """The loop as a `with`: it runs once. Raises `Refused` where it is left in other ways than a `with`."""
    function = next(scopes.functions_around(places, loop), None)
    variable, body = recipe.variable, loop.body
    target = loop.target
    if not isinstance(function, cst.FunctionDef) or not isinstance(target, cst.Name) or target.value != variable:
        raise Refused
    if (loop.asynchronous is not None) != recipe.asynchronous or loop.orelse or scopes.bound(function)[variable] != 1:
        raise Refused
    if not isinstance(body, cst.IndentedBlock) or variable in scopes.declared(function):
        raise Refused
    inside = {name for name, _ in scopes.variables(loop)}
    if any(name.value == variable and name not in inside for name, _ in scopes.variables(function)):
        raise Refused
    outliving.check(places, body.body, variable)
    gone = {*leaving.needless(places, body.body, variable, ()), *_last_break(body)}
    if gone.issuperset(body.body) or any(_jumps(node, loop, places, gone) for node in preorder(body)):
        raise Refused
    return _written(places, loop, variable, code, gone)


def _last_break(body: cst.IndentedBlock) -> Iterator[cst.CSTNode]:
    line = body.body[-1]
    if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 and isinstance(line.body[0], cst.Break):
        yield line


def _jumps(node: cst.CSTNode, loop: cst.For, places: Places, gone: set[cst.CSTNode]) -> bool:
    """Is it a `break` or `continue` of this loop that stays?"""
    if not isinstance(node, (cst.Break, cst.Continue)):
        return False
    for parent, child in places.path(node):
        if child in gone:
            return False
        if isinstance(parent, (cst.For, cst.While)) and child is parent.body:
            return parent is loop
    return False


def _written(places: Places, loop: cst.For, variable: str, code: str, gone: set[cst.CSTNode]) -> Edit:
    lines, text = Lines(places), places.chunk.source.text
    span = span_of(places, loop)
    start, high = places.offsets(loop)[0], places.offsets(loop.iter)[1]
    if any(start <= places.offsets(comment)[0] < high for comment in places.comments):
        raise Refused
    nodes = list(preorder(loop.body))
    take_out(lines, nodes, gone)
    first, last = places.span(loop).line, places.span(loop.iter).end_line
    keyword = "async with" if loop.asynchronous else "with"
    head = lines.indentation(first) + f"{keyword} {code} as {variable}"
    rest = lines[last][high - _start_of(text, high) :]
    for number in range(first, last + 1):
        lines[number] = ""
    lines[first] = head + rest
    return lines.edit(range(span.start, span.stop))


def _start_of(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
