"""Which versions does the project pin? requirements, pyproject.toml and lock files, by name and version."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from dbpool_lint.deploy.model import Requirement
from dbpool_lint.model import Source

PACKAGES = frozenset(
    {"asyncpg", "sqlalchemy", "psycopg", "psycopg2", "psycopg2-binary", "fastapi", "sqlmodel", "flask-sqlalchemy"}
)
_SPECIFIED = re.compile(r"""([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\]\s*)?(?:\(\s*)?([=<>!~^][^;#]*|(?=[;#)"',])|$)""")
_BOUND = re.compile(r"(===?|>=|>|~=|\^|~)\s*v?(\d{1,9}(?:\.\d{1,9})*)(?!\d)")
_TABLE_PIN = re.compile(r"^\s*([\w.-]+)\s*=\s*(?:\{.*?version\s*=\s*)?[\"']([^\"']*)[\"']")


def read(source: Source) -> Iterator[Requirement]:
    """The packages of interest that a file names, with the lowest version it admits."""
    base = source.name.rpartition("/")[2]
    if base in ("poetry.lock", "uv.lock"):
        yield from _locked(source)
    elif base == "Pipfile.lock":
        yield from _pipfile(source)
    elif base == "pyproject.toml":
        yield from _listed(source)
        yield from _poetry(source)
    else:
        yield from _listed(source)


def _listed(source: Source) -> Iterator[Requirement]:
    for line in source.text.splitlines():
        for part in re.findall(r"""["']([^"']+)["']""", line) if source.name.endswith(".toml") else [line]:
            match = _SPECIFIED.match(part.strip(" \t\"'"))
            if match and (package := _normal(match[1])) in PACKAGES:
                yield _requirement(package, match[2], source.name)


def _poetry(source: Source) -> Iterator[Requirement]:
    for line in source.text.splitlines():
        match = _TABLE_PIN.match(line)
        if match and (package := _normal(match[1])) in PACKAGES:
            text = match[2]
            yield _requirement(package, f"=={text}" if text[:1].isdigit() else text, source.name)


def _locked(source: Source) -> Iterator[Requirement]:
    name = ""
    for line in source.text.splitlines():
        if line.startswith("name = "):
            name = _normal(line.partition("=")[2].strip().strip('"'))
        elif line.startswith("version = ") and name in PACKAGES:
            yield _requirement(name, "==" + line.partition("=")[2].strip().strip('"'), source.name)
            name = ""


def _pipfile(source: Source) -> Iterator[Requirement]:
    try:
        document = json.loads(source.text)
    except (ValueError, RecursionError):
        return
    default = document.get("default") if isinstance(document, dict) else None
    for name, entry in default.items() if isinstance(default, dict) else ():
        if _normal(name) in PACKAGES and isinstance(entry, dict) and isinstance(entry.get("version"), str):
            yield _requirement(_normal(name), entry["version"], source.name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(package: str, specifier: str, name: str) -> Requirement:
    bound = _BOUND.search(specifier)
    if bound is None:
        return Requirement(package, (), False, name)
    version = tuple(int(part) for part in bound[2].split(".")[:4])
    return Requirement(package, version, bound[1] in ("==", "==="), name)
