"""Is a lease that came from somewhere else closed in the end, whatever happens? By a `with`, a `finally`, a taker.

Asked of leases that nobody else gives back. Closing on the straight path only does not count; what might close the
lease out of sight does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.depending import depended
from dbpool_lint.facts.callgraph.handed import functions_in
from dbpool_lint.facts.configuration.arguments import all_calls
from dbpool_lint.facts.evaluation.classes import bases_of, decorated
from dbpool_lint.facts.evaluation.values import External, Routine, Type
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Class, Function, Module, Scope
from dbpool_lint.knowledge.leases import CLOSING

_ENTERING = frozenset({"enter_context", "enter_async_context", "push", "push_async_exit", "callback"})
_CLOSERS = frozenset({"contextlib.closing", "contextlib.aclosing"})
_ENTERED_LEASE = frozenset({"begin"})
_DEEPEST = 5
_PROPERTIES = ("property", "cached_property")

Around = dict[int, walking.Fact]


@dataclass(slots=True)
class Closings:
    """Looks for what closes leases; one for each question, so that circles of calls end."""

    project: Linked
    seen: set[tuple[int, frozenset[str]]] = field(default_factory=set)
    """Functions with the variables that were looked at, or with the word `return` for what they return."""

    def closed(self, fact: facts.Expr, scope: Scope, depth: int = 0) -> bool:
        """Whether what `fact` gives in `scope` is closed in the end."""
        if depth > _DEEPEST:
            return True
        roots = _roots(scope)
        around = walking.parents(roots)
        return self._climb(fact, fact, scope, around, depth)

    def closed_as(self, names: frozenset[str], function: Function, since: walking.Fact | None, depth: int = 0) -> bool:
        """Whether a function closes what its variables hold; `since` is where they got it, None for parameters."""
        key = (id(function), names)
        if depth > _DEEPEST:
            return True
        if key in self.seen:
            return False
        self.seen.add(key)
        around = walking.parents(function.node.body)
        held = holders(function, names)
        everything = walking.everything(function.node.body)
        uses = [fact for fact in everything if isinstance(fact, facts.Name) and fact.id in held]
        if any(self._use_closes(fact, function, around, since, depth) for fact in uses):
            return True
        closed = [fact for fact in uses if _is_closing_call(fact, around) and (since is None or fact.at > _at(since))]
        failing = [fact for fact in closed if _in_handler(fact, around)]
        # closed for a failure and on the straight path: every way is thought of
        return bool(failing) and len(failing) < len(closed)

    def _climb(self, taken: facts.Expr, fact: facts.Expr, scope: Scope, around: Around, depth: int) -> bool:
        """Follows a value outwards from the expression that gives it to where it ends up."""
        parent = around.get(id(fact))
        if isinstance(parent, facts.Entered):
            return True
        if isinstance(parent, facts.Attr):
            return self._attribute_closes(parent, around, taken)
        if isinstance(parent, facts.Return):
            return isinstance(scope, Function) and self._callers_close(scope, depth)
        if isinstance(parent, (facts.Assign, facts.Walrus)):
            return self._assigned_closes(taken, parent, scope, around, depth)
        if isinstance(parent, facts.Keyword):
            call = around.get(id(parent))
            return isinstance(call, facts.Call) and self._passed(taken, call, fact, parent.name, scope, around, depth)
        if isinstance(parent, facts.Call) and parent.func is not fact:
            return self._passed(taken, parent, fact, "", scope, around, depth)
        if isinstance(
            parent, (facts.Await, facts.Choice, facts.Logic, facts.Sequence, facts.Mapping, facts.Pair, facts.Star)
        ):
            return self._climb(taken, parent, scope, around, depth)  # type: ignore[arg-type]
        return False

    def _passed(
        self,
        taken: facts.Expr,
        call: facts.Call,
        given: facts.Expr,
        keyword: str,
        scope: Scope,
        around: Around,
        depth: int,
    ) -> bool:
        if self._call_closes(call, given, keyword, scope, depth):
            return True
        # `Repository(next(get_db()))` may be what is closed
        return self._climb(taken, call, scope, around, depth)

    def _assigned_closes(
        self, taken: facts.Expr, parent: facts.Assign | facts.Walrus, scope: Scope, around: Around, depth: int
    ) -> bool:
        targets = parent.targets if isinstance(parent, facts.Assign) else (parent.target,)
        singles = [single for target in targets for single in walking.targets(target)]
        for single in singles:
            if isinstance(single, facts.Attr) and self._attribute_is_closed(single.name, _owner(single, scope)):
                return True
            if isinstance(single, facts.Name) and self._name_is_closed(single.id, taken, scope, depth):
                return True
        if isinstance(parent, facts.Walrus) and self._climb(taken, parent, scope, around, depth):
            return True
        # what is put into a container is closed by whoever empties it
        return any(isinstance(single, facts.Item) for single in singles)

    def _name_is_closed(self, name: str, taken: facts.Expr, scope: Scope, depth: int) -> bool:
        if isinstance(scope, Function) and name not in scope.global_names:
            return self.closed_as(frozenset({name}), scope, taken, depth)
        if isinstance(scope, Class):
            return self._attribute_is_closed(name, scope)
        module = scope if isinstance(scope, Module) else scope.module
        return any(
            isinstance(fact, facts.Attr) and fact.name in CLOSING and walking.is_name(fact.base, name)
            for fact in walking.everything(_roots(module))
        )

    def _use_closes(
        self, fact: facts.Name, function: Function, around: Around, since: walking.Fact | None, depth: int
    ) -> bool:
        parent = around.get(id(fact))
        if _in_nested(fact, around):
            return isinstance(parent, facts.Attr) and parent.name in CLOSING
        if isinstance(parent, facts.Attr):
            return self._attribute_closes(parent, around, since)
        if isinstance(parent, facts.Call) and parent.func is not fact:
            return self._use_passed(parent, fact, "", function, around, since, depth)
        if isinstance(parent, facts.Keyword):
            call = around.get(id(parent))
            if isinstance(call, facts.Call):
                return self._use_passed(call, fact, parent.name, function, around, since, depth)
        if isinstance(parent, facts.Assign) and parent.value is fact:
            return self._kept_closes(parent, function)
        if isinstance(parent, (facts.Entered, facts.Return, facts.Sequence, facts.Mapping, facts.Pair)):
            return self._climb(fact, fact, function, around, depth)
        return False

    def _use_passed(
        self,
        call: facts.Call,
        fact: facts.Name,
        keyword: str,
        function: Function,
        around: Around,
        since: walking.Fact | None,
        depth: int,
    ) -> bool:
        if self._call_closes(call, fact, keyword, function, depth):
            return True
        if _covered(call, around, since):
            return True  # `finally: give_back(db)`
        parent = around.get(id(call))
        return isinstance(parent, (facts.Entered, facts.Return)) and self._climb(call, call, function, around, depth)

    def _kept_closes(self, parent: facts.Assign, function: Function) -> bool:
        for target in parent.targets:
            if isinstance(target, facts.Item):
                return True
            if isinstance(target, facts.Attr) and self._attribute_is_closed(target.name, _owner(target, function)):
                return True
        return False

    def _attribute_closes(self, attribute: facts.Attr, around: Around, since: walking.Fact | None) -> bool:
        call = around.get(id(attribute))
        called = isinstance(call, facts.Call) and call.func is attribute
        if attribute.name in CLOSING:
            # handed on, `atexit.register(db.close)`, it is called some time
            return not called or _covered(attribute, around, since)
        if attribute.name in _ENTERED_LEASE and called:
            return isinstance(around.get(id(call)), facts.Entered)
        return False

    def _call_closes(self, call: facts.Call, given: facts.Expr, keyword: str, scope: Scope, depth: int) -> bool:
        """Whether a call closes what it is given: as a closing function, or in a `finally` of the one it calls."""
        if isinstance(call.func, facts.Attr) and call.func.name in _ENTERING | CLOSING:
            return True
        evaluator = self.project.evaluator
        for value in evaluator.values(call.func, scope):
            if isinstance(value, External) and value.name in _CLOSERS:
                return True
            if isinstance(value, Routine) and self._callee_closes(value, call, given, keyword, depth):
                return True
            if isinstance(value, Type) and self._maker_closes(value.cls):
                return True
        # `Thread(target=work, args=(db,))`, `submit(work, db)`: the function that gets it may close it
        for argument in (*call.args, *(k.value for k in call.keywords)):
            if argument is not given and isinstance(argument, (facts.Name, facts.Attr)):
                for function in functions_in(evaluator, argument, scope):
                    if self._closes_any(function, depth):
                        return True
        return False

    def _closes_any(self, function: Function, depth: int) -> bool:
        names = frozenset(p.name for p in function.node.params)
        return bool(names) and self.closed_as(names, function, None, depth + 1)

    def _callee_closes(self, value: Routine, call: facts.Call, given: facts.Expr, keyword: str, depth: int) -> bool:
        callee = value.function
        plain = [p for p in callee.node.params if p.kind in ("", "positional")]
        offset = 1 if value.bound and callee.is_method else 0
        if keyword:
            params = [p.name for p in callee.node.params if p.name == keyword]
        else:
            places = [i + offset for i, arg in enumerate(call.args) if arg is given]
            params = [plain[place].name for place in places if place < len(plain)]
        return bool(params) and self.closed_as(frozenset(params), callee, None, depth + 1)

    def _maker_closes(self, cls: Class) -> bool:
        """Whether objects of a class close what they keep when they are deleted: `__del__`."""
        return any(
            isinstance(fact, facts.Attr) and fact.name in CLOSING
            for one in bases_of(self.project.evaluator, cls)
            for method in [one.methods.get("__del__")]
            if method is not None
            for fact in method.body
        )

    def _callers_close(self, function: Function, depth: int) -> bool:
        """Whether anyone who gets what a function returns closes it."""
        key = (id(function), frozenset({"return"}))
        if key in self.seen:
            return False
        self.seen.add(key)
        evaluator = self.project.evaluator
        if decorated(evaluator, function, *_PROPERTIES):
            return self._attribute_is_closed(function.node.name, function.owner)
        for call, scope in callers_of(self.project, function):
            if self.closed(call, scope, depth + 1):
                return True
        return any(
            self.closed_as(frozenset({name}), consumer, None, depth + 1)
            for consumer, name in consumers(self.project, function)
        )

    def _attribute_is_closed(self, name: str, owner: Class | None) -> bool:
        """Whether the project closes an attribute of that name, of the class `owner` or of anything unknown."""
        evaluator = self.project.evaluator
        return any(
            owner is None or other is None or owner in bases_of(evaluator, other) or other in bases_of(evaluator, owner)
            for other in _closed_attributes(self.project).get(name, ())
        )


def _owner(target: facts.Attr, scope: Scope) -> Class | None:
    """The class whose `self` an attribute is set on."""
    return scope.owner if isinstance(scope, Function) and _is_self(target.base, scope) else None


def _closed_attributes(project: Linked) -> dict[str, list[Class | None]]:
    """The attributes that are closed or entered anywhere: by name, with the class whose `self` it is."""

    def collect() -> dict[str, list[Class | None]]:
        found: dict[str, list[Class | None]] = {}
        for function in project.project.functions():
            for attribute in _attributes_closed_in(function):
                found.setdefault(attribute.name, []).append(_owner(attribute, function))
        return found

    return project.remember("closed attributes", collect)


def _is_self(base: facts.Expr, function: Function) -> bool:
    return function.is_method and walking.is_name(base, function.node.params[0].name)


def _attributes_closed_in(function: Function) -> Iterator[facts.Attr]:
    for fact in walking.everything(function.node.body):
        inner: facts.Expr | None = None
        if isinstance(fact, facts.Attr) and fact.name in CLOSING:
            inner = fact.base
        elif isinstance(fact, facts.Entered):
            inner = fact.value
        elif isinstance(fact, facts.Call) and fact.args and isinstance(fact.args[0], facts.Attr):
            chain = walking.chain(fact.func)
            if chain and (chain[-1] in ("closing", "aclosing") or chain[-1] in _ENTERING | CLOSING):
                inner = fact.args[0]
        if isinstance(inner, facts.Attr):
            yield inner


def callers_of(project: Linked, function: Function) -> Iterator[tuple[facts.Call, Scope]]:
    """The calls of a function in the project, each with its scope."""

    def collect() -> dict[int, list[tuple[facts.Call, Scope]]]:
        found: dict[int, list[tuple[facts.Call, Scope]]] = {}
        for call, scope in all_calls(project.evaluator):
            for value in project.evaluator.values(call.func, scope):
                if isinstance(value, Routine):
                    found.setdefault(id(value.function), []).append((call, scope))
        return found

    yield from project.remember("calls of routines", collect).get(id(function), ())


def consumers(project: Linked, function: Function) -> tuple[tuple[Function, str], ...]:
    """The functions that a framework gives what a dependency returns, with the parameter that gets it."""

    def collect() -> dict[int, list[tuple[Function, str]]]:
        found: dict[int, list[tuple[Function, str]]] = {}
        for one in project.project.functions():
            for edge in depended(project.evaluator, one):
                for param in one.node.params:
                    inside = [f for f in (param.default, param.annotation) if f is not None]
                    if any(fact is edge.fact for fact in walking.within(inside)):
                        found.setdefault(id(edge.callee), []).append((one, param.name))
        return found

    return tuple(project.remember("consumers of dependencies", collect).get(id(function), ()))


def holders(function: Function, names: frozenset[str]) -> frozenset[str]:
    """The variables, those that are given their value, and those made of it by a call."""
    held = set(names)
    grew = True
    while grew:
        before = len(held)
        for fact in function.body:
            if isinstance(fact, facts.Assign) and _holds(fact.value, held):
                held.update(target.id for target in fact.targets if isinstance(target, facts.Name))
        grew = len(held) > before
    return frozenset(held)


def _holds(value: facts.Expr, held: set[str]) -> bool:
    value = walking.awaited(value)
    if isinstance(value, facts.Call):
        given = (*value.args, *(keyword.value for keyword in value.keywords))
        return any(isinstance(one, facts.Name) and one.id in held for one in given)
    if isinstance(value, facts.Logic):
        return any(_holds(operand, held) for operand in value.operands)
    if isinstance(value, facts.Choice):
        return _holds(value.then, held) or _holds(value.other, held)
    return isinstance(value, facts.Name) and value.id in held


def _covered(fact: walking.Fact, around: Around, since: walking.Fact | None) -> bool:
    """Whether something stands in a `finally` that also runs when anything raises after `since`."""
    inner, outer = fact, around.get(id(fact))
    while outer is not None:
        if isinstance(outer, facts.Try) and any(statement is inner for statement in outer.final):
            return since is None or outer.at > _at(since) or _stands_in(since, outer, around)
        inner, outer = outer, around.get(id(outer))
    return False


def _is_closing_call(fact: facts.Name, around: Around) -> bool:
    parent = around.get(id(fact))
    return isinstance(parent, facts.Attr) and parent.name in CLOSING


def _in_handler(fact: walking.Fact, around: Around) -> bool:
    """`except: db.close(); raise`"""
    outer = around.get(id(fact))
    while outer is not None and not isinstance(outer, facts.Handler):
        outer = around.get(id(outer))
    return outer is not None


def _at(fact: walking.Fact) -> int:
    return fact.at  # type: ignore[attr-defined,no-any-return]


def _stands_in(fact: walking.Fact, outer: walking.Fact, around: Around) -> bool:
    parent: walking.Fact | None = fact
    while parent is not None and parent is not outer:
        parent = around.get(id(parent))
    return parent is outer


def _in_nested(fact: walking.Fact, around: Around) -> bool:
    parent = around.get(id(fact))
    while parent is not None and not isinstance(parent, (facts.Function, facts.Lambda, facts.Class)):
        parent = around.get(id(parent))
    return parent is not None


def _roots(scope: Scope) -> tuple[facts.Stmt, ...]:
    if isinstance(scope, Module):
        return tuple(statement for piece in scope.pieces.values() for statement in piece.body)
    return scope.node.body
