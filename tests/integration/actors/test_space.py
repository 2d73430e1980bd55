"""Reclaiming and pruning: what goes, what stays, and what comes back."""

from __future__ import annotations

import datetime
import os

import pytest

from actors.orphan import orphan_cleanup
from actors.space import prune, reclaim_space, repair_summaries
from pulp_actor.models import Artifact, ContentArtifact, RepositoryVersion, Upload, UploadChunk
from pulp_actor.models.base import utcnow
from pulp_actor.plugins.file.actors import synchronize
from pulp_actor.plugins.file.content import create_file_content
from pulp_actor.requested import RequestNotes
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from pulp_actor.storage.base import temporary_directory
from pulp_actor.storage.uploads import add_chunk
from pulp_actor.versions import new_version
from tests.integration.actors.conftest import paths
from tests.integration.actors.test_orphan import artifact, files


@pytest.fixture
def synced(upstream, make_remote, make_repository):
    """A repository with five files that a remote has and one that was uploaded."""
    upstream.fill(5)
    repository = make_repository()
    synchronize(str(make_remote().id), str(repository.id))
    create_file_content(artifact(b"uploaded"), "uploaded", repository)
    return repository


def saved():
    """The relative paths whose bytes are in the store."""
    return {entry.relative_path for entry in ContentArtifact.select() if entry.artifact_id is not None}


def reclaim(*repositories, keep=()):
    return reclaim_space([str(one.id) for one in repositories], [str(version.id) for version in keep])


def test_what_a_remote_has_goes_and_comes_back(synced, upstream, make_remote):
    freed = reclaim(synced)
    assert freed == {"artifacts": 5, "bytes": sum(len(upstream.files[f"file-{n}"]) for n in range(5))}
    assert (saved(), files()) == ({"uploaded"}, {"uploaded"})
    assert len(paths(synced.latest_version())) == 6, "the units stay"
    synchronize(str(make_remote().id), str(synced.id))
    assert len(saved()) == 6


def test_what_another_repository_holds_stays_unless_it_is_named_too(synced, make_repository):
    other = make_repository()
    entry = ContentArtifact.get(ContentArtifact.relative_path == "file-2")
    with new_version(other) as version:
        version.add([entry.content_id])
    reclaim(synced)
    assert saved() == {"uploaded", "file-2"}
    reclaim(synced, other)
    assert saved() == {"uploaded"}


def test_versions_can_be_kept(synced, upstream, make_remote):
    before = synced.latest_version()
    upstream.files["new"] = b"new"
    upstream.write_manifest()
    synchronize(str(make_remote().id), str(synced.id))
    reclaim(synced, keep=[before])
    assert saved() == {"uploaded", *(f"file-{n}" for n in range(5))}


def test_bytes_that_an_uploaded_unit_shares_stay(synced, make_repository, upstream):
    create_file_content(artifact(upstream.files["file-1"]), "copy", make_repository())
    reclaim(synced)
    assert saved() == {"uploaded", "file-1", "copy"}


def aged(repository, number, days):
    RepositoryVersion.update(pulp_created=utcnow() - datetime.timedelta(days=days)).where(
        RepositoryVersion.repository == repository.id, RepositoryVersion.number == number).execute()


def test_pruning_by_age(synced):
    aged(synced, 1, days=40)
    assert prune([str(synced.id)], keep_days=30, dry_run=True) == {str(synced.id): 5}
    assert synced.latest_version().number == 2
    prune([str(synced.id)], keep_days=30)
    assert paths(synced.latest_version()) == {"uploaded"}
    prune([str(synced.id)], keep_days=30)
    assert synced.latest_version().number == 3


def test_pruning_what_nobody_asks_for(synced):
    aged(synced, 1, days=40)
    notes = RequestNotes()
    for _ in range(3):
        notes.note(ContentArtifact.get(ContentArtifact.relative_path == "file-3").id)
    assert (notes.flush(), notes.flush()) == (1, 0)
    prune([str(synced.id)], unrequested_days=30)
    assert paths(synced.latest_version()) == {"uploaded", "file-3"}, "young, and asked for"


def test_requests_are_written_once_an_hour(synced):
    entry = ContentArtifact.get(ContentArtifact.relative_path == "file-3")
    for expected in (1, 0):
        notes = RequestNotes()
        notes.note(entry.id)
        assert notes.flush() == expected


def test_summaries_are_counted_anew(synced):
    summaries = [version.content_summary for version in RepositoryVersion.select().order_by(RepositoryVersion.number)]
    assert repair_summaries() == {"versions": 3, "wrong": 0, "repaired": 0}
    RepositoryVersion.update(content_summary={"present": {"file.file": 99}}).where(RepositoryVersion.number == 1).execute()
    assert repair_summaries(dry_run=True) == {"versions": 3, "wrong": 1, "repaired": 0}
    assert repair_summaries() == {"versions": 3, "wrong": 1, "repaired": 1}
    assert [v.content_summary for v in RepositoryVersion.select().order_by(RepositoryVersion.number)] == summaries


def test_cleanup_drops_uploads_and_temporary_files_that_were_never_finished(connection):
    old, young = Upload.create(size=10), Upload.create(size=10)
    for upload in (old, young):
        with get_storage().temporary() as chunk:
            chunk.write(b"12345")
            add_chunk(upload, 0, chunk)
    ago = utcnow() - datetime.timedelta(minutes=11)
    Upload.update(pulp_last_updated=ago).where(Upload.id == old.id).execute()
    left, fresh = temporary_directory() / "left", temporary_directory() / "fresh"
    for path in (left, fresh):
        path.touch()
    os.utime(left, (ago.timestamp(), ago.timestamp()))
    orphan_cleanup()
    assert (Upload.select().count(), left.exists()) == (2, True), "by default nothing is dropped"
    with settings.override(UPLOAD_PROTECTION_TIME=10, TMPFILE_PROTECTION_TIME=10):
        orphan_cleanup()
    assert [upload.id for upload in Upload.select()] == [young.id]
    assert (UploadChunk.select().count(), len(files())) == (1, 1)
    assert (left.exists(), fresh.exists()) == (False, True)


def test_an_artifact_that_is_reclaimed_while_a_sync_relies_on_it_leaves_a_unit_on_demand(
    synced, upstream, make_remote, make_repository, monkeypatch,
):
    from pulp_actor.sync.store import Store

    resolve, reclaimed = Store.resolve, []

    def resolve_and_reclaim(store, batch):
        resolve(store, batch)
        reclaimed.append(reclaim(synced))

    monkeypatch.setattr(Store, "resolve", resolve_and_reclaim)
    upstream.files["copy"] = upstream.files["file-1"]
    upstream.write_manifest()
    other = make_repository()
    synchronize(str(make_remote().id), str(other.id))
    assert reclaimed[0]["artifacts"] == 5
    assert len(paths(other.latest_version())) == 6
    assert Artifact.select().count() == 1
