"""How do the sliced statements become a project? Each is parsed by LibCST once, and all are linked."""

from __future__ import annotations

from collections.abc import Mapping

from dbpool_lint.config import Settings
from dbpool_lint.deploy.model import DeploymentFacts
from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.contexts import Override, context, overrides
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Module, Project, build_module
from dbpool_lint.model import Problem, Source
from dbpool_lint.sources import syntax
from dbpool_lint.sources.names import ModuleName, Names

_DEEPEST = 600
"""LibCST's native parser takes quadratic time for long chains of calls, and overflows the stack at some thousand."""

Pieces = dict[tuple[str, str, int], "tuple[facts.Stmt, ...] | Problem"]
"""Facts of statements by file name, digest and index."""


def assemble(
    names: Names,
    sources: Mapping[str, Source],
    chosen: Mapping[str, list[int]],
    settings: Settings,
    deployment: DeploymentFacts,
    known: Pieces,
    problems: list[Problem],
) -> Linked:
    """Parse what was chosen and link it. What cannot be parsed is added to `problems` and left out."""
    found: dict[str, facts.ModuleFacts] = {}
    for name, indices in chosen.items():
        pieces: list[facts.Piece] = []
        for index in indices:
            statements = _piece(names, sources[name], index, known)
            if isinstance(statements, Problem):
                problems.append(statements)
            else:
                pieces.append(facts.Piece(index, statements))
        found[name] = facts.ModuleFacts(name, tuple(pieces))
    chosen_by = overrides(settings)
    imported = _imported(names, chosen)
    modules = {name: _module(names, one, chosen_by, name in imported) for name, one in found.items()}
    return Linked(Project(names, modules, settings, deployment))


def _piece(names: Names, source: Source, index: int, known: Pieces) -> tuple[facts.Stmt, ...] | Problem:
    key = (source.name, source.digest, index)
    if key not in known:
        known[key] = _extracted(names, source, index)
    return known[key]


def _extracted(names: Names, source: Source, index: int) -> tuple[facts.Stmt, ...] | Problem:
    from dbpool_lint.facts.extract import extract

    statement = names.outlines[source.name].statements[index]
    if statement.depth > _DEEPEST:
        return Problem(source.name, statement.line, "nested too deeply to be judged")
    try:
        return extract(syntax.parse(source, statement.line, statement.start, statement.end))
    except syntax.UNREADABLE as error:
        line = statement.line + getattr(error, "raw_line", 1) - 1
        return Problem(source.name, line, "LibCST cannot parse this statement, so it is not judged")
    except RecursionError:
        return Problem(source.name, statement.line, "nested too deeply to be judged")


def _module(names: Names, found: facts.ModuleFacts, chosen_by: list[Override], imported: bool) -> Module:
    outline = names.outlines[found.name]
    endless = any(_loops(piece.body) for piece in found.pieces)
    return build_module(found.name, outline, found, context(outline, chosen_by, imported, endless))


def _loops(body: tuple[facts.Stmt, ...]) -> bool:
    return any(
        isinstance(fact, facts.While) and walking.literal(fact.test) in (True, 1) for fact in walking.everything(body)
    )


def _imported(names: Names, chosen: Mapping[str, list[int]]) -> frozenset[str]:
    """The modules that another sliced module imports."""
    found: set[str] = set()
    for name in chosen:
        for statement in names.outlines[name].statements:
            for binding in (*statement.imports, *statement.inner):
                file = names.module_file(names.absolute(binding, name), name)
                meaning = names.binding(binding, name)
                inner = meaning.module if isinstance(meaning, ModuleName) else None
                found.update(one for one in (file, inner) if one and one != name)
    return frozenset(found)
