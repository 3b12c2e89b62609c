"""Which names make a statement matter? The seeds of the slice."""

from __future__ import annotations

import re

from dbpool_lint.knowledge.blocking import SLEEPS
from dbpool_lint.knowledge.kinds import ANNOTATED, MADE_BY, METHODS, VOCABULARY, Kind
from dbpool_lint.knowledge.poolers import CONNECTORS

FLASK_KEYS = frozenset({"SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS", "SQLALCHEMY_BINDS"})
"""Settings of Flask-SQLAlchemy that are given by name. Source: its configuration page."""

MIDDLEWARE = frozenset({"fastapi_sqlalchemy.DBSessionMiddleware", "fastapi_async_sqlalchemy.SQLAlchemyMiddleware"})
"""Middleware that makes an engine of its own from `db_url` and `engine_args`."""

POOL_NAMES = VOCABULARY | CONNECTORS | MIDDLEWARE
"""Dotted names whose statements are followed in both directions: to what uses them and to what they use."""

MAKERS = frozenset(MADE_BY) | CONNECTORS | MIDDLEWARE
"""Those of them that make pools and leases: what stands around these is looked at more closely."""

CLASSES = frozenset(
    name for name, kind in ANNOTATED.items() if name.rpartition(".")[2][:1].isupper() and kind is not Kind.PSYCOPG_POOL
)
"""Classes of leases and pools: `db: Session` asks for one and takes none, so an annotation alone is no seed."""

TAKING = frozenset(method for _, method in METHODS)
"""Methods that take a lease from a pool."""

LENDERS = frozenset(name for name, kind in MADE_BY.items() if kind not in (Kind.ENGINE, Kind.ASYNC_ENGINE))
"""Those that hand out leases: what is lent one is looked at, for whether it gives it back."""

SINK_NAMES = SLEEPS
"""Dotted names whose statements are followed only to what uses them."""


def seeds(extra: frozenset[str] = frozenset()) -> re.Pattern[str]:
    """A quick test of a file's text: without a match it holds no seed. `extra` are dotted names from settings."""
    words = {name.rpartition(".")[2] for name in (POOL_NAMES | SINK_NAMES | extra)}
    return re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, words))) + r")\b|" + "|".join(sorted(FLASK_KEYS)))
