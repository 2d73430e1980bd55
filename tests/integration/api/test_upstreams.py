"""Upstreams over the API: what is accepted, refused and shown, and what a replication is."""

from __future__ import annotations

import pytest

from pulp_actor.db import connected
from pulp_actor.models import UpstreamPulp
from pulp_actor.queue.models import Task

GOOD = {"name": "there", "base_url": "https://there.example", "api_root": "/pulp/"}


def test_an_upstream_keeps_its_secrets(api):
    made = api.made("upstream-pulps/", GOOD | {"username": "me", "password": "secret", "domain": "team"})
    assert "secret" not in str(made) and made["domain"] == "team"
    assert made["hidden_fields"] == [
        {"name": "client_key", "is_set": False}, {"name": "username", "is_set": True}, {"name": "password", "is_set": True}]
    assert (made["policy"], made["remote_policy"], made["last_replication"]) == ("all", "immediate", None)
    with connected():
        assert UpstreamPulp.get().password == "secret"
    assert api.patch(made["pulp_href"], {"policy": "nodelete", "q_select": "name=x"}).json["policy"] == "nodelete"
    assert api.get("upstream-pulps/", "name=there&ordering=-domain").json["count"] == 1
    assert api.delete(made["pulp_href"]).status_code == 204


@pytest.mark.parametrize("change", [
    {"base_url": "ftp://x"}, {"base_url": "there"}, {"base_url": "http://me:pw@there"}, {"base_url": "http://[bad"},
    {"base_url": "http://x:99999999/"}, {"policy": "some"}, {"remote_policy": "never"}, {"domain": "../x"}, {"name": ""},
    {"download_concurrency": 0}, {"total_timeout": -1},
])
def test_upstreams_that_are_refused(change, api):
    answer = api.post("upstream-pulps/", GOOD | change)
    assert answer.status_code == 400 and list(answer.json) == list(change)


def test_a_replication_is_a_group_of_tasks(api):
    made = api.made("upstream-pulps/", GOOD)
    answer = api.post(f"{made['pulp_href']}replicate/", {"q_select": "name=a"})
    assert answer.status_code == 202
    group = api.get(answer.json["task_group"]).json
    assert not group["all_tasks_dispatched"]
    assert [task["name"] for task in group["tasks"]] == ["pulpcore.app.tasks.replica.replicate_distributions"]
    with connected():
        assert Task.get().exclusive == [made["prn"]]
    assert api.post(f"{made['pulp_href']}replicate/", {"q_select": 5, "x": 1}).status_code == 400
