"""Do leases end as the graph says? Random functions are run on all their paths, and analysed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from lifetimes import HELPERS, PRELUDE, programs
from linking import function, linked
from running import Ending, Trial, places

from dbpool_lint.facts.typestate.taking import taken

_MOST = 2000
"""Paths that are tried to see an ending that is told."""

_SMALL = 12
"""Lines of a function; in a longer one with loops there may be endings that no path tried shows."""


def _said(program: str) -> dict[int, set[Ending]]:
    """By the line that takes a lease, the endings that the analysis tells."""
    project = linked(f"{PRELUDE}{HELPERS}{program}")
    leases = list(taken(project.evaluator, function(project, "f")))
    found: dict[int, set[Ending]] = {}
    for place, lease in zip(places(program), leases, strict=True):
        life = project.lives.of(lease)
        assert life is not None
        found[place] = {Ending(one.how, one.state) for one in life.exits}
    return found


def check(program: str) -> None:
    """Every ending that is seen is told, and every one that is told can be seen."""
    said, trial = _said(program), Trial(program)
    trial.run(_MOST, lambda: all(said[place] <= trial.found[place] for place in said))
    small = program.count("\n") < _SMALL
    for place, endings in said.items():
        line, seen = program.splitlines()[place - PRELUDE.count("\n") - 1].strip(), trial.found[place]
        assert seen <= endings, f"not said of {line!r}: {_told(seen - endings)}\n{program}"
        if trial.whole or small:
            assert endings <= seen, f"not seen of {line!r}: {_told(endings - seen)}\n{program}"


def _told(endings: set[Ending]) -> str:
    return ", ".join(sorted(f"{one.how} {one.state.name}" for one in endings))


_FOUND = [
    """
    s = Session()
    with closing(s):
        s.execute(1)
""",
    """
    s = Session()
    s.close()
    s = Session()
    s.execute(1)
""",
    """
    ok = False
    s = Session()
    while flag() and ok:
        work()
        s.execute(1)
""",
    """
    s = None
    try:
        s = Session()
    finally:
        s = s or Session()
""",
    """
    s = None
    try:
        work()
    finally:
        s = s or Session()
    s = s or Session()
""",
    """
    ok = False
    s = Session()
    if not a:
        if b if a else ok:
            return work()
""",
    """
    s = Session()
    while True:
        work()
        if a:
            s.execute(1)
        elif b:
            return
""",
    """
    s = Session()
    with s.begin():
        s.execute(1)
""",
    """
    s = Session()
    with s:
        s.execute(1)
    use(s)
""",
    """
    s = Session()
    s.close()
    finish(s)
""",
    """
    s = Session()
    match pick():
        case 1:
            return
        case x if a:
            s = None
    x = a and s.execute(1)
""",
    """
    s = engine.connect()
    with suppress(Exception):
        work()
        s.close()
""",
    """
    s = engine.connect()
    try:
        work()
    except Exception:
        s.close()
        return
    except BaseException:
        return
    s.close()
""",
]
"""Bodies of which the analysis once said something else than what happens."""

_FOUND_AWAITED = [
    """
    s = AsyncSession()
    await s.commit()
""",
    """
    s = await aengine.connect()
    try:
        try:
            await work()
        except BaseException:
            raise
    except Exception:
        pass
    await s.close()
""",
    """
    s = await aengine.connect()
    with suppress(Exception):
        await work()
    await s.close()
""",
    """
    s = AsyncSession()
    try:
        await s.execute(1)
    finally:
        async with aclosing(s):
            await work()
""",
    """
    s = await aengine.connect()
    async with manager():
        pass
    await s.close()
""",
    """
    s = AsyncSession()
    async with s.begin():
        await s.execute(1)
""",
    """
    s = AsyncSession()
    try:
        if a:
            await amend(s)
    except Exception:
        s = None
""",
    """
    s = await aengine.connect()
    try:
        work()
    except Exception:
        try:
            await work()
        finally:
            raise
""",
]


@pytest.mark.parametrize("body", _FOUND)
def test_what_once_ended_otherwise_than_was_said(body: str) -> None:
    check(f"def f(a, b, m, given):{body}")


@pytest.mark.parametrize("body", _FOUND_AWAITED)
def test_what_once_was_cancelled_otherwise_than_was_said(body: str) -> None:
    check(f"async def f(a, b, m, given):{body}")


_TRIES = settings(max_examples=max(200, settings().max_examples))


@_TRIES
@given(programs())
def test_sessions_and_connections_end_as_is_said(program: str) -> None:
    check(program)


@_TRIES
@given(programs(asynchronous=True))
def test_awaited_leases_end_as_is_said(program: str) -> None:
    check(program)
