"""What may a framework make of a function, and how do the tables say so?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

REQUEST_ROLES = frozenset(
    {"route", "dependency", "middleware", "view", "resolver", "servicer", "handler", "lambda handler"}
)
"""It runs for each request, or for each message of a user."""

JOB_ROLES = frozenset({"task", "job", "consumer"})
"""A long-lived process runs it again and again, outside of requests."""

ONCE_ROLES = frozenset({"startup", "lifespan", "shutdown", "command", "main", "test", "migration"})
"""It runs once in the life of a process."""

T = TypeVar("T")

Table = tuple[tuple["str | re.Pattern[str]", T], ...]
"""Regular expression for a full dotted name → what is known of it."""


class Given(NamedTuple):
    """An argument that takes handlers: its keyword, its position if it may be positional, and what they become."""

    role: str
    keyword: str
    position: int | None


def given(role: str, keyword: str, position: int | None = None) -> Given:
    return Given(role, keyword, position)


def every(names: str, role: str) -> dict[str, str]:
    """The same role for several names."""
    return dict.fromkeys(names.split(), role)


def words(names: str) -> frozenset[str]:
    """Several names, written as one text."""
    return frozenset(names.split())


def matching(table: Table[T], name: str) -> Iterator[T]:
    """What a table knows of a dotted name, in order."""
    return (found for pattern, found in table if re.fullmatch(pattern, name))
