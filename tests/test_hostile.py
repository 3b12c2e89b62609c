"""Does every file, however hostile, end in a report? Each has a process of its own: a crash is a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import libcst as cst
import pytest
from trial import plant

GUILTY = "import asyncio\nimport time\n\n\nasync def f():\n    time.sleep(1)\n"
NEIGHBOUR = {"neighbour.py": GUILTY}


def _function(lines: int) -> str:
    return "async def f(x):\n" + "".join(f"    x = x + {n}\n" for n in range(lines))


def _blocks(depth: int) -> str:
    return "".join(f"{' ' * n}if x{n}:\n" for n in range(depth)) + " " * depth + "pass\n"


UNREADABLE: dict[str, bytes] = {
    "syntax error": b"import time\nasync def f(:\n    time.sleep(1)\n",
    "no end of a string": b'import time\ns = """\ntime.sleep(1)\n',
    "NUL bytes": b"import time\nx = '\x00'\n",
    "only NUL bytes": b"\x00" * 64,
    "latin-1 without a cookie": b"import time\nx = '\xe9t\xe9'\n",
    "unknown encoding": b"# -*- coding: klingon -*-\nimport time\n",
    "cookie against the byte order mark": b"\xef\xbb\xbf# -*- coding: latin-1 -*-\nimport time\n",
    "UTF-16": "import time\ntime.sleep(1)\n".encode("utf-16"),
    "tabs and blanks mixed": b"import time\nif x:\n\tpass\n        time.sleep(1)\n",
    "a merge conflict": b"<<<<<<< ours\nimport time\n=======\n>>>>>>> theirs\n",
}
READABLE: dict[str, bytes] = {
    "empty": b"",
    "only a byte order mark": b"\xef\xbb\xbf",
    "only a newline": b"\n",
    "only a comment without newline": b"# time.sleep",
    "form feeds": b"\x0cimport time\n\x0c\n\x0cdef f():\n    pass\n\x0c",
    "function of 10,000 lines": f"import time\n{_function(10_000)}    time.time()\n".encode(),
    "a very long line": ("import time\nx = [" + "time.time, " * 50_000 + "]\n").encode(),
    "a very long string": ("import time\nx = '" + "time.sleep(1) " * 100_000 + "'\n").encode(),
    "old Mac line ends": b"import time\rx = 1\r",
    "mixed line ends": b"import time\r\nx = 1\ny = 2\r\n",
    "control characters in a string": b"import time\nx = '\x1b[31m\x07'\n",
    "right-to-left override": "import time\nx = '\u202e'  # \u202e\n".encode(),
    "astral characters before a call": "import time\nx = '\U0001f600'; time.time()\n".encode(),
}
# deep input may be refused or not, but must not hang or crash
DEEP: dict[str, bytes] = {
    "1,000 parentheses": ("import time\nx = " + "(" * 1_000 + "1" + ")" * 1_000 + "\n").encode(),
    "20,000 parentheses": ("import time\nx = " + "(" * 20_000 + "time.sleep" + ")" * 20_000 + "\n").encode(),
    "20,000 open brackets": ("import time\ntime.sleep" + "[" * 20_000).encode(),
    "90 blocks": f"import time\n{_blocks(90)}".encode(),
    "500 blocks": f"import time\n{_blocks(500)}".encode(),
    "sum of 5,000": ("import time\nx = " + " + ".join(["time.time()"] * 5_000) + "\n").encode(),
    "chain of 5,000 attributes": ("import time\nx = time" + ".sleep" * 5_000 + "\n").encode(),
    "chain of 5,000 calls": ("import time\nx = time" + ".sleep()" * 5_000 + "\n").encode(),
    "5,000 times not": ("import time\nx = " + "not " * 5_000 + "time.sleep\n").encode(),
    "3,000 elifs": ("import time\nif x:\n    time.sleep(1)\n" + "elif y:\n    time.sleep(1)\n" * 3_000).encode(),
    "3,000 lambdas": ("import time\nx = " + "lambda: " * 3_000 + "time.sleep(1)\n").encode(),
    "60 nested functions": (
        "import time\n" + "".join(f"{' ' * n}async def f{n}():\n" for n in range(60)) + " " * 60 + "time.sleep(1)\n"
    ).encode(),
}
NEWER: dict[str, str] = {
    "except without parentheses": "try:\n    pass\nexcept ValueError, KeyError:\n    pass\n",
    "template strings": 'name = 1\nx = t"{name}"\n',
    "type parameters": "def g[T](x: T) -> T:\n    return x\n",
    "type statements": "type X = int\n",
    "parameter defaults": "class C[T = int]: ...\n",
    "quotes nested in an f-string": 'x = {"a": 1}\ny = f"{x["a"]}"\n',
}


def _params(cases: dict[str, bytes]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in cases.items()])


def _run(root: Path, *options: str) -> Any:
    """The JSON report of a run over `root`; a traceback, a crash or a hang fails the test."""
    command = [sys.executable, "-m", "dbpool_lint", "--output-format", "json", *options, "."]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode in {0, 1, 2}, done.stderr[-2000:] or f"exit code {done.returncode}"
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return json.loads(done.stdout)


def _unread(report: Any) -> set[str]:
    """The files that the report says could not be read."""
    findings = {f["path"] for f in report["findings"] if f["code"] == "DBP001"}
    return findings | {problem["path"] for problem in report["problems"]}


def _sleeps(report: Any) -> set[str]:
    return {finding["path"] for finding in report["findings"] if finding["code"] == "DBP301"}


@_params(UNREADABLE)
def test_what_cannot_be_read_is_reported_and_the_rest_goes_on(data: bytes, tmp_path: Path) -> None:
    report = _run(plant(tmp_path, {"hostile.py": data, **NEIGHBOUR}))
    assert _unread(report) == {"hostile.py"}
    assert _sleeps(report) == {"neighbour.py"}


@_params(READABLE)
def test_what_is_merely_odd_is_no_error(data: bytes, tmp_path: Path) -> None:
    report = _run(plant(tmp_path, {"hostile.py": data, **NEIGHBOUR}))
    assert _unread(report) == set()
    assert _sleeps(report) == {"neighbour.py"}


@_params(DEEP)
def test_deep_input_ends_in_a_report(data: bytes, tmp_path: Path) -> None:
    report = _run(plant(tmp_path, {"hostile.py": data, **NEIGHBOUR}))
    assert _unread(report) <= {"hostile.py"}
    assert "neighbour.py" in _sleeps(report)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in NEWER.items()])
def test_newer_syntax_is_no_error(text: str, tmp_path: Path) -> None:
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError:
        pytest.skip("LibCST does not know it yet")
    report = _run(plant(tmp_path, {"newer.py": f"{text}\n{GUILTY}", **NEIGHBOUR}))
    assert _unread(report) == set()
    assert _sleeps(report) == {"newer.py", "neighbour.py"}


def test_fixing_leaves_what_cannot_be_read_byte_for_byte(tmp_path: Path) -> None:
    hostile = {f"h{number}.py": data for number, data in enumerate([*UNREADABLE.values(), *READABLE.values()])}
    root = plant(tmp_path, {**hostile, **NEIGHBOUR})
    _run(root, "--fix", "--unsafe-fixes")
    assert {name: (root / name).read_bytes() for name in hostile} == hostile
    assert "await asyncio.sleep(1)" in (root / "neighbour.py").read_text(encoding="utf-8")
