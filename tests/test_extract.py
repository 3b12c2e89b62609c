"""Do facts say what a text says, and do their numbers lead back to the places they were read from?"""

from __future__ import annotations

import ast
import functools
import os
import random
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import libcst as cst
import msgspec
import pytest
from hypothesis import given
from programs import sources

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.extract import extract
from dbpool_lint.model import Source, Span
from dbpool_lint.sources import syntax
from dbpool_lint.sources.outline import Binding, Outline, outline

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
SAMPLE = int(os.environ.get("DBPOOL_LINT_SAMPLE", "0"))
SAMPLE_SIZE = 10
LARGEST = 30_000


def _chunk(text: str) -> syntax.Chunk:
    return syntax.parse(Source(Path("app.py"), "app.py", text), 1, 0, len(text))


def _facts(text: str) -> tuple[facts.Stmt, ...]:
    return extract(_chunk(textwrap.dedent(text).strip("\n") + "\n"))


def _shown(value: object) -> str:
    """Facts as text, without their numbers: `Call(Name(f), (Const(1),), ())`."""
    if isinstance(value, tuple) and not isinstance(value, msgspec.Struct):
        return f"({', '.join(map(_shown, value))})"
    if isinstance(value, msgspec.Struct):
        fields = [getattr(value, name) for name in value.__struct_fields__ if name != "at"]
        return f"{type(value).__name__}({', '.join(map(_shown, fields))})"
    return repr(value) if isinstance(value, str) else str(value)


def _statement(text: str) -> str:
    return ", ".join(_shown(fact) for fact in _facts(text))


def _expression(text: str) -> str:
    (fact,) = _facts(f"({text})")
    assert isinstance(fact, facts.Evaluate)
    return _shown(fact.value)


EXPRESSIONS = {
    "name": "Name('name')",
    "a.b.c": "Attr(Attr(Name('a'), 'b'), 'c')",
    "'text'": "Const('text')",
    '"""long"""': "Const('long')",
    "''": "Const('')",
    "'''it''s'''": "Const(\"it''s\")",
    r"'a\tb\d'": r"Const('a\tb\\d')",
    r"r'a\d'": r"Const('a\\d')",
    "u'a'": "Const('a')",
    "b'bytes'": "Opaque(())",
    "'a' 'b'": "Const('ab')",
    "1_000": "Const(1000)",
    "1.5": "Const(1.5)",
    "0xff": "Const(255)",
    "-1": "Const(-1)",
    "--1": "Const(1)",
    "-x": "Opaque((Name('x')))",
    "~1": "Opaque((Const(1)))",
    "+1": "Opaque((Const(1)))",
    "1j": "Opaque(())",
    "...": "Opaque(())",
    str(2**63): "Opaque(())",
    "True": "Const(True)",
    "False": "Const(False)",
    "None": "Const(None)",
    "f'a{b}c{d!r:>{e}}'": "Text((Const('a'), Name('b'), Const('c'), Name('d')))",
    "'a' f'{b}'": "Text((Const('a'), Text((Name('b')))))",
    "f()": "Call(Name('f'), (), ())",
    "f(a, *b, k=1, **c)": "Call(Name('f'), (Name('a'), Star(Name('b'))), "
    "(Keyword('k', Const(1)), Keyword('', Name('c'))))",
    "await a": "Await(Name('a'))",
    "(yield)": "Yield(None, False)",
    "(yield a)": "Yield(Name('a'), False)",
    "(yield from a)": "Yield(Name('a'), True)",
    "()": "Sequence('tuple', ())",
    "(a, *b)": "Sequence('tuple', (Name('a'), Star(Name('b'))))",
    "[a]": "Sequence('list', (Name('a')))",
    "{a}": "Sequence('set', (Name('a')))",
    "{}": "Mapping(())",
    "{a: 1, **b}": "Mapping((Pair(Name('a'), Const(1)), Pair(None, Name('b'))))",
    "a if b else c": "Choice(Name('b'), Name('a'), Name('c'))",
    "a and b": "Logic('and', (Name('a'), Name('b')))",
    "a or b": "Logic('or', (Name('a'), Name('b')))",
    "not a": "Logic('not', (Name('a')))",
    "a < b is not c": "Compare(Name('a'), ('<', 'is not'), (Name('b'), Name('c')))",
    "a not in b": "Compare(Name('a'), ('not in'), (Name('b')))",
    "a % b": "Binary('%', Name('a'), Name('b'))",
    "a[b]": "Item(Name('a'), Name('b'))",
    "a[b, c]": "Item(Name('a'), Sequence('tuple', (Name('b'), Name('c'))))",
    "a[b:c]": "Item(Name('a'), Opaque((Name('b'), Name('c'))))",
    "(a := b)": "Walrus(Name('a'), Name('b'))",
    "lambda a, *b: c": "Lambda((Param('a', None, None, ''), Param('b', None, None, '*')), Name('c'))",
    "[a for b in c]": "Comprehension('list', (Name('a')), (Clause(Name('b'), Name('c'), (), False)))",
    "{a for b in c if d if e}": "Comprehension('set', (Name('a')), "
    "(Clause(Name('b'), Name('c'), (Name('d'), Name('e')), False)))",
    "{a: b for c in d}": "Comprehension('dict', (Name('a'), Name('b')), (Clause(Name('c'), Name('d'), (), False)))",
    "(a for b in c async for d in e)": "Comprehension('generator', (Name('a')), "
    "(Clause(Name('b'), Name('c'), (), False), Clause(Name('d'), Name('e'), (), True)))",
}


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS.items(), ids=[text[:30] for text in EXPRESSIONS])
def test_an_expression_is_told_as_plain_data(text: str, expected: str) -> None:
    assert _expression(text) == expected


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "//", "%", "**", "@", "<<", ">>", "|", "&", "^"])
def test_operators_are_told_as_they_are_written(op: str) -> None:
    assert _expression(f"a {op} b") == f"Binary('{op}', Name('a'), Name('b'))"
    assert _statement(f"a {op}= b") == f"Augment('{op}=', Name('a'), Name('b'))"


@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in"])
def test_comparisons_are_told_as_they_are_written(op: str) -> None:
    assert _expression(f"a {op} b") == f"Compare(Name('a'), ('{op}'), (Name('b')))"


STATEMENTS = {
    "a = b.c = 1": "Assign((Name('a'), Attr(Name('b'), 'c')), Const(1), None)",
    "a, b = c": "Assign((Sequence('tuple', (Name('a'), Name('b')))), Name('c'), None)",
    "a: int = 1": "Assign((Name('a')), Const(1), Name('int'))",
    "a: int": "Declare(Name('a'), Name('int'))",
    "a; b": "Evaluate(Name('a')), Evaluate(Name('b'))",
    "raise": "Raise(None, None)",
    "raise a from b": "Raise(Name('a'), Name('b'))",
    "del a": "Delete((Name('a')))",
    "del a, b[0]": "Delete((Name('a'), Item(Name('b'), Const(0))))",
    "assert a, b": "Assert(Name('a'))",
    "pass": "Jump('pass')",
    "while a:\n    break\nelse:\n    b": "While(Name('a'), (Jump('break')), (Evaluate(Name('b'))))",
    "for a in b: continue": "For(Name('a'), Name('b'), (Jump('continue')), (), False)",
    "for a in b:\n    c\nelse:\n    d": "For(Name('a'), Name('b'), "
    "(Evaluate(Name('c'))), (Evaluate(Name('d'))), False)",
    "global a, b": "Scope('global', ('a', 'b'))",
    "import a.b as c, d": "Import((Binding('c', 'a.b', '', 0, False), Binding('d', 'd', '', 0, False)))",
    "from ..a import (b as c,); d": "Import((Binding('c', 'a', 'b', 2, False))), Evaluate(Name('d'))",
    "if a:\n    b\nelif c:\n    d\nelse:\n    e": "If(Name('a'), (Evaluate(Name('b'))), "
    "(If(Name('c'), (Evaluate(Name('d'))), (Evaluate(Name('e'))))))",
    "with a as b, c:\n    d": "With((Entered(Name('a'), Name('b')), Entered(Name('c'), None)), "
    "(Evaluate(Name('d'))), False)",
    "try:\n    a\nexcept (B, C) as d:\n    e\nexcept:\n    f\nelse:\n    g\nfinally:\n    h": "Try("
    "(Evaluate(Name('a'))), "
    "(Handler(Sequence('tuple', (Name('B'), Name('C'))), 'd', (Evaluate(Name('e')))), "
    "Handler(None, '', (Evaluate(Name('f'))))), (Evaluate(Name('g'))), (Evaluate(Name('h'))), False)",
    "try:\n    a\nexcept* B as c:\n    d": "Try((Evaluate(Name('a'))), "
    "(Handler(Name('B'), 'c', (Evaluate(Name('d'))))), (), (), True)",
    "match a:\n  case [1, b.c, *d] if e: f\n  case {'k': g, **h} | C(i, j=2) as k: pass": "Match(Name('a'), "
    "(Case(('d'), (Const(1), Attr(Name('b'), 'c')), Name('e'), (Evaluate(Name('f'))), False), "
    "Case(('k', 'h', 'g', 'i'), (Const(2)), None, (Jump('pass')), False)))",
    "class C(a.B, metaclass=D, **e):\n    x = 1": "Class('C', (Attr(Name('a'), 'B')), "
    "(Keyword('metaclass', Name('D')), Keyword('', Name('e'))), (), (Assign((Name('x')), Const(1), None)))",
    "@a.b\n@c(1)\nclass C: pass": "Class('C', (), (), "
    "(Attr(Name('a'), 'b'), Call(Name('c'), (Const(1)), ())), (Jump('pass')))",
    "def f(): return": "Function('f', (), None, (), (Return(None)), False, False)",
    "@a\nasync def f() -> b:\n    return await c": "Function('f', (), Name('b'), (Name('a')), "
    "(Return(Await(Name('c')))), True, False)",
    "async def f():\n    async with a: pass\n    async for b in c: pass": "Function('f', (), None, (), "
    "(With((Entered(Name('a'), None)), (Jump('pass')), True), "
    "For(Name('b'), Name('c'), (Jump('pass')), (), True)), True, False)",
    "def f(a, /, b: c = 1, *d, e=2, **g): pass": "Function('f', (Param('a', None, None, 'positional'), "
    "Param('b', Name('c'), Const(1), ''), Param('d', None, None, '*'), Param('e', None, Const(2), 'keyword'), "
    "Param('g', None, None, '**')), None, (), (Jump('pass')), False, False)",
    "def f(*, a): pass": "Function('f', (Param('a', None, None, 'keyword')), None, (), (Jump('pass')), False, False)",
    "def f():\n    nonlocal a": "Function('f', (), None, (), (Scope('nonlocal', ('a'))), False, False)",
    "type X = int": "",
}


@pytest.mark.parametrize(("text", "expected"), STATEMENTS.items(), ids=[text[:30] for text in STATEMENTS])
def test_a_statement_is_told_as_plain_data(text: str, expected: str) -> None:
    assert _statement(text) == expected


@pytest.mark.parametrize(
    ("text", "generator"),
    [
        ("def f():\n    yield", True),
        ("def f():\n    x = yield from a", True),
        ("async def f():\n    if a:\n        yield 1", True),
        ("def f():\n    return a", False),
        ("def f():\n    def g():\n        yield", False),
        ("def f():\n    class C:\n        x = [(yield)]", False),
    ],
)
def test_a_function_is_a_generator_when_its_own_body_yields(text: str, generator: bool) -> None:
    (function,) = _facts(text)
    assert isinstance(function, facts.Function)
    assert function.generator is generator


def test_a_yield_outside_of_functions_is_no_error() -> None:
    assert _statement("yield a") == "Evaluate(Yield(Name('a'), False))"


def test_reading_strings_warns_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    assert _expression(r"'\d' + '\8' '\_'") == r"Binary('+', Const('\\d'), Const('\\8\\_'))"
    assert not recwarn.list


# walks over facts


def _walk(text: str, walk: Callable[[tuple[facts.Stmt, ...]], Iterator[walking.Fact]]) -> list[str]:
    return [fact.id for fact in walk(_facts(text)) if isinstance(fact, facts.Name)]


NESTED = """
a
def f(b=c):
    d
    lambda: e
    class C(g):
        h
"""


def test_walks_stop_at_scopes_unless_everything_is_asked_for() -> None:
    assert _walk(NESTED, walking.within) == ["a"]
    assert _walk(NESTED, walking.everything) == ["a", "c", "d", "e", "g", "h"]
    function = _facts(NESTED)[1]
    assert isinstance(function, facts.Function)
    own = list(walking.body_of(function))
    assert [fact.id for fact in own if isinstance(fact, facts.Name)] == ["d"]
    assert any(isinstance(fact, facts.Lambda) for fact in own)
    assert walking.names(function) == {"c", "d", "e", "g", "h"}


def test_calls_are_those_that_run_here() -> None:
    called = [_shown(call.func) for call in walking.calls(_facts("a(b())\ndef f(): c()\nx = lambda: d()\n"))]
    assert called == ["Name('a')", "Name('b')"]


BLOCKS = """
if a:
    b
else:
    c
while d:
    e
for f in g:
    h
else:
    i
with j:
    k
try:
    l
except M:
    n
else:
    o
finally:
    p
match q:
    case 1:
        r
def s():
    t
"""


def test_statements_are_found_in_every_kind_of_block_but_not_in_functions() -> None:
    found = [_name(statement) for statement in walking.statements(_facts(BLOCKS))]
    assert "".join(found) == "bcehiklnopr"


def test_only_what_stands_in_a_with_runs_unconditionally() -> None:
    found = [_name(statement) for statement, conditional in walking.ordered(_facts(BLOCKS)) if not conditional]
    assert "".join(found) == "k"
    nested = "if a:\n    with b:\n        c\n"
    assert [conditional for _, conditional in walking.ordered(_facts(nested))] == [False, True, True]


def _name(statement: facts.Stmt) -> str:
    """The name that a statement consists of, or nothing."""
    value = statement.value if isinstance(statement, facts.Evaluate) else None
    return value.id if isinstance(value, facts.Name) else ""


def test_targets_are_taken_out_of_tuples_and_stars() -> None:
    (assign,) = _facts("a, [b.c, *d], e[0] = f")
    assert isinstance(assign, facts.Assign)
    found = [_shown(target) for target in walking.targets(assign.targets[0])]
    assert found == ["Name('a')", "Attr(Name('b'), 'c')", "Name('d')", "Item(Name('e'), Const(0))"]
    assert list(walking.targets(None)) == []


@pytest.mark.parametrize(
    ("text", "parts"), [("a", ["a"]), ("a.b.c", ["a", "b", "c"]), ("a().b", None), ("a[0].b", None), ("1", None)]
)
def test_a_chain_is_made_of_names_and_attributes_only(text: str, parts: list[str] | None) -> None:
    (statement,) = _facts(text)
    assert isinstance(statement, facts.Evaluate)
    assert walking.chain(statement.value) == parts


def test_what_is_awaited_and_what_is_literal_can_be_asked() -> None:
    awaited, literal = _facts("await (await a)\n1\n")
    assert isinstance(awaited, facts.Evaluate)
    assert isinstance(literal, facts.Evaluate)
    assert _shown(walking.awaited(awaited.value)) == "Name('a')"
    assert walking.literal(literal.value) == 1
    assert walking.literal(awaited.value) is NotImplemented
    assert walking.literal(None) is NotImplemented


def test_every_fact_but_the_roots_has_one_around_it() -> None:
    roots = _facts(BLOCKS)
    around = walking.parents(roots)
    assert not any(id(root) in around for root in roots)
    for fact in walking.everything(roots):
        assert all(around[id(child)] is fact for child in walking.below(fact))


# numbers and places


PLACED: dict[type[msgspec.Struct], tuple[type[ast.AST], ...]] = {
    facts.Name: (ast.Name,),
    facts.Attr: (ast.Attribute,),
    facts.Call: (ast.Call,),
    facts.Await: (ast.Await,),
    facts.Lambda: (ast.Lambda,),
    facts.Item: (ast.Subscript,),
    facts.Choice: (ast.IfExp,),
    facts.Mapping: (ast.Dict,),
    facts.Assign: (ast.Assign, ast.AnnAssign),
    facts.Augment: (ast.AugAssign,),
    facts.Return: (ast.Return,),
    facts.If: (ast.If,),
    facts.While: (ast.While,),
    facts.For: (ast.For, ast.AsyncFor),
    facts.With: (ast.With, ast.AsyncWith),
    facts.Try: (ast.Try, getattr(ast, "TryStar", ast.Try)),
    facts.Import: (ast.Import, ast.ImportFrom),
}
"""Facts that the standard library's parser knows by another name, with a place of their own."""


def _placed_by_us(source: Source) -> dict[str, set[Span]]:
    found: dict[str, set[Span]] = {kind.__name__: set() for kind in PLACED}
    outlined = outline(source)
    assert isinstance(outlined, Outline)
    for statement in outlined.statements:
        chunk = syntax.parse(source, statement.line, statement.start, statement.end)
        places = syntax.Places(chunk)
        told = extract(chunk)
        assert told
        for fact in walking.within(told, lambda fact: not isinstance(fact, (facts.Text, facts.Match))):
            if not isinstance(fact, Binding) and (span := _checked(fact, places, source)) is not None:
                found[type(fact).__name__].add(span)
    return found


def _checked(fact: walking.Fact, places: syntax.Places, source: Source) -> Span | None:
    """The span of a fact that has one; its number leads to a node of its kind, and offsets and span agree."""
    node = places.node(fact.at)  # type: ignore[attr-defined]
    if isinstance(fact, (facts.Name, facts.Attr, facts.Call, facts.Await)):
        assert type(node).__name__ == {"Attr": "Attribute"}.get(type(fact).__name__, type(fact).__name__)
    start, end = places.offsets(node)
    span, text = places.span(node), source.text
    assert text.count("\n", 0, start) == span.line - 1
    assert start - (text.rfind("\n", 0, start) + 1) == span.column - 1
    if isinstance(fact, facts.Name):
        assert text[start:end] == fact.id
    if isinstance(fact, (facts.Function, facts.Class)):
        assert isinstance(node, (cst.FunctionDef, cst.ClassDef))
        assert node.name.value == fact.name
    return span if type(fact) in PLACED else None


def _placed_by_ast(source: Source) -> dict[str, set[Span]]:
    found: dict[str, set[Span]] = {kind.__name__: set() for kind in PLACED}
    lines = source.text.split("\n")
    for node in _outside_texts(ast.parse(source.text)):
        for kind, known in PLACED.items():
            if isinstance(node, known) and not (isinstance(node, ast.AnnAssign) and node.value is None):
                found[kind.__name__].add(_span(node, lines))
    return found


def _outside_texts(root: ast.AST) -> Iterator[ast.AST]:
    """Nodes outside of f-strings, whose places older Pythons do not tell, and of matches, which facts shorten."""
    stack: list[ast.AST] = [root]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.Assert):
            stack.append(node.test)
        elif not isinstance(node, (ast.JoinedStr, ast.Match)):
            stack.extend(ast.iter_child_nodes(node))


def _span(node: ast.AST, lines: list[str]) -> Span:
    def column(line: int, offset: int) -> int:
        return len(lines[line - 1].encode()[:offset].decode()) + 1

    line, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    start, end = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
    return Span(line, column(line, start), last, column(last, end))


BLOCK_KINDS = frozenset({"If", "While", "For", "With", "Try"})
"""Blocks, which LibCST lets end with their line."""


def _compare(source: Source) -> None:
    ours, theirs = _placed_by_us(source), _placed_by_ast(source)
    for kind in ours:
        if kind in BLOCK_KINDS:
            assert {(s.line, s.column) for s in ours[kind]} == {(s.line, s.column) for s in theirs[kind]}, kind
        else:
            assert ours[kind] == theirs[kind], kind


@functools.cache
def _standard_library() -> tuple[Path, ...]:
    files = sorted(p for p in STANDARD_LIBRARY.rglob("*.py") if "site-packages" not in p.parts)
    return tuple(random.Random(SAMPLE).sample(files, 200))


def _sample() -> Iterator[Source]:
    found = 0
    for path in _standard_library():
        data = path.read_bytes()
        if b"\0" in data or b"\r" in data or b"\x0c" in data or not 0 < len(data) < LARGEST or found == SAMPLE_SIZE:
            continue
        try:
            text = data.decode("utf-8").removeprefix("\ufeff")
            ast.parse(text)
        except (UnicodeDecodeError, SyntaxError):
            continue
        found += 1
        yield Source(path, path.name, text)


def test_facts_of_the_standard_library_are_where_pythons_own_parser_sees_them() -> None:
    for source in _sample():
        _compare(source)


@given(sources())
def test_facts_of_generated_programs_are_where_pythons_own_parser_sees_them(text: str) -> None:
    if "\x0c" not in text:
        _compare(Source(Path("app.py"), "app.py", text))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spans_count_characters_and_lines_of_any_kind(end: str) -> None:
    text = end.join(["import a", "", "x = '😀'; y = f(", "    b.c(d),  # é", ")", ""])
    source = Source(Path("app.py"), "app.py", text)
    outlined = outline(source)
    assert isinstance(outlined, Outline)
    second = outlined.statements[1]
    chunk = syntax.parse(source, second.line, second.start, second.end)
    places = syntax.Places(chunk)
    outer, inner = walking.calls(extract(chunk))
    assert places.span(places.node(outer.at)) == Span(3, 14, 5, 2)
    assert places.span(places.node(inner.at)) == Span(4, 5, 4, 11)
    start, stop = places.offsets(places.node(inner.at))
    assert text[start:stop] == "b.c(d)"


def test_an_expression_can_be_had_with_its_parentheses() -> None:
    text = "x = (  (a.b) )\n"
    chunk = _chunk(text)
    places = syntax.Places(chunk)
    (attribute,) = places.all(cst.Attribute)
    first, last = places.whole(attribute)
    assert text[first:last] == "(  (a.b) )"
    assert places.whole(attribute.value) == places.offsets(attribute.value)


def test_comments_come_in_order_and_paths_lead_up_to_the_module() -> None:
    chunk = _chunk("# one\nif a:  # two\n    b()  # three\n# four\n")
    places = syntax.Places(chunk)
    assert [comment.value for comment in places.comments] == ["# one", "# two", "# three", "# four"]
    (call,) = places.all(cst.Call)
    above = [type(node).__name__ for node, _ in places.path(call)]
    assert above == ["Expr", "SimpleStatementLine", "IndentedBlock", "If", "Module"]
