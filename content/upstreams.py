"""Downloaders that are kept for the next file of the same remote: their connections stay open, and their TLS is set up once.

A remote that has been changed gets a new one; the old one is closed when nobody uses it any more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from pulp_actor.models import Remote
from pulp_actor.sync.download import Downloader

#: Remotes whose downloaders are kept while nobody uses them.
KEPT = 64
#: Further attempts with one remote before the next is tried: a client waits.
MAX_RETRIES = 1


class Upstreams:
    """Downloaders by remote. One per process, used from the event loop only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, datetime], Downloader] = OrderedDict()
        self._users: dict[Downloader, int] = {}

    @asynccontextmanager
    async def use(self, remote: Remote) -> AsyncIterator[Downloader]:
        """A downloader for ``remote``, for the length of the block."""
        key = (remote.id, remote.pulp_last_updated)
        downloader = self._kept.get(key)
        if downloader is None:
            downloader = self._kept[key] = Downloader(remote)
            downloader.retries = min(downloader.retries, MAX_RETRIES)
        self._kept.move_to_end(key)
        self._users[downloader] = self._users.get(downloader, 0) + 1
        try:
            yield downloader
        finally:
            self._users[downloader] -= 1
            await self._close_unused()

    async def close(self) -> None:
        """Close all; whatever still downloads fails."""
        for downloader in self._kept.values():
            await downloader.__aexit__(None, None, None)
        self._kept.clear()

    async def _close_unused(self) -> None:
        newest = dict(sorted(self._kept))
        surplus = len(self._kept) - KEPT
        for key, downloader in list(self._kept.items()):
            if self._users[downloader]:
                continue
            if surplus > 0 or newest[key[0]] != key[1]:
                surplus -= 1
                del self._kept[key], self._users[downloader]
                await downloader.__aexit__(None, None, None)
