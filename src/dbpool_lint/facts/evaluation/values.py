"""What may an expression be? Values by evidence: annotations, constructors, factories and imports.

The answer is a tuple of possibilities; what cannot be settled is `UNKNOWN`, never guessed from a name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.project import Bound, Class, Function, Project, Scope
from dbpool_lint.knowledge.kinds import Kind
from dbpool_lint.sources.names import dotted_names


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal; `default` when it is only what stands in where a setting or variable gives nothing."""

    value: str | int | float | bool | None
    default: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """The `functools.partial(...)` that has given some arguments already; `inner` when that was given such a one."""

    call: facts.Call = field(compare=False)
    scope: Scope = field(compare=False)
    inner: Filled | None = field(compare=False)
    key: int


@dataclass(frozen=True, slots=True)
class External:
    """A module, function or class outside the project, by its dotted name.

    `filled` when `functools.partial` has given some of its arguments already.
    """

    name: str
    filled: Filled | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """What calling something outside the project gives: an instance, when that is a class."""

    of: str


@dataclass(frozen=True, slots=True)
class Kinded:
    """A value that carries connections.

    `fresh`: made by the very expression, so that whoever evaluates it owns it. A value read from a global, an
    attribute, a parameter or a cache is not fresh.
    """

    kind: Kind
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Routine:
    """A function of the project; `bound` when its first parameter is filled already, `filled` by a `partial`."""

    function: Function
    bound: bool = False
    filled: Filled | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """A class of the project; `filled` when a `partial` has given arguments of its constructor."""

    cls: Class
    filled: Filled | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a class of the project."""

    cls: Class


@dataclass(frozen=True, slots=True)
class ModuleOf:
    """A module of the project, by its file."""

    module: str


@dataclass(frozen=True, slots=True)
class Generated:
    """What calling a generator function gives; `managed` when it is a context manager."""

    function: Function
    managed: bool


Value = Unknown | Literal | External | Object | Kinded | Routine | Type | Instance | ModuleOf | Generated
Values = tuple[Value, ...]


def merged(*groups: Values) -> Values:
    """All possibilities, each once, in order."""
    return tuple(dict.fromkeys(value for group in groups for value in group))


def kept(values: Values) -> Values:
    """The values as read from where they are kept: no longer fresh."""
    return tuple(replace(v, fresh=False) if isinstance(v, Kinded) and v.fresh else v for v in values)


def kinds(values: Values) -> frozenset[Kind]:
    """The kinds among the values."""
    return frozenset(value.kind for value in values if isinstance(value, Kinded))


def names_of(value: Value) -> tuple[str, ...]:
    """The dotted names by which settings may speak of a function or class, the shortest last."""
    if isinstance(value, External):
        return (value.name,)
    if isinstance(value, Routine):
        return tuple(dotted_names(value.function.module.name, value.function.qualname))
    if isinstance(value, Type):
        return tuple(dotted_names(value.cls.module.name, value.cls.qualname))
    return ()


class Evaluates(Protocol):
    """What modules below the evaluator may ask of it."""

    @property
    def project(self) -> Project: ...

    def values(self, fact: facts.Expr, scope: Scope) -> Values:
        """What an expression may be."""
        ...

    def name(self, name: str, scope: Scope) -> Values:
        """What a name means where it is read."""
        ...

    def attribute(self, value: Value, name: str, scope: Scope) -> Values:
        """What `value.name` may be."""
        ...

    def assigned(self, fact: facts.Expr, scope: Scope) -> tuple[facts.Expr, Scope] | None:
        """The single expression a global name is bound to."""
        ...

    def bindings(self, bounds: list[Bound], scope: Scope) -> Values:
        """What a name may be that is bound in these ways."""
        ...

    def result(self, function: Function) -> Values:
        """What a function returns."""
        ...

    def outcome(self, function: Function) -> Values:
        """What calling a function of the project gives."""
        ...

    def yielded(self, function: Function) -> Values:
        """What a generator function yields."""
        ...
