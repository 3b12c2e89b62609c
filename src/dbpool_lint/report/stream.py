"""How does text reach the terminal, a pipe or a file? Whatever its characters, and quietly when nobody reads on."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from dbpool_lint.report.paint import Piece, painted, plain, wanted
from dbpool_lint.report.shown import shown_lines


class Unwritable(Exception):
    """Standard output takes no more; the message is the system's reason."""


def write(text: str, *, error: bool = False) -> None:
    """Write to standard output, or to standard error. Characters it cannot encode are spelled out.

    Raises Unwritable where standard output takes no more, as on a full disk; a reader who has gone is no error.
    """
    stream = sys.stderr if error else sys.stdout
    if not stream:  # closed before Python started
        return
    # What stands in for a stream elsewhere, as in an editor, may lack `reconfigure`.
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="backslashreplace")
    with _to_the_end(stream):
        stream.write(text)
        stream.flush()


def colors(*, error: bool = False) -> bool:
    """Whether standard output, or standard error, is to be painted."""
    stream = sys.stderr if error else sys.stdout
    return bool(stream) and wanted(stream, os.environ)


def is_terminal() -> bool:
    """Whether standard output is read by a person at once."""
    return bool(sys.stdout) and sys.stdout.isatty()


def columns(most: int = 100) -> int | None:
    """How wide prose may be: as the terminal, up to `most`; None where there is no terminal."""
    return min(shutil.get_terminal_size().columns, most) if is_terminal() else None


def write_bytes(data: bytes) -> None:
    """Write to standard output as they are."""
    if not sys.stdout:
        return
    with _to_the_end(sys.stdout):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def write_lines(lines: Iterable[Iterable[Piece]], *, error: bool = False) -> None:
    """Write lines of pieces, with colours where the stream wants them."""
    write((painted if colors(error=error) else plain)(lines), error=error)


def complain(message: str, kind: str = "error") -> None:
    """Say on standard error what went wrong, fit for a terminal and without passwords."""
    style = "bold red" if kind == "error" else "bold yellow"
    write_lines([[(kind, style), (f": {shown_lines(message)}", "")]], error=True)


@contextlib.contextmanager
def _to_the_end(stream: TextIO) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # The interpreter flushes the stream once more at its end; that must not fail again.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and not isinstance(error, BrokenPipeError):
            raise Unwritable(error.strerror) from error
