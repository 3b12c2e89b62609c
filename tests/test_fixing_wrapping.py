"""Does a lease get its `with` where that is the same program, and nothing else on its lines change?"""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest
from fixing_sites import fixed

from dbpool_lint.fixing.recipes import Recipe, Spot, WrapInWith


def plain(spot: Spot) -> Recipe:
    return WrapInWith(spot, "s", asynchronous=False)


def waiting(spot: Spot) -> Recipe:
    return WrapInWith(spot, "s", asynchronous=True)


def body(text: str, head: str = "def f(x):\n") -> str:
    return head + textwrap.indent(textwrap.dedent(text).strip("\n") + "\n", "    ")


def wrapped(text: str) -> str | None:
    """The body of a function afterwards."""
    new = fixed(body(text), plain, "Session(")
    return new and textwrap.dedent(new.partition("\n")[2])


def awaited(text: str, code: str) -> str | None:
    new = fixed(body(text, "async def f(x):\n"), waiting, code)
    return new and textwrap.dedent(new.partition("\n")[2])


# ---- refused: the assignment


@pytest.mark.parametrize(
    "text",
    [
        "s = t = Session()\ns.get()",
        "s, t = Session(), 1\ns.get()",
        "self.s = Session()\nself.s.get()",
        "x['s'] = Session()\ns.get()",
        "t = Session()\nt.get()",  # not the variable the recipe names
        "s = Session(); s.get()",
        "s = Session();\ns.get()",
        "s = Session().options()\ns.get()",  # not the whole value
        "s: Session",
        "if (s := Session()): s.get()",
        "for s in Session(): s.get()",
        "if x: s = Session()",
        "s = 1, Session()\ns.get()",
    ],
)
def test_what_is_no_plain_assignment_on_its_own_line_is_refused(text: str) -> None:
    code, kind = ("s: S", cst.AnnAssign) if "Session(" not in text else ("Session()", cst.Call)
    assert fixed(body(text), plain, code, kind) is None


def test_a_tuple_without_parentheses_is_refused() -> None:
    assert fixed(body("s = 1, 2\ns.get()"), plain, "s = ", cst.Assign) is None


@pytest.mark.parametrize(
    "text", ["s = Session()\ns.get()\n", "class A:\n    s = Session()\n    s.get()\n", "def f(): s = Session()\n"]
)
def test_what_is_in_no_block_of_a_function_is_refused(text: str) -> None:
    assert fixed(text, plain, "Session(") is None


def test_an_async_with_needs_an_async_function() -> None:
    assert fixed(body("s = Session()\ns.get()"), waiting, "Session(") is None


@pytest.mark.parametrize("value", ["pool.getconn()", "engine.raw_connection()"])
def test_what_is_no_context_manager_is_refused(value: str) -> None:
    assert fixed(body(f"s = {value}\ns.get()"), plain, value) is None


# ---- refused: the variable


@pytest.mark.parametrize(
    "text",
    [
        "s = None\ns.x\ns = Session()\ns.get()",
        "s = 1\ns = Session()\ns.get()",
        "s = None\ns = Session()\ns.get()\ns = None",
        "if x:\n    s = None\ns = Session()\ns.get()",
        "s = Session()\ns.get()\ns = None",
        "s = Session()\ns.get()\ndel s",
        "s = Session()\ns.get()\ns += 1",
        "for s in x: pass\ns = Session()\ns.get()",
        "global s\ns = Session()\ns.get()",
        "def g():\n    nonlocal s\n    s = 1\ns = Session()\ns.get()",
        "s = Session(s)\ns.get()",
        "if x:\n    s = Session()\n    s.get()\ns.close()",  # used behind the block
        "try:\n    x.y()\n    s = Session()\n    s.get()\nexcept E:\n    s.rollback()\nfinally:\n    s.close()",
        "try:\n    s = engine.connect(Session())\n    s.a()\nexcept E:\n    s.rollback()",
        "try:\n    s = Session()\nexcept E:\n    s.rollback()",
        "try:\n    s = Session()\n    s.a()\nfinally:\n    for y in x:\n        s.close()\n        s.b()\ns.c(s := 1)",
        "while x:\n    if x.y: s.get()\n    s = Session()",  # used before, the loop comes back
        "s = Session()\ns.close()\ns.get()",
    ],
)
def test_a_variable_that_is_more_than_the_lease_is_refused(text: str) -> None:
    assert wrapped(text) is None


def test_a_parameter_of_that_name_is_refused() -> None:
    assert fixed("def f(s=None):\n    s = Session()\n    s.get()\n", plain, "Session(") is None


# ---- refused: it outlives the block


@pytest.mark.parametrize(
    "text",
    [
        "s = Session()\nreturn s",
        "s = Session()\nreturn (s, 1)",
        "s = Session()\nreturn {'s': s}",
        "s = Session()\nreturn s if x else None",
        "s = Session()\nreturn s or x",
        "s = Session()\nreturn Repository(s)",
        "s = Session()\nx.repo = Repository(s)",
        "s = Session()\nyield s",
        "s = Session()\nyield s.get()",
        "s = Session()\nfor row in s:\n    yield row",
        "s = Session()\nx.s = s",
        "s = Session()\nx['s'] = s",
        "s = Session()\nsame = s\nsame.get()",
        "s = Session()\nprint(t := s)",
        "s = Session()\nx.s, y = s, 1",
        "s = Session()\nwith s:\n    s.get()",
        "s = Session()\nwith closing(s):\n    s.get()",
        "s = Session()\nstack.enter_context(s)\ns.get()",
        "s = Session()\nstack.callback(s.close)\ns.get()",
        "s = Session()\nasyncio.create_task(work(s))",
        "s = Session()\npool.submit(work, s)",
        "s = Session()\nreturn StreamingResponse(rows(s))",
        "s = Session()\nThread(target=work, args=(s,)).start()",
        "s = Session()\nreturn lambda: s.get()",
        "s = Session()\nx.get = lambda: s.get()",
        "s = Session()\nreturn (row for row in s.get())",
        "s = Session()\ndef g():\n    return s.get()\nreturn g",
        "s = Session()\ndef g():\n    return s.get()\nx.g = g",
        "s = Session()\n@app.on_event\ndef g():\n    return s.get()",
    ],
)
def test_a_lease_that_lives_on_is_refused(text: str) -> None:
    assert wrapped(text) is None


# ---- wrapped


def test_the_lines_to_the_last_use_go_below() -> None:
    assert wrapped("s = Session()\ns.get()\nprint()\ns.add(x)\nprint(1)\n") == (
        "with Session() as s:\n    s.get()\n    print()\n    s.add(x)\nprint(1)\n"
    )


def test_what_was_read_from_it_is_used_behind_it() -> None:
    assert wrapped("s = Session()\nrow = s.get()\n\nprint()\nreturn row.name\n") == (
        "with Session() as s:\n    row = s.get()\n\nprint()\nreturn row.name\n"
    )


@pytest.mark.parametrize("line", ["y = Repository(s)", "y: R = Repository(session=s)", "def y(): s.get()"])
def test_what_uses_it_later_counts_as_a_use(line: str) -> None:
    assert wrapped(f"s = Session()\n{line}\nprint()\nz = y.z()\nprint(z)\n") == (
        f"with Session() as s:\n    {line}\n    print()\n    z = y.z()\nprint(z)\n"
    )


def test_the_author_s_own_close_ends_the_block() -> None:
    assert wrapped("s = Session()\nrows = s.get()\ns.close()\nreturn rows\n") == (
        "with Session() as s:\n    rows = s.get()\nreturn rows\n"
    )


def test_a_lease_never_used_is_taken_and_returned() -> None:
    assert wrapped("s = Session()\nprint()\n") == "with Session() as s:\n    pass\nprint()\n"
    assert wrapped("s = Session()  # why\ns.close()\n") == "with Session() as s:  # why\n    pass\n"
    assert fixed("def f():\n    s = Session()", plain, "Session(") == "def f():\n    with Session() as s:\n        pass"
    assert wrapped("s = Session(\n    1\n)\nprint()\n") == "with Session(\n    1\n) as s:\n    pass\nprint()\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("s: Session = Session()", "with Session() as s:"),
        ("s=Session()", "with Session() as s:"),
        ("s = Session()  # why", "with Session() as s:  # why"),
        ("s = (Session())", "with (Session()) as s:"),
        ("s = (  # a\n    Session()\n)  # b", "with (  # a\n    Session()\n) as s:  # b"),
        ("s = Session(\n    bind=x,  # one\n)", "with Session(\n    bind=x,  # one\n) as s:"),
        ("s = Session() # noqa: E1", "with Session() as s: # noqa: E1"),
    ],
)
def test_the_head_keeps_what_was_written(head: str, expected: str) -> None:
    assert wrapped(f"{head}\ns.get()\n") == f"{expected}\n    s.get()\n"


def test_comments_and_blank_lines_move_along() -> None:
    assert wrapped("s = Session()\n\n# one\ns.get()  # two\n\nif x:\n    s.add()\n    # three\n# four\nprint()\n") == (
        "with Session() as s:\n    # one\n    s.get()  # two\n\n"
        "    if x:\n        s.add()\n        # three\n# four\nprint()\n"
    )


def test_the_lines_of_a_string_stay_where_they_are() -> None:
    text = "def f(x):\n    s = Session()\n    s.run(\"\"\"\nSELECT\n    1\"\"\", [\n        x,\n    ], f'''\n{x}''')\n"
    assert fixed(text, plain, "Session(") == (
        'def f(x):\n    with Session() as s:\n        s.run("""\n'
        "SELECT\n    1\"\"\", [\n            x,\n        ], f'''\n{x}''')\n"
    )


def test_lines_less_indented_than_their_block_are_no_trap() -> None:
    text = "def f(x):\n    s = Session()\n# margin\n    s.get(\n  x\n)\n"
    assert fixed(text, plain, "Session(") == (
        "def f(x):\n    with Session() as s:\n    # margin\n        s.get(\n      x\n    )\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s = Session()\nreturn s.get()", "with Session() as s:\n    return s.get()"),
        ("s = Session()\nwork(s)\ncheck(s is None)", "with Session() as s:\n    work(s)\n    check(s is None)"),
        ("s = Session()\nreturn [row for row in s]", "with Session() as s:\n    return [row for row in s]"),
        ("s = Session()\nrun(lambda: s.get())", "with Session() as s:\n    run(lambda: s.get())"),
        ("s = Session()\nrepo = Repo(s)\nrepo.a()", "with Session() as s:\n    repo = Repo(s)\n    repo.a()"),
        ("s = Session()\nreturn User(s.get())", "with Session() as s:\n    return User(s.get())"),
        (
            "s = Session()\ndef g():\n    yield s.get()\nrun(g())",
            "with Session() as s:\n    def g():\n        yield s.get()\n    run(g())",
        ),
        (
            "s = Session()\n@x\nclass A:\n    y = s.get()",
            "with Session() as s:\n    @x\n    class A:\n        y = s.get()",
        ),
        (
            "for y in x:\n    s = Session()\n    if s.get(): break\n    continue",
            "for y in x:\n    with Session() as s:\n        if s.get(): break\n    continue",
        ),
    ],
)
def test_uses_that_end_with_the_block_are_wrapped(text: str, expected: str) -> None:
    assert wrapped(text) == expected + "\n"


# ---- closing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s = Session()\ntry:\n    s.a()\nfinally:\n    s.close()", "with Session() as s:\n    s.a()"),
        (
            "s = Session()\ntry:  # 1\n    # 2\n    s.a()\n    # 3\nfinally:  # 4\n    # 5\n    s.close()  # 6",
            "with Session() as s:\n    # 1\n    # 2\n    s.a()\n    # 3\n    # 4\n    # 5\n    # 6",
        ),
        (
            "s = Session()\ntry:\n    s.a()\nexcept E:\n    s.b()\nelse:\n    s.c()\nfinally:\n    s.close()",
            "with Session() as s:\n    try:\n        s.a()\n    except E:\n        s.b()\n    else:\n        s.c()",
        ),
        (
            "s = Session()\ntry:\n    s.a()\nfinally:\n    s.close()\n    work()",
            "with Session() as s:\n    try:\n        s.a()\n    finally:\n        s.close()\n        work()",
        ),
        (
            "s = Session()\ntry:\n    s.a()\nfinally: s.close()",
            "with Session() as s:\n    s.a()",
        ),
        (
            "s = Session()\ntry: s.a()\nfinally:\n    s.close()",
            "with Session() as s:\n    try: s.a()\n    finally:\n        s.close()",
        ),
        (
            "s = Session()\ntry:\n    s.a('''\n1''')\nfinally:\n    s.close()",
            "with Session() as s:\n    s.a('''\n1''')",
        ),
        (
            "s = Session()\nif x:\n    s.close()\n    return\ns.a()\ns.close()  # done",
            "with Session() as s:\n    if x:\n        return\n    s.a()\n    # done",
        ),
        ("s = Session()\ns.a()\npool.release(s)", "with Session() as s:\n    s.a()"),
    ],
)
def test_closing_goes_with_the_block(text: str, expected: str) -> None:
    if "'''" in text:
        new = fixed(body(text).replace("    1'''", "1'''"), plain, "Session(")
        assert new == "def f(x):\n    with Session() as s:\n        s.a('''\n1''')\n"
    else:
        assert wrapped(text) == expected + "\n"


# ---- async


@pytest.mark.parametrize(
    ("value", "code", "head"),
    [
        ("Session()", "Session()", "Session()"),
        ("await pool.acquire()", "pool.acquire()", "pool.acquire()"),
        ("await engine.connect()", "engine.connect()", "engine.connect()"),
        ("await get_session()", "get_session()", "await get_session()"),
        (
            "await psycopg.AsyncConnection.connect(x)",
            "psycopg.AsyncConnection.connect(",
            "await psycopg.AsyncConnection.connect(x)",
        ),
    ],
)
def test_an_async_lease_is_awaited_by_its_with(value: str, code: str, head: str) -> None:
    assert awaited(f"s = {value}\nawait s.a()\nawait s.close()", code) == f"async with {head} as s:\n    await s.a()\n"


def test_the_recipe_may_name_the_await_itself() -> None:
    text = body("s = await pool.acquire()\nawait s.a()\nawait pool.release(s)", "async def f():\n")
    assert fixed(text, waiting, "await pool.acquire", cst.Await) == (
        "async def f():\n    async with pool.acquire() as s:\n        await s.a()\n"
    )
    assert fixed(text, waiting, "s = await", cst.SimpleStatementLine) == (
        "async def f():\n    async with pool.acquire() as s:\n        await s.a()\n"
    )


def test_an_imported_module_s_connect_is_awaited() -> None:
    text = "import aiosqlite\n" + body("s = await aiosqlite.connect(x)\nawait s.a()", "async def f(x):\n")
    new = fixed(text, waiting, "aiosqlite.connect(")
    assert new is not None
    assert "    async with await aiosqlite.connect(x) as s:\n" in new


def test_parentheses_around_an_await_that_would_go_are_refused() -> None:
    assert awaited("s = (await pool.acquire())\nawait s.a()", "pool.acquire(") is None


# ---- files as they are


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t", "  "])
def test_line_ends_and_indentation_are_kept(end: str, unit: str) -> None:
    text = "class A:\n    def f(x):\n        s = Session()\n        if x:\n            s.a()\n\n        return s.b()\n"
    expected = (
        "class A:\n    def f(x):\n        with Session() as s:\n            if x:\n                s.a()\n\n"
        "            return s.b()\n"
    )
    text, expected = (t.replace("    ", unit).replace("\n", end) for t in (text, expected))
    assert fixed(text, plain, "Session(") == expected


def test_a_last_line_without_an_end_is_no_trap() -> None:
    assert fixed("def f():\n    s = Session()\n    s.get()", plain, "Session(") == (
        "def f():\n    with Session() as s:\n        s.get()"
    )
    assert fixed("def f():\n    s = Session()\n    s.get()\n    s.close()", plain, "Session(") == (
        "def f():\n    with Session() as s:\n        s.get()\n"
    )


def test_a_wrapped_lease_is_not_wrapped_again() -> None:
    new = fixed(body("s = Session()\ns.get()"), plain, "Session(")
    assert new is not None
    assert fixed(new, plain, "Session(") is None
