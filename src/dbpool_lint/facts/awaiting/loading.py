"""What does an expression give a variable: a query, its result, an object that is mapped?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.awaiting.holding import Held, State
from dbpool_lint.facts.awaiting.mapped import entity
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.mapping import (
    MANY_OF_SCALARS,
    ONE_OF_RESULT,
    ONE_OF_SCALARS,
    QUERY_STEPS,
    SELECT,
)


@dataclass(frozen=True, slots=True)
class Loading:
    """Answers for one function; `is_session` tells which variables, as they are written, are asynchronous sessions."""

    evaluator: Evaluator
    function: Function
    is_session: Callable[[facts.Expr], bool]

    def held(self, fact: facts.Expr, state: State) -> Held | None:
        """What an expression gives, as far as that matters."""
        if isinstance(fact, facts.Name):
            found = state.get(fact.id)
            return found if found is not None and found.what != "one" else None
        if isinstance(fact, facts.Walrus):
            return self.held(fact.value, state)
        if isinstance(fact, facts.Await):
            return self._awaited(fact.value, state) if isinstance(fact.value, facts.Call) else None
        if isinstance(fact, facts.Item):
            base = self.held(fact.base, state)
            single = isinstance(walking.literal(fact.index), int)
            return replace(base, what="one") if base is not None and base.what == "many" and single else None
        return self._called(fact, state) if isinstance(fact, facts.Call) else None

    def _called(self, call: facts.Call, state: State) -> Held | None:
        if self._is_select(call):
            return self._selected(call)
        if walking.is_name(call.func, "list") and len(call.args) == 1:
            base = self.held(call.args[0], state)
            return replace(base, what="many") if base is not None and base.what in ("scalars", "many") else None
        made = entity(self.evaluator, call.func, self.function)
        if made is not None:
            return Held("new", made)
        if not isinstance(call.func, facts.Attr):
            return None
        base = self.held(call.func.base, state)
        what = _step(base, call.func.name) if base is not None else ""
        return replace(base, what=what) if base is not None and what else None

    def _is_select(self, call: facts.Call) -> bool:
        values = self.evaluator.values(call.func, self.function)
        return bool(values) and all(isinstance(v, External) and v.name in SELECT for v in values)

    def _selected(self, call: facts.Call) -> Held | None:
        first = entity(self.evaluator, call.args[0], self.function) if call.args else None
        return Held("query", first, alone=len(call.args) == 1) if first is not None else None

    def _awaited(self, call: facts.Call, state: State) -> Held | None:
        """What a method of a session loads."""
        func = call.func
        if not isinstance(func, facts.Attr) or not call.args or not self.is_session(func.base):
            return None
        session = ".".join(walking.chain(func.base) or ())
        first = call.args[0]
        if func.name in ("get", "get_one"):
            found = entity(self.evaluator, first, self.function)
            return Held("one", found, session) if found is not None else None
        if func.name == "merge":
            merged = state.get(first.id) if isinstance(first, facts.Name) else self.held(first, state)
            return Held("one", merged.entity, session) if merged and merged.what in ("new", "one") else None
        query = self.held(first, state)
        if query is None or query.what != "query":
            return None
        what = {"execute": "result", "scalars": "scalars", "scalar": "one"}.get(func.name, "")
        if func.name == "exec":
            what = "scalars" if query.alone else "result"
        return Held(what, query.entity, session) if what else None


def _step(base: Held, method: str) -> str:
    """What a method of a query, of its result or of its scalars gives."""
    if base.what == "query":
        return "query" if method in QUERY_STEPS else ""
    if base.what in ("result", "scalars") and method == "unique":
        return base.what
    if base.what == "result":
        return "scalars" if method == "scalars" else "one" if method in ONE_OF_RESULT else ""
    if base.what == "scalars":
        return "one" if method in ONE_OF_SCALARS else "many" if method in MANY_OF_SCALARS else ""
    return ""
