"""What does a TOML file say, and on which line does it say it?

The parser gives values without places. Lines are found by asking it which runs of lines are whole statements, so
that quoting, dotted keys, nested tables and values of several lines are read as the parser reads them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """Settings that cannot be used. `file` is None for what the command line said; `line` is 0 where there is none."""

    def __init__(self, file: Path | None, line: int, message: str) -> None:
        super().__init__(file, line, message)
        self.file = file
        self.line = line
        self.message = message

    def __str__(self) -> str:
        if self.file is None:
            return _printable(self.message)
        place = f"{_shown(self.file)}:{self.line}" if self.line else _shown(self.file)
        return _printable(f"{place}: {self.message}")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its text with `\\n` line ends, and the keys `above` the table that holds the settings."""

    file: Path
    text: str
    data: dict[str, Any]
    above: tuple[str, ...] = ()

    def value(self, *keys: str) -> Any:
        """What stands at `keys` below the table of the settings (without keys: the table); None for nothing."""
        value: Any = self.data
        for key in (*self.above, *keys):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def error(self, keys: Sequence[str], message: str, word: str = "") -> SettingsError:
        """An error at the line that sets `keys` (below the table of the settings), or at `word` in its value."""
        return SettingsError(self.file, self.line((*self.above, *keys), word), message)

    def line(self, keys: tuple[str, ...], word: str = "") -> int:
        """The line that sets `keys`, counted from the top of the file, or the one that has `word` in the value."""
        for statement in _statements(self.text):
            if statement.sets(keys):
                return statement.line + _lines_down_to(word or keys[-1], statement.text)
        return 1


def read(file: Path) -> bytes:
    """The bytes of a file. Raises SettingsError."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(file, 0, f"cannot be read: {error.strerror}") from error


def parse(file: Path, data: bytes, above: tuple[str, ...] = ()) -> Document:
    """Parse the bytes of `file`; a byte order mark is passed over. Raises SettingsError, with the line."""
    data = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
    try:
        text = data.decode("utf-8")
        return Document(file, text, _loads(text), above)
    except RecursionError as error:
        raise SettingsError(file, 0, "is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise SettingsError(file, data.count(b"\n", 0, error.start) + 1, "is not valid UTF-8") from error
    except ValueError as error:
        raise SettingsError(file, *_mistake(str(error), data)) from error


def _mistake(said: str, data: bytes) -> tuple[int, str]:
    """The line and the message of a mistake, from what the parser said of it."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    line = int(place[1]) if place and place[1] else data.rstrip(b"\n").count(b"\n") + 1
    return line, f"is not valid TOML: {said[: place.start()] if place else said}"


def dotted(keys: Sequence[str]) -> str:
    """The keys as TOML spells a dotted key: `per-file-ignores."tests/*"`."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in keys)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A header or a `key = value` in a file. `data` is what it says below `table`; empty for a header."""

    line: int
    text: str
    table: tuple[str, ...]
    data: dict[str, Any]

    def sets(self, keys: tuple[str, ...]) -> bool:
        if len(keys) <= len(self.table):
            return not self.data and self.table[: len(keys)] == keys
        value: Any = self.data
        for key in keys[len(self.table) :]:
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return self.table == keys[: len(self.table)]


def _statements(text: str) -> Iterator[_Statement]:
    table: tuple[str, ...] = ()
    pending: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        pending.append(line)
        piece = "\n".join(pending)
        try:
            data = _loads(piece)
        except ValueError:  # goes on in the next line
            continue
        first = number - len(pending) + 1
        pending = []
        if piece.lstrip().startswith("["):
            table = tuple(_header(data))
            data = {}
        yield _Statement(first, piece, table, data)


def _header(data: Any) -> Iterator[str]:
    while data:
        if isinstance(data, list):
            data = data[0]
            continue
        key, data = next(iter(data.items()))
        yield key


def _lines_down_to(word: str, text: str) -> int:
    """How many lines below the first one of a statement `word` stands whole; 0 if it is spelled otherwise."""
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return next((n for n, line in enumerate(text.split("\n")) if whole.search(line)), 0)


def _loads(text: str) -> dict[str, Any]:
    import tomli

    return tomli.loads(text)


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _printable(text: str) -> str:
    """The text with control characters, line ends and lone surrogates spelled out: keys come from hostile files too."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
