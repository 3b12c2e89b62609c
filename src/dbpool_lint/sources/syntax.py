"""How is a piece of a file seen by LibCST? Parsing statements, walking them, and finding places again.

A plain LibCST visit rebuilds every node and its position provider renders the whole tree. Facts need
neither: `walk` only looks, and numbers the nodes; a place is worked out later, from that number, in the few
statements that are reported.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TypeVar

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from dbpool_lint.model import Source, Span

UNREADABLE = (cst.ParserSyntaxError, cst.CSTValidationError, getattr(cst, "CSTLogicError", cst.ParserSyntaxError))
"""What LibCST's parser raises: the last two for trees that it builds itself and then finds wrong."""

_Node = TypeVar("_Node", bound=cst.CSTNode)

_NOT_CODE = (cst.BaseParenthesizableWhitespace, cst.TrailingWhitespace, cst.EmptyLine, cst.Newline, cst.Comment)
_TOKENS = frozenset(
    {
        "lpar",
        "rpar",
        "comma",
        "semicolon",
        "equal",
        "dot",
        "colon",
        "lbracket",
        "rbracket",
        "lbrace",
        "rbrace",
        "header",
        "footer",
        "leading_lines",
        "lines_after_decorators",
        "asynchronous",
        "operators",
    }
)


@functools.cache
def _code_fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    names = (f.name for f in fields(kind))
    return tuple(n for n in names if not n.startswith(("whitespace", "trailing", "leading")) and n not in _TOKENS)


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes directly below, in the order LibCST declares them, without blanks, commas and parentheses."""
    for name in _code_fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, cst.CSTNode):
            if not isinstance(value, _NOT_CODE):
                yield value
        elif isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, cst.CSTNode) and not isinstance(item, _NOT_CODE):
                    yield item


def preorder(root: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Every node of code at and below `root`, parents first; the n-th one here has number n."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))


@dataclass(frozen=True, slots=True)
class Chunk:
    """One top-level statement of a file (or several on one line), parsed on its own.

    `line` is its first line in the file, counting from 1; `start` the offset of that line's first character.
    """

    source: Source
    line: int
    start: int
    text: str
    module: cst.Module


def parse(source: Source, line: int, start: int, end: int) -> Chunk:
    """Parse `source.text[start:end]`, which begins at the start of `line`. Raises `cst.ParserSyntaxError`."""
    text = source.text[start:end]
    return Chunk(source, line, start, text, cst.parse_module(text))


class Places:
    """Spans and offsets of the nodes of a chunk; costs one rendering of it, so only for what is reported."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        wrapper = MetadataWrapper(chunk.module, unsafe_skip_copy=True)
        self._positions = wrapper.resolve(PositionProvider)
        self._nodes = list(preorder(chunk.module))
        self._starts = _line_starts(chunk.text)

    def node(self, number: int) -> cst.CSTNode:
        return self._nodes[number]

    def span(self, node: cst.CSTNode) -> Span:
        """Where `node` stands in the file; parentheses around it are not part of it."""
        where = self._positions[node]
        shift = self.chunk.line - 1
        return Span(where.start.line + shift, where.start.column + 1, where.end.line + shift, where.end.column + 1)

    def offsets(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of `node` in `source.text`, in characters."""
        where = self._positions[node]
        first, last = (self._starts[p.line - 1] + p.column for p in (where.start, where.end))
        return self.chunk.start + first, self.chunk.start + last

    def whole(self, node: cst.BaseExpression) -> tuple[int, int]:
        """Start and end of `node` in `source.text` with the parentheses around it."""
        start, end = self.offsets(node)
        if node.lpar and node.rpar:
            return self.offsets(node.lpar[0])[0], self.offsets(node.rpar[-1])[1]
        return start, end

    def path(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """Each node above `node` with its child on the way down to it, the nearest first."""
        while node in self._above:
            yield self._above[node], node
            node = self._above[node]

    @functools.cached_property
    def _above(self) -> dict[cst.CSTNode, cst.CSTNode]:
        return {child: node for node in self._nodes for child in children(node)}

    @functools.cached_property
    def comments(self) -> tuple[cst.Comment, ...]:
        """All comments of the chunk, in the order of the text."""
        found = (node for node in self._positions if isinstance(node, cst.Comment))
        return tuple(sorted(found, key=self.offsets))

    def all(self, kinds: type[_Node] | tuple[type[_Node], ...]) -> Iterator[_Node]:
        """The nodes of code of these kinds, parents first."""
        return (node for node in self._nodes if isinstance(node, kinds))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for index, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
            starts.append(index + 1)
    return starts
