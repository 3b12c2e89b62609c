"""What did the user ask for, and with which exit code does the run end? The command line, thin over the pipeline.

What does the work is imported where it is called: `--version` and `--help` must not wait for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dbpool_lint import __version__
from dbpool_lint.job import (
    CLEAN,
    DEBUG,
    FAULT,
    INTERRUPTED,
    NAME,
    REFUSED,
    Job,
    Options,
    Refusal,
    how_to_report,
    piped,
)
from dbpool_lint.report import stream

if TYPE_CHECKING:
    from dbpool_lint.config import Configuration

_SECTIONS = {
    "Fixing": ("fix", "unsafe_fixes", "diff"),
    "Rules and settings": ("select", "ignore", "extend_select", "config", "isolated"),
    "Report": ("output_format", "output_file", "statistics", "quiet"),
    "Exit code": ("exit_zero", "exit_non_zero_on_fix"),
}
_EXIT_CODES = """\b
Exit codes:
  0  nothing found, or everything found was fixed
  1  findings; with --diff: something would change
  2  wrong usage or settings, or a file that cannot be read or written
  3  a fault of dbpool-lint itself"""


class PathsOrCommand(click.Group):
    """A group that lints paths unless its first word is one of its commands."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.commands:
            return self.commands[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS] [PATHS]..."]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {
            param.name or "": param.get_help_record(ctx) for param in self.get_params(ctx) if param.name != "paths"
        }
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([record for name in names if (record := records.pop(name))])
        with formatter.section("Other options"):
            formatter.write_dl([record for record in records.values() if record])
        self.format_commands(ctx, formatter)


def _codes(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


_CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_CODES: dict[str, Any] = {"multiple": True, "callback": _codes, "metavar": "RULES"}


@click.group(
    NAME,
    cls=PathsOrCommand,
    invoke_without_command=True,
    context_settings=_CONTEXT | {"allow_interspersed_args": True},
    epilog=_EXIT_CODES,
)
@click.argument("paths", nargs=-1)
@click.option("--fix", is_flag=True, help="Apply safe fixes; report what is left.")
@click.option(
    "--unsafe-fixes",
    is_flag=True,
    help="With --fix or --diff: unsafe fixes too. Alone: count them as available in the report.",
)
@click.option("--diff", is_flag=True, help="Show what --fix would change; write nothing. Passwords in URLs are masked.")
@click.option("--select", help="Rules to check, instead of the settings' select, extend-select and ignore.", **_CODES)
@click.option("--ignore", help="Rules not to check, on top of the settings.", **_CODES)
@click.option("--extend-select", help="Rules to check, on top of the settings.", **_CODES)
@click.option("--config", metavar="FILE", help="Take the settings from this file, and no other.")
@click.option("--isolated", is_flag=True, help="Ignore all settings files.")
@click.option(
    "--output-format",
    type=click.Choice(["full", "concise", "json"]),
    default="full",
    metavar="FORM",
    help="full (with source lines, the default), concise (a line for each finding) or json.",
)
@click.option("--output-file", metavar="FILE", help="Write the report (or the diff) to this file.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if something was fixed, too.")
@click.option("--statistics", is_flag=True, help="Show how often each rule was found instead of the findings.")
@click.option("--show-files", is_flag=True, help="List the files that would be linted, and stop.")
@click.option("--show-settings", is_flag=True, help="Show the settings in force and where they come from, and stop.")
@click.option("--show-schema", is_flag=True, help="Show the JSON schema of the settings, and stop.")
@click.option("--no-cache", is_flag=True, help="Accepted, and without effect: nothing is cached yet.")
@click.option("--stdin-filename", metavar="NAME", help="With - as path: lint the text on standard input as this file.")
@click.option("--quiet", "-q", is_flag=True, help="Show findings and errors only, no summary and no warnings.")
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def command(**values: Any) -> int:
    """Find where a Python project exhausts, leaks, blocks or breaks its database connections.

    PATHS are files and folders; without any, the current folder. - is standard input. A path called like a command
    is given as ./rule or ./rules.

    RULES are codes (DBP101), prefixes of codes (DBP4) or names (engine-in-handler), separated by commas.
    """
    return _run(Options(**values))


@command.command("rule", context_settings=_CONTEXT)
@click.argument("selector", metavar="CODE_OR_NAME")
def rule_command(selector: str) -> int:
    """Explain one rule."""
    from dbpool_lint import config, docs
    from dbpool_lint.rules import registry

    found = registry.rule(selector.upper()) or registry.rule(selector.lower())
    if found is None:
        known = registry.known()
        raise Refusal(f"unknown rule `{selector}`{config.hint(selector.upper(), known)}")
    stream.write_lines(docs.for_terminal(found, stream.columns()))
    return CLEAN


@command.command("rules", context_settings=_CONTEXT)
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rules_command(output_format: str) -> int:
    """List all rules."""
    from dbpool_lint import docs
    from dbpool_lint.rules import registry

    if output_format == "json":
        stream.write(docs.as_json(registry.RULES))
    else:
        stream.write_lines(docs.for_list(registry.RULES))
    return CLEAN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with the arguments (default: those of the process); returns the exit code. Never raises for bad input."""
    try:
        code = command.main(arguments, prog_name=NAME, standalone_mode=False)
        return code if isinstance(code, int) else CLEAN
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx:
            stream.write(error.ctx.get_usage() + "\n", error=True)
        stream.complain(error.format_message())
        return error.exit_code
    except stream.Unwritable as error:
        stream.complain(f"cannot write to standard output: {error}")
        return REFUSED
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    # The outermost place: whatever comes here is our fault, and the user is owed a message instead of a traceback.
    except Exception as error:  # noqa: BLE001
        return _own_fault(error)


def _run(options: Options) -> int:
    from dbpool_lint import config

    try:
        return _done(options, _paths(options))
    except config.SettingsError as error:
        raise Refusal(str(error)) from error


def _done(options: Options, paths: list[Path]) -> int:
    if options.show_schema:
        return _show_schema()
    configuration = _configuration(options, paths)
    if options.show_settings:
        return _show_settings(configuration)
    if options.show_files:
        return _show_files(configuration, paths)
    job = Job(options, configuration, paths, piped(options, configuration, paths))
    if options.diff:
        return job.diff()
    return job.fix() if options.fix else job.lint()


def _paths(options: Options) -> list[Path]:
    if "-" not in options.paths:
        if options.stdin_filename is not None:
            raise click.UsageError("--stdin-filename needs `-` as the only path")
        return [_readable(path) for path in options.paths or ["."]]
    if len(options.paths) > 1:
        raise click.UsageError("`-` (standard input) cannot be linted together with other paths")
    return [Path(options.stdin_filename or "stdin.py")]


def _readable(given: str) -> Path:
    path = Path(given)
    try:
        path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Refusal(f"cannot read {given}: {reason}") from error
    if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
        raise Refusal(f"cannot read {given}: permission denied")
    return path


def _configuration(options: Options, paths: list[Path]) -> Configuration:
    from dbpool_lint import config
    from dbpool_lint.rules import registry

    if options.config and options.isolated:
        raise click.UsageError("--config and --isolated contradict each other")
    file = _readable(options.config) if options.config else None
    found = _with_selectors(options, config.discover(paths, config=file, isolated=options.isolated))
    config.check_selectors(found, registry.known())
    return found


def _with_selectors(options: Options, found: Configuration) -> Configuration:
    """The command line wins: the settings' `ignore` does not silence what it selects."""
    from dbpool_lint import config

    settings = found.settings
    select, extend, ignore = settings.select, settings.extend_select, settings.ignore
    if options.select:
        select, extend, ignore = options.select, (), ()
    kept = (selector for selector in ignore if selector not in options.extend_select)
    return config.with_overrides(
        found, select=select, extend_select=(*extend, *options.extend_select), ignore=(*kept, *options.ignore)
    )


def _show_schema() -> int:
    import json

    from dbpool_lint.config import schema

    stream.write(json.dumps(schema(), indent=2) + "\n")
    return CLEAN


def _show_settings(configuration: Configuration) -> int:
    import msgspec

    from dbpool_lint.report import settings

    values = msgspec.to_builtins(configuration.settings)
    stream.write_lines(settings.lines(f"tool.{NAME}", values, configuration.origin, configuration.root))
    return CLEAN


def _show_files(configuration: Configuration, paths: list[Path]) -> int:
    from dbpool_lint.report import View
    from dbpool_lint.report.shown import shown
    from dbpool_lint.sources.discover import python_files

    view = View(root=configuration.root, folder=Path.cwd())
    files = python_files(configuration.root, paths, configuration.settings)
    stream.write_lines([(shown(view.path(path.as_posix())), "")] for path in files)
    return CLEAN


def _own_fault(error: Exception) -> int:
    if os.environ.get(DEBUG):
        import traceback

        stream.complain("".join(traceback.format_exception(error)).rstrip("\n"))
    else:
        stream.complain(f"{type(error).__name__}: {error}\n{DEBUG}=1 shows where.")
    stream.write(how_to_report() + "\n", error=True)
    return FAULT
