"""Where are an engine's options given? At engines, in configurations of extensions, in Flask's settings.

A site is one place where an option such as `pool_pre_ping` would have to stand. `all_sites` gives every one of
them, `sites` only those of applications whose pools keep connections to a network database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.wrappers import chains, is_disposed
from dbpool_lint.facts.configuration import extensions, flask
from dbpool_lint.facts.configuration.arguments import Argument, Reader, Table
from dbpool_lint.facts.configuration.sites import Site, State, along, into_dict, replacing, state, states
from dbpool_lint.facts.pooling.creations import (
    Creation,
    class_keeps,
    is_disposed_here,
    is_for_tests,
    is_local_file,
    is_second_try,
    is_used_once,
    keeps,
    stays_inside,
    url_of,
)
from dbpool_lint.facts.project import Module
from dbpool_lint.fixing.recipes import AddKeywords, Recipe

__all__ = ["Site", "State", "all_sites", "pings_itself", "sites", "state", "states"]


def all_sites(reader: Reader, creations: tuple[Creation, ...]) -> Iterator[Site]:
    """Every place where engine options are given, whatever the pool class, the dialect or the context."""
    for made in creations:
        if made.is_sqlalchemy:
            yield _of_engine(reader, made)
    yield from extensions.sites(reader)
    yield from flask.sites(reader, everywhere=True)


def sites(reader: Reader, creations: tuple[Creation, ...]) -> Iterator[Site]:
    """The sites of pools that keep connections of an application to a network database."""
    for made in creations:
        if made.is_sqlalchemy and made.module.context is facts.Context.APPLICATION:
            yield from _mattering(reader, made)
    for site in extensions.sites(reader):
        if site.module.context is facts.Context.APPLICATION and not site.urls.only_sqlite and _keeps(site):
            yield site
    yield from (site for site in flask.sites(reader) if _keeps(site))


def _keeps(site: Site) -> bool:
    """Whether options that a library opens its engine with leave it a pool that keeps connections, as far as told."""
    poolclass = site.option("poolclass")
    return not poolclass.places or class_keeps(site.reader, poolclass) is True


def _mattering(reader: Reader, made: Creation) -> Iterator[Site]:
    """The site of an engine that keeps connections, with the chains of calls by which it does so."""
    if is_disposed_here(made) or is_used_once(made) or stays_inside(reader.evaluator, made):
        return
    found = chains(reader, made.call, made.scope)
    mattering = tuple(c for c in found if not is_disposed(c) and _matters(along(reader, c), made))
    if mattering or (not found and _matters(reader, made)):
        yield replace(_of_engine(reader, made), chains=mattering)


def _matters(reader: Reader, made: Creation) -> bool:
    if keeps(reader, made) is not True or not reader.argument(made.call, made.scope, "poolclass").certain:
        return False
    return not (is_local_file(reader, made) or is_for_tests(reader, made) or is_second_try(reader, made))


def _of_engine(reader: Reader, made: Creation) -> Site:
    from_config = made.name.endswith("_from_config")

    def read(by: Reader) -> Table:
        given = by.keywords(made.call, made.scope)
        if from_config:
            for name in ("configuration", "prefix"):
                given.drop(name)
            configured = _from_config(by, made)
            configured.overlay(given)
            return configured
        return given

    def recipes(name: str, code: str) -> tuple[Recipe, ...]:
        argument = read(reader).argument(name)
        return () if from_config else tuple(_for_call(reader, made, argument, name, code))

    found = url_of(reader, made)
    return Site(
        made.module, made.spot, made.what, found, made.scope, reader, read, recipes, made.call, made, from_config
    )


def _from_config(reader: Reader, made: Creation) -> Table:
    """The options in the configuration of `engine_from_config`, without their prefix."""
    prefix = reader.argument(made.call, made.scope, "prefix", 1)
    texts = [walking.literal(fact) for fact, _ in prefix.places] or ["sqlalchemy."]
    given = reader.argument(made.call, made.scope, "configuration", 0)
    if len(given.places) != 1 or len(texts) != 1 or not isinstance(texts[0], str):
        return Table(complete=False)
    config = reader.table(*given.places[0])
    found = Table(complete=config.complete)
    for key in config.entries:
        if key.startswith(texts[0]):
            found.adopt(key.removeprefix(texts[0]), config, key)
    return found


def _for_call(reader: Reader, made: Creation, argument: Argument, name: str, code: str) -> Iterator[Recipe]:
    if argument.places:
        yield from replacing(made.module, argument, code)
        return
    spread = [k for k in made.call.keywords if not k.name]
    if len(spread) == 1:
        yield from into_dict(reader.spread(made.call, made.scope), made.module, name, code)
    yield AddKeywords(made.spot, ((name, code),))


def pings_itself(module: Module) -> bool:
    """Whether the module listens for checkouts and refuses dead connections with `DisconnectionError`."""
    listens = any(
        walking.literal(arg) in ("checkout", "engine_connect")
        for function in module.all_functions
        for decorator in function.node.decorators
        if isinstance(decorator, facts.Call)
        for arg in decorator.args
    )
    raised = (f for function in module.all_functions for f in function.body if isinstance(f, facts.Raise))
    return listens and any("DisconnectionError" in _mentioned(fact) for fact in raised)


def _mentioned(fact: walking.Fact) -> frozenset[str]:
    attributes = (inner.name for inner in walking.everything([fact]) if isinstance(inner, facts.Attr))
    return walking.names(fact) | frozenset(attributes)
