"""A file that another process of this machine downloads, as it grows. Knows nothing of sources, claims and clients."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

#: Bytes that are read and hashed at a time.
CHUNK = 1024 * 1024


class Growing:
    """Open it while the other process still writes; it may be moved or removed meanwhile.

    Raises:
        FileNotFoundError: there is no such file (any more).
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = 0
        self._digest = hashlib.sha256()

    def catch_up(self) -> int:
        """Hash what has been added since the last time; returns the size. Blocks."""
        while chunk := os.pread(self.descriptor, CHUNK, self.size):
            self._digest.update(chunk)
            self.size += len(chunk)
        return self.size

    @property
    def has_grown(self) -> bool:
        return os.fstat(self.descriptor).st_size > self.size

    def is_whole(self, size: int | None, sha256: str | None) -> bool:
        """Whether what has been caught up with is all of the file with this size and digest."""
        return (self.size, self._digest.hexdigest()) == (size, sha256)

    def close(self) -> None:
        os.close(self.descriptor)
