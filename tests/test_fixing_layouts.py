"""Do calls and dicts of every layout keep what is not meant? Written at random: breaks, blanks, commas, comments."""

from __future__ import annotations

import ast
from collections.abc import Callable

import libcst as cst
from fixing_sites import Make, edits_of
from hypothesis import given
from hypothesis import strategies as st
from trial import applied, comments

from dbpool_lint.fixing.recipes import (
    AddDictItems,
    AddKeywords,
    Recipe,
    RemoveDictItems,
    RemoveKeywords,
    RenameDictItem,
    RenameKeyword,
    ReplaceExpression,
    Spot,
)

VALUES = ["1", "x", "(2)", "g(a=1, z={'a': 2})", "[\n  1,\n]", "(  # why\n  3\n)", '"""\na=1, #\n"""', "lambda a: a"]
GAPS = ["", "", " ", "\n", "\n    ", "  # c\n    ", "\n    # alone\n    ", "\\\n  ", "\n\n\t"]
FRAMES_OF_CALLS = ["r = {}\n", "r = [{}, 1]  # end\n", "@{}\ndef k(): pass\n", "if x:\n\tr({})\n"]
NAMES = ["a", "b", "c", "d", "e"]

values = st.sampled_from(VALUES)
gaps = st.sampled_from(GAPS)


@st.composite
def rows(draw: st.DrawFn, items: list[str], opening: str, closing: str) -> str:
    """The items in brackets, with blanks, line ends and comments wherever these may stand."""
    text = opening + draw(gaps)
    for number, item in enumerate(items, 1):
        text += item + draw(gaps)
        if number < len(items) or draw(st.booleans()):
            text += "," + draw(gaps)
    return text + closing


@st.composite
def calls(draw: st.DrawFn) -> str:
    firsts = draw(st.lists(values | st.just("*x"), max_size=2))
    named = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    keywords = [f"{name}={draw(values)}" for name in named]
    spread = draw(st.integers(0, len(keywords)))
    if draw(st.booleans()):
        keywords.insert(spread, "**more")
    inner = draw(rows([*firsts, *keywords], "f(", ")"))
    return draw(st.sampled_from(FRAMES_OF_CALLS)).format(inner)


@st.composite
def displays(draw: st.DrawFn) -> str:
    keys = draw(st.lists(st.sampled_from(["'a'", '"b"', "'c'", "a", "1", "**o", "('d')"]), max_size=5))
    items = [key if key == "**o" else f"{key}:{draw(st.sampled_from(['', ' ']))}{draw(values)}" for key in keys]
    return "r = " + draw(rows(items, "{", "}")) + "  # end\n"


def rewritten(text: str, make: Make, kind: type[cst.CSTNode]) -> str | None:
    """The text afterwards, with every comment; a second time nothing is left to do."""
    code = "f(" if kind is cst.Call else "{"
    edits = edits_of(text, make, code, kind)
    if edits is None:
        return None
    new = applied(text, edits)
    assert comments(new) == comments(text)
    assert edits_of(new, make, code, kind) is None
    return new


def changed(text: str, change: Callable[[ast.Call], None]) -> str:
    """What the text means after a change of the call of `f`."""
    tree = ast.parse(text)
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    change(next(call for call in found if isinstance(call.func, ast.Name) and call.func.id == "f"))
    return ast.dump(tree)


def changed_dict(text: str, change: Callable[[ast.Dict], None]) -> str:
    tree = ast.parse(text)
    change(next(node for node in ast.walk(tree) if isinstance(node, ast.Dict)))
    return ast.dump(tree)


def is_key(node: ast.expr | None, *names: str) -> bool:
    return isinstance(node, ast.Constant) and node.value in names


@given(calls())
def test_a_keyword_goes_or_nothing_does(text: str) -> None:
    def change(call: ast.Call) -> None:
        call.keywords = [k for k in call.keywords if k.arg not in {"a", "c"}]

    new = rewritten(text, lambda spot: RemoveKeywords(spot, ("a", "c")), cst.Call)
    assert new is None or ast.dump(ast.parse(new)) == changed(text, change) != ast.dump(ast.parse(text))
    if "#" not in text:
        assert (new is None) == (changed(text, change) == ast.dump(ast.parse(text)))


@given(calls())
def test_a_keyword_comes_in_every_layout(text: str) -> None:
    def change(call: ast.Call) -> None:
        call.keywords = [k for k in call.keywords if k.arg != "z"]

    new = rewritten(text, lambda spot: AddKeywords(spot, (("z", "0"),)), cst.Call)
    assert new is not None
    assert ast.dump(ast.parse(new)) != changed(new, change) == ast.dump(ast.parse(text))


@given(calls())
def test_a_keyword_gets_another_name_and_nothing_else(text: str) -> None:
    def change(call: ast.Call) -> None:
        for keyword in call.keywords:
            keyword.arg = "z" if keyword.arg == "a" else keyword.arg

    new = rewritten(text, lambda spot: RenameKeyword(spot, "a", "z"), cst.Call)
    assert new is None or ast.dump(ast.parse(new)) == changed(text, change)


@given(displays())
def test_an_item_goes_or_nothing_does(text: str) -> None:
    def change(node: ast.Dict) -> None:
        kept = [(k, v) for k, v in zip(node.keys, node.values, strict=True) if not is_key(k, "a", "d")]
        node.keys, node.values = [k for k, _ in kept], [v for _, v in kept]

    new = rewritten(text, lambda spot: RemoveDictItems(spot, ("a", "d")), cst.Dict)
    assert new is None or ast.dump(ast.parse(new)) == changed_dict(text, change) != ast.dump(ast.parse(text))


@given(displays())
def test_an_item_comes_in_every_layout(text: str) -> None:
    def change(node: ast.Dict) -> None:
        assert is_key(node.keys.pop(), "z")
        node.values.pop()

    new = rewritten(text, lambda spot: AddDictItems(spot, (("z", "0"),)), cst.Dict)
    assert new is not None
    assert changed_dict(new, change) == ast.dump(ast.parse(text))


@given(displays())
def test_an_item_gets_another_key_and_nothing_else(text: str) -> None:
    def change(node: ast.Dict) -> None:
        for key in node.keys:
            if isinstance(key, ast.Constant) and key.value == "a":
                key.value = "z"

    new = rewritten(text, lambda spot: RenameDictItem(spot, "a", "z"), cst.Dict)
    assert new is None or ast.dump(ast.parse(new)) == changed_dict(text, change)


CODES = [
    "a",
    "a.b(c)",
    "-a",
    "a + b",
    "a * b",
    "a or b",
    "a if b else c",
    "lambda: a",
    "a, b",
    "not a",
    "a < b",
    "a := b",
]
FRAMES = [
    "x = {}",
    "f({}, k={})",
    "x = {} + y",
    "x = y - {}",
    "x = -{}",
    "x = {}.y",
    "x = {}[1]",
    "x = y[{}]",
    "x = {{{}: 1}}",
]
FRAMES += [
    "x = not {}",
    "x = y if {}else z",
    "x = [{} for _ in y]",
    "x = ({})",
    "x = {}, 2",
    "return_({}(1))",
    "x = {} < y < z",
]
FRAMES += [
    "assert {}, y",
    "x = lambda: {}",
    "x: {} = 1",
    "with {} as x: pass",
    "for x in {}: pass",
    "x = y ** {}",
    "del {}.x",
]


class _Exchange(ast.NodeTransformer):
    def __init__(self, code: str) -> None:
        self.new = ast.parse(f"({code})", mode="eval").body
        self.left = 1

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "old" and self.left:
            self.left = 0
            return self.new
        return self.generic_visit(node)


@given(st.sampled_from(FRAMES), st.sampled_from(CODES))
def test_an_expression_means_the_same_wherever_it_stands(frame: str, code: str) -> None:
    text = frame.format("old()", "old()") + "  # end\n"

    def make(spot: Spot) -> Recipe:
        return ReplaceExpression(spot, code)

    edits = edits_of(text, make, "old()")
    assert edits
    new = applied(text, edits)
    assert ast.dump(ast.parse(new)) == ast.dump(_Exchange(code).visit(ast.parse(text)))
    bare = frame.replace("{}", code, 1).format("old()") if frame.count("{}") > 1 else frame.format(code)
    assert ("(" + code + ")" in new) or new == bare + "  # end\n"
