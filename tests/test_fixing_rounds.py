"""Do rewritings of several places in one file get along, round by round?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

from fixing_sites import site_of, spot_of

from dbpool_lint.fixing.apply import Outcome, rounds
from dbpool_lint.fixing.recipes import AwaitCall, HoistToModule, Recipe, Spot, WrapInWith
from dbpool_lint.fixing.rewrite import Site, rewrite
from dbpool_lint.model import Finding, Fix, Result, Safety, Severity, Span

Wishes = Mapping[str, Callable[[Spot], Recipe]]

HEAD = "import time\n\nfrom sa import create\n\n\n"


def findings(site: Site, wishes: Wishes) -> Iterator[Finding]:
    for code, make in wishes.items():
        for number in count():
            spot = spot_of(site, code, skip=number)
            if spot is None:
                break
            edits = rewrite(make(spot), site)
            if edits:
                fix = Fix(Safety.SAFE, "mend", edits)
                yield Finding(code, code, Severity.ERROR, "wrong", "app.py", Span(spot.statement + 1, 1, 1, 1), fix)


def settled(text: str, wishes: Wishes) -> tuple[str, int]:
    """The text when no fix is left, and after how many rounds."""

    def lint(overlay: Mapping[str, str]) -> Result:
        site = site_of(overlay.get("app.py", text))
        return Result(Path(), tuple(findings(site, wishes)), texts={"app.py": site.source})

    outcome: Outcome = rounds(lint, unsafe=False)
    assert outcome.problems == ()
    return outcome.changed["app.py"][1], outcome.rounds


def test_the_same_pool_in_many_functions_becomes_one_in_one_round() -> None:
    functions = [f"def f{n}():\n    {{}}\n    return engine.connect()\n" for n in range(12)]
    text = HEAD + "\n\n".join(function.format("engine = create(1)") for function in functions)
    expected = HEAD + "engine = create(1)\n\n\n" + "\n\n".join(f.replace("    {}\n", "") for f in functions)
    assert settled(text, {"create(": HoistToModule}) == (expected, 1)


def test_pools_of_one_name_that_differ_stay_apart() -> None:
    text = (
        HEAD + "def f():\n    engine = create(1)\n    x(engine)\n\n\ndef g():\n    engine = create(2)\n    x(engine)\n"
    )
    assert settled(text, {"create(": HoistToModule}) == (
        HEAD + "engine = create(1)\n\n\ndef f():\n    x(engine)\n\n\n"
        "_engine = create(2)\n\n\ndef g():\n    x(_engine)\n",
        2,
    )


def test_a_third_pool_without_a_name_left_stays_where_it_is() -> None:
    text = HEAD + "".join(f"def f{n}():\n    engine = create({n})\n    x(engine)\n\n\n" for n in range(3))
    new, _ = settled(text, {"create(": HoistToModule})
    assert new.count("\n    engine = create(") == 1


def test_leases_taken_after_each_other_are_nested() -> None:
    text = "def f():\n    a = A()\n    b = B()\n    x(a, b)\n    y(a)\n"
    wishes: Wishes = {
        "A(": lambda spot: WrapInWith(spot, "a", asynchronous=False),
        "B(": lambda spot: WrapInWith(spot, "b", asynchronous=False),
    }
    assert settled(text, wishes) == (
        "def f():\n    with A() as a:\n        with B() as b:\n            x(a, b)\n        y(a)\n",
        2,
    )


def test_a_pool_its_lease_and_a_sleep_in_one_function() -> None:
    text = (
        HEAD + "async def f():\n    engine = create(1)\n    s = Session(engine)\n    try:\n        time.sleep(1)\n"
        "        return s.get()\n    finally:\n        engine.dispose()\n"
    )
    wishes: Wishes = {
        "create(": HoistToModule,
        "Session(": lambda spot: WrapInWith(spot, "s", asynchronous=False),
        "time.sleep(": lambda spot: AwaitCall(spot, "asyncio", "sleep"),
    }
    new, _ = settled(text, wishes)
    assert new == (
        "import asyncio\n" + HEAD + "engine = create(1)\n\n\nasync def f():\n    with Session(engine) as s:\n"
        "        await asyncio.sleep(1)\n        return s.get()\n"
    )


def test_many_sleeps_share_one_import_in_one_round() -> None:
    text = HEAD + "".join(f"async def f{n}():\n    time.sleep({n})\n\n\n" for n in range(5))
    new, number = settled(text, {"time.sleep(": lambda spot: AwaitCall(spot, "asyncio", "sleep")})
    assert (new, number) == ("import asyncio\n" + text.replace("time.sleep", "await asyncio.sleep"), 1)
