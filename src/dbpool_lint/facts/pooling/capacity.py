"""How many connections may a pool lend beyond its size, and does it count them at all? As far as its creation tells."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.configuration.options import state
from dbpool_lint.facts.evaluation.values import External, Literal, Values, kinds
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.pooling.provenance import Provenance
from dbpool_lint.facts.project import Class, Function, Scope, module_of
from dbpool_lint.knowledge.kinds import COUNTERLESS_POOLS, Kind

_DEFAULT = 10
"""`max_overflow` where none is given. Source: SQLAlchemy, `create_engine.max_overflow`."""

_ENGINES = frozenset({Kind.ENGINE, Kind.ASYNC_ENGINE})
_LEFT_OUT = frozenset({facts.Context.TEST, facts.Context.MIGRATION, facts.Context.EXAMPLE})


def engines(project: Linked, place: Place) -> tuple[Creation, ...]:
    """Every call that may have made the engine, or the engine of the pool, at `place`; nothing where one is unknown."""
    provenance = project.remember("provenance of what is bound", lambda: _provenance(project))
    found = provenance.of(*place)
    made = tuple(dict.fromkeys(inner.made for origin in found.origins for inner in origin.chain()))
    if found.complete and made:
        return made if all(one.kind in _ENGINES for one in made) else ()
    return () if made else _only(project, place)


def _provenance(project: Linked) -> Provenance:
    return Provenance(project.reader, {id(made.call): made for made in project.creations}, bound=True)


def _only(project: Linked, place: Place) -> tuple[Creation, ...]:
    """The application's one engine, where the project has no other and no extension that makes engines."""
    flask = kinds(tuple(v for fact in _bases(place[0]) for v in project.evaluator.values(fact, place[1])))
    own = [made for made in project.creations if made.kind in _ENGINES and made.module.context not in _LEFT_OUT]
    return tuple(own) if len(own) == 1 and not flask & {Kind.FLASK_SQLALCHEMY, Kind.SCOPED} else ()


def _bases(fact: facts.Expr) -> Iterator[facts.Expr]:
    while isinstance(fact, (facts.Attr, facts.Call, facts.Await)):
        fact = fact.base if isinstance(fact, facts.Attr) else fact.func if isinstance(fact, facts.Call) else fact.value
        yield fact


def overflow(reader: Reader, made: Creation) -> Place | None:
    """Where an engine's `max_overflow` stands, a literal for the default; None where it is not certain."""
    if made.name.endswith("_from_config"):
        return None
    argument = reader.argument(made.call, made.scope, "max_overflow")
    if argument.absent:
        return facts.Const(made.call.at, _DEFAULT), made.scope
    return argument.places[0] if argument.certain and len(argument.places) == 1 else None


def always_overflows(project: Linked, place: Place) -> bool:
    """Whether nothing says that the pool at `place` may be made without overflow."""
    made = engines(project, place)
    if made:
        given = (project.reader.given(project.reader.argument(m.call, m.scope, "max_overflow")) for m in made)
        return not any(_is_zero(values) for values in given)
    return not any(0 in state(project.reader, site, "max_overflow").values for site in project.sites)


def _is_zero(values: Values) -> bool:
    return any(isinstance(value, Literal) and value.value == 0 for value in values)


def counterless(project: Linked, place: Place) -> str | None:
    """The class of the pool at `place`, if it certainly has no counters."""
    names: set[str] = set()
    for made in engines(project, place):
        given = next((k.value for k in made.call.keywords if k.name == "poolclass"), None)
        values = project.reader.values((given, made.scope)) if given is not None else ()
        names.update(_last(value) for value in values)
        if not values:
            return None
    return min(names) if names and names <= COUNTERLESS_POOLS else None


def _last(value: object) -> str:
    outside = isinstance(value, External) and value.name.startswith("sqlalchemy.")
    return value.name.rpartition(".")[2] if isinstance(value, External) and outside else ""


def as_code(project: Linked, place: Place, scope: Scope) -> str:
    """How a number that stands at `place` may be written in another scope: "" where it is not certain.

    A literal as it is; a global name, or an attribute of one, where the same name means the same there.
    """
    fact, home = place
    if isinstance(fact, facts.Const):
        return str(fact.value) if type(fact.value) is int and fact.value > 0 else ""
    chain = walking.chain(fact)
    if chain is None or _is_local(chain[0], home) or _is_local(chain[0], scope):
        return ""
    names, here, there = project.project.names, module_of(scope).name, module_of(home).name
    meaning = names.of(there, chain[0])
    return ".".join(chain) if meaning is not None and meaning == names.of(here, chain[0]) else ""


def _is_local(name: str, scope: Scope) -> bool:
    while isinstance(scope, (Function, Class)):
        if isinstance(scope, Function) and name not in scope.global_names:
            if name in scope.bound or name in scope.imports or scope.param(name) is not None:
                return True
        elif isinstance(scope, Class) and name in scope.attributes:
            return True
        scope = scope.parent or scope.module
    return False
