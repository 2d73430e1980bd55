"""The content server as processes of its own."""

import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from urllib.parse import quote

import aiohttp
import psutil
import pytest

from pulp_actor.models import ContentGuard
from pulp_actor.queue.models import Worker
from pulp_actor.settings import settings
from tests.support.certificates import Certificate
from tests.support.content import Repo, distribute
from tests.support.ports import free_port

BIG = os.urandom(30_000_000)


@contextlib.asynccontextmanager
async def service(processes=1, wrapper=(), **more):
    port = free_port()
    with settings.override(CONTENT_BIND=f"127.0.0.1:{port}", CONTENT_PROCESSES=processes, **more):
        environment = {**os.environ, **settings.environment()}
    command = [*wrapper, sys.executable, "-m", "content.service"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    process.url = f"{'https' if 'CONTENT_TLS_CERTIFICATE' in more else 'http'}://127.0.0.1:{port}/pulp/content/"
    process.port = port
    try:
        await ready(process)
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)


async def ready(process):
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            assert process.poll() is None, process.stderr.read().decode()
            try:
                async with session.head(process.url, ssl=False) as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


@pytest.fixture
def served(connection):
    repo = Repo()
    repo.add({"f": b"data", "big": BIG})
    distribute("repo", repository=repo.row)


async def fetch(url, path):
    async with aiohttp.ClientSession() as session, session.get(url + path, ssl=False) as response:
        return await response.read()


async def test_several_processes_on_one_port(served):
    async with service(2) as process:
        # Two that serve and one that watches over them.
        assert len(psutil.Process(process.pid).children()) == 2
        for _ in range(10):
            assert await fetch(process.url, "repo/f") == b"data"
        async with asyncio.timeout(10):
            while Worker.select().where(Worker.kind == "content", Worker.gone_at.is_null()).count() < 2:
                await asyncio.sleep(0.05)


async def test_the_logs_of_a_request_carry_the_id_that_its_client_gave(served):
    async with service(CONTENT_ACCESS_LOG=True, LOG_FORMAT="json") as process, aiohttp.ClientSession() as session:
        for given in ({"Correlation-ID": "follow-me"}, {"Correlation-ID": "x" * 500}, {}):
            async with session.get(process.url + "repo/f", headers=given) as response:
                assert await response.read() == b"data"
        process.terminate()
        lines = [json.loads(line) for line in (await asyncio.to_thread(process.stderr.read)).splitlines()]
    given, unusable, none = [line["cid"] for line in lines if '"GET /pulp/content/repo/f"' in line["event"]]
    assert given == "follow-me"
    assert re.fullmatch("[0-9a-f]{32}", unusable) and re.fullmatch("[0-9a-f]{32}", none)
    assert unusable != none, "one is made up for each request"


async def test_a_process_that_dies_is_replaced(served):
    async with service(2) as process:
        victim = psutil.Process(process.pid).children()[0]
        victim.kill()
        async with asyncio.timeout(10):
            while len(alive := psutil.Process(process.pid).children()) < 2 or victim in alive:
                await asyncio.sleep(0.05)
        assert await fetch(process.url, "repo/f") == b"data"


@pytest.mark.parametrize("processes", [1, 2])
async def test_sigterm_lets_open_downloads_end(served, processes):
    async with service(processes) as process, aiohttp.ClientSession() as session:
        async with session.get(f"{process.url}repo/big") as response:
            first = await response.content.read(1000)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    while True:
                        await fetch(process.url, "repo/f")
                        await asyncio.sleep(0.02)
            assert first + await response.read() == BIG
        assert await asyncio.to_thread(process.wait, 10) == 0


async def test_children_do_not_outlive_their_parent(served):
    async with service(2) as process:
        children = psutil.Process(process.pid).children()
        process.kill()
        _, left = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert not left


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_port_in_use_is_one_line(served, processes):
    async with service() as process:
        with settings.override(CONTENT_BIND=f"127.0.0.1:{process.port}", CONTENT_PROCESSES=processes):
            environment = {**os.environ, **settings.environment()}
        second = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "content.service"], env=environment, capture_output=True, timeout=20,
        )
        assert second.returncode == 1
        assert second.stderr.decode().splitlines() == [
            f"pulp-content: cannot listen on 127.0.0.1:{process.port}: Address already in use"]


async def test_tls(served, tmp_path):
    server = Certificate("localhost", ca=False).write(tmp_path / "tls.pem")
    async with service(CONTENT_TLS_CERTIFICATE=str(server)) as process:
        assert process.url.startswith("https:")
        assert await fetch(process.url, "repo/big") == BIG


async def test_client_certificates_without_a_proxy(connection, tmp_path):
    authority, other = Certificate(), Certificate("other")
    guard = ContentGuard.create(type="certguard.x509", name="x509", details={"ca_certificate": authority.pem})
    repo = Repo()
    repo.add({"f": b"secret"})
    distribute("repo", repository=repo.row, content_guard=guard)
    guard = ContentGuard.create(type="certguard.rhsm", name="rhsm", details={"ca_certificate": authority.pem})
    distribute("entitled/repo", repository=repo.row, content_guard=guard)
    trusted = tmp_path / "authorities.pem"
    trusted.write_text(authority.pem + other.pem)
    server = Certificate("localhost", ca=False).write(tmp_path / "tls.pem")
    async with service(CONTENT_TLS_CERTIFICATE=str(server), CONTENT_TLS_CLIENT_CA=str(trusted)) as process:
        async def status(path, certificate=None, **headers):
            context = ssl.create_default_context(cafile=server)
            if certificate is not None:
                context.load_cert_chain(certificate.write(tmp_path / "client.pem"))
            async with (
                aiohttp.ClientSession() as session,
                session.get(process.url + path, ssl=context, headers=headers) as response,
            ):
                return response.status

        good = Certificate("client", authority, ca=False, paths=["/entitled"])
        assert await status("repo/f", good) == await status("entitled/repo/f", good) == 200
        assert await status("entitled/repo/f", Certificate("client", authority, ca=False, paths=["/else"])) == 403
        assert await status("repo/f", Certificate("client", other, ca=False)) == 403
        assert await status("repo/f") == 403
        # What a header says counts for nothing on a connection that could have proved it.
        assert await status("repo/f", **{"X-CLIENT-CERT": quote(good.pem)}) == 403
        with pytest.raises(aiohttp.ClientError):
            await status("repo/f", Certificate("client", Certificate(), ca=False))
