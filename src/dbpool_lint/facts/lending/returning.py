"""Which dependencies return a lease that they took? A framework resumes a generator, and closes nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.values import Kinded, Values
from dbpool_lint.facts.lending.closing import Closings, consumers
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.knowledge.kinds import LEASES, Kind


@dataclass(frozen=True, slots=True)
class Returned:
    """A dependency with a lease that it takes and returns; `early` when it is closed before it is used."""

    taken: facts.Expr
    kind: Kind
    function: Function
    early: bool
    asker: Function


def handed_out(project: Linked, module: Module) -> Iterator[Returned]:
    """The leases that dependencies of a module take and return, and that nobody closes who gets them."""
    for function in module.all_functions:
        askers = consumers(project, function)
        if not askers or function.node.generator or not _is_plain(project.evaluator, function):
            continue
        for value in returned(function):
            found = _taken(project.evaluator, value, function)
            if found is None or _is_closed(project, askers):
                continue
            taken, kind, early = found
            yield Returned(taken, kind, function, early, askers[0][0])
            break


def _is_plain(evaluator: Evaluator, function: Function) -> bool:
    """Whether no decorator keeps what the function returns, or does something else with it."""
    return all(
        name in ("builtins.staticmethod", "builtins.classmethod") for name in evaluator.decorator_names(function)
    )


def _is_closed(project: Linked, askers: tuple[tuple[Function, str], ...]) -> bool:
    closings = Closings(project)
    return any(closings.closed_as(frozenset({name}), asker, None) for asker, name in askers)


def _taken(evaluator: Evaluator, value: facts.Expr, function: Function) -> tuple[facts.Expr, Kind, bool] | None:
    """The expression that takes what is returned, its kind, and whether the function closes it on the way out."""
    kind = _fresh(evaluator.values(value, function))
    if not isinstance(value, facts.Name):
        return (value, kind, False) if kind else None
    bounds = [b for b in function.bound.get(value.id, ()) if b.how != "annotated"]
    if len(bounds) != 1 or bounds[0].value is None or function.param(value.id) is not None:
        return None
    taken = bounds[0].value
    kind = _fresh(evaluator.values(taken, function))
    if kind is None or value.id in function.global_names or _is_kept(value.id, function):
        return None
    if bounds[0].how == "entered":
        return taken, kind, True
    return (taken, kind, _closes_on_return(value, function)) if bounds[0].how == "value" else None


def _fresh(values: Values) -> Kind | None:
    found = [v.kind for v in values if isinstance(v, Kinded) and v.fresh and v.kind in LEASES]
    return found[0] if found and len(found) == len(values) else None


def _is_kept(name: str, function: Function) -> bool:
    """Whether the lease is put anywhere else as well: whoever keeps it may close it after the request."""
    for fact in function.body:
        if isinstance(fact, facts.Assign) and walking.is_name(fact.value, name):
            return True
        if isinstance(fact, facts.Call):
            given = (*fact.args, *(keyword.value for keyword in fact.keywords))
            if any(walking.is_name(inside, name) for one in given for inside in walking.everything([one])):
                return True
            if any(isinstance(one, facts.Attr) and walking.is_name(one.base, name) for one in given):
                return True
    return False


def _closes_on_return(value: facts.Name, function: Function) -> bool:
    return any(
        isinstance(statement, facts.Try)
        and any(fact is value for fact in walking.within([*statement.body, *statement.orelse]))
        and any(
            isinstance(fact, facts.Attr) and fact.name == "close" and walking.is_name(fact.base, value.id)
            for fact in walking.within(statement.final)
        )
        for statement in walking.statements(function.node.body)
    )
