"""Which conditions of a function speak of the same thing? `if session is None`, and later `if owns_session`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking

_MOST = 8
"""More conditions than this are not told apart: each doubles the ways to look at."""

Atom = tuple[str, bool]
"""What a condition says: that the thing named by the text is truthy, or not."""


def atom(fact: walking.Fact) -> Atom | None:
    """`x`, `not x`, `x is None`, `x is not None`, `a == b` as what they say; None for anything that calls."""
    if isinstance(fact, facts.Logic) and fact.op == "not":
        inner = atom(fact.operands[0])
        return (inner[0], not inner[1]) if inner else None
    if isinstance(fact, facts.Compare) and len(fact.ops) == 1:
        if isinstance(fact.rights[0], facts.Const) and fact.rights[0].value is None:
            subject = key(fact.left)
            return (subject, fact.ops[0] in ("is not", "!=")) if subject else None
        left, right = key(fact.left), key(fact.rights[0])
        negated = fact.ops[0] in ("!=", "is not", "not in")
        op = {"!=": "==", "is not": "is", "not in": "in"}.get(fact.ops[0], fact.ops[0])
        return (f"{left} {op} {right}", not negated) if left and right else None
    subject = key(fact)
    return (subject, True) if subject and not isinstance(fact, facts.Const) else None


def key(fact: walking.Fact) -> str:
    """A name, a chain of attributes or a literal as text; empty for what may change from one look to the next."""
    if isinstance(fact, facts.Const):
        return repr(fact.value)
    chain = walking.chain(fact) if isinstance(fact, (facts.Name, facts.Attr)) else None
    return ".".join(chain) if chain else ""


def mentions(text: str, name: str) -> bool:
    """Whether a condition would change with a name."""
    return any(part == name or part.startswith(f"{name}.") for part in text.split())


def relevant(function: facts.Function, lease: str, decisive: Collection[int]) -> frozenset[str]:
    """The conditions that are worth remembering: the lease itself, and those that decide what happens to it.

    `decisive` are the identities of the facts that take, close or hand on the lease.
    """
    weights: Counter[str] = Counter()
    constant: set[str] = set()
    again = {id(inner) for fact in walking.body_of(function) for inner in _repeated(fact)}
    kept: set[str] = set()
    for fact in walking.body_of(function):
        if isinstance(fact, (facts.If, facts.While, facts.Choice, facts.Logic, facts.Case)):
            weight = 10 if any(id(inner) in decisive for inner in walking.within([fact])) else 1
            weight += id(fact) in again
            for text in _tests(fact):
                weights[text] += weight
        elif isinstance(fact, facts.Try):
            # `row = None`, then `try: row = …`, then `if row`: the test tells whether the `try` has failed
            kept |= _kept(fact)
        elif isinstance(fact, facts.Assign) and len(fact.targets) == 1:
            name, said = key(fact.targets[0]), atom(fact.value)
            constant |= {name} if isinstance(fact.value, facts.Const) else set()
            if name and said is not None and mentions(said[0], lease):
                weights[name] += 100
    weights += Counter({name: 5 for name in kept if name in weights})
    telling = (text for text in weights if text != lease and (weights[text] > 1 or text in constant))
    found = sorted(telling, key=lambda text: -weights[text])
    return frozenset([lease, *found[:_MOST]])


def _kept(fact: facts.Try) -> set[str]:
    """The variables in which a `try` leaves what it has found."""
    inside = walking.statements([*fact.body, *(s for handler in fact.handlers for s in handler.body)])
    return {key(t) for s in inside if isinstance(s, facts.Assign) for t in s.targets if isinstance(t, facts.Name)}


def _repeated(fact: walking.Fact) -> Iterator[walking.Fact]:
    """What a loop runs again and again; a condition there is a condition twice."""
    if isinstance(fact, (facts.For, facts.While)):
        yield from walking.within(fact.body)


def _tests(fact: walking.Fact) -> list[str]:
    if isinstance(fact, facts.Logic):
        return [text for operand in fact.operands for text in _atoms(operand)]
    if isinstance(fact, facts.Case):
        return _atoms(fact.guard) if fact.guard is not None else []
    return _atoms(fact.test) if isinstance(fact, (facts.If, facts.While, facts.Choice)) else []


def _atoms(fact: facts.Expr) -> list[str]:
    if isinstance(fact, facts.Logic):
        return [text for operand in fact.operands for text in _atoms(operand)] if fact.op == "not" else []
    if isinstance(fact, facts.Choice):
        return [*_atoms(fact.then), *_atoms(fact.other)]
    said = atom(fact)
    return [said[0]] if said else []


Known = frozenset[Atom]


def truth(known: Known, text: str) -> bool | None:
    """Whether a thing is known to be truthy."""
    return True if (text, True) in known else False if (text, False) in known else None


def forgetting(known: Known, name: str) -> Known:
    """What is still known when a name has been bound anew."""
    return frozenset(one for one in known if not mentions(one[0], name)) if known else known


def settled(fact: facts.Expr) -> bool | None:
    """Whether an assigned literal is truthy."""
    if isinstance(fact, facts.Const):
        return bool(fact.value)
    return None
