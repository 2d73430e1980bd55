"""Metrics of real services with several processes each: whoever is asked tells what all have counted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from pulp_actor.metrics.shared import PREFIX
from tests.support.metrics import Scrape, scrape
from tests.support.origin import Origin, make_files, running_origin
from tests.support.platform import RunningPlatform
from tests.support.services import running_service
from tests.support.workers.waiting import eventually


@pytest.fixture(scope="module")
def mirrored(busy: RunningPlatform) -> Iterator[Origin]:
    """Ten files at ``metrics/``, fetched on demand."""
    with running_origin() as origin:
        client = busy.client
        url = origin.publish("metrics", make_files(10, "metrics"))
        remote = client.create("remotes/file/file/", {"name": "metrics", "url": url, "policy": "on_demand"})
        repository = client.create("repositories/file/file/", {"name": "metrics", "remote": remote["pulp_href"]})
        client.run(f"{repository['pulp_href']}sync/", {})
        client.create("distributions/file/file/", {
            "name": "metrics", "base_path": "metrics", "repository": repository["pulp_href"]})
        yield origin


def worker_url(platform: RunningPlatform) -> str:
    for connection in psutil.Process(supervisor(platform).pid).net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN:
            return f"http://127.0.0.1:{connection.laddr.port}"
    raise AssertionError("no worker service listens")


def supervisor(platform: RunningPlatform) -> psutil.Process:
    return next(child for child in psutil.Process(platform.process.pid).children()
                if "pulp_actor.queue.service" in child.cmdline())


def executors(platform: RunningPlatform) -> list[psutil.Process]:
    """The processes that run tasks: each leads a group of its own."""
    return [child for child in supervisor(platform).children() if child.pid == _group(child)]


def _group(process: psutil.Process) -> int:
    return int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[2])


def test_the_api_counts_over_its_processes(busy: RunningPlatform) -> None:
    before = scrape(busy.facts.api)
    for _ in range(12):  # on connections of their own, so that any of the processes may be asked
        assert requests.get(f"{busy.api}status/", timeout=10).status_code == 200
    assert requests.get(f"{busy.api}tasks/", timeout=10).status_code == 401
    for _ in range(4):
        now = scrape(busy.facts.api)
        assert grown(now, before, "pulp_api_requests_total", method="GET", status="401") == 1
        assert grown(now, before, "pulp_api_requests_total", method="GET", status="200") >= 12
        assert grown(now, before, "pulp_api_request_duration_seconds_count", method="GET") >= 13
    # A process tells of its pool once a second at most.
    assert eventually(lambda: scrape(busy.facts.api).value("pulp_database_connections_idle") >= 1, 10)


def test_the_api_tells_the_state_of_the_queue(busy: RunningPlatform) -> None:
    client = busy.client
    for process in executors(busy):
        process.send_signal(signal.SIGSTOP)
    try:
        tasks = [client.request("POST", "/pulp/api/v3/orphans/cleanup/", json={})["task"] for _ in range(4)]
        found = eventually(lambda: _with_depth(busy), 15)
        assert found.value("pulp_queue_blocked_tasks", queue="default") >= 1
        assert found.value("pulp_queue_oldest_waiting_seconds", queue="default") > 0
        assert found.value("pulp_processes_online", kind="worker") == 2
        assert found.value("pulp_database_up") == 1
    finally:
        for process in executors(busy):
            process.send_signal(signal.SIGCONT)
    for task in tasks:
        client.wait(task)
    eventually(lambda: scrape(busy.facts.api).value("pulp_queue_blocked_tasks", queue="default") == 0, 15)


def _with_depth(platform: RunningPlatform) -> Scrape | None:
    found = scrape(platform.facts.api)
    return found if found.value("pulp_queue_blocked_tasks", queue="default") else None


def test_content_counts_bytes_hits_and_what_upstreams_did(busy: RunningPlatform, mirrored: Origin) -> None:
    url = busy.facts.content
    before = scrape(url)
    name = next(iter(make_files(10, "metrics")))
    # By range, which nobody else asks for: what answered when the platform started may be counted only now.
    whole = {"Range": "bytes=0-"}
    sizes = [
        len(requests.get(busy.content_url(f"metrics/{name}"), headers=whole, timeout=30).content) for _ in range(10)]
    assert requests.get(busy.content_url("metrics/nothing"), timeout=10).status_code == 404
    now = eventually(lambda: _grown_by(url, before, "pulp_content_cache_lookups_total", 11), 15)  # told last
    assert grown(now, before, "pulp_content_requests_total", status="206") == 10
    assert grown(now, before, "pulp_content_requests_total", status="404") == 1
    assert grown(now, before, "pulp_content_sent_bytes_total") == sum(sizes) + len("404: Not Found")
    assert grown(now, before, "pulp_content_request_duration_seconds_count") >= 11
    assert grown(now, before, "pulp_content_cache_lookups_total") == 11
    assert grown(now, before, "pulp_content_cache_lookups_total", outcome="hit") >= 5
    assert grown(now, before, "pulp_upstream_requests_total", status="200") == 1
    assert grown(now, before, "pulp_upstream_received_bytes_total") == sizes[0]


def test_an_upstream_that_says_no_is_counted(busy: RunningPlatform, mirrored: Origin) -> None:
    url = busy.facts.content
    before = scrape(url)
    name = list(make_files(10, "metrics"))[-1]
    mirrored.answer(f"/metrics/{name}", 404)
    assert requests.get(busy.content_url(f"metrics/{name}"), timeout=30).status_code == 404
    now = eventually(lambda: _grown_by(url, before, "pulp_content_requests_total", 1), 15)
    assert grown(now, before, "pulp_upstream_errors_total", reason="refused") == 1


def test_workers_count_tasks_and_a_successor_goes_on_where_a_dead_one_stopped(
    busy: RunningPlatform, mirrored: Origin
) -> None:
    url = worker_url(busy)
    synced = {"actor": "pulp_file.app.tasks.synchronizing.synchronize"}
    before = eventually(lambda: _sync_counted(url, synced), 15)
    assert before.value("pulp_tasks_ended_total", outcome="completed", **synced) >= 1
    assert before.value("pulp_task_duration_seconds_count", **synced) >= 1
    assert before.value("pulp_task_lock_wait_seconds_count") >= 1
    assert before.value("pulp_task_queue_wait_seconds_count") >= 1
    assert before.value("pulp_worker_processes") == 2
    victims = {process.pid for process in executors(busy)}
    for pid in victims:
        psutil.Process(pid).kill()
    eventually(lambda: len(found := {one.pid for one in executors(busy)}) == 2 and not found & victims, 20)
    after = eventually(lambda: _grown_by(url, before, "pulp_worker_losses_total", 2), 15)
    assert grown(after, before, "pulp_worker_losses_total", reason="died") == 2
    assert grown(after, before, "pulp_tasks_ended_total") == 0, "what was counted does not go with who counted it"
    busy.client.run("/pulp/api/v3/orphans/cleanup/", {})
    eventually(lambda: _grown_by(url, before, "pulp_tasks_ended_total", 1), 15)
    eventually(lambda: scrape(url).value("pulp_worker_processes") == 2, 15)


def _sync_counted(url: str, labels: dict[str, str]) -> Scrape | None:
    found = scrape(url)
    return found if found.value("pulp_tasks_ended_total", **labels) else None


def test_the_process_that_tells_metrics_is_replaced_and_ready(busy: RunningPlatform) -> None:
    url = worker_url(busy)
    assert requests.get(f"{url}/readyz/", timeout=10).json() == {"database": True, "storage": True}
    assert requests.head(f"{url}/livez/", timeout=10).status_code == 200
    assert requests.get(f"{url}/nothing", timeout=10).status_code == 404
    teller = next(child for child in supervisor(busy).children() if child.pid != _group(child))
    teller.kill()
    eventually(lambda: _answers(url), 15)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/livez/", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def grown(now: Scrape, before: Scrape, name: str, **labels: str) -> float:
    return now.value(name, **labels) - before.value(name, **labels)


def _grown_by(url: str, before: Scrape, name: str, by: float) -> Scrape | None:
    now = scrape(url)
    return now if grown(now, before, name) >= by else None


def test_scrapes_at_the_same_time_agree(busy: RunningPlatform) -> None:
    found: list[Scrape] = []
    threads = [threading.Thread(target=lambda: found.append(scrape(busy.facts.api))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({frozenset(one.names) for one in found}) == 1


def test_nothing_is_left_behind(tmp_path: Path, database: object) -> None:
    with running_service("content", tmp_path) as service:
        service.await_answer("/metrics", 200)
        mine = _directory_of(service.process.pid)
        assert mine.is_dir()
    assert not mine.exists()


def _directory_of(pid: int) -> Path:
    return next(Path(file.path).parent for file in psutil.Process(pid).memory_maps() if PREFIX in file.path)
