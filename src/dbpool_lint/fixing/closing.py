"""Which statements close a variable, and what goes when nobody has to close it any more?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

import libcst as cst

from dbpool_lint.fixing.lines import Lines, span_of
from dbpool_lint.fixing.site import Refused
from dbpool_lint.sources.syntax import preorder

_Try = Union[cst.Try, cst.TryStar]

CLOSES = frozenset({"close", "aclose"})
GIVES_BACK = frozenset({"putconn", "release"})
DISPOSES = frozenset({"dispose"})


def closes(statement: cst.CSTNode, variable: str, methods: frozenset[str]) -> bool:
    """Is it `variable.close()`, `await variable.close()` or `pool.release(variable)`, alone on its line?"""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return False
    return is_closing_call(statement.body[0], variable, methods)


def is_closing_call(small: cst.BaseSmallStatement, variable: str, methods: frozenset[str]) -> bool:
    value = _called(small)
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute):
        return False
    method = value.func.attr.value
    if _is(value.func.value, variable):
        return method in methods and not value.args
    one = len(value.args) == 1 and not value.args[0].star and _is(value.args[0].value, variable)
    return one and bool(methods & CLOSES) and method in GIVES_BACK


def gives_back(statement: cst.CSTNode) -> bool:
    """Does something in it hand what it closes to a pool, `pool.release(variable)`?"""
    calls = (node for node in preorder(statement) if isinstance(node, cst.Call))
    return any(isinstance(call.func, cst.Attribute) and call.func.attr.value in GIVES_BACK for call in calls)


def _called(small: cst.BaseSmallStatement) -> cst.BaseExpression | None:
    """The call that a statement makes, awaited, or shielded from being cancelled."""
    value = small.value if isinstance(small, cst.Expr) else None
    if isinstance(value, cst.Await):
        value = value.expression
        if isinstance(value, cst.Call) and len(value.args) == 1 and _is_shield(value.func):
            value = value.args[0].value
    return value


def _is_shield(function: cst.BaseExpression) -> bool:
    return isinstance(function, cst.Attribute) and _is(function.value, "asyncio") and function.attr.value == "shield"


def _is(node: cst.BaseExpression, variable: str) -> bool:
    return isinstance(node, cst.Name) and node.value == variable


def only_closes(final: cst.Finally | None, variable: str, methods: frozenset[str]) -> bool:
    """Does `finally` do nothing but close it, on lines of its own?"""
    body = final.body.body if final and isinstance(final.body, cst.IndentedBlock) else ()
    return bool(body) and all(closes(line, variable, methods) for line in body)


def dissolve(lines: Lines, node: _Try, *, handlers: bool = False) -> None:
    """Take `finally` away, and `try` as well where no handler needs it; `handlers` says that none does.

    Raises `Refused` for `try: …` on one line.
    """
    places, base = lines.places, lines.indentation(lines.places.span(node).line)
    body = node.body
    if node.finalbody and node.handlers and not handlers:
        drop_clause(lines, node.finalbody, node)
        return
    if not isinstance(body, cst.IndentedBlock):
        raise Refused
    span, inner = span_of(places, node), span_of(places, body.body[0])
    head = range(span.start, _behind_head(body, inner))
    clauses = [*node.handlers, *([node.finalbody] if node.finalbody else [])]
    rest = range(span_of(places, clauses[0]).start, span.stop)
    unit = lines.indentation(inner.start).removeprefix(base)
    lines.dedent(range(head.stop, rest.start), base, unit)
    lines.drop(head, base)
    _drop(lines, rest, base)


def drop_clause(lines: Lines, clause: cst.Finally | cst.Else, owner: cst.CSTNode) -> None:
    """Take `finally` or `else` away, and the gap before it where nothing is left of it."""
    base = lines.indentation(lines.places.span(owner).line)
    _drop(lines, span_of(lines.places, clause), base)


def _drop(lines: Lines, numbers: range, base: str) -> None:
    lines.drop(numbers, base)
    before = numbers.start - 1
    while not any(lines[number] for number in numbers) and not lines[before].strip():
        lines[before] = ""
        before -= 1


def _behind_head(block: cst.IndentedBlock, first: range) -> int:
    """The line behind the head of a block: comments may stand between that and its first statement."""
    return first.start - len(getattr(block.body[0], "leading_lines", ()))


def remove(lines: Lines, statements: Iterable[cst.CSTNode]) -> None:
    """Take whole statements away, save their comments."""
    for statement in statements:
        numbers = span_of(lines.places, statement)
        lines.drop(numbers, lines.indentation(numbers.start))


def fill(lines: Lines, root: cst.CSTNode, gone: Iterable[cst.CSTNode]) -> None:
    """Say `pass` in the blocks at and below `root` whose statements are all gone."""
    for block in _emptied(root, set(gone)):
        number = span_of(lines.places, block.body[0]).start
        lines.insert_pass(number, lines.indentation(number))


def _emptied(root: cst.CSTNode, leaving: set[cst.CSTNode]) -> Iterator[cst.IndentedBlock]:
    for node in preorder(root):
        if isinstance(node, cst.IndentedBlock) and leaving.issuperset(node.body):
            yield node


def tries(root: cst.CSTNode, variable: str, methods: frozenset[str]) -> Iterator[cst.Try]:
    """Each `try` at or below `root` whose `finally` only closes the variable."""
    for node in preorder(root):
        if isinstance(node, cst.Try) and only_closes(node.finalbody, variable, methods):
            yield node
