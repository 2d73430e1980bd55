"""Upstreams that are not what they should be: said in a line, and nothing is changed here."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from actors.replica import replicate_distributions
from pulp_actor.db import connected
from pulp_actor.models import Distribution, Remote, Repository, Role, RoleAssignment, UpstreamPulp, User
from pulp_actor.plugins.file import actors  # noqa: F401  (declares what can be replicated)
from pulp_actor.replication import upstream as reading
from pulp_actor.replication.errors import ReplicationError
from pulp_actor.replication.hooks import replicated_types
from pulp_actor.replication.plan import LABEL, finish, prepare
from pulp_actor.replication.upstream import read_distributions
from tests.integration.file.conftest import connection, task, upstream

__all__ = ["connection", "task", "upstream"]

PATH = "pulp/api/v3/distributions/file/file/"
GOOD = {
    "name": "files", "base_path": "files", "base_url": "/pulp/content/files/", "pulp_labels": {"a": "b"},
    "repository": "/pulp/api/v3/repositories/file/file/x/", "no_content_change_since": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def there(connection, upstream, monkeypatch):
    """An upstream object, and a function that says what the upstream answers."""
    monkeypatch.setattr(reading, "PAUSES", (0.0, 0.0))

    def answer(body, status=200, **headers):
        async def handle(request):
            upstream.asked = request
            return web.Response(text=body if isinstance(body, str) else json.dumps(body), status=status, headers=headers)
        upstream.handlers[PATH] = handle

    row = UpstreamPulp.create(
        name="there", base_url=upstream.url, api_root="/pulp/", username="me", password="secret", policy="labeled")
    return row, answer


def page(*rows, following=None):
    return {"count": len(rows), "next": following, "results": list(rows)}


def read(row):
    return read_distributions(row, replicated_types(), row.q_select)


def test_a_distribution(there, upstream):
    row, answer = there
    answer(page(GOOD))
    row.q_select = "pulp_label_select='a=b'"
    (found,) = read(row)
    assert (found.name, found.base_url, found.unchanged_since) == ("files", f"{upstream.url}pulp/content/files/", None)
    assert upstream.asked.query["q"] == row.q_select
    assert upstream.asked.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(("body", "status", "reason"), [
    ("<html>", 200, "something else than JSON"), ("[]", 200, "something else than JSON"),
    ('{"results": 5}', 200, "something else than a list"), ("", 401, "answers 401"), ("", 404, "answers 404"),
    ("", 302, "answers 302"), ("", 503, "cannot be reached"), ("[" * 100_000, 200, "something else than JSON"),
    (page(5), 200, "not understood"), (page({}), 200, "not understood"),
    (page(GOOD | {"base_path": "../x"}), 200, "not understood"), (page(GOOD | {"name": "\0"}), 200, "not understood"),
    (page(GOOD | {"pulp_labels": 1}), 200, "not understood"), (page(GOOD, GOOD), 200, "two distributions alike"),
])
def test_answers_that_are_no_help(body, status, reason, there):
    row, answer = there
    answer(body, status)
    with pytest.raises(ReplicationError, match=reason):
        read(row)


def test_nobody_there(there):
    row, _ = there
    row.base_url = "http://127.0.0.1:1/"
    with pytest.raises(ReplicationError, match="cannot be reached"):
        read(row)


async def breaks_off(request):
    response = web.StreamResponse()
    response.content_length = 1000
    await response.prepare(request)
    await response.write(b'{"results": [')
    request.transport.close()
    return response


async def fails(request):
    return web.Response(status=502)


@pytest.mark.parametrize("second", [breaks_off, fails])
def test_vanished_between_two_pages(second, there, upstream):
    """Half a list is none: what is not on it would be taken for gone."""
    row, _ = there
    mine = Repository.create(type="file.file", name="old", pulp_labels={LABEL: str(row.id)})
    asked = []

    async def handle(request):
        asked.append(request.query["offset"])
        if request.query["offset"] == "0":
            return web.json_response(page(GOOD, following=f"{upstream.url}{PATH}?offset=1"))
        return await second(request)

    upstream.handlers[PATH] = handle
    with connected(), pytest.raises(ReplicationError, match=r"cannot be reached at .*offset=1"):
        replicate_distributions(str(row.id))
    assert asked == ["0", "1", "1", "1"]
    assert [one.id for one in Repository.select()] == [mine.id] and not Distribution.select().exists()


def test_what_is_not_ours_is_left_alone(there):
    row, answer = there
    answer(page(GOOD))
    found = read(row)
    Repository.create(type="file.file", name="files")
    with pytest.raises(ReplicationError, match="that this replication has not made"):
        prepare(row, found)


@pytest.mark.parametrize(("policy", "left"), [
    ("all", {"files"}), ("labeled", {"files", "mine"}), ("nodelete", {"files", "mine", "old"})])
def test_what_has_gone_upstream(policy, left, there):
    row, answer = there
    row.policy = policy
    row.save()
    answer(page(GOOD))
    with connected():
        for name, labels in (("mine", {}), ("old", {LABEL: str(row.id)})):
            Remote.create(type="file.file", name=name, url="http://x/", pulp_labels=labels)
            repository = Repository.create(type="file.file", name=name, pulp_labels=labels)
            Distribution.create(type="file.file", name=name, base_path=name, repository=repository, pulp_labels=labels)
        prepared = prepare(row, read(row))
        wanted = [one.wanted for one in prepared]
        with pytest.raises(ReplicationError, match="1 of 1 repositories could not be synced"):
            finish(row, wanted, {wanted[0].repository}, row.pulp_created)
        assert {one.name for one in Distribution.select()} == {"mine", "old"}
        finish(row, wanted, set(), row.pulp_created)
        assert {one.name for one in Distribution.select()} == {one.name for one in Repository.select()} == left
        assert UpstreamPulp.get().last_replication == row.pulp_created


def test_what_is_somebody_else_s_is_neither_taken_over_nor_removed(there, task):
    row, answer = there
    row.policy = "all"
    row.save()
    answer(page(GOOD))
    ann = User.create(username="ann")
    task.created_by = ann.id
    prepared = prepare(row, read(row))
    for name in ("bob's", "ann's"):
        Repository.create(type="file.file", name=name)
    owner = Role.create(name="owner", permissions=["file.delete_filerepository"])
    RoleAssignment.create(
        role=owner, user=ann, object_type="file.filerepository", object_key=str(Repository.get(name="ann's").id))
    finish(row, [one.wanted for one in prepared], set(), row.pulp_created)
    assert {one.name for one in Repository.select()} == {"files", "bob's"}
    answer(page(GOOD | {"name": "bob's"}))
    with pytest.raises(ReplicationError, match="may not change"):
        prepare(row, read(row))
