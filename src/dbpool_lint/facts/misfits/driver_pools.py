"""Which arguments of a driver's own pool does it refuse? Names, sizes and addresses of `create_pool` and its like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.configuration.urls import urls
from dbpool_lint.facts.evaluation.values import Literal
from dbpool_lint.facts.misfits.driver import server_settings
from dbpool_lint.facts.misfits.engines import Misfit
from dbpool_lint.facts.misfits.mending import Own, renaming
from dbpool_lint.facts.misfits.paths import Given
from dbpool_lint.facts.misfits.textual import textual
from dbpool_lint.facts.misfits.together import Way, ways
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.knowledge import drivers
from dbpool_lint.knowledge.driver_pools import POOL_SIZES, PoolSizes


@dataclass(frozen=True, slots=True)
class _Case:
    reader: Reader
    made: Creation
    way: Way
    package: str
    sizes: PoolSizes

    @property
    def what(self) -> str:
        package, _, name = self.made.name.rpartition(".")
        return f"{package.partition('.')[0]}.{name}"

    @property
    def own(self) -> Own:
        """Where the arguments stand."""
        return Own(self.made.module, self.made.call)


def of_pool(reader: Reader, made: Creation) -> Iterator[Misfit]:
    """Everything that a driver's pool will refuse, on each path to the call that makes it."""
    package = made.name.partition(".")[0]
    sizes = POOL_SIZES.get(f"{package}.{made.name.rpartition('.')[2]}")
    if sizes is None:
        return
    for way in ways(reader, made.call, made.scope):
        case = _Case(reader, made, way, package, sizes)
        yield from _names(case)
        yield from _sizes(case)
        yield from _server(case)
        if package == "asyncpg" and (given := way.get("server_settings")) is not None:
            yield from server_settings(case.what, case.own, made.spot, given)


def _names(case: _Case) -> Iterator[Misfit]:
    known = drivers.create_pool_keywords(case.package)
    if known is None or case.way.get("connect") is not None:
        return
    for key, given in case.way.options.entries.items():
        if key in known:
            continue
        right = drivers.renamed(case.package, key)
        meant = f"; there it is `{right}`" if right else ""
        message = f"`{case.what}` takes no `{key}`{meant}: `{case.sizes.refusal.format(key)}`"
        free = right is not None and right not in case.way.options.entries
        recipes = renaming(case.own, given, key, right) if right is not None and free else ()
        yield Misfit(case.made.spot, message, f"Rename `{key}` to `{right}`", recipes)


def _sizes(case: _Case) -> Iterator[Misfit]:
    sizes = case.sizes
    least, most = (case.way.get(name, place) for name, place in sizes.arguments)
    for (name, _), given in zip(sizes.arguments, (least, most), strict=True):
        text = textual(case.reader, given.place) if given is not None and sizes.as_text else None
        if text is not None:
            always = "is" if text.always else "becomes, once the variable is set,"
            yield Misfit(
                case.made.spot, f"`{name}` of `{case.what}` {always} a text, from {text.what}: `{sizes.as_text}`"
            )
            return
    if (least is None or most is None) and not case.way.options.complete:
        return
    if least is not None and most is not None and not least.meets(most):
        return
    low, high = _number(case, least, sizes.least), _number(case, most, sizes.most)
    if low is None or high is None or low <= high or (high == 0 and sizes.zero_is_unlimited):
        return
    yield Misfit(case.made.spot, _too_large(case, low, high, least is None, most is None))


def _too_large(case: _Case, low: int, high: int, low_missing: bool, high_missing: bool) -> str:
    (least, _), (most, _) = case.sizes.arguments
    lower = f"`{least}`, {low} when it is not given," if low_missing else f"`{least}` {low}"
    upper = f"`{most}`, {high} when it is not given" if high_missing else f"`{most}` {high}"
    return f"{lower} is greater than {upper} in `{case.what}`: {case.sizes.too_large}"


def _number(case: _Case, given: Given | None, default: int | None) -> int | None:
    if given is None:
        return default
    values = case.reader.values(given.place)
    numbers = {v.value for v in values if isinstance(v, Literal)}
    if len(numbers) != 1 or not all(isinstance(v, Literal) for v in values):
        return None
    number = numbers.pop()
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _server(case: _Case) -> Iterator[Misfit]:
    """A URL with SQLAlchemy's `+driver`, which the driver itself cannot read."""
    name, place = case.sizes.server
    given = case.way.get(name, place)
    if given is None or not name:
        return
    found = urls(case.reader, (given.place,))
    if not found.known or not found.complete or not all(url.driver for url in found.known) or case.way.passed:
        return
    scheme = f"{found.known[0].dialect}+{found.known[0].driver}"
    message = f"`{case.what}` gets a URL of SQLAlchemy, `{scheme}://…`: `{case.sizes.unread.format(scheme)}`"
    yield Misfit(case.made.spot, message)
