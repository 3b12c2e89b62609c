"""`time.sleep` on the event loop stops every request of the process.

## What it does

Reports `time.sleep` where the event loop runs it: directly in an `async def`, or in a plain function that an
`async def` calls, through any number of plain functions and modules. The setting `blocking-calls` adds
functions of your own. The finding stands where the loop is left to the sleep; the steps to it are named.

## Why it matters

While one coroutine sleeps like that, no other coroutine of the process runs: sessions stay checked out, and
others time out waiting for a connection although the pool is not the bottleneck. Measured with a sleep of 0.2
s: 20 tasks took 4.1 s instead of 0.25 s, and with a pool of 5 and a `pool_timeout` of 1 s, 12 of 20 ended in
`sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 0 reached`. A larger pool does not help.

## Example

```python
import time


async def wait_for_payment(order):
    while not order.paid:
        time.sleep(1)
```

## Use instead

```python
import asyncio
import time


async def wait_for_payment(order):
    while not order.paid:
        await asyncio.sleep(1)
```

## Fix safety

Safe where the call stands in the `async def` itself: `await asyncio.sleep(…)` waits as long and lets the
others run. trio's and anyio's `sleep` are used where the module imports those instead of asyncio. No fix is
offered where `await` cannot stand (lambdas, plain functions) or where a name in the way would be shadowed.
The import of `time` stays.

A connection that is held during the sleep is still held: that is another defect.

## Limits

Functions handed to threads (`asyncio.to_thread`, `run_in_executor`, `run_in_threadpool`, `Thread(target=…)`) run
elsewhere and are left alone, and so are tests and examples; in one-shot scripts only a sleep in the `async def`
itself is reported. Methods are followed where the kind of their object is known, decorated helpers only where the
decorator is known. On the way from helper to helper, calls that run only under a condition are not followed, and
one finding is made for each sleep. Generators are not followed.

## Sources

- Python, "Developing with asyncio: Running Blocking Code": https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code
- Python, `time.sleep`: https://docs.python.org/3/library/time.html#time.sleep
"""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.callgraph.calls import called_outside
from dbpool_lint.facts.callgraph.reach import Sinks, Step, sync_calls
from dbpool_lint.facts.evaluation.values import names_of
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function, Module
from dbpool_lint.fixing.recipes import AwaitCall
from dbpool_lint.knowledge.blocking import SLEEPS, sleep_module
from dbpool_lint.model import Safety, Severity
from dbpool_lint.rules.base import Mend, Note, Rule, Violation

rule = Rule("DBP301", "sleep-in-async", Severity.ERROR, __doc__ or "", Safety.SAFE)

_ELSEWHERE = (facts.Context.TEST, facts.Context.EXAMPLE)


def check(module: Module, project: Linked) -> Iterator[Violation]:
    """Every sleep that an async function of the module runs on the event loop."""
    if module.context in _ELSEWHERE:
        return
    sinks = _sinks(project)
    for function in module.all_functions:
        if function.node.asynchronous:
            yield from _direct(project, sinks, function)
            # a script has one thing to do: a helper of it that waits keeps nobody else waiting
            if module.context is not facts.Context.SCRIPT:
                yield from _through(project, sinks, function)


def _sinks(project: Linked) -> Sinks:
    evaluator = project.evaluator
    return project.remember(
        rule.code, lambda: Sinks(evaluator, lambda call, scope: bool(_blocking(project, call, scope)))
    )


def _blocking(project: Linked, call: facts.Call, scope: Function) -> str:
    """The dotted name of the sleep, or of the blocking call that the settings name; "" where it may be another."""
    outside = called_outside(project.evaluator, call, scope)
    if outside and outside <= SLEEPS:
        return min(outside)
    named = project.settings.blocking_calls
    values = project.evaluator.values(call.func, scope) if named else ()
    return next((name for value in values for name in names_of(value) if name in named), "")


def _direct(project: Linked, sinks: Sinks, function: Function) -> Iterator[Violation]:
    for call in sinks.direct(function):
        name = _blocking(project, call, function)
        message = (
            f"`{name}` in async function `{function.qualname}` stops the event loop: every other request waits, "
            "and connections they hold stay checked out"
        )
        yield Violation(rule, function.spot(call), message, mend=_mend(function, call) if name in SLEEPS else None)


def _mend(function: Function, call: facts.Call) -> Mend:
    library = sleep_module(binding.module for binding in function.module.imports())
    return Mend(Safety.SAFE, f"Await `{library}.sleep` instead", (AwaitCall(function.spot(call), library, "sleep"),))


def _through(project: Linked, sinks: Sinks, function: Function) -> Iterator[Violation]:
    reported: set[int] = set()
    for edge in sync_calls(project.evaluator, function):
        way = sinks.way(edge.callee)
        if way is None or id(way[-1].fact) in reported:
            continue
        reported.add(id(way[-1].fact))
        names = " → ".join(f"`{step.function.qualname}`" for step in way)
        sink = way[-1]
        assert isinstance(sink.fact, facts.Call)
        blocking = _blocking(project, sink.fact, sink.function)
        message = (
            f"async function `{function.qualname}` calls {names}, which calls `{blocking}` and stops the event loop: "
            "every other request waits, and connections they hold stay checked out"
        )
        yield Violation(rule, function.spot(edge.fact), message, tuple(_notes(way)))


def _notes(way: tuple[Step, ...]) -> Iterator[Note]:
    for step in way:
        last = step is way[-1]
        what = "blocks here" if last else "calls the next one here"
        yield Note(step.function.module.name, step.function.spot(step.fact), f"`{step.function.qualname}` {what}")
