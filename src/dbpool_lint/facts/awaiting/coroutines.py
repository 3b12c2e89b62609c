"""Which coroutines of database objects are never awaited? Calls whose value is certainly used as something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.awaiting.lying import is_believed
from dbpool_lint.facts.awaiting.owners import owner
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import External
from dbpool_lint.facts.project import Function
from dbpool_lint.knowledge.coroutines import CONSUMING, COROUTINES, FUNCTIONS, GIVES, ONE_OF_TWO

Around = dict[int, walking.Fact]

_OF_COROUTINES = frozenset({"close", "send", "throw", "__await__", "__aenter__", "__aexit__"})
_KEPT = ""


@dataclass(frozen=True, slots=True)
class Unawaited:
    """A call whose coroutine is never awaited.

    `method` is what is called, as `AsyncSession.execute`; `use` what is done with the coroutine: "dropped", "read",
    "iterated", "tested", "compared", "entered", "unpacked", "subscripted", "called" or "consumed"; `attribute` is
    what is read of it, and `used` where. `misplaced` is the `await` that waits, in vain, for what comes later in the
    chain.
    """

    call: facts.Call
    function: Function
    method: str
    use: str
    attribute: str
    used: walking.Fact
    is_coroutine: bool
    misplaced: facts.Await | None
    is_mendable: bool
    is_used_elsewhere: bool


def unawaited(reader: Reader, function: Function) -> Iterator[Unawaited]:
    """The coroutines of database objects that a function makes, and that nothing ever awaits."""
    for call in function.body:
        if not isinstance(call, facts.Call) or not _may_be(call):
            continue
        around = function.around
        use = _use(reader.evaluator, call, around, function)
        if use is None:
            continue
        found = _called(reader.evaluator, call, function)
        if found is not None and is_believed(reader, call, function):
            made = _judged(call, function, found, use, around)
            if made is not None:
                yield made


_NAMES = frozenset().union(*COROUTINES.values(), *ONE_OF_TWO.values(), {"connect"})


def _may_be(call: facts.Call) -> bool:
    func = call.func
    return func.name in _NAMES if isinstance(func, facts.Attr) else isinstance(func, facts.Name)


def _called(evaluator: Evaluator, call: facts.Call, function: Function) -> tuple[str, str] | None:
    """The class and method that give the coroutine; for functions the method is empty."""
    values = evaluator.values(call.func, function)
    if len(values) == 1 and isinstance(values[0], External) and values[0].name in FUNCTIONS:
        return values[0].name, ""
    if not isinstance(call.func, facts.Attr):
        return None
    name = call.func.name
    base = owner(evaluator, call.func.base, function)
    table = (*COROUTINES.get(base, ()), *ONE_OF_TWO.get(base, ()))
    return (base, name) if name in table else None


@dataclass(frozen=True, slots=True)
class _Use:
    what: str
    attribute: str
    used: walking.Fact


def _judged(
    call: facts.Call, function: Function, found: tuple[str, str], use: _Use, around: Around
) -> Unawaited | None:
    cls, method = found
    coroutine = not method or method in COROUTINES[cls]
    # both can be entered, and a connection that is started later is no defect
    if not coroutine and use.what not in ("read", "iterated", "unpacked"):
        return None
    told = f"{cls.rpartition('.')[2]}.{method}" if method else cls
    misplaced = _later_await(use.used, around)
    if found in GIVES or not method:
        misplaced = None  # what the awaited object's own method gives is rightly awaited
    elsewhere = not _is_around(use.used, call, around)
    mendable = use.what != "entered" and not (misplaced is not None and elsewhere)
    return Unawaited(call, function, told, use.what, use.attribute, use.used, coroutine, misplaced, mendable, elsewhere)


def _later_await(used: walking.Fact, around: Around) -> facts.Await | None:
    """The `await` around the chain of attributes and calls that begins with what is used."""
    child, parent = used, around.get(id(used))
    while parent is not None and isinstance(parent, (facts.Attr, facts.Call, facts.Item)):
        if next(iter(walking.below(parent)), None) is not child:
            return None
        child, parent = parent, around.get(id(parent))
    return parent if isinstance(parent, facts.Await) and isinstance(used, facts.Attr) else None


def _is_around(used: walking.Fact, call: facts.Call, around: Around) -> bool:
    return used is call or around.get(id(call)) is used


def _use(evaluator: Evaluator, call: facts.Call, around: Around, function: Function) -> _Use | None:
    """What is done with a coroutine, when that is certainly not awaiting it."""
    parent = around.get(id(call))
    if isinstance(parent, facts.Evaluate):
        return _Use("dropped", "", call)
    name = _bound_to(call, parent, around)
    if name is not None:
        return _of_variable(evaluator, name, call, around, function)
    return _direct(evaluator, call, around, function)


def _bound_to(call: facts.Expr, parent: walking.Fact | None, around: Around) -> str | None:
    if isinstance(parent, facts.Walrus):
        outer = around.get(id(parent))
        tested = isinstance(outer, (facts.If, facts.While, facts.Evaluate, facts.Compare, facts.Logic))
        return parent.target.id if tested and isinstance(parent.target, facts.Name) else None
    if isinstance(parent, facts.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], facts.Name):
        return parent.targets[0].id
    return None


def _of_variable(evaluator: Evaluator, name: str, call: facts.Call, around: Around, function: Function) -> _Use | None:
    """A variable that is read somewhere, and nowhere awaited or handed on."""
    if name in function.global_names or _is_shared(name, function):
        return None
    first: _Use | None = None
    for fact in walking.everything(function.node.body):
        if not isinstance(fact, facts.Name) or fact.id != name or _is_bound(fact, around):
            continue
        if _in_nested(fact, around):
            return None
        use = _direct(evaluator, fact, around, function)
        if use is None and not _is_idle(fact, around):
            return None
        first = first or use
    return first or (_Use("dropped", "", call) if not _is_read(name, around, function) else None)


def _is_read(name: str, around: Around, function: Function) -> bool:
    return any(
        isinstance(f, facts.Name) and f.id == name and not _is_bound(f, around)
        for f in walking.everything(function.node.body)
    )


def _is_shared(name: str, function: Function) -> bool:
    """Bound in an outer function, or named by what sees all local variables."""
    for fact in function.body:
        if isinstance(fact, facts.Scope) and name in fact.names:
            return True
        if isinstance(fact, facts.Call) and walking.is_name(fact.func, "locals"):
            return True
    return False


def _is_bound(fact: facts.Name, around: Around) -> bool:
    parent = around.get(id(fact))
    if isinstance(parent, facts.Assign):
        return any(target is fact for target in parent.targets)
    return isinstance(parent, (facts.Declare, facts.Delete)) or (
        isinstance(parent, facts.Walrus) and parent.target is fact
    )


def _in_nested(fact: walking.Fact, around: Around) -> bool:
    parent = around.get(id(fact))
    while parent is not None:
        if isinstance(parent, (facts.Function, facts.Lambda, facts.Class)):
            return True
        parent = around.get(id(parent))
    return False


def _is_idle(fact: facts.Expr, around: Around) -> bool:
    """`coroutine.close()` takes it away unrun, and `pool.release(…)` awaits nothing that it is given."""
    parent = around.get(id(fact))
    if isinstance(parent, facts.Call) and isinstance(parent.func, facts.Attr):
        return parent.func.name == "release"
    return isinstance(parent, facts.Attr) and parent.name in _OF_COROUTINES


def _direct(evaluator: Evaluator, fact: facts.Expr, around: Around, function: Function) -> _Use | None:
    """What stands right around an expression does with it."""
    parent = around.get(id(fact))
    if isinstance(parent, facts.Attr):
        coroutines_own = parent.name in _OF_COROUTINES or parent.name.startswith("cr_")
        return None if coroutines_own else _Use("read", parent.name, parent)
    what = _plain_use(fact, parent, around)
    if not what and isinstance(parent, facts.Call):
        if parent.func is fact:
            what = "called"
        elif _is_consuming(evaluator, parent, function):
            what = "consumed"
    return _Use(what, "", fact) if what else None


def _plain_use(fact: facts.Expr, parent: walking.Fact | None, around: Around) -> str:
    if isinstance(parent, facts.Item):
        return "subscripted" if parent.base is fact else ""
    if isinstance(parent, (facts.For, facts.Clause)):
        return "iterated" if parent.source is fact else _tested(fact, parent)
    if isinstance(parent, facts.Entered):
        return "entered" if parent.value is fact else ""
    if isinstance(parent, facts.Assign):
        return "unpacked" if _unpacks(parent, fact) else ""
    if isinstance(parent, (facts.Compare, facts.Binary)):
        return "compared"
    if isinstance(parent, (facts.If, facts.While, facts.Assert)):
        return "tested"
    if isinstance(parent, facts.Choice):
        return "tested" if parent.test is fact else ""
    if isinstance(parent, facts.Logic):
        return "tested" if parent.op == "not" or _is_test(parent, around) else ""
    return "consumed" if isinstance(parent, facts.Text) else ""


def _tested(fact: facts.Expr, parent: walking.Fact) -> str:
    return "tested" if isinstance(parent, facts.Clause) and any(test is fact for test in parent.tests) else ""


def _unpacks(parent: facts.Assign, fact: facts.Expr) -> bool:
    return parent.value is fact and any(isinstance(target, facts.Sequence) for target in parent.targets)


def _is_test(fact: facts.Expr, around: Around) -> bool:
    parent = around.get(id(fact))
    while isinstance(parent, facts.Logic):
        if parent.op == "not":
            return True
        fact, parent = parent, around.get(id(parent))
    return isinstance(parent, (facts.If, facts.While, facts.Assert)) or (
        isinstance(parent, facts.Choice) and parent.test is fact
    )


def _is_consuming(evaluator: Evaluator, call: facts.Call, function: Function) -> bool:
    values = evaluator.values(call.func, function)
    return bool(values) and all(isinstance(v, External) and v.name in CONSUMING for v in values)
