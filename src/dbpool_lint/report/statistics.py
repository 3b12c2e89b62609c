"""How many findings has each rule, and how many of them can be fixed?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dbpool_lint.model import Finding


@dataclass(frozen=True, slots=True)
class Count:
    """The findings of one rule; `fixable` is how many of them the flags as given would fix."""

    code: str
    rule: str
    count: int
    fixable: int


def counts(findings: Iterable[Finding], available: Callable[[Finding], bool]) -> list[Count]:
    """One count for each rule, the most frequent first, then by code."""
    findings = tuple(findings)
    total = Counter((finding.code, finding.rule) for finding in findings)
    fixable = Counter((finding.code, finding.rule) for finding in findings if available(finding))
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return [Count(*rule, count, fixable[rule]) for rule, count in ordered]


def counted(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
