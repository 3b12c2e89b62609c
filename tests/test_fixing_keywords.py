"""Do calls and dicts get what they lack, in the layout they are written in?"""

from __future__ import annotations

import libcst as cst
import pytest
from fixing_sites import Make, fixed

from dbpool_lint.fixing.recipes import AddDictItems, AddKeywords, MergeKeywordDict, Recipe, ReplaceValue, Spot


def ping(spot: Spot) -> Recipe:
    return AddKeywords(spot, (("pool_pre_ping", "True"),))


def both(spot: Spot) -> Recipe:
    return AddKeywords(spot, (("pool_pre_ping", "True"), ("pool_recycle", "1800")))


def item(spot: Spot) -> Recipe:
    return AddDictItems(spot, (("pool_pre_ping", "True"),))


def cache(spot: Spot) -> Recipe:
    return MergeKeywordDict(spot, "connect_args", (("statement_cache_size", "0"),))


def named(spot: Spot) -> Recipe:
    code = 'lambda: f"__asyncpg_{{{uuid.uuid4}()}}__"'
    return MergeKeywordDict(spot, "connect_args", (("name_func", code),), (("uuid", "uuid4"),))


def call(text: str, make: object = ping) -> str | None:
    assert callable(make)
    new = fixed(text, make, "f(")
    if new is not None:
        assert fixed(new, make, "f(") is None
    return new


# ---- refused


@pytest.mark.parametrize(
    "text",
    [
        "f(x for x in y)\n",  # the generator would need parentheses of its own
        "f(pool_pre_ping=True)\n",
        "f(pool_pre_ping=(  # measured\n    False\n))\n",
        "x = f'{f(1)}'\n",
    ],
)
def test_keywords_are_refused_or_there_already(text: str) -> None:
    assert call(text) is None


def test_a_keyword_that_is_no_name_is_refused() -> None:
    assert fixed("f()\n", lambda spot: AddKeywords(spot, (("class", "1"),)), "f(") is None


def test_what_is_no_call_gets_no_keywords() -> None:
    assert fixed("x = f\n", ping, "f", cst.Name) is None
    assert fixed("x = f\n", item, "f", cst.Name) is None


@pytest.mark.parametrize(
    "text",
    [
        'f(x={"pool_pre_ping": False, **more})\n',  # what is spread behind it may override
        'f(x={"pool_pre_ping": False, KEY: 1})\n',
        'f(x={"pool_pre_ping": [  # why\n    1]})\n',
    ],
)
def test_items_are_refused_where_they_may_not_win(text: str) -> None:
    assert fixed(text, item, "{", cst.Dict) is None


@pytest.mark.parametrize("text", ["dict(**base)\n", "dict(a=1, **base)\n", "OrderedDict(a=1)\n", "x.dict(a=1)\n"])
def test_items_are_refused_for_calls_that_may_collide(text: str) -> None:
    assert fixed(text, item, text[:3]) is None


@pytest.mark.parametrize(
    "text",
    [
        "f(connect_args=None)\n",
        "f(connect_args=[('a', 1)])\n",
        "f(connect_args={k: 1 for k in y})\n",
        "f(**options)\n",  # the keyword may be among these
        'f(connect_args={"statement_cache_size": 0})\n',
    ],
)
def test_a_keyword_dict_is_refused_where_its_value_is_not_sure(text: str) -> None:
    assert call(text, cache) is None


def test_a_value_with_a_comment_in_it_is_not_replaced() -> None:
    assert fixed("x = [\n    1,  # one\n]\n", lambda spot: ReplaceValue(spot, "2"), "[", cst.List) is None


def test_only_an_expression_is_replaced() -> None:
    assert fixed("x = 1\n", lambda spot: ReplaceValue(spot, "2"), "x", cst.Assign) is None


# ---- keywords


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()\n", "f(pool_pre_ping=True)\n"),
        ("f( )\n", "f(pool_pre_ping=True)\n"),
        ("f(url)\n", "f(url, pool_pre_ping=True)\n"),
        ("f(url, echo=True,)\n", "f(url, echo=True, pool_pre_ping=True,)\n"),
        ("f(*args)\n", "f(*args, pool_pre_ping=True)\n"),
        ("f(**options)\n", "f(pool_pre_ping=True, **options)\n"),
        ("f(url, **options)\n", "f(url, pool_pre_ping=True, **options)\n"),
        ("f(url, **options, echo=True)\n", "f(url, **options, echo=True, pool_pre_ping=True)\n"),
        ("f(pool_pre_ping=False)\n", "f(pool_pre_ping=True)\n"),
        ("f(pool_pre_ping=(False), echo=x)\n", "f(pool_pre_ping=True, echo=x)\n"),
        ("f((x for x in y))\n", "f((x for x in y), pool_pre_ping=True)\n"),
        ("f(url  # where\n)\n", "f(url, pool_pre_ping=True  # where\n)\n"),
        ("f(url,  # where\n)\n", "f(url, pool_pre_ping=True,  # where\n)\n"),
        ("f(a,\n  b)\n", "f(a,\n  b,\n  pool_pre_ping=True)\n"),
        ("f(a,\n  b,)\n", "f(a,\n  b,\n  pool_pre_ping=True,)\n"),
        ("f(a\n  , b)\n", "f(a\n  , b, pool_pre_ping=True)\n"),
        ("f(\n    a, b\n)\n", "f(\n    a, b, pool_pre_ping=True\n)\n"),
        ("f(url, x={\n    1: 2,\n})\n", "f(url, x={\n    1: 2,\n}, pool_pre_ping=True)\n"),
        ("f (url)\n", "f (url, pool_pre_ping=True)\n"),
        ("x = (f)(url)\n", "x = (f)(url, pool_pre_ping=True)\n"),
        ("f(a(b))(c)\n", "f(a(b))(c, pool_pre_ping=True)\n"),
    ],
)
def test_a_keyword_goes_behind_the_last_argument(text: str, expected: str) -> None:
    assert fixed(text, ping, text.removeprefix("x = ")[:2]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(\n    url,\n)\n", "f(\n    url,\n    K,\n)\n"),
        ("f(\n    url\n)\n", "f(\n    url,\n    K\n)\n"),
        ("f(\n    url  # where\n)\n", "f(\n    url,  # where\n    K\n)\n"),
        ("f(\n    url,  # a, b\n    # last\n)\n", "f(\n    url,  # a, b\n    K,\n    # last\n)\n"),
        ("f(\n    url  # a, b\n    ,\n)\n", "f(\n    url  # a, b\n    ,\n    K,\n)\n"),
        ("f(\n    url,\n    **options,\n)\n", "f(\n    url,\n    K,\n    **options,\n)\n"),
        ("f(\n    # all\n    **options,\n)\n", "f(\n    # all\n    K,\n    **options,\n)\n"),
        ("f(\n    # none\n)\n", "f(\n    # none\n    K,\n)\n"),
        ("f(\n  # none\n  1)\n", "f(\n  # none\n  1,\n  K)\n"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t"])
def test_an_argument_a_line_stays_an_argument_a_line(text: str, expected: str, end: str, unit: str) -> None:
    text, expected = (t.replace("    ", unit).replace("\n", end) for t in (text, expected))
    assert fixed(text, ping, "f(") == expected.replace("K", "pool_pre_ping=True")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(\n)\n", "f(\n    K,\n)\n"),
        ("f(  # none\n  )\n", "f(  # none\n      K,\n  )\n"),
        ("if x:\n\tf(\n\t)\n", "if x:\n\tf(\n\t\tK,\n\t)\n"),
    ],
)
def test_an_argument_alone_on_its_line_is_indented_as_the_file_is(text: str, expected: str) -> None:
    assert fixed(text, ping, "f(") == expected.replace("K", "pool_pre_ping=True")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@f(url)\ndef g(): pass\n", "@f(url, K)\ndef g(): pass\n"),
        ("make = partial(f, url)\n", "make = partial(f, url, K)\n"),
        ("make = partial(\n    f,\n    **options\n)\n", "make = partial(\n    f,\n    K,\n    **options\n)\n"),
        ("f(g(a, (b)), h(c)[0])\n", "f(g(a, (b)), h(c)[0], K)\n"),
        ("f(\n    'x'\n    'y'\n)\n", "f(\n    'x'\n    'y',\n    K\n)\n"),
        (
            "f(\n    (\n        'x'  # one\n    )  # two\n)\n",
            "f(\n    (\n        'x'  # one\n    ),  # two\n    K\n)\n",
        ),
        ("f(lambda x: x)\n", "f(lambda x: x, K)\n"),
        ("f(a if b else c)\n", "f(a if b else c, K)\n"),
        ("f(*a, *b)\n", "f(*a, *b, K)\n"),
        ("f(url, **a, **b)\n", "f(url, K, **a, **b)\n"),
        ("f(\n    a,\n    *b\n    # last\n)\n", "f(\n    a,\n    *b,\n    K\n    # last\n)\n"),
        ("x = (\n    f(url)\n    .y\n)\n", "x = (\n    f(url, K)\n    .y\n)\n"),
        ("f(url, a=1)  # noqa\n", "f(url, a=1, K)  # noqa\n"),
        ("f(\\\n    url)\n", "f(\\\n    url,\n    K)\n"),
    ],
)
def test_a_keyword_finds_its_place_in_calls_of_all_kinds(text: str, expected: str) -> None:
    code = "partial(" if "partial(" in text else "f(url)" if ".y" in text else "f("
    assert fixed(text, ping, code) == expected.replace("K", "pool_pre_ping=True")


def test_a_long_line_stays_one_line() -> None:
    url = "postgresql+psycopg2://" + "x" * 80
    assert call(f"f('{url}', echo=True)\n") == f"f('{url}', echo=True, pool_pre_ping=True)\n"


def test_several_keywords_come_in_their_order() -> None:
    assert call("f(url)\n", both) == "f(url, pool_pre_ping=True, pool_recycle=1800)\n"
    assert call("f(pool_recycle=1)\n", both) == "f(pool_recycle=1800, pool_pre_ping=True)\n"
    assert call("f(\n  url\n)\n", both) == "f(\n  url,\n  pool_pre_ping=True,\n  pool_recycle=1800\n)\n"
    assert call("f()\n", both) == "f(pool_pre_ping=True, pool_recycle=1800)\n"


def test_a_call_deep_in_a_class_is_found() -> None:
    text = "import x\n\n\nclass A:\n\t@deco\n\tdef g(self):\n\t\treturn f(\n\t\t\turl,\n\t\t)\n"
    assert call(text) == text.replace("url,\n", "url,\n\t\t\tpool_pre_ping=True,\n")


# ---- dict items


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d = {}\n", 'd = {"pool_pre_ping": True}\n'),
        ('d = {"a": 1}\n', 'd = {"a": 1, "pool_pre_ping": True}\n'),
        ("d = {'a': 1}\n", "d = {'a': 1, 'pool_pre_ping': True}\n"),
        ("d = {**base}\n", 'd = {**base, "pool_pre_ping": True}\n'),
        ("d = {'pool_pre_ping': False, 'a': 1}\n", "d = {'pool_pre_ping': True, 'a': 1}\n"),
        ("d = {**base, 'pool_pre_ping': False}\n", "d = {**base, 'pool_pre_ping': True}\n"),
        ("d = {\n    'a': (1),  # one\n}\n", "d = {\n    'a': (1),  # one\n    'pool_pre_ping': True,\n}\n"),
        ("d = {\n    # none\n}\n", 'd = {\n    # none\n    "pool_pre_ping": True,\n}\n'),
        ('d = {"""a""": 1}\n', 'd = {"""a""": 1, "pool_pre_ping": True}\n'),
    ],
)
def test_an_item_goes_behind_the_last_one(text: str, expected: str) -> None:
    assert fixed(text, item, "{", cst.Dict) == expected
    assert fixed(expected, item, "{", cst.Dict) is None


def test_a_key_may_be_given_as_code() -> None:
    quoted: Make = lambda spot: AddDictItems(spot, (('"a"', "1"),))  # noqa: E731
    assert fixed("d = {'a': 2}\n", quoted, "{", cst.Dict) == "d = {'a': 1}\n"
    assert fixed("d = {'b': 2}\n", quoted, "{", cst.Dict) == "d = {'b': 2, 'a': 1}\n"
    assert fixed("dict(a=2)\n", quoted, "dict(") == "dict(a=1)\n"
    merged: Make = lambda spot: MergeKeywordDict(spot, "x", (('"a"', "1"),))  # noqa: E731
    assert fixed("f()\n", merged, "f(") == 'f(x={"a": 1})\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dict()\n", "dict(pool_pre_ping=True)\n"),
        ("dict(a=1)\n", "dict(a=1, pool_pre_ping=True)\n"),
        ("dict(base, pool_pre_ping=0)\n", "dict(base, pool_pre_ping=True)\n"),
    ],
)
def test_a_dict_call_gets_keywords(text: str, expected: str) -> None:
    assert fixed(text, item, "dict(") == expected


# ---- keyword dicts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(url)\n", 'f(url, connect_args={"statement_cache_size": 0})\n'),
        ("f(connect_args={})\n", 'f(connect_args={"statement_cache_size": 0})\n'),
        ("f(connect_args={'a': 1})\n", "f(connect_args={'a': 1, 'statement_cache_size': 0})\n"),
        ("f(connect_args={'statement_cache_size': 9})\n", "f(connect_args={'statement_cache_size': 0})\n"),
        ("f(connect_args=dict(a=1))\n", "f(connect_args=dict(a=1, statement_cache_size=0))\n"),
        ("f(connect_args=dict(**a))\n", 'f(connect_args={**dict(**a), "statement_cache_size": 0})\n'),
        ("f(connect_args=args)\n", 'f(connect_args={**args, "statement_cache_size": 0})\n'),
        ("f(connect_args=settings.args)\n", 'f(connect_args={**settings.args, "statement_cache_size": 0})\n'),
        ("f(connect_args=args or {})\n", 'f(connect_args={**(args or {}), "statement_cache_size": 0})\n'),
        ("f(connect_args=(args or {}))\n", 'f(connect_args={**(args or {}), "statement_cache_size": 0})\n'),
        ("f(connect_args=a if b else {})\n", 'f(connect_args={**(a if b else {}), "statement_cache_size": 0})\n'),
        (
            "f(connect_args=(\n  args  # why\n))\n",
            'f(connect_args={**(\n  args  # why\n), "statement_cache_size": 0})\n',
        ),
        ("f(connect_args=args, **o)\n", 'f(connect_args={**args, "statement_cache_size": 0}, **o)\n'),
    ],
)
def test_items_are_merged_into_what_is_there(text: str, expected: str) -> None:
    assert call(text, cache) == expected


@pytest.mark.parametrize(
    ("head", "expected", "code"),
    [
        ("import os\n\n", "import os\nfrom uuid import uuid4\n\n", "uuid4"),
        ("import uuid\n", "import uuid\n", "uuid.uuid4"),
        ("import uuid as u\n", "import uuid as u\n", "u.uuid4"),
        ("from uuid import uuid4 as new\n", "from uuid import uuid4 as new\n", "new"),
        ("import uuid\nfrom uuid import uuid4\n", "import uuid\nfrom uuid import uuid4\n", "uuid4"),
    ],
)
def test_the_code_of_an_item_reaches_what_it_needs(head: str, expected: str, code: str) -> None:
    lambda_ = f'lambda: f"__asyncpg_{{{code}()}}__"'
    assert call(head + "f(url)\n", named) == f'{expected}f(url, connect_args={{"name_func": {lambda_}}})\n'


# ---- values


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("x = 1\n", "a or b", "x = a or b\n"),
        ("x = 1 + y\n", "a or b", "x = (a or b) + y\n"),
        ("x = 1 + y\n", "a(b)", "x = a(b) + y\n"),
        ("x = (1) + y\n", "a or b", "x = (a or b) + y\n"),
        ("f(a=1)\n", "a or b", "f(a=a or b)\n"),
        ("x = {'a': 1}\n", "lambda: 2", "x = {'a': lambda: 2}\n"),
    ],
)
def test_a_value_is_replaced_with_parentheses_where_it_needs_them(text: str, code: str, expected: str) -> None:
    assert fixed(text, lambda spot: ReplaceValue(spot, code), "1", cst.Integer) == expected


def test_a_value_that_is_there_already_is_left() -> None:
    assert fixed("x = 1\n", lambda spot: ReplaceValue(spot, "1"), "1", cst.Integer) is None
