"""Computes several digests of one stream of bytes at once. Knows nothing of files or artifacts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from pulp_actor.settings import settings


class Digester:
    """Feed it bytes; read ``size`` and ``digests``. SHA-256 is always among them, because it names the artifact.

    hashlib lets go of the interpreter's lock while it hashes a large buffer, so `update` may run in a thread.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        wanted = dict.fromkeys([*(settings.ALLOWED_CONTENT_CHECKSUMS if names is None else names), "sha256"])
        self._hashes: dict[str, Any] = {name: hashlib.new(name, usedforsecurity=False) for name in wanted}
        self.size = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        for digest in self._hashes.values():
            digest.update(data)
        self.size += len(data)

    @property
    def digests(self) -> dict[str, str]:
        """Name to lower-case hexadecimal digest of what was fed so far."""
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}

    def mismatches(self, expected: dict[str, Any], size: int | None = None) -> list[str]:
        """The names (of digests, or ``size``) in which the bytes differ from what they should be.

        ``expected`` maps a digest's name to its value; None, and digests that were not computed, are not compared.
        """
        actual = self.digests
        wrong = [name for name, value in expected.items() if value and name in actual and actual[name] != value.lower()]
        if size is not None and size != self.size:
            wrong.append("size")
        return wrong
