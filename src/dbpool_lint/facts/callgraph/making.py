"""What is one step of the call graph, and what does making an object of a class run?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.evaluation.classes import bases_of, lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Type
from dbpool_lint.facts.project import Class, Function


@dataclass(frozen=True, slots=True)
class Edge:
    """`caller` runs `callee` at `fact`; `how` is "call", "construct", "depends", "property", "decorated" or "hands on".

    Only "call", "construct" and "property" run the callee there and then; what is handed on runs in another thread or
    task, or later. `certain`: it can be no other function, and it does run.
    """

    callee: Function
    fact: walking.Fact
    how: str
    certain: bool = True


def makers(evaluator: Evaluator, cls: Class) -> Iterator[Function]:
    """The functions that making an object of a class runs; none for a singleton that is there already."""
    if _is_single(evaluator, cls):
        return
    new = lookup(evaluator, cls, "__new__")
    if new is not None:
        yield new
    for name in ("__init__", "__post_init__", "__attrs_post_init__", "model_post_init"):
        made = lookup(evaluator, cls, name)
        # Python runs `__init__` again on the object that `__new__` has kept, unless it looks before it works
        if made is not None and (new is None or not _looks_first(made)):
            yield made
    if new is None:
        yield from _defaults(evaluator, cls)


def _defaults(evaluator: Evaluator, cls: Class) -> Iterator[Function]:
    """`engine: Engine = field(default_factory=make_engine)`"""
    for owner in bases_of(evaluator, cls):
        for bounds in owner.attributes.values():
            for value in (bound.value for bound in bounds if isinstance(bound.value, facts.Call)):
                for keyword in value.keywords:
                    if keyword.name in ("default_factory", "factory"):
                        yield from functions_in(evaluator, keyword.value, owner)


def _is_single(evaluator: Evaluator, cls: Class) -> bool:
    """Whether a metaclass of the class may hand out the object that is there already."""
    return any(k.name == "metaclass" for owner in bases_of(evaluator, cls) for k in owner.node.keywords)


def _looks_first(function: Function) -> bool:
    own = function.node.params[0].name if function.node.params else ""
    tests = (s.test for s in walking.statements(function.node.body) if isinstance(s, facts.If))
    return any(own in walking.names(test) for test in tests)


def constructed_classes(evaluator: Evaluator, function: Function) -> Iterator[tuple[Class, walking.Fact]]:
    """The classes of the project whose objects a function makes, and where."""
    for fact in function.body:
        if isinstance(fact, facts.Call):
            for value in evaluator.values(fact.func, function):
                if isinstance(value, Type) and not _keeps_one(evaluator, value.cls):
                    yield value.cls, fact


def _keeps_one(evaluator: Evaluator, cls: Class) -> bool:
    return _is_single(evaluator, cls) or lookup(evaluator, cls, "__new__") is not None
