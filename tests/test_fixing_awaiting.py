"""Do blocking calls become awaited ones where that is the same program, with the import they need?"""

from __future__ import annotations

import textwrap

import pytest
from fixing_sites import fixed, site_of, spot_of

from dbpool_lint.fixing.recipes import AwaitCall, Recipe, Spot
from dbpool_lint.fixing.rewrite import rewrite


def sleep(spot: Spot) -> Recipe:
    return AwaitCall(spot, "asyncio", "sleep")


def waits(text: str, code: str = "time.sleep(") -> str | None:
    new = fixed(text, sleep, code)
    if new is not None:
        assert fixed(new, sleep, "asyncio.sleep(" if "asyncio.sleep(" in new else "") is None
    return new


def inside(*lines: str, head: str = "import asyncio\nimport time\n\n\n") -> str:
    return head + "async def f(x):\n" + textwrap.indent("\n".join(lines) + "\n", "    ")


# ---- refused


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(1)\n",
        "import time\ndef f():\n    time.sleep(1)\n",
        inside("def g():", "    time.sleep(1)"),
        inside("return lambda: time.sleep(1)"),
        inside("return (time.sleep(1) for _ in x)"),
        inside("return (y for _ in x for y in time.sleep(1))"),
        inside("return [[time.sleep(1) for _ in x] for _ in x]"),
        inside("class A:", "    y = time.sleep(1)"),
        inside("def g(y=time.sleep(1)): pass"),
        inside("@deco(time.sleep(1))", "def g(): pass"),
        inside("y: time.sleep(1) = 1"),
        inside("return f'{time.sleep(1)}'"),
        "import time\nasync def f(x=time.sleep(1)): pass\n",
        inside("(time.  # now\n    sleep)(1)"),
    ],
)
def test_a_call_that_cannot_wait_there_is_refused(text: str) -> None:
    assert waits(text, "(time.  #" if "now" in text else "time.sleep(") is None


@pytest.mark.parametrize(
    "text",
    [
        "import time\nasync def f(asyncio):\n    time.sleep(1)\n",
        "import time\nasync def f():\n    asyncio = 1\n    time.sleep(1)\n",
        "import time\nimport asyncio\nasync def f():\n    for asyncio in x:\n        time.sleep(1)\n",
        "import time\nasync def f():\n    time.sleep(1)\n    import asyncio\n",
        "import time\ndef g(asyncio):\n    async def f():\n        time.sleep(1)\n",
        "import time\nimport asyncio\nasync def f(x):\n    return [time.sleep(1) for asyncio in x]\n",
        "import time\nimport trio as asyncio\nasync def f():\n    time.sleep(1)\n",
        "import time\nasyncio = None\nasync def f():\n    time.sleep(1)\n",
        (
            "import time\nimport asyncio\nasync def f():\n    time.sleep(1)\n"
            "def g():\n    global asyncio\n    asyncio = 1\n"
        ),
        (
            "import time\ntry:\n    import asyncio\nexcept ImportError:\n"
            "    asyncio = None\nasync def f():\n    time.sleep(1)\n"
        ),
        "import time\ndef asyncio(): pass\nasync def f():\n    time.sleep(1)\n",
    ],
)
def test_a_name_that_means_something_else_is_refused(text: str) -> None:
    assert waits(text) is None


# ---- awaited


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("time.sleep(x)", "await asyncio.sleep(x)"),
        ("y = time.sleep(x)  # rest", "y = await asyncio.sleep(x)  # rest"),
        ("time.sleep(  # why\n        x,\n    )", "await asyncio.sleep(  # why\n        x,\n    )"),
        ("return time.sleep(1).real", "return (await asyncio.sleep(1)).real"),
        ("return (time.sleep(1)).real", "return (await asyncio.sleep(1)).real"),
        ("return time.sleep(1)[0]", "return (await asyncio.sleep(1))[0]"),
        ("return x[time.sleep(1)]", "return x[await asyncio.sleep(1)]"),
        ("return time.sleep(1)()", "return (await asyncio.sleep(1))()"),
        ("g(time.sleep(1), 2)", "g(await asyncio.sleep(1), 2)"),
        ("return 2 ** time.sleep(1)", "return 2 ** await asyncio.sleep(1)"),
        ("return not -time.sleep(1)", "return not -await asyncio.sleep(1)"),
        ("return(time.sleep)(1)", "return await asyncio.sleep(1)"),
        ("return (time.sleep)(1)", "return await asyncio.sleep(1)"),
        ("await time.sleep(1)", "await asyncio.sleep(1)"),
        ("return [time.sleep(1) for _ in x]", "return [await asyncio.sleep(1) for _ in x]"),
        ("return (y for y in time.sleep(1))", "return (y for y in await asyncio.sleep(1))"),
        ("if x: time.sleep(1); y = 1", "if x: await asyncio.sleep(1); y = 1"),
    ],
)
def test_a_call_waits_with_parentheses_where_it_needs_them(line: str, expected: str) -> None:
    code = next(code for code in ("(time.sleep)(", "time.sleep(1)", "time.sleep(") if code in line)
    assert fixed(inside(line), sleep, code) == inside(expected)


def test_a_call_that_is_right_but_for_await_gets_it() -> None:
    assert fixed(inside("asyncio.sleep(1)"), sleep, "asyncio.sleep(") == inside("await asyncio.sleep(1)")


# ---- what it takes to reach it


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("import asyncio\n", "asyncio.sleep"),
        ("import asyncio as aio\n", "aio.sleep"),
        ("from asyncio import sleep\n", "sleep"),
        ("from asyncio import sleep as rest\n", "rest"),
        ("import asyncio.subprocess\n", "asyncio.sleep"),
        ("from asyncio import sleep\nimport asyncio\n", "asyncio.sleep"),
    ],
)
def test_an_import_that_is_there_is_used(head: str, code: str) -> None:
    assert waits(inside("time.sleep(1)", head=head)) == inside(f"await {code}(1)", head=head)


def test_an_import_of_the_function_itself_is_used() -> None:
    text = inside("import asyncio as aio", "time.sleep(1)", head="import time\n")
    assert waits(text) == text.replace("time.sleep", "await aio.sleep")
    text = inside("from asyncio import sleep", "time.sleep(1)", head="import time\n")
    assert waits(text) == text.replace("time.sleep", "await sleep")


def test_an_import_of_another_function_does_not_count() -> None:
    text = "import time\ndef g():\n    import asyncio\nasync def f():\n    time.sleep(1)\n"
    assert waits(text) == "import asyncio\n" + text.replace("time.sleep", "await asyncio.sleep")


IF = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncio\n"
TRY = "import time\ntry:\n    import asyncio\nexcept ImportError:\n    raise\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("import time\n", "import asyncio\nimport time\n"),
        ("import abc\nimport time\n", "import abc\nimport asyncio\nimport time\n"),
        ("import abc\n", "import abc\nimport asyncio\n"),
        ("from abc import ABC\n", "import asyncio\nfrom abc import ABC\n"),
        ("import abc  # a\nfrom os import path\n", "import abc  # a\nimport asyncio\nfrom os import path\n"),
        ("from abc import ABC\nimport time\n", "from abc import ABC\nimport asyncio\nimport time\n"),
        ("import time\nimport abc\n", "import time\nimport abc\nimport asyncio\n"),
        ("import time\n\nimport fastapi\n", "import asyncio\nimport time\n\nimport fastapi\n"),
        ("import fastapi\n\nimport time\n", "import fastapi\n\nimport asyncio\nimport time\n"),
        ("import fastapi\n", "import asyncio\n\nimport fastapi\n"),
        ('"""Doc."""\nimport time\n', '"""Doc."""\nimport asyncio\nimport time\n'),
        (
            '"""Doc."""\n\nfrom __future__ import annotations\n\nimport time\n',
            '"""Doc."""\n\nfrom __future__ import annotations\n\nimport asyncio\nimport time\n',
        ),
        ('"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nimport asyncio\n\nx = 1\n'),
        (
            "from __future__ import annotations\n\nx = 1\n",
            "from __future__ import annotations\n\nimport asyncio\n\nx = 1\n",
        ),
        (
            "#!/usr/bin/env python\n# licence\nimport time\n",
            "#!/usr/bin/env python\n# licence\nimport asyncio\nimport time\n",
        ),
        ("# licence\n\n# ours\nimport fastapi\n", "# licence\n\nimport asyncio\n\n# ours\nimport fastapi\n"),
        ("# licence\n# ours\nimport fastapi\n", "# licence\n# ours\nimport asyncio\n\nimport fastapi\n"),
        ("x = 1\n", "import asyncio\n\nx = 1\n"),
        ("from os import (\n    path,\n)\n", "import asyncio\nfrom os import (\n    path,\n)\n"),
        (IF, "import asyncio\n" + IF),
        (TRY, "import asyncio\n" + TRY),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_new_import_stands_where_it_belongs(head: str, expected: str, end: str) -> None:
    tail = "\n\nasync def f():\n    {}(1)\n"
    text = (head + tail.format("time.sleep")).replace("\n", end)
    assert waits(text) == (expected + tail.format("await asyncio.sleep")).replace("\n", end)


def test_a_docstring_without_a_line_end_behind_it_is_no_trap() -> None:
    text = "async def f(): time.sleep(1)"
    assert waits(text) == "import asyncio\n\nasync def f(): await asyncio.sleep(1)"


def test_two_calls_add_one_and_the_same_import() -> None:
    site = site_of("import time\n\n\nasync def f():\n    time.sleep(1)\n\n\nasync def g():\n    time.sleep(2)\n")
    first, second = (spot_of(site, f"time.sleep({n})") for n in (1, 2))
    assert first
    assert second
    one, two = (rewrite(sleep(spot), site) for spot in (first, second))
    assert one
    assert two
    assert len(set(one) & set(two)) == 1
