"""Is what the product knows of SQLAlchemy and the others true of what is installed?"""

from __future__ import annotations

import importlib
import inspect
import re
import warnings

import pytest

from dbpool_lint.knowledge import frameworks
from dbpool_lint.knowledge.blocking import SLEEPS, sleep_module
from dbpool_lint.knowledge.kinds import (
    ANNOTATED,
    ASYNC_LEASES,
    CALLED,
    LEASES,
    MADE_BY,
    MANAGED_LEASES,
    METHODS,
    POOLS,
    SQLALCHEMY_ENGINES,
    Kind,
)
from dbpool_lint.knowledge.poolers import CONNECTORS, pooler_of_host
from dbpool_lint.knowledge.vocabulary import FLASK_KEYS, MIDDLEWARE, POOL_NAMES, seeds


def _imported(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise
    except ImportError:  # without greenlet, SQLAlchemy 2.1 refuses its asyncio package once; the names are there
        return importlib.import_module(name)


def _found(dotted: str) -> object:
    """The object of a dotted name: the longest part that is a module is imported."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: object = _imported(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for part in parts[length:]:
                found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


def _of_sqlalchemy(table: dict[str, Kind]) -> list[tuple[str, Kind]]:
    return [(name, kind) for name, kind in table.items() if name.startswith("sqlalchemy.")]


_CANONICAL = {
    Kind.ENGINE: "sqlalchemy.engine.base.Engine",
    Kind.ASYNC_ENGINE: "sqlalchemy.ext.asyncio.engine.AsyncEngine",
    Kind.FACTORY: "sqlalchemy.orm.session.sessionmaker",
    Kind.ASYNC_FACTORY: "sqlalchemy.ext.asyncio.session.async_sessionmaker",
    Kind.SESSION: "sqlalchemy.orm.session.Session",
    Kind.ASYNC_SESSION: "sqlalchemy.ext.asyncio.session.AsyncSession",
    Kind.CONNECTION: "sqlalchemy.engine.base.Connection",
    Kind.ASYNC_CONNECTION: "sqlalchemy.ext.asyncio.engine.AsyncConnection",
}


@pytest.mark.parametrize(("name", "kind"), _of_sqlalchemy(MADE_BY))
def test_makers_exist_and_make_what_is_said(name: str, kind: Kind) -> None:
    maker = _found(name)
    assert callable(maker)
    assert getattr(maker, "__name__", "") == name.rpartition(".")[2]
    if inspect.isclass(maker):
        meant = (
            {"scoped_session", "async_scoped_session"} if kind is Kind.SCOPED else {_CANONICAL[kind].rpartition(".")[2]}
        )
        assert maker.__name__ in meant
    else:
        # of functions the annotation says what they return
        assert _CANONICAL[kind].rpartition(".")[2] == str(inspect.signature(maker).return_annotation).strip("'")


@pytest.mark.parametrize(("name", "kind"), _of_sqlalchemy(ANNOTATED))
def test_annotations_name_the_class_that_is_meant(name: str, kind: Kind) -> None:
    cls = _found(name)
    assert inspect.isclass(cls)
    if kind is Kind.SCOPED:
        assert name.endswith("scoped_session")
    else:
        assert cls is _found(_CANONICAL[kind])


@pytest.mark.parametrize(("kind", "method"), [pair for pair in METHODS if pair[0] in _CANONICAL])
def test_methods_exist_and_are_async_where_they_lead_to_async_kinds(kind: Kind, method: str) -> None:
    cls = _found(_CANONICAL[kind])
    assert callable(getattr(cls, method))
    assert METHODS[kind, method] in LEASES | {Kind.ENGINE, Kind.ASYNC_ENGINE}


def test_calling_a_factory_gives_its_session() -> None:
    for factory, kind in CALLED.items():
        made, session = _found(_CANONICAL[factory]), _found(_CANONICAL[kind])
        assert callable(made)
        assert inspect.isclass(session)
        assert isinstance(made()(), session)
    assert {Kind.FACTORY: Kind.SESSION, Kind.ASYNC_FACTORY: Kind.ASYNC_SESSION} == CALLED


def test_a_scoped_registry_gives_the_same_session_again() -> None:
    from sqlalchemy.orm import scoped_session, sessionmaker

    registry = scoped_session(sessionmaker())
    assert registry() is registry()
    assert Kind.SCOPED not in CALLED


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        (kind, "__aenter__" if kind in ASYNC_LEASES else "__enter__")
        for kind in sorted(MANAGED_LEASES & _CANONICAL.keys())
    ],
)
def test_managed_leases_are_context_managers_of_their_colour(kind: Kind, attribute: str) -> None:
    assert hasattr(_found(_CANONICAL[kind]), attribute)


def test_psycopg2s_leases_are_not_managed() -> None:
    assert {Kind.RAW_CONNECTION, Kind.PSYCOPG_LEASE, Kind.DBAPI_LEASE} & MANAGED_LEASES == set()


def test_sync_and_async_kinds_are_never_the_same() -> None:
    assert not {kind for name, kind in MADE_BY.items() if "async" in name} & {Kind.ENGINE, Kind.SESSION, Kind.FACTORY}
    assert {kind for kind in ASYNC_LEASES if "sync" not in kind.value} <= {Kind.ASYNCPG_LEASE, Kind.AIOMYSQL_LEASE}


def test_every_engine_maker_makes_a_pool() -> None:
    assert {MADE_BY[name] for name in SQLALCHEMY_ENGINES} <= POOLS
    assert not POOLS & LEASES


@pytest.mark.parametrize("name", sorted(SLEEPS))
def test_sleeps_exist(name: str) -> None:
    assert callable(_found(name))
    assert not inspect.iscoroutinefunction(_found(name))


@pytest.mark.parametrize(
    ("imported", "expected"),
    [
        ([], "asyncio"),
        (["time"], "asyncio"),
        (["trio"], "trio"),
        (["anyio.abc"], "anyio"),
        (["trio.socket", "asyncio"], "asyncio"),
    ],
)
def test_an_async_function_sleeps_with_the_library_its_file_uses(imported: list[str], expected: str) -> None:
    assert sleep_module(imported) == expected


_STANDARD = ("functools.", "contextlib.", "asyncio.", "builtins.", "typing.", "abc.")


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for table in (frameworks.CACHES, frameworks.TRANSPARENT, frameworks.MANAGERS, frameworks.RUN_COROUTINE)
        for name in table
        if name.startswith(_STANDARD) and name != "typing.override"  # new in Python 3.12
    ),
)
def test_names_of_the_standard_library_exist(name: str) -> None:
    assert _found(name) is not None


def test_makers_connectors_and_middleware_are_seeds_of_the_slice() -> None:
    assert {*MADE_BY, *CONNECTORS, *MIDDLEWARE} <= POOL_NAMES


@pytest.mark.parametrize(
    "text", ["", "engine = None", "created_engine(x)", "my_create_engine(x)", "SQLALCHEMY_ECHO = 1"]
)
def test_text_without_a_seed_is_passed_over(text: str) -> None:
    assert seeds().search(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "create_engine(x)",
        "from sqlalchemy.orm import Session",
        "import time\ntime.sleep(1)",
        "SLEEP(1) if 0 else sleep(2)",
    ]
    + [f"{key} = 1" for key in sorted(FLASK_KEYS)],
)
def test_text_with_a_seed_is_looked_at(text: str) -> None:
    assert seeds().search(text)


def test_names_from_the_settings_are_seeds_too() -> None:
    assert seeds().search("blocks()") is None
    assert seeds(frozenset({"lib.blocks"})).search("blocks()")


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("", None, ""),
        ("db", 6432, ""),
        ("aws-0-eu.pooler.supabase.com", 5432, ""),
        ("aws-0-eu.pooler.supabase.com", None, ""),
        ("AWS-0-EU.pooler.supabase.com", 6543, "Supabase's pooler"),
        ("ep-cool-pooler.us-east-2.aws.neon.tech", 5432, "Neon's pooler"),
        ("ep-cool.us-east-2.aws.neon.tech", 5432, ""),
        ("pgbouncer", None, "PgBouncer"),
        ("pgbouncer1", None, "PgBouncer"),
        ("my_odyssey", None, "PgBouncer"),
        ("pgbouncers", None, ""),
    ],
)
def test_hosts_of_poolers_are_told_by_their_labels(host: str, port: int | None, expected: str) -> None:
    assert pooler_of_host(host, port) == expected


def test_every_word_of_the_vocabulary_is_a_dotted_name() -> None:
    assert all(re.fullmatch(r"\w+(?:\.\w+)+", name) for name in POOL_NAMES)
