"""What is known of an option where an engine's options are given? The place, and the ways that lead there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.arguments import Argument, Reader, Table
from dbpool_lint.facts.configuration.dialects import idle_way
from dbpool_lint.facts.configuration.reading import CallSite
from dbpool_lint.facts.configuration.urls import Urls
from dbpool_lint.facts.evaluation.values import UNKNOWN, Literal
from dbpool_lint.facts.pooling.creations import Creation, statement_of
from dbpool_lint.facts.project import Module, Scope, module_of
from dbpool_lint.fixing.recipes import AddDictItems, Recipe, ReplaceValue, Spot

Chain = tuple[CallSite, ...]
"""The calls that lead to a place, the root first."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place for options. `option` looks one up, `recipes` say how to give it a value there.

    `table` gives every option known there by its engine keyword, direct ones and those of `**`; `call` is the call
    that makes the engine or takes its options, None where Flask's configuration holds them. `made` is the engine's
    creation where the call makes it itself, and `converts` says that texts are turned into numbers and booleans, as
    `engine_from_config` does. `chains` are the calls that lead to a wrapper around it, each from its root on.
    """

    module: Module
    spot: Spot
    what: str
    urls: Urls
    scope: Scope
    reader: Reader
    read: Callable[[Reader], Table]
    recipes: Callable[[str, str], tuple[Recipe, ...]]
    call: facts.Call | None = None
    made: Creation | None = None
    converts: bool = False
    chains: tuple[Chain, ...] = field(default=())

    def table(self) -> Table:
        """Every option known at the site."""
        return self.read(self.reader)

    def option(self, name: str) -> Argument:
        return self.table().argument(name)


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an option: "missing", "set" to one of the values, or "unknown".

    `fixed` is False when the value is only the default of a setting, which whoever runs the program may change;
    `optional` when some ways through the code leave the option out.
    """

    state: str
    values: tuple[str | int | float | bool | None, ...] = ()
    fixed: bool = True
    optional: bool = False


def state(reader: Reader, site: Site, name: str) -> State:
    """What a site says about an option, as far as network databases are concerned."""
    return _state(reader.without(idle_way), site, name)


def states(site: Site, name: str) -> Iterator[tuple[Chain, State]]:
    """The same for each chain of calls that leads to the site; one for all without such chains."""
    network = site.reader.without(idle_way)
    for chain in site.chains or ((),):
        yield chain, _state(along(network, chain), site, name)


def along(reader: Reader, chain: Chain) -> Reader:
    """A reader for which the functions on a chain are run by its calls only."""
    return reader.along(dict(called(reader, chain))) if chain else reader


def called(reader: Reader, chain: Chain) -> Iterator[tuple[int, CallSite]]:
    """By the identity of each function on a chain: the call that runs it."""
    for call, scope in chain:
        for function in reader.callers.run_by(call, scope):
            yield id(function), (call, scope)


def _state(reader: Reader, site: Site, name: str) -> State:
    argument = site.read(reader).argument(name)
    if argument.absent:
        return State("missing")
    values = reader.given(argument)
    known = tuple(value for value in values if isinstance(value, Literal))
    if not argument.certain or not argument.places or len(known) < len(values) or UNKNOWN in values:
        return State("unknown")
    fixed = all(not value.default for value in known) and _is_literal(argument)
    return State("set", tuple(value.value for value in known), fixed, argument.optional)


def _is_literal(argument: Argument) -> bool:
    return all(isinstance(fact, facts.Const) for fact, _ in argument.places)


def into_dict(table: Table, module: Module, name: str, code: str) -> Iterator[Recipe]:
    """Add an item where all options come from one dict that stands in the module."""
    if len(table.displays) == 1 and module_of(table.displays[0][1]) is module:
        fact, scope = table.displays[0]
        yield AddDictItems(Spot(statement_of(fact, scope), fact.at), ((f'"{name}"', code),))


def replacing(module: Module, argument: Argument, code: str) -> Iterator[Recipe]:
    """Write another value in the place of the one literal that the option is given."""
    if len(argument.places) == 1:
        fact, scope = argument.places[0]
        if isinstance(fact, facts.Const) and module_of(scope) is module:
            yield ReplaceValue(Spot(statement_of(fact, scope), fact.at), code)
