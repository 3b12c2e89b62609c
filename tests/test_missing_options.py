"""Which calls do the rules about missing options name? The chains that leave an option off, and no others."""

from __future__ import annotations

import pytest
from linking import linked

from dbpool_lint.rules import dbp401_missing_pre_ping as missing_pre_ping
from dbpool_lint.rules import dbp402_missing_recycle as missing_recycle

_WRAPPED = {
    "kit/engines.py": """
        from sqlalchemy.ext.asyncio import create_async_engine
        def open_engine(*, dsn, pool_pre_ping=False, pool_recycle=None):
            return create_async_engine(dsn, pool_pre_ping=pool_pre_ping, pool_recycle=pool_recycle)
    """,
    "app/postgres.py": """
        from kit.engines import open_engine
        from app.settings import settings
        def open_for(process, *, pool_pre_ping=False):
            return open_engine(dsn=settings.dsn(process), pool_pre_ping=pool_pre_ping, pool_recycle=settings.recycle)
    """,
    "app/runner.py": """
        from app.postgres import open_for
        def bootstrap(*, pool_pre_ping=False):
            global engine
            engine = open_for("worker", pool_pre_ping=pool_pre_ping)
    """,
    "app/aws.py": "from app.runner import bootstrap\nbootstrap()",
    "app/web.py": "from app.postgres import open_for\ndef lifespan(app):\n    app.engine = open_for('web')",
}


def _notes(files: dict[str, str]) -> list[str]:
    project = linked(files)
    module = project.project.modules["kit/engines.py"]
    (found,) = missing_pre_ping.check(module, project)
    return [f"{note.module}: {note.message}" for note in found.notes]


def test_the_chains_of_callers_are_named_from_their_roots_the_shortest_first() -> None:
    assert _notes(_WRAPPED) == [
        "app/web.py: `lifespan` calls `open_for` here and leaves `pool_pre_ping` off",
        "app/postgres.py: `open_for` calls `open_engine` here",
        "app/aws.py: the module calls `bootstrap` here and leaves `pool_pre_ping` off",
        "app/runner.py: `bootstrap` calls `open_for` here",
    ]


def test_a_chain_that_turns_the_option_on_is_not_named() -> None:
    fixed = {**_WRAPPED, "app/aws.py": "from app.runner import bootstrap\nbootstrap(pool_pre_ping=True)"}
    assert [note.partition(":")[0] for note in _notes(fixed)] == ["app/web.py", "app/postgres.py"]


def test_at_most_six_chains_are_named() -> None:
    callers = "".join(f"def f{n}():\n    open_engine(dsn=URL)\n" for n in range(9))
    files = {**_WRAPPED, "app/many.py": f"from kit.engines import open_engine\nfrom somewhere import URL\n{callers}"}
    assert sum("leaves `pool_pre_ping` off" in note for note in _notes(files)) == 6


def test_where_only_some_callers_leave_an_option_off_there_is_no_fix() -> None:
    text = (
        "from sqlalchemy import create_engine\nfrom somewhere import URL\n"
        "def open_engine(url, **options):\n    return create_engine(url, **options)\n"
        "one = open_engine(URL)\n"
    )
    (found,) = missing_recycle.check((project := linked(text)).project.modules["app.py"], project)
    assert found.mend is not None
    more = text + "two = open_engine(URL, pool_recycle=60)\n"
    (found,) = missing_recycle.check((project := linked(more)).project.modules["app.py"], project)
    assert found.mend is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("-1", "`pool_recycle` of `create_engine` is -1, which means never"),
        ("3600", "`pool_recycle` of `create_engine` is 3600 s, but `wait_timeout` in my.cnf closes idle connections"),
        ("600", ""),
        ("True", ""),
        ("'text'", ""),
    ],
)
def test_the_number_is_compared_with_the_servers_own(value: str, expected: str) -> None:
    text = f"from sqlalchemy import create_engine\nengine = create_engine('mysql://h/d', pool_recycle={value})"
    project = linked({"app.py": text, "my.cnf": "wait_timeout=600"})
    messages = [found.message for found in missing_recycle.check(project.project.modules["app.py"], project)]
    assert len(messages) == bool(expected)
    assert all(message.startswith(expected) for message in messages)
