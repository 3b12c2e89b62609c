"""Is a module taken for what it is: application, test, migration, script or example?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from trial import Trials

from dbpool_lint.config import Settings
from dbpool_lint.deploy.model import DeploymentFacts
from dbpool_lint.facts.assemble import assemble
from dbpool_lint.facts.contexts import Override, context, is_test
from dbpool_lint.facts.model import Context
from dbpool_lint.model import Problem, Source
from dbpool_lint.sources.names import Names
from dbpool_lint.sources.outline import Outline, outline
from dbpool_lint.sources.outlines import Outlines

MAIN = "if __name__ == '__main__':\n    run()\n"


def _context(
    name: str, text: str = "", overrides: list[Override] | None = None, *, imported: bool = False, endless: bool = False
) -> str:
    found = outline(Source(Path(name), name, text))
    assert isinstance(found, Outline)
    return context(found, overrides or [], imported, endless).value


@pytest.mark.parametrize(
    "name",
    ["shop/db.py", "shop/testimony.py", "contest.py", "shop/latest/db.py", "shop/version.py", "shop/docsearch/app.py"],
)
def test_what_only_sounds_like_something_else_is_an_application(name: str) -> None:
    assert _context(name) == "application"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tests/db.py", "test"),
        ("shop/Tests/db.py", "test"),
        ("shop/test_db.py", "test"),
        ("shop/db_test.py", "test"),
        ("conftest.py", "test"),
        ("shop/tests.py", "test"),
        ("e2e/db.py", "test"),
        ("migrations/env.py", "migration"),
        ("alembic/versions/1_a.py", "migration"),
        ("examples/app.py", "example"),
        ("docs_src/app.py", "example"),
        ("scripts/seed.py", "script"),
        ("shop/bin/seed.py", "script"),
        ("manage.py", "script"),
        ("shop/setup.py", "script"),
        ("tests/migrations/env.py", "test"),
        ("examples/migrations/env.py", "migration"),
        ("examples/scripts/seed.py", "example"),
    ],
)
def test_folders_and_file_names_say_what_code_is(name: str, expected: str) -> None:
    assert _context(name) == expected
    assert is_test(name) is (expected == "test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from alembic import context\n", "migration"),
        ("import alembic\nfrom alembic import op as operations\n", "migration"),
        ("from alembic import command\n", "application"),
        ("from alembic.config import Config\n", "application"),
        ("from .alembic import context\n", "application"),
    ],
)
def test_what_uses_alembics_context_is_a_migration_and_what_calls_alembic_is_not(text: str, expected: str) -> None:
    assert _context("env.py", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MAIN, "script"),
        ("run()\n", "application"),
        (f"import fastapi\n{MAIN}", "application"),
        (f"def run():\n    import uvicorn\n{MAIN}", "application"),
        (f"from celery.app import x\n{MAIN}", "application"),
        (f"from .fastapi import x\n{MAIN}", "script"),
    ],
)
def test_a_main_module_is_a_script_unless_it_serves(text: str, expected: str) -> None:
    assert _context("seed.py", text) == expected


def test_a_main_module_that_is_imported_or_loops_for_ever_is_an_application() -> None:
    assert _context("seed.py", MAIN, imported=True) == "application"
    assert _context("seed.py", MAIN, endless=True) == "application"


def test_the_settings_come_before_every_sign_and_the_first_of_them_counts() -> None:
    overrides: list[Override] = [
        (lambda name: name.startswith("tests/"), Context.APPLICATION),
        (lambda name: name == "app.py", Context.TEST),
        (lambda name: True, Context.SCRIPT),
    ]
    assert _context("tests/db.py", "", overrides) == "application"
    assert _context("app.py", "", overrides) == "test"
    assert _context("other.py", "", overrides) == "script"
    assert [is_test(name, overrides) for name in ("tests/db.py", "app.py", "test_other.py")] == [False, True, False]


# as the pipeline works them out


ENGINE = "from sqlalchemy import create_engine\nengine = create_engine('postgresql://db/shop')\n"


def _contexts(files: Mapping[str, str], contexts: Mapping[str, str] | None = None) -> dict[str, str]:
    outlines = Outlines({name: Source(Path(name), name, text, digest=text) for name, text in files.items()}, {})
    chosen = {name: list(range(len(outlines[name].statements))) for name in files}
    settings = Settings(contexts=dict(contexts or {}))  # type: ignore[arg-type]
    problems: list[Problem] = []
    linked = assemble(Names(outlines), outlines.sources, chosen, settings, DeploymentFacts(), {}, problems)
    assert problems == []
    return {name: module.context.value for name, module in linked.project.modules.items()}


@pytest.mark.parametrize("loop", ["while True:", "while 1:"])
def test_a_main_module_with_an_endless_loop_is_an_application(loop: str) -> None:
    worker = f"{ENGINE}def run():\n    {loop}\n        engine.connect()\n{MAIN}"
    once = f"{ENGINE}def run():\n    while engine:\n        engine.connect()\n{MAIN}"
    assert _contexts({"worker.py": worker, "once.py": once}) == {"worker.py": "application", "once.py": "script"}


@pytest.mark.parametrize(
    "statement",
    [
        "from shop import seed\n",
        "from shop.seed import engine\n",
        "from .seed import engine\n",
        "def f():\n    from . import seed\n",
    ],
)
def test_a_main_module_that_another_one_imports_is_an_application(statement: str) -> None:
    files = {"shop/__init__.py": "", "shop/seed.py": ENGINE + MAIN, "shop/app.py": statement + ENGINE}
    assert _contexts(files)["shop/seed.py"] == "application"


def test_a_main_module_that_imports_itself_is_still_a_script() -> None:
    assert _contexts({"seed.py": f"import seed\n{ENGINE}{MAIN}"}) == {"seed.py": "script"}


def test_a_folder_of_tools_is_one_of_scripts_at_the_top_only() -> None:
    files = {"tools/db.py": ENGINE, "agent/tools/sql.py": ENGINE, "agent/tools/seed.py": ENGINE + MAIN}
    assert _contexts(files) == {
        "tools/db.py": "script",
        "agent/tools/sql.py": "application",
        "agent/tools/seed.py": "script",
    }


def test_a_manage_module_that_the_application_imports_is_not_django_s() -> None:
    files = {
        "shop/__init__.py": "",
        "shop/manage.py": ENGINE,
        "shop/app.py": f"from shop.manage import engine\n{ENGINE}",
    }
    assert _contexts(files)["shop/manage.py"] == "application"
    assert _contexts({"manage.py": ENGINE}) == {"manage.py": "script"}


def test_contexts_of_the_settings_are_patterns_of_file_names() -> None:
    files = {"tools/db.py": ENGINE, "shop/db.py": ENGINE}
    assert _contexts(files, {"tools/": "application", "shop/*.py": "example"}) == {
        "tools/db.py": "application",
        "shop/db.py": "example",
    }


def test_a_setting_turns_the_rules_for_applications_on_and_off(trials: Trials) -> None:
    files = {"scripts/db.py": ENGINE, "shop/db.py": ENGINE}
    pattern = '[tool.dbpool-lint.contexts]\n"scripts/" = "application"\n"shop/" = "script"\n'
    before = trials.lint(files, ["DBP401"])
    after = trials.lint({**files, "pyproject.toml": pattern}, ["DBP401"])
    assert [f.name for f in before.findings] == ["shop/db.py"]
    assert [f.name for f in after.findings] == ["scripts/db.py"]
