"""Is what a lifespan opens closed as the last thing it does, and is the rest of it the same program?"""

from __future__ import annotations

import libcst as cst
import pytest
from fixing_sites import fixed

from dbpool_lint.fixing.recipes import DisposeAfterYield, Recipe, Spot

HEAD = "engine = create_async_engine(URL)\n\n\n@asynccontextmanager\n"


def last(spot: Spot) -> Recipe:
    return DisposeAfterYield(spot, "await engine.dispose()")


def closed(text: str, make: object = last, code: str = "async def") -> str | None:
    assert callable(make)
    new = fixed(text, make, code, cst.FunctionDef)
    if new is not None:
        assert fixed(new, make, code, cst.FunctionDef) is None
    return new


def lifespan(*lines: str, head: str = HEAD) -> str:
    return head + "async def lifespan(app):\n" + "".join(f"    {line}\n" if line else "\n" for line in lines)


# ---- refused


@pytest.mark.parametrize(
    "lines",
    [
        ["pass"],
        ["yield", "yield"],
        ["x = yield"],
        ["return (yield)"],
        ["await (yield)"],
        ["if x:", "    yield"],
        ["for x in y:", "    yield"],
        ["while x:", "    yield"],
        ["with x: yield"],
        ["try:", "    pass", "finally:", "    yield"],
        ["try:", "    pass", "except E:", "    yield"],
        ["try:", "    pass", "except E:", "    pass", "else:", "    yield"],
        ["match x:", "    case 1:", "        yield"],
        ["def inner():", "    yield"],
        ["return lambda: (yield)"],
        ["yield", "await engine.dispose()"],
        ["try:", "    yield", "finally:", "    await engine.dispose()"],
    ],
)
def test_a_function_that_yields_otherwise_or_disposes_already_is_left(lines: list[str]) -> None:
    assert closed(lifespan(*lines)) is None


@pytest.mark.parametrize(
    "lines",
    [
        ["yield", "engine = 1"],
        ["if x:", "    engine = 1", "yield"],
        ["for engine in x:", "    pass", "yield"],
        ["try:", "    engine = 1", "except E:", "    pass", "yield"],
        ["engine = 1", "yield", "del engine"],
        ["engine = 1", "yield", "engine = 2"],
        ["if x:", "    engine = 1", "else:", "    pass", "yield"],
        ["if x:", "    engine = 1", "elif y:", "    pass", "yield"],
    ],
)
def test_a_variable_that_may_not_be_bound_or_not_stay_it_is_refused(lines: list[str]) -> None:
    assert closed(lifespan(*lines)) is None


@pytest.mark.parametrize(
    "text",
    [
        "async def lifespan(app): yield\n",
        "def make():\n    engine = create()\n\n\nasync def lifespan(app):\n    yield\n",
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from db import engine\n"
            "async def lifespan(app):\n    yield\n"
        ),
    ],
)
def test_a_variable_of_another_function_is_refused(text: str) -> None:
    assert closed(text) is None


def test_a_plain_generator_cannot_wait() -> None:
    assert closed("engine = 1\ndef f():\n    yield\n", code="def f") is None
    assert fixed("engine = 1\n", last, "engine", cst.Name) is None
    assert (
        closed("engine = 1\ndef f():\n    yield from x\n", lambda s: DisposeAfterYield(s, "engine.dispose()"), "def")
        is None
    )


# ---- below try


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["yield"], ["try:", "    yield", "finally:", "    D"]),
        (["yield  # serve"], ["try:", "    yield  # serve", "finally:", "    D"]),
        (["yield {'engine': engine}"], ["try:", "    yield {'engine': engine}", "finally:", "    D"]),
        (["x()", "", "# serve", "yield"], ["x()", "", "# serve", "try:", "    yield", "finally:", "    D"]),
        (
            ["yield", "", "x()  # bye", "# end"],
            ["try:", "    yield", "", "    x()  # bye", "    # end", "finally:", "    D"],
        ),
        (["yield; x()"], ["try:", "    yield; x()", "finally:", "    D"]),
        (
            ["async with client as c:", "    app.c = c", "    yield", "    # bye"],
            [
                "try:",
                "    async with client as c:",
                "        app.c = c",
                "        yield",
                "        # bye",
                "finally:",
                "    D",
            ],
        ),
        (
            ["try:", "    yield", "finally:", "    x()", "y()"],
            ["try:", "    try:", "        yield", "    finally:", "        x()", "    y()", "finally:", "    D"],
        ),
        (
            ["try:", "    yield", "finally: x()"],
            ["try:", "    try:", "        yield", "    finally: x()", "finally:", "    D"],
        ),
        (
            ["try:", "    yield", "finally:", "    return"],
            ["try:", "    try:", "        yield", "    finally:", "        return", "finally:", "    D"],
        ),
        (
            ['yield """', "a", '  b"""'],
            ["try:", '    yield """', "\0    a", '\0      b"""', "finally:", "    D"],
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t"])
def test_all_from_the_yield_on_goes_below_a_try(lines: list[str], expected: list[str], end: str, unit: str) -> None:
    expected = [
        "await engine.dispose()" if line == "D" else line.replace("    D", "    await engine.dispose()")
        for line in expected
    ]
    text, new = lifespan(*lines), lifespan(*expected).replace("    \0", "")
    text, new = (t.replace("    ", unit).replace("\n", end) for t in (text, new))
    assert closed(text) == new


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["try:", "    yield", "finally:", "    x()  # bye"], [4, "    D"]),
        (["try:", "    yield", "finally:", "    x()", "    # bye"], [5, "    D"]),
        (["try:", "    yield", "finally:", "    if x:", "        y()", "        # bye"], [6, "    D"]),
        (["try:", "    yield", "except E:", "    x()"], [4, "finally:", "    D"]),
        (["try:", "    yield", "except E:", "    x()", "else:", "    y()", "    # bye"], [7, "finally:", "    D"]),
        (["try:", "    yield", "except E: x()"], [3, "finally:", "    D"]),
        (
            [
                "try:",
                "    async with a, b:",
                "        try:",
                "            yield",
                "        finally:",
                "            x()",
                "finally:",
                "    y()",
            ],
            [8, "    D"],
        ),
    ],
)
def test_a_try_that_is_there_is_used(lines: list[str], expected: list[object]) -> None:
    place, *new = expected
    assert isinstance(place, int)
    added = [str(line).replace("D", "await engine.dispose()") for line in new]
    assert closed(lifespan(*lines)) == lifespan(*lines[:place], *added, *lines[place:])


def test_a_file_that_ends_in_the_function_gets_a_line_end() -> None:
    text = lifespan("yield").rstrip("\n")
    assert closed(text) == lifespan("try:", "    yield", "finally:", "    await engine.dispose()")
    text = lifespan("try:", "    yield", "finally:", "    x()").rstrip("\n")
    assert closed(text) == text + "\n        await engine.dispose()\n"


# ---- the function's own variables


@pytest.mark.parametrize(
    "lines",
    [
        ["engine = create()"],
        ["engine: E = create()"],
        ["a, engine = create()"],
        ["async with create() as engine:", "    pass"],
        ["with x:", "    engine = create()"],
        ["if x:", "    engine = create(1)", "elif y:", "    engine = create(2)", "else:", "    engine = create(3)"],
        ["engine = create(1)", "engine = create(2)"],
        ["from db import engine"],
        ["global engine"],
        ["global engine", "if x:", "    engine = create()"],
    ],
)
def test_a_variable_that_is_bound_before_is_disposed_of(lines: list[str]) -> None:
    assert closed(lifespan(*lines, "yield")) == (
        lifespan(*lines, "try:", "    yield", "finally:", "    await engine.dispose()")
    )


def test_the_try_goes_where_the_variable_is_bound() -> None:
    inner = ["        yield", "    finally:", "        await engine.dispose()"]
    for head in (["async with x as app:"], ["try:"]):
        tail = ["finally:", "    x()"] if head == ["try:"] else []
        lines = [*head, "    engine = create()", "    yield", *tail]
        assert closed(lifespan(*lines)) == lifespan(*head, "    engine = create()", "    try:", *inner, *tail)
    lines = ["async with create() as engine:", "    yield"]
    assert closed(lifespan(*lines)) == lifespan(lines[0], "    try:", *inner)


def test_a_parameter_and_a_variable_of_the_function_around_are_fine() -> None:
    text = "async def f(engine):\n    yield\n"
    assert (
        closed(text) == "async def f(engine):\n    try:\n        yield\n    finally:\n        await engine.dispose()\n"
    )
    text = "def make():\n    engine = create()\n    async def f(app):\n        yield\n    return f\n"
    assert closed(text) == (
        "def make():\n    engine = create()\n    async def f(app):\n        try:\n            yield\n"
        "        finally:\n            await engine.dispose()\n    return f\n"
    )


def test_an_attribute_of_a_parameter_is_fine() -> None:
    text = "def f(app):\n    app.engine = x\n    yield\n"
    assert closed(text, lambda spot: DisposeAfterYield(spot, "app.engine.dispose()"), "def") == (
        "def f(app):\n    app.engine = x\n    try:\n        yield\n    finally:\n        app.engine.dispose()\n"
    )


def test_two_engines_are_closed_one_after_the_other() -> None:
    text = lifespan("yield", head="engine = other = 1\n")
    once = closed(text)
    assert once is not None
    assert closed(once, lambda spot: DisposeAfterYield(spot, "await other.dispose()")) == (
        once + "        await other.dispose()\n"
    )


# ---- the engine of another module


def imported(spot: Spot) -> Recipe:
    return DisposeAfterYield(spot, "await engine.dispose()", (("shop/db/session.py", "engine"),))


@pytest.mark.parametrize(
    ("head", "expected", "code"),
    [
        ("from shop.db.session import engine\n", None, "engine"),
        ("from shop.db.session import engine as db\n", None, "db"),
        ("from shop.db import session\n", None, "session.engine"),
        ("import shop.db.session\n", None, "shop.db.session.engine"),
        ("import shop.db.session as s\n", None, "s.engine"),
        ("from .db.session import engine\n", None, "engine"),
        ("from .db import session\n", None, "session.engine"),
        ("from shop.db.session import Base\n", "from shop.db.session import Base, engine\n", "engine"),
        (
            "from shop.db.session import (\n    a,\n    x,\n)\n",
            "from shop.db.session import (\n    a,\n    engine,\n    x,\n)\n",
            "engine",
        ),
        ("from shop.db.session import *\n", "", None),
        ("from .db.session import Base as B\n", "from .db.session import Base as B, engine\n", "engine"),
        ("from .routes import router\n", "from .db.session import engine\nfrom .routes import router\n", "engine"),
        (
            "from shop.routes import router\n",
            "from shop.db.session import engine\nfrom shop.routes import router\n",
            "engine",
        ),
        ("import os\n\nimport shop.x\n", "import os\n\nimport shop.x\nfrom shop.db.session import engine\n", "engine"),
        (
            "import fastapi\n\nif x:\n    import shop.x\n",
            "import fastapi\n\nfrom shop.db.session import engine\n\nif x:\n    import shop.x\n",
            "engine",
        ),
        ("import os\n", "", None),
        ("from .routes import engine\n", "", None),
        ("from shop.routes import x\nengine = 1\n", "", None),
        ("from other.routes import x\n", "", None),
    ],
)
def test_the_engine_is_reached_as_the_file_imports(head: str, expected: str | None, code: str | None) -> None:
    text = lifespan("yield", head=head + "\n\n")
    new = fixed(text, imported, "async def", cst.FunctionDef, name="shop/main.py")
    if code is None:
        assert new is None
        return
    lines = ["try:", "    yield", "finally:", f"    await {code}.dispose()"]
    assert new == lifespan(*lines, head=(head if expected is None else expected) + "\n\n")
    assert fixed(new, imported, "async def", cst.FunctionDef, name="shop/main.py") is None
