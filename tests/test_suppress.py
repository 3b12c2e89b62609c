"""Are findings silenced exactly where the author said so, and are the wishes without use found and mended?"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbpool_lint.model import Finding, Fix, Safety, Severity, Source, Span
from dbpool_lint.suppress import Sifted, sift, suppressions

KNOWN = {
    "DBP001": "syntax-error",
    "DBP002": "unused-suppression",
    "DBP101": "engine-in-handler",
    "DBP201": "session-not-closed",
    "DBP301": "sleep-in-async",
}


def source(text: str) -> Source:
    return Source(Path("app.py"), "app.py", text)


def finding(line: int, code: str = "DBP101") -> Finding:
    return Finding(code, KNOWN[code], Severity.ERROR, "message", "app.py", Span(line, 1, line, 2))


def sifted(text: str, *found: tuple[int, str], active: set[str] | None = None) -> Sifted:
    return sift(source(text), [finding(*place) for place in found], KNOWN, active=active)


def silenced(text: str, line: int, code: str = "DBP101") -> bool:
    result = sifted(text, (line, code))
    assert len(result.kept) + sum(f.code == code for f in result.silenced) == 1
    return not result.kept


def unused(text: str, *found: tuple[int, str], active: set[str] | None = None) -> list[Finding]:
    return list(sifted(text, *found, active=active).unused)


def fixed(text: str, *found: tuple[int, str], safety: Safety = Safety.SAFE) -> str:
    """The text after the one fix for a suppression without use."""
    (only,) = unused(text, *found)
    assert only.fix
    assert only.fix.safety is safety
    return applied(text, only.fix)


def applied(text: str, fix: Fix) -> str:
    for edit in sorted(fix.edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


@pytest.mark.parametrize(
    "line",
    [
        "x = f()  # noqa: E501",
        "x = f()  # noqa: DBP2",
        "x = f()  # noqa: DBP1011",
        "x = f()  # type: ignore[DBP101]",
        "x = f()  # dbpool: ignore[DBP201]",
        "x = f()  # dbpool: ignore[engine]",
        "x = f()  # dbpool: ignore[]",
        "x = f()  # dbpool: ignore[ , ]",
        "x = f()  # dbpool: ignore[DBP101",
        "x = f()  # dbpool: ignore-all",
        "x = f()  # dbpool: ignored",
        "x = f()  # dbpool ignore",
        "x = f()  # see noqa: DBP101",
        "x = f('# noqa')",
        "x = f('# dbpool: ignore')",
        "x = f()  # flake8: noqa",
    ],
)
def test_what_does_not_speak_of_the_rule_silences_nothing(line: str) -> None:
    assert not silenced(line + "\n", 1)


@pytest.mark.parametrize(
    "line",
    [
        "x = f()  # noqa",
        "x = f()  # NoQA",
        "x = f()  #noqa",
        "x = f()  # noqa : E501",
        "x = f()  # noqa: because",
        "x = f()  # noqa: DBP101",
        "x = f()  # noqa:DBP101",
        "x = f()  # noqa: dbp101",
        "x = f()  # noqa: DBP1",
        "x = f()  # noqa: E501,DBP101",
        "x = f()  # noqa: E501 DBP1 and why",
        "x = f()  # noqa: E501  # noqa: DBP101",
        "x = f()  # type: ignore  # noqa: DBP101",
        "x = f()\t# noqa: DBP101\t",
        "\x0cx = f()  # noqa: DBP101",
        "x = '# noqa: E501'  # noqa: DBP101",
        "x = f()  # dbpool: ignore",
        "x = f()  #dbpool:ignore",
        "x = f()  # dbpool: ignore[DBP101]",
        "x = f()  # dbpool: ignore[dbp101]",
        "x = f()  # dbpool: ignore [DBP]",
        "x = f()  # dbpool: ignore[engine-in-handler, DBP201]",
        "x = f()  # dbpool: ignore[ DBP201 engine-in-handler ]: a reason",
        "x = f()  # noqa: E501  # dbpool: ignore[DBP101]",
    ],
)
def test_a_comment_silences_its_line(line: str) -> None:
    assert silenced(line + "\n", 1)
    assert silenced(line, 1)


def test_a_comment_does_not_silence_other_lines() -> None:
    text = "a = 1\nx = f()  # noqa\nb = 2\n"
    assert [silenced(text, line) for line in (1, 2, 3)] == [False, True, False]


@pytest.mark.parametrize("comment", ["# noqa: DBP101", "# dbpool: ignore[engine-in-handler]"])
def test_on_the_first_line_it_silences_the_whole_statement(comment: str) -> None:
    text = f"before()\nx = f(  {comment}\n    a,\n    b,\n)\nafter()\n"
    assert [silenced(text, line) for line in range(1, 7)] == [False, True, True, True, True, False]


@pytest.mark.parametrize("comment", ["# noqa: DBP101", "# dbpool: ignore[engine-in-handler]"])
def test_on_the_last_line_it_silences_the_whole_statement(comment: str) -> None:
    text = f"before()\nx = f(\n    a,\n    b,\n)  {comment}\nafter()\n"
    assert [silenced(text, line) for line in range(1, 7)] == [False, True, True, True, True, False]


def test_in_the_middle_it_silences_its_own_line() -> None:
    text = "x = f(\n    a,  # noqa: DBP101\n    b,\n)\n"
    assert [silenced(text, line) for line in range(1, 5)] == [False, True, False, False]


def test_of_a_compound_statement_it_silences_the_header_only() -> None:
    text = "with f(  # noqa: DBP101\n    a\n) as x:\n    g()\n\n\ndef h(\n    a=f(),\n):  # noqa: DBP101\n    g()\n"
    assert [line for line in range(1, 11) if silenced(text, line)] == [1, 2, 3, 7, 8, 9]


def test_statements_on_one_line_are_silenced_together() -> None:
    assert silenced("a = (\n  f()); b = g()  # noqa: DBP101\n", 1)


def test_after_a_string_of_several_lines_it_silences_where_that_begins() -> None:
    text = 'x = f(\n    g("""\n    # noqa\n    """),  # noqa: DBP101\n    h(),\n)\n'
    assert [line for line in range(1, 7) if silenced(text, line)] == [2, 3, 4]


def test_after_backslashes_it_silences_where_they_begin() -> None:
    text = "x = 1 + \\\n    f() + \\\n    2  # noqa: DBP101\ny = 1\n"
    assert [line for line in range(1, 5) if silenced(text, line)] == [1, 2, 3]


def test_a_comment_inside_a_string_of_several_lines_is_text() -> None:
    assert not silenced('x = f("""\n# noqa\n# dbpool: ignore\n""")\n', 1)


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: DBP101", "# dbpool: ignore", "# dbpool: ignore[DBP101]"])
@pytest.mark.parametrize(
    "place",
    ["{}\nx = f()\n", "if a:\n    {}\n    x = f()\n", "if a:\n\t{}\n\tx = f()\n", "\x0c{}\n\x0cx = f()\n"],
)
def test_alone_before_a_statement_it_silences_nothing(comment: str, place: str) -> None:
    text = place.format(comment)
    assert not silenced(text, text.count("\n"))


def test_before_an_indented_block_ends_it_silences_nothing() -> None:
    assert not silenced("if a:\n    b\n    # noqa: DBP101\nx = f()\n", 4)


@pytest.mark.parametrize(
    "comment",
    [
        "# dbpool: ignore-file",
        "# dbpool: ignore-file[DBP101]",
        "#dbpool:ignore-file [engine-in-handler]",
        "# flake8: noqa",
        "# flake8: noqa: DBP101",
        "# FLAKE8: NOQA",
        "# flake8=noqa",
    ],
)
@pytest.mark.parametrize(
    "text", ["{}\nx = f()\n", "x = f()\n\n    {}\n", "def g():\n    {}\n    x = f()\n", "\x0c\t{}\nx = 1\n"]
)
def test_a_comment_for_the_file_silences_all_of_it(comment: str, text: str) -> None:
    assert silenced(text.format(comment), text.count("\n"))


def test_a_comment_for_the_file_speaks_of_its_rules_only() -> None:
    text = "# dbpool: ignore-file[DBP2]\n# flake8: noqa: E501, DBP3\nx = f()\n"
    assert [silenced(text, 3, code) for code in ("DBP101", "DBP201", "DBP301")] == [False, True, True]


def test_a_comment_for_the_file_may_stand_behind_code() -> None:
    assert silenced("import x  # dbpool: ignore-file[DBP101]\ny = f()\n", 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_count(end: str) -> None:
    text = end.join(["a = 1", "x = f(", "  b,", ")  # noqa: DBP101", "c = 1", ""])
    assert [line for line in range(1, 6) if silenced(text, line)] == [2, 3, 4]


def test_form_feeds_and_the_like_do_not_end_a_line() -> None:
    text = "a = '\x0b\u2028\x85'\n\x0cx = f()\x0c# noqa: DBP101\nb = 1\n"
    assert [line for line in range(1, 4) if silenced(text, line)] == [2]


@pytest.mark.parametrize("rest", ["def (:\n", "x = 'abc\n", 'x = """\n', "x = (\n", "  y\n z\n", "\0\n"])
def test_what_stands_before_a_syntax_error_counts(rest: str) -> None:
    assert silenced(f"x = f()  # noqa: DBP101\n\n{rest}", 1)


def test_a_syntax_error_may_be_silenced() -> None:
    assert silenced("# dbpool: ignore-file[syntax-error]\nx = (\n", 2, "DBP001")


def test_a_suppression_tells_what_it_says_and_where() -> None:
    (found,) = suppressions(source("x = f()  # type: ignore # dbpool: ignore[engine-in-handler, DBP2] # why\n"))
    assert found.span == Span(1, 25, 1, 66)
    assert found.kind == "ignore"
    assert found.selectors == ("engine-in-handler", "DBP2")
    assert found.selector_spans == (Span(1, 42, 1, 59), Span(1, 61, 1, 65))
    assert (found.lines, found.whole_file, found.alone) == (range(1, 2), False, False)


def test_suppressions_come_from_top_to_bottom() -> None:
    text = "# dbpool: ignore-file[DBP1]\nx = 1  # dbpool: ignore[DBP2]  # noqa: DBP3\n# flake8: noqa\n"
    found = suppressions(source(text))
    assert [(s.kind, s.selectors, s.whole_file, s.alone) for s in found] == [
        ("ignore", ("DBP1",), True, True),
        ("ignore", ("DBP2",), False, False),
        ("noqa", ("DBP3",), False, False),
        ("noqa", (), True, True),
    ]


def test_a_suppression_says_which_lines_it_covers() -> None:
    everywhere, one = suppressions(source("# dbpool: ignore-file\nx = 1  # noqa\n"))
    assert [everywhere.covers(line) for line in (1, 99)] == [True, True]
    assert [one.covers(line) for line in (1, 2)] == [False, True]


def test_findings_keep_their_order() -> None:
    text = "a()\nb()  # noqa\nc()\nd()  # noqa: DBP1\n"
    result = sifted(text, (3, "DBP101"), (4, "DBP101"), (1, "DBP201"), (2, "DBP301"))
    assert [f.span.line for f in result.kept] == [3, 1]
    assert [f.span.line for f in result.silenced] == [4, 2]
    assert result.unused == ()


def test_without_findings_and_suppressions_there_is_nothing_to_say() -> None:
    assert sifted("x = 1  # noqa\n") == Sifted()
    assert sifted("") == Sifted()


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # noqa\n",
        "x = 1  # noqa  dbp\n",
        "x = 1  # noqa: E501\n# DBP",
        "x = 1  # noqa: E501, DBP002\n",
        "x = 1  # noqa: DBP002\n",
        "x = 1  # noqa: DBP101, DBP002\n",
        "x = 1  # noqa: DBP101  # dbpool: ignore[unused-suppression]\n",
        "x = 1  # dbpool: ignore[DBP101]  # noqa\n",
        "# dbpool: ignore-file[DBP002]\nx = 1  # noqa: DBP101\n",
        "# flake8: noqa\nx = 1  # dbpool: ignore[DBP101]\n",
        "# flake8: noqa: DBP0\nx = 1  # noqa: DBP101\n",
        "x = 1  # noqa: DBP0, DBP101\n",
        "x = '# noqa: DBP101'\n",
    ],
)
def test_some_suppressions_are_never_called_unused(text: str) -> None:
    assert unused(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = f()  # noqa: DBP101\n",
        "x = f()  # noqa: DBP, E501\n",
        "x = f()  # noqa: dbp1\n",
        "x = f()  # dbpool: ignore\n",
        "x = f()  # dbpool: ignore[DBP]\n",
        "x = f()  # dbpool: ignore[engine-in-handler, DBP1]\n",
        "x = f()  # dbpool: ignore-file\n",
        "x = f()  # noqa: DBP1  # dbpool: ignore[DBP101]\n",
    ],
)
def test_what_silences_something_is_not_unused(text: str) -> None:
    assert unused(text, (1, "DBP101")) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # noqa: DBP101\n",
        "x = 1  # dbpool: ignore[engine-in-handler]\n",
        "x = 1  # dbpool: ignore[DBP]\n",
        "x = 1  # dbpool: ignore\n",
        "# dbpool: ignore-file\n",
    ],
)
def test_a_suppression_of_rules_that_did_not_run_is_not_unused(text: str) -> None:
    assert len(unused(text)) == 1
    assert len(unused(text, active=set(KNOWN))) == 1
    assert unused(text, active={"DBP201", "DBP301"}) == []
    assert unused(text, active=set()) == []


def test_the_tools_own_rules_always_ran() -> None:
    assert len(unused("x = 1  # dbpool: ignore[DBP001]\n", active=set())) == 1
    assert len(unused("x = 1  # dbpool: ignore\n", active={"DBP101", "DBP201", "DBP301"})) == 1


def test_an_unused_suppression_is_reported_as_advice_with_its_place() -> None:
    (found,) = unused("y = 1\nx = 1  # noqa: DBP101\n")
    assert (found.code, found.rule, found.severity) == ("DBP002", "unused-suppression", Severity.ADVICE)
    assert found.message == "`# noqa: DBP101` silences nothing"
    assert found.span == Span(2, 8, 2, 22)
    assert found.name == "app.py"
    assert found.fix
    assert found.fix.title == "Remove `# noqa: DBP101`"


def test_one_alone_on_its_line_is_explained() -> None:
    (found,) = unused("# dbpool: ignore[DBP101]\nx = 1\n", (2, "DBP101"))
    assert found.message.endswith("; alone on its line it counts for no statement, it belongs at the end of one")


def test_parts_without_use_are_named() -> None:
    text = "x = 1  # noqa: DBP1, E501, DBP2, DBP3\n"
    (found,) = unused(text, (1, "DBP201"))
    assert found.message == "`DBP1`, `DBP3` in `# noqa: DBP1, E501, DBP2, DBP3` silences nothing"
    assert found.span == Span(1, 8, 1, 38)
    (found,) = unused(text, (1, "DBP101"), (1, "DBP201"))
    assert found.span == Span(1, 34, 1, 38)


def test_a_misspelt_rule_is_reported_with_the_nearest_name() -> None:
    text = "x = f()  # dbpool: ignore[engin-in-handler, DBP2]\n"
    misspelt, other = unused(text, (1, "DBP101"))
    assert (
        misspelt.message == "`engin-in-handler` is no rule, so this silences nothing; did you mean `engine-in-handler`?"
    )
    assert misspelt.span == Span(1, 27, 1, 43)
    assert misspelt.fix
    assert misspelt.fix.safety is Safety.UNSAFE
    assert applied(text, misspelt.fix) == "x = f()  # dbpool: ignore[engine-in-handler, DBP2]\n"
    assert other.message.startswith("`DBP2` in ")


def test_a_misspelt_rule_is_reported_whatever_ran() -> None:
    assert len(unused("x = 1  # dbpool: ignore[engin-in-handler]\n", active=set())) == 1


@pytest.mark.parametrize(
    "text", ["x = 1  # dbpool: ignore[something-else-entirely]\n", "x = 1  # noqa: DBP987654321\n"]
)
def test_a_rule_like_no_other_is_removed(text: str) -> None:
    assert fixed(text) == "x = 1\n"


def test_a_long_list_of_nonsense_is_answered_quickly() -> None:
    text = f"x = 1  # dbpool: ignore[{','.join(f'engine-in-handler{n}' for n in range(20_000))}]\n"
    assert len(unused(text)) == 21


@pytest.mark.parametrize(
    "line",
    [
        "# dbpool: ignore[" * 50_000,
        "# noqa: " + "A1," * 50_000 + "!",
        "# noqa: " + " " * 100_000 + "A",
        "# noqa" * 50_000,
    ],
)
def test_a_hostile_line_is_read_quickly(line: str) -> None:
    assert len(suppressions(source(f"x = 1  {line}\n"))) in {0, 1, 50_000}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # noqa: DBP101\n", "x = 1\n"),
        ("x = 1  # noqa: DBP101", "x = 1"),
        ("x = 1\t \t# noqa: DBP101 \t\ny = 2\n", "x = 1\ny = 2\n"),
        ("x = 1 # noqa: DBP101\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
        ("x = 1 # noqa: DBP101\ry = 2\r", "x = 1\ry = 2\r"),
        ("a\n    # noqa: DBP101\nb\n", "a\nb\n"),
        ("a\r\n# dbpool: ignore-file[DBP101]\r\nb\r\n", "a\r\nb\r\n"),
        ("# dbpool: ignore-file\n", ""),
        ("# dbpool: ignore-file", ""),
        ("a\n# dbpool: ignore-file", "a\n"),
        ("a\n\x0c# dbpool: ignore\nb\n", "a\n\x0c\nb\n"),
        ("x = f(\n    a,  # noqa: DBP101\n    b,\n)\n", "x = f(\n    a,\n    b,\n)\n"),
        ("x = f(\n    # noqa: DBP101\n    b,\n)\n", "x = f(\n    b,\n)\n"),
        ("x = '\u00e9\U0001f40d'  # noqa: DBP101\n", "x = '\u00e9\U0001f40d'\n"),
        ("x = 1  # type: ignore  # noqa: DBP101\n", "x = 1  # type: ignore\n"),
        ("x = 1  # noqa: DBP101  # type: ignore\n", "x = 1  # type: ignore\n"),
        ("x = 1  # a # noqa: DBP101 # b\n", "x = 1  # a # b\n"),
        ("x = 1  # noqa: DBP101# b\n", "x = 1  # b\n"),
        ("# fmt: off  # dbpool: ignore[DBP1]\n", "# fmt: off\n"),
        ("x = 1  # noqa: DBP101 since it is cheap\n", "x = 1  # since it is cheap\n"),
        ("x = 1  # dbpool: ignore[DBP101] - since it is cheap\n", "x = 1  # since it is cheap\n"),
        ("x = 1  # dbpool: ignore[DBP101]: \u2014 cheap  # b\n", "x = 1  # cheap  # b\n"),
        ("x = 1  # dbpool: ignore[DBP101]; \n", "x = 1\n"),
        ("x = 1  # dbpool: ignore\n", "x = 1\n"),
        ("x = 1  # dbpool: ignore  # type: ignore\n", "x = 1  # type: ignore\n"),
        ("x = 1  # noqa: DBP101, DBP301\n", "x = 1\n"),
        ("x = 1  # noqa: E501, DBP101\n", "x = 1  # noqa: E501\n"),
        ("x = 1  # noqa: DBP101, E501\n", "x = 1  # noqa: E501\n"),
        ("x = 1  # noqa:DBP101,DBP3,E501 why\n", "x = 1  # noqa:E501 why\n"),
        ("x = 1  # noqa: E501 DBP101  W291,DBP3\n", "x = 1  # noqa: E501  W291\n"),
        ("x = 1  # noqa: E501,DBP101,DBP3\n", "x = 1  # noqa: E501\n"),
        ("x = 1  # dbpool: ignore[ DBP101, session-not-closed ]\n", "x = 1  # dbpool: ignore[ session-not-closed ]\n"),
        ("x = 1  # dbpool: ignore[session-not-closed, DBP101]\n", "x = 1  # dbpool: ignore[session-not-closed]\n"),
    ],
)
def test_what_is_without_use_is_removed_and_nothing_else(before: str, after: str) -> None:
    assert fixed(before, *[(1, "DBP201")] if "session" in before else []) == after
    assert unused(after, (1, "DBP201")) == []


@pytest.mark.parametrize(
    "rest", ["type: ignore", "noqa", "pragma: no cover", "coding: latin-1", "nosec", "fmt: off", "!x"]
)
def test_prose_that_would_become_an_order_makes_the_fix_unsafe(rest: str) -> None:
    text = f"x = 1  # dbpool: ignore[DBP101] {rest}\n"
    assert fixed(text, safety=Safety.UNSAFE) == f"x = 1  # {rest}\n"


def test_several_in_one_comment_go_one_by_one() -> None:
    text = "x = 1  # noqa: DBP101  # dbpool: ignore[DBP201]\n"
    first, second = unused(text)
    assert first.fix
    assert second.fix
    assert applied(text, first.fix) == "x = 1  # dbpool: ignore[DBP201]\n"
    assert applied(text, second.fix) == "x = 1  # noqa: DBP101\n"


def test_a_real_page_of_code_is_judged_as_a_whole() -> None:
    text = textwrap.dedent('''\
        """Routes. # noqa: DBP101"""
        from fastapi import FastAPI  # noqa: E402

        @app.get("/")  # noqa: DBP201
        async def read(
            session: Session = Depends(get_session),
        ) -> list[str]:  # dbpool: ignore[engine-in-handler]
            time.sleep(1)  # noqa: DBP301
            return await run(  # dbpool: ignore[DBP2]
                f"""select 1  # noqa
                """,
            )
    ''')
    result = sifted(text, (6, "DBP101"), (8, "DBP301"), (10, "DBP201"), (4, "DBP101"))
    assert [f.span.line for f in result.silenced] == [6, 8, 10]
    assert [f.span.line for f in result.kept] == [4]
    assert [f.span.line for f in result.unused] == [4]


_COMMENTS = (
    "# noqa",
    "# noqa: DBP101",
    "# noqa: E501, DBP2",
    "# dbpool: ignore",
    "# dbpool: ignore[engine-in-handlr, DBP3]",
    "# dbpool: ignore-file[DBP1]",
    "# flake8: noqa: DBP1",
    "# type: ignore",
    " why",
)
_CODE = (
    "x = f(",
    ")",
    "if a:",
    "    ",
    "\t",
    "'",
    '"""',
    "\\",
    "f'{",
    "}",
    ",",
    ":",
    "$",
    "\0",
    "\ud800",
    "\U0001f40d",
)
_ENDS = ("\n", "\r\n", "\r", "\x0c", "\u2028")
_PIECES = st.sampled_from(_COMMENTS) | st.sampled_from(_CODE) | st.sampled_from(_ENDS)


@given(
    text=st.lists(_PIECES | st.text(max_size=3), max_size=30).map("".join),
    lines=st.lists(st.integers(1, 12), max_size=3),
)
@example(text="x = 1  # noqa: DBP101\r# dbpool: ignore", lines=[])
@example(text="\x0c # dbpool: ignore[DBP1]\x0c", lines=[1])
def test_no_text_is_too_strange_and_a_removal_changes_comments_only(text: str, lines: list[int]) -> None:
    for mark in suppressions(source(text)):
        row = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[mark.span.line - 1]
        assert row[mark.span.column - 1] == "#"
        assert [row[s.column - 1 : s.end_column - 1] for s in mark.selector_spans] == list(mark.selectors)
    result = sifted(text, *[(line, "DBP101") for line in lines])
    assert len(result.kept) + sum(f.code == "DBP101" for f in result.silenced) == len(lines)
    for void in result.unused:
        assert void.fix
        assert without_comments(applied(text, void.fix)) == without_comments(text)


def without_comments(text: str) -> list[str]:
    """What a cut at each first `#` leaves of the lines that have any code; enough, since fixes touch comments only."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    codes = (row.partition("#")[0].rstrip(" \t") for row in rows)
    return [code for code in codes if code.strip()]
