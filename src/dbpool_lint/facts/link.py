"""How do the modules hang together? The linked project that rules look at, each part worked out when asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar, cast

from dbpool_lint.config import Settings
from dbpool_lint.facts.arguments import Callers, Reader
from dbpool_lint.facts.connectors import Connector, connectors
from dbpool_lint.facts.entries import Entry, request_entries
from dbpool_lint.facts.evaluate import Evaluator
from dbpool_lint.facts.options import Site, sites
from dbpool_lint.facts.pools import Creation, creations
from dbpool_lint.facts.project import Module, Project
from dbpool_lint.facts.reach import Path, request_paths

T = TypeVar("T")


class Linked:
    """The project with its links: values, callers, pools and paths."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.evaluator = Evaluator(project)
        self._remembered: dict[str, object] = {}

    @property
    def settings(self) -> Settings:
        return self.project.settings

    @functools.cached_property
    def reader(self) -> Reader:
        return Reader(self.evaluator, Callers(self.evaluator))

    @functools.cached_property
    def creations(self) -> tuple[Creation, ...]:
        """Every call that makes a pool."""
        return tuple(creations(self.reader))

    @functools.cached_property
    def sites(self) -> tuple[Site, ...]:
        """Every place where engine options of applications are given."""
        return tuple(sites(self.reader, self.creations))

    @functools.cached_property
    def connectors(self) -> tuple[Connector, ...]:
        """Every call that opens connections with a driver that prepares statements by itself."""
        return tuple(connectors(self.reader, self.creations))

    @functools.cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The functions that run for each request."""
        return request_entries(self.evaluator)

    @functools.cached_property
    def request_paths(self) -> dict[int, Path]:
        """By the identity of each function on the request path: how it is reached."""
        return request_paths(self.evaluator, self.entries)

    @property
    def idle_limit(self) -> int | None:
        """The seconds after which the project's own pooler drops idle clients."""
        return min((p.idle_limit for p in self.project.deployment.poolers if p.idle_limit), default=None)

    def remember(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once for the whole project."""
        if key not in self._remembered:
            self._remembered[key] = make()
        return cast(T, self._remembered[key])

    def created_in(self, module: Module) -> tuple[Creation, ...]:
        return tuple(made for made in self.creations if made.module is module)
