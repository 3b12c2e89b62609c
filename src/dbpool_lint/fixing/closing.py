"""Which statements close a variable, and what goes when nobody has to close it any more?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst

from dbpool_lint.fixing.lines import Lines, span_of
from dbpool_lint.fixing.site import Refused
from dbpool_lint.sources.syntax import preorder

CLOSES = frozenset({"close", "aclose"})
GIVES_BACK = frozenset({"putconn", "release"})
DISPOSES = frozenset({"dispose"})


def closes(statement: cst.CSTNode, variable: str, methods: frozenset[str]) -> bool:
    """Is it `variable.close()`, `await variable.close()` or `pool.release(variable)`, alone on its line?"""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return False
    small = statement.body[0]
    value = small.value if isinstance(small, cst.Expr) else None
    if isinstance(value, cst.Await):
        value = value.expression
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute):
        return False
    method = value.func.attr.value
    if _is(value.func.value, variable):
        return method in methods and not value.args
    one = len(value.args) == 1 and not value.args[0].star and _is(value.args[0].value, variable)
    return one and bool(methods & CLOSES) and method in GIVES_BACK


def _is(node: cst.BaseExpression, variable: str) -> bool:
    return isinstance(node, cst.Name) and node.value == variable


def only_closes(final: cst.Finally | None, variable: str, methods: frozenset[str]) -> bool:
    """Does `finally` do nothing but close it, on lines of its own?"""
    body = final.body.body if final and isinstance(final.body, cst.IndentedBlock) else ()
    return bool(body) and all(closes(line, variable, methods) for line in body)


def dissolve(lines: Lines, node: cst.Try) -> None:
    """Take `finally` away, and `try` as well where no handler needs it. Raises `Refused` for `try: …` on one line."""
    assert node.finalbody
    places, base = lines.places, lines.indentation(lines.places.span(node).line)
    body = node.body
    if node.handlers:
        _drop_final(lines, span_of(places, node.finalbody), base)
        return
    if not isinstance(body, cst.IndentedBlock):
        raise Refused
    span, final, inner = span_of(places, node), span_of(places, node.finalbody), span_of(places, body.body[0])
    head = range(span.start, _behind_head(body, inner))
    unit = lines.indentation(inner.start).removeprefix(base)
    lines.dedent(range(head.stop, final.start), base, unit)
    lines.drop(head, base)
    _drop_final(lines, final, base)


def _drop_final(lines: Lines, numbers: range, base: str) -> None:
    """Take `finally` away, and the gap before it where nothing is left of it."""
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
