"""What does a name mean here? Which names a function binds, and where a name is used as a variable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import libcst as cst

from dbpool_lint.sources.syntax import Places, children, preorder

_BINDS = {
    cst.AnnAssign: "target",
    cst.AsName: "name",
    cst.AssignTarget: "target",
    cst.AugAssign: "target",
    cst.ClassDef: "name",
    cst.CompFor: "target",
    cst.Del: "target",
    cst.For: "target",
    cst.FunctionDef: "name",
    cst.MatchAs: "name",
    cst.MatchMapping: "rest",
    cst.MatchStar: "name",
    cst.NamedExpr: "target",
    cst.Param: "name",
    cst.TypeAlias: "name",
}
_NO_VARIABLE = {
    cst.Arg: "keyword",
    cst.Attribute: "attr",
    cst.ImportFrom: "module",
    cst.MatchKeywordElement: "key",
    cst.NameItem: "name",
}
_UNPACKED = (cst.Tuple, cst.List, cst.Element, cst.StarredElement)
COMPREHENSIONS = (cst.GeneratorExp, cst.ListComp, cst.SetComp, cst.DictComp)


def variables(root: cst.CSTNode, *, own: bool = False) -> Iterator[tuple[cst.Name, bool]]:
    """The names at and below `root` that stand for a variable; true with those that bind it.

    `own` leaves out what belongs to the scopes of functions, classes, lambdas and comprehensions inside.
    """
    stack: list[tuple[cst.CSTNode, bool]] = [(root, False)]
    while stack:
        node, binds = stack.pop()
        if isinstance(node, cst.Name):
            yield node, binds
        elif isinstance(node, cst.ImportAlias):
            yield _imported(node), True
        elif own and node is not root and isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            yield node.name, True
        elif not (own and isinstance(node, cst.Lambda)):
            stack.extend(reversed(list(_below(node, binds, own))))


def _below(node: cst.CSTNode, binds: bool, own: bool) -> Iterator[tuple[cst.CSTNode, bool]]:
    silent = getattr(node, _NO_VARIABLE.get(type(node), ""), None)
    target = getattr(node, _BINDS.get(type(node), ""), None)
    unpacked = binds and isinstance(node, _UNPACKED)
    for child in children(node):
        if child is silent or (own and child is target and isinstance(node, cst.CompFor)):
            continue
        yield child, child is target or unpacked


def _imported(alias: cst.ImportAlias) -> cst.Name:
    name: cst.BaseExpression = alias.asname.name if alias.asname else alias.name
    while isinstance(name, cst.Attribute):
        name = name.value
    return cst.ensure_type(name, cst.Name)


def bound(function: cst.FunctionDef | cst.Lambda) -> Counter[str]:
    """How often the function binds each of its own names, parameters included."""
    names = (name for name, binds in variables(function.params) if binds)
    inner = (name for name, binds in variables(function.body, own=True) if binds)
    return Counter(name.value for found in (names, inner) for name in found)


def own_nodes(root: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes at and below `root` that are not in a function inside."""
    nested = {
        inner
        for node in preorder(root)
        if isinstance(node, (cst.FunctionDef, cst.Lambda))
        for inner in preorder(node)
        if inner is not node
    }
    return (node for node in preorder(root) if node not in nested)


def declared(function: cst.FunctionDef) -> frozenset[str]:
    """Names that the function, or one inside it, declares global or nonlocal."""
    found = (node for node in preorder(function) if isinstance(node, (cst.Global, cst.Nonlocal)))
    return frozenset(item.name.value for node in found for item in node.names)


def functions_around(places: Places, node: cst.CSTNode) -> Iterator[cst.FunctionDef | cst.Lambda]:
    """The functions in whose bodies `node` stands, the innermost first."""
    for parent, child in places.path(node):
        if isinstance(parent, (cst.FunctionDef, cst.Lambda)) and child is parent.body:
            yield parent


def hidden(places: Places, node: cst.CSTNode) -> frozenset[str]:
    """The names that functions and comprehensions around `node` bind, so that they mean no global there."""
    names = {name for function in functions_around(places, node) for name in bound(function)}
    for parent, _ in places.path(node):
        if isinstance(parent, COMPREHENSIONS):
            names.update(name.value for name, binds in variables(parent.for_in) if binds)
    return frozenset(names)


def free(expression: cst.CSTNode) -> frozenset[str]:
    """The names an expression takes from outside of itself."""
    found = list(variables(expression))
    inner = {name.value for name, binds in found if binds}
    return frozenset(name.value for name, _ in found) - inner


def dotted(root: cst.CSTNode) -> Iterator[str]:
    """The names at and below `root` with all attributes asked of them: `settings.db.url`."""
    stack = [root]
    while stack:
        node = stack.pop()
        chain = _chain(node)
        if chain:
            yield chain
        else:
            stack.extend(children(node))


def _chain(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Attribute):
        front = _chain(node.value)
        return f"{front}.{node.attr.value}" if front else ""
    return node.value if isinstance(node, cst.Name) else ""


def uses(root: cst.CSTNode, variable: str) -> bool:
    return any(name.value == variable for name, _ in variables(root))
