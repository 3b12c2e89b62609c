"""With which arguments is a call really made? Keywords, `**options`, and what a wrapper's callers hand through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.classes import decorated
from dbpool_lint.facts.evaluate import Evaluator, returned
from dbpool_lint.facts.project import Function, Module, Scope
from dbpool_lint.facts.values import UNKNOWN, External, Instance, Literal, Routine, Type, Values, merged

_DEEPEST = 8

Place = tuple[facts.Expr, Scope]
"""An expression and the scope it is read in."""


@dataclass(slots=True)
class Table:
    """What is known of a dict: its keys with the expressions they may hold, and whether there may be other keys.

    `displays` are the dict displays and `dict(...)` calls that the keys come from, where an item could be added.
    """

    entries: dict[str, list[Place]] = field(default_factory=dict)
    complete: bool = True
    displays: list[Place] = field(default_factory=list)

    def add(self, key: str, place: Place) -> None:
        self.entries.setdefault(key, []).append(place)

    def take(self, other: Table) -> None:
        for key, places in other.entries.items():
            self.entries.setdefault(key, []).extend(places)
        self.complete = self.complete and other.complete
        self.displays.extend(place for place in other.displays if place not in self.displays)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: absent, given with these possible values, or unknown (`certain` is False)."""

    places: tuple[Place, ...]
    certain: bool

    @property
    def absent(self) -> bool:
        return self.certain and not self.places


class Callers:
    """Which calls in the project call a function."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._found: dict[int, list[tuple[facts.Call, Scope]]] = {}
        self._filled: set[int] = set()
        for call, scope in all_calls(evaluator):
            for value in evaluator.values(call.func, scope):
                if value == External("functools.partial") and call.args:
                    inner = evaluator.values(call.args[0], scope)
                    self._filled.update(id(v.function) for v in inner if isinstance(v, Routine))
                if isinstance(value, Routine):
                    self._found.setdefault(id(value.function), []).append((call, scope))
                elif isinstance(value, Type) and "__init__" in value.cls.methods:
                    self._found.setdefault(id(value.cls.methods["__init__"]), []).append((call, scope))

    def of(self, function: Function) -> list[tuple[facts.Call, Scope]]:
        return self._found.get(id(function), [])

    def are_known(self, function: Function) -> bool:
        """Whether the calls say with which arguments the function runs: not where `functools.partial` gives some."""
        return id(function) in self._found and id(function) not in self._filled


def all_calls(evaluator: Evaluator) -> tuple[tuple[facts.Call, Scope], ...]:
    """Every call of the slice with its innermost scope."""
    memory = evaluator.project.memory
    if "calls" not in memory:
        memory["calls"] = tuple(_found_calls(evaluator))
    return cast("tuple[tuple[facts.Call, Scope], ...]", memory["calls"])


def _found_calls(evaluator: Evaluator) -> Iterator[tuple[facts.Call, Scope]]:
    for module in evaluator.project.modules.values():
        for piece in module.pieces.values():
            yield from ((call, module) for call in walking.calls(piece.body))
        for function in module.all_functions:
            yield from ((f, function) for f in function.body if isinstance(f, facts.Call))
        for cls in module.all_classes:
            yield from ((call, cls) for call in walking.calls(cls.node.body))


@dataclass(slots=True)
class Reader:
    """Reads arguments; knows the callers of every function."""

    evaluator: Evaluator
    callers: Callers

    def argument(self, call: facts.Call, scope: Scope, name: str, position: int | None = None) -> Argument:
        """The argument `name` of a call, which may be its `position`-th positional one."""
        if position is not None and position < len(call.args):
            given = call.args[position]
            if not any(isinstance(arg, facts.Star) for arg in call.args[: position + 1]):
                return Argument(((given, scope),), True)
        starred = position is not None and any(isinstance(arg, facts.Star) for arg in call.args)
        direct = [(k.value, scope) for k in call.keywords if k.name == name]
        if direct:
            return Argument(tuple(direct), True)
        table = self.spread(call, scope)
        return Argument(tuple(table.entries.get(name, ())), table.complete and not starred)

    def spread(self, call: facts.Call, scope: Scope) -> Table:
        """Everything that the `**` arguments of a call hold."""
        called = self.evaluator.values(call.func, scope)
        table = Table(complete=not any(isinstance(v, External) and v.filled for v in called))
        for keyword in call.keywords:
            if not keyword.name:
                table.take(self.table(keyword.value, scope))
        return table

    def table(self, fact: facts.Expr, scope: Scope, depth: int = 0) -> Table:
        """What is known of the dict that an expression gives."""
        if depth > _DEEPEST:
            return Table(complete=False)
        if isinstance(fact, facts.Mapping):
            return self._display(fact, scope, depth)
        if isinstance(fact, facts.Call):
            return self._called(fact, scope, depth)
        if isinstance(fact, facts.Choice):
            return self._joined((fact.then, fact.other), scope, depth)
        if isinstance(fact, facts.Logic) and fact.op == "or":
            return self._joined(fact.operands, scope, depth)
        if isinstance(fact, facts.Binary) and fact.op == "|":
            return self._joined((fact.left, fact.right), scope, depth)
        if isinstance(fact, facts.Name):
            return self._named(fact.id, scope, depth)
        if isinstance(fact, facts.Attr):
            return self._attribute(fact, scope, depth)
        return Table(complete=isinstance(fact, facts.Const) and fact.value is None)

    def _joined(self, parts: Iterable[facts.Expr], scope: Scope, depth: int) -> Table:
        table = Table()
        for part in parts:
            table.take(self.table(part, scope, depth + 1))
        return table

    def _display(self, fact: facts.Mapping, scope: Scope, depth: int) -> Table:
        table = Table(displays=[(fact, scope)])
        for pair in fact.items:
            if pair.key is None:
                table.take(self.table(pair.value, scope, depth + 1))
            elif isinstance(pair.key, facts.Const) and isinstance(pair.key.value, str):
                table.add(pair.key.value, (pair.value, scope))
            else:
                table.complete = False
        return table

    def _called(self, fact: facts.Call, scope: Scope, depth: int) -> Table:
        chain = walking.chain(fact.func)
        if chain == ["dict"]:
            table = self._joined(fact.args, scope, depth)
            table.displays = table.displays or [(fact, scope)]
            for keyword in fact.keywords:
                if keyword.name:
                    table.add(keyword.name, (keyword.value, scope))
                else:
                    table.take(self.table(keyword.value, scope, depth + 1))
            return table
        if isinstance(fact.func, facts.Attr) and fact.func.name == "copy" and not fact.args:
            return self.table(fact.func.base, scope, depth + 1)
        table = Table()
        routines = [v.function for v in self.evaluator.values(fact.func, scope) if isinstance(v, Routine)]
        for function in routines:
            for value in returned(function):
                table.take(self.table(value, function, depth + 1))
        return table if routines else Table(complete=False)

    def _named(self, name: str, scope: Scope, depth: int) -> Table:
        owner: Scope | None = scope
        while isinstance(owner, Function):
            if name in owner.bound or (owner.param(name) is not None):
                return self._local(name, owner, depth)
            owner = owner.parent or owner.module
        module = scope if isinstance(scope, Module) else scope.module
        place = self.evaluator.assigned(facts.Name(0, name), module)
        if place is None:
            return Table(complete=False)
        table = self.table(*place, depth + 1)
        if isinstance(place[1], Module):
            body = [statement for piece in place[1].pieces.values() for statement in piece.body]
            self._changes(name, body, place[1], table, depth)
        return table

    def _local(self, name: str, owner: Function, depth: int) -> Table:
        table = Table()
        param = owner.param(name)
        if param is not None and name not in owner.bound:
            table = self._handed(param, owner, depth)
            self._changes(name, owner.node.body, owner, table, depth)
            return table
        for bound in owner.bound.get(name, ()):
            if bound.how == "value" and bound.value is not None:
                table.take(self.table(bound.value, owner, depth + 1))
            elif bound.how != "change":
                table.complete = False
        if param is not None:
            table.complete = False
        self._changes(name, owner.node.body, owner, table, depth)
        return table

    def _changes(self, name: str, body: Iterable[facts.Stmt], scope: Scope, table: Table, depth: int) -> None:
        """`options["x"] = 1`, `options.update(x=1)`, `options |= {...}`: what always runs replaces what was there."""
        for statement, conditional in walking.ordered(body):
            change = Table()
            if isinstance(statement, facts.Assign):
                for target in statement.targets:
                    if isinstance(target, facts.Item) and walking.is_name(target.base, name):
                        key = walking.literal(target.index)
                        if isinstance(key, str):
                            change.add(key, (statement.value, scope))
                        else:
                            change.complete = False
            elif isinstance(statement, facts.Augment) and walking.is_name(statement.target, name):
                change = self.table(statement.value, scope, depth + 1)
            elif isinstance(statement, facts.Evaluate):
                self._updated(name, statement.value, scope, change, depth)
            if not conditional:
                for key in change.entries:
                    table.entries.pop(key, None)
            change.displays.clear()
            table.take(change)

    def _updated(self, name: str, fact: facts.Expr, scope: Scope, table: Table, depth: int) -> None:
        if not isinstance(fact, facts.Call) or not isinstance(fact.func, facts.Attr):
            return
        if not walking.is_name(fact.func.base, name):
            return
        if fact.func.name == "update":
            for arg in fact.args:
                table.take(self.table(arg, scope, depth + 1))
            for keyword in fact.keywords:
                if keyword.name:
                    table.add(keyword.name, (keyword.value, scope))
                else:
                    table.take(self.table(keyword.value, scope, depth + 1))
        elif fact.func.name == "setdefault" and len(fact.args) == 2:
            key = walking.literal(fact.args[0])
            if isinstance(key, str):
                table.add(key, (fact.args[1], scope))
            else:
                table.complete = False

    def _handed(self, param: facts.Param, owner: Function, depth: int) -> Table:
        """What callers hand to a parameter: keywords without a parameter of their own end up in `**param`."""
        calls = self.callers.of(owner)
        table = Table(complete=self.callers.are_known(owner))
        named = {p.name for p in owner.node.params if p.kind in ("", "keyword")}
        for call, scope in calls:
            if param.kind == "**":
                for keyword in call.keywords:
                    if not keyword.name:
                        table.take(self.table(keyword.value, scope, depth + 1))
                    elif keyword.name not in named:
                        table.add(keyword.name, (keyword.value, scope))
            else:
                given = self._given(param, owner, call)
                if given is None and param.default is not None:
                    table.take(self.table(param.default, owner, depth + 1))
                elif given is not None:
                    table.take(self.table(given, scope, depth + 1))
                else:
                    table.complete = False
        return table

    def _given(self, param: facts.Param, owner: Function, call: facts.Call) -> facts.Expr | None:
        for keyword in call.keywords:
            if keyword.name == param.name:
                return keyword.value
        plain = [p for p in owner.node.params if p.kind in ("", "positional")]
        if param in plain:
            index = plain.index(param) - (1 if owner.is_method else 0)
            if 0 <= index < len(call.args) and not any(isinstance(a, facts.Star) for a in call.args):
                return call.args[index]
        return None

    def _attribute(self, fact: facts.Attr, scope: Scope, depth: int) -> Table:
        table = Table()
        found = False
        for value in self.evaluator.values(fact.base, scope):
            if isinstance(value, (Instance, Type)):
                for bound in value.cls.attributes.get(fact.name, ()):
                    if bound.value is not None:
                        table.take(self.table(bound.value, value.cls, depth + 1))
                        found = True
                for function, stored in value.cls.stored.get(fact.name, ()):
                    table.take(self.table(stored, function, depth + 1))
                    found = True
                method = value.cls.methods.get(fact.name)
                if method is not None and decorated(
                    self.evaluator, method, "property", "cached_property", "computed_field"
                ):
                    for result in returned(method):
                        table.take(self.table(result, method, depth + 1))
                        found = True
        if not found:
            place = self.evaluator.assigned(fact, scope)
            return self.table(*place, depth + 1) if place is not None else Table(complete=False)
        return table

    def values(self, place: Place, depth: int = 0) -> Values:
        """What an argument may be; a parameter of a wrapper stands for what its callers hand over."""
        fact, scope = place
        if isinstance(fact, facts.Name) and isinstance(scope, Function) and fact.id not in scope.bound:
            param = scope.param(fact.id)
            if param is not None and param.kind not in ("*", "**") and depth < _DEEPEST:
                return self._of_param(param, scope, depth)
        return self.evaluator.values(fact, scope)

    def _of_param(self, param: facts.Param, owner: Function, depth: int) -> Values:
        found: list[Values] = []
        calls = self.callers.of(owner)
        for call, scope in calls:
            given = self._given(param, owner, call)
            if given is not None:
                found.append(self.values((given, scope), depth + 1))
            elif any(not k.name for k in call.keywords):
                found.append((UNKNOWN,))
            elif param.default is not None:
                found.append(self.evaluator.values(param.default, owner.owner or owner.parent or owner.module))
            else:
                found.append((UNKNOWN,))
        if calls and not self.callers.are_known(owner):
            found.append((UNKNOWN,))
        if not calls:
            default = param.default
            scope = owner.owner or owner.parent or owner.module
            values = self.evaluator.values(default, scope) if default is not None else (UNKNOWN,)
            found.append(tuple(Literal(v.value, True) if isinstance(v, Literal) else v for v in values))
        return merged(*found)

    def given(self, argument: Argument) -> Values:
        """All values that an argument may have."""
        return merged(*(self.values(place) for place in argument.places))
