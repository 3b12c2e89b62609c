"""Does somebody keep what a variable holds for longer than the block that it shall be closed with?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from dbpool_lint.fixing import closing, scopes
from dbpool_lint.fixing.site import Refused
from dbpool_lint.sources.syntax import Places, preorder

_OUTLIVE = frozenset(
    {
        "EventSourceResponse",
        "Process",
        "StreamingHttpResponse",
        "StreamingResponse",
        "Thread",
        "add_done_callback",
        "add_task",
        "call_later",
        "call_soon",
        "create_task",
        "ensure_future",
        "register",
        "start_soon",
        "stream_with_context",
        "submit",
    }
)
_STACKS = frozenset({"aclosing", "callback", "closing", "enter_async_context", "enter_context", "push"})
_HOLDERS = (cst.Tuple, cst.List, cst.Set, cst.Dict, cst.DictElement, cst.Element, cst.IfExp, cst.BooleanOperation)
_RECEIVERS = (cst.BaseStatement, cst.BaseSmallStatement, cst.NamedExpr, cst.WithItem, cst.Yield)
_LAZY = (cst.Lambda, cst.GeneratorExp)


def check(places: Places, inside: Sequence[cst.CSTNode], variable: str) -> None:
    """Raises `Refused` where the statements yield, or give away what the variable holds or code that uses it later."""
    if any(isinstance(node, cst.Yield) for statement in inside for node in scopes.own_nodes(statement)):
        raise Refused
    names = {variable, *_functions_using(inside, variable)}
    for statement in inside:
        for name, binds in scopes.variables(statement):
            if name.value in names and not binds and _escapes(places, name):
                raise Refused


def using(statement: cst.CSTNode, names: set[str]) -> Iterator[str]:
    """Names of functions that use these variables later, and of objects made to hold them: `repo = Repository(s)`."""
    for node in preorder(statement):
        if isinstance(node, cst.FunctionDef) and any(scopes.uses(node, name) for name in names):
            yield node.name.value
        elif isinstance(node, (cst.Assign, cst.AnnAssign, cst.NamedExpr)) and _is_holder(node.value, names):
            yield from (name.value for name, binds in scopes.variables(node, own=True) if binds)


def last_part(function: cst.BaseExpression) -> str:
    """`connect` for `engine.connect`; nothing for what is neither a name nor an attribute."""
    node = function.attr if isinstance(function, cst.Attribute) else function
    return node.value if isinstance(node, cst.Name) else ""


def _is_holder(value: cst.BaseExpression | None, names: set[str]) -> bool:
    if not isinstance(value, cst.Call):
        return False
    given = any(isinstance(arg.value, cst.Name) and arg.value.value in names for arg in value.args)
    return given and last_part(value.func)[:1].isupper()


def _functions_using(inside: Sequence[cst.CSTNode], variable: str) -> Iterator[str]:
    """Names of the functions inside that use it. Raises `Refused` for a decorated one, which may be kept."""
    for statement in inside:
        for node in preorder(statement):
            if isinstance(node, cst.FunctionDef) and scopes.uses(node, variable):
                if node.decorators:
                    raise Refused
                yield node.name.value


def _escapes(places: Places, name: cst.Name) -> bool:
    """Is the value itself, an object made to hold it, or code that will use it, handed to somebody who may keep it?"""
    held, holder = True, False
    for parent, child in places.path(name):
        if isinstance(parent, _LAZY):
            held = True
        elif isinstance(parent, cst.Call):
            if child is not parent.func and _keeps(parent, held=held):
                return True
            made = child is not parent.func and last_part(parent.func)[:1].isupper()
            held, holder = False, made and (held or holder)
        elif isinstance(parent, _RECEIVERS):
            return _receives(parent, held=held, holder=holder)
        elif not _passes_on(parent):
            held = holder = False
    return False


def _keeps(call: cst.Call, *, held: bool) -> bool:
    called = last_part(call.func)
    return called in _OUTLIVE or (held and called in _STACKS)


def _receives(parent: cst.CSTNode, *, held: bool, holder: bool) -> bool:
    """Does the statement, or `:=`, give the value to something that may outlive the block?"""
    if isinstance(parent, (cst.Return, cst.Yield)):
        return held or holder
    if isinstance(parent, (cst.Assign, cst.AnnAssign, cst.AugAssign, cst.NamedExpr)):
        return held or (holder and not _is_to_name(parent))
    return held and isinstance(parent, cst.WithItem)


def _passes_on(parent: cst.CSTNode) -> bool:
    if isinstance(parent, cst.Attribute):  # the method is as good as the lease to `stack.callback(session.close)`
        return parent.attr.value in closing.CLOSES
    return isinstance(parent, (cst.Arg, cst.Await, *_HOLDERS))


def _is_to_name(node: cst.Assign | cst.AnnAssign | cst.AugAssign | cst.NamedExpr) -> bool:
    targets = [target.target for target in node.targets] if isinstance(node, cst.Assign) else [node.target]
    return all(isinstance(target, cst.Name) for target in targets)
