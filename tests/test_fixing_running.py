"""Does a function with its `with` do what it did before, on every path? Functions made at random, run both ways."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from itertools import product
from typing import Any

from fixing_sites import fixed
from hypothesis import assume, given
from hypothesis import strategies as st

from dbpool_lint.fixing.recipes import EnterGenerator, Recipe, Spot, WrapInWith

Lines = list[str]
Trace = list[tuple[str, bool]]

SIMPLE = [
    "s.use()",
    "s.use()",
    "work()",
    "s.close()",
    "s.close()",
    "return 1",
    "raise Slip",
    "print(1)",
    "if s: s.close()",
]
IN_LOOPS = ["break", "continue", "s.close()", "s.use()"]
CHOICES = list(product([False, True], repeat=5))


def indented(lines: Lines) -> Lines:
    return [f"    {line}" for line in lines]


def block(inner: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    return st.lists(inner, min_size=1, max_size=3).map(lambda parts: [line for part in parts for line in part])


def compound(inner: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    body = block(inner)
    loop = block(inner | st.sampled_from(IN_LOOPS).map(lambda line: [line]))
    return st.one_of(
        st.builds(lambda a: ["if choose():", *indented(a)], body),
        st.builds(lambda a, b: ["if choose():", *indented(a), "else:", *indented(b)], body, body),
        st.builds(lambda a: ["if s is not None:", *indented(a)], body),
        st.builds(lambda a: ["for _ in range(2):", *indented(a)], loop),
        st.builds(lambda a, b: ["try:", *indented(a), "finally:", *indented(b)], body, body),
        st.builds(lambda a, b: ["try:", *indented(a), "except Slip:", *indented(b)], body, body),
        st.builds(lambda a, b: ["try:", *indented(a), "except Slip:", *indented([*b, "raise"])], body, body),
        st.builds(
            lambda a, b, c, d: [
                *["try:", *indented(a), "except Slip:", *indented(b)],
                *["else:", *indented(c), "finally:", *indented(d)],
            ],
            *[body] * 4,
        ),
    )


statements = st.recursive(st.sampled_from(SIMPLE).map(lambda line: [line]), compound, max_leaves=8)


@st.composite
def functions(draw: st.DrawFn) -> str:
    """A function that takes a lease, at the start or as the first thing in a `try`, and does something with it."""
    body = draw(block(statements))
    shape = draw(st.sampled_from(["plain", "finally", "inside", "none"]))
    if shape == "plain":
        lines = ["s = Session()", *body]
    elif shape == "finally":
        lines = ["s = Session()", "try:", *indented(body), "finally:", "    s.close()"]
    else:
        last = draw(st.sampled_from([["if s:", "    s.close()"], ["s.close()", "work()"], ["work()"]]))
        handler = draw(st.sampled_from([[], ["except Slip:", "    s.use()"], ["except Slip:", "    s.close()"]]))
        lines = ["try:", *indented(["s = Session()", *body]), *handler, "finally:", *indented(last)]
        lines = ["s = None", *lines] if shape == "none" else lines
    whole = ["work()", *lines, *draw(st.sampled_from([[], ["work()"], ["s.close()"], ["return 2"]]))]
    return "def f():\n" + textwrap.indent("\n".join(whole), "    ") + "\n"


class Slip(Exception):
    pass


class Lease:
    """Tells what is done with it, and whether it was open then."""

    def __init__(self, run: Run) -> None:
        self.run, self.open = run, True
        run.leases.append(self)

    def use(self) -> None:
        self.run.note("use")
        if self.run.choose():
            raise Slip

    def close(self) -> None:
        self.open = False

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Run:
    """One way through a function: its choices, and what it does."""

    def __init__(self, text: str, choices: tuple[bool, ...]) -> None:
        self.leases: list[Lease] = []
        self.trace: Trace = []
        self._choices: Iterator[bool] = iter(choices)
        space: dict[str, Any] = {"Slip": Slip, "Session": lambda: Lease(self), "get_db": self.get_db}
        space |= {"print": repr, "work": self.work, "choose": self.choose, "keep": self.keep}
        exec(compile(text, "app.py", "exec"), space)
        try:
            self.outcome = repr(space["f"]())
        except Slip as slip:
            self.outcome = type(slip).__name__

    def keep(self, generator: Iterator[Lease]) -> Iterator[Lease]:
        self.kept = generator
        return generator

    def get_db(self) -> Iterator[Lease]:
        lease = Lease(self)
        try:
            yield lease
        finally:
            lease.close()

    def choose(self) -> bool:
        return next(self._choices, False)

    def work(self) -> None:
        self.note("work")

    def note(self, what: str) -> None:
        self.trace.append((what, any(lease.open for lease in self.leases)))


def compare(text: str, new: str) -> None:
    assert ast.dump(ast.parse(new)) != ast.dump(ast.parse(text))
    for choices in CHOICES:
        before, after = Run(text, choices), Run(new, choices)
        assert before.outcome == after.outcome
        assert [what for what, _ in before.trace] == [what for what, _ in after.trace]
        assert not any(lease.open for lease in after.leases)
        for (what, was_open), (_, is_open) in zip(before.trace, after.trace, strict=True):
            assert was_open or not is_open, f"{what} with an open lease"
            assert is_open or not was_open or what == "work", "used when it is closed"


def plain(spot: Spot) -> Recipe:
    return WrapInWith(spot, "s", asynchronous=False)


@given(functions())
def test_every_path_does_the_same_and_closes(text: str) -> None:
    new = fixed(text, plain, "Session(")
    assume(new is not None)
    assert new is not None
    compare(text, new)


def entering(spot: Spot) -> Recipe:
    return EnterGenerator(spot, spot, "s", asynchronous=False)


@given(functions())
def test_a_generator_s_first_value_is_used_alike(text: str) -> None:
    text = text.replace("Session()", "next(get_db())")
    new = fixed(text, entering, "get_db()")
    assume(new is not None)
    assert new is not None
    compare(kept_alive(text), new)


@given(block(statements), st.booleans())
def test_a_loop_over_a_generator_is_left_alike(body: Lines, stops: bool) -> None:
    lines = ["for s in get_db():", *indented([*body, *(["break"] if stops else [])]), "work()"]
    text = "def f():\n" + "\n".join(indented(lines)) + "\n"
    new = fixed(text, entering, "get_db()")
    assume(new is not None)
    assert new is not None
    compare(text, new)


def kept_alive(text: str) -> str:
    """The program as it is where nobody collects garbage, so that what `next` left open stays so."""
    return text.replace("next(get_db())", "next(keep(get_db()))")
