"""What does a page of prose cases say? `tests/rules/*.md`, read into files, marks and expected texts.

A page is `# CODE rule-name` and one `## behaviour` for each case. A fenced block is a file; its info string is the
language, the word `fixed` where it is the expected text, and the path. `# error: CODE` ends a line where a finding
starts. `<!-- no respelling: reason -->` between the blocks keeps the imports of a case as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

CASES = Path(__file__).parent / "rules"

LANGUAGES = frozenset({"python", "ini", "toml", "yaml", "text", "env", "json", "dockerfile"})

_FENCE = re.compile(r"(`{3,}|~{3,})(.*)")
_TITLE = re.compile(r"# (DBP\d{3}) ([a-z0-9]+(?:-[a-z0-9]+)*)")
_MARK = re.compile(r"(?:(?<=\S)[ \t]+|^[ \t]*)# error: (DBP\d{3}(?:, *DBP\d{3})*)[ \t]*$")
_NEARLY_A_MARK = re.compile(r"#\s*errors?\b.*\bDBP", re.IGNORECASE)
_NO_RESPELLING = re.compile(r"<!-- no respelling: (\S.*?) -->")


class ProseError(Exception):
    """A page that does not keep the form; `str()` starts with `file:line:`."""

    def __init__(self, file: Path, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file, self.line, self.message = file, line, message


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its info string cut up, and its text with every mark still in it.

    `line` is the fence's own line in the page, counting from 1; `text` ends with a newline unless it is empty.
    """

    line: int
    language: str
    fixed: bool
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it up to the next heading of the same or a higher level."""

    line: int
    title: str
    prose: tuple[tuple[int, str], ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A finding that a case expects: `code` starts on `line` (from 1) of `path`."""

    path: str
    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour: the files (marks stripped), what is to be reported, and the texts after fixing.

    `codes` are the rules to select: that of the page first, then the others that are marked.
    """

    page: Path
    line: int
    title: str
    codes: tuple[str, ...]
    files: dict[str, str]
    marks: tuple[Mark, ...]
    fixed: dict[str, str]
    keeps_spelling: str | None = None

    @property
    def code(self) -> str:
        return self.codes[0]

    @property
    def python(self) -> dict[str, str]:
        return {path: text for path, text in self.files.items() if path.endswith(".py")}

    @property
    def id(self) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"{self.page.stem}-{self.line}-{slug[:70]}"


@dataclass(frozen=True, slots=True)
class Page:
    """All cases of one rule."""

    file: Path
    code: str
    name: str
    cases: tuple[Case, ...]


def pages(folder: Path = CASES) -> tuple[list[Page], list[ProseError]]:
    """Every page below `folder` that keeps the form, and what is wrong with the others."""
    outcomes = [_attempt(file) for file in sorted(folder.glob("*.md"))]
    return [page for page, _ in outcomes if page], [error for _, error in outcomes if error]


def _attempt(file: Path) -> tuple[Page | None, ProseError | None]:
    try:
        return read(file), None
    except ProseError as error:
        return None, error


def read(file: Path) -> Page:
    """Parse one page of cases. Raises `ProseError` with the file and line of the first thing that is wrong."""
    text = file.read_text(encoding="utf-8")
    code, name = _title(file, text)
    cases = tuple(_case(file, code, section) for section in sections(file, text))
    _refuse_repeated_titles(file, cases)
    return Page(file, code, name, cases)


def sections(file: Path, text: str) -> Iterator[Section]:
    """The `## ` sections of a Markdown text with their fenced blocks. Raises `ProseError`."""
    title: tuple[int, str] | None = None
    prose: list[tuple[int, str]] = []
    blocks: list[Block] = []
    for line, item in _items(file, text):
        if isinstance(item, str) and not item.startswith("## "):
            prose.append((line, item))
        elif isinstance(item, str):
            if title:
                yield Section(*title, tuple(prose), tuple(blocks))
            title, prose, blocks = (line, item[3:].strip()), [], []
        elif title is None:
            raise ProseError(file, line, "a block stands before the first `## ` heading")
        else:
            blocks.append(item)
    if title:
        yield Section(*title, tuple(prose), tuple(blocks))


def marks_of(line: str) -> tuple[str, tuple[str, ...]]:
    """A line without its mark, and the codes that the mark names."""
    found = _MARK.search(line)
    if not found:
        return line, ()
    return line[: found.start()], tuple(re.split(r", *", found[1]))


def _items(file: Path, text: str) -> Iterator[tuple[int, str | Block]]:
    """Lines of prose and whole blocks, each with the line it starts on."""
    numbered = enumerate(text.split("\n"), start=1)
    for line, content in numbered:
        fence = _FENCE.fullmatch(content)
        if not fence:
            _refuse_stray_fence(file, line, content)
            yield line, content
            continue
        body = []
        for _, inner in numbered:
            if _closes(inner, fence[1]):
                break
            body.append(inner)
        else:
            raise ProseError(file, line, f"the block opened by `{content}` is never closed")
        yield line, _block(file, line, fence[2].split(), "".join(f"{row}\n" for row in body))


def _closes(content: str, fence: str) -> bool:
    stripped = content.rstrip()
    return len(stripped) >= len(fence) and set(stripped) == {fence[0]}


def _refuse_stray_fence(file: Path, line: int, content: str) -> None:
    if content.lstrip().startswith(("```", "~~~")):
        raise ProseError(file, line, "a fence starts at the first column")


def _block(file: Path, line: int, info: Sequence[str], text: str) -> Block:
    if not info:
        raise ProseError(file, line, "a block names its language: ```python app.py")
    language, *rest = info
    if language not in LANGUAGES:
        raise ProseError(file, line, f"unknown language `{language}`; known are {', '.join(sorted(LANGUAGES))}")
    fixed = rest[:1] == ["fixed"]
    paths = rest[1:] if fixed else rest
    if len(paths) > 1:
        raise ProseError(file, line, f"too much after the language: `{' '.join(rest)}`; it is [fixed] [path]")
    if not paths and language != "python":
        raise ProseError(file, line, f"a {language} block names its path: ```{language} settings.{language}")
    path = paths[0] if paths else "app.py"
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
        raise ProseError(file, line, f"`{path}` is no path below the project")
    return Block(line, language, fixed, path, text)


def _title(file: Path, text: str) -> tuple[str, str]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        found = _TITLE.fullmatch(content.rstrip())
        if not found:
            raise ProseError(file, line, "a page starts with `# CODE rule-name`")
        if found[1] != file.stem:
            raise ProseError(file, line, f"the heading says {found[1]}, the file's name says {file.stem}")
        return found[1], found[2]
    raise ProseError(file, 1, "the page is empty")


def _case(file: Path, code: str, section: Section) -> Case:
    if not section.title:
        raise ProseError(file, section.line, "a case has a heading that states the behaviour")
    files: dict[str, str] = {}
    marks: list[Mark] = []
    for block in section.blocks:
        if not block.fixed:
            if block.path in files:
                raise ProseError(file, block.line, f"`{block.path}` is given twice in this case")
            files[block.path], found = _strip_marks(file, block)
            marks.extend(found)
    if not any(path.endswith((".py", ".pyi")) for path in files):
        raise ProseError(file, section.line, f"the case `{section.title}` has no Python file")
    codes = dict.fromkeys([code, *(mark.code for mark in sorted(marks))])
    fixed = _fixed(file, section, files)
    return Case(
        file, section.line, section.title, tuple(codes), files, tuple(sorted(marks)), fixed, _kept(file, section)
    )


def _strip_marks(file: Path, block: Block) -> tuple[str, list[Mark]]:
    rows: list[str] = []
    marks: list[Mark] = []
    for number, row in enumerate(block.text.split("\n"), start=1):
        plain, codes = marks_of(row)
        if _NEARLY_A_MARK.search(plain):
            _refuse_mark(file, block, number, row)
        rows.append(plain)
        marks.extend(Mark(block.path, number, code) for code in codes)
    return "\n".join(rows), marks


def _refuse_mark(file: Path, block: Block, number: int, row: str) -> NoReturn:
    form = "a mark ends the line and reads `  # error: DBP101` or `  # error: DBP101, DBP201`"
    raise ProseError(file, block.line + number, f"{form}; this is `{row.strip()}`")


def _fixed(file: Path, section: Section, files: dict[str, str]) -> dict[str, str]:
    fixed: dict[str, str] = {}
    for block in section.blocks:
        if not block.fixed:
            continue
        if block.path not in files:
            raise ProseError(file, block.line, f"`{block.path}` is fixed but the case has no such file")
        if block.path in fixed:
            raise ProseError(file, block.line, f"the fixed text of `{block.path}` is given twice")
        text, marks = _strip_marks(file, block)
        if marks:
            raise ProseError(file, block.line + marks[0].line, "a fixed text has no marks")
        fixed[block.path] = text
    return fixed


def _kept(file: Path, section: Section) -> str | None:
    for line, content in section.prose:
        found = _NO_RESPELLING.fullmatch(content.strip())
        if found:
            return found[1]
        if content.lstrip().startswith("<!--"):
            raise ProseError(file, line, "the only remark known is `<!-- no respelling: reason -->`")
    return None


def _refuse_repeated_titles(file: Path, cases: Sequence[Case]) -> None:
    seen: dict[str, int] = {}
    for case in cases:
        if case.title in seen:
            raise ProseError(file, case.line, f"`{case.title}` is the heading of line {seen[case.title]} too")
        seen[case.title] = case.line
