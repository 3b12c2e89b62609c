"""Which pools are made again and again, and lost? On the request path or by jobs, neither kept nor closed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.entries import Entry, starts_once
from dbpool_lint.facts.callgraph.reach import Path, Step, callers
from dbpool_lint.facts.callgraph.repeating import looped
from dbpool_lint.facts.evaluation.classes import decorated
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation, is_entered, is_local_file, is_used_once, keeps
from dbpool_lint.facts.pooling.fixed import is_fixed
from dbpool_lint.facts.pooling.keeping import is_disposed, is_kept, is_kept_by_request
from dbpool_lint.facts.project import Function

_MOST = 8


def lost_to_requests(project: Linked, made: Creation) -> Path | None:
    """The way from a request to a pool that nobody keeps; None when no request makes it, or it is kept."""
    path = _requested(project, made)
    return path if path is not None and _is_lost(project, made) else None


def _requested(project: Linked, made: Creation) -> Path | None:
    """The way from a request; what is kept on Flask's `g` needs none, it can only run within a request."""
    path = _way(project.request_paths, made)
    if path is not None or made.function is None:
        return path
    on_g = is_kept_by_request(project.evaluator, made.call, made.function)
    return Path(Entry(made.function, "request context"), ()) if on_g else None


def lost_to_jobs(project: Linked, made: Creation) -> Path | None:
    """The same for tasks, consumers and endless loops; None as well when requests make it."""
    if _requested(project, made) is not None:
        return None
    path = _way(project.job_paths, made) or _own_loop(project.evaluator, made)
    return path if path is not None and _is_lost(project, made) else None


def _way(paths: dict[int, Path], made: Creation) -> Path | None:
    return paths.get(id(made.function)) if made.function is not None else None


def _own_loop(evaluator: Evaluator, made: Creation) -> Path | None:
    function = made.function
    if function is None or function.module.context is not facts.Context.APPLICATION:
        return None
    if id(made.call) not in looped(evaluator, function):
        return None
    return Path(Entry(function, "loop"), ())


def _is_lost(project: Linked, made: Creation) -> bool:
    function, evaluator = made.function, project.evaluator
    if function is None or made.module.context is facts.Context.TEST:
        return False
    if is_kept(evaluator, made.call, function) or starts_once(evaluator, function):
        return False
    if is_disposed(evaluator, made.call, function) or is_used_once(made):
        return False
    if is_entered(made) and not is_fixed(project.reader, made.call, made.scope):
        return False
    if made.is_sqlalchemy and is_local_file(project.reader, made):
        return False
    return keeps(project.reader, made) is True


_TASKS = frozenset({"task", "consumer"})


def opened_for_each(project: Linked, made: Creation) -> Path | None:
    """The way from a request or task to a connection that each opens for itself; None when it is kept."""
    path = _requested(project, made)
    if path is None:
        path = _way(project.job_paths, made)
        if path is None or path.entry.what not in _TASKS:
            return None
    function = made.function
    if function is None or made.module.context is facts.Context.TEST:
        return None
    if is_kept(project.evaluator, made.call, function) or starts_once(project.evaluator, function):
        return None
    if _listens(function) or not is_fixed(project.reader, made.call, made.scope):
        return None
    return path


def _listens(function: Function) -> bool:
    """Whether the connection waits for notifications, which one of a pool cannot do for long."""
    for fact in function.body:
        if isinstance(fact, facts.Attr) and fact.name in ("add_listener", "notifies"):
            return True
        if isinstance(fact, facts.Const) and isinstance(fact.value, str) and fact.value.upper().startswith("LISTEN "):
            return True
    return False


def others(project: Linked, made: Creation, path: Path) -> tuple[Step, ...]:
    """Further places that requests and jobs pass to make the pool: the calls of a wrapper that only hands it out."""
    known = {id(step.fact) for step in path.steps}
    ways = {**project.job_paths, **project.request_paths}
    found = _uses(project.evaluator, ways, made.function, made.call, 0)
    return tuple(itertools.islice((step for step in found if id(step.fact) not in known), _MOST))


def _uses(
    evaluator: Evaluator, paths: dict[int, Path], function: Function | None, fact: walking.Fact, depth: int
) -> Iterator[Step]:
    if function is None or depth > _MOST or not _hands_out(function, fact):
        return
    for step in callers(evaluator, paths, function):
        # a property stands for its object: where it is read tells less than the property itself
        if _hands_out(step.function, step.fact) and not decorated(evaluator, step.function, *_PROPERTIES):
            yield from _uses(evaluator, paths, step.function, step.fact, depth + 1)
        else:
            yield step


_PROPERTIES = ("property", "cached_property")


def _hands_out(function: Function, fact: walking.Fact) -> bool:
    """Whether a function returns what it made, by itself or in a name, and does little else with it."""
    names = {
        target.id
        for assigned in function.body
        if isinstance(assigned, facts.Assign) and walking.awaited(assigned.value) is fact
        for target in assigned.targets
        if isinstance(target, facts.Name)
    }
    return any(
        walking.awaited(value) is fact or (isinstance(value, facts.Name) and value.id in names)
        for value in returned(function)
    )
