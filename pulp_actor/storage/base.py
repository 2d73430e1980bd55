"""What an object store can do, and the temporary file by which bytes get into one. Must never know a model.

Keys are relative paths with forward slashes. Writes are atomic: a key holds all of its bytes or does not exist.
"""

from __future__ import annotations

import errno
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pulp_actor.errors import PulpActorError
from pulp_actor.settings import settings
from pulp_actor.storage.digests import Digester

#: Bytes that are read at a time where nothing asks for another size.
CHUNK_SIZE = 256 * 1024
#: Bytes that are written to one file between two looks at how much room there is.
CHECK_INTERVAL = 16 * 1024 * 1024


class StorageError(PulpActorError):
    """The store refused or failed; the text says what and why."""


class StorageFull(StorageError):
    """There is no room left."""


@dataclass(frozen=True)
class Usage:
    """Bytes; ``total`` and ``free`` are None where a store has no bound."""

    total: int | None
    used: int | None
    free: int | None


def artifact_key(sha256: str) -> str:
    """The key of an artifact's bytes: ``artifact/ab/cdef…``."""
    return f"artifact/{sha256[:2]}/{sha256[2:]}"


class TemporaryFile:
    """A file that is being written, with its size and digests as they grow. Close it before it is stored."""

    def __init__(self, path: Path, digester: Digester | None = None) -> None:
        self.path = path
        self._digester = digester or Digester()
        # Unbuffered: a reader that shares the growing file sees each write as soon as it returns.
        self._file: BinaryIO = path.open("xb", buffering=0)
        self._check_at = CHECK_INTERVAL

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append ``data``.

        Raises:
            StorageFull, StorageError
        """
        if self.size >= self._check_at:
            check_room(self.path.parent)
            self._check_at = self.size + CHECK_INTERVAL
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view):]
        except OSError as error:
            raise storage_error(error) from error
        self._digester.update(data)

    @property
    def size(self) -> int:
        return self._digester.size

    @property
    def digests(self) -> dict[str, str]:
        return self._digester.digests

    def mismatches(self, expected: dict[str, str | None], size: int | None = None) -> list[str]:
        """See `Digester.mismatches`."""
        return self._digester.mismatches(expected, size)

    def close(self) -> None:
        self._file.close()

    def discard(self) -> None:
        """Close the file and remove it, if it has not been stored meanwhile."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def storage_error(error: OSError) -> StorageError:
    """The typed form of what the operating system said."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (StorageFull if full else StorageError)(f"the store cannot be written: {error.strerror or error}")


def check_room(directory: Path) -> None:
    """Leave the last of a disk to the database and the logs: `MIN_FREE_SPACE` bytes of it.

    Raises:
        StorageFull: less than that is free on the filesystem of ``directory``.
    """
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize
    if free < settings.MIN_FREE_SPACE:
        raise StorageFull(
            f"the disk is nearly full: {free:,} bytes are free in {directory}, and MIN_FREE_SPACE keeps"
            f" {settings.MIN_FREE_SPACE:,}")


def temporary_directory() -> Path:
    """Where temporary files are made: inside the data directory, so that storing locally is a rename."""
    return settings.data_dir / "tmp"


class Storage(ABC):
    """One object store."""

    #: Whether clients may be sent to the store itself, if it can sign URLs.
    redirects = True

    def new_temporary(self, digester: Digester | None = None) -> TemporaryFile:
        """An empty temporary file; the caller discards it. ``digester``: takes the place of the usual one.

        Raises:
            StorageFull, StorageError
        """
        directory = temporary_directory()
        path = directory / uuid.uuid4().hex
        try:
            try:
                check_room(directory)
            except FileNotFoundError:
                directory.mkdir(parents=True, exist_ok=True)
                check_room(directory)
            return TemporaryFile(path, digester)
        except OSError as error:
            raise storage_error(error) from error

    @contextmanager
    def temporary(self) -> Iterator[TemporaryFile]:
        """A temporary file for the length of the block; what has not been stored by then is removed."""
        temporary = self.new_temporary()
        try:
            yield temporary
        finally:
            temporary.discard()

    def put_files(self, files: Iterable[tuple[Path, str]]) -> None:
        """`put_file` for each of some (source, key)."""
        for source, key in files:
            self.put_file(source, key)

    @abstractmethod
    def put_file(self, source: Path, key: str) -> None:
        """Make ``source`` the bytes of ``key``; durable on return. ``source`` is consumed. The same key twice is
        harmless, because a key is only ever given the same bytes.

        Raises:
            StorageFull, StorageError
        """

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """Where the key's bytes are on this machine's disk, or None where the store is elsewhere. Not checked."""

    @abstractmethod
    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to but without ``end``, in chunks.

        Raises:
            FileNotFoundError: there is no such key; raised before the first chunk.
        """

    @abstractmethod
    def size(self, key: str) -> int:
        """Size in bytes. Raises FileNotFoundError."""

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except FileNotFoundError:
            return False
        return True

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is no error."""

    def signed_url(self, key: str, lifetime: int, filename: str, content_type: str) -> str | None:
        """A URL by which anybody can GET the key for ``lifetime`` seconds, under a file name and media type where the store
        can do that; None if the store has no such URLs. The key is not looked up."""
        return None

    @abstractmethod
    def usage(self) -> Usage: ...

    def check(self) -> None:
        """Find out whether the store can be reached; costs one request to it.

        Raises:
            StorageError: it cannot.
        """
        self.exists(artifact_key("0" * 64))


def fsync_directory(path: Path) -> None:
    """Make a rename into ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
