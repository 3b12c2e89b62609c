"""In which states does a function leave a lease? On its paths, as far as the conditions let them be."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.typestate import conditions
from dbpool_lint.facts.typestate.life import Life
from dbpool_lint.facts.typestate.states import State
from dbpool_lint.facts.typestate.taking import worked_with

_START = """
import sys
import asyncpg
from flask import abort
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.exc import IntegrityError
from somewhere import UNSEEN, flag, work
engine = create_engine("postgresql://h/d")
class Missing(Exception): ...
def fail(reason):
    raise ValueError(reason)
"""


def _life(body: str, head: str) -> Life:
    lines = [f"    {line}" for line in body.strip().split("\n")]
    project = linked("\n".join([_START, head, *lines]))
    lease = next(one for one in worked_with(project.evaluator, function(project, "f")) if one.name == "s")
    life = project.lives.of(lease)
    assert life is not None
    return life


def _said(body: str, head: str = "def f(a, b, n):") -> str:
    """The ways out of the function and the states of the lease there: "end CLOSED, fail HOLDING"."""
    return ", ".join(sorted({f"{one.how} {one.state.name}" for one in _life(body, head).exits}))


_TAKEN = "s = Session()\ns.execute(1)\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s = Session()\ns.close()", "end CLOSED, fail UNTAKEN"),
        # what is decided twice is decided once
        ("if a:\n    s = Session()\nif a:\n    s.close()", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        ("s = None\nif a:\n    s = Session()\nif s:\n    s.close()", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        (
            "s = None\nif a:\n    s = Session()\nif s is not None:\n    s.close()",
            "end CLOSED, end UNTAKEN, fail UNTAKEN",
        ),
        ("s = None\nif a:\n    s = Session()\nif s != None:\n    s.close()", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        (
            "s = None\nif a:\n    s = Session()\nif s is None:\n    return\ns.close()",
            "end CLOSED, end UNTAKEN, fail UNTAKEN",
        ),
        (
            "s = None\nif a:\n    s = Session()\nif not s:\n    return\ns.close()",
            "end CLOSED, end UNTAKEN, fail UNTAKEN",
        ),
        ("if a == b:\n    s = Session()\nif a != b:\n    return\ns.close()", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        (
            "if a in b:\n    s = Session()\nif a not in b:\n    return\ns.close()",
            "end CLOSED, end UNTAKEN, fail UNTAKEN",
        ),
        ("if n == 1:\n    s = Session()\nif n == 1:\n    s.close()", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        ("if a.b.c:\n    s = Session()\nif a.b.c:\n    s.close()", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        ("if a:\n    s = Session()\na = b\nif a:\n    s.close()", "end CLOSED, end OPEN, end UNTAKEN, fail UNTAKEN"),
        (
            "if a.b:\n    s = Session()\na += b\nif a.b:\n    s.close()",
            "end CLOSED, end OPEN, end UNTAKEN, fail UNTAKEN",
        ),
        (
            "if a:\n    s = Session()\nfor a in b:\n    pass\nif a:\n    s.close()",
            "end CLOSED, end OPEN, end UNTAKEN, fail UNTAKEN",
        ),
        (
            "if a < b < n:\n    s = Session()\nif a < b < n:\n    s.close()",
            "end CLOSED, end OPEN, end UNTAKEN, fail UNTAKEN",
        ),
        (
            "if flag():\n    s = Session()\nif flag():\n    s.close()",
            "end CLOSED, end OPEN, end UNTAKEN, fail OPEN, fail UNTAKEN",
        ),
        (
            "if flag() == 1:\n    s = Session()\nif flag() == 1:\n    s.close()",
            "end CLOSED, end OPEN, end UNTAKEN, fail OPEN, fail UNTAKEN",
        ),
        (
            "if flag() is None:\n    s = Session()\nif not flag():\n    s.close()",
            "end CLOSED, end OPEN, end UNTAKEN, fail OPEN, fail UNTAKEN",
        ),
        (
            "done = False\ns = Session()\nif a:\n    done = True\n    s.close()\nif not done:\n    s.close()",
            "end CLOSED, fail UNTAKEN",
        ),
        (
            "owns = a is None\nif owns:\n    s = Session()\nif owns:\n    s.close()",
            "end CLOSED, end UNTAKEN, fail UNTAKEN",
        ),
        ("if a:\n    s = Session()\nwhile a:\n    s.close()\n    return", "end CLOSED, end UNTAKEN, fail UNTAKEN"),
        (
            "s = Session()\nok = True\nwhile n and ok:\n    s.execute(1)",
            "end HOLDING, end OPEN, fail HOLDING, fail UNTAKEN",
        ),
        (
            "s = Session()\nok = False\nif a if b else ok:\n    s.execute(1)",
            "end HOLDING, end OPEN, fail HOLDING, fail UNTAKEN",
        ),
        ("s = Session()\nif True:\n    s.close()", "end CLOSED, fail UNTAKEN"),
        ("s = Session()\nif 0:\n    s.execute(1)", "end OPEN, fail UNTAKEN"),
        ("s = None\ns = s or Session()\nif s:\n    s.close()", "end CLOSED, fail UNTAKEN"),
        # what does not go on
        (_TAKEN + "sys.exit()", "fail HOLDING, fail UNTAKEN"),
        (_TAKEN + "abort(404)", "fail HOLDING, fail UNTAKEN"),
        (_TAKEN + "fail(1)", "fail HOLDING, fail UNTAKEN"),
        (_TAKEN + "raise work", "fail HOLDING, fail UNTAKEN"),
        # what is lost
        (_TAKEN + "s = None", "end UNTAKEN, fail HOLDING, fail UNTAKEN, lost LOST"),
        (_TAKEN + "s = Session()", "end UNTAKEN, fail HOLDING, fail UNTAKEN, lost LOST"),
        (
            "for n in b:\n    s = Session()\n    s.execute(1)",
            "end HOLDING, end UNTAKEN, fail HOLDING, fail UNTAKEN, lost LOST",
        ),
        ("s = Session()\ns.close()\ns = Session()\ns.execute(1)", "end UNTAKEN, fail CLOSED, fail UNTAKEN"),
        # errors
        (
            "s = Session()\ntry:\n    s.commit()\nexcept Exception:\n    s.rollback()\n    raise",
            "end OPEN, fail RELEASED, fail UNTAKEN",
        ),
        ("s = Session()\ns.close()\ns.execute(1)", "end HOLDING, fail HOLDING, fail UNTAKEN"),
    ],
)
def test_how_a_function_leaves_its_session(body: str, expected: str) -> None:
    assert _said(body) == expected


def _whys(body: str, head: str = "def f(a, b, n):") -> list[str]:
    """What the exits that leave the lease holding are put down to: "fail execute since execute"."""
    return sorted(
        f"{one.how} {_name(one.why)} since {_name(one.since)}"
        for one in _life(body, head).exits
        if one.state in (State.HOLDING, State.LOST)
    )


def _name(fact: object) -> str:
    if isinstance(fact, facts.Await):
        return _name(fact.value)
    if isinstance(fact, facts.Call):
        return fact.func.name if isinstance(fact.func, facts.Attr) else getattr(fact.func, "id", "?")
    return type(fact).__name__.replace("NoneType", "nothing")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s = Session()\ns.execute(1)", ["end nothing since execute", "fail execute since execute"]),
        ("s = engine.connect()\nreturn", ["end Return since connect"]),
        ("s = engine.connect()\nraise a", ["fail Raise since connect"]),
        ("s = engine.connect()\nassert a", ["end nothing since connect", "fail Assert since connect"]),
        ("s = engine.connect()\ns = None", ["lost Assign since connect"]),
        (
            "s = engine.connect()\ntry:\n    work()\nexcept:\n    raise",
            ["end nothing since connect", "fail work since connect"],
        ),
        (
            "s = engine.connect()\ntry:\n    work()\nexcept Exception:\n    return\ns.close()",
            ["end Return since connect"],
        ),
        (
            "s = engine.connect()\ntry:\n    work()\n    s.close()\nexcept Exception:\n    pass",
            ["end work since connect"],
        ),
    ],
)
def test_what_an_exit_is_put_down_to(body: str, expected: list[str]) -> None:
    assert _whys(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("await work()\ns.close()", ["cancel work since connect", "fail work since connect"]),
        (
            "try:\n    await work()\nexcept Exception:\n    s.close()\n    raise\ns.close()",
            ["cancel work since connect"],
        ),
        ("try:\n    await work()\nexcept BaseException:\n    s.close()\n    raise\ns.close()", []),
        ("async with a:\n    pass\ns.close()", ["cancel Entered since connect"]),
        ("async with s:\n    pass", []),
        ("async for n in b:\n    pass\ns.close()", ["cancel For since connect", "fail For since connect"]),
        ("await a\ns.close()", ["cancel Name since connect", "fail Name since connect"]),
    ],
)
def test_a_cancelled_task_leaves_where_it_waits(body: str, expected: list[str]) -> None:
    assert _whys(f"s = engine.connect()\n{body}", "async def f(a, b, n):") == expected


def _swallowed(body: str, head: str = "def f(s: Session):") -> list[str]:
    life = _life(body, head)
    on = [f"{_name(one.failed)} then {_name(one.then)}" for one in life.swallowed]
    return on + [f"{_name(one.failed)} at the end" for one in life.left_broken]


_FAILING = "try:\n    s.execute(1)\nexcept Exception:\n    "


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_FAILING + "pass\ns.commit()", ["execute then commit"]),
        (_FAILING + "pass", ["execute at the end"]),
        (_FAILING + "raise", []),
        (_FAILING + "s.rollback()\ns.commit()", []),
        (_FAILING + "s.close()\ns.commit()", []),
        (_FAILING + "s = Session()\ns.commit()", []),
        ("try:\n    with s.begin_nested():\n        s.execute(1)\nexcept Exception:\n    pass\ns.commit()", []),
        ("try:\n    work()\nexcept Exception:\n    pass\ns.commit()", []),
        ("try:\n    s.execute(1)\nexcept KeyError:\n    pass\ns.commit()", []),
        ("try:\n    s.execute(1)\nexcept IntegrityError:\n    pass\ns.commit()", ["execute then commit"]),
        ("try:\n    s.execute(1)\nexcept (KeyError, work.Error):\n    pass\ns.commit()", []),
        ("try:\n    s.execute(1)\nexcept Missing:\n    pass\ns.commit()", []),
        ("try:\n    s.execute(1)\nexcept asyncpg.PostgresError:\n    pass\ns.commit()", []),
        ("try:\n    s.execute(1)\nexcept work():\n    pass\ns.commit()", []),
        (
            "with s.begin():\n    try:\n        s.execute(1)\n    except IntegrityError:\n        pass",
            ["execute then Entered"],
        ),
    ],
)
def test_errors_that_are_swallowed_are_told_with_what_goes_on(body: str, expected: list[str]) -> None:
    assert _swallowed(body) == expected


def test_a_life_tells_what_a_step_finds() -> None:
    life = _life("s = Session()\nif a:\n    s.execute(1)\nreturn s.add(1)\ns.flush()", "def f(a):")
    add, flush = (
        next(f for f in life.lease.function.body if isinstance(f, facts.Call) and _name(f) == name)
        for name in ("add", "flush")
    )
    assert life.states(add) == {State.OPEN, State.HOLDING}
    assert life.states(flush) == frozenset()
    assert life.works_itself
    assert life.has("works", "closes")
    assert not life.has("closes")


def test_no_more_conditions_are_kept_apart_than_can_be_followed() -> None:
    tests = "".join(f"    if a{n}:\n        s.close()\n    if a{n}:\n        s.execute(1)\n" for n in range(20))
    here = function(linked(f"{_START}def f(s):\n{tests}"), "f")
    assert len(conditions.relevant(here.node, "s", ())) == 9


def test_a_function_with_too_many_ways_is_not_judged() -> None:
    tests = "".join(f"    if a{n}:\n        s.execute({n})\n    if a{n}:\n        s.commit()\n" for n in range(8))
    more = "".join(f"    if b{n}:\n        s.add({n})\n" for n in range(200))
    project = linked(f"{_START}def f(a0):\n    s = Session()\n{tests}{more}")
    (lease,) = worked_with(project.evaluator, function(project, "f"))
    assert project.lives.of(lease) is None
