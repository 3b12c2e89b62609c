"""What may the readers of dicts and values ask of each other? The reader of arguments, as they see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.flow import Prunes
from dbpool_lint.facts.configuration.tables import Place, Table
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Values
from dbpool_lint.facts.project import Class, Function, Scope

CallSite = tuple[facts.Call, Scope]
"""A call and the innermost scope it stands in."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: an expression, or None when it cannot be said.

    `default` when it only stands in where whoever runs the program, or calls the function, gives nothing.
    """

    place: Place | None
    default: bool = False


@dataclass(frozen=True, slots=True)
class Handed:
    """What a call hands over: with what `functools.partial` gave before, where later keywords win.

    `unbound` when it is a method called on its class, so that the object itself is the first argument.
    """

    args: tuple[Place, ...]
    keywords: tuple[tuple[str, Place], ...]
    spreads: tuple[Place, ...]
    unbound: bool = False

    @property
    def starred(self) -> bool:
        return any(isinstance(fact, facts.Star) for fact, _ in self.args)

    def positional(self, index: int) -> Place | None:
        """The argument at a position, counted where no `*args` comes before."""
        if not 0 <= index < len(self.args) or any(isinstance(f, facts.Star) for f, _ in self.args[: index + 1]):
            return None
        return self.args[index]

    def named(self, name: str) -> Place | None:
        return next((place for key, place in self.keywords if key == name), None)


class Calling(Protocol):
    """Which calls run a function, or make the objects of a class."""

    def making(self, cls: Class) -> list[CallSite]:
        """The calls that make objects of a class or of classes that derive from it."""
        ...

    def are_known(self, function: Function) -> bool:
        """Whether the calls say with which arguments the function runs."""
        ...


class Reads(Protocol):
    """The reader of arguments."""

    @property
    def evaluator(self) -> Evaluator: ...

    @property
    def callers(self) -> Calling: ...

    @property
    def prunes(self) -> Prunes: ...

    def table(self, fact: facts.Expr, scope: Scope) -> Table:
        """What is known of the dict that an expression gives."""
        ...

    def values(self, place: Place) -> Values:
        """What an expression may be."""
        ...

    def spread(self, call: facts.Call, scope: Scope) -> Table:
        """Everything that the `**` arguments of a call hold."""
        ...

    def calls_of(self, function: Function) -> list[CallSite]:
        """The calls that run a function, as far as they count."""
        ...

    def handed_over(self, call: facts.Call, scope: Scope) -> Handed:
        """The arguments of a call."""
        ...

    def handed(self, param: facts.Param, owner: Function) -> Table:
        """What callers hand to a parameter that takes a dict."""
        ...

    def given_to(self, param: facts.Param, owner: Function, handed: Handed) -> tuple[Source, ...]:
        """What one call hands to a plain parameter."""
        ...
