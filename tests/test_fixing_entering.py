"""Does a generator that is asked for one value come to be run by a context manager, where that is the same?"""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest
from fixing_sites import site_of, spot_of
from trial import applied, comments

from dbpool_lint.fixing.recipes import EnterGenerator, Spot
from dbpool_lint.fixing.rewrite import Site, rewrite

IMPORTS = "from contextlib import asynccontextmanager, contextmanager\n\n\n"


def entered(text: str, *, head: str = IMPORTS, code: str = "get_db(", asynchronous: bool | None = None) -> str | None:
    """The body of a function afterwards; the recipe names the first `for` over the generator, or the taking."""
    waits = "await" in text or "async for" in text
    begin = "async def f(x):\n" if waits else "def f(x):\n"
    whole = head + begin + textwrap.indent(textwrap.dedent(text).strip("\n") + "\n", "    ")
    new = entered_file(whole, code, waits if asynchronous is None else asynchronous)
    return new and textwrap.dedent(new.partition(begin)[2]).rstrip("\n")


def entered_file(text: str, code: str = "get_db(", asynchronous: bool = False) -> str | None:
    site = site_of(text)
    call = spot_of(site, code) if code.endswith(")") else None
    call = call or _innermost(site_of(text), code)
    assert call
    taken = call
    for begins, kind in (("async for db", cst.For), ("for db", cst.For), ("db", cst.Assign), ("db: ", cst.AnnAssign)):
        taken = spot_of(site, begins, kind) or taken
    edits = rewrite(EnterGenerator(taken, call, "db", asynchronous), site)
    if edits is None:
        return None
    new = applied(text, edits)
    compile(new, "app.py", "exec", dont_inherit=True)
    assert comments(new) == comments(text)
    return new


def _innermost(site: Site, code: str) -> Spot | None:
    found = None
    skip = 0
    while spot := spot_of(site, code, skip=skip):
        found, skip = spot, skip + 1
    return found


# ---- refused


@pytest.mark.parametrize(
    "text",
    [
        "db = next(get_db(), None)\ndb.get()",
        "db = next(iter(get_db()))\ndb.get()",
        "db = get_db()\ndb.get()",
        "db = get_db().send()\ndb.get()",
        "db = get_db().__next__(1)\ndb.get()",
        "db = list(get_db())[0]\ndb.get()",
        "db = take(next(get_db()))\ndb.get()",
        "db = next((get_db()))\ndb.get()",
        "db = next(*get_db())\ndb.get()",
        "print(next(get_db()))",
        "if x: db = next(get_db())",
        "db = next(get_db())\nreturn db",
        "db = next(get_db())\nyield db",
        "db = next(get_db())\ndb = db.get()",
        "g = get_db()\nprint(g)\ndb = next(g)",
        "g = get_db()\ndb = next(g)\ndb.get()\nnext(g, None)",
        "g = get_db()\ng = x\ndb = next(g)",
        "g = get_db()\nif x:\n    db = next(g)\n    db.get()",
        "for db in get_db():\n    if x: break\n    db.get()",
        "for db in get_db():\n    if x: continue\n    db.get()",
        "for db in get_db():\n    db.get()\nelse:\n    x.y()",
        "for db in get_db():\n    db.get()\nprint(db)",
        "for db in get_db():\n    yield db",
        "for db in get_db():\n    return db",
        "for db in get_db():\n    break",
        "for db in get_db(): db.get()",
        "for db, y in get_db():\n    db.get()",
        "for db in get_db():\n    db = db.get()",
        "global db\nfor db in get_db():\n    db.get()",
        "for db in get_db(  # why\n    x\n):\n    db.get()",
        "for db in list(get_db()):\n    db.get()",
    ],
)
def test_what_is_not_one_value_used_in_one_place_is_refused(text: str) -> None:
    assert entered(text) is None


@pytest.mark.parametrize("code", ["make()()", "(get_db)()", "gets[0]()", "(lambda: x)()"])
def test_a_function_without_a_name_is_refused(code: str) -> None:
    assert entered(f"db = next({code})\ndb.get()", code=code) is None


@pytest.mark.parametrize("decorator", ["contextmanager", "x.y"])
def test_a_decorated_function_is_refused(decorator: str) -> None:
    head = f"{IMPORTS}@{decorator}\ndef get_db():\n    yield 1\n\n\n"
    assert entered("db = next(get_db())\ndb.get()", head=head) is None
    head = head.replace(f"@{decorator}\n", "")
    assert entered("db = next(get_db())\ndb.get()", head=head) is not None


def test_a_generator_of_another_kind_is_refused() -> None:
    assert entered("db = await anext(get_db())\nawait db.get()", asynchronous=False) is None
    assert entered("db = next(get_db())\ndb.get()", asynchronous=True) is None
    assert entered("async for db in get_db():\n    await db.get()", asynchronous=False) is None


def test_another_meaning_of_the_name_is_refused() -> None:
    assert entered("contextmanager = 1\ndb = next(get_db())\ndb.get()", head="") is None


def test_what_is_no_call_and_what_stands_elsewhere_is_refused() -> None:
    text = "def f():\n    db = next(get_db())\n    db.get()\n\n\ng = get_db()\n"
    site = site_of(text)
    taken, other = spot_of(site, "db = ", cst.Assign), spot_of(site, "get_db()", skip=1)
    assert taken
    assert other
    assert rewrite(EnterGenerator(taken, other, "db", asynchronous=False), site) is None
    assert rewrite(EnterGenerator(taken, taken, "db", asynchronous=False), site) is None


def test_a_loop_outside_of_functions_is_refused() -> None:
    assert entered_file("for db in get_db():\n    db.get()\n") is None


# ---- the first value


@pytest.mark.parametrize(
    ("call", "head"),
    [
        ("next(get_db())", "with contextmanager(get_db)()"),
        ("get_db().__next__()", "with contextmanager(get_db)()"),
        ("next(x.deps.get_db(x, y=1))", "with contextmanager(x.deps.get_db)(x, y=1)"),
        ("await anext(get_db())", "async with asynccontextmanager(get_db)()"),
        ("await get_db().__anext__()", "async with asynccontextmanager(get_db)()"),
    ],
)
@pytest.mark.parametrize("taking", ["db = ", "db: Session = "])
def test_the_first_value_is_entered(taking: str, call: str, head: str) -> None:
    code = "x.deps.get_db(x, y=1)" if "deps" in call else "get_db()"
    text = f"{taking}{call}  # take\nrows = db.get()\n\ndb.close()\n\nreturn rows\n"
    assert entered(text, code=code) == f"{head} as db:  # take\n    rows = db.get()\n\nreturn rows"


def test_handlers_and_finally_keep_what_else_they_do() -> None:
    text = (
        "try:\n    db = next(get_db())\n    db.a()\nexcept E:\n    db.rollback()\n    raise\nfinally:\n    db.close()\n"
    )
    assert entered(text) == (
        "with contextmanager(get_db)() as db:\n    try:\n        db.a()\n"
        "    except E:\n        db.rollback()\n        raise"
    )


@pytest.mark.parametrize(
    "text",
    [
        "g = get_db()\ndb = next(g)\ndb.get()",
        "g = get_db()\ndb = next(g)\ndb.get()\ng.close()",
        "g = get_db()\n\ndb = next(g)\ntry:\n    db.get()\nfinally:\n    g.close()",
        "g = get_db()\ndb = g.__next__()\ntry:\n    db.get()\nfinally:\n    db.close()\n    g.close()",
    ],
)
def test_a_generator_kept_in_a_variable_is_entered(text: str) -> None:
    assert entered(text) == "with contextmanager(get_db)() as db:\n    db.get()"


def test_a_call_of_many_lines_keeps_them() -> None:
    assert entered("db = next(  # a\n    get_db()\n)\ndb.get()") is None  # the comment has no place
    assert entered("g = get_db(\n    x,  # a\n)\ndb = next(g)\ndb.get()") is None
    assert entered("db = next(get_db(\n    x,  # a\n))\ndb.get()") == (
        "with contextmanager(get_db)(\n    x,  # a\n) as db:\n    db.get()"
    )
    assert entered("g = get_db(\n    x,\n    1,\n)\ndb = next(g)\ndb.get()\ndb.a()") == (
        "with contextmanager(get_db)(\n    x,\n    1,\n) as db:\n    db.get()\n    db.a()"
    )


# ---- the loop


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("await db.get()", "await db.get()"),
        ("await db.get()\nbreak", "await db.get()"),
        ("await db.get()\n\n# once\nbreak", "await db.get()\n\n# once"),
        ("return await db.get()", "return await db.get()"),
        ("try:\n    await db.get()\nfinally:\n    await db.close()\nbreak", "await db.get()"),
        ("for y in x:\n    if y: break\nawait db.get()", "for y in x:\n    if y: break\nawait db.get()"),
        ("x.y('''\n1''')\nawait db.get()\nawait db.close()", "x.y('''\n1''')\nawait db.get()"),
    ],
)
def test_a_loop_that_runs_once_is_entered(text: str, expected: str) -> None:
    before = "async for db in get_db():  # one\n" + textwrap.indent(text, "    ") + "\nreturn 1"
    after = "async with asynccontextmanager(get_db)() as db:  # one\n" + textwrap.indent(expected, "    ")
    assert entered(before) == f"{after}\nreturn 1"


def test_a_loop_over_a_call_of_many_lines_keeps_them() -> None:
    assert entered("for db in x.get_db(\n    x,\n    '''\n''',\n):\n    db.get()\n    break", code="x.get_db(") == (
        "with contextmanager(x.get_db)(\n    x,\n    '''\n''',\n) as db:\n    db.get()"
    )


# ---- files as they are


def test_the_import_comes_where_imports_stand() -> None:
    text = "import contextlib\n\n\ndef f():\n    db = next(get_db())\n    db.get()\n"
    assert entered_file(text) == (
        "import contextlib\n\n\ndef f():\n    with contextlib.contextmanager(get_db)() as db:\n        db.get()\n"
    )
    assert entered_file(text.replace("contextlib", "abc")) == (
        "import abc\nfrom contextlib import contextmanager\n\n\n"
        "def f():\n    with contextmanager(get_db)() as db:\n        db.get()\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t"])
def test_line_ends_and_indentation_are_kept(end: str, unit: str) -> None:
    text = IMPORTS + "def f():\n    for db in get_db():\n        try:\n            db.a()\n        finally:\n"
    text += "            db.close()\n        break\n    z = 1\n"
    expected = IMPORTS + "def f():\n    with contextmanager(get_db)() as db:\n        db.a()\n    z = 1\n"
    text, expected = (t.replace("    ", unit).replace("\n", end) for t in (text, expected))
    assert entered_file(text) == expected
