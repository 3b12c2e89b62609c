"""How does a generator come to close what it leaves open, as the last thing it does, whatever happens?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import imports, scopes
from dbpool_lint.fixing.lines import Lines, behind, span_of
from dbpool_lint.fixing.recipes import DisposeAfterYield
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places, preorder

_JUMPS = (cst.Break, cst.Continue, cst.Raise, cst.Return)


@dataclass(frozen=True, slots=True)
class _Level:
    """A block around the `yield`, the statement of it that holds that, and the names bound for sure before."""

    block: cst.IndentedBlock
    statement: cst.CSTNode
    ready: frozenset[str]

    @property
    def is_last(self) -> bool:
        return self.block.body[-1] is self.statement


def dispose(site: Site, recipe: DisposeAfterYield) -> tuple[Edit, ...]:
    places = site.places(recipe.function.statement)
    function = places.node(recipe.function.node)
    if not isinstance(function, cst.FunctionDef):
        raise Refused
    line = _yielding(places, function)
    code, added = imports.reached(site, recipe.function.statement, line, recipe.code, recipe.imports)
    if any(isinstance(node, cst.SimpleStatementLine) and _says(node, code) for node in preorder(function)):
        return ()
    wanted = cst.parse_module(recipe.code)
    if function.asynchronous is None and any(isinstance(node, cst.Await) for node in preorder(wanted)):
        raise Refused
    names = scopes.free(wanted) - {name for _, name in recipe.imports}
    level = _level(places, function, line, _local(site, places, function, names))
    return *_closed(places, level, code), *added


def _yielding(places: Places, function: cst.FunctionDef) -> cst.SimpleStatementLine:
    """The line with the only `yield`, which stands there as a statement."""
    own = list(scopes.own_nodes(function.body))
    found = [node for node in own if isinstance(node, cst.Yield)]
    if len(found) != 1 or isinstance(found[0].value, cst.From):
        raise Refused
    (small, _), (line, _) = list(places.path(found[0]))[:2]
    if not isinstance(small, cst.Expr) or not isinstance(line, cst.SimpleStatementLine):
        raise Refused
    return line


def _says(line: cst.SimpleStatementLine, code: str) -> bool:
    return any(
        cst.Module([]).code_for_node(small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)) == code
        for small in line.body
    )


def _local(site: Site, places: Places, function: cst.FunctionDef, names: frozenset[str]) -> frozenset[str]:
    """Those of the names that are the function's own. Raises `Refused` for one that nothing visible there binds."""
    own = frozenset(scopes.bound(function)) - scopes.declared(function)
    outer = scopes.hidden(places, function)
    if not all(name in own or name in outer or site.is_there(name) for name in names):
        raise Refused
    deleted = {
        name.value for node in preorder(function) if isinstance(node, cst.Del) for name, _ in scopes.variables(node)
    }
    if names & deleted:
        raise Refused
    return names & own


def _level(places: Places, function: cst.FunctionDef, line: cst.CSTNode, names: frozenset[str]) -> _Level:
    """The outermost block where all these names are bound before the `yield`, and not again."""
    binding = [name for name, binds in scopes.variables(function.body) if binds and name.value in names]
    last = max((places.offsets(name)[0] for name in binding), default=0)
    for level in tuple(_levels(places, function, line)):
        if names <= level.ready and last < places.offsets(level.statement)[0]:
            return level
    raise Refused


def _levels(places: Places, function: cst.FunctionDef, line: cst.CSTNode) -> Iterator[_Level]:
    """The blocks around the line, from outside. Raises `Refused` where that runs not exactly once."""
    ready = {name.value for name, binds in scopes.variables(function.params) if binds}
    above = list(places.path(line))
    down = above[: next(number for number, (parent, _) in enumerate(above) if parent is function)]
    for parent, child in reversed(down):
        if isinstance(parent, cst.IndentedBlock):
            for statement in parent.body[: parent.body.index(child)]:
                ready.update(_bound_by(statement))
            yield _Level(parent, child, frozenset(ready))
        elif isinstance(parent, cst.With):
            ready.update(_entered(parent))
        elif not isinstance(parent, cst.Try) or child is not parent.body:
            raise Refused


def _bound_by(statement: cst.CSTNode) -> frozenset[str]:
    """The names that a statement binds whichever way it goes."""
    if isinstance(statement, cst.With):
        return _entered(statement) | _bound_in(statement.body)
    if isinstance(statement, cst.If):
        other = statement.orelse
        branch = other.body if isinstance(other, cst.Else) else other
        return _bound_in(statement.body) & (_bound_by(branch) if isinstance(branch, cst.If) else _bound_in(branch))
    if isinstance(statement, (cst.SimpleStatementLine, cst.FunctionDef, cst.ClassDef)):
        return frozenset(name.value for name, binds in scopes.variables(statement, own=True) if binds)
    return frozenset()


def _bound_in(suite: cst.BaseSuite | None) -> frozenset[str]:
    body: Sequence[cst.CSTNode] = suite.body if isinstance(suite, cst.IndentedBlock) else ()
    return frozenset(name for statement in body for name in _bound_by(statement))


def _entered(node: cst.With) -> frozenset[str]:
    found = (pair for item in node.items if item.asname for pair in scopes.variables(item.asname))
    return frozenset(name.value for name, binds in found if binds)


def _closed(places: Places, level: _Level, code: str) -> tuple[Edit, ...]:
    statement = level.statement
    lines = Lines(places)
    base = lines.indentation(span_of(places, statement).start)
    unit = level.block.indent or places.chunk.module.default_indent
    if isinstance(statement, cst.Try) and level.is_last:
        final = statement.finalbody
        if final is None:
            number = behind(lines, statement, len(base) + 1)
            _add(lines, number, [f"{base}finally:", f"{base}{unit}{code}"])
            return tuple(lines.edits())
        if isinstance(final.body, cst.IndentedBlock) and not _jumps(final.body.body[-1]):
            inner = lines.indentation(span_of(places, final.body.body[-1]).start)
            _add(lines, behind(lines, final.body.body[-1], len(inner)), [f"{inner}{code}"])
            return tuple(lines.edits())
    return (_wrapped(lines, level, base, unit, code),)


def _jumps(statement: cst.CSTNode) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(statement.body[-1], _JUMPS)


def _wrapped(lines: Lines, level: _Level, base: str, unit: str, code: str) -> Edit:
    """All from there to the end of the block goes below `try`."""
    first = span_of(lines.places, level.statement).start
    stop = behind(lines, level.block.body[-1], len(base))
    lines.indent(range(first, stop), base, unit)
    lines[first] = f"{base}try:{lines.end(first)}{lines[first]}"
    _add(lines, stop, [f"{base}finally:", f"{base}{unit}{code}"])
    return lines.edit(range(first, stop))


def _add(lines: Lines, number: int, new: Sequence[str]) -> None:
    """New lines above that number."""
    before, end = number - 1, lines.end(number - 1)
    if not lines[before].endswith(end):
        lines[before] += end
    lines[before] += "".join(f"{line}{end}" for line in new)
