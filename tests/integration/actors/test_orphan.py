"""Orphan cleanup: what goes, and what has to stay."""

from __future__ import annotations

import datetime

import pytest

from actors.orphan import orphan_cleanup
from pulp_actor.db import database
from pulp_actor.models import Artifact, Content, ContentArtifact, Publication, PublishedMetadata
from pulp_actor.plugins.file.actors import publish, synchronize
from pulp_actor.plugins.file.content import create_file_content
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.versions import new_version


def artifact(data: bytes):
    file = get_storage().new_temporary()
    file.write(data)
    return store_artifact(file)


@pytest.fixture
def unit(connection):
    def make(path, repository=None):
        return create_file_content(artifact(path.encode()), path, repository)

    return make


def files():
    root = get_storage().root
    return {path.read_bytes().decode() for path in root.rglob("*") if path.is_file()}


def test_what_no_version_holds_goes_with_its_bytes(unit, make_repository, task):
    unit("orphan")
    unit("kept", make_repository())
    orphan_cleanup(orphan_protection_time=0)
    assert [row.relative_path for row in FileContent.select()] == ["kept"]
    assert files() == {"kept"}
    assert Artifact.select().count() == 1
    assert {report.code: report.done for report in task.reports.values()} == {
        "clean-up.content": 1, "clean-up.artifacts": 1}


def test_what_an_old_version_holds_stays(unit, make_repository):
    repository = make_repository()
    kept = unit("kept", repository)
    with new_version(repository) as version:
        version.remove([kept.content_id])
    orphan_cleanup(orphan_protection_time=0)
    assert files() == {"kept"}


def test_orphans_can_be_kept_for_longer_than_there_has_been_time(unit):
    unit("orphan")
    orphan_cleanup(orphan_protection_time=2**32 - 1)
    assert files() == {"orphan"}


def test_young_orphans_stay(unit):
    unit("young")
    orphan_cleanup()
    orphan_cleanup(orphan_protection_time=10)
    assert files() == {"young"}
    old = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=11)
    Content.update(timestamp_of_interest=old).execute()
    orphan_cleanup(orphan_protection_time=10)
    # The artifact is young, and was of use until just now.
    assert (Content.select().count(), files()) == (0, {"young"})
    Artifact.update(timestamp_of_interest=old).execute()
    with settings.override(ORPHAN_PROTECTION_TIME=10):
        orphan_cleanup()
    assert files() == set()


def test_only_the_content_that_is_named(unit):
    first = unit("first")
    unit("second")
    orphan_cleanup([str(first.content_id)], 0)
    assert [row.relative_path for row in FileContent.select()] == ["second"]
    assert files() == {"second"}


def test_shared_bytes_stay_while_somebody_has_them(connection, make_repository):
    create_file_content(artifact(b"shared"), "one")
    create_file_content(artifact(b"shared"), "two", make_repository())
    orphan_cleanup(orphan_protection_time=0)
    assert [row.relative_path for row in FileContent.select()] == ["two"]
    assert files() == {"shared"}


def test_what_a_running_sync_has_gathered_stays(unit, make_repository):
    gathered = unit("gathered")
    repository = make_repository()
    with new_version(repository) as version:
        version.add([gathered.content_id])
        version.flush()
        orphan_cleanup(orphan_protection_time=0)
    assert version.made.content_summary["present"] == {"file.file": 1}


def test_what_was_gathered_for_a_repository_that_is_gone_is_forgotten(unit, make_repository):
    gathered = unit("gathered")
    repository = make_repository()
    database.execute_sql(
        "INSERT INTO version_change VALUES (%s, %s, true)", (str(repository.id), str(gathered.content_id)))
    repository.delete_instance()
    orphan_cleanup(orphan_protection_time=0)
    assert Content.select().count() == 0
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)


def test_published_metadata_lives_as_long_as_its_publication(make_repository):
    publish(str(make_repository().latest_version().id))
    orphan_cleanup(orphan_protection_time=0)
    assert (PublishedMetadata.select().count(), Artifact.select().count()) == (1, 1)
    Publication.delete().execute()
    orphan_cleanup(orphan_protection_time=0)
    assert (Content.select().count(), Artifact.select().count(), files()) == (0, 0, set())


def test_many_orphans_go_in_batches(upstream, make_remote, make_repository, monkeypatch, task):
    monkeypatch.setattr("actors.orphan.BATCH_SIZE", 10)
    upstream.fill(35)
    repository = make_repository()
    synchronize(str(make_remote().id), str(repository.id))
    repository.delete_instance()
    orphan_cleanup(orphan_protection_time=0)
    assert (Content.select().count(), ContentArtifact.select().count(), Artifact.select().count()) == (0, 0, 0)
    assert task.reports["clean-up.content"].done == task.reports["clean-up.artifacts"].done == 35
    assert files() == set()
