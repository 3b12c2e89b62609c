"""Which steps can raise, and after which does a function not go on? What is not known may raise."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.typestate.raising import raises, returns, waits

_START = """
import contextlib
import logging
import os
import sys
import time
import flask
from loguru import logger as loud
from sqlalchemy import select
from somewhere import keep, wrap
logger = logging.getLogger(__name__)
def quiet(x):
    logger.info("%s", x)
    return str(x)
def loudly(x):
    return keep(x)
def around(x):
    return around(x)
def stream():
    yield 1
def refuse(x):
    logger.info("%s", x)
    raise ValueError(x)
def refuse_mostly(x):
    if x:
        return x
    raise ValueError(x)
def empty(): ...
@wrap
def wrapped(x):
    raise ValueError(x)
class Base:
    def override(self):
        raise NotImplementedError
    def refuse(self):
        logger.info("no")
        raise ValueError
    @staticmethod
    def static():
        logger.info("no")
        raise ValueError
    def try_out(self):
        self.override()
        self.refuse()
"""


def _call(code: str) -> tuple[facts.Call, list[bool]]:
    """The outermost call of a line, and whether it may raise and whether it comes back."""
    project = linked(f"{_START}\ndef asked(given):\n    {code}\n")
    scope = function(project, "asked")
    call = next(fact for fact in scope.body if isinstance(fact, facts.Call))
    return call, [raises(project.evaluator, call, scope), returns(project.evaluator, call, scope)]


@pytest.mark.parametrize(
    "code",
    [
        "logging.info('x')",
        "logger.warning('x')",
        "loud.info('x')",
        "time.sleep(1)",
        "print('x')",
        "len(given)",
        "os.getenv('X')",
        "select(given)",
        "quiet(given)",
        "empty()",
        "contextlib.suppress(ValueError)",
        "contextlib.closing(given)",
        "given.append(1)",
        "', '.join(given)",
        "f'{given}'.strip()",
        "given.cursor.close()",
        "given.close()",
        "sys.exit(2)",
        "os._exit(2)",
    ],
)
def test_what_raises_nothing(code: str) -> None:
    assert not _call(code)[1][0]


@pytest.mark.parametrize(
    "code",
    [
        "keep(given)",
        "given(1)",
        "given.work()",
        "given[0].append(1)",
        "loudly(given)",
        "around(given)",
        "stream()",
        "int(given)",
        "open(given)",
        "flask.abort(404)",
        "given.release(1)",
        "(logger if given else keep).info('x')",
    ],
)
def test_what_may_raise(code: str) -> None:
    assert _call(code)[1][0]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("sys.exit(2)", False),
        ("exit()", False),
        ("flask.abort(404)", False),
        ("refuse(given)", False),
        ("Base.static()", False),
        ("Base().refuse()", False),
        ("Base().override()", True),
        ("refuse_mostly(given)", True),
        ("wrapped(given)", True),
        ("empty()", True),
        ("stream()", True),
        ("quiet(given)", True),
        ("keep(given)", True),
        ("given(1)", True),
        ("(refuse if given else quiet)(given)", True),
    ],
)
def test_what_comes_back(code: str, expected: bool) -> None:
    project = linked(f"{_START}\ndef asked(given):\n    {code}\n")
    scope = function(project, "asked")
    call = next(fact.value for fact in scope.body if isinstance(fact, facts.Evaluate))
    assert returns(project.evaluator, call, scope) is expected
    assert returns(project.evaluator, scope.node, scope)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("await given.work()", (True, True)),
        ("await given.close()", (False, True)),
        ("await given", (True, True)),
        ("yield given", (True, True)),
        ("raise ValueError", (True, False)),
        ("assert given", (True, False)),
        ("x = given", (False, False)),
        ("async for x in given: pass", (True, True)),
        ("for x in given: pass", (False, False)),
    ],
)
def test_statements_that_raise_and_that_wait(code: str, expected: tuple[bool, bool]) -> None:
    project = linked(f"{_START}\nasync def asked(given):\n    {code}\n")
    scope = function(project, "asked")
    kinds = (facts.Await, facts.Yield, facts.Raise, facts.Assert, facts.Assign, facts.For)
    step = next(fact for fact in scope.body if isinstance(fact, kinds))
    assert (raises(project.evaluator, step, scope), waits(step)) == expected
