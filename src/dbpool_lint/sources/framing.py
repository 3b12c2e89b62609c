"""What stands around pools without a mention of them? Applications with their hooks, and what closes or runs things.

These statements are looked at where a project makes pools: a shutdown hook that closes `app.state.pool` mentions
nothing that the slice follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbpool_lint.knowledge.lifecycles import CLOSINGS, FRAMES, LIVING_APPS, POOLISH
from dbpool_lint.sources.names import Defined, Names
from dbpool_lint.sources.outline import Statement

_RUNS = frozenset({"async_to_sync", "new_event_loop", "run_until_complete"})
_RUNNERS = frozenset({"asyncio", "anyio", "uvloop"})
_PARTS = frozenset({*FRAMES, *_RUNS})
_DRIVERS = frozenset({"create_pool", "AsyncConnectionPool", "AsyncNullConnectionPool", "databases"})
_WORDS = frozenset({"dispose", "lifespan", *_PARTS, *LIVING_APPS})


def framing(names: Names, users: Callable[[frozenset[str]], Iterator[str]]) -> Iterator[tuple[str, int]]:
    """The statements, by file and index, that start, stop, close or run; `users` gives files by their identifiers."""
    drivers = any(users(_DRIVERS))
    found = dict.fromkeys(users(_WORDS | CLOSINGS if drivers else _WORDS))
    running = frozenset(users(frozenset({"run"})))
    found.update((module, None) for module in users(_RUNNERS) if module in running)
    for module in found:
        for index, statement in enumerate(names.outlines[module].statements):
            if not statement.imports and frames(statement):
                yield module, index
                if any(call.rpartition(".")[2] in LIVING_APPS for call in statement.calls):
                    yield from _mentioned(names, module, statement)


def frames(statement: Statement) -> bool:
    """Whether a statement starts, stops, closes or runs something."""
    if any(call.rpartition(".")[2] in LIVING_APPS for call in statement.calls):
        return True
    if any("lifespan" in name.lower() for name in statement.defines):
        return True
    return any(_frames(mention) for mention in statement.mentions)


def _frames(mention: str) -> bool:
    first, *rest = mention.split(".")
    last = rest[-1] if rest else first
    if last == "run" and first in _RUNNERS:
        return True
    if rest and last in CLOSINGS:
        return last == "dispose" or bool(POOLISH.search(mention)) or not first
    return not _PARTS.isdisjoint((first, *rest)) or "lifespan" in mention.lower()


def _mentioned(names: Names, module: str, statement: Statement) -> Iterator[tuple[str, int]]:
    """What an application is made of: its lifespan, lists of hooks."""
    inner = {binding.local: binding for binding in statement.inner}
    for mention in sorted(statement.mentions):
        for meaning, _ in names.mention(module, mention, inner):
            if isinstance(meaning, Defined) and names.outlines[meaning.module].statements:
                for index in names.defined(meaning.module).get(meaning.name, ()):
                    yield meaning.module, index
