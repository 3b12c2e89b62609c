"""Which pools may an expression be, what may close them, and which functions nobody runs?"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest
from linking import asked, function, linked

from dbpool_lint.facts.callgraph.idleness import is_never_run
from dbpool_lint.facts.link import Linked
from dbpool_lint.facts.pooling.closings import Closings
from dbpool_lint.facts.pooling.provenance import Provenance
from dbpool_lint.facts.project import Function

HEAD = """
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
"""


def _provenance(project: Linked) -> Provenance:
    return Provenance(project.reader, {id(made.call): made for made in project.creations})


def _where(files: Mapping[str, str] | str, *, bound: bool = False) -> tuple[set[str], bool]:
    """The scopes that the pools `asked` may be were made in, by the application's calls, and whether that is all."""
    given = {"app.py": files} if isinstance(files, str) else files
    project = linked({name: HEAD + textwrap.dedent(text) for name, text in given.items()})
    provenance = _provenance(project)
    found = (provenance.bound_to() if bound else provenance).of(*asked(project))
    names = {o.scope.qualname if isinstance(o.scope, Function) else o.module.name for o in found.origins}
    return names, found.complete


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("asked = something", id="an unknown name"),
        pytest.param("def use(engine): asked = engine", id="a parameter that nobody fills"),
        pytest.param("def use(*engines): asked = engines", id="all arguments"),
        pytest.param("asked = registry.anything", id="an attribute of something unknown"),
        pytest.param("asked = (yield)", id="what a generator is sent"),
    ],
)
def test_of_some_expressions_nothing_is_known(text: str) -> None:
    assert _where(text) == (set(), False)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("asked = 1", id="a number"),
        pytest.param("asked = len('text')", id="what a builtin gives"),
        pytest.param("engine = create_async_engine('x')\nasked = engine.connect()", id="a connection"),
        pytest.param("engine = create_async_engine('x')\nasked = async_sessionmaker(engine)", id="a factory"),
    ],
)
def test_some_expressions_are_no_pools(text: str) -> None:
    assert _where(text) == (set(), True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("asked = create_async_engine('x')", id="the call itself"),
        pytest.param("engine = create_async_engine('x')\nasked = engine.sync_engine", id="the engine inside"),
        pytest.param("asked = None or create_async_engine('x')", id="a last resort"),
        pytest.param("asked = [create_async_engine('x')]", id="a list"),
        pytest.param("asked = {'a': create_async_engine('x')}", id="a dict"),
        pytest.param("asked = [one for one in [create_async_engine('x')]]", id="a comprehension"),
        pytest.param("import state\nstate.engine = create_async_engine('x')\nasked = state.engine", id="a module's"),
        pytest.param("class Keep:\n    engine = create_async_engine('x')\n    asked = engine", id="a class body"),
        pytest.param("class Keep:\n    engine = create_async_engine('x')\nasked = Keep().engine", id="a class's"),
        pytest.param("asked = next(iter([create_async_engine('x')]))", id="the next of some"),
    ],
)
def test_a_module_makes_a_pool(text: str) -> None:
    assert _where(text)[0] == {"app.py"}


def test_each_call_of_a_helper_that_makes_a_new_pool_is_a_pool_of_its_own() -> None:
    text = """
    def make(url): return create_async_engine(url)
    def one(): asked = make("a")
    def two(): return make("b")
    """
    assert _where(text) == ({"one"}, True)


def test_what_a_helper_keeps_is_made_in_the_helper() -> None:
    text = """
    engine = None
    def get():
        global engine
        if engine is None:
            engine = create_async_engine("x")
        return engine
    def use(): asked = get()
    """
    assert _where(text) == ({"get"}, True)


def test_what_is_kept_through_a_walrus_and_a_last_resort_is_kept() -> None:
    text = """
    engine = None
    def get():
        global engine
        if (made := create_async_engine("x")) is not None:
            engine = engine or made
        return made
    def use(): asked = get()
    """
    assert _where(text) == ({"get"}, True)


def test_what_is_handed_over_by_name_is_followed_and_stars_are_not() -> None:
    text = """
    def use(first, *, second=None): asked = (first, second)
    def start(more):
        use(*more, second=create_async_engine("x"))
    """
    assert _where(text) == ({"start"}, False)


def test_a_function_that_calls_itself_makes_no_end_of_pools() -> None:
    text = """
    def make(n): return make(n - 1) if n else create_async_engine("x")
    def use(): asked = make(3)
    """
    assert _where(text)[0] == {"use"}


def test_names_that_stand_for_one_another_in_a_circle_are_settled() -> None:
    text = """
    def use():
        first = create_async_engine("x")
        second = first
        first = second
        asked = first
    """
    assert _where(text) == ({"use"}, True)


def test_another_file_fills_the_state_that_is_read() -> None:
    files = {
        "start.py": "async def start(app): app.state.engine = create_async_engine('x')",
        "stop.py": "async def stop(app): asked = app.state.engine",
    }
    assert _where(files) == ({"start"}, True)


def test_a_session_comes_from_the_pool_behind_its_factory() -> None:
    text = """
    engine = create_async_engine("x")
    factory = async_sessionmaker(bind=engine)
    async def use():
        async with factory() as session:
            asked = session
    """
    assert _where(text, bound=True) == ({"app.py"}, True)
    assert _where(text) == (set(), True)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        pytest.param("async def stop(): await engine.dispose()", True, id="disposed"),
        pytest.param("async def stop(): await other.dispose()", False, id="another one disposed"),
        pytest.param("async def stop(thing): await thing.dispose()", True, id="something unknown disposed"),
        pytest.param("async def stop(thing): await thing.close()", False, id="something unknown closed"),
        pytest.param("def stop(): engine.dispose()", False, id="not awaited"),
        pytest.param("def stop(): engine.sync_engine.dispose(close=False)", False, id="forgotten in a child"),
        pytest.param("async def dispose_engine(): await engine.dispose()", False, id="by what nobody runs"),
        pytest.param("def stop(make): make(getattr(engine, 'dispose'))", True, id="looked up"),
    ],
)
def test_what_may_end_a_pool(text: str, ends: bool) -> None:
    project = linked(f"{HEAD}engine = create_async_engine('x')\nother = create_async_engine('y')\n{text}\n")
    provenance = _provenance(project)
    first = next(o for o in provenance.all() if o.spot.statement == 1)
    assert any(Closings(provenance).of(first)) is ends


@pytest.mark.parametrize(
    ("text", "never"),
    [
        pytest.param("async def close_pool(): ...", True, id="nothing mentions it"),
        pytest.param("async def close_pool(): ...\nhooks = [close_pool]", False, id="handed on"),
        pytest.param("async def close_pool(): ...\nasync def f(db): await db.close_pool()", False, id="perhaps called"),
        pytest.param("async def close_pool(): ...\nasync def f(): await close_pool()", False, id="called"),
        pytest.param("@hook\nasync def close_pool(): ...", False, id="decorated"),
        pytest.param("class Db:\n    async def close_pool(self): ...", True, id="a method"),
        pytest.param("class Db:\n    @classmethod\n    async def close_pool(cls): ...", True, id="a class method"),
        pytest.param("class Db:\n    @hook\n    async def close_pool(self): ...", False, id="a decorated method"),
        pytest.param("class Db(Lib):\n    async def close_pool(self): ...", False, id="a method of a library's class"),
        pytest.param(
            "class Db:\n    async def close_pool(self): ...\n    async def stop(self): await self.close_pool()",
            False,
            id="a method that another one calls",
        ),
        pytest.param("async def worker_exit(): ...", False, id="a name that a server looks for"),
    ],
)
def test_a_function_that_nobody_runs(text: str, never: bool) -> None:
    project = linked(f"from lib import Lib, hook\n{text}")
    name = "Db.close_pool" if "class" in text else "worker_exit" if "worker_exit" in text else "close_pool"
    assert is_never_run(project.reader, function(project, name)) is never
    assert is_never_run(project.reader, function(project, name)) is never
