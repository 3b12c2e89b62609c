"""What do lint and fix make of a set of files? Plants them in a folder and asks the pipeline.

The product is imported only when something is asked of it, so that tests are collected whatever state it is in.
"""

from __future__ import annotations

import dataclasses
import difflib
import io
import itertools
import re
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbpool_lint.model import Edit, Finding, Result

if TYPE_CHECKING:
    from dbpool_lint.config import Configuration
    from dbpool_lint.fixing.apply import Outcome

Files = Mapping[str, str | bytes]


def plant(root: Path, files: Files) -> Path:
    """Write `files` (path below `root` → text as UTF-8 with its line ends kept, or bytes) and make `root` a project."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return root


def configuration(root: Path, select: Sequence[str] | None = None) -> Configuration:
    """The settings of the project at `root`, with `select` in place of its own where given."""
    from dbpool_lint import config

    found = dataclasses.replace(config.discover([root]), root=root)
    return found if select is None else config.with_overrides(found, select=tuple(select))


def lint(root: Path, select: Sequence[str] | None = None, overlay: Mapping[str, str] | None = None) -> Result:
    from dbpool_lint import pipeline

    return pipeline.lint([root], configuration(root, select), overlay=overlay)


def fix(root: Path, select: Sequence[str] | None = None, *, unsafe: bool = True) -> Outcome:
    from dbpool_lint import pipeline

    return pipeline.fix([root], configuration(root, select), unsafe=unsafe)


def selection(codes: Sequence[str], files: Mapping[str, str]) -> tuple[str, ...]:
    """`codes`; with DBP002 among them also the rules that comments of `files` cite, as only those can be unused."""
    if "DBP002" not in codes:
        return tuple(codes)
    from dbpool_lint.rules import registry

    known = registry.known()
    words = re.findall(r"DBP\d{3}|[a-z]+(?:-[a-z]+)+", "\n".join(files.values()))
    return tuple(dict.fromkeys([*codes, *(word for word in words if word in known or word in known.values())]))


def places(findings: Sequence[Finding]) -> list[tuple[str, int, str]]:
    """Path, line and code of each finding, sorted; equal ones are kept."""
    return sorted((f.name, f.span.line, f.code) for f in findings)


@dataclass(frozen=True, slots=True)
class Fixed:
    """What fixing made of a set of files: all texts afterwards, and what the product says about it."""

    before: dict[str, str]
    texts: dict[str, str]
    outcome: Outcome

    @property
    def changed(self) -> dict[str, str]:
        return {name: text for name, text in self.texts.items() if text != self.before[name]}


@dataclass(slots=True)
class Trials:
    """Lints and fixes sets of text files, each in a new folder below `folder`; the same question is asked once."""

    folder: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _answers: dict[object, object] = field(default_factory=dict)

    def lint(self, files: Mapping[str, str], select: Sequence[str] | None = None) -> Result:
        key = ("lint", tuple(sorted(files.items())), select and tuple(select))
        if key not in self._answers:
            self._answers[key] = lint(self._plant(files), select)
        answer = self._answers[key]
        assert isinstance(answer, Result)
        return answer

    def fix(self, files: Mapping[str, str], select: Sequence[str] | None = None, *, unsafe: bool = True) -> Fixed:
        key = ("fix", tuple(sorted(files.items())), select and tuple(select), unsafe)
        if key not in self._answers:
            outcome = fix(self._plant(files), select, unsafe=unsafe)
            texts = {**files, **{name: text for name, (_, text) in outcome.changed.items()}}
            self._answers[key] = Fixed(dict(files), texts, outcome)
        answer = self._answers[key]
        assert isinstance(answer, Fixed)
        return answer

    def _plant(self, files: Mapping[str, str]) -> Path:
        return plant(self.folder / f"trial{next(self._numbers)}", files)


def applied(text: str, edits: Sequence[Edit]) -> str:
    """`text` after `edits`, made here and not by the product. Raises `ValueError` where they overlap or lie outside."""
    parts, position = [], 0
    for edit in sorted(set(edits)):
        if not position <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit} overlaps another edit or lies outside the text")
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def comments(text: str) -> Counter[str]:
    """Every comment of a Python text with how often it stands there, by the standard library's tokenizer."""
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def difference(before: str, after: str) -> str:
    """What to show of two texts when a check fails."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, "before", "after"))
