"""Which connections go through a pooler, and with which driver arguments? Engines, asyncpg and psycopg alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.deploy.model import DeploymentFacts, Pooler
from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Reader, Table, all_calls
from dbpool_lint.facts.configuration.tables import joined
from dbpool_lint.facts.configuration.urls import Url, Urls, libpq, urls
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.pooling.creations import Creation, statement_of
from dbpool_lint.facts.project import Function, Module, Scope, module_of
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge.kinds import MADE_BY, Kind
from dbpool_lint.knowledge.poolers import CONNECTORS, pooler_of_host

_PREPARING = {"asyncpg": "asyncpg", "psycopg": "psycopg", "psycopg_async": "psycopg"}


@dataclass(frozen=True, slots=True)
class Connector:
    """A call that opens connections. `driver` is asyncpg or psycopg, `through` how the arguments reach it:

    "" when the call takes them itself, else the keyword that holds them as a dict.
    """

    call: facts.Call
    scope: Scope
    name: str
    driver: str
    through: str
    urls: Urls

    @property
    def module(self) -> Module:
        return module_of(self.scope)

    @property
    def spot(self) -> Spot:
        return Spot(statement_of(self.call, self.scope), self.call.at)


def connectors(reader: Reader, creations: tuple[Creation, ...]) -> Iterator[Connector]:
    """Every call of the project that opens connections with a driver that prepares statements by itself."""
    for made in creations:
        if made.is_sqlalchemy and not made.name.endswith("_from_config"):
            found = urls(reader, reader.argument(made.call, made.scope, "url", 0).places)
            drivers = {_PREPARING[u.driver] for u in found.known if u.driver in _PREPARING}
            if len(drivers) == 1:
                yield Connector(made.call, made.scope, made.name, drivers.pop(), "connect_args", found)
        elif made.kind is Kind.PSYCOPG_POOL:
            found = _server(reader, made.call, made.scope, "conninfo")
            yield Connector(made.call, made.scope, made.name, "psycopg", "kwargs", found)
    for call, scope in all_calls(reader.evaluator):
        for value in reader.evaluator.values(call.func, scope):
            name = value.name if isinstance(value, External) else ""
            if name in CONNECTORS or MADE_BY.get(name) is Kind.ASYNCPG_POOL:
                driver = name.partition(".")[0]
                found = _server(reader, call, scope, "dsn" if driver == "asyncpg" else "conninfo")
                yield Connector(call, scope, name, driver, "", found)


def _server(reader: Reader, call: facts.Call, scope: Scope, keyword: str) -> Urls:
    """The server of a driver's own call: a URL, a libpq string, or `host=` and `port=`."""
    found = urls(reader, reader.argument(call, scope, keyword, 0).places)
    host = reader.argument(call, scope, "host")
    if not host.places:
        return found
    parts = [libpq(reader, place, reader.argument(call, scope, "port").places) for place in host.places]
    return Urls(tuple(url for url in parts if url), False)


def pooler_behind(connector: Connector, deployment: DeploymentFacts, setting: str) -> str:
    """The transaction-mode pooler that the connections go through, in words; "" without evidence."""
    if setting in ("off", "session"):
        return ""
    if setting in ("transaction", "statement"):
        return "PgBouncer (setting `pgbouncer`)"
    for url in connector.urls.known:
        found = _by_url(url, deployment)
        if found:
            return found
    return ""


def _by_url(url: Url, deployment: DeploymentFacts) -> str:
    named = pooler_of_host(url.host, url.port)
    if not named and "pgbouncer=true" in url.query:
        named = "PgBouncer"
    own = list(_own(url, deployment, bool(named)))
    if own:
        harmful = [p for p in own if p.mode in ("transaction", "statement", "") and not p.prepared]
        certain = [p for p in harmful if p.mode]
        if not harmful or not (named or certain):
            return ""
        return f"{harmful[0].kind} in {harmful[0].mode or 'transaction'} mode ({harmful[0].name})"
    return named


def _own(url: Url, deployment: DeploymentFacts, named: bool) -> Iterator[Pooler]:
    """The poolers of the project's own files that a URL may mean."""
    specific = [p for p in deployment.poolers if not p.general and url.database in p.databases]
    for pooler in specific or [p for p in deployment.poolers if p.general]:
        if pooler.host:
            if pooler.host == url.host:
                yield pooler
        elif pooler.port == url.port or (named and url.port is None):
            yield pooler


def driver_options(reader: Reader, connector: Connector) -> Table:
    """The arguments that reach the driver; incomplete where some cannot be read."""
    table = reader.spread(connector.call, connector.scope)
    if not connector.through and _is_set_elsewhere(connector.module):
        table.complete = False
    if not connector.through:
        for keyword in connector.call.keywords:
            if keyword.name:
                table.put(keyword.name, (keyword.value, connector.scope))
        return table
    given = reader.argument(connector.call, connector.scope, connector.through)
    found = Table(complete=given.certain)
    if given.places:
        found.overlay(joined(reader.table(*place) for place in given.places))
    if _is_set_elsewhere(connector.module):
        found.complete = False
    for hook in ("async_creator", "creator", "connection_class", "configure"):
        if reader.argument(connector.call, connector.scope, hook).places:
            found.complete = False
    return found


_HOOKS = frozenset({"connect", "do_connect"})
_OPTIONS = frozenset({"prepare_threshold", "statement_cache_size", "prepared_statement_cache_size"})


def _is_set_elsewhere(module: Module) -> bool:
    """Whether the module sets such an option on connections that are made already, or in an event of the engine."""
    return any(
        isinstance(fact, facts.Assign) and any(_sets_option(target, function) for target in fact.targets)
        for function in module.all_functions
        for fact in function.body
    )


def _sets_option(target: facts.Expr, function: Function) -> bool:
    if isinstance(target, facts.Attr):
        return target.name in _OPTIONS
    listens = any(
        walking.literal(arg) in _HOOKS
        for decorator in function.node.decorators
        if isinstance(decorator, facts.Call)
        for arg in decorator.args
    )
    return listens and isinstance(target, facts.Item) and walking.literal(target.index) in _OPTIONS


def possible(reader: Reader, table: Table, name: str) -> tuple[object, ...] | None:
    """The literal values an option may have: () when it is absent, None when that cannot be said."""
    argument = table.argument(name)
    if argument.absent:
        return ()
    if not argument.places:
        return None
    found = reader.given(argument)
    values = [getattr(v, "value", NotImplemented) for v in found]
    return None if NotImplemented in values else tuple(values)
