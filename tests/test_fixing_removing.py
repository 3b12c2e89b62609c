"""Do arguments, items and statements go, or change their names, with every comment left?"""

from __future__ import annotations

import libcst as cst
import pytest
from fixing_sites import edits_of, fixed

from dbpool_lint.fixing.recipes import (
    Recipe,
    RemoveDictItems,
    RemoveKeywords,
    RemoveStatement,
    RenameDictItem,
    RenameKeyword,
    Spot,
)


def less(spot: Spot) -> Recipe:
    return RemoveKeywords(spot, ("a", "b"))


def fewer(spot: Spot) -> Recipe:
    return RemoveDictItems(spot, ("a", "b"))


def new(spot: Spot) -> Recipe:
    return RenameKeyword(spot, "a", "b")


def key(spot: Spot) -> Recipe:
    return RenameDictItem(spot, "a", "b")


def gone(spot: Spot) -> Recipe:
    return RemoveStatement(spot)


def without(text: str) -> str | None:
    found = fixed(text, less, "f(")
    if found is not None:
        assert fixed(found, less, "f(") is None
    return found


# ---- refused


@pytest.mark.parametrize(
    "text",
    [
        "f()\n",
        "f(x, c=1)\n",
        "f(**{'a': 1})\n",
        "x = f'{f(a=1)}'\n",
        "f(x, a=[  # why\n    1,\n])\n",  # the comment is about what would go
        "f(\n    a=1  # why\n    , x=1)\n",
        "f(x, a=1,  # why\n  b=2)\n",
        "f(\n    a=1,  # why\n    b=2, x=1)\n",
        "f(a=1,  # why\n  b=2)\n",
        "f(a=  # why\n  1)\n",
    ],
)
def test_keywords_are_left_where_there_are_none_or_a_comment_would_go(text: str) -> None:
    assert without(text) is None


@pytest.mark.parametrize("text", ["g = x.f\n", "g = [1]\n"])
def test_what_is_no_call_or_dict_is_left(text: str) -> None:
    node, code = (cst.List, "[") if "[" in text else (cst.Attribute, "x")
    for make in (less, fewer, new, key):
        assert fixed(text, make, code, node) is None


@pytest.mark.parametrize("text", ["OrderedDict(a=1)\n", "x.dict(a=1)\n"])
def test_items_of_other_calls_are_left(text: str) -> None:
    assert fixed(text, fewer, text[:3]) is None
    assert fixed(text, key, text[:3]) is None


@pytest.mark.parametrize(
    "text",
    [
        "f(b=1)\n",
        "f(a=1, b=2)\n",
        "f(1, **a)\n",
        "x = f'{f(a=1)}'\n",
    ],
)
def test_a_keyword_is_not_renamed_where_it_is_not_or_the_new_one_is_there(text: str) -> None:
    assert fixed(text, new, "f(") is None


@pytest.mark.parametrize("name", ["class", "a-b", ""])
def test_a_keyword_does_not_become_what_is_no_name(name: str) -> None:
    assert fixed("f(a=1)\n", lambda spot: RenameKeyword(spot, "a", name), "f(") is None
    assert fixed("dict(a=1)\n", lambda spot: RenameDictItem(spot, "a", name), "dict(") is None


@pytest.mark.parametrize("text", ["d = {'a': 1, 'b': 2}\n", "d = {'b': 2}\n", "d = {a: 1}\n", "d = {'a' '': 1}\n"])
def test_an_item_is_not_renamed_where_it_is_not_or_the_new_one_is_there(text: str) -> None:
    assert fixed(text, key, "{", cst.Dict) is None


def test_a_key_that_would_need_escapes_is_refused() -> None:
    assert fixed("d = {'a': 1}\n", lambda spot: RenameDictItem(spot, "a", "it's"), "{", cst.Dict) is None


@pytest.mark.parametrize(
    "text", ["x = 1; y = 2\n", "if z: x = 1\n", "def f(): x = 1\n", "class A:\n    x: int = 1; y = 1\n"]
)
def test_a_statement_that_shares_its_line_stays(text: str) -> None:
    assert fixed(text, gone, "1", cst.Integer) is None


def test_what_holds_other_statements_is_no_statement_to_remove() -> None:
    assert fixed("if x:\n    y = 1\n", gone, "x", cst.Name) is None
    assert fixed("def f(x=1):\n    pass\n", gone, "1", cst.Integer) is None


# ---- keywords go


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(a=1)\n", "f()\n"),
        ("f( a=1, )\n", "f()\n"),
        ("f(a=1, b=2)\n", "f()\n"),
        ("f(x, a=1)\n", "f(x)\n"),
        ("f(x, a=1, b=2)\n", "f(x)\n"),
        ("f(x, a=1, b=2,)\n", "f(x,)\n"),
        ("f(x, a=1, y=2)\n", "f(x, y=2)\n"),
        ("f(x, a=1, y=2, b=3, z=4)\n", "f(x, y=2, z=4)\n"),
        ("f(a=1, x=2, b=3)\n", "f(x=2)\n"),
        ("f(a=1, **o)\n", "f(**o)\n"),
        ("f(**o, a=1)\n", "f(**o)\n"),
        ("f(*o, a = (1, 2), **p)\n", "f(*o, **p)\n"),
        ("f((x for x in y), a=1)\n", "f((x for x in y))\n"),
        ("f(g(a=1), a=g(b=2))\n", "f(g(a=1))\n"),
        ("f (x, a=1)\n", "f (x)\n"),
        ("(f)(x, a=1)\n", "(f)(x)\n"),
        ("f(x ,a=1 ,y=2)\n", "f(x ,y=2)\n"),
        ("f(a=1,\n  x=2)\n", "f(x=2)\n"),
        ("f(x,\n  a=1)\n", "f(x)\n"),
        ("f(x,\n  a=1, y=2)\n", "f(x,\n  y=2)\n"),
        ("f(x, a=1,\n  y=2)\n", "f(x,\n  y=2)\n"),
        ("f(x, \\\n  a=1)\n", "f(x)\n"),
        ("f(a=[\n  1,\n], x=1)\n", "f(x=1)\n"),
        ("f(\n    a=1,\n)\n", "f()\n"),
        ("f(\n    x, a=1, b=2\n)\n", "f(\n    x\n)\n"),
        ("f(\n    x, a=1,  # why\n)\n", "f(\n    x,  # why\n)\n"),
        ("f(a=1,  # why\n  x=2)\n", "f(  # why\n  x=2)\n"),
        ("f(x,  # why\n  a=1)\n", "f(x  # why\n  )\n"),
        ("f(a=1  # why\n)\n", "f(  # why\n)\n"),
        ("f(  # why\n    a=1,\n)\n", "f(  # why\n)\n"),
        ("f(\n    x\n    , a=1\n)\n", "f(\n    x\n)\n"),
    ],
)
def test_a_keyword_goes_with_its_comma(text: str, expected: str) -> None:
    found = fixed(text, less, "(f)(" if text.startswith("(") else text[:2])
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(\n    x,\n    a=1,\n)\n", "f(\n    x,\n)\n"),
        ("f(\n    x,\n    a=1\n)\n", "f(\n    x\n)\n"),
        ("f(\n    a=1,\n    x=2\n)\n", "f(\n    x=2\n)\n"),
        ("f(\n    a=1,\n    x=2,\n    b=3\n)\n", "f(\n    x=2\n)\n"),
        ("f(\n    a=1,\n    b=2,\n    x=2,\n)\n", "f(\n    x=2,\n)\n"),
        ("f(\n    x,\n    a=1,  # one\n    b=2,  # two\n)\n", "f(\n    x,\n    # one\n    # two\n)\n"),
        ("f(\n    x,  # x\n    a=1  # one\n)\n", "f(\n    x  # x\n    # one\n)\n"),
        ("f(\n    # above\n    a=1,\n)\n", "f(\n    # above\n)\n"),
        ("f(\n    x,\n    # above\n    a=1,\n    # below\n)\n", "f(\n    x,\n    # above\n    # below\n)\n"),
        ("f(\n    x,\n    a=1  # one\n    ,  # two\n)\n", "f(\n    x,\n    # one\n    # two\n)\n"),
        ("f(\n    x,\n    a={\n        1: 2,\n    },\n    y=1,\n)\n", "f(\n    x,\n    y=1,\n)\n"),
        ("f(\n    x,\n    a=(\n        1\n    ),  # one\n)\n", "f(\n    x,\n    # one\n)\n"),
        ("f(\n    a=1,\n    **o,\n)\n", "f(\n    **o,\n)\n"),
        ("f(\n    **o,\n    a=1,\n)\n", "f(\n    **o,\n)\n"),
        ("f(\n    x, y,\n    a=1, b=2,\n    z=3)\n", "f(\n    x, y,\n    z=3)\n"),
        ("f(x,\n  a=1,\n  y=2)\n", "f(x,\n  y=2)\n"),
        ("f(\n    x,\n\n    a=1,\n\n    y=2,\n)\n", "f(\n    x,\n\n\n    y=2,\n)\n"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t"])
def test_lines_of_their_own_go_whole_but_for_comments(text: str, expected: str, end: str, unit: str) -> None:
    text, expected = (t.replace("    ", unit).replace("\n", end) for t in (text, expected))
    assert without(text) == expected


def test_a_call_in_a_decorator_or_deep_in_a_class_loses_its_keyword() -> None:
    assert without("@f(x, a=1)\ndef g(): pass\n") == "@f(x)\ndef g(): pass\n"
    text = "class A:\n\tdef g(self):\n\t\treturn f(\n\t\t\turl,\n\t\t\ta=1,\n\t\t)\n"
    assert without(text) == text.replace("\t\t\ta=1,\n", "")


# ---- items go


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d = {'a': 1}\n", "d = {}\n"),
        ('d = {"a": 1, "x": 2}\n', 'd = {"x": 2}\n'),
        ("d = {'x': 1, 'a': (2)}\n", "d = {'x': 1}\n"),
        ("d = {**base, 'a': 1}\n", "d = {**base}\n"),
        ("d = {'a': 1, **base}\n", "d = {**base}\n"),
        ("d = {'a': 1, a: 2, 'a': 3}\n", "d = {a: 2}\n"),
        ("d = {'x': 1, ('a'): 2, 'y': 3}\n", "d = {'x': 1, 'y': 3}\n"),
        ("d = {\n    'x': 1,\n    'a': 2,  # why\n    'b': 3,\n}\n", "d = {\n    'x': 1,\n    # why\n}\n"),
        ("d = ({\n    'a':\n        2,\n    **x\n})\n", "d = ({\n    **x\n})\n"),
    ],
)
def test_an_item_goes_with_its_comma(text: str, expected: str) -> None:
    assert fixed(text, fewer, "{", cst.Dict) == expected
    assert fixed(expected, fewer, "{", cst.Dict) is None


def test_a_dict_call_loses_keywords() -> None:
    assert fixed("dict(x, a=1, b=2, **y)\n", fewer, "dict(") == "dict(x, **y)\n"


# ---- new names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(a=1)\n", "f(b=1)\n"),
        ("f(x, a = a, **o)\n", "f(x, b = a, **o)\n"),
        ("f(\n\ta=1,  # why\n)\n", "f(\n\tb=1,  # why\n)\n"),
        ("f(a=g(a=1))\n", "f(b=g(a=1))\n"),
    ],
)
def test_a_keyword_is_renamed(text: str, expected: str) -> None:
    assert fixed(text, new, "f(") == expected
    assert fixed(expected, new, "f(") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d = {'a': 1}\n", "d = {'b': 1}\n"),
        ('d = {"a": {"a": 1}}\n', 'd = {"b": {"a": 1}}\n'),
        ("d = {'x': 1, r'a'  # why\n  : 2, **o}\n", "d = {'x': 1, 'b'  # why\n  : 2, **o}\n"),
        ("d = {'a': 1, 'a': 2}\n", "d = {'b': 1, 'b': 2}\n"),
    ],
)
def test_an_item_is_renamed_in_its_quotes(text: str, expected: str) -> None:
    assert fixed(text, key, "{", cst.Dict) == expected


def test_an_item_of_a_dict_call_is_renamed() -> None:
    assert fixed("dict(a=1)\n", key, "dict(") == "dict(b=1)\n"


# ---- statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = 2\n", "y = 2\n"),
        ("y = 2\nx = 1", "y = 2\n"),
        ("y = 2\nx = 1  # why\n", "y = 2\n# why\n"),
        ("def f():\n    x = 1\n", "def f():\n    pass\n"),
        ("def f():\n    x = 1  # why\n", "def f():\n    # why\n    pass\n"),
        ("def f():\n    x = 1", "def f():\n    pass\n"),
        ("def f():\n    # above\n    x[1] = y\n    return x\n", "def f():\n    # above\n    return x\n"),
        ("class A:\n    'Doc.'\n    x = [\n        1,  # one\n    ]\n", "class A:\n    'Doc.'\n    # one\n"),
        ("if z:\n    x = 1\nelse:\n    y()\n", "if z:\n    pass\nelse:\n    y()\n"),
        ("try:\n    x = 1\nfinally:\n    y()\n", "try:\n    pass\nfinally:\n    y()\n"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_statement_goes_and_pass_stands_in_for_the_only_one(text: str, expected: str, end: str) -> None:
    text, expected = (t.replace("\n", end) for t in (text, expected))
    code, kind = ("x[", cst.Subscript) if "x[" in text else ("1", cst.Integer)
    assert fixed(text, gone, code, kind) == expected


def test_the_spot_may_be_the_statement_itself() -> None:
    assert fixed("x = 1\ny = 1\n", gone, "x = 1", cst.Assign) == "y = 1\n"
    assert fixed("x = 1\ny = 1\n", gone, "x = 1", cst.SimpleStatementLine) == "y = 1\n"


def test_edits_touch_nothing_else() -> None:
    edits = edits_of("f(x, a=1, y=2, b=3)\n", less, "f(")
    assert edits
    assert [(edit.start, edit.end, edit.text) for edit in edits] == [(4, 9, ""), (13, 18, "")]
