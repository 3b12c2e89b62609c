"""Are exactly the files found that a user would expect, in a stable order and whatever the tree looks like?"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbpool_lint.config import DEFAULT_EXCLUDE, Settings, SettingsError
from dbpool_lint.model import Problem
from dbpool_lint.sources import discover

Project = Callable[[Mapping[str, str | bytes]], Path]
Patterns = tuple[str, ...]


def names(root: Path, files: Iterable[Path]) -> list[str]:
    return [file.relative_to(root).as_posix() for file in files]


def python(root: Path, *paths: str, exclude: Patterns = DEFAULT_EXCLUDE, extend_exclude: Patterns = ()) -> list[str]:
    chosen = Settings(exclude=exclude, extend_exclude=extend_exclude)
    return names(root, discover.python_files(root, [root / path for path in paths], chosen))


def deployment(root: Path, *, exclude: Patterns = DEFAULT_EXCLUDE) -> list[str]:
    return names(root, discover.deployment_files(root, Settings(exclude=exclude)))


def empty(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "")


def test_a_folder_with_the_name_of_a_module_is_a_folder(project: Project) -> None:
    assert python(project(empty("x.py/inner.py", "y.py"))) == ["x.py/inner.py", "y.py"]


def test_stubs_and_other_files_are_left_alone(project: Project) -> None:
    assert python(project(empty("a.pyi", "b.pyc", "c.txt", "py", "d.py.bak"))) == []


def test_a_link_loop_ends(project: Project) -> None:
    root = project(empty("pkg/app.py"))
    (root / "pkg/again").symlink_to(root)
    (root / "pkg/loop.py").symlink_to(root / "pkg/loop.py")
    assert python(root) == ["pkg/app.py"]
    assert python(root, "pkg/again/pkg") == ["pkg/app.py"]


def test_a_link_out_of_the_project_is_not_followed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.py").touch()
    root = project(empty("app.py"))
    (root / "shared").symlink_to(tmp_path / "outside")
    (root / "link.py").symlink_to(tmp_path / "outside/secret.py")
    (root / ".env").symlink_to(tmp_path / "outside/secret.py")
    assert python(root) == ["app.py"]
    assert python(root, "shared", "link.py", "shared/secret.py") == []
    assert deployment(root) == []


def test_a_path_outside_of_the_root_is_left_out(project: Project, tmp_path: Path) -> None:
    (tmp_path / "other.py").touch()
    root = project(empty("app.py"))
    assert list(discover.python_files(root, [tmp_path / "other.py", tmp_path], Settings())) == []


def test_a_link_to_a_file_that_is_found_anyway_is_left_out(project: Project) -> None:
    root = project(empty("settings.py", "template.txt", ".gitignore"))
    (root / "alias.py").symlink_to(root / "settings.py")
    (root / "b.py").symlink_to("template.txt")
    (root / "c.py").symlink_to("template.txt")
    (root / "dangling.py").symlink_to("nothing.py")
    assert python(root) == ["b.py", "settings.py"]
    assert python(root, "alias.py") == ["alias.py"]
    assert python(root, "alias.py", "settings.py") == ["settings.py"]


def test_a_root_reached_by_a_link_gives_names_below_the_link(project: Project, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project(empty("pkg/app.py")))
    root = tmp_path / "link"
    assert list(discover.python_files(root, [root], Settings())) == [root / "pkg/app.py"]
    assert list(discover.python_files(root, [root / "pkg/app.py"], Settings())) == [root / "pkg/app.py"]


def test_a_pipe_is_no_module(project: Project) -> None:
    root = project(empty("app.py"))
    os.mkfifo(root / "pipe.py")
    os.mkfifo(root / ".env")
    assert python(root) == ["app.py"]
    assert deployment(root) == []


def test_a_folder_that_cannot_be_read_is_a_problem(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(empty("app.py", "locked/app.py"))
    real = os.scandir

    def denied(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", denied)
    tree = discover.walk(root, Settings())
    assert names(root, tree.python) == ["app.py"]
    assert tree.problems == (Problem("locked", 0, "folder cannot be read: Permission denied"),)


def test_a_root_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert discover.walk(tmp_path / "nothing", Settings()) == discover.Tree((), (), ())


def test_virtual_environments_are_not_entered(project: Project) -> None:
    root = project(empty("env/pyvenv.cfg", "env/lib/x.py", ".env/pyvenv.cfg", ".env/y.py", "app.py"))
    assert python(root) == ["app.py"]
    assert python(root, "env") == ["env/lib/x.py"]


@pytest.mark.parametrize("folder", DEFAULT_EXCLUDE)
def test_folders_of_tools_are_not_entered(project: Project, folder: str) -> None:
    assert python(project(empty(f"{folder}/x.py", f"pkg/{folder}/y.py", f"{folder}s/z.py"))) == [f"{folder}s/z.py"]


def test_exclude_replaces_the_default_and_extend_exclude_adds_to_it(project: Project) -> None:
    root = project(empty("build/a.py", "old/b.py", "c.py"))
    assert python(root, exclude=("old",)) == ["build/a.py", "c.py"]
    assert python(root, extend_exclude=("/old/",)) == ["c.py"]
    assert python(root, exclude=()) == ["build/a.py", "c.py", "old/b.py"]


def test_exclude_wins_over_a_path_that_was_named(project: Project) -> None:
    root = project(empty("old/deep/a.py", "old/b.py", "c_pb2.py"))
    excluded = ("old", "*_pb2.py")
    assert python(root, "old/deep", "old/deep/a.py", "old", "c_pb2.py", exclude=excluded) == []


def test_exclude_counts_from_the_root_not_from_the_repository(project: Project) -> None:
    root = project(empty("service/old/a.py", "service/b.py")) / "service"
    assert python(root, exclude=("/old",)) == ["b.py"]
    assert python(root, exclude=("/service",)) == ["b.py", "old/a.py"]


def test_a_negated_exclude_keeps_a_file(project: Project) -> None:
    assert python(project(empty("gen/a.py", "gen/keep.py")), exclude=("gen/*", "!gen/keep.py")) == ["gen/keep.py"]


@pytest.mark.parametrize("pattern", ["!", "old\\", "[z-a]"])
def test_a_pattern_that_makes_no_sense_is_refused(project: Project, pattern: str) -> None:
    with pytest.raises(SettingsError) as caught:
        discover.walk(project({}), Settings(extend_exclude=(pattern,)))
    assert str(caught.value).startswith("`exclude` has an invalid pattern: `")
    with pytest.raises(SettingsError, match="`contexts` has"):
        discover.matcher([pattern], "contexts")


def test_a_senseless_line_of_gitignore_is_passed_over(project: Project) -> None:
    root = project({**empty("a.py", "b.py", "[[x.py"), ".gitignore": b"!\nold\\\n[z-a]\n[[x]\n\xff\n/\nb.py\n"})
    assert python(root) == ["[[x.py", "a.py"]


def test_gitignore_is_respected(project: Project) -> None:
    files = empty("gen/a.py", "pkg/gen/b.py", "pkg/c_pb2.py", "pkg/d.py", "only/e.py", "pkg/only/f.py")
    assert python(project({**files, ".gitignore": "# x\n\ngen/\n*_pb2.py\n/only\n"})) == ["pkg/d.py", "pkg/only/f.py"]


def test_gitignore_may_have_a_mark_and_windows_line_ends(project: Project) -> None:
    root = project({**empty("a.py", "b.py", "c.py"), ".gitignore": b"\xef\xbb\xbfa.py\r\nb.py\r\n"})
    assert python(root) == ["c.py"]


def test_a_nested_gitignore_counts_below_its_folder_and_may_take_back(project: Project) -> None:
    root = project(
        {
            **empty("gen.py", "a/gen.py", "a/keep/gen.py", "b/x.py", "b/y.py", "b/in/y.py", "y.py"),
            ".gitignore": "gen.py\n",
            "a/keep/.gitignore": "!gen.py\n",
            "b/.gitignore": "/y.py\n",
        }
    )
    assert python(root) == ["a/keep/gen.py", "b/in/y.py", "b/x.py", "y.py"]


def test_nothing_below_an_ignored_folder_is_taken_back(project: Project) -> None:
    files = empty("out/a.py", "out/keep.py", "some/a.py", "some/keep.py")
    root = project({**files, ".gitignore": "out/\n!out/keep.py\nsome/*\n!some/keep.py\n"})
    assert python(root) == ["some/keep.py"]


@pytest.mark.parametrize(
    "rules", ["*\n!*/\n!*.py\n", "out/**\n!out/**/\n!out/keep.py\n!out/b/a.py\n", "*.py\n!a.py\n!keep.py\nx\n!x\n"]
)
def test_a_list_of_what_is_kept_keeps_the_folders_on_the_way(project: Project, rules: str) -> None:
    root = project({**empty("out/b/a.py", "out/keep.py"), ".gitignore": rules})
    assert python(root) == ["out/b/a.py", "out/keep.py"]


def test_rules_of_the_repository_above_the_root_count(project: Project) -> None:
    root = project({**empty("service/gen/a.py", "service/b.py"), ".gitignore": "service/gen\n"}) / "service"
    assert python(root) == ["b.py"]


def test_rules_above_the_repository_do_not_count(project: Project, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.py\n")
    assert python(project(empty("a.py"))) == ["a.py"]


def test_a_root_that_its_repository_ignores_is_linted(project: Project) -> None:
    files = empty("sandbox/app/a.py", "sandbox/app/b.py")
    root = project({**files, ".gitignore": "sandbox/\n", "sandbox/app/.gitignore": "b.py"}) / "sandbox/app"
    assert python(root) == ["a.py"]


def test_what_git_excludes_locally_is_ignored(project: Project) -> None:
    assert python(project({**empty("a.py", "b.py"), ".git/info/exclude": "b.py\n"})) == ["a.py"]


def test_an_ignored_path_that_is_named_is_taken(project: Project) -> None:
    root = project({**empty("gen/a.py", "gen/b/c.py", "x.py", "y.py"), ".gitignore": "gen/\nx.py\n"})
    assert python(root, "gen/a.py", "x.py") == ["gen/a.py", "x.py"]
    assert python(root, "gen") == ["gen/a.py", "gen/b/c.py"]
    assert python(root, "gen/b") == ["gen/b/c.py"]


def test_rules_above_a_named_folder_count_below_it(project: Project) -> None:
    root = project({**empty("pkg/sub/a.py", "pkg/sub/b.py"), ".gitignore": "b.py", "pkg/.gitignore": "!b.py\na.py"})
    assert python(root, "pkg/sub") == ["pkg/sub/b.py"]


def test_a_named_script_needs_no_suffix_but_must_call_python(project: Project) -> None:
    scripts = {"run": "#!/usr/bin/env python3\n", "sh": "#!/bin/sh\n", "Makefile": "all:\n", "gui.pyw": ""}
    root = project({**scripts, "data.toml": "", "stub.pyi": ""})
    assert python(root, *scripts, "data.toml", "stub.pyi", "nothing") == ["gui.pyw", "run"]
    assert python(root) == []


def test_a_named_module_that_is_not_there_is_kept_so_that_reading_it_says_so(project: Project) -> None:
    assert python(project({}), "gone.py") == ["gone.py"]


def test_an_unreadable_script_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project({"run": "#!/usr/bin/python\n"})

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert python(root, "run") == []


def test_files_come_once_and_sorted_by_name(project: Project) -> None:
    root = project(empty("b.py", "a/z.py", "a.py", "a-b/c.py", "B.py", "\u00e9.py"))
    expected = ["B.py", "a-b/c.py", "a.py", "a/z.py", "b.py", "\u00e9.py"]
    assert python(root) == expected
    assert python(root, "b.py", ".", "a", "a/z.py", "a/../b.py") == expected


def test_relative_paths_are_understood(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(empty("pkg/a.py", "b.py"))
    monkeypatch.chdir(root / "pkg")
    assert names(root, discover.python_files(root, [Path("a.py"), Path("../b.py")], Settings())) == ["b.py", "pkg/a.py"]
    assert names(root, discover.walk(root, Settings(), [Path()]).python) == ["pkg/a.py"]


DEPLOYMENT = (
    ".env",
    ".env.production",
    ".envrc",
    "Pipfile",
    "Pipfile.lock",
    "compose.override.yml",
    "compose.yaml",
    "constraints.txt",
    "db.env",
    "deploy/docker-compose.prod.yml",
    "deploy/pgbouncer.ini",
    "dev-requirements.txt",
    "environment.yml",
    "pdm.lock",
    "poetry.lock",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.in",
    "requirements.txt",
    "requirements/prod.txt",
    "setup.cfg",
    "setup.py",
    "uv.lock",
)


def test_deployment_files_are_found(project: Project) -> None:
    other = (
        "compose.py",
        "my.environment.yml",
        "environment",
        "requirements.md",
        "requirements/a/b.txt",
        "requirement/a.txt",
        "setup.pyi",
        "pgbouncer.ini.j2",
        "x.cfg",
        ".environment",
    )
    assert deployment(project(empty(*DEPLOYMENT, *other))) == sorted(DEPLOYMENT)


def test_of_ignored_deployment_files_only_env_files_are_read(project: Project) -> None:
    root = project({**empty(*DEPLOYMENT), ".gitignore": "*\n!deploy/\n"})
    assert deployment(root) == [".env", ".env.production", ".envrc", "db.env"]


def test_excluded_deployment_files_are_not_read(project: Project) -> None:
    assert deployment(project(empty(*DEPLOYMENT)), exclude=(".env*", "deploy", "*.lock", "*.txt", "compose*")) == [
        "Pipfile",
        "db.env",
        "environment.yml",
        "pyproject.toml",
        "requirements.in",
        "setup.cfg",
        "setup.py",
    ]


def test_a_folder_named_env_is_no_deployment_file(project: Project) -> None:
    assert deployment(project(empty(".env/app.py", "x.env/requirements.txt"))) == ["x.env/requirements.txt"]


def test_a_link_to_a_deployment_file_is_read(project: Project) -> None:
    root = project(empty("conf/prod.env"))
    (root / ".env").symlink_to("conf/prod.env")
    assert deployment(root) == [".env", "conf/prod.env"]


@pytest.mark.parametrize("paths", [(), (".",), ("pkg",), ("pkg/a.py", "gen/x.py"), (".", "gen/x.py")])
def test_walk_agrees_with_the_single_questions(project: Project, paths: tuple[str, ...]) -> None:
    root = project({**empty("pkg/a.py", "b.py", "gen/x.py", "uv.lock", "pkg/.env"), ".gitignore": "gen/"})
    tree = discover.walk(root, Settings(), [root / path for path in paths])
    assert names(root, tree.python) == python(root, *paths)
    assert names(root, tree.deployment) == ["pkg/.env", "uv.lock"]


@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    [
        ("tests/", "tests/deep/x.py", True),
        ("tests", "pkg/tests/x.py", True),
        ("/tests", "pkg/tests/x.py", False),
        ("*.py", "a/b.py", True),
        ("a/*.py", "a/b/c.py", False),
        ("a/**", "a/b/c.py", True),
        ("# x", "# x", False),
    ],
)
def test_patterns_of_settings_are_those_of_gitignore(pattern: str, name: str, is_meant: bool) -> None:
    assert discover.matcher([pattern], "contexts")(name) is is_meant


_PARTS = st.sampled_from(["a", "b", "ab", "x.py", "y.py", "*", "**", "?", "*.py", "[ab]", "a*"])
_PATTERNS = st.builds(
    lambda negated, rooted, parts, folder: negated + rooted + "/".join(parts) + folder,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(_PARTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)
_FOLDERS = ("", "a/", "b/", "ab/", "a/a/", "a/b/", "b/a/", "a/b/a/")
_IGNORES = st.dictionaries(st.sampled_from(_FOLDERS[:4]), st.lists(_PATTERNS, max_size=4), max_size=3)


@pytest.mark.skipif(shutil.which("git") is None, reason="asks git")
@given(ignores=_IGNORES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_files_are_ignored_as_by_git(
    tmp_path_factory: pytest.TempPathFactory, ignores: dict[str, list[str]]
) -> None:
    root = tmp_path_factory.mktemp("repository")
    clean = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", "."], cwd=root, env=clean, check=True)
    for folder in _FOLDERS:
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "x.py").touch()
        (root / folder / "y.py").touch()
    for folder, patterns in ignores.items():
        (root / folder / ".gitignore").write_text("\n".join(patterns))
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "*.py"],
        cwd=root, env=clean, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert python(root, exclude=()) == sorted(listed.stdout.split())
