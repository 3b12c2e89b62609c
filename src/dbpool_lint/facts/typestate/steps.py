"""What does an expression evaluate, and in which order?"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking

_LATER = (facts.Function, facts.Class, facts.Lambda)
_ACTING = (facts.Call, facts.Await, facts.Yield, facts.Walrus)


def evaluated(fact: walking.Fact) -> Iterator[walking.Fact]:
    """Everything at and below a fact, operands before what is made of them; nested functions as one."""
    stack: list[tuple[walking.Fact, bool]] = [(fact, False)]
    while stack:
        current, done = stack.pop()
        if done or isinstance(current, _LATER):
            yield current
            continue
        stack.append((current, True))
        stack.extend((child, False) for child in reversed(list(walking.below(current))))


def conditional(fact: walking.Fact) -> bool:
    """Whether something at or below acts only under a condition: `a and f()`, `f() if a else b`."""
    return any(
        isinstance(part, (facts.Logic, facts.Choice))
        and any(isinstance(inner, _ACTING) for operand in _optional(part) for inner in walking.within([operand]))
        for part in walking.within([fact])
    )


def _optional(fact: facts.Logic | facts.Choice) -> tuple[facts.Expr, ...]:
    return (fact.then, fact.other) if isinstance(fact, facts.Choice) else fact.operands[1:]
