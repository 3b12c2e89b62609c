"""Does an outline say what a file defines, imports and mentions, and where each statement stands?"""

from __future__ import annotations

import ast
import io
import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import sources

from dbpool_lint.model import Problem, Source
from dbpool_lint.sources.outline import Binding, Outline, Statement, line_starts, outline
from dbpool_lint.sources.outlines import Outlines

NEWER = ("type X = int\n", "def g[T = int](x: T) -> T: return x\n", 'name = 1\nw = t"{name}"\n')
"""Came with Python 3.12, 3.13 and 3.14."""


def _source(text: str, name: str = "app.py", digest: str = "") -> Source:
    return Source(Path(name), name, text, digest=digest)


def _outlined(text: str) -> Outline:
    found = outline(_source(text))
    assert isinstance(found, Outline), found
    return found


def _only(text: str) -> Statement:
    (statement,) = _outlined(text).statements
    return statement


def _newer() -> str:
    """A program that LibCST parses and the running Python does not."""
    for text in NEWER:
        try:
            ast.parse(text)
        except SyntaxError:
            return text
    pytest.skip("the running Python knows all of it")


# refusals


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("x = 1\ndef f(:\n    pass\n", 2, "invalid syntax", id="syntax error"),
        pytest.param("if x:\n\tpass\n        y\n", 3, "inconsistent use of tabs", id="indentation"),
        pytest.param("x = '\0'\n", 1, "null bytes", id="NUL"),
        pytest.param("x = '\ud800'\n", 1, "surrogates", id="lone surrogate"),
        pytest.param("x = " + "(" * 1_000 + ")" * 1_000 + "\n", 1, "too many nested parentheses", id="brackets"),
    ],
)
def test_what_cannot_be_parsed_is_a_problem_with_its_line(text: str, line: int, message: str) -> None:
    found = outline(_source(text))
    assert isinstance(found, Problem)
    assert (found.name, found.line, found.ours) == ("app.py", line, False)
    assert message in found.message


def test_newer_syntax_that_libcst_reads_and_then_finds_wrong_is_a_problem() -> None:
    found = outline(_source("x = 1\ny = t'a' t'b'\n"))  # template strings, of Python 3.14
    assert isinstance(found, Problem) or sys.version_info >= (3, 14)


def test_a_backslash_with_nothing_behind_it_is_a_problem() -> None:
    assert isinstance(outline(_source("# only this\n\\")), Problem)


def test_code_that_nests_deeper_than_the_recursion_limit_is_a_problem() -> None:
    text = "if x:\n    pass\n" + "elif y:\n    pass\n" * 3_000
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_500)
    try:
        found = outline(_source(text))
    finally:
        sys.setrecursionlimit(before)
    assert isinstance(found, Problem)
    assert found.message == "cannot be parsed: nested too deeply"


DEEP_AND_NEWER = {
    "calls": "time" + ".sleep()" * 20_000,
    "attributes": "time" + ".sleep" * 20_000,
    "not": "not " * 20_000 + "x",
    "not, with line ends escaped": "not \\\n" * 20_000 + "x",
    "sum": "1 + " * 20_000 + "1",
    "lambdas": "lambda: " * 20_000 + "1",
    "lambdas with parameters": "lambda a, b: " * 20_000 + "1",
    "brackets": "(" * 20_000 + ")" * 20_000,
    "brackets with quotes": "'(', [" * 20_000 + "]" * 20_000,
}


@pytest.mark.parametrize("expression", [pytest.param(text, id=name) for name, text in DEEP_AND_NEWER.items()])
def test_deep_expressions_beside_newer_syntax_end_in_a_problem_and_not_in_a_crash(expression: str) -> None:
    text = f"{_newer()}x = {expression}\n"
    script = (
        "import sys; from pathlib import Path; from dbpool_lint.model import Source;"
        "from dbpool_lint.sources.outline import outline;"
        "print(outline(Source(Path('a.py'), 'a.py', sys.stdin.read())).message)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be parsed" in done.stdout


# where statements stand


@given(sources())
def test_statements_cover_their_text_and_none_overlaps(text: str) -> None:
    found = outline(_source(text))
    if isinstance(found, Problem):
        return
    starts = line_starts(text)
    for before, after in zip(found.statements, found.statements[1:], strict=False):
        assert before.end <= after.start
        assert before.end_line < after.line
    for statement in found.statements:
        assert statement.start == starts[statement.line - 1]
        ast.parse(text[statement.start : statement.end])


@given(st.text(alphabet="ab\r\n\f\x0b\x1c\u2028 ", max_size=20))
def test_lines_end_as_in_python_and_not_as_in_unicode(text: str) -> None:
    lines = io.StringIO(text, newline="").readlines()
    starts = [0, *itertools.accumulate(len(line) for line in lines if line.endswith(("\r", "\n")))]
    assert line_starts(text) == starts


def test_decorators_belong_to_their_statement_and_comments_above_do_not() -> None:
    text = "import a\n\n# about f\n@a.b\n@a.c(\n    1)\ndef f(): pass\nx = 1"
    shown = [text[s.start : s.end] for s in _outlined(text).statements]
    assert shown == ["import a\n", "@a.b\n@a.c(\n    1)\ndef f(): pass\n", "x = 1"]
    assert [(s.line, s.end_line) for s in _outlined(text).statements] == [(1, 1), (4, 7), (8, 8)]


def test_statements_that_share_a_line_are_one_piece() -> None:
    statement = _only("a = 1; b = (\n2); import c; d = 4\n")
    assert statement.defines == ("a", "b", "d")
    assert [b.local for b in statement.imports] == ["c"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_make_no_difference(end: str) -> None:
    text = end.join(["import a", "", "def f():", "    return a.b", "x = f()", ""])
    assert [(s.line, s.end_line, text[s.start : s.end].rstrip()) for s in _outlined(text).statements] == [
        (1, 1, "import a"),
        (3, 4, f"def f():{end}    return a.b"),
        (5, 5, "x = f()"),
    ]


# what they define


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b = 1", ("a", "b")),
        ("a, (b, *c) = d", ("a", "b", "c")),
        ("a.b = c[d] = 1", ()),
        ("a: int = 1", ("a",)),
        ("a += 1", ("a",)),
        ("def f():\n    inner = 1", ("f",)),
        ("async def f(): pass", ("f",)),
        ("class C:\n    x = 1", ("C",)),
        ("for a, b in c:\n    d = 1\nelse:\n    e = 1", ("a", "b", "d", "e")),
        ("while a:\n    b = 1", ("b",)),
        ("if a:\n    b = 1\nelif c:\n    d = 1\nelse:\n    def e(): pass", ("b", "d", "e")),
        ("with a as b, c as (d, e), f():\n    g = 1", ("b", "d", "e", "g")),
        ("try:\n    a = 1\nexcept E:\n    b = 1\nelse:\n    c = 1\nfinally:\n    d = 1", ("a", "b", "c", "d")),
        ("match a:\n    case 1:\n        b = 1\n    case _:\n        c = 1", ("b", "c")),
        ("a = 1\n", ("a",)),
        ("print(a)", ()),
    ],
)
def test_names_bound_at_module_level_are_defined(text: str, names: Sequence[str]) -> None:
    assert sorted(_only(text).defines) == sorted(names)


def test_a_name_is_defined_by_every_statement_that_binds_it() -> None:
    assert _outlined("a = 1\nb = 2\na = 3\n").defined() == {"a": [0, 2], "b": [1]}


# what they import


@pytest.mark.parametrize(
    ("text", "bindings"),
    [
        ("import a", [Binding("a", "a", "", 0)]),
        ("import a.b.c", [Binding("a", "a", "", 0)]),
        ("import a.b as c", [Binding("c", "a.b", "", 0)]),
        ("from a import b, c as d", [Binding("b", "a", "b", 0), Binding("d", "a", "c", 0)]),
        ("from ..a import b", [Binding("b", "a", "b", 2)]),
        ("from . import b", [Binding("b", "", "b", 1)]),
        ("try:\n    import a\nexcept ImportError:\n    a = None", [Binding("a", "a", "", 0)]),
        ("try:\n    pass\nexcept E:\n    import a", [Binding("a", "a", "", 0)]),
        ("if TYPE_CHECKING:\n    import a", [Binding("a", "a", "", 0, True)]),
        ("if typing.TYPE_CHECKING:\n    from a import b", [Binding("b", "a", "b", 0, True)]),
        ("if TYPE:\n    import a", [Binding("a", "a", "", 0)]),
    ],
)
def test_imports_bind_names(text: str, bindings: list[Binding]) -> None:
    assert list(_only(text).imports) == bindings


def test_imports_in_functions_are_kept_apart() -> None:
    statement = _only("def f():\n    from a import b\n    return b\n")
    assert statement.imports == ()
    assert statement.inner == (Binding("b", "a", "b", 0),)
    assert "b" in statement.mentions


def test_star_imports_bind_nothing_but_are_known() -> None:
    found = _outlined("from a import *\nfrom .b import *\ndef f():\n    import c\n")
    assert found.stars == (("a", 0), ("b", 1))
    assert found.statements[0].imports == ()


# what they mention


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("a.b.c(d)", {"a.b.c", "d"}),
        ("a().b.c", {"a", ".b", ".c"}),
        ("a[b].c", {"a", "b", ".c"}),
        ("x: a.B", {"x", "a.B"}),
        ("'a.b'", set()),
        ("c['SQLALCHEMY_DATABASE_URI'] = 1", {"c", "SQLALCHEMY_DATABASE_URI"}),
        ("c = dict(SQLALCHEMY_DATABASE_URI=1)", {"c", "dict"}),
        ("@a.b\ndef f(x: c = d) -> e: return g", {"a.b", "c", "d", "e", "g"}),
        ("f'{a.b} {c}'", {"a.b", "c"}),
        ("[a for b in c if d]", {"a", "b", "c", "d"}),
    ],
)
def test_names_with_their_attributes_are_mentions(text: str, mentions: set[str]) -> None:
    assert _only(text).mentions == mentions


def test_an_endless_chain_of_attributes_is_no_mention_but_its_parts_are() -> None:
    mentions = _only("a" + ".b" * 300).mentions
    assert ".b" in mentions
    assert all(len(mention) < 1_000 for mention in mentions)


def test_decorators_and_bases_are_what_a_definition_needs() -> None:
    assert _only("@a.b\ndef f(): return c").needs == {"a.b"}
    assert _only("@a\nclass C(b.D, key=e): x = c").needs == {"a", "b.D"}
    assert _only("x = a(b)").needs == frozenset()


def test_mentions_that_are_called_are_known_as_calls() -> None:
    assert {"a.b", "c"} <= _only("a.b(c(d), e)").calls
    assert not {"d", "e"} & _only("a.b(c(d), e)").calls


@pytest.mark.parametrize(
    ("text", "kind"),
    [("def f(): pass", "def"), ("async def f(): pass", "async"), ("class C: pass", "class"), ("x", "")],
)
def test_definitions_are_told_apart(text: str, kind: str) -> None:
    assert _only(text).kind == kind


def test_depth_counts_nodes_inside_one_another() -> None:
    assert _only("f(f(f(f(1))))").depth - _only("f(1)").depth == 3


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("if __name__ == '__main__':\n    run()", True),
        ("if '__main__' == __name__:\n    run()", True),
        ("if __name__ == 'app':\n    run()", False),
        ("if name == '__main__':\n    run()", False),
        ("def f():\n    if __name__ == '__main__':\n        run()", False),
    ],
)
def test_a_main_guard_is_seen_at_the_top_level(text: str, guarded: bool) -> None:
    assert _outlined(text).main_guard is guarded


# syntax that the running Python does not know


def test_newer_syntax_makes_one_statement_of_the_whole_file() -> None:
    imports = "from a import b\nfrom c import *\nimport d; x = b.e(1); y.z = 2\n"
    text = f"{imports}{_newer()}class C:\n    pass\ndef f(): pass\n"
    statement = _only(text)
    assert (statement.line, statement.end_line, statement.start, statement.end) == (
        1,
        text.count("\n") + 1,
        0,
        len(text),
    )
    assert {"x", "C", "f"} <= set(statement.defines)
    assert not {"y", "z"} & set(statement.defines)
    assert statement.imports == (Binding("b", "a", "b", 0), Binding("d", "d", "", 0))
    assert {"b.e", "x"} <= statement.mentions


def test_newer_syntax_in_a_file_of_long_tables_is_no_error() -> None:
    table = "".join(f"    'key{n}': [{n}, (1 + 2) * n, lambda a, b: a], # (((\n" for n in range(150))
    assert _only(f"{_newer()}t = {{\n{table}}}\n'''((('''\n").kind == ""


# the outlines


def _outlines(files: dict[str, str], passed_over: Sequence[str] = ()) -> Outlines:
    texts = {name: _source(text, name, digest=text) for name, text in files.items()}
    return Outlines(texts, {}, lambda name: name in passed_over)


def test_a_library_outlines_what_can_be_parsed_and_says_why_others_cannot() -> None:
    outlines = _outlines({"a.py": "x = 1\n", "b.py": "x = (\n"})
    assert sorted(outlines) == ["a.py", "b.py"]
    assert len(outlines) == 2
    assert "c.py" not in outlines
    assert [len(outlines[name].statements) for name in sorted(outlines)] == [1, 0]
    assert outlines.problem("a.py") is None
    problem = outlines.problem("b.py")
    assert problem is not None
    assert problem.name == "b.py"


def test_a_file_that_nobody_asked_for_is_still_checked_for_syntax_errors() -> None:
    outlines = _outlines({"a.py": "x = 1\n", "b.py": "x = (\n", "c.py": "x = '\0'\n"})
    assert [outlines.problem(name) is not None for name in ("a.py", "b.py", "c.py")] == [False, True, True]


def test_users_are_files_that_have_a_name_as_an_identifier() -> None:
    outlines = _outlines({"a.py": "engine", "b.py": "engines", "c.py": "x.engine", "test.py": "engine"}, ["test.py"])
    assert list(outlines.users(frozenset({"engine", "pool"}))) == ["a.py", "c.py"]


def test_an_outline_is_made_once_for_a_text() -> None:
    known: dict[tuple[str, str], Outline | Problem] = {}
    first = Outlines({"a.py": _source("x = 1", "a.py", digest="1")}, known)["a.py"]
    again = Outlines({"a.py": _source("x = 1", "a.py", digest="1")}, known)["a.py"]
    changed = Outlines({"a.py": _source("y = 1", "a.py", digest="2")}, known)["a.py"]
    assert first is again
    assert changed.statements[0].defines == ("y",)
