"""Several teams share an installation, and none can see or touch what is not theirs."""

from __future__ import annotations

from pulp_actor.db import connected
from pulp_actor.domains import DEFAULT_DOMAIN_ID
from pulp_actor.models import Domain, GroupMember, Repository, User
from pulp_actor.models.base import utcnow
from pulp_actor.queue import dispatch
from pulp_actor.queue.models import TaskGroup
from pulp_actor.settings import settings
from pulp_actor.versions import new_version
from tests.integration.api.conftest import give, key_of, on

REPOSITORIES = "repositories/file/file/"


def names(answer):
    return [one["name"] for one in answer.json["results"]]


def test_whoever_makes_a_repository_owns_it_and_others_do_not_see_it(api, member):
    ann = member("ann", "file.filerepository_creator")
    bob = member("bob", "file.filerepository_creator")
    repository = ann.made(REPOSITORIES, {"name": "ann's"})
    bob.made(REPOSITORIES, {"name": "bob's"})
    assert names(ann.get(REPOSITORIES)) == names(ann.get("repositories/")) == ["ann's"]
    assert ann.get(REPOSITORIES).json["count"] == 1
    assert sorted(names(api.get(REPOSITORIES))) == ["ann's", "bob's"]
    href = repository["pulp_href"]
    for method, path in (("GET", href), ("PATCH", href), ("DELETE", href), ("GET", f"{href}versions/"),
                         ("GET", f"{href}versions/0/"), ("POST", f"{href}modify/"), ("GET", f"{href}my_permissions/")):
        assert bob.request(method, path, json={}).status_code == 404, (method, path)
    assert ann.get(f"{href}versions/").json["count"] == 1
    assert ann.patch(href, {"description": "mine"}).status_code in (200, 202)
    assert bob.get("repository_versions/").json["count"] == 1


def test_a_viewer_sees_and_changes_nothing(api, member):
    repository = api.made(REPOSITORIES, {"name": "shared"})
    viewer = member("viewer", "file.filerepository_viewer", **on(repository))
    href = repository["pulp_href"]
    assert viewer.get(href).json["name"] == "shared"
    assert viewer.get(f"{href}my_permissions/").json == {"permissions": ["file.view_filerepository"]}
    assert viewer.patch(href, {"description": "x"}).status_code == 403
    assert viewer.post(f"{href}modify/", {}).status_code == 403
    assert viewer.get(f"{href}list_roles/").status_code == 403
    assert viewer.post(REPOSITORIES, {"name": "new"}).status_code == 403


def test_a_role_in_the_domain_or_everywhere_reaches_all(api, member):
    api.made(REPOSITORIES, {"name": "one"})
    api.made(REPOSITORIES, {"name": "two"})
    everywhere = member("everywhere", "file.filerepository_viewer")
    in_domain = member("in-domain", "file.filerepository_viewer", domain="00000000-0000-7000-8000-000000000001")
    for client in (everywhere, in_domain):
        assert client.get(REPOSITORIES).json["count"] == 2
        assert client.get("repositories/").json["count"] == 2


def test_a_group_s_role_is_its_members(api, member):
    bob = member("bob")
    repository = api.made(REPOSITORIES, {"name": "shared"})
    group = api.made("groups/", {"name": "team"})
    with connected():
        GroupMember.create(group=group["id"], user=User.get(User.username == "bob").id)
    assert bob.get(repository["pulp_href"]).status_code == 404
    body = {"role": "file.filerepository_owner", "groups": ["team"]}
    assert api.post(f"{repository['pulp_href']}add_role/", body).status_code == 201
    assert bob.patch(repository["pulp_href"], {"description": "ours"}).status_code in (200, 202)


def test_a_domain_s_owner_owns_nothing_in_another_one(api, member):
    with settings.override(DOMAIN_ENABLED=True), connected():
        left, right = (Domain.create(name=name).id for name in ("left", "right"))
    ann = member("ann", "file.filerepository_owner", domain=left)
    give("ann", "file.filerepository_creator", domain=left)
    with settings.override(DOMAIN_ENABLED=True):
        for domain in ("left", "right"):
            api.made(f"/pulp/{domain}/api/v3/{REPOSITORIES}", {"name": domain})
        assert names(ann.get(f"/pulp/left/api/v3/{REPOSITORIES}")) == ["left"]
        assert names(ann.get(f"/pulp/right/api/v3/{REPOSITORIES}")) == []
        assert ann.post(f"/pulp/left/api/v3/{REPOSITORIES}", {"name": "more"}).status_code == 201
        assert ann.post(f"/pulp/right/api/v3/{REPOSITORIES}", {"name": "more"}).status_code == 403
        hidden = names_to_hrefs(api.get(f"/pulp/right/api/v3/{REPOSITORIES}"))["right"]
        for method in ("GET", "PATCH", "DELETE"):
            assert ann.request(method, hidden, json={}).status_code == 404
            assert ann.request(method, hidden.replace("right", "left"), json={}).status_code == 404
    assert right != left


def names_to_hrefs(answer):
    return {one["name"]: one["pulp_href"] for one in answer.json["results"]}


# --- references --------------------------------------------------------------------------------------------------------

def test_an_object_that_one_may_not_see_cannot_be_referred_to(api, member):
    remote = api.made("remotes/file/file/", {"name": "secret", "url": "http://127.0.0.1:1/PULP_MANIFEST"})
    hidden = api.made(REPOSITORIES, {"name": "hidden"})
    guard = api.made("contentguards/core/rbac/", {"name": "guard"})
    ann = member("ann", "file.filerepository_creator")
    for role in ("file.filepublication_creator", "file.filedistribution_creator", "core.compositecontentguard_creator",
                 "file.filecontent_creator"):
        give("ann", role)
    href = ann.made(REPOSITORIES, {"name": "mine"})["pulp_href"]
    attempts = [
        (f"{href}sync/", {"remote": remote["pulp_href"]}),
        (REPOSITORIES, {"name": "other", "remote": remote["prn"]}),
        (f"{href}modify/", {"base_version": hidden["latest_version_href"]}),
        ("publications/file/file/", {"repository": hidden["pulp_href"]}),
        ("publications/file/file/", {"repository_version": hidden["latest_version_href"]}),
        ("distributions/file/file/", {"name": "d", "base_path": "d", "content_guard": guard["pulp_href"]}),
        ("distributions/file/file/", {"name": "d", "base_path": "d", "repository": hidden["pulp_href"]}),
        ("contentguards/core/composite/", {"name": "c", "guards": [guard["pulp_href"]]}),
    ]
    for path, body in attempts:
        answer = ann.post(path, body)
        assert answer.status_code == 400, (path, body, answer.text)
    filters = f"repository_version={hidden['latest_version_href']}"
    assert ann.get("content/file/files/", filters).status_code == 400
    fields = {"relative_path": "f", "repository": hidden["pulp_href"]}
    assert ann.upload("content/file/files/", fields, b"bytes").status_code == 400


def test_content_is_seen_in_the_repositories_that_are_seen(api, member):
    repository = api.made(REPOSITORIES, {"name": "r"})
    units = {}
    for name in ("in", "out"):
        answer = api.upload("content/file/files/upload/", {"relative_path": name}, name.encode())
        units[name] = answer.json["pulp_href"]
    with connected(), new_version(Repository.get(Repository.name == "r")) as version:
        version.add([units["in"].split("/")[-2]])
    viewer = member("viewer", "file.filerepository_viewer", **on(repository))
    for path in ("content/file/files/", "content/"):
        assert [one["pulp_href"] for one in viewer.get(path).json["results"]] == [units["in"]]
    assert viewer.get(units["in"]).status_code == 200
    assert viewer.post(f"{units['in']}set_label/", {"key": "a", "value": "b"}).status_code == 403
    assert viewer.get(units["out"]).status_code == 404
    assert member("stranger").get("content/").json["count"] == 0


def test_content_comes_into_a_repository_only_by_those_who_may_change_it(api, member):
    repository = api.made(REPOSITORIES, {"name": "r"})
    fields = {"relative_path": "f", "repository": repository["pulp_href"]}
    path = "content/file/files/"
    adder = member("adder", "file.filecontent_creator")
    give("adder", "file.filerepository_viewer", **on(repository))
    assert adder.upload(path, fields, b"x").status_code == 403
    assert adder.upload(path, {"relative_path": "g"}, b"x").status_code == 202
    owner = member("owner", "file.filerepository_owner", **on(repository))
    assert owner.upload(path, {"relative_path": "f"}, b"x").status_code == 403
    assert owner.upload(path, fields, b"x").status_code == 202


def test_whoever_uploads_an_artifact_can_make_content_of_it(api, member):
    ann = member("ann", "core.artifact_creator")
    give("ann", "file.filecontent_creator")
    bob = member("bob", "file.filecontent_creator")
    artifact = ann.upload("artifacts/", {}, b"bytes").json["pulp_href"]
    fields = {"relative_path": "f", "artifact": artifact}
    assert bob.upload("content/file/files/upload/", fields).status_code == 400
    assert ann.upload("content/file/files/upload/", fields).status_code == 201
    assert bob.get(artifact).status_code == 404


# --- tasks -------------------------------------------------------------------------------------------------------------

def test_everybody_sees_their_own_tasks_and_the_admin_all(api, member):
    ann = member("ann", "file.filedistribution_creator")
    bob = member("bob", "file.filedistribution_creator")
    tasks = {}
    for name, client in (("ann", ann), ("bob", bob)):
        answer = client.post("distributions/file/file/", {"name": name, "base_path": name})
        assert answer.status_code == 202
        tasks[name] = answer.json["task"]
    assert [one["pulp_href"] for one in ann.get("tasks/").json["results"]] == [tasks["ann"]]
    assert api.get("tasks/").json["count"] == 2
    assert ann.get(tasks["bob"]).status_code == 404
    task = ann.get(tasks["ann"]).json
    assert task["created_by"].endswith(f"/users/{key_of(api, 'ann')}/")
    assert ann.get(task["created_by"]).json["username"] == "ann"
    assert ann.get(f"{tasks['ann']}list_roles/").json["roles"] == [
        {"role": "core.task_owner", "users": ["ann"], "groups": []}]
    made = task["created_resources"][0]
    assert ann.get(made).json["name"] == "ann"
    assert bob.get(made).status_code == 404
    assert bob.request("PATCH", tasks["ann"], json={"state": "canceled"}).status_code == 404
    assert ann.delete(tasks["ann"]).status_code == 204


def test_whoever_asked_for_all_tasks_of_a_group_may_cancel_it(api, member):
    ann = member("ann")
    with connected():
        group = TaskGroup.create(
            domain_id=DEFAULT_DOMAIN_ID, description="", pulp_created=utcnow(), pulp_last_updated=utcnow())
        for _ in range(2):
            _task(group, User.get(User.username == "ann").id)
    path = f"task-groups/{group.id}/"
    assert ann.get(path).status_code == 200
    assert ann.patch(path, {"state": "canceled"}).status_code == 200
    with connected():
        _task(group, User.get(User.username == "admin").id)
    assert ann.get(path).status_code == 200
    assert ann.patch(path, {"state": "canceled"}).status_code == 403
    assert member("bob").get(path).status_code == 404


def _task(group, user):
    dispatch("pulpcore.app.tasks.orphan.orphan_cleanup", kwargs={}, created_by=user, task_group=group.id)
