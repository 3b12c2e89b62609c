"""Does every rule judge its prose cases as they say, however they are spelled, silenced, fixed or stored?

One case: `pytest tests/test_rules.py -k DBP301-12`; the number is the line of its heading in `tests/rules/DBP301.md`.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import libcst as cst
import pytest
from prose import Case, pages
from respell import respelled
from trial import Fixed, Trials, comments, difference, places, selection

from dbpool_lint.model import Finding

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

_PAGES, _MALFORMED = pages()
_CASES = [case for page in _PAGES for case in page.cases]
_ABOUT_COMMENTS = frozenset({"DBP001", "DBP002"})
_RUBBISH = re.compile(
    r"(?<![=\w])(?<!= )(?<!is )(?<!to )None\b"  # a value that was not there
    r"|<[A-Za-z_][^<>]*>"  # <Name object at 0x…>, <lambda>
    r"|(?<![/=])\{[\w.!:]*\}"  # a placeholder nobody filled
    r"|\b(?:Spot|Span|Fact|Kind)\("
    r"|  |\A\s|\s\Z|[\x00-\x1f\x7f]"
)


def _params(cases: Iterable[Case]) -> list[ParameterSet]:
    return [pytest.param(case, id=case.id) for case in cases]


every_case = pytest.mark.parametrize("case", _params(_CASES))
reported_case = pytest.mark.parametrize("case", _params(c for c in _CASES if c.marks))
silenceable_case = pytest.mark.parametrize(
    "case",
    _params(c for c in _CASES if c.code not in _ABOUT_COMMENTS and any(m.path.endswith(".py") for m in c.marks)),
)
respellable_case = pytest.mark.parametrize("case", _params(c for c in _CASES if c.keeps_spelling is None))


def test_pages_keep_the_form() -> None:
    assert [str(error) for error in _MALFORMED] == []


@every_case
def test_cases_are_programs(case: Case) -> None:
    if case.code == "DBP001":
        pytest.skip("these need not parse")
    texts = [item for files in (case.files, case.fixed) for item in files.items()]
    assert [path for path, text in texts if path.endswith(".py") and not _parses(text)] == []


@every_case
def test_findings_equal_the_marks(case: Case, trials: Trials) -> None:
    assert _found(case, trials, case.files) == _expected(case)


@reported_case
def test_messages_hold_no_rubbish(case: Case, trials: Trials) -> None:
    for finding in trials.lint(case.files, _select(case)).findings:
        texts = [finding.message, *(r.message for r in finding.related), *([finding.fix.title] if finding.fix else [])]
        rubbish = [text for text in texts if not text or _RUBBISH.search(text)]
        assert rubbish == []


@every_case
def test_the_fixed_text_is_as_the_case_says(case: Case, trials: Trials) -> None:
    if not case.fixed:
        pytest.skip("the case has no fixed block")
    fixed = trials.fix(case.files, selection(case.codes[:1], case.python))
    assert fixed.texts == {**case.files, **case.fixed}


@every_case
def test_nothing_is_our_own_fault(case: Case, trials: Trials) -> None:
    outcome = trials.fix(case.files, _select(case)).outcome
    problems = [*trials.lint(case.files, _select(case)).problems, *outcome.problems, *outcome.result.problems]
    assert [p for p in problems if p.ours] == []


@reported_case
def test_fixed_texts_parse(case: Case, trials: Trials) -> None:
    fixed = _fixed(case, trials)
    for path, text in fixed.changed.items():
        assert _parses(text), difference(fixed.before[path], text)


@reported_case
def test_a_second_fix_changes_nothing(case: Case, trials: Trials) -> None:
    once = _fixed(case, trials)
    twice = trials.fix(once.texts, _select(case))
    assert twice.texts == once.texts
    assert not [f for f in trials.lint(once.texts, _select(case)).findings if f.fix]


@reported_case
def test_nothing_is_reported_where_it_was_fixed(case: Case, trials: Trials) -> None:
    fixed = _fixed(case, trials)
    mended = {f.code for f in fixed.outcome.applied}
    left = [f for f in trials.lint(fixed.texts, _select(case)).findings if f.code in mended]
    again = [f for f in left if f.span.line in _new_lines(fixed.before[f.name], fixed.texts[f.name])]
    assert places(again) == []
    offered = [f for f in trials.lint(case.files, _select(case)).findings if f.code in mended]
    assert len(left) < len(offered) or not mended


@reported_case
def test_a_safe_fix_keeps_every_comment(case: Case, trials: Trials) -> None:
    if case.code in _ABOUT_COMMENTS:
        pytest.skip("its fix takes comments away")
    fixed = trials.fix(case.files, _select(case), unsafe=False)
    for path, text in fixed.changed.items():
        assert comments(fixed.before[path]) - comments(text) == {}, path


@silenceable_case
def test_noqa_silences_every_mark(case: Case, trials: Trials) -> None:
    _silent_when(case, trials, lambda codes: f"# noqa: {','.join(codes)}")


@silenceable_case
def test_our_own_comment_silences_every_mark_by_name(case: Case, trials: Trials) -> None:
    from dbpool_lint.rules import registry

    names = registry.known()
    _silent_when(case, trials, lambda codes: f"# dbpool: ignore[{', '.join(names[code] for code in codes)}]")


@respellable_case
def test_other_names_for_imports_change_nothing(case: Case, trials: Trials) -> None:
    assert _found(case, trials, respelled(case.files)) == _expected(case)


@every_case
def test_crlf_changes_nothing(case: Case, trials: Trials) -> None:
    assert _found(case, trials, _crlf(case.files)) == _expected(case)


@reported_case
def test_crlf_is_kept_by_fixes(case: Case, trials: Trials) -> None:
    with_crlf = trials.fix(_crlf(case.files), _select(case))
    assert with_crlf.texts == _crlf(_fixed(case, trials).texts)


def _select(case: Case) -> tuple[str, ...]:
    return selection(case.codes, case.python)


def _expected(case: Case) -> list[tuple[str, int, str]]:
    return sorted((mark.path, mark.line, mark.code) for mark in case.marks)


def _found(case: Case, trials: Trials, files: dict[str, str]) -> list[tuple[str, int, str]]:
    """What is reported of the rules under test; rules that merely run for them do not count."""
    findings: tuple[Finding, ...] = trials.lint(files, _select(case)).findings
    return [place for place in places(findings) if place[2] in case.codes]


def _fixed(case: Case, trials: Trials) -> Fixed:
    return trials.fix(case.files, _select(case))


def _silent_when(case: Case, trials: Trials, comment: Callable[[tuple[str, ...]], str]) -> None:
    rows = {path: text.split("\n") for path, text in case.python.items()}
    lines = {(mark.path, mark.line) for mark in case.marks if mark.path in rows}
    for path, line in lines:
        if rows[path][line - 1].endswith("\\"):
            pytest.skip("no comment can stand behind a backslash")
        codes = dict.fromkeys(m.code for m in case.marks if (m.path, m.line) == (path, line))
        rows[path][line - 1] += f"  {comment(tuple(codes))}"
    files = {**case.files, **{path: "\n".join(row) for path, row in rows.items()}}
    assert _found(case, trials, files) == [p for p in _expected(case) if p[:2] not in lines]


def _crlf(files: dict[str, str]) -> dict[str, str]:
    return {path: text.replace("\n", "\r\n") for path, text in files.items()}


def _new_lines(before: str, after: str) -> set[int]:
    """Lines (from 1) of `after` that `before` has not, a change of indentation aside."""
    old, new = ([row.strip() for row in text.split("\n")] for text in (before, after))
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return {line + 1 for kind, _, _, start, end in blocks if kind != "equal" for line in range(start, end)}


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        try:
            cst.parse_module(text)
        except cst.ParserSyntaxError:
            return False
    return True
