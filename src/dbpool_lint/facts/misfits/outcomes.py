"""How does a test come out? Spelled out so that the same test is known again, and decided where literals decide it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.project import Class, Function, Scope, module_of

_OPPOSITE = {"!=": "==", "not in": "in", "is not": "is"}
_DEEPEST = 6

Lookup = Callable[[str], "Place | None"]
"""What a local name holds on the path at hand."""


def spelled(test: facts.Expr, scope: Scope) -> tuple[str, bool]:
    """A test as text that is the same wherever the same is asked, and whether it asks so or the opposite."""
    if isinstance(test, facts.Logic) and test.op == "not":
        text, positive = spelled(test.operands[0], scope)
        return text, not positive
    if isinstance(test, facts.Compare) and len(test.ops) == 1 and test.ops[0] in _OPPOSITE:
        op = _OPPOSITE[test.ops[0]]
        return f"{_spelled(test.left, scope)} {op} {_spelled(test.rights[0], scope)}", False
    return _spelled(test, scope), True


def _spelled(fact: object, scope: Scope) -> str:
    if isinstance(fact, facts.Name):
        return f"{_owner(fact.id, scope)}{fact.id}"
    if isinstance(fact, facts.Attr):
        return f"{_spelled(fact.base, scope)}.{fact.name}"
    if isinstance(fact, facts.Const):
        return repr(fact.value)
    if isinstance(fact, facts.Compare):
        rest = zip(fact.ops, fact.rights, strict=True)
        return " ".join([_spelled(fact.left, scope), *(f"{op} {_spelled(right, scope)}" for op, right in rest)])
    if isinstance(fact, msgspec.Struct):
        fields = (name for name in fact.__struct_fields__ if name != "at")
        return f"{type(fact).__name__}({', '.join(_spelled(getattr(fact, name), scope) for name in fields)})"
    if isinstance(fact, tuple):
        return f"[{', '.join(_spelled(item, scope) for item in fact)}]"
    return repr(fact)


def _owner(name: str, scope: Scope) -> str:
    """Where a name belongs, as a prefix: a local of one function is not that of another."""
    owner: Scope | None = scope
    while isinstance(owner, Function):
        if (name in owner.bound and name not in owner.global_names) or owner.param(name) is not None:
            return f"{owner.module.name}:{owner.qualname}:"
        owner = owner.parent
    return f"{module_of(scope).name}:"


def outcome(reader: Reader, test: facts.Expr, scope: Scope, local: Lookup, depth: int = 0) -> bool | None:
    """Whether a test is true or false for certain; None where that depends on what is not known."""
    if depth > _DEEPEST:
        return None
    if isinstance(test, facts.Const):
        return bool(test.value)
    if isinstance(test, facts.Logic):
        return _of_logic(reader, test, scope, local, depth)
    if isinstance(test, facts.Compare) and len(test.ops) == 1:
        return _of_compare(reader, test, scope, local)
    if isinstance(test, facts.Call) and isinstance(test.func, facts.Attr) and test.func.name == "startswith":
        text = text_of(reader, test.func.base, scope, local)
        start = walking.literal(test.args[0]) if len(test.args) == 1 else None
        return text.starts_with(start) if text is not None and isinstance(start, str) else None
    if isinstance(test, (facts.Name, facts.Attr)):
        place = _held(reader, test, scope, local)
        if place is not None and isinstance(place[0], (facts.Compare, facts.Logic, facts.Call, facts.Const)):
            return outcome(reader, *place, local if place[1] is scope else _nothing, depth + 1)
    return None


def _nothing(name: str) -> Place | None:
    return None


def _of_logic(reader: Reader, test: facts.Logic, scope: Scope, local: Lookup, depth: int) -> bool | None:
    found = [outcome(reader, part, scope, local, depth + 1) for part in test.operands]
    if test.op == "not":
        return None if found[0] is None else not found[0]
    decides = test.op == "or"
    if any(one is decides for one in found):
        return decides
    return None if None in found else not decides


def _of_compare(reader: Reader, test: facts.Compare, scope: Scope, local: Lookup) -> bool | None:
    op, right = test.ops[0], test.rights[0]
    if op in ("in", "not in"):
        part, text = walking.literal(test.left), text_of(reader, right, scope, local)
        found = text.holds(part) if text is not None and isinstance(part, str) else None
        return found if found is None or op == "in" else not found
    if op in ("==", "!=") and isinstance(right, facts.Const):
        text = text_of(reader, test.left, scope, local)
        if text is not None and text.whole and isinstance(right.value, str):
            return (text.parts[0] == right.value) is (op == "==")
    return None


class KnownText(msgspec.Struct, frozen=True):
    """What is literal of a text: its parts in order, the first of which starts it; `whole` when there is no other."""

    parts: tuple[str, ...]
    whole: bool

    def starts_with(self, start: str) -> bool | None:
        first = self.parts[0]
        if len(first) >= len(start) or self.whole:
            return first.startswith(start)
        return None if start.startswith(first) else False

    def holds(self, part: str) -> bool | None:
        if any(part in known for known in self.parts):
            return True
        return False if self.whole else None


def text_of(reader: Reader, fact: facts.Expr, scope: Scope, local: Lookup, depth: int = 0) -> KnownText | None:
    """The text of an expression as far as it is literal; None when not even its beginning is."""
    if isinstance(fact, facts.Const):
        return KnownText((fact.value,), True) if isinstance(fact.value, str) else None
    if isinstance(fact, facts.Text):
        parts = tuple(
            part.value for part in fact.parts if isinstance(part, facts.Const) and isinstance(part.value, str)
        )
        starts = bool(fact.parts) and isinstance(fact.parts[0], facts.Const)
        return KnownText(parts, len(parts) == len(fact.parts)) if starts and parts else None
    if isinstance(fact, facts.Binary) and fact.op in ("+", "%"):
        left = text_of(reader, fact.left, scope, local, depth + 1)
        return KnownText(left.parts, False) if left is not None else None
    place = _held(reader, fact, scope, local) if depth < _DEEPEST else None
    if place is None or place[0] is fact:
        return None
    return text_of(reader, *place, local if place[1] is scope else _nothing, depth + 1)


def _held(reader: Reader, fact: facts.Expr, scope: Scope, local: Lookup) -> Place | None:
    """The expression that a name stands for: on this path, or in the module where it is bound once."""
    if isinstance(fact, facts.Name) and (place := local(fact.id)) is not None:
        return place if place[0] is not fact else None
    if isinstance(scope, (Function, Class)) and isinstance(fact, facts.Name) and _owner(fact.id, scope).count(":") > 1:
        return None
    return reader.evaluator.assigned(fact, scope)
