"""Where do values come from? Parameters, constants, settings and records, back to where they were written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from linking import asked, linked, said

_START = """
import dataclasses
import os
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import NamedTuple
import attr
import environ
import msgspec
from attrs import define, field as attrs_field
from decouple import config
from environs import Env
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings
from sqlalchemy import create_engine
from starlette.config import Config
from somewhere import UNSEEN, Thing, fetch, flag
"""


def _values(files: Mapping[str, str] | str) -> set[str]:
    project = linked(files)
    return said(project.reader.values(asked(project)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PING = False\nPING = True\nasked = PING", {"True"}),
        ("PING = False\nif flag:\n    PING = True\nasked = PING", {"False", "True"}),
        ("PING = False\ndef on():\n    global PING\n    PING = True\nasked = PING", {"False", "unknown"}),
        ("def f():\n    x = 1\n    x = 2\n    asked = x", {"2"}),
        ("def f():\n    x = 1\n    asked = x\n    x = 2", {"1"}),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    asked = x", {"1", "unknown"}),
        ("def f():\n    x = 1\n    x += 1\n    asked = x", {"1", "unknown"}),
        ("def f():\n    if (x := 3):\n        asked = x", {"3"}),
        ("def f():\n    x, y = 1, 2\n    asked = y", {"2"}),
        ("def f():\n    x, y = fetch()\n    asked = y", {"unknown"}),
        ("def f(x=1):\n    x = x or 2\n    asked = x\nf()", {"1", "2"}),
        ("def f(x=0):\n    x = x or 2\n    asked = x\nf()", {"2"}),
        ("def f(x):\n    if flag:\n        x = 5\n    asked = x\nf(4)", {"4", "5"}),
        ("def f(*x):\n    asked = x\nf(4)", {"unknown"}),
        ("asked = 1 if flag else 2", {"1", "2"}),
        ("asked = {'a': 1}['a']", {"1"}),
        ("asked = {'a': 1}[flag]", {"unknown"}),
        ("asked = {**UNSEEN}['a']", {"unknown"}),
        ("asked = {'a': 1}.get('a', 2)", {"1"}),
        ("asked = {}.get('a', 2)", {"2"}),
        ("asked = {}.get('a')", {"None"}),
        ("asked = UNSEEN.get('a', 2)", {"result of somewhere.UNSEEN.get"}),
        ("asked = {'a': 1}.get(flag, 2)", {"unknown"}),
        ("O = {'a': 1}\nasked = O.pop('a', 2)", {"1"}),
        ("O = {}\nif flag:\n    O['a'] = 1\nasked = O.get('a', 2)", {"1", "2"}),
        ("def f():\n    return 5\nasked = f()", {"5"}),
        ("def f(x):\n    return x\nasked = f(5)", {"5"}),
        ("def f(x):\n    yield x\nasked = f(5)", {"generator f"}),
        ("asked = int('5')", {"5"}),
        ("def f(x):\n    asked = int(x)\nf('5')", {"5"}),
        ("async def f():\n    x = 5\n    asked = await x", {"5"}),
        ("class C:\n    X = 5\nasked = C.X", {"5"}),
        ("class C:\n    @property\n    def x(self):\n        return 5\nasked = C().x", {"5"}),
        ("class C:\n    def x(self):\n        return 5\nasked = C().x", {"function C.x"}),
        ("class C:\n    def __init__(self, x=1):\n        self.x = x\nasked = C(2).x", {"2"}),
        ("class C:\n    x = 1\n    def __init__(self):\n        self.x = 2\nasked = C().x", {"2"}),
        ("class C:\n    x = 1\nclass D(C): ...\nasked = D().x", {"1"}),
        ("class C: ...\nasked = C().x", {"unknown"}),
        ("class C:\n    x: int\nasked = C.x", {"result of builtins.int"}),
    ],
)
def test_a_value_is_followed_to_where_it_was_written(text: str, expected: set[str]) -> None:
    assert _values(_START + text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@dataclass\nclass C:\n    x: int = 1\nasked = C().x", {"1"}),
        ("@dataclass(frozen=True)\nclass C:\n    x: int = 1\nasked = C(2).x", {"2"}),
        ("@dataclasses.dataclass\nclass C:\n    x: int = 1\nasked = C(x=2).x", {"2"}),
        ("@dataclass\nclass C:\n    x: int = 1\nC(2)\nasked = C().x", {"1", "2"}),
        ("@dataclass\nclass C:\n    y: int\n    x: int = 1\nC(5, 6)\nasked = C(5).x", {"1", "6"}),
        ("@dataclass\nclass C:\n    x: int = 1\nasked = C(**UNSEEN).x", {"unknown"}),
        ("@dataclass\nclass C:\n    x: int = 1\nasked = C(*UNSEEN).x", {"unknown"}),
        ("@dataclass\nclass C:\n    x: int = 1\nasked = C(**{'x': 3}).x", {"3"}),
        ("@dataclass\nclass C:\n    x: int = 1\ndef f(c: C):\n    asked = c.x", {"unknown"}),
        ("@dataclass\nclass C:\n    x: int\nasked = C(1).x", {"1"}),
        ("@dataclass\nclass C:\n    x: int\nasked = C().x", {"unknown"}),
        ("@dataclass\nclass C:\n    x: int = field(default=1)\nasked = C().x", {"1"}),
        ("@dataclass\nclass C:\n    x: list = field(default_factory=lambda: 4)\nasked = C().x", {"4"}),
        ("@dataclass\nclass C:\n    x: list = field()\nasked = C().x", {"unknown"}),
        (
            "def four():\n    return 4\n@dataclass\nclass C:\n    x: list = field(default_factory=four)\nasked = C().x",
            {"4"},
        ),
        (
            (
                "@dataclass\nclass P:\n    x: int = 1\n@dataclass\nclass C:\n"
                "    p: P = field(default_factory=P)\nasked = C().p.x"
            ),
            {"1"},
        ),
        ("@dataclass\nclass C:\n    x: int = 1\n    def __init__(self):\n        self.y = 1\nasked = C().x", {"1"}),
        ("@attr.s\nclass C:\n    x: int = attr.ib(default=1)\nasked = C().x", {"1"}),
        ("@define\nclass C:\n    x: int = attrs_field(default=1)\nasked = C(2).x", {"2"}),
        ("class C(msgspec.Struct):\n    x: int = 1\nasked = C(x=2).x", {"2"}),
        ("class C(NamedTuple):\n    x: int = 1\nasked = C(2).x", {"2"}),
        ("class C(BaseModel):\n    x: int = Field(1)\nasked = C().x", {"1"}),
        ("class C(BaseModel):\n    x: int = Field(..., gt=1)\nasked = C().x", {"unknown"}),
        ("class C(BaseModel):\n    x: int = Field(default_factory=int)\nasked = C().x", {"result of builtins.int"}),
        ("class B(BaseModel):\n    x: int = 1\nclass C(B): ...\nasked = C(x=2).x", {"2"}),
        ("class B(BaseModel):\n    x: int = 1\nclass C(B): ...\nC(x=2)\ndef f(b: B):\n    asked = b.x", {"2"}),
        ("class C(BaseSettings):\n    x: int = 1\nasked = C().x", {"1", "default 1"}),
        ("class C(BaseSettings):\n    x: int = 1\ndef f(c: C):\n    asked = c.x", {"default 1"}),
        ("class C(BaseSettings):\n    x: int\ndef f(c: C):\n    asked = c.x", {"unknown"}),
        (
            "class P(BaseModel):\n    x: int = 1\nclass C(BaseSettings):\n    p: P\ndef f(c: C):\n    asked = c.p.x",
            {"default 1"},
        ),
    ],
)
def test_a_field_is_its_default_or_what_the_constructor_is_given(text: str, expected: set[str]) -> None:
    assert _values(_START + text) == expected


def test_env_files_say_more_of_a_setting_than_its_default() -> None:
    text = f"{_START}class C(BaseSettings):\n    pool_x: int = 1\nasked = C().pool_x"
    assert _values({"app.py": text, ".env": "POOL_X=7\n"}) == {"default 7"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("asked = config('X', 5)", {"default 5"}),
        ("asked = config('X', default='5', cast=int)", {"default 5"}),
        ("asked = config('X', default='5', cast=lambda x: x)", {"unknown"}),
        ("asked = config('X', default='5', cast=Thing)", {"unknown"}),
        ("asked = config('X', 'no', cast=bool)", {"default False"}),
        ("asked = config('X')", {"unknown"}),
        ("env = Env()\nasked = env.bool('X', False)", {"default False"}),
        ("env = Env()\nasked = env.bool('X', 'yes')", {"default True"}),
        ("env = Env()\nasked = env.bool('X', UNSEEN)", {"unknown"}),
        ("env = Env()\nasked = env.int('X', default=5)", {"default 5"}),
        ("env = Env()\nasked = env.nothing('X', default=5)", {"unknown"}),
        ("env = environ.Env()\nasked = env('X', int, 5)", {"default 5"}),
        ("env = environ.Env()\nasked = env.bool('X', default=False)", {"default False"}),
        ("conf = Config('.env')\nasked = conf('X', cast=int, default='5')", {"default 5"}),
        ("conf = Config('.env')\nasked = conf('X', int, 5)", {"default 5"}),
        ("asked = int(os.getenv('X', '5'))", {"default 5"}),
        ("asked = int(os.getenv('X', 'five'))", {"unknown"}),
        ("asked = os.environ['X']", {"unknown"}),
        ("asked = os.environ.get('X', 'y')", {"default 'y'"}),
    ],
)
def test_readers_of_the_environment_give_their_defaults(text: str, expected: set[str]) -> None:
    assert _values(_START + text) == expected


_RECORD = "@dataclass\nclass C:\n    url: str\n    ping: bool = True\n    size: int = 5\nc = C('u', size=3)\n"
_MODEL = "class C(BaseModel):\n    url: str\n    ping: bool = True\n    size: int = 5\nc = C(url='u', size=3)\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_RECORD + "asked = asdict(c)", {"url": {"'u'"}, "ping": {"True"}, "size": {"3"}}),
        (_RECORD + "asked = vars(c)", {"url": {"'u'"}, "ping": {"True"}, "size": {"3"}}),
        (_MODEL + "asked = dict(c)", {"url": {"'u'"}, "ping": {"True"}, "size": {"3"}}),
        (_MODEL + "asked = c.model_dump()", {"url": {"'u'"}, "ping": {"True"}, "size": {"3"}}),
        (_MODEL + "asked = c.dict(exclude={'url'})", {"ping": {"True"}, "size": {"3"}}),
        (_MODEL + "asked = c.model_dump(include={'ping'})", {"ping": {"True"}}),
        (_MODEL + "asked = c.model_dump(include={'ping': True})", {"ping": {"True"}}),
        (_MODEL + "asked = c.model_dump(mode='json', exclude_none=True, exclude=['url', 'size'])", {"ping": {"True"}}),
    ],
)
def test_objects_may_be_dumped_into_dicts(text: str, expected: dict[str, set[str]]) -> None:
    project = linked(_START + text)
    table = project.reader.table(*asked(project))
    found = {key: said(project.reader.given(table.argument(key))) for key in table.entries}
    assert (found, table.complete) == (expected, True)


@pytest.mark.parametrize(
    "text",
    [
        "asked = asdict(UNSEEN)",
        "asked = asdict(fetch())",
        "class C: ...\nasked = vars(C())",
        _MODEL + "asked = c.model_dump(include=UNSEEN)",
        _MODEL + "asked = c.model_dump(by_alias=True)",
        _MODEL + "asked = c.model_dump(**UNSEEN)",
        _RECORD + "class D:\n    def dict(self):\n        return UNSEEN\nasked = D().dict()",
        _RECORD + "@dataclass\nclass D:\n    x: int = 1\ne = c\nif flag:\n    e = D()\nasked = asdict(e)",
    ],
)
def test_dumps_that_cannot_be_told_are_incomplete(text: str) -> None:
    project = linked(_START + text)
    assert not project.reader.table(*asked(project)).complete


def test_what_an_exclusion_by_value_leaves_may_be_absent() -> None:
    project = linked(_START + _MODEL + "asked = c.model_dump(exclude_defaults=True)")
    table = project.reader.table(*asked(project))
    assert table.optional == {"url", "ping", "size"}
    assert table.complete
