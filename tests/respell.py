"""How else could the imports of a program be spelled? The same program with other local names for what it imports.

`from X import a` becomes `from X import a as a_respelled`, `import time` becomes `import time as time_respelled`, and
every use follows; no line is added or moved. What the program itself defines keeps its name, and so does a name
which another file imports from this one or that is bound more than once in its scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Union, cast

import libcst as cst
from libcst import helpers, matchers
from libcst.metadata import ImportAssignment, MetadataWrapper, Scope, ScopeProvider

SUFFIX = "_respelled"

_Statement = Union[cst.Import, cst.ImportFrom]


def respelled(files: Mapping[str, str]) -> dict[str, str]:
    """All `files`, the imports of the Python ones spelled anew; a file that LibCST cannot parse stays as it is."""
    own = frozenset(_own_names(files))
    parsed = {path: module for path, text in files.items() if path.endswith(".py") and (module := _parsed(text))}
    needed = frozenset(name for module in parsed.values() for name in _needed_elsewhere(module, own))
    return {**files, **{path: _respell(module, own, needed) for path, module in parsed.items()}}


def _parsed(text: str) -> cst.Module | None:
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError:
        return None


def _own_names(files: Mapping[str, str]) -> Iterator[str]:
    for path in map(PurePosixPath, files):
        if path.suffix == ".py":
            yield from path.parts[:-1]
            yield path.stem


def _module_of(node: cst.ImportFrom) -> str:
    """The module's dotted name; empty for a relative import."""
    if node.relative or node.module is None:
        return ""
    return helpers.get_full_name_for_node(node.module) or ""


def _is_own(module: str, own: frozenset[str]) -> bool:
    return not module or module.partition(".")[0] in own


class _Needs(cst.CSTVisitor):
    """Collects the names that a file takes out of other files of the project; `*` for all of them."""

    def __init__(self, own: frozenset[str]) -> None:
        super().__init__()
        self.own = own
        self.needed: set[str] = set()
        self.modules: set[str] = set()

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if not _is_own(_module_of(node), self.own):
            return
        if isinstance(node.names, cst.ImportStar):
            self.needed.add("*")
            return
        for alias in node.names:
            self.needed.add(alias.evaluated_name)
            self.modules.add(alias.evaluated_alias or alias.evaluated_name)

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            if _is_own(alias.evaluated_name, self.own):
                self.modules.add(alias.evaluated_alias or alias.evaluated_name)

    def visit_Assign(self, node: cst.Assign) -> None:
        if any(helpers.get_full_name_for_node(target.target) == "__all__" for target in node.targets):
            strings = (s for s in matchers.findall(node.value, matchers.SimpleString()))
            self.needed.update(str(s.evaluated_value) for s in strings if isinstance(s, cst.SimpleString))

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if helpers.get_full_name_for_node(node.value) in self.modules:
            self.needed.add(node.attr.value)


def _needed_elsewhere(module: cst.Module, own: frozenset[str]) -> set[str]:
    needs = _Needs(own)
    module.visit(needs)
    return needs.needed


def _respell(module: cst.Module, own: frozenset[str], needed: frozenset[str]) -> str:
    wrapper = MetadataWrapper(module)
    scopes = wrapper.resolve(ScopeProvider)
    new: dict[cst.CSTNode, cst.CSTNode] = {}
    for statement, alias in _foreign_imports(wrapper.module, own):
        scope = scopes[statement]
        assert scope is not None
        name = alias.evaluated_alias or alias.evaluated_name
        if scope is scope.globals and not needed.isdisjoint({"*", name}):
            continue
        uses = _uses(scope, statement, name)
        if uses is not None:
            local = name.replace(".", "_") + SUFFIX
            new[alias] = alias.with_changes(asname=cst.AsName(cst.Name(local)))
            new.update((use, _written(use, name, local)) for use in uses)
    changed = wrapper.module.visit(_Rewrite(new))
    assert isinstance(changed, cst.Module)
    return changed.code


def _foreign_imports(module: cst.Module, own: frozenset[str]) -> Iterator[tuple[_Statement, cst.ImportAlias]]:
    for found in matchers.findall(module, matchers.Import() | matchers.ImportFrom()):
        if isinstance(found, cst.Import):
            yield from ((found, a) for a in found.names if not _is_own(a.evaluated_name, own))
        elif isinstance(found, cst.ImportFrom) and not isinstance(found.names, cst.ImportStar):
            module_name = _module_of(found)
            if module_name != "__future__" and not _is_own(module_name, own):
                yield from ((found, a) for a in found.names)


def _uses(scope: Scope, statement: _Statement, name: str) -> list[cst.CSTNode] | None:
    """The nodes that mean what `statement` binds as `name`, or None where the name could mean something else too."""
    first = name.partition(".")[0]
    same = [a for a in scope.assignments if a.name.partition(".")[0] == first]
    if any(not isinstance(a, ImportAssignment) or a.node is not statement for a in same):
        return None
    if any(a.references for a in same if a.name != name) or sum(a.name == name for a in same) != 1:
        return None
    return [access.node for a in same for access in a.references]


def _written(use: cst.CSTNode, name: str, local: str) -> cst.CSTNode:
    """What stands in place of a use; an annotation in quotes stays in quotes."""
    if isinstance(use, cst.SimpleString):
        return use.with_changes(value=re.sub(rf"(?<![\w.]){re.escape(name)}\b", local, use.value))
    assert isinstance(use, (cst.Name, cst.Attribute)), use
    return cst.Name(local, lpar=use.lpar, rpar=use.rpar)


class _Rewrite(cst.CSTTransformer):
    def __init__(self, new: Mapping[cst.CSTNode, cst.CSTNode]) -> None:
        super().__init__()
        self.new = new

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        return cast("cst.CSTNodeT", self.new.get(original_node, updated_node))
