"""What could a program with pools, leases and sleeps look like? Hypothesis strategies for whole files.

Every program parses. Layout is what varies: line ends, tabs, comments in odd places, arguments over several lines,
strings that look like code, a missing last newline, a byte order mark, a coding cookie.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from hypothesis import strategies as st

IMPORTS = """\
import asyncio
import time
import time as clock
from time import sleep

import asyncpg
import sqlalchemy as sa
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
"""

_SETUP = """\
app = FastAPI()
URL = "postgresql+asyncpg://app@db.internal/app"
OPTIONS = {"pool_size": 5}
engine = create_engine("postgresql://app@db.internal/app", pool_pre_ping=True, pool_recycle=300)
SessionLocal = sessionmaker(engine)
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A file's text with its own line ends, and the bytes it is stored as."""

    text: str
    encoding: str
    bom: bool

    @property
    def data(self) -> bytes:
        return (b"\xef\xbb\xbf" if self.bom else b"") + self.text.encode(self.encoding)


_constructors = st.sampled_from(
    [
        'create_engine("postgresql://app@db.internal/app"',
        "create_async_engine(URL",
        "sa.create_engine(URL",
        "sa . create_engine( URL",
        'create_engine("sqlite://"',
        'create_async_engine("postgresql+asyncpg://app@pgbouncer:6432/app"',
        "asyncpg.create_pool(dsn=URL",
    ]
)
_keywords = st.lists(
    st.sampled_from(
        [
            "pool_size=5",
            "max_overflow=10",
            "pool_pre_ping=False",
            "pool_recycle=-1",
            "echo=True",
            'connect_args={"timeout": 5}',
            "connect_args={}",
            'connect_args={\n        "timeout": 5,  # seconds\n    }',
            "connect_args=dict(timeout=5)",
            "connect_args=OPTIONS",
        ]
    ),
    max_size=3,
    unique_by=lambda keyword: keyword.partition("=")[0],
)


@st.composite
def calls(draw: st.DrawFn) -> str:
    """A call that makes a pool, on one line or on several."""
    parts = [draw(_constructors), *draw(_keywords), *draw(st.sampled_from([[], [], ["**OPTIONS"]]))]
    layout = draw(st.sampled_from(["line", "trailing", "rows", "comments", "hanging"]))
    if layout == "line":
        return ", ".join(parts) + ")"
    if layout == "trailing":
        return ", ".join(parts) + ", )"
    if layout == "hanging":
        return (",\n" + " " * 14).join(parts) + ")"
    note = "  # why: f(x), 'so'" if layout == "comments" else ""
    head, _, first = parts[0].partition("(")
    rows = [first.strip(), *parts[1:]]
    return f"{head}(\n" + "".join(f"    {row},{note}\n" for row in rows) + ")"


def _pools() -> st.SearchStrategy[str]:
    forms = ["pool = {}", "return {}", "pool = factory({})", "bind = sessionmaker({})", "x = {}; y = x", "{}"]
    return st.builds(lambda form, call: form.format(call), st.sampled_from(forms), calls())


_SLEEPS = [
    "time.sleep(1)",
    "clock.sleep(0.1)",
    "sleep(2)  # wait",
    "time . sleep( 1 )",
    "time.sleep(\n    1,  # a second\n)",
    "x = [time.sleep(i) for i in range(3)]",
    "later = lambda: time.sleep(1)",
    "time.sleep(1); sleep(1)",
    "if time.sleep(1): pass",
    "print(f'{time.sleep(1)}', -time.sleep(1) ** 2)",
    "assert time.sleep(1) is None, 'slept'",
    "time.sleep(1)  # noqa: DBP301",
    "time.sleep(1)  # type: ignore  # dbpool: ignore[sleep-in-async]",
]
_LEASES = [
    "session = SessionLocal()\nsession.execute(text('select 1'))",
    "session = SessionLocal()\n# first\nsession.add(1)\n\nsession.commit()\n# last",
    "session: Session = SessionLocal()\ntry:\n    session.commit()\nfinally:\n    session.close()",
    "conn = engine.connect()\nrows = conn.execute(text('''\n  select 1\n'''))\nprint(rows)",
    "conn = engine.connect(); conn.execute(text('select 1'))",
    "session = SessionLocal()\nreturn session",
    "session = SessionLocal()\nif session:\n    return session.get(int, 1)\nprint(session)",
    "with SessionLocal() as session:\n    session.commit()",
    "session = AsyncSession(\n    engine,\n)\nsession.add(1)",
    "session = SessionLocal()\nfor _ in range(3):\n    session.add(_)\n    session = SessionLocal()",
]
_NOISE = [
    "# time.sleep(1)",
    's = "time.sleep(1)  # noqa: DBP301"',
    's = """\n\ttime.sleep(1)\n\n# create_engine(URL)\n"""',
    "s = 'tab\\t' 'naïve' # é",
    "pass;",
    "\n",
    "x = 1 \\\n    + 2",
    "x = 1  # noqa: DBP101",
    "x: int = 1  # noqa: E501,DBP401",
]
_WRAPPERS = ["if True:", "for _ in range(2):", "while False:  # never", "try:", "with open('f') as f:", "def inner():"]


def _suites(asynchronous: bool) -> st.SearchStrategy[str]:
    awaits = ["await asyncio.sleep(0)", "pool = await asyncpg.create_pool(URL)\nconn = await pool.acquire()"]
    simple = st.one_of(st.sampled_from([*_SLEEPS, *_LEASES, *_NOISE, *(awaits if asynchronous else [])]), _pools())
    return st.recursive(
        _suite(simple), lambda inner: _suite(st.builds(_wrap, st.sampled_from(_WRAPPERS), inner)), max_leaves=4
    )


def _suite(statement: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(statement, min_size=1, max_size=4).map(lambda rows: "\n".join([*rows, "done = 1"]))


def _wrap(head: str, body: str) -> str:
    body = body.replace("await ", "") if head.startswith("def ") else body
    tail = "\nexcept ValueError:\n    pass  # so be it" if head == "try:" else ""
    return f"{head}\n{textwrap.indent(body, '    ')}{tail}"


@st.composite
def functions(draw: st.DrawFn) -> str:
    asynchronous = draw(st.booleans())
    route = draw(st.sampled_from(["", '@app.get("/items")\n', '@app.get(\n    "/items",\n)\n# now\n']))
    head = draw(st.sampled_from(["f():", "g(a, b=1, *args):  # g", "h(\n    db: Session = Depends(SessionLocal),\n):"]))
    doc = draw(st.sampled_from(["", '"""Doc."""\n', '"""Doc.\n\n    time.sleep(1)\n    """\n']))
    body = textwrap.indent(doc + draw(_suites(asynchronous)), "    ")
    return f"{route}{'async ' if asynchronous else ''}def {head}\n{body}\n"


_top_level = st.one_of(
    functions(),
    functions(),
    functions().map(lambda f: "class C:\n" + textwrap.indent(f, "    ")),
    calls().map(lambda call: f"pool = {call}\n"),
    st.sampled_from(["# a comment\n", "\n", "\f\n", "if True:\n    import asyncio as aio\n", "x = 1  # noqa: DBP\n"]),
)


@st.composite
def sources(draw: st.DrawFn) -> str:
    """The text of a program with `\\n` as line end and four blanks for each level."""
    start = draw(st.sampled_from(["", '"""Doc."""\n', "#!/usr/bin/env python\n# licence\n\n", "\n\n"]))
    future = draw(st.sampled_from(["", "from __future__ import annotations\n"]))
    body = draw(st.lists(_top_level, min_size=1, max_size=4))
    gap = draw(st.sampled_from(["\n", "\n\n", ""]))
    text = start + future + IMPORTS + _SETUP + gap + gap.join(body)
    return text if draw(st.booleans()) else text.rstrip("\n")


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A file as it could lie on a disk."""
    text = draw(sources())
    unit = draw(st.sampled_from(["    ", "    ", "\t", "  "]))
    if unit != "    ":
        text = "\n".join(_indented(row, unit) for row in text.split("\n"))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "latin-1"]))
    if encoding == "latin-1":
        text = f"# -*- coding: latin-1 -*-\n{text}"
    text = text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n"])))
    return Program(text, encoding, encoding == "utf-8" and draw(st.booleans()))


def _indented(row: str, unit: str) -> str:
    body = row.lstrip(" ")
    level, rest = divmod(len(row) - len(body), 4)
    return unit * level + " " * rest + body
