"""What may a fix know of the file it changes? Its text, its top-level statements, and the names they bind."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from dbpool_lint.model import Source
from dbpool_lint.sources import syntax
from dbpool_lint.sources.outline import Binding, Outline, Statement

_LINE_END = re.compile(r"\r\n|\r|\n")
_LAST_LINE_END = re.compile(r"(?:\r\n|\r|\n)\Z")
_DEFINITION = re.compile(r"@|(?:async[ \t]+)?def\b|class\b")
_IMPORT = re.compile(r"(?:import|from)\b")


class Refused(Exception):
    """This place cannot be rewritten with certainty; the finding stays without a fix."""


class Site:
    """A file with its outline; statements are parsed only when a fix looks at them, and once."""

    def __init__(self, source: Source, outline: Outline) -> None:
        self.source = source
        self.statements: tuple[Statement, ...] = outline.statements
        self._chunks: dict[int, syntax.Chunk] = {}
        self._places: dict[int, syntax.Places] = {}

    def chunk_of(self, statement: int) -> syntax.Chunk:
        """The top-level statement of that index. Raises `cst.ParserSyntaxError`."""
        if statement not in self._chunks:
            found = self.statements[statement]
            self._chunks[statement] = syntax.parse(self.source, found.line, found.start, found.end)
        return self._chunks[statement]

    def places(self, statement: int) -> syntax.Places:
        if statement not in self._places:
            self._places[statement] = syntax.Places(self.chunk_of(statement))
        return self._places[statement]

    def text_of(self, statement: int) -> str:
        found = self.statements[statement]
        return self.source.text[found.start : found.end]

    def is_definition(self, statement: int) -> bool:
        """Is it a function or a class?"""
        return _DEFINITION.match(self.text_of(statement)) is not None

    def is_import(self, statement: int) -> bool:
        """Is it an import that always runs, not one inside `if` or `try`?"""
        return _IMPORT.match(self.text_of(statement)) is not None

    def module_names_before(self, statement: int) -> frozenset[str]:
        """Global names bound by the statements above that one; what is imported for type checkers only is none."""
        return frozenset(name for found in self.statements[:statement] for name in _bound(found))

    def imports_of(self, name: str) -> Iterator[tuple[int, Binding]]:
        """The imports that bind the global `name`, with the index of their statement."""
        for index, statement in enumerate(self.statements):
            yield from ((index, binding) for binding in statement.imports if binding.local == name)

    def is_defined(self, name: str) -> bool:
        """Is the global `name` bound by anything but an import?"""
        return any(name in statement.defines for statement in self.statements) or self.is_rebound(name)

    def is_rebound(self, name: str) -> bool:
        """Does a function declare `name` global, to bind it?"""
        return name in self._declared_global

    def is_changed_below(self, statement: int, name: str) -> bool:
        """Do the statements further down bind the global `name` to something that it is not above?"""
        if any(name in found.defines for found in self.statements[statement + 1 :]):
            return True
        imports = [(index > statement, (b.module, b.name, b.level)) for index, b in self.imports_of(name)]
        above = {meaning for is_below, meaning in imports if not is_below}
        return any(is_below and meaning not in above for is_below, meaning in imports)

    def is_global(self, name: str) -> bool:
        return self.is_defined(name) or any(self.imports_of(name))

    def is_there(self, name: str) -> bool:
        """Is the global `name` bound by anything that runs, not only for type checkers?"""
        return self.is_defined(name) or any(not binding.typing_only for _, binding in self.imports_of(name))

    @functools.cached_property
    def _declared_global(self) -> frozenset[str]:
        lines = re.findall(r"^[ \t\f]*global\b([^\r\n#]*)", self.source.text, re.MULTILINE)
        return frozenset(name for line in lines for name in re.findall(r"\w+", line))


def _bound(statement: Statement) -> Iterator[str]:
    yield from statement.defines
    yield from (binding.local for binding in statement.imports if not binding.typing_only)


def line_start(text: str, offset: int) -> int:
    """Offset of the first character of the line which `offset` stands in."""
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def line_ends(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    return _LINE_END.finditer(text, start)


def newline(text: str, offset: int) -> str:
    """How the line that holds `offset` ends; where it is the last one, how the first line does."""
    match = _LINE_END.search(text, offset) or _LINE_END.search(text)
    return match.group() if match else "\n"


def ends_line(text: str) -> bool:
    return _LAST_LINE_END.search(text) is not None


def above(site: Site, statement: int) -> int:
    """Offset of the line above which text belonging to that statement, its own comments included, begins.

    Comments that reach the top of the file are about the file.
    """
    text, start = site.source.text, site.statements[statement].start
    floor = site.statements[statement - 1].end if statement else 0
    place = start
    while place > floor:
        before = line_start(text, _line_end_before(text, place))
        if not text[before:place].lstrip().startswith("#"):
            return place
        place = before
    return start if place == 0 else place


def _line_end_before(text: str, start: int) -> int:
    return start - 2 if text[start - 2 : start] == "\r\n" else start - 1
