"""How do the modules hang together? The linked project that rules look at, each part worked out when asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar, cast

from dbpool_lint.config import Settings
from dbpool_lint.facts.callgraph.entries import Entry, job_entries, request_entries
from dbpool_lint.facts.callgraph.reach import Path, Paths, paths
from dbpool_lint.facts.configuration.arguments import Callers, Reader
from dbpool_lint.facts.configuration.options import Site, sites
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.pooling.connectors import Connector, connectors
from dbpool_lint.facts.pooling.creations import Creation, applied, connected, creations
from dbpool_lint.facts.project import Module, Project
from dbpool_lint.facts.typestate.summaries import Lives, lives_of

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

    @property
    def lives(self) -> Lives:
        """The lives of leases in every function."""
        return lives_of(self.evaluator)

    @functools.cached_property
    def reader(self) -> Reader:
        return Reader(self.evaluator, Callers(self.evaluator))

    @functools.cached_property
    def creations(self) -> tuple[Creation, ...]:
        """Every call that makes a pool."""
        return tuple(creations(self.reader))

    @functools.cached_property
    def _connected(self) -> tuple[Creation, ...]:
        return tuple(connected(self.reader))

    @functools.cached_property
    def _applied(self) -> tuple[Creation, ...]:
        return tuple(applied(self.reader))

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
    def jobs(self) -> tuple[Entry, ...]:
        """The functions that a long-lived process runs again and again outside of requests."""
        return job_entries(self.evaluator)

    @functools.cached_property
    def _paths(self) -> Paths:
        return paths(self.evaluator, self.entries, self.jobs)

    @property
    def request_paths(self) -> dict[int, Path]:
        """By the identity of each function on the request path: how it is reached."""
        return self._paths.requests

    @property
    def job_paths(self) -> dict[int, Path]:
        """By the identity of each function that jobs reach: how it is reached."""
        return self._paths.jobs

    def remember(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once for the whole project."""
        if key not in self._remembered:
            self._remembered[key] = make()
        return cast(T, self._remembered[key])

    def created_in(self, module: Module) -> tuple[Creation, ...]:
        return tuple(made for made in self.creations if made.module is module)

    def connected_in(self, module: Module) -> tuple[Creation, ...]:
        """The calls of the module that open one connection, without a pool."""
        return tuple(made for made in self._connected if made.module is module)

    def applied_in(self, module: Module) -> tuple[Creation, ...]:
        """The calls of the module that give a new Flask application its own engines."""
        return tuple(made for made in self._applied if made.module is module)
