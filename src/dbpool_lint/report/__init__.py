"""In which form does a result reach its reader?"""

from __future__ import annotations

from dbpool_lint.model import Result
from dbpool_lint.report import json, paint, text
from dbpool_lint.report.view import Format, View

__all__ = ["Format", "View", "render"]


def render(result: Result, form: Format, view: View) -> str:
    """The whole report, each line ended by a line feed; the same for the same result and view."""
    if form is Format.JSON:
        return json.statistics(result, view) if view.statistics else json.report(result, view)
    shape = text.statistics if view.statistics else text.full if form is Format.FULL else text.concise
    return (paint.painted if view.colors else paint.plain)(shape(result, view))
