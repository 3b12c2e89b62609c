"""Which items does a dict hold where it is read? What runs later, or only sometimes, is told apart."""

from __future__ import annotations

import pytest
from linking import asked, linked, said

from dbpool_lint.facts import model as facts
from dbpool_lint.facts.configuration.dialects import idle_way

_START = """
import copy
import logging
from functools import cached_property
from types import MappingProxyType
from typing import cast
from sqlalchemy import create_engine
from somewhere import UNSEEN, Thing, fetch, flag, log
BASE = {"ping": True}
EMPTY = {}
"""


def _told(text: str, network: bool = False) -> str:
    """ "absent", "unknown", or the values that `ping` may have; "?" when there may be others, "or absent"."""
    project = linked(f"{_START}{text}")
    fact, scope = asked(project)
    assert isinstance(fact, facts.Call)
    reader = project.reader.without(idle_way) if network else project.reader
    found = reader.argument(fact, scope, "ping")
    if found.absent:
        return "absent"
    values = " | ".join(sorted(said(reader.given(found))))
    if not values:
        return "unknown"
    return values + ("" if found.certain else " ?") + (" or absent" if found.optional else "")


def _read(body: str) -> str:
    return _told(f"{body}\nasked = create_engine(**options)")


@pytest.mark.parametrize(
    "body",
    [
        "options = {}\noptions += UNSEEN",
        "options = {}\noptions.merge(UNSEEN)",
        "options = {}\noptions.update(UNSEEN)",
        "options = {}\nfetch(options)",
        "options = {}\nfetch.now(given=options)",
        "options = {}\nfor options[flag] in UNSEEN:\n    pass",
        "options = {}\nfor key in UNSEEN:\n    options[key] = 1",
        "first, options = fetch()",
        "with fetch() as options:\n    pass",
        "options = UNSEEN.copy()",
        "options = EMPTY.copy(1)",
        "options = BASE.get('x')",
        "options = BASE.get(flag)",
        "options = {'a': BASE}.pop('b')",
        "options = BASE + EMPTY",
        "options = BASE and EMPTY",
        "options = {k: v for k, v in fetch() if v}",
        "options = {k: 1 for k, v in BASE.items()}",
        "options = {k: v for k in BASE for v in BASE}",
        "options = [BASE for x in BASE]",
        "options = dict(zip(UNSEEN, UNSEEN))",
        "options = {'a': BASE}[flag]['b']",
        "options = UNSEEN['a']",
        "options = {flag: BASE}['a']",
        "def made():\n    yield BASE\noptions = made()",
        "def made(**o):\n    return o\noptions = UNSEEN.made(made(ping=True))",
        "def change(o):\n    o = fetch(o)\noptions = {}\nchange(options)",
        "def change(a): ...\noptions = {}\nchange(a, b, options)",
        "def f(o):\n    f(o)\noptions = {}\nf(options)",
        "def f(o):\n    g(o)\ndef g(o):\n    f(o)\noptions = {}\nf(options)",
        "o = {}\ndef later():\n    global o\n    o = fetch()\ndef f():\n    return o\noptions = f()",
        "options = ChainMap",
    ],
)
def test_what_was_done_to_a_dict_may_be_unknown(body: str) -> None:
    assert _read(body) == "unknown"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("options = {'ping': False}\nfetch(options)", "False ?"),
        ("options = {'ping': False, **UNSEEN}", "False ?"),
        ("options = {'ping': False}\noptions['ping'] += 1", "False ?"),
        ("options = BASE | UNSEEN", "True ?"),
        ("options = UNSEEN | BASE", "True"),
        ("options = dict(UNSEEN)\noptions.setdefault('ping', True)", "True ?"),
        ("options = BASE\nif flag:\n    options = UNSEEN", "True ? or absent"),
        ("options = {'ping': False, flag: 1}", "False ?"),
        ("options = {flag: 1, 'ping': False}", "False"),
        ("def f(o):\n    o['ping'] = True\noptions = {}\nf(options)", "True"),
        ("def f(a, o):\n    o.update(ping=True)\noptions = {}\nf(1, o=options)", "True"),
        ("def f(o):\n    if flag:\n        o['ping'] = True\noptions = {}\nf(options)", "True or absent"),
        ("options = {}\nlog.info('%s', options)", "absent"),
        ("options = {}\nprint(options)", "absent"),
        ("options = {}\nlogging.getLogger().addFilter(1)", "absent"),
        ("options = {}\nThing(options)", "unknown"),
    ],
)
def test_what_is_known_in_spite_of_it(body: str, expected: str) -> None:
    assert _read(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("options = {'ping': True}\noptions = {}", "absent"),
        ("options = {'ping': True}\ndel options['ping']", "absent"),
        ("options = {'ping': True}\ndel options[flag]", "True or absent"),
        ("options = {'ping': True}\ndel options", "True"),
        ("options = {'ping': True}\noptions.clear()", "absent"),
        ("options = {'ping': True}\noptions.pop('ping', None)", "absent"),
        ("options = {'ping': True}\noptions.pop(flag)", "True or absent"),
        ("options = {'ping': False}\nif flag:\n    options['ping'] = True\nelse:\n    options['ping'] = 2", "2 | True"),
        ("options = {}\nif flag:\n    options['ping'] = True", "True or absent"),
        ("options = {}\nif flag:\n    options['ping'] = True\nelse:\n    raise ValueError", "True"),
        ("options = {}\nif 'ping' not in options:\n    options['ping'] = True", "True"),
        ("options = dict(UNSEEN)\nif 'ping' not in options:\n    options['ping'] = True", "True ?"),
        ("options = {}\nif 'x' not in options:\n    options['ping'] = True", "True or absent"),
        ("options = {}\nif flag not in options:\n    options['ping'] = True", "True or absent"),
        ("options = {}\nif 'ping' not in options:\n    raise ValueError", "absent"),
        ("options = {}\nfor x in UNSEEN:\n    options['ping'] = True", "True or absent"),
        ("options = {}\nfor x in UNSEEN:\n    if x:\n        break\n    options['ping'] = True", "True or absent"),
        ("options = {}\nwhile True:\n    options['ping'] = True\n    if flag:\n        break", "True"),
        ("options = {}\nwhile flag:\n    options['ping'] = True\n    continue", "True or absent"),
        ("options = {}\ntry:\n    options['ping'] = True\nexcept KeyError:\n    pass", "True or absent"),
        ("options = {}\ntry:\n    options['ping'] = True\nexcept KeyError:\n    raise", "True"),
        ("options = {}\ntry:\n    pass\nfinally:\n    options['ping'] = True", "True"),
        (
            "options = {}\ntry:\n    pass\nexcept KeyError:\n    pass\nelse:\n    options['ping'] = True",
            "True or absent",
        ),
        ("options = {}\nwith fetch():\n    options['ping'] = True", "True"),
        ("options = {}\nmatch flag:\n    case 1:\n        options['ping'] = True", "True or absent"),
        ("options = {**EMPTY, **(BASE if flag else {})}", "True or absent"),
        ("options = {'ping': False} | BASE", "True"),
        ("options = {'ping': False}\noptions |= BASE", "True"),
        ("options = {'ping': False}\noptions.update(BASE, other=1)", "True"),
        ("options = {'ping': False}\noptions.update(**BASE)", "True"),
        ("options = {'ping': False}\noptions.setdefault('ping', True)", "False"),
        ("options = {}\nif flag:\n    options['ping'] = 1\noptions.setdefault('ping', 2)", "1 | 2"),
        ("options = {}\noptions.setdefault('a', 1)", "absent"),
        ("options = copy.deepcopy(BASE)", "True"),
        ("options = MappingProxyType(BASE)", "True"),
        ("options = cast('dict[str, object]', BASE)", "True"),
        ("options = dict(BASE, ping=False)", "False"),
        ("options = {'a': BASE}['a']", "True"),
        ("options = {'a': BASE, 'b': {}}[flag]", "True or absent"),
        ("options = {'a': BASE}.get('a', {})", "True"),
        ("options = {'a': BASE}.get('b', {})", "absent"),
        ("options = {k: v for k, v in BASE.items()}", "True"),
        ("options = {k: v for k, v in BASE.items() if v}", "True or absent"),
        ("first, options = 1, BASE", "True"),
        ("def f():\n    if (options := BASE):\n        return options\noptions = f()", "True"),
        ("options = BASE or EMPTY", "True"),
        ("options = EMPTY or BASE", "True"),
        ("options = BASE if flag else BASE", "True"),
        (
            "async def made():\n    return BASE\nasync def f():\n    options = await made()\n    return options",
            "unknown",
        ),
    ],
)
def test_statements_count_in_the_order_they_run(body: str, expected: str) -> None:
    assert _read(body) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("options = {}\nasked = create_engine(**options)\noptions['ping'] = True", "absent"),
        ("def f():\n    options = {}\n    asked = create_engine(**options)\n    options['ping'] = True", "absent"),
        ("options = {}\ndef f():\n    asked = create_engine(**options)\noptions['ping'] = True", "True"),
        (
            "options = {}\ndef f():\n    asked = create_engine(**options)\ndef g():\n    options['ping'] = 1",
            "1 or absent",
        ),
        (
            "def f():\n    o = {}\n    def g():\n        o['ping'] = 1\n    asked = create_engine(**o)",
            "1 or absent",
        ),
        (
            "def f():\n    o = {}\n    def g(o):\n        o['ping'] = 1\n    asked = create_engine(**o)",
            "absent",
        ),
        (
            "def f():\n    if flag:\n        o = BASE\n        asked = create_engine(**o)\n    o = {}",
            "True",
        ),
        (
            (
                "def f():\n    options = {}\n    for x in UNSEEN:\n"
                "        asked = create_engine(**options)\n        options['ping'] = 1"
            ),
            "1 or absent",
        ),
        (
            (
                "def f():\n    options = {}\n    try:\n"
                "        asked = create_engine(**options)\n    finally:\n        options['ping'] = 1"
            ),
            "absent",
        ),
        (
            (
                "def f():\n    options = {}\n    try:\n        options['ping'] = 1\n"
                "    except KeyError:\n        asked = create_engine(**options)"
            ),
            "1 or absent",
        ),
        (
            "def f():\n    options = {}\n    with fetch(options['a']) as x:\n        asked = create_engine(**options)",
            "absent",
        ),
        (
            "def f(flag):\n    options = {}\n    if flag:\n        return None\n    asked = create_engine(**options)",
            "absent",
        ),
        (
            (
                "def made():\n    options = {}\n    if flag:\n        return {'ping': 1}\n"
                "    options['ping'] = 2\n    return options\nasked = create_engine(**made())"
            ),
            "1 | 2",
        ),
        ("async def made():\n    return BASE\nasync def f():\n    asked = create_engine(**await made())", "True"),
        ("class C:\n    options = {}\n    options['ping'] = True\n    asked = create_engine(**options)", "True"),
        ("def f():\n    from conf import OPTIONS\n    asked = create_engine(**OPTIONS)", "unknown"),
    ],
)
def test_the_place_where_a_dict_is_read_counts(text: str, expected: str) -> None:
    assert _told(text) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            (
                "def __init__(self):\n        self.options = {}\n"
                "        self.options['ping'] = True\n        asked = create_engine(**self.options)"
            ),
            "True",
        ),
        (
            (
                "def __init__(self):\n        self.options = {}\n"
                "        asked = create_engine(**self.options)\n        self.options['ping'] = True"
            ),
            "absent",
        ),
        (
            (
                "def __init__(self):\n        self.options = {}\n    def on(self):\n"
                "        self.options['ping'] = 1\n    def f(self):\n        asked = create_engine(**self.options)"
            ),
            "1 or absent",
        ),
        (
            (
                "options = {}\n    def on(self):\n        self.options.update(ping=1)\n"
                "    def f(self):\n        asked = create_engine(**self.options)"
            ),
            "1 or absent",
        ),
        (
            (
                "def a(self):\n        self.options = {}\n    def b(self):\n"
                "        self.options = BASE\n    def f(self):\n        asked = create_engine(**self.options)"
            ),
            "True or absent",
        ),
        (
            (
                "def __init__(self, options=None):\n        self.options = options or {}\n"
                "    def f(self):\n        asked = create_engine(**self.options)\nC(BASE)"
            ),
            "True",
        ),
        (
            (
                "@property\n    def options(self):\n        return BASE\n"
                "    def f(self):\n        asked = create_engine(**self.options)"
            ),
            "True",
        ),
        (
            (
                "def options(self):\n        return BASE\n    def f(self):\n"
                "        asked = create_engine(**self.options())"
            ),
            "True",
        ),
        (
            (
                "@staticmethod\n    def options():\n        return BASE\n"
                "    def f(self):\n        asked = create_engine(**C.options())"
            ),
            "True",
        ),
        ("def f(self):\n        asked = create_engine(**self.nowhere)", "unknown"),
        (
            "options = None\n    options = BASE\n    def f(self):\n        asked = create_engine(**self.options)",
            "True or absent",
        ),
        (
            (
                "def f(self):\n        if flag:\n            self.options = BASE\n"
                "        asked = create_engine(**self.options)"
            ),
            "True ? or absent",
        ),
    ],
)
def test_dicts_of_objects_are_what_their_methods_make_of_them(body: str, expected: str) -> None:
    assert _told(f"class C:\n    {body}\n") == expected


def test_dicts_of_base_classes_and_of_other_modules_are_found() -> None:
    files = {
        "conf.py": "if flag:\n    OPTIONS = {'ping': 1}\nelse:\n    OPTIONS = {'ping': 2}\nOPTIONS['other'] = 1",
        "kit/__init__.py": "from conf import OPTIONS as POOL",
        "base.py": "class Base:\n    options = {'ping': 3}",
        "app.py": """
            from sqlalchemy import create_engine
            import conf
            import kit
            from base import Base
            from kit import POOL
            class Own(Base):
                def f(self):
                    asked = [
                        create_engine(**conf.OPTIONS), create_engine(**kit.POOL), create_engine(**POOL),
                        create_engine(**self.options), create_engine(**conf.MISSING),
                    ]
        """,
    }
    project = linked(files)
    fact, scope = asked(project)
    assert isinstance(fact, facts.Sequence)
    found = [project.reader.argument(call, scope, "ping") for call in fact.items if isinstance(call, facts.Call)]
    assert [said(project.reader.given(one)) for one in found] == [{"1", "2"}, {"1", "2"}, {"1", "2"}, {"3"}, set()]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("'sqlite' in flag", "2"),
        ("flag.startswith('sqlite')", "2"),
        ("is_sqlite", "2"),
        ("fetch.is_sqlite and flag", "2"),
        ("'postgresql' not in flag", "2"),
        ("not is_sqlite", "True"),
        ("'sqlite' not in flag", "True"),
        ("flag != 'sqlite'", "True"),
        ("'mysql' in flag", "True"),
        ("flag", "2 | True"),
        ("is_sqlite or flag", "2 | True"),
        ("not flag", "2 | True"),
    ],
)
def test_ways_that_only_sqlite_takes_are_left_out_for_networks(test: str, expected: str) -> None:
    branches = f"if {test}:\n    options = BASE\nelse:\n    options = {{'ping': 2}}\nasked = create_engine(**options)"
    choice = f"asked = create_engine(**(BASE if {test} else {{'ping': 2}}))"
    value = f"asked = create_engine(ping=True if {test} else 2)"
    start = "is_sqlite = flag.startswith('sqlite')\n"
    assert _told(start + branches, network=True) == expected
    assert _told(start + choice, network=True) == expected
    assert _told(start + value, network=True) == expected
    assert _told(start + value) == "2 | True"
