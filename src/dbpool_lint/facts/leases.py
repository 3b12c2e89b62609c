"""Who gives a lease back? Leases taken in a function, and what the function does with them.

For each lease the answer is one of: closed somewhere, handed away (returned, yielded, stored, passed to what may keep
it), or neither: then nobody gives it back. What cannot be settled counts as handed away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Kinded, Routine
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.kinds import ANNOTATED, LEASES, USING, USING_METHODS, Kind

_CLOSING = frozenset({"close", "remove", "release", "aclose", "close_all", "invalidate", "terminate", "putconn"})
_NOT_YET = frozenset({"begin", "begin_nested", "connection", "execution_options", "options", "registry", "transaction"})
"""Methods that lead on to something else, by which the lease may be closed yet."""

_PLAIN_BUILTINS = frozenset({"print", "repr", "str", "type", "isinstance", "id", "bool", "hasattr", "callable"})
_DEEPEST = 12
_ONLY_READING = frozenset(name for name in USING - ANNOTATED.keys() if name.startswith("sqlalchemy."))
"""A session made with a lease keeps it; these do not."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A lease that a function takes: `fact` is the expression, `name` the local variable that holds it, if any."""

    fact: facts.Expr
    kind: Kind
    name: str
    function: Function


def leaked(evaluator: Evaluator, function: Function) -> Iterator[Taken]:
    """The leases that a function takes and that nobody gives back."""
    around = walking.parents(function.node.body)
    for fact in function.body:
        if not isinstance(fact, facts.Call):
            continue
        kind = taken_by(evaluator, fact, function)
        if kind is None:
            continue
        if isinstance(fact.func, facts.Name) and _is_emptied(fact.func.id, function):
            continue
        name = _holder(fact, around)
        if name is None:
            if _is_only_lent(evaluator, fact, around, function):
                yield Taken(fact, kind, "", function)
        elif name == "":
            if _is_thrown_away(fact, around):
                yield Taken(fact, kind, name, function)
        elif not _settled(evaluator, function, name):
            yield Taken(fact, kind, name, function)


def _is_emptied(registry: str, function: Function) -> bool:
    """`Registry.remove()` closes what `Registry()` gave."""
    return any(
        isinstance(f, facts.Attr) and f.name in _CLOSING and walking.is_name(f.base, registry)
        for f in walking.everything(function.node.body)
    )


def _is_only_lent(evaluator: Evaluator, fact: facts.Expr, around: dict[int, walking.Fact], function: Function) -> bool:
    """`query(Session())`: the lease is handed to a function of the project that only uses it."""
    parent = around.get(id(fact))
    if isinstance(parent, facts.Keyword) and parent.name:
        call = around.get(id(parent))
        return isinstance(call, facts.Call) and not _passing_settles(evaluator, call, fact, parent.name, function, 0)
    if isinstance(parent, facts.Call) and parent.func is not fact:
        return not _passing_settles(evaluator, parent, fact, None, function, 0)
    return False


def taken_by(evaluator: Evaluator, fact: facts.Call, function: Function) -> Kind | None:
    """The kind of lease that a call takes from a pool, to be given back by this function."""
    values = evaluator.values(fact, function)
    found = [v for v in values if isinstance(v, Kinded) and v.kind in LEASES]
    if not found or not all(v.fresh for v in found):
        return None
    # one possibility that is no fresh lease (a cached session, an unknown) and nothing is certain any more
    return found[0].kind if len(found) == len(values) else None


def _holder(fact: facts.Expr, around: dict[int, walking.Fact]) -> str | None:
    """The variable a lease is assigned to, "" when it is used on the spot, None when it is managed or handed away."""
    parent = around.get(id(fact))
    while isinstance(parent, facts.Await) or _is_last_resort(parent, fact):
        assert isinstance(parent, (facts.Await, facts.Logic))
        fact, parent = parent, around.get(id(parent))
    if isinstance(parent, facts.Assign):
        target = parent.targets[0] if len(parent.targets) == 1 else None
        return target.id if isinstance(target, facts.Name) else None
    if isinstance(parent, facts.Attr) and parent.base is fact:
        return ""
    return "" if isinstance(parent, facts.Evaluate) else None


def _is_last_resort(parent: walking.Fact | None, fact: walking.Fact) -> bool:
    """`given or Session()`"""
    return isinstance(parent, facts.Logic) and parent.op == "or" and parent.operands[-1] is fact


def _is_thrown_away(fact: facts.Expr, around: dict[int, walking.Fact]) -> bool:
    """`Session().execute(q)`: nothing is left that could be closed, unless a method of it is handed on."""
    parent = around.get(id(fact))
    while isinstance(parent, facts.Await):
        parent = around.get(id(parent))
    if isinstance(parent, facts.Evaluate):
        return True
    if not isinstance(parent, facts.Attr) or parent.name in _CLOSING or parent.name.startswith("__"):
        return False
    call = around.get(id(parent))
    if not isinstance(call, facts.Call) or call.func is not parent:
        return False
    return parent.name not in _NOT_YET


def _settled(evaluator: Evaluator, function: Function, name: str) -> bool:
    """Whether a variable's lease is closed somewhere or handed away."""
    if name in function.global_names or _bound_otherwise(function, name):
        return True
    return releases(evaluator, function, frozenset({name}), 0)


def _bound_otherwise(function: Function, name: str) -> bool:
    """A name that a loop, a parameter or a handler binds as well is not followed."""
    return any(bound.how not in ("value", "annotated") for bound in function.bound.get(name, ()))


def releases(evaluator: Evaluator, function: Function, names: frozenset[str], depth: int) -> bool:
    """Whether a function closes, keeps or hands away what the variables hold; uses alone do not count."""
    if depth > _DEEPEST:
        return True
    roots = function.node.body
    around = walking.parents(roots)
    for fact in walking.everything(roots):
        if not isinstance(fact, facts.Name) or fact.id not in names:
            continue
        if _inside_nested(fact, around) or _use_settles(evaluator, fact, around, function, names, depth):
            return True
    return False


def _inside_nested(fact: walking.Fact, around: dict[int, walking.Fact]) -> bool:
    """A nested function or lambda that captures the lease may close it later."""
    parent = around.get(id(fact))
    while parent is not None:
        if isinstance(parent, (facts.Function, facts.Lambda, facts.Class)):
            return True
        parent = around.get(id(parent))
    return False


def _use_settles(
    evaluator: Evaluator,
    fact: facts.Name,
    around: dict[int, walking.Fact],
    function: Function,
    names: frozenset[str],
    depth: int,
) -> bool:
    parent = around.get(id(fact))
    if isinstance(parent, facts.Attr):
        return _attribute_settles(parent, around)
    if isinstance(parent, facts.Assign):
        return fact not in parent.targets and not _only_binds(parent, fact)
    if isinstance(parent, (facts.If, facts.While, facts.Assert, facts.Compare, facts.Delete)):
        return False
    if isinstance(parent, facts.Logic):
        return not (_is_test(parent, around) or _falls_back(parent, fact.id, around))
    if isinstance(parent, facts.Call) and parent.func is not fact:
        return _passing_settles(evaluator, parent, fact, None, function, depth)
    if isinstance(parent, facts.Keyword):
        call = around.get(id(parent))
        if isinstance(call, facts.Call) and parent.name:
            return _passing_settles(evaluator, call, fact, parent.name, function, depth)
    return True  # returned, yielded, awaited, entered, put into a display, unpacked …


def _only_binds(parent: facts.Assign, fact: facts.Name) -> bool:
    return any(target is fact for target in parent.targets)


def _falls_back(fact: facts.Logic, name: str, around: dict[int, walking.Fact]) -> bool:
    """`session = session or Session()`: the variable keeps what it holds."""
    parent = around.get(id(fact))
    return isinstance(parent, facts.Assign) and all(walking.is_name(target, name) for target in parent.targets)


def _is_test(fact: facts.Logic, around: dict[int, walking.Fact]) -> bool:
    parent = around.get(id(fact))
    while isinstance(parent, facts.Logic):
        parent = around.get(id(parent))
    return isinstance(parent, (facts.If, facts.While, facts.Assert))


def _attribute_settles(attribute: facts.Attr, around: dict[int, walking.Fact]) -> bool:
    """`session.close()` closes; `session.execute(q)` uses; `session.close` handed on may close."""
    if attribute.name in _CLOSING:
        return True
    if attribute.name == "connection":
        return False
    parent = around.get(id(attribute))
    if isinstance(parent, facts.Call) and parent.func is attribute:
        if attribute.name == "begin":
            # `with session.begin():` gives the connection back on every path (F5)
            return isinstance(around.get(id(parent)), facts.Entered)
        return False
    return isinstance(parent, (facts.Call, facts.Keyword)) and attribute.name in (
        "commit",
        "rollback",
        "__exit__",
        "__aexit__",
    )


def _passing_settles(
    evaluator: Evaluator, call: facts.Call, lease: facts.Expr, keyword: str | None, function: Function, depth: int
) -> bool:
    """Whether a call that gets the lease closes or keeps it. Functions of the project are looked into."""
    if isinstance(call.func, facts.Attr) and call.func.name in USING_METHODS:
        return False
    values = evaluator.values(call.func, function)
    if values and all(isinstance(v, External) and v.name in _ONLY_READING for v in values):
        return False
    if values and all(isinstance(v, External) and v.name.startswith("builtins.") for v in values):
        return not all(isinstance(v, External) and v.name.partition(".")[2] in _PLAIN_BUILTINS for v in values)
    for value in values:
        if not isinstance(value, Routine):
            return True
        if _callee_settles(evaluator, value, call, lease, keyword, depth):
            return True
    return not values


def is_only_used(
    evaluator: Evaluator, call: facts.Call, given: facts.Expr, keyword: str | None, function: Function
) -> bool:
    """Whether a call of a function of the project only uses what it is given: neither closes nor keeps it."""
    routines = [value.function for value in evaluator.values(call.func, function) if isinstance(value, Routine)]
    loops = any(isinstance(fact, facts.While) for routine in routines for fact in routine.body)
    return bool(routines) and not loops and not _passing_settles(evaluator, call, given, keyword, function, 0)


def _callee_settles(
    evaluator: Evaluator, value: Routine, call: facts.Call, lease: facts.Expr, keyword: str | None, depth: int
) -> bool:
    callee = value.function
    key = (id(callee), keyword or tuple(i for i, a in enumerate(call.args) if a is lease), value.bound)
    known = cast("dict[object, bool]", evaluator.project.memory.setdefault("settles", {}))
    if key in known:
        return known[key]
    before = len(known)
    known[key] = False  # a function that only hands the lease to itself does not settle it
    settles = _parameter_settles(evaluator, value, call, lease, keyword, depth)
    if settles:
        while len(known) > before:  # what was found on the way may have relied on this one not settling
            known.popitem()
        known[key] = True
    return settles


def _parameter_settles(
    evaluator: Evaluator, value: Routine, call: facts.Call, lease: facts.Expr, keyword: str | None, depth: int
) -> bool:
    callee = value.function
    if callee.node.generator or (evaluator.decorator_names(callee) and not _only_known_decorators(evaluator, callee)):
        return True
    plain = [p for p in callee.node.params if p.kind in ("", "positional")]
    offset = 1 if value.bound and callee.is_method else 0
    if keyword is not None:
        params = [p.name for p in callee.node.params if p.name == keyword and p.kind in ("", "keyword")]
    else:
        if any(isinstance(arg, facts.Star) for arg in call.args):
            return True
        places = [i + offset for i, arg in enumerate(call.args) if arg is lease]
        params = [plain[place].name for place in places if place < len(plain)]
    return not params or releases(evaluator, callee, frozenset(params), depth + 1)


def _only_known_decorators(evaluator: Evaluator, function: Function) -> bool:
    return all(
        name in ("builtins.staticmethod", "builtins.classmethod") for name in evaluator.decorator_names(function)
    )


_READING = frozenset(
    {
        *[
            "all",
            "first",
            "one",
            "one_or_none",
            "scalar",
            "scalar_one",
            "scalar_one_or_none",
            "count",
            "exists",
            "get",
            "delete",
            "update",
            "fetchone",
            "fetchall",
        ],
        *[
            "fetchmany",
            "fetch",
            "fetchrow",
            "fetchval",
            "commit",
            "rollback",
            "flush",
            "add",
            "add_all",
            "refresh",
            "merge",
            "close",
            "mappings",
        ],
    }
)


def reads_lazily(lease: Taken) -> bool:
    """Whether a query or result of the lease is handed out or kept unread: closing the lease would break it."""
    kept: set[str] = set()
    body = lease.function.node.body
    for fact in lease.function.body:
        if isinstance(fact, facts.Return) and fact.value is not None and _is_unread(fact.value, {lease.name, *kept}):
            return True
        if isinstance(fact, facts.Assign) and _is_unread(fact.value, {lease.name, *kept}):
            kept.update(target.id for target in fact.targets if isinstance(target, facts.Name))
    return bool(kept) and _used_after(body, lease.name, kept)


def _is_unread(value: facts.Expr, names: set[str]) -> bool:
    while isinstance(value, facts.Await):
        value = value.value
    if isinstance(value, facts.Name):
        return False
    if not isinstance(value, facts.Call) or not isinstance(value.func, facts.Attr):
        return False
    first: facts.Expr = value
    while isinstance(first, (facts.Call, facts.Attr, facts.Await)):
        first = (
            first.func
            if isinstance(first, facts.Call)
            else first.base
            if isinstance(first, facts.Attr)
            else first.value
        )
    return isinstance(first, facts.Name) and first.id in names and value.func.name not in _READING


def _used_after(body: tuple[facts.Stmt, ...], name: str, kept: set[str]) -> bool:
    """Whether a kept query or result is used below the last statement that names the lease."""
    last = max((i for i, statement in enumerate(body) if name in walking.names(statement)), default=-1)
    return any(walking.names(statement) & kept for statement in body[last + 1 :])
