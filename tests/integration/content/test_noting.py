"""Which files were asked for is noted, for pruning."""

import asyncio

import pytest

from content.noting import keep_writing
from pulp_actor.db import database
from pulp_actor.models import ContentArtifact
from tests.support.content import Repo, content_server, distribute


@pytest.fixture
def repo(connection):
    repo = Repo()
    repo.add({"one.txt": b"first", "two.txt": b"second", "three.txt": b"third"})
    distribute("base/path", repository=repo.row)


def noted():
    rows = database.execute_sql("SELECT content_id FROM content_request").fetchall()
    entries = ContentArtifact.select().where(ContentArtifact.content.in_([key for (key,) in rows]))
    return sorted(entry.relative_path for entry in entries)


async def test_what_was_asked_for_is_written_down_when_the_server_stops(repo):
    async with content_server() as client:
        writing = asyncio.create_task(keep_writing(client.server.requests))
        for path in ("one.txt", "two.txt", "one.txt", "nowhere"):
            await client.get(f"base/path/{path}")
        assert noted() == []
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        assert noted() == ["one.txt", "two.txt"]
