"""When do the database servers of a project close idle connections? Their configuration files and start commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbpool_lint.deploy.model import IdleLimit
from dbpool_lint.knowledge.idleness import SETTING, seconds_of
from dbpool_lint.model import Source

_FILE = re.compile(r"(?:.*/)?(?:my|[\w.-]*(?:mysql|mariadb)[\w.-]*)\.cnf|(?:.*/)?postgres[\w.-]*\.conf")
_IN_FILE = re.compile(rf"^\s*{SETTING}")
_IN_COMMAND = re.compile(rf"(?:--|-c[\s\"',]*){SETTING}")


def reads(name: str) -> bool:
    """Whether a file configures a database server."""
    return _FILE.fullmatch(name) is not None


def read(source: Source) -> Iterator[IdleLimit]:
    """The limits in a server's own configuration file."""
    return _found(source, _IN_FILE)


def started(source: Source) -> Iterator[IdleLimit]:
    """The limits in commands that start servers: `mysqld --wait-timeout=600`, `postgres -c idle_session_timeout=1h`."""
    return _found(source, _IN_COMMAND)


def _found(source: Source, pattern: re.Pattern[str]) -> Iterator[IdleLimit]:
    for number, line in enumerate(source.text.splitlines(), 1):
        match = pattern.search(line) if not line.lstrip().startswith(("#", ";")) else None
        limit = seconds_of(match) if match else None
        if limit is not None:
            yield IdleLimit(source.name, number, *limit)
