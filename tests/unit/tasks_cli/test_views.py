"""What is said of tasks, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from rich.console import Console

from pulp_actor.cli import task_views
from pulp_actor.queue.inspect import Blocker, Explanation, TaskInfo, Wait
from pulp_actor.queue.overview import Overview, Process
from pulp_actor.queue.telling import duration, short_name, verdict
from tests.support.transcripts import steps, structure

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = UUID("0197aaaa-0000-7000-8000-000000000001")


@pytest.mark.parametrize(("seconds", "text"), [
    (-5, "0 ms"), (0.0123, "12 ms"), (1, "1.0 s"), (9.96, "10.0 s"), (12.9, "12 s"), (60, "1 min"), (250, "4 min 10 s"),
    (3600, "1 h"), (7500, "2 h 5 min"), (86400 * 3 + 3600 * 4 + 59, "3 d 4 h")])
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_short_names_keep_the_last_two_parts() -> None:
    assert short_name("pulp_file.app.tasks.synchronizing.synchronize") == "synchronizing.synchronize"
    assert short_name("noop") == "noop"


def task(state: str = "waiting", *, blockers: int = 0, eta: datetime | None = None, worker: str | None = None) -> TaskInfo:
    created = NOW - timedelta(minutes=5)
    started = created + timedelta(minutes=1) if worker else None
    finished = NOW - timedelta(minutes=1) if state in ("completed", "failed") else None
    return TaskInfo(KEY, state, "a.b.c", "default", worker, blockers, created, None, started, finished, eta)


@pytest.mark.parametrize(("info", "more", "text"), [
    (task(blockers=1), {"blocking": 1}, "1 task goes before it."),
    (task(blockers=2), {"blocking": 7}, "7 tasks go before it."),
    (task(), {"workers": (0, 0)},
     "Nothing blocks it; it waits for a worker. No worker is online: start one with `pulp-worker`."),
    (task(), {"workers": (3, 3), "messages_before": 0},
     "Nothing blocks it; it waits for a worker. It is the next one; 3 of 3 workers are busy."),
    (task(eta=NOW + timedelta(hours=2)), {}, "It waits for its time: 2026-01-02 05:04:05 UTC (in 2 h)."),
    (task(eta=NOW - timedelta(seconds=1)), {}, "Its time has come; the housekeeper of a running worker puts it in line."),
    (task("running", worker="1@h"), {}, "Nothing blocks it: it has been running for 4 min on 1@h."),
    (task("completed", worker="1@h"), {}, "It has ended: completed 1 min ago."),
])
def test_the_verdict(info: TaskInfo, more: dict[str, object], text: str) -> None:
    found = Explanation(**{"task": info, "now": NOW, "waits": [], "blocking": 0, "causes": []} | more)  # type: ignore[arg-type]
    assert verdict(found) == text


def test_names_with_brackets_are_shown_as_they_are() -> None:
    holder = TaskInfo(KEY, "running", "actor[red]", "default", "1@[host]", 0, NOW, NOW, NOW, None, None)
    wait = Wait("repo[bold]", False, 1, 0, held_by=[Blocker(holder, False)])
    console = Console(width=200)
    with console.capture() as capture:
        console.print(task_views.explanation(Explanation(task(blockers=1), NOW, [wait], 1, [holder])))
    assert "repo[bold] exclusive" in capture.get()
    assert "actor[red] running for 0 ms on 1@[host]" in capture.get()


def test_the_overview_of_a_large_site_is_cut() -> None:
    processes = [
        Process(UUID(int=number), f"{number}@h", "h", "worker", True, NOW, NOW, None, None, None, None)
        for number in range(500)]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(task_views.overview_page(Overview(0, 0, 0, 0, 0, None, None, NOW, {}, processes, [])))
    lines = capture.get().splitlines()
    assert len(lines) < 60 and "and 460 more" in capture.get()


def test_sessions_in_documents() -> None:
    text = "intro\n```console\n$ one\nout 1\n\nout 2\n$ two\n```\n```sh\n$ not this\n```\n"
    assert [(step.command, step.output) for step in steps(text)] == [("one", "out 1\n\nout 2\n"), ("two", "")]
    assert structure(f"{KEY}  ran  4 min 10 s on 12@vm\n2@b idle\n1@a 3 ms") == [
        "<id> ran <time> on <process>", "<process> <time>", "<process> idle"]
