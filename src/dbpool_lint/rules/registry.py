"""Which rules are there? Every module `dbp*` of this package, by its name; and the two of the tool itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from dbpool_lint import rules
from dbpool_lint.rules.base import Check, Rule
from dbpool_lint.rules.dbp001_syntax_error import rule as SYNTAX_ERROR
from dbpool_lint.rules.dbp002_unused_suppression import rule as UNUSED_SUPPRESSION

__all__ = ["RULES", "SYNTAX_ERROR", "UNUSED_SUPPRESSION", "checks", "known", "rule"]


def _modules() -> list[str]:
    return sorted(m.name for m in pkgutil.iter_modules(rules.__path__) if m.name.startswith("dbp"))


def _load() -> tuple[tuple[Rule, Check | None], ...]:
    loaded = (importlib.import_module(f"{rules.__name__}.{name}") for name in _modules())
    return tuple((module.rule, getattr(module, "check", None)) for module in loaded)


_LOADED = _load()

RULES: tuple[Rule, ...] = tuple(found for found, _ in _LOADED)


def checks() -> tuple[tuple[Rule, Check], ...]:
    """The rules that look at modules, with their functions."""
    return tuple((found, check) for found, check in _LOADED if check is not None)


@functools.cache
def known() -> dict[str, str]:
    """Code → name of every rule."""
    return {found.code: found.name for found in RULES}


def rule(selector: str) -> Rule | None:
    """The rule of that code or name."""
    return next((found for found in RULES if selector in (found.code, found.name)), None)
