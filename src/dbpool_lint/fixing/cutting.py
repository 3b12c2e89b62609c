"""What goes with an argument or item that goes: which comma, which blanks, which lines, and never a comment?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from dbpool_lint.fixing.layout import Row, own_line, past
from dbpool_lint.fixing.site import Refused, line_ends, line_start, newline
from dbpool_lint.model import Edit

_Span = tuple[int, int]

_REST_OF_LINE = re.compile(r"[ \t\f]*(?:#[^\r\n]*)?(?=[\r\n])")


def less(text: str, row: Row, gone: Collection[int], comments: Iterable[_Span]) -> Iterator[Edit]:
    """Take the items at the indices `gone` away. Raises `Refused` where a comment cannot stay."""
    found = tuple(comments)
    for run in _runs(sorted(gone)):
        if _among(found, *((start, end) for start, end in row.items[run.start : run.stop])):
            raise Refused
        yield from _without(text, row, run, found)


def _runs(indices: Sequence[int]) -> Iterator[range]:
    """The stretches of indices that follow one another."""
    start = 0
    for number, index in enumerate(indices, 1):
        if number == len(indices) or indices[number] != index + 1:
            yield range(indices[start], index + 1)
            start = number


def _among(comments: Sequence[_Span], *spans: _Span) -> list[_Span]:
    return [comment for comment in comments if any(start <= comment[0] < end for start, end in spans)]


def _without(text: str, row: Row, run: range, comments: Sequence[_Span]) -> Iterator[Edit]:
    first, last = row.items[run.start][0], row.items[run.stop - 1][1]
    end = _behind_comma(text, row, last)
    rest = _REST_OF_LINE.match(text, end)
    if len(run) == len(row.items) and not comments:
        yield Edit(row.start, row.end, "")
    elif rest and own_line(text, row.start, first) is not None:
        yield _lines(text, first, rest.end(), comments)
        if run.start and end == last:
            yield _comma(text, row, run.start - 1)
    elif run.start:
        yield from _behind(text, row, run, comments)
    elif run.stop < len(row.items):
        behind = row.items[run.stop][0]
        yield _blank(first, end if _among(comments, (end, behind)) else behind, comments)
    else:
        yield _blank(first, end, comments)


def _behind(text: str, row: Row, run: range, comments: Sequence[_Span]) -> Iterator[Edit]:
    """The items behind one that stays."""
    first, last = row.items[run.start][0], row.items[run.stop - 1][1]
    before, end = row.items[run.start - 1][1], _behind_comma(text, row, last)
    if run.stop < len(row.items) and any(True for _ in line_ends(text[before:first])):
        yield _blank(first, row.items[run.stop][0], comments)
    elif end > last:
        yield _blank(_behind_comma(text, row, before), end, comments)
    elif _among(comments, (before, first)):
        yield _comma(text, row, run.start - 1)
        yield _blank(first, last, comments)
    else:
        yield _blank(before, last, comments)


def _behind_comma(text: str, row: Row, offset: int) -> int:
    comma = past(text, offset)
    return comma + 1 if comma < row.end and text[comma] == "," else offset


def _comma(text: str, row: Row, index: int) -> Edit:
    comma = past(text, row.items[index][1])
    return Edit(comma, comma + 1, "")


def _lines(text: str, first: int, rest: int, comments: Sequence[_Span]) -> Edit:
    """Whole lines go; a comment on them stays, on a line of its own."""
    start = line_start(text, first)
    end = rest + len(newline(text, rest))
    kept = _among(comments, (start, end))
    return Edit(start, end, "".join(f"{text[start:first]}{text[a:b]}{newline(text, b)}" for a, b in kept))


def _blank(start: int, end: int, comments: Sequence[_Span]) -> Edit:
    if _among(comments, (start, end)):
        raise Refused
    return Edit(start, end, "")
