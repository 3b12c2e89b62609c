"""With which arguments is a call really made? Keywords, `**options`, and what a wrapper's callers hand through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar, cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration import dicts
from dbpool_lint.facts.configuration.flow import Prunes
from dbpool_lint.facts.configuration.reading import CallSite, Handed, Source
from dbpool_lint.facts.configuration.tables import Argument, Place, Table, joined, unknown
from dbpool_lint.facts.evaluation import environment, origins
from dbpool_lint.facts.evaluation.classes import bases_of, lookup
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    External,
    Filled,
    Instance,
    Literal,
    Routine,
    Type,
    Value,
    Values,
    merged,
)
from dbpool_lint.facts.project import Class, Function, Scope

__all__ = ["Argument", "CallSite", "Callers", "Handed", "Place", "Reader", "Table", "all_calls"]

_DEEPEST = 25

T = TypeVar("T")


class Callers:
    """Which calls in the project call a function, or make objects of a class.

    Where an application calls it, the calls of its tests, migrations and scripts do not count.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._found: dict[int, list[CallSite]] = {}
        self._made: dict[int, list[CallSite]] = {}
        partials: dict[int, Values] = {}
        called: set[int] = set()
        for call, scope in (*all_calls(evaluator), *_factories(evaluator)):
            for value in evaluator.values(call.func, scope):
                if value == External("functools.partial") and call.args:
                    partials[id(call)] = evaluator.values(call.args[0], scope)
                if isinstance(value, (Routine, Type)) and value.filled is not None:
                    called.add(value.filled.key)
                self._note(value, (call, scope))
        self._unseen = {
            id(function) for key, values in partials.items() if key not in called for function in self._run(values)
        }

    def _note(self, value: Value, site: CallSite) -> None:
        for function in self._run([value]):
            self._found.setdefault(id(function), []).append(site)
        if isinstance(value, Type):
            for cls in bases_of(self._evaluator, value.cls):
                self._made.setdefault(id(cls), []).append(site)

    def _run(self, values: Iterable[Value]) -> Iterator[Function]:
        for value in values:
            if isinstance(value, Routine):
                yield value.function
            elif isinstance(value, (Type, Instance)):
                name = "__init__" if isinstance(value, Type) else "__call__"
                method = lookup(self._evaluator, value.cls, name)
                if method is not None:
                    yield method

    def run_by(self, call: facts.Call, scope: Scope) -> Iterator[Function]:
        """The functions of the project that a call runs."""
        return self._run(self._evaluator.values(call.func, scope))

    def of(self, function: Function) -> list[CallSite]:
        return _of_applications(self._found.get(id(function), []))

    def making(self, cls: Class) -> list[CallSite]:
        """The calls that make objects of a class or of classes that derive from it."""
        return _of_applications(self._made.get(id(cls), []))

    def are_known(self, function: Function) -> bool:
        """Whether the calls say with which arguments the function runs: not where a `partial` of it is handed on."""
        return id(function) in self._found and id(function) not in self._unseen


def _factories(evaluator: Evaluator) -> Iterator[CallSite]:
    """`field(default_factory=Pool)` calls `Pool()`."""
    for call, scope in all_calls(evaluator):
        for keyword in call.keywords:
            if keyword.name in ("default_factory", "factory") and not isinstance(keyword.value, facts.Lambda):
                yield facts.Call(call.at, keyword.value, (), ()), scope


def _of_applications(sites: list[CallSite]) -> list[CallSite]:
    found = [(call, scope) for call, scope in sites if _context(scope) is facts.Context.APPLICATION]
    return found or sites


def _context(scope: Scope) -> facts.Context:
    return scope.module.context if isinstance(scope, (Function, Class)) else scope.context


def all_calls(evaluator: Evaluator) -> tuple[CallSite, ...]:
    """Every call of the slice with its innermost scope."""
    memory = evaluator.project.memory
    if "calls" not in memory:
        memory["calls"] = tuple(_found_calls(evaluator))
    return cast("tuple[CallSite, ...]", memory["calls"])


def _found_calls(evaluator: Evaluator) -> Iterator[CallSite]:
    for module in evaluator.project.modules.values():
        for piece in module.pieces.values():
            yield from ((call, module) for call in walking.calls(piece.body))
        for function in module.all_functions:
            yield from ((f, function) for f in function.body if isinstance(f, facts.Call))
        for cls in module.all_classes:
            yield from ((call, cls) for call in walking.calls(cls.node.body))


def _no_prunes(test: facts.Expr) -> bool | None:
    return None


@dataclass(slots=True)
class Memory(Generic[T]):
    """What was found for an expression in a scope. A question that leads back to itself gives `unknown`.

    It goes by the identity of an expression, or a parameter, so that is kept with it. Guesses that rest on such a
    circle are good for the question at hand only.
    """

    unknown: T
    _known: dict[tuple[int, int], tuple[walking.Fact, T]] = field(default_factory=dict)
    _guessed: dict[tuple[int, int], tuple[walking.Fact, T]] = field(default_factory=dict)
    _busy: set[tuple[int, int]] = field(default_factory=set)
    _cuts: int = 0

    def recall(self, fact: walking.Fact, scope: Scope, find: Callable[[], T]) -> T:
        """What is remembered, else what `find` gives."""
        key = (id(fact), id(scope))
        if key in self._known:
            return self._known[key][1]
        if key in self._guessed or key in self._busy or len(self._busy) > _DEEPEST:
            self._cuts += 1
            return self._guessed[key][1] if key in self._guessed else self.unknown
        cuts = self._cuts
        self._busy.add(key)
        try:
            found = find()
        finally:
            self._busy.discard(key)
        if not self._busy:
            self._guessed.clear()
        certain = cuts == self._cuts or not self._busy
        (self._known if certain else self._guessed)[key] = (fact, found)
        return found


@dataclass(slots=True)
class Reader:
    """Reads arguments; knows the callers of every function.

    `prunes` are ways through the code that are left out. `only` are functions, by identity, of which a single call
    counts: that is how one chain of callers is followed.
    """

    evaluator: Evaluator
    callers: Callers
    prunes: Prunes = _no_prunes
    only: Mapping[int, CallSite] = field(default_factory=dict)
    _tables: Memory[Table] = field(default_factory=lambda: Memory(unknown()))
    _params: Memory[Table] = field(default_factory=lambda: Memory(unknown()))
    _values: Memory[Values] = field(default_factory=lambda: Memory((UNKNOWN,)))

    def along(self, chain: Mapping[int, CallSite]) -> Reader:
        """A reader for which functions run by these calls only."""
        return Reader(self.evaluator, self.callers, self.prunes, {**self.only, **chain})

    def without(self, prunes: Prunes) -> Reader:
        """A reader that leaves out some ways through the code."""
        return Reader(self.evaluator, self.callers, prunes, self.only)

    def calls_of(self, function: Function) -> list[CallSite]:
        return [self.only[id(function)]] if id(function) in self.only else self.callers.of(function)

    def handed_over(self, call: facts.Call, scope: Scope) -> Handed:
        """The arguments of a call, those that a `functools.partial` gave included."""
        values = self.evaluator.values(call.func, scope)
        fillings = {getattr(value, "filled", None) for value in values}
        filled = fillings.pop() if len(fillings) == 1 else None
        unbound = any(isinstance(v, Routine) and v.function.is_method and not v.bound for v in values)
        own = replace(_own(call, call.args, scope), unbound=unbound)
        if fillings:
            return replace(own, spreads=(*own.spreads, (facts.Opaque(-1, ()), scope)))
        return _after(filled, own) if isinstance(filled, Filled) else own

    def argument(self, call: facts.Call, scope: Scope, name: str, position: int | None = None) -> Argument:
        """The argument `name` of a call, which may be its `position`-th positional one."""
        handed = self.handed_over(call, scope)
        given = handed.positional(position) if position is not None else None
        given = given if given is not None else handed.named(name)
        if given is not None:
            return Argument((given,), True)
        found = self._spread(handed).argument(name)
        starred = position is not None and handed.starred
        return replace(found, certain=found.certain and not starred)

    def keywords(self, call: facts.Call, scope: Scope) -> Table:
        """Every keyword argument of a call by its name, those of `**` as well."""
        handed = self.handed_over(call, scope)
        table = self._spread(handed)
        for name, place in handed.keywords:
            table.put(name, place)
        return table

    def spread(self, call: facts.Call, scope: Scope) -> Table:
        """Everything that the `**` arguments of a call hold."""
        return self._spread(self.handed_over(call, scope))

    def _spread(self, handed: Handed) -> Table:
        table = Table()
        for place in handed.spreads:
            other = self.table(*place)
            if other.complete:
                table.overlay(other)
            else:  # the same key twice is an error, so it takes nothing away
                known = set(table.open)
                table.overlay(other)
                table.open &= known | other.open
        return table

    def table(self, fact: facts.Expr, scope: Scope) -> Table:
        """What is known of the dict that an expression gives."""
        return self._tables.recall(fact, scope, lambda: dicts.read(self, fact, scope)).copy()

    def handed(self, param: facts.Param, owner: Function) -> Table:
        """What callers hand to a parameter that takes a dict; keywords without a parameter end up in `**param`."""
        return self._params.recall(param, owner, lambda: self._handed(param, owner)).copy()

    def _handed(self, param: facts.Param, owner: Function) -> Table:
        if param.kind == "*":
            return unknown()
        calls = self.calls_of(owner)
        table = joined(self._handed_by(param, owner, self.handed_over(*site)) for site in calls)
        if not calls and param.default is not None:
            table = self.table(param.default, origins.outside(owner))
        if not self.callers.are_known(owner):
            table.spoil()
        return table

    def _handed_by(self, param: facts.Param, owner: Function, handed: Handed) -> Table:
        if param.kind != "**":
            given = self.given_to(param, owner, handed)
            return joined(self.table(*one.place) if one.place is not None else unknown() for one in given)
        table = self._spread(handed)
        table.displays = table.displays if len(handed.spreads) == 1 and not handed.keywords else []
        named = {p.name for p in owner.node.params if p.kind in ("", "keyword")}
        for name, place in handed.keywords:
            table.put(name, place)
        for name in named & table.entries.keys():
            table.drop(name)
        return table

    def given_to(self, param: facts.Param, owner: Function, handed: Handed) -> tuple[Source, ...]:
        """What one call hands to a plain parameter."""
        place = handed.named(param.name) if param.kind != "positional" else None
        plain = [p for p in owner.node.params if p.kind in ("", "positional")]
        if place is None and param in plain:
            place = handed.positional(plain.index(param) - (owner.is_method and not handed.unbound))
        if place is not None:
            return (Source(place),)
        found = self._spread(handed).argument(param.name)
        sources = [Source(one) for one in found.places]
        if not found.certain or (handed.starred and param in plain):
            sources.append(Source(None))
        if not found.places or found.optional:
            sources.append(self._default(param, owner))
        return tuple(sources) if found.certain or found.places else (Source(None),)

    def _default(self, param: facts.Param, owner: Function) -> Source:
        return Source((param.default, origins.outside(owner)) if param.default is not None else None)

    def values(self, place: Place) -> Values:
        """What an expression may be; a parameter of a wrapper stands for what its callers hand over."""
        fact, scope = place
        return self._values.recall(fact, scope, lambda: self._read(fact, scope))

    def _read(self, fact: facts.Expr, scope: Scope) -> Values:
        if isinstance(fact, facts.Choice):
            idle = self.prunes(fact.test)
            ways = [fact.then] * (idle is not True) + [fact.other] * (idle is not False)
            return merged(*(self.values((way, scope)) for way in ways))
        if isinstance(fact, facts.Logic) and fact.op == "or":
            *first, last = (self.values((operand, scope)) for operand in fact.operands)
            return merged(*(tuple(v for v in one if not isinstance(v, Literal) or v.value) for one in first), last)
        if isinstance(fact, facts.Call) and len(fact.args) == 1 and not fact.keywords:
            converted = environment.converted(self.evaluator, fact, scope, lambda inner: self.values((inner, scope)))
            if converted is not None:
                return converted
        sources = self.sources(fact, scope)
        if sources is None or (isinstance(fact, facts.Name) and not any(source.place for source in sources)):
            return self.evaluator.values(fact, scope)
        return merged(*(self._of_source(source) for source in sources))

    def _of_source(self, source: Source) -> Values:
        found = self.values(source.place) if source.place is not None else (UNKNOWN,)
        if not source.default:
            return found
        return tuple(Literal(v.value, True) if isinstance(v, Literal) else v for v in found)

    def sources(self, fact: facts.Expr, scope: Scope) -> tuple[Source, ...] | None:
        """The expressions that a name, an attribute or an item stands for; None where the project has none."""
        return origins.sources(self, fact, scope)

    def given(self, argument: Argument) -> Values:
        """All values that an argument may have."""
        return merged(*(self.values(place) for place in argument.places))


def _own(call: facts.Call, args: tuple[facts.Expr, ...], scope: Scope) -> Handed:
    return Handed(
        tuple((arg, scope) for arg in args),
        tuple((keyword.name, (keyword.value, scope)) for keyword in call.keywords if keyword.name),
        tuple((keyword.value, scope) for keyword in call.keywords if not keyword.name),
    )


def _after(filled: Filled, later: Handed) -> Handed:
    """The arguments of a call after those that a `functools.partial` gave."""
    first = _own(filled.call, filled.call.args[1:], filled.scope)
    named = {**dict(first.keywords), **dict(later.keywords)}
    spreads = (*first.spreads, *later.spreads)
    handed = Handed((*first.args, *later.args), tuple(named.items()), spreads, later.unbound)
    return _after(filled.inner, handed) if filled.inner is not None else handed
