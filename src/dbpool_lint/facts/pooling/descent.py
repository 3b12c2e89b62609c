"""What is an origin of a pool? The call that the application makes to get it, with the creation that is inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.pooling.creations import Creation, statement_of
from dbpool_lint.facts.project import Function, Module, Scope, module_of
from dbpool_lint.fixing.recipes import Spot


@dataclass(eq=False, frozen=True, slots=True)
class Origin:
    """A pool: the creation, and the call in `scope` that the application makes to get it."""

    made: Creation
    call: facts.Call
    scope: Scope
    inner: Origin | None = None

    @property
    def spot(self) -> Spot:
        return Spot(statement_of(self.call, self.scope), self.call.at)

    @property
    def module(self) -> Module:
        return module_of(self.scope)

    @property
    def function(self) -> Function | None:
        return self.scope if isinstance(self.scope, Function) else None

    def chain(self) -> Iterator[Origin]:
        """This origin and those inside, the creating call last."""
        yield self
        if self.inner is not None:
            yield from self.inner.chain()


class Pools(NamedTuple):
    """What an expression may come from."""

    origins: tuple[Origin, ...]
    complete: bool


NONE = Pools((), True)
NOT_KNOWN = Pools((), False)


def joined(parts: Iterable[Pools]) -> Pools:
    """What any of the parts may be."""
    origins: dict[Origin, None] = {}
    complete = True
    for part in parts:
        origins.update(dict.fromkeys(part.origins))
        complete = complete and part.complete
    return Pools(tuple(origins), complete)
