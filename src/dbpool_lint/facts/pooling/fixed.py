"""Is it settled before a request which server a call connects to? Constants, configuration and what is made of them.

A connection to a server that only the request names (a tenant's, a user's own database) cannot come from one pool.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.evaluation.classes import bases_of, lookup, outside_bases
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.handing import given as handed
from dbpool_lint.facts.evaluation.values import Instance
from dbpool_lint.facts.pooling.keeping import is_request_proxy
from dbpool_lint.facts.project import Bound, Class, Function, Scope

_DEEPEST = 12


def is_fixed(reader: Reader, call: facts.Call, scope: Scope) -> bool:
    """Whether every argument of the call is known before the function runs, the same for each call."""
    given = (*call.args, *(keyword.value for keyword in call.keywords))
    return _Asking(reader).all(given, scope, 0)


class _Asking:
    """One question, with what it has asked already: circles count as settled by the rest."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[int, str, str], bool] = {}

    def all(self, parts: Iterable[walking.Fact], scope: Scope, depth: int) -> bool:
        return all(self.one(part, scope, depth) for part in parts)

    def one(self, fact: walking.Fact, scope: Scope, depth: int) -> bool:
        if depth > _DEEPEST:
            return False
        if isinstance(fact, facts.Const):
            return True
        if isinstance(fact, facts.Name):
            return self._name(fact.id, scope, depth)
        if isinstance(fact, facts.Attr):
            return self._attribute(fact, scope, depth)
        if isinstance(fact, (facts.Lambda, facts.Comprehension, facts.Opaque, facts.Yield)):
            return False
        return self.all(walking.below(fact), scope, depth + 1)

    def _name(self, name: str, scope: Scope, depth: int) -> bool:
        owner: Scope = scope
        while isinstance(owner, (Function, Class)):
            if isinstance(owner, Function) and name not in owner.global_names:
                if (param := owner.param(name)) is not None and name not in owner.bound:
                    return self._param(param, owner, depth)
                if name in owner.bound:
                    ask = functools.partial(self._local, owner.bound[name], owner, depth)
                    return self._remembered((id(owner), name, "local"), ask)
                if name in owner.nested or name in owner.imports:
                    return not self._is_proxy(name, scope)
            owner = owner.parent or owner.module
        return not self._is_proxy(name, scope)

    def _remembered(self, key: tuple[int, str, str], ask: Callable[[], bool]) -> bool:
        if key not in self._known:
            self._known[key] = True  # a name that is made of itself is settled by the rest
            self._known[key] = ask()
        return self._known[key]

    def _local(self, bounds: list[Bound], owner: Function, depth: int) -> bool:
        return all(self._bound(bound, owner, depth) for bound in bounds)

    def _is_proxy(self, name: str, scope: Scope) -> bool:
        """Flask's `request`, `session` and `g` look like globals and belong to one request."""
        values = self._reader.evaluator.name(name, scope)
        return any(is_request_proxy(v) for v in values)

    def _bound(self, bound: Bound, owner: Function, depth: int) -> bool:
        if bound.how in ("value", "part", "change", "entered") and bound.value is not None:
            return self.one(bound.value, owner, depth + 1)
        return False

    def _param(self, param: facts.Param, owner: Function, depth: int) -> bool:
        return self._remembered((id(owner), param.name, "param"), lambda: self._filled(param, owner, depth))

    def _filled(self, param: facts.Param, owner: Function, depth: int) -> bool:
        if owner.is_method and param is owner.node.params[0]:
            return owner.has_decorator("classmethod")
        if self._is_settings(param, owner):
            return True
        calls = self._reader.callers.of(owner)
        if not calls or not self._reader.callers.are_known(owner):
            return False
        return all(self._handed(param, owner, call, scope, depth) for call, scope in calls)

    def _handed(self, param: facts.Param, owner: Function, call: facts.Call, scope: Scope, depth: int) -> bool:
        if param.kind in ("*", "**"):
            return self.all((*call.args, *(k.value for k in call.keywords)), scope, depth + 1)
        given = handed(param, owner, call)
        if given is None:
            return param.default is not None and self.one(param.default, owner.module, depth + 1)
        return self.one(given, scope, depth + 1)

    def _is_settings(self, param: facts.Param, owner: Function) -> bool:
        """A parameter that the framework fills with the project's settings."""
        values = self._reader.evaluator.values(facts.Name(param.at, param.name), owner)
        classes = [v.cls for v in values if isinstance(v, Instance)]
        return bool(classes) and all(self._settles(cls) for cls in classes)

    def _settles(self, cls: Class) -> bool:
        return any("Settings" in base.rpartition(".")[2] for base in outside_bases(self._reader.evaluator, cls))

    def _attribute(self, fact: facts.Attr, scope: Scope, depth: int) -> bool:
        if self.one(fact.base, scope, depth + 1):
            return True
        instances = [v.cls for v in self._reader.evaluator.values(fact.base, scope) if isinstance(v, Instance)]
        return bool(instances) and all(self._of_object(cls, fact.name, depth) for cls in instances)

    def _of_object(self, cls: Class, name: str, depth: int) -> bool:
        if self._settles(cls):
            return True
        return self._remembered((id(cls), name, "attribute"), lambda: self._all_given(cls, name, depth))

    def _all_given(self, cls: Class, name: str, depth: int) -> bool:
        given = list(self._given(cls, name))
        return bool(given) and all(self.one(fact, scope, depth + 1) for fact, scope in given)

    def _given(self, cls: Class, name: str) -> Iterator[Place]:
        """Everything that an attribute of the class's objects may be made of."""
        for owner in bases_of(self._reader.evaluator, cls):
            yield from ((value, function) for function, value in owner.stored.get(name, ()))
            yield from ((b.value, owner) for b in owner.attributes.get(name, ()) if b.value is not None)
        method = lookup(self._reader.evaluator, cls, name)
        if method is not None:
            yield from ((fact, method) for fact in returned(method))
