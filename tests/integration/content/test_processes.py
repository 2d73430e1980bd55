"""Several content processes, here and on other machines, that are asked for one file that has not been saved: one of them
fetches it."""

import asyncio
import contextlib
import os

import aiohttp
import pytest

from content import download
from content.service import load_hooks
from pulp_actor.models import Artifact, ContentArtifact
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from tests.integration.content.test_service import service
from tests.support.content import Origin, Repo, breaks_off, content_server, distribute, gated, remote, sha256, until

BIG = os.urandom(3_000_000)
SMALL = b"a small file"


@contextlib.asynccontextmanager
async def mirror(policy="on_demand", **columns):
    """An origin whose files are mirrored."""
    origin, repo = Origin(), Repo()
    origin.files = {"big": BIG, "small": SMALL}
    async with origin.serve():
        upstream = remote(origin.url, policy, **columns)
        for path, data in origin.files.items():
            repo.add_remote(path, data, upstream)
        distribute("mirror", repository=repo.row)
        yield origin


@contextlib.asynccontextmanager
async def two_servers():
    """Two content servers of this machine that know nothing of each other, as two processes do."""
    async with content_server() as one, content_server() as other:
        yield one, other


def saved(path):
    found = ContentArtifact.get(ContentArtifact.relative_path == path).artifact
    return found and b"".join(get_storage().open(found.file))


@pytest.mark.parametrize(("path", "data"), [("big", BIG), ("small", SMALL)])
async def test_they_share_one_download(connection, path, data):
    gate = asyncio.Event()
    async with mirror() as origin, two_servers() as servers:
        origin.behaviour[path] = gated(data, gate, len(data) // 2)
        gets = [asyncio.create_task(servers[0].get(f"mirror/{path}"))]
        await until(lambda: origin.requests[path])
        gets += [asyncio.create_task(server.get(f"mirror/{path}")) for server in servers for _ in range(10)]
        part = asyncio.create_task(servers[1].get(f"mirror/{path}", headers={"Range": "bytes=3-8"}))
        await until(lambda: servers[1].server.downloads._running)
        gate.set()
        assert all(answer.body == data for answer in await asyncio.gather(*gets))
        assert (await part).body == data[3:9]
        assert origin.requests[path] == 1
        await until(lambda: saved(path) == data)
        assert not list((settings.data_dir / "tmp").iterdir())


async def test_bytes_come_before_the_other_process_has_all(connection):
    gate = asyncio.Event()
    async with mirror() as origin, two_servers() as servers:
        origin.behaviour["big"] = gated(BIG, gate, 1_000_000)
        first = asyncio.create_task(servers[0].get("mirror/big"))
        await until(lambda: origin.requests["big"])
        async with servers[1].session.get(servers[1].url("mirror/big")) as response:
            begun = await asyncio.wait_for(response.content.read(500_000), 5)
            gate.set()
            assert begun + await response.read() == BIG
        assert (await first).body == BIG
        assert origin.requests["big"] == 1


async def test_wrong_bytes_end_cleanly_nowhere(connection):
    gate = asyncio.Event()
    async with mirror() as origin, two_servers() as servers:
        origin.behaviour["big"] = gated(BIG[:-1] + b"!", gate, 1_000_000)
        first = asyncio.create_task(servers[0].get("mirror/big"))
        await until(lambda: origin.requests["big"])
        async with servers[1].session.get(servers[1].url("mirror/big")) as response:
            await response.content.read(500_000)
            gate.set()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        with pytest.raises(aiohttp.ClientPayloadError):
            await first
        assert not Artifact.select().exists()


async def test_who_waits_heeds_that_the_remote_has_failed(connection):
    gate = asyncio.Event()
    async with mirror() as origin, two_servers() as servers:
        origin.behaviour["small"] = gated(SMALL[:-1] + b"!", gate, 5)
        gets = [asyncio.create_task(servers[0].get("mirror/small"))]
        await until(lambda: origin.requests["small"])
        gets.append(asyncio.create_task(servers[1].get("mirror/small")))
        await until(lambda: any(each._growing for each in servers[1].server.downloads._running.values()))
        gate.set()
        assert [answer.status for answer in await asyncio.gather(*gets)] == [502, 502]
        assert origin.requests["small"] == 1


async def test_the_next_takes_over_from_a_process_that_is_killed(connection):
    gate = asyncio.Event()
    async with mirror() as origin, content_server() as other, service() as process, aiohttp.ClientSession() as session:
        origin.behaviour["small"] = gated(SMALL, gate, 5)
        lost = asyncio.create_task(session.get(f"{process.url}mirror/small"))
        await until(lambda: origin.requests["small"])
        waits = asyncio.create_task(other.get("mirror/small"))
        await until(lambda: other.server.downloads._running)
        process.kill()
        with pytest.raises(aiohttp.ClientConnectionError):
            await lost
        gate.set()
        assert (await asyncio.wait_for(waits, 10)).body == SMALL
        assert origin.requests["small"] == 2


async def test_a_release_that_nobody_heard_is_noticed(connection, monkeypatch):
    gate = asyncio.Event()
    async with mirror() as origin, two_servers() as servers:
        monkeypatch.setattr(servers[1].server.downloads._tools.flights, "_announce", lambda name: None)
        origin.behaviour["small"] = gated(SMALL, gate, 5)
        gets = [asyncio.create_task(servers[0].get("mirror/small"))]
        await until(lambda: origin.requests["small"])
        gets.append(asyncio.create_task(servers[1].get("mirror/small")))
        await until(lambda: servers[1].server.downloads._running)
        gate.set()
        assert all(answer.body == SMALL for answer in await asyncio.wait_for(asyncio.gather(*gets), 5))
        assert origin.requests["small"] == 1


@contextlib.asynccontextmanager
async def other_machine(tmp_path):
    """A process that shares the database and the store with us, and no directory."""
    (tmp_path / "other machine").mkdir()
    async with service(
        DATA_DIR=str(tmp_path / "other machine"), DB_ENCRYPTION_KEY=str(keyring.path),
        STORAGE={"path": str(settings.data_dir / "media")},
    ) as process:
        yield process


async def test_another_machine_waits_for_what_is_saved(connection, tmp_path):
    gate = asyncio.Event()
    async with mirror() as origin, content_server() as other, other_machine(tmp_path) as process:
        origin.behaviour["big"] = gated(BIG, gate, 1_000_000)
        async with aiohttp.ClientSession() as session, session.get(f"{process.url}mirror/big") as response:
            waits = asyncio.create_task(other.get("mirror/big"))
            await until(lambda: other.server.downloads._running)
            gate.set()
            assert sha256(await response.read()) == sha256((await waits).body) == sha256(BIG)
        assert origin.requests["big"] == 1


async def test_but_not_for_ever(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.0)
    gate = asyncio.Event()
    async with mirror() as origin, content_server() as other, other_machine(tmp_path) as process:
        origin.behaviour["big"] = gated(BIG, gate, 1_000_000)
        async with aiohttp.ClientSession() as session, session.get(f"{process.url}mirror/big") as response:
            del origin.behaviour["big"]
            assert (await other.get("mirror/big")).body == BIG
            gate.set()
            assert await response.read() == BIG
        assert origin.requests["big"] == 2


async def test_pulled_files_too(connection):
    load_hooks()
    gate = asyncio.Event()
    async with mirror() as origin, two_servers() as servers:
        distribute("pull", remote=remote(origin.url))
        origin.behaviour["new"] = gated(BIG, gate, 1_000_000)
        gets = [asyncio.create_task(servers[0].get("pull/new"))]
        await until(lambda: origin.requests["new"])
        gets.append(asyncio.create_task(servers[1].get("pull/new")))
        await until(lambda: servers[1].server.downloads._running)
        gate.set()
        assert all(answer.body == BIG for answer in await asyncio.gather(*gets))
        assert origin.requests["new"] == 1


async def test_a_source_that_breaks_off_is_tried_again_by_whoever_asks_next(connection):
    async with mirror() as origin, two_servers() as servers:
        origin.behaviour["big"] = breaks_off(BIG, 1_000_000)
        with pytest.raises(aiohttp.ClientPayloadError):
            await servers[0].get("mirror/big")
        del origin.behaviour["big"]
        with settings.override(REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN=0):
            assert (await servers[1].get("mirror/big")).body == BIG
