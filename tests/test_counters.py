"""Which counters of a pool is an expression made of, and how many connections may the pool lend beyond its size?"""

from __future__ import annotations

import pytest
from linking import asked, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.pooling.capacity import as_code, counterless, engines, overflow
from dbpool_lint.facts.pooling.counters import Counting, Sum
from dbpool_lint.facts.pooling.guards import is_guarded
from dbpool_lint.facts.pooling.misreadings import Mistake, misreadings
from dbpool_lint.facts.project import Scope

ENGINE = """
from typing import cast
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool
from settings import URL, LIMIT, flag, other
engine = create_engine(URL, max_overflow=LIMIT)
pool = engine.pool
"""


def _sum(code: str) -> Sum:
    project = linked(ENGINE + code)
    return Counting(project.reader).sum(*asked(project))


def _counts(code: str) -> dict[str, float]:
    found = _sum(code)
    names = ("size", "checkedout", "checkedin", "overflow", "clamped")
    counts = {name: count for name, count in zip(names, found.counts, strict=True) if count}
    return {**counts, "other": 1} if found.other else counts


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("asked = 3", {"other": 1}),
        ("asked = 0 + pool.size()", {"size": 1}),
        ("asked = pool.size() - pool.checkedout()", {"size": 1, "checkedout": -1}),
        ("asked = 100 * pool.checkedout()", {"checkedout": 100}),
        ("asked = pool.checkedout() * 100", {"checkedout": 100}),
        ("asked = pool.checkedout() * flag", {"other": 1}),
        ("asked = pool.checkedout() % 2", {"other": 1}),
        ("asked = pool.size() + LIMIT", {"size": 1, "other": 1}),
        ("asked = pool.size() + unknown()", {"size": 1, "other": 1}),
        ("asked = (out := pool.checkedout())", {"checkedout": 1}),
        ("asked = pool.checkedout() or 0", {"checkedout": 1}),
        ("asked = pool.checkedout() or flag or 0", {"other": 1}),
        ("asked = pool.checkedout() or flag", {"other": 1}),
        ("asked = pool.overflow() if flag else None", {"overflow": 1}),
        ("asked = 0 if flag else pool.overflow()", {"overflow": 1}),
        ("asked = pool.overflow() if pool.overflow() > 0 else 0", {"clamped": 1}),
        ("asked = pool.size() if flag else pool.checkedin()", {"other": 1}),
        ("asked = max(0, pool.overflow())", {"clamped": 1}),
        ("asked = max(pool.overflow(), 0)", {"clamped": 1}),
        ("asked = max(pool.overflow(), pool.size())", {"other": 1}),
        ("asked = int(pool.size())", {"size": 1}),
        ("asked = cast(int, pool.size())", {"size": 1}),
        ("asked = abs(pool.size())", {"other": 1}),
        ("asked = pool.size(1)", {"other": 1}),
        ("asked = engine.sync_engine.pool.size() + pool.size()", {"size": 1, "other": 1}),
        ("asked = cast(QueuePool, engine.pool).size() - engine.pool.checkedin()", {"size": 1, "checkedin": -1}),
        ("asked = {'a': pool.size()}['a']", {"size": 1}),
        ("asked = {'a': pool.size()}.get('a', 0)", {"size": 1}),
        ("asked = {'a': pool.size()}['b']", {"other": 1}),
        ("asked = [pool.size()][0]", {"other": 1}),
        ("asked = -pool.size()", {"other": 1}),
        ("asked = engine.pool.status", {"other": 1}),
    ],
)
def test_expressions(code: str, counts: dict[str, float]) -> None:
    assert _counts(code) == counts


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        ("size = pool.size()\n    asked = size", {"size": 1}),
        ("size = 0\n    size = pool.size()\n    asked = size", {"size": 1}),
        ("over = pool.overflow()\n    if over < 0:\n        over = 0\n    asked = over", {"clamped": 1}),
        ("size = pool.size()\n    size = other\n    asked = size", {"other": 1}),
        ("size = pool.size()\n    size += 1\n    asked = size", {"other": 1}),
        ("for size in [pool.size()]:\n        asked = size", {"other": 1}),
        ("a, b = pool.size(), pool.checkedin()\n    asked = a - b", {"size": 1, "checkedin": -1}),
        ("a = a + pool.size()\n    asked = a", {"size": 1, "other": 1}),
        ("asked = given", {"other": 1}),
        ("asked = bind.pool.size()", {"other": 1}),
    ],
)
def test_local_variables(body: str, counts: dict[str, float]) -> None:
    assert _counts(f"def report(given, bind):\n    {body}\n") == counts


def test_names_of_an_enclosing_function_are_seen() -> None:
    assert _counts("def out():\n    size = pool.size()\n    def inner():\n        asked = size\n") == {"size": 1}


def test_a_global_that_a_function_fills_is_read_where_it_is_bound() -> None:
    assert _counts("def fill():\n    global size\n    size = pool.size()\n    asked = size\n") == {"size": 1}


def test_a_helper_with_two_answers_counts_nothing() -> None:
    assert _counts("def one():\n    if flag:\n        return pool.size()\n    return other\nasked = one()\n") == {
        "other": 1
    }


@pytest.mark.parametrize(
    ("stored", "counts"),
    [
        ("self.size = engine.pool.size()", {"size": 1}),
        ("self.size = None; self.size = engine.pool.size()", {"size": 1}),
        ("self.size = engine.pool.size(); self.size = other", {"other": 1}),
        ("self.bind = engine; self.size = self.bind.pool.size()", {"size": 1}),
        ("self.bind = unknown(); self.bind = other; self.size = self.bind.pool.size()", {"other": 1}),
    ],
)
def test_attributes_of_objects(stored: str, counts: dict[str, float]) -> None:
    made = f"class Stats:\n    def __init__(self, engine):\n        {stored}\n\n"
    code = f"{made}    def show(self):\n        asked = self.size\n"
    assert _counts(f"{code}\nStats(engine)\n") == counts


def test_engines_are_known_by_their_callers_through_methods() -> None:
    code = """
from sqlalchemy.orm import Session
def show(session):
    asked = session.get_bind().pool.size()
show(Session(engine))
"""
    assert _counts(code) == {"size": 1}


def test_the_same_pool_has_the_same_key_and_another_has_not() -> None:
    assert _counts("asked = pool.size() - engine.sync_engine.pool.checkedout()") == {"size": 1, "checkedout": -1}
    assert _counts("spare = create_engine(URL)\nasked = pool.size() - spare.pool.checkedout()") == {"other": 1}


MISTAKES = [
    ("asked = pool.size() - pool.checkedout()", [Mistake.AVAILABLE]),
    ("asked = pool.size() - pool.checkedin()", [Mistake.IN_USE]),
    ("asked = pool.size() - pool.checkedin() + pool.overflow()", []),
    ("asked = pool.checkedin() + pool.overflow()", [Mistake.IDLE_TWICE]),
    ("asked = 2 + (pool.checkedout() + pool.overflow())", [Mistake.TWICE]),
    ("asked = pool.checkedout() + max(0, pool.overflow())", [Mistake.TWICE]),
    ("asked = pool.checkedout() - pool.size()", []),
    ("asked = pool.size() * pool.checkedout()", []),
    ("asked = pool.checkedout() / 4", []),
    ("asked = pool.overflow() / 4", []),
    ("asked = pool.checkedout() / max(pool.size(), 1)", [Mistake.OF_SIZE]),
    ("asked = pool.checkedout() / min(pool.size(), 1)", []),
    ("asked = pool.checkedout() / max(pool.size(), LIMIT)", []),
    ("asked = pool.checkedout() // pool.size()", [Mistake.OF_SIZE]),
    ("asked = pool.checkedout() / pool.size() > 0.5", [Mistake.OF_SIZE]),
    ("asked = pool.checkedout() / pool.size() >= 1.0", []),
    ("asked = pool.checkedout() / pool.size() > LIMIT", [Mistake.OF_SIZE]),
    ("asked = 0.5 < pool.checkedout() / pool.size() < 2", [Mistake.OF_SIZE]),
    ("asked = pool.checkedin() / pool.size()", []),
    ("asked = pool.checkedout() / (pool.checkedin() + pool.checkedout())", [Mistake.OF_OPEN]),
    ("asked = pool.size() + pool.overflow() <= pool.checkedout()", [Mistake.AGAINST_OPEN]),
    ("asked = 0 < pool.checkedout() < pool.size()", []),
    ("asked = 1 if not pool.overflow() else 2", [Mistake.OVERFLOW_TRUTH]),
    ("asked = 1 if flag and pool.overflow() == 0 else 2", [Mistake.OVERFLOW_TRUTH]),
    ("asked = 1 if pool.overflow() == 3 else 2", []),
    ("asked = 1 if pool.checkedout() else 2", []),
    ("asked = 1 if pool.overflow() > 0 else 2", []),
    ("while pool.overflow():\n    asked = 1", [Mistake.OVERFLOW_TRUTH]),
    ("asked = flag", []),
]


@pytest.mark.parametrize(("code", "mistakes"), MISTAKES)
def test_mistakes(code: str, mistakes: list[Mistake]) -> None:
    project = linked(ENGINE + code)
    _, scope = asked(project)
    assert [found.mistake for found in misreadings(Counting(project.reader), scope)] == mistakes


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("free = pool.size() - pool.checkedout()", "free"),
        ("free: int = int(pool.size() - pool.checkedout())", "free"),
        ("stats['free'] = pool.size() - pool.checkedout()", "stats free"),
        ("show({'free': pool.size() - pool.checkedout()})", "free"),
        ("show(**{**flag, 'free': pool.size() - pool.checkedout()})", "free"),
        ("show(free=pool.size() - pool.checkedout())", "free"),
        ("show(f'out, free: {pool.size() - pool.checkedout()}')", " free: "),
        ("show(f'{pool.size() - pool.checkedout()} free')", ""),
        ("gauge.labels(state='free').set(pool.size() - pool.checkedout())", "labels gauge free"),
        ("free = round((pool.size() - pool.checkedout()) * 100 if flag else 0)", "free"),
        ("assert pool.size() - pool.checkedout()", ""),
        ("pool.size() - pool.checkedout()", ""),
    ],
)
def test_labels(code: str, label: str) -> None:
    project = linked(f"{ENGINE}{code}\nasked = 1\n")
    _, scope = asked(project)
    assert [found.label for found in misreadings(Counting(project.reader), scope)] == [label]


@pytest.mark.parametrize(
    ("code", "clipped"),
    [
        ("asked = max(pool.size() - pool.checkedout(), 0)", True),
        ("asked = min(pool.checkedout() / pool.size(), 1.0)", True),
        ("asked = min(pool.checkedout() / pool.size() * 100, 100)", True),
        ("asked = pool.size() - pool.checkedout() if pool.size() > pool.checkedout() else 0", True),
        ("asked = pool.size() - pool.checkedout() if flag > 1 else 0", False),
        ("asked = pool.size() - pool.checkedout() if flag else 0", False),
        ("asked = sum(pool.size() - pool.checkedout(), 0)", False),
        ("asked = show(pool.size() - pool.checkedout())", False),
    ],
)
def test_clipping(code: str, clipped: bool) -> None:
    project = linked(ENGINE + code)
    _, scope = asked(project)
    assert [found.clipped for found in misreadings(Counting(project.reader), scope)] == [clipped]


@pytest.mark.parametrize(
    ("code", "guarded"),
    [
        ("asked = pool.size()", False),
        ("asked = hasattr(pool, 'size')", True),
        ("asked = isinstance(pool, QueuePool)", True),
        ("asked = pool.__class__", True),
        ("if pool_is_there:\n    asked = 1", True),
        ("if flag:\n    asked = 1", False),
        ("try:\n    asked = pool.size()\nexcept AttributeError:\n    asked_not = 1", True),
        ("try:\n    asked = pool.size()\nexcept Exception:\n    pass", True),
        ("try:\n    asked = pool.size()\nexcept Exception:\n    asked_not = 1", False),
        ("try:\n    asked = pool.size()\nexcept:\n    asked_not = 1", False),
    ],
)
def test_guards(code: str, guarded: bool) -> None:
    project = linked("from settings import pool, flag, pool_is_there\n" + code)
    _, scope = asked(project)
    assert is_guarded(scope) is guarded


def _overflow(code: str) -> object:
    project = linked("from sqlalchemy import create_engine, engine_from_config\nfrom settings import X, Y\n" + code)
    made = engines(project, asked(project))
    places = [overflow(project.reader, one) for one in made]
    return [place and getattr(place[0], "value", "an expression") for place in places]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("asked = create_engine(X)", [10]),
        ("asked = create_engine(X, max_overflow=4)", [4]),
        ("asked = create_engine(X, max_overflow=Y)", ["an expression"]),
        ("asked = create_engine(X, **Y)", [None]),
        ("asked = engine_from_config(X)", [None]),
        ("asked = create_engine(X, max_overflow=1) if Y else create_engine(X)", [1, 10]),
        ("asked = X.engine", []),
        ("only = create_engine(X, max_overflow=7)\nasked = X.engine", [7]),
        ("one = create_engine(X)\ntwo = create_engine(Y)\nasked = X.engine", []),
        (
            "from flask_sqlalchemy import SQLAlchemy\nonly = create_engine(X)\ndb = SQLAlchemy()\nasked = db.engine",
            [],
        ),
    ],
)
def test_the_overflow_of_an_engine(code: str, expected: list[object]) -> None:
    assert _overflow(code) == expected


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("asked = create_engine(X, poolclass=NullPool)", "NullPool"),
        ("asked = create_engine(X, poolclass=pool.StaticPool)", "StaticPool"),
        ("asked = create_engine(X, poolclass=QueuePool)", None),
        ("asked = create_engine(X, poolclass=NullPool if Y else QueuePool)", None),
        ("asked = create_engine(X, poolclass=Y.NullPool)", None),
        ("class NullPool(QueuePool): ...\nasked = create_engine(X, poolclass=NullPool)", None),
        ("asked = create_engine(X, **Y)", None),
        ("asked = create_engine(X)", None),
    ],
)
def test_pools_without_counters(code: str, name: str | None) -> None:
    head = "from sqlalchemy import create_engine, pool\nfrom sqlalchemy.pool import NullPool, QueuePool\n"
    project = linked(f"{head}from settings import X, Y\n{code}\n")
    assert counterless(project, asked(project)) == name


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("12", "12"),
        ("0", ""),
        ("-1", ""),
        ("True", ""),
        ("LIMIT", "LIMIT"),
        ("conf.most", "conf.most"),
        ("LIMIT * 2", ""),
    ],
)
def test_a_number_as_code_elsewhere(given: str, code: str) -> None:
    there = f"from settings import LIMIT, conf\nasked = {given}\n"
    project = linked({"there.py": there, "here.py": "from settings import LIMIT, conf\ndef show(): ...\n"})
    assert as_code(project, asked(project), _scope(project, "here.py", "show")) == code


@pytest.mark.parametrize(
    "here",
    [
        "def show(): ...",
        "from other import LIMIT\ndef show(): ...",
        "from settings import LIMIT\ndef show(LIMIT): ...",
        "from settings import LIMIT\ndef show():\n    LIMIT = 1",
        "from settings import LIMIT\ndef show():\n    from other import LIMIT",
    ],
)
def test_a_name_that_means_something_else_here(here: str) -> None:
    project = linked({"there.py": "from settings import LIMIT\nasked = LIMIT\n", "here.py": here + "\n"})
    assert as_code(project, asked(project), _scope(project, "here.py", "show")) == ""


def test_a_name_of_a_class_means_something_else() -> None:
    there = "from settings import LIMIT\nclass Conf:\n    LIMIT = 1\n    asked = LIMIT\n"
    project = linked({"there.py": there, "here.py": "from settings import LIMIT\ndef show(): ...\n"})
    assert as_code(project, asked(project), _scope(project, "here.py", "show")) == ""


def _scope(project: object, module: str, function: str) -> Scope:
    from dbpool_lint.facts.link import Linked

    assert isinstance(project, Linked)
    return next(f for f in project.project.modules[module].all_functions if f.qualname == function)


def test_a_context_is_one_of_the_facts() -> None:
    assert facts.Context.APPLICATION in facts.Context
