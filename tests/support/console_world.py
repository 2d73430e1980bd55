"""A platform with something to look at: repositories with versions, failures, people, tasks that run and tasks that wait."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.origin import Gate, Origin, make_files
from tests.support.platform import RunningPlatform
from tests.support.workers.waiting import eventually

#: What changes between the two versions of the repository "releases".
ADDED, REMOVED = "notes/new-in-2.txt", "dir0/file-00000.txt"


@dataclass
class World:
    """Hrefs of what there is, and the gate that keeps two syncs running."""

    repository: str
    unit: str
    distribution: str
    remote: str
    failed_task: str
    running_task: str
    blocked_task: str
    gates: list[Gate]
    origin: Origin
    folder: Path


def build_world(platform: RunningPlatform, origin: Origin, folder: Path) -> World:
    """Make it all through the API, as people would."""
    client = platform.client
    files = make_files(60, "console")
    url = origin.publish("releases", files)
    remote = client.create("remotes/file/file/", {"name": "releases", "url": url, "policy": "on_demand"})
    repository = client.create("repositories/file/file/", {
        "name": "releases", "remote": remote["pulp_href"], "autopublish": True, "pulp_labels": {"team": "build"},
        "description": "What the build team hands out."})
    distribution = client.create("distributions/file/file/", {
        "name": "releases", "base_path": "releases", "repository": repository["pulp_href"]})
    sync = f"{repository['pulp_href']}sync/"
    client.run(sync, {"mirror": True})
    origin.publish("releases", {path: data for path, data in files.items() if path != REMOVED} | {ADDED: b"new\n"})
    client.run(sync, {"mirror": True})
    failed = _failure(platform, origin)
    client.create("users/", {"username": "alice", "password": "correct horse", "first_name": "Alice", "last_name": "Archer"})
    client.create("groups/", {"name": "build-team"})
    unit = client.find("content/file/files/", relative_path=ADDED)
    assert unit is not None
    gates, running, blocked = _jam(platform, origin)
    return World(
        repository["pulp_href"], unit["pulp_href"], distribution["pulp_href"], remote["pulp_href"], failed, running, blocked,
        gates, origin, folder)


def _failure(platform: RunningPlatform, origin: Origin) -> str:
    """A sync whose origin has gone."""
    client = platform.client
    remote = client.create("remotes/file/file/", {"name": "gone", "url": f"{origin.url}/gone/PULP_MANIFEST"})
    repository = client.create("repositories/file/file/", {"name": "gone", "remote": remote["pulp_href"]})
    task = client.request("POST", f"{repository['pulp_href']}sync/", json={})["task"]
    _ended(platform, task)
    return task


def _ended(platform: RunningPlatform, task: str) -> None:
    eventually(lambda: platform.client.get(task)["state"] == "failed")


def _jam(platform: RunningPlatform, origin: Origin) -> tuple[list[Gate], str, str]:
    """Two syncs that hang at their origin, and others behind them."""
    client, gates, hrefs = platform.client, [], {}
    for name in ("nightly", "archive"):
        files = make_files(8, name)
        url = origin.publish(name, files)
        gates.append(origin.hold(f"/{name}/dir6/file-00006.txt"))
        remote = client.create("remotes/file/file/", {"name": name, "url": url, "policy": "immediate"})
        repository = client.create("repositories/file/file/", {"name": name, "remote": remote["pulp_href"]})
        hrefs[name] = (repository["pulp_href"], remote["pulp_href"])
    tasks = [client.request("POST", f"{hrefs[name][0]}sync/", json={})["task"] for name in ("nightly", "archive")]
    for gate in gates:
        assert gate.arrived.wait(30)
    behind = ("nightly", "nightly", "archive")
    waiting = [client.request("POST", f"{hrefs[name][0]}sync/", json={})["task"] for name in behind]
    client.request("PATCH", hrefs["nightly"][1], json={"max_retries": 5})
    client.request("PATCH", hrefs["nightly"][0], json={"description": "Built every night."})
    client.request("DELETE", hrefs["archive"][0])
    client.request("DELETE", hrefs["archive"][1])
    return gates, tasks[0], waiting[0]
