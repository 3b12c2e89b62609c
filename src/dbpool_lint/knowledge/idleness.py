"""By which settings do database servers close idle connections, and in which units?

MySQL's `wait_timeout` is in seconds, PostgreSQL's `idle_session_timeout` in milliseconds unless it names a unit.
Sources: the MySQL 8.4 reference manual, "Server System Variables"; the PostgreSQL 17 documentation, "Client
Connection Defaults" and "Parameter Names and Values".
"""

from __future__ import annotations

import re

SETTING = r"(?P<key>wait[_-]timeout|idle_session_timeout)\s*=\s*'?(?P<number>\d{1,9})\s*(?P<unit>us|ms|s|min|h|d)?\b"
"""One of the settings with its value, in a configuration file, a command or a statement."""

DIALECTS = {"wait_timeout": ("mysql", "mariadb"), "idle_session_timeout": ("postgresql", "postgres")}
"""Setting → the dialects of its servers."""

_STATED = re.compile(rf"(?<![\w-]){SETTING}")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def stated(text: str) -> tuple[str, int] | None:
    """The setting and its seconds in a text such as `-c idle_session_timeout=60000` or `SET wait_timeout=60`."""
    match = _STATED.search(text)
    return seconds_of(match) if match else None


def seconds_of(match: re.Match[str]) -> tuple[str, int] | None:
    """The same for a match of `SETTING`; None where the limit is off or below a second."""
    key = match["key"].replace("-", "_")
    usual = 1.0 if key == "wait_timeout" else 1e-3
    seconds = int(int(match["number"]) * _UNITS.get(match["unit"] or "", usual))
    return (key, seconds) if seconds > 0 else None
