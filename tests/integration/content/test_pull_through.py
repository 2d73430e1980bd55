"""Distributions that cache another server."""

import asyncio
import contextlib
import os

import pytest

from content.service import load_hooks
from pulp_actor.models import Artifact, Content
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.queue.models import Task
from pulp_actor.storage import get_storage
from tests.support.content import Origin, Repo, content_server, distribute, gated, remote, until

BIG = os.urandom(500_000)


@pytest.fixture(autouse=True)
def hooks():
    load_hooks()


@contextlib.asynccontextmanager
async def cache(policy="on_demand", **columns):
    origin = Origin()
    origin.files = {"up/big.bin": BIG, "up/dir/a b.txt": b"small", "up/PULP_MANIFEST": b""}
    async with origin.serve(), content_server() as client:
        upstream = remote(f"{origin.url}up/PULP_MANIFEST", policy)
        distribute("cache", remote=upstream, **columns)
        client.origin = origin
        yield client


async def test_what_is_fetched_once_is_kept(connection):
    async with cache() as client:
        for path, data in (("big.bin", BIG), ("dir/a%20b.txt", b"small")):
            for _ in range(3):
                answer = await client.get(f"cache/{path}")
                assert (answer.status, answer.body) == (200, data)
                await until(lambda: not client.server.downloads._running or all(
                    download.saved for download in client.server.downloads._running.values()))
        assert set(client.origin.requests.values()) == {1}
        assert FileContent.get(FileContent.relative_path == "dir/a b.txt").digest
        assert (await client.head("cache/big.bin")).headers["Content-Length"] == str(len(BIG))
    async with client.origin.serve(), content_server() as other:
        assert (await other.get("cache/big.bin")).body == BIG


async def test_many_clients_share_one_download(connection):
    gate = asyncio.Event()
    async with cache() as client:
        client.origin.behaviour["up/big.bin"] = gated(BIG, gate, 100_000)
        gets = [asyncio.create_task(client.get("cache/big.bin")) for _ in range(10)]
        await until(lambda: client.origin.requests["up/big.bin"])
        gate.set()
        assert all(answer.body == BIG for answer in await asyncio.gather(*gets))
        assert client.origin.requests["up/big.bin"] == 1


async def test_what_the_other_server_does_not_have(connection):
    async with cache() as client:
        for _ in range(3):
            assert (await client.get("cache/none")).status == 404
        assert client.origin.requests["up/none"] == 1
        assert (await client.get("cache/dir/")).status == 404
        assert not Content.select().exists()


async def test_head_of_what_has_not_been_fetched(connection):
    async with cache() as client:
        answer = await client.head("cache/big.bin")
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(BIG)))
        assert (await client.head("cache/none")).status == 404


async def test_what_is_fetched_is_added_to_the_repository(connection):
    repo = Repo()
    async with cache(repository=repo.row) as client:
        await client.get("cache/big.bin")
        await client.get("cache/dir/a%20b.txt")
        await until(lambda: Task.select().exists())
    tasks = list(Task.select())
    assert [task.actor for task in tasks] == ["pulpcore.app.tasks.repository.add_and_remove"]
    assert tasks[0].exclusive == [f"prn:file.filerepository:{repo.row.id}"]


async def test_the_repository_comes_first(connection):
    repo = Repo()
    repo.add({"big.bin": b"ours"})
    async with cache(repository=repo.row) as client:
        assert (await client.get("cache/big.bin")).body == b"ours"
        assert not client.origin.requests
        assert (await client.get("cache/dir/a%20b.txt")).body == b"small"


async def test_streamed_is_not_kept(connection):
    async with cache("streamed") as client:
        for count in (1, 2):
            assert (await client.get("cache/big.bin")).body == BIG
            await until(lambda: not client.server.downloads._running)
            assert client.origin.requests["up/big.bin"] == count
        assert not Artifact.select().exists()


async def test_a_lost_file_is_fetched_again(connection):
    async with cache() as client:
        await client.get("cache/big.bin")
        await until(lambda: Content.select().exists() and (not client.server.downloads._running or all(
            download.saved for download in client.server.downloads._running.values())))
        get_storage().local_path(Artifact.get().file).unlink()
        assert (await client.get("cache/big.bin")).body == BIG
        await until(lambda: get_storage().exists(Artifact.get().file))


async def test_a_server_that_is_away(connection):
    distribute("cache", remote=remote("http://127.0.0.1:9/", max_retries=0))
    async with content_server() as client:
        assert (await client.get("cache/f")).status == 502


async def test_a_path_cannot_leave_the_remote(connection):
    async with cache() as client:
        for target in ("cache/../secret", "cache/%2e%2e/secret", "cache//127.0.0.1:9/x", "cache/..%2f..%2fsecret"):
            assert await client.raw(f"/pulp/content/{target}") == 404
        await client.get("cache/http:%2f%2f127.0.0.1:9%2fx")
        await client.get("cache/f%3fquery=1%23x")
        assert set(client.origin.requests) <= {"up/http://127.0.0.1:9/x", "up/f?query=1#x"}


async def test_what_was_pulled_through_is_added_under_the_id_of_the_request(connection):
    repo = Repo()
    async with cache(repository=repo.row) as client:
        assert (await client.get("cache/big.bin", headers={"Correlation-ID": "follow-me"})).body == BIG
        await until(lambda: Task.select().count())
    assert Task.get().logging_cid == "follow-me"
