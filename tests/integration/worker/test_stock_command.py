"""dramatiq's own command line runs our actors, without a supervisor of ours: each process keeps its own lease."""

from __future__ import annotations

import os
import signal

from tests.support.workers.lab import Lab
from tests.support.workers.waiting import stopwatch


def workers(lab: Lab) -> list[int]:
    return [pid for (pid,) in lab.sql("SELECT pid FROM worker WHERE gone_at IS NULL AND kind = 'worker'")]


def test_it_runs_actors_under_locks_and_leaves_politely(lab: Lab) -> None:
    service = lab.stock(2)
    tasks = [lab.send("nap", 0.1, exclusive=["a"]) for _ in range(3)] + [lab.send("async_nap", 0.1)]
    assert {lab.await_end(task)["state"] for task in tasks} == {"completed"}
    service.signal(signal.SIGTERM)
    service.wait(30)
    assert workers(lab) == []


def test_cancel_reaches_its_actors(lab: Lab) -> None:
    lab.stock()
    for actor in ("nap", "slow_sql"):
        task = lab.send(actor, 60)
        lab.await_begin(task)
        lab.cancel(task)
        assert lab.await_end(task)["state"] == "canceled"


def test_a_killed_process_is_rescued_by_a_worker_of_ours(lab: Lab) -> None:
    lab.stock()
    (pid,) = workers(lab)
    task = lab.send("nap", 60, exclusive=["a"])
    after = lab.send("noop", exclusive=["a"])
    lab.await_begin(task)
    lab.workers(1)
    elapsed = stopwatch()
    os.kill(pid, signal.SIGKILL)
    assert lab.await_end(task)["state"] == "failed"
    assert lab.await_end(after)["state"] == "completed"
    assert elapsed() < 10
