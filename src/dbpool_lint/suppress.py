"""Which findings does the author not want to hear of, and which of these wishes silence nothing?

`# noqa` is read as flake8 reads it, `# dbpool: ignore[…]` is our own. A comment counts for its line, and on the first
or the last line of a statement for all of it (of a compound statement: for its header). Alone on its line, before a
statement, it silences nothing; `# dbpool: ignore-file[…]` and `# flake8: noqa` count for the file wherever they stand.
"""

from __future__ import annotations

import io
import itertools
import re
import tokenize
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dbpool_lint.config import matches, nearest
from dbpool_lint.model import Edit, Finding, Fix, Safety, Severity, Source, Span

UNUSED = ("DBP002", "unused-suppression")

# every file is read, and its suppressions are judged, whatever is selected
_ALWAYS_ACTIVE = frozenset({"DBP001", UNUSED[0]})
_MOST_GUESSES = 20

_MENTION = re.compile(r"noqa|dbpool:", re.IGNORECASE)
_CODES = r"(?P<list>(?:[A-Z]+[0-9]+)+(?:[,\s]+(?:[A-Z]+[0-9]+)+)*)"
_NOQA = re.compile(rf"#[ \t]*noqa(?::\s?{_CODES})?", re.IGNORECASE)
_NOQA_FILE = re.compile(rf"\A# flake8[:=]\s*noqa(?::\s?{_CODES})?", re.IGNORECASE)
# a list ends at `#` and `[` too: many that are not closed, on one long line, must not take quadratic time
_IGNORE = re.compile(
    r"#[ \t]*dbpool:[ \t]*ignore(?P<file>-file)?(?![\w-])(?:[ \t]*\[(?P<list>[^\]\[#]*)\]|(?![ \t]*\[))"
)
_SELECTOR = re.compile(r"[^,\s]+")
_CODE = re.compile(r"DBP[0-9]*", re.IGNORECASE)
_BLANKS = " \t\f"
# prose that some tool would take for an order, if it came to stand first in its comment
_ORDER = re.compile(r"noqa|nosec|pragma|!|[\w.-]+\s*[:=]", re.IGNORECASE)
_BETWEEN = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A wish not to hear of something.

    `span` is the part of a comment that says so; `selectors` are codes, prefixes and names (none: everything), with a
    span for each; findings that start on one of `lines` are meant, or all if it is for the whole file. `alone` tells
    that nothing but blanks stands before the comment.
    """

    span: Span
    kind: Literal["noqa", "ignore"]
    selectors: tuple[str, ...]
    selector_spans: tuple[Span, ...]
    lines: range
    whole_file: bool = False
    alone: bool = False

    def covers(self, line: int) -> bool:
        return self.whole_file or line in self.lines


@dataclass(frozen=True, slots=True)
class Sifted:
    """Findings that stay, those that are silenced, and a DBP002 for each suppression, or part of one, without use."""

    kept: tuple[Finding, ...] = ()
    silenced: tuple[Finding, ...] = ()
    unused: tuple[Finding, ...] = ()


def suppressions(source: Source) -> tuple[Suppression, ...]:
    """All suppressions of a file from top to bottom. Never raises; where the text is no Python, up to there."""
    if not _MENTION.search(source.text):
        return ()
    found = (part for comment in _Reader(source.text).read() for part in _parts(comment))
    return tuple(sorted(found, key=lambda suppression: suppression.span))


def sift(
    source: Source,
    findings: Sequence[Finding],
    known: Mapping[str, str],
    *,
    active: Collection[str] | None = None,
) -> Sifted:
    """Part the findings of a file by its suppressions, and find the suppressions without use.

    `known` maps the code of each rule to its name. `active` are the codes of the rules that had their say on this file
    (None: all of them): a suppression of a rule that had not is never called unused.
    """
    if not findings and "dbp" not in source.text and "DBP" not in source.text:
        return Sifted()
    marks = _Marks(suppressions(source))
    used: dict[Suppression, set[str]] = defaultdict(set)
    kept: list[Finding] = []
    silenced: list[Finding] = []
    for finding in findings:
        hits = list(_hits(marks.at(finding.span.line), finding))
        for mark, selector in hits:
            used[mark].add(selector)
        (silenced if hits else kept).append(finding)
    judge = _Judge(source, known, frozenset(known if active is None else active))
    unused: list[Finding] = []
    for finding in (finding for mark in marks.all for finding in judge.findings(mark, used[mark])):
        spoken_for = any(_silences_unused(mark) for mark in marks.at(finding.span.line))
        (silenced if spoken_for else unused).append(finding)
    return Sifted(tuple(kept), tuple(silenced), tuple(unused))


@dataclass(slots=True)
class _Comment:
    """`column` counts from 0 here."""

    line: int
    column: int
    text: str
    alone: bool
    lines: range


class _Reader:
    """Collects the comments among the tokens of a file, and the lines that each of them speaks for."""

    def __init__(self, text: str) -> None:
        self.comments: list[_Comment] = []
        self._rows = _rows(text)
        self._line_start = 0
        self._line_comments: list[_Comment] = []
        self._statement_start = 0
        self._statement_comments: list[_Comment] = []

    def read(self) -> list[_Comment]:
        # a carriage return ends a line for Python, but not for tokenize
        rows = (row[:-1] + "\n" if row.endswith("\r") else row for row in self._rows)
        try:
            for token in tokenize.generate_tokens(lambda: next(rows, "")):
                self._take(token)
        except (tokenize.TokenError, SyntaxError, UnicodeError):
            pass  # reported as DBP001 elsewhere; what came before is good
        return self.comments

    def _take(self, token: tokenize.TokenInfo) -> None:
        line = token.start[0]
        if token.type not in {tokenize.DEDENT, tokenize.ENDMARKER}:
            self._line_start = self._line_start or line
        if token.type not in _BETWEEN:
            self._statement_start = self._statement_start or line
        if token.type == tokenize.COMMENT:
            self._comment(token)
        elif token.type == tokenize.NL:
            self._end_line(line)
        elif token.type == tokenize.NEWLINE:
            self._end_line(line)
            self._end_statement(line)

    def _comment(self, token: tokenize.TokenInfo) -> None:
        line, column = token.start
        alone = not self._rows[line - 1][:column].strip(_BLANKS)
        comment = _Comment(line, column, token.string, alone, range(line, line + 1))
        self.comments.append(comment)
        self._line_comments.append(comment)
        if self._statement_start:
            self._statement_comments.append(comment)

    def _end_line(self, line: int) -> None:
        """Strings of several lines and backslashes make several lines one, as they do for flake8."""
        for comment in self._line_comments:
            comment.lines = range(self._line_start, line + 1)
        self._line_comments = []
        self._line_start = 0

    def _end_statement(self, line: int) -> None:
        for comment in self._statement_comments:
            if self._statement_start in comment.lines or line in comment.lines:
                comment.lines = range(self._statement_start, line + 1)
        self._statement_comments = []
        self._statement_start = 0


def _rows(text: str) -> list[str]:
    """The lines with their ends, cut where Python cuts them and not at form feeds and the like."""
    return list(io.StringIO(text, newline=""))


def _parts(comment: _Comment) -> Iterator[Suppression]:
    for match in _NOQA.finditer(comment.text):
        yield _suppression(comment, "noqa", match)
    for match in _IGNORE.finditer(comment.text):
        if match["list"] is None or _SELECTOR.search(match["list"]):
            yield _suppression(comment, "ignore", match, whole_file=bool(match["file"]))
    for match in _NOQA_FILE.finditer(comment.text) if comment.alone else ():
        yield _suppression(comment, "noqa", match, whole_file=True)


def _suppression(
    comment: _Comment, kind: Literal["noqa", "ignore"], match: re.Match[str], *, whole_file: bool = False
) -> Suppression:
    def span(start: int, end: int) -> Span:
        return Span(comment.line, comment.column + start + 1, comment.line, comment.column + end + 1)

    named = _SELECTOR.finditer(comment.text, *match.span("list")) if match["list"] else ()
    places = [item.span() for item in named]
    return Suppression(
        span(*match.span()),
        kind,
        tuple(comment.text[start:end] for start, end in places),
        tuple(span(*place) for place in places),
        comment.lines,
        whole_file,
        comment.alone,
    )


class _Marks:
    """The suppressions of a file, to be found by the line they count for."""

    def __init__(self, marks: tuple[Suppression, ...]) -> None:
        self.all = marks
        self._everywhere = [mark for mark in marks if mark.whole_file]
        self._lines: dict[int, list[Suppression]] = defaultdict(list)
        for mark in marks:
            for line in () if mark.whole_file else mark.lines:
                self._lines[line].append(mark)

    def at(self, line: int) -> Iterator[Suppression]:
        return itertools.chain(self._everywhere, self._lines.get(line, ()))


def _hits(marks: Iterable[Suppression], finding: Finding) -> Iterator[tuple[Suppression, str]]:
    """Those that silence a finding, each with the selectors that do; an empty one for all."""
    for mark in marks:
        yield from ((mark, s) for s in mark.selectors or ("",) if _selects(s, finding.code, finding.rule))


def _selects(selector: str, code: str, name: str) -> bool:
    return not selector or matches(_canonical(selector), code, name)


def _canonical(selector: str) -> str:
    return selector.upper() if _CODE.fullmatch(selector) else selector


def _silences_unused(mark: Suppression) -> bool:
    """flake8 lets `# noqa` silence any code, this one too; ours must name it, or none would ever be unused."""
    if mark.kind == "noqa":
        return any(_selects(selector, *UNUSED) for selector in mark.selectors or ("",))
    return any(_canonical(selector) in UNUSED for selector in mark.selectors)


class _Judge:
    """Says what is wrong with a suppression, given which of its selectors silenced something."""

    def __init__(self, source: Source, known: Mapping[str, str], active: frozenset[str]) -> None:
        self._source = source
        self._known = known
        self._active = active | _ALWAYS_ACTIVE
        self._starts: list[int] = []

    def findings(self, mark: Suppression, used: Collection[str]) -> Iterator[Finding]:
        if not mark.selectors:
            if mark.kind == "ignore" and not used and self._known.keys() <= self._active:
                yield self._void(mark, [])
            return
        void: list[int] = []
        for index, selector in enumerate(mark.selectors):
            if selector in used or (mark.kind == "noqa" and not _CODE.fullmatch(selector)):
                continue
            meant = {code for code, name in self._known.items() if _selects(selector, code, name)}
            near = None if meant or index >= _MOST_GUESSES else nearest(selector, (*self._known, *self._known.values()))
            if near:
                yield self._misspelt(mark, index, near)
            elif not meant or (meant != {UNUSED[0]} and meant <= self._active):
                void.append(index)
        if void:
            yield self._void(mark, void)

    def _misspelt(self, mark: Suppression, index: int, near: str) -> Finding:
        span = mark.selector_spans[index]
        message = f"`{mark.selectors[index]}` is no rule, so this silences nothing; did you mean `{near}`?"
        start, end = self._offsets(span)
        return self._finding(message, span, Fix(Safety.UNSAFE, f"Write `{near}`", (Edit(start, end, near),)))

    def _void(self, mark: Suppression, void: list[int]) -> Finding:
        """A suppression of which the selectors at `void`, or with none in it the whole, silence nothing."""
        start, end = self._offsets(mark.span)
        words = self._source.text[start:end]
        if len(void) == len(mark.selectors):
            message = f"`{words}` silences nothing{self._advice(mark)}"
            return self._finding(message, mark.span, _removal(self._source.text, start, end))
        names = ", ".join(f"`{mark.selectors[index]}`" for index in void)
        edits = tuple(self._shortening(mark, void))
        span = mark.selector_spans[void[0]] if len(void) == 1 else mark.span
        return self._finding(f"{names} in `{words}` silences nothing", span, Fix(Safety.SAFE, f"Remove {names}", edits))

    def _advice(self, mark: Suppression) -> str:
        if mark.whole_file or not mark.alone or len(mark.lines) > 1:
            return ""
        return "; alone on its line it counts for no statement, it belongs at the end of one"

    def _shortening(self, mark: Suppression, void: Sequence[int]) -> Iterator[Edit]:
        """Takes selectors out of a list, each run of them with the commas on the side where one stays."""
        places = [self._offsets(span) for span in mark.selector_spans]
        gone = set(void)
        first = next(index for index in range(len(places)) if index not in gone)
        if first:
            yield Edit(places[0][0], places[first][0], "")
        yield from (Edit(places[index - 1][1], places[index][1], "") for index in void if index > first)

    def _offsets(self, span: Span) -> tuple[int, int]:
        if not self._starts:
            self._starts = [0, *itertools.accumulate(map(len, _rows(self._source.text)))]
        start = self._starts[span.line - 1] - 1
        return start + span.column, start + span.end_column

    def _finding(self, message: str, span: Span, fix: Fix) -> Finding:
        return Finding(*UNUSED, Severity.ADVICE, message, self._source.name, span, fix)


def _removal(text: str, start: int, end: int) -> Fix:
    """Takes `text[start:end]`, a part of a comment, out; with its line if nothing else stands there.

    What another tool reads stays a comment of its own. So does prose; but if that would become an order to some tool,
    the fix is not safe.
    """
    title = f"Remove `{text[start:end]}`"
    first = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    line_end = re.compile(r"\r\n?|\n|\Z").search(text, end)
    assert line_end
    before, after = text[first:start], text[end : line_end.start()]
    rest = after.lstrip(_BLANKS + "-\u2013\u2014:;,.")
    if not rest:
        return Fix(Safety.SAFE, title, (_ending(before, first, line_end),))
    keeps = line_end.start() - len(rest)
    if rest.startswith("#"):
        return Fix(Safety.SAFE, title, (Edit(start, keeps, ""),))
    safety = Safety.UNSAFE if _ORDER.match(rest) else Safety.SAFE
    return Fix(safety, title, (Edit(start, keeps, "# "),))


def _ending(before: str, first: int, line_end: re.Match[str]) -> Edit:
    """Removes the end of a line after `before`, with the blanks that end that; the whole line if nothing is left."""
    if before.strip(" \t"):
        return Edit(first + len(before.rstrip(" \t")), line_end.start(), "")
    return Edit(first, line_end.end(), "")
