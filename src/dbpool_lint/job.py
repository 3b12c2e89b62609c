"""What does one run do? It lints, fixes or shows the difference, reports, and says with which code to exit.

What does the work is imported where it is called: the command line must be there before it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dbpool_lint import __version__
from dbpool_lint.report import stream

if TYPE_CHECKING:
    from dbpool_lint.config import Configuration
    from dbpool_lint.fixing.apply import Outcome
    from dbpool_lint.model import Problem, Result, Source
    from dbpool_lint.report import View

CLEAN, FOUND, REFUSED, FAULT = 0, 1, 2, 3
INTERRUPTED = 130
DEBUG = "DBPOOL_LINT_DEBUG"
NAME = "dbpool-lint"


class Refusal(click.ClickException):
    """What the user gave cannot be worked with; the message says why."""

    exit_code = REFUSED


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line, as click names them."""

    paths: tuple[str, ...]
    fix: bool
    unsafe_fixes: bool
    diff: bool
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    extend_select: tuple[str, ...]
    config: str | None
    isolated: bool
    output_format: str
    output_file: str | None
    exit_zero: bool
    exit_non_zero_on_fix: bool
    statistics: bool
    show_files: bool
    show_settings: bool
    show_schema: bool
    no_cache: bool
    stdin_filename: str | None
    quiet: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One run over the files. `piped` is the text of standard input, where that is linted."""

    options: Options
    configuration: Configuration
    paths: list[Path]
    piped: tuple[Source, bytes] | None

    def lint(self) -> int:
        result = self._result({})
        self._report(result, self._view())
        self._warn(result.problems, result)
        return self._code(result.problems, found=bool(result.findings))

    def diff(self) -> int:
        from dbpool_lint.report import diff, text

        outcome = self._outcome()
        changed = sorted(outcome.changed.items())
        view = self._view()
        lines = [line for name, (source, new) in changed for line in diff.unified(view.path(name), source.text, new)]
        if view.colors or (self.options.output_file is None and stream.is_terminal()):
            stream.write_lines(diff.for_terminal(lines))
        else:
            self._write_out("".join(lines))
        if not self.options.quiet:
            stream.write_lines(text.forecast(outcome.applied, outcome.result.findings, view), error=True)
        problems = (*outcome.result.problems, *outcome.problems)
        self._warn(problems)
        return self._code(problems, found=bool(changed))

    def fix(self) -> int:
        from dbpool_lint.fixing import apply

        outcome = self._outcome()
        unwritten = () if self.piped else apply.commit(outcome)
        failed = {problem.name for problem in unwritten}
        applied = tuple(finding for finding in outcome.applied if finding.name not in failed)
        result = outcome.result
        view = replace(self._view(), fixed=applied)
        if self.piped:
            self._print_piped(outcome)
        self._report(result, view, error=self.piped is not None)
        problems = (*result.problems, *outcome.problems, *unwritten)
        self._warn(problems, result)
        found = bool(result.findings) or bool(applied and self.options.exit_non_zero_on_fix)
        return max(self._code(problems, found=found), REFUSED if unwritten else CLEAN)

    def _result(self, overlay: Mapping[str, str]) -> Result:
        from dbpool_lint import pipeline

        texts = {self.piped[0].name: self.piped[0].text} if self.piped else {}
        return pipeline.lint(self.paths, self.configuration, overlay={**texts, **overlay})

    def _outcome(self) -> Outcome:
        from dbpool_lint import pipeline
        from dbpool_lint.fixing import apply

        if self.piped:
            return apply.rounds(self._result, self.options.unsafe_fixes)
        return pipeline.fix(self.paths, self.configuration, unsafe=self.options.unsafe_fixes)

    def _print_piped(self, outcome: Outcome) -> None:
        from dbpool_lint.sources import files

        assert self.piped
        source, data = self.piped
        if source.name in outcome.changed:
            try:
                data = files.encode(source, outcome.changed[source.name][1])
            except UnicodeError as error:
                raise Refusal(f"the fixed text does not fit the encoding of standard input: {error}") from error
        stream.write_bytes(data)

    def _view(self) -> View:
        from dbpool_lint.report import View

        options = self.options
        return View(
            root=self.configuration.root,
            folder=Path.cwd(),
            unsafe=options.unsafe_fixes,
            quiet=options.quiet,
            statistics=options.statistics,
            colors=not options.output_file and stream.colors(),
        )

    def _report(self, result: Result, view: View, *, error: bool = False) -> None:
        from dbpool_lint.report import Format, render, text

        form = Format(self.options.output_format)
        if error and not self.options.output_file:
            view = replace(view, colors=stream.colors(error=True))
            stream.write(render(result, form, view), error=True)
            return
        self._write_out(render(result, form, view))
        if form is Format.JSON and view.fixed and not self.options.quiet:
            stream.write_lines(text.fixed(view.fixed), error=True)

    def _write_out(self, report: str) -> None:
        if self.options.output_file is None:
            stream.write(report)
            return
        try:
            Path(self.options.output_file).write_bytes(report.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise Refusal(f"cannot write {self.options.output_file}: {error.strerror}") from error

    def _warn(self, problems: Iterable[Problem], reported: Result | None = None) -> None:
        """Say on standard error what no finding has said already."""
        in_report = {finding.name for finding in reported.findings if finding.code == "DBP001"} if reported else set()
        view = self._view()
        for problem in sorted(set(problems)):
            path = f"{view.path(problem.name)}:" if problem.name else ""
            line = f"{problem.line}:" if problem.line else ""
            said = f"{path}{line} {problem.message}".lstrip()
            if problem.ours:
                stream.complain(f"{said}\n{how_to_report()}")
            elif problem.name not in in_report and not self.options.quiet:
                stream.complain(said, kind="warning")

    def _code(self, problems: Iterable[Problem], *, found: bool) -> int:
        if any(problem.ours for problem in problems):
            return FAULT
        return FOUND if found and not self.options.exit_zero else CLEAN


def piped(options: Options, configuration: Configuration, paths: list[Path]) -> tuple[Source, bytes] | None:
    if "-" not in options.paths:
        return None
    import io
    import tokenize

    from dbpool_lint.model import Source

    data = _standard_input()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, LookupError, ValueError) as error:
        raise Refusal(f"cannot decode standard input: {error}") from error
    if "\0" in text:
        raise Refusal("cannot decode standard input: it has a NUL byte")
    bom = encoding == "utf-8-sig"
    name = _name_below(configuration.root, paths[0])
    return Source(paths[0], name, text, "utf-8" if bom else encoding, bom), data


def _standard_input() -> bytes:
    if not sys.stdin:
        raise Refusal("cannot read standard input: it is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise Refusal(f"cannot read standard input: {error.strerror}") from error


def _name_below(root: Path, path: Path) -> str:
    for resolve in (os.path.abspath, os.path.realpath):
        resolved, top = Path(resolve(path)), Path(resolve(root))
        if resolved.is_relative_to(top):
            return resolved.relative_to(top).as_posix()
    raise Refusal(f"{path} is not below the project root {root}")


def how_to_report() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"This is a fault of {NAME} {__version__} (Python {python}), not of your code. Please report it on the issue "
        f"tracker of {NAME}, with this message and the file it is about."
    )
