"""Which statements that close a variable can go, because its `with` ends right behind them?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Union

import libcst as cst

from dbpool_lint.fixing import closing
from dbpool_lint.fixing.site import Refused
from dbpool_lint.sources.syntax import Places, children, preorder

_Jump = Union[cst.Return, cst.Raise, cst.Break, cst.Continue]
_PASSED = (
    cst.IndentedBlock,
    cst.If,
    cst.Else,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.Finally,
    cst.Match,
    cst.MatchCase,
)
_MAY_GO = (cst.Else, cst.Finally)
_MAY_PASS = (cst.ExceptHandler, cst.ExceptStarHandler)
_QUICK = frozenset(
    {
        *{"bool", "dict", "float", "int", "isinstance", "len", "list", "set", "sorted", "str", "tuple"},
        *{"dumps", "format", "isoformat", "join", "jsonify", "make_response", "model_dump", "redirect", "to_dict"},
    }
)
"""Calls that a connection may be held for a moment longer for; so may making an object."""

_LOGGING = frozenset({"critical", "debug", "error", "exception", "info", "warning"})


def closings(root: cst.CSTNode, variable: str) -> Iterator[cst.CSTNode]:
    """The statements at and below `root` that do nothing but close it, or do so if it is there.

    Of clauses written on one line, `finally: s.close()`, this is the part behind the colon. What functions inside
    do is not looked at.
    """
    stack = [root]
    while stack:
        node = stack.pop()
        if is_closing(node, variable):
            yield node
        elif isinstance(node, _MAY_GO) and _is_closing_suite(node.body, variable):
            yield node.body
        elif not isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            stack.extend(reversed(list(children(node))))


def is_closing(node: cst.CSTNode, variable: str) -> bool:
    if isinstance(node, cst.If):
        return node.orelse is None and _asks_for(node.test, variable) and _only_closes(node.body, variable)
    return closing.closes(node, variable, closing.CLOSES)


def _only_closes(body: cst.BaseSuite, variable: str) -> bool:
    if isinstance(body, cst.IndentedBlock):
        return all(is_closing(line, variable) for line in body.body)
    return _is_closing_suite(body, variable)


def _is_closing_suite(body: cst.BaseSuite, variable: str) -> bool:
    one = body.body[0] if isinstance(body, cst.SimpleStatementSuite) and len(body.body) == 1 else None
    return isinstance(one, cst.BaseSmallStatement) and closing.is_closing_call(one, variable, closing.CLOSES)


def _asks_for(test: cst.BaseExpression, variable: str) -> bool:
    """`if session:` and `if session is not None:`"""
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        (target,) = test.comparisons
        nothing = isinstance(target.comparator, cst.Name) and target.comparator.value == "None"
        if not nothing or not isinstance(target.operator, (cst.IsNot, cst.NotEqual)):
            return False
        test = test.left
    return isinstance(test, cst.Name) and test.value == variable


def needless(
    places: Places, inside: Sequence[cst.CSTNode], variable: str, gone: Iterable[cst.CSTNode]
) -> frozenset[cst.CSTNode]:
    """The closing statements behind which nothing runs before the statements `inside` are left, other than closing.

    Without those that would leave a block empty where `pass` says less than they do; `gone` goes anyway. Raises
    `Refused` where what gives it back would stay: that must not happen twice, unlike closing.
    """
    found = frozenset(node for statement in inside for node in closings(statement, variable))
    silent = found.union(gone)
    going = {node for node in found if _ends(places, node, inside, silent)}
    leaving = {*going, *gone}
    going = {node for node in going if _may_go(places, node, inside, leaving)}
    if any(closing.gives_back(node) for node in found - going):
        raise Refused
    return frozenset(going)


def _may_go(places: Places, node: cst.CSTNode, inside: Sequence[cst.CSTNode], leaving: set[cst.CSTNode]) -> bool:
    if node in inside:
        return True
    (block, _), *above = list(places.path(node))
    if isinstance(block, cst.IndentedBlock):
        if not leaving.issuperset(block.body):
            return True
        owner, rest = above[0][0], above[1:]
    else:
        owner, rest = block, above
    if isinstance(owner, cst.Finally) and isinstance(rest[0][0], cst.Try):
        # `try: work()` on one line cannot lose its `finally`
        return bool(rest[0][0].handlers) or isinstance(rest[0][0].body, cst.IndentedBlock)
    return isinstance(owner, (*_MAY_GO, *_MAY_PASS))


def _ends(places: Places, statement: cst.CSTNode, inside: Sequence[cst.CSTNode], found: frozenset[cst.CSTNode]) -> bool:
    jump: _Jump | None = None
    in_flight = False  # may an exception be on its way?
    for parent, child in places.path(statement):
        in_flight = in_flight or isinstance(parent, cst.Finally)
        if isinstance(parent, cst.IndentedBlock) and jump is None:
            behind = inside if child in inside else parent.body
            rest = [node for node in behind[behind.index(child) + 1 :] if node not in found and not _tells(node)]
            jump = _jump(rest[0]) if rest else None
            if rest and jump is None:
                return False
        if child in inside:
            return True
        if isinstance(parent, (cst.Try, cst.TryStar)):
            caught = child is parent.body and parent.handlers
            if (in_flight and caught) or not _goes_through(parent, child, jump, found):
                return False
        elif isinstance(parent, (cst.For, cst.While)):
            if child is parent.body and not isinstance(jump, (cst.Return, cst.Raise)):
                return False
        elif not isinstance(parent, _PASSED):
            return False
    return False


def _goes_through(
    node: cst.Try | cst.TryStar, child: cst.CSTNode, jump: _Jump | None, found: frozenset[cst.CSTNode]
) -> bool:
    """Does nothing else of this `try` run behind that part of it?"""
    final = node.finalbody
    if final and child is not final and not _is_all(final.body, found):
        return False
    if child is not node.body:
        return True
    if isinstance(jump, cst.Raise):
        return not node.handlers
    return jump is not None or node.orelse is None or _is_all(node.orelse.body, found)


def _is_all(body: cst.BaseSuite, found: frozenset[cst.CSTNode]) -> bool:
    return body in found or all(line in found or _tells(line) for line in body.body)


def _jump(line: cst.CSTNode) -> _Jump | None:
    """The jump that a line is, where what it works out first is done in no time."""
    small = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    if not isinstance(small, (cst.Return, cst.Raise, cst.Break, cst.Continue)):
        return None
    return small if all(_is_quick(node) for node in preorder(small)) else None


def _tells(line: cst.CSTNode) -> bool:
    """Does it only print or log something?"""
    small = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
    call = small.value if isinstance(small, cst.Expr) else None
    if not isinstance(call, cst.Call):
        return False
    named = isinstance(call.func, cst.Name) and call.func.value == "print"
    logs = isinstance(call.func, cst.Attribute) and call.func.attr.value in _LOGGING
    return (named or logs) and all(_is_quick(node) for arg in call.args for node in preorder(arg))


def _is_quick(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Call):
        function = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        return isinstance(function, cst.Name) and (function.value in _QUICK or function.value[:1].isupper())
    return not isinstance(node, (cst.Await, cst.Yield))
