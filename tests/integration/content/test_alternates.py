"""Alternate content sources: asked before the remote that declared a file, and never trusted with what its bytes must be."""

import asyncio
import contextlib
import os

import pytest

from pulp_actor.models import AlternateContentFile, AlternateContentSource, ContentArtifact
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from tests.support.content import Origin, Repo, breaks_off, content_server, distribute, remote, sha256

BIG = os.urandom(1_000_000)


@contextlib.asynccontextmanager
async def mirror(policy="on_demand"):
    """A file that its origin and a source nearby have, under another name there; both are refreshed."""
    origin, nearby, repo = Origin(), Origin(), Repo()
    origin.files, nearby.files = {"f": BIG}, {"elsewhere": BIG}
    async with origin.serve(), nearby.serve(), content_server() as client:
        repo.add_remote("f", BIG, remote(origin.url, policy, max_retries=0))
        source = AlternateContentSource.create(type="file.file", name="nearby", remote=remote(nearby.url, max_retries=0))
        AlternateContentFile.insert(
            digest=f"sha256:{sha256(BIG)}", source=source, path="", url=f"{nearby.url}elsewhere", size=1).execute()
        distribute("mirror", repository=repo.row)
        client.origin, client.nearby = origin, nearby
        yield client


def saved():
    found = ContentArtifact.get(ContentArtifact.relative_path == "f").artifact
    return found and b"".join(get_storage().open(found.file))


async def test_the_source_is_asked_first(connection):
    async with mirror() as client:
        assert (await client.get("mirror/f")).body == BIG
        assert (client.nearby.requests["elsewhere"], client.origin.requests["f"]) == (1, 0)
        async with asyncio.timeout(5):
            while saved() != BIG:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("wrong", [None, BIG[:-5], BIG + b"more"])
async def test_what_it_has_not_comes_from_the_remote(connection, wrong):
    async with mirror() as client:
        client.nearby.files = {"elsewhere": wrong} if wrong else {}
        assert (await client.get("mirror/f")).body == BIG
        assert (client.nearby.requests["elsewhere"], client.origin.requests["f"]) == (1, 1)


async def test_what_breaks_off_there_goes_on_from_the_remote(connection):
    async with mirror() as client:
        client.nearby.behaviour["elsewhere"] = breaks_off(BIG, 300_000)
        assert (await client.get("mirror/f")).body == BIG
        assert client.origin.headers[0]["Range"].startswith("bytes=")


async def test_a_source_that_failed_is_left_alone_for_a_while(connection):
    async with mirror("streamed") as client:
        client.nearby.files = {}
        for _ in range(2):
            assert (await client.get("mirror/f")).body == BIG
        assert client.nearby.requests["elsewhere"] == 1
        client.nearby.files = {"elsewhere": BIG}
        with settings.override(REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN=0):
            assert (await client.get("mirror/f")).body == BIG
        assert client.nearby.requests["elsewhere"] == 2
        assert saved() is None  # streamed is what its own remote says


async def test_nobody_has_it(connection):
    async with mirror() as client:
        client.nearby.files, client.origin.files = {"elsewhere": b"x"}, {}
        assert (await client.get("mirror/f")).status == 404
