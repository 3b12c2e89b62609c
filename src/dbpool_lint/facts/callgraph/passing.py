"""What do callers pass for a parameter? Values by evidence at the calls, for parameters that say nothing themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Callers
from dbpool_lint.facts.evaluation.classes import bases_of
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.handing import given
from dbpool_lint.facts.evaluation.values import UNKNOWN, Instance, Values, merged
from dbpool_lint.facts.project import Class, Function, Scope

_DEEPEST = 3
_MOST_CALLERS = 30


def passed(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Values:
    """What an expression may be with the help of callers: a parameter, or what an object keeps of its constructor's."""
    return _passed(evaluator, fact, scope, 0)


def _passed(evaluator: Evaluator, fact: facts.Expr, scope: Scope, depth: int) -> Values:
    values = evaluator.values(fact, scope)
    if values != (UNKNOWN,) or not isinstance(scope, Function) or depth > _DEEPEST:
        return values
    if isinstance(fact, facts.Name) and fact.id not in scope.bound and (param := scope.param(fact.id)) is not None:
        return _of_param(evaluator, param, scope, depth)
    if isinstance(fact, facts.Name) and fact.id not in scope.bound and isinstance(scope.parent, Function):
        return _passed(evaluator, fact, scope.parent, depth)
    if isinstance(fact, facts.Attr):
        return _kept(evaluator, fact, scope, depth)
    return values


def _kept(evaluator: Evaluator, fact: facts.Attr, scope: Function, depth: int) -> Values:
    """`self.repository`, when the constructor stores a parameter there."""
    classes = [v.cls for v in evaluator.values(fact.base, scope) if isinstance(v, Instance)]
    stored = [one for cls in classes for owner in bases_of(evaluator, cls) for one in owner.stored.get(fact.name, ())]
    found = [_passed(evaluator, value, function, depth + 1) for function, value in stored]
    return merged(*found) or (UNKNOWN,)


def _of_param(evaluator: Evaluator, param: facts.Param, function: Function, depth: int) -> Values:
    memory = evaluator.project.memory
    key = ("passed", id(param))
    if key not in memory:
        memory[key] = (UNKNOWN,)  # a function that passes its parameter to itself
        sites = list(_sites(evaluator, function))[:_MOST_CALLERS]
        memory[key] = merged(*(_at(evaluator, call, scope, param, function, depth) for call, scope in sites))
    return cast("Values", memory[key]) or (UNKNOWN,)


def _at(
    evaluator: Evaluator, call: facts.Call, scope: Scope, param: facts.Param, function: Function, depth: int
) -> Values:
    handed = given(param, function, call)
    return _passed(evaluator, handed, scope, depth + 1) if handed is not None else (UNKNOWN,)


def _sites(evaluator: Evaluator, function: Function) -> Iterator[tuple[facts.Call, Scope]]:
    callers = _callers(evaluator)
    if function.owner is not None and function.node.name == "__init__":
        yield from callers.making(function.owner)
    else:
        yield from callers.of(function)


def _callers(evaluator: Evaluator) -> Callers:
    memory = evaluator.project.memory
    if "callers" not in memory:
        memory["callers"] = Callers(evaluator)
    return cast("Callers", memory["callers"])


def subclasses(evaluator: Evaluator, cls: Class) -> tuple[Class, ...]:
    """The classes of the project that derive from one, tests aside."""
    memory = evaluator.project.memory
    if "subclasses" not in memory:
        memory["subclasses"] = _derived(evaluator)
    return tuple(cast("dict[int, list[Class]]", memory["subclasses"]).get(id(cls), ()))


def _derived(evaluator: Evaluator) -> dict[int, list[Class]]:
    found: dict[int, list[Class]] = {}
    for module in evaluator.project.modules.values():
        for cls in module.all_classes if module.context is not facts.Context.TEST else ():
            for base in bases_of(evaluator, cls)[1:]:
                found.setdefault(id(base), []).append(cls)
    return found


def is_stub(function: Function) -> bool:
    """Whether a method only says that subclasses have it: abstract, `...`, `pass`, or `raise NotImplementedError`."""
    if function.has_decorator("abstractmethod", "abstractproperty"):
        return True
    body = [statement for statement in function.node.body if not _says_nothing(statement)]
    only = body[0] if len(body) == 1 else None
    if isinstance(only, facts.Raise) and only.value is not None:
        return "NotImplementedError" in walking.names(only)
    return not body


def _says_nothing(statement: facts.Stmt) -> bool:
    """A docstring, `...` or `pass`."""
    if isinstance(statement, facts.Evaluate):
        return isinstance(statement.value, facts.Const) or statement.value == facts.Opaque(statement.value.at, ())
    return isinstance(statement, facts.Jump) and statement.kind == "pass"
