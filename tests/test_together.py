"""Which arguments does a call get together? Path by path, and never more than the code says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from linking import linked

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import all_calls
from dbpool_lint.facts.misfits.together import Way, dicts, ways


def paths(files: Mapping[str, str] | str) -> list[str]:
    """The keyword arguments of the project's only `asked(…)`, a text for each path, `…` where there may be others."""
    return sorted(_shown(way) for way in _ways(files))


def _ways(files: Mapping[str, str] | str) -> tuple[Way, ...]:
    reader = linked(files).reader
    (found,) = ((c, s) for c, s in all_calls(reader.evaluator) if walking.is_name(c.func, "asked"))
    return ways(reader, *found)


def _shown(way: Way) -> str:
    given = [f"{name}={_value(way, name)}" for name in sorted(way.options.entries)]
    return ", ".join([*given, *([] if way.options.complete else ["…"])])


def _value(way: Way, name: str) -> str:
    given = way.options.entries[name]
    if given.items is not None and given.items.complete:
        return f"{{{', '.join(sorted(given.items.entries))}}}"
    literal = walking.literal(given.fact)
    return "?" if literal is NotImplemented else repr(literal)


HEAD = "from elsewhere import asked, flag, other, url, unknown\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("asked(a=1, **{'b': 2})", ["a=1, b=2"], id="a display"),
        pytest.param("asked(**dict({'a': 1}, b=2, **{'c': 3}))", ["a=1, b=2, c=3"], id="a call of dict"),
        pytest.param("asked(**({'a': 1} | {'a': 2, 'b': 3}))", ["a=2, b=3"], id="a union"),
        pytest.param("asked(**({'a': 1} + unknown))", ["…"], id="another operator is unknown"),
        pytest.param("asked(**{flag: 1, 'a': 2})", ["a=2, …"], id="a key that cannot be read"),
        pytest.param("asked(**unknown)", ["…"], id="an unknown dict"),
        pytest.param("asked(**unknown())", ["…"], id="an unknown function"),
        pytest.param("asked(**(None or {}))", ["…"], id="an alternative is unknown"),
        pytest.param("asked(*unknown, a=1)", ["a=1, …"], id="starred arguments may hold anything"),
        pytest.param("asked(a=1 if flag else None)", ["a=1", "a=None"], id="a conditional expression"),
        pytest.param("asked(**({'a': 1} if flag else {'b': 2}))", ["a=1", "b=2"], id="one dict or the other"),
        pytest.param("asked(a=1 if flag else 2, b=1 if flag else 2)", ["a=1, b=1", "a=2, b=2"], id="one test twice"),
        pytest.param("asked(a=1 if flag else 2, b=2 if not flag else 1)", ["a=1, b=1", "a=2, b=2"], id="its opposite"),
        pytest.param(
            "asked(a=1 if url == 'x' else 2, b=2 if url != 'x' else 1)", ["a=1, b=1", "a=2, b=2"], id="is and is not"
        ),
        pytest.param("asked(a=1 if True else 2)", ["a=1"], id="a test that is decided"),
        pytest.param("o = {'a': 1}\no['b'] = 2\nasked(**o)", ["a=1, b=2"], id="an item added"),
        pytest.param("o = {'a': 1}\no[flag] = 2\nasked(**o)", ["…"], id="an item that cannot be read"),
        pytest.param("o = {'a': 1}\no.update({'b': 2}, c=3)\nasked(**o)", ["a=1, b=2, c=3"], id="an update"),
        pytest.param("o = {'a': 1}\no |= {'b': 2}\nasked(**o)", ["a=1, b=2"], id="an update by operator"),
        pytest.param("o = {'a': 1}\no += unknown\nasked(**o)", ["…"], id="another operator"),
        pytest.param(
            "o = {'a': 1}\no.setdefault('a', 2)\no.setdefault('b', 3)\nasked(**o)", ["a=1, b=3"], id="defaults"
        ),
        pytest.param("o = {'a': 1, 'b': 2}\no.pop('a')\ndel o['b']\nasked(**o)", [""], id="items taken out"),
        pytest.param("o = {'a': 1}\ndel o[flag]\nasked(**o)", ["…"], id="who knows which item is taken out"),
        pytest.param("o = {'a': 1}\no.clear()\nasked(**o)", ["…"], id="another method is unknown"),
        pytest.param("o = {'a': 1}\nunknown(o)\nasked(**o)", ["…"], id="handed to what may change it"),
        pytest.param("o = {'a': 1}\nprint(o)\nasked(**o)", ["a=1"], id="handed to what only looks"),
        pytest.param("o = {'a': 1}\nasked(**o.copy())", ["a=1"], id="a copy"),
        pytest.param("from copy import copy\no = {'a': 1}\nasked(**copy(o))", ["a=1"], id="a copy by function"),
        pytest.param("o = {'a': 1}\np = o\nasked(**p)", ["a=1"], id="another name"),
        pytest.param("o, p = {'a': 1}, 2\nasked(**o)", ["…"], id="unpacked names are unknown"),
        pytest.param("o: dict\no = {'a': 1}\nasked(**o)", ["a=1"], id="an annotation alone changes nothing"),
        pytest.param(
            "o = {}\nif flag:\n    o['a'] = 1\nelse:\n    o['b'] = 2\nasked(**o)", ["a=1", "b=2"], id="branches"
        ),
        pytest.param(
            "o = {}\nif flag:\n    o['a'] = 1\nasked(b=1 if flag else 2, **o)", ["a=1, b=1", "b=2"], id="same test"
        ),
        pytest.param("o = {}\nfor k in unknown:\n    o[k] = 1\nasked(**o)", ["…"], id="a loop"),
        pytest.param("o = {}\nfor k in unknown:\n    asked(**o, k=k)", ["k=?"], id="inside a loop"),
        pytest.param("o = {}\nfor k in asked(**o):\n    pass", [""], id="the source of a loop"),
        pytest.param("o = {'a': 1}\nwhile flag:\n    o = {}\n    asked(**o)", [""], id="a loop binds anew"),
        pytest.param("with unknown() as o:\n    asked(**o)", ["…"], id="bound by with"),
        pytest.param("o = {'a': 1}\nwith unknown(o):\n    asked(**o)", ["a=1"], id="inside with"),
        pytest.param("with asked(a=1):\n    pass", ["a=1"], id="the manager of with"),
        pytest.param("if asked(a=1):\n    pass", ["a=1"], id="a test"),
        pytest.param("o = {}\nif flag:\n    asked(a=1, **o)\n    o['b'] = 1", ["a=1"], id="a branch of its own"),
        pytest.param(
            "o = {'a': 1}\ntry:\n    o = {'b': 2}\nexcept OSError:\n    pass\nasked(**o)", ["b=2", "…"], id="try"
        ),
        pytest.param("o = {'a': 1}\ntry:\n    pass\nexcept OSError as o:\n    asked(**o)", ["…"], id="an exception"),
        pytest.param("o = {'a': 1}\ntry:\n    pass\nfinally:\n    asked(**o)", ["a=1"], id="finally"),
        pytest.param("o = {'a': 1}\nmatch flag:\n    case 1:\n        o = {}\nasked(**o)", ["…"], id="match"),
        pytest.param(
            "if flag:\n    raise OSError\nasked(a=1 if flag else 2)", ["a=2"], id="what leaves comes no further"
        ),
        pytest.param("class o:\n    pass\nasked(**o)", ["…"], id="a class is no dict"),
        pytest.param("asked(a={'b': 1, 'c': 2})", ["a={b, c}"], id="the items of a value"),
    ],
)
def test_paths_to_a_call_of_a_module(text: str, expected: list[str]) -> None:
    assert paths(HEAD + text) == expected


def test_no_path_where_there_are_too_many() -> None:
    branches = "".join(f"if unknown({n}):\n    o = {{}}\n" for n in range(8))
    assert paths(f"{HEAD}o = {{}}\n{branches}asked(**o)") == []


def test_branches_about_other_names_make_no_paths() -> None:
    branches = "".join(f"if unknown({n}):\n    other_{n} = 1\n" for n in range(8))
    assert paths(f"{HEAD}{branches}asked(a=1)") == ["a=1"]


def test_a_return_ends_a_path_of_a_function() -> None:
    text = """
    from elsewhere import asked, flag

    def build():
        options = {"a": 1}
        if flag:
            options["b"] = 2
            return options
        return asked(**options)
    """
    assert paths(text) == ["a=1"]


def test_locals_of_two_functions_are_not_the_same_test() -> None:
    text = """
    from elsewhere import asked, other

    def options(flag):
        return {"a": 1} if flag else {"b": 2}

    def build(flag):
        return asked(c=1 if flag else 2, **options(other))
    """
    assert paths(text) == ["a=1, c=1", "a=1, c=2", "b=2, c=1", "b=2, c=2"]


def test_a_global_is_read_at_the_end_of_its_module() -> None:
    files = {
        "settings.py": "from elsewhere import flag\nOPTIONS = {'a': 1}\nif flag:\n    OPTIONS['b'] = 2\nSIZE = 5\n",
        "app.py": "from elsewhere import asked\nimport settings\nasked(c=settings.SIZE, **settings.OPTIONS)\n",
    }
    assert paths(files) == ["a=1, b=2, c=5", "a=1, c=5"]


def test_a_global_that_functions_change_is_unknown() -> None:
    text = """
    from elsewhere import asked

    SIZE = 5

    def grow():
        global SIZE
        SIZE = 10

    def build():
        return asked(a=SIZE)
    """
    assert paths(text) == ["a=?"]


def test_modules_that_need_each_other_come_to_an_end() -> None:
    files = {
        "one.py": "import two\nfrom elsewhere import asked\nFIRST = {**two.SECOND}\nasked(**FIRST)\n",
        "two.py": "import one\nSECOND = {**one.FIRST, 'a': 1}\n",
    }
    assert paths(files) == ["a=1, …"]


def test_a_function_that_calls_itself_is_unknown() -> None:
    text = "from elsewhere import asked\n\ndef o():\n    return {**o(), 'a': 1}\n\nasked(**o())\n"
    assert paths(text) == ["a=1, …"]


def test_a_generator_returns_no_dict() -> None:
    assert paths("from elsewhere import asked\n\ndef o():\n    yield {}\n    return {}\n\nasked(**o())\n") == ["…"]


def test_a_function_of_too_many_paths_is_unknown() -> None:
    branches = "".join(f"    if unknown({n}):\n        o['k{n}'] = 1\n" for n in range(8))
    text = f"from elsewhere import asked, unknown\n\ndef f():\n    o = {{}}\n{branches}    return o\n\nasked(**f())\n"
    assert paths(text) == ["…"]


def test_each_caller_of_a_wrapper_is_a_path() -> None:
    text = """
    from elsewhere import asked

    def wrapper(a, **options):
        return asked(**options)

    wrapper(1, b=2)
    wrapper(a=1, c=3)
    """
    assert paths(text) == ["b=2", "c=3"]


def test_a_wrapper_that_nobody_calls_is_unknown() -> None:
    text = """
    from elsewhere import asked

    def wrapper(plain, **options):
        return asked(**options, **plain)
    """
    assert paths(text) == ["…"]


def test_a_wrapper_that_calls_itself_comes_to_an_end() -> None:
    text = """
    from elsewhere import asked

    def wrapper(**options):
        wrapper(**options)
        return asked(**options)
    """
    assert paths(text) == ["…"]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("URL.startswith('sqlite')", [2]),
        ("URL.startswith('postgresql')", [1]),
        ("not URL.startswith('sqlite')", [1]),
        ("'asyncpg' in URL", [1]),
        ("'mysql' not in URL", [1, 2]),
        ("PLAIN == 'sqlite://'", [1]),
        ("PLAIN != 'sqlite://'", [2]),
        ("PLAIN == 5", [1, 2]),
        ("'mysql' in PLAIN", [2]),
        ("'mysql' not in PLAIN", [1]),
        ("IS_PLAIN", [1]),
        ("IS_PLAIN and unknown", [1, 2]),
        ("IS_PLAIN or unknown", [1]),
        ("not IS_PLAIN and unknown", [2]),
        ("JOINED.startswith('mysql')", [1]),
        ("JOINED.startswith('mysql://x')", [1, 2]),
        ("unknown.startswith('mysql')", [1, 2]),
        ("1 < SIZE < 3", [1, 2]),
    ],
)
def test_a_test_about_a_literal_is_decided(test: str, expected: list[int]) -> None:
    text = f"""
    from elsewhere import asked, unknown, host

    URL = f"postgresql+asyncpg://app@{{host}}/shop"
    PLAIN = "sqlite://"
    IS_PLAIN = PLAIN.startswith("sqlite")
    JOINED = "mysql:" + host
    SIZE = 2

    asked(a=1 if {test} else 2)
    """
    found = sorted(walking.literal(way.options.entries["a"].fact) for way in _ways(text))  # type: ignore[type-var]
    assert found == expected


def test_a_circle_of_names_decides_nothing() -> None:
    text = "from elsewhere import asked\n\ndef f(a):\n    a = a\n    return asked(b=1 if a else 2)\n"
    assert paths(text) == ["b=1", "b=2"]


def test_items_of_one_branch_meet_only_what_is_given_there() -> None:
    text = HEAD + "o = {'a': 1}\nif flag:\n    o['b'] = 2\nif other:\n    o['c'] = 3\nasked(**o)\n"
    way = max(_ways(text), key=lambda way: len(way.options.entries))
    a, b, c = (way.options.entries[name] for name in "abc")
    assert a.meets(b)
    assert c.meets(a)
    assert not b.meets(c)


def test_positional_arguments_keep_their_order() -> None:
    (way,) = _ways(HEAD + "asked(1, 2, a=3)")
    first, second, named = way.get("x", 0), way.get("x", 1), way.get("a", 5)
    assert [walking.literal(given.fact) for given in (first, second, named) if given is not None] == [1, 2, 3]
    assert way.get("missing") is None


def test_the_dict_of_an_assignment_is_read_where_it_stands() -> None:
    project = linked("from elsewhere import flag\nasked = {'a': 1} if flag else {'b': 2}\n")
    (module,) = project.project.modules.values()
    (assign,) = (s for _, s in module.body() if isinstance(s, facts.Assign))
    found = dicts(project.reader, assign.value, module)
    assert sorted(_shown(way) for way in found) == ["a=1", "b=2"]


def test_what_a_function_is_handed_decides_its_tests() -> None:
    text = """
    from elsewhere import asked

    def options(kind, size=5, *, pooled=False):
        if kind == "sync":
            return {"a": size}
        return {"b": size} if pooled else {"c": size}

    asked(**options("sync", 1), **options(kind="async"), **options("async", pooled=True))
    """
    assert paths(text) == ["a=1, b=5, c=5"]


def test_a_parameter_that_is_given_another_value_decides_nothing() -> None:
    text = """
    from elsewhere import asked, known

    def options(kind="sync"):
        kind = known(kind)
        return {"a": 1} if kind == "sync" else {"b": 2}

    asked(**options())
    """
    assert paths(text) == ["a=1", "b=2"]


def test_a_function_handed_a_starred_argument_may_take_any_path() -> None:
    text = """
    from elsewhere import asked, unknown

    def options(kind):
        return {"a": 1} if kind == "sync" else {"b": 2}

    asked(**options(*unknown))
    """
    assert paths(text) == ["a=1", "b=2"]


def test_values_that_functions_return_are_followed() -> None:
    text = """
    from elsewhere import asked, flag

    def size():
        if flag:
            return 1
        return 2

    asked(a=size(), b=1 if flag else 2)
    """
    assert paths(text) == ["a=1, b=1", "a=2, b=2"]


def test_a_method_that_a_subclass_replaces_is_not_followed() -> None:
    text = """
    from elsewhere import asked

    class Base:
        def options(self):
            return {"a": 1}

        def size(self):
            return 5

        def build(self):
            return asked(b=self.size(), **self.options())

    class Other(Base):
        def options(self):
            return {}
    """
    assert paths(text) == ["b=5, …"]
