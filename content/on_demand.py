"""Serves files whose bytes are not in the store: those that a sync has left to be fetched on demand, and those of
distributions that cache another server (pull-through). One download per file, however many clients of however many processes
want it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp import web

from content.additions import Additions
from content.database import UNAVAILABLE, DatabaseThreads
from content.download import Download, Tools, Unavailable
from content.flights import Flights
from content.hooks import PullThrough, pull_through_of
from content.metering import tally
from content.pull_through import find_pulled, keep_pulled, pulled_source
from content.serve import Plan, abort, conditional, describe, only_headers
from content.sources import Source, Wanted, find_saved, find_sources, save
from content.upstreams import Upstreams
from content.views import File, View
from pulp_actor.db.listen import ListenHub
from pulp_actor.errors import PulpActorError
from pulp_actor.logs import get_logger
from pulp_actor.storage import TemporaryFile

#: Seconds for which a download that has been saved is remembered.
LINGER = 1.0
#: Seconds for which another server is not asked again for what it does not have, and how many such paths are remembered.
ABSENCE = 10.0
ABSENT_PATHS = 10_000

logger = get_logger(__name__)


class Downloads:
    """The downloads that are under way. One per process."""

    def __init__(self, threads: DatabaseThreads, hub: ListenHub | None = None) -> None:
        self._threads = threads
        self._tools = Tools(threads, ThreadPoolExecutor(4, thread_name_prefix="download"), Upstreams(), Flights(hub))
        self._additions = Additions(threads)
        self._running: dict[str, Download] = {}
        self._absent: OrderedDict[str, float] = OrderedDict()

    async def send(
        self, request: web.BaseRequest, file: File, extra: Mapping[str, str], *, damaged: bool = False,
    ) -> web.StreamResponse | File:
        """Answer a GET or HEAD with ``file`` while it is fetched. If its bytes have been saved meanwhile, returns it with
        them instead, for the caller to send.

        Parameters:
            damaged: the saved bytes have been lost; fetch them again.

        Raises:
            Unavailable: no source has it; nothing has been sent.
        """
        key = f"file {file.content_artifact_id}"
        download = self._find(key)
        if download is None:
            wanted = Wanted(
                key, file, partial(find_sources, file.content_artifact_id, file.domain_id),
                partial(find_saved, file, checked=damaged), save)
            if not damaged and (saved := await self._threads.run(wanted.find_saved)):
                return saved
            download = await self._new(wanted)
        return await self._answer(request, key, download, extra)

    async def pull(
        self, request: web.BaseRequest, view: View, path: str, extra: Mapping[str, str],
    ) -> web.StreamResponse | File | None:
        """Answer a GET or HEAD with what the remote of a pull-through distribution has at ``path``; as `send` in all else.
        None: it has nothing there, or this type of distribution does not say how it is asked.
        """
        key = f"pull {view.distribution_id} {path}"
        hook = pull_through_of(view.type)
        if hook is None or not path or path.endswith("/") or self._absent.get(key, 0.0) > time.monotonic():
            return None
        download = self._find(key)
        if download is None:
            source = await self._threads.run(pulled_source, view, hook, path)
            if source is None:
                return None
            known = await self._threads.run(find_pulled, view, source, path)
            if known is not None:
                return known if known.key is not None else await self.send(request, known, extra)
            unknown = File(None, path, view.domain_id, None, None, None, None)
            download = await self._new(Wanted(
                key, unknown, lambda: [source], partial(find_pulled, view, source, path, saved=True),
                self._keeper(view, hook, source)))
        try:
            return await self._answer(request, key, download, extra)
        except Unavailable as error:
            if error.status != 404:
                raise
            self._note_absent(key)
            return None

    def _find(self, key: str) -> Download | None:
        """The download that is under way for ``key`` and of use to another client."""
        download = self._running.get(key)
        return None if download is None or download.abandoned else download

    async def _new(self, wanted: Wanted) -> Download:
        """A download that has not been started, unless another client was faster."""
        sources = await self._threads.run(wanted.find_sources)
        return self._find(wanted.key) or Download(wanted, sources, self._tools)

    async def _answer(
        self, request: web.BaseRequest, key: str, download: Download, extra: Mapping[str, str],
    ) -> web.StreamResponse | File:
        if download.saved is not None:
            return download.saved
        headers, validators = describe(download.file.path, download.size, download.sha256, None)
        headers |= extra
        answer, ranges = conditional(request, headers, validators, download.size)
        if answer is not None:
            return answer
        if request.method == "HEAD" and download.size is not None:
            download.check_sources()
            return only_headers(download.size, headers, ranges)
        if download.task is None:
            self._start(key, download)
        with download:
            await download.ready()
            if download.saved is not None:
                return download.saved  # another process was faster
            if request.method == "HEAD":
                return only_headers(download.size, headers, None)
            return await _stream(request, download, headers, ranges)

    def _start(self, key: str, download: Download) -> None:
        self._running[key] = download

        def forget() -> None:
            if self._running.get(key) is download:
                del self._running[key]

        def linger(_: object) -> None:
            # Who looked for saved bytes just before they were saved finds the download for a moment longer.
            asyncio.get_running_loop().call_later(LINGER if download.saved else 0, forget)

        download.start().add_done_callback(linger)

    def _keeper(self, view: View, hook: PullThrough, source: Source) -> Callable[[File, TemporaryFile], File]:
        loop = asyncio.get_running_loop()

        def keep(file: File, temporary: TemporaryFile) -> File:
            kept, content_id = keep_pulled(view, hook, source, file, temporary)
            if view.into_repository_id is not None:
                loop.call_soon_threadsafe(self._additions.add, view.into_repository_id, content_id)
            return kept

        return keep

    def _note_absent(self, key: str) -> None:
        self._absent[key] = time.monotonic() + ABSENCE
        self._absent.move_to_end(key)
        if len(self._absent) > ABSENT_PATHS:
            self._absent.popitem(last=False)

    async def close(self) -> None:
        """Break off what is under way; what has been fetched gets where it belongs."""
        tasks = [download.task for download in self._running.values() if download.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._additions.close()
        await self._tools.upstreams.close()
        self._tools.writers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._tools.flights.close)


async def _stream(
    request: web.BaseRequest, download: Download, headers: dict[str, str], ranges: list[tuple[int, int]] | None,
) -> web.StreamResponse:
    if download.size is None:
        response = web.StreamResponse(headers=headers)
        parts: list[tuple[bytes, int, int | None]] = [(b"", 0, None)]
        end = b""
    else:
        headers.setdefault("X-PULP-ARTIFACT-SIZE", str(download.size))
        plan = Plan.make(download.size, headers, ranges)
        response = web.StreamResponse(status=plan.status, headers=plan.headers)
        response.content_length = plan.length
        parts, end = [*plan.parts], plan.end
    try:
        await response.prepare(request)
        for before, start, stop in parts:
            if before:
                await response.write(before)
            async for chunk in download.chunks(start, stop):
                await response.write(chunk)
                tally.sent += len(chunk)
        if end:
            await response.write(end)
        await response.write_eof()
    except ConnectionError:
        abort(request)  # the client has gone
    except (PulpActorError, OSError, *UNAVAILABLE) as error:
        logger.warning("a response was broken off", path=download.file.path, reason=str(error))
        abort(request)
    return response
