"""Does the command line do what it was asked, say so, and end with the documented exit code?"""

from __future__ import annotations

import importlib
import io
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dbpool_lint import __version__, cli, job
from dbpool_lint.config import Configuration, Settings, SettingsError
from dbpool_lint.fixing import apply
from dbpool_lint.fixing.apply import Outcome
from dbpool_lint.model import Edit, Finding, Fix, Problem, Result, Safety, Severity, Source, Span
from dbpool_lint.rules import registry

SAFE = Fix(Safety.SAFE, "Add it", (Edit(0, 0, ""),))
UNSAFE = Fix(Safety.UNSAFE, "Move it", (Edit(0, 0, ""),))
FINDING = Finding("DBP101", "engine-in-handler", Severity.ERROR, "a pool", "app.py", Span(1, 1, 1, 2))
OTHER = Finding("DBP401", "missing-pre-ping", Severity.WARNING, "no ping", "app.py", Span(2, 1, 2, 2), SAFE)
BROKEN = Finding("DBP001", "syntax-error", Severity.ERROR, "invalid syntax", "app.py", Span(1, 1, 1, 2))
INPUT_PROBLEM = Problem("app.py", 3, "cannot be parsed")
OUR_PROBLEM = Problem("app.py", 0, "the fix of DBP401 gave text that does not parse", ours=True)
BEFORE = "x = 1\ny = 2\n"
AFTER = "x = 1\ny = 3\n"


@dataclass(frozen=True)
class Rule:
    code: str
    name: str
    severity: Severity = Severity.ERROR
    fixable: Safety | None = None
    default: bool = True
    page: str = "A pool for each request.\n\n## What it does\nIt finds pools.\n"


RULES = (Rule("DBP101", "engine-in-handler"), Rule("DBP401", "missing-pre-ping"))


@dataclass
class Stage:
    """What the pipeline will answer, and what it was asked."""

    root: Path
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    applied: tuple[Finding, ...] = ()
    fix_problems: tuple[Problem, ...] = ()
    commit_problems: tuple[Problem, ...] = ()
    changed: dict[str, tuple[Source, str]] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    overlays: list[Mapping[str, str]] = field(default_factory=list)
    committed: int = 0

    def lint(
        self, paths: Sequence[Path], configuration: Configuration, *, overlay: Mapping[str, str] | None = None
    ) -> Result:
        self.asked.append(("lint", list(paths), configuration))
        self.overlays.append(overlay or {})
        return self.result()

    def fix(self, paths: Sequence[Path], configuration: Configuration, *, unsafe: bool) -> Outcome:
        self.asked.append(("fix", list(paths), configuration, unsafe))
        return self.outcome()

    def rounds(self, lint: Callable[[Mapping[str, str]], Result], unsafe: bool, limit: int = 10) -> Outcome:
        lint({"other.py": "z\n"})
        return self.outcome()

    def commit(self, outcome: Outcome) -> tuple[Problem, ...]:
        self.committed += 1
        return self.commit_problems

    def result(self) -> Result:
        texts = {"app.py": Source(self.root / "app.py", "app.py", BEFORE)}
        return Result(self.root, self.findings, self.problems, ("app.py",), texts)

    def outcome(self) -> Outcome:
        return Outcome(
            changed=self.changed, applied=self.applied, result=self.result(), problems=self.fix_problems, rounds=1
        )

    def mends(self, *applied: Finding, text: str = AFTER) -> None:
        self.applied = applied
        self.changed = {"app.py": (Source(self.root / "app.py", "app.py", BEFORE), text)}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    (tmp_path / "app.py").write_text(BEFORE, encoding="utf-8")
    (tmp_path / "dbpool-lint.toml").write_text('ignore = ["DBP401"]\nextend-select = ["DBP4"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in ("NO_COLOR", "FORCE_COLOR", job.DEBUG):
        monkeypatch.delenv(variable, raising=False)
    made = Stage(tmp_path)
    monkeypatch.setattr("dbpool_lint.pipeline.lint", made.lint)
    monkeypatch.setattr("dbpool_lint.pipeline.fix", made.fix)
    monkeypatch.setattr(apply, "rounds", made.rounds)
    monkeypatch.setattr(apply, "commit", made.commit)
    monkeypatch.setattr(registry, "RULES", RULES)
    monkeypatch.setattr(registry, "known", lambda: {rule.code: rule.name for rule in RULES})
    monkeypatch.setattr(
        registry, "rule", lambda given: next((each for each in RULES if given in {each.code, each.name}), None)
    )
    return made


@dataclass
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(stage: Stage, capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> Said:
        code = cli.main(arguments)
        return Said(code, *capfd.readouterr())

    return call


def settings(stage: Stage) -> Any:
    return stage.asked[-1][2].settings


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


class TestRefusals:
    def test_an_unknown_option_shows_the_usage(self, run: Run) -> None:
        said = run("--fixx")
        assert said.code == 2
        assert said.err.startswith("Usage: dbpool-lint [OPTIONS] [PATHS]...\n")
        assert "--fixx" in said.err

    def test_a_path_that_is_not_there(self, run: Run, stage: Stage) -> None:
        assert run("app.py", "gone.py") == Said(2, "", "error: cannot read gone.py: No such file or directory\n")
        assert stage.asked == []

    def test_a_path_no_system_would_take(self, run: Run) -> None:
        assert run("a\x00b").code == 2
        assert run("a" * 5000).code == 2

    def test_a_path_that_may_not_be_read(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.access", lambda *_: False)
        assert run("app.py") == Said(2, "", "error: cannot read app.py: permission denied\n")
        assert run(".").code == 2

    def test_a_path_that_would_drive_the_terminal_or_hold_a_password(self, run: Run) -> None:
        said = run("\x1b[31m", "x")
        assert "\x1b" not in said.err
        assert "secret" not in run("x://u:secret@h").err

    @pytest.mark.parametrize("flag", ["--select", "--ignore", "--extend-select"])
    def test_an_unknown_rule(self, run: Run, flag: str) -> None:
        said = run(flag, "engine-in-handlers")
        assert said.code == 2
        assert "unknown rule `engine-in-handlers`" in said.err
        assert "did you mean `engine-in-handler`?" in said.err

    def test_settings_that_are_wrong(self, run: Run) -> None:
        Path("dbpool-lint.toml").write_text("slect = []\n", encoding="utf-8")
        said = run()
        assert said.code == 2
        assert said.err.startswith("error: dbpool-lint.toml:1: unknown setting `slect`")

    def test_a_settings_file_that_is_not_there(self, run: Run) -> None:
        assert run("--config", "gone.toml").code == 2

    def test_config_and_isolated_contradict(self, run: Run) -> None:
        assert run("--config", "dbpool-lint.toml", "--isolated").code == 2

    def test_standard_input_goes_alone(self, run: Run) -> None:
        assert run("-", "app.py").code == 2
        assert run("--stdin-filename", "app.py").code == 2
        assert run("--stdin-filename", "app.py", "app.py").code == 2

    def test_standard_input_outside_of_the_project(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        give(monkeypatch, b"")
        elsewhere = Configuration(Settings(), stage.root / "project")
        monkeypatch.setattr("dbpool_lint.config.discover", lambda *_, **__: elsewhere)
        assert "x.py is not below the project root" in run("-", "--stdin-filename", "x.py").err

    @pytest.mark.parametrize(
        "data", [b"\xff", b"# coding: nonsense\n", b"# coding: utf-8\n\xe9", b"# coding: rot13\n", b"x = 1\0"]
    )
    def test_standard_input_that_cannot_be_decoded(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, data: bytes
    ) -> None:
        give(monkeypatch, data)
        said = run("-")
        assert said.code == 2
        assert said.err.startswith("error: cannot decode standard input: ")

    def test_a_report_that_cannot_be_written(self, run: Run) -> None:
        assert run("--output-file", "no/where.txt") == Said(
            2, "", "error: cannot write no/where.txt: No such file or directory\n"
        )

    def test_an_unknown_rule_to_explain(self, run: Run) -> None:
        said = run("rule", "DBP102")
        assert said.code == 2
        assert said.err == "error: unknown rule `DBP102`; did you mean `DBP101`?\n"

    def test_a_subcommand_without_its_argument(self, run: Run) -> None:
        said = run("rule")
        assert said.code == 2
        assert said.err.startswith("Usage: dbpool-lint rule [OPTIONS] CODE_OR_NAME\n")


class TestWords:
    def test_no_words_lint_the_current_folder(self, run: Run, stage: Stage) -> None:
        assert run().code == 0
        assert stage.asked[0][:2] == ("lint", [Path()])

    def test_words_are_paths_and_options_stand_anywhere(self, run: Run, stage: Stage) -> None:
        Path("lib").mkdir()
        run("app.py", "--quiet", "lib")
        assert stage.asked[0][1] == [Path("app.py"), Path("lib")]

    def test_a_path_called_like_a_command_is_given_with_its_folder(self, run: Run, stage: Stage) -> None:
        Path("rules").mkdir()
        run("./rules")
        assert stage.asked[0][1] == [Path("rules")]

    def test_a_command_counts_as_first_word_only(self, run: Run, stage: Stage) -> None:
        Path("rules").mkdir()
        run("app.py", "rules")
        run("--quiet", "rules")
        assert [asked[1] for asked in stage.asked] == [[Path("app.py"), Path("rules")], [Path("rules")]]

    def test_a_path_that_looks_like_an_option_follows_two_dashes(self, run: Run, stage: Stage) -> None:
        Path("--fix").mkdir()
        run("--", "--fix")
        assert stage.asked[0][:2] == ("lint", [Path("--fix")])

    def test_help_shows_options_and_commands(self, run: Run) -> None:
        said = run("--help")
        assert said.code == 0
        for word in ("--fix ", "--output-format", "Commands:\n  rule ", "\n  rules ", "Exit codes:"):
            assert word in said.out
        assert run("rules", "-h").out.startswith("Usage: dbpool-lint rules ")

    def test_version(self, run: Run) -> None:
        assert run("--version") == Said(0, f"dbpool-lint {__version__}\n", "")


class TestSettings:
    def test_selected_rules_replace_those_of_the_settings(self, run: Run, stage: Stage) -> None:
        run("--select", "DBP101, DBP4", "--select", "missing-pre-ping")
        assert settings(stage).select == ("DBP101", "DBP4", "missing-pre-ping")
        assert (settings(stage).ignore, settings(stage).extend_select) == ((), ())

    def test_ignored_rules_add_to_those_of_the_settings(self, run: Run, stage: Stage) -> None:
        run("--ignore", "DBP1")
        assert settings(stage).ignore == ("DBP401", "DBP1")

    def test_further_selected_rules_are_not_ignored_by_the_settings(self, run: Run, stage: Stage) -> None:
        run("--extend-select", "DBP401")
        assert settings(stage).extend_select == ("DBP4", "DBP401")
        assert settings(stage).ignore == ()

    def test_isolated_reads_no_settings(self, run: Run, stage: Stage) -> None:
        run("--isolated")
        assert settings(stage).ignore == ()

    def test_config_names_the_file(self, run: Run, stage: Stage) -> None:
        Path("other.toml").write_text("pool-recycle = 7\n", encoding="utf-8")
        run("--config", "other.toml")
        assert (settings(stage).pool_recycle, settings(stage).ignore) == (7, ())

    def test_the_settings_in_force_are_shown_as_toml(self, run: Run, stage: Stage) -> None:
        Path("dbpool-lint.toml").write_text(
            '[per-file-ignores]\n"t\\u001b/*" = ["DBP1"]\n[contexts]\n', encoding="utf-8"
        )
        said = run("--show-settings", "--select", "DBP101")
        table = msgspec.toml.decode(said.out.replace("\\x1b", "\\u001b"))["tool"]["dbpool-lint"]
        assert said.code == 0
        assert table["select"] == ["DBP101"]
        assert table["per-file-ignores"] == {"t\x1b/*": ["DBP1"]}
        assert f"# settings: {stage.root / 'dbpool-lint.toml'}\n# project root: {stage.root}\n" in said.out
        assert stage.asked == []

    def test_the_schema_is_shown_whatever_the_settings_are(self, run: Run, stage: Stage) -> None:
        Path("dbpool-lint.toml").write_text("slect = []\n", encoding="utf-8")
        said = run("--show-schema")
        assert said.code == 0
        assert json.loads(said.out)["properties"]["pool-recycle"]["default"] == 1800
        assert stage.asked == []

    def test_defaults_are_called_so(self, run: Run) -> None:
        assert run("--show-settings", "--isolated").out.startswith("# settings: defaults\n")

    def test_the_files_to_lint_are_listed(self, run: Run, stage: Stage) -> None:
        Path("lib").mkdir()
        Path("lib/b.py").write_text("", encoding="utf-8")
        assert run("--show-files") == Said(0, "app.py\nlib/b.py\n", "")
        assert stage.asked == []


class TestLint:
    def test_nothing_found_is_success(self, run: Run) -> None:
        assert run() == Said(0, "No findings in 1 file.\n", "")

    def test_findings_fail(self, run: Run, stage: Stage) -> None:
        stage.findings = (FINDING,)
        said = run()
        assert said.code == 1
        assert said.out.startswith("app.py:1:1: DBP101 engine-in-handler a pool\n  |\n1 | x = 1\n")

    def test_exit_zero_forgives_findings_only(self, run: Run, stage: Stage) -> None:
        stage.findings = (FINDING,)
        assert run("--exit-zero").code == 0
        stage.problems = (OUR_PROBLEM,)
        assert run("--exit-zero").code == 3

    def test_paths_are_relative_to_the_working_folder(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.findings = (FINDING,)
        Path("docs").mkdir()
        monkeypatch.chdir("docs")
        assert run("..", "--output-format", "concise").out.startswith("../app.py:1:1: ")

    def test_json_goes_to_standard_output_alone(self, run: Run, stage: Stage) -> None:
        stage.findings, stage.problems = (BROKEN,), (INPUT_PROBLEM,)
        said = run("--output-format", "json")
        assert (said.code, said.err) == (1, "")
        assert json.loads(said.out)["problems"] == [{"path": "app.py", "line": 3, "message": "cannot be parsed"}]

    def test_a_problem_that_no_finding_tells_is_a_warning(self, run: Run, stage: Stage) -> None:
        stage.problems = (INPUT_PROBLEM,)
        assert run().err == "warning: app.py:3: cannot be parsed\n"
        assert run("--quiet").err == ""
        stage.findings = (BROKEN,)
        assert run().err == ""

    def test_a_problem_may_be_about_no_file(self, run: Run, stage: Stage) -> None:
        stage.problems = (Problem("", 0, "no file could be read"),)
        assert run().err == "warning: no file could be read\n"

    def test_a_fault_of_ours_is_told_even_when_quiet(self, run: Run, stage: Stage) -> None:
        stage.problems = (OUR_PROBLEM,)
        said = run("--quiet")
        assert said.code == 3
        assert said.err.startswith("error: app.py: the fix of DBP401")
        assert f"This is a fault of dbpool-lint {__version__}" in said.err

    def test_the_report_goes_to_a_file_without_colours(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        stage.findings = (replace(FINDING, message="日本"),)
        assert run("--output-file", "out.txt") == Said(1, "", "")
        written = Path("out.txt").read_text(encoding="utf-8")
        assert "日本" in written
        assert "\x1b" not in written

    def test_colours_can_be_forced(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        stage.findings = (FINDING,)
        assert "\x1b[1;31mDBP101\x1b[0m" in run().out
        assert "\x1b[1;31merror\x1b[0m: " in run("gone").err

    def test_statistics_replace_the_findings(self, run: Run, stage: Stage) -> None:
        stage.findings = (FINDING, OTHER)
        assert run("--statistics", "--quiet") == Said(
            1, "  1 DBP101 [ ] engine-in-handler\n  1 DBP401 [*] missing-pre-ping\n", ""
        )

    def test_unsafe_fixes_alone_counts_them_and_writes_nothing(self, run: Run, stage: Stage) -> None:
        stage.findings = (replace(FINDING, fix=UNSAFE),)
        assert "[*] 1 fixable with `--fix --unsafe-fixes`" in run("--unsafe-fixes").out
        assert [asked[0] for asked in stage.asked] == ["lint"]

    def test_no_cache_changes_nothing(self, run: Run) -> None:
        assert run("--no-cache") == run()


class TestFix:
    def test_what_was_fixed_and_what_is_left_is_told(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        stage.findings = (FINDING,)
        said = run("--fix", "--output-format", "concise")
        assert said == Said(
            1,
            "app.py:1:1: DBP101 engine-in-handler a pool\n"
            "Fixed 1 finding in 1 file:\n  1 DBP401 missing-pre-ping\n1 finding left in 1 file.\n",
            "",
        )
        assert stage.committed == 1
        assert stage.asked[0][3] is False

    def test_unsafe_fixes_are_asked_for(self, run: Run, stage: Stage) -> None:
        run("--fix", "--unsafe-fixes")
        assert stage.asked[0][3] is True

    def test_all_fixed_is_success_unless_told_otherwise(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        assert run("--fix").code == 0
        assert run("--fix", "--exit-non-zero-on-fix").code == 1
        assert run("--fix", "--exit-non-zero-on-fix", "--exit-zero").code == 0

    def test_nothing_fixed_is_success_even_then(self, run: Run) -> None:
        assert run("--fix", "--exit-non-zero-on-fix").code == 0

    def test_json_keeps_standard_output_to_itself(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        said = run("--fix", "--output-format", "json")
        assert json.loads(said.out)["findings"] == []
        assert said.err == "Fixed 1 finding in 1 file:\n  1 DBP401 missing-pre-ping\n"
        assert run("--fix", "--output-format", "json", "--quiet").err == ""

    def test_a_file_that_could_not_be_written_was_not_fixed(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        stage.commit_problems = (Problem("app.py", 0, "has changed on disk meanwhile"),)
        said = run("--fix", "--exit-zero")
        assert said == Said(2, "No findings in 1 file.\n", "warning: app.py: has changed on disk meanwhile\n")

    def test_a_fix_that_broke_the_text_is_our_fault(self, run: Run, stage: Stage) -> None:
        stage.fix_problems = (OUR_PROBLEM,)
        assert run("--fix").code == 3


class TestSettingsSeenLate:
    def test_a_setting_that_the_run_finds_wrong_is_no_fault_of_ours(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> Result:
            raise SettingsError(None, 0, "`exclude` has a pattern that cannot be understood")

        monkeypatch.setattr("dbpool_lint.pipeline.lint", refuse)
        assert run() == Said(2, "", "error: `exclude` has a pattern that cannot be understood\n")


class TestDiff:
    def test_it_shows_the_change_and_writes_nothing(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        said = run("--diff", "--fix")
        assert said.code == 1
        assert said.out == "--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n x = 1\n-y = 2\n+y = 3\n"
        assert said.err == "Would fix 1 finding in 1 file:\n  1 DBP401 missing-pre-ping\n"
        assert stage.committed == 0

    def test_nothing_to_change_is_success_whatever_was_found(self, run: Run, stage: Stage) -> None:
        stage.findings = (FINDING,)
        assert run("--diff") == Said(0, "", "Nothing would be fixed.\n")

    def test_exit_zero_and_quiet(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        said = run("--diff", "--exit-zero", "--quiet")
        assert (said.code, said.err) == (0, "")

    def test_it_goes_to_a_file(self, run: Run, stage: Stage) -> None:
        stage.mends(OTHER)
        assert run("--diff", "--output-file", "fix.patch").out == ""
        assert Path("fix.patch").read_text(encoding="utf-8").endswith("-y = 2\n+y = 3\n")

    def test_what_else_could_be_fixed_is_told(self, run: Run, stage: Stage) -> None:
        stage.findings = (replace(FINDING, fix=UNSAFE),)
        assert run("--diff").err == "Nothing would be fixed.\n1 with `--unsafe-fixes`.\n"
        assert run("--diff", "--unsafe-fixes").err == "Nothing would be fixed.\n"
        stage.mends(OTHER)
        assert run("--diff").err.endswith("\n1 more with `--unsafe-fixes`.\n")

    def test_only_a_terminal_gets_it_escaped(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.mends(OTHER, text="y = '\x1b'\r\n")
        assert "+y = '\x1b'\r\n" in run("--diff").out
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("NO_COLOR", "1")
        assert "+y = '\\x1b'\\r\n" in run("--diff").out

    def test_colours_can_be_forced(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        stage.mends(OTHER)
        assert "\x1b[32m+y = 3\x1b[0m\n" in run("--diff").out
        run("--diff", "--output-file", "fix.patch")
        assert "\x1b" not in Path("fix.patch").read_text(encoding="utf-8")


class TestStandardInput:
    def test_its_text_stands_for_the_named_file(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        give(monkeypatch, b"\xef\xbb\xbfz = 1\r\n")
        run("-", "--stdin-filename", "lib/new.py")
        assert stage.asked[0][1] == [Path("lib/new.py")]
        assert stage.overlays == [{"lib/new.py": "z = 1\r\n"}]

    def test_without_a_name_it_is_called_stdin(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        give(monkeypatch, b"")
        run("-")
        assert stage.overlays == [{"stdin.py": ""}]

    def test_its_encoding_is_read_from_the_cookie(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        give(monkeypatch, b"# coding: latin-1\nx = '\xe9'\n")
        run("-")
        assert stage.overlays == [{"stdin.py": "# coding: latin-1\nx = 'é'\n"}]

    def test_a_link_counts_as_where_it_leads(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        give(monkeypatch, b"")
        Path("real").mkdir()
        Path("link").symlink_to("real")
        run("-", "--stdin-filename", f"{stage.root}/link/x.py")
        assert set(stage.overlays[0]) <= {"link/x.py", "real/x.py"}

    def test_fixed_text_goes_to_standard_output_and_the_report_beside(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        give(monkeypatch, b"\xef\xbb\xbfy = 2\r\n")
        stage.mends(OTHER, text="y = 'x://u:pw@h'\r\n")
        code = cli.main(["-", "--stdin-filename", "app.py", "--fix"])
        out, err = capfdbinary.readouterr()
        assert code == 0
        assert out == b"\xef\xbb\xbfy = 'x://u:pw@h'\r\n"
        assert err.decode().endswith("No findings left in 1 file.\n")
        assert stage.committed == 0
        assert stage.overlays == [{"app.py": "y = 2\r\n", "other.py": "z\n"}]

    def test_a_fixed_text_that_its_encoding_cannot_hold_is_refused(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        give(monkeypatch, b"# coding: latin-1\n")
        stage.mends(OTHER, text="# coding: latin-1\n# \u65e5\n")
        said = run("-", "--stdin-filename", "app.py", "--fix")
        assert (said.code, said.out) == (2, "")
        assert "does not fit the encoding" in said.err

    def test_text_with_nothing_to_fix_comes_back_as_it_was(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        give(monkeypatch, b"# coding: latin-1\r\n\x0c\xe9")
        cli.main(["-", "--fix", "--quiet"])
        assert capfdbinary.readouterr() == (b"# coding: latin-1\r\n\x0c\xe9", b"")

    def test_the_report_of_a_fix_may_go_to_a_file(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        give(monkeypatch, b"y\n")
        assert run("-", "--fix", "--output-file", "out.txt") == Said(0, "y\n", "")
        assert Path("out.txt").read_text(encoding="utf-8") == "No findings in 1 file.\n"

    def test_a_diff_of_it(self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        give(monkeypatch, BEFORE.encode())
        stage.mends(OTHER)
        said = run("-", "--stdin-filename", "app.py", "--diff")
        assert said.code == 1
        assert said.out.endswith("-y = 2\n+y = 3\n")


class TestRules:
    @pytest.mark.parametrize("selector", ["DBP101", "dbp101", "engine-in-handler", "Engine-In-Handler"])
    def test_a_rule_is_explained_by_code_and_by_name(self, run: Run, selector: str) -> None:
        said = run("rule", selector)
        assert said.code == 0
        assert said.out.startswith("DBP101 engine-in-handler\n")
        assert "What it does\nIt finds pools.\n" in said.out

    def test_a_page_fits_the_terminal(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "8")
        assert "What it does\nIt finds\npools.\n" in run("rule", "DBP101").out

    def test_all_are_listed(self, run: Run) -> None:
        said = run("rules")
        assert (said.code, said.out.count("\n")) == (0, 2)

    def test_all_are_listed_as_json(self, run: Run) -> None:
        listed = json.loads(run("rules", "--output-format", "json").out)
        assert [each["code"] for each in listed] == ["DBP101", "DBP401"]


class TestFaults:
    def break_it(self, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
        def fail(*_: object, **__: object) -> Result:
            raise error

        monkeypatch.setattr("dbpool_lint.pipeline.lint", fail)

    def test_what_nobody_expected_is_one_message(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.break_it(monkeypatch, RuntimeError("x://u:secret@h \x1b"))
        said = run()
        assert (said.code, said.out) == (3, "")
        assert said.err.startswith("error: RuntimeError: x://u:***@h \\x1b\nDBPOOL_LINT_DEBUG=1 shows where.\n")
        assert "Please report it" in said.err
        assert "Traceback" not in said.err

    def test_the_traceback_is_there_for_who_asks(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(job.DEBUG, "1")
        self.break_it(monkeypatch, RuntimeError("oops"))
        said = run()
        assert said.code == 3
        assert "Traceback (most recent call last)" in said.err
        assert "This is a fault of dbpool-lint" in said.err

    def test_an_interruption_is_quiet(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.break_it(monkeypatch, KeyboardInterrupt())
        said = run()
        assert (said.code, said.out) == (130, "")
        assert "Traceback" not in said.err


class Full(io.TextIOWrapper):
    """A stream that takes nothing more, for the reason given."""

    def __init__(self, error: OSError) -> None:
        super().__init__(io.BytesIO())
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


class TestStreams:
    def test_a_reader_who_has_gone_changes_nothing(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.findings = (FINDING,)
        monkeypatch.setattr("sys.stdout", Full(BrokenPipeError()))
        assert cli.main([]) == 1

    def test_a_full_disk_is_told(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdout", Full(OSError(28, "No space left on device")))
        assert cli.main([]) == 2
        assert capsys.readouterr().err == "error: cannot write to standard output: No space left on device\n"

    def test_a_full_standard_error_changes_nothing(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stderr", Full(OSError(28, "No space left on device")))
        assert cli.main(["gone.py"]) == 2

    @pytest.mark.parametrize("closed", ["sys.stdout", "sys.stderr"])
    def test_closed_streams_are_left_alone(self, stage: Stage, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
        monkeypatch.setattr(closed, None)
        stage.findings = (FINDING,)
        assert [cli.main([]), cli.main(["gone.py"]), cli.main(["--diff"])] == [1, 2, 0]

    def test_fixed_text_for_nobody_is_dropped(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        give(monkeypatch, b"x\n")
        monkeypatch.setattr("sys.stdout", None)
        assert cli.main(["-", "--fix"]) == 0

    def test_a_closed_standard_input_is_refused(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", None)
        assert run("-") == Said(2, "", "error: cannot read standard input: it is closed\n")

    def test_a_folder_as_standard_input_is_refused(
        self, run: Run, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Folder(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, _: object) -> int:
                raise IsADirectoryError(21, "Is a directory")

        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Folder())))
        assert run("-") == Said(2, "", "error: cannot read standard input: Is a directory\n")


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["dbpool_lint", "--version"])
    monkeypatch.delitem(sys.modules, "dbpool_lint.__main__", raising=False)
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("dbpool_lint", run_name="__main__")
    assert capfd.readouterr().out == f"dbpool-lint {__version__}\n"


def test_importing_that_module_runs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("dbpool_lint.__main__")
    assert capfd.readouterr().out == ""


class TestProcess:
    """What only a process of its own shows."""

    @staticmethod
    def start(*arguments: str, **given: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=False, text=True, capture_output="stdout" not in given, **given)

    def test_it_runs_as_a_module(self) -> None:
        assert self.start("-m", "dbpool_lint", "--version").stdout == f"dbpool-lint {__version__}\n"

    def test_a_wrong_word_ends_with_two(self) -> None:
        assert self.start("-m", "dbpool_lint", "no/such/path").returncode == 2

    def test_help_and_version_wait_for_nothing_heavy(self) -> None:
        program = (
            "import sys; from dbpool_lint.cli import main; main(['--version']); main(['--help']);"
            "sys.exit(str({'rich', 'libcst', 'sqlalchemy', 'msgspec', 'dbpool_lint.config'} & set(sys.modules)))"
        )
        assert self.start("-c", program).stderr.strip() == "set()"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_full_disk_ends_with_one_message(self) -> None:
        with open("/dev/full", "w") as full:  # noqa: PTH123
            done = self.start("-m", "dbpool_lint", "rules", stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert done.stderr == "error: cannot write to standard output: No space left on device\n"

    @pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
    def test_a_pipe_nobody_reads_is_quiet(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        done = self.start("-m", "dbpool_lint", "rules", stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")
