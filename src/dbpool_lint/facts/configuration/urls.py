"""To which server does an engine talk? Database URLs as far as they can be read; unknown parts are `{}`.

Passwords never leave this module: what it hands out has them cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.facts import model as facts
from dbpool_lint.facts import walking
from dbpool_lint.facts.configuration.arguments import Place, Reader
from dbpool_lint.facts.evaluation import environment
from dbpool_lint.facts.evaluation.classes import outside_bases
from dbpool_lint.facts.evaluation.evaluate import returned
from dbpool_lint.facts.evaluation.values import External, Instance, Literal, Object, Routine, Type, Values
from dbpool_lint.facts.project import Class, Scope

_DEEPEST = 12
_HOLE = "{}"
_URL = re.compile(
    r"^(?P<dialect>[A-Za-z][\w]*)(?:\+(?P<driver>[\w{}]+))?://"
    r"(?:[^@/]*@)?(?P<host>\[[^\]]*\]|[^:/?]*)?(?::(?P<port>\d+|\{\}))?(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?$",
    re.DOTALL,
)
_KEEPS_TEXT = frozenset(
    {"replace", "strip", "rstrip", "lstrip", "get_secret_value", "unicode_string", "format", "encode"}
)


@dataclass(frozen=True, slots=True)
class Url:
    """A database URL without its user and password. Parts that cannot be read are empty or hold `{}`."""

    dialect: str
    driver: str
    host: str = ""
    port: int | None = None
    database: str = ""
    query: str = ""

    @property
    def is_sqlite(self) -> bool:
        return self.dialect in ("sqlite", "duckdb")


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs an engine may be given; `complete` when there is no other possibility."""

    known: tuple[Url, ...]
    complete: bool

    @property
    def only_sqlite(self) -> bool:
        """Every URL that can be seen is of a local file: there is no evidence of a network database."""
        return bool(self.known) and all(url.is_sqlite for url in self.known)


def urls(reader: Reader, places: tuple[Place, ...]) -> Urls:
    """What the URL argument may be."""
    known: dict[Url, None] = {}
    complete = bool(places)
    for place in places:
        for text in _texts(reader, *place, 0):
            url = parse(text)
            if url is None:
                complete = False
            else:
                known[url] = None
    return Urls(tuple(known), complete)


def parse(text: str) -> Url | None:
    """Read a URL; None for anything else, or when not even its dialect can be seen."""
    match = _URL.match(text)
    if match is None:
        return _parse_libpq(text)
    port = match["port"]
    return Url(
        match["dialect"].lower(),
        (match["driver"] or "").lower(),
        match["host"] or "",
        int(port) if port and port.isdigit() and len(port) < 6 else None,
        match["database"] or "",
        match["query"] or "",
    )


def _parse_libpq(text: str) -> Url | None:
    """`host=db port=6432 dbname=shop`"""
    parts = {key: value.strip("'") for key, value in _LIBPQ.findall(text)}
    if "host" not in parts:
        return None
    port = parts.get("port", "")
    return Url(
        "postgresql",
        "",
        parts["host"],
        int(port) if port.isdigit() and len(port) < 6 else None,
        parts.get("dbname", ""),
    )


_LIBPQ = re.compile(r"(?:^|\s)(host|port|dbname)\s*=\s*([^\s']+|'[^']*')")


def libpq(reader: Reader, host: Place, port: tuple[Place, ...]) -> Url | None:
    """The server that `host=` and `port=` name."""
    names = _texts(reader, *host, 0)
    numbers = [v.value for place in port for v in reader.values(place) if isinstance(v, Literal)]
    number = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], int) else None
    return Url("postgresql", "", names[0], number) if len(names) == 1 and names[0] != _HOLE else None


def _texts(reader: Reader, fact: facts.Expr, scope: Scope, depth: int) -> list[str]:
    """The texts an expression may give, with holes; a lone hole when nothing is known."""
    if depth > _DEEPEST:
        return [_HOLE]
    if isinstance(fact, facts.Const):
        return [fact.value] if isinstance(fact.value, str) else [_HOLE]
    if isinstance(fact, facts.Text):
        parts = [_texts(reader, part, scope, depth + 1) for part in fact.parts]
        return ["".join(options[0] if len(options) == 1 else _HOLE for options in parts)]
    if isinstance(fact, facts.Binary) and fact.op in ("+", "%"):
        left = _texts(reader, fact.left, scope, depth + 1)
        right = _texts(reader, fact.right, scope, depth + 1) if fact.op == "+" else [""]
        return [one + (right[0] if len(right) == 1 else _HOLE) for one in left]
    if isinstance(fact, facts.Choice):
        return _texts(reader, fact.then, scope, depth + 1) + _texts(reader, fact.other, scope, depth + 1)
    if isinstance(fact, facts.Logic) and fact.op == "or":
        return [text for part in fact.operands for text in _texts(reader, part, scope, depth + 1)]
    if isinstance(fact, (facts.Call, facts.Item)) and (key := environment.key_of(reader.evaluator, fact, scope)):
        given = reader.evaluator.project.deployment.variable(key)
        default = [v.value for v in reader.evaluator.values(fact, scope) if isinstance(v, Literal)]
        return [*given, *(text for text in default if isinstance(text, str))] or [_HOLE]
    if isinstance(fact, facts.Call):
        return list(_called(reader, fact, scope, depth)) or [_HOLE]
    if isinstance(fact, facts.Await):
        return _texts(reader, fact.value, scope, depth + 1)
    return list(_named(reader, fact, scope, depth)) or [_HOLE]


def _called(reader: Reader, fact: facts.Call, scope: Scope, depth: int) -> Iterator[str]:
    scheme = next((k.value for k in fact.keywords if k.name in ("drivername", "scheme")), None)
    if isinstance(fact.func, facts.Attr) and fact.func.name in ("create", "build", "URL"):
        yield from _built(reader, fact, scheme, scope, depth)
        return
    values = reader.evaluator.values(fact.func, scope)
    if any(isinstance(v, External) and v.name.rpartition(".")[2] in ("make_url", "str", "URL") for v in values):
        for arg in fact.args[:1]:
            yield from _texts(reader, arg, scope, depth + 1)
        return
    if isinstance(fact.func, facts.Attr) and fact.func.name in _KEEPS_TEXT:
        yield from _replaced(reader, fact, fact.func, scope, depth)
        return
    for value in values:
        if isinstance(value, Routine):
            for result in returned(value.function):
                yield from _texts(reader, result, value.function, depth + 1)
    for value in reader.evaluator.values(fact, scope):
        if isinstance(value, Literal) and isinstance(value.value, str):
            yield value.value


def _built(reader: Reader, fact: facts.Call, scheme: facts.Expr | None, scope: Scope, depth: int) -> Iterator[str]:
    """`URL.create(drivername=…, host=…)`, `PostgresDsn.build(scheme=…)`."""
    first = scheme if scheme is not None else (fact.args[0] if fact.args else None)
    if first is None:
        return
    parts = {k.name: k.value for k in fact.keywords}
    host = _one(reader, parts.get("host"), scope, depth)
    port = _one(reader, parts.get("port"), scope, depth)
    database = _one(reader, parts.get("database") or parts.get("path"), scope, depth)
    for text in _texts(reader, first, scope, depth + 1):
        yield f"{text}://{host}:{port}/{database}" if port.isdigit() else f"{text}://{host}/{database}"


def _one(reader: Reader, fact: facts.Expr | None, scope: Scope, depth: int) -> str:
    if fact is None:
        return ""
    if isinstance(fact, facts.Const) and isinstance(fact.value, int):
        return str(fact.value)
    options = _texts(reader, fact, scope, depth + 1)
    return options[0] if len(options) == 1 else _HOLE


def _replaced(reader: Reader, fact: facts.Call, func: facts.Attr, scope: Scope, depth: int) -> Iterator[str]:
    old, new = (walking.literal(arg) for arg in fact.args[:2]) if len(fact.args) >= 2 else (None, None)
    if func.name == "replace" and isinstance(new, str) and "://" in new:
        yield f"{new}{_HOLE}"  # who rewrites a scheme expects that scheme
    for text in _texts(reader, func.base, scope, depth + 1):
        if func.name == "replace" and isinstance(old, str) and isinstance(new, str):
            yield text.replace(old, new)
        else:
            yield text


def _named(reader: Reader, fact: facts.Expr, scope: Scope, depth: int) -> Iterator[str]:
    """Names, attributes of settings, and parameters filled by callers."""
    if isinstance(fact, facts.Attr):
        for value in reader.evaluator.values(fact.base, scope):
            if isinstance(value, (Instance, Type)):
                yield from _of_class(reader, value.cls, fact.name, depth)
    bounds = _bounds(fact, scope)
    place = reader.evaluator.assigned(fact, scope)
    if bounds:
        for bound in bounds:
            # `url = url.replace(…)` asks for itself: a few rounds are enough to see every text
            yield from _texts(reader, bound, scope, depth + _DEEPEST // 3)
    elif place is not None and place[0] is not fact:
        yield from _texts(reader, *place, depth + 1)
    elif isinstance(fact, facts.Name) and (handed := _handed(reader, fact, scope)):
        for source in handed:
            yield from _texts(reader, *source, depth + 1)
    else:
        yield from _plain(reader.values((fact, scope)))


def _handed(reader: Reader, fact: facts.Name, scope: Scope) -> list[Place]:
    """What the callers of a function hand to a parameter; nothing where not all of it is known."""
    sources = reader.sources(fact, scope) or ()
    places = [source.place for source in sources if source.place is not None]
    return places if len(places) == len(sources) and not any(source.default for source in sources) else []


def _bounds(fact: facts.Expr, scope: Scope) -> list[facts.Expr]:
    """What a local name, or a global one of this module, is bound to."""
    if not isinstance(fact, facts.Name) or isinstance(scope, Class):
        return []
    return [b.value for b in scope.bound.get(fact.id, ()) if b.how == "value" and b.value is not None]


def _plain(values: Values) -> Iterator[str]:
    for value in values:
        if isinstance(value, Literal) and isinstance(value.value, str):
            yield value.value
        elif not isinstance(value, (Literal, Object)):
            yield _HOLE


def _of_class(reader: Reader, cls: Class, name: str, depth: int) -> Iterator[str]:
    method = cls.methods.get(name)
    if method is not None:
        for result in returned(method):
            yield from _texts(reader, result, method, depth + 1)
    for function, stored in cls.stored.get(name, ()):
        yield from _texts(reader, stored, function, depth + 1)
    if any(base in environment.SETTINGS_CLASSES for base in outside_bases(reader.evaluator, cls)):
        yield from reader.evaluator.project.deployment.variable(name.upper())
