"""A pool's counters read as what they do not say.

## What it does

Reports sums and shares of `engine.pool`'s counters that say something else than they are used for:

- `size() - checkedout()` as what is available, `size() - checkedin()` as what is in use,
- `checkedout() / size()` and `checkedout() / (size() + overflow())` as the share of the pool that is in use, and
  `checkedout() < size() + overflow()` as having some left,
- `checkedout() + overflow()`, which counts overflow twice, and `overflow()` taken as a share or for true or false,
- and any counter of a pool that has none: `NullPool`, `StaticPool`, `AssertionPool`, `SingletonThreadPool`.

Variables, helper functions and dicts of statistics are followed to the counters they hold.

## Why it matters

Such numbers are looked at when the pool runs out, and are wrong just then. `size()` is the configured pool size,
and `overflow()` starts at minus that. Measured with `pool_size=5, max_overflow=3`: a new pool says `size=5
checkedin=0 checkedout=0 overflow=-5`; with all eight connections out, `size() - checkedout()` is -3 and
`checkedout() / size()` is 1.6; with five out it says that none is available, where three more can be had. What was
right in every state: `size() + overflow()` for the connections that are open (0 in a new pool, so that dividing by
it fails), `checkedin()` for idle ones, and `pool_size + max_overflow - checkedout()` for what is available.

A health check that asks a pool without counters never works:
`AttributeError: 'NullPool' object has no attribute 'size'`, or `TypeError: 'int' object is not callable` for
`SingletonThreadPool`, which in-memory SQLite has.

## Example

```python
from sqlalchemy import create_engine

from settings import DATABASE_URL

engine = create_engine(DATABASE_URL, pool_size=20, max_overflow=5)


def pool_statistics():
    pool = engine.pool
    return {"open": pool.size() + pool.overflow(), "available": pool.size() - pool.checkedout()}
```

## Use instead

```python
from sqlalchemy import create_engine

from settings import DATABASE_URL

engine = create_engine(DATABASE_URL, pool_size=20, max_overflow=5)


def pool_statistics():
    pool = engine.pool
    return {"open": pool.size() + pool.overflow(), "available": pool.size() + 5 - pool.checkedout()}
```

## Fix safety

Safe. `max_overflow` has no public getter on the pool, so the fix writes what the engine was made with: the number,
the default of 10, or the name of a constant or setting where that name means the same in both places. It does so
only when the pool certainly comes from one engine whose `max_overflow` is certain, and the result is called
available, free, remaining or nothing at all. What is called idle becomes `checkedin()`, what is called in use or
checked out `checkedout()`. Shares are left to you: the whole is `size()` and `max_overflow` together.

## Limits

A pool is known by its engine: the `pool` of an `Engine`, an `AsyncEngine`, or of what a session is bound to; other
pools may have a `size()` of their own. Left alone are `overflow()` reported as it is, `overflow() > 0`,
`max(0, overflow())`, comparisons of `checkedout()` with `size()`, differences and shares that are clipped by `max`
or `min` (unless they are called available), engines that may be made with `max_overflow=0`, counters of a pool
whose class is asked for first, and tests and examples. Whether a pool has counters is read from `poolclass` only,
not from the class that SQLAlchemy takes by itself for an in-memory SQLite.

## Sources

- SQLAlchemy, "Connection Pooling", API documentation: https://docs.sqlalchemy.org/en/20/core/pooling.html#api-documentation-available-pool-implementations
- SQLAlchemy, `create_engine`, `max_overflow`: https://docs.sqlalchemy.org/en/20/core/engines.html#sqlalchemy.create_engine.params.max_overflow
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.capacity import always_overflows, as_code, counterless, engines, overflow
from dbpool_lint.facts.pooling.counters import Counting, counting_modules, run_by
from dbpool_lint.facts.pooling.guards import is_guarded
from dbpool_lint.facts.pooling.misreadings import Misreading, Mistake, misreadings, spot_of
from dbpool_lint.facts.project import Module, Scope
from dbpool_lint.fixing.recipes import Recipe, ReplaceExpression
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Rule, Violation

rule = Rule("DBP406", "misread-pool-counters", Severity.WARNING, __doc__ or "", Safety.SAFE)

_ELSEWHERE = (facts.Context.TEST, facts.Context.MIGRATION, facts.Context.EXAMPLE)
_AVAILABLE = re.compile(r"avail|free|remain|left\b|spare|headroom|capacity", re.IGNORECASE)
_IDLE = re.compile(r"idle|checked_?in|inactive", re.IGNORECASE)
_IN_USE = re.compile(r"checked_?out|in_?use|active|used|busy", re.IGNORECASE)

_SAYS = {
    Mistake.AVAILABLE: "leaves overflow out: it is 0 when {more}more connections can be had, and negative after that",
    Mistake.IN_USE: "is not what is in use: a new pool, with no connection open, says that all of `size()` are",
    Mistake.TWICE: (
        "counts overflow twice: `checkedout()` has those connections already, and `overflow()` starts at minus the "
        "pool size, so a new pool gives a negative number"
    ),
    Mistake.IDLE_TWICE: "is no number of connections: `overflow()` starts at minus the pool size",
    Mistake.OF_SIZE: "is no share: it passes 1 as soon as overflow is used, and the pool is full at more than 1 only",
    Mistake.OF_OPEN: (
        "compares with the connections that are open now, not with what the pool may open: one query in a new pool "
        "makes it full"
    ),
    Mistake.AGAINST_OPEN: (
        "compares with the connections that are open now, not with what the pool may open: a new pool, with none of "
        "either, is full"
    ),
    Mistake.OVERFLOW_SHARE: "is negative until the pool is full: `overflow()` starts at minus the pool size",
    Mistake.OVERFLOW_TRUTH: (
        "is true in a pool that has no overflow: `overflow()` starts at minus the pool size; ask for `overflow() > 0`"
    ),
}


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every wrong reading of a pool's counters in the module."""
    if module.context in _ELSEWHERE:
        return
    if module.name not in project.remember(f"{rule.code} modules", lambda: counting_modules(project.project)):
        return
    counting = project.remember(rule.code, lambda: Counting(project.reader))
    scopes: list[Scope] = [module, *module.all_functions, *module.all_classes]
    for scope in scopes:
        yield from _missing(project, counting, scope)
        for found in misreadings(counting, scope):
            yield from _judged(project, found)


def _judged(project: Linked, found: Misreading) -> Iterator[Violation]:
    pool = found.read.pool
    if pool is None or counterless(project, pool) is not None:
        return
    if found.clipped and (found.mistake is not Mistake.AVAILABLE or not _AVAILABLE.search(found.label)):
        return
    if found.mistake in (Mistake.AVAILABLE, Mistake.OF_SIZE) and not always_overflows(project, pool):
        return
    extra = _extra(project, found, pool)
    message = _message(found, f"{extra} " if extra.isdigit() else "")
    yield Violation(rule, found.spot, message, mend=_mend(found, extra))


def _message(found: Misreading, more: str) -> str:
    says = _SAYS[found.mistake].format(more=more)
    if found.mistake is Mistake.AVAILABLE and found.clipped:
        says = says.partition(", and negative")[0]
    if found.mistake is Mistake.AVAILABLE and _is_idle(found):
        says = "is not what is idle: connections open one by one, and with overflow in use it is negative"
    return f"`{found.mistake.value}` {says}"


def _is_idle(found: Misreading) -> bool:
    return bool(_IDLE.search(found.label)) and not _AVAILABLE.search(found.label)


def _extra(project: Linked, found: Misreading, pool: Place) -> str:
    """The `max_overflow` of the pool's engine as code, where it is certain."""
    made = engines(project, pool)
    place = overflow(project.reader, made[0]) if len(made) == 1 else None
    return as_code(project, place, found.scope) if place is not None else ""


def _mend(found: Misreading, extra: str) -> Mend | None:
    fact = found.fact
    if found.clipped or not isinstance(fact, facts.Binary) or fact.op != "-":
        return None
    if found.mistake is Mistake.IN_USE and _IN_USE.search(found.label):
        return _counter(found, fact.right, "checkedin", "checkedout")
    if found.mistake is not Mistake.AVAILABLE:
        return None
    if _is_idle(found):
        return _counter(found, fact.right, "checkedout", "checkedin")
    code = _code(fact.left)
    if not extra or not code or (found.label and not _AVAILABLE.search(found.label)):
        return None
    recipe = ReplaceExpression(spot_of(fact.left, found.scope), f"{code} + {extra}")
    return Mend(Safety.SAFE, "Count the overflow that the pool may lend too", (recipe,))


def _counter(found: Misreading, fact: facts.Expr, asked: str, meant: str) -> Mend | None:
    """Ask the pool itself, where the formula does so: `pool.checkedin()`."""
    if not isinstance(fact, facts.Call) or not isinstance(fact.func, facts.Attr) or fact.func.name != asked:
        return None
    base = _code(fact.func.base)
    recipe: Recipe = ReplaceExpression(found.spot, f"{base}.{meant}()")
    return Mend(Safety.SAFE, f"Ask the pool for `{meant}()`", (recipe,)) if base else None


def _code(fact: facts.Expr) -> str:
    """The text of names, attributes, items and calls without arguments; "" for anything else."""
    if isinstance(fact, facts.Name):
        return fact.id
    if isinstance(fact, facts.Attr):
        base = _code(fact.base)
        return f"{base}.{fact.name}" if base else ""
    if isinstance(fact, facts.Call) and not fact.args and not fact.keywords:
        base = _code(fact.func)
        return f"{base}()" if base else ""
    key = walking.literal(fact.index) if isinstance(fact, facts.Item) else None
    if isinstance(fact, facts.Item) and isinstance(key, str) and key.isidentifier():
        base = _code(fact.base)
        return f'{base}["{key}"]' if base else ""
    return ""


def _missing(project: Linked, counting: Counting, scope: Scope) -> Iterator[Violation]:
    """Counters asked of a pool that has none, once for each pool."""
    told: set[str] = set()
    for fact in run_by(scope):
        read = counting.counter(fact, scope) if isinstance(fact, facts.Call) else None
        if read is None or read.pool is None or read.key in told:
            continue
        assert isinstance(fact, facts.Call)
        assert isinstance(fact.func, facts.Attr)
        told.add(read.key)
        name = counterless(project, read.pool)
        if name is not None and not is_guarded(scope):
            asked = fact.func.name
            error = f"AttributeError: '{name}' object has no attribute '{asked}'"
            if name == "SingletonThreadPool" and asked == "size":
                error = "TypeError: 'int' object is not callable"
            yield Violation(rule, spot_of(fact, scope), f"`{asked}()` on a `{name}`, which does not count: `{error}`")
