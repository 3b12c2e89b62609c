"""How does a pool made on every call become one global of the module, and when can it not?"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from dbpool_lint.fixing import closing, scopes
from dbpool_lint.fixing.layout import past
from dbpool_lint.fixing.lines import Lines, span_of
from dbpool_lint.fixing.recipes import HoistToModule
from dbpool_lint.fixing.site import Refused, Site, above, ends_line, line_ends, newline
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places, preorder

_FACTORIES = frozenset({"async_scoped_session", "async_sessionmaker", "scoped_session", "sessionmaker"})
_TAKES_OVER = frozenset({"aclosing", "closing", "enter_async_context", "enter_context", "push", "push_async_exit"})
_ALWAYS_THERE = frozenset({*dir(builtins), "__file__", "__name__", "__package__", "__spec__"})
_SCOPES = (cst.FunctionDef, cst.ClassDef, cst.Lambda)
_RUNS_ONCE = (cst.FunctionDef, cst.With, cst.Try)


@dataclass(frozen=True, slots=True)
class _Made:
    """The call that makes a pool, and the function that it is made in anew each time."""

    site: Site
    statement: int
    places: Places
    call: cst.Call
    function: cst.FunctionDef

    @property
    def text(self) -> str:
        return self.site.source.text


def hoist(site: Site, recipe: HoistToModule) -> tuple[Edit, ...]:
    made = _made(site, recipe.call.statement, recipe.call.node)
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


def _made(site: Site, statement: int, number: int) -> _Made:
    places = site.places(statement)
    call = places.node(number)
    function = next(scopes.functions_around(places, call), None)
    if not isinstance(call, cst.Call) or not isinstance(function, cst.FunctionDef):
        raise Refused
    made = _Made(site, statement, places, call, function)
    if _is_used_up(made) or _is_made_otherwise(made):
        raise Refused
    _check_names(made, call)
    start, _ = places.offsets(call)
    bracket = past(made.text, places.whole(call.func)[1])
    if any(True for _ in line_ends(made.text[start:bracket])):
        raise Refused  # it is held together by brackets that stay behind
    return made


def _is_used_up(made: _Made) -> bool:
    """Is it awaited, or closed by the `with` it stands in, so that it cannot serve twice?"""
    parent, child = next(made.places.path(made.call))
    if isinstance(parent, cst.Arg):
        outer = next(above for above, below in made.places.path(made.call) if below is parent)
        function = outer.func if isinstance(outer, cst.Call) else None
        name = function.attr if isinstance(function, cst.Attribute) else function
        return isinstance(name, cst.Name) and name.value in _TAKES_OVER
    return isinstance(parent, cst.Await) or (isinstance(parent, cst.WithItem) and child is parent.item)


def _is_made_otherwise(made: _Made) -> bool:
    """Is it made once for a class or a default value, or many times by a comprehension?"""
    for parent, _ in made.places.path(made.call):
        if parent is made.function:
            return False
        if isinstance(parent, (cst.ClassDef, cst.FunctionDef, *scopes.COMPREHENSIONS)):
            return True
    return True


def _check_names(made: _Made, node: cst.CSTNode, *, besides: frozenset[str] = frozenset()) -> None:
    """Raises `Refused` unless every name in `node` is known, and means one thing, above the function."""
    names = scopes.free(node) - besides
    if any(isinstance(inner, (cst.Await, cst.Yield, cst.NamedExpr)) for inner in preorder(node)):
        raise Refused
    if names & scopes.hidden(made.places, made.call):
        raise Refused
    known = made.site.module_names_before(made.statement)
    if any(made.site.is_rebound(name) or not (name in known or _is_builtin(made.site, name)) for name in names):
        raise Refused


def _is_builtin(site: Site, name: str) -> bool:
    return name in _ALWAYS_THERE and not site.is_global(name)


def _assignment(made: _Made) -> cst.SimpleStatementLine | None:
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


def _check_variable(made: _Made, variable: str) -> None:
    """Raises `Refused` where the variable is kept by the author already, or is not always this pool."""
    if scopes.bound(made.function)[variable] != 1 or variable in scopes.declared(made.function):
        raise Refused


def _is_taken(made: _Made, variable: str) -> bool:
    return made.site.is_global(variable) or variable in _ALWAYS_THERE


def _other_name(made: _Made, variable: str) -> str | None:
    """A free name for the global, where all uses of the variable in the function can be told to mean that."""
    new = f"_{variable}"
    nested = [node for node in preorder(made.function) if isinstance(node, (*_SCOPES, *scopes.COMPREHENSIONS))][1:]
    if any(name.value == variable and binds for node in nested for name, binds in scopes.variables(node)):
        return None
    mentioned = (name.value for name, _ in scopes.variables(made.function))
    return None if _is_taken(made, new) or new in mentioned else new


def _is_movable(made: _Made, variable: str) -> bool:
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


def _known_global(made: _Made) -> str | None:
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


def _call_code(made: _Made) -> str:
    """The text of the call as it reads at the margin."""
    lines, span = Lines(made.places), made.places.span(made.call)
    lines.dedent(range(span.line + 1, span.end_line + 1), "", lines.indentation(span.line))
    start, end = made.places.offsets(made.call)
    whole = lines.edit(range(span.line, span.end_line + 1))
    return whole.text[start - whole.start : len(whole.text) - (whole.end - end)]


def _in_place(made: _Made, known: str | None, variable: str | None) -> tuple[Edit, ...]:
    """The call gives way to a global's name; the statement around it stays."""
    start, end = made.places.offsets(made.call)
    name = known or _new_name(made)
    if name in scopes.hidden(made.places, made.call):
        raise Refused
    edits = [Edit(start, end, name)]
    if not known:
        edits.append(_global(made, f"{name} = {_call_code(made)}{newline(made.text, start)}", [made.call]))
    elif any(start <= made.places.offsets(comment)[0] < end for comment in made.places.comments):
        raise Refused
    lines = Lines(made.places)
    if variable:
        _stop_disposing(made, lines, variable, [])
    return (*edits, *lines.edits())


def _new_name(made: _Made) -> str:
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


def _moved(made: _Made, line: cst.SimpleStatementLine, variable: str, move: _Move) -> tuple[Edit, ...]:
    """The assignment goes up, with the factories that follow it; the function uses the global."""
    small = line.body[0]
    if isinstance(small, cst.AnnAssign) and not move.known:
        _check_names(made, small.annotation)
    going = [line, *(_factories(made, line, variable) if not move.known else ())]
    lines = Lines(made.places)
    if move.name != variable:
        lines.rename((name for name, _ in scopes.variables(made.function) if name.value == variable), move.name)
    if move.known:
        closing.remove(lines, [line])
    texts = [] if move.known else [_taken_out(lines, span_of(made.places, statement)) for statement in going]
    _close_gap(made, lines, line, going)
    _stop_disposing(made, lines, variable, going)
    edits = tuple(lines.edits())
    return edits if move.known else (*edits, _global(made, "".join(texts), going))


def _taken_out(lines: Lines, numbers: range) -> str:
    """The whole lines of a statement, comment included, as they read at the margin; they are gone from `lines`."""
    lines.dedent(numbers, "", lines.indentation(numbers.start))
    text = "".join(lines[number] for number in numbers)
    for number in numbers:
        lines[number] = ""
    return text if ends_line(text) else text + lines.end(numbers.start)


def _block_of(made: _Made, line: cst.SimpleStatementLine) -> cst.IndentedBlock:
    parent = next(parent for parent, child in made.places.path(line))
    if not isinstance(parent, cst.IndentedBlock):
        raise Refused
    return parent


def _factories(made: _Made, line: cst.SimpleStatementLine, variable: str) -> Iterator[cst.SimpleStatementLine]:
    """The session factories directly behind the pool that need nothing else from the function."""
    block, known = _block_of(made, line), {variable}
    for statement in block.body[block.body.index(line) + 1 :]:
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            return
        name = _name_of(statement)
        value = getattr(statement.body[0], "value", None)
        if name is None or not isinstance(value, cst.Call) or not _is_factory(value):
            return
        if scopes.free(value).isdisjoint(known):
            return
        try:
            _check_variable(made, name)
            _check_names(made, value, besides=frozenset(known))
        except Refused:
            return
        if _is_taken(made, name) or not _is_movable(made, name):
            return
        known.add(name)
        yield statement


def _is_factory(value: cst.Call) -> bool:
    name = value.func.attr if isinstance(value.func, cst.Attribute) else value.func
    return isinstance(name, cst.Name) and name.value in _FACTORIES


def _close_gap(made: _Made, lines: Lines, line: cst.SimpleStatementLine, going: list[cst.SimpleStatementLine]) -> None:
    """No blank line shall be left where the block began with what went."""
    block = _block_of(made, line)
    first = span_of(made.places, line).start
    if block.body[0] is line or not lines[first - 1].strip():
        lines.close_gap(span_of(made.places, going[-1]).stop)


def _stop_disposing(made: _Made, lines: Lines, variable: str, going: list[cst.SimpleStatementLine]) -> None:
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
    if _disposals(made.function, variable) > len(disposing) + sum(map(_length, tries)):
        raise Refused


def _length(node: cst.Try) -> int:
    return len(node.finalbody.body.body) if node.finalbody else 0


def _disposals(function: cst.FunctionDef, variable: str) -> int:
    """How often `variable.dispose` is mentioned."""
    return sum(
        isinstance(node, cst.Attribute)
        and node.attr.value in closing.DISPOSES
        and isinstance(node.value, cst.Name)
        and node.value.value == variable
        for node in preorder(function)
    )


def _global(made: _Made, code: str, nodes: Sequence[cst.CSTNode]) -> Edit:
    """The new lines, above the first function or class that makes the same pool, with blank lines as there are."""
    index = _home(made, nodes)
    text, place = made.text, above(made.site, index)
    blanks = 2
    if index:
        gap = text[made.site.statements[index - 1].end : place]
        blanks = min(max(sum(1 for _ in line_ends(gap)), 1), 2)
    return Edit(place, place, code + newline(text, place) * blanks)


def _home(made: _Made, nodes: Sequence[cst.CSTNode]) -> int:
    start, end = made.places.offsets(made.call)
    code = made.text[start:end]
    bound = {name.value for node in nodes for name, binds in scopes.variables(node) if binds}
    needs = frozenset(name for node in nodes for name in scopes.free(node)) - bound
    for index in range(made.statement):
        if made.site.is_definition(index) and code in made.site.text_of(index):
            known = made.site.module_names_before(index)
            if all(name in known or name in _ALWAYS_THERE for name in needs):
                return index
    return made.statement
