"""Do the drivers' pools have the sizes that the table says? Asked of the packages themselves."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from dbpool_lint.knowledge.driver_pools import POOL_SIZES, PoolSizes

_HOMES = {"psycopg2": "psycopg2.pool"}


def _callable(name: str) -> object:
    package, _, last = name.partition(".")
    module = pytest.importorskip(_HOMES.get(package, package))
    return getattr(module, last)


each_pool = pytest.mark.parametrize(("name", "sizes"), list(POOL_SIZES.items()), ids=list(POOL_SIZES))


@each_pool
def test_the_arguments_have_these_defaults(name: str, sizes: PoolSizes) -> None:
    parameters = inspect.signature(_callable(name)).parameters  # type: ignore[arg-type]
    found = [parameters[argument].default for argument, _ in sizes.arguments]
    assert [None if d is inspect.Parameter.empty else d for d in found] == [sizes.least, sizes.most]


@each_pool
def test_positions_are_those_of_the_signature(name: str, sizes: PoolSizes) -> None:
    names = list(inspect.signature(_callable(name)).parameters)  # type: ignore[arg-type]
    for argument, position in (*sizes.arguments, sizes.server):
        if position is not None and argument in names:
            assert names[position] == argument


def test_asyncpg_refuses_sizes_that_contradict_its_defaults() -> None:
    asyncpg = pytest.importorskip("asyncpg")

    async def opened(**options: object) -> None:
        await asyncpg.create_pool("postgresql://app@127.0.0.1:1/shop", **options)

    with pytest.raises(ValueError, match="min_size is greater than max_size"):
        asyncio.run(opened(max_size=5))
    with pytest.raises(TypeError, match="'<=' not supported between instances of 'str' and 'int'"):
        asyncio.run(opened(min_size="1", max_size="5"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'pool_size'"):
        asyncio.run(opened(min_size=1, pool_size=5))


def test_asyncpg_does_not_read_urls_of_sqlalchemy() -> None:
    asyncpg = pytest.importorskip("asyncpg")

    async def opened() -> None:
        await asyncpg.create_pool("postgresql+asyncpg://app@127.0.0.1:1/shop")

    with pytest.raises(Exception, match="invalid DSN: scheme is expected"):
        asyncio.run(opened())


def test_psycopg_refuses_a_largest_size_below_four() -> None:
    pool = pytest.importorskip("psycopg_pool")
    with pytest.raises(ValueError, match="max_size must be greater or equal than min_size"):
        pool.ConnectionPool("host=127.0.0.1 port=1", max_size=2, open=False)
