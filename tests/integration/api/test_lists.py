"""Lists: pages, filters with all their lookups, labels, order, fields, the boolean language; and what they cost."""

import uuid

import pytest

from pulp_actor.db import connected, transaction
from pulp_actor.identifiers import uuid7
from pulp_actor.models import (
    DEFAULT_DOMAIN_ID,
    Artifact,
    Content,
    ContentArtifact,
    Distribution,
    Publication,
    PublishedArtifact,
    Repository,
    RepositoryContent,
    RepositoryVersion,
)
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.settings import settings
from tests.integration.api.conftest import counted_queries

REPOSITORIES, CONTENT = "repositories/file/file/", "content/file/files/"


@pytest.fixture
def repositories(api):
    labels = [{}, {"a": "b"}, {"a": "c", "env": "Production"}, {"env": "test"}, {"a": None}]
    retained = [None, 1, 2, 3, None]
    names = ["alpha", "Beta", "gamma", "delta_1", "delta%2"]
    for name, label, retain in zip(names, labels, retained, strict=True):
        api.made(REPOSITORIES, {"name": name, "pulp_labels": label, "retain_repo_versions": retain})


def names(api, query, path=REPOSITORIES):
    answer = api.get(path, query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json["results"]]


def test_newest_first_by_default(api, repositories):
    assert names(api, "") == ["delta%2", "delta_1", "gamma", "Beta", "alpha"]


def test_pages(api, repositories):
    first = api.get(REPOSITORIES, "limit=2&ordering=name&fields=name").json
    assert (first["count"], first["previous"], len(first["results"])) == (5, None, 2)
    second = api.get(REPOSITORIES, first["next"].partition("?")[2]).json
    assert second["previous"] is not None
    assert len({one["name"] for one in first["results"] + second["results"]}) == 4
    beyond = api.get(REPOSITORIES, "offset=100000").json
    assert (beyond["next"], beyond["results"]) == (None, [])
    assert beyond["previous"] is not None


def test_a_page_has_its_maximum(api, repositories):
    with settings.override(MAX_PAGE_SIZE=3):
        assert len(names(api, "limit=1000000000")) == 3
        assert len(names(api, "limit=0")) == 3


@pytest.mark.parametrize(("query", "found"), [
    ("name=alpha", ["alpha"]), ("name__iexact=BETA", ["Beta"]), ("name__contains=lt", ["delta%2", "delta_1"]),
    ("name__icontains=BET", ["Beta"]), ("name__startswith=b", []), ("name__istartswith=b", ["Beta"]),
    ("name__in=alpha,gamma,nope", ["gamma", "alpha"]), ("name__in=alpha&name__in=gamma", ["gamma", "alpha"]),
    ("name__regex=^d.*[0-9]$", ["delta%2", "delta_1"]), ("name__iregex=^B", ["Beta"]),
    ("name__contains=%25", ["delta%2"]), ("name__contains=_", ["delta_1"]), ("name__contains=%27%27", []),
    ("retain_repo_versions=2", ["gamma"]), ("retain_repo_versions__gt=1", ["delta_1", "gamma"]),
    ("retain_repo_versions__gte=3", ["delta_1"]), ("retain_repo_versions__lt=2", ["Beta"]),
    ("retain_repo_versions__lte=1", ["Beta"]), ("retain_repo_versions__range=2,3", ["delta_1", "gamma"]),
    ("retain_repo_versions__isnull=true", ["delta%2", "alpha"]),
    ("retain_repo_versions__ne=1", ["delta%2", "delta_1", "gamma", "alpha"]),
    ("pulp_label_select=a", ["delta%2", "gamma", "Beta"]), ("pulp_label_select=!a", ["delta_1", "alpha"]),
    ("pulp_label_select=a%3Db", ["Beta"]), ("pulp_label_select=a!%3Db", ["gamma"]),
    ("pulp_label_select=env~PROD", ["gamma"]),
    ("pulp_label_select=a,env", ["gamma"]), ("pulp_label_select=a,!env", ["delta%2", "Beta"]),
    ("ordering=-retain_repo_versions&retain_repo_versions__isnull=false", ["delta_1", "gamma", "Beta"]),
    ("ordering=retain_repo_versions,-name&name__startswith=delta", ["delta_1", "delta%2"]),
    ("q=name%3Dalpha OR name__startswith%3D'delta'", ["delta%2", "delta_1", "alpha"]),
    ("q=NOT retain_repo_versions%3D1", ["delta%2", "delta_1", "gamma", "alpha"]),
    ("q=pulp_label_select%3D'a%3Db' OR (name%3Dgamma AND NOT retain_repo_versions__in%3D1)&name__in=x", None),
    ("q=name__in%3D'alpha,Beta' AND pulp_label_select%3D'a%3Db'", ["Beta"]),
])
def test_filters(api, repositories, query, found):
    if found is None:
        assert api.get(REPOSITORIES, query.replace(" ", "%20")).status_code == 400
    else:
        assert names(api, query.replace(" ", "%20")) == found


@pytest.mark.parametrize(("query", "field"), [
    ("bogus=1", "errors"), ("name__nope=1", "errors"), ("retain_repo_versions=abc", "retain_repo_versions"),
    ("retain_repo_versions__range=1", "retain_repo_versions__range"), ("ordering=bogus", "ordering"),
    ("ordering=-", "ordering"), ("q=name%3D(", "q"), ("q=bogus%3D1", "q"), ("pulp_label_select=%3Dx", "pulp_label_select"),
    ("pulp_label_select=a%26b", "pulp_label_select"), ("pulp_href__in=x", "pulp_href__in"), ("pulp_id__in=x", "pulp_id__in"),
    ("remote=/pulp/api/v3/tasks/1/", "remote"), ("name__regex=(", "errors"), ("q=name__regex%3D'('", "errors"),
    ("retain_repo_versions__isnull=perhaps", "retain_repo_versions__isnull"), ("name=%00", "errors"), ("name=%ff", "errors"),
])
def test_a_wrong_filter_is_named(api, query, field):
    answer = api.get(REPOSITORIES, query)
    assert (answer.status_code, list(answer.json)) == (400, [field])
    assert isinstance(answer.json[field], list)


def test_a_regex_that_explodes_is_stopped(api, repositories):
    with transaction():
        Repository.update(name="a" * 5000).where(Repository.name == "alpha").execute()
    answer = api.get(REPOSITORIES, "name__regex=" + "%28a%2A%29%2A%5C1" * 12 + "b")
    assert answer.status_code in (200, 400)


def test_by_identity(api, repositories):
    first, second = api.get(REPOSITORIES).json["results"][:2]
    for query in (f"pulp_href__in={first['pulp_href']},{second['pulp_href']}", f"prn__in={first['prn']},{second['prn']}",
                  f"pulp_id__in={first['prn'][-36:]},{second['prn'][-36:]}"):
        assert names(api, query) == [first["name"], second["name"]]


def test_fields(api, repositories):
    (one,) = api.get(REPOSITORIES, "name=alpha&fields=name,prn").json["results"]
    assert set(one) == {"name", "prn"}
    (one,) = api.get(REPOSITORIES, "name=alpha&fields=name&fields=prn").json["results"]
    assert set(one) == {"name", "prn"}
    (one,) = api.get(REPOSITORIES, "name=alpha&exclude_fields=name,prn").json["results"]
    assert not {"name", "prn"} & set(one)
    assert "pulp_href" in one
    href = one["pulp_href"]
    assert set(api.get(href, "fields=name").json) == {"name"}


def unit(path, repository, added, removed=None):
    """A file in a repository, from one version up to another."""
    key, digest = uuid7(), uuid.uuid4().hex * 2
    artifact = Artifact.create(file=f"x/{key}", size=1, sha256=digest)
    content = Content.create(id=key, type="file.file")
    FileContent.insert(content=key, domain_id=DEFAULT_DOMAIN_ID, relative_path=path, digest=digest).execute()
    ContentArtifact.create(content=key, artifact=artifact, relative_path=path)
    RepositoryContent.insert(
        repository=repository, content=key, version_added=added, version_removed=removed).execute()
    return content


@pytest.fixture
def versions(api):
    """Version 1 adds a and b, version 2 removes a and adds c."""
    repository = api.made(REPOSITORIES, {"name": "r"})
    key = repository["prn"][-36:]
    with transaction():
        for number in (1, 2):
            RepositoryVersion.create(repository=key, number=number, complete=True)
        RepositoryVersion.create(repository=key, number=3, complete=False)
        made = {path: unit(path, key, *stay) for path, stay in {"a": (1, 2), "b": (1,), "c": (2,)}.items()}
    return repository, {path: f"/pulp/api/v3/{CONTENT}{one.id}/" for path, one in made.items()}


@pytest.mark.parametrize(("query", "paths"), [
    ("repository_version={1}", "ab"), ("repository_version={2}", "bc"), ("repository_version_added={2}", "c"),
    ("repository_version_removed={2}", "a"), ("added_between={1},{2}", "c"), ("removed_between={1},{2}", "a"),
    ("added_between={0},{2}", "bc"), ("repository_version={0}", ""), ("orphaned_for=0", ""),
    ("relative_path=a", "a"), ("relative_path__in=a,c", "ac"),
])
def test_content_by_version(api, versions, query, paths):
    repository, _ = versions
    hrefs = [f"{repository['versions_href']}{number}/" for number in range(3)]
    found = api.get(CONTENT, query.format(*hrefs)).json
    assert sorted(one["relative_path"] for one in found["results"]) == list(paths)
    assert found["count"] == len(paths)


def test_repositories_and_versions_by_content(api, versions):
    repository, units = versions
    assert names(api, f"with_content={units['a']}") == ["r"]
    assert names(api, f"latest_with_content={units['a']}") == []
    assert names(api, f"latest_with_content={units['b']}") == ["r"]
    found = api.get(repository["versions_href"], f"content={units['a']}").json["results"]
    assert [one["number"] for one in found] == [1]
    found = api.get("repository_versions/", f"content__in={units['a']},{units['c']}").json["results"]
    assert sorted(one["number"] for one in found) == [1, 2]


def test_publications_and_distributions_by_content(api, versions):
    """A unit is served where its version is passed through, or where a publication has published it itself."""
    repository, units = versions
    with connected():
        first, second = (RepositoryVersion.get(number=number, repository=repository["prn"][-36:]) for number in (1, 2))
        passing = Publication.create(type="file.file", repository_version=first, complete=True, pass_through=True)
        choosing = Publication.create(type="file.file", repository_version=second, complete=True)
        chosen = ContentArtifact.get(ContentArtifact.relative_path == "c")
        PublishedArtifact.insert(publication=choosing, content_artifact=chosen, relative_path="c").execute()
        for name, served in {
            "latest": {"repository": repository["prn"][-36:]}, "fixed": {"repository_version": first},
            "passing": {"publication": passing}, "choosing": {"publication": choosing},
        }.items():
            Distribution.create(type="file.file", name=name, base_path=name, **served)
    serving = {"a": {passing.id}, "b": {passing.id}, "c": {choosing.id}}
    distributing = {"a": {"fixed", "passing"}, "b": {"latest", "fixed", "passing"}, "c": {"latest", "choosing"}}
    for name, href in units.items():
        for query in (f"content={href}", f"content__in={href}"):
            found = api.get("publications/file/file/", query).json["results"]
            assert {one["prn"][-36:] for one in found} == {str(key) for key in serving[name]}, query
        for path in ("distributions/file/file/", "distributions/"):
            found = api.get(path, f"with_content={href}").json
            assert {one["name"] for one in found["results"]} == distributing[name], (name, path)
            assert found["count"] == len(distributing[name])


def test_versions_newest_first_and_only_complete_ones(api, versions):
    repository, _ = versions
    assert [one["number"] for one in api.get(repository["versions_href"]).json["results"]] == [2, 1, 0]
    assert [one["number"] for one in api.get(repository["versions_href"], "number__gte=1").json["results"]] == [2, 1]
    assert api.get(repository["versions_href"] + "3/").status_code == 404


def test_fewer_versions_are_kept_as_soon_as_that_is_asked_for(api, versions):
    repository, _ = versions
    answer = api.patch(repository["pulp_href"], {"retain_repo_versions": 1})
    task = api.get(answer.json["task"]).json
    assert task["state"] == "completed", task["error"]
    assert [one["number"] for one in api.get(repository["versions_href"]).json["results"]] == [2]


def test_a_version_that_is_not_there_is_refused_by_field(api, versions):
    repository, _ = versions
    answer = api.get(CONTENT, f"repository_version={repository['versions_href']}9/")
    assert (answer.status_code, list(answer.json)) == (400, ["repository_version"])


def test_tasks_by_what_they_locked_and_made(api):
    href = api.made("distributions/file/file/", {"name": "d", "base_path": "d"})["pulp_href"]
    repository = api.made(REPOSITORIES, {"name": "r"})
    api.patch(repository["pulp_href"], {"description": "x"})
    (made,) = api.get("tasks/", f"created_resources={href}").json["results"]
    assert made["created_resources"] == [href]
    for value in (repository["pulp_href"], repository["prn"]):
        for query in (f"reserved_resources={value}", f"exclusive_resources={value}", f"reserved_resources__in={value},x:y"):
            (changed,) = api.get("tasks/", query).json["results"]
            assert changed["name"] == "pulpcore.app.tasks.base.general_update"
        assert api.get("tasks/", f"shared_resources={value}").json["count"] == 0
    assert api.get("tasks/", "state__in=completed,failed&name__contains=general&started_at__isnull=false").json["count"] == 2
    assert api.get("tasks/", "state=nonsense").status_code == 400


EVERY_LIST = [
    "tasks/", "task-groups/", "workers/", "task-schedules/", "artifacts/", "uploads/", "content/", CONTENT, "repositories/",
    REPOSITORIES, "repository_versions/", "remotes/", "remotes/file/file/", "remotes/file/git/", "publications/",
    "publications/file/file/", "distributions/", "distributions/file/file/", "contentguards/",
    "contentguards/core/composite/", "contentguards/certguard/x509/", "users/", "groups/", "domains/",
    "repositories/core/openpgp_keyring/", "distributions/core/openpgp/", "distributions/core/artifacts/",
]


@pytest.mark.parametrize("path", EVERY_LIST)
def test_a_list_costs_three_queries(api, path):
    """The user, the count and the page; never one per row."""
    api.made(REPOSITORIES, {"name": "a"})
    api.made("remotes/file/file/", {"name": "a", "url": "http://x/"})
    for name in ("a", "b", "c"):
        api.made("distributions/file/file/", {"name": name, "base_path": name})
        api.made("contentguards/core/composite/", {"name": name})
    with counted_queries() as queries:
        answer = api.get(path)
    assert answer.status_code == 200
    assert len(queries) <= 3, queries


def test_every_ordering_and_filter_of_every_list_is_sound_sql(api, app):
    """Each is put to the database once, with a value that its kind accepts."""
    from api.routes import all_endpoints

    samples = {"Integer": "1", "Number": "1", "Boolean": "true", "DateTime": "2026-01-01T00:00:00Z"}
    key = str(uuid7())
    for endpoint in all_endpoints():
        if endpoint.path + "/" not in EVERY_LIST:
            continue
        for one in endpoint.filters.filters:
            value = samples.get(type(one.kind).__name__, key)
            if type(one.kind).__name__ == "Choice":
                value = one.kind.choices[0]
            if one.name.endswith("__range"):
                value = f"{value},{value}"
            answer = api.get(f"{endpoint.path}/", f"{one.name}={value}")
            assert answer.status_code in (200, 400), (endpoint.path, one.name, answer.text)
            if answer.status_code == 400:
                assert one.name in answer.json, (endpoint.path, one.name, answer.text)
        for name in endpoint.filters.orderings:
            answer = api.get(f"{endpoint.path}/", f"ordering=-{name}")
            assert answer.status_code == 200, (endpoint.path, name, answer.text)


def test_a_read_costs_two_queries(api):
    paths = [
        api.made(REPOSITORIES, {"name": "a"})["pulp_href"], api.made("remotes/file/file/", {"name": "a", "url": "http://x/"})["pulp_href"],
        api.made("distributions/file/file/", {"name": "a", "base_path": "a"})["pulp_href"],
        api.made("contentguards/core/rbac/", {"name": "a"})["pulp_href"], "/pulp/api/v3/users/1/",
        api.get("tasks/").json["results"][0]["pulp_href"],
    ]
    for path in paths:
        with counted_queries() as queries:
            assert api.get(path).status_code == 200
        assert len(queries) == 2, (path, queries)


def test_no_connection_outlives_a_refused_filter(api, database):
    api.get(REPOSITORIES, "name__regex=(")
    with connected():
        assert not database.in_transaction()
