"""What do compose files say of poolers? Services that run a PgBouncer image, by PyYAML's safe loader."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dbpool_lint.deploy.model import Pooler
from dbpool_lint.model import Problem, Source

_TAG = re.compile(r":v?(\d+)\.(\d+)")
_PREPARED_BY_DEFAULT = (1, 24)
_LARGEST = 1_000_000


def read(source: Source) -> Iterator[Pooler | Problem]:
    """The poolers among the services of a compose file."""
    if "bouncer" not in source.text.lower() or len(source.text) > _LARGEST:
        return
    import yaml  # only where a file mentions a pooler

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source.text, yaml.SafeLoader)):
            return  # what anchors and aliases come to is not worked out here
        document = yaml.safe_load(source.text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        yield Problem(source.name, mark.line + 1 if mark else 0, "cannot be read as YAML")
        return
    services = document.get("services") if isinstance(document, dict) else None
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict) and "bouncer" in str(service.get("image", "")).lower():
            yield _pooler(source, str(name), service)


def _pooler(source: Source, name: str, service: dict[object, object]) -> Pooler:
    environment = dict(_environment(service.get("environment")))
    mode = next((v for k, v in environment.items() if k.endswith("POOL_MODE")), "")
    stated = next((v for k, v in environment.items() if k.endswith("MAX_PREPARED_STATEMENTS")), "")
    prepared = int(stated) if stated.isascii() and stated.isdigit() else _by_image(str(service.get("image", "")))
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
