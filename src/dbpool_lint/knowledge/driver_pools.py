"""How do drivers' own pools call their sizes, and what do they refuse? For `create_pool` and the pool classes.

Verified by running asyncpg 0.32, psycopg_pool 3.3, psycopg2 2.9, aiomysql 0.3.2, asyncmy 0.2.18 and aiopg 1.4
against a closed port; psycopg2's limit by counting the connections of a pool with the two numbers swapped: 30 of 30
were opened at a limit of 2. Sources beside those: the API references of the packages.
"""

from __future__ import annotations

from dataclasses import dataclass

Named = tuple[str, "int | None"]
"""The name of an argument, and its position where it has one."""


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """The two sizes of a pool and their defaults (None: it must be given, or follows the other one).

    `too_large` says what happens when the smaller one is greater, `as_text` what a text does ("" where it works),
    `refusal` what an unknown keyword does, `server` which argument holds the address, `unread` what a URL of
    SQLAlchemy there does, `{}` being its scheme.
    """

    arguments: tuple[Named, Named]
    least: int | None
    most: int | None
    too_large: str
    as_text: str = ""
    refusal: str = ""
    server: Named = ("", None)
    unread: str = ""
    zero_is_unlimited: bool = False


_UNEXPECTED = "TypeError: connect() got an unexpected keyword argument '{}'"
_NO_TEXT = "TypeError: '<' not supported between instances of 'str' and 'int'"
_SMALLER = "`ValueError: maxsize should be not less than minsize`"
_MINSIZE: tuple[Named, Named] = (("minsize", None), ("maxsize", None))
_MIN_SIZE: tuple[Named, Named] = (("min_size", None), ("max_size", None))
_MINCONN: tuple[Named, Named] = (("minconn", 0), ("maxconn", 1))
_NO_INFO = 'ProgrammingError: missing "=" after "{}://…" in connection info string'

_PSYCOPG_POOL = PoolSizes(
    _MIN_SIZE,
    4,
    None,
    "`ValueError: max_size must be greater or equal than min_size`",
    _NO_TEXT,
    "TypeError: ConnectionPool.__init__() got an unexpected keyword argument '{}'",
    ("conninfo", 0),
    _NO_INFO,
)
_PSYCOPG2 = PoolSizes(
    _MINCONN,
    None,
    None,
    "it opens that many at once and the limit is never enforced",
    server=("dsn", 2),
    unread=_NO_INFO,
)

POOL_SIZES: dict[str, PoolSizes] = {
    "asyncpg.create_pool": PoolSizes(
        _MIN_SIZE,
        10,
        10,
        "`ValueError: min_size is greater than max_size`",
        "TypeError: '<=' not supported between instances of 'str' and 'int'",
        _UNEXPECTED,
        ("dsn", 0),
        'ClientConfigurationError: invalid DSN: scheme is expected to be either "postgresql" or "postgres", got \'{}\'',
    ),
    "aiomysql.create_pool": PoolSizes(_MINSIZE, 1, 10, _SMALLER, _NO_TEXT, _UNEXPECTED, zero_is_unlimited=True),
    "asyncmy.create_pool": PoolSizes(_MINSIZE, 1, 10, _SMALLER, _NO_TEXT, _UNEXPECTED),
    "aiopg.create_pool": PoolSizes(
        _MINSIZE,
        1,
        10,
        _SMALLER,
        _NO_TEXT,
        'ProgrammingError: invalid dsn: invalid connection option "{}"',
        ("dsn", 0),
        _NO_INFO,
        zero_is_unlimited=True,
    ),
    "psycopg_pool.ConnectionPool": _PSYCOPG_POOL,
    "psycopg_pool.AsyncConnectionPool": _PSYCOPG_POOL,
    "psycopg2.SimpleConnectionPool": _PSYCOPG2,
    "psycopg2.ThreadedConnectionPool": _PSYCOPG2,
}
"""Package and callable → its sizes."""
