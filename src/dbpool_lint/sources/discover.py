"""Which files are there to read, Python files and those that say how the code is deployed?

A walk never follows a link to a folder, and does not enter what `.gitignore` or `exclude` names, nor a virtual
environment.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from dbpool_lint.config import Settings, SettingsError
from dbpool_lint.model import Problem

_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
_ENVIRONMENT = re.compile(r".*\.env(?:rc|[._-].*)?")
_DEPLOYMENT = re.compile(
    r"pgbouncer\.ini|(?:docker-)?compose.*\.y.*ml|requirements.*\.txt|pyproject\.toml|poetry\.lock|uv\.lock"
    r"|Pipfile\.lock|setup\.cfg"
)
_GROUP_NAME = re.compile(r"\(\?P<\w+>")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a project, each kind sorted by name, and the folders that could not be read."""

    python: tuple[Path, ...]
    deployment: tuple[Path, ...]
    problems: tuple[Problem, ...] = ()


def walk(root: Path, settings: Settings, paths: Sequence[Path] = ()) -> Tree:
    """The Python files at and below `paths` (none: the whole project), and all deployment files below `root`.

    A path that is named is taken even if `.gitignore` says otherwise, but not if `exclude` does; a named script may
    lack `.py` if its first line calls Python. A `.py` that does not exist is kept, since reading it says so. What lies
    outside of `root`, also by a link, is left out. Raises SettingsError for a pattern that cannot be understood.
    """
    python = _walked(root, settings, paths)
    whole = python if _is_whole(root, paths) else _walked(root, settings)
    return Tree(
        tuple(python.python_files()),
        tuple(whole.deployment_files()),
        tuple(sorted({*python.problems, *whole.problems})),
    )


def python_files(root: Path, paths: Sequence[Path], settings: Settings) -> Iterator[Path]:
    """The Python files of `walk`; only `paths` are walked, not the whole project."""
    yield from _walked(root, settings, paths).python_files()


def deployment_files(root: Path, settings: Settings) -> Iterator[Path]:
    """The files below `root` that say what the code runs with. `.env` files count even where git ignores them."""
    yield from _walked(root, settings).deployment_files()


def matcher(patterns: Iterable[str], setting: str) -> Callable[[str], bool]:
    """A test of names (below the root, with `/`): is the file, or a folder above it, meant by `.gitignore`-style
    patterns? Raises SettingsError, naming the `setting`, for a pattern that cannot be understood."""
    spec = _compiled(patterns, setting)
    return lambda name: bool(spec.match_file(name))


def _walked(root: Path, settings: Settings, paths: Sequence[Path] = ()) -> _Walk:
    found = _Walk(root, settings)
    for path in paths or (root,):
        found.add(path)
    return found


def _is_whole(root: Path, paths: Sequence[Path]) -> bool:
    return not paths or any(os.path.realpath(path) == os.path.realpath(root) for path in paths)


def _compiled(lines: Iterable[str], setting: str = "") -> GitIgnoreSpec:
    """The patterns; one that makes no sense is passed over, as git does, unless it stands in a `setting`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `[[` is legal, but re announces that it may mean something else one day
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line, setting)])


def _is_pattern(line: str, setting: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error) as error:
        if setting:
            raise SettingsError(None, 0, f"`{setting}` has an invalid pattern: `{line}`") from error
        return False
    return True


class _Rules:
    """Patterns that count from the folder `base`, which is empty for the top and else ends with `/`."""

    __slots__ = ("_base", "_gate", "_spec")

    def __init__(self, base: str, lines: Iterable[str], setting: str = "") -> None:
        self._base = len(base)
        self._spec = _compiled(lines, setting)
        self._gate = _gate(self._spec)

    def verdict(self, name: str) -> bool | None:
        """Ignored (True), kept by a negation (False) or not spoken of (None); the name of a folder ends with `/`."""
        below = name[self._base :]
        return self._spec.check_file(below).include if self._gate.match(below) else None


def _gate(spec: GitIgnoreSpec) -> re.Pattern[str]:
    """One regex for all patterns: it says "none of them" several times faster than they do one by one."""
    alone = [pattern.regex.pattern for pattern in spec.patterns if pattern.include is not None and pattern.regex]
    anchored = (_GROUP_NAME.sub("(?:", a if a.startswith("^") else rf"[\s\S]*?{a}") for a in alone)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile("|".join(f"(?:{a})" for a in anchored) if alone else r"(?!)")


class _Walk:
    """What has been found. Names count from the top: the folder of the repository, where ignore rules begin."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root = Path(os.path.normpath(root.absolute()))
        self._real = Path(os.path.realpath(root))
        self._top = next((f for f in (self._real, *self._real.parents) if (f / ".git").exists()), self._real)
        below = self._real.relative_to(self._top).as_posix()
        self._prefix = "" if below == "." else below + "/"
        self._exclude = _Rules(self._prefix, (*settings.exclude, *settings.extend_exclude), "exclude")
        self._python: set[str] = set()
        self._deployment: set[str] = set()
        self._links: set[str] = set()
        self.problems: list[Problem] = []

    def add(self, path: Path) -> None:
        """Take in a path that was named."""
        folder = path.is_dir()
        real = Path(os.path.realpath(path)) if folder else Path(os.path.realpath(path.parent), path.name)
        if not real.is_relative_to(self._real):
            return
        name = self._name(real) + ("/" if folder and real != self._top else "")
        if self._is_excluded(name):
            return
        if folder:
            self._scan(name, self._rules_above(name))
        elif real.is_symlink():
            self._links.add(name)
        elif _is_python(real):
            self._python.add(name)

    def python_files(self) -> Iterator[Path]:
        names = self._python | set(self._linked())
        yield from (self._path(name) for name in sorted(names))

    def deployment_files(self) -> Iterator[Path]:
        yield from (self._path(name) for name in sorted(self._deployment))

    def _name(self, real: Path) -> str:
        name = real.relative_to(self._top).as_posix()
        return "" if name == "." else name

    def _path(self, name: str) -> Path:
        return self._root / name[len(self._prefix) :]

    def _linked(self) -> Iterator[str]:
        """Links to files of the project that would not be seen otherwise; one for each of these files."""
        seen = set(self._python)
        for name in sorted(self._links):
            real = Path(os.path.realpath(self._top / name))
            if not real.is_relative_to(self._real) or not real.is_file() or self._name(real) in seen:
                continue
            seen.add(self._name(real))
            yield name

    def _is_excluded(self, name: str) -> bool:
        start = len(self._prefix)
        above = (name[: index + 1] for index, char in enumerate(name) if char == "/" and index >= start)
        return any(self._exclude.verdict(part) for part in (*above, name) if len(part) > start)

    def _rules_above(self, name: str) -> tuple[_Rules, ...]:
        """The ignore rules of the folders above one, the nearest first; none if they ignore it, as it was named."""
        rules = self._read_rules(".git/info/exclude", "")
        ends = [index + 1 for index, char in enumerate(name) if char == "/"]
        for start, end in zip([0, *ends], ends, strict=False):
            above, folder = name[:start], name[:end]
            rules = (*self._read_rules(above + ".gitignore", above), *rules)
            if _is_ignored(folder, rules):
                return ()
        return rules

    def _read_rules(self, name: str, base: str) -> tuple[_Rules, ...]:
        try:
            text = (self._top / name).read_bytes().decode("utf-8-sig", "surrogateescape")
        except OSError:
            return ()
        return (_Rules(base, (line.removesuffix("\r") for line in text.split("\n"))),)

    def _scan(self, start: str, rules: tuple[_Rules, ...]) -> None:
        stack = [(start, rules)]
        while stack:
            folder, rules = stack.pop()
            entries = self._entries(folder)
            names = {entry.name for entry in entries}
            if _VIRTUAL_ENVIRONMENT in names and folder != start:
                continue
            if ".gitignore" in names:
                rules = (*self._read_rules(folder + ".gitignore", folder), *rules)
            stack.extend((inner, rules) for entry in entries for inner in self._take(entry, folder, rules))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._top / folder) as entries:
                return list(entries)
        except OSError as error:
            name = folder[len(self._prefix) :].removesuffix("/") or "."
            self.problems.append(Problem(name, 0, f"folder cannot be read: {error.strerror}"))
            return []

    def _take(self, entry: os.DirEntry[str], folder: str, rules: tuple[_Rules, ...]) -> Iterator[str]:
        """Keep a file that is of use; yield the name of a folder to enter."""
        name = folder + entry.name
        if entry.is_dir(follow_symlinks=False):
            if not self._exclude.verdict(name + "/") and not _is_ignored(name + "/", rules):
                yield name + "/"
        elif entry.name.endswith(".py"):
            if not self._exclude.verdict(name) and not _is_ignored(name, rules):
                self._take_python(entry, name)
        elif self._is_deployment(entry, name, rules):
            self._deployment.add(name)

    def _take_python(self, entry: os.DirEntry[str], name: str) -> None:
        if entry.is_symlink():
            self._links.add(name)
        elif entry.is_file(follow_symlinks=False):
            self._python.add(name)

    def _is_deployment(self, entry: os.DirEntry[str], name: str, rules: tuple[_Rules, ...]) -> bool:
        environment = _ENVIRONMENT.fullmatch(entry.name)
        if not environment and (not _DEPLOYMENT.fullmatch(entry.name) or _is_ignored(name, rules)):
            return False
        if self._exclude.verdict(name) or not entry.is_file():
            return False
        return not entry.is_symlink() or Path(os.path.realpath(entry.path)).is_relative_to(self._real)


def _is_ignored(name: str, rules: Iterable[_Rules]) -> bool:
    verdicts = (rule.verdict(name) for rule in rules)
    return next((verdict for verdict in verdicts if verdict is not None), False)


def _is_python(path: Path) -> bool:
    if path.suffix in {".py", ".pyw"}:
        return True
    try:
        with path.open("rb") as file:
            first = file.readline(200) if path.is_file() and not path.suffix else b""
    except OSError:
        return False
    return first.startswith(b"#!") and b"python" in first
