"""Reads the path of a request. Must refuse whatever could mean another path to a file system than it says."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

#: Longest path that is looked up, in bytes.
MAX_LENGTH = 4096
#: Longest segment, as file systems have it.
MAX_SEGMENT = 255


class BadPath(ValueError):
    """The path cannot be that of any content."""


def content_path(raw: str, prefix: str) -> str:
    """What follows ``prefix`` in the still encoded path of a request, decoded: ``base/path/dir/file``. A slash at its end
    is kept; the prefix itself is ``""``.

    Raises:
        BadPath: it is not below the prefix, is too long, is not UTF-8, or has a segment that is empty, ``.`` or ``..``.
    """
    if not raw.startswith(prefix):
        raise BadPath(raw)
    encoded = raw[len(prefix):]
    if "%" in encoded:
        try:
            path = unquote_to_bytes(encoded).decode()
        except UnicodeDecodeError:
            raise BadPath(raw) from None
    else:
        path = encoded
    if not path:
        return path
    if len(path) > MAX_LENGTH or "\0" in path:
        raise BadPath(raw)
    for segment in path.removesuffix("/").split("/"):
        if segment in ("", ".", "..") or len(segment) > MAX_SEGMENT:
            raise BadPath(raw)
    return path


def encode(path: str) -> str:
    """``path`` as it stands in a URL."""
    return quote(path, safe="/+-._~@:")


def prefixes(path: str) -> list[str]:
    """``a``, ``a/b``, … : every base path that a distribution of ``a/b/…`` could have."""
    parts = path.removesuffix("/").split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
