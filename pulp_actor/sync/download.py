"""Downloads from a remote as its row says: TLS, credentials, proxy, retries, rate and concurrency limits, and ``file://``.

Must never know a repository, a task or a type of content. Bytes are taken as they are: nothing is decompressed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from pulp_actor import tracing
from pulp_actor.metrics.table import UPSTREAM_ERRORS, UPSTREAM_REQUESTS
from pulp_actor.models import Remote
from pulp_actor.security.outbound import AddressRefused, PathRefused, check_file_url, check_url
from pulp_actor.storage import Storage, TemporaryFile, get_storage
from pulp_actor.sync.errors import DownloadError, Mismatch, Transient
from pulp_actor.sync.responses import FileResponse, HttpResponse, Response, broken
from pulp_actor.sync.session import make_session, proxy_options
from pulp_actor.sync.spool import MEMORY_SIZE, MemoryFile

#: Where the remote does not say otherwise.
MAX_RETRIES = 3
DOWNLOAD_CONCURRENCY = 10
#: Seconds before the first retry; each further wait is twice as long, up to the longest.
FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
MAX_REDIRECTS = 10
#: Bytes from which on writing and hashing happen in a thread.
THREAD_SIZE = 128 * 1024

_REDIRECTS = (301, 302, 303, 307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Downloader:
    """Downloads from one remote. An asynchronous context manager; belongs to one event loop.

    Parameters:
        remote: the row, read once.
        first_wait: seconds before the first retry.
    """

    def __init__(self, remote: Remote, *, first_wait: float = FIRST_WAIT) -> None:
        self.remote = remote
        self.retries = MAX_RETRIES if remote.max_retries is None else max(0, remote.max_retries)
        self.concurrency = remote.download_concurrency or DOWNLOAD_CONCURRENCY
        self._first_wait = first_wait
        self._proxies = {scheme: proxy_options(remote, scheme) for scheme in _DEFAULT_PORTS}
        self._origin = _origin(remote.url)
        self._rate = _Rate(remote.rate_limit)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(self.concurrency))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    @asynccontextmanager
    async def open(self, url: str, offset: int = 0) -> AsyncIterator[Response]:
        """Ask for ``url`` from byte ``offset`` on; the response's own ``offset`` says where its body really begins.

        Raises:
            DownloadError: there is no good answer, or (while the chunks are read) the body breaks off.
        """
        async with self._slot(url), _traced(url):
            response, close = await self._persist(url, lambda: self._answer(url, offset))
            try:
                yield response
            finally:
                close()

    async def fetch(
        self, url: str, expected_size: int | None = None, expected_digests: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TemporaryFile:
        """Download ``url`` into a closed temporary file, which the caller discards. A small one is in memory until its
        path is asked for. A download that breaks off goes on where it stopped, if the upstream can do that. ``headers``
        go along with each request to the remote's own origin.

        Raises:
            DownloadError: as `open`; also if the bytes are not of the expected size and digests.
            StorageError: they cannot be saved.
        """
        transfer = _Transfer(url, get_storage(self.remote.domain_id), expected_size, expected_digests or {})  # type: ignore[attr-defined]
        try:
            async with self._slot(url), _traced(url):
                await self._persist(url, lambda: self._transfer(transfer, headers))
            return transfer.finished()
        except BaseException:
            transfer.discard()
            raise

    async def _transfer(self, transfer: _Transfer, headers: Mapping[str, str] | None) -> None:
        response, close = await self._answer(transfer.url, transfer.received, headers)
        try:
            await transfer.take(response)
        finally:
            close()

    @asynccontextmanager
    async def _slot(self, url: str) -> AsyncIterator[None]:
        async with self._hosts[urlsplit(url).netloc]:
            yield

    async def _persist(self, url: str, attempt: Callable[[], Any]) -> Any:
        """Await ``attempt()`` until it does not fail in passing."""
        for number in range(self.retries + 1):
            try:
                return await attempt()
            except Transient as error:
                UPSTREAM_ERRORS.labels("overloaded" if error.status else "broken").inc()
                if number == self.retries:
                    tries = f" (after {number + 1} attempts)" if number else ""
                    raise DownloadError(url, f"{error.reason}{tries}", error.status) from error
                wait = self._first_wait * 2**number * random.uniform(0.75, 1.25)
                await asyncio.sleep(min(LONGEST_WAIT, max(wait, error.wait or 0)))
            except Mismatch:
                UPSTREAM_ERRORS.labels("damaged").inc()
                raise
            except DownloadError:
                UPSTREAM_ERRORS.labels("refused").inc()
                raise
        raise AssertionError("unreachable")

    async def _answer(
        self, url: str, offset: int, own: Mapping[str, str] | None = None,
    ) -> tuple[Response, Callable[[], None]]:
        """A good response and what closes it."""
        if url.startswith("file:"):
            return self._answer_from_file(url, offset)
        await self._rate.wait()
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response, location = await self._follow(url, headers, own or {})
        if response.status == 416 and offset:
            response.close()
            response, location = await self._follow(url, {}, own or {})
        if response.status in (200, 206):
            return HttpResponse(location, response), response.close
        response.close()
        raise _refused(url, response)

    def _answer_from_file(self, url: str, offset: int) -> tuple[Response, Callable[[], None]]:
        try:
            response = FileResponse(url, check_file_url(url), offset)
        except PathRefused as error:
            raise DownloadError(url, f"refused: {error}") from error
        return response, response.close

    async def _follow(
        self, url: str, headers: Mapping[str, str], own: Mapping[str, str],
    ) -> tuple[aiohttp.ClientResponse, str]:
        """The first response that is no redirect, and its URL. Credentials, and the file's ``own`` headers, go to the
        remote's own origin only."""
        location = url
        for _ in range(MAX_REDIRECTS + 1):
            trusted = _origin(location) == self._origin
            response = await self._request(url, location, {**headers, **own} if trusted else headers, trusted=trusted)
            if response.status not in _REDIRECTS or "Location" not in response.headers:
                return response, location
            response.release()
            location = urljoin(location, response.headers["Location"])
            if urlsplit(location).scheme not in _DEFAULT_PORTS:
                raise DownloadError(url, f"refused: redirected to {location}")
        raise DownloadError(url, f"redirected more than {MAX_REDIRECTS} times")

    async def _request(
        self, url: str, location: str, headers: Mapping[str, str], *, trusted: bool,
    ) -> aiohttp.ClientResponse:
        try:
            options: dict[str, Any] = {"headers": headers}
            if proxy := self._proxies.get(urlsplit(location).scheme):
                check_url(location)
                options |= proxy | {"headers": {**options["headers"], **proxy.get("headers", {})}}
            session = self._session(trusted=trusted)
            response = await session.get(location, allow_redirects=False, **options)
            UPSTREAM_REQUESTS.labels(response.status).inc()
            return response
        except aiohttp.ClientConnectorCertificateError as error:  # a ValueError, too
            raise DownloadError(url, f"its certificate is not trusted: {error.certificate_error}") from error
        except ValueError as error:
            raise DownloadError(url, "this is not a URL that can be asked for") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            refusal = _refusal(error)
            if refusal is not None:
                raise DownloadError(url, f"refused: {refusal.strerror}") from error
            raise broken(error) from error

    def _session(self, *, trusted: bool) -> aiohttp.ClientSession:
        if trusted not in self._sessions:
            self._sessions[trusted] = make_session(self.remote, trusted=trusted)
        return self._sessions[trusted]


class _Transfer:
    """One body on its way into a temporary file, over as many responses as it takes."""

    def __init__(self, url: str, storage: Storage, size: int | None, digests: Mapping[str, str | None]) -> None:
        self.url = url
        self._storage = storage
        self._size = size
        self._digests = {name: value for name, value in digests.items() if value}
        self._temporary: TemporaryFile | None = None

    @property
    def received(self) -> int:
        return self._temporary.size if self._temporary is not None else 0

    async def take(self, response: Response) -> None:
        """Write the body; raises Transient if it breaks off, Mismatch as soon as it is too long."""
        if self._temporary is None or response.offset != self._temporary.size:
            self.discard()
            if response.offset:
                raise Transient("the server sent another range than was asked for")
            small = response.size is not None and response.size <= MEMORY_SIZE
            self._temporary = MemoryFile(self._storage) if small else self._storage.new_temporary()
        if self._size is not None and response.size is not None and response.size != self._size:
            raise Mismatch(self.url, f"it has {response.size} bytes where {self._size} were expected")
        await self._copy(response, self._temporary)
        if response.size is not None and self._temporary.size < response.size:
            raise Transient("the connection broke off before the end of the body")

    async def _copy(self, response: Response, temporary: TemporaryFile) -> None:
        waiting: list[bytes] = []
        held = 0
        try:
            async for chunk in response.raw_chunks():  # type: ignore[attr-defined]
                waiting.append(chunk)
                held += len(chunk)
                if self._size is not None and temporary.size + held > self._size:
                    raise Mismatch(self.url, f"it has more than the {self._size} bytes that were expected")
                if held >= THREAD_SIZE:
                    data, waiting, held = b"".join(waiting), [], 0
                    await asyncio.to_thread(temporary.write, data)
        finally:
            # Also when the body breaks off, for the next attempt goes on from here.
            if waiting:
                temporary.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def finished(self) -> TemporaryFile:
        """The closed file. Raises Mismatch if it is not what it should be."""
        temporary = self._temporary
        assert temporary is not None
        actual = temporary.digests
        if self._digests and not self._digests.keys() & actual.keys():
            names = ", ".join(sorted(self._digests))
            raise Mismatch(self.url, f"only {names} is known of it, which ALLOWED_CONTENT_CHECKSUMS does not allow")
        for name in temporary.mismatches(dict(self._digests), self._size):
            UPSTREAM_ERRORS.labels("damaged").inc()
            if name == "size":
                raise Mismatch(self.url, f"it has {temporary.size} bytes where {self._size} were expected")
            raise Mismatch(self.url, f"its {name} is {actual[name]} where {self._digests[name]} was expected")
        temporary.close()
        self._temporary = None
        return temporary

    def discard(self) -> None:
        if self._temporary is not None:
            self._temporary.discard()
            self._temporary = None


class _Rate:
    """Spaces requests evenly: at most ``limit`` a second; None or 0 is no limit."""

    def __init__(self, limit: int | None) -> None:
        self._interval = 1 / limit if limit else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if not self._interval:
            return
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + self._interval
        if at > now:
            await asyncio.sleep(at - now)


@asynccontextmanager
async def _traced(url: str) -> AsyncIterator[None]:
    """A span for a download, retries included; what may be secret in a URL stays out of it."""
    parts = urlsplit(url)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    with tracing.span("download", "client", url__full=shown, server__address=parts.hostname or ""):
        yield


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None


def _refused(url: str, response: aiohttp.ClientResponse) -> Exception:
    status, reason = response.status, f"{response.status} {response.reason or ''}".strip()
    if status == 429 or status >= 500:
        after = response.headers.get("Retry-After", "")
        return Transient(reason, status, float(after) if after.isdigit() else None)
    return DownloadError(url, reason, status)


def _refusal(error: BaseException | None) -> AddressRefused | None:
    """The policy's refusal behind an error of the connector."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, AddressRefused):
            return error
        inner = getattr(error, "os_error", None)
        error = inner if isinstance(inner, BaseException) and inner is not error else error.__cause__ or error.__context__
        seen += 1
    return None
