"""Which options does a call get together? Its arguments, path by path through the code that leads to it.

Where one branch gives `poolclass` and the other `pool_size`, no call gets both. A path is followed by its tests: the
same test comes out the same way each time, and what a literal decides is decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.evaluation.values import Routine
from dbpool_lint.facts.misfits.outcomes import outcome, spelled
from dbpool_lint.facts.misfits.paths import (
    MOST,
    UNKNOWN,
    Given,
    Guard,
    Items,
    State,
    TooMany,
    Walk,
    around,
    body_of,
    needed_for,
)
from dbpool_lint.facts.project import Function, Module, Scope, module_of
from dbpool_lint.sources.names import Defined

_DEEPEST = 6
_Rows = Iterator[tuple[State, Items]]


@dataclass(frozen=True, slots=True)
class Way:
    """One path to a call: the arguments it gets there, the tests around the call, and all that came before it."""

    positional: tuple[Given, ...]
    options: Items
    guards: frozenset[Guard]
    passed: frozenset[Guard]

    def get(self, name: str, position: int | None = None) -> Given | None:
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return self.options.entries.get(name)


def ways(reader: Reader, call: facts.Call, scope: Scope) -> tuple[Way, ...]:
    """The arguments of a call on each path to it; () where the paths are too many or cannot be told."""
    return _Paths(reader).to_call(call, scope, 0)


def dicts(reader: Reader, fact: facts.Expr, scope: Scope) -> tuple[Way, ...]:
    """The items of a dict on each path to the expression that gives it, as the options of a way."""
    paths = _Paths(reader)
    found = [
        Way((), items, state.active, frozenset(after.decided.items()))
        for state in paths.reaching(fact, scope)
        for after, items in paths.items(fact, scope, state, 0)
    ]
    return tuple(found) if len(found) <= MOST else ()


@dataclass(slots=True)
class _Paths:
    """Evaluates expressions on the paths of a project. `_busy` are the scopes being walked, against circles.

    What a module's names hold at its end is remembered for the project, unless a circle was cut on the way: asked for
    from elsewhere, more of it may be known. `_cuts` counts the circles.
    """

    reader: Reader
    _busy: set[int] = field(default_factory=set)
    _cuts: int = 0

    def to_call(self, call: facts.Call, scope: Scope, depth: int) -> tuple[Way, ...]:
        found: list[Way] = []
        for state in self.reaching(call, scope):
            for after, positional, options in self._arguments(call, scope, state, depth):
                found.append(Way(positional, options, state.active, frozenset(after.decided.items())))
        return tuple(found) if len(found) <= MOST else ()

    def reaching(self, fact: facts.Expr, scope: Scope) -> tuple[State, ...]:
        """The states in which a path of the scope comes to an expression."""
        body = body_of(scope)
        walk = Walk(self, scope, needed_for(walking.names(fact), body), around(fact, body))
        try:
            walk.run(body, (State(),))
        except TooMany:
            return ()
        return tuple(walk.found)

    def _arguments(
        self, call: facts.Call, scope: Scope, state: State, depth: int
    ) -> Iterator[tuple[State, tuple[Given, ...], Items]]:
        starred = any(isinstance(arg, facts.Star) for arg in call.args)
        rows: list[tuple[State, tuple[Given, ...]]] = [(state, ())]
        for arg in () if starred else call.args:
            rows = [(s, (*p, g)) for before, p in rows for s, g in self.value(arg, scope, before, depth)]
        for before, positional in rows:
            for after, options in self._keywords(call, scope, before, Items({}, not starred), depth):
                yield after, positional, options

    def _keywords(self, call: facts.Call, scope: Scope, state: State, items: Items, depth: int) -> _Rows:
        rows = [(state, items)]
        for keyword in call.keywords:
            rows = [
                (after, held.merged(more))
                for before, held in rows
                for after, more in self._keyword(keyword, call, scope, before, depth)
            ]
        yield from rows

    def _keyword(self, keyword: facts.Keyword, call: facts.Call, scope: Scope, state: State, depth: int) -> _Rows:
        if not keyword.name:
            yield from self.items(keyword.value, scope, state, depth + 1)
            return
        for after, given in self.value(keyword.value, scope, state, depth):
            yield after, Items({keyword.name: replace(given, holder=(call, scope))})

    def value(self, fact: facts.Expr, scope: Scope, state: State, depth: int) -> Iterator[tuple[State, Given]]:
        """What an expression gives in a state, with the states that its own choices lead to."""
        if depth > _DEEPEST:
            yield state, Given(fact, scope, state.active)
        elif isinstance(fact, facts.Choice):
            for chosen, part in self._branches(fact, scope, state):
                for after, given in self.value(part, scope, chosen, depth + 1):
                    yield replace(after, active=state.active), given
        elif isinstance(fact, facts.Name) and fact.id in state.names:
            held = state.names[fact.id]
            yield state, replace(held, guards=held.guards | state.active)
        elif _is_dict(fact):
            for after, items in self.items(fact, scope, state, depth + 1):
                yield after, Given(fact, scope, state.active, items=items)
        else:
            yield from self._elsewhere(fact, scope, state)

    def _elsewhere(self, fact: facts.Expr, scope: Scope, state: State) -> Iterator[tuple[State, Given]]:
        """What functions return and what names of modules hold; else the expression itself."""
        if isinstance(fact, facts.Call):
            found = list(self._returned(fact, scope, state))
        else:
            found = [(s, replace(g, guards=g.guards | state.active)) for s, g in self._global(fact, scope, state)]
        yield from found or [(state, Given(fact, scope, state.active))]

    def _branches(self, fact: facts.Choice, scope: Scope, state: State) -> Iterator[tuple[State, facts.Expr]]:
        for branch, part in ((True, fact.then), (False, fact.other)):
            chosen = self.assume(fact.test, scope, state, branch)
            if chosen is not None:
                yield chosen, part

    def _global(self, fact: facts.Expr, scope: Scope, state: State) -> Iterator[tuple[State, Given]]:
        """What a name of a module holds when the module has been read to its end."""
        found = self._home(fact, scope)
        if found is None or found[0] is scope:
            return
        module, name = found
        for ended in self._ends(module, name):
            joined = state.joined(ended)
            if joined is not None and name in ended.names:
                yield joined, ended.names[name]

    def _home(self, fact: facts.Expr, scope: Scope) -> tuple[Module, str] | None:
        chain = walking.chain(fact)
        if not chain or _is_local(chain[0], scope):
            return None
        project = self.reader.evaluator.project
        for meaning, rest in project.names.mention(module_of(scope).name, ".".join(chain)):
            if isinstance(meaning, Defined) and not rest and meaning.module in project.modules:
                module = project.modules[meaning.module]
                if meaning.name in module.bound and not _is_rebound(meaning.name, module):
                    return module, meaning.name
        return None

    def _ends(self, module: Module, name: str) -> tuple[State, ...]:
        key, known = ("ends of a module", id(module), name), self.reader.evaluator.project.memory
        if key in known:
            return cast("tuple[State, ...]", known[key])
        if id(module) in self._busy:
            self._cuts += 1
            return ()
        cuts, outermost = self._cuts, not self._busy
        self._busy.add(id(module))
        try:
            found = self._walked(module, name)
        finally:
            self._busy.discard(id(module))
        if outermost or self._cuts == cuts:
            known[key] = found
        return found

    def _walked(self, module: Module, name: str) -> tuple[State, ...]:
        body = body_of(module)
        try:
            return Walk(self, module, needed_for([name], body)).run(body, (State(),))
        except TooMany:
            return ()

    def items(self, fact: facts.Expr, scope: Scope, state: State, depth: int) -> _Rows:
        """The items of the dict that an expression gives in a state."""
        if depth > _DEEPEST:
            yield state, UNKNOWN
        elif isinstance(fact, facts.Mapping):
            yield from self._display(fact, scope, state, depth)
        elif isinstance(fact, facts.Choice):
            for chosen, part in self._branches(fact, scope, state):
                for after, items in self.items(part, scope, chosen, depth + 1):
                    yield replace(after, active=state.active), items
        elif isinstance(fact, facts.Binary):
            yield from self._union(fact, scope, state, depth)
        elif isinstance(fact, facts.Call):
            yield from self._called(fact, scope, state, depth)
        else:
            yield from self._named(fact, scope, state, depth)

    def _union(self, fact: facts.Binary, scope: Scope, state: State, depth: int) -> _Rows:
        for after, left in self.items(fact.left, scope, state, depth + 1):
            for last, right in self.items(fact.right, scope, after, depth + 1):
                yield last, left.merged(right) if fact.op == "|" else UNKNOWN

    def _display(self, fact: facts.Mapping, scope: Scope, state: State, depth: int) -> _Rows:
        rows = [(state, Items())]
        for pair in fact.items:
            key = walking.literal(pair.key)
            if pair.key is None:
                rows = [(s, i.merged(m)) for b, i in rows for s, m in self.items(pair.value, scope, b, depth + 1)]
            elif isinstance(key, str):
                rows = [
                    (s, i.merged(Items({key: replace(given, holder=(fact, scope))})))
                    for before, i in rows
                    for s, given in self.value(pair.value, scope, before, depth + 1)
                ]
            else:
                rows = [(s, replace(i, complete=False)) for s, i in rows]
        yield from rows

    def _called(self, fact: facts.Call, scope: Scope, state: State, depth: int) -> _Rows:
        chain = walking.chain(fact.func) or [""]
        if chain == ["dict"]:
            rows = [(state, Items())]
            for arg in fact.args:
                rows = [(s, i.merged(m)) for b, i in rows for s, m in self.items(arg, scope, b, depth + 1)]
            for before, items in rows:
                yield from self._keywords(fact, scope, before, items, depth + 1)
        elif isinstance(fact.func, facts.Attr) and fact.func.name == "copy" and not fact.args:
            yield from self.items(fact.func.base, scope, state, depth + 1)
        elif chain[-1] in ("copy", "deepcopy") and len(fact.args) == 1:
            yield from self.items(fact.args[0], scope, state, depth + 1)
        else:
            found = list(self._returned(fact, scope, state))
            for after, given in found:
                yield after, (Items() if walking.literal(given.fact) is None else given.items or UNKNOWN)
            if not found:
                yield state, UNKNOWN

    def _returned(self, fact: facts.Call, scope: Scope, state: State) -> Iterator[tuple[State, Given]]:
        """What a function of the project returns on its paths; nothing where it could be another one."""
        function = self._routine(fact, scope)
        if function is None or id(function) in self._busy:
            return
        self._busy.add(id(function))
        body = body_of(function)
        handed = self._handed_over(function, fact, scope, state)
        names = [name for s in walking.statements(body) if isinstance(s, facts.Return) for name in walking.names(s)]
        walk = Walk(self, function, needed_for([*names, *handed], body), collects=True)
        try:
            walk.run(body, (State(names=handed),))
        except TooMany:
            walk.returned.clear()
        finally:
            self._busy.discard(id(function))
        for ended, given in walk.returned:
            if (joined := state.joined(ended)) is not None:
                yield joined, replace(given, guards=given.guards | state.active)

    def _handed_over(self, function: Function, call: facts.Call, scope: Scope, state: State) -> dict[str, Given]:
        """What the parameters of a function hold in one call of it, where that is plain."""
        if any(isinstance(arg, facts.Star) for arg in call.args) or not all(k.name for k in call.keywords):
            return {}
        plain = [p for p in function.node.params if p.kind in ("", "positional")][1 if function.is_method else 0 :]
        given = dict(zip((param.name for param in plain), call.args, strict=False))
        given |= {keyword.name: keyword.value for keyword in call.keywords}
        found: dict[str, Given] = {}
        for param in function.node.params:
            place = (given[param.name], scope) if param.name in given else (param.default, function)
            if place[0] is not None and param.kind in ("", "positional", "keyword"):
                options = [g for _, g in self.value(place[0], place[1], state, _DEEPEST - 1)]
                found[param.name] = options[0] if len(options) == 1 else Given(*place)
        return found

    def _routine(self, fact: facts.Call, scope: Scope) -> Function | None:
        values = self.reader.evaluator.values(fact.func, scope)
        only = values[0] if len(values) == 1 else None
        function = only.function if isinstance(only, Routine) else None
        if function is None or function.node.generator or function.node.asynchronous:
            return None
        if function.owner is None:
            return function
        modules = self.reader.evaluator.project.modules.values()
        same = [cls for module in modules for cls in module.all_classes if function.node.name in cls.methods]
        return function if len(same) == 1 else None

    def _named(self, fact: facts.Expr, scope: Scope, state: State, depth: int) -> _Rows:
        if isinstance(fact, facts.Name) and fact.id in state.names:
            yield state, (state.names[fact.id].items or UNKNOWN).under(state.active)
            return
        if isinstance(fact, facts.Name) and isinstance(scope, Function) and (param := scope.param(fact.id)) is not None:
            yield from self._handed(param, scope, state, depth)
            return
        if isinstance(fact, facts.Const) and fact.value is None:
            yield state, Items()
            return
        found = list(self._global(fact, scope, state))
        for after, given in found:
            yield after, (given.items or UNKNOWN).under(state.active)
        if not found:
            yield state, UNKNOWN

    def _handed(self, param: facts.Param, owner: Function, state: State, depth: int) -> _Rows:
        """What the callers of a wrapper put into its `**options`: a path for each of them."""
        calls = self.reader.callers.of(owner)
        known = param.kind == "**" and self.reader.callers.are_known(owner)
        if not known or len(calls) > MOST or depth > 2 or id(owner) in self._busy:
            yield state, UNKNOWN
            return
        self._busy.add(id(owner))
        own = {p.name for p in owner.node.params if p.kind in ("", "keyword")}
        for number, (call, scope) in enumerate(calls):
            test = f"{owner.module.name}:{owner.qualname} as called at {number}"
            called = replace(state, decided={**state.decided, test: True})
            found = self.to_call(call, scope, depth + 2)
            for way in found:
                kept = {k: g for k, g in way.options.entries.items() if k not in own}
                yield called, Items(kept, way.options.complete).under(state.active | {(test, True)})
            if not found:
                yield called, UNKNOWN
        self._busy.discard(id(owner))

    def assume(self, test: facts.Expr, scope: Scope, state: State, branch: bool) -> State | None:
        """The state after a test came out as `branch`; None when it cannot on this path."""

        def local(name: str) -> Place | None:
            return state.names[name].place if name in state.names else None

        settled = outcome(self.reader, test, scope, local)
        if settled is not None:
            return state if settled is branch else None
        text, positive = spelled(test, scope)
        wanted = branch is positive
        if state.decided.get(text, wanted) is not wanted:
            return None
        return replace(state, decided={**state.decided, text: wanted}, active=state.active | {(text, wanted)})


def _is_dict(fact: facts.Expr) -> bool:
    if isinstance(fact, facts.Call):
        copies = isinstance(fact.func, facts.Attr) and fact.func.name == "copy" and not fact.args
        return copies or walking.chain(fact.func) == ["dict"]
    return isinstance(fact, facts.Mapping) or (isinstance(fact, facts.Binary) and fact.op == "|")


def _is_local(name: str, scope: Scope) -> bool:
    owner: Scope | None = scope
    while isinstance(owner, Function):
        if (name in owner.bound and name not in owner.global_names) or owner.param(name) is not None:
            return True
        owner = owner.parent
    return not isinstance(scope, (Function, Module)) and name in scope.attributes


def _is_rebound(name: str, module: Module) -> bool:
    """Whether a function gives a global another value while the program runs."""
    return any(name in function.global_names and name in function.bound for function in module.all_functions)
