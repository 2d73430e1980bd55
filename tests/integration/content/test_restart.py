"""The database server restarts, or falls silent, while clients download."""

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from pulp_actor.db import connected
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from pulp_actor.storage import forget_stores
from tests.support.content import Repo, content_server, distribute, until
from tests.support.postgres import THROWAWAY, bound

BIG = bytes(range(256)) * 2000


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server of the test's own."""
    server = EmbeddedServer(Path(tmp_path_factory.mktemp("own")) / "postgres", options=THROWAWAY)
    server.start()
    yield server
    server.stop(immediate=True)


@pytest.fixture(autouse=True)
def connection(server, data_dir):
    """In place of the one in conftest.py: on that server."""
    forget_stores()
    with bound(server.url):
        migrate()
        yield
    forget_stores()


async def test_what_is_in_memory_is_served_all_along(connection, server):
    with connected():
        repo = Repo()
        repo.add({"f": b"data", "big": BIG, "cold": b"cold"})
        distribute("repo", repository=repo.row)
    async with content_server() as client:
        wanted = {"repo/f": b"data", "repo/big": BIG}
        for path, data in wanted.items():
            assert (await client.get(path)).body == data
        over, answers, slowest = asyncio.Event(), 0, 0.0

        async def load(path: str) -> None:
            nonlocal answers, slowest
            while not over.is_set():
                start = time.monotonic()
                answer = await client.get(path)
                assert (answer.status, answer.body) == (200, wanted[path])
                slowest, answers = max(slowest, time.monotonic() - start), answers + 1

        async with asyncio.TaskGroup() as group:
            for path in [*wanted] * 4:
                group.create_task(load(path))
            before = answers
            await asyncio.to_thread(server.stop)
            during = answers
            assert (await client.get("repo/cold")).status == 503
            await until(lambda: answers > during + 50)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(20):
                while (await client.get("repo/cold")).body != b"cold":
                    await asyncio.sleep(0.02)
            await asyncio.to_thread(_change, repo)
            await until(lambda: answers > before + 200)
            over.set()
        assert slowest < 5


async def test_a_server_that_says_nothing_holds_up_nobody(connection, server):
    with connected():
        repo = Repo()
        repo.add({"f": b"data"})
        distribute("repo", repository=repo.row)
    async with content_server() as client:
        assert (await client.get("repo/f")).body == b"data"
        sessions = [each for each in psutil.Process(server.pid).children() if "idle" in " ".join(each.cmdline())]
        os.kill(server.pid, signal.SIGSTOP)  # whoever connects now waits
        try:
            for session in sessions:
                session.terminate()
            await until(lambda: not client.server.cache.current)
            for _ in range(20):
                start = time.monotonic()
                assert (await client.get("repo/f")).body == b"data"
                assert time.monotonic() - start < 3
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await until(lambda: client.server.cache.current)
        assert (await client.get("repo/f")).body == b"data"


def _change(repo: Repo) -> None:
    with connected():
        repo.add({"cold": b"warm"})
