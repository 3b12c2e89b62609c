"""What does the product know about a set of files? Links them as the pipeline does, but looks at every statement."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from dbpool_lint.config import Settings
from dbpool_lint.deploy.reading import deployment
from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.assemble import assemble
from dbpool_lint.facts.evaluation.values import (
    External,
    Generated,
    Instance,
    Kinded,
    Literal,
    ModuleOf,
    Object,
    Routine,
    Type,
    Value,
    Values,
)
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Class, Function, Module, Scope
from dbpool_lint.model import Problem, Source
from dbpool_lint.sources.names import Names
from dbpool_lint.sources.outlines import Outlines

ASKED = "asked"
"""`asked = …` marks the expression that a test is about."""


def linked(files: Mapping[str, str] | str, settings: Settings | None = None) -> Linked:
    """The linked project of `files` (path → text; a lone text is `app.py`), texts dedented."""
    given = {"app.py": files} if isinstance(files, str) else files
    texts = {name: textwrap.dedent(text).strip("\n") + "\n" for name, text in given.items()}
    sources = {name: Source(Path(name), name, text, digest=text) for name, text in texts.items()}
    python = {name: source for name, source in sources.items() if name.endswith(".py")}
    outlines = Outlines(python, {})
    chosen = {name: list(range(len(outlines[name].statements))) for name in python}
    around, unread = deployment(source for name, source in sources.items() if name not in python)
    problems: list[Problem] = list(unread)
    found = assemble(Names(outlines), python, chosen, settings or Settings(), around, {}, problems)
    assert problems == []
    return found


def asked(project: Linked) -> tuple[facts.Expr, Scope]:
    """The value of the project's only `asked = …`, and where it stands."""
    (found,) = _asked(project)
    return found


def _asked(project: Linked) -> Iterator[tuple[facts.Expr, Scope]]:
    for scope in scopes(project):
        for statement in _statements(scope):
            if isinstance(statement, facts.Assign) and any(
                isinstance(target, facts.Name) and target.id == ASKED for target in statement.targets
            ):
                yield statement.value, scope


def _statements(scope: Scope) -> Iterator[facts.Stmt]:
    if isinstance(scope, Module):
        return (statement for _, statement in scope.body())
    return walking.statements(scope.node.body)


def scopes(project: Linked) -> Iterator[Scope]:
    for module in project.project.modules.values():
        yield module
        yield from module.all_functions
        yield from module.all_classes


def function(project: Linked, qualname: str) -> Function:
    """The project's only function of that name."""
    (found,) = (f for f in project.project.functions() if f.qualname == qualname)
    return found


def said(values: Values) -> set[str]:
    """Values in words: "fresh Session", "Engine", "'text'", "default 5", "function load", "unknown" …"""
    return {_said(value) for value in values}


def answer(files: Mapping[str, str] | str, settings: Settings | None = None) -> set[str]:
    """What `asked` may be, in words."""
    project = linked(files, settings)
    return said(project.evaluator.values(*asked(project)))


def _said(value: Value) -> str:
    if isinstance(value, Kinded):
        return f"fresh {value.kind.value}" if value.fresh else value.kind.value
    if isinstance(value, Literal):
        return f"default {value.value!r}" if value.default else repr(value.value)
    if isinstance(value, External):
        return f"outside {value.name}"
    if isinstance(value, Object):
        return f"result of {value.of}"
    if isinstance(value, Routine):
        return f"function {value.function.qualname}"
    if isinstance(value, Generated):
        return f"{'manager' if value.managed else 'generator'} {value.function.qualname}"
    if isinstance(value, (Type, Instance)):
        cls: Class = value.cls
        return f"{'class' if isinstance(value, Type) else 'object of'} {cls.qualname}"
    return f"module {value.module}" if isinstance(value, ModuleOf) else "unknown"
