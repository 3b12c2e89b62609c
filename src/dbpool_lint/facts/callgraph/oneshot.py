"""Is a pool made by code that ends soon? Scripts, batch jobs with a main guard, and waits for the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.entries import once_entries, starts_once
from dbpool_lint.facts.callgraph.repeating import looped
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.evaluation.values import External, Routine, Type
from dbpool_lint.facts.pooling.creations import Creation
from dbpool_lint.facts.project import Function, Module, Scope, module_of
from dbpool_lint.knowledge.contexts import MESSAGING, READING_CALLS, SERVING, SERVING_METHODS, WAITING_CALLS

_ENDING = frozenset({facts.Context.SCRIPT, facts.Context.MIGRATION})
_ASIDE = frozenset({facts.Context.TEST, facts.Context.EXAMPLE})
_STARTING = frozenset({"lifespan", "shutdown"})
_MOST = 400
_MOST_CALLERS = 40


def is_one_shot(reader: Reader, made: Creation) -> bool:
    """Whether every way to a pool starts in a script, or below a main guard, of a process that ends by itself."""
    if isinstance(made.scope, Module):
        guarded = _is_guarded(made.call, made.scope) and _ends(reader, made.scope)
        return guarded or _only_waits(reader, made.scope)
    if not isinstance(made.scope, Function) or not _is_of_jobs(made.module):
        return False
    roots = _roots(reader, made.scope)
    return roots is not None and any(module_of(scope).context not in _ASIDE for _, scope in roots)


def runs_once(reader: Reader, function: Function) -> bool:
    """Whether every way to a function starts in something that the process does once: a command, start-up, import."""
    if never_ends(function):
        return False
    queue, seen, once = [function], {id(function)}, _once(reader)
    while queue:
        one = queue.pop()
        if starts_once(reader.evaluator, one) or id(one) in once:
            if never_ends(one):
                return False
            continue
        sites = reader.callers.of(one)
        if not sites or not reader.callers.are_known(one) or len(seen) > _MOST_CALLERS:
            return False
        for call, scope in sites:
            if isinstance(scope, Function):
                if id(call) in looped(reader.evaluator, scope):
                    return False
                if id(scope) not in seen:
                    seen.add(id(scope))
                    queue.append(scope)
    return True


def _once(reader: Reader) -> frozenset[int]:
    """The functions that are registered to run once: lifespans, start-up hooks."""
    memory = reader.evaluator.project.memory
    if "registered once" not in memory:
        found = once_entries(reader.evaluator)
        memory["registered once"] = frozenset(id(entry.function) for entry in found if entry.what in _STARTING)
    return cast("frozenset[int]", memory["registered once"])


def never_ends(function: Function) -> bool:
    """A command with `while True:` is no command that ends by itself."""
    loops = (s for s in walking.statements(function.node.body) if isinstance(s, facts.While))
    return any(walking.literal(loop.test) in (True, 1) for loop in loops)


def _roots(reader: Reader, function: Function) -> list[tuple[facts.Call, Scope]] | None:
    """The calls of modules that lead to a function, None when one of them may belong to an application."""
    roots: list[tuple[facts.Call, Scope]] = []
    queue, seen = [function], {id(function)}
    while queue:
        one = queue.pop()
        sites = reader.callers.of(one)
        if not sites or not reader.callers.are_known(one) or len(seen) > _MOST_CALLERS:
            return None
        for call, scope in sites:
            module = module_of(scope)
            if module.context is facts.Context.APPLICATION and not _is_of_jobs(module):
                return None
            if isinstance(scope, Function) and not reader.callers.of(scope) and module.context in _ENDING | _ASIDE:
                roots.append((call, scope))  # a command, or a test
            elif isinstance(scope, Function):
                if starts_once(reader.evaluator, scope) and module.context is facts.Context.APPLICATION:
                    return None
                if id(scope) not in seen:
                    seen.add(id(scope))
                    queue.append(scope)
            elif isinstance(scope, Module) and _is_root(reader, call, scope, module):
                roots.append((call, scope))
            else:
                return None
    return roots


def _is_root(reader: Reader, call: facts.Call, scope: Module, module: Module) -> bool:
    if module.context in _ASIDE:
        return True
    return (module.context in _ENDING or _is_guarded(call, scope)) and _ends(reader, scope)


def _is_of_jobs(module: Module) -> bool:
    """Whether a module has nothing to do with servers; a reader of messages must stop when there are no more."""
    packages = {binding.module.partition(".")[0] for binding in module.imports() if not binding.level}
    if packages & (SERVING - MESSAGING):
        return False
    return not packages & MESSAGING or _drains(module)


def _drains(module: Module) -> bool:
    """Whether no loop of a module reads messages for ever; `while count > 0: … = consumer.consume(…)` ends."""
    return not any(_reads_on(fact) for function in module.all_functions for fact in function.body)


def _reads_on(fact: walking.Fact) -> bool:
    if not isinstance(fact, facts.While) or _counts(fact.test):
        return False
    called = {chain[-1] for call in walking.calls(fact.body) if (chain := walking.chain(call.func))}
    return bool(called & READING_CALLS)


def _counts(test: facts.Expr) -> bool:
    """`while count > 0 and …`, `while done < most`"""
    parts = test.operands if isinstance(test, facts.Logic) and test.op == "and" else (test,)
    return any(isinstance(part, facts.Compare) and part.ops[0] in ("<", "<=", ">", ">=", "!=") for part in parts)


def _is_guarded(call: facts.Call, module: Module) -> bool:
    """Whether a call stands below `if __name__ == "__main__":`."""
    return any(
        inner is call
        for statement in _top(module)
        if isinstance(statement, facts.If) and "__name__" in walking.names(statement.test)
        for inner in walking.within(statement.body)
    )


def _top(module: Module) -> Iterator[facts.Stmt]:
    for piece in module.pieces.values():
        yield from piece.body


def _ends(reader: Reader, module: Module) -> bool:
    """Whether nothing that a module's own statements run serves, or loops for ever, as far as calls can be followed."""
    body = [s for s in _top(module) if not isinstance(s, (facts.Function, facts.Class))]
    queue: list[tuple[Scope, Iterable[walking.Fact]]] = [(module, list(walking.within(body)))]
    seen: set[int] = set()
    while queue:
        scope, found = queue.pop()
        if isinstance(scope, Function) and _loops(reader, scope):
            return False
        for fact in found:
            if isinstance(fact, facts.Call):
                called = list(_called(reader, fact, scope))
                if not called and _serves(reader, fact, scope):
                    return False
                for function in called:
                    if id(function) not in seen:
                        seen.add(id(function))
                        queue.append((function, function.body))
        if len(seen) > _MOST:
            return False
    return True


def _called(reader: Reader, call: facts.Call, scope: Scope) -> Iterator[Function]:
    for value in reader.evaluator.values(call.func, scope):
        if isinstance(value, (Routine, Type)):
            yield from reader.callers.run_by(call, scope)
            return


def _serves(reader: Reader, call: facts.Call, scope: Scope) -> bool:
    """`server.serve_forever()`, `bot.run()`: it may not come back."""
    name = (walking.chain(call.func) or [call.func.name if isinstance(call.func, facts.Attr) else ""])[-1]
    if name not in SERVING_METHODS:
        return False
    names = [v.name for v in reader.evaluator.values(call.func, scope) if isinstance(v, External)]
    return not any(name in ("asyncio.run", "anyio.run", "subprocess.run", "trio.run") for name in names)


def _loops(reader: Reader, function: Function) -> bool:
    """Whether a function has a loop without an end; one that works through batches is left when none is there."""
    endless = looped(reader.evaluator, function)
    loops = (fact for fact in function.body if isinstance(fact, (facts.While, facts.For)))
    outer = (loop for loop in loops if id(loop.body[0]) in endless and id(loop) not in endless)
    return any(not _works_off(loop) for loop in outer) or any(_reads_on(fact) for fact in function.body)


def _works_off(loop: facts.While | facts.For) -> bool:
    inside = list(walking.within(loop.body))
    left = any(isinstance(f, facts.Return) or (isinstance(f, facts.Jump) and f.kind == "break") for f in inside)
    called = {chain[-1] for f in inside if isinstance(f, facts.Call) and (chain := walking.chain(f.func))}
    return left and isinstance(loop, facts.While) and not called & WAITING_CALLS


def _only_waits(reader: Reader, module: Module) -> bool:
    """A file of statements alone, with a loop that a first success ends, which nothing imports."""
    if module.all_functions or module.all_classes or not _is_of_jobs(module):
        return False
    loops = [s for s in _top(module) if isinstance(s, facts.While) and walking.literal(s.test) in (True, 1)]
    waits = bool(loops) and all(any(_breaks_at_once(s) for s in loop.body) for loop in loops)
    return waits and not _is_imported(reader, module)


def _breaks_at_once(statement: facts.Stmt) -> bool:
    if not isinstance(statement, facts.Try):
        return False
    straight = (*statement.body, *statement.orelse)
    return any(isinstance(inner, facts.Jump) and inner.kind == "break" for inner in straight)


def _is_imported(reader: Reader, module: Module) -> bool:
    names = reader.evaluator.project.names
    return any(
        names.module_file(names.absolute(binding, other.name), other.name) == module.name
        for other in reader.evaluator.project.modules.values()
        if other is not module
        for binding in other.imports()
    )
