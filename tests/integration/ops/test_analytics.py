"""Analytics: what is sent, by whom and when; and the receiver, as a real process looked at by a real browser."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from actors.analytics import post_analytics
from pulp_actor import __version__
from pulp_actor.analytics.payload import NotReceived, payload, send
from pulp_actor.analytics.store import BadReport, Reports
from pulp_actor.db import connected
from pulp_actor.queue import load_actors
from pulp_actor.queue.engine import Engine
from pulp_actor.queue.housekeeping.scheduler import Scheduler
from pulp_actor.queue.leases import Leases, Member
from pulp_actor.settings import settings
from tests.support.platform import command_environment


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[str]:
    """A running `pulp-actor analytics-server`; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", "analytics-server", "--bind", "127.0.0.1:0",
         "--store", str(tmp_path / "reports.sqlite3")],
        env=command_environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def staffed(database: Any) -> Iterator[None]:
    """Two content processes and three workers, all of this host."""
    leases = Leases()
    for number, kind in enumerate(["content", "content", "worker", "worker", "worker", "api"]):
        leases.add(Member(kind, 1000 + number))
    yield
    leases.close()


def summary(url: str) -> dict[str, Any]:
    return requests.get(f"{url}summary.json", timeout=10).json()


def test_the_report_counts_and_names_nobody(staffed: None) -> None:
    with connected():
        report = payload()
    assert report["onlineContentApps"] == {"processes": 2, "hosts": 1}
    assert report["onlineWorkers"] == {"processes": 3, "hosts": 1}
    assert {"name": "actor", "version": __version__} in report["components"]
    assert {part["name"] for part in report["components"]} >= {"actor", "file", "certguard"}
    assert report["postgresqlVersion"] // 10000 >= 14
    assert socket.gethostname() not in json.dumps(report)
    assert set(report) == {"systemId", "onlineContentApps", "onlineWorkers", "components", "postgresqlVersion"}
    with connected():
        assert payload()["systemId"] == report["systemId"], "it is the same every time"


def test_show_prints_what_is_sent(staffed: None, receiver: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pulp_actor.cli.main", "analytics", "show"], capture_output=True, text=True, check=True,
        env=command_environment(tmp_path, DATABASE_URL=settings.DATABASE_URL, ANALYTICS_URL=receiver))
    with connected():
        assert json.loads(done.stdout) == payload()
    assert receiver in done.stderr


def test_with_no_url_or_switched_off_nothing_leaves(staffed: None, receiver: str) -> None:
    with connected():
        assert post_analytics() == {"sent": False}
        with settings.override(ANALYTICS_URL=receiver, ANALYTICS=False):
            assert post_analytics() == {"sent": False}
    assert summary(receiver)["reports"] == 0


def test_what_is_sent_arrives(staffed: None, receiver: str) -> None:
    with connected(), settings.override(ANALYTICS_URL=receiver):
        assert post_analytics() == {"sent": True}
        assert post_analytics() == {"sent": True}
    found = summary(receiver)
    assert (found["installations"], found["reports"]) == (1, 1), "one a day counts"
    assert found["workers"] == {"3–5": 1}


def test_a_receiver_that_is_away_or_refuses_fails_the_task_with_a_reason(staffed: None, receiver: str) -> None:
    with connected(), settings.override(ANALYTICS_URL="http://127.0.0.1:1/"), pytest.raises(NotReceived, match="reached"):
        post_analytics()
    with pytest.raises(NotReceived, match="answered 400"):
        send(receiver, {"systemId": "not a key"})


def test_one_sends_however_many_could(database: Any) -> None:
    """The day's report is due, and ten housekeepers look at the schedule at the same moment."""
    load_actors()
    with connected():
        database.execute_sql("UPDATE task_schedule SET next_dispatch = now() WHERE name = 'analytics'")
    engines = [Engine() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda engine: Scheduler(engine).tick(), engines))
    for engine in engines:
        engine.close()
    with connected():
        (sent,) = database.execute_sql(
            "SELECT count(*) FROM task WHERE actor = 'pulp_actor.analytics.post'").fetchone()
        (hours,) = database.execute_sql(
            "SELECT extract(epoch FROM next_dispatch - now()) / 3600 FROM task_schedule WHERE name = 'analytics'").fetchone()
    assert sent == 1
    assert 23.9 < hours <= 24


def report(number: int, **parts: Any) -> dict[str, Any]:
    return {
        "systemId": f"00000000-0000-4000-8000-{number:012}", "onlineWorkers": {"processes": number % 7, "hosts": 1},
        "onlineContentApps": {"processes": 1 + number % 2, "hosts": 1}, "postgresqlVersion": 160000 + 10000 * (number % 3),
        "components": [{"name": "actor", "version": f"0.{number % 3}"}, {"name": "file", "version": "3.123.1"}], **parts,
    }


def test_an_installation_that_is_silent_is_forgotten(tmp_path: Path) -> None:
    reports, now = Reports(tmp_path / "r"), datetime.now(UTC)
    reports.add(report(1), now - timedelta(days=40))
    reports.add(report(2, postgresqlVersion=140001), now - timedelta(days=2))
    reports.add(report(2), now)
    found = reports.summary()
    assert (found.installations, found.reports, found.postgresql) == (1, 3, {"18": 1})
    assert sum(found.days.values()) == 2
    reports.close()


@pytest.mark.parametrize("wrong", [
    None, [], "text", {}, {"systemId": "x"}, report(1, postgresqlVersion="18"), report(1, components=[{"name": 1}]),
    report(1, onlineWorkers={"processes": -1, "hosts": 0}), report(1, components=[{"name": "x" * 1000, "version": "1"}]),
])
def test_what_is_no_report_is_refused(tmp_path: Path, wrong: Any) -> None:
    reports = Reports(tmp_path / "r")
    with pytest.raises(BadReport):
        reports.add(wrong)
    assert reports.summary().reports == 0
    reports.close()


def test_bad_requests_are_answered(receiver: str) -> None:
    assert requests.post(receiver, data=b"{", timeout=10).status_code == 400
    assert requests.post(receiver, data=b"x" * 100_000, timeout=10).status_code == 413
    assert requests.post(receiver, data=iter([b"{}"]), timeout=10).status_code == 411
    assert requests.get(f"{receiver}nothing", timeout=10).status_code == 404
    assert summary(receiver)["reports"] == 0


def test_the_page_shows_the_summary_and_escapes_what_came_in(receiver: str, tmp_path: Path) -> None:
    for number in range(40):
        parts = {"components": [{"name": "<script>alert(1)</script>", "version": "<b>"}]} if number == 7 else {}
        assert requests.post(receiver, json=report(number, **parts), timeout=10).status_code == 204
    page = requests.get(receiver, timeout=10)
    assert re.search(r"<b>40</b>installations", page.text)
    assert "<script>" not in page.text and "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
