"""Publications over time: superseded ones, and checkpoints."""

import datetime
import json

import pytest

from pulp_actor.models import Distribution, Publication
from pulp_actor.settings import settings
from tests.support.content import Repo, content_server, distribute


@pytest.fixture
def repo(connection):
    repo = Repo()
    repo.add({"old.rpm": b"old", "same": b"same"})
    return repo


async def test_files_of_a_superseded_publication_stay_for_a_while(repo):
    distribute("repo", repository=repo.row)
    repo.publish({"meta": b"1"})
    repo.add({"new.rpm": b"new"}, remove=("old.rpm",))
    repo.publish({"meta": b"2"})
    async with content_server() as client:
        assert (await client.get("repo/meta")).body == b"2"
        assert (await client.get("repo/new.rpm")).body == b"new"
        assert (await client.get("repo/old.rpm")).body == b"old"
        assert b"old.rpm" not in (await client.get("repo/")).body
        assert (await client.get("repo/none")).status == 404
    with settings.override(DISTRIBUTED_PUBLICATION_RETENTION_PERIOD=0):
        async with content_server() as client:
            assert (await client.get("repo/old.rpm")).status == 404


async def test_the_same_where_the_distribution_names_a_publication(repo):
    first = repo.publish({"meta": b"1"})
    distribution = distribute("repo", publication=first)
    repo.add({"new.rpm": b"new"}, remove=("old.rpm",))
    second = repo.publish({"meta": b"2"})
    async with content_server() as client:
        assert (await client.get("repo/new.rpm")).status == 404
        Distribution.update(publication=second).where(Distribution.id == distribution.id).execute()
        await client.until("repo/meta", lambda answer: answer.body == b"2")
        assert (await client.get("repo/old.rpm")).body == b"old"
        first.delete_instance()
        await client.until("repo/old.rpm", lambda answer: answer.status == 404)


async def test_going_back_serves_no_file_of_the_newer_one_by_mistake(repo):
    first = repo.publish({"meta": b"1"})
    distribute("repo", publication=first)
    repo.add({"same": b"changed"})
    second = repo.publish({"meta": b"2"})
    Distribution.update(publication=second).execute()
    Distribution.update(publication=first).execute()
    async with content_server() as client:
        assert (await client.get("repo/same")).body == b"same"
        assert (await client.get("repo/meta")).body == b"1"


def checkpoint(repo, time, meta):
    publication = repo.publish({"meta": meta})
    Publication.update(checkpoint=True, pulp_created=time).where(Publication.id == publication.id).execute()


async def test_checkpoints(repo):
    distribute("points", repository=repo.row, checkpoint=True)
    day = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
    checkpoint(repo, day, b"1")
    repo.add({"new.rpm": b"new"})
    checkpoint(repo, day + datetime.timedelta(hours=1, microseconds=5), b"2")
    repo.publish({"meta": b"no checkpoint"})
    async with content_server() as client:
        async def names(path, **params):
            answer = await client.get(path, headers={"Accept": "application/json"}, params=params)
            return [entry["name"] for entry in json.loads(answer.body)["entries"]]

        assert await names("points/") == ["20260131T120000Z/", "20260131T130000Z/"]
        assert await names("points/", after="20260131T120000Z/") == ["20260131T130000Z/"]
        assert (await client.get("points/20260131T120000Z/meta")).body == b"1"
        assert (await client.get("points/20260131T130000Z/meta")).body == b"2"
        assert (await client.get("points/20260131T120000Z/new.rpm")).status == 404
        assert await names("points/20260131T130000Z/") == ["meta", "new.rpm", "old.rpm", "same"]
        assert (await client.get("points")).headers["Location"] == "/pulp/content/points/"
        assert (await client.get("points/20260131T130000Z")).headers["Location"] == "/pulp/content/points/20260131T130000Z/"
        between = await client.get("points/20260131T125959Z/meta")
        assert between.status == 302
        assert between.headers["Location"] == "/pulp/content/points/20260131T120000Z/meta"
        for path in ("points/20260131T115959Z/", "points/meta", "points/2026", "points/20260131T1200Z/", "points/x/"):
            assert (await client.get(path)).status == 404, path
