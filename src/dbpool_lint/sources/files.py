"""What does a file say, byte for byte, and how is it written back without losing any of that?"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import os
import stat
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dbpool_lint.model import Problem, Source

MAX_BYTES = 20_000_000
"""The size of the largest file that is read; a person has not written a longer one."""

_NOT_ASCII = bytes(range(128)) + b"?" * 128


def read(path: Path, name: str) -> Source | Problem:
    """Read a file once; a link is followed. What cannot be read or decoded is a Problem, nothing is raised."""
    try:
        data = _bytes(path)
    except (OSError, ValueError) as error:
        return Problem(name, 0, f"cannot be read: {_reason(error)}")
    if len(data) > MAX_BYTES:
        return Problem(name, 0, f"is larger than {MAX_BYTES // 1_000_000} MB")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Problem(name, 1, "is UTF-16, which Python does not take")
    if b"\0" in data:
        return Problem(name, _line(data, data.index(b"\0")), "has a NUL byte")
    return _decoded(path, name, data)


def encode(source: Source, text: str) -> bytes:
    """The bytes of `text` in the encoding of `source`, with its byte order mark; line ends are those of `text`.

    Raises UnicodeError if the encoding has no place for a character.
    """
    return codecs.BOM_UTF8 * source.bom + text.encode(source.encoding)


def write(source: Source, text: str) -> Problem | None:
    """Put `text` in the place of a file, whole or not at all. Returns why not; then the file is as it was.

    The new file appears by a rename in the same folder, with the mode and, if allowed, the owner of the old one. A link
    stays a link: its target is written, unless that is outside of the project. A file that is no longer what `read`
    saw is refused.
    """
    try:
        reason = _unfaithful(source, text)
        if not reason:
            target = Path(os.path.realpath(source.path))
            reason = _forbidden(source, target) or _replace(source, target, encode(source, text))
    except (OSError, ValueError) as error:
        reason = _reason(error)
    return Problem(source.name, 0, f"not written: {reason}") if reason else None


def _bytes(path: Path) -> bytes:
    """At most one byte more than is accepted. A pipe or a device could block for ever, so it is not opened."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise ValueError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _decoded(path: Path, name: str, data: bytes) -> Source | Problem:
    try:
        encoding, bom = _declared(data)
    except SyntaxError as error:
        return Problem(name, _cookie_line(data), f"has no usable encoding declaration: {error}")
    try:
        text = _decode(data.removeprefix(codecs.BOM_UTF8) if bom else data, encoding)
    except UnicodeDecodeError as error:
        at = error.start + (len(codecs.BOM_UTF8) if bom else 0)
        return Problem(name, _line(data, at), f"is not valid {encoding}: {error.reason}")
    except (LookupError, ValueError) as error:
        return Problem(name, _cookie_line(data), f"cannot be decoded as {encoding}: {error}")
    return Source(path, name, text, encoding, bom, _digest(data))


def _declared(data: bytes) -> tuple[str, bool]:
    """The encoding, and whether there is a byte order mark. Raises SyntaxError for an unknown or contradictory one."""
    bom = data.startswith(codecs.BOM_UTF8)
    stream = io.BytesIO(data)
    head = stream.readline() + stream.readline()
    # tokenize wants UTF-8 up to the cookie; Python itself does not, and a wrong byte is to be found with its line
    plain = head.removeprefix(codecs.BOM_UTF8).translate(_NOT_ASCII)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(codecs.BOM_UTF8 * bom + plain).readline)
    return ("utf-8" if bom else encoding), bom


def _decode(data: bytes, encoding: str) -> str:
    if encoding == "utf-8":
        return data.decode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of codecs that nobody should declare, such as unicode_escape
        return data.decode(encoding)


def _unfaithful(source: Source, text: str) -> str:
    """Why the new file would not keep to the encoding of the old one; empty if it does. Raises UnicodeError."""
    kept = f"in the encoding {source.encoding} it cannot be written back as it was"
    try:
        if _digest(encode(source, source.text)) != source.digest:
            return kept
        moved = _declared(encode(source, text)) != (source.encoding, source.bom)
    except (LookupError, SyntaxError):
        return kept
    return "the change would move or remove the declaration of its encoding" if moved else ""


def _forbidden(source: Source, target: Path) -> str:
    parts = PurePosixPath(source.name).parts
    known = source.path.parts[-len(parts) :] == parts
    root = source.path.parents[len(parts) - 1] if known else source.path.parent
    if not target.is_relative_to(os.path.realpath(root)):
        return "it is a link to outside of the project"
    return "" if os.access(target, os.W_OK) else "no permission to write it"


def _replace(source: Source, target: Path, data: bytes) -> str:
    """Why the file was left alone; empty if it was replaced. Raises OSError."""
    with _beside(target) as temporary:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _take_after(target, temporary)
        if _digest(_bytes(target)) != source.digest:
            return "it has changed on disk since it was read"
        temporary.replace(target)
    _sync(target.parent)
    return ""


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new empty file in the same folder, gone at the end unless it has been renamed."""
    import tempfile

    number, name = tempfile.mkstemp(prefix=".dbpool-lint-", suffix=".tmp", dir=target.parent)
    os.close(number)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _take_after(old: Path, new: Path) -> None:
    status, own = old.stat(), new.stat()
    if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
        with contextlib.suppress(PermissionError):
            os.chown(new, status.st_uid, status.st_gid)
    new.chmod(stat.S_IMODE(status.st_mode))


def _sync(folder: Path) -> None:
    """Make the rename last through a crash, where the system can do that for folders."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _cookie_line(data: bytes) -> int:
    return 1 if b"coding" in data.partition(b"\n")[0] or data.startswith(codecs.BOM_UTF8) else 2


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
