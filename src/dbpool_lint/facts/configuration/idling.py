"""After how many seconds is an idle connection of an engine closed, as far as the project itself says so?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.configuration.sites import Site
from dbpool_lint.facts.configuration.urls import Url
from dbpool_lint.facts.evaluation.values import Literal
from dbpool_lint.facts.project import Project
from dbpool_lint.knowledge.idleness import DIALECTS, stated


@dataclass(frozen=True, slots=True)
class Limit:
    """`who` closes idle connections after so many seconds."""

    seconds: int
    who: str


def limit(project: Project, site: Site) -> Limit | None:
    """The shortest of the limits that a site's connections meet."""
    return min(_limits(project, site), key=lambda one: one.seconds, default=None)


def _limits(project: Project, site: Site) -> Iterator[Limit]:
    for pooler in project.deployment.poolers:
        if pooler.idle_limit:
            yield Limit(pooler.idle_limit, f"{_base(pooler.name)} drops idle clients")
    for given in project.deployment.idle_limits:
        if _meets(site.urls.known, given.key):
            yield Limit(given.seconds, f"`{given.key}` in {_base(given.name)} closes idle connections")
    for text in _asked(site.reader, site):
        found = stated(text)
        if found is not None:
            yield Limit(found[1], "its `connect_args` ask the server to close idle connections")


def _meets(urls: tuple[Url, ...], key: str) -> bool:
    return bool(urls) and all(url.dialect in DIALECTS[key] for url in urls)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _asked(reader: Reader, site: Site) -> Iterator[str]:
    """What each connection is opened with: `options="-c …"`, `init_command="SET …"`, `server_settings={…}`."""
    for place in site.option("connect_args").places:
        table = reader.table(*place)
        for key in ("options", "init_command"):
            for value in reader.given(table.argument(key)):
                if isinstance(value, Literal) and isinstance(value.value, str):
                    yield value.value
        for settings in table.argument("server_settings").places:
            for value in reader.given(reader.table(*settings).argument("idle_session_timeout")):
                if isinstance(value, Literal):
                    yield f"idle_session_timeout={value.value}"
