"""How does the reader want to see a result? From which folder, with which fixes counted, and how much of it."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path

from dbpool_lint.model import Finding, Safety


class Format(str, enum.Enum):
    """The forms of a report."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class View:
    """`unsafe` counts unsafe fixes as available; `fixed` is what was mended before, None where nothing was to be.

    `root` is that of the result, `folder` the one that paths are shown relative to; both are absolute.
    """

    root: Path
    folder: Path
    unsafe: bool = False
    quiet: bool = False
    statistics: bool = False
    colors: bool = False
    fixed: tuple[Finding, ...] | None = None

    def path(self, name: str) -> str:
        """The path of a file of the project, relative to `folder` where the system can say so, with `/`."""
        try:
            return Path(os.path.relpath(self.root / name, self.folder)).as_posix()
        except ValueError:  # another drive of Windows
            return (self.root / name).as_posix()

    def available(self, finding: Finding) -> bool:
        """Whether the flags as given would fix it."""
        return finding.fix is not None and (self.unsafe or finding.fix.safety is Safety.SAFE)
