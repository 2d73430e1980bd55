"""What holds for every request, whatever it is for: credentials, methods, paths, bodies, ids, and never a traceback."""

import json

import pytest

from pulp_actor.models import User
from pulp_actor.settings import settings
from tests.integration.api.conftest import PASSWORD_HASH, Client, credentials

REPOSITORIES = "repositories/file/file/"


def test_credentials_are_needed(anonymous):
    answer = anonymous.get("tasks/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="api"'
    assert "detail" in answer.json


@pytest.mark.parametrize("header", [
    credentials("admin", "wrong"), credentials("nobody"), "Basic !!!", "Basic YQ==", "Bearer x", "Basic /w==",
])
def test_wrong_credentials_are_refused(anonymous, header):
    answer = anonymous.get("tasks/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="api"'


def test_an_inactive_user_is_refused_at_once(api, database):
    assert api.get("tasks/").status_code == 200
    with database.connection_context():
        User.update(is_active=False).execute()
    assert api.get("tasks/").status_code == 401


def test_a_changed_password_is_refused_at_once(api, database):
    assert api.get("tasks/").status_code == 200
    with database.connection_context():
        User.update(password="").execute()
    assert api.get("tasks/").status_code == 401


def test_a_user_without_roles_may_not_do_what_needs_one(app, api, database):
    with database.connection_context():
        User.create(username="guest", password=PASSWORD_HASH)
    answer = Client(app, "guest").post("tasks/purge/", {})
    assert answer.status_code == 403
    assert "core.delete_task" in answer.json["detail"]


def test_status_and_livez_need_no_credentials(anonymous):
    assert anonymous.get("livez/").status_code == 200
    status = anonymous.get("status/")
    assert status.status_code == 200
    components = {one["component"]: one for one in status.json["versions"]}
    assert {"core", "file", "certguard", "actor"} <= set(components)
    assert components["core"]["module"] == "pulpcore.app"
    assert status.json["database_connection"] == {"connected": True}
    assert status.json["redis_connection"] == {"connected": False}


def test_an_unknown_path_is_told_in_html(api):
    answer = api.get("nope/<script>/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script>" not in answer.text


def test_a_missing_slash_is_put_right(api):
    answer = api.get("tasks", "limit=1")
    assert answer.status_code == 301
    assert answer.headers["location"] == "/pulp/api/v3/tasks/?limit=1"


def test_a_method_that_is_not_there(api):
    answer = api.delete("tasks/")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "detail" in answer.json


@pytest.mark.parametrize(("path", "allow"), [
    (REPOSITORIES, "GET, POST, HEAD, OPTIONS"), ("distributions/file/file/", "GET, POST, HEAD, OPTIONS"),
    ("orphans/cleanup/", "POST, OPTIONS"), ("tasks/purge/", "POST, OPTIONS"),
])
def test_every_answer_says_what_is_allowed(api, path, allow):
    assert api.request("OPTIONS", path).headers["allow"] == allow


def test_head_answers_without_a_body(api):
    answer = api.request("HEAD", "tasks/")
    assert answer.status_code == 200
    assert not answer.content


def test_the_correlation_id_is_echoed_or_made(api):
    assert api.get("livez/", headers={"Correlation-ID": "abc"}).headers["correlation-id"] == "abc"
    made = api.get("livez/").headers["correlation-id"]
    assert len(made) == 32
    assert api.get("livez/", headers={"Correlation-ID": "x" * 500}).headers["correlation-id"] != "x" * 500


def test_the_correlation_id_reaches_the_task(api):
    answer = api.post("orphans/cleanup/", {}, headers={"Correlation-ID": "follow-me"})
    assert api.get(answer.json["task"]).json["logging_cid"] == "follow-me"


@pytest.mark.parametrize("body", [
    b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": NaN}', b'{"retain_repo_versions": ' + b"9" * 5000 + b"}",
])
def test_a_malformed_body(api, body):
    answer = api.request("POST", REPOSITORIES, body=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "detail" in answer.json


@pytest.mark.parametrize("body", ["[]", '"text"', "3", "null"])
def test_a_body_that_is_no_object(api, body):
    answer = api.request("POST", REPOSITORIES, body=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_body_of_another_type(api):
    answer = api.request("POST", REPOSITORIES, body=b"<a/>", headers={"Content-Type": "application/xml"})
    assert answer.status_code == 415


def test_a_large_body_is_refused_before_it_is_read(api):
    with settings.override(MAX_BODY_SIZE=100):
        answer = api.post(REPOSITORIES, {"name": "x" * 200})
    assert answer.status_code == 413


@pytest.mark.parametrize(("body", "field"), [
    ({}, "name"), ({"name": "x", "bogus": 1}, "bogus"),
    ({"name": "x", "retain_repo_versions": "zero"}, "retain_repo_versions"),
    ({"name": "x", "retain_repo_versions": 0}, "retain_repo_versions"),
    ({"name": ""}, "name"), ({"name": None}, "name"),
    ({"name": "a\0b"}, "name"), ({"name": "\ud800"}, "name"), ({"name": ["x"]}, "name"),
    ({"name": "x", "remote": "nonsense"}, "remote"), ({"name": "x", "remote": 7}, "remote"),
    ({"name": "x", "pulp_labels": {"a": "b\0"}}, "pulp_labels"), ({"name": "x", "autopublish": "maybe"}, "autopublish"),
    ({"name": "x", "retain_repo_versions": 2**40}, "retain_repo_versions"),
])
def test_a_wrong_field_is_named(api, body, field):
    answer = api.request(
        "POST", REPOSITORIES, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json) == [field]
    assert isinstance(answer.json[field], list)


def test_a_form_is_as_good_as_json(api):
    answer = api.request(
        "POST", REPOSITORIES, body=b"name=form&retain_repo_versions=3&pulp_labels=%7B%22a%22%3A%22b%22%7D&remote=",
        headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 201
    assert (answer.json["retain_repo_versions"], answer.json["pulp_labels"]) == (3, {"a": "b"})


def test_a_failure_shows_no_traceback(api, monkeypatch):
    monkeypatch.setattr("api.core.service.component_versions", lambda: 1 / 0)
    answer = api.get("status/")
    assert answer.status_code == 500
    assert list(answer.json) == ["detail"]
    assert "ZeroDivision" not in answer.text


def test_no_connection_is_left_open(api, database):
    for path in ("tasks/", "status/", "nope/", REPOSITORIES):
        api.get(path)
        assert database.is_closed()
