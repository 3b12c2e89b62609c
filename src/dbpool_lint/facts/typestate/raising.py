"""Which steps of a function can raise, so that what follows is skipped?"""

from __future__ import annotations

from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Object, Routine
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.leases import (
    CLOSING,
    ENDING,
    MANAGING,
    NEVER_RETURNING,
    SAFE_BUILTINS,
    SAFE_CALLS,
    SAFE_PACKAGES,
    SWALLOWING,
)

_SAFE_BUILTINS = frozenset(f"builtins.{name}" for name in SAFE_BUILTINS)
_SAFE_CALLS = SAFE_CALLS | ENDING | MANAGING | SWALLOWING
_SAFE_METHODS = frozenset({"append", "strip", "lower", "upper", "format", "join", "items", "keys", "values", "copy"})
"""Methods of plain data; on an object that is unknown they are taken to be those."""

_LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
"""Methods of loggers, whoever made them: Celery's `get_task_logger`, a wrapper of the project."""


def raises(evaluator: Evaluator, step: walking.Fact, function: Function) -> bool:
    """Whether a step by itself, its operands aside, may raise."""
    if isinstance(step, facts.Call):
        return not _is_safe(evaluator, step, function)
    if isinstance(step, facts.For):
        return step.asynchronous
    if isinstance(step, facts.Await):
        return not (isinstance(step.value, facts.Call) and _is_closing(step.value))
    return isinstance(step, (facts.Yield, facts.Assert, facts.Raise))


def waits(step: walking.Fact) -> bool:
    """Whether a step may be cancelled, or, in a generator, closed."""
    return isinstance(step, (facts.Await, facts.Yield)) or (isinstance(step, facts.For) and step.asynchronous)


def returns(evaluator: Evaluator, step: walking.Fact, function: Function) -> bool:
    """Whether what follows a step is reached at all: not after `sys.exit()`, nor after what always raises."""
    if not isinstance(step, facts.Call):
        return True
    values = evaluator.values(step.func, function)
    if not values:
        return True
    return not all(
        (isinstance(v, External) and v.name in NEVER_RETURNING) or (isinstance(v, Routine) and _only_raises(v.function))
        for v in values
    )


def _only_raises(function: Function) -> bool:
    """A plain function whose last statement raises, and that returns nowhere before."""
    body = function.node.body
    if not body or not isinstance(body[-1], facts.Raise) or function.node.generator or not _is_plain(function):
        return False
    # a method that only raises NotImplementedError is there for others to replace
    if function.owner is not None and len(body) == 1:
        return False
    return not any(isinstance(statement, facts.Return) for statement in walking.statements(body))


def _is_plain(function: Function) -> bool:
    """Whether nothing stands around a function that could end what it raises."""
    return all(isinstance(d, facts.Name) and d.id in ("staticmethod", "classmethod") for d in function.node.decorators)


def _is_closing(call: facts.Call) -> bool:
    """`cursor.close()` in front of `conn.close()`: whoever closes one thing after the other expects both to work."""
    return isinstance(call.func, facts.Attr) and call.func.name in CLOSING and not call.args and not call.keywords


def _is_safe(evaluator: Evaluator, call: facts.Call, function: Function) -> bool:
    if _is_closing(call):
        return True
    values = evaluator.values(call.func, function)
    if isinstance(call.func, facts.Attr):
        bases = evaluator.values(call.func.base, function)
        made = [v.of if isinstance(v, Object) else v.name for v in bases if isinstance(v, (Object, External))]
        if made and len(made) == len(bases) and all(name.partition(".")[0] in SAFE_PACKAGES for name in made):
            return True
        if call.func.name in _SAFE_METHODS | _LOGGING and isinstance(
            call.func.base, (facts.Name, facts.Const, facts.Text)
        ):
            return True
    if not values:
        return False
    return all(
        (
            isinstance(v, External)
            and (v.name in _SAFE_BUILTINS or v.name in _SAFE_CALLS or v.name.partition(".")[0] in SAFE_PACKAGES)
        )
        or (isinstance(v, Routine) and not _function_raises(evaluator, v.function))
        for v in values
    )


def _function_raises(evaluator: Evaluator, function: Function) -> bool:
    """Whether anything in a function of the project may raise, whether it is caught there or not."""
    known = cast("dict[int, bool]", evaluator.project.memory.setdefault("raises", {}))
    if id(function) not in known:
        known[id(function)] = True  # recursion may not end
        known[id(function)] = function.node.generator or any(
            raises(evaluator, fact, function) for fact in function.body
        )
    return known[id(function)]
