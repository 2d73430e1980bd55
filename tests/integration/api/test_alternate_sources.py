"""Alternate content sources over the API: the objects, and the task group of a refresh."""

import pytest

SOURCES = "acs/file/file/"


@pytest.fixture
def remote(api):
    return api.made("remotes/file/file/", {"name": "m", "url": "http://127.0.0.1:9/mirror/", "policy": "on_demand"})


@pytest.fixture
def source(api, remote):
    return api.made(SOURCES, {"name": "near", "remote": remote["pulp_href"], "paths": ["a/PULP_MANIFEST", "b/M", "b/M"]})


def test_a_source_shows_its_remote_and_its_paths(api, remote, source):
    assert list(source) == [
        "pulp_href", "prn", "pulp_created", "pulp_last_updated", "name", "last_refreshed", "paths", "remote"]
    assert source["prn"].startswith("prn:file.filealternatecontentsource:")
    assert (source["paths"], source["remote"]) == (["a/PULP_MANIFEST", "b/M"], remote["pulp_href"])
    assert api.get(SOURCES, "name=near").json["results"] == [source]
    assert api.get("acs/").json["results"] == [source]
    assert api.get(source["pulp_href"] + "my_permissions/").status_code == 200


def test_a_source_is_changed_and_deleted_in_a_task(api, source, remote):
    assert api.patch(source["pulp_href"], {"paths": ["c"]}).status_code == 202
    assert api.get(source["pulp_href"]).json["paths"] == ["c"]
    assert api.get(api.delete(remote["pulp_href"]).json["task"]).json["state"] == "failed", "a source needs it"
    assert api.delete(source["pulp_href"]).status_code == 202
    assert api.get(source["pulp_href"]).status_code == 404


@pytest.mark.parametrize(("body", "field"), [
    ({"paths": ["../escape"]}, "paths"), ({"paths": ["/absolute"]}, "paths"), ({"paths": "text"}, "paths"),
    ({"name": "near"}, "name"), ({"remote": "nonsense"}, "remote"), ({"remote": None}, "remote"),
])
def test_what_is_wrong_is_named(api, source, remote, body, field):
    answer = api.post(SOURCES, {"name": "other", "remote": remote["pulp_href"], **body})
    assert (answer.status_code, list(answer.json)) == (400, [field])


def test_a_remote_of_another_type_is_refused(api):
    git = api.made("remotes/file/git/", {"name": "g", "url": "http://127.0.0.1:9/r.git"})
    assert "remote" in api.post(SOURCES, {"name": "other", "remote": git["pulp_href"]}).json


def test_a_refresh_is_a_group_of_a_task_for_each_path(api, source, remote):
    answer = api.post(source["pulp_href"] + "refresh/")
    assert (answer.status_code, list(answer.json)) == (202, ["task_group"])
    group = api.get(answer.json["task_group"]).json
    assert (group["all_tasks_dispatched"], group["waiting"]) == (True, 2)
    tasks = [api.get(task["pulp_href"]).json for task in group["tasks"]]
    assert {task["name"] for task in tasks} == {"pulp_file.app.tasks.acs.refresh"}
    assert tasks[0]["reserved_resources_record"] == [source["prn"], f"shared:{remote['prn']}"]
