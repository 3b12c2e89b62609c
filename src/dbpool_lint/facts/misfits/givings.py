"""Where are an engine's options given, path by path? Calls that make engines, middleware, and Flask's configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Reader, all_calls
from dbpool_lint.facts.configuration.versions import sqlalchemy_releases
from dbpool_lint.facts.evaluation.values import External, Kinded
from dbpool_lint.facts.misfits.engines import Case
from dbpool_lint.facts.misfits.flask import uses_flask
from dbpool_lint.facts.misfits.mending import Own
from dbpool_lint.facts.misfits.paths import UNKNOWN, Items, body_of
from dbpool_lint.facts.misfits.together import Way, dicts, ways
from dbpool_lint.facts.pooling.creations import Creation, statement_of
from dbpool_lint.facts.project import Module, Scope, module_of
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge.engines import Release
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.knowledge.vocabulary import MIDDLEWARE

_OLDEST: Release = (1, 3)
_OPTIONS = "SQLALCHEMY_ENGINE_OPTIONS"
_REFUSALS = frozenset({"TypeError", "ArgumentError", "InvalidRequestError", "NoSuchModuleError"})


def cases(reader: Reader, made: Iterable[Creation], module: Module) -> Iterator[Case]:
    """Every path on which the module gives options to a SQLAlchemy engine."""
    for creation in made:
        if creation.is_sqlalchemy and creation.module is module and not expects_refusal(reader, creation):
            yield from _of_engine(reader, creation)
    yield from _of_middleware(reader, module)
    yield from _of_flask(reader, module)


def _calls_of(reader: Reader, module: Module) -> list[tuple[facts.Call, Scope]]:
    """The calls of a module with their scopes; those of all modules are sorted once."""
    memory = reader.evaluator.project.memory
    if "calls by module" not in memory:
        found: dict[int, list[tuple[facts.Call, Scope]]] = {}
        for call, scope in all_calls(reader.evaluator):
            found.setdefault(id(module_of(scope)), []).append((call, scope))
        memory["calls by module"] = found
    return cast("dict[int, list[tuple[facts.Call, Scope]]]", memory["calls by module"]).get(id(module), [])


def expects_refusal(reader: Reader, made: Creation) -> bool:
    """Whether the code around a call looks for the errors that wrong arguments raise."""
    for statement in walking.statements(made.around):
        if isinstance(statement, facts.Try):
            types = {name for handler in statement.handlers for name in _caught(handler)}
            parts = [*statement.body, *(inner for handler in statement.handlers for inner in handler.body)]
            if types & _REFUSALS and any(fact is made.call for fact in walking.within(parts)):
                return True
        elif isinstance(statement, facts.With):
            raised = any(_raises(reader, item.value, made.scope) for item in statement.items)
            if raised and any(fact is made.call for fact in walking.within(statement.body)):
                return True
    return False


def _caught(handler: facts.Handler) -> Iterator[str]:
    for fact in walking.within([handler.types]) if handler.types is not None else ():
        if isinstance(fact, (facts.Name, facts.Attr)):
            yield fact.id if isinstance(fact, facts.Name) else fact.name


def _raises(reader: Reader, fact: facts.Expr, scope: Scope) -> bool:
    if not isinstance(fact, facts.Call):
        return False
    values = reader.evaluator.values(fact.func, scope)
    return any(isinstance(v, External) and v.name in ("contextlib.suppress", "pytest.raises") for v in values)


def _of_engine(reader: Reader, made: Creation) -> Iterator[Case]:
    what = made.name.rpartition(".")[2]
    from_config = what.endswith("_from_config")
    possible = _possible(reader, made.module)
    asynchronous = None if _is_wrapped(reader, made) else made.kind is Kind.ASYNC_ENGINE
    own = Own(made.module, made.call)
    for way in ways(reader, made.call, made.scope):
        given = _configured(way) if from_config else way
        yield Case(reader, what, made.spot, own, given, possible, asynchronous, from_config)


def _is_wrapped(reader: Reader, made: Creation) -> bool:
    """Whether `AsyncEngine(…)` makes an asynchronous engine of a sync one."""
    around = walking.parents(made.around)
    parent = around.get(id(made.call))
    targets = parent.targets if isinstance(parent, facts.Assign) else ()
    names = {target.id for target in targets if isinstance(target, facts.Name)}
    for call in walking.calls(made.around):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(arg is made.call or (isinstance(arg, facts.Name) and arg.id in names) for arg in given):
            values = reader.evaluator.values(call.func, made.scope)
            if any(isinstance(v, External) and v.name.rpartition(".")[2] == "AsyncEngine" for v in values):
                return True
    return False


def _possible(reader: Reader, module: Module) -> tuple[Release, ...]:
    return sqlalchemy_releases(reader.evaluator.project, module) or (_OLDEST,)


def _configured(way: Way) -> Way:
    """The options in the configuration of `engine_from_config`, without their prefix."""
    given = way.get("prefix", 1)
    prefix = walking.literal(given.fact) if given is not None else "sqlalchemy."
    config = way.get("configuration", 0)
    items = config.items if config is not None and config.items is not None else UNKNOWN
    start = prefix if isinstance(prefix, str) else "sqlalchemy."
    named = {k.removeprefix(start): g for k, g in items.entries.items() if k.startswith(start)}
    direct = {k: g for k, g in way.options.entries.items() if k not in ("configuration", "prefix")}
    complete = items.complete and way.options.complete and isinstance(prefix, str)
    return replace(way, positional=(), options=Items({**named, **direct}, complete))


def _of_middleware(reader: Reader, module: Module) -> Iterator[Case]:
    """`app.add_middleware(DBSessionMiddleware, db_url=…, engine_args={…})` makes an engine of its own."""
    for call, scope in _calls_of(reader, module):
        asked = [*reader.evaluator.values(call.func, scope)]
        if isinstance(call.func, facts.Attr) and call.func.name == "add_middleware" and call.args:
            asked += reader.evaluator.values(call.args[0], scope)
        names = [v.name for v in asked if isinstance(v, External) and v.name in MIDDLEWARE]
        if not names:
            continue
        spot = Spot(statement_of(call, scope), call.at)
        possible = _possible(reader, module)
        for way in ways(reader, call, scope):
            args, url = way.get("engine_args"), way.get("db_url")
            items = args.items if args is not None and args.items is not None else UNKNOWN
            entries = dict(items.entries) if url is None else {**items.entries, "url": url}
            given = replace(way, positional=(), options=Items(entries, items.complete))
            what = names[0].rpartition(".")[2]
            yield Case(reader, what, spot, Own(module, call), given, possible, "async" in names[0])


def _of_flask(reader: Reader, module: Module) -> Iterator[Case]:
    """Flask-SQLAlchemy's options: a setting of a module or class, an item of `app.config`, an argument."""
    if not uses_flask(reader.evaluator.project):
        return
    possible = _possible(reader, module)
    for fact, scope, spot, what in _option_dicts(reader, module):
        for way in dicts(reader, fact, scope):
            yield Case(reader, what, spot, Own(module, None), way, possible, asynchronous=False)


def _option_dicts(reader: Reader, module: Module) -> Iterator[tuple[facts.Expr, Scope, Spot, str]]:
    scopes: list[Scope] = [module, *module.all_classes, *module.all_functions]
    for scope in scopes:
        for statement in walking.statements(body_of(scope)):
            if isinstance(statement, facts.Assign) and any(_names_options(target) for target in statement.targets):
                yield statement.value, scope, Spot(statement_of(statement, scope), statement.at), _OPTIONS
    for call, scope in _calls_of(reader, module):
        yield from _in_call(reader, call, scope)


def _in_call(reader: Reader, call: facts.Call, scope: Scope) -> Iterator[tuple[facts.Expr, Scope, Spot, str]]:
    for keyword in call.keywords:
        if keyword.name == _OPTIONS:
            yield keyword.value, scope, Spot(statement_of(call, scope), keyword.at), _OPTIONS
        elif keyword.name == "engine_options":
            values = reader.evaluator.values(call, scope)
            if any(isinstance(v, Kinded) and v.kind is Kind.FLASK_SQLALCHEMY for v in values):
                yield keyword.value, scope, Spot(statement_of(call, scope), call.at), "SQLAlchemy"


def _names_options(target: facts.Expr) -> bool:
    if isinstance(target, facts.Name):
        return target.id == _OPTIONS
    return isinstance(target, facts.Item) and walking.literal(target.index) == _OPTIONS
