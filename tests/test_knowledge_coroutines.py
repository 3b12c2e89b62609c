"""Do the tables of coroutines say what the installed packages do?"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from dbpool_lint.knowledge import coroutines
from dbpool_lint.knowledge.coroutines import COROUTINES, FUNCTIONS, GIVES, OF_KIND, OF_NAME, ONE_OF_TWO

OF_SQLMODEL = {"exec"}
INTERNAL = {
    coroutines.PSYCOPG: {"wait"},
    coroutines.CURSOR: {"set_result"},
    coroutines.PSYCOPG_POOL: {"check_connection", "reconnect_failed", "schedule_task", "worker"},
}
"""Coroutines of the packages that are for the packages themselves."""


def resolved(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    if module.rpartition(".")[2][:1].isupper():
        return getattr(resolved(module), attribute)
    return getattr(importlib.import_module(module), attribute)


def method(cls: type, name: str) -> Callable[..., object]:
    found = inspect.getattr_static(cls, name)
    plain: Callable[..., object] = inspect.unwrap(getattr(found, "__func__", found))
    return plain


def coroutines_of(cls: type) -> set[str]:
    names = (name for name in dir(cls) if not name.startswith("_"))
    return {name for name in names if inspect.iscoroutinefunction(method(cls, name))}


@pytest.mark.parametrize("name", COROUTINES)
def test_a_class_has_these_coroutines_and_no_others(name: str) -> None:
    expected = COROUTINES[name] - OF_SQLMODEL
    assert coroutines_of(resolved(name)) - INTERNAL.get(name, set()) == expected


@pytest.mark.parametrize("name", ONE_OF_TWO)
def test_what_is_awaited_or_entered_is_no_coroutine(name: str) -> None:
    cls = resolved(name)
    for one in ONE_OF_TWO[name]:
        assert callable(getattr(cls, one))
        assert one not in coroutines_of(cls)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_gives_a_coroutine(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(resolved(name), "__func__", resolved(name)))


@pytest.mark.parametrize("name", sorted(OF_NAME))
def test_a_name_is_of_the_class_it_stands_for(name: str) -> None:
    found = resolved(name)
    if isinstance(found, type) and OF_NAME[name] != name and found.__name__ != "PoolConnectionProxy":
        assert issubclass(found, resolved(OF_NAME[name]))


def test_the_classes_of_kinds_and_of_what_methods_give_are_in_the_tables() -> None:
    assert set(OF_KIND.values()) <= set(COROUTINES)
    assert set(GIVES.values()) <= set(COROUTINES)


@pytest.mark.parametrize(("cls", "name"), GIVES)
def test_a_method_that_gives_something_is_there(cls: str, name: str) -> None:
    assert callable(getattr(resolved(cls), name))
