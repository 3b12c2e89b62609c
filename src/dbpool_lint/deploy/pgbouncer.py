"""What does `pgbouncer.ini` say? Its mode, port, databases and limits, by `configparser`."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator

from dbpool_lint.deploy.model import Pooler
from dbpool_lint.model import Problem, Source

_PORT = 6432
_POOL_MODE = re.compile(r"\bpool_mode\s*=\s*(\w+)")


def read(source: Source) -> Iterator[Pooler | Problem]:
    """The pooler that the file sets up: one for its default mode, and one for each database with a mode of its own."""
    parser = configparser.ConfigParser(
        strict=False,
        interpolation=None,
        inline_comment_prefixes=None,
        comment_prefixes=(";", "#", "%"),
        delimiters=("=",),
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(source.text, source.name)
    except configparser.Error as error:
        message = str(error).splitlines()[0]
        lines = [line for line, _ in getattr(error, "errors", ())] or [getattr(error, "lineno", 0)]
        yield Problem(source.name, lines[0], f"cannot be read as an INI file: {message}")
        return
    if not parser.has_section("pgbouncer"):
        return
    main = {key.lower(): value.strip() for key, value in parser.items("pgbouncer")}
    databases = dict(parser.items("databases")) if parser.has_section("databases") else {}
    modes = {name: found[1].lower() for name, text in databases.items() if (found := _POOL_MODE.search(text))}
    usual = tuple(name for name in databases if name not in modes and name != "*")
    yield _pooler(source, main, main.get("pool_mode", "session").lower(), usual, general=True)
    for name, mode in modes.items():
        yield _pooler(source, main, mode, (name,), general=False)


def _pooler(source: Source, main: dict[str, str], mode: str, databases: tuple[str, ...], *, general: bool) -> Pooler:
    return Pooler(
        source.name,
        _line_of(source.text, "pool_mode"),
        "PgBouncer",
        mode,
        port=_number(main.get("listen_port")) or _PORT,
        databases=databases,
        prepared=_number(main.get("max_prepared_statements")),
        general=general,
        idle_limit=_number(main.get("client_idle_timeout")) or None,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith(key):
            return number
    return 1
