"""How does a statement become the first thing that an `except` clause does?"""

from __future__ import annotations

from typing import Union

import libcst as cst

from dbpool_lint.fixing import scopes
from dbpool_lint.fixing.lines import Lines, span_of
from dbpool_lint.fixing.recipes import RollbackFirst
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places, preorder

_Handler = Union[cst.ExceptHandler, cst.ExceptStarHandler]
_Line = Union[cst.SimpleStatementLine, cst.SimpleStatementSuite]


def roll_back(site: Site, recipe: RollbackFirst) -> tuple[Edit, ...]:
    places = site.places(recipe.handler.statement)
    handler = places.node(recipe.handler.node)
    if not isinstance(handler, (cst.ExceptHandler, cst.ExceptStarHandler)):
        raise Refused
    _check(places, handler, recipe.code)
    body = handler.body
    first = body.body[0]
    if _says(first.body[0] if isinstance(first, cst.SimpleStatementLine) else first, recipe.code):
        return ()
    lines = Lines(places)
    if isinstance(body, cst.SimpleStatementSuite):
        return (_unfolded(lines, handler, body, recipe.code),)
    if len(body.body) == 1 and isinstance(first, cst.SimpleStatementLine) and _does_nothing(first):
        return (Edit(*places.offsets(first.body[0]), recipe.code),)
    number = span_of(places, first).start
    above = number - len(getattr(first, "leading_lines", ()))
    lines[above] = f"{lines.indentation(number)}{recipe.code}{lines.end(above)}{lines[above]}"
    return tuple(lines.edits())


def _check(places: Places, handler: _Handler, code: str) -> None:
    """Raises `Refused` where the code is none, or waits where nothing can."""
    wanted = cst.parse_module(code)
    if not any(isinstance(node, cst.Await) for node in preorder(wanted)):
        return
    function = next(scopes.functions_around(places, handler), None)
    if not isinstance(function, cst.FunctionDef) or function.asynchronous is None:
        raise Refused


def _says(node: cst.CSTNode, code: str) -> bool:
    if not isinstance(node, cst.Expr):
        return False
    return cst.Module([]).code_for_node(node.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)) == code


def _does_nothing(line: _Line) -> bool:
    if len(line.body) != 1:
        return False
    small = line.body[0]
    nothing = (cst.Ellipsis, cst.SimpleString, cst.ConcatenatedString)
    return isinstance(small, cst.Pass) or (isinstance(small, cst.Expr) and isinstance(small.value, nothing))


def _unfolded(lines: Lines, handler: _Handler, body: cst.SimpleStatementSuite, code: str) -> Edit:
    """`except X: log()` as a block, with the code as its first line."""
    places = lines.places
    text, line = places.chunk.source.text, places.span(handler).line
    base, unit, end = lines.indentation(line), places.chunk.module.default_indent, lines.end(line)
    start, stop = places.offsets(body.body[0])[0], places.offsets(body.body[-1])[1]
    while text[start - 1] in " \t\f\\\r\n":
        start -= 1
    if not _does_nothing(body):
        stay = f"{end}{base}{unit}"
        first = places.offsets(body.body[0])[0]
        return Edit(start, first, f"{stay}{code}{stay}")
    comment = body.trailing_whitespace.comment
    if comment:
        return Edit(start, places.offsets(comment)[1], f"  {comment.value}{end}{base}{unit}{code}")
    if isinstance(body.body[-1].semicolon, cst.Semicolon):
        stop = text.index(";", stop) + 1
    return Edit(start, stop, f"{end}{base}{unit}{code}")
