"""Does the code look whether a pool has counters before it asks for them?"""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.pooling.counters import run_by
from dbpool_lint.facts.project import Scope
from dbpool_lint.knowledge.kinds import COUNTERLESS_POOLS, QUEUE_POOLS

_LOOKING = frozenset({"hasattr", "getattr", "isinstance", "issubclass", "callable", "type", "suppress"})
_EXPECTED = frozenset({"AttributeError", "TypeError"})
_CLASSES = COUNTERLESS_POOLS | QUEUE_POOLS | {"poolclass", "__class__"}


def is_guarded(scope: Scope) -> bool:
    """Whether anything in a scope asks for the class of a pool, or expects that it has no counters."""
    return any(_looks(fact) for fact in run_by(scope))


def _looks(fact: walking.Fact) -> bool:
    if isinstance(fact, facts.Call):
        chain = walking.chain(fact.func)
        return bool(chain) and chain is not None and chain[-1] in _LOOKING
    if isinstance(fact, facts.Handler):
        caught = walking.names(fact.types) if fact.types is not None else frozenset()
        ignored = all(isinstance(statement, facts.Jump) for statement in fact.body)
        return bool(caught & _EXPECTED) or ignored
    if isinstance(fact, facts.If):
        return any("pool" in word.lower() for word in walking.names(fact.test))
    return (
        isinstance(fact, (facts.Name, facts.Attr))
        and (fact.id if isinstance(fact, facts.Name) else fact.name) in _CLASSES
    )
