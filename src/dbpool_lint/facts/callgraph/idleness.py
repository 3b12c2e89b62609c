"""Does anybody run a function? One that nothing in the project mentions does nothing, whatever stands in it."""

from __future__ import annotations

from collections.abc import Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.arguments import Reader
from dbpool_lint.facts.contexts import is_test
from dbpool_lint.facts.evaluation.classes import outside_bases
from dbpool_lint.facts.project import Function, module_of
from dbpool_lint.knowledge.lifecycles import CLOSER
from dbpool_lint.sources.outline import Statement
from dbpool_lint.sources.outlines import Outlines


def is_never_run(reader: Reader, function: Function) -> bool:
    """Whether a function is certainly a helper that was forgotten: `close_db()`, with no call and no mention.

    Decorated and nested functions, and methods of a class with parents outside the project, may be run by somebody
    else; so may any whose name a framework looks for.
    """
    memory = reader.evaluator.project.memory
    key = ("never run", id(function))
    if key not in memory:
        memory[key] = _is_forgotten(reader, function)
    return memory[key] is True


def _is_forgotten(reader: Reader, function: Function) -> bool:
    if function.parent is not None or not _is_plain(reader, function):
        return False
    if not CLOSER.search(function.node.name):
        return False
    if any(module_of(scope).context is not facts.Context.TEST for _, scope in reader.callers.of(function)):
        return False
    return not any(_mentioning(reader, function))


def _is_plain(reader: Reader, function: Function) -> bool:
    if function.owner is None:
        return not function.node.decorators
    own = {"builtins.classmethod", "builtins.staticmethod"}
    if any(name not in own for name in reader.evaluator.decorator_names(function)):
        return False
    return outside_bases(reader.evaluator, function.owner) <= {"abc.ABC", "builtins.object"}


def _mentioning(reader: Reader, function: Function) -> Iterator[Statement]:
    """The statements of other code than tests that mention the function by its name, whatever that means there."""
    outlines = reader.evaluator.project.names.outlines
    name = function.node.name
    files = outlines.users(frozenset({name})) if isinstance(outlines, Outlines) else iter(outlines)
    for file in files:
        for index, statement in enumerate(outlines[file].statements):
            own = function.owner is None and file == function.module.name and index == function.statement
            if own or is_test(file) or statement.imports:
                continue
            if any(mention.rpartition(".")[2] == name for mention in statement.mentions):
                yield statement
