"""Finds out what a path means: which distribution, what that serves, and which file. The questions block; the resolver asks
them in threads, once for any number of clients that want to know the same, and remembers the answers.

Must never decide who may have a file: that is the guards' part, on every hit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any

from content.cache import Cache
from content.checkpoints import find_in_checkpoint
from content.database import UNAVAILABLE, DatabaseThreads
from content.lookup import find, find_view
from content.paths import prefixes
from content.views import NOTHING, Resolution, View
from pulp_actor.settings import settings

#: Seconds for which a database that could not be reached is not asked about paths that are in memory.
AWAY = 0.25
#: Seconds for which a database that says nothing is waited for, when the answer that it gave before is in memory.
SILENCE = 1.0


class Resolver:
    """Answers from memory where it can. One per process, used from the event loop only."""

    def __init__(self, threads: DatabaseThreads, cache: Cache) -> None:
        self._threads = threads
        self._cache = cache
        self._asking: dict[Hashable, asyncio.Future[Any]] = {}
        self._away_until = 0.0

    async def view(self, path: str) -> tuple[View | None, str]:
        """The view that serves ``path`` (domain first where domains are on), and what follows its base path.

        Raises:
            content.database.UNAVAILABLE: the database is away and the answer is not in memory.
        """
        domain, path = _split_domain(path)
        bases = prefixes(path)
        for base in reversed(bases):
            if view := self._cache.get(("view", domain, base)):
                return view, path[len(base) + 1:]
        try:
            view = await self._once(("view", domain, path), find_view, domain, bases)
        except UNAVAILABLE:
            for base in reversed(bases):
                if view := self._cache.get_stale(("view", domain, base)):
                    return view, path[len(base) + 1:]
            raise
        return view, path[len(view.base_path) + 1:] if view else path

    async def resolve(self, path: str) -> tuple[Resolution, bool]:
        """What ``path`` means, and whether memory knew.

        Raises:
            content.database.UNAVAILABLE: the database is away and the answer is not in memory.
        """
        if found := self._cache.get(("path", path)):
            return found, True
        stale = self._cache.get_stale(("path", path))
        if stale and time.monotonic() < self._away_until:
            return stale, True
        try:
            async with asyncio.timeout(SILENCE if stale else None):
                return await self._resolve(path), False
        except (TimeoutError, *UNAVAILABLE):
            self._away_until = time.monotonic() + AWAY
            if stale:
                return stale, True
            raise

    def forget(self, path: str) -> None:
        """Ask anew when ``path`` is wanted next."""
        self._cache.drop(("path", path))

    async def _resolve(self, path: str) -> Resolution:
        before = self._cache.generation
        view, rest = await self.view(path)
        if view is None:
            found = NOTHING
        else:
            self._cache.put(("view", view.domain, view.base_path), view, before)
            question = find_in_checkpoint if view.checkpoint else find
            found = await self._once(("path", view.distribution_id, rest), question, view, rest)
        # A file without bytes may have them in a moment, saved by another process that announces it to nobody.
        if found.file is None or found.file.key is not None:
            self._cache.put(("path", path), found, before, negative=found.file is None and not found.directory)
        return found

    async def _once(self, key: Hashable, question: Callable[..., Any], *args: Any) -> Any:
        """Ask the database, together with all who ask the same since the last change."""
        key = (self._cache.generation, key)
        future = self._asking.get(key)
        if future is None:
            future = asyncio.ensure_future(self._threads.run(question, *args))
            self._asking[key] = future
            future.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(future)


def _split_domain(path: str) -> tuple[str, str]:
    if not settings.DOMAIN_ENABLED:
        return "default", path
    domain, _, rest = path.partition("/")
    return domain, rest
