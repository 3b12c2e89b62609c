"""In which order may the parts of a function run? Every statement, as the paths through it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest
from linking import function, linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.typestate.graph import Graph, Node, TooLarge, caught, graph, nodes


def _graph(body: str, head: str = "def f():") -> Graph:
    project = linked(f"{head}\n{textwrap.indent(textwrap.dedent(body), '    ')}")
    return graph(function(project, "f").node, lambda item: isinstance(item.value, facts.Call))


def _paths(body: str, head: str = "def f():") -> list[str]:
    """Every path as text, no node more than twice.

    A name is read: `a`; as a condition it goes either way: `a+`, `a-`. A call may raise, an `await` be cancelled:
    `a!`, `a~`. `m(` and `m)` enter and leave a context manager, `m)!` leaves it on an exception; `E:` is a handler.
    At the end `.`, `!` or `~`.
    """
    of = _graph(body, head)
    return sorted(_from(of.start, of, "", ()))


def _from(node: Node, of: Graph, text: str, passed: tuple[Node, ...]) -> Iterator[str]:
    if node in (of.end, of.fail, of.cancel):
        yield f"{text.strip()}." if node is of.end else f"{text}{'!' if node is of.fail else '~'}"
        return
    if passed.count(node) > 1:
        return
    after, said = (*passed, node), f"{text}{_said(node)}"
    if node.how == "test":
        yield from _from(node.after[0], of, f"{said}+ ", after)
        yield from _from(node.after[1], of, f"{said}- ", after)
    else:
        for following in node.after:
            yield from _from(following, of, f"{said} " if _said(node) else text, after)
    if node.how == "raise" or any(isinstance(step, facts.Call) for step in node.steps):
        assert node.failing is not None
        yield from _from(node.failing, of, f"{said}! ", after)
    if any(isinstance(step, (facts.Await, facts.Yield)) for step in node.steps):
        assert node.cancelled is not None
        yield from _from(node.cancelled, of, f"{said}~ ", after)


def _said(node: Node) -> str:
    names = " ".join(step.id for step in node.steps if isinstance(step, facts.Name))
    if isinstance(node.fact, facts.Entered):
        last = node.fact.value.func if isinstance(node.fact.value, facts.Call) else node.fact.value
        name = last.id if isinstance(last, facts.Name) else ""
        return {"enter": f"{name}(", "leave": f"{name})", "abort": f"{name})!"}[node.how]
    if node.how == "next":
        return "next"
    if isinstance(node.fact, facts.Handler) and node.how == "bind":
        return "/".join(sorted(caught(node.fact))) + ":"
    if isinstance(node.fact, facts.Case):
        return "case"
    return names


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", "."),
        ("a\nb", "a b."),
        ("a()\nb", "a b. | a! !"),
        ("return a\nb", "a."),
        ("raise a\nb", "a! !"),
        ("a = b + c", "a b c."),
        ("def g():\n    a()\nb", "b."),
        ("class A:\n    a()\nb", "b."),
        ("a = lambda: b()", "a."),
        ("import a\nglobal b\nc: d\nb", "c d b."),
        ("assert a\ndel b", "a b."),
        # conditions
        ("if a:\n    b\nc", "a+ b c. | a- c."),
        ("if a:\n    b\nelif c:\n    d\nelse:\n    e", "a+ b. | a- c+ d. | a- c- e."),
        ("if not a:\n    b", "a+. | a- b."),
        ("if a and b:\n    c", "a+ b+ c. | a+ b-. | a-."),
        ("if a or b:\n    c", "a+ c. | a- b+ c. | a- b-."),
        ("if not (a or b):\n    c", "a+. | a- b+. | a- b- c."),
        ("if (a if b else c):\n    d", "b+ a+ d. | b+ a-. | b- c+ d. | b- c-."),
        ("a and b", "a b."),
        ("a and b()", "a+ b. | a+ b! !| a-."),
        ("a or b()", "a+. | a- b. | a- b! !"),
        ("a or b and c()", "a+. | a- b+ c. | a- b+ c! ! | a- b-."),
        ("d = b() if a else c()", "d a+ b! ! | d a+ b. | d a- c! ! | d a- c."),
        ("d(a and b())", "d a+ b ! ! | d a+ b! ! | d a+ b. | d a- ! ! | d a-."),
        ("return a and b()", "a+ b. | a+ b! ! | a-."),
        # loops
        ("while a:\n    b\nc", "a+ b a- c. | a- c."),
        ("while a:\n    b\nelse:\n    c\nd", "a+ b a- c d. | a- c d."),
        ("while True:\n    a\nb", ""),
        ("while True:\n    if a:\n        break\nb", "a+ b. | a- a+ b."),
        ("while a:\n    if b:\n        continue\n    c\nd", "a+ b+ a- d. | a+ b- c a- d. | a- d."),
        ("for a in b:\n    c\nd", "b next c next d. | b next d."),
        ("for a in b:\n    break\nelse:\n    c\nd", "b next c d. | b next d."),
        ("for a in b():\n    pass", "b next next. | b next. | b! !"),
        # with
        ("with a:\n    b\nc", "a( b a) c."),
        ("with a as d, b:\n    c", "a( b( c b) a)."),
        ("with a:\n    b()", "a( b a). | a( b! a)! !"),
        ("with a:\n    return b\nc", "a( b a)."),
        ("with a:\n    raise b", "a( b! a)! !"),
        ("for a in b:\n    with c:\n        break\nd", "b next c( c) d. | b next d."),
        ("for a in b:\n    with c:\n        continue\nd", "b next c( c) next d. | b next d."),
        ("with c(Exception):\n    b()\nd", "c( b c) d. | c( b! c)! d. | c(! !"),
        ("with c(ValueError):\n    b()\nd", "c( b c) d. | c( b! c)! ! | c( b! c)! d. | c(! !"),
        ("with c(*a):\n    raise b\nd", "c( b! c)! ! | c( b! c)! d. | c(! !"),
        ("with c(CancelledError):\n    raise b\nd", "c( b! c)! ! | c(! !"),
        # try
        ("try:\n    a()\nfinally:\n    b\nc", "a b c. | a! b !"),
        ("try:\n    return a\nfinally:\n    b\nc", "a b."),
        ("try:\n    a()\nfinally:\n    return b\nc", "a b. | a! b."),
        ("for a in b:\n    try:\n        break\n    finally:\n        c\nd", "b next c d. | b next d."),
        ("for a in b:\n    try:\n        continue\n    finally:\n        c\nd", "b next c next d. | b next d."),
        ("try:\n    a()\nexcept:\n    b\nc", "a c. | a! BaseException: b c."),
        ("try:\n    a()\nexcept Exception:\n    b\nelse:\n    c\nd", "a c d. | a! Exception: b d."),
        ("try:\n    a()\nexcept x.E:\n    b", "a! ! | a! E: b. | a."),
        ("try:\n    a()\nexcept (E, F):\n    raise", "a! ! | a! E/F: ! ! | a."),
        ("try:\n    a()\nexcept E:\n    b\nexcept Exception:\n    c", "a! E: b. | a! Exception: c. | a."),
        ("try:\n    a()\nexcept Exception:\n    b\nexcept BaseException:\n    c", "a! Exception: b. | a."),
        ("try:\n    a()\nexcept SystemExit:\n    b", "a! ! | a."),
        ("try:\n    a()\nexcept x():\n    b", "a! ! | a! : b. | a."),
        ("try:\n    a()\nexcept* Exception:\n    b", "a! ! | a! Exception: b. | a."),
        ("try:\n    a()\nexcept* E:\n    b\nfinally:\n    c", "a c. | a! E: b c. | a! c !"),
        ("try:\n    try:\n        a()\n    finally:\n        b\nfinally:\n    c", "a b c. | a! b c !"),
        ("try:\n    a\nexcept E:\n    b()", "a."),
        # match
        ("match a:\n    case 1:\n        b\n    case _:\n        c", "a case b. | a case case c."),
        ("match a:\n    case 1:\n        b\n    case x:\n        c", "a case b. | a case case c."),
        ("match a:\n    case None:\n        b", "a case b. | a case."),
        ("match a:\n    case [x]:\n        b", "a case b. | a case."),
        ("match a:\n    case A():\n        b", "a case b. | a case."),
        ("match a:\n    case 1 as x:\n        b", "a case b. | a case."),
        ("match a:\n    case 1 if b:\n        c\nd", "a case b+ c d. | a case b- d. | a case d."),
        ("match a:\n    case x if b:\n        c\nd", "a case b+ c d. | a case b- d."),
    ],
)
def test_the_paths_of_a_function(body: str, expected: str) -> None:
    assert _paths(body) == _split(expected)


def _split(expected: str) -> list[str]:
    return sorted(part.strip() for part in expected.split("|") if part.strip())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("await a", "a. | a~ ~"),
        ("try:\n    await a\nexcept Exception:\n    b", "a. | a~ ~"),
        ("try:\n    await a\nexcept CancelledError:\n    b", "a. | a~ CancelledError: b."),
        ("try:\n    await a\nexcept:\n    b", "a. | a~ BaseException: b."),
        ("try:\n    await a\nfinally:\n    b", "a b. | a~ b ~"),
        ("with c(Exception):\n    await a", "c( a c). | c( a~ c)! ~ | c(! !"),
        ("with c(BaseException):\n    await a", "c( a c). | c( a~ c)!. | c(! !"),
        ("with c(CancelledError):\n    await a", "c( a c). | c( a~ c)!. | c(! !"),
        # a cancellation that goes on is no error
        (
            "try:\n    try:\n        await a\n    except:\n        raise\nexcept Exception:\n    b",
            "a. | a~ BaseException: ! ~",
        ),
        ("try:\n    await a\nexcept:\n    raise b", "a. | a~ BaseException: b! !"),
        ("async for a in b:\n    c", "b next c next. | b next."),
        ("async with a:\n    b", "a( b a)."),
    ],
)
def test_the_paths_of_what_is_cancelled(body: str, expected: str) -> None:
    assert _paths(body, "async def f():") == _split(expected)


def test_a_generator_may_be_closed_where_it_yields() -> None:
    assert _paths("try:\n    yield a\nexcept GeneratorExit:\n    b") == _split("a. | a~ GeneratorExit: b.")


def test_hundreds_of_branches_are_no_recursion() -> None:
    branches: tuple[facts.Stmt, ...] = ()
    for _ in range(5000):
        branches = (facts.If(0, facts.Name(0, "a"), (), branches),)
    function = facts.Function(0, "f", (), None, (), branches, False, False)
    assert sum(node.how == "test" for node in nodes(graph(function))) == 5000


@pytest.mark.parametrize("head", ["if a:", "while a:", "for a in b:", "with a:", "match a:\n{0}case 1:"])
def test_deep_nesting_is_followed(head: str) -> None:
    lines, depth = [], 0
    for _ in range(15):
        for line in head.split("\n"):
            lines.append(" " * depth + line.replace("{0}", ""))
            depth += 1
    assert any(
        isinstance(step, facts.Name) and step.id == "inmost"
        for node in nodes(_graph("\n".join([*lines, " " * depth + "inmost"])))
        for step in node.steps
    )


def test_what_doubles_with_every_level_is_too_large() -> None:
    body = "a"
    for _ in range(15):
        body = f"try:\n if a:\n  return b\n b()\nfinally:\n{textwrap.indent(body, ' ')}"
    with pytest.raises(TooLarge):
        _graph(body)
