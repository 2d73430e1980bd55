"""Names for objects on a platform that several modules of tests share."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def fresh(word: str) -> str:
    """A name that no other test of this process uses, whichever module it is in; later ones sort after earlier ones."""
    return f"{word}-{next(_numbers):05}"
