"""What do the rules tell about pools and connections that are made again and again?"""

from __future__ import annotations

from pathlib import Path

from trial import lint

from dbpool_lint.model import Finding

TASK = """
from celery import shared_task
from sqlalchemy import create_engine


@shared_task
def refresh():
    engine = create_engine("postgresql://shop@db/shop")
    with engine.begin() as connection:
        connection.exec_driver_sql("refresh materialized view totals")
"""
FACTORY = """
import os

from flask import Flask
from sqlalchemy import create_engine

app = Flask(__name__)


def make_engine():
    return create_engine(os.environ["DATABASE_URL"])


@app.get("/a")
def first():
    return str(make_engine().connect().exec_driver_sql("select 1").scalar())


@app.get("/b")
def second():
    return str(make_engine().connect().exec_driver_sql("select 1").scalar())
"""
HANDLER = """
import os

import psycopg2


def lambda_handler(event, context):
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    connection.close()
"""


def _only(folder: Path, text: str, code: str) -> Finding:
    (folder / "app.py").write_text(text, encoding="utf-8")
    (found,) = (finding for finding in lint(folder).findings if finding.code == code)
    return found


def test_a_pool_that_nobody_disposes_stays_open(tmp_path: Path) -> None:
    assert "(task `refresh`); its connections stay open" in _only(tmp_path, TASK, "DBP102").message


def test_a_pool_that_is_disposed_at_the_end_stays_open_when_something_is_raised(tmp_path: Path) -> None:
    message = _only(tmp_path, f"{TASK}    engine.dispose()\n", "DBP102").message
    assert "disposed only when nothing is raised, else its connections stay open" in message


def test_the_other_callers_of_a_factory_are_named(tmp_path: Path) -> None:
    notes = [(note.message, note.span.line) for note in _only(tmp_path, FACTORY, "DBP101").related]
    assert ("`second` does so here as well", 21) in notes


def test_a_lambda_handler_is_told_to_connect_outside(tmp_path: Path) -> None:
    assert "made outside of the handler" in _only(tmp_path, HANDLER, "DBP103").message
