"""Is every rule documented, and is what its page shows true?"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prose import CASES, Section, read, sections
from trial import Trials, places, selection

import dbpool_lint
from dbpool_lint.model import Safety

if TYPE_CHECKING:
    from dbpool_lint.rules.base import Rule

ROOT = Path(__file__).parents[1]
RULES = Path(dbpool_lint.__file__).parent / "rules"
MODULES = sorted(RULES.glob("dbp[0-9]*.py"))
HEADINGS = ["What it does", "Why it matters", "Example", "Use instead", "Fix safety", "Limits", "Sources"]
ENOUGH = 12

each_rule = pytest.mark.parametrize("module", [pytest.param(path, id=path.stem) for path in MODULES])


def test_there_are_rules() -> None:
    assert MODULES


def test_the_registry_knows_every_rule_file_and_no_other() -> None:
    from dbpool_lint.rules import registry

    with_files = {code for code in registry.known() if code not in {"DBP001", "DBP002"}}
    assert with_files == {_code(path) for path in MODULES} - {"DBP001", "DBP002"}
    assert {r.code for r in registry.RULES} >= with_files


def test_codes_and_names_are_used_once() -> None:
    from dbpool_lint.rules import registry

    assert len(set(registry.known().values())) == len(registry.known())
    assert len({r.code for r in registry.RULES}) == len(registry.RULES)


def test_cases_belong_to_rules() -> None:
    from dbpool_lint.rules import registry

    known = registry.known()
    for file in CASES.glob("*.md"):
        page = read(file)
        assert known.get(page.code) == page.name, file.name


@each_rule
def test_a_file_is_named_after_code_and_name(module: Path) -> None:
    rule = _rule(module)
    assert module.stem == f"{rule.code.lower()}_{rule.name.replace('-', '_')}"


@each_rule
def test_the_page_is_the_docstring(module: Path) -> None:
    assert (
        _rule(module).page.strip() == (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").strip()
    )


@each_rule
def test_the_page_has_the_headings_in_order(module: Path) -> None:
    expected = [h for h in HEADINGS if h != "Fix safety" or _rule(module).fixable]
    assert [section.title for section in _sections(module)] == expected


@each_rule
def test_the_page_says_something_under_every_heading(module: Path) -> None:
    for section in _sections(module):
        assert section.blocks or any(row.strip() for _, row in section.prose), section.title


@each_rule
def test_the_sources_are_addresses(module: Path) -> None:
    prose = "\n".join(row for _, row in _section(module, "Sources").prose)
    assert re.search(r"https://\S+", prose)


@each_rule
def test_the_example_gives_exactly_one_finding(module: Path, trials: Trials) -> None:
    assert len(_found(module, trials, _files(_section(module, "Example")))) == 1


@each_rule
def test_use_instead_gives_none(module: Path, trials: Trials) -> None:
    assert _found(module, trials, _instead(module)) == []


@each_rule
def test_a_safe_fix_turns_the_example_into_use_instead(module: Path, trials: Trials) -> None:
    rule = _rule(module)
    if rule.fixable is not Safety.SAFE:
        pytest.skip("no safe fix")
    files = _files(_section(module, "Example"))
    fixed = trials.fix(files, selection([rule.code], files), unsafe=False)
    assert fixed.texts == _instead(module)


@each_rule
def test_an_unsafe_fix_waits_to_be_asked_for(module: Path, trials: Trials) -> None:
    rule = _rule(module)
    if rule.fixable is not Safety.UNSAFE:
        pytest.skip("no unsafe fix")
    assert trials.fix(_files(_section(module, "Example")), [rule.code], unsafe=False).changed == {}


@each_rule
def test_a_rule_has_enough_cases_and_no_fewer_silent_ones(module: Path) -> None:
    file = CASES / f"{_code(module)}.md"
    assert file.exists(), f"no cases at {file}"
    cases = read(file).cases
    reported = sum(_code(module) in {mark.code for mark in case.marks} for case in cases)
    silent = sum(not case.marks for case in cases)
    assert reported >= ENOUGH
    assert silent >= max(ENOUGH, reported)


@each_rule
def test_the_changelog_names_the_rule(module: Path) -> None:
    assert _code(module) in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _code(module: Path) -> str:
    return module.stem.partition("_")[0].upper()


def _rule(module: Path) -> Rule:
    from dbpool_lint.rules import registry

    rule = registry.rule(_code(module))
    assert rule is not None, f"the registry does not know {module.name}"
    return rule


@functools.cache
def _sections(module: Path) -> tuple[Section, ...]:
    return tuple(sections(module, ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""))


def _section(module: Path, title: str) -> Section:
    found = [section for section in _sections(module) if section.title == title]
    assert found, f"no section `{title}`"
    return found[0]


def _files(section: Section) -> dict[str, str]:
    files = {block.path: block.text for block in section.blocks}
    assert files, f"`{section.title}` shows no code"
    assert len(files) == len(section.blocks), f"`{section.title}` shows a file twice"
    return files


def _found(module: Path, trials: Trials, files: dict[str, str]) -> list[tuple[str, int, str]]:
    """What the rule of `module` reports of `files`; rules that merely run beside it do not count."""
    findings = trials.lint(files, selection([_code(module)], files)).findings
    return [place for place in places(findings) if place[2] == _code(module)]


def _instead(module: Path) -> dict[str, str]:
    """The example's files with those of `Use instead` in their places; what is not shown again stays."""
    return {**_files(_section(module, "Example")), **_files(_section(module, "Use instead"))}
