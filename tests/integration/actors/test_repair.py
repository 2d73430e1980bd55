"""Repair: what is missing or damaged is found, and fetched again where a remote has it."""

from __future__ import annotations

import pytest

from actors.repository import repair_version
from pulp_actor.domains import DomainKey, in_domain
from pulp_actor.identifiers import href_of
from pulp_actor.models import AlternateContentSource, ContentArtifact, Domain, Remote
from pulp_actor.models.resources import ARTIFACT
from pulp_actor.plugins.file.actors import refresh_alternate_source, synchronize
from pulp_actor.storage import get_storage
from pulp_actor.sync.repair import repair
from tests.support.upstream import Upstream


@pytest.fixture
def synced(upstream, make_remote, make_repository):
    upstream.fill(5)
    repository = make_repository()
    synchronize(str(make_remote(max_retries=0).id), str(repository.id))
    upstream.requests.clear()
    return repository.latest_version()


def stored(path):
    return get_storage().local_path(ContentArtifact.get(ContentArtifact.relative_path == path).artifact.file)


def test_whole_version_is_left_alone(synced, upstream, task):
    assert repair_version(str(synced.id)) is None, "a client would show a result in place of the task"
    assert upstream.requests.total() == 0
    assert {code: report.done for code, report in task.reports.items()} == {
        "repair.checked": 5, "repair.missing": 0, "repair.corrupted": 0, "repair.repaired": 0}
    assert task.reports["repair.checked"].total == 5


def test_missing_and_damaged_files_are_fetched_again(synced, upstream, task):
    stored("file-1").unlink()
    stored("file-2").write_bytes(b"FILE 2\n")
    stored("file-3").write_bytes(b"short")
    repair_version(str(synced.id))
    assert dict(upstream.requests) == {"file-1": 1, "file-2": 1, "file-3": 1}
    assert [task.reports[f"repair.{what}"].done for what in ("missing", "corrupted", "repaired")] == [1, 2, 3]
    for path in ("file-1", "file-2", "file-3"):
        assert stored(path).read_bytes() == upstream.files[path]


def test_without_checksums_only_sizes_are_looked_at(synced):
    stored("file-2").write_bytes(b"FILE 2\n")
    found = repair(synced, verify_checksums=False)
    assert (found.missing, found.corrupted) == (0, 0)


def test_what_no_remote_has_is_reported(synced, upstream):
    stored("file-1").unlink()
    stored("file-2").unlink()
    del upstream.files["file-1"]
    found = repair(None)
    assert (found.missing, found.repaired) == (2, 1)
    Remote.delete().execute()
    found = repair(None)
    assert (found.missing, found.repaired) == (1, 0)


def test_repair_of_everything_stays_in_its_domain(synced):
    stored("file-1").unlink()
    with in_domain(DomainKey(Domain.create(name="other").id)):
        assert repair(None).missing == 0
    assert repair(None).repaired == 1


def test_what_could_not_be_repaired_is_named(synced, upstream):
    entry = ContentArtifact.get(ContentArtifact.relative_path == "file-1")
    stored("file-1").unlink()
    del upstream.files["file-1"]
    facts = repair_version(str(synced.id))
    assert facts == {
        "missing": 1, "corrupted": 0, "repaired": 0, "unrepaired": [href_of(ARTIFACT, entry.artifact_id)]}


def test_an_alternate_content_source_is_asked_first(synced, upstream, make_remote):
    with Upstream() as nearby:
        nearby.files["elsewhere"] = upstream.files["file-1"]
        nearby.write_manifest()
        remote = make_remote(url=nearby.manifest_url)
        source = AlternateContentSource.create(type="file.file", name="near", remote=remote)
        refresh_alternate_source(str(source.id), "")
        stored("file-1").unlink()
        assert repair(synced).repaired == 1
        assert (nearby.requests["elsewhere"], upstream.requests.total()) == (1, 0)
