"""The archive as bytes: a plain tar of regular files, written and read as a stream, member after member.

Headers are read one by one and not with `tarfile`'s reader, which follows extensions (long names, sparse files, pax
headers of any length) before anybody can refuse them. What is accepted is exactly what `Writer` writes: regular files with
short relative names. Must never know what the members mean.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import Protocol

from pulp_actor.transfer.errors import ArchiveRefused

BLOCK = tarfile.BLOCKSIZE
#: Bytes that are read at a time.
CHUNK_SIZE = 256 * 1024
#: Two blocks of zeros end a tar.
END = bytes(2 * BLOCK)

_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_KINDS = {
    tarfile.LNKTYPE: "a hard link", tarfile.SYMTYPE: "a symbolic link", tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a pipe", tarfile.DIRTYPE: "a directory",
}


class Target(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes) -> object: ...


class Source(Protocol):
    """What an archive is read from; fewer bytes than asked for mean that it ends."""

    def read(self, size: int) -> bytes: ...


class Writer:
    """Writes members; call `close` at the end."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.members = 0

    def add(self, name: str, size: int, data: Iterable[bytes]) -> None:
        """Write one member, whose ``data`` must come to ``size`` bytes.

        Raises:
            ValueError: it does not.
        """
        header = tarfile.TarInfo(name)
        header.size = size
        self._target.write(header.tobuf(format=tarfile.GNU_FORMAT))
        written = 0
        for chunk in data:
            written += len(chunk)
            if written <= size:
                self._target.write(chunk)
        if written != size:
            raise ValueError(f"{name} has {written} bytes and not {size}")
        self._target.write(bytes(-size % BLOCK))
        self.members += 1

    def close(self) -> None:
        """Write the end of the archive."""
        self._target.write(END)


class Member:
    """One file of an archive. Its bytes must be read before the next member is asked for."""

    def __init__(self, name: str, size: int, source: Source) -> None:
        self.name, self.size = name, size
        self._source, self._left = source, size

    def chunks(self) -> Iterator[bytes]:
        """The bytes that have not been read yet. Raises ArchiveRefused if the archive ends before they do."""
        while self._left:
            chunk = self._source.read(min(CHUNK_SIZE, self._left))
            if not chunk:
                raise ArchiveRefused(f"the archive ends in the middle of {self.name}")
            self._left -= len(chunk)
            yield chunk

    def read(self, limit: int) -> bytes:
        """All bytes. Raises ArchiveRefused if there are more than ``limit``."""
        if self.size > limit:
            raise ArchiveRefused(f"{self.name} has {self.size} bytes, more than the {limit} that it may have")
        return b"".join(self.chunks())


def read_members(source: Source) -> Iterator[Member]:
    """The members of an archive, in their order.

    Raises:
        ArchiveRefused: it is no tar, is cut short, or has a member that is no regular file or has a name that leads
            somewhere else than below the archive's root.
    """
    while True:
        block = _exactly(source, BLOCK, "a header")
        if not any(block):
            if any(_exactly(source, BLOCK, "its end")) or source.read(1):
                raise ArchiveRefused("something follows the end of the archive")
            return
        member = _member(block, source)
        yield member
        for _ in member.chunks():
            """What the reader left; the padding follows it."""
        _exactly(source, -member.size % BLOCK, f"the padding of {member.name}")


def _member(block: bytes, source: Source) -> Member:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise ArchiveRefused(f"this is not an archive of ours: a header cannot be read ({error})") from None
    name = header.name
    if header.type not in _REGULAR:
        raise ArchiveRefused(f"the archive holds {_KINDS.get(header.type, 'something else than a file')}: {name[:200]!r}")
    if name.startswith("/"):
        raise ArchiveRefused(f"the archive holds an absolute name: {name[:200]!r}")
    if ".." in name.split("/"):
        raise ArchiveRefused(f"the archive holds a name that leads out of it: {name[:200]!r}")
    if header.size < 0:
        raise ArchiveRefused(f"{name} has a negative size")
    return Member(name, header.size, source)


def _exactly(source: Source, size: int, what: str) -> bytes:
    """The next ``size`` bytes. Raises ArchiveRefused if there are fewer."""
    found = b""
    while len(found) < size:
        more = source.read(size - len(found))
        if not more:
            raise ArchiveRefused(f"the archive is cut short: it ends where {what} should be")
        found += more
    return found
