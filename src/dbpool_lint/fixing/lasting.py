"""To where does the `with` of a lease reach: to where its author closes it, or to the last use of it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from dbpool_lint.fixing import leaving, outliving, scopes
from dbpool_lint.fixing.outliving import last_part
from dbpool_lint.fixing.site import Refused
from dbpool_lint.sources.syntax import preorder

_ADDING = frozenset({"add", "add_all", "delete"})
_GIVING = frozenset({"all", "first", "get", "merge", "one", "one_or_none", "scalar_one", "scalar_one_or_none"})
_DISPLAYS = (cst.Tuple, cst.List, cst.Set)


def last_of(following: Sequence[cst.CSTNode], variable: str, value: cst.BaseExpression, *, expires: bool) -> int:
    """How many of the statements behind the taking go below the `with`.

    Where `expires`, objects of a session that commits are read before it is closed: they would be loaded again
    then. Raises `Refused` where they are handed out to be read later.
    """
    for index, statement in enumerate(following):
        if _closes(statement, variable):
            return _behind_closing(following, index + 1, variable)
    last = _last_use(following, variable, value)
    return _last_read(following, last, variable) if expires else last


def _closes(statement: cst.CSTNode, variable: str) -> bool:
    if isinstance(statement, (cst.Try, cst.TryStar)):
        body = statement.finalbody.body if statement.finalbody else None
        closings = frozenset(leaving.closings(statement.finalbody, variable)) if statement.finalbody else ()
        return body is not None and (body in closings or any(line in closings for line in body.body))
    return leaving.is_closing(statement, variable)


def _behind_closing(following: Sequence[cst.CSTNode], end: int, variable: str) -> int:
    """It may be closed once more, if nothing else is done with it from there on."""
    uses = [index for index, line in enumerate(following) if index >= end and scopes.uses(line, variable)]
    again = uses and all(leaving.is_closing(following[index], variable) for index in uses)
    return uses[-1] + 1 if again else end


def _last_use(following: Sequence[cst.CSTNode], variable: str, value: cst.BaseExpression) -> int:
    """Behind the last use of it, of what uses it, or of another lease taken alike, whose `with` shall stand inside."""
    names, last = {variable}, 0
    for index, statement in enumerate(following):
        if any(scopes.uses(statement, name) for name in names):
            last = index + 1
            names.update(outliving.using(statement, names))
        names.update(_taken_alike(statement, value))
    return last


def _taken_alike(statement: cst.CSTNode, value: cst.BaseExpression) -> Iterator[str]:
    small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    if isinstance(small, cst.Assign) and isinstance(small.targets[0].target, cst.Name):
        other = small.value.expression if isinstance(small.value, cst.Await) else small.value
        own = value.expression if isinstance(value, cst.Await) else value
        if isinstance(other, cst.Call) and isinstance(own, cst.Call) and other.func.deep_equals(own.func):
            yield small.targets[0].target.value


def _last_read(following: Sequence[cst.CSTNode], last: int, variable: str) -> int:
    inside = following[:last]
    calls = [call for statement in inside for call in _calls_of(statement, variable)]
    if not any(last_part(call.func) == "commit" for call in calls):
        return last
    objects = {name for statement in inside for name in _objects(statement, variable)}
    objects -= {name for call in calls if last_part(call.func) == "refresh" for name in _given(call)}
    reading = [i for i, line in enumerate(following) if any(scopes.uses(line, name) for name in objects)]
    end = max([last, *(index + 1 for index in reading)])
    if any(_hands_out(node, objects) for statement in following[:end] for node in preorder(statement)):
        raise Refused
    return end


def _calls_of(statement: cst.CSTNode, variable: str) -> Iterator[cst.Call]:
    """`variable.method(…)`"""
    for node in preorder(statement):
        owner = node.func.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) else None
        if isinstance(node, cst.Call) and isinstance(owner, cst.Name) and owner.value == variable:
            yield node


def _objects(statement: cst.CSTNode, variable: str) -> Iterator[str]:
    """Names of objects that belong to the session."""
    for call in _calls_of(statement, variable):
        if last_part(call.func) in _ADDING:
            yield from _given(call)
    for node in preorder(statement):
        if isinstance(node, cst.Assign) and isinstance(node.targets[0].target, cst.Name):
            value = node.value
            if isinstance(value, cst.Call) and last_part(value.func) in _GIVING and scopes.uses(value.func, variable):
                yield node.targets[0].target.value


def _given(call: cst.Call) -> Iterator[str]:
    return (arg.value.value for arg in call.args if isinstance(arg.value, cst.Name))


def _hands_out(node: cst.CSTNode, objects: set[str]) -> bool:
    if not isinstance(node, cst.Return) or node.value is None:
        return False
    values = [element.value for element in node.value.elements] if isinstance(node.value, _DISPLAYS) else [node.value]
    return any(isinstance(value, cst.Name) and value.value in objects for value in values)
