"""Does an `except` clause catch one more class, by the import there is, and nothing that it does not mean?"""

from __future__ import annotations

import libcst as cst
import pytest
from fixing_sites import fixed

from dbpool_lint.fixing.recipes import Recipe, Spot, WidenExcept

HEAD = "import asyncio\n\nfrom sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError\n\n\n"
ADDED = "from sqlalchemy.exc import TimeoutError as SQLAlchemyTimeoutError\n"


def timeouts(spot: Spot) -> Recipe:
    return WidenExcept(spot, "sqlalchemy.exc", "TimeoutError", alias="SQLAlchemyTimeoutError")


def wider(text: str, skip: int = 0) -> str | None:
    new = fixed(text, timeouts, "except", cst.ExceptHandler, skip)
    if new is not None:
        assert fixed(new, timeouts, "except", cst.ExceptHandler, skip) is None
    return new


def caught(clause: str, head: str = HEAD) -> str:
    return head + f"async def f():\n    try:\n        await x()\n    {clause}\n        return None\n"


# ---- refused


@pytest.mark.parametrize(
    "clause",
    [
        "except:",
        "except Exception:",
        "except BaseException as e:",
        "except (ValueError, Exception):",
        "except SQLAlchemyTimeoutError:",
        "except (asyncio.TimeoutError, SQLAlchemyTimeoutError):",
        "except timeouts():",
        "except TIMEOUTS:",  # may be a tuple, which cannot stand in another
        "except consts.RETRYABLE:",
        "except retryable_errors:",
        "except (*TIMEOUTS, ValueError):",
        "except ():",
        "except Errors[0]:",
    ],
)
def test_a_clause_that_catches_it_already_or_is_unclear_is_left(clause: str) -> None:
    assert wider(caught(clause)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Errors = (OSError, ValueError)\ntry:\n    x()\nexcept Errors:\n    pass\n",
        "def f(Error):\n    try:\n        x()\n    except Error:\n        pass\n",
        "def f():\n    global Error\n    Error = 1\n    try:\n        x()\n    except Error:\n        pass\n",
        "SQLAlchemyTimeoutError = 1\ntry:\n    x()\nexcept TimeoutError:\n    pass\n",
        "def f(SQLAlchemyTimeoutError):\n    try:\n        x()\n    except TimeoutError:\n        pass\n",
        "try:\n    x()\nexcept* TimeoutError:\n    pass\n",
    ],
)
def test_a_name_that_may_mean_something_else_is_refused(text: str) -> None:
    if "except*" in text:
        assert fixed(text.replace("except*", "except "), timeouts, "x()", cst.Call) is None
    else:
        assert wider(text) is None


def test_a_clause_below_one_that_catches_it_is_left() -> None:
    text = caught("except SQLAlchemyTimeoutError:\n        raise\n    except asyncio.TimeoutError:")
    assert wider(text, skip=1) is None
    text = caught("except asyncio.TimeoutError:\n        raise\n    except SQLAlchemyTimeoutError:")
    assert wider(text) is not None


# ---- widened


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("except asyncio.TimeoutError:", "except (asyncio.TimeoutError, X):"),
        ("except TimeoutError as error:  # slow", "except (TimeoutError, X) as error:  # slow"),
        ("except(TimeoutError):", "except(TimeoutError, X):"),
        ("except (TimeoutError) as e:", "except (TimeoutError, X) as e:"),
        ("except (TimeoutError, ValueError):", "except (TimeoutError, ValueError, X):"),
        ("except (TimeoutError,):", "except (TimeoutError, X,):"),
        ("except ((TimeoutError, ValueError)):", "except ((TimeoutError, ValueError, X)):"),
        ("except socket.timeout:", "except (socket.timeout, X):"),
        (
            "except (\n        TimeoutError,  # why\n        OSError\n    ):",
            "except (\n        TimeoutError,  # why\n        OSError,\n        X\n    ):",
        ),
        (
            "except (\n        TimeoutError,\n        OSError,  # why\n    ):",
            "except (\n        TimeoutError,\n        OSError,  # why\n        X,\n    ):",
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_more_class_is_caught(clause: str, expected: str, end: str) -> None:
    text, expected = (caught(c).replace("\n", end) for c in (clause, expected.replace("X", "SQLAlchemyTimeoutError")))
    assert wider(text) == expected


@pytest.mark.parametrize(
    ("head", "expected", "code"),
    [
        ("import sqlalchemy\n", None, "sqlalchemy.exc.TimeoutError"),
        ("import sqlalchemy as sa\n", None, "sa.exc.TimeoutError"),
        ("import sqlalchemy.exc\n", None, "sqlalchemy.exc.TimeoutError"),
        ("import sqlalchemy.exc as sa_exc\n", None, "sa_exc.TimeoutError"),
        ("import sqlalchemy.orm\n", None, "sqlalchemy.exc.TimeoutError"),
        ("from sqlalchemy import exc\n", None, "exc.TimeoutError"),
        ("from sqlalchemy import exc as e\n", None, "e.TimeoutError"),
        ("from sqlalchemy.exc import TimeoutError as Slow\n", None, "Slow"),
        ("from sqlalchemy.exc import TimeoutError\n", None, "TimeoutError"),
        ("import sqlalchemy.orm as orm\n", "import sqlalchemy.orm as orm\n" + ADDED, "SQLAlchemyTimeoutError"),
        ("from sqlalchemy import text\n", "from sqlalchemy import text\n" + ADDED, "SQLAlchemyTimeoutError"),
        ("from sqlalchemy.exc import DBAPIError\n", "from sqlalchemy.exc import DBAPIError\n" + ADDED, None),
        ("import asyncio\n", "import asyncio\n\n" + ADDED, None),
        ("import asyncio\n\nimport app\n", "import asyncio\n\n" + ADDED + "\nimport app\n", None),
        ("import asyncio\n\nimport httpx\n", "import asyncio\n\nimport httpx\n" + ADDED, None),
        ("import httpx\n", "import httpx\n" + ADDED, None),
        (
            "from httpx import get\nimport sqlalchemy.orm as orm\nfrom abc import ABC\n",
            "from httpx import get\nimport sqlalchemy.orm as orm\n" + ADDED + "from abc import ABC\n",
            None,
        ),
        ("from . import db\n", ADDED + "\nfrom . import db\n", None),
        ("", ADDED + "\n", None),
        ("'Doc.'\n", "'Doc.'\n\n" + ADDED, None),
        ("if x:\n    import sqlalchemy\n", ADDED + "\nif x:\n    import sqlalchemy\n", None),
        (
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from sqlalchemy import exc\n",
            "from typing import TYPE_CHECKING\n\n" + ADDED + "\nif TYPE_CHECKING:\n    from sqlalchemy import exc\n",
            None,
        ),
    ],
)
def test_the_class_is_reached_by_the_import_there_is(head: str, expected: str | None, code: str | None) -> None:
    clause = f"except (OSError, {code or 'SQLAlchemyTimeoutError'}):"
    expected = head if expected is None else expected
    assert wider(caught("except OSError:", head)) == caught(clause, expected)


def test_without_an_alias_a_new_import_goes_by_its_name() -> None:
    text = caught("except OSError:", "from sqlalchemy.exc import DBAPIError\n")
    assert fixed(
        text, lambda spot: WidenExcept(spot, "sqlalchemy.exc", "TimeoutError"), "except", cst.ExceptHandler
    ) == (caught("except (OSError, TimeoutError):", "from sqlalchemy.exc import DBAPIError, TimeoutError\n"))


def test_an_import_of_the_function_itself_is_used() -> None:
    text = "def f():\n    from sqlalchemy import exc\n    try:\n        x()\n    except OSError:\n        pass\n"
    assert wider(text) == text.replace("OSError", "(OSError, exc.TimeoutError)")
    text = text.replace("import exc", "import exc as e\n    import sqlalchemy.exc as a")
    assert wider(text) == text.replace("OSError", "(OSError, e.TimeoutError)")


def test_a_class_of_the_module_can_stand_beside_it() -> None:
    text = "class Slow(Exception): pass\n\n\ndef f():\n    try:\n        x()\n    except Slow:\n        pass\n"
    assert wider(text) == ADDED + "\n" + text.replace("except Slow", "except (Slow, SQLAlchemyTimeoutError)")
