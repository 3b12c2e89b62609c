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
    r"pgbouncer\.ini|(?:docker-)?compose.*\.y.*ml|.*requirements.*\.(?:txt|in)|constraints.*\.txt|pyproject\.toml"
    r"|(?:poetry|uv|pdm)\.lock|Pipfile(?:\.lock)?|setup\.cfg|(?:conda-)?env(?:ironment)?.*\.ya?ml"
    r"|my\.cnf|.*(?:mysql|mariadb).*\.cnf|postgres.*\.conf"
)
_REQUIREMENTS = re.compile(r"(?:.*/)?requirements/[^/]+\.(?:txt|in)")
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
    spec = GitIgnoreSpec([pattern for line in patterns for pattern in _compiled(line, setting).patterns])
    return lambda name: bool(spec.match_file(name))


def _walked(root: Path, settings: Settings, paths: Sequence[Path] = ()) -> _Walk:
    found = _Walk(root, settings)
    for path in paths or (root,):
        found.add(path)
    return found


def _is_whole(root: Path, paths: Sequence[Path]) -> bool:
    return not paths or any(os.path.realpath(path) == os.path.realpath(root) for path in paths)


def _compiled(line: str, setting: str = "") -> GitIgnoreSpec:
    """One pattern, or none for a comment. Nonsense is passed over, as git does, unless it stands in a `setting`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `[[` is legal, but re announces that it may mean something else one day
            return GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error) as error:
        if setting:
            raise SettingsError(None, 0, f"`{setting}` has an invalid pattern: `{line}`") from error
        return GitIgnoreSpec.from_lines([])


class _Pattern:
    """One pattern, asked what git asks while it walks: does it mean this very file or folder?

    pathspec answers for files at once, so that its patterns mean all that is below a folder, too. On a walk that
    would let `!*/` take back too much, or `*` forbid the folders that it takes back.
    """

    __slots__ = ("_depth", "_folders_only", "_spec", "expression", "ignores")

    def __init__(self, line: str, setting: str) -> None:
        self._spec = _compiled(line, setting)
        active = [p for p in self._spec.patterns if p.include is not None and p.regex]
        self.ignores = active[0].include if active else None
        self.expression = active[0].regex.pattern if active and active[0].regex else ""
        text = line.rstrip().removeprefix("!")
        self._folders_only = text.endswith("/")
        self._depth = _depth(text.rstrip("/"))

    def means(self, parent: str, last: str) -> bool:
        """`parent` is empty or ends with `/`, and so does `last` if it is a folder."""
        if self._depth == "any":
            return self._matches(last)
        if self._depth == "below":
            return self._matches(parent) and (last.endswith("/") or not self._folders_only)
        return self._matches(parent + last) and not self._matches(parent)

    def _matches(self, name: str) -> bool:
        return bool(name) and self._spec.check_file(name).include is not None


def _depth(text: str) -> str:
    """Where a pattern looks: at the last part of a name, `below` a folder at any depth, or along the whole name."""
    last = text.removeprefix("**/")
    if "/" not in last or {*text.split("/")} <= {"", "**"}:
        return "any"
    return "below" if last.endswith("/**") else "whole"


class _Rules:
    """Patterns that count from the folder `base`, which is empty for the top and else ends with `/`."""

    __slots__ = ("_base", "_gate", "_patterns")

    def __init__(self, base: str, lines: Iterable[str], setting: str = "") -> None:
        self._base = len(base)
        patterns = [_Pattern(line, setting) for line in lines]
        self._patterns = [pattern for pattern in reversed(patterns) if pattern.ignores is not None]
        self._gate = _gate(pattern.expression for pattern in self._patterns)

    def verdict(self, parent: str, last: str) -> bool | None:
        """Ignored (True), kept by a negation (False) or not spoken of (None); the last pattern to speak decides."""
        below = parent[self._base :]
        if not self._gate.match(below + last):
            return None
        return next((pattern.ignores for pattern in self._patterns if pattern.means(below, last)), None)


def _gate(expressions: Iterable[str]) -> re.Pattern[str]:
    """One regex for all patterns: it says "none of them" several times faster than they do one by one."""
    anchored = (_GROUP_NAME.sub("(?:", e if e.startswith("^") else rf"[\s\S]*?{e}") for e in expressions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile("|".join(f"(?:{a})" for a in anchored) or r"(?!)")


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
        return any(self._exclude.verdict(*place) for place in _places(name, len(self._prefix)))

    def _rules_above(self, name: str) -> tuple[_Rules, ...]:
        """The ignore rules of the folders above one, the nearest first; none if they ignore it, as it was named."""
        rules = self._read_rules(".git/info/exclude", "")
        for parent, last in _places(name):
            rules = (*self._read_rules(parent + ".gitignore", parent), *rules)
            if _is_ignored(parent, last, rules):
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
        if entry.is_dir(follow_symlinks=False):
            if self._is_open(folder, entry.name + "/", rules):
                yield f"{folder}{entry.name}/"
        elif entry.name.endswith(".py"):
            if self._is_open(folder, entry.name, rules):
                self._take_python(entry, folder + entry.name)
                if entry.name == "setup.py":
                    self._take_deployment(entry, folder + entry.name)
        elif _ENVIRONMENT.fullmatch(entry.name):
            if self._is_open(folder, entry.name, ()):
                self._take_deployment(entry, folder + entry.name)
        elif _says_something(folder, entry.name) and self._is_open(folder, entry.name, rules):
            self._take_deployment(entry, folder + entry.name)

    def _is_open(self, folder: str, last: str, rules: Iterable[_Rules]) -> bool:
        return not self._exclude.verdict(folder, last) and not _is_ignored(folder, last, rules)

    def _take_python(self, entry: os.DirEntry[str], name: str) -> None:
        if entry.is_symlink():
            self._links.add(name)
        elif entry.is_file(follow_symlinks=False):
            self._python.add(name)

    def _take_deployment(self, entry: os.DirEntry[str], name: str) -> None:
        inside = not entry.is_symlink() or Path(os.path.realpath(entry.path)).is_relative_to(self._real)
        if inside and entry.is_file():
            self._deployment.add(name)


def _says_something(folder: str, name: str) -> bool:
    return bool(_DEPLOYMENT.fullmatch(name) or _REQUIREMENTS.fullmatch(folder + name))


def _places(name: str, start: int = 0) -> Iterator[tuple[str, str]]:
    """Each folder of a name from `start` on, and the name itself, as the part above and the last part."""
    ends = [index + 1 for index, char in enumerate(name) if char == "/" and index >= start]
    if len(name) > max([start, *ends]):
        ends.append(len(name))
    for first, end in zip([start, *ends], ends, strict=False):
        yield name[:first], name[first:end]


def _is_ignored(parent: str, last: str, rules: Iterable[_Rules]) -> bool:
    verdicts = (rule.verdict(parent, last) for rule in rules)
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
