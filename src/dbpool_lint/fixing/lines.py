"""How do lines move, or go, without a change to what stands in strings and without losing a comment?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import libcst as cst

from dbpool_lint.fixing.site import ends_line, line_ends, newline
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places

_COMMENTS = re.compile(r"(?:[ \t\f]+#[^\r\n]*(?:\r\n?|\n|\Z))*")


class Lines:
    """The lines of a chunk, to be changed; numbers are those of the file. A line that went is empty.

    Indented comments right below are part of it.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.first = places.chunk.line
        text = places.chunk.text + _comments_below(places)
        self._old = pieces(text)
        self._new = list(self._old)
        self._fixed = frozenset(_inside_strings(places))

    def __getitem__(self, number: int) -> str:
        return self._new[number - self.first]

    def __setitem__(self, number: int, text: str) -> None:
        self._new[number - self.first] = text

    @property
    def last(self) -> int:
        return self.first + len(self._new) - 1

    def indentation(self, number: int) -> str:
        line = self._old[number - self.first]
        return line[: len(line) - len(line.lstrip(" \t\f"))]

    def end(self, number: int) -> str:
        """How that line ends, or would if it were not the last."""
        chunk = self.places.chunk
        return newline(chunk.source.text, chunk.start + sum(map(len, self._old[: number - self.first])))

    def rename(self, names: Iterable[cst.Name], new: str) -> None:
        """Write another name in the place of each of these; to be done before lines move."""
        spans = sorted((self.places.span(name) for name in names), reverse=True)
        for span in spans:
            line = self[span.line]
            self[span.line] = line[: span.column - 1] + new + line[span.end_column - 1 :]

    def indent(self, numbers: range, base: str, unit: str) -> None:
        for number in numbers:
            line = self[number]
            if line.strip() and number not in self._fixed:
                depth = len(base) if line.startswith(base) else 0
                self[number] = line[:depth] + unit + line[depth:]

    def dedent(self, numbers: range, base: str, unit: str) -> None:
        for number in numbers:
            line = self[number]
            if number not in self._fixed:
                self[number] = "".join(_outdented(piece, base + unit, base) for piece in pieces(line))

    def moved(self, number: int, piece: str, old: str, new: str) -> str:
        """A piece of that line as it stands where `new` is the indentation, not `old`."""
        return piece if number in self._fixed else _outdented(piece, old, new)

    def drop(self, numbers: range, base: str) -> None:
        """Take lines away; comments on them stay, each on a line of its own."""
        kept: dict[int, str] = {}
        for comment in self.places.comments:
            line = self.places.span(comment).line
            if line in numbers:
                kept[line] = f"{base}{comment.value}{self.end(line)}"
        for number in numbers:
            self[number] = kept.get(number, "")

    def is_blank(self, number: int) -> bool:
        """Is it an empty line of layout: one that is there, and not inside of a string?"""
        return self.first <= number <= self.last and number not in self._fixed and self[number].isspace()

    def close_gap(self, number: int) -> None:
        """Take the blank lines from `number` on away."""
        while number <= self.last and not self[number].strip():
            self[number] = ""
            number += 1

    def edits(self) -> Iterator[Edit]:
        """One edit for each stretch of changed lines."""
        offset, start = self.places.chunk.start, -1
        for index, (old, new) in enumerate(zip(self._old, self._new, strict=True)):
            if old != new and start < 0:
                start, begin = index, offset
            elif old == new and start >= 0:
                yield Edit(begin, offset, "".join(self._new[start:index]))
                start = -1
            offset += len(old)
        if start >= 0:
            yield Edit(begin, offset, "".join(self._new[start:]))

    def changed(self, numbers: range) -> range:
        """The shortest stretch that holds these lines and all that have changed."""
        found = [i for i, (old, new) in enumerate(zip(self._old, self._new, strict=True)) if old != new]
        low, high = (found[0] + self.first, found[-1] + self.first + 1) if found else (numbers.start, numbers.stop)
        return range(min(low, numbers.start), max(high, numbers.stop))

    def edit(self, numbers: range) -> Edit:
        """One edit for all of these lines, so that nothing else touches them in the same round."""
        low, high = numbers.start - self.first, numbers.stop - self.first
        start = self.places.chunk.start + sum(map(len, self._old[:low]))
        end = start + sum(map(len, self._old[low:high]))
        return Edit(start, end, "".join(self._new[low:high]))

    def insert_pass(self, number: int, base: str) -> None:
        """Say `pass` at the end of that line, which may have gone."""
        if self[number] and not ends_line(self[number]):
            self[number] += self.end(number) + base + "pass"
        else:
            self[number] += base + "pass" + self.end(number)


def pieces(text: str) -> list[str]:
    """The lines of a text with their ends."""
    bounds = [0, *(match.end() for match in line_ends(text)), len(text)]
    return [text[start:end] for start, end in pairwise(bounds) if start < end]


def _outdented(line: str, old: str, new: str) -> str:
    return new + line[len(old) :] if line.startswith(old) else line


def span_of(places: Places, statement: cst.CSTNode) -> range:
    """The lines of a statement, its decorators included."""
    span = places.span(statement)
    first = span.line
    for decorator in statement.decorators if isinstance(statement, (cst.FunctionDef, cst.ClassDef)) else ():
        first = min(first, places.span(decorator).line)
    return range(first, span.end_line + 1)


def behind(lines: Lines, statement: cst.CSTNode, least: int) -> int:
    """The line behind a statement and the comments right below it that are indented by that many characters."""
    number = span_of(lines.places, statement).stop
    while number <= lines.last and lines[number].lstrip().startswith("#"):
        if len(lines.indentation(number)) < least:
            break
        number += 1
    return number


def _comments_below(places: Places) -> str:
    """The indented comments behind the last statement, which the chunk does not hold."""
    found = _COMMENTS.match(places.chunk.source.text, places.chunk.start + len(places.chunk.text))
    return found.group() if found and ends_line(places.chunk.text) else ""


def _inside_strings(places: Places) -> Iterator[int]:
    """Lines that begin inside of a string: moving them would change it."""
    for string in places.all(cst.BaseString):
        span = places.span(string)
        yield from () if isinstance(string, cst.ConcatenatedString) else range(span.line + 1, span.end_line + 1)
