"""Are the statements chosen that bear on pools and sessions, across the files of a project, and no others?"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from dbpool_lint.knowledge.vocabulary import seeds
from dbpool_lint.model import Source
from dbpool_lint.sources.names import Names
from dbpool_lint.sources.outlines import Outlines
from dbpool_lint.sources.slice import Slicer

ENGINE = "from sqlalchemy import create_engine\nengine = create_engine('postgresql://db/shop')\n"
NOTHING: dict[str, list[str]] = {}


def _sliced(files: Mapping[str, str] | str, *extra: str) -> dict[str, list[str]]:
    """The first lines of the chosen statements, by file; imports are left aside."""
    given = {"app.py": files} if isinstance(files, str) else files
    texts = {name: textwrap.dedent(text).strip("\n") + "\n" for name, text in given.items()}
    outlines = Outlines({name: Source(Path(name), name, text, digest=text) for name, text in texts.items()}, {})
    slicer = Slicer(Names(outlines), outlines.users, frozenset(extra))
    chosen = slicer.slice(outlines.seeded(seeds(frozenset(extra))))
    lines = {
        name: [texts[name].splitlines()[outlines[name].statements[index].line - 1] for index in indices]
        for name, indices in chosen.items()
    }
    shown = {name: [line for line in found if not line.startswith(("import", "from"))] for name, found in lines.items()}
    return {name: found for name, found in shown.items() if found}


# what is left out


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import time\nnow = time.time()\n", id="other functions of the same module"),
        pytest.param("x = create_engine()\n", id="a name that nothing binds"),
        pytest.param("from shop import create_engine\nx = create_engine()\n", id="a function of another package"),
        pytest.param("def create_engine(): pass\nx = create_engine()\n", id="a function of the project's own"),
        pytest.param("# create_engine, sessionmaker, time.sleep\n", id="a comment"),
        pytest.param("from sqlalchemy import select\nq = select(1)\n", id="queries"),
        pytest.param("from .sqlalchemy import create_engine\ne = create_engine()\n", id="a relative import"),
    ],
)
def test_code_that_makes_no_pools_is_left_out(text: str) -> None:
    assert _sliced(text) == NOTHING


def test_what_stands_beside_a_seed_is_left_out() -> None:
    text = f"{ENGINE}LIMIT = 10\ndef helper(): return LIMIT\n"
    assert _sliced(text) == {"app.py": ["engine = create_engine('postgresql://db/shop')"]}


def test_files_that_share_only_a_name_are_left_out() -> None:
    assert list(_sliced({"shop/db.py": ENGINE, "game/car.py": "engine = 1\ndef start(): return engine\n"})) == [
        "shop/db.py"
    ]


def test_who_awaits_an_async_function_that_sleeps_is_left_out() -> None:
    text = """
        import time
        async def nap(): time.sleep(1)
        async def route(): await nap()
    """
    assert _sliced(text) == {"app.py": ["async def nap(): time.sleep(1)"]}


# upwards: what uses it


def test_every_function_on_the_way_to_a_pool_is_chosen_across_files() -> None:
    files = {
        "shop/db.py": "from sqlalchemy import create_engine\ndef connect(): return create_engine('x')\n",
        "shop/service.py": "from shop import db\ndef load(): return db.connect()\n",
        "shop/api.py": "from .service import load\nasync def route(): return load()\n",
    }
    assert _sliced(files) == {
        "shop/db.py": ["def connect(): return create_engine('x')"],
        "shop/service.py": ["def load(): return db.connect()"],
        "shop/api.py": ["async def route(): return load()"],
    }


def test_the_way_to_a_pool_goes_through_re_exports_and_star_imports() -> None:
    files = {
        "shop/db.py": ENGINE,
        "shop/__init__.py": "from .db import *\n",
        "shop/api.py": "from shop import engine as e\ndef route(): return e.connect()\n",
        "shop/jobs.py": "from shop import *\ndef job(): return engine.connect()\n",
    }
    assert list(_sliced(files)) == ["shop/api.py", "shop/db.py", "shop/jobs.py"]


def test_an_import_inside_a_function_leads_to_a_pool_too() -> None:
    files = {"db.py": ENGINE, "app.py": "def route():\n    from db import engine\n    return engine.connect()\n"}
    assert _sliced(files)["app.py"] == ["def route():"]


def test_a_pool_in_a_file_without_the_vocabulary_is_found_through_what_it_uses() -> None:
    files = {
        "shop/orm.py": "from sqlalchemy.orm import sessionmaker as maker\nSession = maker()\n",
        "shop/api.py": "from shop.orm import Session\ndef route(): return Session()\n",
    }
    assert _sliced(files) == {"shop/orm.py": ["Session = maker()"], "shop/api.py": ["def route(): return Session()"]}


def test_callers_of_a_function_that_sleeps_are_chosen() -> None:
    text = """
        import time
        def nap(): time.sleep(1)
        def twice(): nap()
        async def route(): twice()
    """
    assert _sliced(text) == {"app.py": ["def nap(): time.sleep(1)", "def twice(): nap()", "async def route(): twice()"]}


def test_a_caller_that_also_leads_to_a_pool_is_followed_though_it_is_async() -> None:
    text = """
        import time
        from sqlalchemy import create_engine
        def make(): return create_engine("x")
        async def both():
            time.sleep(1)
            return make()
        async def route(): await both()
    """
    assert _sliced(text)["app.py"][-1] == "async def route(): await both()"


@pytest.mark.parametrize("key", ["app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {}", "SQLALCHEMY_ENGINE_OPTIONS = {}"])
def test_flask_settings_are_seeds_by_name(key: str) -> None:
    assert _sliced(f"{key}\nOTHER = 1\n") == {"app.py": [key]}


def test_names_from_the_settings_are_seeds() -> None:
    text = "from shop.net import fetch\ndef load(): fetch()\n"
    assert _sliced(text) == NOTHING
    assert _sliced(text, "shop.net.fetch") == {"app.py": ["def load(): fetch()"]}


def test_names_from_the_settings_may_be_of_the_project_itself() -> None:
    files = {
        "shop/net.py": "def fetch(): pass\ndef other(): pass\n",
        "app.py": "from shop import net\ndef load(): net.fetch()\n",
    }
    assert _sliced(files) == NOTHING
    found = _sliced(files, "shop.net.fetch")
    assert found["app.py"] == ["def load(): net.fetch()"]
    assert "def other(): pass" not in found.get("shop/net.py", [])


# downwards: what it is made of


def test_values_that_a_pool_is_made_of_are_chosen_across_files() -> None:
    files = {
        "shop/settings.py": "HOST = 'db'\nURL = f'postgresql://{HOST}/shop'\nOTHER = 1\n",
        "shop/db.py": "from sqlalchemy import create_engine\nfrom . import settings\ne = create_engine(settings.URL)\n",
    }
    assert _sliced(files) == {
        "shop/settings.py": ["HOST = 'db'", "URL = f'postgresql://{HOST}/shop'"],
        "shop/db.py": ["e = create_engine(settings.URL)"],
    }


def test_statements_that_change_such_a_value_are_chosen() -> None:
    text = """
        from sqlalchemy import create_engine
        options = {}
        options["pool_size"] = 5
        if options:
            options.update(pool_pre_ping=True)
        engine = create_engine("x", **options)
    """
    assert _sliced(text)["app.py"] == [
        "options = {}",
        'options["pool_size"] = 5',
        "if options:",
        'engine = create_engine("x", **options)',
    ]


def test_functions_and_classes_that_a_pool_is_made_with_are_chosen_a_few_steps_deep() -> None:
    text = """
        from sqlalchemy import create_engine
        class Base: host = "db"
        class Settings(Base): pass
        def settings(): return Settings()
        def url(): return settings().host
        engine = create_engine(url())
    """
    assert _sliced(text)["app.py"] == textwrap.dedent(text).strip().splitlines()[1:]


def test_decorators_of_a_chosen_function_are_chosen() -> None:
    text = """
        from fastapi import FastAPI
        from sqlalchemy import create_engine
        app = FastAPI()
        other = 1
        @app.get("/")
        def route(): return create_engine("x")
    """
    assert _sliced(text)["app.py"] == ["app = FastAPI()", '@app.get("/")']
