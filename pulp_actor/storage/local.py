"""The store in a directory of this machine. Must never leave a half-written key, whatever dies when."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pulp_actor.storage.base import CHUNK_SIZE, Storage, StorageError, Usage, check_room, storage_error

#: Flushes to disk that are under way at once: the disk merges neighbours, which a single caller would wait for one by one.
FLUSHERS = 8


class LocalStorage(Storage):
    """Keys are files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def local_path(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise StorageError(f"{key!r} is not a key")
        return self.root.joinpath(*parts)

    def put_file(self, source: Path, key: str) -> None:
        self.put_files([(source, key)])

    def put_files(self, files: Iterable[tuple[Path, str]]) -> None:
        pairs = [(source, self.local_path(key)) for source, key in files]
        try:
            directories = self._make_directories({target.parent for _, target in pairs})
            check_room(self.root)
            _flush([source for source, _ in pairs])
            for source, target in pairs:
                _move(source, target)
            _flush(directories)
        except OSError as error:
            raise storage_error(error) from error

    def _make_directories(self, parents: set[Path]) -> set[Path]:
        """Make those that are not there. Returns all directories whose entries have to be made durable."""
        missing = [parent for parent in parents if not parent.is_dir()]
        for parent in missing:
            parent.mkdir(parents=True, exist_ok=True)
        return parents.union(
            ancestor for parent in missing for ancestor in parent.parents if ancestor.is_relative_to(self.root))

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        file = self.local_path(key).open("rb")

        def chunks() -> Iterator[bytes]:
            with file:
                file.seek(start)
                left = None if end is None else end - start
                while chunk := file.read(CHUNK_SIZE if left is None else min(CHUNK_SIZE, left)):
                    yield chunk
                    if left is not None:
                        left -= len(chunk)

        return chunks()

    def size(self, key: str) -> int:
        return self.local_path(key).stat().st_size

    def delete(self, key: str) -> None:
        self.local_path(key).unlink(missing_ok=True)

    def check(self) -> None:
        # A file without a name: a directory that is there and read-only, or full, is no store either.
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"0")
        except OSError as error:
            raise storage_error(error) from error

    def usage(self) -> Usage:
        self.root.mkdir(parents=True, exist_ok=True)
        total, used, free = shutil.disk_usage(self.root)
        return Usage(total, used, free)


def _flush(paths: Collection[Path]) -> None:
    """Make files, or the entries of directories, durable."""
    if len(paths) == 1:
        _flush_one(*paths)
        return
    with ThreadPoolExecutor(FLUSHERS) as pool:
        for _ in pool.map(_flush_one, paths):
            pass


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The source lies on another filesystem: copy beside the target, then rename.
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            shutil.copyfile(source, beside)
            _flush_one(beside)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
        source.unlink()
