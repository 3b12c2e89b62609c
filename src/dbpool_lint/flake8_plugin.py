"""How does flake8 get the findings of the command line? It asks file by file; the project is judged as a whole, once.

flake8 loads this module for every run, also for projects without a database: what is heavy is imported when a file is
judged, not here.
"""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dbpool_lint import __version__

if TYPE_CHECKING:
    import argparse
    import ast
    from collections.abc import Iterator, Mapping, Sequence

    from flake8.options.manager import OptionManager

    from dbpool_lint.config import Configuration
    from dbpool_lint.model import Finding, Result, Source

LISTS = {
    "select": "rules to check: codes, prefixes of codes, or names",
    "extend-select": "rules to check, on top of the settings",
    "ignore": "rules not to check",
    "exclude": "patterns of files not to read, in place of the usual ones",
    "extend-exclude": "patterns of files not to read, on top of the settings",
    "blocking-calls": "dotted names of functions that block",
    "session-factories": "dotted names of functions that hand out a session the caller must close",
    "entry-points": "dotted names of decorators whose functions run for each request",
}


class Plugin:
    """The checker that flake8 makes for each file that it could parse; the parameters' names are flake8's."""

    name = "dbpool-lint"
    version = __version__
    options: ClassVar[argparse.Namespace]
    projects: ClassVar[dict[tuple[str, ...], Project]]

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        self.filename = filename
        self.lines = lines

    @staticmethod
    def add_options(manager: OptionManager) -> None:
        """An option for each setting that is a plain value or a list; they win over the settings file."""
        add = manager.add_option
        add("--dbpool-config", parse_from_config=True, normalize_paths=True, metavar="FILE", help="settings file")
        add("--dbpool-isolated", parse_from_config=True, action="store_true", help="read no settings file")
        for name, meaning in LISTS.items():
            add(f"--dbpool-{name}", parse_from_config=True, comma_separated_list=True, metavar="NAMES", help=meaning)
        add("--dbpool-pool-recycle", parse_from_config=True, type=int, metavar="SECONDS", help="what DBP402's fix sets")
        add("--dbpool-call-depth", parse_from_config=True, type=int, metavar="CALLS", help="how far to follow a lease")
        modes = ("auto", "off", "session", "transaction", "statement")
        add("--dbpool-pgbouncer", parse_from_config=True, choices=modes, help="pool mode of the PgBouncer in between")

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Start a run. Raises flake8's ExecutionError, which ends it with the message alone, for wrong settings."""
        cls.options, cls.projects = options, {}
        # Not left to the worker processes: one that raises may leave flake8 waiting for ever when it ends the others.
        with _refusing():
            _ = cls.project().configuration

    @classmethod
    def project(cls) -> Project:
        """What is judged: another one where flake8 is used as a library, and is given other files."""
        return cls.projects.setdefault(tuple(cls.options.filenames), Project(cls.options))

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield line (from 1), column (from 0, in characters), text and this class, as flake8 wants them."""
        with _refusing():
            findings = self.project().findings(self.filename, self.lines)
        for finding in findings:
            text = f"{finding.code} {finding.rule}: {finding.message}"
            yield finding.span.line, finding.span.column - 1, text, type(self)


class Project:
    """The project around the files that flake8 was given; judged once in each of its processes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def findings(self, filename: str, lines: Sequence[str]) -> tuple[Finding, ...]:
        """What flake8 shall report for a file: nothing where it is not below the root, or excluded."""
        name = name_below(self.configuration.root, filename)
        return () if name is None else tuple(self._reported(name, filename, lines))

    @cached_property
    def configuration(self) -> Configuration:
        """The settings that the command line finds for the same paths, with flake8's options on top.

        Raises SettingsError.
        """
        from dbpool_lint import config
        from dbpool_lint.rules import registry

        options = self._options
        # Text on standard input may belong to a file that does not exist yet.
        paths = [Path(options.stdin_display_name).parent if path == "-" else Path(path) for path in options.filenames]
        file = Path(options.dbpool_config) if options.dbpool_config else None
        found = config.discover(paths, config=file, isolated=options.dbpool_isolated)
        changed = config.with_overrides(found, **_overrides(options))
        config.check_selectors(changed, registry.known())
        return changed

    def _reported(self, name: str, filename: str, lines: Sequence[str]) -> Iterator[Finding]:
        unsaved = "-" in self._options.filenames and filename == self._options.stdin_display_name
        result = self._judged([name], {name: "".join(lines)}) if unsaved else self._saved
        for finding in result.findings:
            if finding.name == name and not _left_to_flake8(finding, result.texts.get(name)):
                yield finding

    @cached_property
    def _saved(self) -> Result:
        named = (name_below(self.configuration.root, path) for path in self._options.filenames or ["."])
        return self._judged([name for name in named if name is not None], {})

    def _judged(self, names: Sequence[str], overlay: Mapping[str, str]) -> Result:
        """What is found at and below these names, of files or folders, with the whole project in view."""
        from dbpool_lint.pipeline import lint

        root = self.configuration.root
        return lint([root / name for name in names], self.configuration, overlay=overlay)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Wrong settings, as the error that flake8 prints as it is."""
    from flake8.exceptions import ExecutionError

    from dbpool_lint.config import SettingsError

    try:
        yield
    except SettingsError as error:
        raise ExecutionError(f"dbpool-lint: {error}") from error


def name_below(root: Path, filename: str) -> str | None:
    """The path of a file below the root, with `/`; None for a file elsewhere. Links count as where they lead."""
    for resolve in (os.path.abspath, os.path.realpath):
        path, top = Path(resolve(filename)), Path(resolve(root))
        if path.is_relative_to(top):
            return path.relative_to(top).as_posix()
    return None


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    """The settings that options were given for; None where none was."""
    fields = [name.replace("-", "_") for name in LISTS]
    lists = {field: getattr(options, f"dbpool_{field}") for field in fields}
    numbers = {"pool_recycle": options.dbpool_pool_recycle, "call_depth": options.dbpool_call_depth}
    return lists | numbers | {"pgbouncer": options.dbpool_pgbouncer}


def _left_to_flake8(finding: Finding, source: Source | None) -> bool:
    """An unused `# noqa` is flake8's own business; an unused `# dbpool:` comment is ours."""
    if finding.code != "DBP002" or source is None:
        return False
    from dbpool_lint.suppress import suppressions

    start = (finding.span.line, finding.span.column)
    return any(
        comment.kind == "noqa"
        and (comment.span.line, comment.span.column) <= start < (comment.span.end_line, comment.span.end_column)
        for comment in suppressions(source)
    )
