"""Which reader takes which file? Everything beside the code, as `DeploymentFacts`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dbpool_lint.deploy import compose, dotenv, pgbouncer, requirements, servers
from dbpool_lint.deploy.model import DeploymentFacts, EnvValue, IdleLimit, Pooler, Requirement
from dbpool_lint.model import Problem, Source

_COMPOSE = re.compile(r"^(?:docker-)?compose.*\.ya?ml$")


def deployment(sources: Iterable[Source]) -> tuple[DeploymentFacts, tuple[Problem, ...]]:
    """What the files say, and which of them could not be read."""
    found = [item for source in sources for item in _read(source)]
    facts = DeploymentFacts(
        tuple(item for item in found if isinstance(item, Pooler)),
        tuple(item for item in found if isinstance(item, EnvValue)),
        tuple(item for item in found if isinstance(item, Requirement)),
        tuple(item for item in found if isinstance(item, IdleLimit)),
    )
    return facts, tuple(item for item in found if isinstance(item, Problem))


def _read(source: Source) -> Iterator[Pooler | EnvValue | Requirement | IdleLimit | Problem]:
    base = source.name.rpartition("/")[2]
    if base == "pgbouncer.ini":
        yield from pgbouncer.read(source)
    elif ".env" in base:
        yield from dotenv.read(source)
    elif _COMPOSE.match(base):
        yield from compose.read(source)
        yield from servers.started(source)
    elif servers.reads(source.name):
        yield from servers.read(source)
    elif requirements.reads(source.name):
        yield from requirements.read(source)
