"""Which versions does the project pin? Requirements, tables of dependencies and lock files, by name and bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from dbpool_lint.deploy.model import Requirement, Version
from dbpool_lint.model import Source

PACKAGES = frozenset(
    {"aiomysql", "aiosqlite", "asyncpg", "fastapi", "flask-sqlalchemy", "psycopg", "psycopg-pool", "psycopg2"}
    | {"psycopg2-binary", "pymysql", "sqlalchemy", "sqlmodel"}
)
_LISTED = re.compile(r".*requirements.*\.(?:txt|in)|constraints.*\.txt|setup\.cfg|requirements/[^/]+\.(?:txt|in)")
_LOCKS = frozenset({"poetry.lock", "uv.lock", "pdm.lock"})
_CONDA = re.compile(r"(?:conda-)?env(?:ironment)?[^/]*\.ya?ml")

_SPECIFIED = re.compile(r"""([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\]\s*)?(?:\(\s*)?([=<>!~^][^;#]*|(?=[;#)"',])|$)""")
_CLAUSE = re.compile(r"(===?|>=|<=|>|<|~=|!=|\^|~|=)\s*v?(\d{1,9}(?:\.\d{1,9})*)(?!\d)(\.\*)?")
_QUOTED = re.compile(r"""["']([^"']+)["']""")


def reads(name: str) -> bool:
    """Whether a file, by its path, says which versions there are."""
    folder, _, base = name.rpartition("/")
    if base in ("pyproject.toml", "Pipfile", "Pipfile.lock", "setup.py") or base in _LOCKS:
        return True
    inner = f"{folder.rpartition('/')[2]}/{base}"
    return any(pattern.fullmatch(text) for pattern in (_LISTED, _CONDA) for text in (base, inner))


def read(source: Source) -> Iterator[Requirement]:
    """The packages of interest that a file names, with the versions it admits."""
    base = source.name.rpartition("/")[2]
    if base in _LOCKS:
        yield from _locked(source)
    elif base == "Pipfile.lock":
        yield from _pipfile_lock(source)
    elif base in ("pyproject.toml", "Pipfile"):
        yield from _tables(source)
    elif base == "setup.py":
        quoted = (text for line in source.text.splitlines() for text in _QUOTED.findall(line))
        yield from _listed(quoted, source.name)
    elif _CONDA.fullmatch(base):
        entries = (line.strip().removeprefix("- ").rpartition("::")[2] for line in source.text.splitlines())
        yield from _listed(entries, source.name)
    else:
        yield from _listed(source.text.splitlines(), source.name)


def _listed(entries: Iterable[object], name: str) -> Iterator[Requirement]:
    for entry in entries:
        match = _SPECIFIED.match(entry.strip(" \t\"'")) if isinstance(entry, str) else None
        if match and (package := _normal(match[1])) in PACKAGES:
            yield _requirement(package, match[2], name)


def _tables(source: Source) -> Iterator[Requirement]:
    """The tables of pyproject.toml that list dependencies, whoever reads them: standards, poetry, pdm, uv, pipenv."""
    import tomli  # only where there is such a file

    try:
        document = tomli.loads(source.text)
    except (ValueError, RecursionError):
        return
    project, tool = _table(document, "project"), _table(document, "tool")
    lists = [project.get("dependencies"), _table(tool, "uv").get("dev-dependencies")]
    for groups in (
        _table(project, "optional-dependencies"),
        _table(document, "dependency-groups"),
        _table(_table(tool, "pdm"), "dev-dependencies"),
    ):
        lists.extend(groups.values())
    for entries in lists:
        yield from _listed(entries if isinstance(entries, list) else (), source.name)
    poetry = _table(tool, "poetry")
    inner = (_table(group, "dependencies") for group in _table(poetry, "group").values())
    named = (_table(holder, key) for holder, key in ((poetry, "dependencies"), (poetry, "dev-dependencies")))
    piped = (_table(document, key) for key in ("packages", "dev-packages"))
    for table in (*inner, *named, *piped):
        yield from _of_table(table, source.name)


def _of_table(table: dict[str, object], name: str) -> Iterator[Requirement]:
    """`package = "^1.4"`, `package = { version = "^1.4" }`, or a list of these, one for each environment."""
    for key, value in table.items():
        if (package := _normal(key)) in PACKAGES:
            for entry in value if isinstance(value, list) else (value,):
                stated = entry.get("version", "") if isinstance(entry, dict) else entry
                text = str(stated).strip()
                yield _requirement(package, f"=={text}" if text[:1].isdigit() else text, name)


def _table(holder: object, key: str) -> dict[str, object]:
    inner = holder.get(key) if isinstance(holder, dict) else None
    return inner if isinstance(inner, dict) else {}


def _locked(source: Source) -> Iterator[Requirement]:
    name = ""
    for line in source.text.splitlines():
        if line.startswith("name = "):
            name = _normal(line.partition("=")[2].strip().strip('"'))
        elif line.startswith("version = ") and name in PACKAGES:
            yield _requirement(name, "==" + line.partition("=")[2].strip().strip('"'), source.name)
            name = ""


def _pipfile_lock(source: Source) -> Iterator[Requirement]:
    try:
        document = json.loads(source.text)
    except (ValueError, RecursionError):
        return
    for name, entry in _table(document, "default").items():
        if _normal(name) in PACKAGES and isinstance(entry, dict) and isinstance(entry.get("version"), str):
            yield _requirement(_normal(name), entry["version"], source.name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(package: str, specifier: str, name: str) -> Requirement:
    """The bounds of a specifier; of alternatives (`^1.4 || ^2.0`) those around all of them."""
    bounds = [_bounds(part) for part in re.split(r"\|\|?", specifier)]
    lowest = min(low for low, _, _ in bounds)
    below = () if any(not high for _, high, _ in bounds) else max(high for _, high, _ in bounds)
    return Requirement(package, lowest, all(exact for _, _, exact in bounds), name, below)


def _bounds(specifier: str) -> tuple[Version, Version, bool]:
    """From which version on, up to (and without) which one, and whether it is a single one; () for no bound."""
    lowest: Version = ()
    below: Version = ()
    exact = False
    for operator, text, wild in _CLAUSE.findall(specifier):
        version = tuple(int(part) for part in text.split(".")[:4])
        low, high = _clause(operator, version)
        exact |= operator in ("==", "===") and not wild
        lowest = max(lowest, low)
        below = min(below or high, high or below)
    return lowest, below, exact


def _clause(operator: str, version: Version) -> tuple[Version, Version]:
    if operator in (">=", ">"):
        return version, ()
    if operator == "<":
        return (), version
    if operator == "<=":
        return (), _next(version)
    if operator == "!=":
        return (), ()
    if operator == "^":
        kept = next((place for place, number in enumerate(version, 1) if number), len(version))
        return version, _next(version[:kept])
    if operator == "~=":
        return version, _next(version[:-1] or version)
    if operator == "~":
        return version, _next(version[:2])
    return version, _next(version)


def _next(version: Version) -> Version:
    return (*version[:-1], version[-1] + 1)
