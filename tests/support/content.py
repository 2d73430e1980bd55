"""What the content server's tests and benchmarks are made of: rows that mean something, a server, and an origin that can
misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from content.app import ContentServer
from pulp_actor.db import database, transaction
from pulp_actor.db.listen import ListenHub
from pulp_actor.identifiers import uuid7
from pulp_actor.models import (
    Artifact,
    Content,
    ContentArtifact,
    Distribution,
    Publication,
    PublishedArtifact,
    PublishedMetadata,
    Remote,
    RemoteArtifact,
    Repository,
    RepositoryContent,
    RepositoryVersion,
)
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact

_numbers = itertools.count(1)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def artifact(data: bytes) -> Artifact:
    with get_storage().temporary() as file:
        file.write(data)
        return store_artifact(file)


def remote(url: str, policy: str = "on_demand", **columns: Any) -> Remote:
    return Remote.create(type="file.file", name=f"remote {next(_numbers):06}", url=url, policy=policy, **columns)


class Repo:
    """A repository whose versions are made from paths and bytes."""

    def __init__(self) -> None:
        self.row = Repository.create(type="file.file", name=f"repository {next(_numbers):06}")
        self.version = RepositoryVersion.create(repository=self.row, number=0, complete=True)

    def add(self, files: dict[str, bytes] | None = None, *, remove: tuple[str, ...] = ()) -> RepositoryVersion:
        """A new version with ``files`` added (replacing those of the same path) and ``remove`` taken out."""
        with transaction():
            version = RepositoryVersion.create(repository=self.row, number=self.version.number + 1)
            for path in (*(files or {}), *remove):
                self._take_out(path, version.number)
            for path, data in (files or {}).items():
                self.put(path, data, version.number)
            version.complete = True
            version.save()
        self.version = version
        return version

    def put(self, path: str, data: bytes | None, number: int | None = None) -> ContentArtifact:
        content = Content.create(type="file.file")
        found = ContentArtifact.create(
            content=content, artifact=artifact(data) if data is not None else None, relative_path=path,
        )
        number = self.version.number if number is None else number
        RepositoryContent.insert(repository=self.row, content=content, version_added=number).execute()
        return found

    def add_remote(
        self, path: str, data: bytes, *remotes: Remote, digests: dict[str, str] | None = None, size: int | None = -1,
    ) -> ContentArtifact:
        """A new version with a file that has not been saved, whose bytes should be ``data``."""
        with transaction():
            self.add()
            found = self.put(path, None)
            # Within a millisecond keys come in no order; here the remotes are to be tried in the order given.
            for key, each in zip(sorted(uuid7() for _ in remotes), remotes, strict=True):
                RemoteArtifact.create(
                    id=key, content_artifact=found, remote=each, url=each.url + path, size=len(data) if size == -1 else size,
                    **({"sha256": sha256(data)} if digests is None else digests),
                )
        return found

    def publish(self, metadata: dict[str, bytes] | None = None, *, pass_through: bool = True, **paths: str) -> Publication:
        """A publication of the latest version, with metadata; ``paths`` are published under another path."""
        with transaction():
            publication = Publication.create(
                type="file.file", repository_version=self.version, complete=False, pass_through=pass_through,
            )
            for path, data in (metadata or {}).items():
                content = Content.create(type="core.publishedmetadata")
                ContentArtifact.create(content=content, artifact=artifact(data), relative_path=path)
                PublishedMetadata.insert(content=content, publication=publication, relative_path=path).execute()
            for new, old in paths.items():
                found = ContentArtifact.get(ContentArtifact.relative_path == old)
                PublishedArtifact.create(publication=publication, content_artifact=found, relative_path=new)
            publication.complete = True
            publication.save()
        return publication

    def _take_out(self, path: str, number: int) -> None:
        content = ContentArtifact.select(ContentArtifact.content).where(ContentArtifact.relative_path == path)
        RepositoryContent.update(version_removed=number).where(
            RepositoryContent.repository == self.row, RepositoryContent.version_removed.is_null(),
            RepositoryContent.content.in_(content),
        ).execute()


_FILL = """
WITH made AS (
    INSERT INTO content (id, type) SELECT gen_random_uuid(), 'file.file' FROM generate_series(1, %(count)s) RETURNING id
), numbered AS (
    SELECT id, row_number() OVER () AS number FROM made
), placed AS (
    INSERT INTO content_artifact (id, content_id, artifact_id, relative_path)
    SELECT gen_random_uuid(), id, %(artifact)s::uuid,
           CASE WHEN %(flat)s THEN 'f' || number ELSE 'd' || number %% 1000 || '/f' || number END FROM numbered
)
INSERT INTO repository_content (repository_id, content_id, version_added)
SELECT %(repository)s::uuid, id, %(version)s FROM numbered
"""


def fill(repo: Repo, count: int, stored: Artifact, *, flat: bool = False) -> None:
    """Put ``count`` units into the repository's latest version: as ``d7/f7`` in 1,000 directories, or ``f7`` in one."""
    database.execute_sql(_FILL, {
        "count": count, "artifact": str(stored.id), "repository": str(repo.row.id), "version": repo.version.number,
        "flat": flat,
    })


def distribute(base_path: str, **columns: Any) -> Distribution:
    return Distribution.create(type="file.file", name=f"distribution {next(_numbers):06}", base_path=base_path, **columns)


class Client:
    """An HTTP client whose URLs are paths below the content prefix."""

    def __init__(self, session: aiohttp.ClientSession, base: str, server: ContentServer) -> None:
        self.session, self.base, self.server = session, base, server

    def url(self, path: str) -> str:
        return f"{self.base}/pulp/content/{path}"

    async def get(self, path: str, method: str = "GET", **options: Any) -> Answer:
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, self.url(path), **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def until(self, path: str, condition: Callable[[Answer], bool]) -> None:
        """GET until the answer is as it shall be, once the server has heard of a change."""
        async with asyncio.timeout(10):
            while not condition(await self.get(path)):
                await asyncio.sleep(0.01)

    async def head(self, path: str, **options: Any) -> Answer:
        return await self.get(path, "HEAD", **options)

    async def raw(self, target: str) -> int:
        """The status of a GET for exactly ``target``."""
        host, _, port = self.base.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])


async def until(condition: Callable[[], object]) -> None:
    """Wait for what a server does after its answer."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


@asynccontextmanager
async def running(runner: web.BaseRunner) -> AsyncIterator[str]:
    """Serve on a free port of loopback; yields ``http://127.0.0.1:port``."""
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def content_server() -> AsyncIterator[Client]:
    """A content server that listens for changes, and a client for it."""
    hub = ListenHub(settings.DATABASE_URL)
    server = ContentServer(hub)
    hub.start()
    try:
        assert await asyncio.to_thread(hub.connected.wait, 10)
        async with (
            running(web.ServerRunner(server.server(access_log=None), shutdown_timeout=1)) as base,
            aiohttp.ClientSession(auto_decompress=False) as session,
        ):
            yield Client(session, base, server)
        await server.close()
    finally:
        await asyncio.to_thread(hub.stop)


class Origin:
    """An upstream that serves ``files`` and counts the requests for each; ``behaviour`` replaces the serving of a path."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.behaviour: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        self.requests: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/")
        self.requests[path] += 1
        self.headers.append(dict(request.headers))
        if path in self.behaviour:
            return await self.behaviour[path](request)
        if path not in self.files:
            return web.Response(status=404)
        data = self.files[path]
        if request.http_range.start:
            start = request.http_range.start
            headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return web.Response(body=data[start:], status=206, headers=headers)
        return web.Response(body=data)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Origin]:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._handle)
        async with running(web.AppRunner(application, access_log=None, shutdown_timeout=1)) as url:
            self.url = f"{url}/"
            yield self


def breaks_off(data: bytes, after: int, length: int | None = None) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Sends the first ``after`` bytes of ``data`` as if there were ``length``, then breaks the connection."""
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(data) if length is None else length
        await response.prepare(request)
        await response.write(data[:after])
        assert request.transport is not None
        # Closing (not aborting) lets the bytes arrive.
        request.transport.close()
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
        return response

    return handle


def gated(data: bytes, gate: asyncio.Event, after: int = 1) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Sends the first ``after`` bytes, the rest when ``gate`` opens."""
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(data)
        await response.prepare(request)
        await response.write(data[:after])
        await gate.wait()
        await response.write(data[after:])
        await response.write_eof()
        return response

    return handle


