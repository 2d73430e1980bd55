"""What a download yields: headers and chunks, from the network or from a file of this machine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

import aiohttp

from pulp_actor.metrics.table import UPSTREAM_BYTES, UPSTREAM_ERRORS
from pulp_actor.sync.errors import DownloadError, Transient

#: Most bytes in one chunk.
CHUNK_SIZE = 256 * 1024

_CONTENT_RANGE = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


class Response:
    """An answer whose body is still to come.

    Attributes:
        url: where it came from, after redirects.
        status: 200, or 206 if the body begins at ``offset``.
        headers: without regard to case.
        offset: the position of the body's first byte in the whole.
        size: the size of the whole in bytes, or None if the upstream does not say.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    offset: int = 0
    size: int | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.chunks()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises DownloadError if it breaks off."""
        raise NotImplementedError


class HttpResponse(Response):
    """An answer from the network."""

    def __init__(self, url: str, response: aiohttp.ClientResponse) -> None:
        self.url, self.status, self.headers = url, response.status, response.headers
        self._response = response
        length = response.headers.get("Content-Length", "")
        if response.status == 206:
            match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if match:
                self.offset = int(match[1])
                self.size = int(match[2]) if match[2] != "*" else None
        elif length.isdigit():
            self.size = int(length)

    async def raw_chunks(self) -> AsyncIterator[bytes]:
        """The body; raises Transient if it breaks off."""
        try:
            async for chunk in self._response.content.iter_any():
                UPSTREAM_BYTES.inc(len(chunk))
                yield chunk
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise broken(error) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.raw_chunks():
                yield chunk
        except Transient as error:
            UPSTREAM_ERRORS.labels("broken").inc()
            raise DownloadError(self.url, error.reason) from error


class FileResponse(Response):
    """A file of this machine."""

    status = 200

    def __init__(self, url: str, path: Path, offset: int) -> None:
        self.url, self.headers, self.offset = url, {}, offset
        try:
            self._file: BinaryIO = path.open("rb")
            self.size = path.stat().st_size
            self._file.seek(offset)
        except OSError as error:
            raise DownloadError(url, error.strerror or str(error)) from error
        if offset:
            self.status = 206

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(self._file.read, CHUNK_SIZE):
            yield chunk

    raw_chunks = chunks

    def close(self) -> None:
        self._file.close()


def broken(error: BaseException) -> Transient:
    """The reason in the user's words for a connection that failed or broke off."""
    if isinstance(error, TimeoutError):
        return Transient("timed out")
    if isinstance(error, aiohttp.ClientPayloadError):
        return Transient("the connection broke off before the end of the body")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Transient("the server closed the connection")
    text = str(error) or type(error).__name__
    return Transient(text)
