"""Does a test ask which database an address names? So that what only SQLite gets is told apart."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking

_NETWORKED = ("postgres", "mysql", "mariadb", "psycopg", "asyncpg", "mssql", "oracle", "cockroach")


def idle_way(test: facts.Expr) -> bool | None:
    """Which way of a test is no concern of a network database: True the one taken when it holds, False the other.

    `if url.startswith("sqlite")` holds for SQLite alone; `if "postgresql" in url` says nothing of others than
    PostgreSQL where it fails. None for tests of something else.
    """
    if asks_for(test, ("sqlite",)):
        return True
    if asks_against(test, ("sqlite",)) or asks_for(test, _NETWORKED):
        return False
    return True if asks_against(test, _NETWORKED) else None


def asks_for(test: facts.Expr, words: tuple[str, ...]) -> bool:
    """Whether a test can hold only for a database whose name holds one of the words."""
    if isinstance(test, facts.Logic):
        return test.op == "and" and any(asks_for(part, words) for part in test.operands)
    if isinstance(test, facts.Compare) and test.ops[0] in ("!=", "not in", "is not"):
        return False
    return _mentions(test, words)


def asks_against(test: facts.Expr, words: tuple[str, ...]) -> bool:
    """Whether a test can fail only for a database whose name holds one of the words."""
    if isinstance(test, facts.Logic):
        return test.op == "not" and asks_for(test.operands[0], words)
    return isinstance(test, facts.Compare) and test.ops[0] in ("!=", "not in", "is not") and _mentions(test, words)


def _mentions(test: facts.Expr, words: tuple[str, ...]) -> bool:
    for fact in walking.within([test]):
        if isinstance(fact, facts.Const) and isinstance(fact.value, str):
            text = fact.value
        elif isinstance(fact, (facts.Name, facts.Attr)):
            text = fact.id if isinstance(fact, facts.Name) else fact.name
        else:
            continue
        if any(word in text.lower() for word in words):
            return True
    return False
