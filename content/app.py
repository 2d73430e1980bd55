"""The content server's one handler: path → what it means → may you → send it. Must never write anything but what it saves on
demand, and must never hold a database connection while a response streams.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from content.access import CACHE
from content.cache import Cache
from content.database import UNAVAILABLE, DatabaseThreads
from content.download import Unavailable
from content.guards import Forbidden, Unauthenticated, authorize
from content.hooks import Generator, extra_headers, generator_of
from content.listing import list_directory, list_distributions, render
from content.metering import GONE, tally
from content.on_demand import Downloads
from content.paths import BadPath, content_path, encode
from content.probes import PAGES
from content.resolve import Resolver
from content.serve import Damaged, Plan, Sender, conditional, describe, only_headers
from content.views import File, View
from pulp_actor import domains, tracing
from pulp_actor.db.listen import ListenHub
from pulp_actor.errors import PulpActorError
from pulp_actor.logs import enter_request, get_logger
from pulp_actor.requested import RequestNotes
from pulp_actor.security.accounts import accounts
from pulp_actor.settings import settings
from pulp_actor.storage import StorageFull

logger = get_logger(__name__)


class ContentServer:
    """What one process needs to answer; make it inside the event loop.

    Parameters:
        hub: the process's listening connection; None if nothing needs to be heard (what is remembered is then never
            dropped).
    """

    def __init__(self, hub: ListenHub | None = None) -> None:
        self.threads = DatabaseThreads()
        self.cache = Cache()
        if hub is not None:
            self.cache.listen(hub)
            accounts.listen(hub)
            domains.listen(hub)
        self.resolver = Resolver(self.threads, self.cache)
        self.sender = Sender()
        self.downloads = Downloads(self.threads, hub)
        self.requests = RequestNotes()
        self._prefix = settings.CONTENT_PATH_PREFIX

    def server(self, **options: Any) -> web.Server:
        """The aiohttp server; ``options`` are its own. It has no router, because there is but one handler."""
        return web.Server(self.handle, handler_cancellation=True, **options)

    async def close(self) -> None:
        """Break off what is under way."""
        await self.downloads.close()
        self.threads.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request, and count it unless it asks for the server itself."""
        if request.method in ("GET", "HEAD") and (page := PAGES.get(request.rel_url.raw_path)) is not None:
            return await page()
        started = time.perf_counter()
        status = GONE
        enter_request(request.headers.get("Correlation-ID"))
        try:
            with tracing.span("GET", "server", request.headers.get("traceparent", "")) as span:
                response = await self._handle(request)
                status = response.status
                span.set(http__request__method=request.method, url__path=request.path, http__response__status_code=status)
        finally:
            tally.answered(status, time.perf_counter() - started)
        if isinstance(response, web.Response) and isinstance(response.body, bytes) and request.method == "GET":
            tally.sent += len(response.body)
        return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _text(405, "only GET and HEAD work here", {"Allow": "GET, HEAD"})
        try:
            path = content_path(request.rel_url.raw_path, self._prefix)
        except BadPath:
            return _nothing()
        try:
            if not path:
                return await self._root(request)
            return await self._answer(request, path)
        except Unauthenticated as error:
            return _text(401, str(error), {"WWW-Authenticate": error.challenge})
        except Forbidden as error:
            return _text(403, str(error))
        except Unavailable as error:
            return _text(error.status, str(error))
        except UNAVAILABLE as error:
            logger.warning("the database is away", path=path, reason=" ".join(str(error).split()))
            return _text(503, "the database cannot be reached; try again soon", {"Retry-After": "1"})
        except StorageFull as error:
            logger.error("there is no room for a file", path=path, reason=str(error))
            return _text(507, "there is no room to fetch this file")
        except PulpActorError as error:
            logger.error("a path cannot be served", path=path, reason=str(error))
            return _text(502, "this file cannot be served now")

    async def _root(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "HEAD":
            return _text(200, "200: OK", type_="text/html")  # the health check
        page = await self.threads.run(list_distributions, request.query.get("after", ""))
        return render(request, self._prefix, page, up=False)

    async def _answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        found, hit = await self.resolver.resolve(path)
        if hit:
            tally.hits += 1
        else:
            tally.misses += 1
        request[CACHE] = "hit" if hit else "miss"
        if found.view is None:
            return _nothing()
        await authorize(found.view, request, self.threads)
        if found.redirect is not None:
            return self._redirect(path.removesuffix(found.path) + found.redirect, request)
        if not path.endswith("/") and (found.directory or (found.file and not found.path)):
            return self._redirect(f"{path}/", request)
        if found.file is not None:
            return await self._send(request, path, found.view, found.file)
        if found.directory:
            after = request.query.get("after", "")
            page = await self.threads.run(list_directory, found.view, found.path, after)
            return render(request, f"{self._prefix}{path}", page)
        if generator := generator_of(found.view.type, found.path):
            return await self._generate(request, path, found.view, generator)
        if found.view.remote_id is not None:
            return await self._pull(request, path, found.view, found.path)
        return _nothing()

    async def _generate(
        self, request: web.BaseRequest, path: str, view: View, generator: Generator,
    ) -> web.StreamResponse:
        before = self.cache.generation
        data = self.cache.get(("generated", path))
        if data is None:
            data = await self.threads.run(generator, view)
            if data is None:
                return _nothing()
            self.cache.put(("generated", path), data, before)
        headers, validators = describe(path, len(data), hashlib.sha256(data).hexdigest(), None)
        answer, ranges = conditional(request, headers, validators, len(data))
        if answer is not None:
            return answer
        if request.method == "HEAD":
            return only_headers(len(data), headers, ranges)
        plan = Plan.make(len(data), headers, ranges)
        body = b"".join(head + data[start:stop] for head, start, stop in plan.parts) + plan.end
        return web.Response(status=plan.status, headers=plan.headers, body=body)

    async def _pull(self, request: web.BaseRequest, path: str, view: View, rest: str) -> web.StreamResponse:
        before = self.cache.generation
        file = self.cache.get(("pulled", path))
        if file is None:
            sent = await self.downloads.pull(request, view, rest, {})
            if not isinstance(sent, File):
                return sent or _nothing()
            self.cache.put(("pulled", path), file := sent, before)
        return await self._send(request, path, view, file)

    async def _send(self, request: web.BaseRequest, path: str, view: View, file: File) -> web.StreamResponse:
        extra = extra_headers(view, file)
        if file.content_artifact_id is not None:
            self.requests.note(file.content_artifact_id)
        if file.key is None:
            sent = await self.downloads.send(request, file, extra)
            if not isinstance(sent, File):
                return sent
            file = sent
        try:
            return await self.sender.send(request, file, extra)
        except Damaged as damage:
            logger.error("the store lacks the bytes of an artifact", path=path, key=file.key, missing=damage.missing)
            self.resolver.forget(path)
            self.cache.drop(("pulled", path))
            sent = await self.downloads.send(request, file, extra, damaged=True)
            return sent if not isinstance(sent, File) else await self.sender.send(request, sent, extra)

    def _redirect(self, path: str, request: web.BaseRequest) -> web.Response:
        query = f"?{request.query_string}" if request.query_string else ""
        return _text(302, "", {"Location": f"{self._prefix}{encode(path)}{query}"})


def _text(
    status: int, text: str, headers: Mapping[str, str] | None = None, type_: str = "text/plain",
) -> web.Response:
    return web.Response(status=status, text=text, headers=headers, content_type=type_)


def _nothing() -> web.Response:
    return web.Response(status=404, text="404: Not Found")
