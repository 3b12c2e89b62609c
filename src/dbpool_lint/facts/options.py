"""Where are an engine's options given, and what is known of one of them? Engines, Flask's configuration, middleware.

A site is one place where an option such as `pool_pre_ping` would have to stand. Only pools of applications that
keep connections to a network database have sites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.arguments import Argument, Place, Reader, Table, all_calls
from dbpool_lint.facts.pools import (
    Creation,
    is_disposed_here,
    is_for_tests,
    is_local_file,
    is_second_try,
    is_used_once,
    keeps,
    statement_of,
    stays_inside,
    url_of,
)
from dbpool_lint.facts.project import Bound, Class, Function, Module, Scope, module_of
from dbpool_lint.facts.urls import Urls, urls
from dbpool_lint.facts.values import UNKNOWN, External, Kinded, Literal, Values
from dbpool_lint.fixing.recipes import AddDictItems, AddKeywords, Recipe, ReplaceValue, Spot
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.vocabulary import MIDDLEWARE

_HACKS = frozenset({"apply_driver_hacks", "apply_pool_defaults", "_apply_driver_defaults"})
_LEGACY = {"pool_recycle": "SQLALCHEMY_POOL_RECYCLE"}
_URI, _OPTIONS = "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS"


@dataclass(frozen=True, slots=True)
class Site:
    """A place for options. `option` looks one up, `recipes` say how to give it a value there."""

    module: Module
    spot: Spot
    what: str
    urls: Urls
    option: Callable[[str], Argument]
    recipes: Callable[[str, str], tuple[Recipe, ...]]


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an option: "missing", "set" to one of the values, or "unknown".

    `fixed` is False when the value is only the default of a setting, which whoever runs the program may change.
    """

    state: str
    values: tuple[str | int | float | bool | None, ...] = ()
    fixed: bool = True


def state(reader: Reader, site: Site, name: str) -> State:
    """What a site says about an option."""
    argument = site.option(name)
    if argument.absent:
        return State("missing")
    values = reader.given(argument)
    if not argument.places or UNKNOWN in values or not all(isinstance(v, Literal) for v in values):
        return State("unknown")
    literals = tuple(v for v in values if isinstance(v, Literal))
    return State(
        "set", tuple(v.value for v in literals), all(not v.default for v in literals) and _is_literal(argument)
    )


def _is_literal(argument: Argument) -> bool:
    return all(isinstance(fact, facts.Const) for fact, _ in argument.places)


def sites(reader: Reader, creations: tuple[Creation, ...]) -> Iterator[Site]:
    """All sites of the project."""
    for made in creations:
        if made.is_sqlalchemy and made.module.context is facts.Context.APPLICATION and _matters(reader, made):
            yield _of_engine(reader, made)
    yield from _middleware(reader)
    yield from _flask(reader)


def _matters(reader: Reader, made: Creation) -> bool:
    if keeps(reader, made) is not True or is_disposed_here(made) or is_used_once(made):
        return False
    if stays_inside(reader.evaluator, made):
        return False
    return not (is_local_file(reader, made) or is_for_tests(reader, made) or is_second_try(reader, made))


def _of_engine(reader: Reader, made: Creation) -> Site:
    from_config = made.name.endswith("_from_config")

    def option(name: str) -> Argument:
        direct = reader.argument(made.call, made.scope, name)
        if not from_config or direct.places:
            return direct
        prefix = walking.literal(_named(made.call, "prefix", 1))
        config = reader.table(made.call.args[0], made.scope) if made.call.args else Table(complete=False)
        text = prefix if isinstance(prefix, str) else "sqlalchemy."
        return Argument(tuple(config.entries.get(text + name, ())), config.complete and direct.certain)

    def recipes(name: str, code: str) -> tuple[Recipe, ...]:
        return () if from_config else tuple(_for_call(reader, made, option(name), name, code))

    return Site(made.module, made.spot, made.name.rpartition(".")[2], url_of(reader, made), option, recipes)


def _named(call: facts.Call, name: str, position: int) -> facts.Expr | None:
    given = next((k.value for k in call.keywords if k.name == name), None)
    return given if given is not None else (call.args[position] if position < len(call.args) else None)


def _for_call(reader: Reader, made: Creation, argument: Argument, name: str, code: str) -> Iterator[Recipe]:
    if argument.places:
        yield from _replacing(made.module, argument, code)
        return
    spread = [k for k in made.call.keywords if not k.name]
    if len(spread) == 1:
        table = reader.spread(made.call, made.scope)
        yield from _into_dict(table, made.module, name, code)
    yield AddKeywords(made.spot, ((name, code),))


def _into_dict(table: Table, module: Module, name: str, code: str) -> Iterator[Recipe]:
    """Add an item where all options come from one dict that stands in the module."""
    if len(table.displays) == 1 and module_of(table.displays[0][1]) is module:
        fact, scope = table.displays[0]
        yield AddDictItems(Spot(statement_of(fact, scope), fact.at), ((f'"{name}"', code),))


def _replacing(module: Module, argument: Argument, code: str) -> Iterator[Recipe]:
    if len(argument.places) == 1:
        fact, scope = argument.places[0]
        if isinstance(fact, facts.Const) and module_of(scope) is module:
            yield ReplaceValue(Spot(statement_of(fact, scope), fact.at), code)


def _middleware(reader: Reader) -> Iterator[Site]:
    """`app.add_middleware(DBSessionMiddleware, db_url=…, engine_args={…})` makes an engine of its own."""
    for call, scope in all_calls(reader.evaluator):
        if module_of(scope).context is not facts.Context.APPLICATION:
            continue
        asked = (*reader.evaluator.values(call.func, scope), *_first(reader, call, scope))
        if not any(isinstance(v, External) and v.name in MIDDLEWARE for v in asked):
            continue
        url = reader.argument(call, scope, "db_url")
        found = urls(reader, url.places)
        if url.places and not found.only_sqlite:
            spot = Spot(statement_of(call, scope), call.at)
            yield _of_middleware(reader, call, scope, spot, found)


def _first(reader: Reader, call: facts.Call, scope: Scope) -> Values:
    adds = isinstance(call.func, facts.Attr) and call.func.name == "add_middleware"
    return reader.evaluator.values(call.args[0], scope) if adds and call.args else ()


def _of_middleware(reader: Reader, call: facts.Call, scope: Scope, spot: Spot, found: Urls) -> Site:
    given = reader.argument(call, scope, "engine_args")

    def option(name: str) -> Argument:
        return _in_dict(reader, given.places, name) if given.places else given

    def recipes(name: str, code: str) -> tuple[Recipe, ...]:
        if not given.places:
            return ()
        argument = option(name)
        if argument.places:
            return tuple(_replacing(module_of(scope), argument, code))
        return tuple(_into_dict(reader.table(*given.places[0]), module_of(scope), name, code))

    return Site(module_of(scope), spot, "DBSessionMiddleware", found, option, recipes)


def _in_dict(reader: Reader, places: tuple[Place, ...], name: str) -> Argument:
    table = Table()
    for place in places:
        table.take(reader.table(*place))
    return Argument(tuple(table.entries.get(name, ())), table.complete)


def _no_recipe(name: str, code: str) -> tuple[Recipe, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class _Setting:
    """A value given to one of Flask-SQLAlchemy's settings."""

    key: str
    fact: facts.Expr
    scope: Scope
    spot: Spot


def _flask(reader: Reader) -> Iterator[Site]:
    """Flask-SQLAlchemy makes the engines from `app.config`; without options anywhere, the URI is the site."""
    modules = list(reader.evaluator.project.modules.values())
    if not any(
        b.module.partition(".")[0] in ("flask_sqlalchemy", "apiflask_sqlalchemy") for m in modules for b in m.imports()
    ):
        return
    settings = [s for m in modules if m.context is facts.Context.APPLICATION for s in _settings(m)]
    given = [s for s in settings if s.key == _OPTIONS and not _is_testing(s)]
    extension = list(_extension_options(reader))
    if _hacked(modules):
        return
    uris = [s for s in settings if s.key == _URI and not _is_testing(s)]
    found = urls(reader, tuple((s.fact, s.scope) for s in uris))
    if found.only_sqlite:
        return
    for setting in given:
        place = (setting.fact, setting.scope)
        yield from _dict_site(reader, module_of(setting.scope), setting.spot, _OPTIONS, (place,), found)
    for call, scope, argument in extension:
        spot = Spot(statement_of(call, scope), call.at)
        yield from _dict_site(reader, module_of(scope), spot, "SQLAlchemy", argument.places, found)
    if given or any(not argument.absent for _, _, argument in extension):
        return
    for setting in uris:
        found = urls(reader, ((setting.fact, setting.scope),))
        if not found.only_sqlite and walking.literal(setting.fact) is not None:
            yield Site(module_of(setting.scope), setting.spot, _URI, found, _legacy(setting.scope), _no_recipe)


def _legacy(scope: Scope) -> Callable[[str], Argument]:
    """Flask-SQLAlchemy 2 had settings of their own for some options; whether they count depends on its version."""
    bound = scope.attributes if isinstance(scope, Class) else scope.bound

    def option(name: str) -> Argument:
        return Argument((), _LEGACY.get(name) not in bound)

    return option


def _hacked(modules: list[Module]) -> bool:
    """A subclass that sets driver options itself, in code that is not read here."""
    return any(_HACKS & c.methods.keys() for module in modules for c in module.all_classes)


def _extension_options(reader: Reader) -> Iterator[tuple[facts.Call, Scope, Argument]]:
    for call, scope in all_calls(reader.evaluator):
        values = reader.evaluator.values(call, scope)
        made = any(isinstance(v, Kinded) and v.kind is Kind.FLASK_SQLALCHEMY and v.fresh for v in values)
        if made and module_of(scope).context is facts.Context.APPLICATION:
            yield call, scope, reader.argument(call, scope, "engine_options")


def _dict_site(
    reader: Reader, module: Module, spot: Spot, what: str, places: tuple[Place, ...], found: Urls
) -> Iterator[Site]:
    if not places or _in_dict(reader, places, "poolclass").places:
        return

    def option(name: str) -> Argument:
        return _in_dict(reader, places, name)

    def recipes(name: str, code: str) -> tuple[Recipe, ...]:
        argument = option(name)
        if argument.places:
            return tuple(_replacing(module, argument, code))
        return tuple(_into_dict(reader.table(*places[0]), module, name, code))

    yield Site(module, spot, what, found, option, recipes)


def _settings(module: Module) -> Iterator[_Setting]:
    """`X = …` in a module or class, `app.config["X"] = …`, `app.config.update(X=…)`."""
    for key in (_URI, _OPTIONS):
        for bound in module.bound.get(key, ()):
            yield from _bound_setting(key, bound, module)
        for cls in module.all_classes:
            for bound in cls.attributes.get(key, ()):
                yield from _bound_setting(key, bound, cls)
    scopes: list[Module | Function] = [module, *module.all_functions]
    for scope in scopes:
        for index, fact in _run_by(scope):
            yield from _configured(fact, scope, index)


def _bound_setting(key: str, bound: Bound, scope: Scope) -> Iterator[_Setting]:
    if bound.how == "value" and bound.value is not None:
        yield _Setting(key, bound.value, scope, bound.at)


def _run_by(scope: Module | Function) -> Iterator[tuple[int, walking.Fact]]:
    if isinstance(scope, Function):
        yield from ((scope.statement, fact) for fact in scope.body)
    else:
        for piece in scope.pieces.values():
            yield from ((piece.index, fact) for fact in walking.within(piece.body))


def _configured(fact: walking.Fact, scope: Scope, index: int) -> Iterator[_Setting]:
    if isinstance(fact, facts.Assign):
        for target in fact.targets:
            key = walking.literal(target.index) if isinstance(target, facts.Item) else None
            if isinstance(target, facts.Item) and key in (_URI, _OPTIONS) and _is_config(target.base):
                yield _Setting(str(key), fact.value, scope, Spot(index, fact.at))
    elif isinstance(fact, facts.Call) and _updates_config(fact):
        for keyword in fact.keywords:
            if keyword.name in (_URI, _OPTIONS):
                yield _Setting(keyword.name, keyword.value, scope, Spot(index, keyword.at))


def _updates_config(fact: facts.Call) -> bool:
    updates = isinstance(fact.func, facts.Attr) and fact.func.name in ("update", "from_mapping")
    return updates and isinstance(fact.func, facts.Attr) and _is_config(fact.func.base)


def _is_config(fact: facts.Expr) -> bool:
    chain = walking.chain(fact)
    return bool(chain) and chain is not None and chain[-1] in ("config", "configs")


def _is_testing(setting: _Setting) -> bool:
    """A configuration class that says `TESTING = True`."""
    if not isinstance(setting.scope, Class):
        return False
    bounds = setting.scope.attributes.get("TESTING", ())
    return any(walking.literal(bound.value) is True for bound in bounds)


def pings_itself(module: Module) -> bool:
    """Whether the module listens for checkouts and refuses dead connections with `DisconnectionError`."""
    listens = any(
        walking.literal(arg) in ("checkout", "engine_connect")
        for function in module.all_functions
        for decorator in function.node.decorators
        if isinstance(decorator, facts.Call)
        for arg in decorator.args
    )
    raised = (f for function in module.all_functions for f in function.body if isinstance(f, facts.Raise))
    return listens and any("DisconnectionError" in _mentioned(fact) for fact in raised)


def _mentioned(fact: walking.Fact) -> frozenset[str]:
    attributes = (inner.name for inner in walking.everything([fact]) if isinstance(inner, facts.Attr))
    return walking.names(fact) | frozenset(attributes)
