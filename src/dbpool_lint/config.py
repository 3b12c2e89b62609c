"""Which settings hold for these paths, where do they come from, and what is wrong with them?

Settings stand in `dbpool-lint.toml`, or in `[tool.dbpool-lint]` of a `pyproject.toml`. The folder of that
file is the root of the project: every name in a report and every pattern in a setting starts there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from dbpool_lint.sources import settings_file
from dbpool_lint.sources.settings_file import Document, SettingsError, dotted

__all__ = [
    "DEFAULT_EXCLUDE",
    "Configuration",
    "Context",
    "Pooler",
    "Settings",
    "SettingsError",
    "check_selectors",
    "discover",
    "hint",
    "is_selected",
    "matches",
    "nearest",
    "schema",
    "with_overrides",
]

Pooler = Literal["auto", "off", "session", "transaction", "statement"]
Context = Literal["application", "test", "migration", "script", "example"]
DottedName = Annotated[str, Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")]

DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)

_OWN_FILE = "dbpool-lint.toml"
_SHARED_FILE = "pyproject.toml"
_TABLE = ("tool", "dbpool-lint")
_MENTION = re.compile(rb"dbpool[-_]lint")
_ROOT_MARKS = ((".git",), (_SHARED_FILE, "setup.py", "setup.cfg"))
_TOML_WORDS = {
    "`str`": "a string",
    "`int`": "an integer",
    "`float`": "a number",
    "`bool`": "a boolean",
    "`array`": "an array",
    "`object`": "a table",
}
_FEW = 15


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What a project may set; in TOML the names are spelled with hyphens."""

    select: Annotated[tuple[str, ...], Meta(description="Rules to run: codes, prefixes of codes, or rule names.")] = (
        "DBP",
    )
    extend_select: Annotated[tuple[str, ...], Meta(description="More rules to run, besides those of `select`.")] = ()
    ignore: Annotated[
        tuple[str, ...], Meta(description="Rules not to run: codes, prefixes of codes, or rule names.")
    ] = ()
    per_file_ignores: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="Rules not to report in the files that a .gitignore-style pattern matches."),
    ] = {}
    exclude: Annotated[
        tuple[str, ...],
        Meta(description=".gitignore-style patterns of files and folders that are never read; replaces the default."),
    ] = DEFAULT_EXCLUDE
    extend_exclude: Annotated[
        tuple[str, ...], Meta(description="More patterns of files and folders that are never read.")
    ] = ()
    pool_recycle: Annotated[
        int, Meta(ge=1, description="Seconds that fixes write as pool_recycle, and the longest that is accepted.")
    ] = 1800
    pgbouncer: Annotated[
        Pooler,
        Meta(description="The pooling mode of the PgBouncer in front of the database; `auto` looks for evidence."),
    ] = "auto"
    blocking_calls: Annotated[
        tuple[DottedName, ...], Meta(description="Dotted names of the project's functions that block their thread.")
    ] = ()
    session_factories: Annotated[
        tuple[DottedName, ...],
        Meta(description="Dotted names of functions that hand out a session which the caller must close."),
    ] = ()
    call_depth: Annotated[
        int,
        Meta(
            ge=0,
            description="Calls through which a session or connection is followed; beyond it a function counts as "
            "keeping what it is given, so that less is found.",
        ),
    ] = 12
    entry_points: Annotated[
        tuple[DottedName, ...],
        Meta(description="Dotted names of decorators whose functions run for each request."),
    ] = ()
    contexts: Annotated[
        dict[str, Context],
        Meta(description="What kind of code the files are that a .gitignore-style pattern matches."),
    ] = {}


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings, the absolute root of the project, and the file they were read from (None: defaults)."""

    settings: Settings
    root: Path
    origin: Path | None = None


def discover(paths: Sequence[Path], *, config: Path | None = None, isolated: bool = False) -> Configuration:
    """The settings and the root for `paths` (none: the working directory).

    `config` names the file to read instead of looking for one; `isolated` reads none at all. Then the root is
    what it would be if no file had settings; but the folder of `config` if that lies between this root and the
    paths. Raises SettingsError.
    """
    start = _common_folder(paths)
    if isolated:
        return Configuration(Settings(), _bare_root(start))
    if config is not None:
        file = _absolute(config)
        return Configuration(_validated(_document(file)), _root_beside(start, file.parent), file)
    for folder in (start, *start.parents):
        document = _settings_in(folder)
        if document is not None:
            return Configuration(_validated(document), folder, document.file)
    return Configuration(Settings(), _bare_root(start))


def with_overrides(configuration: Configuration, **changes: object) -> Configuration:
    """The configuration with settings, by their Python names, put in place of its own; None changes nothing.

    Raises SettingsError for a wrong value, TypeError for a name that is no setting.
    """
    names = dict(zip(Settings.__struct_fields__, Settings.__struct_encode_fields__, strict=True))
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in names:
            raise TypeError(f"no such setting: {name}")
        if value is not None:
            values[name] = getattr(_only(names[name], value), name)
    return replace(configuration, settings=msgspec.structs.replace(configuration.settings, **values))


def schema() -> dict[str, object]:
    """The JSON schema (draft 2020-12) of the table, with the description and the default of each setting."""
    plain = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Settings)), type=dict[str, Any])
    table: dict[str, object] = plain["$defs"]["Settings"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **table, "title": "dbpool-lint"}


def matches(selector: str, code: str, name: str) -> bool:
    """Does `selector` (a code, a prefix of codes, or a rule's name) stand for the rule `code`, called `name`?"""
    return bool(selector) and (selector == name or code.startswith(selector))


def is_selected(settings: Settings, code: str, name: str, *, default: bool = True) -> bool:
    """Do the settings want this rule run? The closest selector decides; `ignore` wins a tie.

    A rule that is not on by default is wanted only where its whole code or its name is selected.
    """
    wanted = _closeness((*settings.select, *settings.extend_select), code, name)
    if not default and wanted < len(code):
        return False
    return wanted > _closeness(settings.ignore, code, name)


def check_selectors(configuration: Configuration, known: Mapping[str, str]) -> None:
    """Raise SettingsError for the first selector that stands for no rule of `known` (code -> name)."""
    for keys, selector in _selectors(configuration.settings):
        if any(matches(selector, code, name) for code, name in known.items()):
            continue
        near = hint(selector, (*known, *known.values()))
        message = f"unknown rule `{selector}` in `{dotted(keys)}`{near}"
        document = _document(configuration.origin) if configuration.origin else None
        # what the file does not say, the command line did
        if document is None or selector not in (document.value(*keys) or ()):
            raise SettingsError(None, 0, message)
        raise document.error(keys, message, selector)


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that is most like `word`, if any is; case counts for nothing."""
    import difflib

    spellings = {w.lower(): w for w in words}
    near = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=0.6)
    return spellings[near[0]] if near else None


def hint(word: str, words: Collection[str]) -> str:
    """`; did you mean …?` with the nearest of `words`; if none is near, what there is, or nothing if that is much."""
    near = nearest(word, words)
    if near is not None:
        return f"; did you mean `{near}`?"
    return f"; there is {', '.join(f'`{w}`' for w in words)}" if len(words) < _FEW else ""


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(Path(path).absolute()))


def _common_folder(paths: Sequence[Path]) -> Path:
    folders = [_folder(_absolute(path)) for path in paths] or [Path.cwd()]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # several drives
        return folders[0]


def _folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir() or folder == folder.parent)


def _bare_root(start: Path) -> Path:
    folders = (start, *start.parents)
    marked = (folder for marks in _ROOT_MARKS for folder in folders if any((folder / mark).exists() for mark in marks))
    return next(marked, start)


def _root_beside(start: Path, home: Path) -> Path:
    root = _bare_root(start)
    return home if start.is_relative_to(home) and home.is_relative_to(root) else root


def _settings_in(folder: Path) -> Document | None:
    """The document in `folder` that holds settings for us, if there is one."""
    own, shared = folder / _OWN_FILE, folder / _SHARED_FILE
    if own.is_file():
        return _document(own)
    if not shared.is_file():
        return None
    data = settings_file.read(shared)
    if not _MENTION.search(data):  # spares the import of a TOML parser, and others their syntax errors
        return None
    document = settings_file.parse(shared, data, _TABLE)
    if document.value() is not None:
        return document
    tools = document.data.get("tool")
    if isinstance(tools, dict) and "dbpool_lint" in tools:
        message = "unknown table `tool.dbpool_lint`; did you mean `tool.dbpool-lint`?"
        raise SettingsError(shared, document.line(("tool", "dbpool_lint")), message)
    return None


def _document(file: Path) -> Document:
    return settings_file.parse(file, settings_file.read(file), _TABLE if file.name == _SHARED_FILE else ())


def _validated(document: Document) -> Settings:
    table = document.value()
    if table is None:
        raise SettingsError(document.file, 0, "has no table `tool.dbpool-lint`")
    if not isinstance(table, dict):
        raise document.error((), "`tool.dbpool-lint` must be a table")
    for key, value in table.items():
        if key not in Settings.__struct_encode_fields__:
            raise document.error((key,), f"unknown setting `{key}`{_better_key(key)}")
        for keys, part in _parts(value):
            try:
                _only(key, part)
            except SettingsError as error:
                raise document.error((key, *keys), error.message) from error
    return msgspec.convert(table, Settings)


def _better_key(key: str) -> str:
    if key == "tool":
        return f"; in `{_OWN_FILE}` settings stand at the top, without `[tool.dbpool-lint]`"
    return hint(key, Settings.__struct_encode_fields__)


def _parts(value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Each entry of a table on its own, since msgspec does not say which one it refuses."""
    if not isinstance(value, dict) or not value:
        yield (), value
        return
    for key, inner in value.items():
        yield (key,), {key: inner}


def _only(key: str, value: object) -> Settings:
    """Settings with just `key` set to `value`. Raises SettingsError without a file."""
    try:
        return msgspec.convert({key: value}, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(None, 0, _complaint(key, value, str(error))) from error


def _complaint(key: str, value: object, said: str) -> str:
    """What msgspec said, in the words of TOML: `Expected `int`, got `str` - at `$.pool-recycle``."""
    what, _, place = said.rpartition(" - at `$.")
    keys = [key]
    if "[...]" in place and isinstance(value, dict):
        inner, value = next(iter(value.items()))
        keys.append(inner)
    name = f"`{dotted(keys)}`"
    index = re.search(r"\[(\d+)\]`$", place)
    if index and isinstance(value, (list, tuple)):
        value = value[int(index[1])]
        name = f"item {int(index[1]) + 1} of {name}"
    if what.startswith("Invalid enum value"):
        choices = get_args(Context if key == "contexts" else Pooler)
        return f"{name} cannot be `{value}`{hint(str(value), choices)}"
    if "matching regex" in what:
        return f"{name} must be a dotted name like `package.module.function`, not `{value}`"
    if ">=" in what and ", got" not in what:
        return f"{name} must be at least 1, not {value}"
    expected, _, got = what.removeprefix("Expected ").partition(", got ")
    return f"{name} must be {_TOML_WORDS.get(expected, expected)}, not {_TOML_WORDS.get(got, got)}"


def _closeness(selectors: Iterable[str], code: str, name: str) -> int:
    fitting = [s for s in selectors if matches(s, code, name)]
    return max((len(code) if s == name else len(s) for s in fitting), default=0)


def _selectors(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from ((("select",), selector) for selector in settings.select)
    yield from ((("extend-select",), selector) for selector in settings.extend_select)
    yield from ((("ignore",), selector) for selector in settings.ignore)
    for pattern, selectors in settings.per_file_ignores.items():
        yield from ((("per-file-ignores", pattern), selector) for selector in selectors)
