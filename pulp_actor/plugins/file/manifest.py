"""Reads and writes a manifest: one line ``relative_path,sha256,size`` for each file. Streams both ways.

A manifest is what a stranger says. `check` looks at every line before anything else is done: form, paths that lead out of
the repository, and paths that are claimed twice; with a fixed amount of memory, however long the manifest is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pulp_actor.errors import PulpActorError
from pulp_actor.paths import path_fault

#: Longest line, in bytes.
MAX_LINE = 16 * 1024
#: Bits of the table that tells which paths may have been seen before: 8 MiB.
_SEEN_BITS = 1 << 26

#: A line in the form that nearly all have. What it does not match may still be good; `_read_closely` tells.
_LINE = re.compile(rb"([^\r\n\0]+),([0-9a-f]{64}),([0-9]{1,18})\r?\n?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ManifestError(PulpActorError):
    """A manifest that cannot be trusted; the text names its URL, the line and the reason."""

    def __init__(self, url: str, line: int, reason: str) -> None:
        super().__init__(f"{url}, line {line}: {reason}")
        self.url, self.line, self.reason = url, line, reason


class Entry(NamedTuple):
    """One file. ``size`` is in bytes; ``line`` counts from 1."""

    relative_path: str
    digest: str
    size: int
    line: int


def read(lines: Iterable[bytes], url: str) -> Iterator[Entry]:
    """The entries of a manifest. Empty lines are skipped; a path may contain commas.

    Raises:
        ManifestError: at the first line that is malformed or whose path leads out of the repository.
    """
    match = _LINE.fullmatch
    for number, raw in enumerate(lines, 1):
        found = match(raw) if len(raw) <= MAX_LINE else None
        if found is None:
            if raw.strip():
                yield _read_closely(raw, url, number)
            continue
        path = _decode(found[1], url, number)
        # Only a path with one of these can be at fault.
        if ("/" in path or "." in path) and (reason := path_fault(path)):
            raise ManifestError(url, number, reason)
        yield Entry(path, found[2].decode(), int(found[3]), number)


def _read_closely(raw: bytes, url: str, number: int) -> Entry:
    """The entry of a line that is not quite as usual, or the reason why it is none."""
    if len(raw) > MAX_LINE:
        raise ManifestError(url, number, f"it is longer than {MAX_LINE} bytes")
    try:
        path, digest, size = _decode(raw.rstrip(b"\r\n"), url, number).rsplit(",", 2)
    except ValueError:
        raise ManifestError(url, number, "it is not of the form relative_path,sha256,size") from None
    digest, size = digest.strip().lower(), size.strip()
    if not _DIGEST.fullmatch(digest):
        raise ManifestError(url, number, f"{digest[:80]!r} is no SHA-256 digest")
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        raise ManifestError(url, number, f"{size[:80]!r} is no size")
    reason = path_fault(path)
    if reason:
        raise ManifestError(url, number, reason)
    return Entry(path, digest, int(size), number)


def _decode(text: bytes, url: str, number: int) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise ManifestError(url, number, "it is not UTF-8") from None


def check(lines: Iterable[bytes], again: Iterable[bytes], url: str) -> int:
    """Look at a whole manifest; returns how many entries it has. ``lines`` and ``again`` are the same lines twice.

    Raises:
        ManifestError: as `read`; also for a path that is claimed by two different files.
    """
    seen = bytearray(_SEEN_BITS // 8)
    repeated: set[int] = set()
    count = 0
    for entry in read(lines, url):
        count += 1
        place = hash(entry.relative_path) & (_SEEN_BITS - 1)
        byte, bit = place >> 3, 1 << (place & 7)
        if seen[byte] & bit:
            repeated.add(place)
        seen[byte] |= bit
    if repeated:
        _compare(again, url, repeated)
    return count


def _compare(lines: Iterable[bytes], url: str, places: set[int]) -> None:
    """Compare the entries that share a place in the table, nearly all by chance, by their paths."""
    first: dict[str, Entry] = {}
    for number, raw in enumerate(lines, 1):
        path = raw.rstrip(b"\r\n").rsplit(b",", 2)[0].decode()
        if hash(path) & (_SEEN_BITS - 1) not in places or not raw.strip():
            continue
        entry = next(read((raw,), url))._replace(line=number)
        other = first.setdefault(path, entry)
        if other[1:3] != entry[1:3]:
            raise ManifestError(
                url, entry.line, f"{entry.relative_path!r} is another file than in line {other.line}")


def format_entry(relative_path: str, digest: str, size: int) -> str:
    """One line, with its end."""
    return f"{relative_path},{digest},{size}\n"
