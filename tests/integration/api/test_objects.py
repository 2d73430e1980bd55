"""Making, reading, changing and deleting objects, in the words of the contract's samples."""

import pytest

from pulp_actor.db import connected, transaction
from pulp_actor.models import Publication, Remote, RepositoryVersion
from pulp_actor.queue.models import Task

REPOSITORIES, REMOTES = "repositories/file/file/", "remotes/file/file/"
DISTRIBUTIONS, PUBLICATIONS, CONTENT = "distributions/file/file/", "publications/file/file/", "content/file/files/"
ABSENT = "01999999-0000-7000-8000-000000000000"


@pytest.fixture
def repository(api):
    return api.made(REPOSITORIES, {"name": "r", "pulp_labels": {"a": "b"}})


@pytest.fixture
def remote(api):
    return api.made(REMOTES, {"name": "m", "url": "http://127.0.0.1:9/PULP_MANIFEST", "password": "s", "username": "u"})


def test_a_new_repository_has_version_0(api, repository):
    assert list(repository) == [
        "pulp_href", "prn", "pulp_created", "pulp_last_updated", "versions_href", "pulp_labels", "latest_version_href",
        "name", "description", "retain_repo_versions", "retain_checkpoints", "remote", "autopublish", "manifest",
        "last_sync_details",
    ]
    assert repository["prn"].startswith("prn:file.filerepository:")
    assert (repository["manifest"], repository["autopublish"]) == ("PULP_MANIFEST", False)
    version = api.get(repository["latest_version_href"]).json
    assert (version["number"], version["repository"]) == (0, repository["pulp_href"])
    assert version["content_summary"] == {"added": {}, "removed": {}, "present": {}}
    assert api.get(repository["versions_href"]).json["count"] == 1


def test_a_created_object_says_where_it_is(api):
    answer = api.post(REPOSITORIES, {"name": "r"})
    assert answer.status_code == 201
    assert answer.headers["location"] == answer.json["pulp_href"]


@pytest.mark.parametrize(("path", "body"), [
    (REPOSITORIES, {"name": "same"}), (REMOTES, {"name": "same", "url": "http://x/"}),
    (DISTRIBUTIONS, {"name": "same", "base_path": "x"}), ("contentguards/core/header/", {
        "name": "same", "header_name": "X", "header_value": "1"}),
])
def test_a_name_is_taken_once(api, path, body):
    api.made(path, body)
    body = body | ({"base_path": "y"} if "base_path" in body else {})
    answer = api.post(path, body)
    assert (answer.status_code, list(answer.json)) == (400, ["name"])


def test_a_change_is_a_task_that_has_ended_when_the_answer_comes(api, repository):
    answer = api.patch(repository["pulp_href"], {"description": "d", "manifest": "M"})
    assert answer.status_code == 202
    task = api.get(answer.json["task"]).json
    assert (task["state"], task["name"]) == ("completed", "pulpcore.app.tasks.base.general_update")
    assert task["reserved_resources_record"] == [repository["prn"]]
    assert (task["created_by"], task["worker"]) == ("/pulp/api/v3/users/1/", None)
    changed = api.get(repository["pulp_href"]).json
    assert (changed["description"], changed["manifest"], changed["pulp_labels"]) == ("d", "M", {"a": "b"})
    assert changed["pulp_last_updated"] > repository["pulp_last_updated"]


def test_a_change_that_changes_nothing_answers_with_the_object(api, repository):
    answer = api.patch(repository["pulp_href"], {"name": "r", "autopublish": False})
    assert (answer.status_code, answer.json) == (200, repository)


def test_put_sets_what_has_a_default_and_needs_what_is_required(api, repository):
    api.patch(repository["pulp_href"], {"autopublish": True})
    assert api.put(repository["pulp_href"], {"description": "d"}).json == {"name": ["This field is required."]}
    assert api.put(repository["pulp_href"], {"name": "r2"}).status_code == 202
    changed = api.get(repository["pulp_href"]).json
    assert (changed["name"], changed["autopublish"]) == ("r2", False)


def test_a_reference_is_an_href_or_a_prn(api, repository, remote):
    for reference in (remote["pulp_href"], remote["prn"]):
        api.patch(repository["pulp_href"], {"remote": None})
        assert api.patch(repository["pulp_href"], {"remote": reference}).status_code == 202
        assert api.get(repository["pulp_href"]).json["remote"] == remote["pulp_href"]


@pytest.mark.parametrize("reference", [
    "/pulp/api/v3/remotes/file/file/" + ABSENT + "/", "prn:file.fileremote:" + ABSENT, "prn:nope.nope:" + ABSENT,
    "/elsewhere/", "/pulp/api/v3/remotes/file/file/1/",
])
def test_a_reference_that_leads_nowhere_is_refused(api, repository, reference):
    answer = api.patch(repository["pulp_href"], {"remote": reference})
    assert (answer.status_code, list(answer.json)) == (400, ["remote"])


def test_a_reference_to_another_kind_of_object_is_refused(api, repository):
    answer = api.patch(repository["pulp_href"], {"remote": repository["pulp_href"]})
    assert (answer.status_code, list(answer.json)) == (400, ["remote"])


def test_an_object_is_not_found_under_another_types_path(api, remote):
    key = remote["pulp_href"].split("/")[-2]
    assert api.get(f"remotes/file/git/{key}/").status_code == 404
    assert api.get("remotes/file/file/not-a-uuid/").status_code == 404
    assert api.patch(f"remotes/file/git/{key}/", {"name": "x"}).status_code == 404


def test_secrets_are_never_shown(api, remote):
    assert not {"password", "username", "client_key"} & set(remote)
    hidden = {one["name"]: one["is_set"] for one in remote["hidden_fields"]}
    assert hidden == {
        "client_key": False, "proxy_username": False, "proxy_password": False, "username": True, "password": True,
    }
    api.patch(remote["pulp_href"], {"password": None})
    changed = api.get(remote["pulp_href"]).json
    assert {one["name"]: one["is_set"] for one in changed["hidden_fields"]}["password"] is False
    with connected():
        assert Remote.get().username == "u"


@pytest.mark.parametrize(("body", "field"), [
    ({"policy": "sometimes"}, "policy"), ({"proxy_username": "x"}, "proxy_username"),
    ({"total_timeout": -1}, "total_timeout"),
    ({"download_concurrency": 0}, "download_concurrency"), ({"headers": [{"X": "a\r\nb"}]}, "headers"),
    ({"headers": [{"X": 1}]}, "headers"), ({"tls_validation": "perhaps"}, "tls_validation"),
    ({"proxy_url": "http://u:p@proxy"}, "proxy_url"), ({"url": ""}, "url"), ({"connect_timeout": "inf"}, "connect_timeout"),
])
def test_a_remote_with_a_wrong_field(api, body, field):
    answer = api.post(REMOTES, {"name": "m", "url": "http://x/"} | body)
    assert (answer.status_code, list(answer.json)) == (400, [field])


def test_a_distribution_is_made_by_a_task(api, repository):
    answer = api.post(DISTRIBUTIONS, {"name": "d", "base_path": "a/b", "repository": repository["pulp_href"]})
    assert answer.status_code == 202
    distribution = api.get(api.get(answer.json["task"]).json["created_resources"][0]).json
    assert distribution["base_url"].endswith("/pulp/content/a/b/")
    assert distribution["repository"] == repository["pulp_href"]


@pytest.mark.parametrize("base_path", ["a", "a/b", "a/b/c", "a/b/c/d"])
def test_base_paths_do_not_overlap(api, base_path):
    api.made(DISTRIBUTIONS, {"name": "d", "base_path": "a/b"})
    answer = api.post(DISTRIBUTIONS, {"name": "e", "base_path": base_path})
    assert answer.status_code == 400
    assert list(answer.json["base_path"]) == ["base_path"]


def test_base_paths_side_by_side(api):
    for name in ("a/b", "a/bc", "a/b-c", "b"):
        api.made(DISTRIBUTIONS, {"name": name, "base_path": name})


@pytest.mark.parametrize("base_path", ["/a", "a/", "a//b", "../a", "a/./b", "a b", "", "a?b"])
def test_a_base_path_that_cannot_be(api, base_path):
    answer = api.post(DISTRIBUTIONS, {"name": "d", "base_path": base_path})
    assert (answer.status_code, list(answer.json)) == (400, ["base_path"])


def test_a_distribution_serves_one_thing(api, repository):
    answer = api.post(DISTRIBUTIONS, {
        "name": "d", "base_path": "d", "repository": repository["pulp_href"],
        "repository_version": repository["latest_version_href"],
    })
    assert (answer.status_code, list(answer.json)) == (400, ["non_field_errors"])
    made = api.made(DISTRIBUTIONS, {"name": "d", "base_path": "d", "repository": repository["pulp_href"]})
    change = {"repository": None, "repository_version": repository["latest_version_href"]}
    assert api.patch(made["pulp_href"], {"repository_version": change["repository_version"]}).status_code == 400
    assert api.patch(made["pulp_href"], change).status_code == 202
    assert api.get(made["pulp_href"]).json["repository_version"] == repository["latest_version_href"]


def test_a_guard_in_use_is_not_deleted(api):
    guard = api.made("contentguards/core/rbac/", {"name": "g"})
    made = api.made(DISTRIBUTIONS, {"name": "d", "base_path": "d", "content_guard": guard["pulp_href"]})
    assert (made["content_guard"], made["content_guard_prn"]) == (guard["pulp_href"], guard["prn"])
    assert api.delete(guard["pulp_href"]).status_code == 400
    assert api.get(guard["pulp_href"]).status_code == 200


def test_a_composite_guard_holds_guards(api):
    inner = api.made("contentguards/core/header/", {"name": "h", "header_name": "X", "header_value": "1"})
    outer = api.made("contentguards/core/composite/", {"name": "c", "guards": [inner["pulp_href"]]})
    assert outer["guards"] == [inner["pulp_href"]]
    assert api.patch(outer["pulp_href"], {"guards": [outer["pulp_href"]]}).status_code == 400
    assert api.patch(outer["pulp_href"], {"guards": []}).json["guards"] == []


def test_deleting_is_a_task(api, repository):
    answer = api.delete(repository["pulp_href"])
    assert answer.status_code == 202
    assert api.get(answer.json["task"]).json["state"] == "completed"
    assert api.get(repository["pulp_href"]).status_code == 404


def test_a_change_waits_its_turn_while_a_task_holds_the_object(api, repository, remote):
    sync = api.post(repository["pulp_href"] + "sync/", {"remote": remote["pulp_href"]})
    assert sync.status_code == 202
    change = api.patch(repository["pulp_href"], {"description": "later"})
    assert api.get(change.json["task"]).json["state"] == "waiting"
    assert api.get(repository["pulp_href"]).json["description"] is None


def test_labels(api, repository):
    answer = api.post(repository["pulp_href"] + "set_label/", {"key": "k", "value": "v"})
    assert (answer.status_code, answer.json) == (201, {"key": "k", "value": "v"})
    assert api.get(repository["pulp_href"]).json["pulp_labels"] == {"a": "b", "k": "v"}
    assert api.post(repository["pulp_href"] + "unset_label/", {"key": "k"}).json == {"key": "k", "value": "v"}
    assert api.get(repository["pulp_href"]).json["pulp_labels"] == {"a": "b"}
    assert api.post(repository["pulp_href"] + "set_label/", {"key": "a b", "value": "v"}).status_code == 400
    assert api.post(repository["pulp_href"] + "set_label/", {"key": "a", "value": "x,y"}).status_code == 400


def test_a_sync_needs_a_remote(api, repository, remote):
    answer = api.post(repository["pulp_href"] + "sync/", {})
    assert (answer.status_code, list(answer.json)) == (400, ["remote"])
    api.patch(repository["pulp_href"], {"remote": remote["pulp_href"]})
    task = api.get(api.post(repository["pulp_href"] + "sync/").json["task"]).json
    assert task["name"] == "pulp_file.app.tasks.synchronizing.synchronize"
    assert task["reserved_resources_record"] == [repository["prn"], f"shared:{remote['prn']}"]


@pytest.mark.parametrize("body", [{}, {"repository": "r", "repository_version": "v"}])
def test_a_publication_is_of_a_repository_or_of_a_version(api, repository, body):
    hrefs = {"r": repository["pulp_href"], "v": repository["latest_version_href"]}
    answer = api.post(PUBLICATIONS, {name: hrefs[value] for name, value in body.items()})
    assert (answer.status_code, list(answer.json)) == (400, ["non_field_errors"])


def test_a_publication_names_its_version_and_who_serves_it(api, repository):
    with transaction():
        version = RepositoryVersion.get()
        Publication.create(type="file.file", repository_version=version, complete=True, details={"manifest": "M"})
        Publication.create(type="file.file", repository_version=version, complete=False)
    (publication,) = api.get(PUBLICATIONS).json["results"]
    assert publication["repository_version"] == repository["latest_version_href"]
    assert (publication["repository"], publication["manifest"]) == (repository["pulp_href"], "M")
    made = api.made(DISTRIBUTIONS, {"name": "d", "base_path": "d", "publication": publication["pulp_href"]})
    assert api.get(publication["pulp_href"]).json["distributions"] == [made["pulp_href"]]
    assert api.delete(publication["pulp_href"]).status_code == 204
    assert api.get(made["pulp_href"]).json["publication"] is None


def test_modify_names_the_unit_it_does_not_know(api, repository):
    for field in ("add_content_units", "remove_content_units"):
        answer = api.post(repository["pulp_href"] + "modify/", {field: [f"/pulp/api/v3/{CONTENT}{ABSENT}/"]})
        assert (answer.status_code, list(answer.json)) == (400, [field])


def test_versions_that_are_not_there(api, repository):
    assert api.get(repository["versions_href"] + "9/").status_code == 404
    assert api.get(f"{REPOSITORIES}{ABSENT}/versions/").status_code == 404
    assert api.get(repository["versions_href"] + "x/").status_code == 404


def test_cancelling(api, repository, remote):
    href = api.post(repository["pulp_href"] + "sync/", {"remote": remote["pulp_href"]}).json["task"]
    assert api.patch(href, {"state": "running"}).status_code == 400
    canceled = api.patch(href, {"state": "canceled"})
    assert (canceled.status_code, canceled.json["state"]) == (200, "canceled")
    again = api.patch(href, {"state": "canceled"})
    assert (again.status_code, again.json["state"]) == (409, "canceled")
    assert api.delete(href).status_code == 204
    assert api.get(href).status_code == 404


def test_a_task_that_has_not_ended_is_not_deleted(api):
    href = api.post("orphans/cleanup/", {"orphan_protection_time": 0}).json["task"]
    assert api.delete(href).status_code == 400


def test_purge(api):
    assert api.post("tasks/purge/", {"states": ["completed"]}).status_code == 202
    assert list(api.post("tasks/purge/", {"states": ["running"]}).json) == ["states"]
    assert list(api.post("tasks/purge/", {"finished_before": "yesterday"}).json) == ["finished_before"]


def test_a_tasks_arguments_never_leave_the_server(api, repository, remote, database):
    api.patch(remote["pulp_href"], {"password": "very secret"})
    with connected():
        assert all("very secret" not in task.message for task in Task.select())
    assert "very secret" not in api.get("tasks/").text


def test_users_and_groups(api):
    assert list(api.post("users/", {"username": "u", "password": "short"}).json) == ["password"]
    user = api.made("users/", {"username": "u", "password": "long enough"})
    assert "password" not in user
    assert user["hidden_fields"] == [{"name": "password", "is_set": True}]
    group = api.made("groups/", {"name": "g"})
    assert api.post(group["pulp_href"] + "users/", {"username": "u"}).status_code == 201
    assert list(api.post(group["pulp_href"] + "users/", {"username": "nobody"}).json) == ["username"]
    assert [one["name"] for one in api.get(user["pulp_href"]).json["groups"]] == ["g"]
    assert api.delete(f"{group['pulp_href']}users/{user['id']}/").status_code == 204
    assert api.get(group["pulp_href"] + "users/").json["count"] == 0
    assert api.patch(user["pulp_href"], {"first_name": "U"}).json["first_name"] == "U"
    assert api.delete(user["pulp_href"]).status_code == 204


def test_the_root_lists_the_lists(anonymous):
    root = anonymous.get("").json
    assert root["repositories/file/file"].endswith("/pulp/api/v3/repositories/file/file/")
    assert root["repositories/file/file"].startswith("http://")
    assert {"tasks", "content", "remotes", "distributions", "publications", "contentguards"} <= set(root)
