"""Is a query or result of a lease read after the lease would be closed? Then closing it earlier would break it."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate.effects import Lease
from dbpool_lint.knowledge.kinds import ASYNC_LEASES, MANAGED_LEASES

_READING = frozenset(
    [
        "all",
        "first",
        "one",
        "one_or_none",
        "scalar",
        "scalar_one",
        "scalar_one_or_none",
        "count",
        "exists",
        "get",
        "delete",
        "update",
        "fetchone",
        "fetchall",
        "fetchmany",
        "fetch",
        "fetchrow",
        "fetchval",
        "commit",
        "rollback",
        "flush",
        "add",
        "add_all",
        "refresh",
        "merge",
        "mappings",
        "close",
    ]
)
"""Methods that read at once, or read nothing."""


def is_enterable(lease: Lease) -> bool:
    """Whether `with` may take and close a lease: it closes that kind, may stand there, and nothing is read later."""
    if lease.kind not in MANAGED_LEASES or not lease.name.isidentifier():
        return False
    if lease.kind in ASYNC_LEASES and not lease.function.node.asynchronous:
        return False
    return not reads_lazily(lease.function, lease.name)


def reads_lazily(function: Function, name: str) -> bool:
    """Whether a query or result of the lease in a variable is handed out or kept unread."""
    kept: set[str] = set()
    for fact in function.body:
        if isinstance(fact, facts.Return) and fact.value is not None and _is_unread(fact.value, {name, *kept}):
            return True
        if isinstance(fact, facts.Assign) and _is_unread(fact.value, {name, *kept}):
            kept.update(target.id for target in fact.targets if isinstance(target, facts.Name))
    return bool(kept) and _used_after(function.node.body, name, kept)


def _is_unread(value: facts.Expr, names: set[str]) -> bool:
    while isinstance(value, facts.Await):
        value = value.value
    if isinstance(value, facts.Name):
        return False
    if not isinstance(value, facts.Call) or not isinstance(value.func, facts.Attr):
        return False
    first: facts.Expr = value
    while isinstance(first, (facts.Call, facts.Attr, facts.Await)):
        first = (
            first.func
            if isinstance(first, facts.Call)
            else first.base
            if isinstance(first, facts.Attr)
            else first.value
        )
    return isinstance(first, facts.Name) and first.id in names and value.func.name not in _READING


def _used_after(body: tuple[facts.Stmt, ...], name: str, kept: set[str]) -> bool:
    """Whether a kept query or result is used below the last statement that names the lease."""
    last = max((i for i, statement in enumerate(body) if name in walking.names(statement)), default=-1)
    return any(walking.names(statement) & kept for statement in body[last + 1 :])
