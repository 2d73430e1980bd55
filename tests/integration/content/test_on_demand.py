"""Files whose bytes have not been saved: fetched while they are sent, checked, shared and kept."""

import asyncio
import contextlib
import os

import aiohttp
import pytest

from pulp_actor.models import Artifact, ContentArtifact, RemoteArtifact
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from tests.support.content import (
    Origin,
    Repo,
    artifact,
    breaks_off,
    content_server,
    distribute,
    gated,
    remote,
    sha256,
    until,
)

BIG = os.urandom(1_000_000)
SMALL = b"a small file"


@contextlib.asynccontextmanager
async def mirror(policy="on_demand", **files):
    """An origin, a repository that mirrors it, and a client."""
    origin, repo = Origin(), Repo()
    origin.files = {"big.bin": BIG, "small.txt": SMALL, **files}
    async with origin.serve():
        upstream = remote(origin.url, policy)
        for path, data in origin.files.items():
            repo.add_remote(path, data, upstream)
        distribute("mirror", repository=repo.row)
        async with content_server() as client:
            client.origin, client.repo, client.upstream = origin, repo, upstream
            yield client


def saved(path):
    found = ContentArtifact.get(ContentArtifact.relative_path == path).artifact
    exists = found and get_storage().exists(found.file)
    return b"".join(get_storage().open(found.file)) if exists else None


@pytest.mark.parametrize(("path", "data"), [("big.bin", BIG), ("small.txt", SMALL)])
async def test_the_first_client_gets_it_and_it_is_saved(connection, path, data):
    async with mirror() as client:
        answer = await client.get(f"mirror/{path}")
        assert (answer.status, answer.body) == (200, data)
        assert answer.headers["Content-Length"] == answer.headers["X-PULP-ARTIFACT-SIZE"] == str(len(data))
        assert answer.headers["ETag"] == f'"{sha256(data)}"'
        await until(lambda: saved(path) == data)
        again = await client.get(f"mirror/{path}")
        assert again.body == data and "Last-Modified" in again.headers
        assert client.origin.requests[path] == 1


async def test_many_clients_share_one_download(connection):
    gate = asyncio.Event()
    async with mirror() as client:
        client.origin.behaviour["big.bin"] = gated(BIG, gate, 200_000)
        gets = [asyncio.create_task(client.get("mirror/big.bin")) for _ in range(20)]
        await until(lambda: client.origin.requests["big.bin"])
        late = asyncio.create_task(client.get("mirror/big.bin", headers={"Range": "bytes=10-19"}))
        await asyncio.sleep(0.05)
        gate.set()
        assert all(answer.body == BIG for answer in await asyncio.gather(*gets))
        assert (await late).body == BIG[10:20]
        assert (await client.get("mirror/big.bin")).body == BIG
        assert client.origin.requests["big.bin"] == 1


async def test_the_first_bytes_come_before_the_last_are_there(connection):
    gate = asyncio.Event()
    async with mirror() as client:
        client.origin.behaviour["big.bin"] = gated(BIG, gate, 200_000)
        async with client.session.get(client.url("mirror/big.bin")) as response:
            first = await asyncio.wait_for(response.content.read(100_000), 2)
            gate.set()
            assert first + await response.read() == BIG


async def test_wrong_bytes_of_a_large_file_break_the_connection(connection):
    async with mirror() as client:
        client.origin.files["big.bin"] = BIG[:-1] + b"!"
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get("mirror/big.bin")
        with pytest.raises(aiohttp.ClientPayloadError):
            await _forget_failures_and(client.get("mirror/big.bin", headers={"Range": "bytes=0-99"}))
        assert saved("big.bin") is None
        assert not Artifact.select().exists()


async def _forget_failures_and(get):
    RemoteArtifact.update(failed_at=None).execute()
    return await get


async def test_wrong_bytes_of_a_small_file_are_never_sent(connection):
    async with mirror() as client:
        client.origin.files["small.txt"] = b"x small file"
        assert (await client.get("mirror/small.txt")).status == 502
        assert saved("small.txt") is None


async def test_a_bad_remote_is_left_alone_for_a_while(connection):
    async with mirror() as client:
        client.origin.files["small.txt"] = b"x small file"
        assert (await client.get("mirror/small.txt")).status == 502
        client.origin.files["small.txt"] = SMALL
        assert (await client.get("mirror/small.txt")).status == 502
        assert client.origin.requests["small.txt"] == 1
        with settings.override(REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN=0):
            assert (await client.get("mirror/small.txt")).body == SMALL


@pytest.mark.parametrize("wrong", [SMALL + b"x", SMALL[:-1], b"", b"y" * len(SMALL)])
async def test_the_next_remote_is_tried(connection, wrong):
    good, bad, repo = Origin(), Origin(), Repo()
    good.files, bad.files = {"f": SMALL}, {"f": wrong}
    async with good.serve(), bad.serve(), content_server() as client:
        repo.add_remote("f", SMALL, remote(bad.url), remote(good.url))
        distribute("mirror", repository=repo.row)
        assert (await client.get("mirror/f")).body == SMALL
        assert (bad.requests["f"], good.requests["f"]) == (1, 1)


async def test_a_download_that_breaks_off_goes_on_from_the_next_remote(connection):
    good, bad, repo = Origin(), Origin(), Repo()
    good.files = {"f": BIG}
    bad.behaviour["f"] = breaks_off(BIG, 300_000)
    async with good.serve(), bad.serve(), content_server() as client:
        repo.add_remote("f", BIG, remote(bad.url), remote(good.url))
        distribute("mirror", repository=repo.row)
        assert (await client.get("mirror/f")).body == BIG
        assert good.headers[0]["Range"].startswith("bytes=")
        await until(lambda: saved("f") == BIG)


async def test_a_body_that_is_cut_short_does_not_end_cleanly(connection):
    async with mirror() as client:
        client.origin.behaviour["big.bin"] = breaks_off(BIG, 300_000)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get("mirror/big.bin")
        assert saved("big.bin") is None


@pytest.mark.parametrize("delta", [-5, 5])
async def test_a_length_that_differs_is_refused_before_a_byte_is_sent(connection, delta):
    async with mirror() as client:
        client.origin.files["big.bin"] = BIG[:delta] if delta < 0 else BIG + b"more!"
        assert (await client.get("mirror/big.bin")).status == 502


async def test_a_body_of_unknown_length(connection):
    async with mirror() as client:
        repo = client.repo
        repo.add_remote("odd", BIG, client.upstream, size=None)
        client.origin.behaviour["odd"] = _chunked(BIG)
        answer = await client.get("mirror/odd")
        assert answer.body == BIG
        await until(lambda: saved("odd") == BIG)
        repo.add_remote("bad", BIG, client.upstream, size=None)
        client.origin.behaviour["bad"] = _chunked(BIG[:-1])
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get("mirror/bad")


def _chunked(data):
    from aiohttp import web

    async def handle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(data)
        await response.write_eof()
        return response

    return handle


async def test_an_upstream_that_does_not_have_it(connection):
    async with mirror() as client:
        del client.origin.files["small.txt"]
        assert (await client.get("mirror/small.txt")).status == 404


async def test_an_upstream_that_is_away(connection):
    repo = Repo()
    async with content_server() as client:
        repo.add_remote("f", SMALL, remote("http://127.0.0.1:9/", max_retries=0))
        distribute("mirror", repository=repo.row)
        assert (await client.get("mirror/f")).status == 502


async def test_ranges_of_a_file_that_has_not_been_saved(connection):
    async with mirror() as client:
        for path, data in (("big.bin", BIG), ("small.txt", SMALL)):
            answer = await client.get(f"mirror/{path}", headers={"Range": "bytes=5-7"})
            assert (answer.status, answer.body) == (206, data[5:8])
            assert answer.headers["Content-Range"] == f"bytes 5-7/{len(data)}"


async def test_head_and_conditions_fetch_nothing(connection):
    async with mirror() as client:
        head = await client.head("mirror/big.bin")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(BIG)))
        unchanged = await client.get("mirror/big.bin", headers={"If-None-Match": f'"{sha256(BIG)}"'})
        assert unchanged.status == 304
        assert not client.origin.requests


async def test_streamed_files_are_checked_but_not_kept(connection):
    async with mirror("streamed") as client:
        for count in (1, 2):
            assert (await client.get("mirror/big.bin")).body == BIG
            await until(lambda: not client.server.downloads._running)
            assert client.origin.requests["big.bin"] == count
        assert saved("big.bin") is None
        client.origin.files["big.bin"] = BIG[:-1] + b"!"
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get("mirror/big.bin")
        await until(lambda: not list((settings.data_dir / "tmp").iterdir()))


async def test_a_client_that_leaves_does_not_stop_the_saving(connection):
    gate = asyncio.Event()
    async with mirror() as client:
        client.origin.behaviour["big.bin"] = gated(BIG, gate, 200_000)
        async with client.session.get(client.url("mirror/big.bin")) as response:
            await response.content.read(1000)
        await asyncio.sleep(0.05)
        gate.set()
        await until(lambda: saved("big.bin") == BIG)


async def test_a_lost_file_is_fetched_again(connection):
    async with mirror() as client:
        await client.get("mirror/small.txt")
        await until(lambda: saved("small.txt") == SMALL)
        assert (await client.get("mirror/small.txt")).body == SMALL
    get_storage().local_path(artifact(SMALL).file).unlink()
    async with client.origin.serve(), content_server() as other:
        RemoteArtifact.update(url=f"{client.origin.url}small.txt").execute()
        assert (await other.get("mirror/small.txt")).body == SMALL
        await until(lambda: saved("small.txt") == SMALL)


async def test_an_upstream_that_sends_gzip_by_name_is_not_decoded(connection):
    import gzip

    packed = gzip.compress(b"x" * 1000)
    async with mirror(**{"list.gz": packed}) as client:
        assert (await client.get("mirror/list.gz")).body == packed
        await until(lambda: saved("list.gz") == packed)
