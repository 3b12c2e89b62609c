"""Does a rule's page reach its readers whole: on the terminal, in the README's table, as JSON?"""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from dbpool_lint import docs
from dbpool_lint.model import Safety, Severity
from dbpool_lint.report import paint

PAGE = """A pool is made for each request | or task.

More about it.

## What it does
Finds `create_engine` in handlers.

## Why it matters
Connections run out.

## Example
In `app.py`:

```python app.py
## no heading, a comment
x = 1

```

## Use instead
```python
y = 1
```

## Fix safety
Unsafe.

## Limits
None.

## Sources
- https://docs.example.org
"""


@dataclass(frozen=True)
class Rule:
    code: str = "DBP101"
    name: str = "engine-in-handler"
    severity: Severity = Severity.ERROR
    fixable: Safety | None = Safety.UNSAFE
    default: bool = True
    page: str = PAGE


OTHER = Rule("DBP9", "other", Severity.WARNING, None, False, "Another.")


def lines(rule: Rule) -> list[str]:
    return paint.plain(docs.for_terminal(rule)).splitlines()


class TestParse:
    def test_an_empty_page_has_no_summary_and_no_sections(self) -> None:
        assert docs.parse("") == docs.Page("", "", ())

    def test_a_heading_in_a_code_block_is_none(self) -> None:
        assert [section.heading for section in docs.parse(PAGE).sections] == list(docs.SECTIONS)

    def test_the_summary_is_the_first_line(self) -> None:
        assert docs.parse(PAGE).summary == "A pool is made for each request | or task."

    def test_a_section_that_is_missing_is_none(self) -> None:
        assert docs.parse(PAGE).section("History") is None

    def test_code_blocks_come_with_what_stands_behind_the_fence(self) -> None:
        example = docs.parse(PAGE).section("Example")
        assert example is not None
        assert example.blocks() == [docs.Code("python app.py", "## no heading, a comment\nx = 1\n\n")]

    def test_a_block_never_closed_runs_to_the_end(self) -> None:
        assert docs.Section("Example", "```\na\nb").blocks() == [docs.Code("", "a\nb\n")]


class TestFaults:
    def test_a_page_as_it_should_be_has_none(self) -> None:
        assert list(docs.faults(Rule())) == []

    def test_a_page_without_anything_lacks_summary_and_headings(self) -> None:
        assert list(docs.faults(Rule(page="", fixable=None))) == [
            "DBP101: the page has no summary",
            "DBP101: the headings are missing, not What it does, Why it matters, Example, Use instead, Limits, Sources",
        ]

    def test_fix_safety_is_for_rules_with_a_fix(self) -> None:
        assert len(list(docs.faults(Rule(fixable=None)))) == 1

    def test_a_section_must_say_something(self) -> None:
        page = PAGE.replace("None.\n", "")
        assert list(docs.faults(Rule(page=page))) == ["DBP101: nothing is said under Limits"]


class TestForTerminal:
    def test_it_opens_with_code_name_and_facts(self) -> None:
        assert lines(Rule())[:2] == ["DBP101 engine-in-handler", "error, unsafe fix"]
        assert lines(OTHER)[1] == "warning, opt-in, no fix"

    def test_headings_lose_their_marks_and_code_its_fences(self) -> None:
        shown = lines(Rule())
        at = shown.index("Example")
        assert shown[at : at + 7] == [
            "Example",
            "In `app.py`:",
            "",
            "    ## no heading, a comment",
            "    x = 1",
            "",
            "",
        ]

    def test_the_whole_opening_is_shown(self) -> None:
        assert "More about it." in lines(Rule())

    def test_prose_is_filled_to_the_width_of_a_terminal(self) -> None:
        items = "- first item of\n  a list\n- second\n| a | b c d e f g |\n"
        page = f"S.\n\n## Limits\none two\nthree four\n\n{items}```\nx = 'as it is'\n```\nend"
        assert paint.plain(docs.for_terminal(Rule(page=page), 13)).splitlines()[5:] == [
            "Limits",
            "one two three",
            "four",
            "",
            "- first item",
            "  of a list",
            "- second",
            "| a | b c d e f g |",
            "    x = 'as it is'",
            "end",
        ]

    def test_nothing_drives_the_terminal(self) -> None:
        assert "\x1b" not in "".join(lines(Rule(page="a\x1b\n\n## b\nc\x1b\n```\n\x1b\n```")))


def test_the_list_has_a_line_for_each_rule() -> None:
    assert paint.plain(docs.for_list([Rule(), OTHER])).splitlines() == [
        "DBP101  engine-in-handler  error    unsafe fix  A pool is made for each request | or task.",
        "DBP9    other              warning  no fix      Another.",
    ]
    assert paint.plain(docs.for_list([])) == ""


def test_the_json_list_has_what_tools_need() -> None:
    assert json.loads(docs.as_json([Rule(), OTHER])) == [
        {
            "code": "DBP101",
            "name": "engine-in-handler",
            "severity": "error",
            "fix": "unsafe",
            "default": True,
            "summary": "A pool is made for each request | or task.",
        },
        {
            "code": "DBP9",
            "name": "other",
            "severity": "warning",
            "fix": None,
            "default": False,
            "summary": "Another.",
        },
    ]


class TestTable:
    def test_a_text_without_both_markers_once_is_refused(self) -> None:
        for text in ("", docs.BEGIN, docs.END + docs.BEGIN, f"{docs.BEGIN}{docs.BEGIN}{docs.END}"):
            with pytest.raises(ValueError, match="markers"):
                docs.with_table(text, [])

    def test_it_replaces_what_stands_between_the_markers(self) -> None:
        old = f"before\n{docs.BEGIN}\nold\n{docs.END}\nafter\n"
        new = docs.with_table(old, [Rule(), OTHER])
        assert new == (
            f"before\n{docs.BEGIN}\n"
            "| code | name | finds | severity | fix |\n"
            "|---|---|---|---|---|\n"
            "| DBP101 | engine-in-handler | A pool is made for each request \\| or task. | error | unsafe |\n"
            "| DBP9 | other | Another. | warning, opt-in | none |\n"
            f"{docs.END}\nafter\n"
        )
        assert docs.with_table(new, [Rule(), OTHER]) == new

    def test_the_module_writes_it_into_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        registry = ModuleType("dbpool_lint.rules.registry")
        vars(registry)["RULES"] = (Rule(),)
        rules = ModuleType("dbpool_lint.rules")
        vars(rules)["registry"] = registry
        monkeypatch.setitem(sys.modules, "dbpool_lint.rules", rules)
        monkeypatch.setitem(sys.modules, "dbpool_lint.rules.registry", registry)
        readme = tmp_path / "README.md"
        readme.write_text(f"{docs.BEGIN}\n{docs.END}\n", encoding="utf-8")
        monkeypatch.setattr("sys.argv", ["docs", str(readme)])
        monkeypatch.delitem(sys.modules, "dbpool_lint.docs")
        with pytest.raises(SystemExit, match="0"):
            runpy.run_module("dbpool_lint.docs", run_name="__main__")
        assert "| DBP101 |" in readme.read_text(encoding="utf-8")
