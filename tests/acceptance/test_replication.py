"""Two platforms, one of which has what the other distributes."""

from __future__ import annotations

import pytest

from tests.support.origin import make_files, running_origin, sha256
from tests.support.platform import running_platform
from tests.support.workers.waiting import eventually


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """The upstream platform, and the origin that it mirrors."""
    with running_origin() as origin, running_platform(tmp_path_factory.mktemp("there"), WORKERS="1") as platform:
        platform.origin = origin
        yield platform


def distribute(there, name, files, policy="immediate"):
    """Mirror files upstream and distribute them."""
    client = there.client
    remote = client.ensure("remotes/file/file/", name, {"url": there.origin.publish(name, files), "policy": policy})
    repository = client.ensure("repositories/file/file/", name, {"remote": remote["pulp_href"], "autopublish": True})
    client.run(f"{repository['pulp_href']}sync/", {"mirror": True})
    return client.ensure("distributions/file/file/", name, {"base_path": name, "repository": repository["pulp_href"]})


@pytest.fixture
def upstream(platform, there, request):
    facts = there.facts
    row = platform.client.create("upstream-pulps/", {
        "name": request.node.name, "base_url": facts.api, "api_root": "/pulp/", "username": facts.username,
        "password": facts.password, "policy": "labeled", "q_select": f"name__startswith={request.node.name}",
    })
    yield row
    platform.client.request("DELETE", row["pulp_href"])


def replicate(platform, upstream):
    """The ended tasks of a replication, by the last part of their names."""
    group = platform.client.request("POST", f"{upstream['pulp_href']}replicate/", json={})["task_group"]

    def ended():
        found = platform.client.get(group)
        over = found["all_tasks_dispatched"] and not (found["waiting"] or found["running"] or found["canceling"])
        return found["tasks"] if over else None

    tasks = [platform.client.get(task["pulp_href"]) for task in eventually(ended, 60, "the end of the replication")]
    return {task["name"].rpartition(".")[2]: task for task in tasks}


def test_replica_follows_its_upstream(platform, there, upstream):
    name = upstream["name"]
    assert "password" not in upstream and {"name": "password", "is_set": True} in upstream["hidden_fields"]
    files = make_files(3, "replica")
    distribute(there, f"{name}-a", files)
    gone = distribute(there, f"{name}-b", make_files(2, "other"))
    distribute(there, "not-selected", make_files(1, "no"))
    tasks = replicate(platform, upstream)
    assert {task["state"] for task in tasks.values()} == {"completed"}, tasks
    path, data = next(iter(files.items()))
    assert platform.served_digest(f"{name}-a/{path}") == sha256(data)
    assert platform.client.find("distributions/", name="not-selected") is None
    assert platform.client.get(upstream["pulp_href"])["last_replication"] is not None

    repository = platform.client.find("repositories/file/file/", name=f"{name}-a")
    files["new"] = b"new"
    distribute(there, f"{name}-a", files)
    there.client.wait(there.client.request("DELETE", gone["pulp_href"])["task"])
    replicate(platform, upstream)
    assert platform.served_digest(f"{name}-a/new") == sha256(b"new")
    for kind in ("distributions/file/file/", "repositories/file/file/", "remotes/file/file/"):
        assert platform.client.find(kind, name=f"{name}-b") is None

    version = platform.client.get(repository["pulp_href"])["latest_version_href"]
    replicate(platform, upstream)
    assert platform.client.get(repository["pulp_href"])["latest_version_href"] == version


def test_upstream_that_vanishes_in_mid_run(platform, there, upstream):
    """It answers, and then does not deliver: what was served stays, nothing new is promised, and it can run again."""
    name = upstream["name"]
    platform.client.update(upstream["pulp_href"], {"sock_read_timeout": 1, "max_retries": 0})
    files = make_files(3, "vanish")
    distribute(there, name, files, policy="on_demand")
    path = list(files)[1]
    gate = there.origin.hold(f"/{name}/{path}")
    tasks = replicate(platform, upstream)
    assert gate.arrived.is_set()
    assert tasks["replicate_distributions"]["state"] == "completed"
    assert tasks["synchronize"]["state"] == tasks["finalize_replication"]["state"] == "failed"
    assert "1 of 1 repositories could not be synced" in tasks["finalize_replication"]["error"]["description"]
    assert platform.client.find("distributions/file/file/", name=name) is None
    repository = platform.client.find("repositories/file/file/", name=name)
    assert repository["latest_version_href"].endswith("/versions/0/")
    gate.open()
    tasks = replicate(platform, upstream)
    assert {task["state"] for task in tasks.values()} == {"completed"}, tasks
    assert platform.served_digest(f"{name}/{path}") == sha256(files[path])
