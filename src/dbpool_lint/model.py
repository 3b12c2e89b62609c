"""What do the stages hand to each other? Files, places, findings, fixes and problems."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path


class Severity(str, enum.Enum):
    """How bad it is: `error` breaks or loses, `warning` breaks under load or with time."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


class Safety(str, enum.Enum):
    """`safe`: what the author meant, in every case the rule can see. `unsafe`: needs a look."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text. Lines and columns count from 1, columns in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was read.

    `name` is its path below the project root, with `/`; `text` keeps the file's own line ends and
    has no byte order mark; `digest` is that of the bytes on disk.
    """

    path: Path
    name: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace `text[start:end]` of a source by `text`; offsets count characters."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that mends a finding; all edits of it are made, or none."""

    safety: Safety
    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, order=True)
class Related:
    """A step on the way to a finding: a call in the chain, the line where a lease was taken."""

    name: str
    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where connections will be exhausted, leaked, blocked or broken."""

    code: str
    rule: str
    severity: Severity
    message: str
    name: str
    span: Span
    fix: Fix | None = None
    related: tuple[Related, ...] = ()

    @property
    def order(self) -> tuple[str, Span, str, str]:
        return (self.name, self.span, self.code, self.message)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that kept a file, or a part of the work, from being done. `line` is 0 where there is none.

    `ours` marks a fault of dbpool-lint itself (exit code 3); anything else is the input's.
    """

    name: str
    line: int
    message: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found. Findings and problems are sorted; `files` are the names of the files judged."""

    root: Path
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    texts: dict[str, Source] = field(default_factory=dict, compare=False)
