"""Small functions that take and return leases on random paths: Hypothesis draws them as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

PRELUDE = """\
import contextlib
from contextlib import aclosing, closing, suppress
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from elsewhere import flag, items, manager, pick, problem, work
engine = create_engine("postgresql://h/d")
aengine = create_async_engine("postgresql+asyncpg://h/d")
"""
HELPERS = """\
def use(x):
    x.execute(1)
def finish(x):
    x.commit()
def shut(x):
    x.close()
def mend(x):
    try:
        x.commit()
    except Exception:
        x.rollback()
        raise
async def ause(x):
    await x.execute(1)
async def afinish(x):
    await x.commit()
async def ashut(x):
    await x.close()
async def amend(x):
    try:
        await x.commit()
    except Exception:
        await x.rollback()
        raise
"""
_CALLS = ("s.execute(1)", "s.execute(1)", "s.commit()", "s.rollback()", "s.close()", "s.close()")
_HELPERS = ("use(s)", "finish(s)", "shut(s)", "mend(s)")
_CONDITIONS = (
    *("a", "not a", "a is None", "a is not None", "b", "not b", "ok", "not ok", "owns", "not owns", "m == 1", "m != 1"),
    *("flag()", "not flag()", "a and b", "a or b", "not (a and b)", "a and flag()", "flag() or b", "b if a else ok"),
    *("s", "not s", "s is None", "s is not None", "s and ok", "not s or a"),
)
_SETTINGS = ("ok = True", "ok = False", "ok = not b", "a = flag()", "a = None", "owns = a is None", "owns = s is None")
_HANDLERS = (
    "except Exception:",
    "except:",
    "except BaseException:",
    "except ValueError:",
    "except (ValueError, OSError):",
)
_SIMPLE = ("call", "call", "call", "call", "work", "work", "take", "none", "setting", "leave", "guard")
_COMPOUND = ("if_", "if_", "try_", "try_", "with_", "while_", "for_", "match")


@dataclass(frozen=True)
class _Place:
    """Where a statement stands."""

    depth: int
    looping: bool = False
    handling: bool = False

    def inside(self, **changes: bool) -> _Place:
        return replace(self, depth=self.depth + 1, **changes)


@dataclass
class _Writer:
    draw: Callable[[st.SearchStrategy[Any]], Any]
    source: str
    asynchronous: bool
    lines: list[str] = field(default_factory=list)

    def one(self, *choices: str) -> str:
        return str(self.draw(st.sampled_from(choices)))

    def maybe(self) -> bool:
        return bool(self.draw(st.booleans()))

    def put(self, place: _Place, text: str) -> None:
        self.lines.append("    " * place.depth + text)

    def block(self, place: _Place, most: int = 3) -> None:
        for _ in range(self.draw(st.integers(1, most))):
            getattr(self, self.one(*_SIMPLE, *(_COMPOUND if place.depth < 4 else ())))(place)

    def waited(self, call: str) -> str:
        return f"await {'a' if call.endswith('(s)') else ''}{call}" if self.asynchronous else call

    def called(self) -> str:
        return self.waited(self.one(*_CALLS, *_HELPERS))

    def call(self, place: _Place) -> None:
        call = self.called()
        other = self.called()
        # assigned, for CPython 3.11 loses the handler of a statement `a and await f()`
        ways = (f"x = a and {call}", f"x = flag() or {call}", f"x = {call} if ok else {other}")
        self.put(place, self.one(call, call, call, *ways))

    def work(self, place: _Place) -> None:
        self.put(
            place,
            self.one(self.waited("work()"), "work()", "assert flag()", f"x = {self.waited('work()')} if a else b"),
        )

    def take(self, place: _Place) -> None:
        self.put(place, f"s = {self.one('', '', 's or ')}{self.source}")

    def none(self, place: _Place) -> None:
        self.put(place, "s = None")

    def setting(self, place: _Place) -> None:
        self.put(place, self.one(*_SETTINGS))

    def guard(self, place: _Place) -> None:
        self.put(place, self.one("if s:", "if s is not None:"))
        self.put(place.inside(), self.called())

    def leave(self, place: _Place) -> None:
        ways = [
            "return",
            f"return {self.waited('work()')}",
            "raise problem()",
            *["break", "continue"] * 2 * place.looping,
        ]
        way = self.one(*ways, *["raise"] * place.handling)
        if self.maybe():
            self.put(place, f"if {self.one(*_CONDITIONS)}:")
            place = place.inside()
        self.put(place, way)

    def if_(self, place: _Place) -> None:
        self.put(place, f"if {self.one(*_CONDITIONS)}:")
        self.block(place.inside())
        if self.maybe():
            self.put(place, f"elif {self.one(*_CONDITIONS)}:")
            self.block(place.inside())
        if self.maybe():
            self.put(place, "else:")
            self.block(place.inside())

    def while_(self, place: _Place) -> None:
        self.put(place, f"while {self.one('True', 'flag()', 'flag() and ok', 'not flag()')}:")
        self.put(place.inside(), "work()")
        self.looped(place)

    def for_(self, place: _Place) -> None:
        self.put(
            place, self.one("for x in items():", "for x in given:", *["async for x in items():"] * self.asynchronous)
        )
        self.looped(place)

    def looped(self, place: _Place) -> None:
        self.block(place.inside(looping=True))
        if self.maybe():
            self.put(place, "else:")
            self.block(place.inside())

    def with_(self, place: _Place) -> None:
        start = len(self.lines)
        self.put(place, self.one(*self.managers()))
        self.block(place.inside())
        if any(line.strip().startswith("s = ") for line in self.lines[start:]):
            # what is closed at the end is what the variable held at the start: nobody writes that
            self.lines[start] = "    " * place.depth + "with manager():"

    def managers(self) -> Iterator[str]:
        begun = ["s.begin()"] * ("Session" in self.source)
        if self.asynchronous:
            yield from (f"async with {item}:" for item in ("s", "s", "aclosing(s)", "manager()", *begun))
        else:
            yield from (f"with {item}:" for item in ("s", "s", "closing(s)", "closing(s), suppress(Exception)", *begun))
        yield from (f"with {item}:" for item in ("manager()", "suppress(Exception)", "suppress(ValueError)"))

    def match(self, place: _Place) -> None:
        self.put(place, "match pick():")
        for pattern in ("case 1:", self.one("case 2:", "case x if a:"), *["case _:"] * self.maybe()):
            self.put(place.inside(), pattern)
            self.block(place.inside().inside(), 2)

    def try_(self, place: _Place) -> None:
        self.put(place, "try:")
        self.block(place.inside())
        handled = self.maybe()
        if handled:
            self.handlers(place)
        if not handled or self.maybe():
            self.put(place, "finally:")
            self.block(place.inside(), 2)

    def handlers(self, place: _Place) -> None:
        heads = [self.one(*_HANDLERS)]
        if "Value" in heads[0] and self.maybe():
            heads.append(self.one(*_HANDLERS[:3]))
        for head in heads:
            self.put(place, head)
            self.block(place.inside(handling=True), 2)
        if self.maybe():
            self.put(place, "else:")
            self.block(place.inside())


@st.composite
def programs(draw: Callable[[st.SearchStrategy[Any]], Any], asynchronous: bool = False) -> str:
    """The text of a function `f(a, b, m, given)` that holds leases in the variable `s`."""
    sources = ("AsyncSession()", "await aengine.connect()") if asynchronous else ("Session()", "engine.connect()")
    writer = _Writer(draw, draw(st.sampled_from(sources)), asynchronous)
    place = _Place(1)
    writer.put(place, f"s = {writer.source if writer.maybe() else None}")
    writer.block(place, 4)
    text = "\n".join(writer.lines)
    setup = [f"    {name} = False" for name in ("ok", "owns") if re.search(rf"\b{name}\b(?! =)", text)]
    return "\n".join([f"{'async ' * asynchronous}def f(a, b, m, given):", *setup, text, ""])
