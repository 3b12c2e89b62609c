"""Which calls may have configured a session? Its factory, or its own constructor, through names, helpers and callers.

The answer is None where it may be anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.depending import dependencies
from dbpool_lint.facts.configuration.arguments import Reader, all_calls
from dbpool_lint.facts.configuration.reading import Source
from dbpool_lint.facts.evaluation.evaluate import Evaluator, returned
from dbpool_lint.facts.evaluation.handing import yielded
from dbpool_lint.facts.evaluation.origins import of_field, outside
from dbpool_lint.facts.evaluation.values import External, Kinded, Literal, Routine, Value
from dbpool_lint.facts.evaluation.variables import global_of, owner_of
from dbpool_lint.facts.project import Bound, Class, Function, Module, Scope
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge import frameworks
from dbpool_lint.knowledge.kinds import MADE_BY, Kind

_DEEPEST = 24
_MAKING = frozenset({Kind.ASYNC_FACTORY, Kind.FACTORY, Kind.ASYNC_SESSION})
_HANDING_ON = frozenset({*frameworks.RUN_COROUTINE, "contextlib.aclosing", "builtins.anext", "typing.cast"})
_PLAIN = frozenset({*frameworks.TRANSPARENT, *frameworks.MANAGERS, *frameworks.CACHES})
_SETTING = "expire_on_commit"


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The call that configured a session: of a factory's class, of a session's class, or of a factory."""

    call: facts.Call
    scope: Scope

    @property
    def spot(self) -> Spot:
        """Where it stands in its module: a function may bind a global of it."""
        if not isinstance(self.scope, Module):
            return Spot(self.scope.statement, self.call.at)
        pieces = self.scope.pieces.values()
        index = next(p.index for p in pieces if any(f is self.call for f in walking.everything(p.body)))
        return Spot(index, self.call.at)


Makers = dict[int, Made]
"""By the identity of the call."""


@dataclass(slots=True)
class Tracing:
    """Answers for one project."""

    reader: Reader
    _known: dict[tuple[int, int], tuple[facts.Expr, Makers | None]] = field(default_factory=dict)
    _guessed: dict[tuple[int, int], Makers | None] = field(default_factory=dict)
    _busy: set[tuple[int, int]] = field(default_factory=set)

    @property
    def _evaluator(self) -> Evaluator:
        return self.reader.evaluator

    def of(self, fact: facts.Expr, scope: Scope) -> Makers | None:
        """The calls that may have configured the session, or factory, that an expression gives; none for `None`."""
        key = (id(fact), id(scope))
        if key in self._known:
            return self._known[key][1]
        if key in self._guessed:
            return self._guessed[key]
        if key in self._busy:
            return {}
        if len(self._busy) > _DEEPEST:
            return None
        self._busy.add(key)
        try:
            found = self._of(fact, scope)
        finally:
            self._busy.discard(key)
        if self._busy:  # what was found inside of a circle is a part of the answer only
            self._guessed[key] = found
        else:
            self._guessed.clear()
            self._known[key] = (fact, found)
        return found

    def _of(self, fact: facts.Expr, scope: Scope) -> Makers | None:
        if isinstance(fact, (facts.Await, facts.Walrus)):
            return self.of(fact.value, scope)
        if isinstance(fact, facts.Const):
            return {} if fact.value is None else None
        if isinstance(fact, facts.Choice):
            return self._all(((fact.then, scope), (fact.other, scope)))
        if isinstance(fact, facts.Logic) and fact.op == "or":
            return self._all((operand, scope) for operand in fact.operands)
        if isinstance(fact, facts.Call):
            return self._of_call(fact, scope)
        if isinstance(fact, facts.Name):
            found = owner_of(fact.id, scope, self._evaluator.project)
            return self._of_variable(*found) if found is not None else None
        return self._of_attribute(fact, scope) if isinstance(fact, facts.Attr) else None

    def _all(self, places: Iterable[tuple[facts.Expr, Scope]]) -> Makers | None:
        found: Makers = {}
        for fact, scope in places:
            one = self.of(fact, scope)
            if one is None:
                return None
            found.update(one)
        return found

    def _of_sources(self, sources: Iterable[Source]) -> Makers | None:
        places = [source.place for source in sources]
        known = [place for place in places if place is not None]
        return self._all(known) if len(known) == len(places) and known else None

    # calls

    def _of_call(self, fact: facts.Call, scope: Scope) -> Makers | None:
        func = fact.func
        if isinstance(func, facts.Attr) and func.name == "begin":
            begun = self._evaluator.values(func.base, scope)
            if begun and all(isinstance(v, Kinded) and v.kind is Kind.ASYNC_FACTORY for v in begun):
                return self.of(func.base, scope)
        found: Makers = {}
        for value in self._evaluator.values(func, scope):
            one = self._made_by(value, fact, scope)
            if one is None:
                return None
            found.update(one)
        return found

    def _made_by(self, value: Value, fact: facts.Call, scope: Scope) -> Makers | None:
        if isinstance(value, External) and value.filled is None:
            if MADE_BY.get(value.name) in _MAKING:
                return {id(fact): Made(fact, scope)}
            return self.of(fact.args[-1], scope) if value.name in _HANDING_ON and fact.args else None
        if isinstance(value, Kinded) and value.kind is Kind.ASYNC_FACTORY:
            if any(keyword.name in ("", _SETTING) for keyword in fact.keywords):
                return {id(fact): Made(fact, scope)}
            return self.of(fact.func, scope)
        return self._of_function(value.function) if isinstance(value, Routine) else None

    def _of_function(self, function: Function) -> Makers | None:
        """What a function of the project hands out: what it yields, or returns."""
        if not all(name in _PLAIN for name in self._evaluator.decorator_names(function)):
            return None
        given = yielded(function) if function.node.generator else returned(function)
        return self._all((fact, function) for fact in given)

    # variables

    def _of_variable(self, owner: Scope, name: str) -> Makers | None:
        found: Makers = {}
        if isinstance(owner, Function) and (param := owner.param(name)) is not None:
            given = self._of_param(param, owner)
            if given is None:
                return None
            found.update(given)
        for bound in (owner.attributes if isinstance(owner, Class) else owner.bound).get(name, []):
            one = self._of_bound(bound, owner)
            if one is None:
                return None
            found.update(one)
        return found

    def _of_bound(self, bound: Bound, owner: Scope) -> Makers | None:
        if bound.how == "annotated":
            return {}
        if bound.how in ("value", "entered", "element") and bound.value is not None:
            return self.of(bound.value, owner)
        return None

    def _of_param(self, param: facts.Param, owner: Function) -> Makers | None:
        if param.kind in ("*", "**") or (owner.is_method and param is owner.node.params[0]):
            return None
        found: Makers = {}
        lent = list(self._lenders(param, owner))
        for lender in lent:
            one = self._of_function(lender)
            if one is None:
                return None
            found.update(one)
        calls = self.reader.calls_of(owner)
        if not (lent or calls) or (calls and not self.reader.callers.are_known(owner)):
            return None
        for call, scope in calls:
            given = self._of_sources(self.reader.given_to(param, owner, self.reader.handed_over(call, scope)))
            if given is None:
                return None
            found.update(given)
        return found

    def _lenders(self, param: facts.Param, owner: Function) -> Iterator[Function]:
        """The functions that a framework runs to fill a parameter."""
        for fact in (param.default, param.annotation):
            if fact is not None:
                yield from (edge.callee for edge in dependencies(self._evaluator, fact, outside(owner)))

    # attributes

    def _of_attribute(self, fact: facts.Attr, scope: Scope) -> Makers | None:
        gathered: list[Source] = []
        for value in self._evaluator.values(fact.base, scope):
            if value == Literal(None):
                continue
            found = of_field(self.reader, value, fact.name)
            if found is None:
                place = global_of(fact, scope, self._evaluator.project)
                return self._of_variable(*place) if place is not None else None
            gathered.extend(found)
        return self._of_sources(gathered)


def expires(reader: Reader, made: Made) -> bool:
    """Whether the sessions that a call configures certainly expire what they hold at each commit."""
    if _is_switched(reader.evaluator):
        return False
    table = reader.keywords(made.call, made.scope)
    if not table.argument("sync_session_class").absent:
        return False
    given = table.argument(_SETTING)
    if not given.absent and not (given.certain and not given.optional and _is_true(reader, given.places)):
        return False
    session_class = table.argument("class_")
    return session_class.absent or all(
        isinstance(v, External) and MADE_BY.get(v.name) is Kind.ASYNC_SESSION
        for place in session_class.places
        for v in reader.values(place)
    )


def _is_true(reader: Reader, places: Iterable[tuple[facts.Expr, Scope]]) -> bool:
    return all(reader.values(place) == (Literal(True),) for place in places)


def _is_switched(evaluator: Evaluator) -> bool:
    """`factory.configure(expire_on_commit=False)`, `session.sync_session.expire_on_commit = False` somewhere."""
    memory = evaluator.project.memory
    if "expiry switched" not in memory:
        memory["expiry switched"] = any(_switches(function.body) for function in evaluator.project.functions()) or any(
            isinstance(call.func, facts.Attr) and call.func.name == "configure" and _mentions(call)
            for call, _ in all_calls(evaluator)
        )
    return cast(bool, memory["expiry switched"])


def _switches(body: Iterable[walking.Fact]) -> bool:
    return any(
        isinstance(target, facts.Attr) and target.name == _SETTING
        for fact in body
        if isinstance(fact, facts.Assign)
        for target in fact.targets
    )


def _mentions(call: facts.Call) -> bool:
    return any(keyword.name in ("", _SETTING) for keyword in call.keywords)
