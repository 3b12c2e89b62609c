"""Is what is published complete, and do the files beside the code say what is true?"""

from __future__ import annotations

import configparser
import email
import os
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import tomli
import yaml
from conftest import Project
from trial import fix, lint

import dbpool_lint

ROOT = Path(__file__).parents[1]
PYPROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (".ci/example", ".ci/test")

builds = pytest.mark.xdist_group("build")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(target), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("*.whl")))


def tracked() -> list[str]:
    """Every file of the repository, committed or not yet, without what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=variables).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def in_wheel(wheel: zipfile.ZipFile, name: str) -> str:
    [path] = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode("utf-8")


# --- what is published


@builds
def test_the_wheel_holds_every_module_and_the_mark_of_a_typed_package(wheel: zipfile.ZipFile) -> None:
    sources = {name.removeprefix("src/") for name in tracked() if name.startswith("src/")}
    assert "dbpool_lint/py.typed" in sources
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == sources


@builds
def test_the_wheel_offers_the_command_and_the_flake8_plugin(wheel: zipfile.ZipFile) -> None:
    points = configparser.ConfigParser()
    points.read_string(in_wheel(wheel, "entry_points.txt"))
    assert points["console_scripts"]["dbpool-lint"] == "dbpool_lint.cli:main"
    assert points["flake8.extension"]["dbp"] == "dbpool_lint.flake8_plugin:Plugin"


@builds
def test_the_wheel_names_licence_python_and_lower_bounds_only(wheel: zipfile.ZipFile) -> None:
    metadata = email.message_from_string(in_wheel(wheel, "METADATA"))
    needed = [line.partition(";")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+", line.strip()) for line in needed)
    assert {line.partition(">")[0].lower() for line in needed} >= {"libcst", "flake8", "sqlalchemy", "tomli"}


@builds
def test_the_sdist_holds_what_its_tests_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "tests/test_package.py", "fixtures/shop/pyproject.toml", ".ci/test"} <= names
    assert not any(name.startswith((".venv", "dist/")) for name in names)


@builds
def test_the_versions_agree(wheel: zipfile.ZipFile) -> None:
    version = dbpool_lint.__version__
    command = [sys.executable, "-m", "dbpool_lint", "--version"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=variables).stdout
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert email.message_from_string(in_wheel(wheel, "METADATA"))["Version"] == version
    assert shown.split() == ["dbpool-lint", version]
    assert re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)[1] == version  # type: ignore[index]


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = text.partition("\ndependencies = [\n")[2].partition("\n]\n")[0].splitlines()
    assert len(listed) == 2 * len(PYPROJECT["project"]["dependencies"])
    assert all(line.lstrip().startswith("# ") for line in listed[::2])


def test_every_dependency_is_imported() -> None:
    names = {"python-dotenv": "dotenv", "pyyaml": "yaml"}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    for requirement in PYPROJECT["project"]["dependencies"]:
        name = requirement.partition(">")[0].lower()
        assert re.search(rf"^\s*(import|from) {names.get(name, name)}\b", code, re.MULTILINE), requirement


def test_the_hooks_run_the_command_in_one_process_on_python_files() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {hook["id"]: hook["entry"] for hook in hooks} == {
        "dbpool-lint": "dbpool-lint",
        "dbpool-lint-fix": "dbpool-lint --fix",
    }
    for hook in hooks:
        assert (hook["types_or"], hook["require_serial"], hook["pass_filenames"]) == (["python"], True, True)


# --- what the README says


def test_the_table_of_rules_is_that_of_the_rules() -> None:
    from dbpool_lint import docs
    from dbpool_lint.rules import registry

    assert docs.with_table(README, registry.RULES) == README, "run python -m dbpool_lint.docs README.md"


def test_every_setting_and_its_default_stand_in_the_readme() -> None:
    from dbpool_lint.config import Settings

    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|", README, re.MULTILINE))
    assert list(rows) == list(Settings.__struct_encode_fields__)
    settings = Settings()
    for field, name in zip(Settings.__struct_fields__, Settings.__struct_encode_fields__, strict=True):
        value = getattr(settings, field)
        written = {"()": "[]", "('DBP',)": '["DBP"]', "'auto'": '"auto"'}.get(repr(value), repr(value))
        assert name == "exclude" or rows[name] == f"`{written}`"


def test_every_exit_code_stands_in_the_readme() -> None:
    codes = README.partition("## Exit codes")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d) \|", codes, re.MULTILINE) == ["0", "1", "2", "3"]


def shown(kind: str) -> str:
    """The text of the one block of the README that is marked as `kind`."""
    [text] = re.findall(rf"^```\w+ {kind}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return str(text)


def test_the_report_shown_in_the_readme_is_the_one_that_is_given(project: Project) -> None:
    command = [sys.executable, "-m", "dbpool_lint", "app.py"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    root = project({"app.py": shown("before")})
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=variables)
    assert done.stdout.startswith(shown("report"))
    assert {"DBP101", "DBP201", "DBP301"} <= set(done.stdout.split())


def test_the_fix_shown_in_the_readme_is_the_one_that_is_made(project: Project) -> None:
    outcome = fix(project({"app.py": shown("before")}))
    assert {name: text for name, (_, text) in outcome.changed.items()} == {"app.py": shown("after")}
    assert lint(project({"app.py": shown("after")})).findings == ()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_exists_and_can_be_run(command: str) -> None:
    assert f"$ bash {command}\n" in README
    assert os.access(ROOT / command, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / command], check=True)


def test_ci_runs_the_very_command_of_the_readme() -> None:
    run = ROOT / ".ci" / "run"
    assert run.stat().st_mode & stat.S_IXUSR
    assert run.read_text(encoding="utf-8").rstrip().endswith("exec bash .ci/test")


# --- what must not be there


def test_no_versions_are_pinned_for_developers() -> None:
    pinned = re.compile(r"(.*\.lock|pylock.*\.toml|requirements.*\.txt|constraints.*\.txt|\.python-version)")
    assert [name for name in tracked() if "/" not in name and pinned.fullmatch(name)] == []
    assert [line for line in PYPROJECT["build-system"]["requires"] if "==" in line or "<" in line] == []


def test_no_file_names_a_package_index_or_somebodys_machine() -> None:
    index = "|".join([r"py" + r"pi\.org", r"python" + r"hosted", r"--(extra-)?index" + "-url", r"find" + "-links"])
    homes = "|".join(["/ho" + "me/[a-z]", "/Us" + "ers/[a-z]", "/wo" + "rk/", "/ro" + "ot/"])
    wrong = re.compile(f"{index}|{homes}")
    texts = {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in tracked()}
    assert {name: found[0] for name, text in texts.items() if (found := wrong.search(text))} == {}


def test_no_file_is_generated_or_large() -> None:
    suffixes = (".pyc", ".so", ".whl", ".db", ".sqlite", ".log", ".orig", ".rej")
    assert [name for name in tracked() if name.endswith(suffixes)] == []
    assert [name for name in tracked() if (ROOT / name).stat().st_size > 200_000] == []
