"""Whatever the program: is nothing touched outside the edits, and is a second run quiet?

`HYPOTHESIS_PROFILE=thorough` tries many more programs; `DBPOOL_LINT_SAMPLE=7` takes other files of the standard
library.
"""

from __future__ import annotations

import ast
import functools
import os
import random
import re
import sysconfig
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import Program, programs, sources
from trial import applied, comments, difference, fix, lint, plant

from dbpool_lint.model import Edit, Finding, Result, Safety, Source

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
FIXTURES = Path(__file__).parents[1] / "fixtures"
SAMPLE = int(os.environ.get("DBPOOL_LINT_SAMPLE", "0"))
SAMPLE_SIZE = 24
LARGEST = 60_000
APPLICATION = b"from fastapi import FastAPI\n\napp = FastAPI()\n"


@given(programs())
def test_generated_programs_parse(program: Program) -> None:
    ast.parse(program.data)


@given(programs())
def test_fixing_a_generated_program_touches_only_what_it_says(program: Program) -> None:
    _check({"app.py": program.data})


@given(st.lists(programs(), min_size=2, max_size=3))
def test_fixing_a_generated_project_touches_only_what_it_says(files: list[Program]) -> None:
    _check({f"pkg/m{number}.py": program.data for number, program in enumerate(files)})


def test_fixing_the_standard_library_touches_only_what_it_says() -> None:
    _check(_standard_library())


@given(sources())
def test_fixing_what_stands_in_real_files_touches_only_what_it_says(text: str) -> None:
    name, data = random.Random(text).choice(list(_standard_library().items()))
    spliced = data + _line_end(data) + text.encode().replace(b"\n", _line_end(data))
    _check({name: spliced if _parses(spliced) else data, "main.py": APPLICATION})


@pytest.mark.parametrize("folder", [pytest.param(p.parent, id=p.parent.name) for p in FIXTURES.glob("*/expected.json")])
def test_fixing_a_fixture_touches_only_what_it_says(folder: Path) -> None:
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    _check(files)


@functools.cache
def _standard_library() -> dict[str, bytes]:
    """A sample of its small files, the same one for the same seed: name and bytes."""
    paths = (p for p in STANDARD_LIBRARY.rglob("*.py") if "site-packages" not in p.parts)
    small = sorted(p for p in paths if p.stat().st_size <= LARGEST)
    chosen = random.Random(SAMPLE).sample(small, SAMPLE_SIZE)
    return {path.relative_to(STANDARD_LIBRARY).as_posix(): path.read_bytes() for path in chosen}


def _check(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = plant(Path(folder).resolve(), files)
        before = lint(root)
        _no_fault(before)
        for finding in before.findings:
            if finding.name in before.texts:
                _finding_is_honest(finding, before.texts[finding.name])
            else:
                assert finding.code == "DBP001"  # it could not even be read
        for code in sorted({finding.code for finding in before.findings if finding.fix}):
            _fix_is_what_the_edits_say(root, code)
        _second_run_is_quiet(root, files)


def _no_fault(result: Result) -> None:
    assert [p for p in result.problems if p.ours] == []


def _finding_is_honest(finding: Finding, source: Source) -> None:
    rows = re.split(r"\r\n|\r|\n", source.text)
    assert 1 <= finding.span.line <= finding.span.end_line <= len(rows)
    assert 1 <= finding.span.column <= len(rows[finding.span.line - 1]) + 1
    if finding.fix is None:
        return
    fixed = applied(source.text, finding.fix.edits)
    assert _parses(fixed.encode(source.encoding)), f"{finding.code}:\n{difference(source.text, fixed)}"
    assert fixed != source.text
    assert all(_is_tight(edit, source.text) for edit in finding.fix.edits), finding
    if finding.fix.safety is Safety.SAFE and finding.code != "DBP002":
        assert comments(source.text) - comments(fixed) == {}


def _is_tight(edit: Edit, text: str) -> bool:
    """An edit restates no whole line that was there: neither its first, nor its last but for the end of a string."""
    old, new = (t.splitlines(keepends=True) for t in (text[edit.start : edit.end], edit.text))
    if len(old) < 2 or len(new) < 2:
        return True
    return old[0] != new[0] and (old[-1] != new[-1] or "'''" in edit.text or '"""' in edit.text)


def _fix_is_what_the_edits_say(root: Path, code: str) -> None:
    """Where the product made just the fixes of the first round, its texts are what these say."""
    before, outcome = lint(root, [code]), fix(root, [code])
    assert [p for p in outcome.problems if p.ours] == []
    _no_fault(outcome.result)
    if set(outcome.applied) == {finding for finding in before.findings if finding.fix}:
        names = {finding.name for finding in outcome.applied}
        ours = {name: _all_applied(before, name) for name in names}
        assert {name: text for name, (_, text) in outcome.changed.items()} == ours


def _all_applied(before: Result, name: str) -> str:
    fixes = [finding.fix for finding in before.findings if finding.name == name]
    return applied(before.texts[name].text, [edit for fix_ in fixes if fix_ for edit in fix_.edits])


def _second_run_is_quiet(root: Path, files: dict[str, bytes]) -> None:
    from dbpool_lint.fixing import apply

    outcome = fix(root)
    assert apply.commit(outcome) == ()
    for name, data in files.items():
        stored = (root / name).read_bytes()
        source, text = outcome.changed.get(name, (None, None))
        if source is None or text is None:
            assert stored == data
            continue
        assert stored == (b"\xef\xbb\xbf" if source.bom else b"") + text.encode(source.encoding)
        assert _parses(stored)
        assert data.startswith(b"\xef\xbb\xbf") == stored.startswith(b"\xef\xbb\xbf")
        assert _line_ends(stored) == _line_ends(data)
    assert fix(root).changed == {}


def _line_ends(data: bytes) -> set[bytes]:
    return set(re.findall(rb"\r\n|\r|\n", data))


def _line_end(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data else b"\n"


def _parses(data: bytes) -> bool:
    try:
        ast.parse(data)
    except (SyntaxError, ValueError):
        return False
    return True
