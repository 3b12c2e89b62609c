"""Which pools may an expression be? The creations it may come from, through names, attributes, helpers and callers.

`Pools.complete` tells whether it can be nothing else; an expression of which nothing is known has no origins and is
not complete. An origin is the call that the application makes: where a helper of the project makes a new pool for
each of its callers, each call of the helper is an origin of its own, with the creation inside as `inner`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.classes import bases_of, decorated
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.handing import given, is_stored, needed, yielded
from dbpool_lint.facts.evaluation.stores import key_of, last_name, scope_chain, stores
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    External,
    Instance,
    Kinded,
    Literal,
    ModuleOf,
    Object,
    Routine,
    Type,
    Value,
)
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.pooling.descent import NONE, NOT_KNOWN, Origin, Pools, joined
from dbpool_lint.facts.pooling.keeping import is_cached
from dbpool_lint.facts.project import Bound, Class, Function, Module, Scope, module_of
from dbpool_lint.knowledge import frameworks
from dbpool_lint.knowledge.kinds import MADE_BY, POOLS, Kind
from dbpool_lint.sources.names import Defined, Meaning, ModuleName

_DEEPEST = 200
_BINDERS = frozenset({Kind.FACTORY, Kind.ASYNC_FACTORY, Kind.SCOPED, Kind.SESSION, Kind.ASYNC_SESSION})
_LOOKING_UP = frozenset({"builtins.getattr", "builtins.next", "builtins.anext"})
_VIEWS = frozenset({"values", "items", "copy"})
_SAME = frozenset({"iter", "list", "tuple", "set", "reversed", "sorted", "enumerate", "filter", "zip"})


@dataclass(slots=True)
class Provenance:
    """Answers for one project; `creations` by the identity of their calls.

    With `bound`, factories, sessions and connections come from the pool behind them.
    """

    reader: Reader
    creations: dict[int, Creation]
    bound: bool = False
    _known: dict[tuple[int, int], Pools] = field(default_factory=dict)
    _guessed: dict[tuple[int, int], Pools] = field(default_factory=dict)
    _asked: set[tuple[int, int]] = field(default_factory=set)
    _made: dict[tuple[int, int], Origin] = field(default_factory=dict)
    _depth: int = 0
    _grew: bool = False

    def bound_to(self) -> Provenance:
        """The same with `bound`: it tells of the very same origins."""
        return Provenance(self.reader, self.creations, True, _made=self._made)

    def all(self) -> tuple[Origin, ...]:
        """Every pool of the project, at the outermost call that makes a new one."""
        found: dict[Origin, None] = {}
        for made in self.creations.values():
            found.update(dict.fromkeys(self._lifted(self._origin(made, made.call, made.scope), 0)))
        return tuple(found)

    def _lifted(self, origin: Origin, depth: int) -> Iterator[Origin]:
        function = origin.function
        if function is None or depth > 4 or not self._hands_out(origin, function):
            yield origin
            return
        calls = self.reader.callers.of(function)
        if not calls:
            yield origin
        for call, scope in calls:
            if module_of(scope).context is not facts.Context.TEST:
                yield from self._lifted(self._origin(origin.made, call, scope, origin), depth + 1)

    def _hands_out(self, origin: Origin, function: Function) -> bool:
        if is_cached(self.reader.evaluator, function) or is_stored(function, origin.call):
            return False
        return origin in self._results(function).origins

    def of(self, fact: facts.Expr, scope: Scope) -> Pools:
        """The pools that an expression may be."""
        key = (id(fact), id(scope))
        if key in self._known:
            return self._known[key]
        if self._depth:
            return self._guess(key, fact, scope)
        # expressions may stand for one another in circles: rounds until nothing more is found
        self._grew = True
        while self._grew:
            self._grew = False
            self._asked.clear()
            self._guess(key, fact, scope)
        self._known.update(self._guessed)
        self._guessed.clear()
        return self._known[key]

    def _guess(self, key: tuple[int, int], fact: facts.Expr, scope: Scope) -> Pools:
        guessed = self._guessed.get(key, NONE)
        if key in self._asked:
            return guessed
        if self._depth > _DEEPEST:
            return NOT_KNOWN
        self._asked.add(key)
        self._depth += 1
        try:
            found = self._of(fact, scope) if self._may_be_pool(fact, scope) else NONE
        finally:
            self._depth -= 1
        found = joined((guessed, found))
        self._grew = self._grew or found != guessed
        self._guessed[key] = found
        return found

    def _may_be_pool(self, fact: facts.Expr, scope: Scope) -> bool:
        if not isinstance(fact, (facts.Name, facts.Attr, facts.Call)):
            return True
        values = self.reader.evaluator.values(fact, scope)
        if isinstance(fact, facts.Attr) and any(isinstance(v, External) for v in values):
            return True  # `current_app.pool`: an object outside the project may be given attributes
        return any(is_open(v) or (isinstance(v, Kinded) and (self.bound or v.kind in POOLS)) for v in values)

    def _of(self, fact: facts.Expr, scope: Scope) -> Pools:
        if isinstance(fact, (facts.Await, facts.Walrus, facts.Star)):
            return self.of(fact.value, scope)
        if isinstance(fact, facts.Choice):
            return joined((self.of(fact.then, scope), self.of(fact.other, scope)))
        if isinstance(fact, facts.Logic):
            return joined(self.of(operand, scope) for operand in fact.operands)
        if isinstance(fact, facts.Call):
            return self._call(fact, scope)
        if isinstance(fact, facts.Name):
            return self._name(fact.id, scope)
        if isinstance(fact, facts.Attr):
            return self._attribute(fact, scope)
        if isinstance(fact, facts.Item):
            key = key_of(self.reader.evaluator, fact.index, scope)
            return self._kept(key, self.contents(fact.base, scope))
        if isinstance(fact, (facts.Sequence, facts.Mapping, facts.Comprehension)):
            return self.contents(fact, scope)
        return NOT_KNOWN if isinstance(fact, (facts.Yield, facts.Opaque)) else NONE

    def _origin(self, made: Creation, call: facts.Call, scope: Scope, inner: Origin | None = None) -> Origin:
        return self._made.setdefault((id(call), id(inner)), Origin(made, call, scope, inner))

    # calls

    def _call(self, call: facts.Call, scope: Scope) -> Pools:
        if (made := self.creations.get(id(call))) is not None:
            return Pools((self._origin(made, call, scope),), True)
        if isinstance(call.func, facts.Attr) and (found := self._method(call, call.func, scope)) is not None:
            return found
        return joined(self._called(value, call, scope) for value in self.reader.evaluator.values(call.func, scope))

    def _method(self, call: facts.Call, func: facts.Attr, scope: Scope) -> Pools | None:
        evaluator = self.reader.evaluator
        base = evaluator.values(func.base, scope)
        if any(isinstance(v, Kinded) for v in base):
            return self.of(func.base, scope) if self.bound or func.name == "execution_options" else NONE
        if func.name in ("get", "pop", "setdefault") and call.args and not any(isinstance(v, Instance) for v in base):
            kept = self._kept(key_of(evaluator, call.args[0], scope))
            return joined((kept, *(self.of(arg, scope) for arg in call.args[1:])))
        return None

    def _called(self, value: Value, call: facts.Call, scope: Scope) -> Pools:
        if isinstance(value, Routine):
            return self._result(value.function, call, scope)
        if isinstance(value, External):
            return self._outside(value.name, call, scope)
        if isinstance(value, Kinded):
            return self.of(call.func, scope) if self.bound else NONE
        return NONE if isinstance(value, (Type, Literal)) else NOT_KNOWN

    def _outside(self, name: str, call: facts.Call, scope: Scope) -> Pools:
        kind = MADE_BY.get(name)
        if kind in _BINDERS:
            binds = [k.value for k in call.keywords if k.name == "bind"] or list(call.args[:1])
            return joined(self.of(arg, scope) for arg in binds) if self.bound else NONE
        if name == "typing.cast":
            return self.of(call.args[-1], scope) if call.args else NOT_KNOWN
        if name in frameworks.RUN_COROUTINE and call.args:
            return self.of(call.args[0], scope)
        if name == "builtins.getattr" and len(call.args) > 1:
            return self._kept(key_of(self.reader.evaluator, call.args[1], scope))
        if name in ("builtins.next", "builtins.anext") and call.args:
            return self.contents(call.args[0], scope)
        return NONE if name.startswith("builtins.") or kind is not None else NOT_KNOWN

    def _result(self, function: Function, call: facts.Call, scope: Scope) -> Pools:
        """What a function of the project gives; a new pool for each call belongs to the call."""
        found = self._results(function)
        cached = is_cached(self.reader.evaluator, function)
        origins = [
            origin
            if cached or origin.scope is not function or is_stored(function, origin.call) or _runs(origin, call)
            else self._origin(origin.made, call, scope, origin)
            for origin in found.origins
        ]
        return Pools(tuple(dict.fromkeys(origins)), found.complete)

    def _results(self, function: Function) -> Pools:
        return joined(self.of(result, function) for result in (*returned(function), *yielded(function)))

    # names

    def _name(self, name: str, scope: Scope) -> Pools:
        for owner in scope_chain(scope):
            if isinstance(owner, Function) and name not in owner.global_names:
                found = self._local(name, owner)
                if found is not None:
                    return found
            elif isinstance(owner, Class) and owner is scope and name in owner.attributes:
                return self._bounds(name, owner.attributes[name], owner)
        module = module_of(scope)
        return self._meaning(self.reader.evaluator.project.names.of(module.name, name), name, module)

    def _local(self, name: str, function: Function) -> Pools | None:
        found: list[Pools] = []
        if (param := function.param(name)) is not None:
            found.append(self._param(param, function))
        if name in function.bound:
            found.append(self._bounds(name, function.bound[name], function))
        elif (source := _looped(name, function.body)) is not None:
            found.append(self.contents(source, function))
        if name in function.nested or name in function.classes:
            found.append(NONE)
        if name in function.imports:
            binding = function.imports[name]
            meaning = self.reader.evaluator.project.names.binding(binding, function.module.name)
            found.append(self._meaning(meaning, name, function.module))
        return joined(found) if found else None

    def _bounds(self, name: str, bounds: list[Bound], scope: Scope) -> Pools:
        return joined(self._bind(name, bound, scope) for bound in bounds)

    def _bind(self, name: str, bound: Bound, scope: Scope) -> Pools:
        if bound.how in ("value", "entered", "part") and bound.value is not None:
            found = self.of(bound.value, _filler(name, bound, scope))
            # what else is unpacked with a pool may be anything, and is not this one
            return Pools(found.origins, True) if bound.how == "part" and found.origins else found
        if bound.how == "element" and bound.value is not None:
            return self.contents(bound.value, scope)
        if bound.how == "unknown" and isinstance(scope, Function):
            source = _looped(name, scope.body)
            return NOT_KNOWN if source is None else self.contents(source, scope)
        return NONE if bound.how == "annotated" else NOT_KNOWN

    def _meaning(self, meaning: Meaning, name: str, module: Module) -> Pools:
        if meaning is None:
            return self._unnamed(name, module)
        if not isinstance(meaning, Defined):
            return NONE
        owner = self.reader.evaluator.project.modules.get(meaning.module)
        if owner is None or meaning.name not in owner.bound:
            return NONE
        return self._bounds(meaning.name, owner.bound[meaning.name], owner)

    def _unnamed(self, name: str, module: Module) -> Pools:
        """A name that the module does not define itself: a global that functions fill, or one of a comprehension."""
        if name in module.bound:
            return self._bounds(name, module.bound[name], module)
        source = _looped(name, (fact for piece in module.pieces.values() for fact in walking.within(piece.body)))
        return NOT_KNOWN if source is None else self.contents(source, module)

    def _param(self, param: facts.Param, function: Function) -> Pools:
        if function.is_method and param is function.node.params[0]:
            return NONE
        if param.kind in ("*", "**"):
            return NOT_KNOWN
        asked = [v.function for v in needed(self.reader.evaluator, param, function) if isinstance(v, Routine)]
        if asked:
            return joined(self._results(dependency) for dependency in asked)
        found: list[Pools] = []
        for call, scope in self.reader.callers.of(function):
            handed = given(param, function, call)
            if handed is not None:
                found.append(self.of(handed, scope))
            else:
                found.append(NOT_KNOWN if param.default is None else self.of(param.default, function.module))
        return joined(found) if found else NOT_KNOWN

    # attributes, keys and containers

    def _attribute(self, fact: facts.Attr, scope: Scope) -> Pools:
        evaluator = self.reader.evaluator
        base = evaluator.values(fact.base, scope)
        if fact.name == "sync_engine" or (self.bound and any(isinstance(v, Kinded) for v in base)):
            return self.of(fact.base, scope)
        found: list[Pools] = []
        for value in base:
            if isinstance(value, ModuleOf):
                meaning = evaluator.project.names.attribute(ModuleName(value.module), fact.name, module_of(scope).name)
                owner = evaluator.project.modules.get(value.module)
                found.append(self._meaning(meaning, fact.name, owner or module_of(scope)))
            elif isinstance(value, (Instance, Type)):
                found.append(self._of_class(value.cls, fact.name))
            elif isinstance(value, External):
                found.append(self._kept(fact.name, NONE))
        return joined(found) if found and any(f.origins or f.complete for f in found) else self._kept(fact.name)

    def _of_class(self, cls: Class, name: str) -> Pools:
        found: list[Pools] = []
        for owner in self._family(cls):
            method = owner.methods.get(name)
            if method is not None:
                is_value = decorated(self.reader.evaluator, method, "property", "cached_property")
                found.append(self._results(method) if is_value else NONE)
            found.extend(self.of(value, function) for function, value in owner.stored.get(name, ()))
            if name in owner.attributes:
                found.append(self._bounds(name, owner.attributes[name], owner))
        settled = joined(found)
        if settled.origins or (found and settled.complete and not _declared(cls, name)):
            return settled
        return self._kept(name)

    def _family(self, cls: Class) -> Iterator[Class]:
        """The class, its bases, and the classes derived from it: an object may be of any."""
        evaluator = self.reader.evaluator
        yield from bases_of(evaluator, cls)
        for module in evaluator.project.modules.values():
            for other in module.all_classes:
                if other is not cls and cls in bases_of(evaluator, other)[1:]:
                    yield other

    def _kept(self, name: str, other: Pools = NOT_KNOWN) -> Pools:
        places = stores(self.reader.evaluator).kept.get(name, ())
        found = joined(self.of(value, scope) for value, scope in places)
        if found.origins:
            return joined((found, other)) if other.origins else found
        return other

    def contents(self, fact: facts.Expr, scope: Scope) -> Pools:
        """What the elements of a container may be."""
        if isinstance(fact, facts.Await):
            return self.contents(fact.value, scope)
        if isinstance(fact, facts.Sequence):
            return joined(self.of(item, scope) for item in fact.items)
        if isinstance(fact, facts.Mapping):
            return joined(self.of(pair.value, scope) for pair in fact.items)
        if isinstance(fact, facts.Comprehension):
            return joined(self.of(element, scope) for element in fact.elements)
        if isinstance(fact, facts.Call):
            return self._viewed(fact, scope)
        if isinstance(fact, (facts.Name, facts.Attr)):
            held = stores(self.reader.evaluator).held.get(last_name(fact) or "", ())
            inside = joined(self.of(value, where) for value, where in held)
            return joined((inside, self.of(fact, scope))) if held else self.of(fact, scope)
        return NOT_KNOWN

    def _viewed(self, call: facts.Call, scope: Scope) -> Pools:
        if isinstance(call.func, facts.Attr) and call.func.name in _VIEWS:
            return self.contents(call.func.base, scope)
        if isinstance(call.func, facts.Name) and call.func.id in _SAME and call.args:
            return joined(self.contents(arg, scope) for arg in call.args)
        return self.of(call, scope)


def is_open(value: Value) -> bool:
    """Whether a value may be anything: unknown, or looked up by `getattr` and the like."""
    return value is UNKNOWN or (isinstance(value, Object) and value.of in _LOOKING_UP)


def _runs(origin: Origin, call: facts.Call) -> bool:
    """Whether a call is on the way to a pool already: a function that calls itself makes no end of them."""
    return any(one.call is call for one in origin.chain())


def _filler(name: str, bound: Bound, scope: Scope) -> Scope:
    """The function that fills a global: the value is read with that function's names."""
    if isinstance(scope, Module):
        for function in scope.all_functions:
            if name in function.global_names and any(b.value is bound.value for b in function.bound.get(name, ())):
                return function
    return scope


def _declared(cls: Class, name: str) -> bool:
    """`pool: Pool` in a class body: what makes the object gives the value."""
    return any(bound.how == "annotated" for bound in cls.attributes.get(name, ()))


def _looped(name: str, body: Iterable[walking.Fact]) -> facts.Expr | None:
    """What a loop or comprehension goes over that binds a name, alone or with others."""
    for fact in body:
        if isinstance(fact, (facts.For, facts.Clause)) and name in walking.names(fact.target):
            return fact.source
    return None
