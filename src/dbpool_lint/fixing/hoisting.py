"""How does a pool made on every call become one global of the module, and when can it not?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import closing, scopes
from dbpool_lint.fixing.hoistable import ALWAYS_THERE, Made, check_names, disposals, made_at
from dbpool_lint.fixing.lines import Lines, span_of
from dbpool_lint.fixing.recipes import HoistToModule
from dbpool_lint.fixing.site import Refused, Site, above, ends_line, line_ends, newline
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import preorder

_FACTORIES = frozenset({"async_scoped_session", "async_sessionmaker", "scoped_session", "sessionmaker"})
_SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda)
_RUNS_ONCE = (cst.FunctionDef, cst.With, cst.Try)


def hoist(site: Site, recipe: HoistToModule) -> tuple[Edit, ...]:
    made = made_at(site, recipe.call.statement, recipe.call.node)
    assignment = _assignment(made)
    variable = _name_of(assignment) if assignment else None
    if variable:
        _check_variable(made, variable)
    known = _known_global(made)
    if assignment and variable and known in {None, variable} and _is_movable(made, variable):
        new = variable if known or not _is_taken(made, variable) else _other_name(made, variable)
        if new:
            return _moved(made, assignment, variable, _Move(new, known is not None))
    return _in_place(made, known, variable)


def _assignment(made: Made) -> cst.SimpleStatementLine | None:
    """The line `name = call`, where the call is all of it."""
    path = made.places.path(made.call)
    small, _ = next(path)
    line, _ = next(path)
    if not isinstance(small, (cst.Assign, cst.AnnAssign)) or not isinstance(line, cst.SimpleStatementLine):
        return None
    return line if len(line.body) == 1 and not isinstance(small.semicolon, cst.Semicolon) else None


def _name_of(line: cst.SimpleStatementLine) -> str | None:
    small = line.body[0]
    targets: list[cst.BaseExpression] = []
    if isinstance(small, cst.Assign):
        targets = [target.target for target in small.targets]
    elif isinstance(small, cst.AnnAssign):
        targets = [small.target]
    return targets[0].value if len(targets) == 1 and isinstance(targets[0], cst.Name) else None


def _check_variable(made: Made, variable: str) -> None:
    """Raises `Refused` where the variable is kept by the author already, or is not always this pool."""
    if scopes.bound(made.function)[variable] != 1 or variable in scopes.declared(made.function):
        raise Refused


def _is_taken(made: Made, variable: str) -> bool:
    return made.site.is_global(variable) or variable in ALWAYS_THERE


def _other_name(made: Made, variable: str) -> str | None:
    """A free name for the global, where all uses of the variable in the function can be told to mean that."""
    new = f"_{variable}"
    nested = [node for node in preorder(made.function) if isinstance(node, (*_SCOPES, *scopes.COMPREHENSIONS))][1:]
    if any(name.value == variable and binds for node in nested for name, binds in scopes.variables(node)):
        return None
    mentioned = (name.value for name, _ in scopes.variables(made.function))
    return None if _is_taken(made, new) or new in mentioned else new


def _is_movable(made: Made, variable: str) -> bool:
    """Can the assignment itself become the module's, so that the function goes on with the global?"""
    outer = list(scopes.functions_around(made.places, made.function))
    if variable.startswith("__") or any(variable in scopes.bound(function) for function in outer):
        return False
    for parent, child in made.places.path(made.call):
        if parent is made.function:
            return True
        if isinstance(parent, cst.Try) and child is not parent.body:
            return False
        if isinstance(parent, cst.BaseCompoundStatement) and not isinstance(parent, _RUNS_ONCE):
            return False
    return False


def _known_global(made: Made) -> str | None:
    """The global that the module binds to the very same call, if there is one."""
    code = _call_code(made)
    for index, statement in enumerate(made.site.statements):
        text = made.site.text_of(index)
        if len(statement.defines) != 1 or made.site.is_definition(index) or not text.rstrip().endswith(code):
            continue
        (name,) = statement.defines
        head = re.fullmatch(rf"{re.escape(name)}[ \t]*(?::[^=\r\n]+)?=[ \t]*", text.rstrip()[: -len(code)])
        if head and _is_bound_once(made.site, name):
            return name
    return None


def _is_bound_once(site: Site, name: str) -> bool:
    times = sum(statement.defines.count(name) for statement in site.statements)
    return times == 1 and not any(site.imports_of(name)) and not site.is_rebound(name)


def _call_code(made: Made) -> str:
    """The text of the call as it reads at the margin."""
    lines, span = Lines(made.places), made.places.span(made.call)
    lines.dedent(range(span.line + 1, span.end_line + 1), "", lines.indentation(span.line))
    start, end = made.places.offsets(made.call)
    whole = lines.edit(range(span.line, span.end_line + 1))
    return whole.text[start - whole.start : len(whole.text) - (whole.end - end)]


def _in_place(made: Made, known: str | None, variable: str | None) -> tuple[Edit, ...]:
    """The call gives way to a global's name; the statement around it stays."""
    start, end = made.places.offsets(made.call)
    name = known or _new_name(made)
    if name in scopes.hidden(made.places, made.call):
        raise Refused
    if not variable and disposals(made.function):
        raise Refused  # it may be this one, under a name that is not looked for
    edits = [Edit(start, end, name)]
    if not known:
        edits.append(_global(made, f"{name} = {_call_code(made)}{newline(made.text, start)}", [made.call]))
    elif any(start <= made.places.offsets(comment)[0] < end for comment in made.places.comments):
        raise Refused
    lines = Lines(made.places)
    if variable:
        _stop_disposing(made, lines, variable, [])
    return (*edits, *lines.edits())


def _new_name(made: Made) -> str:
    function = made.call.func.attr if isinstance(made.call.func, cst.Attribute) else made.call.func
    called = function.value.lower() if isinstance(function, cst.Name) else ""
    name = "_pool" if "pool" in called else "_database" if "database" in called else "_engine"
    if made.site.is_global(name):
        raise Refused
    return name


@dataclass(frozen=True, slots=True)
class _Move:
    """The name that the pool has from now on, and whether the module has it already."""

    name: str
    known: bool


def _moved(made: Made, line: cst.SimpleStatementLine, variable: str, move: _Move) -> tuple[Edit, ...]:
    """The assignment goes up, with the factories that follow it; the function uses the global."""
    small = line.body[0]
    if isinstance(small, cst.AnnAssign) and not move.known:
        check_names(made, small.annotation)
    going = [line, *(_factories(made, line, variable) if not move.known else ())]
    lines = Lines(made.places)
    if move.name != variable:
        lines.rename((name for name, _ in scopes.variables(made.function.body) if name.value == variable), move.name)
    if move.known:
        closing.remove(lines, [line])
    texts = [] if move.known else [_taken_out(lines, _with_comments(made, lines, line)) for line in going]
    _close_gaps(made, lines, _block_of(made, line), going)
    _stop_disposing(made, lines, variable, going)
    edits = tuple(lines.edits())
    return edits if move.known else (*edits, _global(made, "".join(texts), going))


def _with_comments(made: Made, lines: Lines, line: cst.SimpleStatementLine) -> range:
    """The lines of a statement and of the comments right above it, which are about it."""
    numbers = span_of(made.places, line)
    first, base = numbers.start, lines.indentation(numbers.start)
    while lines[first - 1].startswith(f"{base}#"):
        first -= 1
    return range(first, numbers.stop)


def _taken_out(lines: Lines, numbers: range) -> str:
    """The whole lines of a statement, comment included, as they read at the margin; they are gone from `lines`."""
    lines.dedent(numbers, "", lines.indentation(numbers.start))
    text = "".join(lines[number] for number in numbers)
    for number in numbers:
        lines[number] = ""
    return text if ends_line(text) else text + lines.end(numbers.start)


def _block_of(made: Made, line: cst.SimpleStatementLine) -> cst.IndentedBlock:
    parent = next(parent for parent, child in made.places.path(line))
    if not isinstance(parent, cst.IndentedBlock):
        raise Refused
    return parent


def _factories(made: Made, line: cst.SimpleStatementLine, variable: str) -> Iterator[cst.SimpleStatementLine]:
    """The session factories below the pool, in its block, that need nothing else from the function."""
    block, known = _block_of(made, line), {variable}
    for statement in block.body[block.body.index(line) + 1 :]:
        name = (
            _name_of(statement) if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1 else None
        )
        if name and isinstance(statement, cst.SimpleStatementLine) and _goes_along(made, statement, name, known):
            known.add(name)
            yield statement


def _goes_along(made: Made, line: cst.SimpleStatementLine, name: str, known: set[str]) -> bool:
    small = line.body[0]
    value = getattr(small, "value", None)
    if not isinstance(value, cst.Call) or not _is_factory(value) or scopes.free(value).isdisjoint(known):
        return False
    try:
        _check_variable(made, name)
        check_names(made, value, besides=frozenset(known))
        if isinstance(small, cst.AnnAssign):
            check_names(made, small.annotation)
    except Refused:
        return False
    return not _is_taken(made, name) and _is_movable(made, name)


def _is_factory(value: cst.Call) -> bool:
    name = value.func.attr if isinstance(value.func, cst.Attribute) else value.func
    return isinstance(name, cst.Name) and name.value in _FACTORIES


def _close_gaps(made: Made, lines: Lines, block: cst.IndentedBlock, going: Sequence[cst.CSTNode]) -> None:
    """Two gaps shall not become one, and none be left where the block began with what went."""
    begins = True
    for statement in block.body:
        numbers = span_of(made.places, statement)
        if statement in going:
            above = numbers.start - 1
            while not lines[above]:
                above -= 1
            if begins or not lines[above].strip():
                lines.close_gap(numbers.stop)
        else:
            begins = False


def _stop_disposing(made: Made, lines: Lines, variable: str, going: list[cst.SimpleStatementLine]) -> None:
    """`variable.dispose()` would close what all callers share."""
    if isinstance(made.function.body, cst.SimpleStatementSuite):
        raise Refused
    tries = list(closing.tries(made.function.body, variable, closing.DISPOSES))
    inside = {inner for node in tries if node.finalbody for inner in preorder(node.finalbody)}
    disposing = [
        node
        for node in preorder(made.function.body)
        if closing.closes(node, variable, closing.DISPOSES) and node not in inside
    ]
    closing.remove(lines, disposing)
    closing.fill(lines, made.function.body, [*going, *disposing])
    for node in reversed(tries):
        closing.dissolve(lines, node)
    if disposals(made.function, variable) > len(disposing) + sum(map(_length, tries)):
        raise Refused


def _length(node: cst.Try) -> int:
    return len(node.finalbody.body.body) if node.finalbody else 0


def _global(made: Made, code: str, nodes: Sequence[cst.CSTNode]) -> Edit:
    """The new lines, above the first function or class that makes the same pool, with blank lines as there are."""
    index = _home(made, nodes)
    text, place = made.text, above(made.site, index)
    blanks = 2
    if index:
        gap = text[made.site.statements[index - 1].end : place]
        blanks = min(max(sum(1 for _ in line_ends(gap)), 1), 2)
    return Edit(place, place, code + newline(text, place) * blanks)


def _home(made: Made, nodes: Sequence[cst.CSTNode]) -> int:
    start, end = made.places.offsets(made.call)
    code = made.text[start:end]
    bound = {name.value for node in nodes for name, binds in scopes.variables(node) if binds}
    needs = frozenset(name for node in nodes for name in scopes.free(node)) - bound
    for index in range(made.statement):
        if made.site.is_definition(index) and code in made.site.text_of(index):
            known = made.site.module_names_before(index)
            if all(name in known or name in ALWAYS_THERE for name in needs):
                return index
    return made.statement
