"""Do the hooks work in the real pre-commit, installed from a clone of this repository as it stands?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLEEPY = "import asyncio\nimport time\n\n\nasync def nap():\n    time.sleep(1)\n"
AWAKE = SLEEPY.replace("time.sleep", "await asyncio.sleep")

pytestmark = pytest.mark.xdist_group("pre-commit")


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false")
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=environment()).stdout


def environment(**changes: str) -> dict[str, str]:
    """This process's variables without those of a git that may have started it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | changes


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git clone of this working tree, with what is not committed yet and without what git ignores."""
    origin = tmp_path_factory.mktemp("origin")
    for name in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, origin / name)
    git(origin, "init", "--quiet")
    git(origin, "add", "--all", "--force")
    git(origin, "commit", "--quiet", "--no-verify", "--message", "the working tree")
    target = tmp_path_factory.mktemp("clones") / "dbpool-lint"
    git(origin, "clone", "--quiet", str(origin), str(target))
    return target


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Somebody's repository with a sleeping coroutine, a file without faults, and one that is no Python."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "nap.py").write_text(SLEEPY, encoding="utf-8")
    (folder / "fine.py").write_text("x = 1\n", encoding="utf-8")
    (folder / "notes.txt").write_text("time.sleep(1)\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    return folder


def try_repo(clone: Path, checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pre-commit try-repo` with an empty store of its own."""
    command = [sys.executable, "-m", "pre_commit", "try-repo", "--color", "never", "--verbose", str(clone), *arguments]
    variables = environment(PRE_COMMIT_HOME=str(checkout.parent / "store"))
    variables.pop("PYTHONPATH", None)
    return subprocess.run(
        command, cwd=checkout, env=variables, capture_output=True, text=True, timeout=600, check=False
    )


def test_the_hooks_report_and_fix(clone: Path, checkout: Path) -> None:
    done = try_repo(clone, checkout, "--all-files")
    report, _, fixing = done.stdout.partition("- hook id: dbpool-lint-fix")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "- hook id: dbpool-lint\n" in report
    assert "- exit code: 1" in report
    assert "nap.py:6:5" in report
    assert "DBP301" in report
    assert "fine.py" not in done.stdout
    assert "notes.txt" not in done.stdout
    assert "- files were modified by this hook" in fixing
    assert (checkout / "nap.py").read_text(encoding="utf-8") == AWAKE


def test_the_hook_passes_where_nothing_is_found(clone: Path, checkout: Path) -> None:
    done = try_repo(clone, checkout, "dbpool-lint", "--files", "fine.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout
    assert (checkout / "nap.py").read_text(encoding="utf-8") == SLEEPY
