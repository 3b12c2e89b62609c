"""What is known of the servers and files around the code? Poolers and pinned versions, each with its file and line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pooler:
    """A connection pooler between the application and its server.

    `mode` is session, transaction or statement; empty where the file does not say. `prepared` is
    `max_prepared_statements`, None where it is not set. A pooler that is not `general` speaks of its `databases`
    only. `idle_limit` is in seconds.
    """

    name: str
    line: int
    kind: str
    mode: str
    port: int | None = None
    databases: tuple[str, ...] = ()
    prepared: int | None = None
    host: str = ""
    general: bool = True
    idle_limit: int | None = None


@dataclass(frozen=True, slots=True)
class IdleLimit:
    """The seconds after which a database server closes a connection that lies idle, by one of its settings.

    `key` is `wait_timeout` (MySQL, MariaDB) or `idle_session_timeout` (PostgreSQL).
    """

    name: str
    line: int
    key: str
    seconds: int


@dataclass(frozen=True, slots=True)
class EnvValue:
    """A variable of an `.env` file; passwords in URLs are left out."""

    key: str
    value: str
    name: str
    line: int


Version = tuple[int, ...]
"""The numbers of a version; () where there is none."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that the project pins or bounds: the lowest version it admits, and the first that is too new.

    `name` is the file that says so. `exact` where it admits a single version.
    """

    package: str
    lowest: Version
    exact: bool
    name: str
    below: Version = ()

    @property
    def is_locked(self) -> bool:
        """Whether a lock file says so, which is what is installed."""
        return self.name.endswith(".lock")


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """Everything read from the files beside the code."""

    poolers: tuple[Pooler, ...] = ()
    environment: tuple[EnvValue, ...] = ()
    requirements: tuple[Requirement, ...] = field(default=())
    idle_limits: tuple[IdleLimit, ...] = ()

    def variable(self, key: str) -> tuple[str, ...]:
        """The values that `.env` files give to an environment variable."""
        return tuple(dict.fromkeys(v.value for v in self.environment if v.key == key))

    def lowest(self, package: str) -> tuple[int, ...] | None:
        """The lowest version of a package that the project admits, None where nothing is said."""
        stated = [r for r in self.requirements if r.package == package and r.lowest]
        exact = [r for r in stated if r.exact]
        return min((r.lowest for r in exact or stated), default=None)
