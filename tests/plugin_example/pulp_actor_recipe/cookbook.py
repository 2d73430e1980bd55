"""Reads and writes ``cookbook.json``, the list of recipes that a cookbook consists of:

    {"recipes": [{"path": "soup.txt", "servings": 4, "sha256": "…", "size": 120}]}

Knows no database. What it reads was written by a stranger.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pulp_actor.errors import PulpActorError
from pulp_actor.paths import path_fault

NAME = "cookbook.json"

_DIGEST = re.compile(r"[0-9a-f]{64}")


class CookbookError(PulpActorError):
    """A cookbook that cannot be trusted; the text fails the task, and is what its user reads."""


class Entry(NamedTuple):
    """One recipe. ``size`` is in bytes."""

    path: str
    servings: int
    sha256: str
    size: int


def read(text: bytes, url: str) -> Iterator[Entry]:
    """The recipes in a cookbook from ``url``. Raises CookbookError."""
    try:
        recipes = json.loads(text)["recipes"]
        for recipe in recipes:
            yield _checked(Entry(*(recipe[name] for name in Entry._fields)))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CookbookError(f"{url} is not a cookbook: {type(error).__name__} {error}") from None


def _checked(entry: Entry) -> Entry:
    if fault := path_fault(str(entry.path)):
        raise ValueError(fault)
    if not _DIGEST.fullmatch(str(entry.sha256)):
        raise ValueError(f"{entry.path} has no SHA-256 digest")
    if not all(type(number) is int and 0 < number < 2**31 for number in (entry.servings, entry.size)):
        raise ValueError(f"{entry.path} has no sensible size or number of servings")
    return entry


def write(entries: Iterable[Entry]) -> bytes:
    """The cookbook with these recipes."""
    recipes: list[dict[str, Any]] = [entry._asdict() for entry in entries]
    return json.dumps({"recipes": recipes}, indent=1).encode()
