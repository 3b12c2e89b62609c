"""How are classes mapped to tables, how are their objects loaded, and what reads them?

Sources: SQLAlchemy's "Declarative Mapping Styles", "Using SELECT Statements" and the references of `Result` and
`ScalarResult` (2.0, 2.1); SQLModel's, advanced-alchemy's and pydantic's documentation.
"""

from __future__ import annotations


def _spelled(packages: str, names: str) -> list[str]:
    return [f"{package}.{name}" for package in packages.split() for name in names.split()]


DECLARING = frozenset(
    {
        *_spelled("sqlalchemy.orm sqlalchemy.orm.decl_api", "DeclarativeBase DeclarativeBaseNoMeta declarative_base"),
        *_spelled("sqlalchemy.orm sqlalchemy.orm.decl_api", "as_declarative registry"),
        *_spelled("sqlalchemy.ext.declarative sqlalchemy.ext.declarative.api", "declarative_base as_declarative"),
        *_spelled("sqlmodel sqlmodel.main", "SQLModel"),
    }
)
"""Base classes, and makers of base classes, of mapped classes."""

DECLARING_PACKAGES = ("advanced_alchemy.base.", "litestar.plugins.sqlalchemy.base.")
"""Packages whose classes are such bases."""

SCHEMAS = frozenset(
    {*_spelled("pydantic pydantic.main pydantic.v1", "BaseModel"), *_spelled("sqlmodel sqlmodel.main", "SQLModel")}
)
"""Base classes that read the attributes of the objects they validate, where configured to."""

COLUMNS = frozenset(
    {
        *_spelled("sqlalchemy.orm", "mapped_column relationship column_property deferred synonym composite"),
        *_spelled("sqlalchemy sqlalchemy.schema sqlalchemy.sql.schema", "Column"),
        *_spelled("sqlmodel sqlmodel.main", "Field Relationship"),
    }
)
"""What makes an attribute that is loaded from the database."""

ANNOTATING = frozenset(_spelled("sqlalchemy.orm sqlalchemy.orm.base", "Mapped"))
"""What annotates such an attribute."""

UNLOADED_COLLECTIONS = frozenset(_spelled("sqlalchemy.orm sqlalchemy.orm.base", "DynamicMapped WriteOnlyMapped"))
"""What annotates a collection that loads nothing when it is read."""

UNLOADED = frozenset({"dynamic", "noload", "write_only"})
"""Values of `lazy` for relationships that load nothing when they are read."""

SQLMODEL = frozenset(_spelled("sqlmodel sqlmodel.main", "SQLModel"))
"""Whose classes map every annotated attribute."""

SELECT = frozenset(_spelled("sqlalchemy sqlalchemy.future sqlalchemy.sql sqlalchemy.sql.expression sqlmodel", "select"))

QUERY_STEPS = frozenset(
    {
        *("distinct", "execution_options", "filter", "filter_by", "group_by", "having", "join", "limit", "offset"),
        *("options", "order_by", "outerjoin", "slice", "where", "with_for_update"),
    }
)
"""Methods of a `Select` that leave what it selects as it is."""

ONE_OF_RESULT = frozenset({"scalar", "scalar_one", "scalar_one_or_none"})
ONE_OF_SCALARS = frozenset({"first", "one", "one_or_none"})
MANY_OF_SCALARS = frozenset({"all", "fetchall"})

VALIDATING = frozenset({"from_orm", "model_validate"})
"""Methods of pydantic's models that read the attributes of what they are given."""
