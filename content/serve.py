"""Sends an artifact that has been saved: whole, in ranges, or only its headers. Must never know what a path means.

The bytes of small files are kept in memory under their digest, so they can never be stale; larger ones go from the page
cache to the socket without passing through the process.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from content.metering import tally
from content.ranges import NotSatisfiable, Validators, http_date, precondition, requested_ranges
from content.types import content_type
from content.views import File
from pulp_actor.logs import get_logger
from pulp_actor.settings import settings
from pulp_actor.storage import Storage, StorageError, get_storage

#: Files up to this size, in bytes, are kept in memory, up to the size of all of them.
SMALL = 32 * 1024
SMALL_TOTAL = 64 * 1024 * 1024

#: Seconds for which a client may use the URL of an object store that it was sent to.
SIGNATURE_LIFETIME = 3600

#: A web server in front that sends a file itself judges these by validators of its own, and passes on no header but those
#: that it was told of: such answers are not left to it.
PRECONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
CONDITIONAL = (*PRECONDITIONS, "Range")

logger = get_logger(__name__)


class Damaged(Exception):
    """The store does not hold the bytes that it should: ``missing``, or others."""

    def __init__(self, file: File, missing: bool) -> None:
        super().__init__(f"{file.key} is {'missing' if missing else 'damaged'}")
        self.file = file
        self.missing = missing


class SmallFiles:
    """Bytes of small files by digest; the least recently used go first."""

    def __init__(self, total: int = SMALL_TOTAL) -> None:
        self._total = total
        self._used = 0
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def get(self, sha256: str) -> bytes | None:
        data = self._files.get(sha256)
        if data is not None:
            self._files.move_to_end(sha256)
        return data

    def put(self, sha256: str, data: bytes) -> None:
        if sha256 not in self._files:
            self._files[sha256] = data
            self._used += len(data)
        while self._used > self._total:
            self._used -= len(self._files.popitem(last=False)[1])


class Sender:
    """Sends saved artifacts. One per process."""

    def __init__(self) -> None:
        self._small = SmallFiles()

    async def send(self, request: web.BaseRequest, file: File, extra: Mapping[str, str]) -> web.StreamResponse:
        """Answer a GET or HEAD with ``file``, whose bytes have been saved; ``extra`` headers come from plugins.

        Raises:
            Damaged: the store does not hold the bytes; nothing has been sent.
        """
        assert file.size is not None and file.sha256 is not None
        headers, validators = _headers(file)
        if extra:
            headers = {**headers, **extra}
        ranges = None
        if any(name in request.headers for name in CONDITIONAL):
            answer, ranges = conditional(request, headers, validators, file.size)
            if answer is not None:
                return answer
        if request.method == "HEAD":
            return only_headers(file.size, headers, ranges)
        if settings.CONTENT_OFFLOAD and not extra and not any(name in request.headers for name in PRECONDITIONS):
            handed_over = await _offload(file, headers if ranges is None else partial_headers(headers))
            if handed_over is not None:
                return handed_over
        if ranges is None and file.size <= SMALL:
            return web.Response(body=await self._small_file(file), headers=headers)
        if (redirect := await _redirect(file)) is not None:
            return redirect
        return await _send_parts(request, file, headers, ranges)

    async def _small_file(self, file: File) -> bytes:
        assert file.sha256 is not None and file.size is not None
        data = self._small.get(file.sha256)
        if data is None:
            with await _open(file) as source:
                data = await source.read(0, file.size)
            if hashlib.sha256(data).hexdigest() != file.sha256:
                raise Damaged(file, missing=False)
            self._small.put(file.sha256, data)
        return data


def conditional(
    request: web.BaseRequest, headers: Mapping[str, str], validators: Validators, size: int | None,
) -> tuple[web.Response | None, list[tuple[int, int]] | None]:
    """The answer that the request's conditions demand, if they do, else the ranges that it asks for."""
    status = precondition(request.headers, validators)
    if status is not None:
        kept = {name: headers[name] for name in ("ETag", "Last-Modified") if name in headers}
        return web.Response(status=status, headers=kept), None
    if size is None:
        return None, None
    try:
        return None, requested_ranges(request.headers, validators, size)
    except NotSatisfiable:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"}), None


def only_headers(
    size: int | None, headers: Mapping[str, str], ranges: list[tuple[int, int]] | None,
) -> web.StreamResponse:
    """The answer to a HEAD request."""
    if size is None:
        return web.StreamResponse(headers=headers)
    plan = Plan.make(size, headers, ranges)
    response = web.StreamResponse(status=plan.status, headers=plan.headers)
    response.content_length = plan.length
    return response


def abort(request: web.BaseRequest) -> None:
    """Break the connection, so that the client cannot take what it got for the whole."""
    if request.transport is not None:
        request.transport.abort()


def _headers(file: File) -> tuple[dict[str, str], Validators]:
    """What every answer about a file says; computed once per file that is remembered."""
    memo: tuple[dict[str, str], Validators] | None = file.memo.get("headers")
    if memo is None:
        memo = file.memo["headers"] = describe(file.path, file.size, file.sha256, file.created)
    return memo


def describe(
    path: str, size: int | None, sha256: str | None, created: datetime | None,
) -> tuple[dict[str, str], Validators]:
    """The headers of an answer about a file of which that much is known, and its validators."""
    headers = {"Content-Type": content_type(path), "Accept-Ranges": "bytes"}
    if sha256 is not None:
        headers["ETag"] = f'"{sha256}"'
        headers["Content-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    if created is not None:
        headers["Last-Modified"] = http_date(created)
    if size is not None:
        headers["X-PULP-ARTIFACT-SIZE"] = str(size)
    return headers, Validators(headers.get("ETag"), headers.get("Last-Modified"))


def partial_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers for a part of a file: the digest is then that of the representation (RFC 9530), not of what is sent."""
    changed = dict(headers)
    if digest := changed.pop("Content-Digest", None):
        changed["Repr-Digest"] = digest
    return changed


class Plan:
    """What an answer consists of: status, headers, and parts, each some bytes to write and then a range of the file."""

    __slots__ = ("end", "headers", "length", "parts", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str], parts: list[tuple[bytes, int, int]], end: bytes = b"",
    ) -> None:
        self.status = status
        self.headers = headers
        self.parts = parts
        self.end = end
        self.length = len(end) + sum(len(before) + stop - start for before, start, stop in parts)

    @classmethod
    def make(cls, size: int, headers: Mapping[str, str], ranges: list[tuple[int, int]] | None) -> Plan:
        """The plan for a file of ``size`` bytes of which ``ranges`` are wanted (None: all of it)."""
        if ranges is None:
            return cls(200, headers, [(b"", 0, size)])
        headers = partial_headers(headers)
        if len(ranges) == 1:
            start, end = ranges[0]
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            return cls(206, headers, [(b"", start, end)])
        boundary = uuid.uuid4().hex
        inner = headers["Content-Type"]
        headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        opening = f"\r\n--{boundary}\r\nContent-Type: {inner}\r\nContent-Range: bytes "
        parts = [(f"{opening}{start}-{end - 1}/{size}\r\n\r\n".encode(), start, end) for start, end in ranges]
        return cls(206, headers, parts, f"\r\n--{boundary}--\r\n".encode())


async def _send_parts(
    request: web.BaseRequest, file: File, headers: dict[str, str], ranges: list[tuple[int, int]] | None,
) -> web.StreamResponse:
    assert file.size is not None
    with await _open(file) as source:
        plan = Plan.make(file.size, headers, ranges)
        response = web.StreamResponse(status=plan.status, headers=plan.headers)
        response.content_length = plan.length
        try:
            await response.prepare(request)
            for before, start, end in plan.parts:
                if before:
                    await response.write(before)
                await source.send(request, response, start, end)
            if plan.end:
                await response.write(plan.end)
            await response.write_eof()
        except ConnectionError:
            abort(request)  # the client has gone
        except StorageError as error:
            logger.error("a response was broken off", path=file.path, reason=str(error))
            abort(request)
    return response


class _Local:
    """A file on this machine's disk."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> _Local:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    async def read(self, start: int, end: int) -> bytes:
        return os.pread(self._file.fileno(), end - start, start)

    async def send(self, request: web.BaseRequest, _response: web.StreamResponse, start: int, end: int) -> None:
        if start == end:
            return
        if request.transport is None:
            raise ConnectionResetError
        sent = await asyncio.get_running_loop().sendfile(request.transport, self._file, start, end - start)
        tally.sent += sent
        if sent != end - start:
            abort(request)


class _Remote:
    """A file in an object store, which is read in threads."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key

    def __enter__(self) -> _Remote:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    async def read(self, start: int, end: int) -> bytes:
        return b"".join([chunk async for chunk in self._chunks(start, end)])

    async def send(self, _request: web.BaseRequest, response: web.StreamResponse, start: int, end: int) -> None:
        async for chunk in self._chunks(start, end):
            await response.write(chunk)
            tally.sent += len(chunk)

    async def _chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        chunks: Iterator[bytes] = await asyncio.to_thread(self._storage.open, self._key, start, end)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk


async def _storage(file: File) -> Storage:
    storage: Storage | None = file.memo.get("storage")
    if storage is None:
        # Of a domain that is not in memory yet, the database has to be asked.
        storage = file.memo["storage"] = await asyncio.to_thread(get_storage, file.domain_id)
    return storage


async def _offload(file: File, headers: Mapping[str, str]) -> web.Response | None:
    """The answer that makes the web server in front send the file, if it can reach it."""
    assert file.key is not None
    storage = await _storage(file)
    path = storage.local_path(file.key)
    if path is None:
        return None
    if not path.exists():
        raise Damaged(file, missing=True)
    if settings.CONTENT_OFFLOAD == "x-sendfile":
        return web.Response(headers={**headers, "X-Sendfile": str(path)})
    return web.Response(headers={**headers, "X-Accel-Redirect": quote(settings.CONTENT_OFFLOAD_PREFIX + file.key)})


async def _redirect(file: File) -> web.Response | None:
    """The answer that sends the client to the object store, if that is wanted and the store can do it.

    It must not be kept: it would outlive its signature.
    """
    assert file.key is not None
    if not settings.REDIRECT_TO_OBJECT_STORAGE:
        return None
    storage = await _storage(file)
    if not storage.redirects or storage.local_path(file.key) is not None:
        return None
    name = file.path.rpartition("/")[2]
    url = await asyncio.to_thread(storage.signed_url, file.key, SIGNATURE_LIFETIME, name, content_type(name))
    if url is None:
        return None
    return web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})


async def _open(file: File) -> _Local | _Remote:
    """The bytes of ``file``, checked for being there and of the right size. Raises Damaged."""
    assert file.key is not None
    try:
        storage = await _storage(file)
        path = storage.local_path(file.key)
        if path is None:
            if await asyncio.to_thread(storage.size, file.key) != file.size:
                raise Damaged(file, missing=False)
            return _Remote(storage, file.key)
        opened = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise Damaged(file, missing=True) from None
    if os.fstat(opened.fileno()).st_size != file.size:
        opened.close()
        raise Damaged(file, missing=False)
    return _Local(opened)
