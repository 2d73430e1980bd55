"""Cleaning up, reclaiming and exporting go through everything batch by batch: a batch costs the same, however much there is,
also while the database has no statistics of it."""

from __future__ import annotations

import uuid

import pytest

from actors import orphan, space
from pulp_actor.db import database
from pulp_actor.domains import current_domain_id
from pulp_actor.models import Artifact, Content, Remote
from pulp_actor.models.base import utcnow
from pulp_actor.models.tables import for_model
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.storage import artifacts
from pulp_actor.transfer import exporting
from tests.integration.file.conftest import connection
from tests.support.plans import fill, pages

__all__ = ["connection"]

UNITS, BATCH = 4000, 100


@pytest.fixture(params=["no statistics", "statistics of one unit"])
def batch(request, connection):
    """Keys of some of many units, and of their artifacts."""
    if "one" in request.param:
        fill(1, "old ")
        database.execute_sql("ANALYZE")
    found = fill(UNITS)[-BATCH:]
    remote = Remote.create(type="file.file", name="upstream", url="http://127.0.0.1/")
    database.execute_sql(
        "INSERT INTO remote_artifact (id, content_artifact_id, remote_id, url) "
        "SELECT gen_random_uuid(), id, %s, relative_path FROM content_artifact", (str(remote.id),))
    return [key for key, _ in found], [key for _, key in found]


def test_reclaiming(batch):
    _, keys = batch
    assert pages(space.SQL.forget_bytes, (keys,)) < 40 * BATCH
    database.execute_sql(space.SQL.forget_bytes, (keys,))
    assert pages(artifacts._sql.delete_artifacts, (keys,)) < 20 * BATCH
    files = [row.file for row in Artifact.select().where(Artifact.id.in_(keys))]
    assert pages(artifacts._sql.files_without_row, {"files": files, "domain_id": str(current_domain_id())}) < 6 * BATCH


def test_cleaning_up(batch):
    keys, _ = batch
    last = sorted(str(key) for (key,) in Content.select(Content.id).tuples())[-BATCH - 1]
    parameters = {"before": utcnow(), "domain": str(current_domain_id()), "limit": BATCH}
    assert pages(orphan.SQL.delete_content, parameters | {"keys": keys, "after": str(uuid.UUID(int=0))}) < 20 * BATCH
    assert pages(orphan.SQL.delete_content, parameters | {"keys": None, "after": last}) < 20 * BATCH


def test_exporting(batch):
    keys, _ = batch
    assert pages(for_model(exporting.SQL.lines, FileContent), {"content": keys}) < 20 * BATCH
    with exporting._exported_artifacts():
        assert pages(exporting.SQL.new_artifacts, {"content": keys}) < 20 * BATCH
