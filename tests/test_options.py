"""Where are engine options given, and which calls lead there? Engines, wrappers, plugins, Flask."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from linking import linked

from dbpool_lint.facts.configuration.idling import limit
from dbpool_lint.facts.configuration.options import State, all_sites, states
from dbpool_lint.facts.configuration.sites import Chain, Site
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.project import Function

_START = """
from functools import partial
from sqlalchemy import create_engine, engine_from_config
from sqlalchemy.pool import NullPool
from somewhere import UNSEEN, URL, fetch, flag
"""


def _all(project: Linked) -> list[Site]:
    return list(all_sites(project.reader, project.creations))


def _names(chain: Chain) -> str:
    return " → ".join(scope.qualname if isinstance(scope, Function) else "module" for _, scope in chain)


def _said(state: State) -> str:
    return f"{state.state} {state.values}" + (" or absent" if state.optional else "")


def _told(files: Mapping[str, str] | str, option: str = "ping") -> dict[str, str]:
    sites = linked(files).sites
    return {_names(chain): _said(found) for site in sites for chain, found in states(site, option)}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ("", {}),
        ("open_engine(URL)", {"module": "missing ()"}),
        ("open_engine(URL, ping=True)", {"module": "set (True,)"}),
        ("def f():\n    open_engine(URL)", {"f": "missing ()"}),
        ("def f(**o):\n    open_engine(URL, **o)\nf()", {"module → f": "missing ()"}),
        ("def f(**o):\n    open_engine(URL, **o)\nf()\nf(ping=1)", {"module → f": "set (1,)"}),
        ("def f(**o):\n    open_engine(URL, **o)\n    f(**o)\nf(ping=1)", {"module → f": "set (1,)"}),
        ("def f():\n    open_engine(URL)\ndef g():\n    f()\ndef h():\n    g()", {"h → g → f": "missing ()"}),
        ("open_engine(URL, poolclass=NullPool)\ndef f():\n    open_engine(URL)", {"f": "missing ()"}),
        ("open_engine('sqlite:///x')\ndef f():\n    open_engine(URL, ping=0)", {"f": "set (0,)"}),
        ("open_engine(URL, **UNSEEN)", {}),
        ("open_engine(URL, poolclass=None, **UNSEEN)", {}),
        ("class C:\n    def f(self):\n        open_engine(URL)", {"C.f": "missing ()"}),
        ("class C:\n    engine = open_engine(URL)", {"module": "missing ()"}),
        ("partial(open_engine, ping=2)(URL)", {"module": "set (2,)"}),
        ("def f():\n    e = open_engine(URL)\n    e.dispose()", {}),
        ("def f():\n    e = open_engine(URL)\n    other.dispose()\n    e.begin()", {"f": "missing ()"}),
        ("def f():\n    e = open_engine(URL)\n    yield e\n    e.dispose()", {"f": "missing ()"}),
        (
            "def f():\n    return open_engine(URL)\ndef g():\n    a, b = f(), 1\n    a.dispose()",
            {"g → f": "missing ()"},
        ),
        ("def f():\n    return open_engine(URL)\ndef g():\n    a = f()\n    a.sync.dispose()", {}),
        ("def f():\n    e = open_engine(URL)\n    return 1, e\ndef g():\n    a, b = f()\n    b.dispose()", {}),
        (
            "def f():\n    e = open_engine(URL)\n    return\ndef g():\n    a = f()\n    a.dispose()",
            {"g → f": "missing ()"},
        ),
    ],
)
def test_each_chain_of_calls_is_asked_by_itself(calls: str, expected: dict[str, str]) -> None:
    text = f"{_START}def open_engine(url, **options):\n    return create_engine(url, **options)\n{calls}"
    assert _told(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "engine = create_engine(URL)",
        "def f():\n    return create_engine(URL)\nf()",
        "class C:\n    def f(self):\n        self.engine = create_engine(self.url)\nC().f()",
        "def f(url):\n    return create_engine(url)\n" + "".join(f"def g{n}():\n    f(URL)\n" for n in range(60)),
    ],
)
def test_calls_that_owe_nothing_to_callers_or_have_too_many_have_no_chains(text: str) -> None:
    assert _told(_START + text) == {"": "missing ()"}


def test_what_a_local_name_owes_to_a_parameter_counts() -> None:
    text = "def f(host):\n    url = 'postgresql://' + host\n    return create_engine(url)\nf(URL)"
    assert _told(_START + text) == {"module": "missing ()"}


def test_a_site_whose_every_caller_keeps_nothing_is_none() -> None:
    text = f"{_START}def f(url, **o):\n    return create_engine(url, **o)\nf(URL, poolclass=NullPool)\nf('sqlite://')"
    project = linked(text)
    assert project.sites == ()
    assert len(_all(project)) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.py", "create_engine('sqlite://', ping=1)"),
        ("app.py", "create_engine(URL, poolclass=NullPool, ping=1)"),
        ("tests/test_db.py", "create_engine(URL, ping=1)"),
        ("alembic/env.py", "engine_from_config({'sqlalchemy.ping': 1, 'other': 2})"),
        ("scripts/load.py", "create_engine(URL, **{'ping': 1})"),
    ],
)
def test_all_sites_are_of_any_pool_dialect_and_context(name: str, text: str) -> None:
    (site,) = _all(linked({name: _START + text}))
    assert [str(key) for key in site.table().entries if key in ("ping", "other")] == ["ping"]
    assert site.call is not None
    assert site.made is not None
    assert site.converts is text.startswith("engine_from_config")
    assert site.module.name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("engine_from_config({'sqlalchemy.ping': 1})", "set (1,)"),
        ("engine_from_config({'sqlalchemy.ping': 1}, ping=2)", "set (2,)"),
        ("engine_from_config(configuration={'db.ping': 1}, prefix='db.')", "set (1,)"),
        ("engine_from_config({'db.ping': 1}, 'db.')", "set (1,)"),
        ("engine_from_config({'db.ping': 1}, prefix=flag)", "unknown ()"),
        (
            "engine_from_config({'sqlalchemy.url': URL, **({'sqlalchemy.ping': 1} if flag else {})})",
            "set (1,) or absent",
        ),
        ("engine_from_config({'sqlalchemy.ping': 1, **UNSEEN})", "unknown ()"),
    ],
)
def test_a_configuration_holds_options_under_a_prefix(text: str, expected: str) -> None:
    assert _told(_START + text) == {"": expected}


_ALCHEMY = """
from advanced_alchemy.config import EngineConfig, SQLAlchemyAsyncConfig
from sqlalchemy.pool import NullPool, QueuePool
from somewhere import UNSEEN, URL, flag
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SQLAlchemyAsyncConfig(connection_string=URL)", "missing ()"),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig())", "missing ()"),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig(ping=1))", "set (1,)"),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=UNSEEN)", "unknown ()"),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig(poolclass=NullPool))", None),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig(poolclass=UNSEEN))", None),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig(poolclass=QueuePool))", "missing ()"),
        ("SQLAlchemyAsyncConfig(connection_string=URL, **UNSEEN)", None),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_instance=UNSEEN)", None),
        ("SQLAlchemyAsyncConfig(engine_config=EngineConfig(ping=1))", None),
        ("SQLAlchemyAsyncConfig(connection_string='sqlite://')", None),
        ("POOL = EngineConfig(ping=1)\nSQLAlchemyAsyncConfig(connection_string=URL, engine_config=POOL)", "set (1,)"),
        (
            (
                "def pool():\n    return EngineConfig(ping=1)\n"
                "SQLAlchemyAsyncConfig(connection_string=URL, engine_config=pool())"
            ),
            "set (1,)",
        ),
        (
            "SQLAlchemyAsyncConfig(connection_string=URL, **({'engine_config': EngineConfig()} if flag else {}))",
            "unknown ()",
        ),
    ],
)
def test_plugins_open_engines_of_their_own(text: str, expected: str | None) -> None:
    sites = linked(_ALCHEMY + text).sites
    assert [_said(found) for site in sites for _, found in states(site, "ping")] == [expected] * (expected is not None)
    assert linked({"tests/test_app.py": _ALCHEMY + text}).sites == ()


def _offered(text: str) -> list[str]:
    (site,) = linked(_ALCHEMY + text).sites
    return [type(recipe).__name__ for recipe in site.recipes("ping", "True")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SQLAlchemyAsyncConfig(connection_string=URL)", []),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=UNSEEN)", []),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig())", ["AddKeywords"]),
        ("SQLAlchemyAsyncConfig(connection_string=URL, engine_config=EngineConfig(ping=False))", ["ReplaceValue"]),
        ("POOL = EngineConfig()\nSQLAlchemyAsyncConfig(connection_string=URL, engine_config=POOL)", ["AddKeywords"]),
    ],
)
def test_an_option_of_a_plugin_is_added_where_the_others_stand(text: str, expected: list[str]) -> None:
    assert _offered(text) == expected


_FLASK = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.pool import NullPool
from somewhere import UNSEEN, flag
app = Flask('x')
app.config['SQLALCHEMY_DATABASE_URI'] = 'postgresql://h/d'
"""
_GIVEN = "app.config['SQLALCHEMY_ENGINE_OPTIONS'] = {'size': 1}\n"
_HACK = "class Own(SQLAlchemy):\n    def apply_pool_defaults(self, app, options):\n        "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_GIVEN, ["missing ()"]),
        (_GIVEN + "app.config['SQLALCHEMY_ENGINE_OPTIONS']['ping'] = 1", ["set (1,)"]),
        (_GIVEN + "app.config['SQLALCHEMY_ENGINE_OPTIONS'][flag] = 1", ["unknown ()"]),
        (_GIVEN + "app.config['SQLALCHEMY_ENGINE_OPTIONS'].update(ping=1)", ["set (1,)"]),
        (_GIVEN + "app.config['SQLALCHEMY_ENGINE_OPTIONS'].update({'ping': 1})", ["set (1,)"]),
        (_GIVEN + "app.config['SQLALCHEMY_ENGINE_OPTIONS'].update(UNSEEN)", ["unknown ()"]),
        (_GIVEN + "app.config['SQLALCHEMY_ENGINE_OPTIONS'].setdefault('ping', 1)", ["set (1,)"]),
        (_GIVEN + "app.config.get('SQLALCHEMY_ENGINE_OPTIONS')['ping'] = 1", ["set (1,)"]),
        (_GIVEN + "Config.SQLALCHEMY_ENGINE_OPTIONS['ping'] = 1", ["set (1,)"]),
        (_GIVEN + "other['SQLALCHEMY_ENGINE_OPTIONS']['ping'] = 1", ["missing ()"]),
        (_GIVEN + "db = SQLAlchemy(engine_options={'ping': 1})", ["set (1,)"]),
        (_GIVEN + "db = SQLAlchemy(engine_options=UNSEEN)", ["unknown ()"]),
        (_GIVEN + "db = SQLAlchemy(**UNSEEN)", ["unknown ()"]),
        ("app.config.setdefault('SQLALCHEMY_ENGINE_OPTIONS', {'ping': 1})", ["set (1,)"]),
        ("app.config.setdefault('OTHER', {'ping': 1})", ["missing ()"]),
        ("app.config.update({'SQLALCHEMY_ENGINE_OPTIONS': {'ping': 1}})", ["set (1,)"]),
        ("ALL = {'SQLALCHEMY_ENGINE_OPTIONS': {'ping': 1}}\napp.config.from_mapping(ALL)", ["set (1,)"]),
        ("app.config.update(UNSEEN)", ["missing ()"]),
        (_GIVEN + _HACK + "options['ping'] = 1", ["set (1,)"]),
        (_GIVEN + _HACK + "options['ping'] = 1\n        return options", ["set (1,)"]),
        (
            _GIVEN + _HACK + "options = super().apply_pool_defaults(app, options)\n        return options",
            ["missing ()"],
        ),
        (_GIVEN + _HACK + "a, options = super().apply_pool_defaults(app, options)", ["missing ()"]),
        (_GIVEN + _HACK + "return super().apply_pool_defaults(app, options)", ["missing ()"]),
        (_GIVEN + _HACK + "return app, options", ["missing ()"]),
        (_GIVEN + _HACK + "SQLAlchemy.apply_pool_defaults(self, app, options)", ["missing ()"]),
        (_GIVEN + _HACK + "self.apply_pool_defaults(app, options)", ["unknown ()"]),
        (_GIVEN + _HACK + "options['poolclass'] = NullPool", []),
        (_GIVEN + _HACK + "return fetch(options)", ["unknown ()"]),
        (_GIVEN + _HACK + "options = fetch()\n        return options", ["unknown ()"]),
        (_GIVEN + _HACK + "raise TypeError", ["unknown ()"]),
        (
            _GIVEN + "class Other:\n    def apply_pool_defaults(self, app, options):\n        raise TypeError",
            ["missing ()"],
        ),
        (_GIVEN + "class Own(SQLAlchemy):\n    def create_engine(self, url, options): ...", []),
        ("app.config['SQLALCHEMY_BINDS'] = {'a': {'url': 'mysql://h/d'}}", ["missing ()", "missing ()"]),
        (_GIVEN + "app.config['SQLALCHEMY_BINDS'] = {'a': {'url': 'sqlite://'}, 'b': 'mysql://h/d'}", ["missing ()"]),
        (_GIVEN + "app.config['SQLALCHEMY_BINDS'] = {'a': {'ping': 1}, **UNSEEN}", ["missing ()"]),
        (
            (
                "app.config['SQLALCHEMY_BINDS'] = {'a': {'url': 'mysql://h/d', 'x': 1}}\n"
                "db = SQLAlchemy(engine_options={'ping': 1})"
            ),
            ["set (1,)", "set (1,)"],
        ),
    ],
)
def test_flask_sqlalchemy_puts_options_together(text: str, expected: list[str]) -> None:
    found = [state for site in linked(_FLASK + text).sites for _, state in states(site, "ping")]
    assert [_said(one) for one in found] == expected


def test_every_place_of_options_in_flask_is_known_also_in_tests_and_for_sqlite() -> None:
    text = """
        from flask_sqlalchemy import SQLAlchemy
        class Config:
            SQLALCHEMY_DATABASE_URI = "sqlite:///x"
            SQLALCHEMY_ENGINE_OPTIONS = {"ping": 1}
        db = SQLAlchemy(engine_options={"pong": 2})
    """
    project = linked({"app.py": text, "tests/conftest.py": text})
    assert project.sites == ()
    found = [(site.module.name, site.what, sorted(site.table().entries)) for site in _all(project)]
    assert found == [
        ("app.py", "SQLALCHEMY_ENGINE_OPTIONS", ["ping", "pong"]),
        ("tests/conftest.py", "SQLALCHEMY_ENGINE_OPTIONS", ["ping", "pong"]),
        ("app.py", "SQLAlchemy", ["pong"]),
        ("tests/conftest.py", "SQLAlchemy", ["pong"]),
    ]


_LIMITS = {
    "pgbouncer.ini": "[pgbouncer]\nclient_idle_timeout = 600\n",
    "my.cnf": "[mysqld]\nwait_timeout = 300\n",
    "postgresql.conf": "idle_session_timeout = 90s\n",
    "compose.yaml": "services:\n  db:\n    command: mysqld --wait-timeout=200\n",
}


@pytest.mark.parametrize(
    ("engine", "files", "expected"),
    [
        ("create_engine('mysql://h/d')", [], None),
        ("create_engine('mysql://h/d')", ["postgresql.conf"], None),
        ("create_engine(URL)", ["my.cnf"], None),
        ("create_engine('mysql://h/d' if flag else 'postgresql://h/d')", ["my.cnf"], None),
        ("create_engine('mysql://h/d')", ["my.cnf"], (300, "`wait_timeout` in my.cnf")),
        ("create_engine('mysql://h/d')", ["my.cnf", "compose.yaml"], (200, "`wait_timeout` in compose.yaml")),
        ("create_engine('postgresql://h/d')", ["postgresql.conf"], (90, "`idle_session_timeout` in postgresql.conf")),
        ("create_engine('postgresql://h/d')", ["pgbouncer.ini"], (600, "pgbouncer.ini drops")),
        ("create_engine(URL, connect_args={'init_command': 'SET wait_timeout=60'})", [], (60, "its `connect_args`")),
        ("create_engine(URL, connect_args={'init_command': 'SET a=60'})", [], None),
        ("create_engine(URL, connect_args={'init_command': UNSEEN})", [], None),
        ("create_engine(URL, connect_args={'server_settings': UNSEEN})", [], None),
        (
            "create_engine(URL, connect_args={'server_settings': {'idle_session_timeout': '5000'}})",
            [],
            (5, "its `connect_args`"),
        ),
    ],
)
def test_the_project_may_say_when_idle_connections_are_closed(
    engine: str, files: list[str], expected: tuple[int, str] | None
) -> None:
    project = linked({"app.py": f"{_START}engine = {engine}", **{name: _LIMITS[name] for name in files}})
    found = limit(project.project, project.sites[0])
    assert (found is None) is (expected is None)
    if found is not None and expected is not None:
        assert found.seconds == expected[0]
        assert found.who.startswith(expected[1])
