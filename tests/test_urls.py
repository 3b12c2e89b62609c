"""To which server does an engine talk? URLs as far as they can be read, never with a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linking import asked, linked

from dbpool_lint.facts.configuration.urls import Url, Urls, parse, urls


def _urls(text: str, env: str = "") -> Urls:
    project = linked({"app.py": text, ".env": env} if env else text)
    return urls(project.reader, (asked(project),))


def _spelled(found: Urls) -> set[str]:
    return {f"{u.dialect}+{u.driver}://{u.host}:{u.port or ''}/{u.database}" for u in found.known}


# refusals


@pytest.mark.parametrize("text", ["", "{}", "postgres", "not a url", "://h/d", "9a://h", "{}://h/d", "port=5 dbname=d"])
def test_what_is_no_url_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://h/d", Url("postgresql", "", "h", None, "d")),
        ("postgresql+asyncpg://h/d", Url("postgresql", "asyncpg", "h", None, "d")),
        ("PostgreSQL+AsyncPG://h", Url("postgresql", "asyncpg", "h")),
        ("postgresql://u:p@h:5432/d?x=1", Url("postgresql", "", "h", 5432, "d", "x=1")),
        ("postgresql://[::1]:5432/d", Url("postgresql", "", "[::1]", 5432, "d")),
        ("postgresql://u:{}@{}:{}/{}", Url("postgresql", "", "{}", None, "{}")),
        ("postgresql://h:999999/d", Url("postgresql", "", "h", None, "d")),
        ("sqlite:///x.db", Url("sqlite", "", "", None, "x.db")),
        ("sqlite://", Url("sqlite", "")),
        ("host=h", Url("postgresql", "", "h")),
        ("host='h' port=6432 dbname=d user=u", Url("postgresql", "", "h", 6432, "d")),
        ("host=h port=1000000", Url("postgresql", "", "h")),
    ],
)
def test_urls_are_taken_apart(text: str, expected: Url) -> None:
    assert parse(text) == expected


@given(
    st.text(st.characters(codec="ascii", exclude_characters="@/?\n"), min_size=6),
    st.sampled_from(["postgresql", "mysql+aiomysql"]),
)
def test_a_password_never_leaves(secret: str, scheme: str) -> None:
    found = parse(f"{scheme}://user:s3cret-{secret}@host/db")
    assert found is not None
    assert "s3cret" not in repr(found)


def test_sqlite_is_the_only_possibility_only_when_every_url_says_so() -> None:
    local, remote = Url("sqlite", ""), Url("mysql", "")
    assert Urls((local, Url("duckdb", "")), complete=False).only_sqlite
    assert not Urls((local, remote), complete=True).only_sqlite
    assert not Urls((), complete=True).only_sqlite


@pytest.mark.parametrize(
    "expression",
    [
        "5",
        "UNSEEN",
        "fetch()",
        "fetch().url",
        "{}['a']",
        "os.environ['DATABASE_URL']",
        "os.getenv('DATABASE_URL')",
        "local()",
        "URL.create()",
        "make_url(UNSEEN)",
        "Plain().url",
        "1 + 2",
    ],
)
def test_what_cannot_be_read_leaves_the_answer_open(expression: str) -> None:
    text = f"""
import os
from sqlalchemy import URL, make_url
from somewhere import UNSEEN, fetch
class Plain: ...
def local(x):
    return x
asked = {expression}
"""
    assert _urls(text) == Urls((), complete=False)


def test_no_argument_at_all_leaves_the_answer_open() -> None:
    assert urls(linked("x = 1").reader, ()) == Urls((), complete=False)


_START = """
import os
from os import getenv
from decouple import config
from pydantic import PostgresDsn
from pydantic_settings import BaseSettings
from sqlalchemy import URL, make_url
from sqlalchemy.engine.url import URL as Old
from somewhere import UNSEEN, flag
HOST = "h"
BASE = "postgresql://h/d"
AGAIN = BASE
TWO = "postgresql://a/d"
if flag:
    TWO = "postgresql://b/d"
REWRITTEN = "postgresql://h/d"
REWRITTEN = REWRITTEN.replace("postgresql://", "postgresql+asyncpg://")
class Settings(BaseSettings):
    url: str = "postgresql://h/d"
    database_url: str
    def __init__(self):
        self.stored = "postgresql://h/stored"
    @property
    def built(self):
        return "postgresql+asyncpg://h/" + self.name
settings = Settings()
def build():
    return f"postgresql://{HOST}/d"
"""
_PLAIN = "postgresql+://h:/d"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'postgresql://h/d'", {_PLAIN}),
        ("BASE", {_PLAIN}),
        ("AGAIN", {_PLAIN}),
        ("TWO", {"postgresql+://a:/d", "postgresql+://b:/d"}),
        ("f'postgresql://{HOST}/d'", {_PLAIN}),
        ("f'postgresql://{UNSEEN}:{UNSEEN}@h:{UNSEEN}/d'", {_PLAIN}),
        ("f'{TWO}?x=1'", set()),
        ("'postgresql://' + HOST + '/d'", {_PLAIN}),
        ("'postgresql://h/' + UNSEEN", {"postgresql+://h:/{}"}),
        ("'postgresql://%s/d' % HOST", {"postgresql+://%s:/d"}),
        ("'postgresql://{}/d'.format(HOST)", {"postgresql+://{}:/d"}),
        ("BASE if flag else 'sqlite://'", {_PLAIN, "sqlite+://:/"}),
        ("UNSEEN or BASE", {_PLAIN}),
        ("str(BASE)", {_PLAIN}),
        ("make_url(BASE)", {_PLAIN}),
        (
            "BASE.replace('postgresql://', 'postgresql+asyncpg://')",
            {"postgresql+asyncpg://{}:/", "postgresql+asyncpg://h:/d"},
        ),
        ("UNSEEN.replace('postgres://', 'postgresql+asyncpg://')", {"postgresql+asyncpg://{}:/"}),
        ("REWRITTEN", {_PLAIN, "postgresql+asyncpg://{}:/", "postgresql+asyncpg://h:/d"}),
        ("BASE.replace(UNSEEN, 'x')", {_PLAIN}),
        ("BASE.strip()", {_PLAIN}),
        ("getenv('NOWHERE', BASE)", {_PLAIN}),
        ("os.environ.get('NOWHERE', 'postgresql://h/d')", {_PLAIN}),
        ("config('NOWHERE', default=BASE)", {_PLAIN}),
        ("settings.url", {_PLAIN}),
        ("settings.stored", {"postgresql+://h:/stored"}),
        ("settings.built", {"postgresql+asyncpg://h:/{}"}),
        ("Settings.url", {_PLAIN}),
        ("build()", {_PLAIN}),
        ("URL.create('postgresql', host='h', database='d')", {_PLAIN}),
        ("URL.create(drivername='postgresql', host=HOST, port=6432)", {"postgresql+://h:6432/"}),
        ("URL.create('postgresql', host=UNSEEN, port=UNSEEN)", {"postgresql+://{}:/"}),
        ("PostgresDsn.build(scheme='postgresql', host='h', path='d')", {_PLAIN}),
        ("PostgresDsn.build(scheme='postgresql', host='h', path='d').unicode_string()", {_PLAIN}),
    ],
)
def test_urls_are_read_as_far_as_they_can_be(expression: str, expected: set[str]) -> None:
    assert _spelled(_urls(f"{_START}asked = {expression}")) == expected


def test_an_awaited_url_is_read_through() -> None:
    text = "async def url():\n    return 'postgresql://h/d'\nasync def f():\n    asked = await url()"
    assert _spelled(_urls(text)) == {_PLAIN}


def test_a_parameter_is_the_url_that_callers_hand_over() -> None:
    assert _spelled(_urls("def f(url):\n    asked = url\nf('postgresql://h/d')")) == {_PLAIN}


def test_urls_that_are_made_of_themselves_end() -> None:
    assert _urls("def url():\n    return url() + 'x'\nasked = url()").complete is False
    assert _urls("a = b\nb = a\nasked = a").complete is False


@pytest.mark.parametrize(
    "expression", ["getenv('DATABASE_URL')", "os.environ['DATABASE_URL']", "settings.database_url"]
)
def test_env_files_say_which_server_it_is(expression: str) -> None:
    found = _urls(f"{_START}asked = {expression}", env="DATABASE_URL=postgresql://u:secret@bouncer:6432/d")
    assert _spelled(found) == {"postgresql+://bouncer:6432/d"}
