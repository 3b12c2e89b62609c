"""Does the reader of prose cases read what is written, and refuse what keeps no form?"""

from __future__ import annotations

from pathlib import Path

import pytest
from prose import Case, Mark, ProseError, marks_of, pages, read, sections

HEAD = "# DBP301 sleep-in-async\n\n"


def page(tmp_path: Path, text: str, name: str = "DBP301.md") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def case(tmp_path: Path, body: str) -> Case:
    return read(page(tmp_path, f"{HEAD}## a case\n{body}")).cases[0]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("", 1, "the page is empty", id="empty page"),
        pytest.param("\n## a case\n", 2, "a page starts with", id="no title"),
        pytest.param("# sleep-in-async\n", 1, "a page starts with", id="title without a code"),
        pytest.param("# DBP302 sleep-in-async\n", 1, "the file's name says DBP301", id="title of another rule"),
        pytest.param(f"{HEAD}```python\n```\n", 3, "before the first", id="block before any heading"),
        pytest.param(f"{HEAD}## \n```python\n```\n", 3, "a heading that states", id="nameless case"),
        pytest.param(f"{HEAD}## a\n", 3, "has no Python file", id="case without blocks"),
        pytest.param(f"{HEAD}## a\n```ini a.ini\n```\n", 3, "has no Python file", id="case without Python"),
        pytest.param(f"{HEAD}## a\n```python\nx = 1\n", 4, "is never closed", id="open fence"),
        pytest.param(f"{HEAD}## a\n  ```python\n  ```\n", 4, "at the first column", id="indented fence"),
        pytest.param(f"{HEAD}## a\n```\nx\n```\n", 4, "names its language", id="no language"),
        pytest.param(f"{HEAD}## a\n```pyton\n```\n", 4, "unknown language `pyton`", id="misspelled language"),
        pytest.param(f"{HEAD}## a\n```ini\n```\n", 4, "names its path", id="config file without a path"),
        pytest.param(f"{HEAD}## a\n```python a.py b.py\n```\n", 4, "too much after", id="two paths"),
        pytest.param(f"{HEAD}## a\n```python a.py fixed\n```\n", 4, "too much after", id="fixed behind the path"),
        pytest.param(f"{HEAD}## a\n```python ../a.py\n```\n", 4, "no path below", id="path out of the project"),
        pytest.param(f"{HEAD}## a\n```python /a.py\n```\n", 4, "no path below", id="absolute path"),
        pytest.param(f"{HEAD}## a\n```python\n```\n```python\n```\n", 6, "is given twice", id="file given twice"),
        pytest.param(
            f"{HEAD}## a\n```python\n```\n```python fixed b.py\n```\n", 6, "no such file", id="fixed text of no file"
        ),
        pytest.param(
            f"{HEAD}## a\n```python\n```\n```python fixed\n```\n```python fixed\n```\n",
            8,
            "fixed text of `app.py` is given twice",
            id="fixed text given twice",
        ),
        pytest.param(
            f"{HEAD}## a\n```python\n```\n```python fixed\nx\ny  # error: DBP301\n```\n",
            8,
            "a fixed text has no marks",
            id="mark in a fixed text",
        ),
        pytest.param(f"{HEAD}## a\n```python\n\nx  # error DBP301\n```\n", 6, "a mark ends", id="mark without colon"),
        pytest.param(f"{HEAD}## a\n```python\nx  # Error: DBP301\n```\n", 5, "a mark ends", id="capital in the mark"),
        pytest.param(f"{HEAD}## a\n```python\nx  # error: DBP301 why\n```\n", 5, "a mark ends", id="words after it"),
        pytest.param(f"{HEAD}## a\n```python\nx  # error: DBP30\n```\n", 5, "a mark ends", id="code of two digits"),
        pytest.param(f"{HEAD}## a\n<!-- skip -->\n```python\n```\n", 4, "the only remark known", id="unknown remark"),
        pytest.param(
            f"{HEAD}## a\n<!-- no respelling: -->\n```python\n```\n", 4, "the only remark known", id="no reason given"
        ),
        pytest.param(
            f"{HEAD}## a\n```python\n```\n## a\n```python\n```\n", 6, "is the heading of line 3 too", id="same heading"
        ),
    ],
)
def test_a_page_that_keeps_no_form_is_refused_with_file_and_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    file = page(tmp_path, text)
    with pytest.raises(ProseError) as refused:
        read(file)
    assert str(refused.value).startswith(f"{file}:{line}: ")
    assert message in refused.value.message


def test_one_bad_page_does_not_hide_the_good_ones(tmp_path: Path) -> None:
    page(tmp_path, "nothing", name="DBP101.md")
    page(tmp_path, f"{HEAD}## a case\n```python\n```\n")
    good, bad = pages(tmp_path)
    assert [p.code for p in good] == ["DBP301"]
    assert [e.file.name for e in bad] == ["DBP101.md"]


def test_a_folder_without_pages_has_none(tmp_path: Path) -> None:
    assert pages(tmp_path / "missing") == ([], [])


def test_marks_are_stripped_and_remembered_with_file_and_line(tmp_path: Path) -> None:
    text = "```python app/routes.py\nimport time\n\ntime.sleep(1)  # error: DBP301, DBP201\n```\n"
    found = case(tmp_path, text)
    assert found.files == {"app/routes.py": "import time\n\ntime.sleep(1)\n"}
    assert found.marks == (Mark("app/routes.py", 3, "DBP201"), Mark("app/routes.py", 3, "DBP301"))
    assert found.codes == ("DBP301", "DBP201")


def test_the_same_code_may_be_marked_twice_on_a_line(tmp_path: Path) -> None:
    found = case(tmp_path, "```python\nf(), f()  # error: DBP301, DBP301\n```\n")
    assert found.marks == (Mark("app.py", 1, "DBP301"),) * 2


def test_a_mark_behind_a_comment_leaves_the_comment() -> None:
    assert marks_of("x = 1  # noqa: DBP101  # error: DBP002") == ("x = 1  # noqa: DBP101", ("DBP002",))


def test_a_mark_alone_on_its_line_leaves_an_empty_line() -> None:
    assert marks_of("    # error: DBP001") == ("", ("DBP001",))


def test_a_mark_in_a_config_file_counts(tmp_path: Path) -> None:
    found = case(tmp_path, "```python\n```\n```ini pgbouncer.ini\npool_mode = transaction  # error: DBP501\n```\n")
    assert found.marks == (Mark("pgbouncer.ini", 1, "DBP501"),)
    assert found.files["pgbouncer.ini"] == "pool_mode = transaction\n"


def test_fixed_texts_stand_apart_from_the_files(tmp_path: Path) -> None:
    found = case(tmp_path, "```python\nold\n```\nbecomes\n```python fixed\nnew\n```\n")
    assert (found.files, found.fixed) == ({"app.py": "old\n"}, {"app.py": "new\n"})


def test_headings_and_shorter_fences_inside_a_block_are_text(tmp_path: Path) -> None:
    found = case(tmp_path, '````python\n## no heading\ns = """\n```\n"""\n````\n')
    assert found.files == {"app.py": '## no heading\ns = """\n```\n"""\n'}


def test_a_reason_keeps_the_spelling_of_a_case(tmp_path: Path) -> None:
    found = case(tmp_path, "<!-- no respelling: the name is the point -->\n```python\n```\n")
    assert found.keeps_spelling == "the name is the point"


def test_prose_between_the_blocks_is_free(tmp_path: Path) -> None:
    found = case(tmp_path, "Why so: *reasons*.\n\n### smaller heading\n```python\n```\n")
    assert (found.marks, found.keeps_spelling) == ((), None)


def test_the_id_of_a_case_can_be_read(tmp_path: Path) -> None:
    assert case(tmp_path, "```python\n```\n").id == "DBP301-3-a-case"


def test_sections_keep_titles_and_lines() -> None:
    found = list(sections(Path("x.md"), "intro\n\n## What it does\nwords\n\n## Example\n```python\nx\n```\n"))
    assert [(s.line, s.title, len(s.blocks)) for s in found] == [(3, "What it does", 0), (6, "Example", 1)]
