"""The content server as processes of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

import aiohttp
import psutil
import pytest

from pulp_actor.queue.models import Worker
from pulp_actor.settings import settings
from tests.support.content import Repo, distribute

BIG = os.urandom(30_000_000)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def service(processes=1, **more):
    port = free_port()
    with settings.override(CONTENT_BIND=f"127.0.0.1:{port}", CONTENT_PROCESSES=processes, **more):
        environment = {**os.environ, **settings.environment()}
    process = subprocess.Popen([sys.executable, "-m", "content.service"], env=environment, stderr=subprocess.PIPE)
    process.url = f"http://127.0.0.1:{port}/pulp/content/"
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
                async with session.head(process.url) as response:
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
    async with aiohttp.ClientSession() as session, session.get(url + path) as response:
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
    certificate = self_signed(tmp_path)
    port = free_port()
    with settings.override(
        CONTENT_BIND=f"127.0.0.1:{port}", CONTENT_TLS_CERTIFICATE=str(certificate),
    ):
        environment = {**os.environ, **settings.environment()}
    process = subprocess.Popen([sys.executable, "-m", "content.service"], env=environment)
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"https://127.0.0.1:{port}/pulp/content/repo/big", ssl=False) as response:
                        assert await response.read() == BIG
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 10)


def self_signed(directory):
    """A PEM file with a key and its own certificate."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    )
    path = directory / "tls.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path
