"""Do the tables about session factories hold for the installed SQLAlchemy?"""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from dbpool_lint.knowledge.factories import CLASS_NAMES, FACTORIES, OF_ASYNC_SESSIONS, OF_SESSIONS, OF_SYNC_SESSIONS


@pytest.mark.parametrize("name", sorted(OF_SESSIONS))
def test_both_sessions_have_it_and_no_factory(name: str) -> None:
    assert hasattr(Session, name)
    assert hasattr(AsyncSession, name)
    assert not hasattr(sessionmaker(), name)
    assert not hasattr(async_sessionmaker(), name)


@pytest.mark.parametrize("name", sorted(OF_SYNC_SESSIONS))
def test_sync_sessions_have_it_and_their_factory_has_not(name: str) -> None:
    assert hasattr(Session, name)
    assert not hasattr(sessionmaker(), name)


@pytest.mark.parametrize("name", sorted(OF_ASYNC_SESSIONS))
def test_async_sessions_have_it_and_their_factory_has_not(name: str) -> None:
    assert hasattr(AsyncSession, name)
    assert not hasattr(async_sessionmaker(), name)


def test_a_factory_is_no_context_manager() -> None:
    for factory in (sessionmaker(), async_sessionmaker()):
        assert not hasattr(factory, "__enter__")
        assert not hasattr(factory, "__aenter__")
        assert not hasattr(factory, "__await__")


def test_every_factory_has_a_name() -> None:
    assert set(CLASS_NAMES) == FACTORIES
    assert set(CLASS_NAMES.values()) == {sessionmaker.__name__, async_sessionmaker.__name__}
