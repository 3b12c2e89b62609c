"""What is done to a dict on its way? Items set and deleted, `update`, `|=`, and functions that it is handed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.flow import Flow
from dbpool_lint.facts.configuration.reading import Reads
from dbpool_lint.facts.configuration.tables import Table, joined, unknown
from dbpool_lint.facts.evaluation.values import External, Routine, Type
from dbpool_lint.facts.project import Function, Scope

_READING = frozenset({"copy", "items", "keys", "values", "get", "__contains__", "__len__"})
_HARMLESS = frozenset({"logging", "structlog", "loguru", "json", "pprint", "copy", "builtins", "types", "functools"})
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})

Change = Callable[[Table], None]


class Changes(Flow[Table]):
    """A dict on its way to where it is read."""

    def __init__(
        self,
        variable: tuple[str, ...],
        place: frozenset[int],
        reader: Reads,
        scope: Scope,
        passed: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(variable, place, reader.prunes)
        self._reader = reader
        self._scope = scope
        self._passed = passed | {id(scope)}  # functions that hand it to each other end there

    def join(self, one: Table, two: Table) -> Table:
        if one is two:
            return one
        return joined([one, two])

    def assign(self, value: facts.Expr | None, state: Table) -> Table:
        return self._reader.table(value, self._scope) if value is not None else unknown()

    def nested(self, statement: facts.Stmt, state: Table) -> Table:
        """A function inside may be called at any time."""
        if isinstance(statement, facts.Function) and not _binds(statement, self.variable[0]):
            inner = self._inner(statement)
            if inner is not None:
                flow = Changes(self.variable, frozenset(), self._reader, inner, self._passed)
                changed = flow.run(statement.body, state)
                return state if changed is None else self.join(state, changed)
        return state

    def _inner(self, statement: facts.Function) -> Function | None:
        found = self._scope.nested.get(statement.name) if isinstance(self._scope, Function) else None
        return found if found is not None and found.node is statement else None

    def guarded(self, statement: facts.If, state: Table) -> Table | None:
        """`if "x" not in options: options["x"] = 1` always leaves it there."""
        test = statement.test
        if not isinstance(test, facts.Compare) or test.ops != ("not in",) or statement.orelse:
            return None
        key = walking.literal(test.left)
        if not isinstance(key, str) or not self.is_variable(test.rights[0]):
            return None
        after = self._block(statement.body, state)
        if after is None or key not in after.entries:
            return None
        end = self.join(state, after)
        if key not in after.optional:
            end.optional.discard(key)
        if not state.complete:
            end.open.add(key)
        return end

    def effect(self, fact: walking.Fact, state: Table) -> Table:
        changes = list(self._changes(fact))
        if not changes:
            return state
        state = state.copy()
        for change in changes:
            change(state)
        return state

    def _changes(self, fact: walking.Fact) -> Iterator[Change]:
        for inner in walking.within([fact]):
            if isinstance(inner, facts.Call):
                yield from self._of_call(inner)
            elif isinstance(inner, facts.Walrus) and self.is_variable(inner.target):
                yield self._becomes(inner.value)
        if isinstance(fact, facts.Augment):
            yield from self._augmented(fact)
        elif isinstance(fact, (facts.Assign, facts.Delete)):
            for target in fact.targets:
                if isinstance(target, facts.Item) and self.is_variable(target.base):
                    value = fact.value if isinstance(fact, facts.Assign) else None
                    yield self._puts(target.index, value) if value is not None else self._drops(target.index)

    def _augmented(self, fact: facts.Augment) -> Iterator[Change]:
        if self.is_variable(fact.target):
            yield self._overlays(fact.value) if fact.op == "|=" else Table.spoil
        elif isinstance(fact.target, facts.Item) and self.is_variable(fact.target.base):
            yield Table.spoil

    def _of_call(self, fact: facts.Call) -> Iterator[Change]:
        if isinstance(fact.func, facts.Attr) and self.is_variable(fact.func.base):
            yield from self._of_method(fact, fact.func.name)
            return
        for index, arg in enumerate(fact.args):
            if self.is_variable(arg):
                yield from self.given_away(fact, index, "")
        for keyword in fact.keywords:
            if keyword.name and self.is_variable(keyword.value):
                yield from self.given_away(fact, -1, keyword.name)

    def _of_method(self, fact: facts.Call, name: str) -> Iterator[Change]:
        if name == "update":
            yield from (self._overlays(arg) for arg in fact.args)
            for keyword in fact.keywords:
                yield self._named(keyword.name, keyword.value) if keyword.name else self._overlays(keyword.value)
        elif name == "setdefault" and len(fact.args) == 2:
            yield self._defaults(fact.args[0], fact.args[1])
        elif name == "pop" and fact.args:
            yield self._drops(fact.args[0])
        elif name == "clear":
            yield _clear
        elif name not in _READING:
            yield Table.spoil

    def given_away(self, fact: facts.Call, index: int, keyword: str) -> Iterator[Change]:
        """Handed to a function, which may change it."""
        for value in self._reader.evaluator.values(fact.func, self._scope):
            if isinstance(value, Routine):
                params = [p for p in value.function.node.params if p.kind in ("", "positional", "keyword")]
                skipped = 1 if value.bound and value.function.is_method else 0
                taken = index + skipped if not keyword else -1
                param = next((p for i, p in enumerate(params) if i == taken or p.name == keyword), None)
                yield self._runs(value.function, param) if param is not None else Table.spoil
            elif isinstance(value, External) and value.name.partition(".")[0] in _HARMLESS:
                continue
            elif not (isinstance(value, Type) or _is_log(fact)):
                yield Table.spoil

    def _runs(self, function: Function, param: facts.Param) -> Change:
        def change(table: Table) -> None:
            if param.name in function.bound or id(function) in self._passed:
                table.spoil()
                return
            flow = Changes((param.name,), frozenset(), self._reader, function, self._passed)
            after = flow.run(function.node.body, table.copy())
            if after is not None:
                _become(table, after)

        return change

    def _puts(self, index: facts.Expr, value: facts.Expr) -> Change:
        key = walking.literal(index)
        return self._named(key, value) if isinstance(key, str) else Table.spoil

    def _named(self, key: str, value: facts.Expr) -> Change:
        return lambda table: table.put(key, (value, self._scope))

    def _defaults(self, index: facts.Expr, value: facts.Expr) -> Change:
        key = walking.literal(index)
        return (lambda table: table.default(key, (value, self._scope))) if isinstance(key, str) else Table.spoil

    def _drops(self, index: facts.Expr) -> Change:
        key = walking.literal(index)
        return (lambda table: table.drop(key)) if isinstance(key, str) else Table.loosen

    def _becomes(self, value: facts.Expr) -> Change:
        return lambda table: _become(table, self._reader.table(value, self._scope))

    def _overlays(self, value: facts.Expr) -> Change:
        def change(table: Table) -> None:
            other = self._reader.table(value, self._scope)
            other.displays.clear()
            table.overlay(other)

        return change


def _binds(function: facts.Function, name: str) -> bool:
    bound = any(
        walking.is_name(target, name)
        for statement in walking.statements(function.body)
        if isinstance(statement, facts.Assign)
        for target in statement.targets
    )
    return bound or any(param.name == name for param in function.params)


def _become(table: Table, other: Table) -> None:
    table.entries, table.complete = other.entries, other.complete
    table.optional, table.open, table.displays = other.optional, other.open, other.displays


def _clear(table: Table) -> None:
    _become(table, Table())


def _is_log(fact: facts.Call) -> bool:
    """`logger.info("…", options)` changes nothing, whatever the logger is."""
    return isinstance(fact.func, facts.Attr) and fact.func.name in _LEVELS
