"""One stream of bytes over several files of bounded size, and the table of contents that vouches for each of them.

Files are written under names that nobody looks for, and get their own names at the very end, the table of contents last:
whoever finds it finds everything. Must never know what is in the stream.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pulp_actor.storage.base import fsync_directory, storage_error
from pulp_actor.transfer.errors import ArchiveRefused, TransferError

#: What a table of contents calls itself.
KIND = "pulp-actor archive: table of contents"
#: Most bytes that one may have: some hundred thousand files' digests.
TOC_LIMIT = 32 * 1024 * 1024
_UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
#: Least and most bytes in a chunk, and most chunks.
SMALLEST, LARGEST, MOST = 4096, 1024**4, 100_000
_NAME, _DIGEST = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,254}"), re.compile(r"[0-9a-f]{64}")


def parse_size(text: str) -> int:
    """Bytes in ``10MB``, ``1GB`` and the like. Raises ValueError, with a sentence for the user."""
    digits = text.strip().rstrip("KMGTBkmgtb")
    unit = text.strip()[len(digits):].upper() or "B"
    if not digits.strip().isdecimal() or unit not in _UNITS or len(digits) > 15:
        raise ValueError("A size is a whole number and one of B, KB, MB, GB or TB.")
    size = int(digits) * _UNITS[unit]
    if not SMALLEST <= size <= LARGEST:
        raise ValueError("A chunk has at least 4KB and at most 1TB.")
    return size


class ChunkWriter:
    """Splits what is written into files of at most ``chunk_size`` bytes (None: one file).

    Attributes:
        digests: name of each finished file -> its SHA-256, in order.
    """

    def __init__(self, directory: Path, name: str, chunk_size: int | None) -> None:
        self._directory, self._name, self._chunk_size = directory, name, chunk_size
        self._file: BinaryIO | None = None
        self._current = ""
        self._room = 0
        self._hash = hashlib.sha256()
        self.digests: dict[str, str] = {}
        self.size = 0

    def write(self, data: bytes) -> None:
        """Raises StorageError, StorageFull."""
        view = memoryview(data)
        try:
            while view:
                if self._file is None:
                    self._file = self._next()
                part = view if self._chunk_size is None else view[:self._room]
                part = part[:self._file.write(part)]
                self._hash.update(part)
                self.size += len(part)
                self._room -= len(part)
                view = view[len(part):]
                if self._chunk_size is not None and not self._room:
                    self._end()
        except OSError as error:
            raise storage_error(error) from error

    def close(self) -> None:
        """Finish the last file. Raises StorageError, StorageFull."""
        try:
            self._end()
        except OSError as error:
            raise storage_error(error) from error

    def abandon(self) -> None:
        """Close: what was written is not wanted any more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next(self) -> BinaryIO:
        self._current = self._name if self._chunk_size is None else f"{self._name}.{len(self.digests):04}"
        if len(self.digests) >= MOST:
            raise TransferError(f"the archive needs more than {MOST} chunks: make them larger")
        self._room, self._hash = self._chunk_size or 0, hashlib.sha256()
        # Unbuffered, so that a full disk is found by the write and not by closing.
        return (self._directory / self._current).open("xb", buffering=0)

    def _end(self) -> None:
        if self._file is None:
            return
        os.fsync(self._file.fileno())
        self.abandon()
        self.digests[self._current] = self._hash.hexdigest()


@contextmanager
def written_together(directory: Path, private: str) -> Iterator[Path]:
    """A new private folder in ``directory``; when the block ends well, its files move up, in the order in which they were
    made, and else everything goes. What a killed process left under the same private name is dropped first.

    Raises:
        StorageError, StorageFull
    """
    folder = directory / private
    try:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        for file in sorted(folder.iterdir(), key=lambda one: (one.name.endswith(".json"), one.name)):
            os.replace(file, directory / file.name)
        fsync_directory(directory)
    except OSError as error:
        raise storage_error(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Toc:
    """A table of contents.

    Attributes:
        directory: where it and the files it names are.
        files: name -> SHA-256 (None: not known), in order of the stream.
        chunk_size: bytes in each file but the last; None: there is one file.
    """

    directory: Path
    files: Mapping[str, str | None]
    chunk_size: int | None

    def as_json(self, name: str, size: int) -> dict[str, Any]:
        return {
            "kind": KIND, "format": 1, "meta": {"file": name, "size": size, "chunk_size": self.chunk_size},
            "files": dict(self.files),
        }

    def missing(self) -> list[str]:
        """The files that are not there."""
        return [name for name in self.files if not (self.directory / name).is_file()]


def write_toc(path: Path, toc: Toc, name: str, size: int) -> str:
    """Write a table of contents; returns its SHA-256. Raises OSError."""
    data = json.dumps(toc.as_json(name, size), indent=1).encode() + b"\n"
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()


def read_toc(path: Path) -> Toc:
    """Read a table of contents.

    Raises:
        ArchiveRefused: it cannot be read, is none, or names something else than files beside it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(TOC_LIMIT + 1)
        found = json.loads(data) if len(data) <= TOC_LIMIT else None
    except (OSError, ValueError, RecursionError) as error:
        raise ArchiveRefused(f"the table of contents {path} cannot be read: {error}") from None
    if not isinstance(found, dict) or found.get("kind") != KIND or found.get("format") != 1:
        raise ArchiveRefused(f"{path} is not a table of contents of an archive")
    files, meta = found.get("files"), found.get("meta")
    if not isinstance(files, dict) or not files or not isinstance(meta, dict):
        raise ArchiveRefused(f"the table of contents {path} names no files")
    for name, digest in files.items():
        if not _NAME.fullmatch(name) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise ArchiveRefused(f"the table of contents {path} has a bad entry: {name[:200]!r}")
    size = meta.get("chunk_size")
    return Toc(path.parent, files, size if isinstance(size, int) else None)


class ChunkReader:
    """The files of a table of contents as one stream. Each is checked against its digest as it ends."""

    def __init__(self, toc: Toc) -> None:
        self._toc = toc
        self._names = iter(toc.files)
        self._name = ""
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end. Raises ArchiveRefused if a file is missing or is not what it should be."""
        while size:
            if self._file is None and not self._open_next():
                return b""
            assert self._file is not None
            try:
                data = self._file.read(size)
            except OSError as error:
                raise ArchiveRefused(f"{self._name} cannot be read: {error.strerror}") from None
            if data:
                self._hash.update(data)
                return data
            self._check()
        return b""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_next(self) -> bool:
        self._name = next(self._names, "")
        if not self._name:
            return False
        try:
            self._file = open_regular(self._toc.directory / self._name)
        except OSError as error:
            raise ArchiveRefused(f"{self._name} cannot be read: {error.strerror}") from None
        self._hash = hashlib.sha256()
        return True

    def _check(self) -> None:
        self.close()
        wanted = self._toc.files[self._name]
        if wanted is not None and self._hash.hexdigest() != wanted:
            raise ArchiveRefused(f"{self._name} is damaged: its digest is not the one in the table of contents")


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file that is no link, for reading. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not path.is_file():
        file.close()
        raise OSError(0, "it is not a regular file")
    return file
