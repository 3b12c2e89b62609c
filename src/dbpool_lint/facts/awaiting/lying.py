"""Can an annotation be believed that says a session is asynchronous? Some code says so of a session that is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.awaiting.owners import owner
from dbpool_lint.facts.configuration.arguments import Reader, all_calls
from dbpool_lint.facts.evaluation.classes import kind_of_class
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import kinds
from dbpool_lint.facts.evaluation.variables import owner_of
from dbpool_lint.facts.project import Function, Project
from dbpool_lint.knowledge.coroutines import OF_KIND
from dbpool_lint.knowledge.factories import OF_SYNC_SESSIONS
from dbpool_lint.knowledge.kinds import Kind

_SYNC = frozenset({Kind.SESSION, Kind.FACTORY, Kind.SCOPED, Kind.FLASK_SQLALCHEMY})
_ASYNC = frozenset({Kind.ASYNC_SESSION, Kind.ASYNC_FACTORY})


def is_believed(reader: Reader, call: facts.Call, function: Function) -> bool:
    """Whether the object whose method is called is certainly asynchronous where the call runs."""
    if not isinstance(call.func, facts.Attr):
        return True
    evaluator, base = reader.evaluator, call.func.base
    if _is_overridden(evaluator, base, call.func.name, function) or _is_used_as_sync(base, function):
        return False
    if not _is_promised(base, function, evaluator.project):
        return True
    made = _made(evaluator)
    if function.node.asynchronous:
        return not made & _SYNC or bool(made & _ASYNC)
    return not made & _SYNC and not _runs_in_sync(evaluator, function)


def _is_overridden(evaluator: Evaluator, base: facts.Expr, method: str, function: Function) -> bool:
    """A session class of the project may have a method of its own under that name."""
    wanted = owner(evaluator, base, function)
    for module in evaluator.project.modules.values():
        for cls in module.all_classes:
            if method in cls.methods and not cls.methods[method].node.asynchronous:
                kind = kind_of_class(evaluator, cls)
                if kind is not None and OF_KIND.get(kind) == wanted:
                    return True
    return False


def _is_used_as_sync(base: facts.Expr, function: Function) -> bool:
    """`db.query(...)` shows that `db` is no AsyncSession, whatever the annotation says."""
    chain = walking.chain(base)
    return any(
        isinstance(fact, facts.Attr) and fact.name in OF_SYNC_SESSIONS and walking.chain(fact.base) == chain
        for fact in walking.everything(function.node.body)
    )


def _is_promised(base: facts.Expr, function: Function, project: Project) -> bool:
    """Whether nothing but an annotation need stand behind it: a parameter, or an attribute that may hold one."""
    if not isinstance(base, facts.Name):
        return isinstance(base, facts.Attr)
    found = owner_of(base.id, function, project)
    return found is not None and isinstance(found[0], Function) and found[0].param(found[1]) is not None


def _made(evaluator: Evaluator) -> frozenset[Kind]:
    """The kinds of sessions and factories that the project makes anywhere."""
    memory = evaluator.project.memory
    if "sessions made" not in memory:
        wanted = _SYNC | _ASYNC
        memory["sessions made"] = wanted & {
            kind for call, scope in all_calls(evaluator) for kind in kinds(evaluator.values(call, scope))
        }
    return cast("frozenset[Kind]", memory["sessions made"])


def _runs_in_sync(evaluator: Evaluator, function: Function) -> bool:
    """`await session.run_sync(load)` hands `load` the synchronous session, whatever its annotation says."""
    memory = evaluator.project.memory
    if "run in sync" not in memory:
        memory["run in sync"] = frozenset(_handed_to_sync(evaluator))
    return function.node.name in cast("frozenset[str]", memory["run in sync"])


def _handed_to_sync(evaluator: Evaluator) -> Iterator[str]:
    for call, _ in all_calls(evaluator):
        if isinstance(call.func, facts.Attr) and call.func.name == "run_sync":
            for fact in walking.everything(call.args):
                if isinstance(fact, facts.Attr):
                    yield fact.name
                elif isinstance(fact, facts.Name):
                    yield fact.id
