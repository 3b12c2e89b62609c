"""What do `.env` files say? Their variables, by python-dotenv; passwords in URLs are cut here."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from dbpool_lint.deploy.model import EnvValue
from dbpool_lint.model import Source

_SECRET_NAME = re.compile(r"(?i)passw|pwd|secret|token")
_SECRET = re.compile(r"(?i)((?:password|passwd|pwd)\s*=\s*)(?:'[^']*'?|[^\s&;']+)")
_RELEVANT = re.compile(r"(?i)://|bouncer|pool|database|^db|postgres|mysql|sql")


def read(source: Source) -> Iterator[EnvValue]:
    """The variables of the file that may speak of a database; what is no assignment is passed over."""
    from dotenv.parser import parse_stream  # only where there is such a file

    for binding in parse_stream(io.StringIO(source.text)):
        if binding.error or binding.key is None or binding.value is None:
            continue
        if _RELEVANT.search(binding.key) or _RELEVANT.search(binding.value):
            value = "" if _SECRET_NAME.search(binding.key) else _without_secrets(binding.value)
            yield EnvValue(binding.key, value, source.name, binding.original.line)


def _without_secrets(value: str) -> str:
    """A text without user and password of the URLs in it: rather too much is cut than too little."""
    scheme, mark, rest = value.partition("://")
    return _SECRET.sub(r"\1", scheme + mark + rest.rpartition("@")[2])
