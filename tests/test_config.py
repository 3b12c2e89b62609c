"""Are settings found, checked and explained as a user expects?"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbpool_lint import config
from dbpool_lint.config import Configuration, Settings, SettingsError
from dbpool_lint.sources import settings_file

Project = Callable[[Mapping[str, str | bytes]], Path]

KNOWN = {
    "DBP001": "syntax-error",
    "DBP101": "engine-in-handler",
    "DBP201": "session-not-closed",
    "DBP301": "sleep-in-async",
}


def refusal(root: Path, *, file: str | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        config.discover([root], config=root / file if file else None)
    return caught.value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('slect = ["DBP1"]', "unknown setting `slect`; did you mean `select`?"),
        ("pool_recycle = 3", "unknown setting `pool_recycle`; did you mean `pool-recycle`?"),
        ('pool-recycle = "30"', "`pool-recycle` must be an integer, not a string"),
        ("pool-recycle = true", "`pool-recycle` must be an integer, not a boolean"),
        ("pool-recycle = 1.5", "`pool-recycle` must be an integer, not a number"),
        ("pool-recycle = 0", "`pool-recycle` must be at least 1, not 0"),
        ('select = "DBP"', "`select` must be an array, not a string"),
        ('select = ["DBP", 3]', "item 2 of `select` must be a string, not an integer"),
        ('pgbouncer = "transactoin"', "`pgbouncer` cannot be `transactoin`; did you mean `transaction`?"),
        ("pgbouncer = 3", "`pgbouncer` must be a string, not an integer"),
        ("exclude = {}", "`exclude` must be an array, not a table"),
        ("contexts = []", "`contexts` must be a table, not an array"),
        (
            'blocking-calls = ["requests.get()"]',
            "item 1 of `blocking-calls` must be a dotted name like `package.module.function`, not `requests.get()`",
        ),
        (
            'per-file-ignores."tests/*" = "DBP1"',
            '`per-file-ignores."tests/*"` must be an array, not a string',
        ),
        (
            'per-file-ignores = { "tests/*" = [1] }',
            'item 1 of `per-file-ignores."tests/*"` must be a string, not an integer',
        ),
        ('contexts."x.py" = "tests"', '`contexts."x.py"` cannot be `tests`; did you mean `test`?'),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_line(project: Project, line: str, message: str) -> None:
    error = refusal(project({"pyproject.toml": f"[tool.dbpool-lint]\n\n# a comment\n{line}\n"}))
    assert (error.line, error.message) == (4, message)
    assert str(error).endswith(f"pyproject.toml:4: {message}")


def test_a_value_far_from_all_others_is_answered_with_what_there_is(project: Project) -> None:
    error = refusal(project({"dbpool-lint.toml": 'pgbouncer = "xyz"'}))
    assert error.message.endswith("; there is `auto`, `off`, `session`, `transaction`, `statement`")


def test_a_table_in_our_own_file_is_explained(project: Project) -> None:
    error = refusal(project({"dbpool-lint.toml": "[tool.dbpool-lint]\nignore = []\n"}))
    assert "settings stand at the top" in error.message


@pytest.mark.parametrize("table", ["tool.dbpool-lint = 3", "[tool]\n'dbpool-lint' = []", "[[tool.dbpool-lint]]"])
def test_a_table_that_is_none_is_refused(project: Project, table: str) -> None:
    assert refusal(project({"pyproject.toml": table})).message == "`tool.dbpool-lint` must be a table"


def test_an_underscore_in_the_tables_name_is_refused(project: Project) -> None:
    error = refusal(project({"pyproject.toml": "[tool.dbpool_lint]\nignore = []\n"}))
    assert (error.line, error.message) == (1, "unknown table `tool.dbpool_lint`; did you mean `tool.dbpool-lint`?")


def test_a_file_that_is_not_there_is_refused(project: Project) -> None:
    error = refusal(project({"app.py": ""}), file="ci.toml")
    assert (error.line, error.message) == (0, "cannot be read: No such file or directory")
    assert re.search(r"ci\.toml: cannot", str(error))


def test_a_folder_as_settings_file_is_refused(project: Project) -> None:
    assert refusal(project({"ci/x.py": ""}), file="ci").message.startswith("cannot be read: ")


def test_a_file_that_may_not_be_read_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project({"pyproject.toml": ""})

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert refusal(root).message == "cannot be read: Permission denied"


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_is_not_utf8_is_refused_with_the_line(project: Project, head: bytes) -> None:
    error = refusal(project({"dbpool-lint.toml": head + b"# fine\r\n# caf\xe9\r\n"}))
    assert (error.line, error.message) == (2, "is not valid UTF-8")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \nc = 2\n", 2), ("a = 1\na = 2\n", 2), ("a = 1\nb = [\n  2,\n", 3), ("x = '''\n\n", 1)],
)
def test_invalid_toml_is_refused_with_the_line(project: Project, text: str, line: int) -> None:
    error = refusal(project({"dbpool-lint.toml": text}))
    assert error.message.startswith("is not valid TOML: ")
    assert "line" not in error.message
    assert error.line in {line, text.rstrip("\n").count("\n") + 1}


def test_toml_nested_without_end_is_refused(project: Project) -> None:
    error = refusal(project({"dbpool-lint.toml": "a = " + "[" * 100_000}))
    assert error.message.startswith("is n")


def test_a_message_holds_no_control_characters(project: Project) -> None:
    error = refusal(project({"dbpool-lint.toml": '"\\u001b[31mred" = 1'}))
    assert str(error).isprintable()
    assert "\\x1b[31mred" in str(error)


def test_a_named_pyproject_without_our_table_is_refused(project: Project) -> None:
    error = refusal(project({"pyproject.toml": "[tool.ruff]\n"}), file="pyproject.toml")
    assert (error.line, error.message) == (0, "has no table `tool.dbpool-lint`")


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(SettingsError(Path("x.toml"), 3, "wrong")))
    assert (error.file, error.line, error.message) == (Path("x.toml"), 3, "wrong")


def test_a_file_below_the_working_directory_is_shown_from_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({"pyproject.toml": "[tool.dbpool-lint]\nslect = []\n"})
    monkeypatch.chdir(root)
    assert str(refusal(root)) == "pyproject.toml:2: unknown setting `slect`; did you mean `select`?"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[tool.dbpool-lint]\n\nslect = [ # slect\n]\n", 3),
        ("[tool]\ndbpool-lint.slect = []\n", 2),
        ("[tool]\nx = 1\ndbpool-lint = { select = [], slect = [] }\n", 3),
        ("tool.'dbpool-lint'.\"slect\" = []\n", 1),
        ("[other]\nslect = 1\n[tool.dbpool-lint]\nselect = []\nslect = 2\n", 5),
        ("[other]\ntext = '''\n[tool.dbpool-lint]\nslect = 1\n'''\n[ tool . dbpool-lint ]\nslect = 1\n", 7),
        ("[tool.dbpool-lint]\nselect = [\n  'slect = 1',\n]\nslect = 1\n", 5),
        ("[tool.dbpool-lint]\n[tool.dbpool-lint.slect]\nx = 1\n", 2),
        ("[tool.dbpool-lint.slect.deep]\nx = 1\n", 1),
        ("[[tool.dbpool-lint.slect]]\nx = 1\n", 1),
        ("[tool.dbpool-lint]\r\nselect = [\r\n]\r\nslect = 1\r\n", 4),
        ('\ufeff[tool.dbpool-lint]\nslect = "\\u00e9"\n', 2),
        ('[tool.dbpool-lint]\n"sl\\u0065ct" = 1\n', 2),
        ("[tool.dbpool-lint]\nselect = ['\u2028', '\x85']\n\nslect = 1\n", 4),
    ],
)
def test_the_line_of_a_key_is_found_however_it_is_spelled(project: Project, text: str, line: int) -> None:
    error = refusal(project({"pyproject.toml": text.encode()}))
    assert (error.message, error.line) == ("unknown setting `slect`; did you mean `select`?", line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[tool.dbpool-lint.per-file-ignores]\n"a" = []\n"b/*" = [1]\n', 3),
        ('[tool.dbpool-lint]\nper-file-ignores."b/*" = [1]\n', 2),
        ('[tool.dbpool-lint]\nper-file-ignores = { "a" = [], "b/*" = [1] }\n', 2),
    ],
)
def test_the_line_of_a_nested_key_is_found(project: Project, text: str, line: int) -> None:
    error = refusal(project({"pyproject.toml": text}))
    assert (error.message, error.line) == ('item 1 of `per-file-ignores."b/*"` must be a string, not an integer', line)


def test_a_key_that_is_nowhere_is_said_to_be_at_the_top() -> None:
    assert settings_file.parse(Path("x.toml"), b"a = 1\nb = 2\n").line(("c",)) == 1


_KEYS = st.text("abc-_'\"\\ \n\x1b.=[]{}#é", min_size=1, max_size=6)
_VALUES = st.sampled_from(
    ["1", "'x'", '"""\n[t]\nk = 1\n"""', "[\n 1,\n # [x]\n]", "{ a = 1 }", "'''\n'''", "1979-05-27"]
)


@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=6, unique_by=lambda pair: pair[0]), st.data())
def test_the_line_of_any_key_is_found(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    text = "[x]\ny = 1\n\n[tool.dbpool-lint]\n"
    lines = {}
    for key, value in pairs:
        lines[key] = text.count("\n") + 1
        text += f"{json.dumps(key)} = {value}\n" + data.draw(st.sampled_from(["", "\n", "# [y]\n"]))
    document = settings_file.parse(Path("pyproject.toml"), text.encode(), ("tool", "dbpool-lint"))
    assert {key: document.line(("tool", "dbpool-lint", key), "no such word") for key in lines} == lines


def test_a_selector_that_is_no_rule_is_refused_at_its_line(project: Project) -> None:
    root = project({"pyproject.toml": '[tool.dbpool-lint]\nselect = [\n  "DBP1",\n  "engin-in-handler",\n]\n'})
    with pytest.raises(SettingsError) as caught:
        config.check_selectors(config.discover([root]), KNOWN)
    assert caught.value.line == 4
    assert caught.value.message == "unknown rule `engin-in-handler` in `select`; did you mean `engine-in-handler`?"


@pytest.mark.parametrize("setting", ["select", "extend-select", "ignore", 'per-file-ignores."tests/*"'])
@pytest.mark.parametrize("selector", ["", "DBP9", "dbp101", "E501", "engine"])
def test_every_selector_is_checked(project: Project, setting: str, selector: str) -> None:
    root = project({"dbpool-lint.toml": f'\n{setting} = ["DBP101", "{selector}"]\n'})
    with pytest.raises(SettingsError) as caught:
        config.check_selectors(config.discover([root]), KNOWN)
    assert caught.value.line == 2
    assert caught.value.message.startswith(f"unknown rule `{selector}` in `{setting}`")


def test_a_selector_of_the_command_line_has_no_file(project: Project) -> None:
    root = project({"dbpool-lint.toml": 'select = ["DBP101"]'})
    found = config.with_overrides(config.discover([root]), select=("nonsense",), ignore=("DBP8",))
    with pytest.raises(SettingsError) as caught:
        config.check_selectors(found, KNOWN)
    assert (caught.value.file, caught.value.line) == (None, 0)
    assert str(caught.value).startswith("unknown rule `nonsense` in `select`")


def test_selectors_without_a_file_are_checked(tmp_path: Path) -> None:
    config.check_selectors(Configuration(Settings(), tmp_path), KNOWN)
    with pytest.raises(SettingsError, match="did you mean `sleep-in-async`"):
        config.check_selectors(Configuration(Settings(ignore=("sleep-async",)), tmp_path), KNOWN)


def test_an_override_that_is_no_setting_is_a_mistake_in_the_program(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no such setting: slect"):
        config.with_overrides(Configuration(Settings(), tmp_path), slect=())


def test_an_override_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        config.with_overrides(Configuration(Settings(), tmp_path), pool_recycle=0)
    assert str(caught.value) == "`pool-recycle` must be at least 1, not 0"


def test_an_override_replaces_what_the_file_says(project: Project) -> None:
    root = project({"dbpool-lint.toml": 'select = ["DBP1"]\nignore = ["DBP101"]\n'})
    found = config.with_overrides(config.discover([root]), select=["DBP3"], ignore=None)
    assert (found.settings.select, found.settings.ignore) == (("DBP3",), ("DBP101",))
    assert (found.root, found.origin) == (root, root / "dbpool-lint.toml")


def test_without_a_settings_file_the_defaults_hold(project: Project) -> None:
    found = config.discover([project({"app.py": ""})])
    assert (found.settings, found.origin) == (Settings(), None)


def test_all_settings_are_read(project: Project) -> None:
    values: dict[str, object] = {
        "select": ["DBP1"],
        "extend-select": ["DBP2"],
        "ignore": ["DBP101"],
        "per-file-ignores": {"tests/*": ["DBP2"]},
        "exclude": ["a"],
        "extend-exclude": ["b"],
        "pool-recycle": 60,
        "pgbouncer": "session",
        "blocking-calls": ["app.slow.call"],
        "session-factories": ["app.db.Größe.make"],
        "entry-points": ["app.route"],
        "contexts": {"tools/": "script"},
    }
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())
    found = config.discover([project({"dbpool-lint.toml": text})])
    assert found.settings.per_file_ignores == {"tests/*": ("DBP2",)}
    assert found.settings.contexts == {"tools/": "script"}
    assert {name: _plain(getattr(found.settings, name.replace("-", "_"))) for name in values} == values


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def test_our_own_file_wins_over_pyproject(project: Project) -> None:
    files = {"dbpool-lint.toml": "pool-recycle = 1", "pyproject.toml": "[tool.dbpool-lint]\npool-recycle = 2"}
    assert config.discover([project(files)]).settings.pool_recycle == 1


def test_an_empty_table_is_a_table(project: Project) -> None:
    root = project({"pyproject.toml": "[tool.dbpool-lint]\n", "pkg/app.py": ""})
    found = config.discover([root / "pkg" / "app.py"])
    assert (found.root, found.origin) == (root, root / "pyproject.toml")


def test_the_nearest_table_wins_and_its_folder_is_the_root(project: Project) -> None:
    root = project(
        {
            "pyproject.toml": "[tool.dbpool-lint]\npool-recycle = 1",
            "sub/dbpool-lint.toml": "pool-recycle = 2",
            "sub/pkg/pyproject.toml": "[project]\ndependencies = ['dbpool-lint']",
            "sub/pkg/app.py": "",
            ".git/HEAD": "",
            "sub/pkg/.git/HEAD": "",
        }
    )
    found = config.discover([root / "sub/pkg/app.py"])
    assert (found.root, found.settings.pool_recycle) == (root / "sub", 2)


def test_several_paths_start_from_the_folder_they_share(project: Project) -> None:
    files = {"dbpool-lint.toml": "", "a/dbpool-lint.toml": "", "a/x.py": "", "b/y.py": ""}
    root = project(files)
    assert config.discover([root / "a/x.py", root / "b"]).root == root
    assert config.discover([root / "a/x.py"]).root == root / "a"


def test_without_a_table_the_repository_is_the_root(project: Project) -> None:
    root = project({"pkg/pyproject.toml": "[project]", "pkg/app.py": ""})
    assert config.discover([root / "pkg/app.py"]).root == root


def test_a_worktree_is_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/setup.py").touch()
    assert config.discover([tmp_path / "pkg"]).root == tmp_path


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_without_a_repository_the_nearest_project_file_marks_the_root(tmp_path: Path, mark: str) -> None:
    (tmp_path / "pkg" / "deep").mkdir(parents=True)
    (tmp_path / mark).touch()
    (tmp_path / "pkg" / mark).touch()
    assert config.discover([tmp_path / "pkg" / "deep"]).root == tmp_path / "pkg"


def test_without_any_mark_the_shared_folder_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    assert config.discover([tmp_path / "app.py"]).root == tmp_path


def test_a_path_that_is_not_there_counts_as_its_nearest_folder(project: Project) -> None:
    root = project({"dbpool-lint.toml": ""})
    assert config.discover([root / "new/app.py"]).root == root


def test_without_paths_the_working_directory_counts(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project({"dbpool-lint.toml": "pool-recycle = 7", "sub/x.py": ""})
    monkeypatch.chdir(root / "sub")
    assert config.discover([]).settings.pool_recycle == 7
    assert config.discover([Path("../sub/x.py")]).root == root


def test_paths_that_share_nothing_start_from_the_first(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def several_drives(_: object) -> str:
        raise ValueError

    root = project({"dbpool-lint.toml": ""})
    monkeypatch.setattr("os.path.commonpath", several_drives)
    assert config.discover([root, root / "other"]).root == root


@pytest.mark.parametrize("broken", [b"[[[", b"\xe9\xff", b"a = 1\na = 1"])
def test_a_broken_pyproject_that_does_not_speak_of_us_is_passed_over(project: Project, broken: bytes) -> None:
    root = project({"dbpool-lint.toml": "", "sub/pyproject.toml": broken})
    assert config.discover([root / "sub"]).root == root


def test_isolated_reads_no_file(project: Project) -> None:
    root = project({"dbpool-lint.toml": "broken", "pkg/dbpool-lint.toml": "broken", "pkg/x.py": ""})
    assert config.discover([root / "pkg/x.py"], isolated=True) == Configuration(Settings(), root, None)


def test_a_named_file_is_the_only_one_read(project: Project) -> None:
    root = project({"dbpool-lint.toml": "broken", "ci/our.toml": "pool-recycle = 9", ".git/HEAD": ""})
    found = config.discover([root], config=root / "ci/our.toml")
    assert (found.settings.pool_recycle, found.root, found.origin) == (9, root, root / "ci/our.toml")


def test_a_named_file_makes_its_folder_the_root_where_it_could_have_been_found(project: Project) -> None:
    root = project({".git/HEAD": "", "sub/pyproject.toml": "[tool.dbpool-lint]", "sub/app/x.py": ""})
    assert config.discover([root / "sub/app"], config=root / "sub/pyproject.toml").root == root / "sub"


def test_a_named_file_far_above_the_project_does_not_make_its_folder_the_root(project: Project) -> None:
    root = project({"home.toml": "", "repo/.git/HEAD": "", "repo/x.py": ""})
    assert config.discover([root / "repo/x.py"], config=root / "home.toml").root == root / "repo"


@pytest.mark.parametrize(
    ("selector", "is_meant"),
    [
        ("DBP", True),
        ("DBP1", True),
        ("DBP101", True),
        ("engine-in-handler", True),
        ("", False),
        ("DBP2", False),
        ("engine", False),
    ],
)
def test_a_selector_is_a_prefix_of_codes_or_a_whole_name(selector: str, is_meant: bool) -> None:
    assert config.matches(selector, "DBP101", "engine-in-handler") is is_meant


@pytest.mark.parametrize(
    ("settings", "default", "wanted"),
    [
        (Settings(), True, True),
        (Settings(), False, False),
        (Settings(select=("DBP1",)), False, False),
        (Settings(extend_select=("DBP101",)), False, True),
        (Settings(extend_select=("engine-in-handler",)), False, True),
        (Settings(select=("DBP2",)), True, False),
        (Settings(ignore=("DBP1",)), True, False),
        (Settings(ignore=("DBP1",), select=("DBP101",)), True, True),
        (Settings(ignore=("engine-in-handler",), select=("DBP101",)), True, False),
        (Settings(select=()), True, False),
    ],
)
def test_the_closest_selector_decides(settings: Settings, default: bool, wanted: bool) -> None:
    assert config.is_selected(settings, "DBP101", "engine-in-handler", default=default) is wanted


@pytest.mark.parametrize(
    ("word", "said"),
    [("SELECT", "; did you mean `select`?"), ("zzz", "; there is `select`, `ignore`")],
)
def test_a_hint_is_near_or_says_what_there_is(word: str, said: str) -> None:
    assert config.hint(word, ["select", "ignore"]) == said


def test_a_hint_does_not_list_many_words() -> None:
    assert config.hint("zzz", [f"word{n}" for n in range(50)]) == ""


def test_the_schema_describes_every_setting() -> None:
    schema = config.schema()
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == set(Settings.__struct_encode_fields__)
    assert all(about["description"] and "default" in about for about in properties.values())
    assert schema["additionalProperties"] is False
    assert properties["pgbouncer"]["enum"] == ["auto", "off", "session", "statement", "transaction"]
    assert json.loads(json.dumps(schema)) == schema
