"""Where in the text is a violation, and what would mend it? Spots become spans, recipes become edits."""

from __future__ import annotations

import libcst as cst

from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.fixing.rewrite import rewrite
from dbpool_lint.fixing.site import Site
from dbpool_lint.model import Finding, Fix, Related, Span
from dbpool_lint.rules.base import Mend, Violation
from dbpool_lint.sources.outlines import Outlines


class Locator:
    """Works out places in the files of one run; statements are parsed again only where something is reported."""

    def __init__(self, outlines: Outlines) -> None:
        self._outlines = outlines
        self._sites: dict[str, Site] = {}

    def finding(self, name: str, violation: Violation) -> Finding:
        """The finding that a violation in the file `name` comes to."""
        rule = violation.rule
        related = tuple(
            Related(note.module, self._span(note.module, note.spot), note.message) for note in violation.notes
        )
        fix = self._fix(name, violation.mend) if violation.mend is not None else None
        span = self._span(name, violation.spot)
        return Finding(rule.code, rule.name, rule.severity, violation.message, name, span, fix, related)

    def _site(self, name: str) -> Site:
        if name not in self._sites:
            self._sites[name] = Site(self._outlines.sources[name], self._outlines[name])
        return self._sites[name]

    def _span(self, name: str, spot: Spot) -> Span:
        places = self._site(name).places(spot.statement)
        node = places.node(spot.node)
        return places.span(node.name if isinstance(node, (cst.FunctionDef, cst.ClassDef)) else node)

    def _fix(self, name: str, mend: Mend) -> Fix | None:
        for recipe in mend.recipes:
            edits = rewrite(recipe, self._site(name))
            if edits:
                return Fix(mend.safety, mend.title, edits)
        return None
