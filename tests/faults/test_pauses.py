"""Processes that are stopped (SIGSTOP) for longer than their lease lasts, and go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.faults import invariants
from tests.support.workers.lab import Lab
from tests.support.workers.waiting import eventually, stopwatch

#: A short lease, so that tests need not wait for the ordinary one.
SHORT = {"WORKER_TTL": 6}


def test_the_fenced_write_of_a_service_that_slept_past_its_lease_is_refused(
    lab: Lab, figure: Callable[[str, float], None]
) -> None:
    sleeper = lab.workers(1, settings=SHORT, gates=True)
    with lab.closed_gate("ran") as gate:
        task = lab.send("nap", 0.05, exclusive=["a"])
        gate.await_visitor()
        children = sleeper.children
        for pid in (sleeper.pid, *children):
            os.kill(pid, signal.SIGSTOP)
        elapsed = stopwatch()
        lab.workers(1, settings=SHORT)
        behind = lab.send("noop", exclusive=["a"])
        assert lab.await_end(task, 40)["state"] == "failed"
        figure("service stopped to task rescued (lease 6 s)", elapsed())
        assert lab.await_end(behind)["state"] == "completed"
        before = lab.task(task)
    # The executor comes first, so that it can try to write its end before its supervisor finds out.
    for pid in (*children, sleeper.pid):
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: "lease lost" in sleeper.log, 15, lambda: sleeper.log[-2000:])
    assert lab.task(task) == before, "nothing was written over the rescue"
    eventually(lambda: lab.registered(sleeper) and not set(children) & set(sleeper.children), 20, "a new process")
    invariants.check(lab, [task, behind])


def test_a_safe_task_of_a_sleeper_runs_elsewhere_and_its_own_end_does_not_count(lab: Lab) -> None:
    sleeper = lab.workers(1, settings=SHORT, gates=True)
    with lab.closed_gate("ran") as gate:
        task = lab.send("safe_nap", 0.05, exclusive=["a"])
        gate.await_visitor()
        children = sleeper.children
        for pid in (sleeper.pid, *children):
            os.kill(pid, signal.SIGSTOP)
        lab.workers(1, settings=SHORT)
        row = lab.await_end(task, 40)
        assert (row["state"], row["attempt"], row["retries"]) == ("completed", 2, 1)
    for pid in (*children, sleeper.pid):
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: "lease lost" in sleeper.log, 15, lambda: sleeper.log[-2000:])
    assert lab.task(task) == row
    invariants.check(lab, [task])


def test_a_stopped_executor_is_killed_by_its_supervisor(lab: Lab) -> None:
    service = lab.workers(1, settings=SHORT)
    task = lab.send("nap", 60, exclusive=["a"])
    behind = lab.send("noop", exclusive=["a"])
    lab.await_begin(task)
    (child,) = service.children
    os.kill(child, signal.SIGSTOP)
    row = lab.await_end(task, 30)
    assert row["state"] == "failed"
    assert "was stopped for too long" in row["error"]["description"]
    assert lab.await_end(behind)["state"] == "completed"
    invariants.check(lab, [task, behind])


def test_a_short_pause_harms_nobody(lab: Lab) -> None:
    service = lab.workers(2)
    lab.workers(1)
    task = lab.send("nap", 6, exclusive=["a"])
    lab.await_begin(task)
    family = [service.pid, *service.children]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    pause = stopwatch()
    eventually(lambda: pause() > 4, 10)
    for pid in family:
        os.kill(pid, signal.SIGCONT)
    assert lab.await_end(task, 30)["state"] == "completed"
    invariants.check(lab, [task])


def test_a_stopped_housekeeper_is_put_out_of_office(lab: Lab, figure: Callable[[str, float], None]) -> None:
    sleeper = lab.workers(1)
    eventually(lambda: "elected" in sleeper.log, 10)
    other = lab.workers(1)
    os.kill(sleeper.pid, signal.SIGSTOP)
    elapsed = stopwatch()
    delayed = lab.send("noop", delay=0.5)
    assert lab.await_end(delayed, 30)["state"] == "completed"
    figure("housekeeper stopped to the next one at work", elapsed())
    assert "elected" in other.log
    os.kill(sleeper.pid, signal.SIGCONT)
    assert lab.await_end(lab.send("noop", delay=0.1), 30)["state"] == "completed"
    eventually(lambda: lab.sql("SELECT count(*) FROM worker WHERE gone_at IS NULL") == [(2,)], 20)
    invariants.check(lab)


def test_the_tasks_of_a_stopped_housekeeper_are_rescued_as_soon_as_those_of_others(
    lab: Lab, figure: Callable[[str, float], None]
) -> None:
    lease = 12
    sleeper = lab.workers(1, settings={"WORKER_TTL": lease})
    eventually(lambda: "elected" in sleeper.log, 10)
    task = lab.send("nap", 600, exclusive=["a"])
    lab.await_begin(task)
    lab.workers(1, settings={"WORKER_TTL": lease})
    for pid in (sleeper.pid, *sleeper.children):
        os.kill(pid, signal.SIGSTOP)
    elapsed = stopwatch()
    assert lab.await_end(task, 3 * lease)["state"] == "failed"
    figure("stopped housekeeper to its task rescued (lease 12 s)", elapsed())
    assert elapsed() < lease + 5
    for pid in (*sleeper.children, sleeper.pid):
        os.kill(pid, signal.SIGCONT)


def test_a_process_of_the_stock_command_that_slept_past_its_lease_goes_on_as_somebody_new(lab: Lab) -> None:
    stock = lab.stock(environment={"PULP_WORKER_TTL": "6"})
    ((pid, name),) = lab.sql("SELECT pid, id::text FROM worker WHERE gone_at IS NULL")
    task = lab.send("nap", 60, exclusive=["a"])
    lab.await_begin(task)
    os.kill(pid, signal.SIGSTOP)
    lab.workers(1, settings=SHORT)
    assert lab.await_end(task, 40)["state"] == "failed"
    before = lab.task(task)
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: "lease lost" in stock.log, 20, lambda: stock.log[-2000:])
    assert lab.task(task) == before
    eventually(lambda: lab.sql(
        "SELECT id FROM worker WHERE pid = %s AND id::text <> %s AND gone_at IS NULL", (pid, name)), 20)
    invariants.check(lab, [task])
