"""Reads ``.sql`` files: SQL that matters to correctness or speed stands in one, each query named and described.

    -- name: claim
    -- Take the next ready message of some queues.
    SELECT ...
"""

from __future__ import annotations

import re
from importlib import resources

_HEADER = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries:
    """The named queries of one file, read as attributes."""

    def __init__(self, texts: dict[str, str]):
        self.__dict__.update(texts)

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"no query named {name}")


def load_queries(package: str, filename: str) -> Queries:
    """Read ``filename`` beside the Python package ``package``."""
    text = resources.files(package).joinpath(filename).read_text()
    parts = _HEADER.split(text)[1:]
    return Queries({name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})
