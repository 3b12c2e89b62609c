"""Does another expression mean, where it is put, what it means by itself?"""

from __future__ import annotations

import libcst as cst
import pytest
from fixing_sites import fixed

from dbpool_lint.fixing.recipes import Recipe, ReplaceExpression, ReplaceValue, Spot

AVAILABLE = "pool.size() - pool.checkedout()"


def put(
    text: str, code: str, old: str = "old()", kind: type[cst.CSTNode] = cst.Call, *pairs: tuple[str, str]
) -> str | None:
    def make(spot: Spot) -> Recipe:
        return ReplaceExpression(spot, code, pairs)

    return fixed(text, make, old, kind)


# ---- refused


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = old()\n", "old()"),  # there already
        ("x = f'{old()}'\n", "1"),
        ("x = f(  # why\n  old(\n  # inside\n))\n", "1"),
        ("x = old()\n", "a ="),
        ("@old()\ndef f(): pass\n", "1 +"),
    ],
)
def test_what_would_change_more_or_nothing_is_left(text: str, code: str) -> None:
    assert put(text, code, "old()" if "old()" in text else "old(") is None


def test_only_an_expression_gives_way() -> None:
    assert put("x = 1\n", "2", "x = 1", cst.Assign) is None


# ---- replaced


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("x = old()\n", "a - b", "x = a - b\n"),
        ("x = (old())\n", "a - b", "x = (a - b)\n"),
        ("x = 2 * old()\n", "a - b", "x = 2 * (a - b)\n"),
        ("x = 2 + old()\n", "a * b", "x = 2 + a * b\n"),
        ("x = 2 - old()\n", "a - b", "x = 2 - (a - b)\n"),
        ("x = old() - 2\n", "a - b", "x = a - b - 2\n"),
        ("x = (old()) * 2\n", "a - b", "x = (a - b) * 2\n"),
        ("x = old() ** 2\n", "-a", "x = (-a) ** 2\n"),
        ("x = old().y\n", "a or b", "x = (a or b).y\n"),
        ("x = old().y\n", "1", "x = (1).y\n"),
        ("x = old().y\n", "a.b[1]()", "x = a.b[1]().y\n"),
        ("x = not old()\n", "a or b", "x = not (a or b)\n"),
        ("x = not old()\n", "a == b", "x = not a == b\n"),
        ("x = a < old()\n", "b < c", "x = a < (b < c)\n"),
        ("f(old(), *old())\n", "a if b else c", "f(a if b else c, *old())\n"),
        ("x = {**old()}\n", "a or b", "x = {**(a or b)}\n"),
        ("x = [old() for _ in y]\n", "a, b", "x = [(a, b) for _ in y]\n"),
        ("f(old())\n", "a, b", "f((a, b))\n"),
        ("x = old()\n", "a, b", "x = a, b\n"),
        ("f(old())\n", "a := b", "f(a := b)\n"),
        ("x = old()\n", "a := b", "x = (a := b)\n"),
        ("x = a if old() else b\n", "lambda: 1", "x = a if (lambda: 1) else b\n"),
        ("x = y()if old()else 2\n", "a", "x = y()if (a)else 2\n"),
        ("async def f():\n    return await old()\n", "a()", "async def f():\n    return await a()\n"),
        ("async def f():\n    return (old()).x\n", "await a", "async def f():\n    return (await a).x\n"),
        ("async def f():\n    return old().x\n", "await a", "async def f():\n    return (await a).x\n"),
        ("with old() as x: pass\n", "a, b", "with (a, b) as x: pass\n"),
        ("@old()\ndef f(): pass\n", "a", "@a\ndef f(): pass\n"),
        ("x = f(\n\told(), # why\n)\n", "a - b", "x = f(\n\ta - b, # why\n)\n"),
        ("x = old(\n    1,\n)\r\n", "a", "x = a\r\n"),
    ],
)
def test_parentheses_stand_only_where_the_meaning_needs_them(text: str, code: str, expected: str) -> None:
    found = put(text, code, "old()" if "old()" in text else "old(")
    assert found == expected


def test_a_formula_gives_way_to_another() -> None:
    text = "def stats(pool):\n    return {'available': pool.size() - pool.checkedout(), 'x': 1}\n"
    expected = text.replace(AVAILABLE, "pool.checkedin()")
    assert put(text, "pool.checkedin()", AVAILABLE, cst.BinaryOperation) == expected


def test_a_value_is_an_expression_too() -> None:
    assert fixed("x = 1 + y\n", lambda spot: ReplaceValue(spot, "a or b"), "1", cst.Integer) == "x = (a or b) + y\n"


# ---- with names of other modules


@pytest.mark.parametrize(
    ("head", "expected", "code"),
    [
        ("", "from sqlalchemy.pool import NullPool\n\n", "NullPool"),
        ("from sqlalchemy.pool import NullPool\n", "", "NullPool"),
        ("from sqlalchemy.pool import NullPool as N\n", "", "N"),
        ("from sqlalchemy import pool\n", "", "pool.NullPool"),
        ("from sqlalchemy import pool as p\n", "", "p.NullPool"),
        ("import sqlalchemy as sa\n", "", "sa.pool.NullPool"),
        ("import sqlalchemy.orm\n", "", "sqlalchemy.pool.NullPool"),
        ("import sqlalchemy.pool as pools\n", "", "pools.NullPool"),
    ],
)
def test_names_are_spelled_as_the_file_reaches_them(head: str, expected: str, code: str) -> None:
    text = "def f(x):\n    return x(old())\n"
    new = put(head + text, "NullPool or NullPool.x", "old()", cst.Call, ("sqlalchemy.pool", "NullPool"))
    assert new == head + expected + text.replace("old()", f"{code} or {code}.x")


def test_only_variables_are_spelled_otherwise() -> None:
    new = put("import m\nold()\n", "x(x=x, y=a.x, z='x')", "old()", cst.Call, ("m", "x"))
    assert new == "import m\nm.x(x=m.x, y=a.x, z='x')\n"


def test_two_names_that_are_the_same_are_refused() -> None:
    assert put("old()\n", "x", "old()", cst.Call, ("m", "x"), ("n", "x")) is None


def test_no_import_is_added_for_what_is_there_already() -> None:
    assert put("x = NullPool\n", "NullPool", "NullPool", cst.Name, ("sqlalchemy.pool", "NullPool")) is None
