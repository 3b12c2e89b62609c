"""What do compose files say of poolers? Services that run a PgBouncer image.

Read with PyYAML's base loader, which makes nothing but texts, lists and mappings, whatever tags a file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dbpool_lint.deploy.model import Pooler
from dbpool_lint.model import Problem, Source

if TYPE_CHECKING:
    from yaml.events import Event

_POOLER = re.compile(r"(?i)bouncer|odyssey|pgcat|supavisor")
_SERVER = re.compile(r"(?:^|/)(?:postgres|postgis|timescaledb|pgvector)(?:$|[:/@])")
_TAG = re.compile(r":v?(\d{1,9})\.(\d{1,9})")
_NUMBER = re.compile(r"[0-9]{1,9}")
_PREPARED_BY_DEFAULT = (1, 24)
_LARGEST = 200_000
_DEEPEST = 100


def read(source: Source) -> Iterator[Pooler | Problem]:
    """The poolers among the services of a compose file."""
    if not _POOLER.search(source.text) or len(source.text) > _LARGEST:
        return
    import yaml  # only where a file mentions a pooler

    try:
        if not _is_plain(yaml.parse(source.text, yaml.BaseLoader)):
            return
        document = yaml.load(source.text, yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        yield Problem(source.name, mark.line + 1 if mark else 0, "cannot be read as YAML")
        return
    services = document.get("services") if isinstance(document, dict) else None
    for name, service in services.items() if isinstance(services, dict) else ():
        image = str(service.get("image", "")).lower() if isinstance(service, dict) else ""
        if "bouncer" in image:
            yield _pooler(source, str(name), service)
        elif _SERVER.search(image):
            # whatever the service is called, this is no pooler: each client has a session of its own
            yield Pooler(source.name, _line_of(source.text, str(name)), "PostgreSQL", "session", host=str(name))


def _is_plain(events: Iterable[Event]) -> bool:
    """Whether there are no aliases, whose size is not worked out here, and no nesting beyond reason."""
    from yaml import AliasEvent, CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST or isinstance(event, AliasEvent):
            return False
    return True


def _pooler(source: Source, name: str, service: dict[object, object]) -> Pooler:
    environment = dict(_environment(service.get("environment")))
    mode = next((v for k, v in environment.items() if k.endswith("POOL_MODE")), "")
    stated = next((v for k, v in environment.items() if k.endswith("MAX_PREPARED_STATEMENTS")), "")
    prepared = int(stated) if _NUMBER.fullmatch(stated) else _by_image(str(service.get("image", "")))
    return Pooler(source.name, _line_of(source.text, name), "PgBouncer", mode.lower(), host=name, prepared=prepared)


def _environment(given: object) -> Iterator[tuple[str, str]]:
    if isinstance(given, dict):
        yield from ((str(key), str(value)) for key, value in given.items())
    elif isinstance(given, list):
        for item in given:
            key, _, value = str(item).partition("=")
            yield key, value


def _by_image(image: str) -> int | None:
    """PgBouncer keeps prepared statements working by default from 1.24 on."""
    tag = _TAG.search(image)
    return 200 if tag and (int(tag[1]), int(tag[2])) >= _PREPARED_BY_DEFAULT else None


def _line_of(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith(f"{name}:"):
            return number
    return 1
