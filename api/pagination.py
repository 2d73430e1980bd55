"""Pages of a list: ``limit`` and ``offset`` in, ``count``, ``next``, ``previous`` and ``results`` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pulp_actor.settings import settings

#: Offsets beyond this are beyond any list; PostgreSQL takes 64 bits.
MAX_OFFSET = 2**62


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for. Numbers that make no sense are put right and not refused: a limit that is not
    positive is the default one, one that is too high is the highest, a negative offset is 0."""

    limit: int
    offset: int

    @classmethod
    def of(cls, params: Mapping[str, Sequence[str]]) -> Page:
        limit = _number(params, "limit", 0)
        offset = _number(params, "offset", 0)
        return cls(
            min(limit, settings.MAX_PAGE_SIZE) if limit > 0 else min(settings.PAGE_SIZE, settings.MAX_PAGE_SIZE),
            min(max(offset, 0), MAX_OFFSET),
        )

    def body(self, url: str, params: Mapping[str, Sequence[str]], count: int, results: list[Any]) -> dict[str, Any]:
        """The page on the wire. ``url`` is the list's own, without a query."""
        behind = self.offset + self.limit
        return {
            "count": count,
            "next": self._link(url, params, behind) if behind < count else None,
            "previous": self._link(url, params, self.offset - self.limit) if self.offset > 0 else None,
            "results": results,
        }

    def _link(self, url: str, params: Mapping[str, Sequence[str]], offset: int) -> str:
        rest = [(name, text) for name, texts in params.items() if name not in ("limit", "offset") for text in texts]
        moved = [("offset", str(offset))] if offset > 0 else []
        return f"{url}?{urlencode([('limit', str(self.limit)), *moved, *rest])}"


def _number(params: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    texts = params.get(name)
    if not texts or len(texts[-1]) > 30:
        return default
    try:
        return int(texts[-1])
    except ValueError:
        return default
