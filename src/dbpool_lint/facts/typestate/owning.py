"""Which objects take a lease when they are made, and never give it back?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.callgraph.passing import subclasses
from dbpool_lint.facts.callgraph.reach import Path
from dbpool_lint.facts.evaluation.classes import bases_of, outside_bases
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Class, Function, Module
from dbpool_lint.facts.typestate.effects import Lease
from dbpool_lint.facts.typestate.leaks import USING, passed_on
from dbpool_lint.facts.typestate.taking import holder, taken_by
from dbpool_lint.knowledge.leases import CLOSING

_ENDING = frozenset(
    {
        "__enter__",
        "__exit__",
        "__aenter__",
        "__aexit__",
        "__del__",
        "close",
        "aclose",
        "shutdown",
        "dispose",
        "stop",
        "cleanup",
    }
)
"""Methods by which an object is given up: what has one may close what it holds in ways that are not seen."""

_PLAIN_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})


@dataclass(frozen=True, slots=True)
class Owned:
    """A lease that `__init__` keeps in an attribute, of an object that `path` makes again and again."""

    lease: Lease
    attribute: str
    cls: Class
    path: Path


def owned(project: Linked, module: Module) -> Iterator[Owned]:
    """The leases that objects of a module's classes keep and that nobody closes."""
    for cls in module.all_classes:
        init = cls.methods.get("__init__")
        path = _path(project, init) if init is not None else None
        if init is None or path is None or _may_end(project, cls):
            continue
        for lease in _kept(project, init):
            attribute = lease.name.partition(".")[2]
            if _is_made_without(project, cls, init, lease) and not _is_closed(project, lease, attribute):
                yield Owned(lease, attribute, cls, path)


def _path(project: Linked, init: Function) -> Path | None:
    return project.request_paths.get(id(init)) or project.job_paths.get(id(init))


def _may_end(project: Linked, cls: Class) -> bool:
    """Whether a class, or what it derives from or is derived from, has a way to give up what it holds."""
    family = (*bases_of(project.evaluator, cls), *subclasses(project.evaluator, cls))
    if any(_ENDING & one.methods.keys() for one in family):
        return True
    return any(not outside_bases(project.evaluator, one) <= _PLAIN_BASES for one in family)


def _kept(project: Linked, init: Function) -> Iterator[Lease]:
    around = init.around
    first = init.node.params[0].name if init.node.params else ""
    for fact in init.body:
        if isinstance(fact, facts.Call) and (kind := taken_by(project.evaluator, fact, init)) is not None:
            taking, name = holder(fact, around)
            if name.count(".") == 1 and name.startswith(f"{first}."):
                yield Lease("taken", name, kind, init, taking)


def _is_made_without(project: Linked, cls: Class, init: Function, lease: Lease) -> bool:
    """`self.db = db or Session()`: whether some caller that runs again and again gives no `db`."""
    instead = _instead(init, lease)
    if not instead:
        return True
    plain = [p.name for p in init.node.params if p.kind in ("", "positional")][1:]
    for call, scope in project.reader.callers.making(cls):
        starred = any(isinstance(arg, facts.Star) for arg in call.args) or any(not k.name for k in call.keywords)
        given = {k.name for k in call.keywords} | set(plain[: len(call.args)])
        reached = isinstance(scope, Function) and (id(scope) in project.request_paths or id(scope) in project.job_paths)
        if reached and not starred and not instead & given:
            return True
    return False


def _instead(init: Function, lease: Lease) -> frozenset[str]:
    """The parameters that are used in the place of the lease where they are given."""
    params = {p.name for p in init.node.params[1:]}
    for fact in init.body:
        if isinstance(fact, (facts.Logic, facts.Choice)) and any(f is lease.fact for f in walking.within([fact])):
            return frozenset(walking.names(fact) & params)
    tests = [f.test for f in init.body if isinstance(f, facts.If) and any(g is lease.fact for g in walking.within([f]))]
    return frozenset(params.intersection(*(walking.names(test) for test in tests[-1:]))) if tests else frozenset()


def _is_closed(project: Linked, lease: Lease, attribute: str) -> bool:
    """Whether anything in the project closes an attribute of that name, hands it on or rebinds it."""
    for use, around, function in _attributes(project)[attribute]:
        parent = around.get(id(use))
        if isinstance(parent, facts.Attr):
            if parent.name in CLOSING:
                return True
        elif isinstance(parent, (facts.Call, facts.Keyword)):
            call = around.get(id(parent)) if isinstance(parent, facts.Keyword) else parent
            keyword = parent.name if isinstance(parent, facts.Keyword) else None
            if not isinstance(call, facts.Call) or keyword == "":
                return True
            of = Lease("given", "", lease.kind, function, use)
            if passed_on(project.lives, of, call, use, keyword) not in USING:
                return True
        elif isinstance(parent, facts.Assign) and function is lease.function:
            continue
        elif not isinstance(parent, (facts.If, facts.While, facts.Compare, facts.Logic)):
            return True
    return False


_Use = tuple[facts.Attr, dict[int, walking.Fact], Function]


def _attributes(project: Linked) -> dict[str, list[_Use]]:
    """Every use of an attribute in the functions of the project, by its name."""
    return project.remember("attributes", lambda: _all_attributes(project))


def _all_attributes(project: Linked) -> dict[str, list[_Use]]:
    found: dict[str, list[_Use]] = defaultdict(list)
    for module in project.project.modules.values():
        for function in module.all_functions:
            attributes = [fact for fact in function.body if isinstance(fact, facts.Attr)]
            around = function.around if attributes else {}
            for fact in attributes:
                found[fact.name].append((fact, around, function))
    return found
