"""How do fixes get into files? In rounds, without two of them in one place, and never as text that does not parse."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dbpool_lint.model import Edit, Finding, Fix, Problem, Result, Safety, Source
from dbpool_lint.sources import files

Lint = Callable[[Mapping[str, str]], Result]

_GLOBAL = re.compile(r"^([^\W\d]\w*)[ \t]*(?::[^=\r\n]+)?=(?!=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What fixing came to; nothing is written yet.

    `changed` gives for each file the source as it was read and its new text; `result` is what is left to report.
    """

    changed: dict[str, tuple[Source, str]]
    applied: tuple[Finding, ...]
    result: Result
    problems: tuple[Problem, ...] = ()
    rounds: int = 0


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` after all edits; equal ones count once. Raises `ValueError` where they overlap or lie outside."""
    parts: list[str] = []
    position, inserted = 0, -1
    for edit in sorted(set(edits)):
        outside = not position <= edit.start <= edit.end <= len(text)
        if outside or (edit.start == edit.end == inserted):
            raise ValueError(f"edit at {edit.start}..{edit.end} overlaps another or lies outside the text")
        parts += [text[position : edit.start], edit.text]
        position, inserted = edit.end, edit.start if edit.start == edit.end else -1
    return "".join([*parts, text[position:]])


def choose(findings: Sequence[Finding], unsafe: bool) -> dict[str, tuple[Finding, ...]]:
    """For each file the findings to mend in this round, sorted; what is in the way of an earlier one waits."""
    taken: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda found: found.order):
        fix = finding.fix
        if fix is None or not fix.edits or (fix.safety is Safety.UNSAFE and not unsafe):
            continue
        others = taken.setdefault(finding.name, [])
        if not any(other.fix and _conflict(fix, other.fix) for other in others):
            others.append(finding)
    return {name: tuple(chosen) for name, chosen in taken.items() if chosen}


def _conflict(fix: Fix, other: Fix) -> bool:
    return _same_global(fix, other) or any(_overlap(one, two) for one in fix.edits for two in other.edits)


def _overlap(one: Edit, two: Edit) -> bool:
    if one == two:
        return False
    first, second = sorted((one, two))
    return second.start < first.end or second.start == first.start


def _same_global(fix: Fix, other: Fix) -> bool:
    """Would both bind one global, each to a value of its own?"""
    both = set(fix.edits) & set(other.edits)
    ours, theirs = (
        {name for edit in mine.edits if edit not in both and _is_lines(edit) for name in _GLOBAL.findall(edit.text)}
        for mine in (fix, other)
    )
    return not ours.isdisjoint(theirs)


def _is_lines(edit: Edit) -> bool:
    return edit.start == edit.end and edit.text.endswith(("\n", "\r"))


@dataclass(slots=True)
class _Work:
    """The state between rounds. `seen` holds all texts a file had; `stuck` files are not touched again."""

    texts: dict[str, str] = field(default_factory=dict)
    read: dict[str, Source] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    dropped: set[object] = field(default_factory=set)
    applied: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def choose(self, result: Result, unsafe: bool) -> dict[str, tuple[Finding, ...]]:
        open_to_us = [f for f in result.findings if f.name not in self.stuck and f.name in result.texts]
        return choose([f for f in open_to_us if _identity(f, result.texts[f.name].text) not in self.dropped], unsafe)

    def mend(self, source: Source, chosen: Sequence[Finding]) -> None:
        """Put these fixes into one file, or see to it that they are not chosen again."""
        seen = self.seen.setdefault(source.name, {source.text})
        text, mended, faulty = _mended(source.text, chosen)
        for finding in faulty:
            self.dropped.add(_identity(finding, source.text))
            message = f"the fix of {finding.code} ({finding.rule}) gave text that does not parse and was left out"
            self.problems.append(Problem(source.name, finding.span.line, message, ours=True))
        if text == source.text:
            self.dropped.update(_identity(finding, source.text) for finding in mended)
        elif text in seen:
            self.stuck.add(source.name)
            rules = ", ".join(sorted({finding.code for finding in mended}))
            message = f"fixes of {rules} undo each other; they were left out"
            self.problems.append(Problem(source.name, mended[0].span.line, message, ours=True))
        else:
            seen.add(text)
            self.read.setdefault(source.name, source)
            self.texts[source.name] = text
            self.applied.extend(mended)

    def outcome(self, result: Result, rounds: int) -> Outcome:
        changed = {n: (self.read[n], text) for n, text in sorted(self.texts.items()) if text != self.read[n].text}
        return Outcome(changed, tuple(self.applied), result, tuple(self.problems), rounds)


def rounds(lint: Lint, unsafe: bool, limit: int = 10) -> Outcome:
    """Lint and fix by turns until no fix is left, or `limit` rounds are done.

    `lint` is given the new texts by name, and its result holds the source of every file with a finding.
    """
    work, number = _Work(), 0
    result = lint({})
    while chosen := work.choose(result, unsafe):
        if number == limit:
            message = f"fixes are still left after {limit} rounds"
            work.problems.extend(Problem(name, 0, message, ours=True) for name in sorted(chosen))
            break
        number += 1
        before = dict(work.texts)
        for name, findings in sorted(chosen.items()):
            work.mend(result.texts[name], findings)
        if work.texts != before:
            result = lint(dict(work.texts))
    return work.outcome(result, number)


def commit(outcome: Outcome) -> tuple[Problem, ...]:
    """Write the changed files, each as a whole; the problems are those of files that could not be written."""
    written = (files.write(source, text) for source, text in outcome.changed.values())
    return tuple(problem for problem in written if problem)


def _identity(finding: Finding, text: str) -> object:
    """The same for a fix that comes again in a later round, wherever the text has moved by then."""
    edits = finding.fix.edits if finding.fix else ()
    return finding.name, finding.code, tuple((text[edit.start : edit.end], edit.text) for edit in edits)


def _mended(text: str, chosen: Sequence[Finding]) -> tuple[str, tuple[Finding, ...], tuple[Finding, ...]]:
    """The text with the fixes, those that are in it, and those left out because it would not parse with them."""
    parses = _by_ast if _by_ast(text) else _by_libcst
    whole = _tried(text, chosen, parses)
    if whole is not None:
        return whole, tuple(chosen), ()
    good: list[Finding] = []
    for finding in chosen:
        if _tried(text, [*good, finding], parses) is not None:
            good.append(finding)
    new = _tried(text, good, parses)
    return text if new is None else new, tuple(good), tuple(f for f in chosen if f not in good)


def _tried(text: str, findings: Iterable[Finding], parses: Callable[[str], bool]) -> str | None:
    try:
        new = apply_edits(text, _edits(findings))
    except ValueError:
        return None
    return new if parses(new) else None


def _edits(findings: Iterable[Finding]) -> Iterator[Edit]:
    for finding in findings:
        yield from finding.fix.edits if finding.fix else ()


def _by_ast(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _by_libcst(text: str) -> bool:
    import libcst as cst  # only for syntax that the running Python does not know

    from dbpool_lint.sources.syntax import UNREADABLE

    try:
        cst.parse_module(text)
    except (*UNREADABLE, RecursionError):
        return False
    return True
