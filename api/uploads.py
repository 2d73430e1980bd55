"""Files that a request brings: streamed into the object store's temporary space, with their digests and size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pulp_actor.errors import ValidationError
from pulp_actor.storage import TemporaryFile, get_storage

CHUNK = 256 * 1024


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def receive(stream: Readable) -> TemporaryFile:
    """Read a stream to its end into a temporary file, which the caller discards."""
    temporary = get_storage().new_temporary()
    try:
        while chunk := stream.read(CHUNK):
            temporary.write(chunk)
    except BaseException:
        temporary.discard()
        raise
    return temporary


def check_received(file: TemporaryFile, expected: Mapping[str, Any], size: int | None = None) -> None:
    """Raises ValidationError unless the file has the digests and the size that the client says it has."""
    wrong = file.mismatches(dict(expected), size)
    if wrong:
        raise ValidationError({"non_field_errors": [f"The file's {' and '.join(wrong)} is not what was announced."]})
