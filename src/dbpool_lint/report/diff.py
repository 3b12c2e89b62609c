"""What would a fix change? A unified diff, as `git apply` and `patch` read it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from dbpool_lint.report.paint import Piece
from dbpool_lint.report.shown import masked, shown_lines

# A diff knows one line end; `str.splitlines` would break its lines at a form feed too.
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_NO_LINE_END = "\\ No newline at end of file\n"


def unified(path: str, before: str, after: str) -> Iterator[str]:
    """The lines of the diff, with their own line ends.

    Passwords in URLs are masked: such a diff is there to be read, a tool that applies it refuses it.
    """
    old, new = _LINES.findall(before), _LINES.findall(after)
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        shown = masked(line)
        yield shown if shown.endswith("\n") else f"{shown}\n{_NO_LINE_END}"


def for_terminal(lines: Iterable[str]) -> Iterator[list[Piece]]:
    """The lines of a diff as pieces, with nothing in them that could drive the terminal."""
    for line in lines:
        style = "bold" if line.startswith(("--- ", "+++ ")) else _STYLES.get(line[0], "")
        yield [(shown_lines(line.removesuffix("\n")), style)]
