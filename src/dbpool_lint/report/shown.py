"""What of the user's text may be shown? No password, and nothing that could drive a terminal.

Names of files, source lines and messages all come from input that may be hostile: escape sequences, text
that runs right to left, half of a surrogate pair. They are shown the way Python spells them in a string.
"""

from __future__ import annotations

import re
import unicodedata

TAB = 4
_STARS = "***"
# The bounds keep a hostile line of many megabytes from taking quadratic time. A password may hold `/`, `:`
# and further `@`: too much is masked rather than too little.
_PASSWORD = re.compile(r"://[^\s:/@]{0,1024}:(?P<password>[^\s@]{1,1024}(?:@[^\s/?#@'\"]{0,1024}(?=@))*)@")
_DRIVES_TERMINALS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_WIDTH = frozenset({"Mn", "Me"})


def masked(text: str) -> str:
    """The text with the password of every `scheme://user:password@` replaced by three stars."""
    if "://" not in text:
        return text
    return _PASSWORD.sub(lambda found: found[0][: found.start("password") - found.start()] + _STARS + "@", text)


def escaped(text: str) -> str:
    """The text with control, direction and surrogate characters spelled out, line ends and tabs too."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def shown(text: str) -> str:
    """The text as one line that is fit for a terminal: masked, then escaped."""
    return escaped(masked(text))


def shown_lines(text: str) -> str:
    """As `shown`, for text of several lines: line feeds and tabs stay."""
    return "".join(character if character in "\n\t" else _spelled(character) for character in masked(text))


def cells(line: str) -> list[str]:
    """One line of source, character by character, as it is shown.

    The list is as long as the line, so that columns still count; the characters of a password share three
    stars, a tab is as many blanks as reach the next tab stop.
    """
    shows = list(line)
    for found in _PASSWORD.finditer(line):
        start, end = found.span("password")
        shows[start:end] = [_STARS, *[""] * (end - start - 1)]
    at = 0
    for index, show in enumerate(shows):
        shows[index] = " " * (TAB - at % TAB) if show == "\t" else escaped(show)
        at += width(shows[index])
    return shows


def width(text: str) -> int:
    """How many columns of a terminal the (escaped) text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _spelled(character: str) -> str:
    if unicodedata.category(character) not in _DRIVES_TERMINALS:
        return character
    return character.encode("unicode_escape").decode("ascii")
