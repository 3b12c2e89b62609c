"""What stands where in a file? Its top-level statements, imports, names defined and names mentioned.

Made with the standard library's `ast`, which is ten times as fast as LibCST; it judges nothing. A file that the
running Python cannot parse is outlined by LibCST as a whole, so that newer syntax is no syntax error.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

import msgspec

from dbpool_lint.model import Problem, Source

_LINE_END = re.compile(r"\r\n|\r|\n")
_DEEPEST = 200
_MOST_BRACKETS = 200
_LONGEST_EXPRESSION = 600
_TOKEN = re.compile(
    r"""'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\""""
    r"|#[^\r\n]*|\\\r?\n|[\r\n]|\w+|[^\w\s]",
    re.DOTALL,
)
_CONFIG_PREFIX = "SQLALCHEMY_"


class Binding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name that an import binds: `from ..db import engine as e` is `("e", "db", "engine", 2)`.

    `name` is empty for `import module`; there `local` stands for `module` itself, or for its first part when
    no `as` was given.
    """

    local: str
    module: str
    name: str
    level: int
    typing_only: bool = False


class Statement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A top-level statement. Lines count from 1 and are inclusive; offsets are in characters.

    `mentions` are the names it uses, with the attributes behind them: `db.session.get`. `imports` bind names of the
    module, `inner` those of functions inside. `kind` is "def", "async", "class" or "" for anything else; `needs`
    are the mentions in its decorators and base classes, `depth` how many nodes stand inside one another,
    and `calls` those of the mentions that are called other than by `with`.
    """

    line: int
    end_line: int
    start: int
    end: int
    defines: tuple[str, ...]
    mentions: frozenset[str]
    imports: tuple[Binding, ...]
    inner: tuple[Binding, ...] = ()
    kind: str = ""
    needs: frozenset[str] = frozenset()
    depth: int = 0
    calls: frozenset[str] = frozenset()


class Outline(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file's top-level statements, the modules it imports everything from, and what kind of file it looks like."""

    name: str
    statements: tuple[Statement, ...]
    stars: tuple[tuple[str, int], ...] = ()
    main_guard: bool = False

    def defined(self) -> dict[str, list[int]]:
        """The module's global names with the indices of the statements that bind them, imports aside."""
        found: dict[str, list[int]] = {}
        for index, statement in enumerate(self.statements):
            for name in statement.defines:
                found.setdefault(name, []).append(index)
        return found


def line_starts(text: str) -> list[int]:
    """Offsets of the first character of every line; form feeds end no line, as in Python's tokenizer."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def outline(source: Source) -> Outline | Problem:
    """Outline a file, or say why it cannot be parsed. Never raises for bad input."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.text, source.name)
    except SyntaxError as error:
        return _by_libcst(source, error)
    except (ValueError, RecursionError, MemoryError) as error:
        return Problem(source.name, 1, f"cannot be parsed: {_reason(error)}")
    try:
        return _outlined(source, tree)
    except RecursionError as error:
        return Problem(source.name, 1, f"cannot be parsed: {_reason(error)}")


def _reason(error: BaseException) -> str:
    if isinstance(error, (RecursionError, MemoryError)):
        return "nested too deeply"
    return str(error) or type(error).__name__


def _outlined(source: Source, tree: ast.Module) -> Outline:
    starts = line_starts(source.text)
    stars: list[tuple[str, int]] = []
    statements = tuple(_statements(tree.body, starts, len(source.text), stars))
    guard = any(isinstance(node, ast.If) and _is_main_guard(node.test) for node in tree.body)
    return Outline(source.name, statements, tuple(stars), guard)


def _statements(
    body: list[ast.stmt], starts: list[int], size: int, stars: list[tuple[str, int]]
) -> Iterator[Statement]:
    groups: list[list[ast.stmt]] = []
    for node in body:
        if groups and _first_line(node) <= (groups[-1][-1].end_lineno or 0):
            groups[-1].append(node)  # `a = 1; b = 2` shares a line and is parsed as one piece
        else:
            groups.append([node])
    for group in groups:
        seen = _Seen()
        for node in group:
            seen.top(node)
        stars.extend(seen.stars)
        line, end_line = _first_line(group[0]), group[-1].end_lineno or group[-1].lineno
        end = starts[end_line] if end_line < len(starts) else size
        yield Statement(
            line,
            end_line,
            starts[line - 1],
            end,
            tuple(dict.fromkeys(seen.defines)),
            frozenset(seen.mentions),
            tuple(seen.imports),
            tuple(seen.inner),
            _kind(group),
            frozenset(seen.needs),
            seen.depth,
            frozenset(seen.calls),
        )


def _kind(group: list[ast.stmt]) -> str:
    kinds = {ast.ClassDef: "class", ast.FunctionDef: "def", ast.AsyncFunctionDef: "async"}
    return kinds.get(type(group[0]), "")


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _is_main_guard(test: ast.expr) -> bool:
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    texts = {node.value for node in ast.walk(test) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return "__name__" in names and "__main__" in texts


class _Seen:
    """What one top-level statement defines, imports and mentions."""

    def __init__(self) -> None:
        self.defines: list[str] = []
        self.mentions: set[str] = set()
        self.imports: list[Binding] = []
        self.stars: list[tuple[str, int]] = []
        self.inner: list[Binding] = []
        self.needs: set[str] = set()
        self.depth = 0
        self.calls: set[str] = set()

    def top(self, node: ast.stmt) -> None:
        self.define(node, typing_only=False)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for part in (*node.decorator_list, *(node.bases if isinstance(node, ast.ClassDef) else ())):
                self.mention(part)
            self.needs.update(self.mentions)
        self.mention(node)
        known = {binding.local for binding in self.imports}
        self.inner = [binding for binding in self.inner if binding.local not in known]

    def define(self, node: ast.stmt, *, typing_only: bool) -> None:
        """Names bound at module level, through `if`, `try`, `with` and loops but not into functions."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.defines.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.bind(node, typing_only=typing_only)
        else:
            typing_only = typing_only or (isinstance(node, ast.If) and _mentions_type_checking(node.test))
            self.defines.extend(_targets(node))
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    self.define(child, typing_only=typing_only)
                elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                    for inner in child.body:
                        self.define(inner, typing_only=typing_only)

    def bind(self, node: ast.Import | ast.ImportFrom, *, typing_only: bool) -> None:
        for binding in bindings(node, typing_only=typing_only):
            if binding.local == "*":
                self.stars.append((binding.module, binding.level))
            else:
                self.imports.append(binding)

    def mention(self, root: ast.AST) -> None:
        """Note the names that a tree uses, and what is called and imported in it."""
        stack: list[tuple[ast.AST, int]] = [(root, 1)]
        managed: set[int] = set()
        while stack:
            node, depth = stack.pop()
            self.depth = max(self.depth, depth)
            if isinstance(node, ast.withitem):
                managed.add(id(node.context_expr))  # what `with` makes, it closes
            elif isinstance(node, ast.Call) and id(node) not in managed:
                self.calls.add(_dotted(node.func))
            stack.extend((child, depth + 1) for child in self._named(node))

    def _named(self, node: ast.AST) -> Iterator[ast.AST]:
        """Note the names of one node; the nodes below that are yet to be looked at."""
        if isinstance(node, ast.Name):
            self.mentions.add(node.id)
        elif isinstance(node, ast.Attribute):
            chain = _dotted(node)
            self.mentions.add(chain or "." + node.attr)
            if not chain:
                yield node.value
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found = [binding for binding in bindings(node) if binding.local != "*"]
            self.inner.extend(found)
            self.mentions.update(binding.local for binding in found)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and node.value.startswith(_CONFIG_PREFIX):
                self.mentions.add(node.value)
        else:
            yield from ast.iter_child_nodes(node)


def bindings(node: ast.Import | ast.ImportFrom, *, typing_only: bool = False) -> Iterator[Binding]:
    """The names an import statement binds; `local` is `*` for a star import."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Binding(alias.asname or alias.name, node.module or "", alias.name, node.level, typing_only)
        elif alias.asname:
            yield Binding(alias.asname, alias.name, "", 0, typing_only)
        else:
            first = alias.name.partition(".")[0]
            yield Binding(first, first, "", 0, typing_only)


def _mentions_type_checking(test: ast.expr) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        or (isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING")
        for node in ast.walk(test)
    )


def _targets(node: ast.stmt) -> Iterator[str]:
    """Names that a statement binds by itself: assignments, loops, `with … as`, and walrus operators left aside."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor)):
        targets = [node.target]
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        targets = [item.optional_vars for item in node.items if item.optional_vars]
    for target in targets:
        for child in ast.walk(target):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
        if len(parts) > _DEEPEST:
            return ""
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _by_libcst(source: Source, error: SyntaxError) -> Outline | Problem:
    """One statement that is the whole file, when LibCST knows syntax that the running Python does not."""
    import libcst as cst  # rarely needed, and slow to import

    from dbpool_lint.sources.syntax import UNREADABLE

    problem = Problem(source.name, error.lineno or 1, f"cannot be parsed: {error.msg}")
    if "\0" in source.text or not _is_shallow(source.text):
        return problem  # LibCST takes NUL in strings; and its parser would overflow the stack of the process
    try:
        module = cst.parse_module(source.text)
    except (*UNREADABLE, RecursionError):
        return problem
    names = frozenset(re.findall(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*", source.text))
    last = source.text.count("\n") + 1
    found = tuple(_imports_by_libcst(module))
    defines = tuple(_defines_by_libcst(module))
    statement = Statement(1, last, 0, len(source.text), defines, names, found)
    return Outline(source.name, (statement,))


def _is_shallow(text: str) -> bool:
    """Whether no expression is longer, and no bracket deeper, than a native parser can take.

    Tokens are counted from the last comma of each open bracket, since what commas part does not nest; lambdas do.
    """
    counts, total, lambdas = [0], 0, 0
    for token in _TOKEN.findall(text):
        total += 1
        counts[-1] += 1
        if token in "([{":
            counts.append(0)
        elif token in ")]}" and len(counts) > 1:
            total -= counts.pop()
        elif token == "," or (token in "\r\n;" and len(counts) == 1):
            lambdas = lambdas if token == "," else 0
            total -= counts[-1]
            counts[-1] = 0
        elif token == "lambda":
            lambdas += 1
        if total + lambdas > _LONGEST_EXPRESSION or len(counts) > _MOST_BRACKETS:
            return False
    return True


def _imports_by_libcst(root: object) -> Iterator[Binding]:
    import libcst as cst

    assert isinstance(root, cst.Module)
    for line in root.body:
        if not isinstance(line, cst.SimpleStatementLine):
            continue
        for small in line.body:
            if isinstance(small, (cst.Import, cst.ImportFrom)):
                parsed = ast.parse(cst.Module([]).code_for_node(small)).body[0]
                assert isinstance(parsed, (ast.Import, ast.ImportFrom))
                yield from (binding for binding in bindings(parsed) if binding.local != "*")


def _defines_by_libcst(root: object) -> Iterator[str]:
    import libcst as cst

    assert isinstance(root, cst.Module)
    for line in root.body:
        if isinstance(line, (cst.FunctionDef, cst.ClassDef)):
            yield line.name.value
        elif isinstance(line, cst.SimpleStatementLine):
            for small in line.body:
                if isinstance(small, cst.Assign):
                    yield from (t.target.value for t in small.targets if isinstance(t.target, cst.Name))
