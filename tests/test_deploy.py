"""What is read from the files beside the code, and does a hostile one end in a problem or nothing?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbpool_lint.deploy.model import DeploymentFacts, EnvValue, Pooler, Requirement
from dbpool_lint.deploy.reading import deployment
from dbpool_lint.model import Problem, Source

FILES = (
    "pgbouncer.ini",
    ".env",
    ".env.example",
    "deploy/prod.env",
    "compose.yaml",
    "docker-compose.prod.yml",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements/prod.in",
    "constraints.txt",
    "environment.yml",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile",
    "Pipfile.lock",
    "setup.cfg",
    "setup.py",
)


def _read(name: str, text: str) -> tuple[DeploymentFacts, tuple[Problem, ...]]:
    return deployment([Source(Path("/project") / name, name, text)])


def _poolers(name: str, text: str) -> tuple[Pooler, ...]:
    found, problems = _read(name, text)
    assert problems == ()
    return found.poolers


def _problem(name: str, text: str) -> Problem:
    found, (problem,) = _read(name, text)
    assert found == DeploymentFacts()
    return problem


def _environment(text: str) -> dict[str, str]:
    found, problems = _read(".env", text)
    assert problems == ()
    return {value.key: value.value for value in found.environment}


def _required(name: str, text: str) -> list[tuple[str, tuple[int, ...], bool]]:
    found, problems = _read(name, text)
    assert problems == ()
    return [(r.package, r.lowest, r.exact) for r in found.requirements]


# hostile input


_YAML = (
    "services:",
    "\n",
    "  ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!int ",
    "!!bool x",
    "? ",
    "| ",
    "%YAML 1.",
)
_OTHER = (
    "pgbouncer",
    "=",
    "'",
    '"',
    "\t",
    "\\",
    "%",
    "#",
    "@",
    "://",
    "[pgbouncer]\n",
    "pool_mode",
    "image",
    "environment",
)
_PINS = ("asyncpg", "==", "version = ", "name = ", "1" * 5_000)
_ODD = ("\x00", "\ud800", "\u2028", '"\\UFFFFFFFF"', "<<", "---\n")
_PIECES = st.sampled_from([*_YAML, *_OTHER, *_PINS, *_ODD])


@given(st.sampled_from(FILES), st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=25).map("".join))
def test_whatever_stands_in_a_file_reading_ends(name: str, text: str) -> None:
    for prefix in ("", "services:\n  bouncer:\n    image: pgbouncer:", "[pgbouncer]\n", "[databases]\n"):
        _, problems = _read(name, prefix + text)
        assert all(problem.name == name and not problem.ours for problem in problems)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("requirements.txt", "asyncpg" + " " * 50_000 + "x", id="blanks after a name"),
        pytest.param("requirements.txt", "asyncpg==" + "1" * 5_000, id="a version of 5,000 digits"),
        pytest.param("pyproject.toml", "asyncpg = {" + "version " * 5_000, id="a table without end"),
        pytest.param("Pipfile.lock", "[" * 100_000, id="JSON without end"),
        pytest.param("Pipfile.lock", '{"default": ' + "1" * 5_000 + "}", id="a JSON number of 5,000 digits"),
        pytest.param("compose.yml", "# bouncer\na: " + "[" * 100_000, id="a deep YAML flow"),
        pytest.param(
            "compose.yml", "# bouncer\n" + "".join(f"{' ' * n}a:\n" for n in range(400)), id="deep YAML blocks"
        ),
        pytest.param("compose.yml", "# bouncer\na: !!int ''\nb: !!bool x\nc: !!timestamp x\n", id="YAML tags that lie"),
        pytest.param("compose.yml", "# bouncer\n" + "k: 1\n" * 100_000, id="too large a YAML file"),
        pytest.param("compose.yml", "# bouncer\n- a list\n", id="a YAML list"),
        pytest.param("compose.yml", "# bouncer\nservices: [a]\n", id="services that are a list"),
        pytest.param("compose.yml", "services:\n  bouncer: a text\n  b: {image: [pgbouncer]}", id="odd services"),
        pytest.param(".env", "=\n'=\nexport\nDB_URL\n\"\n", id="no assignments"),
        pytest.param(".env", "DB_URL=" + "://@" * 50_000, id="a text that is nothing but URLs"),
        pytest.param("pgbouncer.ini", "", id="an empty INI file"),
        pytest.param("pgbouncer.ini", "[other]\npool_mode = transaction\n", id="another section"),
    ],
)
def test_odd_files_say_nothing(name: str, text: str) -> None:
    found, problems = _read(name, text)
    assert problems == ()
    assert all(pooler.mode == "" for pooler in found.poolers)
    assert all(requirement.lowest == () for requirement in found.requirements)
    assert all("@" not in value.value for value in found.environment)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("# pgbouncer\na: [1\nb: 2\n", 3, id="a bracket that is not closed"),
        pytest.param("# pgbouncer\na: b: c\n", 2, id="two values"),
        pytest.param("# pgbouncer\n\ta: 1\n", 2, id="a tab"),
        pytest.param("# pgbouncer\n? [a]\n: 1\n", 2, id="a list as a key"),
        pytest.param('# pgbouncer\na: "\\UFFFFFFFF"\n', 0, id="no character"),
        pytest.param("# pgbouncer\na: \x00\n", 0, id="NUL"),
    ],
)
def test_what_is_no_yaml_is_a_problem_with_its_line(text: str, line: int) -> None:
    assert _problem("compose.yml", text) == Problem("compose.yml", line, "cannot be read as YAML")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("pool_mode = transaction\n", 1, id="no section"),
        pytest.param("[pgbouncer]\npool_mode\n", 2, id="no value"),
    ],
)
def test_what_is_no_ini_file_is_a_problem_that_shows_nothing_of_it(text: str, line: int) -> None:
    problem = _problem("pgbouncer.ini", text)
    assert (problem.name, problem.line) == ("pgbouncer.ini", line)
    assert problem.message.startswith("cannot be read as an INI file: ")
    assert "pool_mode" not in problem.message


def test_files_of_no_known_name_are_not_read() -> None:
    assert _read("compose.py", "services") == (DeploymentFacts(), ())
    assert _read("my-pgbouncer.ini", "[pgbouncer]\n") == (DeploymentFacts(), ())


# pgbouncer.ini


def test_pgbouncer_says_its_mode_port_databases_and_limits() -> None:
    text = """
; pool_mode = session
[databases]
shop = host=db password=hunter2
* = host=other

[pgbouncer]
Listen_Port = 7000
pool_mode = Transaction
max_prepared_statements = 100
client_idle_timeout = 600
"""
    assert _poolers("ops/pgbouncer.ini", text) == (
        Pooler("ops/pgbouncer.ini", 9, "PgBouncer", "transaction", 7000, ("shop",), 100, idle_limit=600),
    )


def test_pgbouncer_has_defaults() -> None:
    assert _poolers("pgbouncer.ini", "[pgbouncer]\n") == (Pooler("pgbouncer.ini", 1, "PgBouncer", "session", 6432),)


def test_numbers_that_are_none_and_a_timeout_of_zero_count_as_not_set() -> None:
    text = "[pgbouncer]\nlisten_port = many\nmax_prepared_statements = -1\nclient_idle_timeout = 0\n"
    assert _poolers("pgbouncer.ini", text) == (Pooler("pgbouncer.ini", 1, "PgBouncer", "session", 6432),)


def test_max_prepared_statements_of_zero_is_a_statement() -> None:
    assert _poolers("pgbouncer.ini", "[pgbouncer]\nmax_prepared_statements = 0\n")[0].prepared == 0


def test_databases_with_a_mode_of_their_own_are_poolers_of_their_own() -> None:
    text = "[databases]\na = host=x pool_mode=transaction\nb = host=x\nc = pool_mode = SESSION\n[pgbouncer]\n"
    shown = [(p.mode, p.databases, p.general) for p in _poolers("pgbouncer.ini", text)]
    assert shown == [("session", ("b",), True), ("transaction", ("a",), False), ("session", ("c",), False)]


def test_includes_and_interpolation_signs_are_no_errors() -> None:
    assert _poolers("pgbouncer.ini", "%include other.ini\n[pgbouncer]\nauth_query = %(x)s\n")[0].mode == "session"


# compose files


def test_compose_files_say_which_services_are_poolers() -> None:
    text = """
services:
  web:
    image: shop
    environment: {POOL_MODE: statement}
  pooler:
    image: edoburu/pgbouncer:v1.18.0
    environment:
      - DB_PASSWORD=hunter2
      - POOL_MODE=Transaction
      - MAX_PREPARED_STATEMENTS=50
  second:
    image: bitnami/PgBouncer
    environment:
      PGBOUNCER_POOL_MODE: session
"""
    assert _poolers("compose.yaml", text) == (
        Pooler("compose.yaml", 6, "PgBouncer", "transaction", prepared=50, host="pooler"),
        Pooler("compose.yaml", 12, "PgBouncer", "session", host="second"),
    )


@pytest.mark.parametrize(
    ("image", "prepared"),
    [
        ("pgbouncer:1.23.1", None),
        ("pgbouncer:1.24.0", 200),
        ("pgbouncer:v1.25.1-p0", 200),
        ("pgbouncer:2.0", 200),
        ("pgbouncer:latest", None),
        ("pgbouncer", None),
    ],
)
def test_prepared_statements_are_kept_by_default_from_1_24_on(image: str, prepared: int | None) -> None:
    (pooler,) = _poolers("compose.yml", f"services:\n  p:\n    image: {image}\n")
    assert pooler.prepared == prepared


def test_a_database_server_is_no_pooler_whatever_its_service_is_called() -> None:
    text = "services:\n  pgbouncer:\n    image: postgres:16\n  web:\n    image: shop\n  odd: []\n"
    assert _poolers("compose.yml", text) == (Pooler("compose.yml", 2, "PostgreSQL", "session", host="pgbouncer"),)


def test_a_service_without_an_environment_has_no_mode() -> None:
    (pooler,) = _poolers("compose.yml", "services:\n  'p':\n    image: pgbouncer\n    environment: 1\n")
    assert (pooler.mode, pooler.line) == ("", 1)


def test_compose_files_with_aliases_are_not_worked_out() -> None:
    assert _poolers("compose.yml", "x: &a {image: pgbouncer}\nservices: {p: *a}\n") == ()


def test_compose_files_without_a_pooler_are_not_even_parsed() -> None:
    assert _poolers("compose.yml", "a: [\n") == ()


# .env files


def test_variables_that_speak_of_databases_are_read_with_their_lines() -> None:
    text = "# the shop\nexport DATABASE_URL='postgresql://db:6432/shop'\nDEBUG=1\nPOOL_SIZE=5\nHOME=redis://cache\n"
    found, _ = _read("ops/.env.prod", text)
    assert found.environment == (
        EnvValue("DATABASE_URL", "postgresql://db:6432/shop", "ops/.env.prod", 2),
        EnvValue("POOL_SIZE", "5", "ops/.env.prod", 4),
        EnvValue("HOME", "redis://cache", "ops/.env.prod", 5),
    )
    assert found.variable("POOL_SIZE") == ("5",)
    assert found.variable("DEBUG") == ()


def test_a_variable_may_have_several_values_in_several_files() -> None:
    sources = [Source(Path(n), n, t) for n, t in ((".env", "DB_A=1"), (".env.b", "DB_A=2"), (".env.c", "DB_A=1"))]
    assert deployment(sources)[0].variable("DB_A") == ("1", "2")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("postgresql://me:hunter2@db:6432/shop", "postgresql://db:6432/shop"),
        ("postgresql://me@db/shop", "postgresql://db/shop"),
        ("postgresql://me:hunter2@hunter2@db/shop", "postgresql://db/shop"),
        ("postgresql://me:hunter2/hunter2@db/shop", "postgresql://db/shop"),
        ("postgresql://me:hunter2?hunter2#hunter2@db/shop", "postgresql://db/shop"),
        ('"postgresql://me:hunter2 hunter2@db/shop"', "postgresql://db/shop"),
        ("postgresql://a:hunter2@db/a,postgresql://b:hunter2@db/b", "postgresql://db/b"),
        (
            "postgresql://db/shop?user=me&password=hunter2&sslmode=require",
            "postgresql://db/shop?user=me&password=&sslmode=require",
        ),
        ('"host=db password=hunter2 dbname=shop"', "host=db password= dbname=shop"),
        ("\"host=db password='hunter2 hunter2' dbname=shop\"", "host=db password= dbname=shop"),
        ("postgresql://db/shop", "postgresql://db/shop"),
    ],
)
def test_passwords_are_cut(value: str, kept: str) -> None:
    assert _environment(f"DATABASE_URL={value}\n") == {"DATABASE_URL": kept}


@pytest.mark.parametrize("key", ["DB_PASSWORD", "POSTGRES_PASSWD", "database_pwd", "MYSQL_ROOT_PASSWORD", "DB_SECRET"])
def test_variables_that_are_passwords_are_empty(key: str) -> None:
    assert _environment(f"{key}=hunter2\n") == {key: ""}


@given(st.text(alphabet="abc:/@?#&=%. ", max_size=30))
def test_nothing_before_the_last_at_sign_of_a_url_is_left(text: str) -> None:
    value = _environment(f'DATABASE_URL="postgresql://hunter2{text}@db/shop"\n')["DATABASE_URL"]
    assert value == "postgresql://db/shop"


# requirements


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("asyncpg", [("asyncpg", (), False)]),
        ("asyncpg==0.29.0", [("asyncpg", (0, 29, 0), True)]),
        ("asyncpg === 0.29", [("asyncpg", (0, 29), True)]),
        ("asyncpg>=0.28,<1  # any", [("asyncpg", (0, 28), False)]),
        ("asyncpg<1,>=0.28", [("asyncpg", (0, 28), False)]),
        ("asyncpg!=0.27,~=0.28", [("asyncpg", (0, 28), False)]),
        ("asyncpg<1", [("asyncpg", (), False)]),
        ("asyncpg (>=0.28)", [("asyncpg", (0, 28), False)]),
        ("SQLAlchemy[asyncio]>=2.0; python_version >= '3.10'", [("sqlalchemy", (2, 0), False)]),
        ("  Flask_SQLAlchemy==3.1.1 \\", [("flask-sqlalchemy", (3, 1, 1), True)]),
        ("asyncpg ; python_version >= '3.10'", [("asyncpg", (), False)]),
        ("asyncpg # fast", [("asyncpg", (), False)]),
        ("requests==2", []),
        ("asyncpg is what we use", []),
        ("asyncpg-stubs==1.0", []),
        ("# asyncpg==1.0", []),
        ("-r asyncpg.txt", []),
        ("", []),
    ],
)
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "setup.cfg"])
def test_requirement_lines_bound_packages(
    name: str, line: str, found: Sequence[tuple[str, tuple[int, ...], bool]]
) -> None:
    assert _required(name, f"one\n{line}\n") == list(found)


def test_pyproject_bounds_packages_in_lists_and_in_poetrys_table() -> None:
    text = """
[project]
dependencies = ["sqlalchemy>=2", 'asyncpg[x]>=0.31,<1']
[tool.poetry.dependencies]
psycopg = "^3.1"
fastapi = "0.110.0"
sqlmodel = { extras = ["a"], version = "~0.0.16" }
flask-sqlalchemy = "*"
requests = "2.0"
"""
    assert sorted(_required("pyproject.toml", text)) == [
        ("asyncpg", (0, 31), False),
        ("fastapi", (0, 110, 0), True),
        ("flask-sqlalchemy", (), False),
        ("psycopg", (3, 1), False),
        ("sqlalchemy", (2,), False),
        ("sqlmodel", (0, 0, 16), False),
    ]


def test_a_setup_script_is_read_without_running_it() -> None:
    text = "setup(install_requires=['requests', \"sqlalchemy[asyncio]>=1.4,<2\"])  # don't\nraise SystemExit\n"
    assert _required("setup.py", text) == [("sqlalchemy", (1, 4), False)]


@pytest.mark.parametrize("name", ["poetry.lock", "uv.lock", "pdm.lock"])
def test_lock_files_pin_packages(name: str) -> None:
    text = (
        '[[package]]\nname = "Asyncpg"\nversion = "0.30.0"\n\n[[package]]\nname = "x"\nversion = "9"\nversion = "8"\n'
    )
    assert _required(name, text) == [("asyncpg", (0, 30, 0), True)]


def test_pipfile_lock_pins_packages() -> None:
    entries = {"asyncpg": {"version": "==0.29.0"}, "psycopg": {"git": "x"}, "fastapi": "*", "x": {"version": "==1"}}
    assert _required("Pipfile.lock", json.dumps({"default": entries})) == [("asyncpg", (0, 29, 0), True)]


@pytest.mark.parametrize("text", ["", "[]", "1", '{"default": []}', '{"default": {"asyncpg": {"version": 1}}}'])
def test_a_pipfile_lock_of_another_shape_says_nothing(text: str) -> None:
    assert _required("Pipfile.lock", text) == []


def test_the_lowest_version_is_an_exact_one_where_there_is_one() -> None:
    def facts(*stated: tuple[tuple[int, ...], bool]) -> DeploymentFacts:
        return DeploymentFacts(requirements=tuple(Requirement("asyncpg", v, exact, "a") for v, exact in stated))

    assert facts(((0, 28), False), ((0, 31), True), ((0, 30), True)).lowest("asyncpg") == (0, 30)
    assert facts(((0, 28), False), ((0, 27), False), ((), False)).lowest("asyncpg") == (0, 27)
    assert facts(((), False)).lowest("asyncpg") is None
    assert facts(((1,), True)).lowest("psycopg") is None
