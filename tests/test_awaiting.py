"""Are the calls found that configured a session, and nothing where it may be another?"""

from __future__ import annotations

import pytest
from linking import asked, linked

from dbpool_lint.facts.awaiting.makers import Tracing, expires

HEAD = """
    import contextlib
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/library")
    expiring = async_sessionmaker(engine)
    keeping = async_sessionmaker(engine, expire_on_commit=False)
"""


def made(code: str) -> list[bool] | None:
    """Whether each of the calls that may have configured `asked` lets commits expire; None where it is not known."""
    project = linked(HEAD + code)
    tracing = Tracing(project.reader)
    found = tracing.of(*asked(project))
    assert tracing.of(*asked(project)) == found
    return sorted(expires(project.reader, one) for one in found.values()) if found is not None else None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("expiring()", [True]),
        ("keeping()", [False]),
        ("expiring() if engine else keeping()", [False, True]),
        ("keeping() or expiring()", [False, True]),
        ("(new := expiring())", [True]),
        ("AsyncSession(engine)", [True]),
        ("AsyncSession(engine, expire_on_commit=False)", [False]),
        ("AsyncSession(engine, sync_session_class=engine)", [False]),
        ("expiring.begin()", [True]),
        ("keeping(expire_on_commit=True)", [True]),
        ("contextlib.aclosing(expiring())", [True]),
        ("None", []),
        ("1", None),
        ("[expiring()]", None),
        ("unknown()", None),
        ("unknown.begin()", None),
        ("print(expiring())", None),
        ("engine.session", None),
        ("expiring() or unknown()", None),
    ],
)
def test_what_an_expression_is_made_by(expression: str, expected: list[bool] | None) -> None:
    assert made(f"    asked = {expression}\n") == expected


def test_functions_that_call_each_other_come_to_an_end() -> None:
    code = """
    def one(deep):
        return two(deep) if deep else expiring()

    def two(deep):
        return (one(deep), one)[0] if not deep else one(deep - 1)

    def three():
        return four() or expiring()

    def four():
        return three() or three()

    asked = three()
    """
    assert made(code) == [True]


def test_a_way_that_cannot_be_followed_spoils_the_answer() -> None:
    code = """
    def one():
        return two() or expiring()

    def two():
        return [one()][0]

    asked = one()
    """
    assert made(code) is None


def test_a_long_way_is_left() -> None:
    chain = "".join(f"    def f{n}():\n        return f{n + 1}()\n" for n in range(40))
    assert made(f"{chain}    def f40():\n        return expiring()\n    asked = f0()\n") is None


@pytest.mark.parametrize(
    ("signature", "call", "expected"),
    [
        ("session", "run(expiring())", [True]),
        ("session=None", "run()", []),
        ("*session", "run(expiring())", None),
        ("session", "run(*[expiring()])", None),
        ("session", "run(unknown)", None),
        ("session", "engine", None),
        ("session", "contextlib.partial(run, expiring())", None),
    ],
)
def test_a_parameter_is_what_callers_give(signature: str, call: str, expected: list[bool] | None) -> None:
    assert made(f"    def run({signature}):\n        asked = session\n\n    {call}\n") == expected


def test_an_object_is_not_its_session() -> None:
    code = """
    class Unit:
        def __init__(self, session):
            self.session = session
            asked = self

    Unit(expiring())
    """
    assert made(code) is None


@pytest.mark.parametrize(("given", "expected"), [("expiring()", [True]), ("unknown", None)])
def test_an_attribute_is_what_is_stored_there(given: str, expected: list[bool] | None) -> None:
    code = f"""
    class Unit:
        def __init__(self, session):
            self.session = session

    unit = Unit({given})
    asked = unit.session
    """
    assert made(code) == expected


def test_a_dependency_that_cannot_be_followed_spoils_the_answer() -> None:
    code = """
    from fastapi import Depends

    async def lend():
        yield unknown()

    async def route(session: AsyncSession = Depends(lend)):
        asked = session
    """
    assert made(code) is None


def test_a_name_that_is_unpacked_is_not_known() -> None:
    assert made("    session, other = expiring.pair()\n    asked = session\n") is None
