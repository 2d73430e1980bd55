"""Syncs on real workers: who waits for whom, what a killed worker leaves behind, and how much memory they take."""

import datetime
import itertools
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.support.origin import make_files, manifest_of, sha256
from tests.support.platform import running_platform
from tests.support.workers.waiting import eventually


def make_repository(platform, name, url, policy="immediate"):
    client = platform.client
    remote = client.create("remotes/file/file/", {"name": name, "url": url, "policy": policy})
    return client.create("repositories/file/file/", {"name": name, "remote": remote["pulp_href"]})


def start_sync(platform, repository, **options):
    """The href of the task."""
    return platform.client.request("POST", f"{repository['pulp_href']}sync/", json=options)["task"]


def ended(platform, href, timeout=60):
    def task():
        found = platform.client.get(href)
        return found if found["state"] in ("completed", "failed", "canceled") else None

    return eventually(task, timeout, f"the end of {href}")


def times(task):
    return tuple(datetime.datetime.fromisoformat(task[name]) for name in ("started_at", "finished_at"))


def test_two_syncs_of_one_repository_never_overlap(platform, origin):
    repository = make_repository(platform, "overlap-one", origin.publish("overlap-one", make_files(200, "overlap")))
    tasks = [start_sync(platform, repository, optimize=False) for _ in range(6)]
    spans = sorted(times(ended(platform, task)) for task in tasks)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_syncs_of_two_repositories_run_at_the_same_time(platform, origin):
    gates, tasks = [], []
    for name in ("overlap-a", "overlap-b"):
        gates.append(origin.hold(f"/{name}/PULP_MANIFEST"))
        repository = make_repository(platform, name, origin.publish(name, make_files(3, name)))
        tasks.append(start_sync(platform, repository))
    for gate in gates:
        assert gate.arrived.wait(30), "both must have begun before either may end"
    for gate in gates:
        gate.open()
    (start_a, end_a), (start_b, end_b) = (times(ended(platform, task)) for task in tasks)
    assert start_a < end_b and start_b < end_a


def test_a_worker_that_is_killed_in_mid_sync_frees_the_repository(platform, origin):
    files = make_files(20, "killed")
    gate = origin.hold(f"/killed/{list(files)[10]}")
    repository = make_repository(platform, "killed", origin.publish("killed", files))
    first = start_sync(platform, repository)
    assert gate.arrived.wait(30)
    second = start_sync(platform, repository)
    assert platform.client.get(second)["state"] == "waiting"

    os.kill(platform.worker_of(platform.client.get(first)).pid, signal.SIGKILL)
    killed = time.monotonic()
    gate.open()

    lost = ended(platform, first, 10)
    assert lost["state"] == "failed"
    assert "worker" in lost["error"]["description"].lower()
    started = eventually(lambda: platform.client.get(second)["started_at"], 10, "the start of the next task")
    assert started and time.monotonic() - killed < 10
    assert ended(platform, second)["state"] == "completed"
    latest = platform.client.get(repository["pulp_href"])["latest_version_href"]
    version = platform.client.get(latest)
    assert version["number"] == 1, "the killed sync must not have left a version"
    assert version["content_summary"]["present"]["file.file"]["count"] == 20
    eventually(lambda: len(platform.workers()) == 2, 20, "a new worker in the place of the one that died")


@pytest.mark.parametrize(("name", "spoil"), [
    ("lie-digest", lambda text: re.sub(rb",[0-9a-f]{64},", b"," + b"0" * 64 + b",", text, count=1)),
    ("lie-size", lambda text: re.sub(rb",(\d+)\n", rb",9\1\n", text, count=1)),
    ("lie-missing", lambda text: b"absent.txt," + b"1" * 64 + b",5\n" + text),
    ("lie-escape", lambda text: b"../../escape.txt," + b"1" * 64 + b",5\n" + text),
    ("lie-absolute", lambda text: b"/etc/passwd," + b"1" * 64 + b",5\n" + text),
    ("lie-nonsense", lambda text: b"<html>this is no manifest</html>\n" + text),
])
def test_a_manifest_that_lies_fails_the_sync_with_the_url_and_a_reason(platform, origin, name, spoil):
    files = make_files(3, name)
    url = origin.publish(name, files, spoil(manifest_of(files)))
    repository = make_repository(platform, name, url)
    task = ended(platform, start_sync(platform, repository))
    assert task["state"] == "failed"
    assert f"{origin.url}/{name}/" in task["error"]["description"]
    assert platform.client.get(repository["pulp_href"])["latest_version_href"].endswith("/versions/0/")


def test_a_remote_that_does_not_answer_fails_the_sync(platform, origin):
    origin.publish("silent", make_files(1, "silent"))
    origin.hold("/silent/PULP_MANIFEST")
    remote = platform.client.create("remotes/file/file/", {
        "name": "silent", "url": f"{origin.url}/silent/PULP_MANIFEST", "sock_read_timeout": 0.5, "total_timeout": 2,
        "max_retries": 0})
    repository = platform.client.create("repositories/file/file/", {"name": "silent", "remote": remote["pulp_href"]})
    task = ended(platform, start_sync(platform, repository))
    assert task["state"] == "failed"
    assert f"{origin.url}/silent/PULP_MANIFEST" in task["error"]["description"]


def test_an_additive_sync_keeps_what_has_gone_upstream(platform, origin):
    files = make_files(4, "additive")
    repository = make_repository(platform, "additive", origin.publish("additive", files))
    assert ended(platform, start_sync(platform, repository))["state"] == "completed"
    origin.publish("additive", {"another.txt": b"another"})
    assert ended(platform, start_sync(platform, repository, mirror=False))["state"] == "completed"
    latest = platform.client.get(repository["pulp_href"])["latest_version_href"]
    units = platform.client.every("content/file/files/", repository_version=latest, limit=100)
    assert {unit["relative_path"] for unit in units} == files.keys() | {"another.txt"}


class Peak:
    """The highest resident memory of some processes and their children while the block runs, in bytes."""

    def __init__(self, processes):
        self._processes = processes
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.wait(0.02):
            for process in self._processes:
                try:
                    self.bytes = max(self.bytes, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


@pytest.mark.slow
def test_a_sync_of_ten_times_the_files_takes_hardly_more_memory(tmp_path, origin):
    with running_platform(tmp_path, WORKERS="1") as platform:
        def peak_of(count, name):
            url = origin.publish(name, make_files(count, name))
            repository = make_repository(platform, name, url, policy="on_demand")
            with Peak(platform.workers()) as peak:
                assert ended(platform, start_sync(platform, repository), 100)["state"] == "completed"
            latest = platform.client.get(platform.client.get(repository["pulp_href"])["latest_version_href"])
            assert latest["content_summary"]["present"]["file.file"]["count"] == count
            return peak.bytes

        peak_of(10, "warm-up")
        small, large = peak_of(500, "fewer"), peak_of(5_000, "more")
    assert large <= 1.5 * small, f"{large / 2**20:.0f} MiB for 5,000 files, {small / 2**20:.0f} MiB for 500"


def test_many_clients_at_once_get_the_right_bytes(platform, origin):
    files = make_files(20, "crowd", size=50_000)
    repository = make_repository(platform, "crowd", origin.publish("crowd", files), policy="on_demand")
    ended(platform, start_sync(platform, repository))
    platform.client.create("publications/file/file/", {"repository": repository["pulp_href"]})
    platform.client.create(
        "distributions/file/file/", {"name": "crowd", "base_path": "crowd", "repository": repository["pulp_href"]})
    wanted = list(files) * 5
    with ThreadPoolExecutor(20) as pool:
        digests = list(pool.map(lambda path: platform.served_digest(f"crowd/{path}"), wanted))
    assert digests == [sha256(files[path]) for path in wanted]
    assert all(origin.requests[f"/crowd/{path}"] == 1 for path in files), "clients of one file share one download"
