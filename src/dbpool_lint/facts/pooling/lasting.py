"""Does an engine live long enough to grow stale? Not in a script, nor when each request has its own."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.oneshot import is_one_shot
from dbpool_lint.facts.configuration.options import Site
from dbpool_lint.facts.evaluation.classes import decorated
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation, is_disposed_in
from dbpool_lint.facts.pooling.losing import lost_to_jobs, lost_to_requests
from dbpool_lint.facts.project import Function, Scope, module_of

_SCOPES = ("contextmanager", "asynccontextmanager")


def is_short_lived(project: Linked, site: Site) -> bool:
    """Whether the engine of a site is gone soon: lost to each request or job, made for one block, or by a script."""
    made = site.made
    if made is None:
        return False
    return (
        _serves_one_block(project, made)
        or is_one_shot(project.reader, made)
        or lost_to_requests(project, made) is not None
        or lost_to_jobs(project, made) is not None
    )


def _serves_one_block(project: Linked, made: Creation) -> bool:
    """Whether a context manager makes the engine and disposes it, and is entered by requests, jobs and scripts only."""
    function = made.function
    if function is None or not decorated(project.evaluator, function, *_SCOPES) or not is_disposed_in(made, function):
        return False
    sites = project.reader.callers.of(function)
    return bool(sites) and all(_is_entered_shortly(project, call, scope) for call, scope in sites)


def _is_entered_shortly(project: Linked, call: facts.Call, scope: Scope) -> bool:
    if not isinstance(scope, Function) or scope.node.generator or not _enters(call, scope):
        return False
    if module_of(scope).context is not facts.Context.APPLICATION:
        return True
    return id(scope) in project.request_paths or id(scope) in project.job_paths


def _enters(call: facts.Call, function: Function) -> bool:
    return any(
        item.value is call
        for statement in walking.statements(function.node.body)
        if isinstance(statement, facts.With)
        for item in statement.items
    )
