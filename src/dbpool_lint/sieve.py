"""Which findings reach the user? What selection, `per-file-ignores` and comments leave of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dbpool_lint.config import Settings, is_selected, matches
from dbpool_lint.model import Finding, Source
from dbpool_lint.rules import registry
from dbpool_lint.rules.base import Rule
from dbpool_lint.sources.discover import matcher
from dbpool_lint.suppress import Sifted, sift


def is_wanted(settings: Settings, rule: Rule) -> bool:
    """Whether the settings select a rule."""
    return is_selected(settings, rule.code, rule.name, default=rule.default)


def sieve(
    settings: Settings,
    findings: Iterable[Finding],
    sources: Mapping[str, Source],
    judged: Iterable[str],
    unjudged: frozenset[str],
) -> Iterator[Finding]:
    """The findings that nobody silenced, and a finding for each comment that silences nothing.

    In `unjudged` files, those that could not be parsed or on which a rule failed, no comment is called unused.
    """
    known = registry.known()
    active = frozenset(rule.code for rule in registry.RULES if is_wanted(settings, rule))
    by_file: dict[str, list[Finding]] = {name: [] for name in judged}
    for finding in findings:
        by_file.setdefault(finding.name, []).append(finding)
    ignores = [
        (matcher([pattern], "per-file-ignores"), chosen) for pattern, chosen in settings.per_file_ignores.items()
    ]
    for name, found in by_file.items():
        if name not in sources:
            sifted = Sifted(tuple(found))
        else:
            sifted = sift(sources[name], found, known, active=frozenset() if name in unjudged else active)
        unused = sifted.unused if registry.UNUSED_SUPPRESSION.code in active else ()
        ignored = [selector for meant, selectors in ignores if meant(name) for selector in selectors]
        for finding in (*sifted.kept, *unused):
            if not any(matches(selector, finding.code, finding.rule) for selector in ignored):
                yield finding
