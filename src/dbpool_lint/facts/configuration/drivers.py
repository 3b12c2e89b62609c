"""Which drivers may the engines of an application use, and what may these raise?"""

from __future__ import annotations

from collections.abc import Iterable

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.configuration.versions import sqlalchemy_releases
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.creations import Creation, url_of
from dbpool_lint.knowledge.engines import default_driver
from dbpool_lint.knowledge.timeouts import NEVER_TIMING_OUT

_LEFT_OUT = frozenset({facts.Context.TEST, facts.Context.MIGRATION, facts.Context.EXAMPLE})


def engines(project: Linked) -> tuple[Creation, ...]:
    """The application's engines: those of tests, migrations and examples are not asked."""
    return tuple(m for m in project.creations if m.is_sqlalchemy and m.module.context not in _LEFT_OUT)


def drivers(project: Linked, made: Iterable[Creation]) -> frozenset[str]:
    """SQLAlchemy's names of the drivers that engines use; "" among them where one is not certain."""
    return frozenset(name for one in made for name in _of_one(project, one)) or frozenset({""})


def _of_one(project: Linked, made: Creation) -> frozenset[str]:
    found = url_of(project.reader, made)
    releases = sqlalchemy_releases(project.project, made.module)
    names = {url.driver or default_driver(url.dialect, release) or "" for url in found.known for release in releases}
    return frozenset(names) if found.complete and names else frozenset({*names, ""})


def never_time_out(project: Linked) -> bool:
    """Whether all of the application's engines use drivers that never raise Python's own `TimeoutError`."""
    return drivers(project, engines(project)) <= NEVER_TIMING_OUT


def may_time_out_commands(project: Linked) -> bool:
    """Whether an engine has, or may have, asyncpg's `command_timeout`, which raises Python's own `TimeoutError`."""
    return any(_limits_commands(project.reader, made) for made in engines(project))


def _limits_commands(reader: Reader, made: Creation) -> bool:
    argument = reader.argument(made.call, made.scope, "connect_args")
    if not argument.certain:
        return True
    tables = [reader.table(*place) for place in argument.places]
    if any(not table.complete or "command_timeout" in table.entries for table in tables):
        return True
    return any("command_timeout" in url.query for url in url_of(reader, made).known)
