"""An upstream in a thread of its own, for what runs an event loop itself: serves files and a manifest of them, counts
requests, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Upstream:
    """``files`` maps paths to bytes; ``handlers`` replace the serving of a path; ``tls``: how to speak TLS.

        with Upstream() as upstream: …
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.files: dict[str, bytes] = {}
        self.handlers: dict[str, Handler] = {}
        self.requests: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.loop = asyncio.new_event_loop()

    def fill(self, count: int, prefix: str = "file", size: int = 0) -> None:
        """Serve ``count`` different files, and the manifest of everything there is."""
        for number in range(count):
            self.files[f"{prefix}-{number}"] = f"{prefix} {number}\n".encode().ljust(size, b".")
        self.write_manifest()

    def write_manifest(self, extra: str = "") -> None:
        """List all files in ``PULP_MANIFEST``, then ``extra`` as it is."""
        self.files.pop("PULP_MANIFEST", None)
        lines = [f"{path},{hashlib.sha256(data).hexdigest()},{len(data)}\n" for path, data in self.files.items()]
        self.files["PULP_MANIFEST"] = ("".join(lines) + extra).encode()

    @property
    def manifest_url(self) -> str:
        return f"{self.url}PULP_MANIFEST"

    def event(self) -> asyncio.Event:
        """An event for handlers; set it with `set`."""
        return asyncio.Event()

    def set(self, event: asyncio.Event) -> None:
        self.loop.call_soon_threadsafe(event.set)

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="upstream", daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        self.loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        self.loop.run_until_complete(site.start())
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/"
        ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        self.loop.close()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/")
        self.requests[path] += 1
        self.headers.append(dict(request.headers))
        if path in self.handlers:
            return await self.handlers[path](request)
        if path not in self.files:
            return web.Response(status=404)
        data = self.files[path]
        start = request.http_range.start
        if start:
            headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return web.Response(body=data[start:], status=206, headers=headers)
        return web.Response(body=data)


def breaks_off_once(data: bytes, after: int) -> Handler:
    """The first request gets ``after`` bytes and then a closed connection; later ones are served, ranges too."""
    broken = False

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal broken
        start = request.http_range.start or 0
        response = web.StreamResponse(status=206 if start else 200)
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        response.content_length = len(data) - start
        await response.prepare(request)
        if not broken:
            broken = True
            await response.write(data[:after])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(data[start:])
        await response.write_eof()
        return response

    return handle


def fails(times: int, data: bytes, status: int = 503) -> Handler:
    """Answers ``status`` some times, then serves."""
    left = times

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal left
        left -= 1
        return web.Response(status=status) if left >= 0 else web.Response(body=data)

    return handle


def hangs(event: asyncio.Event, data: bytes = b"") -> Handler:
    """Answers nothing until the event is set."""
    async def handle(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return web.Response(body=data)

    return handle
