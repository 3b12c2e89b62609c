"""Which of Flask-SQLAlchemy's settings does a project give, and where? Configuration classes, modules, `app.config`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader, Table
from dbpool_lint.facts.configuration.changes import Changes
from dbpool_lint.facts.configuration.tables import unknown
from dbpool_lint.facts.evaluation.variables import body_of
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.project import Bound, Class, Function, Module, Scope
from dbpool_lint.fixing.recipes import Spot

URI, OPTIONS, BINDS = "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS", "SQLALCHEMY_BINDS"
_KEYS = (URI, OPTIONS, BINDS)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value given to one of the extension's settings; `spot` is where it is given."""

    key: str
    fact: facts.Expr
    scope: Scope
    spot: Spot

    @property
    def place(self) -> Place:
        return (self.fact, self.scope)

    @property
    def is_testing(self) -> bool:
        """A configuration class that says `TESTING = True`."""
        if not isinstance(self.scope, Class):
            return False
        return any(walking.literal(bound.value) is True for bound in self.scope.attributes.get("TESTING", ()))


def settings(reader: Reader, module: Module) -> Iterator[Setting]:
    """`X = …` in a module or class, `app.config["X"] = …`, `app.config.update(X=…)` and the like."""
    for key in _KEYS:
        for bound in module.bound.get(key, ()):
            yield from _bound(key, bound, module)
        for cls in module.all_classes:
            for bound in cls.attributes.get(key, ()):
                yield from _bound(key, bound, cls)
    for scope, index, fact in _run_in(module):
        if isinstance(fact, facts.Assign):
            for target in fact.targets:
                given = walking.literal(target.index) if isinstance(target, facts.Item) else None
                if isinstance(target, facts.Item) and given in _KEYS and _is_config(target.base):
                    yield Setting(str(given), fact.value, scope, Spot(index, fact.at))
        elif isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr) and _is_config(fact.func.base):
            yield from _updated(reader, fact, fact.func.name, scope, index)


def _bound(key: str, bound: Bound, scope: Scope) -> Iterator[Setting]:
    if bound.how == "value" and bound.value is not None:
        yield Setting(key, bound.value, scope, bound.at)


def in_the_end(reader: Reader, setting: Setting) -> Table:
    """The dict that a setting is when its module or class is done; one of `app.config` is what it is given."""
    scope = setting.scope
    names = scope.attributes if isinstance(scope, Class) else scope.bound
    bound = [one for one in names.get(setting.key, ()) if one.value is setting.fact]
    if not bound:
        return reader.table(*setting.place)
    return Changes((setting.key,), frozenset(), reader, scope).run(body_of(scope), unknown()) or unknown()


def _run_in(module: Module) -> Iterator[tuple[Module | Function, int, walking.Fact]]:
    for piece in module.pieces.values():
        yield from ((module, piece.index, fact) for fact in walking.within(piece.body))
    for function in module.all_functions:
        yield from ((function, function.statement, fact) for fact in function.body)


def _updated(reader: Reader, fact: facts.Call, name: str, scope: Scope, index: int) -> Iterator[Setting]:
    if name in ("update", "from_mapping"):
        for keyword in fact.keywords:
            if keyword.name in _KEYS:
                yield Setting(keyword.name, keyword.value, scope, Spot(index, keyword.at))
        for arg in fact.args:
            table = reader.table(arg, scope)
            for key in (key for key in _KEYS if key in table.entries):
                for value, where in table.entries[key]:
                    yield Setting(key, value, where, Spot(statement_of(value, where), value.at))
    elif name == "setdefault" and len(fact.args) == 2 and walking.literal(fact.args[0]) in _KEYS:
        yield Setting(str(walking.literal(fact.args[0])), fact.args[1], scope, Spot(index, fact.at))


def _is_config(fact: facts.Expr) -> bool:
    chain = walking.chain(fact)
    return bool(chain) and chain is not None and chain[-1] in ("config", "configs")


def amended(reader: Reader, modules: list[Module]) -> Table:
    """What is added somewhere: `app.config["SQLALCHEMY_ENGINE_OPTIONS"]["pool_pre_ping"] = True`."""
    table = Table()
    for module in modules:
        for scope, _, fact in _run_in(module):
            if isinstance(fact, facts.Assign):
                for target in fact.targets:
                    if isinstance(target, facts.Item) and _is_options(target.base):
                        _add(table, target.index, (fact.value, scope))
            elif isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr) and _is_options(fact.func.base):
                if fact.func.name == "setdefault" and len(fact.args) == 2:
                    _add(table, fact.args[0], (fact.args[1], scope))
                elif fact.func.name == "update":
                    table.overlay(reader.keywords(fact, scope))
                    for arg in fact.args:
                        table.overlay(reader.table(arg, scope))
    table.displays.clear()
    return table


def _add(table: Table, index: facts.Expr, place: Place) -> None:
    key = walking.literal(index)
    if isinstance(key, str):
        table.put(key, place)
    else:
        table.spoil()


def _is_options(fact: facts.Expr) -> bool:
    """`app.config["SQLALCHEMY_ENGINE_OPTIONS"]`, `app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", {})`"""
    if isinstance(fact, facts.Item):
        return walking.literal(fact.index) == OPTIONS and _is_config(fact.base)
    if isinstance(fact, facts.Call) and isinstance(fact.func, facts.Attr) and fact.args:
        gives = fact.func.name in ("setdefault", "get") and _is_config(fact.func.base)
        return gives and walking.literal(fact.args[0]) == OPTIONS
    return isinstance(fact, facts.Attr) and fact.name == OPTIONS
