"""How does a lease get its `with`: which lines go below it, and when is that not the same program?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import leaving, outliving, scopes
from dbpool_lint.fixing.emptying import take_out
from dbpool_lint.fixing.lasting import last_of
from dbpool_lint.fixing.lines import Lines, behind, pieces, span_of
from dbpool_lint.fixing.outliving import last_part
from dbpool_lint.fixing.recipes import WrapInWith
from dbpool_lint.fixing.site import Refused, Site, line_ends
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places, preorder

_COROUTINES_THAT_ARE_CONTEXTS = frozenset({"acquire", "connect"})
_NO_CONTEXTS = frozenset({"getconn", "raw_connection"})
_MAY_FAIL = frozenset({"acquire", "begin", "connect"})
_FRAME = (cst.BaseSuite, cst.BaseStatement, cst.Lambda, cst.Module)


@dataclass(frozen=True, slots=True)
class Taking:
    """`variable = value`, the line and the block it stands in."""

    function: cst.FunctionDef
    block: cst.IndentedBlock
    line: cst.SimpleStatementLine
    value: cst.BaseExpression
    variable: str

    @property
    def following(self) -> Sequence[cst.CSTNode]:
        return self.block.body[self.block.body.index(self.line) + 1 :]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What goes below `with`, and the statements that go, which may stand above and below as well.

    `around` is the `try` that the `with` goes around, where that begins with the taking.
    """

    inside: Sequence[cst.CSTNode]
    gone: frozenset[cst.CSTNode]
    around: cst.Try | cst.TryStar | None = None


def wrap(site: Site, recipe: WrapInWith) -> tuple[Edit, ...]:
    places = site.places(recipe.taken.statement)
    node = places.node(recipe.taken.node)
    taking = taken(places, node, recipe.variable)
    value = _managed(site, taking, asynchronous=recipe.asynchronous)
    start, end = places.whole(value)
    return (put_below(places, taking, (start, end), site.source.text[start:end], asynchronous=recipe.asynchronous),)


def taken(places: Places, node: cst.CSTNode, variable: str) -> Taking:
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
    return Taking(function, block, line, value, variable)


def put_below(
    places: Places,
    taking: Taking,
    span: tuple[int, int],
    code: str,
    *,
    asynchronous: bool,
    also: Sequence[cst.CSTNode] = (),
) -> Edit:
    """The edit that puts what belongs there below `with code as variable`, where `code` stands for the text at `span`.

    The lines `also` go too. Raises `Refused` where that is not the same program.
    """
    if asynchronous and taking.function.asynchronous is None:
        raise Refused
    if _comments_beside(places, taking, span):
        raise Refused
    plan = _plan(places, taking, frozenset(also), expires=not asynchronous)
    outliving.check(places, plan.inside, taking.variable)
    keyword = "async with" if asynchronous else "with"
    head = _head(places, taking, span, f"{keyword} {code} as {taking.variable}:")
    return _wrapped(places, taking, plan, head)


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


def _plan(places: Places, taking: Taking, also: frozenset[cst.CSTNode], *, expires: bool) -> _Plan:
    """Raises `Refused` where the name means something else as well, or is used where the lease is not open."""
    variable, function = taking.variable, taking.function
    empty = frozenset(_empty(places, taking))
    if scopes.bound(function)[variable] != 1 + len(empty) or variable in scopes.declared(function):
        raise Refused
    following = taking.following
    inside = following[: last_of(following, taking.variable, taking.value, expires=expires)]
    outside = _outside(function, inside, variable)
    closings = frozenset(_closings_around(places, taking)) if outside else frozenset()
    if all(_is_in(places, name, closings) for name in outside):
        if closings and not any(leaving.is_closing(line, variable) for line in inside):
            inside = following  # it is open to the end of the `try`
        needless = leaving.needless(places, inside, variable, also)
        return _Plan(inside, frozenset({*needless, *closings, *empty, *also}))
    return _plan_around(places, taking, empty | also, expires=expires)


def _plan_around(places: Places, taking: Taking, also: frozenset[cst.CSTNode], *, expires: bool) -> _Plan:
    """The lease is the first thing in a `try` whose other parts use it as well."""
    (node, _), *_ = above = list(places.path(taking.block))
    outer = above[1][0] if len(above) > 1 else None
    if not isinstance(node, (cst.Try, cst.TryStar)) or node.body is not taking.block or _may_fail(taking.value):
        raise Refused
    if taking.block.body[0] is not taking.line or not isinstance(outer, cst.IndentedBlock):
        raise Refused
    following = outer.body[outer.body.index(node) :]
    inside = following[: last_of(following, taking.variable, taking.value, expires=expires)]
    if set(_outside(taking.function, inside, taking.variable)):
        raise Refused
    gone = leaving.needless(places, inside, taking.variable, {taking.line, *also})
    if {taking.line, *gone}.issuperset(taking.block.body):
        raise Refused
    return _Plan(inside, gone | also, node)


def _may_fail(value: cst.BaseExpression) -> bool:
    """Making a session takes no connection yet, so that handlers around it have nothing to catch."""
    return not isinstance(value, cst.Call) or last_part(value.func) in _MAY_FAIL


def _outside(function: cst.FunctionDef, inside: Sequence[cst.CSTNode], variable: str) -> list[cst.Name]:
    """Where the variable is used elsewhere: behind the block, or before it in a loop."""
    kept = {name for statement in inside for name, _ in scopes.variables(statement)}
    return [
        name for name, binds in scopes.variables(function) if name.value == variable and not binds and name not in kept
    ]


def _empty(places: Places, taking: Taking) -> Iterator[cst.CSTNode]:
    """`variable = None` above it, so that `finally` can ask for it."""
    for block, child in places.path(taking.line):
        if block is taking.function:
            return
        if isinstance(block, cst.IndentedBlock) and len(block.body) > 1:
            for line in block.body[: block.body.index(child)]:
                small = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
                value = _assigned(small, taking.variable)
                if isinstance(value, cst.Name) and value.value == "None":
                    yield line


def _closings_around(places: Places, taking: Taking) -> Iterator[cst.CSTNode]:
    """Closing statements in the other parts of the `try` in which it is taken, and behind that."""
    (node, _), *_ = above = list(places.path(taking.block))
    if not isinstance(node, (cst.Try, cst.TryStar)) or node.body is not taking.block:
        return
    for part in (*node.handlers, node.orelse, node.finalbody):
        if part:
            yield from leaving.closings(part, taking.variable)
    outer = above[1][0]
    if isinstance(outer, cst.IndentedBlock):
        for line in outer.body[outer.body.index(node) + 1 :]:
            if leaving.is_closing(line, taking.variable):
                yield line


def _is_in(places: Places, name: cst.Name, roots: frozenset[cst.CSTNode]) -> bool:
    return any(parent in roots for parent, _ in places.path(name))


def _managed(site: Site, taking: Taking, *, asynchronous: bool) -> cst.BaseExpression:
    """The expression for the head of `with`. Raises `Refused` for what is known to be no context manager."""
    value = taking.value
    inner = value.expression if isinstance(value, cst.Await) else value
    called = last_part(inner.func) if isinstance(inner, cst.Call) else ""
    if called in _NO_CONTEXTS or (isinstance(value, cst.Tuple) and not value.lpar):
        raise Refused
    strip = asynchronous and inner is not value and called in _COROUTINES_THAT_ARE_CONTEXTS
    if strip and isinstance(inner, cst.Call) and not _of_module_or_class(site, inner):
        if value.lpar:
            raise Refused
        return inner
    return value


def _of_module_or_class(site: Site, call: cst.Call) -> bool:
    """Is it `asyncpg.connect` or `AsyncConnection.connect`, which gives its context manager only when awaited?"""
    owner = call.func.value if isinstance(call.func, cst.Attribute) else call.func
    return last_part(owner)[:1].isupper() or (isinstance(owner, cst.Name) and any(site.imports_of(owner.value)))


def _comments_beside(places: Places, taking: Taking, span: tuple[int, int]) -> bool:
    """Are there comments in the taking that the new text does not hold?"""
    start, end = places.offsets(taking.line)
    offsets = [places.offsets(comment)[0] for comment in places.comments]
    return any(start <= offset < end and not span[0] <= offset < span[1] for offset in offsets)


def _head(places: Places, taking: Taking, span: tuple[int, int], code: str) -> list[tuple[int, str]]:
    """The lines up to the colon of the `with` and the comment behind it, with the number that each had."""
    text, (start, end) = places.chunk.source.text, places.offsets(taking.line)
    line_end = next(line_ends(text, end), None)
    whole = code + text[end : line_end.end() if line_end else len(text)]
    first = places.span(taking.line).line + sum(1 for _ in line_ends(text[start : span[0]]))
    return list(enumerate(pieces(whole), first))


def _wrapped(places: Places, taking: Taking, plan: _Plan, head: list[tuple[int, str]]) -> Edit:
    lines, own = Lines(places), span_of(places, taking.line)
    top = span_of(places, plan.around).start if plan.around else own.start
    base, inner = lines.indentation(top), lines.indentation(own.start)
    unit = taking.block.indent or places.chunk.module.default_indent
    stop = behind(lines, plan.inside[-1], len(base) + 1) if plan.inside else own.stop
    inside = [node for statement in plan.inside for node in preorder(statement)]
    within = frozenset(inside)
    for number in own:
        lines[number] = ""
    if plan.inside:
        lines.close_gap(own.stop)
    take_out(lines, inside, plan.gone & within)
    lines.indent(range(top, stop), base, unit)
    if plan.around:
        lines[top] = base + "".join(lines.moved(number, piece, inner, base) for number, piece in head) + lines[top]
    else:
        for number, piece in head:
            lines[min(number, own.stop - 1)] += piece if number > head[0][0] else base + piece
    if plan.gone.issuperset(plan.inside):
        lines.insert_pass(own.stop - 1, base + unit)
    # what the `with` stands in changes last, so that it moves along
    without = [node for node in preorder(taking.function) if node not in within]
    take_out(lines, without, plan.gone - within)
    return lines.edit(lines.changed(range(top, stop)))
