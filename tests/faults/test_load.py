"""Fifty requests a second while PostgreSQL restarts: metrics and logs say what happened, to the request, and the console
shows it to whoever looks on. Pictures of that are left in ``build/console``."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from pulp_actor.db import connected
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from pulp_actor.models import User
from pulp_actor.security.encryption import keyring
from pulp_actor.security.passwords import hash_password
from pulp_actor.settings import settings
from tests.support.browser import PATIENCE, PICTURES, Visitor, chromium, visitor
from tests.support.content import Repo, distribute
from tests.support.metrics import Scrape, scrape
from tests.support.postgres import bound
from tests.support.services import RunningService, running_service
from tests.support.workers.waiting import eventually

RATE = 50
#: Seconds of load before and after the restart.
CALM = 4.0
SETTLED = 1.0


class Load:
    """Half of the requests go to the API (lists, and now and then a task), half to the content server."""

    def __init__(self, api: str, content: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.refused: list[str] = []
        self.tasks: list[str] = []
        self._api, self._content = api, content
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(RATE)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        """One request a second, at this thread's own moment of it."""
        self._stop.wait(number / RATE)
        with requests.Session() as session:
            session.auth = ("admin", "secret")
            due = time.monotonic()
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                due += 1.0
                self._ask(session, number)

    def _ask(self, session: requests.Session, number: int) -> None:
        where, cid = ("content" if number % 2 else "api"), f"load-{number}-{time.monotonic_ns()}"
        headers = {"Correlation-ID": cid}
        if where == "content":
            answer = session.get(f"{self._content}/pulp/content/load/file", headers=headers, timeout=60)
        elif number == 0:
            answer = session.post(f"{self._api}/pulp/api/v3/orphans/cleanup/", json={}, headers=headers, timeout=60)
        else:
            answer = session.get(f"{self._api}/pulp/api/v3/repositories/file/file/", headers=headers, timeout=60)
        with self._lock:
            self.answers[where, answer.status_code] += 1
            if where == "api" and answer.status_code == 503:
                self.refused.append(cid)
            if answer.status_code == 202:
                self.tasks.append(answer.json()["task"])


@pytest.fixture
def services(server: EmbeddedServer, tmp_path: Path) -> Iterator[dict[str, RunningService]]:
    (tmp_path / "data").mkdir()
    with settings.override(DATA_DIR=str(tmp_path / "data")), bound(server.url), ExitStack() as stack:
        keyring.forget()
        keyring.create()
        migrate()
        with connected():
            User.create(username="admin", password=hash_password("secret"), is_superuser=True, is_staff=True)
            repo = Repo()
            repo.add({"file": b"bytes"})
            distribute("load", repository=repo.row)
        found = {kind: stack.enter_context(running_service(kind, tmp_path, **more)) for kind, more in {
            "api": {"API_PROCESSES": 2}, "content": {"CONTENT_PROCESSES": 2}, "worker": {"WORKERS": 2}}.items()}
        for kind, service in found.items():
            service.await_answer("/pulp/api/v3/readyz/" if kind == "api" else "/readyz/", 200)
        yield found
    keyring.forget()


@pytest.fixture
def onlooker(services: dict[str, RunningService]) -> Iterator[Visitor]:
    """Somebody with the console's overview before them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, visitor(browser, f"{services['api'].url}/pulp/console/") as person:
        person.log_in("admin", "secret")
        person.page.get_by_role("region", name="Processes").wait_for()
        person.page.evaluate("window.notReloaded = true")
        yield person


def sees_the_interruption(person: Visitor) -> None:
    """While the database is away: said in the head of the page and above what was known before, which stays."""
    page = person.page
    page.get_by_role("banner").get_by_role("alert").get_by_text("The database is away").wait_for()
    page.get_by_text("What stands below is what was known then").wait_for()
    assert page.locator(".tile").filter(has_text="Health").locator(".figure").inner_text() == "Not well"
    assert page.get_by_text("No worker is online").count() == 0, "nobody knows that now"
    assert page.get_by_role("region", name="Processes").get_by_role("row").count() == 1 + 6
    assert person.barriers() == []
    person.look("database-away", PICTURES)
    person.visit("repositories")
    page.get_by_text("The database is not available.").wait_for()
    page.get_by_text("The database is away since").wait_for()


def sees_it_end(person: Visitor) -> None:
    """When it is back: the page that was asked for in vain comes by itself, and what happened is kept in words."""
    page = person.page
    page.get_by_role("banner").get_by_text("Well").wait_for()
    page.get_by_role("region", name="Repositories").get_by_role("row").nth(1).wait_for()
    assert re.match(r"The database is back, after \d+(\.\d)? s\.", page.locator("#announcer").inner_text())
    person.visit("")
    interruption = page.get_by_role("region", name="Interruptions").get_by_role("row").nth(1)
    assert re.match(r"The database is away\s.*\d s$", interruption.inner_text())
    assert page.get_by_text("What stands below is what was known then").count() == 0
    expect(page.locator(".tile").filter(has_text="Health").locator(".figure")).to_have_text("Well", timeout=PATIENCE)
    expect(page.get_by_role("region", name="Processes").get_by_text("silent")).to_have_count(0)
    assert page.evaluate("window.notReloaded"), "nobody had to reload the page"
    assert person.barriers() == []
    person.look("database-back", PICTURES)


def lines(service: RunningService) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]


def test_a_restart_under_load_is_told_by_metrics_logs_and_console(
    services: dict[str, RunningService], onlooker: Visitor, server: EmbeddedServer, figure: Callable[[str, float], None]
) -> None:
    api, content, worker = services["api"], services["content"], services["worker"]
    probes = (api, "/pulp/api/v3/readyz/"), (content, "/readyz/"), (worker, "/readyz/")
    before = scrape(api.url), scrape(content.url)
    with Load(api.url, content.url) as load:
        time.sleep(CALM)  # the load itself is what takes its time here
        server.stop()
        down = eventually(lambda: _with(api.url, "pulp_database_up", 0), 20)
        for service, path in probes:
            service.await_answer(path, 503)
        sees_the_interruption(onlooker)
        server.start()
        started = time.monotonic()
        for service, path in probes:
            service.await_answer(path, 200)
        figure("seconds until everything is ready again", time.monotonic() - started)
        sees_it_end(onlooker)
        figure("seconds until the console says so", time.monotonic() - started)
        time.sleep(CALM)
    time.sleep(SETTLED)  # the content server hands on what it counted twice a second
    after = scrape(api.url), scrape(content.url)
    figure("API requests refused", load.answers["api", 503])

    # The metrics tell what the clients saw.
    assert down.value("pulp_queue_ready_tasks") == 0 and "pulp_queue_ready_tasks" not in down.names
    assert load.answers["api", 503] > 0, "the restart was felt"
    for status in (200, 202):
        assert load.answers["api", status] > 0
    assert _grown(after[0], before[0], "pulp_api_requests_total", status="202") == load.answers["api", 202]
    assert _grown(after[0], before[0], "pulp_api_requests_total", status="503") >= load.answers["api", 503]
    assert _grown(after[0], before[0], "pulp_api_requests_total", status="500") == load.answers["api", 500] == 0
    # What is in memory is served while the database is away.
    answered = sum(count for (where, _), count in load.answers.items() if where == "content")
    assert _grown(after[1], before[1], "pulp_content_requests_total") == answered
    assert load.answers["content", 200] == answered
    for now, then in zip(after, before, strict=True):
        assert _grown(now, then, "pulp_database_listen_losses_total") > 0
    assert _grown(after[0], before[0], "pulp_database_connection_failures_total") > 0
    assert after[0].value("pulp_database_up") == 1
    assert after[0].value("pulp_processes_online", kind="worker") == 2

    # So do the logs: each refused request is in the API's, under the id that its client gave it.
    told = {line.get("cid") for line in lines(api) if line["event"] == "database not available"}
    assert set(load.refused) <= told
    for service in services.values():
        assert any(line["event"] == "not ready" and line["lacks"] == "database" for line in lines(service))
    assert any(line["event"] == "ready again" for line in lines(worker)), "one process is asked, and has seen both"
    # Every task that was accepted has run. What was asking the database something at that very moment could not go on, and
    # says so: one task of each worker process at most.
    ended = eventually(lambda: _all_ended(api.url, load.tasks), 60)
    failed = [task for task in ended if task["state"] != "completed"]
    assert len(failed) <= 2
    for task in failed:
        assert "connection" in task["error"]["description"], task
    figure("tasks that failed, of those that were running", len(failed))
    assert scrape(worker.url).value("pulp_worker_losses_total") == 0, "nobody died of it"


def _with(url: str, name: str, value: float) -> Scrape | None:
    found = scrape(url)
    return found if name in found.names and found.value(name) == value else None


def _grown(now: Scrape, then: Scrape, name: str, **labels: str) -> float:
    return now.value(name, **labels) - then.value(name, **labels)


def _all_ended(url: str, tasks: list[str]) -> list[Any] | None:
    """The tasks as the API has them, once none of them runs or waits."""
    with requests.Session() as session:
        session.auth = ("admin", "secret")
        found = [session.get(url + task, timeout=20).json() for task in tasks]
    return found if all(task["state"] in ("completed", "failed") for task in found) else None
