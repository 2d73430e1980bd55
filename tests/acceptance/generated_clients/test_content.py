"""Artifacts, uploads, units of content, versions of repositories and publications, through the generated clients."""

import pytest

from tests.acceptance.generated_clients.conftest import sync
from tests.support.clients import calls, package_of
from tests.support.origin import make_files, sha256
from tests.support.signing import keys

__all__ = ["keys"]


def hrefs(page):
    return [one.pulp_href for one in page.results]


@calls("ArtifactsApi.create", "ArtifactsApi.list", "ArtifactsApi.delete")
def test_an_artifact_is_uploaded_found_by_its_digest_and_kept_once(clients, tmp_path):
    api, data = clients.ArtifactsApi, b"an artifact of the clients"
    path = tmp_path / "file"
    path.write_bytes(data)
    made = api.create(file=str(path), sha256=sha256(data))
    assert (made.size, made.sha256) == (len(data), sha256(data))
    assert hrefs(api.list(sha256=sha256(data))) == [made.pulp_href]
    with pytest.raises(package_of("ArtifactsApi").exceptions.BadRequestException):
        api.create(file=str(path), sha256="0" * 64)
    api.delete(made.pulp_href)
    assert api.list(sha256=sha256(data)).count == 0


def upload(clients, data):
    """A finished upload of ``data``, in two chunks."""
    api, half = clients.UploadsApi, len(data) // 2
    made = api.create({"size": len(data)})
    api.update(f"bytes 0-{half - 1}/{len(data)}", made.pulp_href, data[:half], sha256=sha256(data[:half]))
    api.update(f"bytes {half}-{len(data) - 1}/{len(data)}", made.pulp_href, data[half:])
    return api.read(made.pulp_href)


@calls("UploadsApi.create", "UploadsApi.update", "UploadsApi.read", "UploadsApi.commit", "ArtifactsApi.read")
def test_an_upload_becomes_an_artifact(clients):
    data = b"the bytes of an upload of the clients"
    made = upload(clients, data)
    assert [one.offset for one in made.chunks] == [0, len(data) // 2]
    assert sum(one.size for one in made.chunks) == len(data)
    api = clients.UploadsApi
    done = clients.settled(api.commit(made.pulp_href, {"sha256": sha256(data)}))
    assert clients.ArtifactsApi.read(done.created_resources[0]).sha256 == sha256(data)


@calls("UploadsApi.create", "UploadsApi.list", "UploadsApi.delete")
def test_an_upload_is_given_up(clients):
    api = clients.UploadsApi
    made = api.create({"size": 10})
    assert made.pulp_href in hrefs(api.list(size=10))
    api.delete(made.pulp_href)
    with pytest.raises(package_of("UploadsApi").exceptions.NotFoundException):
        api.read(made.pulp_href)


@calls("ContentFilesApi.create", "ContentFilesApi.upload", "ContentFilesApi.read", "ContentFilesApi.list")
def test_units_are_made_from_a_file_an_artifact_and_an_upload(clients, fresh, tmp_path):
    api, repositories = clients.ContentFilesApi, clients.RepositoriesFileApi
    repository = repositories.create({"name": fresh("content")})
    path = tmp_path / "unit"
    path.write_bytes(b"unit from a file")
    from_file = clients.settled(
        api.create(relative_path="from/file", file=str(path), repository=repository.pulp_href, pulp_labels={"a": "b"}))
    unit = api.read(next(one for one in from_file.created_resources if "/content/" in one))
    assert (unit.sha256, unit.pulp_labels) == (sha256(b"unit from a file"), {"a": "b"})
    from_artifact = clients.made(api, api.create(relative_path="from/artifact", artifact=unit.artifact))
    assert from_artifact.artifact == unit.artifact
    from_upload = clients.made(
        api, api.create(relative_path="from/upload", upload=upload(clients, b"unit from an upload").pulp_href))
    assert from_upload.sha256 == sha256(b"unit from an upload")
    at_once = api.upload(relative_path="at/once", file=("once", b"unit at once"))
    assert at_once.sha256 == sha256(b"unit at once")
    version = repositories.read(repository.pulp_href).latest_version_href
    assert [one.relative_path for one in api.list(repository_version=version).results] == ["from/file"]
    assert api.list(sha256=sha256(b"unit at once"), relative_path="at/once").count == 1


@calls("ContentFilesApi.create")
def test_a_unit_that_is_made_from_a_url(clients, origin):
    origin.publish("url", {"a": b"by url"})
    api = clients.ContentFilesApi
    made = clients.made(api, api.create(relative_path="by/url", file_url=f"{origin.url}/url/a"))
    assert made.sha256 == sha256(b"by url")


@calls("ContentFilesApi.set_label", "ContentFilesApi.unset_label")
def test_labels_of_a_unit(clients, fresh):
    api = clients.ContentFilesApi
    unit = api.upload(relative_path=fresh("labelled"), file=("a", b"labelled"))
    api.set_label(unit.pulp_href, {"key": "a", "value": "b"})
    assert hrefs(api.list(pulp_label_select="a=b", relative_path=unit.relative_path)) == [unit.pulp_href]
    api.unset_label(unit.pulp_href, {"key": "a"})
    assert api.read(unit.pulp_href).pulp_labels == {}


#: The kinds of units that a public key is taken apart into; the key that the tests make has no user attribute.
PARTS = [f"ContentOpenpgp{part}Api" for part in ("Publickey", "Publicsubkey", "Signature", "Userid")]


@calls("ContentOpenpgpPublickeyApi.create", "RepositoriesOpenpgpKeyringApi.modify",
       *[f"{part}.{name}" for part in PARTS for name in ("list", "read", "set_label", "unset_label")])
def test_a_key_and_its_parts_are_units_of_a_keyring(clients, fresh, keys, tmp_path):
    _, fingerprint, armored = keys["sq"]
    (tmp_path / "key.asc").write_text(armored)
    keyrings = clients.RepositoriesOpenpgpKeyringApi
    keyring = keyrings.create({"name": fresh("keyring")})
    clients.settled(clients.ContentOpenpgpPublickeyApi.create(
        repository=keyring.pulp_href, file=str(tmp_path / "key.asc")))
    version = keyrings.read(keyring.pulp_href).latest_version_href
    for part in PARTS:
        api = clients.api(part)
        unit = api.list(repository_version=version).results[0]
        assert api.read(unit.pulp_href) == unit
        api.set_label(unit.pulp_href, {"key": "a", "value": "b"})
        assert api.read(unit.pulp_href).pulp_labels == {"a": "b"}
        api.unset_label(unit.pulp_href, {"key": "a"})
        assert api.read(unit.pulp_href).pulp_labels == {}
    (key,) = clients.ContentOpenpgpPublickeyApi.list(repository_version=version).results
    assert key.fingerprint == fingerprint
    clients.settled(keyrings.modify(keyring.pulp_href, {"remove_content_units": ["*"]}))
    emptied = keyrings.read(keyring.pulp_href).latest_version_href
    assert clients.ContentOpenpgpPublickeyApi.list(repository_version=emptied).count == 0


@calls("RepositoriesFileApi.sync", "RepositoriesFileVersionsApi.list", "RepositoriesFileVersionsApi.read",
       "RepositoriesFileVersionsApi.repair", "RepositoryVersionsApi.list")
def test_a_sync_makes_a_version(clients, fresh, origin):
    synced = sync(clients, fresh("synced"), origin)
    api = clients.RepositoriesFileVersionsApi
    versions = api.list(synced.pulp_href, number__gt=0).results
    assert [one.number for one in versions] == [1]
    version = api.read(versions[0].pulp_href)
    assert version.content_summary.present["file.file"]["count"] == 3
    assert clients.settled(api.repair(version.pulp_href, {"verify_checksums": True})).state == "completed"
    assert hrefs(clients.RepositoryVersionsApi.list(pulp_href__in=[version.pulp_href])) == [version.pulp_href]


@calls("RepositoriesFileApi.modify", "RepositoriesFileVersionsApi.list", "RepositoriesFileVersionsApi.delete")
def test_a_repository_is_modified_and_its_version_deleted(clients, fresh, synced):
    repositories, versions = clients.RepositoriesFileApi, clients.RepositoriesFileVersionsApi
    units = clients.ContentFilesApi.list(repository_version=synced.latest_version_href).results
    target = repositories.create({"name": fresh("content")})
    done = clients.settled(repositories.modify(target.pulp_href, {
        "add_content_units": [one.pulp_href for one in units[:2]], "base_version": synced.latest_version_href}))
    assert [one for one in done.created_resources if "/versions/1/" in one]
    clients.settled(repositories.modify(target.pulp_href, {"remove_content_units": ["*"]}))
    assert [one.number for one in versions.list(target.pulp_href, ordering=["number"]).results] == [0, 1, 2]
    clients.settled(versions.delete(f"{target.versions_href}1/"))
    assert [one.number for one in versions.list(target.pulp_href, ordering=["number"]).results] == [0, 2]


@calls("PublicationsFileApi.create", "PublicationsFileApi.list", "PublicationsFileApi.read", "PublicationsFileApi.delete",
       "PublicationsApi.list")
def test_a_publication_is_made_listed_and_deleted(clients, fresh, synced):
    api = clients.PublicationsFileApi
    made = clients.made(api, api.create({"repository": synced.pulp_href, "manifest": "LIST"}))
    assert (made.manifest, made.repository_version) == ("LIST", synced.latest_version_href)
    assert made.pulp_href in hrefs(api.list(repository=synced.pulp_href))
    assert hrefs(clients.PublicationsApi.list(pulp_href__in=[made.pulp_href])) == [made.pulp_href]

    distributions = clients.DistributionsFileApi
    name = fresh("content")
    served = clients.made(distributions, distributions.create(
        {"name": name, "base_path": name, "publication": made.pulp_href}))
    assert api.read(made.pulp_href).distributions == [served.pulp_href]
    path, data = next(iter(make_files(3, "clients").items()))
    assert clients.platform.served_digest(f"{name}/{path}") == sha256(data)
    api.delete(made.pulp_href)
    assert distributions.read(served.pulp_href).publication is None


@calls("ContentguardsCompositeApi.create", "ContentguardsApi.list")
def test_a_distribution_is_guarded_by_a_composite(clients, fresh, synced):
    guards = clients.ContentguardsHeaderApi
    inner = guards.create({"name": fresh("content"), "header_name": "X-A", "header_value": "a"})
    composite = clients.ContentguardsCompositeApi.create({"name": fresh("content"), "guards": [inner.pulp_href]})
    assert composite.guards == [inner.pulp_href]
    api, name = clients.DistributionsFileApi, fresh("content")
    made = clients.made(api, api.create({
        "name": name, "base_path": name, "repository": synced.pulp_href, "content_guard": composite.pulp_href}))
    assert (made.content_guard, made.content_guard_prn) == (composite.pulp_href, composite.prn)
    assert hrefs(clients.ContentguardsApi.list(pulp_href__in=[composite.pulp_href])) == [composite.pulp_href]
