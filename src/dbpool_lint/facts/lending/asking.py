"""Which code asks a lending generator for its lease and then forgets the generator? `next(get_db())` and its like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.lending.closing import Closings
from dbpool_lint.facts.lending.generators import Lender, lender_of
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module, Scope
from dbpool_lint.fixing.recipes import Spot

_ASKING = frozenset({"builtins.next", "builtins.anext"})
_ASKING_METHODS = frozenset({"__next__", "__anext__"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A generator that is asked once and not run to its end.

    `call` is the `next(…)`, `made` the call of the lender, `kept` the variable that holds the generator, if any.
    """

    call: facts.Call
    made: facts.Expr
    lender: Lender
    kept: str
    scope: Scope
    spot: Spot
    variable: str


def asked(project: Linked, module: Module) -> Iterator[Asked]:
    """The calls in a module that take a lease out of a generator and leave it to nobody to give back."""
    for scope, statement, roots in _code(module):
        for call in walking.calls(roots):
            found = _asked(project.evaluator, call, scope)
            if found is None or Closings(project).closed(call, scope):
                continue
            made, lender, kept = found
            yield Asked(call, made, lender, kept, scope, Spot(statement, call.at), _variable(call, roots))


def _code(module: Module) -> Iterator[tuple[Scope, int, tuple[walking.Fact, ...]]]:
    """The bodies of functions and classes, and what a module runs once: defaults of parameters, its own statements."""
    for function in module.all_functions:
        yield function, function.statement, function.node.body
        outside: Scope = function.owner or function.parent or function.module
        defaults = tuple(param.default for param in function.node.params if param.default is not None)
        yield outside, function.statement, defaults
    for cls in module.all_classes:
        yield cls, cls.statement, cls.node.body
    for piece in module.pieces.values():
        for statement in piece.body:
            if isinstance(statement, facts.Assign) and _serves(statement, module):
                yield module, piece.index, (statement,)


def _serves(statement: facts.Assign, module: Module) -> bool:
    """Whether functions use what a module binds: a script uses it on the spot."""
    bound = {target.id for target in statement.targets if isinstance(target, facts.Name)}
    return any(
        isinstance(fact, facts.Name) and fact.id in bound for function in module.all_functions for fact in function.body
    )


def _asked(evaluator: Evaluator, call: facts.Call, scope: Scope) -> tuple[facts.Expr, Lender, str] | None:
    generator = _generator(evaluator, call, scope)
    if generator is None:
        return None
    if isinstance(generator, facts.Call):
        lender = lender_of(evaluator, generator, scope)
        return (generator, lender, "") if lender else None
    if isinstance(generator, facts.Name) and isinstance(scope, Function):
        return _kept(evaluator, generator, call, scope)
    return None


def _generator(evaluator: Evaluator, call: facts.Call, scope: Scope) -> facts.Expr | None:
    """What a call asks for its next value."""
    if isinstance(call.func, facts.Attr):
        return call.func.base if call.func.name in _ASKING_METHODS else None
    values = evaluator.values(call.func, scope)
    asks = bool(values) and all(isinstance(v, External) and v.name in _ASKING for v in values)
    return call.args[0] if asks and call.args else None


def _kept(
    evaluator: Evaluator, name: facts.Name, call: facts.Call, function: Function
) -> tuple[facts.Expr, Lender, str] | None:
    """`generator = get_db(); db = next(generator)`: no other word of the generator follows."""
    bounds = function.bound.get(name.id, ())
    if len(bounds) != 1 or bounds[0].how != "value" or bounds[0].value is None or name.id in function.global_names:
        return None
    made = bounds[0].value
    lender = lender_of(evaluator, made, function)
    if lender is None or function.param(name.id) is not None:
        return None
    uses = [f for f in walking.everything(function.node.body) if walking.is_name(f, name.id)]
    if len(uses) != 2 or _in_loop_without(call, made, function):
        return None
    return made, lender, name.id


def _in_loop_without(call: facts.Call, made: facts.Expr, function: Function) -> bool:
    """Whether a loop asks again and again what was made before it."""
    for loop in walking.statements(function.node.body):
        if isinstance(loop, (facts.For, facts.While)):
            inside = list(walking.within([loop]))
            if any(f is call for f in inside) and not any(f is made for f in inside):
                return True
    return False


def _variable(call: facts.Call, roots: tuple[walking.Fact, ...]) -> str:
    """The variable that gets the lease, "" when it goes elsewhere."""
    around = walking.parents(roots)
    fact: walking.Fact = call
    parent = around.get(id(call))
    while isinstance(parent, facts.Await):
        fact, parent = parent, around.get(id(parent))
    if isinstance(parent, facts.Assign) and len(parent.targets) == 1 and parent.value is fact:
        target = parent.targets[0]
        return target.id if isinstance(target, facts.Name) else ""
    return ""
