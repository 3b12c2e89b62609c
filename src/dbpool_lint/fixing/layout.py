"""Where does one more argument, item or name go in what is written, so that it looks like the others?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbpool_lint.fixing.site import line_start, newline
from dbpool_lint.model import Edit

_GAP = re.compile(r"(?:[ \t\f]|\\?(?:\r\n?|\n)|#[^\r\n]*)*")
_REST_OF_LINE = re.compile(r"[ \t\f]*(?:#[^\r\n]*)?(?=[\r\n])")
_COMMENT = re.compile(r"[ \t\f]*#[^\r\n]*(?=[\r\n])")
_COMMENT_LINE = re.compile(r"[\r\n]([ \t\f]*)#")
_TABBED = re.compile(r"[\r\n]\t")


@dataclass(frozen=True, slots=True)
class Row:
    """What stands in brackets: offsets behind the opening one and before the closing one, and those of each item."""

    start: int
    end: int
    items: tuple[tuple[int, int], ...]


def past(text: str, offset: int) -> int:
    """Offset of the next character of code: blanks, line ends and comments are skipped."""
    match = _GAP.match(text, offset)
    return match.end() if match else offset


def more(text: str, row: Row, place: int, new: Sequence[str]) -> tuple[Edit, ...]:
    """Put `new` in front of the item at index `place`, or behind the last one."""
    if not row.items:
        return (_into_empty(text, row, new),)
    if place == 0:
        return (_in_front(text, row, new),)
    item = row.items[place - 1]
    comma = past(text, item[1])
    indent = own_line(text, row.start, item[0])
    if comma >= row.end or text[comma] != ",":
        return _without_comma(text, item, indent, new)
    return (_behind_comma(text, comma + 1, indent, item[0], new),)


def own_line(text: str, floor: int, offset: int) -> str | None:
    """The blanks before `offset`, where nothing else stands before it on its line and the line begins after `floor`."""
    start = line_start(text, offset)
    blanks = text[start:offset]
    return blanks if start > floor and not blanks.strip() else None


def _behind_comma(text: str, after: int, indent: str | None, item: int, new: Sequence[str]) -> Edit:
    if indent is None:
        return Edit(after, after, "".join(f" {code}," for code in new))
    rest = _REST_OF_LINE.match(text, after)
    place = rest.end() if rest else after
    return Edit(place, place, "".join(f"{newline(text, item)}{indent}{code}," for code in new))


def _without_comma(text: str, item: tuple[int, int], indent: str | None, new: Sequence[str]) -> tuple[Edit, ...]:
    start, end = item
    if indent is None:
        return (Edit(end, end, "".join(f", {code}" for code in new)),)
    added = ",".join(f"{newline(text, start)}{indent}{code}" for code in new)
    comment = _COMMENT.match(text, end)
    if comment is None:
        return (Edit(end, end, "," + added),)
    return Edit(end, end, ","), Edit(comment.end(), comment.end(), added)


def _in_front(text: str, row: Row, new: Sequence[str]) -> Edit:
    first = row.items[0][0]
    indent = own_line(text, row.start, first)
    gap = " " if indent is None else newline(text, first) + indent
    return Edit(first, first, "".join(f"{code},{gap}" for code in new))


def _into_empty(text: str, row: Row, new: Sequence[str]) -> Edit:
    inner = text[row.start : row.end]
    if "\n" not in inner and "\r" not in inner:
        return Edit(row.start, row.end, ", ".join(new))
    last = line_start(text, row.end)
    if text[last : row.end].strip():
        return Edit(row.end, row.end, ", ".join(new))
    comment = _COMMENT_LINE.search(inner)
    indent = comment.group(1) if comment else text[last : row.end] + ("\t" if _TABBED.search(text) else "    ")
    return Edit(last, last, "".join(f"{indent}{code},{newline(text, row.start)}" for code in new))
