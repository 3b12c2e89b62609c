"""Which options of an engine does its pool class refuse, does SQLAlchemy not know, or cannot be used as they are?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.misfits.addresses import Address, address
from dbpool_lint.facts.misfits.mending import Own, droppable, renaming, spot_of
from dbpool_lint.facts.misfits.paths import Given
from dbpool_lint.facts.misfits.textual import textual
from dbpool_lint.facts.misfits.together import Way
from dbpool_lint.fixing.recipes import Recipe, ReplaceExpression, Spot
from dbpool_lint.knowledge import engines
from dbpool_lint.knowledge.engines import Release
from dbpool_lint.knowledge.kinds import QUEUE_POOLS

_NEVER_NONE = {
    "pool_size": "unsupported operand type(s) for -: 'int' and 'NoneType'",
    "max_overflow": "'>' not supported between instances of 'NoneType' and 'int'",
    "pool_recycle": "'>' not supported between instances of 'NoneType' and 'int'",
}
_AS_TEXT = {
    "pool_size": "as soon as the engine is made: `TypeError: unsupported operand type(s) for -: 'int' and 'str'`",
    "max_overflow": "at the first connection: `TypeError: '>' not supported between instances of 'str' and 'int'`",
    "pool_recycle": "when a connection is used again: `TypeError: '>' not supported between instances of 'str' and "
    "'int'`",
    "pool_timeout": "once the pool is full: `TypeError: '<' not supported between instances of 'str' and 'int'`",
}
_FOREIGN = frozenset(
    {"max_size", "min_size", "minsize", "maxsize", "pool_max_size", "pool_min_size", "connect_timeout", "sslmode"}
    | {"command_timeout", "server_settings", "statement_cache_size", "prepared_statement_cache_size", "timeout"}
    | {"keepalives", "keepalives_idle", "application_name", "check_same_thread"}
)
"""Names of other packages' options, which no dialect takes as a keyword of its own."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something that does not fit: where, what is said about it, and how it could be mended."""

    spot: Spot
    message: str
    title: str = ""
    recipes: tuple[Recipe, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One path to a place where the options of an engine are given, and the releases of SQLAlchemy it may meet.

    `what` takes the options, `spot` is where; `own` is what may be changed. `asynchronous` says which kind of engine
    it becomes, None where that is open. `converts`: texts are turned into numbers, as `engine_from_config` does.
    """

    reader: Reader
    what: str
    spot: Spot
    own: Own
    way: Way
    releases: tuple[Release, ...]
    asynchronous: bool | None
    converts: bool = False

    def address(self) -> Address | None:
        return address(self.reader, self.way)


def of_options(case: Case) -> Iterator[Misfit]:
    """Everything that is wrong with the engine's own options on one path."""
    if case.way.get("plugins") is not None or case.way.get("strategy") is not None:
        return
    yield from _pool_class(case)
    yield from _unknown(case)
    if not case.converts:
        yield from _numbers(case)


def _pool_class(case: Case) -> Iterator[Misfit]:
    given = case.way.get("poolclass")
    if case.way.get("pool") is not None:
        return
    if given is None or walking.literal(given.fact) is None:
        yield from _by_default(case)
        return
    if isinstance(walking.literal(given.fact), str):
        yield _as_text(case, given, str(walking.literal(given.fact)))
        return
    name = _class_name(case.reader, given)
    if name is None:
        return
    if _is_refused(case, name):
        yield _refused(case, given, name)
        return
    refused = [k for k in _refused_by(case.way, name) if case.way.options.entries[k].meets(given)]
    if refused:
        yield _together(case, refused, name, given)


def _refused_by(way: Way, pool: str) -> list[str]:
    takes = engines.pool_takes(pool)
    return [key for key in way.options.entries if key in engines.POOL_KEYWORDS and key not in takes]


def _by_default(case: Case) -> Iterator[Misfit]:
    """A SQLite database in memory has a pool of its own kind."""
    if not case.way.options.complete or case.way.get("creator") is not None:
        return
    found = case.address()
    if found is None or found.url.dialect != "sqlite" or case.asynchronous is None:
        return
    pools = {_default_pool(found, case.asynchronous, release) for release in case.releases}
    pool = pools.pop() if len(pools) == 1 else None
    if pool is None:
        return
    refused = [k for k in _refused_by(case.way, pool) if found.decides(case.way, case.way.options.entries[k])]
    if refused:
        yield _together(case, refused, pool, None)


def _default_pool(found: Address, asynchronous: bool, release: Release) -> str | None:
    dialect = engines.dialect_of(found.url.dialect, found.url.driver, asynchronous, release)
    return dialect.pool(found.url.database) if dialect is not None else None


def _together(case: Case, refused: list[str], pool: str, given: Given | None) -> Misfit:
    named = _listed(refused)
    texts = ",".join(f"'{key}'" for key in refused)
    reason = f"`{pool}`" if given is not None else f"the `{pool}` that a SQLite database in memory has"
    tests = given.guards - case.way.guards if given is not None else frozenset()
    when = "" if not tests else " where the test before it chooses that class"
    message = (
        f"`{case.what}` gets {named} together with {reason}{when}, which takes no such argument: "
        f"`TypeError: Invalid argument(s) {texts} sent to create_engine()`"
    )
    entries = case.way.options.entries
    mendable = given is not None and not tests
    recipes = droppable(case.own, [(key, entries[key]) for key in refused]) if mendable else ()
    return Misfit(case.spot, message, f"Drop {named}", recipes)


def _as_text(case: Case, given: Given, name: str) -> Misfit:
    message = (
        f'`poolclass` of `{case.what}` is the text "{name}", not a class: '
        "`AttributeError: 'str' object has no attribute '__dict__'`"
    )
    recipes: tuple[Recipe, ...] = ()
    if name in engines.POOLS and (spot := spot_of(case.own, given.place)) is not None:
        recipes = (ReplaceExpression(spot, name, (("sqlalchemy.pool", name),)),)
    return Misfit(case.spot, message, f"Use the class `{name}`", recipes)


def _is_refused(case: Case, name: str) -> bool:
    if case.asynchronous is None:
        return False
    if not case.asynchronous and (found := case.address()) is not None and _is_async(found, case.releases):
        return False  # the URL is what does not fit there
    return all(engines.refuses_pool(name, case.asynchronous, release) for release in case.releases)


def _is_async(found: Address, releases: Iterable[Release]) -> bool:
    dialects = [engines.dialect_of(found.url.dialect, found.url.driver, False, release) for release in releases]
    return any(dialect is not None and dialect.is_async for dialect in dialects)


def _refused(case: Case, given: Given, name: str) -> Misfit:
    kind = "asyncio" if case.asynchronous else "non-asyncio"
    message = (
        f"`{case.what}` gets the pool class `{name}`: "
        f"`ArgumentError: Pool class {name} cannot be used with {kind} engine`"
    )
    mendable = name in QUEUE_POOLS and given.guards <= case.way.guards
    recipes = droppable(case.own, [("poolclass", given)]) if mendable else ()
    return Misfit(case.spot, message, "Leave the pool class to SQLAlchemy", recipes)


def _class_name(reader: Reader, given: Given) -> str | None:
    values = reader.values(given.place)
    names = {v.name.rpartition(".")[2] for v in values if isinstance(v, External) and v.name.startswith("sqlalchemy")}
    return names.pop() if len(names) == len(values) == 1 and names <= engines.POOLS else None


def _unknown(case: Case) -> Iterator[Misfit]:
    if any(release not in engines.RELEASES for release in case.releases):
        return
    known = frozenset[str]().union(*(_known(case, release) for release in case.releases))
    for key, given in case.way.options.entries.items():
        if key in known or key.startswith("_"):
            continue
        right = _right_name(key, case.way)
        if right or key in _FOREIGN or _dialect_is_known(case, given):
            yield _not_known(case, key, given, right)


def _known(case: Case, release: Release) -> frozenset[str]:
    found = engines.engine_keywords(release)
    return found | {"url", "async_creator"} | ({"engine_options"} if case.own.call is None else frozenset())


def _dialect_is_known(case: Case, given: Given) -> bool:
    found = case.address()
    if found is None or not found.decides(case.way, given):
        return False
    return all(
        engines.dialect_of(found.url.dialect, found.url.driver, bool(case.asynchronous), release) is not None
        for release in case.releases
    )


def _right_name(key: str, way: Way) -> str:
    """The one option that a misspelled one stands for; "" where there is none, or where it is given as well."""
    near = difflib.get_close_matches(key, sorted(engines.POOL_KEYWORDS | {"poolclass", "connect_args"}), 2, 0.88)
    right = engines.renamed(key) or (near[0] if len(near) == 1 else "")
    return right if right not in way.options.entries else ""


def _not_known(case: Case, key: str, given: Given, right: str) -> Misfit:
    meant = f"; `{right}` is meant" if right else ""
    message = (
        f"`{case.what}` has no option `{key}`{meant}: `TypeError: Invalid argument(s) '{key}' sent to create_engine()`"
    )
    recipes = renaming(case.own, given, key, right) if right else ()
    return Misfit(case.spot, message, f"Rename `{key}` to `{right}`", recipes)


def _numbers(case: Case) -> Iterator[Misfit]:
    for key in sorted(engines.NUMBERS):
        given = case.way.get(key)
        if given is None:
            continue
        if walking.literal(given.fact) is None and key in _NEVER_NONE and _has_queue(case):
            yield Misfit(case.spot, f"`{key}` of `{case.what}` is None: `TypeError: {_NEVER_NONE[key]}`")
        elif (text := textual(case.reader, given.place)) is not None:
            always = "is" if text.always else "becomes, once the variable is set,"
            message = f"`{key}` of `{case.what}` {always} a text, from {text.what}; it fails {_AS_TEXT[key]}"
            spot = spot_of(case.own, given.place) if text.code else None
            recipes = (ReplaceExpression(spot, f"int({text.code})"),) if spot is not None else ()
            yield Misfit(case.spot, message, "Convert it with `int(…)`", recipes)


def _has_queue(case: Case) -> bool:
    """Whether nothing says that the pool is one without a size: that is another matter."""
    given = case.way.get("poolclass")
    return given is None or _class_name(case.reader, given) in QUEUE_POOLS


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
