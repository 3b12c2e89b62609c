"""How does a person read a result? Findings with their source lines or one to a line, then what can be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbpool_lint.model import Finding, Fix, Result, Safety, Severity
from dbpool_lint.report.excerpt import excerpt, lines_of
from dbpool_lint.report.paint import Piece
from dbpool_lint.report.shown import shown
from dbpool_lint.report.statistics import Count, counted, counts
from dbpool_lint.report.view import View

Line = list[Piece]

_COLOR = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.ADVICE: "bold cyan"}


def full(result: Result, view: View) -> Iterator[Line]:
    """Each finding with its source lines, the chain that leads to it and its fix; then the summary."""
    current, lines = "", list[str]()
    for finding in _sorted(result):
        if finding.name != current:
            source = result.texts.get(finding.name)
            current, lines = finding.name, lines_of(source) if source else []
        yield _headline(finding, view)
        yield from excerpt(lines, finding.span)
        yield from _notes(finding, view)
        yield []
    yield from summary(result, view)


def concise(result: Result, view: View) -> Iterator[Line]:
    """Each finding on one line; then the summary."""
    for finding in _sorted(result):
        yield _headline(finding, view)
    yield from summary(result, view)


def statistics(result: Result, view: View) -> Iterator[Line]:
    """How often each rule was found; then the summary.

    `[*]` marks a rule of which the flags as given would fix all findings, `[-]` one of which they would fix some.
    """
    yield from _table(counts(result.findings, view.available), marks=True)
    yield from summary(result, view)


def summary(result: Result, view: View) -> Iterator[Line]:
    """What was fixed, what was found or is left, and which flag would fix how many of it."""
    if view.quiet:
        return
    if view.fixed is not None:
        yield from fixed(view.fixed)
    yield [(_found(result, view), "bold" if result.findings else "bold green")]
    if offer := _offer(result.findings, view.unsafe):
        yield [(offer, "")]


def forecast(applied: tuple[Finding, ...], left: Iterable[Finding], view: View) -> Iterator[Line]:
    """What would be fixed, by rule, and how much more the other flag would."""
    yield from fixed(applied, "Would fix")
    if not applied:
        yield [("Nothing would be fixed.", "bold")]
    waiting = sum(finding.fix is not None and not view.available(finding) for finding in left)
    if waiting:
        yield [(f"{waiting}{' more' if applied else ''} with `--unsafe-fixes`.", "")]


def fixed(findings: tuple[Finding, ...], verb: str = "Fixed") -> Iterator[Line]:
    """What was fixed, by rule."""
    if not findings:
        return
    files = len({finding.name for finding in findings})
    yield [(f"{verb} {counted(len(findings), 'finding')} in {counted(files, 'file')}:", "bold green")]
    yield from _table(counts(findings, lambda _: False), marks=False)


def location(path: str, line: int, column: int) -> list[Piece]:
    return [(f"{shown(path)}", "bold"), (":", "cyan"), (str(line), ""), (":", "cyan"), (str(column), ""), (":", "cyan")]


def _sorted(result: Result) -> list[Finding]:
    return sorted(result.findings, key=lambda finding: finding.order)


def _headline(finding: Finding, view: View) -> Line:
    mark = [(" [", ""), ("*", "cyan"), ("]", "")] if view.available(finding) else []
    return [
        *location(view.path(finding.name), finding.span.line, finding.span.column),
        (" ", ""),
        (finding.code, _COLOR[finding.severity]),
        (f" {finding.rule}", ""),
        *mark,
        (f" {shown(finding.message)}", ""),
    ]


def _notes(finding: Finding, view: View) -> Iterator[Line]:
    for step in finding.related:
        place = location(view.path(step.name), step.span.line, step.span.column)
        yield [("note", "bold blue"), (": ", ""), *place, (f" {shown(step.message)}", "")]
    if finding.fix:
        yield [("help", "bold cyan"), (f": {shown(finding.fix.title)} ({_flag(finding.fix)})", "")]


def _flag(fix: Fix) -> str:
    return "safe fix: `--fix`" if fix.safety is Safety.SAFE else "unsafe fix: `--fix --unsafe-fixes`"


def _table(rows: Iterable[Count], *, marks: bool) -> Iterator[Line]:
    rows = list(rows)
    width = max((len(str(row.count)) for row in rows), default=0)
    for row in rows:
        mark = f" {_mark(row)}" if marks else ""
        yield [(f"  {row.count:>{width}} ", "bold"), (row.code, "bold red"), (f"{mark} {row.rule}", "")]


def _mark(row: Count) -> str:
    if not row.fixable:
        return "[ ]"
    return "[*]" if row.fixable == row.count else "[-]"


def _found(result: Result, view: View) -> str:
    if not result.findings:
        none = "No findings left" if view.fixed else "No findings"
        return f"{none} in {counted(len(result.files), 'file')}."
    files = len({finding.name for finding in result.findings})
    left = " left" if view.fixed else ""
    return f"{counted(len(result.findings), 'finding')}{left} in {counted(files, 'file')}."


def _offer(findings: Iterable[Finding], unsafe_too: bool) -> str:
    fixes = [finding.fix.safety for finding in findings if finding.fix]
    safe, unsafe = fixes.count(Safety.SAFE), fixes.count(Safety.UNSAFE)
    if unsafe_too and unsafe:
        return f"[*] {safe + unsafe} fixable with `--fix --unsafe-fixes` ({_of_them(safe, unsafe)} unsafe)."
    more = f" ({unsafe} more with `--fix --unsafe-fixes`)" if unsafe else ""
    if safe:
        return f"[*] {safe} fixable with `--fix`{more}."
    return f"{unsafe} fixable with `--fix --unsafe-fixes`." if unsafe else ""


def _of_them(safe: int, unsafe: int) -> str:
    return f"{unsafe} of them" if safe else "all of them"
