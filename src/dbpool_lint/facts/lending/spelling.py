"""How is an expression written? For the few whose text follows from the facts: names, attributes, simple calls."""

from __future__ import annotations

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking


def spelled(fact: facts.Expr) -> str | None:
    """The text of an expression, None where it may be written in more than one way."""
    chain = walking.chain(fact)
    if chain:
        return ".".join(chain)
    if isinstance(fact, facts.Const) and isinstance(fact.value, (bool, type(None))):
        return str(fact.value)
    if isinstance(fact, facts.Call):
        return _called(fact)
    return None


def _called(fact: facts.Call) -> str | None:
    parts = [spelled(fact.func), *(spelled(argument) for argument in fact.args)]
    for keyword in fact.keywords:
        value = spelled(keyword.value)
        parts.append(f"{keyword.name}={value}" if keyword.name and value else None)
    if any(part is None for part in parts):
        return None
    func, *arguments = (part for part in parts if part is not None)
    return f"{func}({', '.join(arguments)})"
