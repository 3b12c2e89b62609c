"""Does a pool made on every call become one global where that is certain, with what was built on it?"""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from fixing_sites import edits_of, fixed, spot_of
from trial import applied

from dbpool_lint.fixing.recipes import HoistToModule, Recipe, Spot
from dbpool_lint.fixing.rewrite import rewrite
from dbpool_lint.fixing.site import Site
from dbpool_lint.model import Source
from dbpool_lint.sources.outline import Outline, Statement

HEAD = "from sqlalchemy import create_engine\n\nURL = 'x'\n\n\n"
CALL = "create_engine(URL)"


def up(spot: Spot) -> Recipe:
    return HoistToModule(spot)


def hoisted(text: str, code: str = "create_engine(", head: str = HEAD, skip: int = 0) -> str | None:
    """What stands behind the head afterwards."""
    new = fixed(head + text, up, code, skip=skip)
    if new is None:
        return None
    assert new.startswith(head)
    return new.removeprefix(head)


# ---- refused


@pytest.mark.parametrize(
    "text",
    [
        "engine = create_engine(URL)\n",
        "if x:\n    engine = create_engine(URL)\n",
        "class A:\n    engine = create_engine(URL)\n",
        "def f(engine=create_engine(URL)): pass\n",
        "@deco(create_engine(URL))\ndef f(): pass\n",
        "f = lambda: create_engine(URL)\n",
        "def f():\n    return lambda: create_engine(URL)\n",
        "def f():\n    class A:\n        engine = create_engine(URL)\n",
        "def f():\n    def g(engine=create_engine(URL)): pass\n",
        "def f():\n    return [create_engine(URL) for _ in range(3)]\n",
    ],
)
def test_what_is_not_made_on_every_call_of_a_function_is_refused(text: str) -> None:
    assert hoisted(text) is None


@pytest.mark.parametrize(
    "call",
    [
        "create_engine(url)",  # a parameter
        "create_engine(local)",
        "create_engine(self.url)",
        "create_engine(unknown)",
        "create_engine(LATER)",
        "create_engine(SET)",
        "create_engine(ONLY)",
        "create_engine(await URL)",
        "create_engine((yield))",
        "create_engine(x := URL)",
        "engine_from_config(URL)",  # imported in the function
        "max(URL)",  # a builtin that the module hides, further down
    ],
)
def test_an_argument_that_is_not_known_above_is_refused(call: str) -> None:
    text = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from x import ONLY\nSET = None\n"
        "async def f(self, url):\n    from sqlalchemy import engine_from_config\n"
        "    global SET\n    SET = 2\n    local = 1\n"
        f"    engine = {call}\nLATER = 1\nmax = 2\n"
    )
    assert hoisted(text, call.partition("(")[0] + "(") is None


@pytest.mark.parametrize(
    "text",
    [
        "async def f():\n    engine = await create_engine(URL)\n",
        "async def f():\n    async with create_engine(URL) as engine: pass\n",
        "def f():\n    with create_engine(URL) as engine: pass\n",
        "def f():\n    with closing(create_engine(URL)) as engine: pass\n",
        "def f():\n    stack.enter_context(create_engine(URL))\n",
    ],
)
def test_a_pool_that_is_used_up_where_it_is_made_is_refused(text: str) -> None:
    assert hoisted(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    global engine\n    engine = create_engine(URL)\n",
        "def f():\n    engine = None\n    def g():\n        nonlocal engine\n        engine = create_engine(URL)\n",
        "def f():\n    engine = create_engine(URL)\n    engine = 1\n",
        "def f(engine):\n    engine = create_engine(URL)\n",
        "def f():\n    engine = create_engine(URL)\n    del engine\n",
        "def f():\n    engine = create_engine(URL)\n    atexit.register(engine.dispose)\n",
        "def f():\n    engine = create_engine(URL)\n    engine.dispose(close=False)\n",
        "def f():\n    engine = create_engine(URL)\n    x(); engine.dispose()\n",
        "def f():\n    engine = create_engine(URL)\n    try: x()\n    finally:\n        engine.dispose()\n",
    ],
)
def test_a_variable_that_is_more_than_the_pool_is_refused(text: str) -> None:
    assert hoisted(text) is None


@pytest.mark.parametrize(
    "line",
    [
        "self._engine = create_engine(URL)",
        "app.state.engine = create_engine(URL)",
        "engines[URL] = create_engine(URL)",
        "self.engine: Engine = create_engine(URL)",
        "engine = self.engine = create_engine(URL)",
        "engine, self.url = create_engine(URL), URL",
    ],
)
def test_a_pool_that_is_kept_in_an_object_is_refused(line: str) -> None:
    assert hoisted(f"class A:\n    def f(self):\n        {line}\n") is None


@pytest.mark.parametrize(
    "lines",
    [
        "engine = create_engine(URL)\n    try:\n        yield engine\n    finally:\n        engine.dispose()\n",
        "engine = create_engine(URL)\n    yield engine\n    engine.dispose()\n",
        "engine = create_engine(URL)\n    app.x = 1\n    yield\n    await engine.dispose()\n",
    ],
)
def test_a_generator_that_disposes_of_its_pool_is_refused(lines: str) -> None:
    assert hoisted(f"async def f(app):\n    {lines}") is None


@pytest.mark.parametrize(
    "line",
    [
        "a = b = create_engine(URL)",
        "a, b = create_engine(URL), 1",
        "a = create_engine(URL).execution_options(x=1)",
        "x = [a := create_engine(URL)]",
    ],
)
def test_a_pool_that_is_disposed_of_under_another_name_is_refused(line: str) -> None:
    assert hoisted(f"def f():\n    {line}\n    a.dispose()\n", CALL) is None


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return create_engine(URL)\n\n\ndef g():\n    e = f()\n    e.dispose()\n",
        "def f():\n    engine = create_engine(URL)\n    return engine\n\n\ndef g():\n    f().dispose()\n",
        "class A:\n    def f(self):\n        return create_engine(URL)\n    def g(self):\n        self.f().dispose()\n",
    ],
)
def test_a_pool_that_a_caller_disposes_of_is_refused(text: str) -> None:
    assert hoisted(text) is None


@pytest.mark.parametrize(
    "lines",
    [
        "if URL:\n        return create_engine(URL)\n",
        "if not URL:\n        return None\n    return create_engine(URL)\n",
        "if URL is None:\n        log()\n        raise ValueError\n    engine = create_engine(URL)\n    x(engine)\n",
        "return create_engine(URL) if URL else None\n",
        "return URL and create_engine(URL)\n",
        "if x:\n        pass\n    elif URL:\n        engine = create_engine(URL)\n",
        "if not URL:\n        raise ValueError\n    else:\n        engine = create_engine(URL)\n",
        "while URL:\n        x(create_engine(URL))\n",
        "assert URL\n    return create_engine(URL)\n",
        "if x:\n        if not URL: return\n        return create_engine(URL)\n",
    ],
)
def test_a_pool_that_is_made_only_when_its_arguments_are_right_is_refused(lines: str) -> None:
    assert hoisted(f"def f(x):\n    {lines}") is None


@pytest.mark.parametrize(
    "line",
    [
        "URL.set_main_option('a', 1)",
        "URL.x['a'] = 1",
        "URL.x += 1",
        "load_dotenv()",
        "dotenv.load_dotenv('.env')",
        "if x:\n        URL['a'] = 1",
        "with x:\n        y(); URL.update(a=1)",
    ],
)
def test_a_pool_whose_arguments_the_function_prepares_is_refused(line: str) -> None:
    assert hoisted(f"def f(x):\n    {line}\n    engine = create_engine(URL['a'])\n") is None


@pytest.mark.parametrize("line", ["log('a', URL)", "x.y = URL", "y = URL.x()", "x[URL] = 1", "x.load(URL)"])
def test_what_only_reads_the_arguments_does_not_matter(line: str) -> None:
    assert hoisted(f"def f(x):\n    {line}\n    return create_engine(URL)\n", CALL) == (
        f"_engine = create_engine(URL)\n\n\ndef f(x):\n    {line}\n    return _engine\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "if x:\n    def f():\n        return create_engine(URL)\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    def f():\n        return create_engine(URL)\n",
        "try:\n    def f():\n        return create_engine(URL)\nexcept E:\n    pass\n",
    ],
)
def test_a_function_that_may_not_be_there_is_refused(text: str) -> None:
    assert hoisted(text) is None


@pytest.mark.parametrize("later", ["URL = 'y'", "from x import URL", "if x:\n    URL = 1", "for URL in x: pass"])
def test_an_argument_that_means_something_else_further_down_is_refused(later: str) -> None:
    assert hoisted(f"def f():\n    return create_engine(URL)\n\n\n{later}\n") is None


def test_a_file_that_is_known_as_one_piece_only_is_refused() -> None:
    text = HEAD + "def f():\n    return create_engine(URL)\n"
    source = Source(Path("app.py"), "app.py", text)
    whole = Outline("app.py", (Statement(1, text.count("\n"), 0, len(text), ("URL", "f"), frozenset(), ()),))
    site = Site(source, whole)
    spot = spot_of(site, CALL)
    assert spot
    assert rewrite(up(spot), site) is None


def test_a_new_name_that_is_taken_is_refused() -> None:
    assert hoisted("_engine = 1\n\n\ndef f():\n    return create_engine(URL)\n") is None
    assert hoisted("def f(_engine):\n    return create_engine(URL)\n") is None
    assert hoisted("_engine = engine = 1\n\n\ndef f():\n    engine = create_engine(URL)\n") is None


def test_a_call_that_outer_brackets_hold_together_is_refused() -> None:
    assert fixed("import sa\nURL = 1\ndef f():\n    return (sa\n        .create_engine(URL))\n", up, "sa\n") is None


def test_what_is_no_call_is_refused() -> None:
    assert fixed(HEAD + "def f():\n    return URL\n", up, "URL", cst.Name) is None
    assert fixed(HEAD + "def f():\n    return URL\n", up, "return", cst.Return) is None


# ---- the assignment goes up


def test_an_assignment_goes_above_the_function_under_its_name() -> None:
    assert hoisted("def f():\n    engine = create_engine(URL)  # slow\n    return engine.connect()\n") == (
        "engine = create_engine(URL)  # slow\n\n\ndef f():\n    return engine.connect()\n"
    )


def test_decorators_and_comments_above_stay_with_the_function() -> None:
    text = "# about f\n@app.get('/')\n# more\ndef f():\n    engine = create_engine(URL)\n    return engine\n"
    assert hoisted(text) == (
        "engine = create_engine(URL)\n\n\n# about f\n@app.get('/')\n# more\ndef f():\n    return engine\n"
    )


def test_a_method_s_pool_goes_above_its_class() -> None:
    text = (
        "class A:\n    def f(self):\n        '''Doc.'''\n"
        "        engine: Engine = create_engine(URL)\n\n        x(engine)\n"
    )
    head = HEAD.replace("create_engine", "create_engine, Engine")
    assert hoisted(text, head=head) == (
        "engine: Engine = create_engine(URL)\n\n\nclass A:\n    def f(self):\n        '''Doc.'''\n\n        x(engine)\n"
    )
    assert hoisted(text) is None  # the annotation is not known


def test_a_call_on_several_lines_is_moved_to_the_margin() -> None:
    text = (
        "def f():\n    engine = create_engine(\n        URL,  # where\n"
        "        connect_args={\n            'a': '''\n    b''',\n        },\n    )\n"
        "    return engine\n"
    )
    assert hoisted(text) == (
        "engine = create_engine(\n    URL,  # where\n    connect_args={\n        'a': '''\n    b''',\n    },\n)\n\n\n"
        "def f():\n    return engine\n"
    )


def test_factories_that_follow_go_along() -> None:
    text = (
        "def f():\n    engine = create_engine(URL)\n"
        "    Session = sessionmaker(bind=engine)  # one\n    Scoped = scoped_session(Session)\n\n"
        "    session = Session()\n    return session\n"
    )
    head = HEAD.replace("\n\n", "\nfrom sqlalchemy.orm import scoped_session, sessionmaker\n\n", 1)
    assert hoisted(text, head=head) == (
        "engine = create_engine(URL)\nSession = sessionmaker(bind=engine)  # one\n"
        "Scoped = scoped_session(Session)\n\n\n"
        "def f():\n    session = Session()\n    return session\n"
    )


ORM = HEAD.replace("\n\n", "\nfrom sqlalchemy.orm import scoped_session, sessionmaker\n\n", 1)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Session = sessionmaker(bind=engine)", "Session"),
        ("Session = sessionmaker(\n        engine,  # one\n    )", "Session"),
        ("Session = scoped_session(sessionmaker(bind=engine))", "Session"),
        ("Session: object = sessionmaker(engine)", "Session"),
    ],
)
def test_a_factory_further_down_goes_along_with_the_comments_right_above(line: str, name: str) -> None:
    text = (
        "def f():\n    '''Doc.'''\n    # stays\n\n    # the engine\n    engine = create_engine(URL)\n"
        f"    x(engine)  # tables\n\n    # the\n    # sessions\n    {line}\n    y = 1\n    return {name}()\n"
    )
    moved = line.replace("\n    ", "\n")
    assert hoisted(text, head=ORM) == (
        f"# the engine\nengine = create_engine(URL)\n# the\n# sessions\n{moved}\n\n\n"
        f"def f():\n    '''Doc.'''\n    # stays\n\n    x(engine)  # tables\n\n    y = 1\n    return {name}()\n"
    )


@pytest.mark.parametrize(
    "lines",
    [
        "x()\n    if x:\n        Session = sessionmaker(engine)\n",
        "x()\n    Session: Unknown = sessionmaker(engine)\n",
        "def g():\n        return Session\n    Session = sessionmaker(engine)\n    del Session\n",
    ],
)
def test_a_factory_that_is_not_always_there_stays(lines: str) -> None:
    text = f"def f():\n    engine = create_engine(URL)\n    {lines}"
    assert hoisted(text, head=ORM) == f"engine = create_engine(URL)\n\n\ndef f():\n    {lines}"


@pytest.mark.parametrize(
    "line",
    [
        "Session = sessionmaker(bind=engine, class_=local)",
        "Session = sessionmaker()",
        "Session = other(engine)",
        "Session = sessionmaker",
        "Session, x = sessionmaker(engine), 1",
        "session = Session(engine)",
        "conn = engine.connect()",
        "taken = sessionmaker(engine)",
        "again = sessionmaker(engine); again = 1",
        "if x: pass",
    ],
)
def test_what_is_no_factory_of_it_alone_stays(line: str) -> None:
    text = f"taken = 1\n\n\ndef f(local):\n    engine = create_engine(URL)\n    {line}\n"
    head = HEAD.replace("\n\n", "\nfrom sqlalchemy.orm import sessionmaker\n\n", 1)
    assert hoisted(text, head=head) == (f"taken = 1\n\n\nengine = create_engine(URL)\n\n\ndef f(local):\n    {line}\n")


def test_a_factory_bound_twice_stays() -> None:
    text = "def f():\n    engine = create_engine(URL)\n    S = sessionmaker(engine)\n    S = 1\n"
    head = HEAD.replace("\n\n", "\nfrom sqlalchemy.orm import sessionmaker\n\n", 1)
    assert (
        hoisted(text, head=head)
        == "engine = create_engine(URL)\n\n\ndef f():\n    S = sessionmaker(engine)\n    S = 1\n"
    )


def test_a_function_that_did_nothing_else_says_pass() -> None:
    assert (
        hoisted("def f():\n    engine = create_engine(URL)\n")
        == "engine = create_engine(URL)\n\n\ndef f():\n    pass\n"
    )
    assert (
        hoisted("def f():\n    engine = create_engine(URL)") == "engine = create_engine(URL)\n\n\ndef f():\n    pass\n"
    )


# ---- disposing


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("x(engine)\n    engine.dispose()  # bye\n", "x(engine)\n    # bye\n"),
        ("try:\n        x(engine)\n    finally:\n        engine.dispose()\n", "x(engine)\n"),
        ("try:\n        x(engine)\n    finally:\n        await engine.dispose()\n", "x(engine)\n"),
        (
            "try:\n        x(engine)\n    except E:\n        y()\n    finally:\n        engine.dispose()\n",
            "try:\n        x(engine)\n    except E:\n        y()\n",
        ),
        (
            "try:\n        x(engine)\n    finally:\n        y()\n        engine.dispose()\n",
            "try:\n        x(engine)\n    finally:\n        y()\n",
        ),
        ("if x(engine):\n        engine.dispose()\n", "if x(engine):\n        pass\n"),
        ("try:\n        x(engine)\n\n    finally:\n        engine.dispose()\n\n    y()\n", "x(engine)\n\n    y()\n"),
        (
            (
                "try:\n        try:\n            x()\n        finally:\n"
                "            engine.dispose()\n    finally:\n        engine.dispose()\n"
            ),
            "x()\n",
        ),
    ],
)
def test_the_shared_pool_is_not_disposed_of(lines: str, expected: str) -> None:
    text = f"async def f():\n    engine = create_engine(URL)\n    {lines}"
    assert hoisted(text) == f"engine = create_engine(URL)\n\n\nasync def f():\n    {expected}"


def test_a_pool_made_in_the_try_goes_up_too() -> None:
    text = (
        "def f():\n    try:\n        engine = create_engine(URL)\n"
        "        x(engine)\n    finally:\n        engine.dispose()\n"
    )
    assert hoisted(text) == "engine = create_engine(URL)\n\n\ndef f():\n    x(engine)\n"


# ---- the call alone goes up


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("return create_engine(URL)", "return _engine"),
        ("session = Session(create_engine(URL))", "session = Session(_engine)"),
        ("with create_engine(URL).connect() as c: pass", "with _engine.connect() as c: pass"),
        ("engine = create_engine(URL).execution_options(a=1)", "engine = _engine.execution_options(a=1)"),
        ("a = b = create_engine(URL)", "a = b = _engine"),
        ("a = create_engine(URL); b = 1", "a = _engine; b = 1"),
        ("if x: a = create_engine(URL)", "if x: a = _engine"),
        ("__a = create_engine(URL)", "__a = _engine"),
        ("for _ in x:\n        a = create_engine(URL)", "for _ in x:\n        a = _engine"),
        ("try: pass\n    except E:\n        a = create_engine(URL)", "try: pass\n    except E:\n        a = _engine"),
        ("if x:\n        a = create_engine(URL)\n    a.dispose()\n    y()", "if x:\n        a = _engine\n    y()"),
    ],
)
def test_where_the_statement_must_stay_the_call_gives_way_to_a_new_name(line: str, expected: str) -> None:
    text = "taken = 1\n\n\ndef f(self):\n    {}\n"
    assert hoisted(text.format(line), CALL) == (
        f"taken = 1\n\n\n_engine = create_engine(URL)\n\n\ndef f(self):\n    {expected}\n"
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("    x(max, max=max.y, f=f'{max}')  # max\n", "    x(_max, max=_max.y, f=f'{_max}')  # max\n"),
        ("    x(lambda: max)\n    def g():\n        return [max for _ in y]\n", None),
        ("    S = sessionmaker(max)\n    return S\n", "    S = sessionmaker(_max)\n    return S\n"),
        ("    x(max)\n    max.dispose()\n", "    x(_max)\n"),
    ],
)
def test_a_name_that_is_taken_gets_an_underscore(lines: str, expected: str | None) -> None:
    expected = lines.replace("max", "_max") if expected is None else expected
    assert hoisted(f"def f():\n    max = create_engine(URL)\n{lines}") == (
        f"_max = create_engine(URL)\n\n\ndef f():\n{expected}"
    )


@pytest.mark.parametrize(
    "lines", ["    x(lambda max: max)\n", "    def g(max): pass\n", "    x([max for max in y])\n", "    _max = 1\n"]
)
def test_a_name_that_is_taken_and_means_more_is_bound_to_the_new_one(lines: str) -> None:
    assert hoisted(f"def f():\n    max = create_engine(URL)\n{lines}") == (
        f"_engine = create_engine(URL)\n\n\ndef f():\n    max = _engine\n{lines}"
    )


def test_a_function_named_like_its_variable_keeps_its_name() -> None:
    text = "@deco(engine)\ndef engine(x=engine):\n    engine = create_engine(URL)\n    return engine\n"
    assert hoisted(text) == (
        "_engine = create_engine(URL)\n\n\n@deco(engine)\ndef engine(x=engine):\n    return _engine\n"
    )


def test_factories_follow_a_pool_under_its_new_name() -> None:
    head = HEAD.replace("\n\n", "\nfrom sqlalchemy.orm import sessionmaker\n\n", 1)
    text = "def f():\n    max = create_engine(URL)\n    Session = sessionmaker(max)\n    return Session\n"
    assert hoisted(text, head=head) == (
        "_max = create_engine(URL)\nSession = sessionmaker(_max)\n\n\ndef f():\n    return Session\n"
    )


def test_the_variable_of_an_outer_function_is_not_hidden() -> None:
    text = "def f(engine):\n    def g():\n        engine = create_engine(URL)\n        return engine\n    return g\n"
    assert hoisted(text) == "_engine = create_engine(URL)\n\n\n" + text.replace(CALL, "_engine")


@pytest.mark.parametrize(
    ("call", "name"),
    [("create_pool()", "_pool"), ("ConnectionPool()", "_pool"), ("Database()", "_database"), ("m.make()", "_engine")],
)
def test_the_new_name_says_what_it_is(call: str, name: str) -> None:
    head = "from m import create_pool, ConnectionPool, Database\nimport m\n\n\n"
    assert (
        hoisted(f"def f():\n    return {call}\n", call, head) == f"{name} = {call}\n\n\ndef f():\n    return {name}\n"
    )


def test_a_call_inside_of_another_is_moved_to_the_margin() -> None:
    text = "def f():\n    return Session(\n        create_engine(\n            URL,  # where\n        )\n    )\n"
    assert hoisted(text) == (
        "_engine = create_engine(\n    URL,  # where\n)\n\n\ndef f():\n    return Session(\n        _engine\n    )\n"
    )


# ---- a global that is there


KNOWN = "engine = create_engine(URL)\n\n\n"


@pytest.mark.parametrize(
    ("known", "text", "expected"),
    [
        (
            KNOWN,
            "def f():\n    engine = create_engine(URL)  # c\n    x(engine)\n",
            "def f():\n    # c\n    x(engine)\n",
        ),
        (KNOWN, "def f():\n    engine = create_engine(URL)\n", "def f():\n    pass\n"),
        (KNOWN, "def f():\n    return create_engine(URL)\n", "def f():\n    return engine\n"),
        (KNOWN, "def f():\n    e = create_engine(URL)\n", "def f():\n    e = engine\n"),
        ("db: E = create_engine(URL)\n\n\n", "def f():\n    return create_engine(URL)\n", "def f():\n    return db\n"),
        (
            KNOWN,
            (
                "def f():\n    engine = create_engine(URL)\n    try:\n"
                "        x(engine)\n    finally:\n        engine.dispose()\n"
            ),
            "def f():\n    x(engine)\n",
        ),
    ],
)
def test_the_same_pool_of_the_module_is_used(known: str, text: str, expected: str) -> None:
    assert hoisted(known + text, CALL, skip=1) == known + expected


@pytest.mark.parametrize(
    "known",
    [
        "engine = create_engine(URL)\nengine = 1\n\n\n",
        "x = wrap(1), create_engine(URL)\n\n\n",
        "x.y = create_engine(URL)\n\n\n",
        "try:\n    engine = create_engine(URL)\nexcept E:\n    engine = create_engine(URL)\n\n\n",
    ],
)
def test_another_pool_of_the_module_is_not(known: str) -> None:
    skip = known.count(CALL)
    text = "def f():\n    return create_engine(URL)\n"
    assert hoisted(known + text, CALL, skip=skip) == f"{known}_engine = {CALL}\n\n\n" + text.replace(CALL, "_engine")


def test_a_pool_of_the_module_with_a_comment_in_its_call_keeps_that() -> None:
    call = "create_engine(\n    URL,  # where\n)"
    inner = call.replace("\n", "\n    ")
    assert hoisted(f"engine = {call}\n\n\ndef f():\n    return {inner}\n", skip=1) is None


# ---- several in one module


def test_the_same_pool_in_two_functions_becomes_one() -> None:
    text = HEAD + (
        "# first\ndef f():\n    engine = create_engine(URL)\n"
        "    x(engine)\n\n\ndef g():\n    engine = create_engine(URL)\n"
    )
    one, two = (edits_of(text, up, CALL, skip=skip) for skip in (0, 1))
    assert one
    assert two
    assert applied(text, [*one, *two]) == (
        HEAD + "engine = create_engine(URL)\n\n\n# first\ndef f():\n    x(engine)\n\n\ndef g():\n    pass\n"
    )


def test_a_function_above_the_names_it_needs_is_no_home() -> None:
    text = "def f():\n    return create_engine(LATER)\n\n\nLATER = 1\n\n\ndef g():\n    return create_engine(LATER)\n"
    assert hoisted(text) is None
    assert hoisted(text, skip=1) == (
        "def f():\n    return create_engine(LATER)\n\n\nLATER = 1\n\n\n"
        "_engine = create_engine(LATER)\n\n\ndef g():\n    return _engine\n"
    )


# ---- files as they are


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("unit", ["    ", "\t", "  "])
def test_line_ends_and_indentation_are_kept(end: str, unit: str) -> None:
    text = (
        "class A:\n    def f(self):\n        engine = create_engine(\n            URL,\n        )\n"
        "        try:\n            x(engine)\n        finally:\n            engine.dispose()\n"
    )
    expected = "engine = create_engine(\n    URL,\n)\n\n\nclass A:\n    def f(self):\n        x(engine)\n"
    head, text, expected = (t.replace("    ", unit).replace("\n", end) for t in (HEAD, text, expected))
    assert hoisted(text, head=head) == expected


@pytest.mark.parametrize(("before", "after"), [("x = 1\n", "\n"), ("x = 1\n\n", "\n"), ("x = 1\n\n\n\n", "\n\n")])
def test_blank_lines_are_as_in_the_module(before: str, after: str) -> None:
    text = f"{before}def f():\n    return create_engine(URL)\n"
    assert hoisted(text) == f"{before}_engine = create_engine(URL)\n{after}def f():\n    return _engine\n"


def test_a_function_at_the_top_of_the_file_stays_below_its_comments() -> None:
    text = "#!/usr/bin/env python\n# licence\ndef f():\n    return open(0)\n"
    assert fixed(text, up, "open(") == (
        "#!/usr/bin/env python\n# licence\n_engine = open(0)\n\n\ndef f():\n    return _engine\n"
    )


def test_a_hoisted_pool_is_not_hoisted_again() -> None:
    new = fixed(HEAD + "def f():\n    return create_engine(URL)\n", up, CALL)
    assert new is not None
    assert fixed(new, up, CALL) is None
