"""A small download that stays in memory until it is stored: making a file can cost more than downloading its bytes.

Has the interface of a `TemporaryFile`; its file is made when somebody asks for the path.
"""

from __future__ import annotations

from pathlib import Path

from pulp_actor.storage import Digester, Storage, TemporaryFile

#: Most bytes that are kept in memory for one download.
MEMORY_SIZE = 32 * 1024


class MemoryFile(TemporaryFile):
    """Bytes with their digests, and a file only if need be. ``write_out`` blocks; so does the first use of ``path``."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._digester = Digester()
        self._parts: list[bytes] = []
        self._written: TemporaryFile | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._parts.append(bytes(data))
        self._digester.update(data)

    def write_out(self) -> None:
        """Make the file, once. Raises StorageError."""
        if self._written is None:
            # The digests are known; this one's single digest is the least that a digester can be had with.
            written = self._storage.new_temporary(Digester(()))
            try:
                written.write(b"".join(self._parts))
            except BaseException:
                written.discard()
                raise
            written.close()
            self._written = written
            self._parts = []

    @property
    def path(self) -> Path:  # type: ignore[override]
        self.write_out()
        assert self._written is not None
        return self._written.path

    def close(self) -> None:
        """There is nothing open."""

    def discard(self) -> None:
        self._parts = []
        if self._written is not None:
            self._written.discard()
