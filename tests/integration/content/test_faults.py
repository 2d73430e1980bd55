"""Upstreams, clients, disks and databases that misbehave."""

import asyncio
import contextlib
import os
import socket
import statistics
import struct
import subprocess
import time

import aiohttp
import pytest
from aiohttp import web

from pulp_actor.db import connected
from pulp_actor.models import Artifact, ContentArtifact
from pulp_actor.settings import settings
from tests.integration.content.test_service import service
from tests.support.content import Origin, Repo, content_server, distribute, remote

BIG = os.urandom(2_000_000)


@contextlib.asynccontextmanager
async def upstream(**columns):
    """An origin with one large file, its mirror, and a client."""
    origin, repo = Origin(), Repo()
    origin.files = {"f": BIG}
    async with origin.serve(), content_server() as client:
        repo.add_remote("f", BIG, remote(origin.url, max_retries=0, **columns))
        distribute("mirror", repository=repo.row)
        client.origin = origin
        yield client


async def fails(client, *, status=None):
    """The file is refused, or the connection is broken; what it never is is complete."""
    try:
        answer = await client.get("mirror/f")
    except aiohttp.ClientPayloadError:
        assert status is None
    else:
        assert answer.status == (status or 502)
    assert not Artifact.select().exists()


async def test_an_upstream_that_stalls(connection):
    async def stall(request):
        response = web.StreamResponse()
        response.content_length = len(BIG)
        await response.prepare(request)
        await response.write(BIG[:500_000])
        await asyncio.sleep(30)
        return response

    async with upstream(sock_read_timeout=0.3) as client:
        client.origin.behaviour["f"] = stall
        await asyncio.wait_for(fails(client), 10)


async def test_an_upstream_that_resets_the_connection(connection):
    async def reset(request):
        response = web.StreamResponse()
        response.content_length = len(BIG)
        await response.prepare(request)
        await response.write(BIG[:500_000])
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return response

    async with upstream() as client:
        client.origin.behaviour["f"] = reset
        await fails(client)


@pytest.mark.parametrize("sent", [BIG + b"more", BIG[:-1], b""])
async def test_an_upstream_that_does_not_say_how_much_it_sends(connection, sent):
    async def chunked(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(sent)
        return response

    async with upstream() as client:
        client.origin.behaviour["f"] = chunked
        await fails(client)


async def test_an_upstream_that_never_answers(connection):
    async def silent(request):
        await asyncio.sleep(30)

    async with upstream(sock_read_timeout=0.3) as client:
        client.origin.behaviour["f"] = silent
        await asyncio.wait_for(fails(client, status=502), 10)


async def test_the_platforms_own_ports_are_no_upstream(connection):
    repo = Repo()
    async with content_server() as client:
        port = int(client.base.rpartition(":")[2])
        repo.add_remote("f", BIG, remote(f"http://localhost:{port}/pulp/content/", max_retries=0))
        distribute("mirror", repository=repo.row)
        with settings.override(CONTENT_BIND=f"127.0.0.1:{port}"):
            await fails(client, status=502)
        assert "belongs to this platform" in (await _reason(client))


async def _reason(client):
    with settings.override(REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN=0, CONTENT_BIND=client.base.removeprefix("http://")):
        return (await client.get("mirror/f")).body.decode()


async def test_an_upstream_that_redirects_in_a_loop(connection):
    async def loop(request):
        raise web.HTTPFound(request.path)

    async with upstream() as client:
        client.origin.behaviour["f"] = loop
        await fails(client, status=502)


async def test_an_upstream_that_redirects_to_a_forbidden_place(connection):
    async def elsewhere(request):
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")

    async with upstream() as client:
        client.origin.behaviour["f"] = elsewhere
        await asyncio.wait_for(fails(client, status=502), 5)


async def test_an_upstream_that_sends_another_range(connection):
    first, second, repo = Origin(), Origin(), Repo()

    async def breaks(request):
        response = web.StreamResponse()
        response.content_length = len(BIG)
        await response.prepare(request)
        await response.write(BIG[:500_000])
        request.transport.close()
        return response

    async def wrong(request):
        headers = {"Content-Range": f"bytes 900000-{len(BIG) - 1}/{len(BIG)}"}
        return web.Response(status=206, body=BIG[900_000:], headers=headers)

    first.behaviour["f"], second.behaviour["f"] = breaks, wrong
    async with first.serve(), second.serve(), content_server() as client:
        repo.add_remote("f", BIG, *(remote(origin.url, max_retries=0) for origin in (first, second)))
        distribute("mirror", repository=repo.row)
        await fails(client)


async def test_clients_that_leave_half_way(connection):
    repo = Repo()
    repo.add({"big": BIG * 5})
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            async with client.session.get(client.url("repo/big")) as response:
                await response.content.read(1000)
        async with asyncio.timeout(5):
            while len(os.listdir("/proc/self/fd")) > before + 5:
                await asyncio.sleep(0.05)
        assert (await client.get("repo/big")).body == BIG * 5


@pytest.mark.parametrize("path", ["repo/big", "mirror/f"])
async def test_500_clients_that_read_a_byte_a_second_starve_nobody(connection, path):
    repo = Repo()
    repo.add({"big": BIG * 5, "small": b"data"})
    distribute("repo", repository=repo.row)
    async with upstream() as client, contextlib.AsyncExitStack() as stack:
        host, _, port = client.base.removeprefix("http://").partition(":")
        loop = asyncio.get_running_loop()
        for _ in range(500):
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            await loop.sock_connect(slow, (host, int(port)))
            await loop.sock_sendall(slow, f"GET /pulp/content/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            stack.callback(slow.close)
        took = []
        for _ in range(20):
            start = time.monotonic()
            assert (await client.get("repo/small")).body == b"data"
            assert (await client.get("mirror/f")).body == BIG
            took.append(time.monotonic() - start)
        # One of them may be held up by a busy machine.
        assert statistics.median(took) < 5, took
        assert sum(took) < 60, "behind the slow ones it would take hours"


def mounts() -> bool:
    """Whether a process may have a mount of its own here."""
    probe = subprocess.run(["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"], check=False,
                           capture_output=True)
    return probe.returncode == 0


@pytest.mark.skipif(not mounts(), reason="no user namespaces here")
async def test_a_full_disk(connection):
    tmp = settings.data_dir / "tmp"
    tmp.mkdir()
    origin, repo = Origin(), Repo()
    origin.files = {"f": BIG, "g": b"small"}
    # Room for less than the large file.
    wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c",
               'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(tmp)]
    async with origin.serve():
        source = remote(origin.url, max_retries=0)
        for path, data in origin.files.items():
            repo.add_remote(path, data, source)
        repo.add({"saved": b"saved"})
        distribute("mirror", repository=repo.row)
        async with service(wrapper=wrapper, MIN_FREE_SPACE=0) as process, aiohttp.ClientSession() as session:
            async def get(path):
                async with session.get(f"{process.url}mirror/{path}") as response:
                    return response.status, await response.read()

            for _ in range(3):
                with contextlib.suppress(aiohttp.ClientPayloadError):
                    assert (await get("f"))[0] == 502
            # What there is room for, and what has been saved, is served as ever: nothing is left of what failed.
            assert await get("g") == (200, b"small")
            assert await get("saved") == (200, b"saved")
    assert not ContentArtifact.get(ContentArtifact.relative_path == "f").artifact


async def test_what_is_in_memory_is_served_without_a_database(connection, database, postgres):
    repo = Repo()
    repo.add({"f": b"data", "g": b"other"})
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        assert (await client.get("repo/f")).body == b"data"
        name = settings.DATABASE_URL.rpartition("/")[2].partition("?")[0]
        database.close()
        # Nobody gets in, and whoever is in gets out: to a client it is a server that is away.
        await asyncio.to_thread(postgres.execute, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await asyncio.to_thread(
            postgres.execute, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        for _ in range(50):
            assert (await client.get("repo/f")).body == b"data"
        assert (await client.get("repo/g")).status == 503
        await asyncio.to_thread(postgres.execute, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        async with asyncio.timeout(10):
            while (await client.get("repo/g")).status != 200:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(_change, repo)
        async with asyncio.timeout(10):
            while (await client.get("repo/f")).body != b"new":
                await asyncio.sleep(0.01)


def _change(repo):
    with connected():
        repo.add({"f": b"new"})
