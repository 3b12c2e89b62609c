"""Does spelling imports anew keep the meaning of a program?"""

from __future__ import annotations

from respell import respelled


def spelled(text: str, **others: str) -> str:
    files = {"app.py": text, **{f"{name}.py": other for name, other in others.items()}}
    return respelled(files)["app.py"]


def same(text: str, **others: str) -> bool:
    return spelled(text, **others) == text


def test_imports_of_the_project_keep_their_names() -> None:
    assert same("from db import get_db\nget_db()\n", db="def get_db(): ...\n")
    assert same("from .db import get_db\nimport db.x\nget_db()\n", db="")


def test_future_and_star_imports_stay() -> None:
    assert same("from __future__ import annotations\nfrom sqlalchemy import *\n")


def test_a_name_bound_twice_stays() -> None:
    assert same("try:\n    import time\nexcept ImportError:\n    time = None\n")
    assert same("import a\nimport a.b\na.b.f()\n")
    assert same("from x import f\nfrom y import f\nf()\n")


def test_a_name_that_another_file_takes_stays() -> None:
    assert same("from x import f\nf()\n", other="from app import f\n")
    assert same("from x import f\nf()\n", other="import app\napp.f()\n")
    assert same("from x import f\nf()\n", other="from app import *\n")


def test_a_name_in_dunder_all_stays() -> None:
    assert same('from x import f\n__all__ = ["f"]\n')


def test_a_package_used_beside_its_submodule_stays() -> None:
    assert same("import a.b\na.b.f()\na.g()\n")


def test_a_file_that_cannot_be_parsed_stays() -> None:
    assert same("import time\ndef (\n")


def test_config_files_stay() -> None:
    assert respelled({"app.py": "", "x.ini": "import time\n"})["x.ini"] == "import time\n"


def test_names_follow_their_import() -> None:
    assert spelled("from time import sleep\nsleep(1)  # sleep\n") == (
        "from time import sleep as sleep_respelled\nsleep_respelled(1)  # sleep\n"
    )


def test_an_alias_is_replaced() -> None:
    assert spelled("import a.b as c\nc.f(c=1)\n") == "import a.b as c_respelled\nc_respelled.f(c=1)\n"


def test_attributes_keywords_and_inner_names_of_the_same_spelling_stay() -> None:
    text = "import time\nx.time(time=time.time())\ndef f(time):\n    return time\n"
    assert spelled(text) == (
        "import time as time_respelled\nx.time(time=time_respelled.time())\ndef f(time):\n    return time\n"
    )


def test_a_submodule_gets_one_name() -> None:
    assert (
        spelled("import a.b\n(a.b).f(a.b.c)\n") == "import a.b as a_b_respelled\n(a_b_respelled).f(a_b_respelled.c)\n"
    )


def test_annotations_in_quotes_follow() -> None:
    assert spelled('from x import S\ndef f(s: "S | None") -> "list[S]": ...\n') == (
        'from x import S as S_respelled\ndef f(s: "S_respelled | None") -> "list[S_respelled]": ...\n'
    )


def test_imports_inside_functions_and_several_on_a_line_follow() -> None:
    assert spelled("def f():\n    from x import a, b as c\n    return a + c\n") == (
        "def f():\n    from x import a as a_respelled, b as c_respelled\n    return a_respelled + c_respelled\n"
    )
