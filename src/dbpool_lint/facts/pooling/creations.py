"""Where are pools made, and do they keep connections to a server? Every creation in the slice, with its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Argument, Reader, all_calls
from dbpool_lint.facts.configuration.dialects import asks_against, asks_for
from dbpool_lint.facts.configuration.urls import Urls, urls
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Object, Type, kinds
from dbpool_lint.facts.project import Class, Function, Module, Scope, module_of
from dbpool_lint.facts.typestate.leaks import is_only_used
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge.kinds import (
    CONNECTING,
    COUNTERLESS_POOLS,
    MADE_BY,
    POOLS,
    QUEUE_POOLS,
    SQLALCHEMY_ENGINES,
    USING,
    USING_METHODS,
    Kind,
)

_SQLITE = ("sqlite",)


@dataclass(frozen=True, slots=True)
class Creation:
    """One call that makes a pool: `name` is the constructor's dotted name, `scope` where it stands."""

    call: facts.Call
    scope: Scope
    name: str
    kind: Kind
    statement: int

    @property
    def module(self) -> Module:
        return module_of(self.scope)

    @property
    def around(self) -> tuple[facts.Stmt, ...]:
        """The statements that the call stands among: the body of its function or class, or those of the module."""
        if isinstance(self.scope, Module):
            return tuple(statement for piece in self.scope.pieces.values() for statement in piece.body)
        return self.scope.node.body

    @property
    def function(self) -> Function | None:
        return self.scope if isinstance(self.scope, Function) else None

    @property
    def spot(self) -> Spot:
        return Spot(self.statement, self.call.at)

    @property
    def what(self) -> str:
        """What the code calls it: the last part of the constructor's name."""
        *_, owner, last = f".{self.name}".split(".")
        return f"{owner}.{last}" if self.kind is Kind.FLASK_SQLALCHEMY and last == "init_app" else last

    @property
    def is_sqlalchemy(self) -> bool:
        return self.name in SQLALCHEMY_ENGINES


def creations(reader: Reader) -> Iterator[Creation]:
    """Every call that makes a pool, in order of files."""
    for call, scope in all_calls(reader.evaluator):
        called = (v.name for v in reader.evaluator.values(call.func, scope) if isinstance(v, External))
        for name in dict.fromkeys(called):
            kind = MADE_BY.get(name)
            if kind is not None and kind in POOLS:
                yield Creation(call, scope, name, kind, statement_of(call, scope))


def connected(reader: Reader) -> Iterator[Creation]:
    """Every call that opens one connection without a pool, in order of files."""
    for call, scope in all_calls(reader.evaluator):
        for value in reader.evaluator.values(call.func, scope):
            if isinstance(value, External) and value.name in CONNECTING:
                yield Creation(call, scope, value.name, Kind.RAW_CONNECTION, statement_of(call, scope))


_FLASK = frozenset({"flask.Flask", "quart.Quart", "apiflask.APIFlask", "connexion.FlaskApp"})


def applied(reader: Reader) -> Iterator[Creation]:
    """Every `db.init_app(app)`, or `SQLAlchemy(app)`, on a Flask application that the same function has made."""
    for call, scope in all_calls(reader.evaluator):
        if not isinstance(scope, Function) or not call.args:
            continue
        applies = isinstance(call.func, facts.Attr) and call.func.name == "init_app"
        asked = call.func.base if applies and isinstance(call.func, facts.Attr) else call
        extended = kinds(reader.evaluator.values(asked, scope)) == {Kind.FLASK_SQLALCHEMY}
        apps = reader.evaluator.values(call.args[0], scope) if extended else ()
        if any(isinstance(v, Object) and v.of in _FLASK for v in apps) and _bound_here(call.args[0], scope):
            name = "flask_sqlalchemy.SQLAlchemy" + (".init_app" if applies else "")
            yield Creation(call, scope, name, Kind.FLASK_SQLALCHEMY, statement_of(call, scope))


def _bound_here(fact: facts.Expr, function: Function) -> bool:
    return isinstance(fact, facts.Name) and fact.id in function.bound and fact.id not in function.global_names


def statement_of(fact: walking.Fact, scope: Scope) -> int:
    """The index of the top-level statement that a fact of a scope stands in."""
    if isinstance(scope, (Function, Class)):
        return scope.statement
    for piece in scope.pieces.values():
        if any(inner is fact for inner in walking.within(piece.body)):
            return piece.index
    raise LookupError("the fact does not stand in this module")


def url_of(reader: Reader, made: Creation) -> Urls:
    """The URLs that a SQLAlchemy engine, an asyncpg or a psycopg pool is made with."""
    name = {Kind.ASYNCPG_POOL: "dsn", Kind.ASYNCPG_CONNECTION: "dsn", Kind.PSYCOPG_POOL: "conninfo"}.get(
        made.kind, "url"
    )
    return urls(reader, reader.argument(made.call, made.scope, name, 0).places)


def keeps(reader: Reader, made: Creation) -> bool | None:
    """Whether the pool keeps connections: None where `poolclass` cannot be read."""
    if reader.argument(made.call, made.scope, "pool").places:
        return None
    return class_keeps(reader, reader.argument(made.call, made.scope, "poolclass"))


def class_keeps(reader: Reader, poolclass: Argument) -> bool | None:
    """Whether a pool of the class that the option `poolclass` gives keeps connections."""
    if poolclass.absent:
        return True
    names = _class_names(reader, poolclass)
    if names & COUNTERLESS_POOLS:
        return False
    return True if names and names <= QUEUE_POOLS else None


def _class_names(reader: Reader, argument: Argument) -> frozenset[str]:
    values = reader.given(argument)
    return frozenset(
        value.name.rpartition(".")[2]
        if isinstance(value, External)
        else value.cls.node.name
        if isinstance(value, Type)
        else ""
        for value in values
    )


def is_local_file(reader: Reader, made: Creation) -> bool:
    """Whether everything that can be seen says SQLite: the URL, `check_same_thread`, or the branch it stands in."""
    if url_of(reader, made).only_sqlite:
        return True
    given = reader.argument(made.call, made.scope, "connect_args")
    for place in given.places if not given.optional else ():
        table = reader.table(*place)
        if "check_same_thread" in table.entries.keys() - table.optional and not url_of(reader, made).known:
            return True
    return _in_sqlite_branch(made) or _is_named_so(made)


def _is_named_so(made: Creation) -> bool:
    """`class SqliteConfiguration` and `def sqlite_engine()` say what they are for."""
    return made.function is not None and "sqlite" in made.function.qualname.lower()


def _in_sqlite_branch(made: Creation) -> bool:
    for statement in walking.statements(made.around):
        if isinstance(statement, facts.If):
            inside = any(fact is made.call for fact in walking.within(statement.body))
            other = any(fact is made.call for fact in walking.within(statement.orelse))
            if (inside and _may_ask_for_sqlite(statement.test)) or (other and asks_against(statement.test, _SQLITE)):
                return True
    return False


def _may_ask_for_sqlite(test: facts.Expr) -> bool:
    """`if testing or url.startswith("sqlite")` is no branch for a server either."""
    if isinstance(test, facts.Logic) and test.op == "or":
        return any(_may_ask_for_sqlite(part) for part in test.operands)
    return asks_for(test, _SQLITE)


def is_used_once(made: Creation) -> bool:
    """Whether nothing ever connects: only the dialect of the engine is asked for, or it is a mock."""
    around = walking.parents(made.around)
    parent = around.get(id(made.call))
    if isinstance(parent, facts.Attr) and parent.name in ("dialect", "url", "dispose"):
        return True
    return any(keyword.name == "strategy" for keyword in made.call.keywords)


_REQUEST_PROXIES = frozenset(
    f"{package}.{name}" for package in ("flask", "quart") for name in ("g", "request", "session", "current_app")
)


def needs_request(evaluator: Evaluator, made: Creation) -> bool:
    """Whether an argument is read from the request or the current application, which exist only while one runs."""
    for fact in walking.within([made.call]):
        if isinstance(fact, facts.Name):
            for value in evaluator.values(fact, made.scope):
                if isinstance(value, External) and value.name in _REQUEST_PROXIES:
                    return True
    return False


_TEST_WORD = re.compile(r"(?:^|_)test(?:s|ing)?(?:_|$)", re.IGNORECASE)


def is_for_tests(reader: Reader, made: Creation) -> bool:
    """Whether the names in the URL argument say that the engine is for the tests of an application."""
    for fact, _ in reader.argument(made.call, made.scope, "url", 0).places:
        for inner in walking.within([fact]):
            name = inner.id if isinstance(inner, facts.Name) else inner.name if isinstance(inner, facts.Attr) else ""
            if _TEST_WORD.search(name):
                return True
    return False


def is_second_try(reader: Reader, made: Creation) -> bool:
    """Whether it stands where pool options were refused, as SQLite's pools do: `except TypeError`."""
    tries = (statement for statement in walking.statements(made.around) if isinstance(statement, facts.Try))
    return any(
        fact is made.call
        for statement in tries
        for handler in statement.handlers
        if handler.types is not None and walking.names(handler.types) & {"TypeError", "ArgumentError"}
        for fact in walking.within(handler.body)
    )


def stays_inside(evaluator: Evaluator, made: Creation) -> bool:
    """Whether an engine is used up in the function that makes it: it is not returned, stored, or handed to the project.

    Such an engine does not live long enough for its connections to grow stale.
    """
    function = made.function
    if function is None or _loops(function):
        return False
    around = walking.parents(function.node.body)
    names = {""}
    parent = around.get(id(made.call))
    while isinstance(parent, facts.Await):
        parent = around.get(id(parent))
    if isinstance(parent, facts.Assign):
        if not all(isinstance(target, facts.Name) for target in parent.targets):
            return False
        names = {target.id for target in parent.targets if isinstance(target, facts.Name)}
        if names & function.global_names:
            return False
    elif not isinstance(parent, facts.Attr):
        return False
    uses = (f for f in walking.everything(function.node.body) if isinstance(f, facts.Name) and f.id in names)
    return all(_stays(evaluator, use, around, function) for use in uses)


def _loops(function: Function) -> bool:
    return any(isinstance(s, facts.While) for s in walking.statements(function.node.body))


def _stays(evaluator: Evaluator, use: facts.Name, around: dict[int, walking.Fact], function: Function) -> bool:
    parent = around.get(id(use))
    if isinstance(parent, (facts.Attr, facts.Assign, facts.If, facts.Logic, facts.Compare)):
        return not (isinstance(parent, facts.Assign) and parent.value is use)
    call = around.get(id(parent)) if isinstance(parent, facts.Keyword) else parent
    if not isinstance(call, facts.Call):
        return False
    made_of = around.get(id(call))
    if isinstance(made_of, (facts.Return, facts.Yield)):
        return False
    if isinstance(call.func, facts.Attr) and call.func.name in USING_METHODS:
        return True
    values = evaluator.values(call.func, function)
    used = [v.name for v in values if isinstance(v, External)]
    keyword = parent.name if isinstance(parent, facts.Keyword) else None
    if used:
        return all(name in USING for name in used)
    return is_only_used(evaluator, call, use, keyword, function)


def is_disposed_here(made: Creation) -> bool:
    """Whether the function that makes an engine disposes that engine again: one use, then gone."""
    function = made.function
    return function is not None and not function.node.generator and is_disposed_in(made, function)


def is_disposed_in(made: Creation, function: Function) -> bool:
    """Whether a function disposes the engine that it makes, at whatever point."""
    assigned = (fact for fact in function.body if isinstance(fact, facts.Assign))
    held = [
        chain
        for fact in assigned
        if walking.awaited(fact.value) is made.call
        for target in fact.targets
        if (chain := walking.chain(target))
    ]
    disposed = [
        chain
        for fact in function.body
        if isinstance(fact, facts.Call) and (chain := walking.chain(fact.func)) and chain[-1] == "dispose"
    ]
    return any(one[: len(kept)] == kept for one in disposed for kept in held)


def is_entered(made: Creation) -> bool:
    """Whether the pool is its own context manager, closed at the end of the block."""
    withs = (statement for statement in walking.statements(made.around) if isinstance(statement, facts.With))
    return any(walking.awaited(item.value) is made.call for statement in withs for item in statement.items)
