"""Which settings of Flask-SQLAlchemy come too late, are not read any more, or meet a pool class that refuses them?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.configuration.versions import Pin, releases
from dbpool_lint.facts.evaluation.classes import bases_of, outside_bases
from dbpool_lint.facts.evaluation.values import External, Kinded
from dbpool_lint.facts.misfits.engines import Misfit
from dbpool_lint.facts.misfits.paths import body_of
from dbpool_lint.facts.pooling.creations import statement_of
from dbpool_lint.facts.project import Class, Function, Module, Project, Scope
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.knowledge import engines
from dbpool_lint.knowledge.kinds import QUEUE_POOLS, Kind

PACKAGE = "flask-sqlalchemy"
OPTIONS = "SQLALCHEMY_ENGINE_OPTIONS"
LEGACY = {
    "SQLALCHEMY_POOL_SIZE": "pool_size",
    "SQLALCHEMY_POOL_TIMEOUT": "pool_timeout",
    "SQLALCHEMY_POOL_RECYCLE": "pool_recycle",
    "SQLALCHEMY_MAX_OVERFLOW": "max_overflow",
}
"""Settings of Flask-SQLAlchemy 2 → the option each of them sets. Release 3 reads none of them (its change log)."""

_READ_AT_ONCE = frozenset({OPTIONS, "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS"})
_HACKS = frozenset({"apply_driver_hacks", "apply_pool_defaults"})
_EXTENSION = "flask_sqlalchemy.SQLAlchemy"
_NEW = (3,)


def of_flask(reader: Reader, module: Module) -> Iterator[Misfit]:
    """Everything in a module that Flask-SQLAlchemy will not do as it is written there."""
    if not uses_flask(reader.evaluator.project):
        return
    pin = releases(reader.evaluator.project, PACKAGE, module)
    scopes: list[Scope] = [module, *module.all_functions]
    for scope in scopes:
        yield from _late(reader, scope, pin)
        yield from _swallowed(scope)
    if pin.is_at_least(_NEW):
        yield from _dead(module)
    else:
        for cls in module.all_classes:
            yield from _hacked(reader, cls)


def uses_flask(project: Project) -> bool:
    """Whether a module of the project imports Flask-SQLAlchemy."""
    if "uses Flask-SQLAlchemy" not in project.memory:
        imported = (b.module for module in project.modules.values() for b in module.imports())
        project.memory["uses Flask-SQLAlchemy"] = any(n.partition(".")[0] == "flask_sqlalchemy" for n in imported)
    return bool(project.memory["uses Flask-SQLAlchemy"])


def _modules(reader: Reader) -> Iterable[Module]:
    return reader.evaluator.project.modules.values()


@dataclass(frozen=True, slots=True)
class _Made:
    """The statement that has read an application's settings, by the application's name."""

    app: str
    what: str
    statement: facts.Stmt


def _late(reader: Reader, scope: Scope, pin: Pin) -> Iterator[Misfit]:
    body = list(body_of(scope))
    for index, statement in enumerate(body):
        for made in _initialized(reader, statement, scope):
            rest = body[index + 1 :]
            if _is_made_again(reader, rest, scope, made.app):
                continue
            yield from _after(rest, scope, made, pin)


def _initialized(reader: Reader, statement: facts.Stmt, scope: Scope) -> Iterator[_Made]:
    """`db.init_app(app)` or `db = SQLAlchemy(app)`, as a statement by itself."""
    if not isinstance(statement, (facts.Evaluate, facts.Assign)):
        return
    for call in walking.calls([statement]):
        app = _application(call)
        if not app:
            continue
        if isinstance(call.func, facts.Attr) and call.func.name == "init_app":
            if _is_extension(reader, call.func.base, scope):
                yield _Made(app, f"{'.'.join(walking.chain(call.func) or ['init_app'])}({app})", statement)
        elif _is_extension(reader, call, scope):
            yield _Made(app, f"SQLAlchemy({app})", statement)


def _application(call: facts.Call) -> str:
    given = next((k.value for k in call.keywords if k.name == "app"), call.args[0] if call.args else None)
    return given.id if isinstance(given, facts.Name) else ""


def _is_extension(reader: Reader, fact: facts.Expr, scope: Scope) -> bool:
    values = reader.evaluator.values(fact, scope)
    return bool(values) and all(isinstance(v, Kinded) and v.kind is Kind.FLASK_SQLALCHEMY for v in values)


def _is_made_again(reader: Reader, rest: list[facts.Stmt], scope: Scope, app: str) -> bool:
    """Whether another extension is set up for the application later, or the name is given another one."""
    for statement in walking.statements(rest):
        if any(made.app == app for made in _initialized(reader, statement, scope)):
            return True
        if isinstance(statement, facts.Assign) and any(walking.is_name(target, app) for target in statement.targets):
            return True
    return False


def _after(rest: list[facts.Stmt], scope: Scope, made: _Made, pin: Pin) -> Iterator[Misfit]:
    for statement in walking.statements(rest):
        for key, fact in _settings(statement, made.app):
            if pin.stated and not pin.is_at_least(_NEW) and not _engine_is_made(rest, statement, made.app):
                continue
            message = f"`{key}` is set after `{made.what}`, which has read the settings already: it has no effect"
            yield Misfit(Spot(statement_of(fact, scope), fact.at), message)


def _settings(statement: facts.Stmt, app: str) -> Iterator[tuple[str, facts.Stmt | facts.Keyword]]:
    if isinstance(statement, facts.Assign):
        for target in statement.targets:
            key = walking.literal(target.index) if isinstance(target, facts.Item) else None
            if isinstance(target, facts.Item) and key in _READ_AT_ONCE and _is_config(target.base, app):
                yield str(key), statement
    elif isinstance(statement, facts.Evaluate) and isinstance(statement.value, facts.Call):
        call = statement.value
        updates = isinstance(call.func, facts.Attr) and call.func.name in ("update", "from_mapping")
        if updates and isinstance(call.func, facts.Attr) and _is_config(call.func.base, app):
            yield from ((k.name, k) for k in call.keywords if k.name in _READ_AT_ONCE)


def _swallowed(scope: Scope) -> Iterator[Misfit]:
    """`app.config["SQLALCHEMY_ENGINE_OPTIONS['pool_size']"] = 5`: the item belongs behind the key, not into it."""
    for statement in walking.statements(body_of(scope)):
        items = statement.targets if isinstance(statement, facts.Assign) else ()
        for target in items:
            key = walking.literal(target.index) if isinstance(target, facts.Item) else None
            chain = walking.chain(target.base) if isinstance(target, facts.Item) else None
            if chain and chain[-1] == "config" and isinstance(key, str) and _SWALLOWED.match(key):
                message = f"`{key}` is one key as a whole, which nothing reads: the option has no effect"
                yield Misfit(Spot(statement_of(statement, scope), statement.at), message)


_SWALLOWED = re.compile(rf"{OPTIONS}\s*\[")


def _is_config(fact: facts.Expr, app: str) -> bool:
    return walking.chain(fact) == [app, "config"]


def _engine_is_made(rest: list[facts.Stmt], until: facts.Stmt, app: str) -> bool:
    """Whether the application's context was entered before, and something used there: Flask-SQLAlchemy 2 makes the
    engine, and reads the settings, at its first use."""
    for statement in walking.statements(rest):
        if statement is until:
            return False
        if isinstance(statement, facts.With) and any(_is_context(item.value, app) for item in statement.items):
            used = [call for call in walking.calls(statement.body) if not _is_about_logs(call)]
            if used:
                return True
    return False


def _is_context(fact: facts.Expr, app: str) -> bool:
    chain = walking.chain(fact.func) if isinstance(fact, facts.Call) else None
    return chain in ([app, "app_context"], [app, "test_request_context"])


def _is_about_logs(call: facts.Call) -> bool:
    chain = walking.chain(call.func) or [""]
    return chain[0] in ("logging", "print") or "logger" in chain


def _dead(module: Module) -> Iterator[Misfit]:
    """Settings that release 3 does not read."""
    tables = [module.bound, *(cls.attributes for cls in module.all_classes)]
    scopes: list[Scope] = [module, *module.all_functions]
    for key, option in LEGACY.items():
        for bound in (bound for table in tables for bound in table.get(key, ())):
            if bound.how == "value":
                yield _not_read(bound.at, key, option)
        for scope in scopes:
            for statement in walking.statements(body_of(scope)):
                if _sets(statement, key):
                    yield _not_read(Spot(statement_of(statement, scope), statement.at), key, option)


def _sets(statement: facts.Stmt, key: str) -> bool:
    if not isinstance(statement, facts.Assign):
        return False
    items = (target for target in statement.targets if isinstance(target, facts.Item))
    return any(walking.literal(i.index) == key and (walking.chain(i.base) or [""])[-1] == "config" for i in items)


def _not_read(spot: Spot, key: str, option: str) -> Misfit:
    message = f"Flask-SQLAlchemy 3 does not read `{key}`: it has no effect; `{option}` belongs into `{OPTIONS}`"
    return Misfit(spot, message)


def _hacked(reader: Reader, cls: Class) -> Iterator[Misfit]:
    """A subclass that chooses a pool class for options that hold sizes by then."""
    if _EXTENSION not in outside_bases(reader.evaluator, cls):
        return
    for name in sorted(_HACKS & cls.methods.keys()):
        method = cls.methods[name]
        chosen = _chooses_pool(reader, method)
        if chosen is None or (name == "apply_pool_defaults" and not _calls_base(method, name, chosen)):
            continue
        given = list(_sizes_given(reader))
        if given and not any(base is not cls and name in base.methods for base in bases_of(reader.evaluator, cls)):
            yield _refused(method, chosen, given)


def _chooses_pool(reader: Reader, method: Function) -> facts.Assign | None:
    """`options["poolclass"] = NullPool` in a method that takes nothing out of the options."""
    names = {param.name for param in method.node.params[1:]}
    found: facts.Assign | None = None
    for statement in walking.statements(method.node.body):
        if isinstance(statement, facts.Delete):
            return None
        if isinstance(statement, facts.Assign):
            items = (target for target in statement.targets if isinstance(target, facts.Item))
            chosen = any(walking.literal(i.index) == "poolclass" and walking.names(i.base) <= names for i in items)
            if chosen and _is_sizeless(reader, statement.value, method):
                found = statement
    for call in walking.calls(method.node.body):
        if isinstance(call.func, facts.Attr) and call.func.name in ("pop", "clear"):
            return None
    return found


def _is_sizeless(reader: Reader, fact: facts.Expr, method: Function) -> bool:
    values = reader.evaluator.values(fact, method)
    classes = {v.name.rpartition(".")[2] for v in values if isinstance(v, External)}
    return classes <= _SIZELESS and len(classes) == len(values) == 1


_SIZELESS = frozenset(engines.POOLS - QUEUE_POOLS - {"SingletonThreadPool"})


def _calls_base(method: Function, name: str, until: facts.Assign) -> bool:
    """Whether the base's method, which copies the settings into the options, has run by then."""
    for fact in walking.within(method.node.body):
        if fact is until:
            return False
        if isinstance(fact, facts.Attr) and fact.name == name and isinstance(fact.base, facts.Call):
            return walking.chain(fact.base.func) == ["super"]
    return False


def _sizes_given(reader: Reader) -> Iterator[str]:
    """The settings of the project that give an option which only pools with a size take."""
    sizes = [key for key, option in LEGACY.items() if option != "pool_recycle"]
    for key in sizes:
        for module in _modules(reader):
            tables = [module.bound, *(cls.attributes for cls in module.all_classes)]
            bounds = (bound for table in tables for bound in table.get(key, ()))
            if any(bound.value is not None and walking.literal(bound.value) is not None for bound in bounds):
                yield key
                break


def _refused(method: Function, chosen: facts.Assign, given: list[str]) -> Misfit:
    pool = (walking.chain(chosen.value) or ["NullPool"])[-1]
    options = ",".join(f"'{LEGACY[key]}'" for key in given)
    settings = " and ".join(f"`{key}`" for key in given)
    message = (
        f"`{method.qualname}` chooses `{pool}` for options that {settings} may have filled: "
        f"`TypeError: Invalid argument(s) {options} sent to create_engine()`"
    )
    return Misfit(method.spot(chosen), message)
