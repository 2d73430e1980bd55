"""What an operator does about space: quotas, scheduled cleanup, reclaiming, on real processes."""

import pytest
import requests

from pulp_actor.cli.client import TaskFailed
from tests.support.origin import make_files, sha256
from tests.support.platform import pulp_actor
from tests.support.workers.waiting import eventually

FILES = "content/file/files/"


@pytest.fixture
def command(platform, tmp_path):
    def run(*arguments):
        return pulp_actor(tmp_path, *arguments, "--data-dir", str(platform.data_dir))

    return run


def upload(platform, name, data):
    return platform.session.post(
        platform.url(f"{FILES}upload/"), data={"relative_path": name}, files={"file": (name, data)}, timeout=30)


def test_a_quota_is_set_seen_and_refuses_by_its_name(platform, command):
    repository = platform.client.create("repositories/file/file/", {"name": "bounded"})
    said = command("quota", "set", "small", "--repository", repository["pulp_href"], "--bytes", "1K", "--units", "2")
    assert said.stdout == "small: 0 B of 1 KiB, 0 of 2 units\n", said.stderr
    fits, too_much = (upload(platform, name, name.encode() * 100).json() for name in ("fits", "too much"))
    modify = f"{repository['pulp_href']}modify/"
    platform.client.run(modify, {"add_content_units": [fits["pulp_href"]]})
    with pytest.raises(TaskFailed, match=r'the quota "small" allows the repository "bounded" 1024 bytes, .* 1200'):
        platform.client.run(modify, {"add_content_units": [too_much["pulp_href"]]})
    row = next(line for line in command("quota", "list").stdout.splitlines() if line.startswith("small"))
    assert "400 B" in row and "1 KiB" in row
    assert command("quota", "set", "small", "--bytes", "much").returncode == 1
    assert command("quota", "remove", "small").returncode == 0
    assert "no quota small" in command("quota", "remove", "small").stderr


def test_orphan_cleanup_runs_by_a_schedule(platform, command):
    unit = upload(platform, "orphan", b"an orphan that nobody wants").json()
    key = unit["pulp_href"].rstrip("/").rpartition("/")[2]
    task = "pulpcore.app.tasks.orphan.orphan_cleanup"
    said = command("schedule", "set", "cleanup", task, "--every", "1s", "--lock", "orphans", "--arguments",
                   f'{{"content_pks": ["{key}"], "orphan_protection_time": 0}}')
    assert said.returncode == 0, said.stderr
    assert platform.client.get("task-schedules/", name="cleanup")["results"][0]["task_name"] == task
    assert task in command("schedule", "list").stdout

    def gone():
        return platform.session.get(f"{platform.facts.api}{unit['pulp_href']}", timeout=30).status_code == 404

    eventually(gone, 60, "the cleanup")
    assert command("schedule", "remove", "cleanup").returncode == 0
    assert platform.client.get("task-schedules/", name="cleanup")["count"] == 0


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("no.such.task", "--every", "1h"), "no task is named"),
    (("pulpcore.app.tasks.orphan.orphan_cleanup",), "--every and --cron"),
    (("pulpcore.app.tasks.orphan.orphan_cleanup", "--every", "often"), "no interval"),
    (("pulpcore.app.tasks.orphan.orphan_cleanup", "--cron", "often"), "no cron expression"),
    (("pulpcore.app.tasks.orphan.orphan_cleanup", "--every", "1h", "--arguments", "[]"), "no JSON object"),
])
def test_a_schedule_that_cannot_work_is_refused(command, arguments, complaint):
    said = command("schedule", "set", "bad", *arguments)
    assert said.returncode == 1
    assert complaint in said.stderr


def test_reclaimed_files_are_fetched_again_when_somebody_asks(platform, origin):
    files = make_files(3, "reclaimed")
    url = origin.publish("reclaimed", files)
    remote = platform.client.create("remotes/file/file/", {"name": "reclaimed", "url": url})
    repository = platform.client.create("repositories/file/file/", {"name": "reclaimed", "remote": remote["pulp_href"]})
    platform.client.run(f"{repository['pulp_href']}sync/", {})
    platform.client.create(
        "distributions/file/file/", {"name": "reclaimed", "base_path": "reclaimed", "repository": repository["pulp_href"]})
    task = platform.client.run("repositories/reclaim_space/", {"repo_hrefs": [repository["prn"]]})
    assert task["result"] == {"artifacts": 3, "bytes": sum(map(len, files.values()))}
    path, data = next(iter(files.items()))
    answer = requests.get(platform.content_url(f"reclaimed/{path}"), timeout=30)
    assert sha256(answer.content) == sha256(data)
    assert origin.requests[f"/reclaimed/{path}"] == 2
