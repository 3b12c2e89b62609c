"""Which versions of a package may the code of a module run with? What the nearest files say, lock files first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.deploy.model import Requirement, Version
from dbpool_lint.facts.project import Module, Project
from dbpool_lint.knowledge.engines import RELEASES, Release

_OLDER: Release = (1, 3)
_UNPINNED: tuple[Release, ...] = ((2, 0), (2, 1))
_SQLMODEL_FOR_20 = (0, 0, 12)


@dataclass(frozen=True, slots=True)
class Pin:
    """The versions that are possible: from `lowest` on and before `below`, () where nothing bounds them."""

    lowest: Version = ()
    below: Version = ()

    @property
    def stated(self) -> bool:
        return bool(self.lowest or self.below)

    def is_at_least(self, version: Version) -> bool:
        """Whether every possible version is this one or newer."""
        return bool(self.lowest) and _padded(self.lowest) >= _padded(version)

    def is_before(self, version: Version) -> bool:
        """Whether every possible version is older than this one."""
        return bool(self.below) and _padded(self.below) <= _padded(version)


def releases(project: Project, package: str, module: Module | None = None) -> Pin:
    """What the project says of a package (by its normal name: lower case, hyphens); where files disagree, around all.

    For a module the files in the nearest folder above it count that bound the package; without such, and without a
    module, all files do. Lock files count, or else pins to single versions, instead of ranges that admit them.
    """
    stated = [r for r in project.deployment.requirements if r.package == package and (r.lowest or r.below)]
    if not stated:
        return Pin()
    chosen = next(_levels(stated, module), stated) if module else stated
    locks = [r for r in stated if r.is_locked and _is_above(r, module)]
    for best in (locks, [r for r in chosen if r.exact]):
        if best and all(any(_admits(each, one) for one in best) for each in chosen if each not in best):
            return _around(best)
    return _around(chosen)


def sqlalchemy_releases(project: Project, module: Module | None = None) -> tuple[Release, ...]:
    """The releases of SQLAlchemy that are possible, oldest first: 2.0 and 2.1 where nothing is said.

    (1, 3) stands for whatever is older than the releases that are known, the newest known one for what is newer.
    """
    pin = releases(project, "sqlalchemy", module)
    if not pin.stated:
        model = releases(project, "sqlmodel", module)
        # SQLModel needs SQLAlchemy 1.4 before 0.0.12 and 2.0 from then on
        return (RELEASES[0],) if model.is_before(_SQLMODEL_FOR_20) else _UNPINNED
    ladder = (_OLDER, *RELEASES)
    possible = tuple(
        release
        for release, following in zip(ladder, (*ladder[1:], ()), strict=True)
        if not pin.is_before(release) and not (following and pin.is_at_least(following))
    )
    if not possible:
        return (_OLDER,)  # pins that contradict each other, or name what was never released: nothing newer is certain
    return possible[1:] if len(possible) > 1 and not pin.lowest else possible


def _levels(stated: list[Requirement], module: Module) -> Iterator[list[Requirement]]:
    """What the files of each folder say, from the module's own folder upwards."""
    folder = module.name
    while folder:
        folder = folder.rpartition("/")[0]
        here = [r for r in stated if _folder(r) == folder]
        if here:
            yield here


def _folder(requirement: Requirement) -> str:
    """The folder a file speaks for: that of `requirements/prod.txt` is the one above."""
    folder = requirement.name.rpartition("/")[0]
    above, _, last = folder.rpartition("/")
    return above if last == "requirements" else folder


def _is_above(requirement: Requirement, module: Module | None) -> bool:
    folder = _folder(requirement)
    return module is None or not folder or module.name.startswith(folder + "/")


def _admits(stated: Requirement, locked: Requirement) -> bool:
    fits = not stated.lowest or _padded(stated.lowest) <= _padded(locked.lowest)
    return fits and (not stated.below or _padded(locked.lowest) < _padded(stated.below))


def _around(requirements: list[Requirement]) -> Pin:
    below = () if any(not r.below for r in requirements) else max((r.below for r in requirements), key=_padded)
    return Pin(min((r.lowest for r in requirements), key=_padded), below)


def _padded(version: Version) -> Version:
    return version + (0,) * (4 - len(version))
