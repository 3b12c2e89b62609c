"""Where does a name get its values from? The scope that owns it, and the expressions that reach a place."""

from __future__ import annotations

from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.flow import Flow, Prunes
from dbpool_lint.facts.project import Class, Function, Module, Project, Scope, module_of
from dbpool_lint.sources.names import Defined, Meaning

Reaching = tuple["facts.Expr | None", ...]
"""Expressions that a variable may be bound to; None for what cannot be named."""

GIVEN = facts.Const(-1, None)
"""Stands for what a parameter was given."""


class _Reaching(Flow[Reaching]):
    def join(self, one: Reaching, two: Reaching) -> Reaching:
        return (*one, *(value for value in two if not any(value is known for known in one)))

    def assign(self, value: facts.Expr | None, state: Reaching) -> Reaching:
        return (value,)

    def effect(self, fact: walking.Fact, state: Reaching) -> Reaching:
        if isinstance(fact, facts.Augment):
            return (None,) if self.is_variable(fact.target) else state
        for inner in walking.within([fact]):
            if isinstance(inner, facts.Walrus) and self.is_variable(inner.target):
                state = self.join(state, (inner.value,))
        return state


def body_of(scope: Scope) -> tuple[facts.Stmt, ...]:
    """The statements that a scope runs itself, in order."""
    if isinstance(scope, Module):
        return tuple(statement for piece in scope.pieces.values() for statement in piece.body)
    return scope.node.body


def owner_of(name: str, scope: Scope, project: Project) -> tuple[Scope, str] | None:
    """The scope whose variable a name is where it is read, and its name there: imports may rename it.

    None for names that no module of the project binds to a value.
    """
    owner: Scope = scope
    if isinstance(owner, Class):
        if name in owner.attributes:
            return owner, name
        owner = owner.parent or owner.module
    while isinstance(owner, Function):
        if name in owner.global_names:
            break
        if name in owner.imports:
            meaning = project.names.binding(owner.imports[name], owner.module.name)
            return _of_meaning(meaning, project)
        if name in owner.bound or owner.param(name) is not None:
            return owner, name
        owner = owner.parent or owner.module
    return _of_meaning(project.names.of(module_of(scope).name, name), project)


def global_of(fact: facts.Expr, scope: Scope, project: Project) -> tuple[Scope, str] | None:
    """The module and the name that `pools.OPTIONS` means."""
    chain = walking.chain(fact)
    if not chain:
        return None
    inner = scope.imports if isinstance(scope, Function) else None
    meaning: Meaning = None
    for found, rest in project.names.mention(module_of(scope).name, ".".join(chain), inner):
        meaning = found if not rest else None
    return _of_meaning(meaning, project)


def _of_meaning(meaning: Meaning, project: Project) -> tuple[Scope, str] | None:
    module = project.modules.get(meaning.module) if isinstance(meaning, Defined) else None
    if module is None or not isinstance(meaning, Defined) or meaning.name not in module.bound:
        return None
    return module, meaning.name


def around(fact: facts.Expr, scope: Scope, project: Project) -> frozenset[int]:
    """The identities of a fact and of all that stands around it in its scope; empty when it stands elsewhere."""
    key = ("parents", id(scope))
    if key not in project.memory:
        body = body_of(scope)
        project.memory[key] = (frozenset(map(id, body)), walking.parents(body))
    roots, parents = cast("tuple[frozenset[int], dict[int, walking.Fact]]", project.memory[key])
    found: list[int] = []
    current: walking.Fact | None = fact
    while current is not None:
        found.append(id(current))
        current = parents.get(id(current))
    return frozenset(found) if roots & set(found) else frozenset()


def reaching(name: str, fact: facts.Expr, scope: Scope, owner: Scope, project: Project, prunes: Prunes) -> Reaching:
    """The expressions that a variable of `owner` may hold where `fact` reads it in `scope`.

    `GIVEN` among them stands for what callers hand to the parameter, None for what no expression names. Read from
    another scope, the variable is what it is in the end.
    """
    given = isinstance(owner, Function) and owner.param(name) is not None
    place = around(fact, owner, project) if scope is owner else frozenset()
    flow = _Reaching((name,), place, prunes)
    found = flow.run(body_of(owner), (GIVEN,) if given else ())
    if found is None or _is_bound_elsewhere(name, owner):
        return (*(found or ()), None)
    return found or (None,)


def _is_bound_elsewhere(name: str, owner: Scope) -> bool:
    """Whether functions bind it as well: `global name`, `nonlocal name`."""
    if isinstance(owner, Module):
        return any(name in function.global_names and name in function.bound for function in owner.all_functions)
    if isinstance(owner, Function):
        return any(_rebinds(name, inner) for inner in owner.nested.values())
    return False


def _rebinds(name: str, function: Function) -> bool:
    return any(
        isinstance(statement, facts.Scope) and statement.kind == "nonlocal" and name in statement.names
        for statement in walking.statements(function.node.body)
    )
