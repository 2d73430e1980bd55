"""Publishing: the manifest that clients read, and what becomes of it."""

from __future__ import annotations

import pytest

from pulp_actor.errors import ValidationError
from pulp_actor.models import ContentArtifact, Publication, PublishedMetadata
from pulp_actor.plugins.file.actors import publish, synchronize
from pulp_actor.storage import get_storage


def manifest_of(publication):
    """The published manifest's lines."""
    metadata = PublishedMetadata.get(PublishedMetadata.publication == publication)
    entry = ContentArtifact.get(ContentArtifact.content == metadata.content)
    assert entry.relative_path == metadata.relative_path
    return b"".join(get_storage().open(entry.artifact.file)).decode().splitlines()


@pytest.mark.parametrize("policy", ["immediate", "on_demand"])
def test_manifest_lists_every_file(policy, upstream, make_remote, make_repository, task):
    upstream.fill(20)
    repository = make_repository()
    synchronize(str(make_remote(policy=policy).id), str(repository.id))
    publish(str(repository.latest_version().id))
    publication = Publication.get()
    assert (publication.complete, publication.pass_through) == (True, True)
    assert publication.details == {"manifest": "PULP_MANIFEST"}
    lines = manifest_of(publication)
    assert sorted(lines) == sorted(upstream.files["PULP_MANIFEST"].decode().splitlines())
    assert lines == sorted(lines, key=lambda line: line.split(",")[0])
    assert task.created_resources[-1][0] == f"/pulp/api/v3/publications/file/file/{publication.id}/"


def test_manifest_under_another_name(upstream, make_remote, make_repository):
    repository = make_repository()
    publish(str(repository.latest_version().id), "meta/LIST")
    assert PublishedMetadata.get().relative_path == "meta/LIST"
    assert manifest_of(Publication.get()) == []


def test_no_manifest(make_repository):
    publish(str(make_repository().latest_version().id), None)
    assert Publication.get().details == {"manifest": None}
    assert PublishedMetadata.select().count() == 0


def test_manifest_that_would_escape(make_repository):
    with pytest.raises(ValidationError):
        publish(str(make_repository().latest_version().id), "../LIST")
    assert Publication.select().count() == 0


def test_publishing_twice_shares_the_bytes(make_repository):
    version = str(make_repository().latest_version().id)
    publish(version)
    publish(version)
    assert Publication.select().count() == PublishedMetadata.select().count() == 2


def test_new_version_is_published_where_that_is_wanted(upstream, make_remote, make_repository, task):
    upstream.fill(3)
    repository = make_repository(details={"autopublish": True, "manifest": "LIST"})
    remote = make_remote(policy="on_demand")
    synchronize(str(remote.id), str(repository.id))
    publication = Publication.get()
    assert publication.repository_version == repository.latest_version()
    assert PublishedMetadata.get().relative_path == "LIST"
    assert len(task.created_resources) == 2
    synchronize(str(remote.id), str(repository.id), optimize=False)
    assert Publication.select().count() == 1


def test_only_so_many_checkpoints_are_kept(make_repository):
    version = str(make_repository(retain_checkpoints=2).latest_version().id)
    publish(version)
    for _ in range(4):
        publish(version, checkpoint=True)
    kept = Publication.select().where(Publication.checkpoint).order_by(Publication.pulp_created)
    assert [row.id for row in kept] == sorted(row.id for row in kept)
    assert (len(kept), Publication.select().count()) == (2, 3)
