"""Does a handler roll back before it does anything else, and keep the rest as it was?"""

from __future__ import annotations

import ast
import textwrap

import libcst as cst
import pytest
from fixing_sites import fixed, site_of, spot_of
from hypothesis import given
from hypothesis import strategies as st
from trial import comments

from dbpool_lint.fixing.recipes import Recipe, RollbackFirst, Spot
from dbpool_lint.fixing.rewrite import rewrite


def rolling(spot: Spot) -> Recipe:
    return RollbackFirst(spot, "s.rollback()")


def waiting(spot: Spot) -> Recipe:
    return RollbackFirst(spot, "await s.rollback()")


def handled(handler: str, head: str = "def f(s):") -> str:
    return f"{head}\n    try:\n        s.a()\n{textwrap.indent(handler, '    ')}\n    return 1\n"


def rolled(text: str) -> str | None:
    return fixed(text, rolling, "except", cst.ExceptHandler)


# ---- refused


def test_what_is_no_handler_is_refused() -> None:
    assert fixed(handled("except E:\n    pass"), rolling, "s.a()") is None


def test_a_rollback_that_is_first_already_is_left() -> None:
    assert rolled(handled("except E:\n    # why\n    s.rollback()  # this\n    raise")) is None
    assert rolled(handled("except E: s.rollback(); raise")) is None


@pytest.mark.parametrize(
    "head", ["def f(s):", "async def g():\n  def f(s):", "async def g(f=lambda s: 1):\n  def f(s):"]
)
def test_nothing_can_wait_outside_of_an_async_function(head: str) -> None:
    assert fixed(handled("except E:\n    pass", head), waiting, "except", cst.ExceptHandler) is None


def test_nothing_can_wait_in_a_module() -> None:
    assert fixed("try:\n    s.a()\nexcept E:\n    pass\n", waiting, "except", cst.ExceptHandler) is None


# ---- written


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("except E:\n    log()", "except E:\n    s.rollback()\n    log()"),
        ("except E:  # a\n\n    # b\n    log()", "except E:  # a\n    s.rollback()\n\n    # b\n    log()"),
        ("except (A,\n  B) as e:\n    raise", "except (A,\n  B) as e:\n    s.rollback()\n    raise"),
        ("except:\n    if x:\n        raise", "except:\n    s.rollback()\n    if x:\n        raise"),
        ("except E:\n    @x\n    def g(): pass", "except E:\n    s.rollback()\n    @x\n    def g(): pass"),
        ("except E:\n    a(); b()", "except E:\n    s.rollback()\n    a(); b()"),
        ("except E:\n    s.close()\n    s.rollback()", "except E:\n    s.rollback()\n    s.close()\n    s.rollback()"),
        ("except E:\n    'why'\n    log()", "except E:\n    s.rollback()\n    'why'\n    log()"),
        ("except E:\n    pass", "except E:\n    s.rollback()"),
        ("except E:\n    # a\n    pass  # b\n    # c", "except E:\n    # a\n    s.rollback()  # b\n    # c"),
        ("except E:\n    ...", "except E:\n    s.rollback()"),
        ("except E:\n    '''one\ntwo'''", "except E:\n    s.rollback()"),
        ("except E: pass", "except E:\n    s.rollback()"),
        ("except E: pass;", "except E:\n    s.rollback()"),
        ("except E: pass  # why", "except E:  # why\n    s.rollback()"),
        ("except E:\\\n  pass", "except E:\n    s.rollback()"),
        ("except E: log(); raise  # why", "except E:\n    s.rollback()\n    log(); raise  # why"),
        ("except E: log(1,\n 2)", "except E:\n    s.rollback()\n    log(1,\n 2)"),
        ("except E: 'why'; log()", "except E:\n    s.rollback()\n    'why'; log()"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t"])
def test_it_is_the_first_statement(handler: str, expected: str, unit: str, end: str) -> None:
    before, after = (handled(h).replace("    ", unit).replace("\n", end) for h in (handler, expected))
    assert rolled(before) == after
    assert rolled(after) is None


def test_it_is_awaited_where_the_function_is_async() -> None:
    text = handled("except E:\n    pass", "async def f(s):")
    assert fixed(text, waiting, "except", cst.ExceptHandler) == text.replace("pass", "await s.rollback()")


def test_a_try_on_one_line_is_no_trap() -> None:
    text = "def f(s):\n  try: s.a()\n  except E: pass\n  else: s.b()\n"
    assert rolled(text) == "def f(s):\n  try: s.a()\n  except E:\n    s.rollback()\n  else: s.b()\n"


def test_a_last_line_without_an_end_is_no_trap() -> None:
    assert rolled("try:\n  s.a()\nexcept E: log()") == "try:\n  s.a()\nexcept E:\n  s.rollback()\n  log()"


def test_groups_of_exceptions_are_handled_too() -> None:
    site = site_of("try:\n    s.a()\nexcept* E:\n    pass\n")
    spot = spot_of(site, "except*", cst.ExceptStarHandler)
    assert spot
    (edit,) = rewrite(rolling(spot), site) or ()
    assert edit.text == "s.rollback()"


LINES = ["log()  # log", "a(); b()", "raise", "# alone", "", "if x:\n        raise  # up", "x = '''\n  1\n'''", "pass"]


@given(st.lists(st.sampled_from(LINES), max_size=4), st.sampled_from(["", "  # head"]), st.sampled_from(["\n", "\r\n"]))
def test_nothing_else_changes(lines: list[str], comment: str, end: str) -> None:
    body = "".join(f"    {line}\n" if line else "\n" for line in [*lines, "return x"])
    text = f"def f(x):\n  try:\n    s.a()\n  except E:{comment}\n{body}".replace("\n", end)
    new = rolled(text)
    assert new is not None
    assert comments(new) == comments(text)
    first, *rest = ast.unparse(ast.parse(new).body[0].body[0].handlers[0]).splitlines()[1:]  # type: ignore[attr-defined]
    assert first.strip() == "s.rollback()"
    assert rest == ast.unparse(ast.parse(text).body[0].body[0].handlers[0]).splitlines()[1:]  # type: ignore[attr-defined]
