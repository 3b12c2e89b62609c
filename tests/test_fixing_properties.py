"""Does every rewriting of every text keep what it does not mean to change? Modules made at random."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable
from itertools import count, takewhile

import libcst as cst
from fixing_sites import site_of, spot_of
from hypothesis import given
from hypothesis import strategies as st
from trial import applied, comments

from dbpool_lint.fixing.recipes import (
    AddKeywords,
    AwaitCall,
    DisposeAfterYield,
    HoistToModule,
    Recipe,
    RemoveStatement,
    Spot,
    WidenExcept,
    WrapInWith,
)
from dbpool_lint.fixing.rewrite import rewrite

Lines = list[str]
LAYOUT = frozenset({tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})

SIMPLE = [
    "s.add(x)",
    "y = s.get()  # got",
    "time.sleep(1)",
    "z = [time.sleep(x), (time.sleep)(2)]  # 1, 2",
    "for q in time.sleep(1): pass",
    "run(lambda: time.sleep(1))",
    "engine = create(URL)  # new",
    "x.engine = create(URL)",
    "return create(URL)",
    "engine.dispose()  # free",
    "s.close()  # done",
    "# a comment",
    "",
    's.run("""\n  select\n# no comment\n""", y)',
    "create(\n    URL,  # where\n    echo=True,\n)",
    "create(\n    URL\n    # last\n)",
    "create(URL, **options)",
    "work(\nx,\n  y)",
    "a = 1; b = s.get()",
    "return y",
    "x = f'{y}' if s else create()",
]


def below(head: str, inner: Lines) -> Lines:
    return [head, *(f"\t{line}" if line else line for line in inner), "\tpass"]


def moved(text: str) -> Lines:
    """A statement as lines; those of a string get a mark, so that they are not indented."""
    first, *rest = text.split("\n")
    fixed = '"""' in text
    return [first, *(f"\0{line}" if fixed else line for line in rest)]


simple = st.sampled_from(SIMPLE).map(moved)


def compound(inner: st.SearchStrategy[Lines]) -> st.SearchStrategy[Lines]:
    body = st.lists(inner, min_size=1, max_size=4).map(lambda parts: [line for part in parts for line in part])
    heads = st.sampled_from(
        ["if x:", "for x in s.get():  # each", "with lock:", "while x:", "def g():", "async def h():"]
    )
    tries = st.builds(lambda a, b: [*below("try:  # t", a), *below("finally:", b)], body, body)
    closing = body.map(lambda a: [*below("try:", a), "finally:  # end", "\t# why", "\ts.close()"])
    return st.builds(below, heads, body) | tries | closing


statement = st.recursive(simple, compound, max_leaves=12)
bodies = st.lists(statement, min_size=1, max_size=6).map(lambda parts: [line for part in parts for line in part])
heads = st.sampled_from(
    ["", "import time\n", "import asyncio\nimport time\n", '"""Doc."""\n\nfrom time import sleep\n']
)


@st.composite
def modules(draw: st.DrawFn) -> str:
    """A module with one function, all in one way to end lines and to indent."""
    taken = draw(
        st.sampled_from(["s = Session()  # taken", "s: Session = (Session())", "s = Session(\n\t1,  # one\n)"])
    )
    lines = ["# f", "@deco", "async def f(x):", *(f"\t{line}" if line else line for line in [*taken.split("\n")])]
    lines += [f"\t{line}" if line else line for line in draw(bodies)]
    lines = [line.rpartition("\0")[2] for line in [*lines, "\tpass", "after = 1"]]
    text = "\n".join(["from sa import create", "URL = 1", "", "", *lines, ""])
    unit, end = draw(st.sampled_from(["\t", "  ", "    "])), draw(st.sampled_from(["\n", "\r\n"]))
    return (draw(heads) + text).replace("\t", unit).replace("\n", end)


def tokens(text: str) -> list[str]:
    """What stands in the text, without layout and comments."""
    found = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return [token.string for token in found if token.type not in LAYOUT and token.type != tokenize.COMMENT]


def without(words: list[str], *gone: str) -> list[str]:
    return sorted(word for word in words if word not in gone)


def every(text: str, code: str, make: Callable[[Spot], Recipe], kind: type[cst.CSTNode] = cst.Call) -> list[str]:
    """The texts after rewriting one after the other; each parses, and keeps all comments."""
    site = site_of(text)
    spots = [spot for spot in takewhile(bool, (spot_of(site, code, kind, skip=n) for n in count())) if spot]
    found = []
    for spot in spots:
        edits = rewrite(make(spot), site)
        if edits is not None:
            new = applied(text, edits)
            ast.parse(new)
            assert comments(new) == comments(text)
            assert set(ends(new)) == set(ends(text))
            found.append(new)
    return found


def ends(text: str) -> list[str]:
    return [line[len(line.rstrip("\r\n")) :] for line in io.StringIO(text, newline="") if line.endswith(("\r", "\n"))]


class _Without(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords = [keyword for keyword in node.keywords if keyword.arg != "pool_pre_ping"]
        return self.generic_visit(node)


def plain(text: str) -> str:
    return ast.dump(_Without().visit(ast.parse(text)))


@given(modules())
def test_a_keyword_is_all_that_is_added(text: str) -> None:
    for new in every(text, "create(", lambda spot: AddKeywords(spot, (("pool_pre_ping", "True"),))):
        assert ast.dump(ast.parse(new)) != plain(new) == plain(text)
        assert len(tokens(new)) - len(tokens(text)) in {3, 4}


@given(modules())
def test_an_awaited_call_is_the_same_call(text: str) -> None:
    for new in every(text, "time.sleep(", lambda spot: AwaitCall(spot, "asyncio", "sleep")):
        gone = ("await", "asyncio", "time", "import", "(", ")")
        assert without(tokens(new), *gone) == without(tokens(text), *gone)
        assert tokens(new).count("await") == 1
        compile(new, "app.py", "exec", dont_inherit=True) if compiles(text) else None


def compiles(text: str) -> bool:
    try:
        compile(text, "app.py", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


@given(modules())
def test_below_a_with_stand_the_same_statements(text: str) -> None:
    for new in every(text, "Session(", lambda spot: WrapInWith(spot, "s", asynchronous=False)):
        gone = ("=", ":", "Session", "with", "as", "s", "pass", "try", "finally", "close", ".", "(", ")")
        assert without(tokens(new), *gone) == without(tokens(text), *gone)
        assert compiles(new) or not compiles(text)
        assert every(new, "Session(", lambda spot: WrapInWith(spot, "s", asynchronous=False)) == []


@given(modules())
def test_a_hoisted_pool_leaves_the_rest_where_it_was(text: str) -> None:
    for new in every(text, "create(", HoistToModule):
        gone = ("=", ":", "engine", "_engine", "pass", "try", "finally", "dispose", ".", "(", ")")
        assert without(tokens(new), *gone) == without(tokens(text), *gone)
        assert compiles(new) or not compiles(text)
        tail = new.partition("# f")[2]
        assert tail.endswith(text[-len("after = 1") - 2 :])


@st.composite
def lifespans(draw: st.DrawFn) -> str:
    """A module with one generator, its `yield` in the open, or below `with` or `try`, among other statements."""
    before, after = draw(bodies), draw(bodies)
    inner = ["yield", *after] if draw(st.booleans()) else ["yield  # serve"]
    shapes = {
        "plain": inner,
        "with": ["with lock:", *(f"\t{line}" if line else line for line in inner)],
        "finally": [*below("try:", inner), *below("finally:", draw(bodies))],
        "except": [*below("try:  # t", inner), "except E:", "\traise", "\t# why"],
    }
    whole = [*before, *shapes[draw(st.sampled_from(sorted(shapes)))], *draw(st.sampled_from([[], after, ["# end"]]))]
    lines = ["async def f(x):", *(f"\t{line}" if line else line for line in whole)]
    lines = [line.rpartition("\0")[2] for line in lines]
    text = "\n".join(["pool = 1", "", *lines, ""])
    unit, end = draw(st.sampled_from(["\t", "  ", "    "])), draw(st.sampled_from(["\n", "\r\n"]))
    return (draw(heads) + text).replace("\t", unit).replace("\n", end)


@given(lifespans())
def test_what_is_disposed_of_last_changes_nothing_else(text: str) -> None:
    def make(spot: Spot) -> Recipe:
        return DisposeAfterYield(spot, "await pool.dispose()")

    for new in every(text, "async def f(", make, cst.FunctionDef):
        gone = ("try", "finally", ":", "await", "pool", ".", "dispose", "(", ")")
        assert without(tokens(new), *gone) == without(tokens(text), *gone)
        assert tokens(new).count("dispose") == tokens(text).count("dispose") + 1
        assert compiles(new) or not compiles(text)
        assert every(new, "async def f(", make, cst.FunctionDef) == []


@given(modules())
def test_a_removed_statement_is_all_that_goes(text: str) -> None:
    for new in every(text, "y = s.get()", RemoveStatement, cst.Assign):
        gone = ("y", "=", "s", ".", "get", "(", ")", "pass")
        assert without(tokens(new), *gone) == without(tokens(text), *gone)
        assert tokens(new).count("get") == tokens(text).count("get") - 1


@given(modules(), st.sampled_from(["", "import sqlalchemy\n", "from sqlalchemy import exc\n"]))
def test_a_wider_clause_is_all_that_is_new(text: str, head: str) -> None:
    def make(spot: Spot) -> Recipe:
        return WidenExcept(spot, "sqlalchemy.exc", "TimeoutError", alias="Slow")

    end = "\r\n" if "\r\n" in text else "\n"
    text = (head + "try:\n    work()\nexcept (E,  # e\n  F): pass\nexcept G as g:\n    pass\n").replace(
        "\n", end
    ) + text
    for new in every(text, "except", make, cst.ExceptHandler):
        gone = ("Slow", "TimeoutError", "exc", "sqlalchemy", ".", ",", "(", ")", "from", "import", "as")
        assert without(tokens(new), *gone) == without(tokens(text), *gone)
        assert compiles(new) or not compiles(text)
