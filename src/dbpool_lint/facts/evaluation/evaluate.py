"""What is the value of an expression in its scope? Names, attributes and calls, across modules."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation import environment, members, products
from dbpool_lint.facts.evaluation.annotations import annotated, completed
from dbpool_lint.facts.evaluation.entering import element, entered
from dbpool_lint.facts.evaluation.values import (
    UNKNOWN,
    External,
    Generated,
    Instance,
    Kinded,
    Literal,
    ModuleOf,
    Object,
    Routine,
    Type,
    Values,
    kept,
    kinds,
    merged,
)
from dbpool_lint.facts.project import Bound, Class, Function, Module, Project, Scope
from dbpool_lint.knowledge import frameworks
from dbpool_lint.knowledge.kinds import METHODS
from dbpool_lint.sources.names import Defined, Elsewhere, Meaning, ModuleName

_DEEPEST = 40
_NOTHING: Values = (UNKNOWN,)
_BUILTINS = frozenset(dir(builtins))


@dataclass(slots=True)
class Evaluator:
    """Evaluates expressions of one project; remembers what it found.

    What is known goes by the identity of an expression, so the expression is kept with it.
    """

    project: Project
    _known: dict[tuple[int, int], tuple[facts.Expr, Values]] = field(default_factory=dict)
    _busy: set[tuple[int, int]] = field(default_factory=set)
    _results: dict[int, Values] = field(default_factory=dict)
    _guessed: dict[tuple[int, int], Values] = field(default_factory=dict)
    _running: set[int] = field(default_factory=set)
    _guessed_results: dict[int, Values] = field(default_factory=dict)
    _cuts: int = 0
    _circles: int = 0

    def values(self, fact: facts.Expr, scope: Scope) -> Values:
        """What `fact` may be. Recursive definitions are unknown."""
        key = (id(fact), id(scope))
        if key in self._known:
            return self._known[key][1]
        if key in self._guessed:
            self._cuts += 1  # whoever uses a guess has one as well
            return self._guessed[key]
        if key in self._busy or len(self._busy) > _DEEPEST:
            self._cuts += 1
            return _NOTHING
        cuts = self._cuts
        self._busy.add(key)
        try:
            found = self._evaluate(fact, scope)
        finally:
            self._busy.discard(key)
        if not self._busy:
            # what a cut circle left unknown may be known when asked for from elsewhere
            self._guessed.clear()
            self._guessed_results.clear()
        if not self._busy or self._cuts == cuts:
            self._known[key] = (fact, found)
        else:
            self._guessed[key] = found
        return found

    def _evaluate(self, fact: facts.Expr, scope: Scope) -> Values:
        if isinstance(fact, facts.Const):
            return (Literal(fact.value),)
        if isinstance(fact, facts.Name):
            return self.name(fact.id, scope)
        if isinstance(fact, facts.Attr):
            return self._attribute(fact, scope)
        if isinstance(fact, facts.Call):
            return self._call(fact, scope)
        if isinstance(fact, (facts.Await, facts.Walrus)):
            return self.values(fact.value, scope)
        if isinstance(fact, facts.Choice):
            return merged(self.values(fact.then, scope), self.values(fact.other, scope))
        if isinstance(fact, facts.Logic) and fact.op == "or":
            return self._either(fact, scope)
        if isinstance(fact, facts.Item):
            return self._item(fact, scope)
        return _NOTHING

    def _either(self, fact: facts.Logic, scope: Scope) -> Values:
        """`a or b`: what may be falsy is passed over, unless it comes last."""
        *first, last = (self.values(operand, scope) for operand in fact.operands)
        truthy = (tuple(v for v in values if not isinstance(v, Literal) or v.value) for values in first)
        return merged(*truthy, last)

    def _item(self, fact: facts.Item, scope: Scope) -> Values:
        default = environment.variable(self, fact, scope)
        return default if default is not None else _NOTHING

    def name(self, name: str, scope: Scope) -> Values:
        """What a name means where it is read."""
        if isinstance(scope, Module):
            return self._global(name, scope)
        if isinstance(scope, Class):
            if name in scope.attributes:
                return self.bindings(scope.attributes[name], scope)
            return self.name(name, scope.parent or scope.module)
        local = self._local(name, scope)
        return local if local is not None else self.name(name, scope.parent or scope.module)

    def _local(self, name: str, scope: Function) -> Values | None:
        if name in scope.global_names:
            return self._global(name, scope.module)
        found: list[Values] = []
        if (param := scope.param(name)) is not None:
            found.append(self._param(param, scope))
        if name in scope.bound:
            found.append(self.bindings(scope.bound[name], scope))
        if name in scope.nested:
            found.append((Routine(scope.nested[name]),))
        if name in scope.classes:
            found.append((Type(scope.classes[name]),))
        if name in scope.imports:
            found.append(self.meaning(self.project.names.binding(scope.imports[name], scope.module.name)))
        return merged(*found) if found else None

    def _global(self, name: str, module: Module) -> Values:
        meaning = self.project.names.of(module.name, name)
        if meaning is None:
            given = name in module.bound or name in self.project.names.bindings(module.name)
            return _NOTHING if given or name not in _BUILTINS else (External(f"builtins.{name}"),)
        return self.meaning(meaning)

    def meaning(self, meaning: Meaning, seen: frozenset[Meaning] = frozenset()) -> Values:
        """The values of a global name, of whichever module."""
        if isinstance(meaning, Elsewhere):
            return (External(meaning.name),)
        if isinstance(meaning, ModuleName):
            return (ModuleOf(meaning.module),)
        if meaning is None or (module := self.project.modules.get(meaning.module)) is None:
            return _NOTHING
        return self._defined(meaning, module, seen)

    def _defined(self, meaning: Defined, module: Module, seen: frozenset[Meaning]) -> Values:
        seen = seen | {meaning}
        found: list[Values] = []
        if (function := module.functions.get(meaning.name)) is not None:
            found.append((Routine(function),))
        if (cls := module.classes.get(meaning.name)) is not None:
            found.append((Type(cls),))
        if meaning.name in module.bound:
            found.append(kept(self.bindings(module.bound[meaning.name], module)))
        if meaning.name in self.project.names.bindings(module.name):
            binding = self.project.names.bindings(module.name)[meaning.name][-1]
            imported = self.project.names.binding(binding, module.name)
            # a package may import from itself a name that it binds as well
            if imported not in seen:
                found.append(self.meaning(imported, seen))
        return merged(*found) if found else _NOTHING

    def bindings(self, bounds: list[Bound], scope: Scope) -> Values:
        """What a name may be that is bound in these ways."""
        values = merged(*(self.bound(bound, scope) for bound in bounds))
        certain = tuple(v for v in values if v is not UNKNOWN and v != Literal(None))
        # `engine: Engine | None = None` filled in later: the None is only how it starts
        return certain if any(isinstance(v, Kinded) for v in certain) else values

    def bound(self, bound: Bound, scope: Scope) -> Values:
        """What one binding gives its name."""
        if bound.how == "value" and bound.value is not None:
            values = self.values(bound.value, scope)
            return values if bound.annotation is None else completed(self, values, bound.annotation, scope)
        if bound.how == "annotated" and bound.annotation is not None:
            return annotated(self, bound.annotation, scope)
        if bound.how == "entered" and bound.value is not None:
            return entered(self, bound.value, scope)
        if bound.how == "element" and bound.value is not None:
            return element(self, bound.value, scope)
        return _NOTHING

    def _param(self, param: facts.Param, scope: Function) -> Values:
        if scope.is_method and scope.node.params and param is scope.node.params[0] and scope.owner is not None:
            first_is_class = scope.has_decorator("classmethod") or scope.node.name == "__new__"
            return (Type(scope.owner) if first_is_class else Instance(scope.owner),)
        if param.kind in ("*", "**"):
            return _NOTHING
        found: list[Values] = []
        outside: Scope = scope.owner or scope.parent or scope.module
        if param.annotation is not None:
            found.append(annotated(self, param.annotation, outside))
        if param.default is not None and (needed := self.dependency(param.default, outside)) is not None:
            found.append(self._provided(needed))
        settled = merged(*found)
        certain = tuple(v for v in settled if v is not UNKNOWN)
        return certain or _NOTHING

    def dependency(self, fact: facts.Expr, scope: Scope) -> Values | None:
        """What a `Depends(x)` needs; None when `fact` is no such thing."""
        if not isinstance(fact, facts.Call):
            return None
        called = self.values(fact.func, scope)
        if not any(isinstance(v, External) and v.name in frameworks.DEPENDS for v in called):
            return None
        needed = fact.args[0] if fact.args else next((k.value for k in fact.keywords if k.name == "dependency"), None)
        return self.values(needed, scope) if needed is not None else ()

    def _provided(self, needed: Values) -> Values:
        """What a dependency hands to the function that asked for it."""
        found: list[Values] = []
        for value in needed:
            if isinstance(value, Routine):
                function = value.function
                result = self.yielded(function) if function.node.generator else self.result(function)
                found.append(kept(result))
            elif isinstance(value, Type):
                found.append((Instance(value.cls),))
        return merged(*found) or _NOTHING

    def assigned(self, fact: facts.Expr, scope: Scope) -> tuple[facts.Expr, Scope] | None:
        """The single expression a global name is bound to, with the module it stands in."""
        meaning: Meaning = None
        chain = walking.chain(fact)
        if chain:
            owner = scope if isinstance(scope, Module) else scope.module
            for found, rest in self.project.names.mention(owner.name, ".".join(chain)):
                meaning = found if not rest else None
        if not isinstance(meaning, Defined) or (module := self.project.modules.get(meaning.module)) is None:
            return None
        bounds = [b for b in module.bound.get(meaning.name, ()) if b.how not in ("annotated", "change")]
        value = bounds[0].value if len(bounds) == 1 and bounds[0].how == "value" else None
        return (value, module) if value is not None else None

    def _attribute(self, fact: facts.Attr, scope: Scope) -> Values:
        found = merged(*(self.attribute(value, fact.name, scope) for value in self.values(fact.base, scope)))
        return found or _NOTHING

    def attribute(self, value: object, name: str, scope: Scope) -> Values:
        """What `value.name` may be."""
        module = scope.name if isinstance(scope, Module) else scope.module.name
        if isinstance(value, External):
            return self.meaning(self.project.names.attribute(Elsewhere(value.name), name, module))
        if isinstance(value, ModuleOf):
            return self.meaning(self.project.names.attribute(ModuleName(value.module), name, module))
        if isinstance(value, Kinded):
            kind = members.ATTRIBUTES.get((value.kind, name))
            return (Kinded(kind),) if kind else _NOTHING
        if isinstance(value, Instance):
            return members.of_instance(self, value.cls, name)
        if isinstance(value, Type):
            return members.of_class(self, value.cls, name)
        if isinstance(value, Object) and value.of == "builtins.super":
            return members.of_super(self, name, scope)
        if isinstance(value, Object) and (value.of, name) in frameworks.OBJECT_ATTRIBUTES:
            return (Object(frameworks.OBJECT_ATTRIBUTES[value.of, name]),)
        return _NOTHING

    def _call(self, fact: facts.Call, scope: Scope) -> Values:
        setting = environment.variable(self, fact, scope)
        if setting is not None:
            return setting
        if isinstance(fact.func, facts.Attr):
            made = self._method(fact, fact.func, scope)
            if made:
                return made
        found = merged(*(products.called(self, value, fact, scope) for value in self.values(fact.func, scope)))
        return found or _NOTHING

    def _method(self, fact: facts.Call, func: facts.Attr, scope: Scope) -> Values:
        made = (METHODS.get((kind, func.name)) for kind in sorted(kinds(self.values(func.base, scope))))
        return tuple(Kinded(kind, fresh=True) for kind in made if kind)

    def outcome(self, function: Function) -> Values:
        """What calling a function of the project gives, decorators and generators considered."""
        decorators = [self._decorator(d, function) for d in function.node.decorators]
        if any(name in frameworks.MANAGERS for name in decorators):
            return (Generated(function, managed=True),)
        if function.node.generator:
            return (Generated(function, managed=False),)
        result = self.result(function)
        return result if all(name in frameworks.TRANSPARENT for name in decorators) else kept(result)

    def _decorator(self, fact: facts.Expr, function: Function) -> str:
        outside: Scope = function.owner or function.parent or function.module
        func = fact.func if isinstance(fact, facts.Call) else fact
        return next((v.name for v in self.values(func, outside) if isinstance(v, External)), "")

    def decorator_names(self, function: Function) -> tuple[str, ...]:
        """Dotted names of a function's decorators that come from outside the project; empty for others."""
        return tuple(self._decorator(d, function) for d in function.node.decorators)

    def result(self, function: Function) -> Values:
        """What the `return` statements of a function give, or what its annotation promises."""
        key = id(function)
        if key in self._results:
            return self._results[key]
        if key in self._running or key in self._guessed_results:
            self._cuts += 1
            self._circles += key in self._running
            return self._guessed_results.get(key, _NOTHING)
        cuts = self._cuts
        self._running.add(key)
        try:
            found = self._result(function)
        finally:
            self._running.discard(key)
        if self._cuts == cuts or not (self._busy or self._running):
            self._results[key] = found
        else:
            self._guessed_results[key] = found
        return found

    def _result(self, function: Function) -> Values:
        found: Values = ()
        for value in returned(function):
            circles = self._circles
            values = self.values(value, function)
            # what a function gives that only asks for itself adds nothing to its other results
            if values != _NOTHING or circles == self._circles:
                found = merged(found, values)
        if not kinds(found) and function.node.returns is not None:
            promised = annotated(self, function.node.returns, function.owner or function.parent or function.module)
            found = merged(found, tuple(v for v in promised if v is not UNKNOWN))
        return found or _NOTHING

    def yielded(self, function: Function) -> Values:
        """What a generator function yields, as read by who receives it."""
        found = (f.value for f in function.body if isinstance(f, facts.Yield) and not f.delegating)
        return kept(merged(*(self.values(value, function) for value in found if value is not None))) or _NOTHING


def returned(function: Function) -> Iterator[facts.Expr]:
    """The expressions a function returns."""
    for statement in walking.statements(function.node.body):
        if isinstance(statement, facts.Return) and statement.value is not None:
            yield statement.value
