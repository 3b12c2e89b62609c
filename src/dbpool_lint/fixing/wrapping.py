"""How does a lease get its `with`: which lines go below it, and when is that not the same program?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import closing, scopes
from dbpool_lint.fixing.lines import Lines, behind, span_of
from dbpool_lint.fixing.recipes import WrapInWith
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places, preorder

_COROUTINES_THAT_ARE_CONTEXTS = frozenset({"acquire", "connect"})
_NO_CONTEXTS = frozenset({"getconn", "raw_connection"})
_OUTLIVE = frozenset(
    {
        "Process",
        "Thread",
        "add_task",
        "call_later",
        "call_soon",
        "create_task",
        "ensure_future",
        "register",
        "start_soon",
        "submit",
    }
)
_STACKS = frozenset({"aclosing", "callback", "closing", "enter_async_context", "enter_context", "push"})
_HOLDERS = (cst.Tuple, cst.List, cst.Set, cst.Dict, cst.DictElement, cst.Element, cst.IfExp, cst.BooleanOperation)
_FRAME = (cst.BaseSuite, cst.BaseStatement, cst.Lambda, cst.Module)
_RECEIVERS = (cst.BaseStatement, cst.BaseSmallStatement, cst.NamedExpr, cst.WithItem, cst.Yield)
_LAZY = (cst.Lambda, cst.GeneratorExp)


@dataclass(frozen=True, slots=True)
class _Taking:
    """`variable = value` and the block it stands in."""

    function: cst.FunctionDef
    block: cst.IndentedBlock
    index: int
    value: cst.BaseExpression
    variable: str

    @property
    def line(self) -> cst.CSTNode:
        return self.block.body[self.index]


def wrap(site: Site, recipe: WrapInWith) -> tuple[Edit, ...]:
    places = site.places(recipe.taken.statement)
    node = places.node(recipe.taken.node)
    taking = _taking(places, node, recipe.variable)
    if recipe.asynchronous and taking.function.asynchronous is None:
        raise Refused
    inside = _inside(taking)
    _check(places, taking, inside)
    value = _managed(site, taking, node, asynchronous=recipe.asynchronous)
    return (_wrapped(places, taking, inside, value, "async with" if recipe.asynchronous else "with"),)


def _taking(places: Places, node: cst.CSTNode, variable: str) -> _Taking:
    """The assignment that `node` is, or is the value of. Raises `Refused` where it is none that stands alone."""
    above = [node, *(parent for parent, _ in places.path(node))]
    small = next((n for n in above if isinstance(n, (cst.BaseSmallStatement, cst.SimpleStatementLine))), None)
    if isinstance(small, cst.SimpleStatementLine):
        small = small.body[0]
    value = _assigned(small, variable)
    if value is None or not _is_value(node, value):
        raise Refused
    line, block, *_ = rest = [n for n in above if isinstance(n, _FRAME)]
    function = next((n for n in rest if isinstance(n, (cst.FunctionDef, cst.ClassDef, cst.Lambda))), None)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1 or _has_semicolon(line):
        raise Refused
    if not isinstance(block, cst.IndentedBlock) or not isinstance(function, cst.FunctionDef):
        raise Refused
    return _Taking(function, block, block.body.index(line), value, variable)


def _assigned(small: cst.CSTNode | None, variable: str) -> cst.BaseExpression | None:
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        target, value = small.targets[0].target, small.value
    elif isinstance(small, cst.AnnAssign) and small.value:
        target, value = small.target, small.value
    else:
        return None
    return value if isinstance(target, cst.Name) and target.value == variable else None


def _is_value(node: cst.CSTNode, value: cst.BaseExpression) -> bool:
    if isinstance(node, (cst.BaseSmallStatement, cst.SimpleStatementLine)):
        return True
    return node is value or (isinstance(value, cst.Await) and node is value.expression)


def _has_semicolon(line: cst.SimpleStatementLine) -> bool:
    return isinstance(line.body[-1].semicolon, cst.Semicolon)


def _inside(taking: _Taking) -> Sequence[cst.CSTNode]:
    """The statements that go below: to where the author closes it, or to the last use of it or of what uses it."""
    following = taking.block.body[taking.index + 1 :]
    for index, statement in enumerate(following):
        if _closes(statement, taking.variable):
            return following[: index + 1]
    names, last = {taking.variable}, 0
    for index, statement in enumerate(following):
        if any(scopes.uses(statement, name) for name in names):
            last = index + 1
            names.update(_using(statement, names))
    return following[:last]


def _closes(statement: cst.CSTNode, variable: str) -> bool:
    if isinstance(statement, cst.Try):
        return closing.only_closes(statement.finalbody, variable, closing.CLOSES)
    return closing.closes(statement, variable, closing.CLOSES)


def _using(statement: cst.CSTNode, names: set[str]) -> Iterator[str]:
    """Names of functions that use these variables later, and of objects made to hold them: `repo = Repository(s)`."""
    for node in preorder(statement):
        if isinstance(node, cst.FunctionDef) and any(scopes.uses(node, name) for name in names):
            yield node.name.value
        elif isinstance(node, (cst.Assign, cst.AnnAssign, cst.NamedExpr)) and _is_holder(node.value, names):
            yield from (name.value for name, binds in scopes.variables(node, own=True) if binds)


def _is_holder(value: cst.BaseExpression | None, names: set[str]) -> bool:
    if not isinstance(value, cst.Call):
        return False
    given = any(isinstance(arg.value, cst.Name) and arg.value.value in names for arg in value.args)
    return given and _last_part(value.func)[:1].isupper()


def _check(places: Places, taking: _Taking, inside: Sequence[cst.CSTNode]) -> None:
    """Raises `Refused` where the lease lives longer than the block, or the name means something else as well."""
    variable, function = taking.variable, taking.function
    if scopes.bound(function)[variable] != 1 or variable in scopes.declared(function):
        raise Refused
    kept = {name for statement in inside for name, _ in scopes.variables(statement)}
    if any(name not in kept for name, binds in scopes.variables(function) if name.value == variable and not binds):
        raise Refused  # used outside of the block, or before in a loop
    if any(isinstance(node, cst.Yield) for statement in inside for node in scopes.own_nodes(statement)):
        raise Refused
    names = {variable, *_functions_using(inside, variable)}
    for statement in inside:
        for name, binds in scopes.variables(statement):
            if name.value in names and not binds and _escapes(places, name):
                raise Refused


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
            made = child is not parent.func and _last_part(parent.func)[:1].isupper()
            held, holder = False, made and (held or holder)
        elif isinstance(parent, _RECEIVERS):
            return _receives(parent, held=held, holder=holder)
        elif not _passes_on(parent):
            held = holder = False
    return False


def _keeps(call: cst.Call, *, held: bool) -> bool:
    called = _last_part(call.func)
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


def _last_part(function: cst.BaseExpression) -> str:
    node = function.attr if isinstance(function, cst.Attribute) else function
    return node.value if isinstance(node, cst.Name) else ""


def _managed(site: Site, taking: _Taking, node: cst.CSTNode, *, asynchronous: bool) -> cst.BaseExpression:
    """The expression for the head of `with`. Raises `Refused` for what is known to be no context manager."""
    value = taking.value
    inner = value.expression if isinstance(value, cst.Await) else value
    called = _last_part(inner.func) if isinstance(inner, cst.Call) else ""
    if called in _NO_CONTEXTS or (isinstance(value, cst.Tuple) and not value.lpar):
        raise Refused
    strip = asynchronous and inner is not value and called in _COROUTINES_THAT_ARE_CONTEXTS and node is not value
    if strip and isinstance(inner, cst.Call) and not _of_module_or_class(site, inner):
        if value.lpar:
            raise Refused
        return inner
    return value


def _of_module_or_class(site: Site, call: cst.Call) -> bool:
    """Is it `asyncpg.connect` or `AsyncConnection.connect`, which gives its context manager only when awaited?"""
    owner = call.func.value if isinstance(call.func, cst.Attribute) else call.func
    return _last_part(owner)[:1].isupper() or (isinstance(owner, cst.Name) and any(site.imports_of(owner.value)))


def _wrapped(
    places: Places, taking: _Taking, inside: Sequence[cst.CSTNode], value: cst.BaseExpression, head: str
) -> Edit:
    lines, head_lines = Lines(places), span_of(places, taking.line)
    base = lines.indentation(head_lines.start)
    unit = taking.block.indent or places.chunk.module.default_indent
    body = range(head_lines.stop, behind(lines, inside[-1], len(base) + 1) if inside else head_lines.stop)
    gone = [statement for statement in inside if closing.closes(statement, taking.variable, closing.CLOSES)]
    closing.remove(lines, gone)
    for statement in inside:
        dissolves = isinstance(statement, cst.Try) and isinstance(statement.body, cst.IndentedBlock)
        if dissolves and isinstance(statement, cst.Try) and _closes(statement, taking.variable):
            closing.dissolve(lines, statement)
    lines.indent(body, base, unit)
    _write_head(lines, taking, value, head)
    if len(gone) == len(inside):
        lines.insert_pass(head_lines.start, base + unit)
    return lines.edit(range(head_lines.start, body.stop))


def _write_head(lines: Lines, taking: _Taking, value: cst.BaseExpression, head: str) -> None:
    places = lines.places
    numbers = span_of(places, taking.line)
    edit = lines.edit(numbers)
    start, end = places.whole(value)
    text, (first, last) = places.chunk.source.text, places.offsets(taking.line)
    lines[numbers.start] = (
        f"{text[edit.start : first]}{head} {text[start:end]} as {taking.variable}:{text[last : edit.end]}"
    )
    for number in numbers[1:]:
        lines[number] = ""
