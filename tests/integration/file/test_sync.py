"""Mirroring a repository of files: what a user asks of it, and what an upstream can do wrong."""

from __future__ import annotations

import threading
import uuid

import pytest

from pulp_actor.db import connected, database
from pulp_actor.models import Artifact, Content, ContentArtifact, RemoteArtifact, RepositoryContent, RepositoryVersion
from pulp_actor.plugins.file.actors import synchronize
from pulp_actor.plugins.file.manifest import ManifestError
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.plugins.file.synchronizing import UnsupportedRemote
from pulp_actor.storage import get_storage
from pulp_actor.sync import DownloadError
from tests.integration.file.conftest import paths
from tests.support.upstream import hangs


def sync(remote, repository, **options):
    synchronize(str(remote.id), str(repository.id), **options)
    return repository.latest_version()


def test_immediate_sync_saves_every_file(upstream, make_remote, make_repository, task):
    upstream.fill(25)
    repository = make_repository()
    version = sync(make_remote(), repository)
    assert version.number == 1
    assert paths(version) == {f"file-{n}" for n in range(25)}
    assert version.content_summary == {"present": {"file.file": 25}, "added": {"file.file": 25}, "removed": {}}
    for entry in ContentArtifact.select():
        data = b"".join(get_storage().open(entry.artifact.file))
        assert data == upstream.files[entry.relative_path]
    assert RemoteArtifact.select().count() == 25
    assert task.reports["sync.downloading.artifacts"].done == 25
    assert task.reports["sync.parsing.metadata"].done == 25
    assert task.reports["associating.content"].done == 25
    assert [href for href, _ in task.created_resources] == [
        f"/pulp/api/v3/repositories/file/file/{repository.id}/versions/1/"]


def test_result_is_the_version_as_clients_read_it(upstream, make_remote, make_repository):
    upstream.fill(1)
    repository = make_repository()
    facts = synchronize(str(make_remote().id), str(repository.id))
    href = f"/pulp/api/v3/repositories/file/file/{repository.id}/versions/1/"
    assert facts["pulp_href"] == href
    assert facts["content_summary"]["added"] == {
        "file.file": {"count": 1, "href": f"/pulp/api/v3/content/file/files/?repository_version_added={href}"}}


@pytest.mark.parametrize("policy", ["on_demand", "streamed"])
def test_on_demand_sync_downloads_only_the_manifest(policy, upstream, make_remote, make_repository):
    upstream.fill(25)
    version = sync(make_remote(policy=policy), make_repository())
    assert len(paths(version)) == 25
    assert dict(upstream.requests) == {"PULP_MANIFEST": 1}
    assert Artifact.select().count() == 0
    found = RemoteArtifact.get(RemoteArtifact.url == f"{upstream.url}file-3")
    assert (found.size, len(found.sha256)) == (len(upstream.files["file-3"]), 64)


def test_immediate_after_on_demand_fetches_what_is_missing(upstream, make_remote, make_repository):
    upstream.fill(10)
    repository, remote = make_repository(), make_remote(policy="on_demand")
    sync(remote, repository)
    remote.policy = "immediate"
    remote.save()
    version = sync(remote, repository)
    assert version.number == 1
    assert ContentArtifact.select().where(ContentArtifact.artifact.is_null()).count() == 0


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("mirror", [True, False])
def test_syncing_again_makes_no_version(optimize, mirror, upstream, make_remote, make_repository, task):
    upstream.fill(30)
    repository, remote = make_repository(), make_remote()
    sync(remote, repository, mirror=mirror)
    rows = list(RepositoryContent.select().tuples())
    upstream.requests.clear()
    version = sync(remote, repository, mirror=mirror, optimize=optimize)
    assert version.number == 1
    assert dict(upstream.requests) == {"PULP_MANIFEST": 1}
    assert list(RepositoryContent.select().tuples()) == rows
    assert ("sync.was_skipped" in task.reports) == optimize


def test_changed_file_takes_the_place_of_the_old_one(upstream, make_remote, make_repository):
    upstream.fill(3)
    repository, remote = make_repository(), make_remote()
    sync(remote, repository)
    upstream.files["file-1"] = b"another"
    upstream.write_manifest()
    version = sync(remote, repository)
    assert version.content_summary == {
        "present": {"file.file": 3}, "added": {"file.file": 1}, "removed": {"file.file": 1}}
    assert paths(version) == {"file-0", "file-1", "file-2"}


def test_without_mirror_what_has_gone_upstream_stays(upstream, make_remote, make_repository):
    upstream.fill(3)
    repository, remote = make_repository(), make_remote()
    sync(remote, repository)
    del upstream.files["file-1"]
    upstream.write_manifest()
    assert sync(remote, repository).number == 1


def test_mirror_removes_what_has_gone_upstream(upstream, make_remote, make_repository, task):
    upstream.fill(3)
    repository, remote = make_repository(), make_remote()
    first = sync(remote, repository)
    del upstream.files["file-1"]
    upstream.write_manifest()
    version = sync(remote, repository, mirror=True)
    assert paths(version) == {"file-0", "file-2"}
    assert paths(first) == {"file-0", "file-1", "file-2"}
    assert task.reports["unassociating.content"].done == 1


def test_files_that_are_there_already_are_not_downloaded_again(upstream, make_remote, make_repository):
    upstream.fill(5)
    sync(make_remote(), make_repository())
    upstream.files["copy-of-3"] = upstream.files["file-3"]
    upstream.write_manifest()
    upstream.requests.clear()
    sync(make_remote(), make_repository())
    assert dict(upstream.requests) == {"PULP_MANIFEST": 1}
    assert Artifact.select().count() == 5


def test_paths_are_quoted_in_urls(upstream, make_remote, make_repository):
    upstream.files["a dir/100%, really?#1.txt"] = b"x"
    upstream.write_manifest()
    version = sync(make_remote(), make_repository())
    assert paths(version) == {"a dir/100%, really?#1.txt"}


def assert_untouched(repository):
    """Nothing of a failed sync can be seen."""
    assert repository.latest_version().number == 0
    assert RepositoryVersion.select().count() == 1
    assert RepositoryContent.select().count() == 0
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)
    assert not list((get_storage().root.parent / "tmp").glob("*"))


def test_manifest_that_is_missing(make_remote, make_repository, upstream):
    repository = make_repository()
    with pytest.raises(DownloadError, match=f"{upstream.url}PULP_MANIFEST: 404"):
        sync(make_remote(), repository)
    assert repository.latest_version().number == 0


def test_file_that_is_missing(upstream, make_remote, make_repository):
    upstream.fill(30)
    del upstream.files["file-7"]
    repository = make_repository()
    with pytest.raises(DownloadError, match=f"{upstream.url}file-7: 404"):
        sync(make_remote(), repository)
    assert_untouched(repository)


def test_file_with_another_digest(upstream, make_remote, make_repository):
    upstream.fill(30)
    upstream.files["file-7"] = b"file 8\n"
    repository = make_repository()
    with pytest.raises(DownloadError, match=f"{upstream.url}file-7: its sha256 is [0-9a-f]{{64}} where [0-9a-f]{{64}}"):
        sync(make_remote(), repository)
    assert_untouched(repository)


@pytest.mark.parametrize("data", [b"longer than it was said to be", b"short"])
def test_file_with_another_size(data, upstream, make_remote, make_repository):
    upstream.fill(3)
    upstream.files["file-1"] = data
    repository = make_repository()
    with pytest.raises(DownloadError, match=f"{upstream.url}file-1: it has .* bytes"):
        sync(make_remote(), repository)
    assert_untouched(repository)


def test_file_that_does_not_come(upstream, make_remote, make_repository):
    upstream.fill(3)
    event = upstream.event()
    upstream.handlers["file-1"] = hangs(event)
    repository = make_repository()
    with pytest.raises(DownloadError, match=f"{upstream.url}file-1: timed out"):
        sync(make_remote(sock_read_timeout=0.2, max_retries=0), repository)
    upstream.set(event)
    assert_untouched(repository)


@pytest.mark.parametrize("line", [
    "no commas", f"../escapes,{'a' * 64},1", f"/absolute,{'a' * 64},1", f"a//b,{'a' * 64},1", f"x,{'a' * 63},1",
    f"x,{'a' * 64},-1", f"file-1,{'a' * 64},7", f"nul\0,{'a' * 64},1",
])
def test_manifest_that_lies_is_refused_before_anything_is_downloaded(line, upstream, make_remote, make_repository):
    upstream.fill(3)
    upstream.write_manifest(f"{line}\n")
    repository = make_repository()
    with pytest.raises(ManifestError, match=f"{upstream.url}PULP_MANIFEST, line 4: "):
        sync(make_remote(), repository)
    assert dict(upstream.requests) == {"PULP_MANIFEST": 1}
    assert_untouched(repository)


def test_line_that_is_there_twice_counts_once(upstream, make_remote, make_repository):
    upstream.fill(3)
    upstream.files["PULP_MANIFEST"] *= 2
    assert len(paths(sync(make_remote(), make_repository()))) == 3


def test_failed_sync_can_run_again(upstream, make_remote, make_repository):
    upstream.fill(2500)
    data = upstream.files.pop("file-2499")
    repository, remote = make_repository(), make_remote()
    with pytest.raises(DownloadError):
        sync(remote, repository)
    upstream.files["file-2499"] = data
    upstream.requests.clear()
    version = sync(remote, repository)
    assert version.number == 1
    assert len(paths(version)) == 2500
    # What the failed sync saved has not been downloaded again.
    assert upstream.requests.total() < 2000


def test_what_a_killed_sync_left_is_dropped_by_the_next(upstream, make_remote, make_repository):
    upstream.fill(3)
    repository = make_repository()
    database.execute_sql("INSERT INTO version_change VALUES (%s, %s, true)", (str(repository.id), str(uuid.uuid4())))
    version = sync(make_remote(), repository)
    assert version.content_summary["present"] == {"file.file": 3}
    assert_no_changes_left()


def assert_no_changes_left():
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)


@pytest.mark.parametrize("policy", ["immediate", "on_demand"])
def test_syncs_that_share_content_run_at_once(policy, upstream, make_remote, make_repository):
    upstream.fill(1200)
    lines = upstream.files["PULP_MANIFEST"].splitlines(keepends=True)
    pairs = []
    for number in range(8):
        # The same units in another order each, so that careless locking would deadlock.
        name = f"MANIFEST-{number}"
        upstream.files[name] = b"".join(lines[number * 100:] + lines[:number * 100])
        pairs.append((make_remote(policy=policy, url=upstream.url + name), make_repository()))
    errors = []

    def work(remote, repository):
        try:
            with connected():
                sync(remote, repository)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert errors == []
    assert FileContent.select().count() == Content.select().count() == ContentArtifact.select().count() == 1200
    assert Artifact.select().count() == (1200 if policy == "immediate" else 0)
    assert RemoteArtifact.select().count() == 8 * 1200
    for _, repository in pairs:
        assert repository.latest_version().content_summary["present"] == {"file.file": 1200}


def test_file_url_below_an_allowed_folder(tmp_path, upstream, make_remote, make_repository):
    from pulp_actor.settings import settings

    upstream.fill(3)
    folder = tmp_path / "import"
    folder.mkdir()
    for path, data in upstream.files.items():
        (folder / path).write_bytes(data)
    remote, repository = make_remote(url=f"file://{folder}/PULP_MANIFEST"), make_repository()
    with pytest.raises(DownloadError, match=r"refused: .* outside the folders of ALLOWED_IMPORT_PATHS"):
        sync(remote, repository)
    with settings.override(ALLOWED_IMPORT_PATHS=[str(folder)]):
        assert len(paths(sync(remote, repository))) == 3


def test_remote_of_another_type(make_remote, make_repository):
    remote = make_remote()
    remote.type = "file.other"
    remote.save()
    with pytest.raises(UnsupportedRemote, match=r"is of type file\.other; only file\.file and file\.git"):
        sync(remote, make_repository())
