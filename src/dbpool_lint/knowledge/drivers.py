"""Which arguments do database drivers take? Keywords of `connect`, of their pools, and of SQLAlchemy's URLs for them.

Drivers are not imported, since those of the linted project are not installed here; the tables hold what the newest
releases take, which older ones may lack: asyncpg 0.32, psycopg 3.3 and psycopg_pool 3.3, psycopg2 2.9, aiosqlite
0.22, aiomysql 0.3.2, PyMySQL 1.2, libpq 18. `tests/test_knowledge_sqlalchemy.py` compares them with the packages.
Other sources: the dialects of SQLAlchemy (`create_connect_args`, `connect` of the async adapters), the PostgreSQL
manual ("Parameter Key Words" of libpq), the manuals of mysqlclient and sqlite3.
"""

from __future__ import annotations

from dbpool_lint.knowledge.engines import Release


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIBPQ = _words("""
    host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding
    options application_name fallback_application_name keepalives keepalives_idle keepalives_interval
    keepalives_count tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert
    sslkey sslkeylogfile sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer
    ssl_min_protocol_version ssl_max_protocol_version min_protocol_version max_protocol_version krbsrvname gsslib
    gssdelegation scram_client_key scram_server_key service servicefile target_session_attrs load_balance_hosts
    oauth_issuer oauth_client_id oauth_client_secret oauth_scope
    """)
"""libpq's keywords, those of all its versions since 9.6."""

_ASYNCPG = _words("""
    dsn host port user password passfile service servicefile database loop timeout statement_cache_size
    max_cached_statement_lifetime max_cacheable_statement_size command_timeout ssl direct_tls connection_class
    record_class server_settings target_session_attrs krbsrvname gsslib
    """)
_PSYCOPG = _LIBPQ | {"conninfo", "autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"}
_PSYCOPG2 = _LIBPQ | {"dsn", "database", "connection_factory", "cursor_factory", "async", "async_"}
_PYMYSQL = _words("""
    user password host database unix_socket port charset collation sql_mode read_default_file conv use_unicode
    client_flag cursorclass init_command connect_timeout read_default_group autocommit local_infile
    max_allowed_packet defer_connect auth_plugin_map read_timeout write_timeout bind_address binary_prefix
    program_name server_public_key ssl ssl_ca ssl_cert ssl_disabled ssl_key ssl_key_password ssl_verify_cert
    ssl_verify_identity compress named_pipe passwd db
    """)
_AIOMYSQL = _words("""
    host user password db port unix_socket charset sql_mode read_default_file conv use_unicode client_flag
    cursorclass init_command connect_timeout read_default_group autocommit echo local_infile loop ssl auth_plugin
    program_name server_public_key
    """)
_MYSQL_SSL = frozenset({"ssl_ca", "ssl_key", "ssl_cert", "ssl_capath", "ssl_cipher", "ssl_check_hostname"})
_SQLITE3 = _words("""
    database timeout detect_types isolation_level check_same_thread factory cached_statements uri autocommit
    """)
_AIOSQLITE = _SQLITE3 | {"iter_chunk_size", "loop"}

_CONNECT: dict[str, frozenset[str]] = {
    "asyncpg": _ASYNCPG,
    "psycopg": _PSYCOPG,
    "psycopg2": _PSYCOPG2,
    "pymysql": _PYMYSQL,
    "aiomysql": _AIOMYSQL,
    "pysqlite": _SQLITE3,
    "aiosqlite": _AIOSQLITE,
}
"""SQLAlchemy's name of a driver → the keywords of its `connect`."""

_ADAPTERS: dict[str, frozenset[str]] = {
    "asyncpg": frozenset({"prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn"}),
    "psycopg": frozenset({"async_creator_fn"}),
    "aiomysql": frozenset({"async_creator_fn"}),
    "aiosqlite": frozenset({"async_creator_fn"}),
}
"""Driver → what SQLAlchemy's adapter takes out of `connect_args` itself; for psycopg that of its async side."""

_FALLBACK_GONE: Release = (2, 1)

_ASYNCPG_POOL = _words(
    "init_size min_size max_size max_queries max_inactive_connection_lifetime connect setup init reset"
)
_PSYCOPG_POOL = _words("""
    conninfo connection_class kwargs min_size max_size open configure check reset name close_returns timeout
    max_waiting max_lifetime max_idle reconnect_timeout reconnect_failed num_workers
    """)
_AIOPG = _PSYCOPG2 | {"timeout", "enable_json", "enable_hstore", "enable_uuid", "echo"}
_CREATE_POOL: dict[str, frozenset[str]] = {
    "asyncpg": _ASYNCPG | _ASYNCPG_POOL,
    "psycopg_pool": _PSYCOPG_POOL,
    "aiomysql": _AIOMYSQL | {"minsize", "maxsize", "pool_recycle"},
    "aiopg": _AIOPG | {"minsize", "maxsize", "pool_recycle", "on_connect"},
}

_URL_KEYS: dict[str, frozenset[str]] = {
    "asyncpg": _ASYNCPG
    - _words("""
        connection_class loop max_cacheable_statement_size max_cached_statement_lifetime record_class server_settings
        statement_cache_size timeout
        """)
    | {"prepared_statement_cache_size"},
    "psycopg": _LIBPQ | {"autocommit"},
    "psycopg2": _PSYCOPG2 - {"connection_factory", "cursor_factory", "async", "async_"},
    "pymysql": _PYMYSQL - {"conv", "cursorclass", "auth_plugin_map"} | _MYSQL_SSL,
    "aiomysql": _AIOMYSQL - {"conv", "cursorclass", "loop"} | _MYSQL_SSL,
}

_NAMES: dict[str, dict[str, str]] = {
    "asyncpg": {
        "sslmode": "ssl",
        "connect_timeout": "timeout",
        "connection_timeout": "timeout",
        "dbname": "database",
        "db": "database",
        "username": "user",
        "passwd": "password",
        "minsize": "min_size",
        "minconn": "min_size",
        "maxsize": "max_size",
        "maxconn": "max_size",
        "max_idle": "max_inactive_connection_lifetime",
    },
    "psycopg": {
        "ssl": "sslmode",
        "ssl_mode": "sslmode",
        "timeout": "connect_timeout",
        "connection_timeout": "connect_timeout",
        "database": "dbname",
        "db": "dbname",
        "username": "user",
        "passwd": "password",
    },
    "psycopg_pool": {
        "minsize": "min_size",
        "minconn": "min_size",
        "maxsize": "max_size",
        "maxconn": "max_size",
        "max_inactive_connection_lifetime": "max_idle",
    },
    "psycopg2": {
        "ssl": "sslmode",
        "ssl_mode": "sslmode",
        "timeout": "connect_timeout",
        "connection_timeout": "connect_timeout",
        "db": "dbname",
        "username": "user",
        "passwd": "password",
    },
    "pymysql": {"dbname": "database", "username": "user", "timeout": "connect_timeout"},
    "aiomysql": {
        "database": "db",
        "dbname": "db",
        "username": "user",
        "passwd": "password",
        "timeout": "connect_timeout",
        "min_size": "minsize",
        "max_size": "maxsize",
    },
    "pysqlite": {"connect_timeout": "timeout"},
    "aiosqlite": {"connect_timeout": "timeout"},
}

WITHOUT_EFFECT: dict[str, dict[str, str]] = {"asyncpg": {"statement_cache_size": "prepared_statement_cache_size"}}
"""Driver → key of `connect_args` that changes nothing under SQLAlchemy unless it is 0 → the key that was meant.

SQLAlchemy prepares asyncpg's statements itself and keeps 100 of them; asyncpg's own cache is not asked.
"""

TEXTS_ONLY = frozenset({("asyncpg", "server_settings")})
"""(driver, keyword) whose value is a dict from texts to texts; asyncpg refuses numbers and booleans in it."""


def connect_keywords(driver: str, release: Release | None = None) -> frozenset[str] | None:
    """The keys that `connect_args` of a SQLAlchemy engine may have, by SQLAlchemy's name of the driver.

    Keys of the driver's `connect` and those that SQLAlchemy's adapter takes for itself. None for drivers that are not
    known here. No release: what any of them takes.
    """
    driver = _plain(driver)
    own = _CONNECT.get(driver)
    if own is None:
        return None
    fallback = driver in _ADAPTERS and (release is None or release < _FALLBACK_GONE)
    return own | _ADAPTERS.get(driver, frozenset()) | ({"async_fallback"} if fallback else frozenset())


def call_keywords(driver: str) -> frozenset[str] | None:
    """The keywords of the driver's own `connect`, by its name in SQLAlchemy; None for drivers not known here."""
    return _CONNECT.get(_plain(driver))


def create_pool_keywords(package: str) -> frozenset[str] | None:
    """The keywords of `asyncpg.create_pool`, `aiomysql.create_pool`, `aiopg.create_pool` or a class of `psycopg_pool`.

    The first three hand what they do not know to `connect`, whose keywords are among them; with `connect=` asyncpg
    hands them to that function, which may take anything. psycopg_pool's go into `kwargs`. None for other packages.
    """
    return _CREATE_POOL.get(package)


def url_keys(driver: str, release: Release | None = None) -> frozenset[str] | None:
    """The keys after `?` in a SQLAlchemy URL that work as the texts they are; None where every key is taken.

    asyncpg's `statement_cache_size` and `timeout` are keywords of its `connect` but fail as texts. sqlite3 does not
    fail: what it does not know is dropped or goes into its own URI.
    """
    driver = _plain(driver)
    known = _URL_KEYS.get(driver)
    if known is None or (release is not None and release >= _FALLBACK_GONE) or driver not in _ADAPTERS:
        return known
    return known | {"async_fallback"}


def renamed(driver: str, key: str, *, in_url: bool = False) -> str | None:
    """The one right name in this driver (or pool package) of a key that another driver or pool calls `key`.

    Values fit, but for two that the caller looks at: libpq's `sslmode` takes texts only where asyncpg's `ssl` also
    takes booleans and contexts, and its `connect_timeout` whole seconds. With `in_url` only names that work there.
    """
    driver = _plain(driver)
    name = _NAMES.get(driver, {}).get(key)
    return None if in_url and name not in _URL_KEYS.get(driver, frozenset()) else name


def _plain(driver: str) -> str:
    return {"psycopg_async": "psycopg", "psycopg2cffi": "psycopg2"}.get(driver, driver)
