"""What do `.env` files say? Their variables, by python-dotenv; passwords in URLs are cut here."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from dbpool_lint.deploy.model import EnvValue
from dbpool_lint.model import Source

_SECRET = re.compile(r"(?<=://)[^@/\s]*@")
_RELEVANT = re.compile(r"(?i)://|bouncer|pool|database|^db|postgres|mysql|sql")


def read(source: Source) -> Iterator[EnvValue]:
    """The variables of the file that may speak of a database; what is no assignment is passed over."""
    from dotenv.parser import parse_stream  # only where there is such a file

    for binding in parse_stream(io.StringIO(source.text)):
        if binding.error or binding.key is None or binding.value is None:
            continue
        if _RELEVANT.search(binding.key) or _RELEVANT.search(binding.value):
            value = _SECRET.sub("", binding.value)
            yield EnvValue(binding.key, value, source.name, binding.original.line)
