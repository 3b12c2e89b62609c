"""Are the applications in `fixtures/` reported and fixed as written down, whichever way the tool is run?"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
from trial import configuration, difference, fix, lint, places

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "fixtures"
APPLICATIONS = sorted(path.parent for path in FIXTURES.glob("*/expected.json"))
Place = tuple[str, int, str]

each_application = pytest.mark.parametrize("application", [pytest.param(path, id=path.name) for path in APPLICATIONS])


@pytest.fixture
def copy(application: Path, tmp_path: Path) -> Path:
    """The application alone in a folder, as if it were checked out there."""
    target = tmp_path / application.name
    shutil.copytree(application, target, ignore=shutil.ignore_patterns("expected.json", "__pycache__"))
    (target / ".git").mkdir(exist_ok=True)
    return target


def test_there_is_an_application() -> None:
    assert APPLICATIONS


@each_application
def test_expected_findings_are_sorted(application: Path) -> None:
    assert _written(application) == sorted(_written(application))


@each_application
def test_findings_are_the_expected_ones(application: Path, copy: Path) -> None:
    result = lint(copy)
    assert places(result.findings) == _written(application)
    assert result.problems == ()


@each_application
def test_fixing_gives_the_fixed_tree_and_a_second_run_changes_nothing(application: Path, copy: Path) -> None:
    from dbpool_lint.fixing import apply

    assert apply.commit(fix(copy)) == ()
    found, expected = _tree(copy), _tree(application.with_name(f"{application.name}.fixed"))
    assert found.keys() == expected.keys()
    changes = (difference(expected[name].decode(), found[name].decode()) for name in found)
    assert "".join(changes) == ""
    assert found == expected
    assert fix(copy).changed == {}


@each_application
def test_the_command_line_reports_the_same(application: Path, copy: Path) -> None:
    output = _run(copy, "dbpool_lint", "--output-format", "json", ".")
    report = json.loads(output)
    assert sorted((f["path"], f["line"], f["code"]) for f in report["findings"]) == _written(application)
    assert report["problems"] == []


@each_application
def test_the_report_is_the_same_whatever_the_order_of_sets(
    application: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = set()
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        reports.add(_run(copy, "dbpool_lint", "--output-format", "json", "."))
    assert len(reports) == 1


@each_application
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_flake8_reports_the_same(application: Path, copy: Path, tmp_path: Path, jobs: str) -> None:
    config = _flake8_config(tmp_path)
    form = "%(path)s\t%(row)d\t%(code)s"
    output = _run(copy, "flake8", "--config", str(config), "--select", "DBP", "-j", jobs, "--format", form, ".")
    rows = [line.split("\t") for line in output.splitlines()]
    found = sorted((path.removeprefix("./").replace("\\", "/"), int(line), code) for path, line, code in rows)
    assert found == _judged_by_flake8(application, copy)


def _written(application: Path) -> list[Place]:
    entries = json.loads((application / "expected.json").read_text(encoding="utf-8"))
    return [(entry["path"], entry["line"], entry["code"]) for entry in entries]


def _judged_by_flake8(application: Path, copy: Path) -> list[Place]:
    """What flake8 can show: everything that is found in a Python file."""
    judged = set(lint(copy).files) | {name for name in _tree(copy) if name.endswith(".py")}
    assert configuration(copy).root == copy
    return [place for place in _written(application) if place[0] in judged]


def _tree(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and not {".git", "__pycache__"} & set(path.parts))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files if path.name != "expected.json"}


def _run(folder: Path, module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def _flake8_config(folder: Path) -> Path:
    """A configuration with nothing in it, or with the plugin where the package is on the path but not installed."""
    installed = importlib.metadata.entry_points(group="flake8.extension")
    config = folder / "flake8.ini"
    if any(point.value.startswith("dbpool_lint") for point in installed):
        config.write_text("[flake8]\n", encoding="utf-8")
        return config
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    plugins = project["entry-points"]["flake8.extension"].items()
    rows = "".join(f"    {name} = {value}\n" for name, value in plugins)
    config.write_text(f"[flake8]\n[flake8:local-plugins]\nextension =\n{rows}", encoding="utf-8")
    return config
