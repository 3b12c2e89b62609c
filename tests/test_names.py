"""Does an import lead to the file that Python would take, and to the place where a name is really defined?"""

from __future__ import annotations

from pathlib import Path

import pytest

from dbpool_lint.model import Source
from dbpool_lint.sources.names import Defined, Elsewhere, Meaning, ModuleName, Names
from dbpool_lint.sources.outline import Outline, outline


def _names(files: dict[str, str]) -> Names:
    found = {name: outline(Source(Path(name), name, text)) for name, text in files.items()}
    return Names({name: one for name, one in found.items() if isinstance(one, Outline)})


def _last(names: Names, module: str, mention: str) -> tuple[Meaning, str] | None:
    return next(reversed(list(names.mention(module, mention))), None)


# refusals


@pytest.mark.parametrize("mention", ["unknown.name", ".attribute", "x.y"])
def test_a_name_that_nothing_binds_means_nothing(mention: str) -> None:
    assert list(_names({"app.py": "import a\n"}).mention("app.py", mention)) == []


def test_an_import_that_leads_in_a_circle_means_nothing() -> None:
    names = _names({"a.py": "from b import x\n", "b.py": "from a import x\n"})
    assert names.of("a.py", "x") is None


def test_star_imports_in_a_circle_end() -> None:
    names = _names(
        {"p/a.py": "from .b import *\n", "p/b.py": "from .a import *\nfrom .c import *\n", "p/c.py": "x = 1\n"}
    )
    assert names.of("p/a.py", "x") == Defined("p/c.py", "x")
    assert names.of("p/a.py", "y") is None


def test_a_chain_of_re_exports_without_end_means_nothing() -> None:
    files = {f"m{n}.py": f"from m{n + 1} import x\n" for n in range(40)}
    assert _names({**files, "m40.py": "x = 1\n"}).of("m0.py", "x") is None
    assert _names({**files, "m40.py": "x = 1\n"}).of("m30.py", "x") == Defined("m40.py", "x")


def test_a_name_missing_from_a_module_of_the_project_means_nothing() -> None:
    names = _names({"app.py": "from shop.db import nothing\nfrom . import absent\n", "shop/db.py": "engine = 1\n"})
    assert names.of("app.py", "nothing") is None
    assert names.of("app.py", "absent") is None


def test_a_relative_import_never_leaves_the_project() -> None:
    names = _names({"a/b.py": "from ...x import y\nfrom ..sqlalchemy import create_engine\n"})
    assert names.of("a/b.py", "y") is None
    assert names.of("a/b.py", "create_engine") is None


def test_a_file_of_the_same_name_in_an_unrelated_folder_is_not_meant() -> None:
    names = _names({"shop/app.py": "import redis\n", "vendor/deep/redis.py": "x = 1\n"})
    assert names.of("shop/app.py", "redis") == Elsewhere("redis")


def test_the_empty_module_is_none_of_the_project() -> None:
    assert _names({"app.py": ""}).module_file("", "app.py") is None


# where modules are


@pytest.mark.parametrize(
    ("files", "importer", "dotted", "found"),
    [
        pytest.param(["shop/db.py"], "shop/app.py", "shop.db", "shop/db.py", id="from the root"),
        pytest.param(["shop/db/__init__.py"], "shop/app.py", "shop.db", "shop/db/__init__.py", id="a package"),
        pytest.param(["shop/db.py"], "shop/app.py", "db", "shop/db.py", id="beside the importing file"),
        pytest.param(["src/shop/db.py"], "tests/test_a.py", "shop.db", "src/shop/db.py", id="below src"),
        pytest.param(["src/db.py"], "tests/test_a.py", "db", "src/db.py", id="a module below src"),
        pytest.param(["one/shop/db.py"], "tests/t.py", "shop.db", "one/shop/db.py", id="a dotted name anywhere"),
        pytest.param(["db.py", "a/db.py"], "a/app.py", "db", "a/db.py", id="the nearest folder comes first"),
        pytest.param(["x/s/db.py", "src/s/db.py"], "t/t.py", "s.db", "src/s/db.py", id="source roots come first"),
        pytest.param(["x/y/s/db.py", "x/s/db.py"], "t/t.py", "s.db", "x/s/db.py", id="then the shortest path"),
        pytest.param(["__init__.py", "db.py"], "app.py", "db", "db.py", id="the root is a package"),
    ],
)
def test_a_dotted_name_means_the_file_that_python_would_import(
    files: list[str], importer: str, dotted: str, found: str
) -> None:
    names = _names(dict.fromkeys([*files, importer], ""))
    assert names.locate(dotted, importer) == found


def test_relative_imports_count_folders_from_the_importing_file() -> None:
    files = {
        "shop/api/orders.py": "from ..db import engine\nfrom . import routes\n"
        "from .. import settings, db\nfrom .x.y import z\n",
        "shop/api/__init__.py": "",
        "shop/api/routes.py": "",
        "shop/api/x/y.py": "z = 1\n",
        "shop/db/__init__.py": "engine = 1\n",
        "shop/__init__.py": "settings = 1\n",
    }
    names = _names(files)
    assert names.of("shop/api/orders.py", "engine") == Defined("shop/db/__init__.py", "engine")
    assert names.of("shop/api/orders.py", "routes") == ModuleName("shop/api/routes.py")
    assert names.of("shop/api/orders.py", "settings") == Defined("shop/__init__.py", "settings")
    assert names.of("shop/api/orders.py", "db") == ModuleName("shop/db/__init__.py")
    assert names.of("shop/api/orders.py", "z") == Defined("shop/api/x/y.py", "z")


def test_a_relative_import_at_the_root_finds_the_roots_own_package() -> None:
    names = _names({"__init__.py": "x = 1\n", "app.py": "from . import x, db\n", "db.py": ""})
    assert names.of("app.py", "x") == Defined("__init__.py", "x")
    assert names.of("app.py", "db") == ModuleName("db.py")


# what names mean


def test_a_name_is_followed_through_re_exports_aliases_and_stars() -> None:
    names = _names(
        {
            "app.py": "from shop import Session as Maker\n",
            "shop/__init__.py": "from .db import *\n",
            "shop/db.py": "from sqlalchemy.orm import sessionmaker\nSession = sessionmaker()\n",
        }
    )
    assert names.of("app.py", "Maker") == Defined("shop/db.py", "Session")
    assert names.of("shop/__init__.py", "sessionmaker") == Elsewhere("sqlalchemy.orm.sessionmaker")


def test_a_definition_comes_before_an_import_of_the_same_name() -> None:
    names = _names({"app.py": "from a import x\nx = 1\n"})
    assert names.of("app.py", "x") == Defined("app.py", "x")


def test_the_last_import_of_a_name_is_the_one_that_counts() -> None:
    names = _names({"app.py": "from a import x\nfrom b import x\n"})
    assert names.of("app.py", "x") == Elsewhere("b.x")


@pytest.mark.parametrize(
    ("imports", "mention", "meaning", "rest"),
    [
        ("import sqlalchemy", "sqlalchemy.orm.Session", Elsewhere("sqlalchemy.orm.Session"), ""),
        ("import sqlalchemy.orm", "sqlalchemy.orm.Session", Elsewhere("sqlalchemy.orm.Session"), ""),
        ("import sqlalchemy.orm as o", "o.Session", Elsewhere("sqlalchemy.orm.Session"), ""),
        ("from sqlalchemy import orm", "orm.Session.get", Elsewhere("sqlalchemy.orm.Session.get"), ""),
        ("import shop.db", "shop.db.engine.connect", Defined("shop/db.py", "engine"), "connect"),
        ("from shop import db", "db.engine", Defined("shop/db.py", "engine"), ""),
        ("from shop import db", "db.create_engine", Elsewhere("sqlalchemy.create_engine"), ""),
        ("import shop", "shop.absent.x", ModuleName("shop/__init__.py"), "absent.x"),
        ("from shop import db", "db.absent", ModuleName("shop/db.py"), "absent"),
        ("import plain.inner", "plain.inner.x", Defined("plain/inner.py", "x"), ""),
    ],
)
def test_attributes_of_modules_are_followed(imports: str, mention: str, meaning: Meaning, rest: str) -> None:
    files = {
        "app.py": imports,
        "shop/__init__.py": "",
        "shop/db.py": "from sqlalchemy import create_engine\nengine = create_engine('')\n",
        "plain/inner.py": "x = 1\n",
    }
    assert _last(_names(files), "app.py", mention) == (meaning, rest)


def test_imports_of_the_function_at_hand_come_before_those_of_the_module() -> None:
    names = _names({"app.py": "from a import x\ndef f():\n    from b import x\n"})
    inner = {binding.local: binding for binding in names.outlines["app.py"].statements[1].inner}
    assert next(names.mention("app.py", "x", inner)) == (Elsewhere("b.x"), "")
    assert next(names.mention("app.py", "x")) == (Elsewhere("a.x"), "")


def test_nothing_is_asked_of_what_a_project_defines() -> None:
    names = _names({"app.py": ""})
    assert names.attribute(Defined("app.py", "x"), "y", "app.py") is None
    assert names.attribute(None, "y", "app.py") is None
