"""Which options does Flask-SQLAlchemy open its engines with? Settings, the extension's arguments, its subclasses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration import flask_settings
from dbpool_lint.facts.configuration.arguments import Argument, Place, Reader, Table, all_calls
from dbpool_lint.facts.configuration.changes import Change, Changes
from dbpool_lint.facts.configuration.flask_settings import BINDS, OPTIONS, URI, Setting
from dbpool_lint.facts.configuration.reading import CallSite
from dbpool_lint.facts.configuration.sites import Site, into_dict, replacing
from dbpool_lint.facts.configuration.tables import joined, unknown
from dbpool_lint.facts.configuration.urls import Urls, urls
from dbpool_lint.facts.evaluation.classes import kind_of_class, outside_bases
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.values import Instance, Kinded
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.project import Class, Function, Module, Scope, module_of
from dbpool_lint.fixing.recipes import Recipe, Spot
from dbpool_lint.knowledge.kinds import Kind

_PACKAGES = ("flask_sqlalchemy", "apiflask_sqlalchemy")
_HACKS = frozenset({"apply_driver_hacks", "apply_pool_defaults", "_apply_driver_defaults"})
_MAKERS = frozenset({"_make_engine", "create_engine", "make_connector"})
_LEGACY = {
    "pool_recycle": "SQLALCHEMY_POOL_RECYCLE",
    "pool_size": "SQLALCHEMY_POOL_SIZE",
    "pool_timeout": "SQLALCHEMY_POOL_TIMEOUT",
    "max_overflow": "SQLALCHEMY_MAX_OVERFLOW",
}
"""Flask-SQLAlchemy 2 had settings of their own for some options; whether they count depends on its version."""


def sites(reader: Reader, everywhere: bool = False) -> Iterator[Site]:
    """Where the options of the extension's engines are given; without any, the address is the site.

    `everywhere`: all places of options, also those of tests and for SQLite, but no bare addresses.
    """
    modules = list(reader.evaluator.project.modules.values())
    if not any(b.module.partition(".")[0] in _PACKAGES for module in modules for b in module.imports()):
        return
    if not everywhere:
        modules = [module for module in modules if module.context is facts.Context.APPLICATION]
    classes = [cls for module in modules for cls in module.all_classes if _is_extension(reader, cls)]
    if any(_makes_engines(reader, cls) for cls in classes):
        return
    hacks = tuple(cls.methods[name] for cls in classes for name in sorted(_HACKS & cls.methods.keys()))
    given = [s for m in modules for s in flask_settings.settings(reader, m) if everywhere or not s.is_testing]
    yield from _Extension(reader, modules, given, tuple(_calls(reader, modules)), hacks).sites(everywhere)


def _is_extension(reader: Reader, cls: Class) -> bool:
    return kind_of_class(reader.evaluator, cls) is Kind.FLASK_SQLALCHEMY


def _makes_engines(reader: Reader, cls: Class) -> bool:
    """Whether a subclass makes the engines itself, other than by a connector that leaves that to its base."""
    makers = _MAKERS & cls.methods.keys()
    return bool(makers) and (makers != {"make_connector"} or not _hands_on(reader, cls.methods["make_connector"]))


def _hands_on(reader: Reader, maker: Function) -> bool:
    made = [value for fact in returned(maker) for value in reader.evaluator.values(fact, maker)]
    return bool(made) and all(isinstance(one, Instance) and _is_plain_connector(reader, one.cls) for one in made)


def _is_plain_connector(reader: Reader, cls: Class) -> bool:
    """A connector whose `get_engine` asks its base for the engine, with the options that the base reads."""
    of_library = any(name.endswith("._EngineConnector") for name in outside_bases(reader.evaluator, cls))
    own = cls.methods.get("get_engine")
    asks = own is None or any(
        isinstance(fact, facts.Attr)
        and fact.name == "get_engine"
        and isinstance(fact.base, facts.Call)
        and walking.is_name(fact.base.func, "super")
        for fact in own.body
    )
    return of_library and asks and "get_options" not in cls.methods


def _calls(reader: Reader, modules: list[Module]) -> Iterator[CallSite]:
    for call, scope in all_calls(reader.evaluator):
        values = reader.evaluator.values(call, scope)
        made = any(isinstance(v, Kinded) and v.kind is Kind.FLASK_SQLALCHEMY and v.fresh for v in values)
        if made and module_of(scope) in modules:
            yield call, scope


@dataclass(frozen=True, slots=True)
class _Extension:
    """The extension as one project uses it. `hacks` are methods of its subclasses that change the options."""

    reader: Reader
    modules: list[Module]
    settings: list[Setting]
    calls: tuple[CallSite, ...]
    hacks: tuple[Function, ...]

    def sites(self, everywhere: bool) -> Iterator[Site]:
        found = urls(self.reader, tuple(setting.place for setting in self._of(URI)))
        if found.only_sqlite and not everywhere:
            return
        options = self._of(OPTIONS)
        for setting in options:
            yield self._of_dict(setting.spot, OPTIONS, setting.place, found, setting.scope)
        given = [(site, argument) for site in self.calls if not (argument := self._argument(self.reader, site)).absent]
        if everywhere or not options:
            for (call, scope), argument in given:
                for place in argument.places[:1]:
                    yield self._of_dict(
                        Spot(statement_of(call, scope), call.at), "SQLAlchemy", place, found, scope, call
                    )
        yield from self._of_binds(everywhere)
        if not (everywhere or options or given):
            yield from self._of_addresses()

    def _of(self, key: str) -> list[Setting]:
        return [setting for setting in self.settings if setting.key == key]

    def _argument(self, reader: Reader, site: CallSite) -> Argument:
        return reader.argument(*site, "engine_options")

    def _of_addresses(self) -> Iterator[Site]:
        for setting in self._of(URI):
            found = urls(self.reader, (setting.place,))
            if found.only_sqlite or walking.literal(setting.fact) is None:
                continue
            bound = setting.scope.attributes if isinstance(setting.scope, Class) else setting.scope.bound
            base = Table(open={name for name, key in _LEGACY.items() if key in bound})
            yield self._made(setting.spot, URI, found, setting.scope, _always(base), None)

    def _of_binds(self, everywhere: bool) -> Iterator[Site]:
        """`SQLALCHEMY_BINDS = {"audit": {"url": …, "pool_size": 5}}`: a bind's own options, from version 3 on."""
        told = [display for setting in self._of(OPTIONS) for display, _ in self.reader.table(*setting.place).displays]
        for fact, scope in self._binds():
            options = self.reader.table(fact, scope) if isinstance(fact, facts.Mapping) else unknown()
            found = urls(self.reader, tuple(options.entries.get("url", ())))
            if "url" not in options.entries or (found.only_sqlite and not everywhere):
                continue
            spread = any(display is one for display, _ in options.displays for one in told if one is not fact)
            if everywhere or not spread:  # what `**SQLALCHEMY_ENGINE_OPTIONS` lacks is told there
                yield self._of_dict(Spot(statement_of(fact, scope), fact.at), BINDS, (fact, scope), found, scope)

    def _binds(self) -> Iterator[Place]:
        """The options of each bind as they are in the end: `SQLALCHEMY_BINDS["audit"] = {…}` may stand further down."""
        seen: set[int] = set()
        for setting in self._of(BINDS):
            for places in flask_settings.in_the_end(self.reader, setting).entries.values():
                for fact, scope in places:
                    if id(fact) not in seen:
                        seen.add(id(fact))
                        yield fact, scope

    def _of_dict(
        self, spot: Spot, what: str, place: Place, found: Urls, scope: Scope, call: facts.Call | None = None
    ) -> Site:
        return self._made(spot, what, found, scope, lambda by: by.table(*place), call)

    def _made(
        self,
        spot: Spot,
        what: str,
        found: Urls,
        scope: Scope,
        own: Callable[[Reader], Table],
        call: facts.Call | None,
    ) -> Site:
        def read(by: Reader) -> Table:
            table = self._defaults(by) if what in (OPTIONS, BINDS) else Table()
            table.overlay(own(by))
            if what != BINDS:
                table.overlay(flask_settings.amended(by, self.modules))
            for hack in self.hacks:
                table.overlay(_set_by(by, hack))
            return table

        def recipes(name: str, code: str) -> tuple[Recipe, ...]:
            table = own(self.reader)
            argument = table.argument(name)
            if argument.places:
                return tuple(replacing(module_of(scope), argument, code))
            return tuple(into_dict(table, module_of(scope), name, code))

        return Site(module_of(scope), spot, what, found, scope, self.reader, read, recipes, call)

    def _defaults(self, by: Reader) -> Table:
        """What the extension itself is given, which counts where the settings say nothing else."""
        tables: list[Table] = []
        for site in self.calls:
            argument = self._argument(by, site)
            if argument.places and argument.certain:
                tables.append(joined(by.table(*place) for place in argument.places))
            else:
                tables.append(Table(complete=argument.absent))
        return joined(tables) if tables else Table()


def _always(table: Table) -> Callable[[Reader], Table]:
    return lambda by: table.copy()


def _set_by(reader: Reader, hack: Function) -> Table:
    """What a method such as `apply_driver_hacks(self, app, sa_url, options)` does to the options it is given."""
    name = hack.node.params[-1].name if hack.node.params else ""
    flow = _Hacked((name,), frozenset(), reader, hack)
    table = flow.run(hack.node.body, Table())
    if table is None or any(not _passes_on(value, name) for value in flow.given_back):
        return unknown()
    table.displays.clear()
    return table


def _passes_on(value: facts.Expr, name: str) -> bool:
    """Whether a method gives back the options it was given, alone or beside the address."""
    if isinstance(value, facts.Sequence):
        return any(_passes_on(item, name) for item in value.items)
    if isinstance(value, facts.Call):
        return _is_super(value)
    return walking.is_name(value, name) or walking.literal(value) is None


def _is_super(fact: facts.Call) -> bool:
    """`super().apply_driver_hacks(…)`, or the same of the base by name, sets what SQLite and MySQL need alone."""
    func = fact.func
    if not isinstance(func, facts.Attr) or func.name not in _HACKS:
        return False
    if isinstance(func.base, facts.Call):
        return walking.is_name(func.base.func, "super")
    return isinstance(func.base, facts.Name) and func.base.id != "self"


class _Hacked(Changes):
    """The options on their way through a method that changes them."""

    def __init__(self, variable: tuple[str, ...], place: frozenset[int], reader: Reader, scope: Scope) -> None:
        super().__init__(variable, place, reader, scope)
        self.given_back: list[facts.Expr] = []

    def effect(self, fact: walking.Fact, state: Table) -> Table:
        if isinstance(fact, facts.Return) and fact.value is not None:
            self.given_back.append(fact.value)
        return super().effect(fact, state)

    def assign(self, value: facts.Expr | None, state: Table) -> Table:
        if value is not None and any(_is_super(call) for call in walking.calls([value])):
            return state
        return super().assign(value, state)

    def assign_part(self, value: facts.Expr, state: Table) -> Table:
        return self.assign(value, state)

    def given_away(self, fact: facts.Call, index: int, keyword: str) -> Iterator[Change]:
        if not _is_super(fact):
            yield from super().given_away(fact, index, keyword)
