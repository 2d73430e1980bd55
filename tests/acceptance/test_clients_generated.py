"""The generated clients against a running platform: each type is made, listed, filtered, read, changed and deleted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from tests.support.certificates import certificate
from tests.support.clients import Clients
from tests.support.origin import make_files, sha256

_numbers = itertools.count(1)


def fresh(word="object"):
    """A name that no other test uses."""
    return f"client-{word}-{next(_numbers)}".replace(" ", "-")


@pytest.fixture(scope="module")
def clients(platform):
    return Clients(platform)


@dataclass
class Kind:
    """A type of object.

    Attributes:
        body: what one is made with, beside its name.
        change: what is changed, and how it reads afterwards.
        named: the field that is its name.
        labels: whether it has labels of its own.
        searchable: whether its list can be filtered by name, which that of one type cannot.
    """

    component: str
    api: str
    body: dict = field(default_factory=dict)
    change: dict = field(default_factory=dict)
    named: str = "name"
    labels: bool = False
    searchable: bool = True

    def __str__(self):
        return self.api.removesuffix("Api")


KINDS = [
    Kind("file", "RepositoriesFileApi", {"autopublish": True, "retain_repo_versions": 3},
         {"description": "changed", "retain_repo_versions": None, "manifest": "LIST"}, labels=True),
    Kind("file", "RemotesFileApi", {"url": "http://localhost/PULP_MANIFEST", "username": "u", "password": "p"},
         {"policy": "on_demand", "total_timeout": 7.5, "headers": [{"X-A": "1"}]}, labels=True),
    Kind("file", "RemotesGitApi", {"url": "http://localhost/x.git"}, {"git_ref": "main"}, labels=True),
    Kind("file", "DistributionsFileApi", {"base_path": None}, {"hidden": True}, labels=True),
    Kind("core", "DistributionsOpenpgpApi", {"base_path": None}, {"hidden": True}, labels=True, searchable=False),
    Kind("core", "RepositoriesOpenpgpKeyringApi", {}, {"description": "changed"}, labels=True),
    Kind("core", "ContentguardsRbacApi", {}, {"description": "changed"}),
    Kind("core", "ContentguardsContentRedirectApi", {}, {"description": "changed"}),
    Kind("core", "ContentguardsHeaderApi", {"header_name": "X-A", "header_value": "a", "jq_filter": ".a"},
         {"header_value": "b"}),
    Kind("core", "ContentguardsEnvvarHeaderApi", {"header_name": "X-A", "env_var": "A"}, {"env_var": "B"}),
    Kind("core", "ContentguardsCompositeApi", {"guards": []}, {"description": "changed"}),
    Kind("certguard", "ContentguardsX509Api", {"ca_certificate": certificate()}, {"description": "changed"}),
    Kind("certguard", "ContentguardsRhsmApi", {"ca_certificate": certificate()}, {"description": "changed"}),
    Kind("core", "UsersApi", {"password": "a long pass phrase", "email": "a@example.org"},
         {"first_name": "Ada", "is_staff": True, "is_active": False}, named="username"),
    Kind("core", "GroupsApi", {}, {"name": None}),
]


def body_of(kind, name):
    """What an object of a kind is made with; where a value depends on the object's name, it is None above."""
    body = {kind.named: name, **kind.body}
    if "base_path" in body:
        body["base_path"] = name
    return body


def change_of(kind, name):
    return {key: f"{name} changed" if key == kind.named else value for key, value in kind.change.items()}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_object_is_made_found_changed_and_deleted(clients, kind):
    api, name = clients.api(kind.component, kind.api), fresh(str(kind))
    made = clients.made(api, api.create(body_of(kind, name)))
    assert getattr(made, kind.named) == name
    assert api.read(made.pulp_href) == made
    by_name = {kind.named: name} if kind.searchable else {"prn__in": [made.prn]}
    assert [one.pulp_href for one in api.list(**by_name).results] == [made.pulp_href]

    change = change_of(kind, name)
    clients.settled(api.partial_update(made.pulp_href, change))
    changed = api.read(made.pulp_href).to_dict()
    assert {key: changed[key] for key in change} == change

    clients.settled(api.update(made.pulp_href, body_of(kind, name)))
    assert getattr(api.read(made.pulp_href), kind.named) == name

    clients.settled(api.delete(made.pulp_href))
    with pytest.raises(clients.package(kind.component).exceptions.NotFoundException):
        api.read(made.pulp_href)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.searchable and kind.named == "name"], ids=str)
def test_a_list_is_filtered_ordered_and_paged(clients, kind):
    api, prefix = clients.api(kind.component, kind.api), fresh(f"list {kind}")
    names = [f"{prefix}-{letter}" for letter in "abc"]
    made = [clients.made(api, api.create(body_of(kind, name))) for name in names]

    def found(**parameters):
        return [one.name for one in api.list(**parameters).results]

    assert found(name__contains=prefix, ordering=["name"]) == names
    assert found(name__in=names[:2], ordering=["-name"]) == [names[1], names[0]]
    assert found(name__icontains=prefix.upper(), ordering=["name"], limit=1, offset=1) == [names[1]]
    assert found(q=f"name__contains='{prefix}' AND NOT name='{names[0]}'", ordering=["name"]) == names[1:]
    assert found(pulp_href__in=[made[2].pulp_href]) == [names[2]]
    assert found(prn__in=[made[0].prn, made[1].prn], ordering=["name"]) == names[:2]
    page = api.list(name__contains=prefix, limit=2, ordering=["name"])
    assert page.count == 3 and page.previous is None and "offset=2" in page.next


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.labels], ids=str)
def test_labels_are_set_selected_by_and_unset(clients, kind):
    api, name = clients.api(kind.component, kind.api), fresh(f"labels {kind}")
    made = clients.made(api, api.create({**body_of(kind, name), "pulp_labels": {"team": "a"}}))
    api.set_label(made.pulp_href, {"key": "level", "value": name[-2:].strip()})
    selected = api.list(pulp_label_select="team=a,level", prn__in=[made.prn]).results
    assert [one.pulp_labels for one in selected] == [{"team": "a", "level": name[-2:].strip()}]
    api.unset_label(made.pulp_href, {"key": "team"})
    assert api.list(pulp_label_select="team", prn__in=[made.prn]).count == 0


def test_secrets_of_a_remote_are_only_said_to_be_set(clients):
    api = clients.api("file", "RemotesFileApi")
    made = api.create({"name": fresh(), "url": "http://localhost/", "password": "p", "username": "u"})
    assert {one.name: one.is_set for one in made.hidden_fields} == {
        "client_key": False, "proxy_username": False, "proxy_password": False, "username": True, "password": True}


def test_a_refusal_names_the_field(clients):
    api, package = clients.api("file", "RemotesFileApi"), clients.package("file")
    name = fresh()
    api.create({"name": name, "url": "http://localhost/"})
    with pytest.raises(package.exceptions.BadRequestException, match="name"):
        api.create({"name": name, "url": "http://localhost/"})


def test_an_artifact_is_uploaded_found_by_its_digest_and_kept_once(clients, tmp_path):
    api, data = clients.api("core", "ArtifactsApi"), b"an artifact of the clients"
    path = tmp_path / "file"
    path.write_bytes(data)
    made = api.create(file=str(path), sha256=sha256(data))
    assert (made.size, made.sha256) == (len(data), sha256(data))
    assert [one.pulp_href for one in api.list(sha256=sha256(data)).results] == [made.pulp_href]
    with pytest.raises(clients.package("core").exceptions.BadRequestException):
        api.create(file=str(path), sha256="0" * 64)
    api.delete(made.pulp_href)
    assert api.list(sha256=sha256(data)).count == 0


def upload(clients, data):
    """A finished upload of ``data``, in two chunks."""
    api, half = clients.api("core", "UploadsApi"), len(data) // 2
    made = api.create({"size": len(data)})
    api.update(f"bytes 0-{half - 1}/{len(data)}", made.pulp_href, data[:half], sha256=sha256(data[:half]))
    api.update(f"bytes {half}-{len(data) - 1}/{len(data)}", made.pulp_href, data[half:])
    return api.read(made.pulp_href)


def test_an_upload_becomes_an_artifact(clients):
    data = b"the bytes of an upload of the clients"
    made = upload(clients, data)
    assert [one.offset for one in made.chunks] == [0, len(data) // 2]
    assert sum(one.size for one in made.chunks) == len(data)
    api = clients.api("core", "UploadsApi")
    done = clients.settled(api.commit(made.pulp_href, {"sha256": sha256(data)}))
    assert clients.api("core", "ArtifactsApi").read(done.created_resources[0]).sha256 == sha256(data)


def test_an_upload_is_given_up(clients):
    api = clients.api("core", "UploadsApi")
    made = api.create({"size": 10})
    assert made.pulp_href in [one.pulp_href for one in api.list(size=10).results]
    api.delete(made.pulp_href)
    with pytest.raises(clients.package("core").exceptions.NotFoundException):
        api.read(made.pulp_href)


def test_units_are_made_from_a_file_an_artifact_and_an_upload(clients, tmp_path):
    api, repositories = clients.api("file", "ContentFilesApi"), clients.api("file", "RepositoriesFileApi")
    repository = repositories.create({"name": fresh()})
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


def test_a_unit_that_is_made_from_a_url(clients, origin):
    origin.publish("url", {"a": b"by url"})
    api = clients.api("file", "ContentFilesApi")
    made = clients.made(api, api.create(relative_path="by/url", file_url=f"{origin.url}/url/a"))
    assert made.sha256 == sha256(b"by url")


def test_labels_of_a_unit(clients):
    api = clients.api("file", "ContentFilesApi")
    unit = api.upload(relative_path=fresh("labelled"), file=("a", b"labelled"))
    api.set_label(unit.pulp_href, {"key": "a", "value": "b"})
    assert [one.pulp_href for one in api.list(pulp_label_select="a=b", relative_path=unit.relative_path).results] == [
        unit.pulp_href]
    api.unset_label(unit.pulp_href, {"key": "a"})
    assert api.read(unit.pulp_href).pulp_labels == {}


@pytest.fixture(scope="module")
def synced(clients):
    """A repository with three files, synced from an origin."""
    from tests.support.origin import running_origin

    with running_origin() as origin:
        url = origin.publish("clients", make_files(3, "clients"))
        remote = clients.api("file", "RemotesFileApi").create({"name": fresh(), "url": url})
        api = clients.api("file", "RepositoriesFileApi")
        repository = api.create({"name": fresh(), "remote": remote.pulp_href})
        task = clients.settled(api.sync(repository.pulp_href, {"mirror": True}))
        assert [one.code for one in task.progress_reports]
        return api.read(repository.pulp_href)


def test_a_sync_makes_a_version(clients, synced):
    api = clients.api("file", "RepositoriesFileVersionsApi")
    versions = api.list(synced.pulp_href, number__gt=0).results
    assert [one.number for one in versions] == [1]
    version = api.read(versions[0].pulp_href)
    assert version.content_summary.present["file.file"]["count"] == 3
    assert clients.settled(api.repair(version.pulp_href, {"verify_checksums": True})).state == "completed"
    assert version.pulp_href in [one.pulp_href for one in clients.api("core", "RepositoryVersionsApi").list().results]


def test_a_repository_is_modified_and_its_version_deleted(clients, synced):
    repositories, versions = clients.api("file", "RepositoriesFileApi"), clients.api("file", "RepositoriesFileVersionsApi")
    units = clients.api("file", "ContentFilesApi").list(repository_version=synced.latest_version_href).results
    target = repositories.create({"name": fresh()})
    done = clients.settled(repositories.modify(target.pulp_href, {
        "add_content_units": [one.pulp_href for one in units[:2]], "base_version": synced.latest_version_href}))
    assert [one for one in done.created_resources if "/versions/1/" in one]
    clients.settled(repositories.modify(target.pulp_href, {"remove_content_units": ["*"]}))
    assert [one.number for one in versions.list(target.pulp_href, ordering=["number"]).results] == [0, 1, 2]
    clients.settled(versions.delete(f"{target.versions_href}1/"))
    assert [one.number for one in versions.list(target.pulp_href, ordering=["number"]).results] == [0, 2]


def test_a_publication_is_made_listed_and_deleted(clients, synced):
    api = clients.api("file", "PublicationsFileApi")
    made = clients.made(api, api.create({"repository": synced.pulp_href, "manifest": "LIST"}))
    assert (made.manifest, made.repository_version) == ("LIST", synced.latest_version_href)
    assert made.pulp_href in [one.pulp_href for one in api.list(repository=synced.pulp_href).results]
    assert made.pulp_href in [one.pulp_href for one in clients.api("core", "PublicationsApi").list().results]

    distributions = clients.api("file", "DistributionsFileApi")
    name = fresh()
    served = clients.made(distributions, distributions.create(
        {"name": name, "base_path": name, "publication": made.pulp_href}))
    assert api.read(made.pulp_href).distributions == [served.pulp_href]
    path, data = next(iter(make_files(3, "clients").items()))
    assert clients.platform.served_digest(f"{name}/{path}") == sha256(data)
    api.delete(made.pulp_href)
    assert distributions.read(served.pulp_href).publication is None


def test_a_distribution_is_guarded_by_a_composite(clients, synced):
    guards = clients.api("core", "ContentguardsHeaderApi")
    inner = guards.create({"name": fresh(), "header_name": "X-A", "header_value": "a"})
    composite = clients.api("core", "ContentguardsCompositeApi").create({"name": fresh(), "guards": [inner.pulp_href]})
    assert composite.guards == [inner.pulp_href]
    api, name = clients.api("file", "DistributionsFileApi"), fresh()
    made = clients.made(api, api.create({
        "name": name, "base_path": name, "repository": synced.pulp_href, "content_guard": composite.pulp_href}))
    assert (made.content_guard, made.content_guard_prn) == (composite.pulp_href, composite.prn)
    assert composite.pulp_href in [one.pulp_href for one in clients.api("core", "ContentguardsApi").list().results]


def test_a_user_joins_a_group_and_leaves_it(clients):
    user = clients.api("core", "UsersApi").create({"username": fresh(), "password": "a long pass phrase"})
    group = clients.api("core", "GroupsApi").create({"name": fresh()})
    api = clients.api("core", "GroupsUsersApi")
    member = api.create(group.pulp_href, {"username": user.username})
    assert [one.username for one in api.list(group.pulp_href).results] == [user.username]
    api.delete(member.pulp_href)
    assert api.list(group.pulp_href).count == 0


def test_tasks_are_listed_read_and_purged(clients, synced):
    page = clients.tasks.list(reserved_resources=synced.prn, state="completed", name__contains="sync")
    (task,) = page.results
    assert task.name == "pulp_file.app.tasks.synchronizing.synchronize"
    read = clients.tasks.read(task.pulp_href)
    assert read.created_resources == [synced.latest_version_href]
    assert read.worker in [one.pulp_href for one in clients.api("core", "WorkersApi").list().results]
    with pytest.raises(clients.package("core").exceptions.ApiException) as conflict:
        clients.tasks.tasks_cancel(task.pulp_href, {"state": "canceled"})
    assert conflict.value.status == 409
    done = clients.settled(clients.tasks.purge({"states": ["canceled"]}))
    assert done.state == "completed"


def test_orphans_are_cleaned_up(clients):
    done = clients.settled(clients.api("core", "OrphansCleanupApi").cleanup({"orphan_protection_time": 60}))
    assert done.state == "completed"


def test_the_server_says_what_it_is(clients):
    status = clients.api("core", "StatusApi").status_read()
    assert {"core", "file", "certguard"} <= {one.component for one in status.versions}
    assert status.database_connection.connected
    clients.api("core", "LivezApi").livez_read()


LISTS = [
    ("core", "AccessPoliciesApi"), ("core", "ArtifactsApi"), ("core", "ContentApi"), ("core", "ContentOpenpgpPublickeyApi"),
    ("core", "ContentOpenpgpPublicsubkeyApi"), ("core", "ContentOpenpgpSignatureApi"),
    ("core", "ContentOpenpgpUserattributeApi"), ("core", "ContentOpenpgpUseridApi"), ("core", "ContentguardsApi"),
    ("core", "DistributionsApi"), ("core", "DistributionsArtifactsApi"), ("core", "DomainsApi"),
    ("core", "ExportersFilesystemApi"), ("core", "ExportersPulpApi"), ("core", "ImportersPulpApi"),
    ("core", "PublicationsApi"), ("core", "RemotesApi"), ("core", "RepositoriesApi"), ("core", "RepositoryVersionsApi"),
    ("core", "RolesApi"), ("core", "SigningServicesApi"), ("core", "TaskGroupsApi"), ("core", "TaskSchedulesApi"),
    ("core", "TasksApi"), ("core", "UploadsApi"), ("core", "UpstreamPulpsApi"), ("core", "UsersApi"),
    ("core", "VulnReportApi"), ("core", "WorkersApi"), ("file", "AcsFileApi"), ("file", "ContentFilesApi"),
]


@pytest.mark.parametrize(("component", "name"), LISTS, ids=[name for _, name in LISTS])
def test_every_list_is_read_and_understood(clients, synced, component, name):
    page = clients.api(component, name).list(limit=50)
    assert page.count >= len(page.results)
    bare = clients.api(component, name).list(limit=50, exclude_fields=["pulp_created", "pulp_last_updated"])
    assert [one.prn for one in bare.results] == [one.prn for one in page.results]
    assert not any(getattr(one, "pulp_created", None) for one in bare.results)
