"""Which settings are in force? As the table that would give them, in TOML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from dbpool_lint.report.paint import Piece
from dbpool_lint.report.shown import shown


def lines(table: str, settings: Mapping[str, object], origin: Path | None, root: Path) -> Iterator[list[Piece]]:
    """The table with all its keys, under comments that name its file and the project root."""
    yield [(shown(f"# settings: {origin or 'defaults'}"), "dim")]
    yield [(shown(f"# project root: {root}"), "dim")]
    yield [(f"[{table}]", "bold")]
    for key, value in settings.items():
        yield [(key, "cyan"), (f" = {shown(_toml(value))}", "")]


def _toml(value: object) -> str:
    """Strings, whole numbers and lists of them are the same in TOML as in JSON."""
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    pairs = (f"{json.dumps(key, ensure_ascii=False)} = {_toml(item)}" for key, item in value.items())
    return "{ " + ", ".join(pairs) + " }" if value else "{}"
