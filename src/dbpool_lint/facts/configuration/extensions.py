"""Which libraries make an engine from options of their own? Session middleware, configurations of plugins."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.arguments import Argument, Reader, Table, all_calls
from dbpool_lint.facts.configuration.sites import Site, into_dict, replacing
from dbpool_lint.facts.configuration.tables import joined, unknown
from dbpool_lint.facts.configuration.urls import urls
from dbpool_lint.facts.evaluation.values import External, Values
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.project import Scope, module_of
from dbpool_lint.fixing.recipes import AddKeywords, Recipe, Spot
from dbpool_lint.knowledge.vocabulary import ENGINE_CONFIGS, MIDDLEWARE, PLUGIN_CONFIGS


def sites(reader: Reader) -> Iterator[Site]:
    """The places of the project where such a library is told which database to open."""
    for call, scope in all_calls(reader.evaluator):
        asked = (*reader.evaluator.values(call.func, scope), *_first(reader, call, scope))
        names = {value.name for value in asked if isinstance(value, External)}
        if names & MIDDLEWARE and reader.argument(call, scope, "db_url").places:
            yield _of_middleware(reader, call, scope)
        elif names & PLUGIN_CONFIGS and _opens_itself(reader, call, scope):
            yield _of_plugin(reader, call, scope)


def _first(reader: Reader, call: facts.Call, scope: Scope) -> Values:
    adds = isinstance(call.func, facts.Attr) and call.func.name == "add_middleware"
    return reader.evaluator.values(call.args[0], scope) if adds and call.args else ()


def _of_middleware(reader: Reader, call: facts.Call, scope: Scope) -> Site:
    """`app.add_middleware(DBSessionMiddleware, db_url=…, engine_args={…})` makes an engine of its own."""
    module = module_of(scope)

    def read(by: Reader) -> Table:
        given = by.argument(call, scope, "engine_args")
        if not given.certain or given.optional:
            return unknown()
        return joined(by.table(*place) for place in given.places) if given.places else Table()

    def recipes(name: str, code: str) -> tuple[Recipe, ...]:
        table = read(reader)
        argument = table.argument(name)
        if argument.places:
            return tuple(replacing(module, argument, code))
        return tuple(into_dict(table, module, name, code))

    found = urls(reader, reader.argument(call, scope, "db_url").places)
    spot = Spot(statement_of(call, scope), call.at)
    return Site(module, spot, "DBSessionMiddleware", found, scope, reader, read, recipes, call)


def _opens_itself(reader: Reader, call: facts.Call, scope: Scope) -> bool:
    """Whether a plugin's configuration makes the engine from its address: no engine and no factory is handed in."""
    handed_in = ("engine_instance", "create_engine_callable")
    given = reader.argument(call, scope, "connection_string")
    return bool(given.places) and all(reader.argument(call, scope, name).absent for name in handed_in)


def _of_plugin(reader: Reader, call: facts.Call, scope: Scope) -> Site:
    """advanced-alchemy's `SQLAlchemyAsyncConfig(connection_string=…, engine_config=EngineConfig(…))`."""

    def read(by: Reader) -> Table:
        given = by.argument(call, scope, "engine_config")
        if not given.certain or given.optional:
            return unknown()
        return joined(_configured(by, place[0], place[1]) for place in given.places) if given.places else Table()

    def recipes(name: str, code: str) -> tuple[Recipe, ...]:
        given = reader.argument(call, scope, "engine_config")
        argument = read(reader).argument(name)
        if argument.places:
            return tuple(replacing(module_of(scope), argument, code))
        return tuple(_into_config(reader, given, scope, name, code))

    spot = Spot(statement_of(call, scope), call.at)
    what = next(v.name for v in reader.evaluator.values(call.func, scope) if isinstance(v, External))
    found = urls(reader, reader.argument(call, scope, "connection_string").places)
    return Site(module_of(scope), spot, what.rpartition(".")[2], found, scope, reader, read, recipes, call)


def _configured(reader: Reader, fact: facts.Expr, scope: Scope, depth: int = 0) -> Table:
    """The options that an `EngineConfig(…)` holds."""
    if isinstance(fact, facts.Call):
        made = reader.evaluator.values(fact.func, scope)
        if made and all(isinstance(v, External) and v.name in ENGINE_CONFIGS for v in made):
            return reader.keywords(fact, scope)
    sources = reader.sources(fact, scope) if depth < 8 else None
    if not sources:
        return unknown()
    return joined(
        _configured(reader, *source.place, depth + 1) if source.place is not None else unknown() for source in sources
    )


def _into_config(reader: Reader, given: Argument, scope: Scope, name: str, code: str) -> Iterator[Recipe]:
    """Give the keyword to the `EngineConfig(…)` that stands in the call, or in a variable of the module."""
    if len(given.places) != 1:
        return
    fact, where = given.places[0]
    sources = reader.sources(fact, where)
    if sources and len(sources) == 1 and sources[0].place is not None:
        fact, where = sources[0].place
    if isinstance(fact, facts.Call) and module_of(where) is module_of(scope):
        yield AddKeywords(Spot(statement_of(fact, where), fact.at), ((name, code),))
