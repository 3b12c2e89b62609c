"""What kind of code is a module: application, test, migration, one-shot script or example?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dbpool_lint.config import Settings
from dbpool_lint.facts.model import Context
from dbpool_lint.knowledge import contexts as signs
from dbpool_lint.sources.discover import matcher
from dbpool_lint.sources.outline import Outline

Override = tuple[Callable[[str], bool], Context]
"""A test of file names from the settings, and the context it stands for."""


def overrides(settings: Settings) -> list[Override]:
    """The contexts that the settings give to patterns of files. Raises SettingsError for an invalid pattern."""
    return [(matcher([pattern], "contexts"), Context(chosen)) for pattern, chosen in settings.contexts.items()]


def is_test(name: str, chosen_by: Iterable[Override] = ()) -> bool:
    """Whether a file's name, or the settings, say that it holds tests: nothing is reported there."""
    for matches, chosen in chosen_by:
        if matches(name):
            return chosen is Context.TEST
    *folders, file = name.split("/")
    in_tests = any(folder.lower() in signs.TEST_FOLDERS for folder in folders)
    return in_tests or signs.TEST_FILE.match(file) is not None


def context(outline: Outline, chosen_by: Iterable[Override], imported: bool, endless: bool) -> Context:
    """The context of a module. `imported`: another module of the project imports it; `endless`: it loops for ever."""
    for matches, chosen in chosen_by:
        if matches(outline.name):
            return chosen
    if is_test(outline.name):
        return Context.TEST
    *folders, file = outline.name.split("/")
    parts = frozenset(folder.lower() for folder in folders)
    packages = _packages(outline)
    if parts & signs.MIGRATION_FOLDERS or (packages & signs.MIGRATION_IMPORTS and _migrates(outline)):
        return Context.MIGRATION
    if parts & signs.EXAMPLE_FOLDERS:
        return Context.EXAMPLE
    if parts & signs.SCRIPT_FOLDERS or (file in signs.SCRIPT_FILES and not imported):
        return Context.SCRIPT
    if "tools" in parts and (folders[0] == "tools" or (outline.main_guard and not imported)):
        return Context.SCRIPT  # further down `tools` are often those of an agent
    if outline.main_guard and not imported and not endless and not packages & signs.SERVING:
        return Context.SCRIPT
    return Context.APPLICATION


def _packages(outline: Outline) -> frozenset[str]:
    bindings = (b for s in outline.statements for b in (*s.imports, *s.inner) if not b.level)
    return frozenset(binding.module.partition(".")[0] for binding in bindings)


def _migrates(outline: Outline) -> bool:
    """`from alembic import context` and `from alembic import op` stand in migrations, the API elsewhere too."""
    names = {b.name for s in outline.statements for b in s.imports if b.module == "alembic"}
    return bool(names & {"context", "op"})
