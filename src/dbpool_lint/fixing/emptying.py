"""What becomes of the blocks around statements that go?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import libcst as cst

from dbpool_lint.fixing import closing
from dbpool_lint.fixing.lines import Lines, span_of

_CLAUSES = ("elif", "else", "except", "finally", "case")


def take_out(lines: Lines, nodes: Sequence[cst.CSTNode], gone: Collection[cst.CSTNode]) -> None:
    """Take statements away, and the clauses and `try` among `nodes` that would do nothing then.

    `nodes` are in their order. Handlers that are left with nothing say `pass`.
    """
    leaving = frozenset(gone)
    with_clauses = {line for node in nodes for line in _lines_of_clause(node, leaving)}
    alone = [node for node in leaving - with_clauses if not isinstance(node, cst.SimpleStatementSuite)]
    for node in sorted(alone, key=lambda node: span_of(lines.places, node).start):
        _remove(lines, node)
    for node in nodes if leaving else ():
        if isinstance(node, (cst.ExceptHandler, cst.ExceptStarHandler)) and _is_empty(node.body, leaving):
            number = span_of(lines.places, node.body.body[0]).start
            lines.insert_pass(number, lines.indentation(number))
    for node in (
        reversed(nodes) if leaving else ()
    ):  # inner ones first: what they leave behind moves with the outer ones
        _dissolve(lines, node, leaving)


def _remove(lines: Lines, statement: cst.CSTNode) -> None:
    numbers = span_of(lines.places, statement)
    closing.remove(lines, [statement])
    if any(lines[number] for number in numbers):
        return
    above, below = _next(lines, numbers.start, -1), _next(lines, numbers.stop - 1, 1)
    if lines.is_blank(above) and (below > lines.last or lines.is_blank(below) or _begins_clause(lines[below])):
        while lines.is_blank(above):
            lines[above] = ""
            above = _next(lines, above, -1)
    elif lines.is_blank(below) and lines[above].split("#")[0].rstrip().endswith(":"):
        lines.close_gap(below)


def _lines_of_clause(node: cst.CSTNode, gone: Collection[cst.CSTNode]) -> Iterable[cst.CSTNode]:
    """The lines that go with their `finally` or `else`."""
    return node.body.body if isinstance(node, (cst.Finally, cst.Else)) and _is_empty(node.body, gone) else ()


def _next(lines: Lines, number: int, step: int) -> int:
    """The nearest line that has not gone."""
    number += step
    while lines.first <= number <= lines.last and not lines[number]:
        number += step
    return number


def _begins_clause(line: str) -> bool:
    return line.lstrip().startswith(_CLAUSES)


def _is_empty(body: cst.BaseSuite, gone: Collection[cst.CSTNode]) -> bool:
    return body in gone or all(line in gone for line in body.body)


def _dissolve(lines: Lines, node: cst.CSTNode, gone: Collection[cst.CSTNode]) -> None:
    if isinstance(node, (cst.If, cst.For, cst.While, cst.Try, cst.TryStar)):
        other = node.orelse
        if isinstance(other, cst.Else) and _is_empty(other.body, gone):
            closing.drop_clause(lines, other, node)
    if not isinstance(node, (cst.Try, cst.TryStar)):
        return
    ends = node.finalbody is not None and _is_empty(node.finalbody.body, gone)
    if (ends or node.finalbody is None) and _only_raise(node, gone):
        closing.dissolve(lines, node, handlers=True)
    elif ends:
        closing.dissolve(lines, node)


def _only_raise(node: cst.Try | cst.TryStar, gone: Collection[cst.CSTNode]) -> bool:
    """Do all handlers only raise again what they caught, now that they have lost something else?"""
    if node.orelse or not node.handlers or not isinstance(node.body, cst.IndentedBlock):
        return False
    bodies = [handler.body.body for handler in node.handlers]
    return all(any(line in gone for line in body) and _raises_again(body, gone) for body in bodies)


def _raises_again(body: Iterable[cst.CSTNode], gone: Collection[cst.CSTNode]) -> bool:
    left = [line for line in body if line not in gone]
    line = left[0] if len(left) == 1 else None
    small = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
    return isinstance(small, cst.Raise) and small.exc is None
