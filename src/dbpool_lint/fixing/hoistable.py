"""Can a call of a function be made once for the module instead, and mean the same there?"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import closing, scopes
from dbpool_lint.fixing.layout import past
from dbpool_lint.fixing.site import Refused, Site, line_ends
from dbpool_lint.sources.syntax import Places, preorder

ALWAYS_THERE = frozenset({*dir(builtins), "__file__", "__name__", "__package__", "__spec__"})

_TAKES_OVER = frozenset({"aclosing", "closing", "enter_async_context", "enter_context", "push", "push_async_exit"})
_TOGETHER = (cst.Tuple, cst.List, cst.Set, cst.Dict, cst.BaseElement, cst.IfExp, cst.BooleanOperation, cst.NamedExpr)
_PARTS = (cst.Attribute, cst.Subscript)
_PREPARES = frozenset({"dotenv", "load_dotenv"})  # the environment, which no argument need mention
_JUMPS = (cst.Break, cst.Continue, cst.Raise, cst.Return)


@dataclass(frozen=True, slots=True)
class Made:
    """The call that makes a pool, and the function that it is made in anew each time."""

    site: Site
    statement: int
    places: Places
    call: cst.Call
    function: cst.FunctionDef

    @property
    def text(self) -> str:
        return self.site.source.text


def made_at(site: Site, statement: int, number: int) -> Made:
    """The call with that number. Raises `Refused` where the module cannot make it for the function."""
    places = site.places(statement)
    call = places.node(number)
    function = next(scopes.functions_around(places, call), None)
    if not isinstance(call, cst.Call) or not isinstance(function, cst.FunctionDef):
        raise Refused
    made = Made(site, statement, places, call, function)
    if not site.is_definition(statement) or len(places.chunk.module.body) > 1:
        raise Refused  # a function that is there on some condition, or a file of which only the whole is known
    if _is_used_up(made) or _is_made_otherwise(made) or _is_kept(made) or _is_disposed_elsewhere(made):
        raise Refused
    check_names(made, call)
    _check_guards(made)
    start, _ = places.offsets(call)
    bracket = past(made.text, places.whole(call.func)[1])
    if any(True for _ in line_ends(made.text[start:bracket])):
        raise Refused  # it is held together by brackets that stay behind
    return made


def check_names(made: Made, node: cst.CSTNode, *, besides: frozenset[str] = frozenset()) -> None:
    """Raises `Refused` unless every name in `node` is known, and means one thing, above the function."""
    names = scopes.free(node) - besides
    if any(isinstance(inner, (cst.Await, cst.Yield, cst.NamedExpr)) for inner in preorder(node)):
        raise Refused
    if names & scopes.hidden(made.places, made.call):
        raise Refused
    known = made.site.module_names_before(made.statement)
    for name in names:
        there = name in known or (name in ALWAYS_THERE and not made.site.is_global(name))
        if not there or made.site.is_rebound(name) or made.site.is_changed_below(made.statement, name):
            raise Refused


def disposals(root: cst.CSTNode, variable: str = "") -> int:
    """How often `variable.dispose` is mentioned, or that of anything."""
    return sum(
        isinstance(node, cst.Attribute)
        and node.attr.value in closing.DISPOSES
        and (not variable or (isinstance(node.value, cst.Name) and node.value.value == variable))
        for node in preorder(root)
    )


def _is_used_up(made: Made) -> bool:
    """Is it awaited, or closed by the `with` it stands in, so that it cannot serve twice?"""
    parent, child = next(made.places.path(made.call))
    if isinstance(parent, cst.Arg):
        outer = next(above for above, below in made.places.path(made.call) if below is parent)
        function = outer.func if isinstance(outer, cst.Call) else None
        name = function.attr if isinstance(function, cst.Attribute) else function
        return isinstance(name, cst.Name) and name.value in _TAKES_OVER
    return isinstance(parent, cst.Await) or (isinstance(parent, cst.WithItem) and child is parent.item)


def _is_made_otherwise(made: Made) -> bool:
    """Is it made once for a class or a default value, or many times by a comprehension?"""
    for parent, _ in made.places.path(made.call):
        if parent is made.function:
            return False
        if isinstance(parent, (cst.ClassDef, cst.FunctionDef, *scopes.COMPREHENSIONS)):
            return True
    return True


def _is_kept(made: Made) -> bool:
    """Is it put into an object, which may make and close it as its own?"""
    for parent, _ in made.places.path(made.call):
        if isinstance(parent, (cst.Assign, cst.AnnAssign)):
            targets = (
                [target.target for target in parent.targets] if isinstance(parent, cst.Assign) else [parent.target]
            )
            return any(isinstance(inner, _PARTS) for t in targets for inner in preorder(t))
        if not isinstance(parent, _TOGETHER):
            return False
    return False


def _is_disposed_elsewhere(made: Made) -> bool:
    """Does the generator that makes it dispose of it in the end, or somebody who calls the function?"""
    if any(isinstance(node, cst.Yield) for node in scopes.own_nodes(made.function.body)) and disposals(made.function):
        return True
    name = made.function.name.value
    for index, statement in enumerate(made.site.statements):
        if not any(called.rpartition(".")[2] == name for called in statement.calls):
            continue
        if index == made.statement:
            if disposals(made.places.chunk.module) > disposals(made.function):
                return True
        elif any(mention.endswith(".dispose") for mention in statement.mentions):
            return True
    return False


def _check_guards(made: Made) -> None:
    """Raises `Refused` where the function first looks whether what it is made of is right, or makes it so."""
    needed = {dotted for arg in made.call.args for dotted in scopes.dotted(arg.value)}
    for guard in _guards(made):
        if any(_is_about(one, other) for one in needed for other in scopes.dotted(guard)):
            raise Refused
    for changed in _changed(made):
        if changed in _PREPARES or any(_is_about(one, changed) for one in needed):
            raise Refused


def _is_about(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _guards(made: Made) -> Iterator[cst.BaseExpression]:
    """The conditions on which the call is made: those around it, and those that end the function before."""
    for parent, child in _way_out(made):
        if isinstance(parent, (cst.If, cst.IfExp, cst.While)) and child is not parent.test:
            yield parent.test
        elif isinstance(parent, cst.BooleanOperation) and child is parent.right:
            yield parent.left
    for statement in _before(made):
        yield from _ending(statement)


def _changed(made: Made) -> Iterator[str]:
    """What the function does something to before: what it sets parts of, what it calls a method of, what it calls."""
    for statement in _before(made):
        for node in preorder(statement):
            if isinstance(node, (cst.AssignTarget, cst.AugAssign)) and isinstance(node.target, _PARTS):
                yield from scopes.dotted(node.target.value)
            elif isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
                called = node.value.func
                yield from scopes.dotted(called.value if isinstance(called, cst.Attribute) else called)


def _way_out(made: Made) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The nodes around the call, inside of its function."""
    for parent, child in made.places.path(made.call):
        if parent is made.function:
            return
        yield parent, child


def _before(made: Made) -> Iterator[cst.CSTNode]:
    """The statements that have run when the call is made."""
    for parent, child in _way_out(made):
        if isinstance(parent, cst.IndentedBlock):
            yield from parent.body[: parent.body.index(child)]


def _ending(statement: cst.CSTNode) -> Iterator[cst.BaseExpression]:
    if isinstance(statement, cst.SimpleStatementLine):
        yield from (small.test for small in statement.body if isinstance(small, cst.Assert))
    elif isinstance(statement, cst.If) and isinstance(_last(statement.body), _JUMPS):
        yield statement.test


def _last(suite: cst.BaseSuite) -> cst.CSTNode:
    last = suite.body[-1]
    return last.body[-1] if isinstance(last, cst.SimpleStatementLine) else last
