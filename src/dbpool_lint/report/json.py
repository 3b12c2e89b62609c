"""How does a program read a result? As JSON of a fixed shape, in a fixed order, in ASCII."""

from __future__ import annotations

import json
from typing import Any

from dbpool_lint.model import Finding, Problem, Related, Result
from dbpool_lint.report.shown import masked
from dbpool_lint.report.statistics import counts
from dbpool_lint.report.view import View

VERSION = 1


def report(result: Result, view: View) -> str:
    """One object with `version`, `findings` and `problems`; lines and columns from 1, columns in characters."""
    whole = {
        "version": VERSION,
        "findings": [_finding(finding, view) for finding in sorted(result.findings, key=lambda each: each.order)],
        "problems": [_problem(problem, view) for problem in sorted(result.problems)],
    }
    return dumped(whole)


def statistics(result: Result, view: View) -> str:
    """A list of objects with `code`, `name`, `count` and `fixable` (how many the flags as given would fix)."""
    return dumped(
        [
            {"code": each.code, "name": each.rule, "count": each.count, "fixable": each.fixable}
            for each in counts(result.findings, view.available)
        ]
    )


def dumped(value: object) -> str:
    """ASCII, so that neither the encoding of a pipe nor half of a surrogate pair in a path can break it."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _finding(finding: Finding, view: View) -> dict[str, Any]:
    span, fix = finding.span, finding.fix
    return {
        "code": finding.code,
        "name": finding.rule,
        "severity": finding.severity.value,
        "message": masked(finding.message),
        "path": masked(view.path(finding.name)),
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "fix": {"safety": fix.safety.value, "title": masked(fix.title)} if fix else None,
        "related": [_related(step, view) for step in finding.related],
    }


def _related(step: Related, view: View) -> dict[str, Any]:
    return {
        "path": masked(view.path(step.name)),
        "line": step.span.line,
        "column": step.span.column,
        "message": masked(step.message),
    }


def _problem(problem: Problem, view: View) -> dict[str, Any]:
    return {"path": masked(view.path(problem.name)), "line": problem.line, "message": masked(problem.message)}
