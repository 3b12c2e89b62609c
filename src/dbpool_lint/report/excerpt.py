"""How does a place in a file look? Its source lines, with the place underlined, whatever characters they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbpool_lint.model import Source, Span
from dbpool_lint.report.paint import Piece
from dbpool_lint.report.shown import cells, width

_LINE_END = re.compile(r"\r\n|\r|\n")
_MOST_LINES = 6
_MOST_CHARACTERS = 160
_BEFORE = 40
# A password may begin before the part of a line that is shown; a line may be megabytes long.
_CONTEXT = 4096
_GUTTER = "blue"
_MARK = "bold red"


def lines_of(source: Source) -> list[str]:
    """The lines as Python counts them: a form feed or a line separator ends none."""
    return _LINE_END.split(source.text)


def excerpt(lines: list[str], span: Span) -> Iterator[list[Piece]]:
    """The lines of the span with their numbers; on the first, what belongs to the span is underlined below.

    A span outside of the file gives nothing. Of a long span the first lines and the last are shown; of a very long
    line the part around the span.
    """
    if not 1 <= span.line <= span.end_line <= len(lines):
        return
    gutter = len(str(span.end_line))
    yield [(" " * gutter + " |", _GUTTER)]
    for number in _numbers(span):
        if number is None:
            yield [("." * min(gutter, 3), _GUTTER)]
            continue
        yield from _underlined(lines[number - 1], number, span, gutter)


def _numbers(span: Span) -> Iterator[int | None]:
    count = span.end_line - span.line + 1
    if count <= _MOST_LINES:
        yield from range(span.line, span.end_line + 1)
        return
    yield from range(span.line, span.line + _MOST_LINES - 2)
    yield None
    yield span.end_line


def _underlined(line: str, number: int, span: Span, gutter: int) -> Iterator[list[Piece]]:
    blanks = len(line) - len(line.lstrip())
    start = span.column - 1 if number == span.line else blanks
    end = span.end_column - 1 if number == span.end_line else len(line.rstrip())
    before, marked, after = _shown_parts(line, start, end)
    text = (before + marked + after).rstrip()
    yield [(f"{number:>{gutter}} |", _GUTTER), (f" {text}" if text else "", "")]
    if number == span.line:
        yield [(" " * gutter + " |", _GUTTER), (" " + " " * width(before), ""), ("^" * max(1, width(marked)), _MARK)]


def _shown_parts(line: str, start: int, end: int) -> tuple[str, str, str]:
    first = max(0, start - _BEFORE) if len(line) > _MOST_CHARACTERS else 0
    last = min(len(line), first + _MOST_CHARACTERS)
    around = max(0, first - _CONTEXT)
    shows = cells(line[around : last + _CONTEXT])
    before = "".join(shows[first - around : start - around])
    marked = "".join(shows[start - around : min(end, last) - around])
    after = "".join(shows[max(start, min(end, last)) - around : last - around])
    return ("…" if first else "") + before, marked, after + ("…" if last < len(line) else "")
