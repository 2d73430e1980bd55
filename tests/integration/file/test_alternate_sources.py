"""Alternate content sources: a sync takes from them what they have, and from the upstream what they have not."""

from __future__ import annotations

import pytest

from pulp_actor.db import database
from pulp_actor.identifiers import registry
from pulp_actor.models import AlternateContentSource, mutations
from pulp_actor.plugins.file.actors import refresh_alternate_source, synchronize
from pulp_actor.plugins.file.manifest import ManifestError
from pulp_actor.settings import settings
from pulp_actor.sync import DownloadError
from pulp_actor.sync.alternates import find_alternates, note_failure
from tests.integration.file.conftest import paths
from tests.support.upstream import Upstream, fails

RESOURCE = "acs/file/file"


@pytest.fixture
def nearby():
    with Upstream() as running:
        yield running


@pytest.fixture
def make_source(make_remote, nearby):
    def make(*paths, **remote):
        remote = make_remote(**{"url": nearby.url, "policy": "on_demand", **remote})
        data = {"name": remote.name, "remote_id": str(remote.id), "paths": list(paths)}
        return mutations.create(registry.by_path(RESOURCE), data)

    return make


def refresh(source, path="PULP_MANIFEST"):
    return refresh_alternate_source(str(source.id), path)


def sync(remote, repository):
    synchronize(str(remote.id), str(repository.id))
    return repository.latest_version()


def digests():
    return [digest for (digest,) in database.execute_sql("SELECT digest FROM alternate_content_file").fetchall()]


def test_a_sync_takes_from_a_source_what_it_has_whatever_it_is_called_there(
    upstream, nearby, make_source, make_remote, make_repository,
):
    upstream.fill(5)
    nearby.files = {f"elsewhere-{n}": upstream.files[f"file-{n}"] for n in (1, 3)}
    nearby.write_manifest()
    source = make_source("PULP_MANIFEST")
    assert refresh(source) == 2
    assert AlternateContentSource.get_by_id(source.id).last_refreshed is not None
    nearby.requests.clear()
    version = sync(make_remote(), make_repository())
    assert paths(version) == {f"file-{n}" for n in range(5)}
    assert dict(nearby.requests) == {"elsewhere-1": 1, "elsewhere-3": 1}
    assert dict(upstream.requests) == {"PULP_MANIFEST": 1, "file-0": 1, "file-2": 1, "file-4": 1}


def test_what_a_source_promised_and_has_not_comes_from_upstream(
    upstream, nearby, make_source, make_remote, make_repository,
):
    upstream.fill(3)
    nearby.fill(3)
    refresh(make_source(url=nearby.manifest_url), "")  # no path: the address of the remote itself
    nearby.files["file-1"] = b"another"
    del nearby.files["file-2"]
    nearby.requests.clear()
    version = sync(make_remote(), make_repository())
    assert paths(version) == {"file-0", "file-1", "file-2"}
    assert dict(upstream.requests) == {"PULP_MANIFEST": 1, "file-1": 1, "file-2": 1}


def test_a_source_that_does_not_answer_is_asked_once(upstream, nearby, make_source, make_remote, make_repository):
    upstream.fill(30)
    nearby.fill(30)
    refresh(make_source("PULP_MANIFEST", max_retries=0))
    for number in range(30):
        nearby.handlers[f"file-{number}"] = fails(1000, b"")
    nearby.requests.clear()
    sync(make_remote(download_concurrency=1), make_repository())
    assert nearby.requests.total() == 1


def test_a_refresh_forgets_what_has_gone(nearby, make_source):
    nearby.fill(3)
    source = make_source("PULP_MANIFEST", "more/PULP_MANIFEST")
    assert refresh(source) == 3
    nearby.files["more/PULP_MANIFEST"] = nearby.files["PULP_MANIFEST"].splitlines(keepends=True)[0]
    assert refresh(source, "more/PULP_MANIFEST") == 1
    del nearby.files["file-1"], nearby.files["more/PULP_MANIFEST"]
    nearby.write_manifest()
    assert refresh(source) == 2
    assert len(digests()) == 3
    mutations.update(registry.by_path(RESOURCE), source.id, {"paths": ["more/PULP_MANIFEST"]})
    assert len(digests()) == 1
    mutations.delete(registry.by_path(RESOURCE), source.id)
    assert digests() == []


@pytest.mark.parametrize(("manifest", "error"), [(b"lies\n", ManifestError), (None, DownloadError)])
def test_a_refresh_that_fails_leaves_what_was_known(manifest, error, nearby, make_source):
    nearby.fill(3)
    source = make_source("PULP_MANIFEST")
    refresh(source)
    del nearby.files["PULP_MANIFEST"]
    if manifest:
        nearby.files["PULP_MANIFEST"] = manifest
    with pytest.raises(error):
        refresh(source)
    assert len(digests()) == 3


def test_a_source_that_failed_for_a_file_comes_last_until_it_has_cooled_down(nearby, make_source):
    nearby.fill(1)
    sources = [make_source("PULP_MANIFEST"), make_source("PULP_MANIFEST")]
    for source in sources:
        refresh(source)
    (digest,) = {tuple(text.split(":")) for text in digests()}

    def order():
        return [found.source_id for found in find_alternates(sources[0].domain_id, [digest])[digest]]

    assert order() == [source.id for source in sources]
    note_failure(find_alternates(sources[0].domain_id, [digest])[digest][0])
    assert order() == [source.id for source in reversed(sources)]
    with settings.override(REMOTE_CONTENT_FETCH_FAILURE_COOLDOWN=0):
        assert order() == [source.id for source in sources]
