"""Which reads of a function come too late? Those of objects that a commit of an asynchronous session has expired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.awaiting.expiring import Expiring, Read
from dbpool_lint.facts.awaiting.loading import Loading
from dbpool_lint.facts.awaiting.makers import Made, Tracing, expires
from dbpool_lint.facts.awaiting.mapped import is_schema
from dbpool_lint.facts.awaiting.owners import owner
from dbpool_lint.facts.callgraph.entries import decorated_as
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.origins import outside
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.coroutines import SESSION

_ENDING = frozenset({"commit", "begin"})


@dataclass(frozen=True, slots=True)
class Late:
    """A read of an expired object, and the calls that may have configured its session."""

    read: Read
    function: Function
    makers: tuple[Made, ...]


@dataclass(slots=True)
class Commits:
    """Answers for one project."""

    reader: Reader
    _tracing: Tracing = field(init=False)

    def __post_init__(self) -> None:
        self._tracing = Tracing(self.reader)

    def late(self, function: Function) -> Iterator[Late]:
        """The reads of a function that come after a commit."""
        if not function.node.asynchronous or not _may_end(function):
            return
        sessions = _Sessions(self.reader, self._tracing, function)
        loading = Loading(self.reader.evaluator, function, sessions.is_session)
        shown = _is_shown(self.reader.evaluator, function)
        walk = Expiring(self.reader.evaluator, function, loading, sessions.expires, shown, {}, [])
        for read in walk.run():
            yield Late(read, function, sessions.makers[read.held.session])


def _may_end(function: Function) -> bool:
    return any(isinstance(fact, facts.Attr) and fact.name in _ENDING for fact in function.body)


@dataclass(slots=True)
class _Sessions:
    """The sessions of one function, as they are written."""

    reader: Reader
    tracing: Tracing
    function: Function
    makers: dict[str, tuple[Made, ...]] = field(default_factory=dict)
    _known: dict[str, bool] = field(default_factory=dict)

    def is_session(self, fact: facts.Expr) -> bool:
        chain = walking.chain(fact)
        if not chain:
            return False
        name = ".".join(chain)
        if name not in self._known:
            self._known[name] = owner(self.reader.evaluator, fact, self.function) == SESSION
        return self._known[name]

    def expires(self, fact: facts.Expr) -> bool:
        """Whether a commit certainly expires what the session holds."""
        name = ".".join(walking.chain(fact) or ())
        if name not in self.makers:
            found = self.tracing.of(fact, self.function) or {}
            certain = all(expires(self.reader, made) for made in found.values())
            self.makers[name] = tuple(found.values()) if certain else ()
        return bool(self.makers[name])


def _is_shown(evaluator: Evaluator, function: Function) -> bool:
    """Whether FastAPI reads the attributes of what a route returns, for the model of its response."""
    if not any(binding.module.partition(".")[0] == "fastapi" for binding in function.module.imports()):
        return False
    if decorated_as(evaluator, function) != "route":
        return False
    models = list(_response_models(function))
    if not models and function.node.returns is not None:
        models.append(function.node.returns)
    named = (fact for fact in walking.within(models) if isinstance(fact, (facts.Name, facts.Attr)))
    return any(is_schema(evaluator, fact, outside(function)) for fact in named)


def _response_models(function: Function) -> Iterator[facts.Expr]:
    for decorator in function.node.decorators:
        if isinstance(decorator, facts.Call):
            yield from (keyword.value for keyword in decorator.keywords if keyword.name == "response_model")
