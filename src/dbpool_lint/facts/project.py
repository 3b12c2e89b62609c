"""What is in the project? Modules, classes and functions by their names, and the scopes they see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dbpool_lint.config import Settings
from dbpool_lint.deploy.model import DeploymentFacts
from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.fixing.recipes import Spot
from dbpool_lint.sources.names import Defined, Meaning, Names
from dbpool_lint.sources.outline import Binding, Outline


@dataclass(eq=False, slots=True)
class Function:
    """A function or method of the project. `owner` is the class of a method, `parent` the function around it."""

    module: Module
    statement: int
    node: facts.Function
    qualname: str
    owner: Class | None
    parent: Function | None
    nested: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    bound: dict[str, list[Bound]] = field(default_factory=dict)
    imports: dict[str, Binding] = field(default_factory=dict)
    global_names: frozenset[str] = frozenset()
    _body: tuple[walking.Fact, ...] | None = None
    _around: dict[int, walking.Fact] | None = None

    @property
    def body(self) -> tuple[walking.Fact, ...]:
        """Everything the function itself runs, parents first: nested functions and classes are not looked into."""
        if self._body is None:
            self._body = tuple(walking.body_of(self.node))
        return self._body

    @property
    def around(self) -> dict[int, walking.Fact]:
        """For each fact below the body's statements, by its identity, the one around it."""
        if self._around is None:
            self._around = walking.parents(self.node.body)
        return self._around

    def spot(self, fact: walking.Fact) -> Spot:
        """The spot of a fact that stands in this function."""
        return Spot(self.statement, fact.at)  # type: ignore[attr-defined]

    def param(self, name: str) -> facts.Param | None:
        return next((p for p in self.node.params if p.name == name), None)

    @property
    def is_method(self) -> bool:
        return self.owner is not None and bool(self.node.params) and not self.has_decorator("staticmethod")

    def has_decorator(self, *names: str) -> bool:
        return any((chain := walking.chain(d)) and chain[-1] in names for d in self.node.decorators)


@dataclass(eq=False, slots=True)
class Class:
    """A class of the project: its methods, the names its body binds, and what its methods store on `self`."""

    module: Module
    statement: int
    node: facts.Class
    qualname: str
    parent: Function | None
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, list[Bound]] = field(default_factory=dict)
    stored: dict[str, list[tuple[Function, facts.Expr]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bound:
    """How a name is bound: by a value, an annotation, a loop or a `with`.

    `how` is "value", "annotated", "entered" (with), "element" (for), "part" (unpacked), "change" (`|=`) or "unknown".
    """

    how: str
    value: facts.Expr | None
    annotation: facts.Expr | None
    at: Spot


@dataclass(eq=False, slots=True)
class Module:
    """One file of the slice."""

    name: str
    outline: Outline
    pieces: Mapping[int, facts.Piece]
    context: facts.Context
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    bound: dict[str, list[Bound]] = field(default_factory=dict)
    all_functions: list[Function] = field(default_factory=list)
    all_classes: list[Class] = field(default_factory=list)

    def imports(self) -> Iterator[Binding]:
        """Everything that the file imports, in functions too."""
        for statement in self.outline.statements:
            yield from statement.imports
            yield from statement.inner

    def body(self) -> Iterator[tuple[int, facts.Stmt]]:
        """The module's own sliced statements with their indices, through `if` and `try`."""
        for piece in self.pieces.values():
            for statement in walking.statements(piece.body):
                yield piece.index, statement


Scope = Function | Class | Module


def module_of(scope: Scope) -> Module:
    """The module that a scope stands in, or is."""
    return scope if isinstance(scope, Module) else scope.module


@dataclass(eq=False, slots=True)
class Project:
    """Everything that was read, linked by names. `modules` holds the sliced ones; `names` knows all outlines."""

    names: Names
    modules: Mapping[str, Module]
    settings: Settings
    deployment: DeploymentFacts
    memory: dict[object, object] = field(default_factory=dict)

    def functions(self) -> Iterator[Function]:
        for module in self.modules.values():
            yield from module.all_functions

    def function(self, meaning: Meaning) -> Function | None:
        module = self.modules.get(meaning.module) if isinstance(meaning, Defined) else None
        return module.functions.get(meaning.name) if module and isinstance(meaning, Defined) else None

    def class_(self, meaning: Meaning) -> Class | None:
        module = self.modules.get(meaning.module) if isinstance(meaning, Defined) else None
        return module.classes.get(meaning.name) if module and isinstance(meaning, Defined) else None


def build_module(name: str, outline: Outline, found: facts.ModuleFacts, context: facts.Context) -> Module:
    """Index one module's facts."""
    module = Module(name, outline, {piece.index: piece for piece in found.pieces}, context)
    for piece in found.pieces:
        builder = _Builder(module, piece.index)
        builder.body(piece.body, module, "")
    return module


@dataclass(slots=True)
class _Builder:
    module: Module
    statement: int

    def body(self, body: tuple[facts.Stmt, ...], scope: Scope, prefix: str) -> None:
        for node in walking.statements(body):
            if isinstance(node, facts.Function):
                self.function(node, scope, prefix)
            elif isinstance(node, facts.Class):
                self.class_(node, scope, prefix)
            else:
                self.binds(node, scope)

    def function(self, node: facts.Function, scope: Scope, prefix: str) -> None:
        owner = scope if isinstance(scope, Class) else None
        parent = scope if isinstance(scope, Function) else None
        if isinstance(scope, Class):
            parent = scope.parent
        made = Function(self.module, self.statement, node, f"{prefix}{node.name}", owner, parent)
        self.module.all_functions.append(made)
        if isinstance(scope, Function):
            scope.nested[node.name] = made
        elif isinstance(scope, Class):
            kept = scope.methods.get(node.name)
            if kept is None or not made.has_decorator("setter", "deleter", "overload"):
                scope.methods[node.name] = made
        elif not made.has_decorator("overload"):
            scope.functions[node.name] = made
        scopes = [s for s in walking.statements(node.body) if isinstance(s, facts.Scope) and s.kind == "global"]
        made.global_names = frozenset(name for s in scopes for name in s.names)
        self.body(node.body, made, f"{made.qualname}.")
        self._walruses(made)
        if owner is not None and made.is_method:
            self._stores(made, owner)

    def class_(self, node: facts.Class, scope: Scope, prefix: str) -> None:
        parent = scope if isinstance(scope, Function) else None
        made = Class(self.module, self.statement, node, f"{prefix}{node.name}", parent)
        self.module.all_classes.append(made)
        if isinstance(scope, (Function, Module)):
            scope.classes[node.name] = made
        self.body(node.body, made, f"{made.qualname}.")

    def binds(self, node: facts.Stmt, scope: Scope) -> None:
        if isinstance(node, facts.Import):
            if isinstance(scope, Function):
                scope.imports.update({b.local: b for b in node.bindings})
            return
        for name, bound in _bounds(node, self.statement):
            if isinstance(scope, Function) and name in scope.global_names:
                self.module.bound.setdefault(name, []).append(bound)
            table = scope.attributes if isinstance(scope, Class) else scope.bound
            table.setdefault(name, []).append(bound)

    def _walruses(self, function: Function) -> None:
        for fact in function.body:
            if isinstance(fact, facts.Walrus) and isinstance(fact.target, facts.Name):
                bound = Bound("value", fact.value, None, Spot(self.statement, fact.at))
                function.bound.setdefault(fact.target.id, []).append(bound)

    def _stores(self, function: Function, owner: Class) -> None:
        first = function.node.params[0].name
        for node in walking.statements(function.node.body):
            if isinstance(node, facts.Assign):
                for target in node.targets:
                    if isinstance(target, facts.Attr) and walking.is_name(target.base, first):
                        owner.stored.setdefault(target.name, []).append((function, node.value))


def _bounds(node: facts.Stmt, statement: int) -> Iterator[tuple[str, Bound]]:
    """The names that a statement binds by itself, and how."""
    at = Spot(statement, node.at)
    if isinstance(node, facts.Assign):
        for target in node.targets:
            if isinstance(target, facts.Name):
                yield target.id, Bound("value", node.value, node.annotation, at)
            else:
                yield from _parts(target, node.value, at)
    elif isinstance(node, facts.Declare) and isinstance(node.target, facts.Name):
        yield node.target.id, Bound("annotated", None, node.annotation, at)
    elif isinstance(node, facts.Augment) and isinstance(node.target, facts.Name):
        yield node.target.id, Bound("change", node.value, None, at)
    else:
        yield from _block_bounds(node, at)


def _block_bounds(node: facts.Stmt, at: Spot) -> Iterator[tuple[str, Bound]]:
    if isinstance(node, facts.For):
        for target in walking.targets(node.target):
            if isinstance(target, facts.Name):
                how = "element" if target is node.target else "unknown"
                yield target.id, Bound(how, node.source if how == "element" else None, None, at)
    elif isinstance(node, facts.With):
        for item in node.items:
            if isinstance(item.target, facts.Name):
                yield item.target.id, Bound("entered", item.value, None, at)
    elif isinstance(node, facts.Try):
        yield from ((handler.name, Bound("unknown", None, None, at)) for handler in node.handlers if handler.name)
    elif isinstance(node, facts.Match):
        yield from ((name, Bound("unknown", None, None, at)) for case in node.cases for name in case.binds)


def _parts(target: facts.Expr, value: facts.Expr, at: Spot) -> Iterator[tuple[str, Bound]]:
    """`a, b = x, y` binds each name to its own value; other unpacking binds parts of something."""
    if not isinstance(target, facts.Sequence):
        return
    matched = isinstance(value, facts.Sequence) and len(value.items) == len(target.items)
    for index, item in enumerate(target.items):
        if isinstance(item, facts.Name):
            if matched and isinstance(value, facts.Sequence):
                yield item.id, Bound("value", value.items[index], None, at)
            else:
                yield item.id, Bound("part", value, None, at)
        else:
            for inner in walking.targets(item):
                if isinstance(inner, facts.Name):
                    yield inner.id, Bound("unknown", None, None, at)
