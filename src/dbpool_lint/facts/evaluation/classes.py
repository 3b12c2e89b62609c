"""Where does an object find a method? Classes of the project and their bases, nearest first."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.values import Evaluates, External, Type
from dbpool_lint.facts.project import Class, Function, Scope
from dbpool_lint.knowledge.kinds import ANNOTATED, Kind

_MOST = 50


def bases_of(evaluator: Evaluates, cls: Class) -> tuple[Class, ...]:
    """The class itself and its bases in the project, nearest first, each once."""
    key = ("bases", id(cls))
    memory = evaluator.project.memory
    found = memory.get(key)
    if found is None:
        memory[key] = (cls,)  # a class that derives from itself ends here
        order: dict[int, Class] = {}
        queue = [cls]
        while queue and len(order) < _MOST:
            current = queue.pop(0)
            if id(current) in order:
                continue
            order[id(current)] = current
            queue.extend(_direct(evaluator, current))
        found = memory[key] = tuple(order.values())
    assert isinstance(found, tuple)
    return found


def _direct(evaluator: Evaluates, cls: Class) -> list[Class]:
    scope = cls.parent or cls.module
    values = (v for base in cls.node.bases for v in evaluator.values(_plain(base), scope))
    return [value.cls for value in values if isinstance(value, Type)]


def _plain(base: facts.Expr) -> facts.Expr:
    return base.base if isinstance(base, facts.Item) else base


def outside_bases(evaluator: Evaluates, cls: Class) -> frozenset[str]:
    """Dotted names of the classes outside the project that a class derives from, directly or through its bases."""
    return frozenset(
        value.name
        for owner in bases_of(evaluator, cls)
        for base in owner.node.bases
        for value in evaluator.values(_plain(base), owner.parent or owner.module)
        if isinstance(value, External)
    )


def decorated(evaluator: Evaluates, function: Function, *names: str) -> bool:
    """Whether a function has a decorator whose own name, whatever it was imported as, is one of these."""
    outside: Scope = function.owner or function.parent or function.module
    for decorator in function.node.decorators:
        chain = walking.chain(decorator.func if isinstance(decorator, facts.Call) else decorator)
        if chain and chain[-1] in names:
            return True
        for value in evaluator.values(decorator, outside):
            if isinstance(value, External) and value.name.rpartition(".")[2] in names:
                return True
    return False


def lookup(evaluator: Evaluates, cls: Class, name: str) -> Function | None:
    """The method an object of the class would run."""
    return next((owner.methods[name] for owner in bases_of(evaluator, cls) if name in owner.methods), None)


def kind_of_class(evaluator: Evaluates, cls: Class) -> Kind | None:
    """The kind of the objects of a class of the project that derives from a known one."""
    return next((ANNOTATED[name] for name in sorted(outside_bases(evaluator, cls)) if name in ANNOTATED), None)
