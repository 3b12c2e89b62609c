"""Who works with what is there once? The functions of applications that mention it, and how they are reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.calls import edges
from dbpool_lint.facts.callgraph.entries import once_entries, starts_once
from dbpool_lint.facts.callgraph.lifecycle import imported_by
from dbpool_lint.facts.callgraph.reach import Path
from dbpool_lint.facts.contexts import is_test
from dbpool_lint.facts.evaluation.classes import bases_of
from dbpool_lint.facts.evaluation.evaluate import Evaluator
from dbpool_lint.facts.evaluation.values import Instance, Type
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Class, Function, Module, module_of
from dbpool_lint.facts.sharing.standing import Standing
from dbpool_lint.knowledge.tasks import SERVERS
from dbpool_lint.sources.names import Defined, Meaning
from dbpool_lint.sources.outline import Outline
from dbpool_lint.sources.outlines import Outlines

_CLOSING = frozenset({"close", "remove", "dispose", "aclose", "invalidate"})


@dataclass(frozen=True, slots=True)
class User:
    """`function` mentions the lease, or the object that keeps it, at `fact`."""

    function: Function
    fact: walking.Fact


@dataclass(frozen=True, slots=True)
class Sharing:
    """What shares a lease: the way of a request or job to it, or else functions that run side by side."""

    path: Path | None
    users: tuple[User, ...]


def shared_by(project: Linked, lease: Standing) -> Sharing | None:
    """What of an application shares a lease; None when that is not certain."""
    evaluator = project.evaluator
    found = tuple(user for user in _users(evaluator, lease) if _counts(evaluator, lease, user))
    for paths in (project.request_paths, project.job_paths):
        for user in found:
            path = paths.get(id(user.function))
            if path is not None:
                return Sharing(path, (user, *(one for one in found if one is not user)))
    if lease.how == "application" and not found:
        return Sharing(None, ())  # nothing else is kept on an application than what its handlers are to find
    if len({id(user.function) for user in found}) < 2 or _are_of_commands(project, found):
        return None
    return Sharing(None, found) if _is_served(evaluator, module_of(lease.scope)) else None


def _is_served(evaluator: Evaluator, home: Module) -> bool:
    """Whether a file that imports a server, or a queue's worker, leads to a module."""
    return any(home.name in imported_by(evaluator.project, name) for name in _serving(evaluator))


def _serving(evaluator: Evaluator) -> frozenset[str]:
    memory = evaluator.project.memory
    if "serving files" not in memory:
        outlines = evaluator.project.names.outlines
        files = outlines.users(SERVERS) if isinstance(outlines, Outlines) else iter(outlines)
        memory["serving files"] = frozenset(name for name in files if not is_test(name) and _serves(outlines[name]))
    return cast("frozenset[str]", memory["serving files"])


def _serves(outline: Outline) -> bool:
    imported = (binding for statement in outline.statements for binding in (*statement.imports, *statement.inner))
    return any(b.module.partition(".")[0] in SERVERS for b in imported if not b.level)


def _are_of_commands(project: Linked, users: tuple[User, ...]) -> bool:
    """Whether commands, or scripts, call the functions, as far as anything calls them."""
    return all(_is_of_command(project, user.function, 0) for user in users)


def _is_of_command(project: Linked, function: Function, depth: int) -> bool:
    if depth > 6:
        return False
    if starts_once(project.evaluator, function) or function.module.context is not facts.Context.APPLICATION:
        return True
    callers = project.reader.callers.of(function)
    if not callers:
        return False
    return all(
        scope.context is not facts.Context.APPLICATION
        if isinstance(scope, Module)
        else isinstance(scope, Function) and scope is not function and _is_of_command(project, scope, depth + 1)
        for _, scope in callers
    )


def _counts(evaluator: Evaluator, lease: Standing, user: User) -> bool:
    """Whether a mention is work of an application: not of who sets it up or closes it, of commands and start-up."""
    if user.function.module.context is not facts.Context.APPLICATION:
        return False
    if user.function is lease.scope and not (lease.how == "cached" or _hands_out(user.function, lease.name)):
        return False
    once = cast("set[int]", _once(evaluator))
    return id(user.function) not in once and not starts_once(evaluator, user.function)


def _hands_out(function: Function, name: str) -> bool:
    """`if session is None: session = Session()`, `return session`: who sets it up is asked for it again and again."""
    handing = (fact for fact in function.body if isinstance(fact, (facts.Return, facts.Yield)))
    return any(fact.value is not None and walking.is_name(fact.value, name) for fact in handing)


def _once(evaluator: Evaluator) -> object:
    memory = evaluator.project.memory
    if "run once" not in memory:
        memory["run once"] = {id(entry.function) for entry in once_entries(evaluator)}
    return memory["run once"]


def _users(evaluator: Evaluator, lease: Standing) -> Iterator[User]:
    if lease.how == "default" and isinstance(lease.home, Function):
        yield from _inside(lease.home, lease.name)
    elif isinstance(lease.home, Function):
        yield from _calling(evaluator, lease.home)
    elif lease.how == "application":
        yield from _of_application(evaluator, lease)
    elif isinstance(lease.home, Class):
        yield from _of_class(evaluator, lease.home, lease.name)
    elif isinstance(lease.home, Module):
        yield from _of_global(evaluator, lease.home, lease.name)
        yield from _of_aliases(evaluator, lease.home, lease.name)
        if isinstance(lease.scope, Function) and _hands_out(lease.scope, lease.name):
            yield from _calling(evaluator, lease.scope)


def _inside(function: Function, name: str) -> Iterator[User]:
    yield from (User(function, fact) for fact in function.body if walking.is_name(fact, name))


def _calling(evaluator: Evaluator, getter: Function) -> Iterator[User]:
    """Who calls a function, or has a framework call it for a parameter; and the function itself."""
    for function in evaluator.project.functions():
        yield from (User(function, edge.fact) for edge in edges(evaluator, function) if edge.callee is getter)
    yield User(getter, getter.node)


def _functions(evaluator: Evaluator) -> Iterator[tuple[Function, walking.Fact]]:
    for function in evaluator.project.functions():
        for fact in function.body:
            yield function, fact


def _of_global(evaluator: Evaluator, home: Module, name: str) -> Iterator[User]:
    wanted = Defined(home.name, name)
    for function in evaluator.project.functions():
        for fact in function.body:
            if isinstance(fact, facts.Name) and fact.id and _may_mean(function, fact.id, name):
                if _means(evaluator, function, fact.id) == wanted and _is_read(function, fact):
                    yield User(function, fact)
            elif isinstance(fact, facts.Attr) and fact.name == name and _leads_to(evaluator, function, fact, wanted):
                yield User(function, fact)


def _leads_to(evaluator: Evaluator, function: Function, fact: facts.Attr, wanted: Defined) -> bool:
    """`database.session`"""
    chain = walking.chain(fact)
    if not chain or _is_local(function, chain[0]):
        return False
    found = evaluator.project.names.mention(function.module.name, ".".join(chain), function.imports)
    return any(meaning == wanted and not left for meaning, left in found)


def _of_aliases(evaluator: Evaluator, home: Module, name: str) -> Iterator[User]:
    """`class Model: session = session` gives a global to the methods of a class."""
    wanted = Defined(home.name, name)
    for module in evaluator.project.modules.values():
        for cls in module.all_classes:
            for attribute, bounds in cls.attributes.items():
                given = [b.value.id for b in bounds if isinstance(b.value, facts.Name)]
                if any(_means(evaluator, cls.parent or module, one) == wanted for one in given):
                    yield from _of_class(evaluator, cls, attribute)


def _may_mean(function: Function, local: str, name: str) -> bool:
    """A cheap look before the names are followed: the name itself, or one that an import gives it."""
    if local == name:
        return True
    binding = function.imports.get(local)
    return (binding is not None and binding.name == name) or local in _aliases(function.module, name)


def _aliases(module: Module, name: str) -> frozenset[str]:
    return frozenset(b.local for s in module.outline.statements for b in s.imports if b.name == name)


def _means(evaluator: Evaluator, where: Function | Module, name: str) -> Meaning:
    """What a name means in a function or module; None for locals."""
    names = evaluator.project.names
    module = module_of(where).name
    if _is_local(where, name):
        return None
    scope = where if isinstance(where, Function) else None
    while scope is not None:
        if name in scope.imports:
            return names.binding(scope.imports[name], module)
        scope = scope.parent
    meaning = names.of(module, name)
    if meaning is None and name in module_of(where).bound:
        return Defined(module, name)  # only functions bind it, by `global`
    return meaning


def _is_local(where: Function | Module, name: str) -> bool:
    scope = where if isinstance(where, Function) else None
    while scope is not None:
        if name not in scope.global_names and (scope.param(name) is not None or name in scope.bound):
            return True
        scope = scope.parent
    return False


def _is_read(function: Function, name: facts.Name) -> bool:
    """Whether a mention does more than set or test the name, or close what it holds."""
    layout = function.around
    outer = layout.get(id(name))
    if isinstance(outer, facts.Assign):
        return outer.value is name
    if isinstance(outer, (facts.If, facts.Compare, facts.Delete, facts.Logic)):
        return False
    return not (isinstance(outer, facts.Attr) and outer.name in _CLOSING)


def _of_class(evaluator: Evaluator, cls: Class, name: str) -> Iterator[User]:
    """`self.session`, `cls.session`, `Repository.session`"""
    for function, fact in _functions(evaluator):
        if isinstance(fact, facts.Attr) and fact.name == name:
            owners = (v.cls for v in evaluator.values(fact.base, function) if isinstance(v, (Instance, Type)))
            if any(any(base is cls for base in bases_of(evaluator, owner)) for owner in owners):
                yield User(function, fact)


def _of_application(evaluator: Evaluator, lease: Standing) -> Iterator[User]:
    """`request.app.state.session`, `current_app.session`, `request.app["session"]`"""
    for function, fact in _functions(evaluator):
        if function is lease.scope:
            continue
        named = isinstance(fact, facts.Attr) and fact.name == lease.name
        named = named or (isinstance(fact, facts.Item) and walking.literal(fact.index) == lease.name)
        if named and isinstance(fact, (facts.Attr, facts.Item)) and _is_on_application(fact.base):
            yield User(function, fact)


def _is_on_application(base: facts.Expr) -> bool:
    """`request.app.state`, `current_app`, `request.app`: not `request.state`, which lives for one request."""
    chain = walking.chain(base)
    if not chain:
        return False
    owner = chain[-2] if chain[-1] in ("state", "ctx") and len(chain) > 1 else chain[-1]
    return owner in ("app", "application", "current_app", "bot")
