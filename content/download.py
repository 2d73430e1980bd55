"""One file on its way from an upstream: any number of clients read from it while it grows.

Bytes that turn out wrong must never look like the file: the last byte of every answer is held back until the whole has
been verified. Small files are verified before anything is sent, so that a bad source can be replaced by the next one
unnoticed.

Of all processes one downloads a file. The others of its machine read along while it grows, and check its digest themselves;
those of other machines wait until it has been saved, if that does not take too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from content.database import UNAVAILABLE, DatabaseThreads
from content.flights import Flight, Flights
from content.growing import Growing
from content.sources import Source, Wanted
from content.upstreams import Upstreams
from content.views import File
from pulp_actor.errors import PulpActorError
from pulp_actor.logs import get_logger
from pulp_actor.metrics.table import UPSTREAM_ERRORS
from pulp_actor.storage import StorageError, TemporaryFile, get_storage
from pulp_actor.storage.base import storage_error
from pulp_actor.sync.errors import DownloadError
from pulp_actor.sync.responses import Response

#: Files up to this size, in bytes, are verified before the first byte of them is sent.
HOLD_BACK = 64 * 1024
#: Bytes that a reader takes at a time.
READ_SIZE = 128 * 1024
#: Writes of less than this are not worth a thread.
INLINE_WRITE = 16 * 1024
#: Seconds between two looks at a file that another process writes: a file tells nobody that it has grown.
GROWTH = 0.02
#: Seconds after which whoever waits for another process looks what became of it, unless told before.
LOOK = 1.0
#: Seconds for which clients wait for a process on another machine, before they are served from a download of our own.
PATIENCE = 10.0

logger = get_logger(__name__)


class SourceFailed(PulpActorError):
    """A source sent something else than the file."""


class Unavailable(PulpActorError):
    """No source has the file, or none answers. ``status`` is what the client is told."""

    def __init__(self, text: str, status: int = 502) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Tools:
    """What downloads work with. One per process."""

    threads: DatabaseThreads
    writers: ThreadPoolExecutor
    upstreams: Upstreams
    flights: Flights


class Download:
    """One file on its way. Clients read from it inside a ``with`` block.

    Parameters:
        wanted: the file.
        sources: where it may come from, as ``wanted.find_sources`` has just said.
    """

    def __init__(self, wanted: Wanted, sources: list[Source], tools: Tools) -> None:
        self.file = file = wanted.file
        self.sources = [source for source in sources if not source.cooling]
        #: What is known of the file: None where it is not.
        sizes = (size for size in (file.size, *(source.size for source in self.sources)) if size is not None)
        self.size = next(sizes, None)
        self.sha256 = file.sha256 or next((s.digests["sha256"] for s in self.sources if "sha256" in s.digests), None)
        self.task: asyncio.Task[None] | None = None
        #: The file with its bytes, once they have been saved.
        self.saved: File | None = None
        #: Nobody wants it any more, and it will not be kept: it is of no use to whoever comes next.
        self.abandoned = False
        self._known = bool(sources)
        self._wanted = wanted
        self._tools = tools
        self._kept = any(source.remote.policy != "streamed" for source in sources if not source.alternate)
        self._temporary: TemporaryFile | None = None  # while this process fetches
        self._growing: Growing | None = None  # while another one does
        self._descriptor = -1
        self._written = 0
        self._released = False  # a client may have been sent something
        self._verified = False
        self._error: Exception | None = None
        self._readers = 0
        self._progress: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> Download:
        self._readers += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._readers -= 1
        if self._readers:
            return
        if self.task is None or self.task.done():
            self._close()
        elif not self._kept:
            self.abandoned = True
            self.task.cancel()

    def check_sources(self) -> None:
        """Raises Unavailable if there is no source to try."""
        if not self._known:
            raise Unavailable("this file has not been saved, and no remote is known to have it", 404)
        if not self.sources:
            raise Unavailable("every remote that has this file failed a moment ago; try again later")

    def start(self) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self._run(), name=f"download {self.file.path}")
        return self.task

    async def ready(self) -> None:
        """Wait until there is something to send. Raises what went wrong if there will be nothing."""
        while not self._verified:
            if self._error is not None:
                raise self._error
            if self._written and (self.size is None or self.size > HOLD_BACK):
                break
            await asyncio.shield(self._progress)
        self._released = True

    async def chunks(self, start: int, end: int | None) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to but without ``end`` (None: all) as they arrive, the last one when all are verified.

        Raises:
            what went wrong
        """
        position = start
        while end is None or position < end:
            limit = self._written if end is None else min(end, self._written)
            if not self._verified:
                limit = min(limit, self._written - 1 if end is None else end - 1)
            if position < limit:
                data = os.pread(self._descriptor, min(READ_SIZE, limit - position), position)
                position += len(data)
                yield data
            elif self._verified:
                return
            elif self._error is not None:
                raise self._error
            else:
                await asyncio.shield(self._progress)

    async def _run(self) -> None:
        try:
            self.check_sources()
            if self._kept:
                await self._obtain()
            else:
                await self._fetch(None)
        except (PulpActorError, OSError, *UNAVAILABLE) as error:
            self._error = error
        except BaseException as error:
            self._error = Unavailable("the download was broken off", 503)
            if isinstance(error, Exception):
                logger.exception("a download failed in a way that nobody foresaw", path=self.file.path)
            raise
        finally:
            self._advance()
            if self._temporary is not None:
                self._temporary.discard()
            if not self._readers:
                self._close()

    async def _obtain(self) -> None:
        """Fetch the file, or go along with the process that fetches it; if that fails, fetch it after all."""
        now = asyncio.get_running_loop().time
        patience, followed = now() + PATIENCE, False
        while not self._verified:
            async with self._tools.flights.claim(self._wanted.key) as flight:
                saved = await self._tools.threads.run(self._wanted.find_saved)
                if saved is not None:
                    await self._take_over(saved)
                elif flight.mine or (self._growing is None and now() > patience):
                    if followed:
                        await self._start_over()
                    await self._fetch(flight)
                else:
                    followed = True
                    await self._follow(flight)

    async def _follow(self, flight: Flight) -> None:
        """Read along with the process that fetches the file, until that may have ended."""
        now = asyncio.get_running_loop().time
        until = now() + LOOK
        while not flight.ended.is_set() and now() < until:
            if self._growing is None:
                with contextlib.suppress(FileNotFoundError):  # another machine's, or not yet begun
                    self._growing = Growing(flight.link)
                    self._descriptor = self._growing.descriptor
            if self._growing is not None and self._growing.has_grown:
                await self._catch_up(self._growing)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(flight.ended.wait(), GROWTH)

    async def _catch_up(self, growing: Growing) -> None:
        self._written = await asyncio.get_running_loop().run_in_executor(self._tools.writers, growing.catch_up)
        self._advance()

    async def _take_over(self, saved: File) -> None:
        """Another process has saved the file. What was read of it while it grew may be of an attempt that failed."""
        if self._growing is not None:
            await self._catch_up(self._growing)
            if not self._growing.is_whole(saved.size, saved.sha256):
                self._forget()
        self.saved, self._verified = saved, True

    async def _start_over(self) -> None:
        """Another process has failed: leave out the sources that failed it. Raises SourceFailed, Unavailable."""
        self._forget()
        self.sources = [
            source for source in await self._tools.threads.run(self._wanted.find_sources) if not source.cooling]
        self.check_sources()

    def _forget(self) -> None:
        """Forget what another process had. Raises SourceFailed if clients have been sent some of it."""
        if self._released:
            raise SourceFailed("the process that fetched this file has failed")
        self._close()

    async def _fetch(self, flight: Flight | None) -> None:
        reasons, statuses = [], set()
        for source in self.sources:
            if self._temporary is None:
                self._open(flight)
            try:
                await self._fetch_from(source)
                self._verify(source)
            except (DownloadError, SourceFailed) as error:
                logger.warning("a remote failed to serve a file", url=source.url, reason=str(error))
                reasons.append(str(error))
                if not source.alternate:
                    statuses.add(getattr(error, "status", None))
                if source.mark_failed is not None:
                    await self._tools.threads.run(source.mark_failed)
                if isinstance(error, SourceFailed):
                    UPSTREAM_ERRORS.labels("damaged").inc()
                    if self._released:
                        raise
                    self._close()
                continue
            self._verified = True
            self._advance()
            if self._kept:
                await self._save()
            return
        raise Unavailable("; ".join(reasons), 404 if statuses <= {404, 410} else 502)

    async def _fetch_from(self, source: Source) -> None:
        """Append what is still missing to the temporary file."""
        assert self._temporary is not None
        async with (
            self._tools.upstreams.use(source.remote) as downloader,
            downloader.open(source.url, offset=self._written) as response,
        ):
            await self._take(response, source)
        if self.size is not None and self._written < self.size:
            raise DownloadError(source.url, f"it ended after {self._written} of {self.size} bytes")

    async def _take(self, response: Response, source: Source) -> None:
        skip = self._written - response.offset
        if skip < 0:
            raise SourceFailed(f"{source.url} sends another range than it was asked for")
        if self.size is None:
            self.size = response.size
        elif response.size not in (None, self.size):
            raise SourceFailed(f"{source.url} has {response.size} bytes instead of {self.size}")
        async for chunk in response:
            skipped = min(skip, len(chunk))
            skip -= skipped
            if skipped < len(chunk):
                await self._write(chunk[skipped:], source)

    async def _write(self, chunk: bytes, source: Source) -> None:
        assert self._temporary is not None
        if self.size is not None and self._written + len(chunk) > self.size:
            raise SourceFailed(f"{source.url} sends more than {self.size} bytes")
        if len(chunk) < INLINE_WRITE:
            self._temporary.write(chunk)
        else:
            await asyncio.get_running_loop().run_in_executor(self._tools.writers, self._temporary.write, chunk)
        self._written += len(chunk)
        self._advance()

    def _verify(self, source: Source) -> None:
        """Raises SourceFailed unless the bytes are what they should be."""
        assert self._temporary is not None
        expected: dict[str, str | None] = dict(source.digests)
        if self.sha256:
            expected["sha256"] = self.sha256
        wrong = self._temporary.mismatches(expected, self.size)
        if wrong:
            raise SourceFailed(f"{source.url} differs from what it should be in {', '.join(wrong)}")

    async def _save(self) -> None:
        assert self._temporary is not None
        try:
            self.saved = await self._tools.threads.run(self._wanted.save, self.file, self._temporary)
        except (StorageError, *UNAVAILABLE) as error:
            # The clients have their bytes; whoever asks next fetches the file again.
            logger.warning("a file could not be saved", path=self.file.path, reason=str(error))

    def _open(self, flight: Flight | None) -> None:
        self._temporary = get_storage(self.file.domain_id).new_temporary()
        self._written = 0
        try:
            self._descriptor = os.open(self._temporary.path, os.O_RDONLY)
            if flight is not None:
                flight.show(self._temporary.path)
        except OSError as error:
            raise storage_error(error) from error

    def _close(self) -> None:
        if self._growing is not None:
            self._growing.close()
            self._growing = None
        elif self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        if self._temporary is not None:
            self._temporary.discard()
            self._temporary = None
        self._written = 0

    def _advance(self) -> None:
        """Wake all who wait for something to happen."""
        self._progress.set_result(None)
        self._progress = asyncio.get_running_loop().create_future()
