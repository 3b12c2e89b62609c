"""Where in a file does a new import go, so that it stands where its author would have put it?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import libcst as cst

from dbpool_lint.fixing.layout import Row, more
from dbpool_lint.fixing.site import Refused, Site, above, ends_line, newline
from dbpool_lint.model import Edit

_HEAD = re.compile(r"(import|from)[ \t]+([\w.]+)")
_FUTURE = re.compile(r"from[ \t]+__future__\b")
_DOCSTRING = re.compile(r"[rRuU]?[\"']")
_BLANK_LINE = re.compile(r"^[ \t\f]*\r?$", re.MULTILINE)
_LONGEST_LINE = 88


class _Kind(IntEnum):
    """In the order in which import sorters put them."""

    STANDARD = 0
    OUTSIDE = 1
    OWN = 2


@dataclass(frozen=True, slots=True)
class Line:
    """`import module`, or `from module import name as local`."""

    module: str
    name: str
    local: str

    @property
    def code(self) -> str:
        if not self.name:
            return f"import {self.module}"
        alias = "" if self.local == self.name else f" as {self.local}"
        return f"from {self.module} import {self.name}{alias}"


def placed(site: Site, statement: int, line: Line) -> tuple[Edit, ...]:
    """The edits that import it above that statement: beside names of its module, sorted into its group, or anew."""
    if len(site.statements) == 1 and len(site.chunk_of(0).module.body) > 1:
        raise Refused  # outlined as one piece, so nothing is known of where its imports stand
    run = _first_run(site, statement)
    return _beside(site, run, line) or (_new(site, run, line),)


def _beside(site: Site, run: list[int], line: Line) -> tuple[Edit, ...]:
    """The name as one more of a `from` import that is there."""
    for index in run if line.name == line.local else ():
        (body, *others) = site.chunk_of(index).module.body
        small = body.body[0] if isinstance(body, cst.SimpleStatementLine) and len(body.body) == 1 else None
        if others or not isinstance(small, cst.ImportFrom) or isinstance(small.names, cst.ImportStar):
            continue
        if _module(site.text_of(index)).dotted == line.module:
            return _among(site, index, small, line)
    return ()


def _among(site: Site, index: int, node: cst.ImportFrom, line: Line) -> tuple[Edit, ...]:
    places, text = site.places(index), site.source.text
    assert not isinstance(node.names, cst.ImportStar)
    names = [alias.evaluated_name for alias in node.names]
    spans = [places.offsets(alias.name)[:1] + places.offsets(alias.asname or alias.name)[1:] for alias in node.names]
    start, end = places.offsets(node)
    if not node.lpar and (end - start + len(line.name) + 2 > _LONGEST_LINE or "\\" in text[start:end]):
        return ()
    inner = spans[0][0] if node.lpar is None else places.offsets(node.lpar)[0] + 1
    outer = spans[-1][1] if node.rpar is None else places.offsets(node.rpar)[1] - 1
    place = sum(name < line.name for name in names) if names == sorted(names) else len(names)
    return more(text, Row(inner, outer, tuple(spans)), place, [line.name])


def _new(site: Site, run: list[int], line: Line) -> Edit:
    """The import as a line of its own: sorted into its group, between the other groups, or below the docstring."""
    groups = list(_groups(site, run))
    new = _module(line.code)
    group = _same_package(site, groups, new) or _same_kind(site, groups, new)
    if group:
        return _into_group(site, group, line)
    before = [group for group in groups if _kind(site, _module(site.text_of(group[-1]))) < _kind(site, new)]
    if before:
        return _under(site, before[-1][-1], line, blank=True)
    if run:
        return _over(site, run[0], line, 2)
    head = _head(site)
    return _under(site, head - 1, line, blank=True) if head else _over(site, 0, line, 2)


@dataclass(frozen=True, slots=True, order=True)
class _Module:
    """The module that an import names, as it is sorted: `import` before `from`."""

    is_from: bool
    dotted: str

    @property
    def package(self) -> str:
        return "." if self.dotted.startswith(".") else self.dotted.partition(".")[0]


def _module(text: str) -> _Module:
    match = _HEAD.match(text)
    return _Module(match.group(1) == "from", match.group(2)) if match else _Module(True, "~")


def _kind(site: Site, module: _Module) -> _Kind:
    if module.package in sys.stdlib_module_names:
        return _Kind.STANDARD
    own = module.package == "." or module.package in site.source.name.removesuffix(".py").split("/")
    return _Kind.OWN if own else _Kind.OUTSIDE


def _head(site: Site) -> int:
    """How many statements stand before everything else: the docstring, and imports from `__future__`."""
    head = 1 if site.statements and _DOCSTRING.match(site.text_of(0)) else 0
    while head < len(site.statements) and _FUTURE.match(site.text_of(head)):
        head += 1
    return head


def _first_run(site: Site, statement: int) -> list[int]:
    """The first imports of the file that follow each other, `__future__` aside."""
    run: list[int] = []
    for index in range(_head(site), statement):
        if site.is_import(index):
            run.append(index)
        elif run:
            break
    return run


def _groups(site: Site, run: list[int]) -> Iterator[list[int]]:
    group: list[int] = []
    for index in run:
        gap = site.source.text[site.statements[index - 1].end : site.statements[index].start] if group else ""
        if gap and _BLANK_LINE.search(gap):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _same_package(site: Site, groups: list[list[int]], new: _Module) -> list[int] | None:
    return next((g for g in groups if any(_module(site.text_of(i)).package == new.package for i in g)), None)


def _same_kind(site: Site, groups: list[list[int]], new: _Module) -> list[int] | None:
    kind = _kind(site, new)
    return next((g for g in groups if any(_kind(site, _module(site.text_of(i))) is kind for i in g)), None)


def _into_group(site: Site, group: list[int], line: Line) -> Edit:
    modules = [_module(site.text_of(index)) for index in group]
    new = _module(line.code)
    keys, own = [_sorting(module) for module in modules], _sorting(new)
    if keys == sorted(keys):
        place = sum(key <= own for key in keys)
    elif [module for _, module in keys] == sorted(module for _, module in keys):
        place = sum(module <= own[1] for _, module in keys)
    else:
        kin = [number for number, module in enumerate(modules, 1) if module.package == new.package]
        kind = [number for number, module in enumerate(modules, 1) if _kind(site, module) is _kind(site, new)]
        place = [len(group), *kind[-1:], *kin[-1:]][-1]
    if place == 0:
        start = site.statements[group[0]].start
        return Edit(start, start, line.code + newline(site.source.text, start))
    return _under(site, group[place - 1], line, blank=False)


def _sorting(module: _Module) -> tuple[bool, str]:
    return module.is_from, module.dotted.lower()


def _over(site: Site, index: int, line: Line, breaks: int) -> Edit:
    place = above(site, index)
    return Edit(place, place, line.code + newline(site.source.text, place) * breaks)


def _under(site: Site, index: int, line: Line, *, blank: bool) -> Edit:
    text, statement = site.source.text, site.statements[index]
    end = newline(text, statement.start)
    ended = ends_line(text[statement.start : statement.end])
    front = ("" if ended else end) + (end if blank else "")
    return Edit(statement.end, statement.end, front + line.code + end)
