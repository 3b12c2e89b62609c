"""Is a file read and written back byte for byte, or refused with a reason?"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dbpool_lint.model import Problem, Source
from dbpool_lint.sources import files

LATIN = "# coding: latin-1\nname = 'Größe'\n".encode("latin-1")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file in a folder of its own; whatever a test does, no temporary file stays behind."""
    folder = tmp_path / "pkg"
    folder.mkdir()
    yield folder / "app.py"
    assert not [left for left in folder.iterdir() if left.suffix == ".tmp"]


def source_of(path: Path, data: bytes | None = None, name: str = "pkg/app.py") -> Source:
    if data is not None:
        path.write_bytes(data)
    source = files.read(path, name)
    assert isinstance(source, Source)
    return source


def problem_of(path: Path, data: bytes | None = None) -> Problem:
    if data is not None:
        path.write_bytes(data)
    problem = files.read(path, "pkg/app.py")
    assert isinstance(problem, Problem)
    assert problem.name == "pkg/app.py"
    assert not problem.ours
    return problem


def test_a_file_that_is_not_there_is_a_problem(path: Path) -> None:
    assert problem_of(path) == Problem("pkg/app.py", 0, "cannot be read: No such file or directory")


def test_a_folder_with_the_name_of_a_module_is_a_problem(path: Path) -> None:
    path.mkdir()
    assert problem_of(path).message == "cannot be read: it is a folder"


def test_a_pipe_is_a_problem_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert problem_of(path).message == "cannot be read: it is not a regular file"


def test_links_in_a_circle_are_a_problem(path: Path) -> None:
    path.symlink_to(path.with_name("other.py"))
    path.with_name("other.py").symlink_to(path)
    assert problem_of(path).message.startswith("cannot be read: ")


def test_an_impossible_name_is_a_problem(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "a\0b.py").message.startswith("cannot be read: ")


def test_an_unreadable_file_is_a_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch()

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", denied)
    assert problem_of(path).message == "cannot be read: Permission denied"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_a_problem(path: Path) -> None:
    path.touch(mode=0)
    assert problem_of(path).message == "cannot be read: Permission denied"


def test_a_file_that_is_too_large_is_a_problem(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(files.MAX_BYTES + 1)
    assert problem_of(path).message == "is larger than 20 MB"


def test_a_large_file_is_read(path: Path) -> None:
    line = b"x = 1  # padding padding padding\n"
    assert len(source_of(path, line * 100_000).text) == 100_000 * len(line)


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"x = 1\ny = '\0'\n", 2, "has a NUL byte"),
        (codecs.BOM_UTF16_LE + "x = 1".encode("utf-16-le"), 1, "is UTF-16, which Python does not take"),
        (b"x = 1\n\ny = '\xe9'\n", 3, "is not valid utf-8: invalid continuation byte"),
        (b"\xe9 = 1\n", 1, "is not valid utf-8: invalid continuation byte"),
        (b"\xef\xbb\xbfx = 1\n\xff\n", 2, "is not valid utf-8: invalid start byte"),
        (b"# coding: ascii\nx = '\xc3\xa9'\n", 2, "is not valid ascii: ordinal not in range(128)"),
        (b"#!/bin/sh\n# coding: klingon\n", 2, "has no usable encoding declaration: unknown encoding: klingon"),
        (b"# coding: klingon\n", 1, "has no usable encoding declaration: unknown encoding: klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, "has no usable encoding declaration: encoding problem: utf-8"),
    ],
)
def test_what_cannot_be_decoded_is_a_problem_at_its_line(path: Path, data: bytes, line: int, message: str) -> None:
    assert problem_of(path, data) == Problem("pkg/app.py", line, message)


@pytest.mark.parametrize("codec", ["rot13", "hex", "zlib", "undefined", "idna"])
def test_a_codec_that_makes_no_text_is_a_problem(path: Path, codec: str) -> None:
    problem = problem_of(path, f"# coding: {codec}\n\u00e9".encode())
    assert problem.line in {1, 2}
    assert problem.message.startswith(("cannot be decoded as ", "is not valid ", "has no usable encoding"))


@pytest.mark.parametrize(
    ("data", "text", "encoding", "bom"),
    [
        (b"", "", "utf-8", False),
        (b"\xef\xbb\xbf", "", "utf-8", True),
        (b"\xef\xbb\xbfx = 1\r\n", "x = 1\r\n", "utf-8", True),
        (b"\xef\xbb\xbf# coding: utf-8\nx = 1", "# coding: utf-8\nx = 1", "utf-8", True),
        (b"x = 1\r\ny = 2\rz = 3\n\x0c\tw = 4", "x = 1\r\ny = 2\rz = 3\n\x0c\tw = 4", "utf-8", False),
        (LATIN, LATIN.decode("latin-1"), "iso-8859-1", False),
        (b"# \xe9 coding: latin-1", "# \u00e9 coding: latin-1", "iso-8859-1", False),
        (b"# \xe9\n# coding: cp1252\n'\x80'", "# \u00e9\n# coding: cp1252\n'\u20ac'", "cp1252", False),
    ],
)
def test_a_text_keeps_its_line_ends_and_tells_its_encoding(
    path: Path, data: bytes, text: str, encoding: str, bom: bool
) -> None:
    source = source_of(path, data)
    assert (source.text, source.encoding, source.bom) == (text, encoding, bom)
    assert (source.path, source.name) == (path, "pkg/app.py")
    assert files.encode(source, source.text) == data


def test_a_digest_is_that_of_the_bytes(path: Path) -> None:
    plain, marked = source_of(path, b"x"), source_of(path, b"\xef\xbb\xbfx")
    assert plain.text == marked.text
    assert plain.digest != marked.digest
    assert plain.digest == source_of(path, b"x").digest


def test_a_link_is_read_through(path: Path, tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(b"x = 1")
    path.symlink_to(tmp_path / "real.py")
    assert source_of(path).text == "x = 1"


def test_a_file_that_changed_meanwhile_is_not_written(path: Path) -> None:
    source = source_of(path, b"x = 1\n")
    path.write_bytes(b"x = 2\n")
    problem = files.write(source, "x = 3\n")
    assert problem == Problem("pkg/app.py", 0, "not written: it has changed on disk since it was read")
    assert path.read_bytes() == b"x = 2\n"


def test_a_file_that_changes_at_the_last_moment_is_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(path, b"x = 1\n")
    monkeypatch.setattr(os, "fsync", lambda _: path.write_bytes(b"x = 2\n"))
    assert files.write(source, "x = 3\n")
    assert path.read_bytes() == b"x = 2\n"


def test_a_file_that_is_gone_is_not_written(path: Path) -> None:
    source = source_of(path, b"x = 1\n")
    path.unlink()
    assert files.write(source, "x = 3\n")
    assert not path.exists()


def test_a_file_that_became_a_folder_is_not_written(path: Path) -> None:
    source = source_of(path, b"x = 1\n")
    path.unlink()
    path.mkdir()
    assert files.write(source, "x = 3\n")
    assert path.is_dir()


def test_a_text_the_encoding_has_no_place_for_is_not_written(path: Path) -> None:
    problem = files.write(source_of(path, LATIN), "# coding: latin-1\nprice = '\u20ac'\n")
    assert problem
    assert "latin-1" in problem.message
    assert path.read_bytes() == LATIN


def test_a_lone_surrogate_is_not_written(path: Path) -> None:
    assert files.write(source_of(path, b"x"), "\ud800")
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize(
    "text", ["import asyncio\nimport sys\n# coding: latin-1\n", "name = 1\n", "# coding: klingon\n"]
)
def test_a_change_that_moves_the_cookie_is_not_written(path: Path, text: str) -> None:
    problem = files.write(source_of(path, LATIN), text)
    assert problem
    assert problem.message.startswith("not written: ")
    assert path.read_bytes() == LATIN


def test_a_change_that_adds_a_cookie_is_not_written(path: Path) -> None:
    problem = files.write(source_of(path, b"x = 1\n"), "# coding: latin-1\nx = 1\n")
    assert problem == Problem(
        "pkg/app.py", 0, "not written: the change would move or remove the declaration of its encoding"
    )


def test_an_encoding_with_several_spellings_is_not_written(path: Path) -> None:
    data = b"# coding: utf-7\n'+AGE-'\n"
    problem = files.write(source_of(path, data), "# coding: utf-7\n'b'\n")
    assert problem == Problem("pkg/app.py", 0, "not written: in the encoding utf-7 it cannot be written back as it was")
    assert path.read_bytes() == data


def test_an_encoding_that_is_unknown_by_now_is_not_written(path: Path) -> None:
    path.write_bytes(b"x")
    problem = files.write(Source(path, "pkg/app.py", "x", "klingon", False, "00"), "y")
    assert problem == Problem(
        "pkg/app.py", 0, "not written: in the encoding klingon it cannot be written back as it was"
    )


@pytest.mark.parametrize("name", ["pkg/app.py", "app.py", "elsewhere/other.py"])
def test_a_link_to_outside_of_the_project_is_not_written(path: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / ".." / f"{tmp_path.name}-outside.py"
    outside.write_bytes(b"x = 1")
    path.symlink_to(outside)
    problem = files.write(source_of(path, name=name), "x = 2")
    assert problem == Problem(name, 0, "not written: it is a link to outside of the project")
    assert outside.read_bytes() == b"x = 1"


def test_a_protected_file_is_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(path, b"x = 1")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert files.write(source, "x = 2") == Problem("pkg/app.py", 0, "not written: no permission to write it")


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod", "mkstemp"])
def test_a_failure_on_the_way_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    source = source_of(path, b"x = 1")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    owner = {"fsync": os, "mkstemp": pytest.importorskip("tempfile")}.get(step, Path)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, full)
        problem = files.write(source, "x = 2")
    assert problem == Problem("pkg/app.py", 0, "not written: No space left on device")
    assert path.read_bytes() == b"x = 1"
    assert [p.name for p in path.parent.iterdir()] == ["app.py"]


def test_an_interruption_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(path, b"x = 1")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(source, "x = 2")
    assert [p.name for p in path.parent.iterdir()] == ["app.py"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664])
def test_the_mode_stays(path: Path, mode: int) -> None:
    source = source_of(path, b"x = 1")
    path.chmod(mode)
    assert files.write(source, "x = 2") is None
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_the_owner_stays(path: Path) -> None:
    source = source_of(path, b"x = 1")
    os.chown(path, 12345, 12346)
    assert files.write(source, "x = 2") is None
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_an_owner_that_cannot_be_kept_is_no_reason_to_refuse(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(path, b"x = 1")

    def denied(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    real = Path.stat

    def foreign(self: Path) -> os.stat_result:
        values = list(real(self))
        values[4] = 4242 if self.name == "app.py" else values[4]
        return os.stat_result(values)

    monkeypatch.setattr(os, "chown", denied)
    monkeypatch.setattr(Path, "stat", foreign)
    assert files.write(source, "x = 2") is None
    assert path.read_bytes() == b"x = 2"


def test_a_folder_that_cannot_be_synced_is_no_reason_to_refuse(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(path, b"x = 1")
    real = os.open

    def no_folders(file: Path, flags: int, *rest: int, **more: int) -> int:
        if Path(file).is_dir():
            raise PermissionError(13, "Permission denied")
        return real(file, flags, *rest, **more)

    monkeypatch.setattr(os, "open", no_folders)
    assert files.write(source, "x = 2") is None


def test_a_link_stays_a_link_and_its_target_is_written(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "lib" / "real.py"
    real.parent.mkdir()
    real.write_bytes(b"x = 1")
    path.symlink_to(real)
    assert files.write(source_of(path), "x = 2") is None
    assert path.is_symlink()
    assert real.read_bytes() == b"x = 2"
    assert [p.name for p in real.parent.iterdir()] == ["real.py"]


def test_a_long_name_is_written(path: Path) -> None:
    long = path.with_name("x" * 250 + ".py")
    assert files.write(source_of(long, b"x = 1", f"pkg/{long.name}"), "x = 2") is None
    assert long.read_bytes() == b"x = 2"


def test_a_relative_path_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"x = 1")
    monkeypatch.chdir(path.parent)
    assert files.write(source_of(Path("app.py"), name="app.py"), "x = 2") is None
    assert path.read_bytes() == b"x = 2"


def test_only_the_edit_changes_in_a_latin1_file_with_mixed_line_ends(path: Path) -> None:
    data = b"# coding: latin-1\r\nx = '\xe9'\ry = 1\n\x0c\r\n"
    source = source_of(path, data)
    assert files.write(source, source.text.replace("y = 1", "y = 2")) is None
    assert path.read_bytes() == data.replace(b"y = 1", b"y = 2")


_HEADS = st.sampled_from(
    [b"", b"\xef\xbb\xbf", b"# coding: latin-1\n", b"#!/x\n# -*- coding: cp1252 -*-\r\n", b"# coding: utf-7\n"]
    + [
        f"# coding: {codec}\n".encode()
        for codec in ("gbk", "shift_jis", "iso2022_jp", "unicode_escape", "utf-16", "koi8-r")
    ]
)


@given(
    head=_HEADS, body=st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
)
@example(head=b"# coding: unicode_escape\n", body=b"\\q\\d")
@example(head=b"# coding: utf-8-sig\n", body=b"x")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_written_back_byte_for_byte_or_refused(path: Path, head: bytes, body: bytes) -> None:
    path.write_bytes(head + body)
    source = files.read(path, "pkg/app.py")
    if isinstance(source, Source):
        problem = files.write(source, source.text)
        assert problem is None or source.encoding not in {"utf-8", "iso-8859-1", "cp1252", "koi8-r"}
    assert path.read_bytes() == head + body
