"""Is a forgotten `await` put where it belongs, and refused where it cannot stand?"""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest
from fixing_sites import fixed, site_of, spot_of
from trial import applied

from dbpool_lint.fixing.recipes import PutAwait
from dbpool_lint.fixing.rewrite import rewrite


def inside(*lines: str) -> str:
    return "async def f(s, x):\n" + textwrap.indent("\n".join(lines) + "\n", "    ")


def code_in(text: str) -> str:
    """The call itself, not the chain that begins with it."""
    return next((code for code in ("s.run()", "s.run(1)") if code in text), "s.run(")


def put(text: str) -> str | None:
    return fixed(text, PutAwait, code_in(text))


def moved(text: str) -> str | None:
    site = site_of(text)
    call, waits = spot_of(site, code_in(text)), spot_of(site, "await", cst.Await)
    assert call is not None
    assert waits is not None
    edits = rewrite(PutAwait(call, waits), site)
    return applied(text, edits) if edits is not None else None


@pytest.mark.parametrize(
    "text",
    [
        "s.run()\n",
        "def f(s):\n    s.run()\n",
        inside("return lambda: s.run()"),
        inside("return (y for z in x for y in s.run())"),
        inside("await s.run()"),
        inside("class A:", "    a = s.run()"),
        inside('print(f"{s.run()}")'),
    ],
)
def test_where_no_await_can_stand_or_one_stands_nothing_is_put(text: str) -> None:
    assert put(text) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("s.run()", "await s.run()"),
        ("x = s.run(1)", "x = await s.run(1)"),
        ("if not s.run():\n    pass", "if not await s.run():\n    pass"),
        ("return s.run().all()", "return (await s.run()).all()"),
        ("return s.run()[0]", "return (await s.run())[0]"),
        ("return s.run()()", "return (await s.run())()"),
        ("return (s.run()).all()", "return (await s.run()).all()"),
        ("return s.run() > 1", "return await s.run() > 1"),
        ("return len(s.run())", "return len(await s.run())"),
        ("return [y for y in s.run()]", "return [y for y in await s.run()]"),
        ("s.run(  # why\n    1\n)", "await s.run(  # why\n    1\n)"),
    ],
)
def test_the_coroutine_is_awaited(before: str, after: str) -> None:
    assert put(inside(*before.split("\n"))) == inside(*after.split("\n"))


def test_a_keyword_that_stands_close_keeps_its_distance() -> None:
    text = inside("return not(s or x).run()")
    assert fixed(text, PutAwait, "(s or x).run(") == inside("return not await (s or x).run()")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return await s.run().all()", "return (await s.run()).all()"),
        ("return (await s.run().all()).x", "return ((await s.run()).all()).x"),
        ("return await s.run(1)[0].all()", "return (await s.run(1))[0].all()"),
    ],
)
def test_an_await_of_the_whole_chain_moves_to_its_beginning(before: str, after: str) -> None:
    assert moved(inside(before)) == inside(after)


@pytest.mark.parametrize(
    "line", ["return await (s.run()).all()", "return await x(s.run().all())", "return await (s.run().all())"]
)
def test_an_await_that_stands_elsewhere_does_not_move(line: str) -> None:
    assert moved(inside(line)) is None


def test_what_is_no_await_does_not_move() -> None:
    site = site_of(inside("return s.run().all()"))
    call = spot_of(site, "s.run()")
    assert call is not None
    assert rewrite(PutAwait(call, call), site) is None
