"""When do servers close idle connections? What their configuration files and start commands say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbpool_lint.deploy.model import IdleLimit
from dbpool_lint.deploy.reading import deployment
from dbpool_lint.deploy.servers import reads
from dbpool_lint.knowledge.idleness import stated
from dbpool_lint.model import Source


def _limits(name: str, text: str) -> list[tuple[int, str, int]]:
    found, problems = deployment([Source(Path(name), name, text)])
    assert problems == ()
    return [(limit.line, limit.key, limit.seconds) for limit in found.idle_limits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("wait_timeout", None),
        ("wait_timeout=0", None),
        ("idle_session_timeout = 0", None),
        ("idle_session_timeout = 5ms", None),
        ("lock_wait_timeouts=5", None),
        ("SET SESSION wait_timeout=60", ("wait_timeout", 60)),
        ("-c idle_session_timeout=60000", ("idle_session_timeout", 60)),
        ("idle_session_timeout = '5min'", ("idle_session_timeout", 300)),
        ("idle_session_timeout=2h", ("idle_session_timeout", 7200)),
        ("idle_session_timeout=1d", ("idle_session_timeout", 86400)),
        ("idle_session_timeout = 30 s", ("idle_session_timeout", 30)),
    ],
)
def test_a_setting_and_its_seconds_stand_in_a_text(text: str, expected: tuple[str, int] | None) -> None:
    assert stated(text) == expected


@pytest.mark.parametrize(
    "name", ["my.cnf", "etc/mysql/my.cnf", "conf.d/mysqld.cnf", "50-mariadb.cnf", "postgresql.conf"]
)
def test_configuration_files_of_servers_are_known(name: str) -> None:
    assert reads(name)


@pytest.mark.parametrize("name", ["nginx.conf", "openssl.cnf", "my.cnf.bak", "postgresql.txt", "mysql.conf"])
def test_other_files_are_none_of_them(name: str) -> None:
    assert not reads(name)


def test_a_configuration_file_sets_limits_outside_of_comments() -> None:
    text = "[mysqld]\n# wait_timeout = 5\nmax_connections=9\nwait-timeout = 600\n; wait_timeout=7\n"
    assert _limits("my.cnf", text) == [(4, "wait_timeout", 600)]
    assert _limits("db/postgresql.conf", "port = 5432\nidle_session_timeout = 10min # kind\n") == [
        (2, "idle_session_timeout", 600)
    ]


def test_the_command_of_a_service_sets_limits() -> None:
    text = """services:
  a:
    command: ["mysqld", "--wait-timeout=600"]
  b:
    command: postgres -c 'idle_session_timeout=90s'
  c:
    environment:
      WAIT_TIMEOUT: 5
      OTHER: wait_timeout=5
"""
    assert _limits("compose.yaml", text) == [(3, "wait_timeout", 600), (5, "idle_session_timeout", 90)]


def test_a_limit_says_where_it_stands() -> None:
    found, _ = deployment([Source(Path("my.cnf"), "my.cnf", "wait_timeout=60")])
    assert found.idle_limits == (IdleLimit("my.cnf", 1, "wait_timeout", 60),)
