"""Do imports point downwards only, and does every module keep the house rules?"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = "dbpool_lint"
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50

# the longest prefix of a module's name decides; the package itself holds the version only
LAYERS = {
    "": 0,
    "model": 0,
    "config": 1,
    "sources": 1,
    "knowledge": 1,
    "suppress": 1,
    "report": 1,
    "facts.model": 2,
    "fixing.recipes": 2,
    "deploy.model": 2,
    "facts": 3,
    "fixing": 3,
    "deploy": 3,
    "rules": 4,
    "locate": 5,
    "pipeline": 5,
    "sieve": 5,
    "cli": 6,
    "job": 6,
    "__main__": 6,
    "flake8_plugin": 6,
    "language_server": 6,
    "docs": 6,
}
MAY_BE_KNOWN_BESIDE = {"__main__": {"cli"}, "cli": {"docs", "job"}}
DRAWERS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "tools"})
NOT_FOR_RULES = frozenset(
    {"libcst", "ast", "tokenize", "os", "io", "pathlib", "shutil", "glob", "tempfile", "subprocess", "sqlalchemy"}
)
NOT_FOR_RULES_OF_OURS = ("sources", "facts.extract", "deploy", "fixing.rewrite", "fixing.apply", "report", "pipeline")

FILES = sorted((SOURCE / PACKAGE).rglob("*.py"))


def _name(file: Path) -> str:
    """`facts.model` for `src/dbpool_lint/facts/model.py`; a package goes by its folder, the whole one by nothing."""
    parts = file.relative_to(SOURCE / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(file): file for file in FILES}
RULES = [name for name in MODULES if name.startswith("rules.dbp")]
each_module = pytest.mark.parametrize("name", [pytest.param(n, id=n or PACKAGE) for n in MODULES])


@functools.cache
def _tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def _imported(name: str) -> Iterator[str]:
    """The full names of what a module imports, wherever in it, `from a import b` as `a.b`."""
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively in line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def _ours(name: str) -> frozenset[str]:
    """The modules of the package that a module imports; a name inside one counts as that module."""
    inner = (i.removeprefix(PACKAGE).removeprefix(".") for i in _imported(name) if i.partition(".")[0] == PACKAGE)
    return frozenset(next(m for m in _prefixes(i) if m in MODULES) for i in inner)


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""


def _home(name: str) -> str | None:
    return next((prefix for prefix in _prefixes(name) if prefix in LAYERS and (prefix or not name)), None)


def _layer(name: str) -> int:
    home = _home(name)
    assert home is not None, f"{name} has no home in the layers"
    return LAYERS[home]


def test_there_are_modules() -> None:
    assert FILES


@each_module
def test_a_module_has_a_home(name: str) -> None:
    assert _home(name) is not None


@each_module
def test_imports_point_downwards_only(name: str) -> None:
    upwards = [other for other in _ours(name) if _layer(other) > _layer(name)]
    assert upwards == []


@each_module
def test_engines_of_one_layer_do_not_know_each_other(name: str) -> None:
    if _layer(name) not in {3, 6}:
        pytest.skip("data and adapters' parts may name each other")
    own = name.partition(".")[0]
    beside = {o for o in _ours(name) if _layer(o) == _layer(name) and o.partition(".")[0] != own}
    assert beside - MAY_BE_KNOWN_BESIDE.get(name, set()) == set()


def test_there_is_no_cycle() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join((*path[path.index(name) :], name))
        if name not in done:
            for other in sorted(_ours(name)):
                if other != name:
                    visit(other, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("name", RULES)
def test_rules_never_import_each_other(name: str) -> None:
    assert {other for other in _ours(name) if other.startswith("rules.") and other != "rules.base"} == set()


@pytest.mark.parametrize("name", [*RULES, *(["rules.base"] if "rules.base" in MODULES else [])])
def test_rules_touch_neither_syntax_nor_files(name: str) -> None:
    assert {i.partition(".")[0] for i in _imported(name)} & NOT_FOR_RULES == set()
    assert [other for other in _ours(name) if other.startswith(NOT_FOR_RULES_OF_OURS)] == []


@each_module
def test_a_docstring_says_what_question_a_module_answers(name: str) -> None:
    assert (ast.get_docstring(_tree(name)) or "").strip()


@each_module
def test_no_module_is_too_long(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@each_module
def test_no_function_is_too_long(name: str) -> None:
    functions = [n for n in ast.walk(_tree(name)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions}
    assert {n: length for n, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@each_module
def test_no_module_is_a_drawer(name: str) -> None:
    assert DRAWERS.isdisjoint(name.split("."))


@each_module
def test_annotations_are_not_evaluated(name: str) -> None:
    kinds = (ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef)
    if any(isinstance(node, kinds) for node in ast.walk(_tree(name))):
        assert "__future__.annotations" in _imported(name)
