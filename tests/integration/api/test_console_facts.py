"""What is ours below ``actor/``: the queue, the lock graph, why a task waits, samples, settings; and conditional reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pulp_actor.db.connection import Database
from pulp_actor.queue.lockgraph import MAX_RESOURCES, MAX_WAITING
from pulp_actor.samples import take_sample
from pulp_actor.settings import settings
from tests.integration.api.conftest import PASSWORD, Client
from tests.support.tasks import Queue


@pytest.fixture
def queue(database: Database) -> Iterator[Queue]:
    queue = Queue()
    yield queue
    queue.close()


def href(key: Any) -> str:
    return f"/pulp/api/v3/tasks/{key}/"


def test_the_queue_at_a_glance(api: Client, queue: Queue) -> None:
    queue.add("runs", ["r"])
    queue.add("waits", ["r"])
    queue.add("free")
    worker = queue.hire()
    queue.work(worker, "runs")
    found = api.get("actor/queue/").json
    assert (found["ready"], found["blocked"], found["running"]) == (1, 1, 1)
    (process,) = [one for one in found["processes"] if one["kind"] == "worker"]
    assert process["task"] == href(queue.ids["runs"])
    assert process["alive"] is True


def test_the_lock_graph_says_who_holds_what_and_who_is_next(api: Client, queue: Queue) -> None:
    queue.add("holder", ["repository:a"], ["remote:b"])
    queue.add("first", ["repository:a"])
    queue.add("second", ["repository:a"])
    queue.add("wants both", ["remote:b", "repository:a"])
    queue.add("alone", ["repository:c"])
    queue.work(queue.hire(), "holder")
    graph = api.get("actor/locks/").json
    assert graph["contended"] == 2
    assert graph["resources"] == [
        {"name": "repository:a", "holders": 1, "waiting": 3}, {"name": "remote:b", "holders": 1, "waiting": 1}]
    edges = [
        (queue.name(edge["task"].split("/")[-2]), edge["resource"], edge["shared"], edge["granted"], edge["place"])
        for edge in graph["edges"]]
    assert edges == [
        ("holder", "repository:a", False, True, 1), ("first", "repository:a", False, False, 1),
        ("second", "repository:a", False, False, 2), ("wants both", "repository:a", False, False, 3),
        ("holder", "remote:b", True, True, 1), ("wants both", "remote:b", False, False, 1)]
    assert {task["phase"] for task in graph["tasks"]} == {"running", "blocked"}


def test_a_long_line_and_many_resources_are_cut_and_counted(api: Client, queue: Queue) -> None:
    for number in range(MAX_RESOURCES + 3):
        queue.add(f"holder {number}", [f"r{number:02}"])
        queue.add(f"waiting {number}", [f"r{number:02}"])
    for number in range(20):
        queue.add(f"crowd {number}", ["r00"])
    graph = api.get("actor/locks/").json
    assert graph["contended"] == MAX_RESOURCES + 3
    assert len(graph["resources"]) == MAX_RESOURCES
    assert graph["resources"][0] == {"name": "r00", "holders": 1, "waiting": 21}
    places = [edge["place"] for edge in graph["edges"] if edge["resource"] == "r00" and not edge["granted"]]
    assert places == list(range(1, MAX_WAITING + 1))


def test_why_a_task_waits(api: Client, queue: Queue) -> None:
    queue.add("holder", ["r"])
    key = queue.add("waits", ["r"])
    found = api.get(f"actor/tasks/{key}/why/").json
    assert found["verdict"] == "1 task goes before it."
    assert found["waits"][0]["resource"] == "r"
    assert found["waits"][0]["held_by"][0]["task"]["task"] == href(queue.ids["holder"])
    assert api.get(f"actor/tasks/{queue.ids['holder'].hex[::-1]}/why/").status_code == 404


def test_samples_count_what_ended_without_looking_at_it(api: Client, queue: Queue, data_dir: Any) -> None:
    queue.add("long", ["r"])
    assert take_sample(0)
    for name in ("one", "two", "bad"):
        queue.add(name)
    worker = queue.hire()
    for name in ("one", "two", "bad"):
        queue.work(worker, name)
    queue.end("one")
    queue.end("bad", "failed", error={"description": "on purpose"})
    assert take_sample(0)
    queue.end("two")
    assert take_sample(0)
    points = api.get("actor/samples/", "hours=1").json["points"]
    assert sum(point["dispatched"] or 0 for point in points) == 3
    assert sum(point["ended"] or 0 for point in points) == 3
    assert sum(point["failed"] or 0 for point in points) == 1
    assert points[-1]["storage_total"] > points[-1]["storage_used"] > 0


def test_only_one_sample_is_taken_in_an_interval(database: Database, data_dir: Any) -> None:
    assert take_sample(60)
    assert not take_sample(60)


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "169", "soon", ""])
def test_a_span_that_is_none_is_refused(api: Client, hours: str) -> None:
    answer = api.get("actor/samples/", f"hours={hours}")
    assert answer.status_code == 400
    assert "hours" in answer.json


def test_settings_are_shown_with_their_source_and_secrets_masked(api: Client) -> None:
    with settings.override(ADMIN_PASSWORD="hunter2", PAGE_SIZE=50):
        answer = api.get("actor/settings/")
    assert "hunter2" not in answer.text
    found = {one["name"]: one for one in answer.json["settings"]}
    assert found["ADMIN_PASSWORD"]["value"] == "***"
    size = found["PAGE_SIZE"]
    assert (size["value"], size["default"], size["source"]) == (50, 100, "override")


@pytest.mark.parametrize("path", ["queue", "locks", "samples", "settings", "tasks/0197aaaa-0000-7000-8000-000000000001/why"])
def test_who_has_no_permission_sees_nothing(api: Client, anonymous: Client, app: Any, path: str) -> None:
    assert anonymous.get(f"actor/{path}/").status_code == 401
    api.made("users/", {"username": "alice", "password": PASSWORD})
    refused = Client(app, "alice").get(f"actor/{path}/").status_code
    assert refused == (404 if path.startswith("tasks/") else 403), "a task that one may not see is not there"


def test_a_poll_without_news_is_a_line(api: Client) -> None:
    assert "ETag" not in api.get("workers/").headers
    first = api.get("workers/", headers={"If-None-Match": '""'})
    assert first.status_code == 200
    again = api.get("workers/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    api.made("users/", {"username": "bob", "password": PASSWORD})
    users = api.get("users/", headers={"If-None-Match": first.headers["ETag"]})
    assert users.status_code == 200


def test_the_page_is_there_without_credentials_and_strict(anonymous: Client) -> None:
    page = anonymous.get("/pulp/console/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert anonymous.get("/pulp/console").status_code == 301
    script = anonymous.get("/pulp/console/static/js/main.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["X-Content-Type-Options"] == "nosniff"
    again = anonymous.get("/pulp/console/static/js/main.js", headers={"If-None-Match": script.headers["ETag"]})
    assert again.status_code == 304
    assert anonymous.get("/pulp/console/static/../site.py").status_code == 404


def test_a_script_that_is_refused_does_not_make_the_browser_ask(anonymous: Client) -> None:
    assert "WWW-Authenticate" in anonymous.get("users/").headers
    assert "WWW-Authenticate" not in anonymous.get("users/", headers={"X-Requested-With": "XMLHttpRequest"}).headers
