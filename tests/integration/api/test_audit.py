"""Who did what to which object: on every task, and in the log."""

import base64

import pytest
from structlog.testing import capture_logs

from api import audit
from pulp_actor.db import connected
from pulp_actor.models import User
from tests.integration.api.conftest import PASSWORD_HASH, Client


@pytest.fixture
def lines():
    with capture_logs() as seen:
        yield lambda: [one for one in seen if one["event"] == "change"]


def test_a_change_is_in_the_log(api, lines, monkeypatch):
    monkeypatch.setattr(audit, "logger", audit.get_logger("pulp_actor.audit"))
    repository = api.made("repositories/file/file/", {"name": "r"})
    api.get("repositories/file/file/")
    task = api.post("distributions/file/file/", {"name": "d", "base_path": "d"}).json["task"]
    first, second = lines()
    assert first["user"] == second["user"] == "admin"
    assert (first["what"], first["object"], first["status"]) == (
        "repositories/file/file:create", repository["pulp_href"], 201)
    assert (second["what"], second["task"], second["status"]) == ("distributions/file/file:create", task, 202)
    assert api.get(task).json["created_by"] == api.get("login/").json["pulp_href"]


def test_what_was_refused_is_in_the_log_and_no_secret_is(app, api, lines, monkeypatch):
    monkeypatch.setattr(audit, "logger", audit.get_logger("pulp_actor.audit"))
    with connected():
        User.create(username="ann", password=PASSWORD_HASH)
    Client(app, "ann").post("users/", {"username": "x", "password": "a very secret word"})
    Client(app, "").delete("users/1/")
    Client(app, "mallory").delete("users/1/")
    assert [(one["user"], one["via"], one["status"]) for one in lines()] == [
        ("ann", "password", 403), (None, None, 401), (None, None, 401)]
    assert "secret" not in str(lines()) and base64.b64encode(b"mallory:a password").decode() not in str(lines())
