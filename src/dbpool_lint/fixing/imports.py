"""How does code at one place reach a name of another module, and which import does that take?"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import scopes
from dbpool_lint.fixing.site import Refused, Site, above, ends_line, newline
from dbpool_lint.model import Edit
from dbpool_lint.sources.outline import Binding
from dbpool_lint.sources.syntax import Places

_HEAD = re.compile(r"(import|from)[ \t]+([\w.]+)")
_FUTURE = re.compile(r"from[ \t]+__future__\b")
_DOCSTRING = re.compile(r"[rRuU]?[\"']")
_BLANK_LINE = re.compile(r"^[ \t\f]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`module.name`; `whole` says that a new import shall be `import module` rather than `from module import name`."""

    module: str
    name: str
    whole: bool

    @property
    def line(self) -> str:
        return f"import {self.module}" if self.whole else f"from {self.module} import {self.name}"

    @property
    def local(self) -> str:
        return self.module.partition(".")[0] if self.whole else self.name

    @property
    def code(self) -> str:
        return f"{self.module}.{self.name}" if self.whole else self.name

    def through(self, binding: Binding) -> str | None:
        """The code that reaches it by that import, if any does."""
        if binding.module != self.module or binding.level or binding.typing_only:
            return None
        if not binding.name:
            return f"{binding.local}.{self.name}"
        return binding.local if binding.name == self.name else None


def reach(site: Site, statement: int, node: cst.CSTNode, wanted: Wanted) -> tuple[str, tuple[Edit, ...]]:
    """The code that means `wanted` at `node`, and the edits that import it where it is not. Raises `Refused`."""
    places = site.places(statement)
    local = _from_function(places, node, wanted)
    if local:
        return local, ()
    hidden = scopes.hidden(places, node)
    in_function = any(scopes.functions_around(places, node))
    known = [
        (not binding.name, code)
        for index, binding, code in _existing(site, wanted)
        if binding.local not in hidden and (in_function or index < statement)
    ]
    if known:
        return min(known, key=lambda found: found[0] is not wanted.whole)[1], ()
    if wanted.local in hidden or not _is_free(site, wanted):
        raise Refused
    return wanted.code, (_new(site, statement, wanted),)


def _existing(site: Site, wanted: Wanted) -> Iterator[tuple[int, Binding, str]]:
    for index, statement in enumerate(site.statements):
        for binding in statement.imports:
            code = wanted.through(binding)
            if code and site.is_import(index) and _means_one_thing(site, binding):
                yield index, binding, code


def _means_one_thing(site: Site, binding: Binding) -> bool:
    same = (binding.module, binding.name, binding.level)
    others = ((other.module, other.name, other.level) for _, other in site.imports_of(binding.local))
    return not site.is_defined(binding.local) and all(other == same for other in others)


def _is_free(site: Site, wanted: Wanted) -> bool:
    """May the module import it under its own name: is that bound by nothing else?"""
    imported = all(
        wanted.through(binding) or _is_for_checkers(wanted, binding) for _, binding in site.imports_of(wanted.local)
    )
    return imported and not site.is_defined(wanted.local)


def _is_for_checkers(wanted: Wanted, binding: Binding) -> bool:
    return binding.typing_only and binding.module == wanted.module and binding.name in {"", wanted.name}


def _from_function(places: Places, node: cst.CSTNode, wanted: Wanted) -> str | None:
    """The code that reaches it by an import that the function itself makes further up."""
    shadowed: set[str] = set()
    for function in scopes.functions_around(places, node):
        names = scopes.bound(function)
        for local, code in _imported_above(places, function, node, wanted):
            if names[local] == 1 and local not in shadowed:
                return code
        shadowed.update(names)
    return None


def _imported_above(
    places: Places, function: cst.FunctionDef | cst.Lambda, node: cst.CSTNode, wanted: Wanted
) -> Iterator[tuple[str, str]]:
    here = places.offsets(node)[0]
    for line in function.body.body if isinstance(function.body, cst.IndentedBlock) else ():
        if not isinstance(line, cst.SimpleStatementLine) or places.offsets(line)[0] > here:
            continue
        for small in line.body:
            for binding in _bindings(small):
                code = wanted.through(binding)
                if code:
                    yield binding.local, code


def _bindings(small: cst.BaseSmallStatement) -> Iterator[Binding]:
    if isinstance(small, cst.Import):
        for alias in small.names:
            module = alias.evaluated_name
            if alias.evaluated_alias:
                yield Binding(alias.evaluated_alias, module, "", 0)
            else:
                yield Binding(module.partition(".")[0], module.partition(".")[0], "", 0)
    elif isinstance(small, cst.ImportFrom) and small.module and not isinstance(small.names, cst.ImportStar):
        module = cst.Module([]).code_for_node(small.module)
        for alias in small.names:
            name = alias.evaluated_name
            yield Binding(alias.evaluated_alias or name, module, name, len(small.relative))


def _new(site: Site, statement: int, wanted: Wanted) -> Edit:
    """The import as a line of its own: sorted into its group, before the other groups, or below the docstring."""
    if len(site.statements) == 1 and len(site.chunk_of(0).module.body) > 1:
        raise Refused  # outlined as one piece, so nothing is known of where its imports stand
    run = _first_run(site, statement)
    group = next((group for group in _groups(site, run) if any(_is_standard(site, index) for index in group)), None)
    if group:
        return _into_group(site, group, wanted)
    if run:
        return _over(site, run[0], wanted, 2)
    head = _head(site)
    if head:
        return _under(site, head - 1, wanted, blank=True)
    return _over(site, 0, wanted, 2)


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


def _module(text: str) -> tuple[bool, str]:
    match = _HEAD.match(text)
    return (match.group(1) == "from", match.group(2).lower()) if match else (True, ".")


def _is_standard(site: Site, index: int) -> bool:
    return _module(site.text_of(index))[1].partition(".")[0] in sys.stdlib_module_names


def _into_group(site: Site, group: list[int], wanted: Wanted) -> Edit:
    keys = [_module(site.text_of(index)) for index in group]
    new = _module(wanted.line)
    place = len(group)
    if keys == sorted(keys):
        place = sum(key < new for key in keys)
    elif [module for _, module in keys] == sorted(module for _, module in keys):
        place = sum(module < new[1] for _, module in keys)
    if place == 0:
        start = site.statements[group[0]].start
        return Edit(start, start, wanted.line + newline(site.source.text, start))
    return _under(site, group[place - 1], wanted, blank=False)


def _over(site: Site, index: int, wanted: Wanted, breaks: int) -> Edit:
    place = above(site, index)
    return Edit(place, place, wanted.line + newline(site.source.text, place) * breaks)


def _under(site: Site, index: int, wanted: Wanted, *, blank: bool) -> Edit:
    text, statement = site.source.text, site.statements[index]
    end = newline(text, statement.start)
    ended = ends_line(text[statement.start : statement.end])
    front = ("" if ended else end) + (end if blank else "")
    return Edit(statement.end, statement.end, front + wanted.line + end)
