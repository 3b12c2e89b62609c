"""What becomes of the leases of a function when it runs? On every path within a bound, with a pool that is made up.

Every call that may raise raises or not, every `flag()` is true or not, every `await` is cancelled or not. What is
called on a variable that holds nothing does nothing: that such code fails is not what is asked here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

from lifetimes import HELPERS, PRELUDE

from dbpool_lint.facts.typestate.states import State

MOST_STEPS = 60
"""Decisions on one path; a longer one is not followed to its end."""

FIRST = 300
"""Paths that are followed in any case."""


class Ending(NamedTuple):
    """How a path left the function (end, fail, cancel; lost in passing), and in which state a lease then was."""

    how: str
    state: State


class _Path:
    """Decides what happens on one path: as `plan` says, then what is first at each place."""

    def __init__(self, errors: int) -> None:
        self.errors = errors
        self.follow(())

    def follow(self, plan: tuple[int, ...] | int) -> None:
        """Starts anew; a number stands for a path at random."""
        self.plan = plan
        self.most = MOST_STEPS
        self.widths: list[int] = []
        self.random = random.Random(plan if isinstance(plan, int) else 0)
        self.leases: list[_Lease] = []
        self.frame: FrameType | None = None

    @property
    def over(self) -> bool:
        return len(self.widths) > self.most

    def choose(self, width: int, rarely: bool = False) -> int:
        if self.over:
            return 0
        number = len(self.widths)
        self.widths.append(width)
        if isinstance(self.plan, int):
            return 0 if rarely and self.random.random() < 0.9 else self.random.randrange(width)
        return self.plan[number] if number < len(self.plan) else 0

    def work(self, *_: object) -> _Pause:
        """Raises or not."""
        if chosen := self.choose(1 + self.errors, rarely=True):
            raise (KeyError, ValueError)[chosen - 1]
        return _Pause()

    def flag(self) -> bool:
        self.work()
        return self.random.random() < 0.5 if self.over else bool(self.choose(2))

    def pick(self) -> int:
        self.work()
        return self.choose(3)

    def problem(self) -> Exception:
        return (KeyError, ValueError)[self.choose(self.errors)]()

    def items(self) -> _Items:
        self.work()
        return _Items(self)

    def manager(self) -> _Block:
        self.work()
        return _Block(lambda: None)


class _Pause:
    """What is awaited."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class _Items:
    """Anew on each loop: any number of elements."""

    def __init__(self, path: _Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[int]:
        while not self.path.over and self.path.choose(2):
            yield 1

    async def __aiter__(self) -> AsyncIterator[int]:
        await self.path.work()
        while not self.path.over and self.path.choose(2):
            yield 1
            await self.path.work()


class _Block:
    """A block of `with` that ends in something."""

    def __init__(self, end: Callable[[], object]) -> None:
        self.end = end

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.end()

    async def __aenter__(self) -> None:
        await _Pause()

    async def __aexit__(self, *_: object) -> None:
        self.end()
        await _Pause()


class _Begun(_Block):
    """One that has nothing to wait for at its start."""

    async def __aenter__(self) -> None: ...


class _Lease(_Begun):
    """A session, or a connection: that one holds at once and until it is closed."""

    def __init__(self, path: _Path, place: int, lazy: bool) -> None:
        super().__init__(self.closed)
        self.path, self.place, self.lazy = path, place, lazy
        self.state = State.OPEN if lazy else State.HOLDING

    def to(self, state: State, *sources: State) -> None:
        if self.lazy and (self.state in sources or not sources):
            self.state = state

    def execute(self, _: object) -> _Pause:
        self.to(State.HOLDING)
        return self.path.work()

    def commit(self) -> None:
        try:
            self.path.work()
        except Exception:
            self.to(State.HOLDING, State.OPEN, State.RELEASED)
            raise
        self.to(State.RELEASED, State.HOLDING)

    def undone(self) -> None:
        self.to(State.RELEASED, State.HOLDING)

    def rollback(self) -> None:
        self.undone()

    def closed(self) -> None:
        self.state = State.CLOSED

    def close(self) -> None:
        self.closed()

    def begin(self) -> _Block:
        return _Begun(self.undone)


class _AsyncLease(_Lease):
    async def execute(self, _: object) -> None:  # type: ignore[override]
        self.to(State.HOLDING)
        await self.path.work()

    async def commit(self) -> None:  # type: ignore[override]
        try:
            await self.path.work()
        except BaseException:
            self.to(State.HOLDING, State.OPEN, State.RELEASED)
            raise
        self.to(State.RELEASED, State.HOLDING)

    async def rollback(self) -> None:  # type: ignore[override]
        super().rollback()
        await _Pause()

    async def close(self) -> None:  # type: ignore[override]
        super().close()
        await _Pause()

    aclose = close


class _Nothing(_AsyncLease):
    """What the variable holds instead of None."""

    def __bool__(self) -> bool:
        return False


class _NothingNow(_Lease):
    def __bool__(self) -> bool:
        return False


def places(program: str) -> list[int]:
    """The lines that take leases, counted from the start of the prelude."""
    start = PRELUDE.count("\n") + 1
    return [start + n for n, line in enumerate(program.splitlines()) if re.search(r"Session\(\)|connect\(\)", line)]


class Trial:
    """Runs a function on more and more paths; `found` says how the lease of each line may end.

    `whole` is true once there are no more paths; paths that are longer than is followed leave it false.
    """

    def __init__(self, program: str) -> None:
        self.found: dict[int, set[Ending]] = {place: set() for place in places(program)}
        self.whole = False
        self._path = _Path(2 if "ValueError" in program else 1)
        names = _names(self._path, program.startswith("async"))
        exec(_HELPERS, names)
        exec(_compiled(program), names)
        self._function = names["f"]
        self._asked = [re.search(rf"\b{name}\b", program.partition(":")[2]) is not None for name in "abm"]

    def run(self, most: int, wanted: Callable[[], bool]) -> None:
        """Follows paths, those that differ least from the straight one first, and then some at random."""
        plans: deque[tuple[int, ...]] = deque([()])
        short = True
        for number in range(most):
            if not plans:
                self.whole = short
                return
            if number > FIRST and wanted():
                return
            plan = plans.popleft()
            short &= self._follow(plan)
            for step in range(len(plan), min(len(self._path.widths), MOST_STEPS)):
                zeros = [0] * (step - len(plan))
                plans.extend((*plan, *zeros, other) for other in range(1, self._path.widths[step]))
        for number in range(most):
            if wanted():
                return
            self._follow(number)

    def _follow(self, plan: tuple[int, ...] | int) -> bool:
        """Whether the path has an end."""
        path = self._path
        path.follow(plan)
        how = _run(path, self._function, self._asked)
        if not path.over:
            for place, endings in self.found.items():
                endings.update(_endings(path, how, place))
        return not path.over


def _compiled(program: str) -> CodeType:
    text = re.sub(r"\bs (is not|is|=) None", r"s \1 NOTHING", program).replace("while True:", "while not PATH.over:")
    text = text.replace("a = flag()", "a = flag() or None")  # what is not true is None: the analysis takes them for one
    return compile("\n" * PRELUDE.count("\n") + text, "<program>", "exec")


_HELPERS = compile(HELPERS, "<helpers>", "exec")


def _run(path: _Path, function: Callable[..., Any], asked: list[bool]) -> str:
    arguments = [path.choose(2) or None if one else None for one in asked]
    try:
        result = function(*arguments, _Items(path))
        if result is not None and hasattr(result, "send"):
            _drive(path, result)
    except asyncio.CancelledError:
        return "cancel"
    except (KeyError, ValueError, AssertionError):
        return "fail"
    return "end"


def _drive(path: _Path, running: Coroutine[None, None, None]) -> None:
    try:
        running.send(None)
        while True:
            if path.choose(2, rarely=True):
                running.throw(asyncio.CancelledError())
            else:
                running.send(None)
    except StopIteration:
        pass


def _names(path: _Path, asynchronous: bool) -> dict[str, Any]:
    class Engine:
        @staticmethod
        def connect() -> _Lease:
            return take(_Lease, False)

    class AsyncEngine:
        @staticmethod
        async def connect() -> _Lease:
            await path.work()
            return made(_AsyncLease, False)

    def take(cls: type[_Lease], lazy: bool) -> _Lease:
        path.work()
        return made(cls, lazy)

    def made(cls: type[_Lease], lazy: bool) -> _Lease:
        frame: FrameType | None = inspect.currentframe()
        while frame is not None and frame.f_code.co_name != "f":
            frame = frame.f_back
        assert frame is not None
        path.frame = frame
        path.leases.append(cls(path, frame.f_lineno, lazy))
        return path.leases[-1]

    return {
        **{name: getattr(path, name) for name in ("work", "flag", "pick", "problem", "items", "manager")},
        **{name: getattr(contextlib, name) for name in ("closing", "aclosing", "suppress")},
        "Session": lambda: take(_Lease, True),
        "AsyncSession": lambda: take(_AsyncLease, True),
        "engine": Engine,
        "aengine": AsyncEngine,
        "PATH": path,
        "NOTHING": (_Nothing if asynchronous else _NothingNow)(path, 0, False),
    }


def _endings(path: _Path, how: str, place: int) -> Iterator[Ending]:
    """What becomes of the leases that are taken in one line."""
    held = path.frame.f_locals.get("s") if path.frame is not None else None
    leases = [lease for lease in path.leases if lease.place == place]
    yield Ending(how, next((lease.state for lease in leases if lease is held), State.UNTAKEN))
    if any(lease.state is State.HOLDING and lease is not held for lease in leases):
        yield Ending("lost", State.LOST)
