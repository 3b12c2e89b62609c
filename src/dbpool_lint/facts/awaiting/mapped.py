"""Is a class mapped to a table, and which of its attributes come from there?"""

from __future__ import annotations

from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.evaluation.classes import bases_of
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External, Type
from dbpool_lint.facts.project import Bound, Class, Function, Scope, module_of
from dbpool_lint.knowledge.mapping import (
    ANNOTATING,
    COLUMNS,
    DECLARING,
    DECLARING_PACKAGES,
    SCHEMAS,
    SQLMODEL,
    UNLOADED,
    UNLOADED_COLLECTIONS,
)
from dbpool_lint.sources.names import Defined, Elsewhere

_DEEPEST = 12
_NEVER_LOADED = frozenset({"awaitable_attrs", "metadata", "registry"})


@dataclass(frozen=True, slots=True)
class Entity:
    """A class of the project that is mapped, by the file and name of its definition."""

    module: str
    name: str


def entity(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Entity | None:
    """The mapped class that an expression names."""
    found = _class_named(evaluator, fact, scope)
    return found if found is not None and _derives(evaluator, found, DECLARING, DECLARING_PACKAGES) else None


def is_schema(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> bool:
    """Whether an expression names a pydantic model of the project: it reads the attributes of what it validates."""
    found = _class_named(evaluator, fact, scope)
    return found is not None and _derives(evaluator, found, SCHEMAS, ())


def _class_named(evaluator: Evaluator, fact: facts.Expr, scope: Scope) -> Entity | None:
    chain = walking.chain(fact)
    if not chain:
        return None
    inner = scope.imports if isinstance(scope, Function) else None
    if isinstance(scope, Function) and (chain[0] in scope.bound or scope.param(chain[0]) is not None):
        return None
    names = evaluator.project.names
    for meaning, rest in names.mention(module_of(scope).name, ".".join(chain), inner):
        if isinstance(meaning, Defined) and not rest:
            found = Entity(meaning.module, meaning.name)
            return found if _statements(evaluator, found, "class") else None
    return None


def _statements(evaluator: Evaluator, found: Entity, kind: str | None = None) -> list[int]:
    names = evaluator.project.names
    places = names.defined(found.module).get(found.name, [])
    statements = names.outlines[found.module].statements
    return [place for place in places if kind is None or statements[place].kind == kind]


def _derives(
    evaluator: Evaluator, found: Entity, wanted: frozenset[str], packages: tuple[str, ...], depth: int = 0
) -> bool:
    """Whether the bases of a class, or what a name is made by, lead to one of the wanted names."""
    if depth > _DEEPEST:
        return False
    names = evaluator.project.names
    for place in _statements(evaluator, found):
        statement = names.outlines[found.module].statements[place]
        for mention in statement.needs if statement.kind == "class" else statement.calls:
            for meaning, rest in names.mention(found.module, mention):
                if isinstance(meaning, Elsewhere) and (meaning.name in wanted or meaning.name.startswith(packages)):
                    return True
                if isinstance(meaning, Defined) and not rest and meaning != Defined(found.module, found.name):
                    inner = Entity(meaning.module, meaning.name)
                    if _derives(evaluator, inner, wanted, packages, depth + 1):
                        return True
    return False


def is_loaded(evaluator: Evaluator, found: Entity, attribute: str) -> bool:
    """Whether an attribute of a mapped object comes from the database, so that it expires at commit."""
    if attribute.startswith("_") or attribute in _NEVER_LOADED:
        return False
    module = evaluator.project.modules.get(found.module)
    cls = module.classes.get(found.name) if module is not None else None
    if cls is None:
        return True  # its text was not asked for: hardly any attribute of a mapped class is another
    owners = bases_of(evaluator, cls)
    for owner in owners:
        if attribute in owner.methods:
            return False
        if attribute in owner.attributes:
            every = _derives(evaluator, found, SQLMODEL, ())
            return all(_is_column(evaluator, bound, owner, every) for bound in owner.attributes[attribute])
    return _has_unseen_base(evaluator, owners)


def _is_column(evaluator: Evaluator, bound: Bound, owner: Class, every: bool) -> bool:
    """`every`: the class maps each annotated attribute, as SQLModel's do."""
    value = bound.value
    if bound.annotation is not None and _names(evaluator, bound.annotation, owner) & UNLOADED_COLLECTIONS:
        return False
    if isinstance(value, facts.Call):
        if any(k.name == "lazy" and walking.literal(k.value) in UNLOADED for k in value.keywords):
            return False
        made = evaluator.values(value.func, owner)
        if any(isinstance(v, External) and v.name in COLUMNS for v in made):
            return True
    return bound.annotation is not None and (every or _is_mapped(evaluator, bound.annotation, owner))


def _is_mapped(evaluator: Evaluator, annotation: facts.Expr, owner: Class) -> bool:
    if isinstance(annotation, facts.Const):
        return isinstance(annotation.value, str) and annotation.value.startswith("Mapped[")
    return bool(_names(evaluator, annotation, owner) & ANNOTATING)


def _names(evaluator: Evaluator, annotation: facts.Expr, owner: Class) -> set[str]:
    base = annotation.base if isinstance(annotation, facts.Item) else annotation
    return {value.name for value in evaluator.values(base, owner) if isinstance(value, External)}


def _has_unseen_base(evaluator: Evaluator, owners: tuple[Class, ...]) -> bool:
    """Whether columns may come from a base that was not looked at: a library's, or one outside of the slice."""
    for owner in owners:
        for base in owner.node.bases:
            values = evaluator.values(base, owner.parent or owner.module)
            if not all(isinstance(v, Type) or (isinstance(v, External) and v.name in DECLARING) for v in values):
                return True
    return False
