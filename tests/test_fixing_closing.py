"""Which closing goes when a lease gets its `with`, and what becomes of the blocks around it?"""

from __future__ import annotations

import textwrap

import pytest
from fixing_sites import fixed

from dbpool_lint.fixing.recipes import Recipe, Spot, WrapInWith


def plain(spot: Spot) -> Recipe:
    return WrapInWith(spot, "s", asynchronous=False)


def waiting(spot: Spot) -> Recipe:
    return WrapInWith(spot, "s", asynchronous=True)


def function(text: str, head: str = "def f(x):") -> str:
    return f"{head}\n" + textwrap.indent(textwrap.dedent(text).strip("\n") + "\n", "    ")


def wrapped(text: str) -> str | None:
    new = fixed(function(text), plain, "Session(")
    return new and textwrap.dedent(new.partition("\n")[2]).rstrip("\n")


def awaited(text: str) -> str | None:
    new = fixed(function(text, "async def f(x):"), waiting, "pool.acquire(")
    return new and textwrap.dedent(new.partition("\n")[2]).rstrip("\n")


def same(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


# ---- refused: what is given back twice


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    await s.a()\nfinally:\n    await pool.release(s)\n    await pool.close()",
        "if x:\n    await pool.release(s)\n    await sleep(1)\n    return\nawait s.a()\nawait pool.release(s)",
        "for y in x:\n    await s.a()\n    await pool.release(s)",
        "if x:\n    await pool.release(s)\nelse:\n    await s.a()\nprint(s)",
        "with lock:\n    pool.release(s)",
        "if x:\n    pool.release(s)",  # nothing would be left below `if`
        "try: await s.a()\nfinally:\n    pool.release(s)",
    ],
)
def test_what_is_given_back_early_is_refused(text: str) -> None:
    assert awaited(f"s = await pool.acquire()\n{text}") is None


@pytest.mark.parametrize(
    "text",
    [
        "s = Session()\nu = U()\ns.add(u)\ns.commit()\nreturn u",
        "s = Session()\nu = s.get(U, 1)\nu.n = 1\ns.commit()\nreturn u, 1",
        "s = Session()\nus = s.query(U).all()\ns.commit()\nprint()\nreturn us",
    ],
)
def test_objects_that_a_commit_expires_are_not_handed_out_of_a_closed_session(text: str) -> None:
    assert wrapped(text) is None


# ---- to where it reaches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "u = U()\ns.add(u)\ns.commit()\nprint()\nprint(u.id)\nreturn 1",
            "    u = U()\n    s.add(u)\n    s.commit()\n    print()\n    print(u.id)\nreturn 1",
        ),
        (
            "u = U()\ns.add(u)\ns.commit()\ns.refresh(u)\nreturn u",
            "    u = U()\n    s.add(u)\n    s.commit()\n    s.refresh(u)\nreturn u",
        ),
        (
            "u = s.get(U)\nu.n = 1\ns.commit()\nreturn u.n",
            "    u = s.get(U)\n    u.n = 1\n    s.commit()\n    return u.n",
        ),
        ("u = s.get(U)\nreturn u.n", "    u = s.get(U)\nreturn u.n"),
        ("n = s.n()\ns.commit()\nreturn n", "    n = s.n()\n    s.commit()\nreturn n"),
        ("t = Session()\ns.a()\nt.b()\nprint()", "    t = Session()\n    s.a()\n    t.b()\nprint()"),
        ("s.a()\ns.close()\nwork()\ns.close()\nprint()", "    s.a()\n    s.close()\n    work()\nprint()"),
    ],
)
def test_what_needs_the_lease_goes_below(text: str, expected: str) -> None:
    assert wrapped(f"s = Session()\n{text}") == f"with Session() as s:\n{expected}"


# ---- closing on more than one path


EARLY = """
    s = Session()
    u = s.get(1)
    if not u:
        s.close()
        return JSONResponse({"error": str(x)}, 404)
    elif u.x:
        # twice
        s.close()
        raise Error
    u.n = 1

    s.close()

    return u.n
"""
EARLY_FIXED = """
    with Session() as s:
        u = s.get(1)
        if not u:
            return JSONResponse({"error": str(x)}, 404)
        elif u.x:
            # twice
            raise Error
        u.n = 1

    return u.n
"""
BOTH = """
    s = Session()
    try:
        s.a()

        s.commit()
        s.close()
    except Error as e:
        s.rollback()

        s.close()
        raise
    else:
        s.close()
"""
BOTH_FIXED = """
    with Session() as s:
        try:
            s.a()

            s.commit()
        except Error as e:
            s.rollback()

            raise
"""
LOOP = """
    for y in x:
        s = Session()
        if y:
            s.close()
            continue
        for z in y:
            if z:
                s.close()
                break
        try:
            s.a()
        except Error:
            s.close()
            break
        else:
            s.close()
"""
LOOP_FIXED = """
    for y in x:
        with Session() as s:
            if y:
                continue
            for z in y:
                if z:
                    s.close()
                    break
            try:
                s.a()
            except Error:
                break
"""
AGAIN = """
    s = Session()
    try:
        s.a()
    except:  # any
        s.close()
        raise
    s.b()
    s.close()
"""
AGAIN_FIXED = """
    with Session() as s:
        s.a()
        # any
        s.b()
"""
HEAVY = """
    s = Session()
    if x:
        s.close()
        return work(x)
    elif x.y:
        s.close()
        x.z()
    elif x.z:
        s.close()
    else:
        s.close()
    try:
        s.a()
        s.close()
    except Error:
        s.close()
    finally:
        work()
    s.close()
"""
HEAVY_FIXED = """
    with Session() as s:
        if x:
            s.close()
            return work(x)
        elif x.y:
            s.close()
            x.z()
        elif x.z:
            s.close()
        else:
            s.close()
        try:
            s.a()
            s.close()
        except Error:
            s.close()
        finally:
            work()
"""
NESTED = """
    s = Session()
    try:
        match x:
            case 1:
                try:
                    s.a()
                    return 1
                finally:
                    s.b()
            case _:
                s.c()
                s.close()
    except Error:
        s.close()
    finally:
        if s is not None:
            s.close()
"""
NESTED_FIXED = """
    with Session() as s:
        try:
            match x:
                case 1:
                    try:
                        s.a()
                        return 1
                    finally:
                        s.b()
                case _:
                    s.c()
        except Error:
            pass
"""
ONE_LINE = """
    s = Session()
    try: s.a()
    except Error: s.close(); raise
    else: s.close()
    if s: s.close()
"""
ONE_LINE_FIXED = """
    with Session() as s:
        try: s.a()
        except Error: s.close(); raise
"""
WHILE = """
    s = Session()
    while s.a():
        try:
            if x: return
        finally:
            s.b()
    else:
        s.close()
"""
WHILE_FIXED = """
    with Session() as s:
        while s.a():
            try:
                if x: return
            finally:
                s.b()
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EARLY, EARLY_FIXED),
        (LOOP, LOOP_FIXED),
        (AGAIN, AGAIN_FIXED),
        (HEAVY, HEAVY_FIXED),
        (NESTED, NESTED_FIXED),
        (ONE_LINE, ONE_LINE_FIXED),
        (WHILE, WHILE_FIXED),
    ],
)
def test_only_what_the_end_of_the_block_does_as_well_goes(text: str, expected: str) -> None:
    assert wrapped(text) == same(expected)


def test_a_handler_keeps_what_else_it_does() -> None:
    assert wrapped(BOTH) == same(BOTH_FIXED)


@pytest.mark.parametrize("line", ["print(x)", "log.info('done')", "self.logger.exception(f'{x}: %s', str(x))"])
def test_a_line_that_only_tells_something_is_no_reason_to_keep_closing(line: str) -> None:
    text = f"s = Session()\ntry:\n    s.a()\nexcept E:\n    s.close()\n    {line}\n    return x\nfinally:\n"
    assert wrapped(f"{text}    s.close()\n    {line}\n") == (
        f"with Session() as s:\n    try:\n        s.a()\n    except E:\n        {line}\n        return x\n"
        f"    finally:\n        {line}"
    )


@pytest.mark.parametrize("line", ["work()", "log.info(work())", "log.write(1)", "print", "await_(print(x))"])
def test_other_lines_find_it_closed(line: str) -> None:
    text = f"try:\n    s.a()\nfinally:\n    s.close()\n    {line}\n"
    assert wrapped(f"s = Session()\n{text}") == "with Session() as s:\n" + textwrap.indent(text, "    ").rstrip()


def test_a_handler_further_out_finds_it_closed() -> None:
    inner = "try:\n    try:\n        s.a()\n    finally:\n        s.close()\nexcept Error:\n    s.b()"
    assert wrapped(f"s = Session()\n{inner}") == "with Session() as s:\n" + textwrap.indent(inner, "    ")


@pytest.mark.parametrize("guard", ["s", "s is not None", "s != None"])
def test_asking_whether_it_is_there_goes_with_closing_it(guard: str) -> None:
    text = f"s = Session()\ntry:\n    s.a()\nfinally:\n    if {guard}:\n        s.close()\n"
    assert wrapped(text) == "with Session() as s:\n    s.a()"
    assert wrapped(text.replace(":\n        ", ": ")) == "with Session() as s:\n    s.a()"


@pytest.mark.parametrize("guard", ["s and x", "s is None", "x is not None", "x", "s is not None is not x"])
def test_asking_for_more_stays(guard: str) -> None:
    assert wrapped(f"s = Session()\ns.a()\nif {guard}:\n    s.close()\n") == (
        f"with Session() as s:\n    s.a()\n    if {guard}:\n        s.close()"
    )


# ---- taken inside of `try`


@pytest.mark.parametrize("empty", ["", "s = None\n", "s: Session | None = None  # not yet\n"])
def test_a_lease_taken_first_in_the_try_that_closes_it(empty: str) -> None:
    text = f"{empty}try:\n    s = Session()  # take\n\n    s.a()\nfinally:\n    if s:\n        s.close()\n\nreturn 1\n"
    comment = "# not yet\n" if "#" in empty else ""
    assert wrapped(text) == f"{comment}with Session() as s:  # take\n    s.a()\n\nreturn 1"


def test_handlers_that_use_it_stand_below_the_with() -> None:
    text = """
        s = None
        try:
            s = Session(
                bind=x,
            )
            s.a()
            return 1
        except Error:
            if s:
                s.rollback()
            raise
        finally:
            # done
            s.close()
    """
    assert wrapped(text) == same("""
        with Session(
            bind=x,
        ) as s:
            try:
                s.a()
                return 1
            except Error:
                if s:
                    s.rollback()
                raise
        # done
    """).replace("# done", "    # done")


def test_handlers_that_only_close_it_stay_around_the_with() -> None:
    text = """
        s = None
        try:
            x.y()
            s = Session()
            rows = s.a()
            return [row for row in rows]
        except Error as e:
            print(e)
            s.close()
        except Other:
            s.close()
        else:
            s.close()
        finally:
            if s:
                s.close()
            print()
        if s:
            s.close()
    """
    assert wrapped(text) == same("""
        try:
            x.y()
            with Session() as s:
                rows = s.a()
                return [row for row in rows]
        except Error as e:
            print(e)
        except Other:
            pass
        finally:
            print()
    """)


def test_the_string_of_a_lease_that_moves_out_of_its_try_stays() -> None:
    text = 'def f(x):\n    try:\n        s = Session("""\n        a\n""",\n            x)\n        s.a()\n'
    assert fixed(text + "    except E:\n        s.b()\n", plain, "Session(") == (
        'def f(x):\n    with Session("""\n        a\n""",\n        x) as s:\n'
        "        try:\n            s.a()\n        except E:\n            s.b()\n"
    )


# ---- async


@pytest.mark.parametrize(
    "text",
    [
        "await s.a()\nawait pool.release(s)",
        "await s.a()\nawait asyncio.shield(pool.release(s))",
        "await s.a()\npool.putconn(s)",
        "try:\n    await s.a()\nfinally:\n    await pool.release(s)",
        "try:\n    await s.a()\nfinally: await s.close()",
    ],
)
def test_what_an_async_pool_gets_back_goes(text: str) -> None:
    assert awaited(f"s = await pool.acquire()\n{text}") == "async with pool.acquire() as s:\n    await s.a()"


def test_a_cancelled_close_of_another_kind_stays() -> None:
    text = "await asyncio.wait_for(s.close(), 1)"
    assert awaited(f"s = await pool.acquire()\n{text}") == f"async with pool.acquire() as s:\n    {text}"


# ---- files as they are


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("unit", ["    ", "\t", "  "])
@pytest.mark.parametrize(("text", "expected"), [(EARLY, EARLY_FIXED), (NESTED, NESTED_FIXED)])
def test_line_ends_and_indentation_are_kept(text: str, expected: str, unit: str, end: str) -> None:
    before, after = (f"def f(x):{t}".replace("    ", unit).replace("\n", end) for t in (text, expected))
    assert fixed(before, plain, "Session(") == after


def test_form_feeds_are_no_trap() -> None:
    text = "def f(x):\n    s = Session()\n\f\n    try:\n        s.a()\n\f\n    finally:\n        s.close()\n"
    new = fixed(text, plain, "Session(")
    assert new == "def f(x):\n    with Session() as s:\n        s.a()\n"
