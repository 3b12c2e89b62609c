"""What does a function do to the lease that it is given? Told once, through everything that it calls."""

from __future__ import annotations

import pytest
from linking import function, linked

from dbpool_lint.config import Settings
from dbpool_lint.facts import model as facts
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.typestate.states import Effect, State
from dbpool_lint.facts.typestate.taking import worked_with
from dbpool_lint.knowledge.kinds import Kind

_START = """
from contextlib import contextmanager
from functools import wraps
from sqlalchemy.orm import Session
from somewhere import UNSEEN, flag, keep
"""


def _told(effect: Effect | None) -> str:
    """Name, where it leads from HOLDING, and where when it raises."""
    if effect is None:
        return "unknown"
    after, failing = (
        "/".join(sorted(state.name for state in moves.get(State.HOLDING, {State.HOLDING})))
        for moves in (effect.after, effect.failing)
    )
    return f"{effect.name}: {after}, {failing}"


def _summary(code: str, name: str = "f", kind: Kind = Kind.SESSION, settings: Settings | None = None) -> str:
    project = linked(f"{_START}{code}\n", settings)
    return _told(project.lives.summary(function(project, name), "s", kind))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(s): ...", "uses: HOLDING, HOLDING"),
        ("def f(s): print(s)", "uses: HOLDING, HOLDING"),
        ("def f(s): s.execute(1)", "calls: HOLDING, HOLDING"),
        ("def f(s): s.commit()", "calls: RELEASED, HOLDING"),
        ("def f(s):\n  s.execute(1)\n  s.commit()", "finishes: RELEASED, HOLDING"),
        ("def f(s): s.rollback()", "undoes: RELEASED, "),
        ("def f(s): s.close()", "closes: CLOSED, CLOSED"),
        ("def f(s):\n  if flag:\n    s.close()", "closes: CLOSED, CLOSED"),
        ("def f(s):\n  if flag:\n    s.commit()", "calls: HOLDING/RELEASED, HOLDING"),
        (
            "def f(s):\n  try:\n    s.commit()\n  except Exception:\n    s.rollback()\n    raise",
            "calls: RELEASED, RELEASED",
        ),
        ("def f(s): return s", "escapes: ESCAPED, ESCAPED"),
        ("def f(s):\n  s.execute(1)\n  return s", "escapes: ESCAPED, ESCAPED"),
        ("def f(s):\n  s = s or Session()\n  s.execute(1)", "calls: HOLDING, HOLDING"),
        ("def f(s=None):\n  if s is None:\n    s = Session()\n  s.execute(1)", "calls: HOLDING, HOLDING"),
        ("def f(s):\n  global s\n  s.execute(1)", "escapes: ESCAPED, ESCAPED"),
        ("def f(t): ...", "escapes: ESCAPED, ESCAPED"),
        ("def f(s): keep(s)", "escapes: ESCAPED, ESCAPED"),
        ("def f(s): raise ValueError", "uses: HOLDING, HOLDING"),
        ("async def f(s): await s.execute(1)", "calls: HOLDING, HOLDING"),
        ("def f(s): yield s.execute(1)", "unknown"),
        ("@keep\ndef f(s): s.execute(1)", "unknown"),
        ("@wraps(keep)\ndef f(s): s.execute(1)", "calls: HOLDING, HOLDING"),
        # through calls
        ("def f(s): g(s)\ndef g(s): s.execute(1)", "calls: HOLDING, HOLDING"),
        ("def f(s): g(t=s)\ndef g(t): s = t", "escapes: ESCAPED, ESCAPED"),
        ("def f(s): g(s)\ndef g(s): h(s)\ndef h(s): s.close()", "closes: CLOSED, CLOSED"),
        ("def f(s):\n  s.execute(1)\n  f(s)", "calls: HOLDING, HOLDING"),
        ("def f(s):\n  if flag:\n    f(s)\n  s.close()", "closes: CLOSED, CLOSED"),
        ("def f(s): g(s)\ndef g(s):\n  if flag:\n    f(s)\n  s.commit()", "calls: RELEASED, HOLDING"),
        ("def f(s): f(s)", "uses: HOLDING, HOLDING"),
    ],
)
def test_what_a_function_does_to_a_session(code: str, expected: str) -> None:
    assert _summary(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(s): s.execute(1)", "calls: HOLDING, HOLDING"),
        ("def f(s): s.commit()", "calls: HOLDING, HOLDING"),
        ("def f(s): s.close()", "closes: CLOSED, CLOSED"),
    ],
)
def test_a_connection_holds_until_it_is_closed(code: str, expected: str) -> None:
    assert _summary(code, kind=Kind.CONNECTION) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("class A:\n  def f(self, s): s.execute(1)", "calls: HOLDING, HOLDING"),
        ("class A:\n  @staticmethod\n  def f(s): s.execute(1)", "calls: HOLDING, HOLDING"),
        ("class A:\n  @classmethod\n  def f(cls, s): s.execute(1)", "calls: HOLDING, HOLDING"),
        ("class A:\n  @property\n  def f(self, s): s.execute(1)", "unknown"),
        ("class A:\n  def f(self, s): self.g(s)\n  def g(self, s): s.close()", "closes: CLOSED, CLOSED"),
        (
            "class A:\n  def f(self, s): self.g(s)\nclass B(A):\n  def g(self, s): s.close()",
            "escapes: ESCAPED, ESCAPED",
        ),
        (
            "class A:\n  def f(self, s): self.g(s)\n  def g(self, s): ...\nclass B(A):\n  def g(self, s): s.close()",
            "escapes: ESCAPED, ESCAPED",
        ),
        ("class A:\n  def f(self, s): super().f(s)", "escapes: ESCAPED, ESCAPED"),
    ],
)
def test_methods_are_functions(code: str, expected: str) -> None:
    assert _summary(code, "A.f") == expected


_CHAIN = "def f(s): g(s)\ndef g(s): h(s)\ndef h(s): s.execute(1)"


@pytest.mark.parametrize(("depth", "expected"), [(3, "calls: HOLDING, HOLDING"), (2, "escapes: ESCAPED, ESCAPED")])
def test_how_deep_calls_are_followed_is_a_setting(depth: int, expected: str) -> None:
    assert _summary(_CHAIN, settings=Settings(call_depth=depth)) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(s):\n  s.execute(1)\n  yield", "calls: HOLDING, HOLDING"),
        ("def f(s):\n  try:\n    yield s\n  finally:\n    s.close()", "closes: CLOSED, CLOSED"),
        ("def f(s):\n  yield s\n  s.commit()", "calls: RELEASED, HOLDING"),
        ("def f(s): ...", "unknown"),
    ],
)
def test_what_a_context_manager_does_to_a_session(code: str, expected: str) -> None:
    project = linked(f"{_START}{code}\n")
    assert _told(project.lives.managed(function(project, "f"), "s", Kind.SESSION)) == expected


def _asked(code: str) -> tuple[Linked, list[object]]:
    """What stands behind the call of `asked`: what follows, whether the end may, and both when it gives nothing."""
    project = linked(f"{_START}{code}\n")
    here = function(project, "f")
    (lease,) = worked_with(project.evaluator, here)
    step = next(fact for fact in here.body if isinstance(fact, facts.Call) and getattr(fact.func, "id", "") == "UNSEEN")
    lives = project.lives
    return project, [
        _method(lives.next_work(lease, step)),
        lives.ends_after(lease, step),
        _method(lives.next_work(lease, step, empty=True)),
        lives.ends_after(lease, step, empty=True),
    ]


def _method(fact: object) -> str:
    if isinstance(fact, facts.Call):
        return fact.func.name if isinstance(fact.func, facts.Attr) else getattr(fact.func, "id", "?")
    return type(fact).__name__


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("UNSEEN()\n  s.add(1)\n  s.commit()", ["commit", False, "commit", False]),
        ("UNSEEN()", ["NoneType", True, "NoneType", True]),
        ("UNSEEN()\n  s.rollback()\n  s.commit()", ["NoneType", False, "NoneType", False]),
        ("if UNSEEN():\n    s.commit()", ["commit", True, "NoneType", True]),
        ("if not UNSEEN():\n    s.commit()", ["commit", True, "commit", False]),
        ("x = UNSEEN()\n  if x:\n    s.commit()", ["commit", True, "NoneType", True]),
        ("x = UNSEEN()\n  if x is None:\n    s.commit()", ["commit", True, "commit", False]),
        ("x = UNSEEN()\n  if flag:\n    s.commit()", ["commit", True, "commit", True]),
        ("while flag:\n    UNSEEN()\n    s.add(1)\n    s.execute(1)", ["execute", False, "execute", False]),
        ("with s.begin():\n    UNSEEN()", ["Entered", False, "Entered", False]),
    ],
)
def test_what_follows_a_step(body: str, expected: list[object]) -> None:
    assert _asked(f"def f(s: Session):\n  {body}")[1] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s.rollback()\n  s.execute(1)", True),
        ("s.execute(1)\n  s.rollback()", False),
        ("print(s)\n  if flag:\n    s.close()\n  s.execute(1)", True),
        ("while flag:\n    pass", False),
    ],
)
def test_whether_a_function_rolls_back_first(body: str, expected: bool) -> None:
    project = linked(f"{_START}def f(s: Session):\n  {body}\n")
    (lease,) = worked_with(project.evaluator, function(project, "f"))
    assert project.lives.heals_first(lease) is expected


def test_a_function_that_is_too_large_is_not_judged() -> None:
    body = "  s.execute(1)\n"
    for _ in range(16):
        body = "  try:\n    if flag:\n      return 1\n    UNSEEN()\n  finally:\n" + "".join(
            f"  {line}\n" for line in body.splitlines()
        )
    project = linked(f"{_START}def f(s: Session):\n{body}def g(s: Session): f(s)\n")
    (lease,) = worked_with(project.evaluator, function(project, "f"))
    assert project.lives.of(lease) is None
    assert not project.lives.heals_first(lease)
    assert _told(project.lives.summary(function(project, "g"), "s", Kind.SESSION)).startswith("escapes")
