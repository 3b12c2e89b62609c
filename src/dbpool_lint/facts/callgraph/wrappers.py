"""Which calls lead to a wrapper? Chains of callers from their roots, the shortest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.configuration.sites import Chain
from dbpool_lint.facts.project import Function, Scope

_MOST = 40
_LONGEST = 8


def chains(reader: Reader, call: facts.Call, scope: Scope) -> tuple[Chain, ...]:
    """The chains of calls that lead to a call whose arguments its function was given, each from its root on.

    () where nobody calls the function, where the call's arguments owe nothing to its callers, or where the chains
    are too many to be followed.
    """
    if not isinstance(scope, Function) or not _hands_through(call, scope):
        return ()
    found: list[Chain] = []
    queue: deque[tuple[Function, Chain]] = deque([(scope, ())])
    while queue:
        function, chain = queue.popleft()
        passed = {id(call) for call, _ in chain}
        calls = [site for site in reader.callers.of(function) if id(site[0]) not in passed]
        ends = not calls or not reader.callers.are_known(function)
        if chain and (ends or len(chain) >= _LONGEST):
            found.append(chain)
            continue
        for site in calls:
            if isinstance(site[1], Function) and site[1] is not scope:
                queue.append((site[1], (site, *chain)))
            else:
                found.append((site, *chain))
        if len(found) + len(queue) > _MOST:
            return ()
    return tuple(sorted(found, key=len))


def is_disposed(chain: Chain) -> bool:
    """Whether one of the callers that are handed the engine disposes it before it returns: one use, then gone."""
    for call, scope in reversed(chain):
        if not isinstance(scope, Function) or scope.node.generator:
            return False
        names = _held_by(call, scope)
        if any(_disposes(fact, names) for fact in scope.body):
            return True
        if not any(_gives_back(fact, call, names) for fact in scope.body):
            return False
    return False


def _held_by(call: facts.Call, function: Function) -> frozenset[str]:
    """The local names that hold what a call gives, or parts of it."""
    assigned = (fact for fact in function.body if isinstance(fact, facts.Assign))
    return frozenset(
        one.id
        for fact in assigned
        if walking.awaited(fact.value) is call
        for target in fact.targets
        for one in walking.targets(target)
        if isinstance(one, facts.Name)
    )


def _disposes(fact: walking.Fact, names: frozenset[str]) -> bool:
    chain = walking.chain(fact.func) if isinstance(fact, facts.Call) else None
    return bool(chain) and chain is not None and chain[-1] == "dispose" and chain[0] in names


def _gives_back(fact: walking.Fact, call: facts.Call, names: frozenset[str]) -> bool:
    if not isinstance(fact, facts.Return) or fact.value is None:
        return False
    return walking.awaited(fact.value) is call or bool(walking.names(fact.value) & names)


def _hands_through(call: facts.Call, function: Function) -> bool:
    params = {param.name for param in function.node.params}
    if function.is_method:
        params.discard(function.node.params[0].name)
    reached = set(walking.names(call))
    grown = True
    while grown:
        before = len(reached)
        reached.update(_made_of(reached, function))
        grown = len(reached) > before
    return bool(reached & params)


def _made_of(names: set[str], function: Function) -> Iterator[str]:
    for name in tuple(names):
        for bound in function.bound.get(name, ()):
            if bound.value is not None:
                yield from walking.names(bound.value)
