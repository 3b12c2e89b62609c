"""How does code at one place reach a name of another module, and which import does that take?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import scopes
from dbpool_lint.fixing.placing import Line, placed
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.fixing.spelling import Spelling, spelling
from dbpool_lint.model import Edit
from dbpool_lint.sources.outline import Binding
from dbpool_lint.sources.syntax import Places

# packages whose own `__init__` imports these modules, so that `import sqlalchemy` is enough for `sqlalchemy.exc`
_WITH_THEIR_MODULES = {"sqlalchemy": frozenset({"engine", "exc", "pool", "sql", "types", "util"})}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`module.name`; `whole` says that a new import shall be `import module` rather than `from module import name`.

    `module` may be a file of the project, by its path from the root. `alias` is what a new import calls the name.
    """

    module: str
    name: str
    whole: bool = False
    alias: str = ""


@dataclass(frozen=True, slots=True)
class _Way:
    """An import that is there and the code that it makes reach what is wanted."""

    local: str
    code: str
    by_module: bool


def reach(site: Site, statement: int, node: cst.CSTNode, wanted: Wanted) -> tuple[str, tuple[Edit, ...]]:
    """The code that means `wanted` at `node`, and the edits that import it where it is not. Raises `Refused`."""
    spelled = spelling(site, wanted.module)
    ways = ways_to(site, statement, node, wanted)
    if ways:
        return ways[0], ()
    line = _line(spelled, wanted)
    if line.local in scopes.hidden(site.places(statement), node) or not _is_free(site, spelled, wanted, line.local):
        raise Refused
    code = f"{spelled.dotted}.{wanted.name}" if wanted.whole else line.local
    return code, placed(site, statement, line)


def reached(
    site: Site, statement: int, node: cst.CSTNode, code: str, pairs: Sequence[tuple[str, str]]
) -> tuple[str, tuple[Edit, ...]]:
    """`code` with the names of `(module, name)` pairs as this file reaches them at `node`, and what that imports."""
    edits: list[Edit] = []
    written: dict[str, str] = {}
    for module, name in pairs:
        if name in written:
            raise Refused
        written[name], added = reach(site, statement, node, Wanted(module, name))
        edits.extend(added)
    return _renamed(code, written), tuple(edits)


def ways_to(site: Site, statement: int, node: cst.CSTNode, wanted: Wanted) -> tuple[str, ...]:
    """All code that means `wanted` at `node` without another import, the nearest first."""
    places, spelled = site.places(statement), spelling(site, wanted.module)
    inner = tuple(_from_function(places, node, spelled, wanted))
    hidden = scopes.hidden(places, node)
    in_function = any(scopes.functions_around(places, node))
    outer = [
        way
        for index, way in _existing(site, spelled, wanted)
        if way.local not in hidden and (in_function or index < statement)
    ]
    outer.sort(key=lambda way: (way.by_module is not wanted.whole, way.code.count(".")))
    return tuple(dict.fromkeys([*inner, *(way.code for way in outer)]))


def _line(spelled: Spelling, wanted: Wanted) -> Line:
    if wanted.whole:
        return Line(spelled.dotted, "", spelled.dotted.partition(".")[0])
    return Line(spelled.dotted, wanted.name, wanted.alias or wanted.name)


def _renamed(code: str, written: dict[str, str]) -> str:
    """The statement or expression with these variables spelled otherwise."""
    if all(name == other for name, other in written.items()):
        return code
    module = cst.parse_module(code)
    names = {name for name, _ in scopes.variables(module)}
    wrapped = cst.MetadataWrapper(module, unsafe_skip_copy=True).resolve(cst.metadata.PositionProvider)
    spans = sorted((wrapped[name].start.column, name.value) for name in names if name.value in written)
    for column, name in reversed(spans):
        code = code[:column] + written[name] + code[column + len(name) :]
    return code


def _way(spelled: Spelling, wanted: Wanted, binding: Binding, text: str) -> _Way | None:
    """The way that an import leads, where `text` is its statement."""
    if binding.typing_only:
        return None
    if binding.name:
        if spelled.is_module(binding.module, binding.level) and binding.name == wanted.name:
            return _Way(binding.local, binding.local, by_module=False)
        if spelled.is_inside(binding.module, binding.level, binding.name):
            return _Way(binding.local, f"{binding.local}.{wanted.name}", by_module=False)
        return None
    for module in spelled.names(binding.module):
        rest = module[len(binding.module) :].removeprefix(".")
        if not rest or rest in _WITH_THEIR_MODULES.get(binding.module, ()) or _mentions(text, module):
            code = ".".join(part for part in (binding.local, rest, wanted.name) if part)
            return _Way(binding.local, code, by_module=True)
    return None


def _mentions(text: str, module: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(module)}(?!\w)(?!\s+as\b)", text) is not None


def _existing(site: Site, spelled: Spelling, wanted: Wanted) -> Iterator[tuple[int, _Way]]:
    for index, statement in enumerate(site.statements):
        for binding in statement.imports if site.is_import(index) else ():
            way = _way(spelled, wanted, binding, site.text_of(index))
            if way and _means_one_thing(site, binding):
                yield index, way


def _means_one_thing(site: Site, binding: Binding) -> bool:
    same = (binding.module, binding.name, binding.level)
    others = ((other.module, other.name, other.level) for _, other in site.imports_of(binding.local))
    return not site.is_defined(binding.local) and all(other == same for other in others)


def _is_free(site: Site, spelled: Spelling, wanted: Wanted, local: str) -> bool:
    """May the module import it under that name: is that bound by nothing else?"""
    imported = all(
        _way(spelled, wanted, binding, site.text_of(index)) or _is_for_checkers(spelled, wanted, binding)
        for index, binding in site.imports_of(local)
    )
    return imported and not site.is_defined(local)


def _is_for_checkers(spelled: Spelling, wanted: Wanted, binding: Binding) -> bool:
    same = spelled.is_module(binding.module, binding.level)
    return binding.typing_only and same and binding.name in {"", wanted.name}


def _from_function(places: Places, node: cst.CSTNode, spelled: Spelling, wanted: Wanted) -> Iterator[str]:
    """The code that reaches it by an import that the function itself makes further up."""
    shadowed: set[str] = set()
    for function in scopes.functions_around(places, node):
        names = scopes.bound(function)
        for way in _imported_above(places, function, node, spelled, wanted):
            if names[way.local] == 1 and way.local not in shadowed:
                yield way.code
        shadowed.update(names)


def _imported_above(
    places: Places, function: cst.FunctionDef | cst.Lambda, node: cst.CSTNode, spelled: Spelling, wanted: Wanted
) -> Iterator[_Way]:
    here = places.offsets(node)[0]
    for line in function.body.body if isinstance(function.body, cst.IndentedBlock) else ():
        if not isinstance(line, cst.SimpleStatementLine) or places.offsets(line)[0] > here:
            continue
        for small in line.body:
            text = cst.Module([]).code_for_node(small)
            for binding in _bindings(small):
                way = _way(spelled, wanted, binding, text)
                if way:
                    yield way


def _bindings(small: cst.BaseSmallStatement) -> Iterator[Binding]:
    if isinstance(small, cst.Import):
        for alias in small.names:
            module = alias.evaluated_name
            if alias.evaluated_alias:
                yield Binding(alias.evaluated_alias, module, "", 0)
            else:
                yield Binding(module.partition(".")[0], module.partition(".")[0], "", 0)
    elif isinstance(small, cst.ImportFrom) and not isinstance(small.names, cst.ImportStar):
        module = cst.Module([]).code_for_node(small.module) if small.module else ""
        for alias in small.names:
            name = alias.evaluated_name
            yield Binding(alias.evaluated_alias or name, module, name, len(small.relative))
