"""Do reports say what a result holds, in every form, and let nothing of the input harm the reader?"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbpool_lint.model import Edit, Finding, Fix, Problem, Related, Result, Safety, Severity, Source, Span
from dbpool_lint.report import Format, View, diff, paint, render, stream
from dbpool_lint.report.excerpt import excerpt
from dbpool_lint.report.shown import cells, escaped, masked, shown, shown_lines, width

ROOT = Path("/project").absolute()
SAFE = Fix(Safety.SAFE, "Add `pool_pre_ping=True`", (Edit(0, 0, ""),))
UNSAFE = Fix(Safety.UNSAFE, "Create the engine once, at module level", (Edit(0, 0, ""),))
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TEXT = "import x\n\ndef route():\n    engine = create_engine(URL)\n"


def finding(name: str = "app/db.py", line: int = 4, column: int = 14, **given: Any) -> Finding:
    values: dict[str, Any] = {
        "code": "DBP101",
        "rule": "engine-in-handler",
        "severity": Severity.ERROR,
        "message": "a pool is made for each request",
        "span": Span(line, column, line, column + 18),
    }
    return Finding(name=name, **(values | given))


def result(*findings: Finding, text: str = TEXT, problems: tuple[Problem, ...] = ()) -> Result:
    names = tuple(sorted({each.name for each in findings}))
    texts = {name: Source(ROOT / name, name, text) for name in names}
    return Result(ROOT, findings, problems, names, texts)


def view(**given: Any) -> View:
    return View(**({"root": ROOT, "folder": ROOT} | given))


def text(found: Result, form: Format = Format.CONCISE, **given: Any) -> str:
    return render(found, form, view(**given))


def underlined(line: str, span: Span) -> list[str]:
    return ["".join(text for text, _ in pieces) for pieces in excerpt(line.split("\n"), span)]


class TestWhatMayBeShown:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("postgresql://app:s3cret@db/x", "postgresql://app:***@db/x"),
            ("postgresql+asyncpg://app:p@ss@db/x", "postgresql+asyncpg://app:***@db/x"),
            ("redis://:pw@cache", "redis://:***@cache"),
            ("x://u:a/b:c@h y://u:pw@h", "x://u:***@h y://u:***@h"),
            ("f\"x://{c['user']}:it's@{host}\"", "f\"x://{c['user']}:***@{host}\""),
        ],
    )
    def test_a_password_in_a_url_is_masked(self, given: str, expected: str) -> None:
        assert masked(given) == expected

    @pytest.mark.parametrize(
        "given",
        ["https://docs.example.org:8080/page", "postgresql://db/x", "x://user@h", "a: b@c", "://", "http://h:1 me@x"],
    )
    def test_what_holds_no_password_stays(self, given: str) -> None:
        assert masked(given) == given

    def test_a_hostile_line_takes_no_long_time(self) -> None:
        assert masked("://a:" * 20_000)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("\x1b[31m", "\\x1b[31m"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u202eabc", "\\u202eabc"),
            ("\udc80", "\\udc80"),
            ("\x9b1m\x7f", "\\x9b1m\\x7f"),
            ("\u2028", "\\u2028"),
            ("grün 日本", "grün 日本"),
        ],
    )
    def test_what_drives_a_terminal_is_spelled_out(self, given: str, expected: str) -> None:
        assert escaped(given) == expected

    def test_a_line_is_masked_and_escaped(self) -> None:
        assert shown("x://u:p\x1b@h\x07") == "x://u:***@h\\x07"

    def test_several_lines_keep_their_line_ends_and_tabs(self) -> None:
        assert shown_lines("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"

    def test_cells_count_the_characters_of_the_line(self) -> None:
        line = "\tx = 'a://u:long@h'\x00"
        assert len(cells(line)) == len(line)
        assert "".join(cells(line)) == "    x = 'a://u:***@h'\\x00"

    def test_width_counts_columns(self) -> None:
        assert [width("ab"), width("日本"), width("e\u0301")] == [2, 4, 1]


class TestExcerpt:
    def test_a_place_outside_of_the_file_gives_nothing(self) -> None:
        assert underlined("x", Span(2, 1, 2, 2)) == []
        assert underlined("x", Span(0, 1, 0, 2)) == []

    def test_the_place_is_underlined(self) -> None:
        assert underlined("a = call()", Span(1, 5, 1, 11)) == ["  |", "1 | a = call()", "  |     ^^^^^^"]

    def test_an_empty_place_gets_one_mark(self) -> None:
        assert underlined("a = (", Span(1, 6, 1, 6))[-1] == "  |      ^"
        assert underlined("", Span(1, 1, 1, 1)) == ["  |", "1 |", "  | ^"]

    def test_tabs_reach_the_next_stop(self) -> None:
        assert underlined("\ta\tb", Span(1, 4, 1, 5)) == ["  |", "1 |     a   b", "  |         ^"]

    def test_wide_characters_take_two_columns(self) -> None:
        assert underlined("'日本', f('日')", Span(1, 7, 1, 13)) == [
            "  |",
            "1 | '日本', f('日')",
            "  |         ^^^^^^^",
        ]

    def test_control_characters_take_what_they_show(self) -> None:
        assert underlined("'\x1b', f()", Span(1, 6, 1, 9)) == ["  |", "1 | '\\x1b', f()", "  |         ^^^"]

    def test_a_masked_password_moves_the_mark(self) -> None:
        assert underlined("f('x://u:secret@h', g())", Span(1, 21, 1, 24)) == [
            "  |",
            "1 | f('x://u:***@h', g())",
            "  |                  ^^^",
        ]

    def test_the_first_line_of_a_place_is_underlined_and_the_rest_is_shown(self) -> None:
        assert underlined("a = call(\n    b,\n\n)", Span(1, 5, 4, 2)) == [
            "  |",
            "1 | a = call(",
            "  |     ^^^^^",
            "2 |     b,",
            "3 |",
            "4 | )",
        ]

    def test_the_middle_of_a_long_place_is_left_out(self) -> None:
        lines = underlined("(\n" * 20 + ")", Span(9, 1, 20, 2))
        assert [line for line in lines if "^" not in line] == [
            "   |",
            " 9 | (",
            "10 | (",
            "11 | (",
            "12 | (",
            "..",
            "20 | (",
        ]

    def test_of_a_very_long_line_the_part_around_the_place_is_shown(self) -> None:
        line = "x" * 5000 + " 'a://u:secret@h' call() " + "y" * 5000
        _, source, marks = underlined(line, Span(1, 5019, 1, 5025))
        assert source.startswith("1 | …x")
        assert source.endswith("y…")
        assert "u:***@h" in source
        assert source[marks.index("^") : marks.rindex("^") + 1] == "call()"
        assert len(source) < 200

    def test_lines_end_where_python_ends_them(self) -> None:
        shown_text = text(result(finding(line=2, column=1), text="a\x0cb\u2028\r\ncreate_engine(URL)\rz"), Format.FULL)
        assert "\n2 | create_engine(URL)\n  | ^^^^^^^^^^^^^^^^^^\n" in shown_text


class TestFull:
    def test_a_finding_is_told_with_its_lines_chain_and_fix(self) -> None:
        chain = (Related("app/main.py", Span(7, 5, 7, 9), "called by the route `show`"),)
        assert text(result(finding(fix=UNSAFE, related=chain)), Format.FULL) == (
            "app/db.py:4:14: DBP101 engine-in-handler a pool is made for each request\n"
            "  |\n"
            "4 |     engine = create_engine(URL)\n"
            "  |              ^^^^^^^^^^^^^^^^^^\n"
            "note: app/main.py:7:5: called by the route `show`\n"
            "help: Create the engine once, at module level (unsafe fix: `--fix --unsafe-fixes`)\n"
            "\n"
            "1 finding in 1 file.\n"
            "1 fixable with `--fix --unsafe-fixes`.\n"
        )

    def test_a_finding_without_a_fix_has_no_help(self) -> None:
        assert "help" not in text(result(finding()), Format.FULL)

    def test_a_safe_fix_is_marked_and_named_safe(self) -> None:
        shown_text = text(result(finding(fix=SAFE)), Format.FULL)
        assert "DBP101 engine-in-handler [*] a pool" in shown_text
        assert "help: Add `pool_pre_ping=True` (safe fix: `--fix`)\n" in shown_text

    def test_a_finding_in_a_file_whose_text_is_not_known_is_told_without_lines(self) -> None:
        assert "|" not in render(Result(ROOT, (finding(),)), Format.FULL, view())

    def test_findings_of_one_file_share_its_lines(self) -> None:
        found = text(result(finding(line=1, column=1), finding()), Format.FULL)
        assert "1 | import x\n" in found
        assert "4 |     engine = create_engine(URL)\n" in found

    def test_nothing_of_the_input_drives_the_terminal(self) -> None:
        evil = "\x1b]0;x\x07\n"
        bad = finding(
            name=f"{evil}.py",
            message=evil,
            fix=Fix(Safety.SAFE, evil, ()),
            related=(Related(evil, Span(1, 1, 1, 2), evil),),
            span=Span(1, 1, 1, 9),
        )
        shown_text = text(result(bad, text=evil), Format.FULL)
        assert not set(shown_text) & {"\x1b", "\x07"}

    def test_no_password_is_shown(self) -> None:
        url = "x://u:secret@h"
        bad = finding(message=url, fix=Fix(Safety.SAFE, url, ()), related=(Related("a.py", Span(1, 1, 1, 2), url),))
        for form in Format:
            assert "secret" not in text(result(bad, text=f"\n\n\n{url}\n"), form)


class TestConcise:
    def test_each_finding_takes_a_line_in_order_of_place(self) -> None:
        found = result(finding("b.py"), finding("a.py", line=9), finding("a.py", line=2, code="DBP401", fix=SAFE))
        assert text(found).splitlines()[:3] == [
            "a.py:2:14: DBP401 engine-in-handler [*] a pool is made for each request",
            "a.py:9:14: DBP101 engine-in-handler a pool is made for each request",
            "b.py:4:14: DBP101 engine-in-handler a pool is made for each request",
        ]

    def test_paths_are_relative_to_the_folder(self) -> None:
        assert text(result(finding()), folder=ROOT / "app").startswith("db.py:")
        assert text(result(finding()), folder=ROOT / "docs").startswith("../app/db.py:")

    def test_a_path_on_another_drive_is_absolute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> str:
            raise ValueError("path is on mount 'D:', start on mount 'C:'")

        monkeypatch.setattr("os.path.relpath", refuse)
        assert view().path("a.py") == (ROOT / "a.py").as_posix()


class TestSummary:
    def test_quiet_says_none(self) -> None:
        assert text(result(), quiet=True) == ""
        assert text(result(finding(fix=SAFE)), quiet=True).count("\n") == 1

    def test_nothing_found(self) -> None:
        assert render(Result(ROOT, files=("a.py", "b.py")), Format.FULL, view()) == "No findings in 2 files.\n"

    @pytest.mark.parametrize(
        ("fixes", "unsafe", "expected"),
        [
            ([None], False, None),
            ([None], True, None),
            ([SAFE, None], False, "[*] 1 fixable with `--fix`."),
            ([SAFE], True, "[*] 1 fixable with `--fix`."),
            ([UNSAFE], False, "1 fixable with `--fix --unsafe-fixes`."),
            ([SAFE, UNSAFE], False, "[*] 1 fixable with `--fix` (1 more with `--fix --unsafe-fixes`)."),
            ([SAFE, UNSAFE], True, "[*] 2 fixable with `--fix --unsafe-fixes` (1 of them unsafe)."),
            ([UNSAFE], True, "[*] 1 fixable with `--fix --unsafe-fixes` (all of them unsafe)."),
        ],
    )
    def test_it_names_the_flag_that_fixes(self, fixes: list[Fix | None], unsafe: bool, expected: str | None) -> None:
        found = result(*(finding(line=line, fix=fix) for line, fix in enumerate(fixes, 1)))
        lines = text(found, unsafe=unsafe).splitlines()
        assert lines[len(fixes) + 1 :] == ([expected] if expected else [])

    def test_unsafe_fixes_are_marked_where_they_count(self) -> None:
        assert "[*] a pool" not in text(result(finding(fix=UNSAFE)))
        assert "[*] a pool" in text(result(finding(fix=UNSAFE)), unsafe=True)

    def test_what_was_fixed_and_what_is_left(self) -> None:
        mended = (finding(), finding(line=9), finding("b.py", code="DBP401", rule="missing-pre-ping"))
        assert text(result(finding()), fixed=mended).splitlines()[1:] == [
            "Fixed 3 findings in 2 files:",
            "  2 DBP101 engine-in-handler",
            "  1 DBP401 missing-pre-ping",
            "1 finding left in 1 file.",
        ]
        assert text(Result(ROOT, files=("a.py",)), fixed=mended).endswith("\nNo findings left in 1 file.\n")

    def test_a_fix_run_that_fixed_nothing_says_only_what_was_found(self) -> None:
        assert text(Result(ROOT, files=("a.py",)), fixed=()) == "No findings in 1 file.\n"

    def test_statistics_count_by_rule(self) -> None:
        sleep: dict[str, Any] = {"code": "DBP301", "rule": "sleep-in-async"}
        found = result(
            *(finding(line=line) for line in range(1, 12)),
            finding(line=20, fix=SAFE, **sleep),
            finding(line=21, **sleep),
            finding(line=22, fix=SAFE, code="DBP401", rule="missing-pre-ping"),
        )
        assert text(found, statistics=True).splitlines()[:3] == [
            "  11 DBP101 [ ] engine-in-handler",
            "   2 DBP301 [-] sleep-in-async",
            "   1 DBP401 [*] missing-pre-ping",
        ]
        assert json.loads(text(found, Format.JSON, statistics=True))[1] == {
            "code": "DBP301",
            "name": "sleep-in-async",
            "count": 2,
            "fixable": 1,
        }


class TestColours:
    @pytest.mark.parametrize(
        ("terminal", "environ", "expected"),
        [
            (True, {}, True),
            (False, {}, False),
            (True, {"TERM": "dumb"}, False),
            (True, {"NO_COLOR": "1"}, False),
            (True, {"NO_COLOR": ""}, True),
            (False, {"FORCE_COLOR": "1"}, True),
            (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ],
    )
    def test_they_are_for_terminals_and_for_who_forces_them(
        self, terminal: bool, environ: dict[str, str], expected: bool
    ) -> None:
        class Stream(io.StringIO):
            def isatty(self) -> bool:
                return terminal

        assert paint.wanted(Stream(), environ) is expected

    @pytest.mark.parametrize("form", [Format.FULL, Format.CONCISE])
    def test_the_text_is_the_same_with_and_without(self, form: Format) -> None:
        chain = (Related("app/main.py", Span(7, 5, 7, 9), "called by [bold]show[/bold] :smile:"),)
        found = result(finding(fix=SAFE, related=chain), text="\t'日本'\n\n\n    engine = create_engine(URL)\n")
        painted = text(found, form, colors=True)
        assert "\x1b[1;31mDBP101\x1b[0m" in painted
        assert ANSI.sub("", painted) == text(found, form)

    def test_rich_is_not_imported_without_them(self) -> None:
        program = (
            "import sys; from pathlib import Path; from dbpool_lint.report import *; from dbpool_lint.model import *;"
            "render(Result(Path.cwd()), Format.FULL, View(Path.cwd(), Path.cwd())); sys.exit('rich' in sys.modules)"
        )
        subprocess.run([sys.executable, "-c", program], check=True)


class TestJson:
    def test_it_has_the_documented_shape(self) -> None:
        chain = (Related("app/main.py", Span(7, 5, 7, 9), "called by the route"),)
        found = result(finding(fix=SAFE, related=chain), problems=(Problem("x.py", 3, "cannot be parsed"),))
        assert json.loads(text(found, Format.JSON)) == {
            "version": 1,
            "findings": [
                {
                    "code": "DBP101",
                    "name": "engine-in-handler",
                    "severity": "error",
                    "message": "a pool is made for each request",
                    "path": "app/db.py",
                    "line": 4,
                    "column": 14,
                    "end_line": 4,
                    "end_column": 32,
                    "fix": {"safety": "safe", "title": "Add `pool_pre_ping=True`"},
                    "related": [{"path": "app/main.py", "line": 7, "column": 5, "message": "called by the route"}],
                }
            ],
            "problems": [{"path": "x.py", "line": 3, "message": "cannot be parsed"}],
        }

    def test_a_finding_without_a_fix_says_null(self) -> None:
        assert json.loads(text(result(finding()), Format.JSON))["findings"][0]["fix"] is None

    def test_nothing_found_is_empty_lists(self) -> None:
        assert json.loads(text(result(), Format.JSON)) == {"version": 1, "findings": [], "problems": []}

    def test_it_is_ascii_and_the_same_whatever_the_order(self) -> None:
        first, second = finding("grün\udc80.py", message="日本"), finding("b.py")
        whole = text(result(first, second), Format.JSON)
        assert whole.isascii()
        assert whole == text(result(second, first), Format.JSON)


class TestDiff:
    def test_equal_texts_have_none(self) -> None:
        assert "".join(diff.unified("a.py", "x\n", "x\n")) == ""

    def test_line_ends_are_the_files_own(self) -> None:
        assert "".join(diff.unified("a.py", "x\r\ny\x0cz\r\n", "x\r\ny\x0cw\r\n")) == (
            "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n x\r\n-y\x0cz\r\n+y\x0cw\r\n"
        )

    def test_a_last_line_without_an_end_is_marked(self) -> None:
        assert "".join(diff.unified("a.py", "x", "y")).endswith(
            "-x\n\\ No newline at end of file\n+y\n\\ No newline at end of file\n"
        )

    def test_passwords_are_masked(self) -> None:
        assert "secret" not in "".join(diff.unified("a.py", "x://u:secret@h", "e('x://u:secret@h')"))


class TestStream:
    def test_what_the_encoding_lacks_is_spelled_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(data, encoding="ascii"))
        stream.write("日 ok")
        assert data.getvalue() == b"\\u65e5 ok"

    def test_a_stream_of_another_kind_is_written_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout", io.StringIO())
        stream.write("ok")
        assert isinstance(sys.stdout, io.StringIO)
        assert sys.stdout.getvalue() == "ok"
