"""How does text get its colours? A report is made of pieces, a text and its style.

The text is the same with colours and without. rich is imported only when there is something to paint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

Piece = tuple[str, str]
"""A text and a style in the words of rich (`bold red`); an empty style means plain."""


class Terminal(Protocol):
    def isatty(self) -> bool: ...


def wanted(stream: Terminal, environ: Mapping[str, str]) -> bool:
    """Whether to paint what goes to the stream: NO_COLOR, then FORCE_COLOR, then whether it is a terminal."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def plain(lines: Iterable[Iterable[Piece]]) -> str:
    """The text of the lines, each ended by a line feed."""
    return "".join("".join(text for text, _ in line) + "\n" for line in lines)


def painted(lines: Iterable[Iterable[Piece]]) -> str:
    """As `plain`, with ANSI escape sequences for the styles."""
    from rich.color import ColorSystem
    from rich.style import Style

    def paint(line: Iterable[Piece]) -> Iterator[str]:
        for text, style in line:
            yield Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if style and text else text

    return "".join("".join(paint(line)) + "\n" for line in lines)
