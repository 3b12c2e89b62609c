"""How much does it say that a step fails? A flush or a change is what an error is expected of, a query hardly."""

from __future__ import annotations

import enum
import functools
import re

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.values import External, Literal, Routine
from dbpool_lint.facts.project import Function
from dbpool_lint.facts.typestate.effects import Lease, is_use, parameter
from dbpool_lint.facts.typestate.summaries import Lives
from dbpool_lint.facts.typestate.taking import holder
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.leases import CHANGING, FLUSHING, LAZY

_HARMLESS = re.compile(r"\s*select\s+[\d\w().]*\s*;?\s*$", re.IGNORECASE)
"""`SELECT 1` asks whether somebody is there, and fails only when nobody is."""

_DEEPEST = 4


class Weight(enum.IntEnum):
    """What a step runs that may fail: nothing that leaves its error behind, a query, SQL, a flush or commit."""

    NOTHING = 0
    QUERY = 1
    SQL = 2
    FLUSH = 3


class Statements:
    """Weighs the steps of functions by what they run on a lease, through the functions that they call."""

    def __init__(self, lives: Lives) -> None:
        self.lives = lives
        self._known: dict[tuple[int, str, Kind], Weight] = {}

    @functools.cached_property
    def flushes_by_itself(self) -> bool:
        """Whether nothing in the project turns `autoflush` off."""
        return not any(
            isinstance(fact, facts.Keyword) and fact.name == "autoflush" and walking.literal(fact.value) is False
            for module in self.lives.evaluator.project.modules.values()
            for piece in module.pieces.values()
            for fact in walking.everything(piece.body)
        )

    def weight(self, lease: Lease, step: walking.Fact) -> Weight:
        """What fails when the step fails."""
        if not isinstance(step, facts.Call):
            return Weight.QUERY
        if isinstance(step.func, facts.Attr) and is_use(step.func.base, lease.name):
            return self._of_method(lease, step, step.func.name)
        given = self._given(lease, step)
        if given is not None:
            return self._of_function(*given, lease.kind)
        # session.query(…).delete()
        changes = isinstance(step.func, facts.Attr) and step.func.name in CHANGING
        return Weight.SQL if changes else Weight.QUERY

    def _of_method(self, lease: Lease, step: facts.Call, name: str) -> Weight:
        if name in FLUSHING:
            return Weight.FLUSH if lease.kind in LAZY else Weight.SQL
        if name == "connection":
            return self._through(step, lease.function)
        if not step.args:
            return Weight.QUERY
        return Weight.SQL if self._runs_change(name, step.args[0], lease.function) else Weight.QUERY

    def _through(self, call: facts.Call, function: Function) -> Weight:
        """What the function runs on `session.connection()`."""
        around = function.around
        _, name = holder(call, around)
        run = [fact for fact in function.body if isinstance(fact, facts.Call) and fact.args] if name else []
        changes = any(
            isinstance(fact.func, facts.Attr)
            and is_use(fact.func.base, name)
            and self._runs_change(fact.func.name, fact.args[0], function)
            for fact in run
        )
        return Weight.SQL if changes else Weight.QUERY

    def _runs_change(self, name: str, statement: facts.Expr, function: Function) -> bool:
        return name == "exec_driver_sql" or self._changes(statement, function, 0)

    def rolls_back(self, lease: Lease, step: walking.Fact) -> bool:
        """Whether a step calls a function of the project that begins with a rollback."""
        given = self._given(lease, step) if isinstance(step, facts.Call) else None
        fact = given[0].param(given[1]) if given is not None else None
        if given is None or fact is None:
            return False
        return self.lives.heals_first(Lease("given", given[1], lease.kind, given[0], fact))

    def _given(self, lease: Lease, call: facts.Call) -> tuple[Function, str] | None:
        """The function of the project that a call gives the lease to, and its parameter."""
        for value in self.lives.evaluator.values(call.func, lease.function):
            for given, keyword in arguments(call):
                if isinstance(value, Routine) and is_use(given, lease.name):
                    name = parameter(value, call, given, keyword)
                    return (value.function, name) if name is not None else None
        return None

    def _of_function(self, function: Function, param: str, kind: Kind) -> Weight:
        """The heaviest step whose error leaves the function with the transaction broken."""
        key = (id(function), param, kind)
        if key not in self._known:
            self._known[key] = Weight.NOTHING  # a function that calls itself adds nothing by that
            fact = function.param(param)
            lease = Lease("given", param, kind, function, fact) if fact is not None else None
            life = self.lives.of(lease) if lease is not None else None
            if lease is not None and life is not None:
                self._known[key] = max((self.weight(lease, step) for step in life.raised), default=Weight.NOTHING)
        return self._known[key]

    def _changes(self, statement: facts.Expr, function: Function, depth: int) -> bool:
        """Whether a statement changes something, or is SQL written by hand."""
        if isinstance(statement, facts.Name) and depth < _DEEPEST:
            bound = [
                fact.value
                for fact in function.body
                if isinstance(fact, facts.Assign) and any(walking.is_name(t, statement.id) for t in fact.targets)
            ]
            return any(self._changes(value, function, depth + 1) for value in bound) or (
                not bound and self._is_text(statement, function)
            )
        if isinstance(statement, facts.Binary):
            parts = list(walking.within([statement]))
            return any(isinstance(part, facts.Const) and isinstance(part.value, str) for part in parts)
        if isinstance(statement, facts.Call):
            return self._makes_change(statement, function)
        return isinstance(statement, facts.Text) or self._is_text(statement, function)

    def _makes_change(self, call: facts.Call, function: Function) -> bool:
        """`insert(T).values(…)`, `table.delete().where(…)`, `text(…)`"""
        while isinstance(call.func, facts.Attr) and isinstance(call.func.base, facts.Call):
            if call.func.name in CHANGING:
                return True
            call = call.func.base
        made = {
            v.name.rpartition(".")[2]
            for v in self.lives.evaluator.values(call.func, function)
            if isinstance(v, External)
        }
        if "text" in made and call.args:
            return not self._is_harmless(call.args[0], function)
        return bool(made & CHANGING) or (isinstance(call.func, facts.Attr) and call.func.name in CHANGING)

    def _is_text(self, fact: facts.Expr, function: Function) -> bool:
        values = self.lives.evaluator.values(fact, function)
        return any(isinstance(v, Literal) and isinstance(v.value, str) for v in values) and not self._is_harmless(
            fact, function
        )

    def _is_harmless(self, fact: facts.Expr, function: Function) -> bool:
        values = self.lives.evaluator.values(fact, function)
        return bool(values) and all(isinstance(v, Literal) and _HARMLESS.match(str(v.value)) for v in values)


def arguments(call: facts.Call) -> list[tuple[facts.Expr, str | None]]:
    """The arguments of a call, each with its keyword."""
    return [(arg, None) for arg in call.args] + [(k.value, k.name or None) for k in call.keywords]
