"""Does flake8 report what the command line reports, whatever the file, the options and the number of jobs?"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
import tomli
from conftest import Project
from flake8.api.legacy import get_style_guide
from flake8.main.cli import main as flake8_main
from flake8.utils import stdin_get_value

from dbpool_lint.flake8_plugin import LISTS, Plugin, name_below

ROOT = Path(__file__).parents[1]
HEAVY = {"libcst", "sqlalchemy", "msgspec", "pathspec", "yaml", "rich", "click"}
SLEEPY = "import time\n\n\nasync def nap():\n    time.sleep(1)\n"
PLACES = ("--format", "%(path)s:%(row)d:%(col)d:%(code)s")

Place = tuple[str, int, int, str]
Report = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="session")
def entry_points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the import path that makes the plugin known where the package is on the path but not installed."""
    folder = tmp_path_factory.mktemp("installed")
    if any(True for _ in importlib.metadata.entry_points(group="flake8.extension", name="DBP")):
        return folder
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["flake8.extension"].items())
    described = folder / "dbpool_lint-0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: dbpool-lint\nVersion: 0\n", encoding="utf-8")
    (described / "entry_points.txt").write_text(f"[flake8.extension]\n{points}", encoding="utf-8")
    return folder


@pytest.fixture
def environment(entry_points: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For this process and for those it starts: the plugin is installed, and no coloured output is asked for."""
    monkeypatch.syspath_prepend(entry_points)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(entry_points)]))


pytestmark = pytest.mark.usefixtures("environment")


def run(folder: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """A Python process in `folder` with these arguments."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def flake8(folder: Path, *arguments: str, stdin: str | None = None) -> list[str]:
    """The lines that a real flake8 prints in `folder`. Nothing may stand on standard error."""
    done = run(folder, "-m", "flake8", *arguments, stdin=stdin)
    assert (done.stderr, done.returncode) == ("", 1 if done.stdout else 0)
    return done.stdout.splitlines()


def by_flake8(folder: Path, *arguments: str) -> list[Place]:
    rows = (line.split(":") for line in flake8(folder, "--select", "DBP", *PLACES, *arguments))
    return sorted((path.removeprefix("./"), int(row), int(column), code) for path, row, column, code in rows)


def by_command_line(folder: Path, *arguments: str) -> list[Place]:
    done = run(folder, "-m", "dbpool_lint", "--output-format", "json", *arguments)
    assert done.returncode in {0, 1}, done.stderr
    return sorted((f["path"], f["line"], f["column"], f["code"]) for f in json.loads(done.stdout)["findings"])


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Report:
    """`report(folder, *arguments)`: exit code and lines of flake8 in this very process; our codes only."""

    def run_here(folder: Path, *arguments: str) -> tuple[int, list[str]]:
        monkeypatch.chdir(folder)
        code = flake8_main(["-j1", "--select", "DBP", *PLACES, *arguments])
        return code, capsys.readouterr().out.splitlines()

    return run_here


# --- what it costs


def test_loading_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    program = "import sys, dbpool_lint.flake8_plugin; print(*(name.partition('.')[0] for name in sys.modules))"
    assert HEAVY.isdisjoint(run(tmp_path, "-c", program).stdout.split())


def test_a_project_without_a_database_imports_no_syntax_trees_and_no_sqlalchemy(project: Project) -> None:
    root = project({"app.py": "def add(a: int, b: int) -> int:\n    return a + b\n"})
    done = run(root, "-X", "importtime", "-m", "flake8", "-j1", ".")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "dbpool_lint" in imported
    assert {"libcst", "sqlalchemy"}.isdisjoint(imported)


# --- where it keeps silent


def test_a_file_that_does_not_parse_is_left_to_flake8(project: Project) -> None:
    root = project({"broken.py": "def f(:\n", "fine.py": SLEEPY})
    codes = [line.split(":")[0::3] for line in flake8(root, "--select", "DBP,E9", "-j1", *PLACES, ".")]
    assert codes == [["./broken.py", "E999"], ["./fine.py", "DBP301"]]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\ufeffimport time\n", id="byte order mark"),
        pytest.param("x = 1\r\ny = 2\r\n", id="other line ends"),
        pytest.param("x = '\x0c'\n", id="form feed"),
        pytest.param(f"x = {'(' * 150}{')' * 150}\n", id="deep nesting"),
        pytest.param("# -*- coding: nonsense -*-\nx = 1\n", id="unknown encoding"),
    ],
)
def test_no_file_makes_it_fail(project: Project, text: str) -> None:
    root = project({"odd.py": text, "fine.py": SLEEPY})
    assert any("DBP301" in line for line in flake8(root, "-j1", "."))


def test_bytes_that_are_no_text_do_not_make_it_fail(project: Project) -> None:
    root = project({"odd.py": b"x = '\xe9'\n", "fine.py": SLEEPY})
    assert ("fine.py", 5, 5, "DBP301") in by_flake8(root, "-j1", ".")


def test_an_excluded_file_is_not_reported(project: Project, report: Report) -> None:
    settings = '[tool.dbpool-lint]\nextend-exclude = ["old/"]\n'
    root = project({"pyproject.toml": settings, "old/app.py": SLEEPY, "app.py": SLEEPY})
    _, lines = report(root, "app.py", "old/app.py")
    assert lines == ["app.py:5:5:DBP301"]


def test_a_file_outside_the_root_is_not_reported(project: Project, tmp_path: Path, report: Report) -> None:
    root = project({"app.py": SLEEPY})
    (tmp_path / "elsewhere.py").write_text(SLEEPY, encoding="utf-8")
    assert report(root, "app.py") == (1, ["app.py:5:5:DBP301"])
    assert Plugin.project().findings("app.py", [])
    assert Plugin.project().findings("../elsewhere.py", []) == ()


def test_a_link_counts_as_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert name_below(tmp_path / "real", str(tmp_path / "link" / "app.py")) == "app.py"
    assert name_below(tmp_path / "link", str(tmp_path / "real" / "app.py")) == "app.py"
    assert name_below(tmp_path / "real", str(tmp_path / "app.py")) is None


# --- the same findings


PROJECT = {
    "shop/__init__.py": "",
    "shop/waiting.py": "import time\n\n\ndef wait():\n    time.sleep(1)\n",
    "shop/routes.py": (
        "from fastapi import FastAPI\n\nfrom shop.waiting import wait\n\napp = FastAPI()\n\n\n"
        '@app.get("/")\nasync def index():\n    "é"; wait()\n'
    ),
    "shop/db.py": (
        "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker\n\n"
        'engine = create_engine("postgresql://db.internal/shop")\nSessionLocal = sessionmaker(engine)\n\n\n'
        "def count():\n    session = SessionLocal()\n    return session.execute('select 1').scalar()\n"
    ),
    "shop/naps.py": SLEEPY,
}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_findings_are_those_of_the_command_line(project: Project, jobs: str) -> None:
    root = project(PROJECT)
    found = by_flake8(root, "-j", jobs, ".")
    assert found == by_command_line(root, ".")
    assert {code for _, _, _, code in found} >= {"DBP201", "DBP301", "DBP401"}
    assert ("shop/routes.py", 10, 10, "DBP301") in found


def test_one_file_is_judged_with_the_project_around_it(project: Project) -> None:
    root = project(PROJECT)
    assert by_flake8(root, "shop/routes.py") == by_command_line(root, "shop/routes.py")
    assert by_flake8(root, "shop/routes.py") == [("shop/routes.py", 10, 10, "DBP301")]


def test_a_file_that_git_ignores_is_judged_where_it_is_named(project: Project) -> None:
    root = project({**PROJECT, ".gitignore": "naps.py\n"})
    named = ("shop/naps.py", "shop/db.py")
    assert by_flake8(root, "-j2", *named) == by_command_line(root, *named)
    assert ("shop/naps.py", 5, 5, "DBP301") in by_flake8(root, *named)
    assert by_flake8(root) == by_command_line(root)


def test_the_message_starts_with_the_code_and_the_name(project: Project) -> None:
    [line] = flake8(project({"app.py": SLEEPY}), "--select", "DBP", "--format", "%(code)s %(text)s", "app.py")
    assert line.startswith("DBP301 sleep-in-async: ")


@pytest.mark.parametrize(
    "comment", ["# noqa", "# noqa: DBP301", "# noqa: DBP3", "# dbpool: ignore", "# dbpool: ignore[sleep-in-async]"]
)
def test_what_is_silenced_for_the_command_line_is_silenced_for_flake8(
    project: Project, report: Report, comment: str
) -> None:
    root = project({"app.py": SLEEPY.replace("(1)", f"(1)  {comment}")})
    assert report(root, "app.py") == (0, [])


def test_an_unused_noqa_is_left_to_flake8_but_our_own_comments_are_reported(project: Project, report: Report) -> None:
    root = project({"app.py": "x = 1  # noqa: DBP301\ny = 1  # dbpool: ignore[sleep-in-async]\n"})
    _, lines = report(root, "app.py")
    assert [line.split(":")[1::2] for line in lines] == [["2", "DBP002"]]
    assert [row for _, row, _, _ in by_command_line(root, "app.py")] == [1, 2]


# --- standard input


def test_standard_input_is_judged_in_place_of_the_file(project: Project) -> None:
    root = project({**PROJECT, "shop/routes.py": "x = 1\n"})
    stdin = ("--select", "DBP", *PLACES, "--stdin-display-name", "shop/routes.py", "-")
    assert flake8(root, *stdin, stdin=PROJECT["shop/routes.py"]) == ["shop/routes.py:10:10:DBP301"]
    assert flake8(root, *stdin, stdin="y = 2\n") == []


def test_standard_input_is_read_in_the_process_of_flake8(
    project: Project, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin_get_value.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SLEEPY.encode())))
    assert report(project({}), "--stdin-display-name", "app.py", "-") == (1, ["app.py:5:5:DBP301"])
    stdin_get_value.cache_clear()


def test_standard_input_may_be_a_file_that_is_not_there_yet(project: Project) -> None:
    root = project(PROJECT)
    stdin = ("--select", "DBP", *PLACES, "--stdin-display-name", "shop/new.py", "-")
    assert flake8(root, *stdin, stdin=SLEEPY) == ["shop/new.py:5:5:DBP301"]


def test_standard_input_without_a_name_is_judged_too(project: Project) -> None:
    lines = flake8(project(PROJECT), "--select", "DBP", *PLACES, "-", stdin=SLEEPY)
    assert lines == ["stdin:5:5:DBP301"]


# --- options


def test_each_setting_that_is_no_table_has_an_option() -> None:
    from dbpool_lint.config import Settings

    tables = {"per-file-ignores", "contexts"}
    values = {"pool-recycle", "call-depth", "pgbouncer"}
    assert {*LISTS, *values, *tables} == set(Settings.__struct_encode_fields__)


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        pytest.param([], {"DBP301", "DBP401", "DBP402"}, id="none"),
        pytest.param(["--dbpool-select", "DBP4"], {"DBP401", "DBP402"}, id="select"),
        pytest.param(["--dbpool-select", "DBP301,missing-recycle"], {"DBP301", "DBP402"}, id="select by name"),
        pytest.param(
            ["--dbpool-select=DBP3", "--dbpool-extend-select=DBP401"], {"DBP301", "DBP401"}, id="extend-select"
        ),
        pytest.param(["--dbpool-ignore", "DBP4"], {"DBP301"}, id="ignore"),
        pytest.param(["--dbpool-extend-exclude", "db.py"], {"DBP301"}, id="extend-exclude"),
        pytest.param(["--dbpool-exclude", "app.py"], {"DBP401", "DBP402"}, id="exclude"),
    ],
)
def test_an_option_wins_over_the_settings(
    project: Project,
    report: Report,
    arguments: list[str],
    codes: set[str],
) -> None:
    root = project({"app.py": SLEEPY, "db.py": PROJECT["shop/db.py"].split("\n\n\n")[0] + "\n"})
    _, lines = report(root, *arguments, ".")
    assert {line.rpartition(":")[2] for line in lines} == codes


def test_options_may_stand_in_the_configuration_of_flake8(project: Project, report: Report) -> None:
    root = project({"app.py": SLEEPY, "setup.cfg": "[flake8]\ndbpool-ignore =\n    DBP301,\n    DBP4\n"})
    assert report(root, "app.py") == (0, [])


def test_settings_files_are_named_found_and_left_out(project: Project, report: Report) -> None:
    quiet = 'ignore = ["DBP301"]\n'
    root = project({"app.py": SLEEPY, "dbpool-lint.toml": quiet, "other.toml": ""})
    assert report(root, "app.py") == (0, [])
    assert report(root, "--dbpool-isolated", "app.py") == (1, ["app.py:5:5:DBP301"])
    assert report(root, "--dbpool-config", "./other.toml", "app.py")[0] == 1


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        pytest.param('selct = ["DBP"]\n', (), "dbpool-lint.toml:1: unknown setting `selct`", id="unknown setting"),
        pytest.param('select = ["DBP9"]\n', (), "unknown rule `DBP9`", id="unknown rule"),
        pytest.param("", ("--dbpool-select", "DBP9"), "unknown rule `DBP9`", id="unknown rule in an option"),
        pytest.param("", ("--dbpool-blocking-calls", "a-b"), "dotted name", id="wrong value in an option"),
    ],
)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_wrong_settings_end_the_run_with_a_message_alone(
    project: Project, settings: str, arguments: tuple[str, ...], message: str, jobs: str
) -> None:
    root = project({"dbpool-lint.toml": settings, "app.py": SLEEPY, "db.py": SLEEPY})
    done = run(root, "-m", "flake8", "-j", jobs, *arguments, ".")
    assert done.returncode == 1
    assert "dbpool-lint: " in done.stdout
    assert message in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_wrong_settings_are_refused_in_the_process_of_flake8_too(project: Project, report: Report) -> None:
    root = project({"dbpool-lint.toml": "pool-recycle = 0\n", "app.py": SLEEPY})
    code, lines = report(root, "app.py")
    assert code == 1
    assert "dbpool-lint: dbpool-lint.toml:1: `pool-recycle` must be at least 1, not 0" in lines


def test_a_new_run_in_the_same_process_reads_the_files_again(project: Project, report: Report) -> None:
    root = project({"app.py": SLEEPY})
    assert report(root, "app.py")[0] == 1
    (root / "app.py").write_text("x = 1\n", encoding="utf-8")
    assert report(root, "app.py") == (0, [])


def test_flake8_as_a_library_is_given_other_files_from_call_to_call(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project({"app.py": SLEEPY, "fine.py": "x = 1\n", "other/app.py": SLEEPY}))
    style = get_style_guide(select=["DBP"])
    found = [style.check_files([name]).total_errors for name in ("app.py", "fine.py", "other")]
    assert found == [1, 0, 1]


def test_the_project_is_judged_once_for_all_of_its_files(
    project: Project, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbpool_lint import pipeline

    lint = mock.Mock(wraps=pipeline.lint)
    monkeypatch.setattr(pipeline, "lint", lint)
    assert report(project(PROJECT), ".")[0] == 1
    assert lint.call_count == 1


def test_the_plugin_names_itself(project: Project) -> None:
    assert "dbpool-lint" in run(project({}), "-m", "flake8", "--version").stdout
