"""Fetches a file from the first place that has it: alternate content sources, then the upstream that declared it.

A source that does not answer is not asked again by the same sync. Must never know a unit, a version or a task.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from pulp_actor.logs import get_logger
from pulp_actor.models import Remote
from pulp_actor.storage import TemporaryFile
from pulp_actor.sync.alternates import Alternate, find_alternates
from pulp_actor.sync.batch import File
from pulp_actor.sync.download import Downloader
from pulp_actor.sync.errors import DownloadError

#: Further attempts with one alternate source: there is always another place to go to.
MAX_RETRIES = 1

logger = get_logger(__name__)


class Sources:
    """An asynchronous context manager around the upstream's own ``downloader``, which the caller closes."""

    def __init__(self, downloader: Downloader) -> None:
        self._upstream = downloader
        self._domain: uuid.UUID = downloader.remote.domain_id  # type: ignore[attr-defined]
        self._others: dict[uuid.UUID, Downloader] = {}
        self._silent: set[uuid.UUID] = set()

    @property
    def concurrency(self) -> int:
        return self._upstream.concurrency

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        for downloader in self._others.values():
            await downloader.__aexit__(kind, error, trace)

    def look_up(self, files: Iterable[File]) -> None:
        """Note in each file where else it can be had. Blocks: asks the database."""
        by_digest = {file.lookup: file for file in files if file.lookup}
        if not by_digest:
            return
        found = find_alternates(self._domain, [digest for digest in by_digest if digest])
        for digest, alternates in found.items():
            by_digest[digest].alternates = alternates
        wanted = {one.remote_id for alternates in found.values() for one in alternates} - self._others.keys()
        for remote in Remote.select().where(Remote.id.in_(list(wanted))) if wanted else ():
            downloader = self._others[remote.id] = Downloader(remote)
            downloader.retries = min(downloader.retries, MAX_RETRIES)

    async def fetch(self, file: File) -> TemporaryFile:
        """Download a file, as `Downloader.fetch` does."""
        declared = file.declared
        for alternate in file.alternates:
            downloader = self._others.get(alternate.remote_id)
            if downloader is None or alternate.remote_id in self._silent:
                continue
            try:
                return await downloader.fetch(alternate.url, declared.size, declared.digests)
            except DownloadError as error:
                self._note(alternate, error)
        return await self._upstream.fetch(declared.url, declared.size, declared.digests, declared.headers)

    def _note(self, alternate: Alternate, error: DownloadError) -> None:
        logger.warning("an alternate content source failed", source=str(alternate.source_id), error=str(error))
        if error.status is None or error.status >= 500:
            self._silent.add(alternate.remote_id)
