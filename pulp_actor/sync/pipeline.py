"""The sync pipeline, the building block of every plugin's sync: batches of units flow through stages over bounded queues.

    gather -> resolve (database) -> download (network) -> save (database)

Every stage works on a batch of its own at the same time, and waits when the next one is behind; so memory is bounded by
the batches that are under way, not by the repository. Must never know a type of content or a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pulp_actor.db import database
from pulp_actor.models import Remote
from pulp_actor.sync.batch import Batch, File
from pulp_actor.sync.declared import DeclaredContent
from pulp_actor.sync.download import Downloader
from pulp_actor.sync.sources import Sources
from pulp_actor.sync.store import Store
from pulp_actor.versions import VersionBuilder

#: Units in one batch. Large enough to make statements cheap per unit, small enough to keep memory low.
BATCH_SIZE = 500

Units = Iterable[DeclaredContent] | AsyncIterable[DeclaredContent]


class Pipeline:
    """Brings declared units into the database and into a new version.

    Parameters:
        remote: whose units they are. Its ``policy`` says whether bytes are downloaded now, where they can be later.
        version: what the units are added to.
        downloader: fetches the bytes.
        on_units: called with a number of units that were declared.
        on_downloads: called with a number of artifacts that were downloaded.
    """

    def __init__(
        self, remote: Remote, version: VersionBuilder, downloader: Downloader, *, batch_size: int = BATCH_SIZE,
        on_units: Callable[[int], None] | None = None, on_downloads: Callable[[int], None] | None = None,
    ) -> None:
        self._sources = Sources(downloader)
        self._immediate = remote.policy == "immediate"
        self._store = Store(remote, version, immediate=self._immediate)
        self._batch_size = batch_size
        self._on_units = on_units or _ignore
        self._on_downloads = on_downloads or _ignore
        self._under_way: set[Batch] = set()
        self._leaders: dict[tuple[str, str], File] = {}

    async def run(self, units: Units) -> None:
        """Process all units.

        Raises:
            DownloadError: an artifact cannot be had as it was declared. What was saved before stays, as orphans.
            StorageError: it cannot be saved.
        """
        gathered: asyncio.Queue[Batch | None] = asyncio.Queue(1)
        resolved: asyncio.Queue[Batch | None] = asyncio.Queue(1)
        downloading: asyncio.Queue[tuple[Batch, asyncio.Task[None]] | None] = asyncio.Queue(1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sync-database")
        try:
            await self._in_thread(database.connect)
            async with self._sources, asyncio.TaskGroup() as group:
                group.create_task(self._gather(units, gathered))
                group.create_task(self._resolve(gathered, resolved))
                group.create_task(self._download(resolved, downloading, group))
                group.create_task(self._save(downloading))
        finally:
            # Waits for the statement that may be running, so that nothing is written after this.
            self._thread.submit(_close)
            self._thread.shutdown()
            for batch in self._under_way:
                batch.discard()

    async def _gather(self, units: Units, done: asyncio.Queue[Batch | None]) -> None:
        declared: list[DeclaredContent] = []
        async for unit in _asynchronous(units):
            declared.append(unit)
            if len(declared) >= self._batch_size:
                await self._pass_on(declared, done)
                declared = []
        if declared:
            await self._pass_on(declared, done)
        await done.put(None)

    async def _pass_on(self, declared: list[DeclaredContent], done: asyncio.Queue[Batch | None]) -> None:
        self._on_units(len(declared))
        batch = Batch.of(declared)
        self._under_way.add(batch)
        await done.put(batch)

    async def _resolve(self, gathered: asyncio.Queue[Batch | None], done: asyncio.Queue[Batch | None]) -> None:
        while (batch := await gathered.get()) is not None:
            await self._in_thread(self._store.resolve, batch)
            if self._immediate:
                # At once: a batch that is saved after the look-up must not have been forgotten yet.
                batch.to_fetch = [file for file in batch.without_bytes() if self._leads(file)]
                await self._in_thread(self._sources.look_up, batch.to_fetch)
            await done.put(batch)
        await done.put(None)

    async def _download(self, resolved: asyncio.Queue[Batch | None], done: asyncio.Queue[Any], group: Any) -> None:
        # A batch's downloads go on while those of the next one start, so that one slow file does not idle the rest.
        while (batch := await resolved.get()) is not None:
            await done.put((batch, group.create_task(self._download_batch(batch))))
        await done.put(None)

    async def _download_batch(self, batch: Batch) -> None:
        if not batch.to_fetch:
            return
        missing = iter(batch.to_fetch)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._sources.concurrency):
                group.create_task(self._download_from(missing))
        await asyncio.to_thread(batch.write_out)

    def _leads(self, file: File) -> bool:
        """Whether a file is the first under way that has its bytes; if not, it gets those of the first."""
        leader = self._leaders.setdefault(file.identity, file)
        file.leader = None if leader is file else leader
        return leader is file

    def _forget(self, batch: Batch) -> None:
        """A batch is saved: others find its artifacts in the database from here on."""
        self._under_way.discard(batch)
        for file in batch.files():
            if self._leaders.get(file.identity) is file:
                del self._leaders[file.identity]

    async def _download_from(self, files: Iterable[File]) -> None:
        for file in files:
            file.temporary = await self._sources.fetch(file)
            self._on_downloads(1)

    async def _save(self, downloading: asyncio.Queue[tuple[Batch, asyncio.Task[None]] | None]) -> None:
        while (item := await downloading.get()) is not None:
            batch, downloads = item
            await downloads
            await self._in_thread(self._store.save, batch)
            batch.discard()
            self._forget(batch)

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _ignore(_count: int) -> None:
    """Nobody wants to know."""


def _close() -> None:
    if not database.is_closed():
        database.close()


async def _asynchronous(units: Units) -> AsyncIterator[DeclaredContent]:
    if isinstance(units, AsyncIterable):
        async for unit in units:
            yield unit
    else:
        for unit in units:
            yield unit
