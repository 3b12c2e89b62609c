"""Which versions does the project admit? Nearest files first, locks before ranges, everything where files disagree."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from linking import linked

from dbpool_lint.facts.configuration.versions import Pin, releases, sqlalchemy_releases
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module
from dbpool_lint.knowledge.engines import Release

MODULE = "app/web/db.py"
ALL = ((1, 3), (1, 4), (2, 0), (2, 1))


def _linked(files: Mapping[str, str]) -> tuple[Linked, Module]:
    project = linked({MODULE: "x = 1", "other/job.py": "x = 1", **files})
    (module,) = (m for m in project.project.modules.values() if m.name == MODULE)
    return project, module


def _pin(files: Mapping[str, str], package: str = "sqlalchemy") -> Pin:
    project, module = _linked(files)
    return releases(project.project, package, module)


def _releases(files: Mapping[str, str]) -> tuple[Release, ...]:
    project, module = _linked(files)
    return sqlalchemy_releases(project.project, module)


def _lock(version: str) -> str:
    return f'[[package]]\nname = "sqlalchemy"\nversion = "{version}"\n'


def test_nothing_said_is_no_pin() -> None:
    pin = _pin({"requirements.txt": "flask==3.0\nsqlalchemy\n"})
    assert pin == Pin()
    assert not pin.stated
    assert not pin.is_at_least((0,))
    assert not pin.is_before((99,))


def test_without_a_pin_both_releases_of_version_2_are_possible() -> None:
    assert _releases({}) == _releases({"requirements.txt": "sqlalchemy[asyncio]\n"}) == ((2, 0), (2, 1))


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        ("==1.4.46", ((1, 4),)),
        ("==1.4.*", ((1, 4),)),
        ("==1.3.24", ((1, 3),)),
        ("==2.0.36", ((2, 0),)),
        ("==2.1", ((2, 1),)),
        ("==2.2.4", ((2, 1),)),
        ("~=1.4.0", ((1, 4),)),
        ("~=1.4", ((1, 4),)),
        ("~=2.0.4", ((2, 0),)),
        ("~=2.0", ((2, 0), (2, 1))),
        (">=1.4,<2", ((1, 4),)),
        (">=1.4,<2.0.0", ((1, 4),)),
        (">=1.4.17,<=1.4.41", ((1, 4),)),
        (">=1.4", ((1, 4), (2, 0), (2, 1))),
        (">=1.4,!=2.0.1,<2.1", ((1, 4), (2, 0))),
        (">1.4,<3", ((1, 4), (2, 0), (2, 1))),
        (">=2.0.25", ((2, 0), (2, 1))),
        (">=2,<2.1", ((2, 0),)),
        (">=2.1", ((2, 1),)),
        (">=1.3", ALL),
        ("<2", ((1, 4),)),
        ("<2.1", ((1, 4), (2, 0))),
        ("<1.4", ((1, 3),)),
        ("!=2.0.1", ((2, 0), (2, 1))),
    ],
)
def test_a_requirement_says_which_releases_are_possible(specifier: str, expected: tuple[Release, ...]) -> None:
    assert _releases({"requirements.txt": f"sqlalchemy{specifier}\n"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"^1.4"', ((1, 4),)),
        ('"^1.4.46"', ((1, 4),)),
        ('"^2.0"', ((2, 0), (2, 1))),
        ('"~2.0"', ((2, 0),)),
        ('"2.0.*"', ((2, 0),)),
        ('"1.4.46"', ((1, 4),)),
        ('"*"', ((2, 0), (2, 1))),
        ('"^1.4 || ^2.0"', ((1, 4), (2, 0), (2, 1))),
        ('{ version = "^1.4", extras = ["asyncio"] }', ((1, 4),)),
        ('{ path = "../sqlalchemy" }', ((2, 0), (2, 1))),
        ('[{ version = "^1.4", python = "<3.8" }, { version = "~2.0", python = ">=3.8" }]', ((1, 4), (2, 0))),
    ],
)
@pytest.mark.parametrize(
    "table", ["dependencies", "dev-dependencies", "group.db.dependencies"], ids=["main", "old groups", "groups"]
)
def test_poetrys_tables_say_so_too(table: str, text: str, expected: tuple[Release, ...]) -> None:
    assert _releases({"pyproject.toml": f"[tool.poetry.{table}]\nSQLAlchemy = {text}\n"}) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project]\ndependencies = ["x", "SQLAlchemy[asyncio] (>=1.4,<2)"]\n'),
        ("pyproject.toml", "[project.optional-dependencies]\ndb = [\"sqlalchemy<2,>=1.4; python_version > '3'\"]\n"),
        ("pyproject.toml", '[dependency-groups]\ndb = [{include-group = "x"}, "sqlalchemy~=1.4.0"]\n'),
        ("pyproject.toml", '[tool.uv]\ndev-dependencies = ["sqlalchemy~=1.4.0"]\n'),
        ("pyproject.toml", '[tool.pdm.dev-dependencies]\nx = ["sqlalchemy~=1.4.0"]\n'),
        ("Pipfile", '[packages]\nsqlalchemy = {version = "~=1.4.0"}\n'),
        ("Pipfile", '[dev-packages]\nsqlalchemy = "==1.4.*"\n'),
        ("Pipfile.lock", '{"default": {"sqlalchemy": {"version": "==1.4.46"}}}'),
        ("poetry.lock", _lock("1.4.46")),
        ("uv.lock", _lock("1.4.46")),
        ("pdm.lock", _lock("1.4.46")),
        ("setup.cfg", "[options]\ninstall_requires =\n    sqlalchemy>=1.4,<2\n"),
        ("requirements.in", "sqlalchemy<2,>=1.4\n"),
        ("requirements-prod.txt", "sqlalchemy==1.4.46 \\\n    --hash=sha256:1\n"),
        ("dev-requirements.txt", "sqlalchemy==1.4.46\n"),
        ("requirements/base.txt", "sqlalchemy==1.4.46\n"),
        ("app/requirements/base.in", "sqlalchemy==1.4.46\n"),
        ("constraints.txt", "sqlalchemy==1.4.46\n"),
        ("environment.yml", "dependencies:\n  - python=3.11\n  - conda-forge::sqlalchemy=1.4.46=py311_0\n"),
        ("environment.yaml", "dependencies:\n  - pip:\n    - sqlalchemy==1.4.46\n"),
        ("env-dev.yml", 'dependencies:\n  - "sqlalchemy>=1.4,<2"\n'),
    ],
)
def test_every_kind_of_file_is_read(name: str, text: str) -> None:
    assert _releases({name: text}) == ((1, 4),)


@pytest.mark.parametrize(
    "text", ["[project]\ndependencies = 1\n", "[project]\ndependencies = [1]\n", "[", "tool = 1\n"]
)
def test_a_pyproject_of_another_shape_says_nothing(text: str) -> None:
    assert _pin({"pyproject.toml": text}) == Pin()


def test_a_lock_file_counts_instead_of_the_range_that_it_meets() -> None:
    files = {"pyproject.toml": '[project]\ndependencies = ["sqlalchemy>=1.4"]\n', "uv.lock": _lock("2.0.36")}
    assert _pin(files) == Pin((2, 0, 36), (2, 0, 37))


def test_a_pinned_requirement_counts_instead_of_the_range_that_it_meets() -> None:
    files = {"setup.cfg": "sqlalchemy>=1.4\n", "requirements.txt": "sqlalchemy==2.0.36\n"}
    assert _releases(files) == ((2, 0),)


def test_a_lock_file_above_counts_for_the_members_of_a_workspace() -> None:
    files = {"app/pyproject.toml": '[project]\ndependencies = ["sqlalchemy>=1.4"]\n', "uv.lock": _lock("2.1.0")}
    assert _releases(files) == ((2, 1),)


def test_a_lock_file_that_the_nearest_range_refuses_belongs_to_others() -> None:
    files = {"app/requirements.txt": "sqlalchemy<2,>=1.4\n", "uv.lock": _lock("2.1.0")}
    assert _releases(files) == ((1, 4),)


def test_the_lock_file_of_another_folder_says_nothing_about_this_one() -> None:
    files = {"requirements.txt": "sqlalchemy>=2\n", "other/poetry.lock": _lock("2.1.0")}
    assert _releases(files) == ((2, 0), (2, 1))


def test_the_nearest_file_up_the_tree_counts() -> None:
    files = {"requirements.txt": "sqlalchemy==2.0.1\n", "app/requirements.txt": "sqlalchemy==1.4.1\n"}
    assert _releases(files) == ((1, 4),)


def test_a_nearer_file_that_bounds_nothing_is_passed_over() -> None:
    files = {"requirements.txt": "sqlalchemy==1.4.1\n", "app/requirements.txt": "sqlalchemy\n"}
    assert _releases(files) == ((1, 4),)


def test_files_of_one_folder_that_disagree_all_count() -> None:
    files = {"requirements.txt": "sqlalchemy==2.0.1\n", "requirements-old.txt": "sqlalchemy==1.4.1\n"}
    assert _releases(files) == ((1, 4), (2, 0))
    files = {"requirements.txt": "sqlalchemy>=2.1\n", "requirements-old.txt": "sqlalchemy==1.4.1\n"}
    assert _releases(files) == ((1, 4), (2, 0), (2, 1))


def test_files_beside_the_module_count_together_where_none_stands_above() -> None:
    files = {"docker/requirements.txt": "sqlalchemy==2.1.1\n", "other/requirements.txt": "sqlalchemy==2.0.1\n"}
    assert _releases(files) == ((2, 0), (2, 1))


def test_without_a_module_all_files_count() -> None:
    files = {"requirements.txt": "asyncpg==0.29.0\n", "app/requirements.txt": "asyncpg==0.31\n"}
    project, _ = _linked(files)
    assert releases(project.project, "asyncpg") == Pin((0, 29, 0), (0, 32))


def test_a_pin_is_compared_with_versions_of_any_length() -> None:
    pin = _pin({"requirements.txt": "asyncpg>=0.31,<1\n"}, "asyncpg")
    assert pin.is_at_least((0, 31, 0))
    assert not pin.is_at_least((0, 31, 1))
    assert pin.is_before((1, 0, 0))
    assert not pin.is_before((0, 99))


@pytest.mark.parametrize(
    ("sqlmodel", "expected"),
    [("==0.0.8", ((1, 4),)), ("<0.0.12", ((1, 4),)), (">=0.0.14", ((2, 0), (2, 1))), ("", ((2, 0), (2, 1)))],
)
def test_sqlmodel_says_which_sqlalchemy_it_needs(sqlmodel: str, expected: tuple[Release, ...]) -> None:
    assert _releases({"requirements.txt": f"sqlmodel{sqlmodel}\n"}) == expected
