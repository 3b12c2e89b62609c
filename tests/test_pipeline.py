"""Do the stages hand on what they should: overlays, ignores, contexts, faults, and the project around a file?"""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Project
from trial import configuration, lint, places, plant

from dbpool_lint import pipeline
from dbpool_lint.config import SettingsError
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module
from dbpool_lint.model import Problem, Result, Source, Span
from dbpool_lint.rules import registry
from dbpool_lint.rules.base import Violation
from dbpool_lint.sources import syntax

SLEEPS = "import time\n\n\nasync def f():\n    time.sleep(1)\n"
QUIET = "import time\n\n\ndef f():\n    time.sleep(1)\n"
SHOP = {
    "shop/db.py": "from sqlalchemy import create_engine\n\n\ndef connect():\n    return create_engine('postgresql://db/shop')\n",
    "shop/naps.py": "import time\n\n\ndef nap():\n    time.sleep(1)\n",
    "shop/service.py": "from shop import db, naps\n\n\ndef load():\n    naps.nap()\n    return db.connect()\n",
    "shop/api.py": "from fastapi import FastAPI\nfrom shop.service import load\n\napp = FastAPI()\n\n\n"
    "@app.get('/')\nasync def route():\n    return load()\n",
}
_parse = syntax.parse
FIXTURES = Path(__file__).parents[1] / "fixtures"


def _lint(root: Path, *names: str) -> Result:
    return pipeline.lint([root / name for name in names], configuration(root))


# what cannot be read


def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_judged(project: Project) -> None:
    root = project({"a.py": "x = (\n", "b.py": SLEEPS, "c.py": b"x = '\xff'\n", "d.py": b"\0"})
    result = lint(root)
    assert places(result.findings) == [
        ("a.py", 1, "DBP001"),
        ("b.py", 5, "DBP301"),
        ("c.py", 1, "DBP001"),
        ("d.py", 1, "DBP001"),
    ]
    assert [problem.name for problem in result.problems] == ["a.py", "c.py", "d.py"]
    assert not any(problem.ours for problem in result.problems)


def test_the_finding_for_an_unreadable_file_goes_when_its_rule_is_off_and_the_problem_stays(project: Project) -> None:
    result = lint(project({"a.py": "x = (\n"}), ["DBP301"])
    assert result.findings == ()
    assert [problem.name for problem in result.problems] == ["a.py"]


def test_a_named_file_that_does_not_exist_is_a_problem(project: Project) -> None:
    root = project({"a.py": SLEEPS})
    result = _lint(root, "a.py", "absent.py")
    assert places(result.findings) == [("a.py", 5, "DBP301"), ("absent.py", 1, "DBP001")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_without_permission_is_a_problem(project: Project) -> None:
    root = project({"a.py": SLEEPS, "b.py": SLEEPS})
    (root / "b.py").chmod(0)
    assert places(lint(root).findings) == [("a.py", 5, "DBP301"), ("b.py", 1, "DBP001")]


def test_an_unreadable_file_that_is_not_asked_for_is_no_problem(project: Project) -> None:
    root = project({"a.py": SLEEPS, "b.py": "x = (\n", "c.py": b"\xff"})
    result = _lint(root, "a.py")
    assert places(result.findings) == [("a.py", 5, "DBP301")]
    assert result.problems == ()
    assert result.files == ("a.py",)


def test_a_deployment_file_that_cannot_be_read_is_a_problem_and_no_finding(project: Project) -> None:
    root = project(
        {"a.py": SLEEPS, "pgbouncer.ini": "no section\n", "compose.yml": "# bouncer\na: [\n", ".env": b"\xff\0"}
    )
    result = lint(root)
    assert places(result.findings) == [("a.py", 5, "DBP301")]
    assert {"pgbouncer.ini", "compose.yml"} <= {problem.name for problem in result.problems}


def test_a_statement_nested_too_deeply_is_a_problem_and_the_rest_of_the_file_is_judged(project: Project) -> None:
    root = project({"a.py": SLEEPS + "time.sleep(" + "1 + " * 1_000 + "1)\n"})
    result = lint(root)
    assert places(result.findings) == [("a.py", 5, "DBP301")]
    assert result.problems == (Problem("a.py", 6, "nested too deeply to be judged"),)


def test_a_statement_that_only_libcst_refuses_is_a_problem_with_its_line(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(source: Source, line: int, start: int, end: int) -> syntax.Chunk:
        broken = source.text[:end].replace("sleep(2)", "sleep(2")
        return _parse(dataclasses.replace(source, text=broken), line, start, len(broken))

    monkeypatch.setattr(syntax, "parse", parse)
    result = lint(project({"a.py": f"{SLEEPS}\n\nasync def g():\n    pass\n    time.sleep(2)\n"}))
    assert places(result.findings) == [("a.py", 5, "DBP301")]
    (problem,) = result.problems
    assert (problem.name, problem.message) == ("a.py", "LibCST cannot parse this statement, so it is not judged")
    assert problem.line in (10, 11)


def test_code_too_deep_for_pythons_stack_is_a_problem(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(*_: object) -> syntax.Chunk:
        raise RecursionError

    monkeypatch.setattr(syntax, "parse", overflow)
    assert lint(project({"a.py": SLEEPS})).problems == (Problem("a.py", 4, "nested too deeply to be judged"),)


@pytest.mark.parametrize("collects", [True, False])
def test_what_belongs_to_the_host_is_put_back(project: Project, collects: bool) -> None:
    root = project({"a.py": SLEEPS})
    limit, enabled = sys.getrecursionlimit(), gc.isenabled()
    try:
        sys.setrecursionlimit(2_345)
        (gc.enable if collects else gc.disable)()
        lint(root)
        assert (sys.getrecursionlimit(), gc.isenabled()) == (2_345, collects)
    finally:
        sys.setrecursionlimit(limit)
        (gc.enable if enabled else gc.disable)()


# a rule that fails


def _failing(module: Module, linked: Linked) -> Iterator[Violation]:
    if module.name == "a.py":
        raise LookupError("stumbled")
    yield from ()


def test_a_rule_that_fails_on_a_file_is_our_problem_and_takes_nothing_else_with_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = registry.checks()
    monkeypatch.setattr(registry, "checks", lambda: ((first[0], _failing), *others))
    result = lint(project({"a.py": SLEEPS, "b.py": SLEEPS}))
    assert places(result.findings) == [("a.py", 5, "DBP301"), ("b.py", 5, "DBP301")]
    assert result.problems == (
        Problem("a.py", 0, f"{first[0].code} failed on this file: LookupError: stumbled", ours=True),
    )


def test_a_rule_that_fails_everywhere_is_given_up_after_some_files(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everywhere(module: Module, linked: Linked) -> Iterator[Violation]:
        raise LookupError(module.name)

    first, *others = registry.checks()
    monkeypatch.setattr(registry, "checks", lambda: ((first[0], everywhere), *others))
    result = lint(project({f"{letter}.py": SLEEPS for letter in "abcdefgh"}))
    assert len(result.findings) == 8
    assert [problem.name for problem in result.problems] == ["a.py", "b.py", "c.py"]


def test_a_rule_that_is_not_selected_is_not_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "checks", lambda: ((registry.rule("DBP101"), _failing),))
    root = project({"a.py": SLEEPS})
    assert lint(root, ["DBP301"]).problems == ()
    assert len(lint(root, ["engine-in-handler"]).problems) == 1


# overlays


def test_an_overlay_is_judged_in_place_of_the_file(project: Project) -> None:
    root = project({"a.py": QUIET, "b.py": SLEEPS})
    result = lint(root, overlay={"a.py": f"\n\n{SLEEPS}", "b.py": QUIET})
    assert places(result.findings) == [("a.py", 7, "DBP301")]
    assert result.texts["a.py"].text == f"\n\n{SLEEPS}"
    assert (root / "a.py").read_text(encoding="utf-8") == QUIET


def test_an_overlay_changes_what_other_files_mean(project: Project) -> None:
    root = project(SHOP)
    harmless = SHOP["shop/service.py"].replace("    naps.nap()\n", "")
    assert places(lint(root, ["DBP301"]).findings) == [("shop/api.py", 9, "DBP301")]
    assert places(lint(root, ["DBP301"], {"shop/service.py": harmless}).findings) == []


def test_an_overlay_may_be_of_a_file_that_does_not_exist(project: Project) -> None:
    root = project({"a.py": QUIET})
    result = pipeline.lint([root / "new.py"], configuration(root), overlay={"new.py": SLEEPS})
    assert places(result.findings) == [("new.py", 5, "DBP301")]
    assert result.problems == ()


def test_an_overlay_may_be_of_a_file_that_cannot_be_read(project: Project) -> None:
    root = project({"a.py": b"\xff"})
    assert places(lint(root, overlay={"a.py": SLEEPS}).findings) == [("a.py", 5, "DBP301")]


def test_an_overlay_that_does_not_parse_is_reported(project: Project) -> None:
    assert places(lint(project({"a.py": SLEEPS}), overlay={"a.py": "x = ("}).findings) == [("a.py", 1, "DBP001")]


def test_a_workspace_can_be_asked_again_with_other_overlays(project: Project) -> None:
    root = project({"a.py": SLEEPS, "b.py": SLEEPS})
    workspace = pipeline.Workspace([root], configuration(root))
    both, one = places(workspace.lint({}).findings), places(workspace.lint({"a.py": QUIET}).findings)
    assert (len(both), one) == (2, [("b.py", 5, "DBP301")])
    assert places(workspace.lint({}).findings) == both


# settings


def _settings(text: str) -> dict[str, str]:
    return {"pyproject.toml": f"[tool.dbpool-lint]\n{text}\n"}


@pytest.mark.parametrize("selector", ["DBP301", "DBP3", "DBP", "sleep-in-async"])
def test_per_file_ignores_drop_findings_by_pattern_and_selector(project: Project, selector: str) -> None:
    settings = _settings(f'per-file-ignores = {{ "old/*.py" = ["{selector}"], "new/" = ["DBP101"] }}')
    root = project({"old/a.py": SLEEPS, "new/b.py": SLEEPS, **settings})
    assert places(lint(root).findings) == [("new/b.py", 5, "DBP301")]


def test_per_file_ignores_drop_unused_suppressions_too(project: Project) -> None:
    unused = "x = 1  # noqa: DBP301\n"
    root = project({"a.py": unused, "b.py": unused, **_settings('per-file-ignores = { "a.py" = ["DBP002"] }')})
    assert places(lint(root).findings) == [("b.py", 1, "DBP002")]


def test_comments_silence_findings_and_unused_ones_are_found(project: Project) -> None:
    silenced = SLEEPS.replace("sleep(1)", "sleep(1)  # noqa: DBP301")
    root = project({"a.py": silenced, "b.py": QUIET.replace("sleep(1)", "sleep(1)  # noqa: DBP301")})
    assert places(lint(root).findings) == [("b.py", 5, "DBP002")]
    assert places(lint(root, ["DBP301"]).findings) == []


def test_nothing_is_reported_in_what_the_settings_call_a_test(project: Project) -> None:
    files = {"app.py": SLEEPS, "checks/a.py": SLEEPS, "tests/b.py": SLEEPS}
    contexts = '[tool.dbpool-lint.contexts]\n"checks/" = "test"\n"tests/" = "application"\n'
    assert places(lint(project({**files, "pyproject.toml": contexts})).findings) == [
        ("app.py", 5, "DBP301"),
        ("tests/b.py", 5, "DBP301"),
    ]


def test_a_selector_that_is_no_rule_is_an_error_of_the_settings(project: Project) -> None:
    with pytest.raises(SettingsError, match="DBP999"):
        lint(project({"a.py": "", **_settings('select = ["DBP999"]')}))


def test_blocking_calls_of_the_settings_are_followed(project: Project) -> None:
    text = "from shop.net import fetch\n\n\nasync def f():\n    fetch()\n"
    root = project({"a.py": text, **_settings('blocking-calls = ["shop.net.fetch"]')})
    assert places(lint(root).findings) == [("a.py", 5, "DBP301")]


# the project around a file


def test_one_changed_file_is_judged_with_the_whole_project_in_view(project: Project) -> None:
    root = project(SHOP)
    whole = lint(root)
    assert {finding.name for finding in whole.findings} == {"shop/db.py", "shop/api.py"}
    for name in SHOP:
        part = _lint(root, name)
        assert part.findings == tuple(finding for finding in whole.findings if finding.name == name)
        assert part.files == (name,)


@pytest.mark.parametrize("name", ["shop", "ledger"])
def test_every_file_of_a_fixture_gives_alone_what_it_gives_with_the_others(name: str, tmp_path: Path) -> None:
    files = {str(p.relative_to(FIXTURES / name)): p.read_bytes() for p in (FIXTURES / name).rglob("*") if p.is_file()}
    root = plant(tmp_path, files)
    whole = lint(root)
    assert whole.findings
    for file in whole.files:
        assert _lint(root, file).findings == tuple(f for f in whole.findings if f.name == file)


def test_files_outside_of_the_root_are_left_out(project: Project, tmp_path: Path) -> None:
    root = project({"a.py": SLEEPS})
    (tmp_path / "outside.py").write_text(SLEEPS, encoding="utf-8")
    result = pipeline.lint([root, tmp_path / "outside.py"], configuration(root))
    assert places(result.findings) == [("a.py", 5, "DBP301")]


def test_findings_and_problems_are_sorted_whatever_the_order_of_the_paths(project: Project) -> None:
    root = project({"b.py": SLEEPS, "a.py": "x = (\n", "c/d.py": SLEEPS})
    assert _lint(root, "c", "b.py", "a.py") == _lint(root, "a.py", "b.py", "c")
    assert [finding.name for finding in lint(root).findings] == ["a.py", "b.py", "c/d.py"]


# places


def test_a_finding_spans_the_expression_and_its_steps_name_the_functions_on_the_way(project: Project) -> None:
    (finding,) = lint(project(SHOP), ["DBP101"]).findings
    assert (finding.name, finding.span) == ("shop/db.py", Span(5, 12, 5, 49))
    steps = [(step.name, step.span.line, step.span.column) for step in finding.related]
    assert steps[0] == ("shop/api.py", 8, 11)
    assert [name for name, _, _ in steps[1:]] == ["shop/api.py", "shop/service.py"]


def test_a_fix_is_offered_only_where_a_recipe_can_be_carried_out(project: Project) -> None:
    findings = lint(project({"a.py": SLEEPS, "b.py": SLEEPS.replace("f():", "f(asyncio):")})).findings
    assert [(finding.name, finding.fix is not None) for finding in findings] == [("a.py", True), ("b.py", False)]
