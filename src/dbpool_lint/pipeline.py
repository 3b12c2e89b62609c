"""In which order do the stages run? Read this first.

discover → read → outline → slice → facts → link → rules → suppress → fix → report. Each stage is a module of its own;
this one only hands their results on, and knows no rule by name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbpool_lint.config import Configuration, check_selectors
from dbpool_lint.knowledge.vocabulary import seeds
from dbpool_lint.model import Finding, Problem, Result, Source, Span
from dbpool_lint.sources import discover, files
from dbpool_lint.sources.names import Names
from dbpool_lint.sources.outline import Outline
from dbpool_lint.sources.outlines import Outlines
from dbpool_lint.sources.slice import Slicer

if TYPE_CHECKING:
    from dbpool_lint.facts.model import Stmt
    from dbpool_lint.fixing.apply import Outcome

_DEEP_ENOUGH = 8_000
_TOO_MANY_ROUNDS = 10
_ENOUGH_FAILURES = 3  # of one rule: what fails on every file need not be said for every file


def lint(paths: Sequence[Path], configuration: Configuration, *, overlay: Mapping[str, str] | None = None) -> Result:
    """Judge the files at and below `paths`, with the whole project in view.

    `overlay` gives the text of files by name, in place of what is on disk. Raises SettingsError.
    """
    return Workspace(paths, configuration).lint(overlay or {})


def fix(paths: Sequence[Path], configuration: Configuration, *, unsafe: bool) -> Outcome:
    """Lint and fix until nothing changes; writes nothing. Raises SettingsError."""
    from dbpool_lint.fixing import apply

    return apply.rounds(Workspace(paths, configuration).lint, unsafe, _TOO_MANY_ROUNDS)


class Workspace:
    """One project between two runs: what was read, outlined and parsed is kept for the next."""

    def __init__(self, paths: Sequence[Path], configuration: Configuration) -> None:
        self._paths = paths
        self._configuration = configuration
        self._read: dict[Path, Source | Problem] = {}
        self._outlines: dict[tuple[str, str], Outline | Problem] = {}
        self._pieces: dict[tuple[str, str, int], tuple[Stmt, ...] | Problem] = {}
        self._tree: discover.Tree | None = None

    def lint(self, overlay: Mapping[str, str]) -> Result:
        """Run all stages up to the report."""
        from dbpool_lint.facts.contexts import is_test, overrides
        from dbpool_lint.rules import registry
        from dbpool_lint.sieve import sieve

        check_selectors(self._configuration, registry.known())
        root, settings = self._configuration.root, self._configuration.settings
        judged = self._judged(overlay)
        problems = list(self._project().problems)
        sources = self._sources(judged, overlay, problems)
        chosen_by = overrides(settings)
        with _at_work():
            outlines = Outlines(sources, self._outlines, lambda name: is_test(name, chosen_by))
            names = Names(outlines)
            extra = frozenset((*settings.blocking_calls, *settings.session_factories, *settings.entry_points))
            chosen = Slicer(names, outlines.users, extra).slice(outlines.seeded(seeds(extra)))
            unparsed = (outlines.problem(name) for name in judged if name in outlines)
            problems.extend(problem for problem in unparsed if problem is not None)
            findings = list(self._unreadable(problems))
            if chosen:
                findings += self._findings(names, chosen, judged, problems)
            unjudged = frozenset(problem.name for problem in problems)
            kept = tuple(sieve(settings, findings, sources, judged, unjudged))
        texts = {finding.name: sources[finding.name] for finding in kept if finding.name in sources}
        return Result(root, tuple(sorted(kept, key=_order)), tuple(sorted(set(problems))), tuple(judged), texts)

    # discover and read

    def _project(self) -> discover.Tree:
        if self._tree is None:
            self._tree = discover.walk(self._configuration.root, self._configuration.settings)
        return self._tree

    def _judged(self, overlay: Mapping[str, str]) -> list[str]:
        """The names of the files that findings are wanted for."""
        root, settings = self._configuration.root, self._configuration.settings
        found = {_name(path, root) for path in discover.python_files(root, self._paths, settings)}
        named = (_name(path, root) for path in map(Path.absolute, self._paths) if path.is_relative_to(root))
        found.update(name for name in named if name in overlay)
        return sorted(found)

    def _sources(self, judged: Iterable[str], overlay: Mapping[str, str], problems: list[Problem]) -> dict[str, Source]:
        root = self._configuration.root
        wanted = dict.fromkeys([*(_name(path, root) for path in self._project().python), *judged])
        found: dict[str, Source] = {}
        for name in sorted(wanted):
            source = self._source(root / name, name, overlay.get(name))
            if isinstance(source, Source):
                found[name] = source
            elif name in judged:
                problems.append(source)
        return found

    def _source(self, path: Path, name: str, text: str | None) -> Source | Problem:
        if path not in self._read:
            self._read[path] = files.read(path, name)
        source = self._read[path]
        if text is None:
            return source
        digest = "overlay:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if isinstance(source, Problem):
            return Source(path, name, text, digest=digest)
        return dataclasses.replace(source, text=text, digest=digest)

    # facts, link and rules

    def _findings(
        self, names: Names, chosen: Mapping[str, list[int]], judged: Iterable[str], problems: list[Problem]
    ) -> Iterator[Finding]:
        from dbpool_lint.deploy.reading import deployment
        from dbpool_lint.facts.assemble import assemble
        from dbpool_lint.locate import Locator
        from dbpool_lint.rules import registry
        from dbpool_lint.sieve import is_wanted

        root = self._configuration.root
        beside = (self._source(path, _name(path, root), None) for path in self._project().deployment)
        around, unread = deployment(source for source in beside if isinstance(source, Source))
        problems.extend(unread)
        outlines = names.outlines
        assert isinstance(outlines, Outlines)
        linked = assemble(names, outlines.sources, chosen, self._configuration.settings, around, self._pieces, problems)
        locator = Locator(outlines)
        failures: Counter[str] = Counter()
        for name in judged:
            if (module := linked.project.modules.get(name)) is None:
                continue
            for rule, check in registry.checks():
                if failures[rule.code] >= _ENOUGH_FAILURES or not is_wanted(self._configuration.settings, rule):
                    continue
                try:
                    yield from [locator.finding(name, violation) for violation in check(module, linked)]
                except Exception as error:  # noqa: BLE001 - one rule that stumbles over one file must not take the rest with it
                    what = f"{rule.code} failed on this file: {type(error).__name__}: {error}"
                    problems.append(Problem(name, 0, what, ours=True))
                    failures[rule.code] += 1

    def _unreadable(self, problems: Iterable[Problem]) -> Iterator[Finding]:
        from dbpool_lint.rules.registry import SYNTAX_ERROR as rule
        from dbpool_lint.sieve import is_wanted

        if is_wanted(self._configuration.settings, rule):
            for problem in problems:
                if problem.name.endswith(".py") and not problem.ours:
                    line = max(problem.line, 1)
                    span = Span(line, 1, line, 2)
                    yield Finding(rule.code, rule.name, rule.severity, problem.message, problem.name, span)


def _name(path: Path, root: Path) -> str:
    """A file's path below the root, with `/`."""
    return path.relative_to(root).as_posix()


def _order(finding: Finding) -> tuple[str, Span, str, str]:
    return finding.order


@contextlib.contextmanager
def _at_work() -> Iterator[None]:
    """Deeper recursion, since code may nest deep, and no garbage collection, since the trees we hold are no garbage.

    Both belong to our host and are put back.
    """
    limit, collects = sys.getrecursionlimit(), gc.isenabled()
    sys.setrecursionlimit(max(limit, _DEEP_ENOUGH))
    gc.disable()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        if collects:
            gc.enable()
