"""Do fixes get into files in rounds, never two in one place, and never as text that does not parse?"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbpool_lint.fixing.apply import Outcome, apply_edits, choose, commit, rounds
from dbpool_lint.model import Edit, Finding, Fix, Problem, Result, Safety, Severity, Source, Span
from dbpool_lint.sources import files

Rule = Callable[[str], Iterable[Finding]]


def finding(
    *edits: Edit, line: int = 1, code: str = "DBP101", name: str = "a.py", safety: Safety = Safety.SAFE
) -> Finding:
    fix = Fix(safety, "mend", edits)
    return Finding(code, "a-rule", Severity.ERROR, "wrong", name, Span(line, 1, line, 2), fix)


def project(rule: Rule, **texts: str) -> Callable[[Mapping[str, str]], Result]:
    def lint(overlay: Mapping[str, str]) -> Result:
        now = {f"{name}.py": text for name, text in texts.items()} | dict(overlay)
        found = [found for name, text in sorted(now.items()) for found in rule(text) if found.name == name]
        sources = {name: Source(Path(name), name, text) for name, text in now.items()}
        return Result(Path(), tuple(found), files=tuple(now), texts={f.name: sources[f.name] for f in found})

    return lint


def replacing(old: str, new: str, **more: str) -> Rule:
    """A rule that finds `old` wherever it stands in a.py, or in the file named, and would write `new`."""

    def rule(text: str) -> Iterable[Finding]:
        for match in re.finditer(old, text):
            line = text.count("\n", 0, match.start()) + 1
            yield finding(Edit(match.start(), match.end(), new), line=line, name=more.get("name", "a.py"))

    return rule


def counting_down(text: str) -> Iterable[Finding]:
    if text[0] > "0":
        yield finding(Edit(0, 1, str(int(text[0]) - 1)))


def turning(flip: Mapping[str, str]) -> Rule:
    return lambda text: [finding(Edit(0, 1, flip[text[0]]))] if text[0] in flip else []


def text_of(outcome: Outcome, name: str = "a.py") -> str:
    return outcome.changed[name][1]


# ---- edits


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 2, "a"), Edit(1, 3, "b")],
        [Edit(1, 1, "a"), Edit(1, 1, "b")],
        [Edit(0, 2, "a"), Edit(1, 1, "b")],
        [Edit(2, 9, "a")],
        [Edit(2, 1, "a")],
        [Edit(-1, 1, "a")],
    ],
)
def test_edits_that_overlap_or_lie_outside_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlaps"):
        apply_edits("abcd", edits)


def test_edits_that_touch_are_made_in_order() -> None:
    assert apply_edits("abcd", [Edit(2, 3, "C"), Edit(1, 2, "B"), Edit(1, 1, "+"), Edit(4, 4, "!")]) == "a+BCd!"


def test_equal_edits_are_made_once() -> None:
    assert apply_edits("abcd", [Edit(1, 1, "+"), Edit(1, 1, "+")]) == "a+bcd"


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.text(max_size=3))))
def test_everything_outside_of_the_edits_is_kept(text: str, wanted: list[tuple[int, int, str]]) -> None:
    edits, free = [], 0
    for start, size, new in sorted(wanted):
        if free <= start <= start + size <= len(text):
            edits.append(Edit(start, start + size, new))
            free = start + size + 1
    rest = apply_edits(text, edits)
    position = 0
    for edit in edits:
        kept = text[position : edit.start]
        assert rest.startswith(kept + edit.text)
        rest, position = rest[len(kept + edit.text) :], edit.end
    assert rest == text[position:]


# ---- choosing


def test_unsafe_fixes_are_chosen_only_when_asked_for() -> None:
    unsafe = finding(Edit(0, 1, "x"), safety=Safety.UNSAFE)
    assert choose([unsafe], unsafe=False) == {}
    assert choose([unsafe], unsafe=True) == {"a.py": (unsafe,)}


def test_findings_without_a_fix_or_with_an_empty_one_are_not_chosen() -> None:
    bare = Finding("DBP101", "a-rule", Severity.ERROR, "wrong", "a.py", Span(1, 1, 1, 2))
    assert choose([bare, finding()], unsafe=True) == {}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ([Edit(0, 4, "a")], [Edit(2, 6, "b")]),
        ([Edit(0, 4, "a")], [Edit(2, 2, "b")]),
        ([Edit(2, 2, "a")], [Edit(2, 2, "b")]),
        ([Edit(2, 4, "a")], [Edit(2, 2, "b")]),
        ([Edit(0, 0, "i"), Edit(9, 12, "a")], [Edit(0, 0, "i"), Edit(8, 10, "b")]),
        ([Edit(0, 0, "engine = f(1)\n\n")], [Edit(9, 9, "engine: E = f(2)\n\n")]),  # the later one would win
    ],
)
def test_a_fix_in_the_way_of_another_waits(one: list[Edit], two: list[Edit]) -> None:
    first, second = finding(*one, line=1), finding(*two, line=2)
    assert choose([second, first], unsafe=False) == {"a.py": (first,)}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ([Edit(0, 2, "a")], [Edit(2, 4, "b")]),
        ([Edit(0, 2, "a")], [Edit(2, 2, "b")]),
        ([Edit(0, 0, "import a\n"), Edit(4, 5, "a")], [Edit(0, 0, "import a\n"), Edit(8, 9, "b")]),
        ([Edit(0, 0, "engine = f()\n"), Edit(4, 5, "")], [Edit(0, 0, "engine = f()\n"), Edit(8, 9, "")]),
        ([Edit(0, 0, "engine = f(1)\n")], [Edit(9, 9, "_engine = f(2)\n")]),
        ([Edit(3, 3, "k=1, ")], [Edit(9, 9, "k=1, ")]),
    ],
)
def test_fixes_that_share_nothing_but_equal_edits_are_made_together(one: list[Edit], two: list[Edit]) -> None:
    both = finding(*one, line=1), finding(*two, line=2)
    assert choose(both, unsafe=False) == {"a.py": both}


def test_files_do_not_get_in_each_other_s_way() -> None:
    one, two = finding(Edit(0, 4, "a"), name="a.py"), finding(Edit(0, 4, "b"), name="b.py")
    assert choose([one, two], unsafe=False) == {"a.py": (one,), "b.py": (two,)}


# ---- rounds


def test_a_project_without_findings_is_left_alone() -> None:
    outcome = rounds(project(replacing("bad", "good"), a="x = 1\n"), unsafe=False)
    assert (outcome.changed, outcome.applied, outcome.problems, outcome.rounds) == ({}, (), (), 0)


def test_the_source_as_read_comes_with_the_new_text() -> None:
    outcome = rounds(project(replacing("bad", "good"), a="bad = bad\n", b="bad\n"), unsafe=False)
    assert set(outcome.changed) == {"a.py"}
    assert outcome.changed["a.py"][0].text == "bad = bad\n"
    assert text_of(outcome) == "good = good\n"
    assert (len(outcome.applied), outcome.rounds, outcome.result.findings) == (2, 1, ())


def test_rounds_go_on_until_nothing_is_left() -> None:
    outcome = rounds(project(replacing("x{5}|x{4}|x{3}|xx", "x", name="a.py"), a="xx = xxx = 1\n"), unsafe=False)
    assert text_of(outcome) == "x = x = 1\n"
    outcome = rounds(project(counting_down, a="5\n"), unsafe=False)
    assert (text_of(outcome), outcome.rounds, outcome.problems) == ("0\n", 5, ())
    assert outcome.changed["a.py"][0].text == "5\n"


def test_the_limit_of_rounds_is_our_problem() -> None:
    outcome = rounds(project(counting_down, a="5\n"), unsafe=False, limit=3)
    assert (text_of(outcome), outcome.rounds) == ("2\n", 3)
    assert outcome.problems == (Problem("a.py", 0, "fixes are still left after 3 rounds", ours=True),)
    assert outcome.result.findings


def test_fixes_that_undo_each_other_stop_and_are_our_problem() -> None:
    flip = {"a": "b", "b": "c", "c": "b"}
    outcome = rounds(project(turning(flip), a="a\n"), unsafe=False)
    assert text_of(outcome) == "c\n"
    assert [problem.ours for problem in outcome.problems] == [True]
    assert "undo each other" in outcome.problems[0].message


def test_a_file_that_came_back_to_what_it_was_is_not_changed() -> None:
    flip = {"a": "b", "b": "a"}
    outcome = rounds(project(turning(flip), a="a\n"), unsafe=False)
    assert text_of(outcome) == "b\n"
    assert outcome.problems


def test_a_fix_that_changes_nothing_is_not_tried_again() -> None:
    outcome = rounds(project(replacing("same", "same"), a="same\n"), unsafe=False)
    assert (outcome.changed, outcome.applied, outcome.problems) == ({}, (), ())


def test_a_finding_without_its_text_is_left() -> None:
    lonely = Result(Path(), (finding(Edit(0, 1, "x")),))
    assert rounds(lambda _: lonely, unsafe=False).changed == {}


# ---- the guard


def test_a_fix_that_does_not_parse_is_left_out_and_is_our_problem() -> None:
    def rule(text: str) -> Iterable[Finding]:
        yield from replacing("one", "1")(text)
        yield from replacing("two", "2 (")(text)
        yield from replacing("three", "3")(text)

    outcome = rounds(project(rule, a="one\ntwo\nthree\n"), unsafe=False)
    assert text_of(outcome) == "1\ntwo\n3\n"
    assert [(p.name, p.line, p.ours) for p in outcome.problems] == [("a.py", 2, True)]
    assert "DBP101 (a-rule)" in outcome.problems[0].message
    assert [f.span.line for f in outcome.applied] == [1, 3]


@pytest.mark.parametrize("edits", [[Edit(0, 1, ")")], [Edit(0, 99, "x")], [Edit(0, 2, "x"), Edit(1, 3, "y")]])
def test_a_file_whose_only_fix_is_broken_keeps_its_text(edits: list[Edit]) -> None:
    outcome = rounds(project(lambda _: [finding(*edits)], a="abc\n"), unsafe=False)
    assert (outcome.changed, outcome.applied, len(outcome.problems)) == ({}, (), 1)


def test_a_broken_fix_is_told_once_though_the_text_moves() -> None:
    def rule(text: str) -> Iterable[Finding]:
        yield from replacing("one", "longer")(text)
        yield from replacing("longer", "1")(text)
        yield from replacing("two", ")")(text)

    outcome = rounds(project(rule, a="one\ntwo\n"), unsafe=False)
    assert text_of(outcome) == "1\ntwo\n"
    assert len(outcome.problems) == 1


def test_warnings_about_the_text_are_not_ours() -> None:
    outcome = rounds(project(replacing("bad", "good"), a="bad = '\\d' is 1\n"), unsafe=False)
    assert text_of(outcome) == "good = '\\d' is 1\n"


def test_syntax_that_the_running_python_does_not_know_is_judged_by_libcst(monkeypatch: pytest.MonkeyPatch) -> None:
    def old(text: str) -> None:
        raise SyntaxError(text)

    monkeypatch.setattr(ast, "parse", old)

    def rule(text: str) -> Iterable[Finding]:
        yield from replacing("bad", "good")(text)
        yield from replacing("two", ")")(text)

    outcome = rounds(project(rule, a="bad = 1\ntwo\n"), unsafe=False)
    assert text_of(outcome) == "good = 1\ntwo\n"
    assert len(outcome.problems) == 1


# ---- writing


def test_commit_writes_through_the_files_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def write(source: Source, text: str) -> Problem | None:
        written.append((source.name, text))
        return Problem(source.name, 0, "changed meanwhile") if source.name == "b.py" else None

    monkeypatch.setattr("dbpool_lint.fixing.apply.files.write", write)
    changed = {n: (Source(tmp_path / n, n, "old\n"), "new\n") for n in ("a.py", "b.py")}
    outcome = Outcome(changed, (), Result(tmp_path))
    assert commit(outcome) == (Problem("b.py", 0, "changed meanwhile"),)
    assert written == [("a.py", "new\n"), ("b.py", "new\n")]


def test_a_file_on_disk_gets_its_new_text(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"bad\r\n")
    source = files.read(path, "a.py")
    assert isinstance(source, Source)
    outcome = Outcome({"a.py": (source, "good\r\n")}, (), Result(tmp_path))
    assert commit(outcome) == ()
    assert path.read_bytes() == b"good\r\n"
