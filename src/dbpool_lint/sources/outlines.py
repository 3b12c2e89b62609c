"""Which files has the project, and what is in them? Sources read once, outlines made when somebody asks."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping

from dbpool_lint.model import Problem, Source
from dbpool_lint.sources.outline import Outline, outline

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


class Outlines(Mapping[str, Outline]):
    """The outlines of all Python files of a project by name; a file that cannot be parsed has an empty one.

    `known` are outlines from an earlier run, by name and digest, that are used again and added to. Files that are
    `passed_over`, such as tests, are outlined only when another one imports them.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        known: dict[tuple[str, str], Outline | Problem],
        passed_over: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.sources = sources
        self._searched = [name for name in sources if not passed_over(name)]
        self._known = known
        self._identifiers: dict[str, frozenset[str]] = {}

    def __getitem__(self, name: str) -> Outline:
        found = self._outlined(self.sources[name])
        return found if isinstance(found, Outline) else Outline(name, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self.sources)

    def __len__(self) -> int:
        return len(self.sources)

    def __contains__(self, name: object) -> bool:
        return name in self.sources

    def _outlined(self, source: Source) -> Outline | Problem:
        key = (source.name, source.digest)
        if key not in self._known:
            self._known[key] = outline(source)
        return self._known[key]

    def seeded(self, pattern: re.Pattern[str]) -> Iterator[str]:
        """The files whose text matches."""
        return (name for name in self._searched if pattern.search(self.sources[name].text))

    def users(self, names: frozenset[str]) -> Iterator[str]:
        """The files whose text has one of the names as an identifier."""
        for name in self._searched:
            if name not in self._identifiers:
                self._identifiers[name] = frozenset(_IDENTIFIER.findall(self.sources[name].text))
            if not names.isdisjoint(self._identifiers[name]):
                yield name

    def problem(self, name: str) -> Problem | None:
        """Why a file cannot be parsed; None when it can."""
        source = self.sources[name]
        found = self._known.get((name, source.digest))
        if found is None and not _parses(source):
            found = self._outlined(source)
        return found if isinstance(found, Problem) else None


def _parses(source: Source) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
