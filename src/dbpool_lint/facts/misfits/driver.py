"""Which arguments does the driver refuse that an engine hands to it? Its kind, `connect_args` and the URL's query."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.misfits.addresses import Address
from dbpool_lint.facts.misfits.engines import Case, Misfit
from dbpool_lint.facts.misfits.mending import Own, droppable, renaming, spot_of
from dbpool_lint.facts.misfits.paths import Given, body_of
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import Recipe, ReplaceValue, Spot
from dbpool_lint.knowledge import drivers, engines
from dbpool_lint.knowledge.poolers import pooler_of_host

_OWN_WAY = ("creator", "async_creator", "pool", "module")
"""With these the engine does not hand `connect_args` and the URL to the driver."""

_CACHES = ("statement_cache_size", "prepared_statement_cache_size")
_ONLY_ASYNCPG = frozenset(
    {*_CACHES, "server_settings", "prepared_statement_name_func", "max_cached_statement_lifetime"}
    | {"max_cacheable_statement_size"}
)
_ASYNCPG_NUMBERS = frozenset(
    {"statement_cache_size", "timeout", "max_cached_statement_lifetime", "max_cacheable_statement_size"}
)
_REFUSALS = {
    "asyncpg": "TypeError: connect() got an unexpected keyword argument '{}'",
    "aiomysql": "TypeError: connect() got an unexpected keyword argument '{}'",
    "asyncmy": "TypeError: connect() got an unexpected keyword argument '{}'",
    "pymysql": "TypeError: Connection.__init__() got an unexpected keyword argument '{}'",
    "psycopg": 'ProgrammingError: invalid connection option "{}"',
    "psycopg2": 'ProgrammingError: invalid dsn: invalid connection option "{}"',
    "pysqlite": "TypeError: '{}' is an invalid keyword argument for Connection()",
    "aiosqlite": "TypeError: '{}' is an invalid keyword argument for Connection()",
}


def of_driver(case: Case) -> Iterator[Misfit]:
    """Everything on one path that the driver will refuse."""
    if any(case.way.get(name) is not None for name in _OWN_WAY):
        return
    found = case.address()
    if found is not None:
        yield from _of_kind(case, found)
    if _are_rewritten(case.own.module):
        return
    names = _driver_names(case, found) if found is not None else ()
    if found is not None and names:
        yield from _query(case, found, names)
    given = case.way.get("connect_args")
    if given is None or given.items is None or "async_creator_fn" in given.items.entries:
        return
    if found is not None and names:
        pooled = _is_pooled(case) or bool(pooler_of_host(found.url.host, found.url.port))
        entries = {k: e for k, e in given.items.entries.items() if found.decides(case.way, given, e)}
        yield from _connect_args(case, given, entries, names, pooled)
    elif found is None and case.asynchronous:
        yield from _connect_args(case, given, dict(_beside_asyncpgs(given)), ("asyncpg",), _is_pooled(case))


def _is_pooled(case: Case) -> bool:
    """Whether the project says that a pooler stands before the server: asyncpg's cache is another matter then."""
    project = case.reader.evaluator.project
    return bool(project.deployment.poolers) or project.settings.pgbouncer in ("transaction", "statement")


def _beside_asyncpgs(given: Given) -> Iterator[tuple[str, Given]]:
    """What is given together with a key that asyncpg alone takes: whatever the URL is, no other driver will do."""
    entries = given.items.entries if given.items is not None else {}
    own = [entry for key, entry in entries.items() if key in _ONLY_ASYNCPG]
    for key, entry in entries.items():
        if any(one.guards <= entry.guards for one in own):
            yield key, entry


def _are_rewritten(module: Module) -> bool:
    """Whether the module listens for connections about to be made, where arguments may be changed."""
    roots = [*body_of(module), *(part for f in module.all_functions for part in (*f.node.decorators, *f.node.body))]
    return any(walking.literal(arg) == "do_connect" for call in walking.calls(roots) for arg in call.args)


def _driver_names(case: Case, found: Address) -> tuple[str, ...]:
    """SQLAlchemy's names of the drivers that the URL means in the releases that are possible."""
    default = (engines.default_driver(found.url.dialect, release) for release in case.releases)
    names = [found.url.driver] if found.url.driver else [name or "" for name in default]
    return tuple(dict.fromkeys(names)) if all(names) else ()


def _of_kind(case: Case, found: Address) -> Iterator[Misfit]:
    """An engine of `create_engine` with an asynchronous driver, and the other way round."""
    if case.asynchronous is None or not found.fixed or not found.decides(case.way):
        return
    url = found.url
    scheme = f"{url.dialect}+{url.driver}" if url.driver else url.dialect
    if url.dialect == "postgres":
        error = "NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres"
        yield Misfit(case.spot, f"`{case.what}` gets a URL of the dialect `{scheme}`: `{error}`")
        return
    known = [engines.dialect_of(url.dialect, url.driver, case.asynchronous, release) for release in case.releases]
    kinds = {dialect.is_async if dialect is not None else None for dialect in known}
    if case.asynchronous and kinds == {False}:
        named = {dialect.driver for dialect in known if dialect is not None}
        loaded = max(named)
        error = f"The asyncio extension requires an async driver to be used. The loaded '{loaded}' is not async."
        message = (
            f"`{case.what}` gets a `{scheme}` URL, whose driver is not asynchronous: `InvalidRequestError: {error}`"
        )
        yield Misfit(case.spot, message)
    elif not case.asynchronous and kinds == {True}:
        message = (
            f"`{case.what}` gets a `{scheme}` URL, whose driver is asynchronous: every connection ends in "
            "`MissingGreenlet: greenlet_spawn has not been called`"
        )
        yield Misfit(case.spot, message)


def _connect_args(
    case: Case, given: Given, entries: Mapping[str, Given], names: tuple[str, ...], pooled: bool
) -> Iterator[Misfit]:
    for key, entry in entries.items():
        if _is_refused(case, key, names):
            yield _refused(case, given, key, entry, names)
        elif names == ("asyncpg",) and key == "server_settings":
            yield from server_settings(case.what, case.own, case.spot, entry)
        elif names == ("asyncpg",) and key == _CACHES[0] and not pooled:
            yield from _cache(case, given, entry)


def _is_refused(case: Case, key: str, names: tuple[str, ...]) -> bool:
    """Whether every driver that the URL may mean refuses a key."""
    if "{" in key:
        return False
    taken = [drivers.connect_keywords(name, release) for name in names for release in case.releases]
    return all(keys is not None and key not in keys for keys in taken)


def _refused(case: Case, given: Given, key: str, entry: Given, names: tuple[str, ...]) -> Misfit:
    assert given.items is not None
    name = names[-1]
    right = drivers.renamed(name, key) if len(names) == 1 else None
    place = "" if right is None else f"; there it is `{right}`"
    nested = "; it belongs into `server_settings`" if name == "asyncpg" and key in _SETTINGS else ""
    message = (
        f"`connect_args` of `{case.what}` has `{key}`, which {name} does not take{place}{nested}: `{_error(name, key)}`"
    )
    if right is not None and right not in given.items.entries and _fits(right, entry):
        return Misfit(case.spot, message, f"Rename `{key}` to `{right}`", renaming(case.own, entry, key, right))
    if key == "check_same_thread":
        recipes = droppable(case.own, [(key, entry)])
        return Misfit(case.spot, message, f"Drop `{key}`", recipes)
    return Misfit(case.spot, message)


def _fits(right: str, entry: Given) -> bool:
    """Whether the value is one that the other key takes as well."""
    value = walking.literal(entry.fact)
    if right == "sslmode":
        return isinstance(value, str) and value in _SSL_MODES
    return right != "connect_timeout" or (isinstance(value, int) and not isinstance(value, bool))


_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_SETTINGS = frozenset(
    {"application_name", "statement_timeout", "lock_timeout", "search_path", "timezone", "jit", "client_encoding"}
    | {"idle_in_transaction_session_timeout", "work_mem"}
)


def _error(name: str, key: str) -> str:
    plain = {"psycopg_async": "psycopg", "psycopg2cffi": "psycopg2"}.get(name, name)
    return _REFUSALS.get(plain, "TypeError: connect() got an unexpected keyword argument '{}'").format(key)


def server_settings(what: str, own: Own, at: Spot, entry: Given) -> Iterator[Misfit]:
    """Values of `server_settings` that are no texts."""
    for name, value in (entry.items.entries if entry.items is not None else {}).items():
        literal = walking.literal(value.fact)
        number = isinstance(value.fact, facts.Call) and walking.chain(value.fact.func) == ["int"]
        if isinstance(literal, str) or (literal is NotImplemented and not number):
            continue
        message = (
            f"`{name}` in `server_settings` of `{what}` is {_shown(literal)}, not a text: "
            "`server_settings is expected to be … a Dict[str, str]`"
        )
        spot = spot_of(own, value.place) if value.holder is not None and not number else None
        code = _as_setting(literal)
        recipes = (ReplaceValue(spot, code),) if spot is not None and code else ()
        yield Misfit(at, message, f"Write `{code}`", recipes)


def _shown(literal: object) -> str:
    return "a number" if literal is NotImplemented else str(literal)


def _as_setting(literal: object) -> str:
    """The text that PostgreSQL reads as the same value."""
    if isinstance(literal, bool):
        return '"on"' if literal else '"off"'
    return f'"{literal}"' if isinstance(literal, (int, float)) else ""


def _cache(case: Case, given: Given, entry: Given) -> Iterator[Misfit]:
    size = walking.literal(entry.fact)
    assert given.items is not None
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0 or _CACHES[1] in given.items.entries:
        return
    message = (
        f"`statement_cache_size` of `{case.what}` has no effect: SQLAlchemy prepares statements itself and keeps as "
        f"many as `{_CACHES[1]}` says, 100 without it"
    )
    recipes = renaming(case.own, entry, *_CACHES)
    yield Misfit(case.spot, message, f"Rename it to `{_CACHES[1]}`", recipes)


def _query(case: Case, found: Address, names: tuple[str, ...]) -> Iterator[Misfit]:
    taken = [drivers.url_keys(name, release) for name in names for release in case.releases]
    if not found.url.query or None in taken or not found.decides(case.way):
        return
    for key in dict.fromkeys(key for key, _ in parse_qsl(found.url.query, keep_blank_values=True)):
        if key and not {"{", "}"} & set(key) and not any(key in keys for keys in taken if keys is not None):
            yield _refused_key(case, found, key, names)


def _refused_key(case: Case, found: Address, key: str, names: tuple[str, ...]) -> Misfit:
    name = names[-1]
    right = drivers.renamed(name, key, in_url=True) if len(names) == 1 else None
    place = "" if right is None else f"; there it is `{right}`"
    error = _error(name, key)
    if name == "asyncpg" and key in _ASYNCPG_NUMBERS:
        error = "TypeError: '<' not supported between instances of 'str' and 'int'"
        if key == "timeout":
            error = "TypeError: unsupported operand type(s) for +: 'float' and 'str'"
        message = f"the URL of `{case.what}` gives {name} the number `{key}` as a text: `{error}`"
        return Misfit(case.spot, message)
    message = f"the URL of `{case.what}` has `{key}=`, which {name} does not take{place}: `{error}`"
    if right is None or right in dict(parse_qsl(found.url.query)):
        return Misfit(case.spot, message)
    return Misfit(case.spot, message, f"Rename `{key}` to `{right}`", _rewritten(case, found, key, right))


def _rewritten(case: Case, found: Address, key: str, right: str) -> tuple[Recipe, ...]:
    """The whole URL again with another key, where it is one plain literal."""
    text = walking.literal(found.given.fact)
    spot = spot_of(case.own, found.given.place)
    if not isinstance(text, str) or spot is None or not text.isprintable() or {'"', "\\"} & set(text):
        return ()
    for mark in ("?", "&"):
        if text.count(f"{mark}{key}=") == 1:
            return (
                ReplaceValue(spot, json.dumps(text.replace(f"{mark}{key}=", f"{mark}{right}="), ensure_ascii=False)),
            )
    return ()
