"""Which items does a dict hold? Displays, unions, builders and the changes made on the way to where it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.changes import Changes
from dbpool_lint.facts.configuration.reading import Reads
from dbpool_lint.facts.configuration.tables import Table, joined, unknown
from dbpool_lint.facts.evaluation import origins, records
from dbpool_lint.facts.evaluation.classes import bases_of, decorated
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.values import External, Instance, Routine, Type
from dbpool_lint.facts.evaluation.variables import around, body_of, global_of, owner_of
from dbpool_lint.facts.project import Class, Function, Module, Scope

_COPIES = frozenset({"builtins.dict", "copy.copy", "copy.deepcopy", "types.MappingProxyType", "typing.cast"})
_PROPERTIES = ("property", "cached_property", "computed_field")


def read(reader: Reads, fact: facts.Expr, scope: Scope) -> Table:
    """What is known of the dict that an expression gives."""
    reads = _READ_BY.get(type(fact))
    if reads is not None:
        return reads(reader, fact, scope)
    return Table(complete=isinstance(fact, facts.Const) and fact.value is None)


def _display(reader: Reads, fact: facts.Mapping, scope: Scope) -> Table:
    table = Table(displays=[(fact, scope)])
    for pair in fact.items:
        key = walking.literal(pair.key)
        if pair.key is None:
            table.overlay(reader.table(pair.value, scope))
        elif isinstance(key, str):
            table.put(key, (pair.value, scope))
        else:
            table.spoil()
    return table


def _chosen(reader: Reads, fact: facts.Choice, scope: Scope) -> Table:
    idle = reader.prunes(fact.test)
    ways = [fact.then] * (idle is not True) + [fact.other] * (idle is not False)
    return joined(reader.table(way, scope) for way in ways)


def _inner(reader: Reads, fact: facts.Await | facts.Walrus, scope: Scope) -> Table:
    return reader.table(fact.value, scope)


def _united(reader: Reads, fact: facts.Binary, scope: Scope) -> Table:
    if fact.op != "|":
        return unknown()
    table = reader.table(fact.left, scope)
    table.overlay(reader.table(fact.right, scope))
    return table


def _either(reader: Reads, fact: facts.Logic, scope: Scope) -> Table:
    """`options or {}`: an empty dict, or None, gives way to the last one."""
    if fact.op != "or":
        return unknown()
    told: list[Table] = []
    for operand in fact.operands[:-1]:
        table = reader.table(operand, scope)
        if table.entries or not table.complete:
            told.append(table)
        if table.entries.keys() - table.optional:
            return joined(told)
    return joined([*told, reader.table(fact.operands[-1], scope)])


def _called(reader: Reads, fact: facts.Call, scope: Scope) -> Table:
    if (dumped := records.dumped(reader.evaluator, fact, scope)) is not None:
        return dumped
    if isinstance(fact.func, facts.Attr) and fact.func.name in ("copy", "get", "pop"):
        return _method(reader, fact, fact.func, scope)
    values = reader.evaluator.values(fact.func, scope)
    if any(isinstance(v, External) and v.name in _COPIES for v in values):
        return _copied(reader, fact, scope)
    routines = [v.function for v in values if isinstance(v, Routine)]
    if len(routines) < len(values) or any(function.node.generator for function in routines):
        return unknown()
    return joined(reader.table(value, function) for function in routines for value in returned(function))


def _copied(reader: Reads, fact: facts.Call, scope: Scope) -> Table:
    table = Table()
    for arg in fact.args[-1:]:
        table.overlay(reader.table(arg, scope))
    table.displays = table.displays or [(fact, scope)]
    for keyword in fact.keywords:
        if keyword.name:
            table.put(keyword.name, (keyword.value, scope))
        else:
            table.overlay(reader.table(keyword.value, scope))
    return table


def _method(reader: Reads, fact: facts.Call, func: facts.Attr, scope: Scope) -> Table:
    if func.name == "copy":
        return reader.table(func.base, scope) if not fact.args else unknown()
    key = walking.literal(fact.args[0]) if fact.args else None
    if not isinstance(key, str):
        return unknown()
    found = reader.table(func.base, scope).argument(key)
    if not found.certain or (len(fact.args) < 2 and (found.optional or not found.places)):
        return unknown()
    tables = [reader.table(*place) for place in found.places]
    if found.optional or not found.places:
        tables.append(reader.table(fact.args[1], scope))
    return joined(tables)


def _item(reader: Reads, fact: facts.Item, scope: Scope) -> Table:
    """`POOLS["main"]`, or `POOLS[name]`: any of them."""
    table = reader.table(fact.base, scope)
    key = walking.literal(fact.index)
    if isinstance(key, str):
        found = table.argument(key)
        return joined(reader.table(*place) for place in found.places) if found.certain else unknown()
    if not table.complete or table.open:
        return unknown()
    return joined(reader.table(*place) for places in table.entries.values() for place in places)


def _comprehended(reader: Reads, fact: facts.Comprehension, scope: Scope) -> Table:
    """`{k: v for k, v in options.items() if v is not None}` holds some of the options."""
    if fact.kind != "dict" or len(fact.clauses) != 1:
        return unknown()
    clause = fact.clauses[0]
    source = clause.source
    targets = [t.id for t in walking.targets(clause.target) if isinstance(t, facts.Name)]
    kept = [e.id for e in fact.elements if isinstance(e, facts.Name)]
    listed = source.func if isinstance(source, facts.Call) else None
    if not isinstance(listed, facts.Attr) or listed.name != "items" or len(targets) != 2 or kept != targets:
        return unknown()
    table = reader.table(listed.base, scope)
    table.displays.clear()
    if clause.tests:
        table.loosen()
    return table


def _named(reader: Reads, fact: facts.Name, scope: Scope) -> Table:
    found = owner_of(fact.id, scope, reader.evaluator.project)
    return _held(reader, fact, scope, *found) if found is not None else unknown()


def _held(reader: Reads, fact: facts.Expr, scope: Scope, owner: Scope, name: str) -> Table:
    """What a variable holds where it is read."""
    place = around(fact, owner, reader.evaluator.project) if owner is scope else frozenset()
    if isinstance(owner, Function):
        param = owner.param(name)
        start = reader.handed(param, owner) if param is not None else unknown()
    else:
        start = unknown()
    table = Changes((name,), place, reader, owner).run(body_of(owner), start) or unknown()
    if owner is not scope or not place:
        _change_elsewhere(reader, (name,), owner, table)
    return table


def _change_elsewhere(reader: Reads, variable: tuple[str, ...], owner: Scope, table: Table) -> None:
    """What functions of a module do to a global dict, in an order nobody knows."""
    if isinstance(owner, Module):
        for function in owner.all_functions:
            if variable[0] in function.global_names and variable[0] in function.bound:
                table.spoil()
            elif variable[0] not in function.bound and function.param(variable[0]) is None:
                _may_change(reader, variable, function, table)


def _may_change(reader: Reads, variable: tuple[str, ...], function: Function, table: Table) -> None:
    changed = Changes(variable, frozenset(), reader, function).run(function.node.body, table)
    if changed is not None and changed is not table:
        table.join(changed)


def _attribute(reader: Reads, fact: facts.Attr, scope: Scope) -> Table:
    """An attribute of an object or class of the project, or a global of a module."""
    tables: list[Table] = []
    for value in reader.evaluator.values(fact.base, scope):
        if isinstance(value, (Instance, Type)):
            table = _of_class(reader, value.cls, fact, scope)
            if table is not None:
                tables.append(table)
    if tables:
        return joined(tables)
    found = global_of(fact, scope, reader.evaluator.project)
    return _held(reader, fact, scope, *found) if found is not None else unknown()


def _of_class(reader: Reads, cls: Class, fact: facts.Attr, scope: Scope) -> Table | None:
    name = fact.name
    given = origins.of_field(reader, Instance(cls), name) if records.is_record(reader.evaluator, cls) else None
    if given is not None and not any(name in owner.stored for owner in bases_of(reader.evaluator, cls)):
        return joined(reader.table(*one.place) if one.place is not None else unknown() for one in given)
    for owner in bases_of(reader.evaluator, cls):
        method = owner.methods.get(name)
        if method is not None:
            if not decorated(reader.evaluator, method, *_PROPERTIES):
                return None
            return joined(reader.table(value, method) for value in returned(method))
        if name in owner.stored or name in owner.attributes:
            return _kept(reader, owner, cls, fact, scope)
    return None


def _kept(reader: Reads, owner: Class, cls: Class, fact: facts.Attr, scope: Scope) -> Table:
    """What methods store under `self.name`, or the class itself, with what other methods add to it."""
    storing = {id(function): function for function, _ in owner.stored.get(fact.name, ())}
    if isinstance(scope, Function) and id(scope) in storing and walking.is_name(fact.base, _first(scope)):
        place = around(fact, scope, reader.evaluator.project)
        variable = (_first(scope), fact.name)
        here = Changes(variable, place, reader, scope).run(scope.node.body, unknown())
        if here is not None and len(storing) == 1:
            return here
    if storing:
        ends = [
            Changes((_first(function), fact.name), frozenset(), reader, function).run(function.node.body, unknown())
            for function in storing.values()
        ]
        table = joined(end for end in ends if end is not None)
    else:
        table = _in_body(reader, owner, fact.name)
    for one in bases_of(reader.evaluator, cls):
        for method in one.methods.values():
            if id(method) not in storing and method.node.params:
                _may_change(reader, (_first(method), fact.name), method, table)
    return table


def _in_body(reader: Reads, owner: Class, name: str) -> Table:
    """What a class's own statements leave under a name: the value, and the items that they set afterwards."""
    bounds = owner.attributes[name]
    if len(bounds) == 1:
        return Changes((name,), frozenset(), reader, owner).run(body_of(owner), unknown()) or unknown()
    tables = [reader.table(b.value, owner) for b in bounds if b.how == "value" and b.value is not None]
    return joined(tables) if len(tables) == len(bounds) else unknown()


def _first(function: Function) -> str:
    return function.node.params[0].name if function.node.params else ""


_READ_BY: dict[type[walking.Fact], Callable[[Reads, Any, Scope], Table]] = {
    facts.Mapping: _display,
    facts.Call: _called,
    facts.Await: _inner,
    facts.Walrus: _inner,
    facts.Choice: _chosen,
    facts.Logic: _either,
    facts.Binary: _united,
    facts.Name: _named,
    facts.Attr: _attribute,
    facts.Item: _item,
    facts.Comprehension: _comprehended,
}
