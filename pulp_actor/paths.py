"""Relative paths that strangers name: whether one leads to a place below where it starts."""

from __future__ import annotations

_BAD_SEGMENTS = frozenset(("", ".", ".."))


def path_fault(path: str) -> str | None:
    """What is wrong with a relative path, or None: it must lead to a place below the repository."""
    if not path or not _BAD_SEGMENTS.isdisjoint(path.split("/")):
        return f"the path {path[:200]!r} is not a plain relative path"
    if any(character in path for character in "\0\r\n"):
        return f"the path {path[:200]!r} contains a control character"
    return None
