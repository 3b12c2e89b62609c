"""What does a rule say about itself? Its page for the terminal, the README's table and the JSON list are made from it.

A page is the docstring of the rule's module: a summary, then sections under `## ` headings, in Markdown.
Run as `python -m dbpool_lint.docs README.md` to write the table between its two markers.
"""

from __future__ import annotations

import itertools
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dbpool_lint.model import Safety, Severity
from dbpool_lint.report.json import dumped
from dbpool_lint.report.paint import Piece
from dbpool_lint.report.shown import shown_lines

BEGIN = "<!-- rules: begin -->"
END = "<!-- rules: end -->"
FIX_SAFETY = "Fix safety"
SECTIONS = ("What it does", "Why it matters", "Example", "Use instead", FIX_SAFETY, "Limits", "Sources")
"""The headings of a page, in this order; `Fix safety` only where there is a fix."""


class Documented(Protocol):
    """What a page needs to know of a rule."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def fixable(self) -> Safety | None: ...
    @property
    def default(self) -> bool: ...
    @property
    def page(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced block; `info` is what stands behind the fence, as `python app/db.py`."""

    info: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """The text below one heading, without the blank lines around it."""

    heading: str
    text: str

    def blocks(self) -> list[Code]:
        """The fenced blocks of the section, in order."""
        return [part for part in _parts(self.text) if isinstance(part, Code)]


@dataclass(frozen=True, slots=True)
class Page:
    """A rule's page: one line of summary, what else stands above the first heading, the sections as written."""

    summary: str
    opening: str
    sections: tuple[Section, ...]

    def section(self, heading: str) -> Section | None:
        return next((section for section in self.sections if section.heading == heading), None)


def parse(page: str) -> Page:
    """The page in parts. A `## ` line within a fenced block is no heading."""
    heading, gathered = "", list[str]()
    sections: list[Section] = []
    fenced = False
    for line in page.strip().splitlines():
        fenced ^= line.startswith("```")
        if fenced or not line.startswith("## "):
            gathered.append(line)
            continue
        sections.append(Section(heading, "\n".join(gathered).strip("\n")))
        heading, gathered = line[3:].strip(), []
    sections.append(Section(heading, "\n".join(gathered).strip("\n")))
    summary, _, opening = sections[0].text.partition("\n")
    return Page(summary, opening.strip("\n"), tuple(sections[1:]))


def faults(rule: Documented) -> Iterator[str]:
    """What is wrong with the form of a rule's page, in words; nothing for a page as it should be."""
    page = parse(rule.page)
    wanted = [heading for heading in SECTIONS if rule.fixable or heading != FIX_SAFETY]
    found = [section.heading for section in page.sections]
    if not page.summary:
        yield f"{rule.code}: the page has no summary"
    if found != wanted:
        yield f"{rule.code}: the headings are {', '.join(found) or 'missing'}, not {', '.join(wanted)}"
    for section in page.sections:
        if not section.text:
            yield f"{rule.code}: nothing is said under {section.heading}"


def for_terminal(rule: Documented, width: int | None = None) -> Iterator[list[Piece]]:
    """The page as lines of pieces: headings without their marks, code indented instead of fenced.

    Prose is filled to `width` columns; without one its lines stay as they were written.
    """
    page = parse(rule.page)
    yield [(rule.code, "bold red"), (" ", ""), (rule.name, "bold")]
    yield [(_facts(rule), "dim")]
    yield []
    yield [(shown_lines(page.summary), "")]
    if page.opening:
        yield []
        yield from _body(page.opening, width)
    for section in page.sections:
        yield []
        yield [(section.heading, "bold underline")]
        yield from _body(section.text, width)


def for_list(rules: Iterable[Documented]) -> Iterator[list[Piece]]:
    """One line for each rule: code, name, severity, fix, summary."""
    rules = tuple(rules)
    code = max((len(rule.code) for rule in rules), default=0)
    name = max((len(rule.name) for rule in rules), default=0)
    for rule in rules:
        facts = f"{rule.severity.value:<7}  {_fix(rule):<10}"
        summary = shown_lines(parse(rule.page).summary)
        head = [(f"{rule.code:<{code}}  ", "bold red"), (f"{rule.name:<{name}}  ", "bold")]
        yield [*head, (f"{facts}  ", "dim"), (summary, "")]


def as_json(rules: Iterable[Documented]) -> str:
    """A list of objects with `code`, `name`, `severity`, `fix` (safe, unsafe or null), `default` and `summary`."""
    return dumped(
        [
            {
                "code": rule.code,
                "name": rule.name,
                "severity": rule.severity.value,
                "fix": rule.fixable.value if rule.fixable else None,
                "default": rule.default,
                "summary": parse(rule.page).summary,
            }
            for rule in rules
        ]
    )


def table(rules: Iterable[Documented]) -> str:
    """The rules as a table in Markdown."""
    head = "| code | name | finds | severity | fix |\n|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(_cells(rule))} |\n" for rule in rules)


def with_table(text: str, rules: Iterable[Documented]) -> str:
    """The text with what stands between the markers replaced by the table.

    Raises ValueError where there are not both markers, once each and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise ValueError(f"the text needs the markers {BEGIN} and {END}, once each and in this order")
    return f"{before}{BEGIN}\n{table(rules)}{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write the table into each of the files named."""
    from dbpool_lint.rules import registry

    for path in map(Path, arguments):
        path.write_text(with_table(path.read_text(encoding="utf-8"), registry.RULES), encoding="utf-8")
    return 0


def _parts(text: str) -> Iterator[str | Code]:
    """Lines of prose and fenced blocks, in order; a fence never closed runs to the end."""
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith("```"):
            yield line
            continue
        code: list[str] = []
        for inner in lines:
            if inner.startswith("```"):
                break
            code.append(inner)
        yield Code(line[3:].strip(), "".join(f"{inner}\n" for inner in code))


def _body(text: str, width: int | None) -> Iterator[list[Piece]]:
    for code, group in itertools.groupby(_parts(text), key=lambda part: isinstance(part, Code)):
        if code:
            yield from _code(part for part in group if isinstance(part, Code))
            continue
        prose = [shown_lines(part) for part in group if isinstance(part, str)]
        yield from ([(line, "")] for line in (prose if width is None else _filled(prose, width)))


def _code(blocks: Iterable[Code]) -> Iterator[list[Piece]]:
    for block in blocks:
        yield from ([(f"    {shown_lines(line)}" if line else "", "cyan")] for line in block.text.splitlines())


def _filled(lines: Iterable[str], width: int) -> Iterator[str]:
    fill = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    for paragraph in _paragraphs(lines):
        if paragraph[0].startswith("|"):
            yield paragraph[0]
            continue
        fill.subsequent_indent = "  " if paragraph[0].startswith("- ") else ""
        yield from fill.wrap(" ".join(line.strip() for line in paragraph)) or [""]


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines that belong together: a paragraph, an item of a list, a row of a table, a blank line."""
    paragraph: list[str] = []
    for line in lines:
        alone = not line.strip() or line.startswith("|")
        if paragraph and (alone or line.startswith("- ")):
            yield paragraph
            paragraph = []
        if alone:
            yield [line]
        else:
            paragraph.append(line)
    if paragraph:
        yield paragraph


def _facts(rule: Documented) -> str:
    opt_in = "" if rule.default else ", opt-in"
    return f"{rule.severity.value}{opt_in}, {_fix(rule)}"


def _fix(rule: Documented) -> str:
    return f"{rule.fixable.value} fix" if rule.fixable else "no fix"


def _cells(rule: Documented) -> Iterator[str]:
    yield from (rule.code, rule.name, parse(rule.page).summary.replace("|", "\\|"))
    yield rule.severity.value if rule.default else f"{rule.severity.value}, opt-in"
    yield rule.fixable.value if rule.fixable else "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
