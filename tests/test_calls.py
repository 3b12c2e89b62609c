"""Who calls whom? Every way in which a function of the project comes to run another, and when it does."""

from __future__ import annotations

import textwrap

import pytest
from linking import function, linked

from dbpool_lint.facts.callgraph.calls import edges
from dbpool_lint.facts.callgraph.passing import is_stub, subclasses
from dbpool_lint.facts.callgraph.reach import sync_calls

_START = """
import asyncio, functools, threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from fastapi import BackgroundTasks
from starlette.concurrency import run_in_threadpool

def helper(*args): ...
async def coroutine(*args): ...
"""


def _runs(body: str, around: str = "", name: str = "start") -> dict[str, str]:
    """What `start`, whose body is given, runs: names of functions, and how."""
    text = f"{_START}{textwrap.dedent(around)}\nasync def start(self, loop, pool, unknown, tasks: BackgroundTasks):\n"
    project = linked(text + textwrap.indent(textwrap.dedent(body) or "pass", "    "))
    return {edge.callee.qualname: edge.how for edge in edges(project.evaluator, function(project, name))}


# what is mentioned and does not run


@pytest.mark.parametrize(
    "body",
    [
        "helper",
        "x = helper",
        "unknown(helper)",
        "unknown.register(helper)",
        "x = lambda: helper()",
        "def inner(): helper()",
        "[helper, coroutine]",
        "{'a': helper}",
        "sorted([helper])",
        "keep(helper)",
        "print(helper)",
        "later(helper)",
        "unknown.add_task(helper)",
        "unknown.start(helper)",
        "Bus().submit(helper)",
    ],
)
def test_a_function_that_is_only_named_does_not_run(body: str) -> None:
    around = """
        KEPT = []
        def keep(f):
            KEPT.append(f)
        def later(f):
            return f
        class Bus:
            def submit(self, f): ...
    """
    assert _runs(body, around).keys() <= {"keep", "later", "Bus.submit"}


# callbacks


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("await run_in_threadpool(helper, 1)", "hands on"),
        ("await asyncio.to_thread(helper)", "hands on"),
        ("await loop.run_in_executor(None, helper)", "hands on"),
        ("await loop.run_in_executor(pool, functools.partial(helper, 1))", "hands on"),
        ("await unknown.run_sync(helper)", "hands on"),
        ("pool.submit(helper, 1)", "hands on"),
        ("ThreadPoolExecutor().map(helper, [1])", "hands on"),
        ("pool.apply_async(helper)", "hands on"),
        ("threading.Thread(target=helper).start()", "hands on"),
        ("threading.Timer(5, helper)", "hands on"),
        ("loop.call_soon(helper)", "hands on"),
        ("loop.call_later(5, helper)", "hands on"),
        ("task.add_done_callback(helper)", "hands on"),
        ("tasks.add_task(helper, 1)", "hands on"),
        ("group.start_soon(helper)", "hands on"),
        ("await asyncio.to_thread(lambda: helper(1))", "hands on"),
        ("list(map(helper, [1]))", "call"),
        ("list(filter(helper, [1]))", "call"),
        ("sorted([1], key=helper)", "call"),
        ("max([1], key=lambda x: helper(x))", "call"),
        ("functools.reduce(helper, [1])", "call"),
        ("f = functools.partial(helper, 1)\nf()", "call"),
        ("f = lambda: helper()\nf()", "call"),
        ("(helper if unknown else None)()", "call"),
    ],
)
def test_functions_handed_to_what_runs_them(body: str, how: str) -> None:
    assert _runs(body) == {"helper": how}


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("await coroutine()", "call"),
        ("await asyncio.gather(coroutine(), coroutine())", "call"),
        ("await asyncio.wait_for(coroutine(), 1)", "call"),
        ("asyncio.create_task(coroutine())", "hands on"),
        ("asyncio.ensure_future(coroutine())", "hands on"),
        ("loop.create_task(coroutine())", "hands on"),
        ("async with asyncio.TaskGroup() as group:\n    group.create_task(coroutine())", "hands on"),
    ],
)
def test_a_coroutine_runs_when_it_is_awaited_or_as_a_task_of_its_own(body: str, how: str) -> None:
    assert _runs(body) == {"coroutine": how}


@pytest.mark.parametrize(
    ("around", "body", "how"),
    [
        ("def run(f):\n    return f()", "run(helper)", "call"),
        ("def run(n, f=None):\n    return f()", "run(1, f=helper)", "call"),
        ("def run(f):\n    def inner():\n        return f()\n    return inner", "run(helper)", "hands on"),
        ("async def run(f):\n    await run_in_threadpool(f)", "await run(helper)", "hands on"),
        ("def run(f):\n    return again(f)\ndef again(g):\n    return g()", "run(helper)", "hands on"),
        ("def run(f):\n    return run(f)", "run(helper)", None),
        ("def run(f):\n    f = 1\n    return f()", "run(helper)", None),
        ("def run(*fs):\n    return fs[0]()", "run(helper)", None),
        ("def run(f):\n    return f()", "run()", None),
        ("class Runner:\n    def __init__(self, f):\n        f()", "Runner(helper)", "call"),
        ("class Runner:\n    def go(self, f):\n        f()", "Runner().go(helper)", "call"),
        ("class Runner: ...", "Runner(helper)", None),
    ],
)
def test_functions_handed_to_the_projects_own_that_calls_its_parameter(around: str, body: str, how: str | None) -> None:
    assert _runs(body, around).get("helper") == how


# methods


_SHOP = """
class Base(ABC):
    @abstractmethod
    def abstract(self): ...
    def stub(self):
        '''Subclasses do it.'''
        raise NotImplementedError
    def shared(self): ...
    def twice(self):
        return 1
    @staticmethod
    def fixed(): ...
    @classmethod
    def made(cls): ...

class Shop(Base):
    def abstract(self):
        return 1
    def stub(self):
        return 2
    def twice(self): ...
    @property
    def lazy(self): ...
    @functools.cached_property
    def kept(self): ...
    def __call__(self): ...

shop = Shop()
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("shop.shared()", {"Base.shared": "call"}),
        ("shop.twice()", {"Shop.twice": "call"}),
        ("shop.fixed()", {"Base.fixed": "call"}),
        ("Shop.made()", {"Base.made": "call"}),
        ("shop.lazy", {"Shop.lazy": "property"}),
        ("return shop.kept", {"Shop.kept": "property"}),
        ("shop()", {"Shop.__call__": "call"}),
        ("shop.shared", {}),
        ("unknown.lazy", {}),
        ("unknown.shared()", {}),
    ],
)
def test_methods_are_looked_up_in_the_class_and_its_bases(body: str, expected: dict[str, str]) -> None:
    assert _runs(body, _SHOP) == expected


@pytest.mark.parametrize("method", ["abstract", "stub"])
def test_what_a_class_leaves_to_its_subclasses_runs_there(method: str) -> None:
    around = f"{_SHOP}\ndef use(base: Base):\n    base.{method}()"
    assert _runs("", around, "use") == {f"Base.{method}": "call", f"Shop.{method}": "call"}


@pytest.mark.parametrize(("base", "expected"), [("ABC", set()), ("MethodView", {"One.load", "Two.load"})])
def test_of_several_implementations_all_run_only_when_a_framework_calls_each(base: str, expected: set[str]) -> None:
    around = f"""
        from flask.views import MethodView
        class Base({base}):
            def get(self):
                self.load()
        class One(Base):
            def load(self): return 1
        class Two(Base):
            def load(self): return 2
        class Between(Base):
            @abstractmethod
            def load(self): ...
    """
    assert set(_runs("", around, "Base.get")) == expected


def test_what_a_class_does_itself_is_not_taken_from_its_subclasses() -> None:
    assert _runs("", f"{_SHOP}\ndef use(base: Base):\n    base.twice()", "use") == {"Base.twice": "call"}


def test_a_mixin_runs_what_only_the_class_with_it_has() -> None:
    around = "class Mixin:\n    def go(self):\n        self.load()\nclass Full(Mixin):\n    def load(self): return 1"
    assert _runs("", around, "Mixin.go") == {"Full.load": "call"}


def test_super_runs_the_method_above() -> None:
    around = (
        "class A:\n    def __init__(self): ...\n    def go(self): ...\n"
        "class B(A):\n    def __init__(self):\n        super().__init__()\n    def go(self):\n        super().go()"
    )
    assert _runs("", around, "B.__init__") == {"A.__init__": "call"}
    assert _runs("", around, "B.go") == {"A.go": "call"}
    assert _runs("super().go()") == {}


_SERVICE = """
class Store:
    def load(self): ...
class Service:
    def __init__(self, store, load=None):
        self.store = store
        self.load = load
        self.own = Store()
    def go(self):
        {call}
"""


@pytest.mark.parametrize(
    ("call", "made", "expected"),
    [
        ("self.own.load()", "", {"Store.load": "call"}),
        ("self.store.load()", "Service(Store())", {"Store.load": "call"}),
        ("self.store.load()", "Service(store=Store())", {"Store.load": "call"}),
        ("self.store.load()", "def make(store):\n    return Service(store)\nmake(Store())", {"Store.load": "call"}),
        ("self.load()", "Service(None, helper)", {"helper": "call"}),
        ("self.load()", "Service(None, load=Store().load)", {"Store.load": "call"}),
        ("self.store.load()", "Service(unknown)", {}),
        ("self.store.load()", "Service(Store())\nService(unknown)", {}),
        ("self.store.load()", "class Other(Store):\n    def load(self): ...\nService(Store())\nService(Other())", {}),
        ("self.store.load()", "Service(Store())\nService(store=Store())", {"Store.load": "call"}),
        ("self.load()", "Service(None, helper)\nService(None, coroutine)", {}),
        ("self.store.load()", "", {}),
        ("self.other.load()", "Service(Store())", {}),
    ],
)
def test_what_an_object_was_given_is_known_from_who_made_it(call: str, made: str, expected: dict[str, str]) -> None:
    assert _runs("", _SERVICE.format(call=call) + made, "Service.go") == expected


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ("def use(store):\n    store.load()\nuse(Store())", {"Store.load"}),
        ("def use(n, store=None):\n    store.load()\nuse(1, store=Store())", {"Store.load"}),
        ("def use(store):\n    def inner():\n        store.load()\n    inner()\nuse(Store())", {"use.inner"}),
        ("def use(store):\n    store = unknown\n    store.load()\nuse(Store())", set()),
        ("def use(store):\n    use(store)\n    store.load()", {"use"}),
        ("def use(store):\n    store.load()\nuse(*[Store()])", set()),
    ],
)
def test_what_a_parameter_is_callers_tell(around: str, expected: set[str]) -> None:
    assert set(_runs("", "class Store:\n    def load(self): ...\n" + around, "use")) == expected


def test_a_nested_function_sees_what_callers_gave_the_one_around_it() -> None:
    around = "class S:\n    def load(self): ...\ndef use(s):\n    def inner():\n        s.load()\n    inner()\nuse(S())"
    assert _runs("", around, "use.inner") == {"S.load": "call"}


# objects


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ("class Shop:\n    def __init__(self): ...\n    def __post_init__(self): ...", {"__init__", "__post_init__"}),
        ("class Shop:\n    def __new__(cls): ...", {"__new__"}),
        ("@dataclass\nclass Shop:\n    x: int = field(default_factory=helper)", {"helper"}),
        ("@dataclass\nclass Shop:\n    x: int = field(default_factory=lambda: helper(1))", {"helper"}),
        ("@dataclass\nclass Shop:\n    x: int = field(default=1)\n    y = unknown()", set()),
        ("class Shop(metaclass=Single):\n    def __init__(self): ...", set()),
    ],
)
def test_making_an_object_runs_its_constructor_and_the_factories_of_its_fields(around: str, expected: set[str]) -> None:
    found = _runs("Shop()", around)
    assert {name.rpartition(".")[2] for name in found} == expected
    assert set(found.values()) <= {"construct"}


_MANAGER = """
class Manager:
    def __enter__(self): ...
    def __exit__(self, *args): ...
    async def __aenter__(self): ...
    async def __aexit__(self, *args): ...
class Items:
    def __iter__(self): ...
    def __next__(self): ...
    def __aiter__(self): ...
    async def __anext__(self): ...
@contextmanager
def opened():
    yield
@asynccontextmanager
async def opening():
    yield
def generate():
    yield
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("with Manager() as m: pass", "Manager.__enter__ Manager.__exit__"),
        ("async with Manager(): pass", "Manager.__aenter__ Manager.__aexit__"),
        ("with ExitStack() as s:\n    s.enter_context(Manager())", "Manager.__enter__ Manager.__exit__"),
        (
            "async with AsyncExitStack() as s:\n    await s.enter_async_context(Manager())",
            "Manager.__aenter__ Manager.__aexit__",
        ),
        ("with opened(): pass", "opened"),
        ("async with opening() as x: pass", "opening"),
        ("for x in Items(): pass", "Items.__iter__ Items.__next__"),
        ("async for x in Items(): pass", "Items.__aiter__ Items.__anext__"),
        ("[x for x in Items()]", "Items.__iter__ Items.__next__"),
        ("[x async for x in Items()]", "Items.__aiter__ Items.__anext__"),
        ("for x in generate(): pass", "generate"),
        ("with unknown: pass", ""),
        ("for x in unknown: pass", ""),
    ],
)
def test_with_and_for_run_the_methods_of_their_protocols(body: str, expected: str) -> None:
    assert set(_runs(body, _MANAGER)) == set(expected.split())


# decorators


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ("def deco(f):\n    def wrapper(): ...\n    return wrapper\n@deco\ndef use(): ...", {"deco.wrapper"}),
        (
            (
                "class Deco:\n    def __call__(self, f):\n        def wrapper(): ...\n        return wrapper\n"
                "@Deco()\ndef use(): ..."
            ),
            {"Deco.__call__.wrapper"},
        ),
        (
            (
                "class Deco:\n    def __call__(self, f):\n        def wrapper(): ...\n        return wrapper\n"
                "deco = Deco()\n@deco\ndef use(): ..."
            ),
            {"Deco.__call__.wrapper"},
        ),
        (
            ("class Deco:\n    def __init__(self, f): ...\n    def __call__(self): ...\n@Deco\ndef use(): ..."),
            {"Deco.__call__"},
        ),
        ("class Deco: ...\n@Deco\ndef use(): ...", set()),
        ("def deco(f):\n    return f\n@deco\ndef use(): ...", set()),
    ],
)
def test_a_decorated_function_runs_with_the_wrapper(around: str, expected: set[str]) -> None:
    found = _runs("", around, "use")
    assert set(found) == expected
    assert set(found.values()) <= {"decorated"}


def test_single_dispatch_runs_one_of_the_registered_functions() -> None:
    around = """
        @functools.singledispatch
        def show(x): ...
        @show.register
        def _number(x: int): ...
        @show.register(str)
        def _text(x): ...
        @other.register
        def _else(x): ...
    """
    assert set(_runs("show(1)", around)) == {"show", "_number", "_text"}


def test_a_function_that_is_returned_and_called_runs() -> None:
    around = "def make():\n    def inner(): ...\n    return inner"
    assert set(_runs("make()()", around)) == {"make", "make.inner"}


# what runs there and then


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("helper()", {"helper"}),
        ("Base().go()", {"Base.go"}),
        ("super().go()", set()),
        ("asyncio.to_thread(helper)", set()),
        ("sorted([1], key=helper)", set()),
        ("run(helper)", {"run"}),
        ("unknown.go()", set()),
        ("use(Base()).go()", {"use"}),
        ("with Base(): pass", {"Base.__enter__"}),
        ("asyncio.create_task(coroutine())", set()),
    ],
)
def test_only_what_certainly_runs_at_once_counts_as_running_there(body: str, expected: set[str]) -> None:
    around = """
        class Base:
            def go(self): ...
            def __enter__(self): ...
        def run(f):
            f()
        def use(x):
            return x
    """
    text = f"{_START}{textwrap.dedent(around)}\nasync def start(unknown):\n    {body}\n"
    project = linked(text)
    start = function(project, "start")
    assert {edge.callee.qualname for edge in sync_calls(project.evaluator, start)} == expected


# helpers of the graph


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("...", True),
        ("pass", True),
        ("'''Only words.'''", True),
        ("raise NotImplementedError", True),
        ("raise NotImplementedError('x')", True),
        ("'''Words.'''\n        raise NotImplementedError()", True),
        ("raise ValueError", False),
        ("raise", False),
        ("return 1", False),
        ("return", False),
        ("self.x = 1\n        raise NotImplementedError", False),
    ],
)
def test_a_stub_says_only_that_subclasses_have_the_method(body: str, expected: bool) -> None:
    project = linked(f"class C:\n    def f(self):\n        {body}")
    assert is_stub(function(project, "C.f")) is expected


def test_subclasses_of_tests_do_not_count() -> None:
    files = {
        "shop/base.py": "class Base: ...\nclass Own(Base): ...\nclass Deeper(Own): ...",
        "tests/test_base.py": "from shop.base import Base\nclass Fake(Base): ...",
    }
    project = linked(files)
    base = project.project.modules["shop/base.py"].classes["Base"]
    assert [cls.qualname for cls in subclasses(project.evaluator, base)] == ["Own", "Deeper"]
