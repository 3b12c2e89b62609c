"""Which database and driver does an engine get on a path, for certain? Its URL as far as the code itself settles it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.configuration.urls import Url, parse, urls
from dbpool_lint.facts.misfits.outcomes import spelled, text_of
from dbpool_lint.facts.misfits.paths import Given, Guard
from dbpool_lint.facts.misfits.together import Way

_ABOUT_DATABASES = re.compile(
    r"sqlite|postgres|psycopg|asyncpg|mysql|maria|oracle|mssql|driver|dialect|ur[il]\b|ur[il]_|_ur[il]|dsn|backend|engine"
    r"|async|conn|\bdb|_db|database|scheme",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL whose dialect and driver are known on a path.

    `fixed` when the code writes them itself; otherwise they are what a setting is by default, and all that is said
    of it in the project agrees. `given` is the URL's place on the path.
    """

    url: Url
    fixed: bool
    given: Given

    def decides(self, way: Way, *others: Given) -> bool:
        """Whether what is given on this path goes to this database, and no test about databases says otherwise."""
        if not self.fixed and self.url.is_sqlite:
            return False  # what is tried out with SQLite seldom runs with it
        own = {test for test, _ in self.given.guards}
        tests = [*way.guards, *(guard for other in others for guard in other.guards)]
        if not self.fixed:
            tests += way.passed
        return all(self.given.meets(other) for other in others) and not any(
            _ABOUT_DATABASES.search(test) and test not in own for test, _ in tests
        )


def address(reader: Reader, way: Way, name: str = "url", position: int | None = 0) -> Address | None:
    """The address that the path gives as `name`; None where its dialect or driver is open."""
    given = way.get(name, position)
    if given is None:
        return None
    replaced = _rewritten(given)
    if replaced is not None:
        return Address(replaced, True, given)
    found = urls(reader, (given.place,))
    if not found.complete or len({(url.dialect, url.driver) for url in found.known}) != 1:
        return None
    fixed = len(found.known) == 1 and _is_written(reader, given.place)
    return Address(found.known[0], fixed, given)


def _is_written(reader: Reader, place: Place) -> bool:
    fact, scope = place
    if isinstance(fact, facts.Call):
        scheme = next((k.value for k in fact.keywords if k.name in ("drivername", "scheme")), None)
        builds = isinstance(fact.func, facts.Attr) and fact.func.name in ("create", "build")
        first = scheme if scheme is not None else (fact.args[0] if fact.args else None)
        chain = walking.chain(fact.func) or [""]
        if first is None or not (builds or chain[-1] in ("make_url", "URL")):
            return False
        fact = first
    return text_of(reader, fact, scope, _nothing) is not None


def _nothing(name: str) -> Place | None:
    return None


def _rewritten(given: Given) -> Url | None:
    """`url.replace("postgres://", "postgresql+asyncpg://")` where a test found the old scheme at its start."""
    fact = given.fact
    if not isinstance(fact, facts.Call) or not isinstance(fact.func, facts.Attr) or fact.func.name != "replace":
        return None
    texts = [arg.value for arg in fact.args[:2] if isinstance(arg, facts.Const) and isinstance(arg.value, str)]
    if len(texts) != 2 or not texts[1].endswith("://"):
        return None
    test = facts.Call(0, facts.Attr(0, fact.func.base, "startswith"), (facts.Const(0, texts[0]),), ())
    guard: Guard = (spelled(test, given.scope)[0], True)
    return parse(f"{texts[1]}{{}}") if guard in given.guards else None
