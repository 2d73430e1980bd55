"""The worker service, on real processes: how it starts, works, stops and comes through trouble."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from tests.support.workers.lab import Lab, lives
from tests.support.workers.waiting import eventually, stopwatch

pytestmark = pytest.mark.slow


def test_processes_register_under_names_of_their_own(lab: Lab) -> None:
    service = lab.workers(3)
    rows = lab.rows("SELECT kind, name, host, pid, versions FROM worker WHERE gone_at IS NULL")
    assert {row["pid"] for row in rows} == set(service.children)
    assert len({row["name"] for row in rows}) == 3
    assert all(row["kind"] == "worker" and row["versions"] == {"test": "1"} for row in rows)
    assert all(row["name"] == f"{row['pid']}@{row['host']}" for row in rows)


def test_processes_beat_and_sign_off(lab: Lab) -> None:
    service = lab.workers(2)
    first = dict(lab.sql("SELECT id::text, beat FROM worker"))
    eventually(lambda: all(beat > first[one] for one, beat in lab.sql("SELECT id::text, beat FROM worker")), 10)
    service.signal(signal.SIGTERM)
    assert service.wait(10) == 0
    assert lab.sql("SELECT count(*) FROM worker WHERE gone_at IS NULL") == [(0,)]


def test_processes_work_side_by_side(lab: Lab) -> None:
    lab.workers(2)
    first, second = lab.send("nap", 20), lab.send("nap", 20)
    begun = {lab.await_begin(one).pid for one in (first, second)}
    assert len(begun) == 2
    assert {lab.state(first), lab.state(second)} == {"running"}


def test_burst_leaves_when_nothing_is_left(lab: Lab) -> None:
    tasks = [lab.send("noop", exclusive=["one"]) for _ in range(20)]
    service = lab.workers(2, burst=True, ready=False)
    assert service.wait(20) == 0
    assert {lab.state(task) for task in tasks} == {"completed"}


def test_burst_replaces_a_process_that_a_task_has_killed(lab: Lab) -> None:
    poison = lab.send("leave", 3)
    tasks = [lab.send("noop") for _ in range(5)]
    service = lab.workers(1, burst=True, ready=False)
    assert service.wait(20) == 0
    assert lab.state(poison) == "failed"
    assert {lab.state(task) for task in tasks} == {"completed"}


def test_sigterm_lets_the_task_finish(lab: Lab) -> None:
    service = lab.workers(1, grace=20)
    task = lab.send("nap", 2)
    lab.await_begin(task)
    service.signal(signal.SIGTERM)
    assert service.wait(20) == 0
    assert lab.state(task) == "completed"


def test_sigterm_to_every_process_at_once_is_the_first_not_the_second(lab: Lab) -> None:
    """As systemd sends it by default, to the whole control group."""
    service = lab.workers(1, grace=20)
    task = lab.send("nap", 2)
    lab.await_begin(task)
    for pid in (*service.children, service.pid):
        os.kill(pid, signal.SIGTERM)
    assert service.wait(20) == 0
    assert lab.state(task) == "completed"


def test_a_child_that_is_told_to_stop_finishes_and_is_replaced(lab: Lab) -> None:
    service = lab.workers(1, grace=20)
    (child,) = service.children
    task = lab.send("nap", 1)
    lab.await_begin(task)
    os.kill(child, signal.SIGTERM)
    assert lab.await_end(task)["state"] == "completed"
    assert lab.await_end(lab.send("who"))["result"] != child


def test_sigterm_claims_nothing_more(lab: Lab) -> None:
    service = lab.workers(1, grace=20)
    running = lab.send("nap", 1)
    lab.await_begin(running)
    waiting = lab.send("noop")
    service.signal(signal.SIGTERM)
    assert service.wait(20) == 0
    assert lab.state(waiting) == "waiting"


def test_after_the_grace_period_a_safe_task_is_handed_back_and_another_fails(lab: Lab) -> None:
    service = lab.workers(2, grace=0.5)
    safe, other = lab.send("safe_nap", 60, exclusive=["a"]), lab.send("nap", 60)
    lab.await_begin(safe), lab.await_begin(other)
    elapsed = stopwatch()
    service.signal(signal.SIGTERM)
    assert service.wait(10) == 0
    assert elapsed() < 10, "far less than the minute that the tasks take"
    assert lab.state(safe) == "waiting"
    assert lab.task(safe)["retries"] == 0, "handed back unharmed: not a retry"
    row = lab.task(other)
    assert row["state"] == "failed"
    assert "stopped" in row["error"]["description"]


@pytest.mark.parametrize("actor", ["deep_sleep", "blocking_c"])
def test_a_task_that_cannot_be_interrupted_does_not_keep_the_service(lab: Lab, actor: str) -> None:
    service = lab.workers(1, grace=0.5)
    task = lab.send(actor, 60, retry_on_loss=True)
    other = lab.send("noop", exclusive=["a"])
    lab.await_begin(task)
    service.signal(signal.SIGTERM)
    assert service.wait(20) == 0
    assert lab.state(task) == "waiting"
    assert lab.state(other) == "waiting"


def test_a_second_sigterm_stops_at_once(lab: Lab) -> None:
    service = lab.workers(2, grace=60)
    safe, other = lab.send("safe_nap", 60), lab.send("blocking_c", 60)
    lab.await_begin(safe), lab.await_begin(other)
    service.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in service.log)
    elapsed = stopwatch()
    service.signal(signal.SIGTERM)
    assert service.wait(20) == 0
    assert elapsed() < 10, "far less than the minute of grace"
    assert lab.state(safe) == "waiting"
    row = lab.task(other)
    assert (row["state"], row["error"]["description"]) == (
        "failed", f"The worker {_name(lab, row)} was stopped while it ran this task.")


def test_a_child_that_died_is_replaced_and_its_task_fails(lab: Lab) -> None:
    service = lab.workers(1)
    (first,) = service.children
    task = lab.send("nap", 60, exclusive=["a"])
    after = lab.send("noop", exclusive=["a"])
    lab.await_begin(task)
    elapsed = stopwatch()
    os.kill(first, signal.SIGKILL)
    assert "was killed (SIGKILL)" in lab.await_end(task)["error"]["description"]
    assert lab.await_end(after)["state"] == "completed"
    assert elapsed() < 3
    assert first not in service.children


def test_tasks_that_kill_their_process_do_not_slow_down_the_others(lab: Lab) -> None:
    lab.workers(1)
    tasks = [lab.send("leave", 7) for _ in range(8)]
    elapsed = stopwatch()
    errors = {lab.await_end(task)["error"]["description"] for task in tasks}
    assert elapsed() < 10
    assert all("died (exit code 7) while it ran this task" in error for error in errors)
    assert len(errors) == 8, "each names its worker"


def test_a_process_is_replaced_after_so_many_tasks(lab: Lab) -> None:
    lab.workers(1, max_tasks=2)
    tasks = [lab.send("who") for _ in range(6)]
    pids = Counter(lab.await_end(task)["result"] for task in tasks)
    assert list(pids.values()) == [2, 2, 2]
    assert lab.sql("SELECT count(*) FROM task WHERE state = 'completed'") == [(6,)]


def test_a_process_that_has_grown_too_large_is_replaced(lab: Lab) -> None:
    lab.workers(1, max_memory=200)
    sizes = [lab.await_end(lab.send("hoard", 60))["result"] for _ in range(6)]
    assert max(sizes) < 6, "the hoard starts anew with a new process"
    assert sizes.count(1) >= 2


def test_recycling_never_interrupts_a_task(lab: Lab) -> None:
    lab.workers(1, max_tasks=1, grace=0.1)
    tasks = [lab.send("nap", 0.3) for _ in range(5)]
    assert {lab.await_end(task)["state"] for task in tasks} == {"completed"}


def test_killing_the_supervisor_takes_its_children_along(lab: Lab) -> None:
    service = lab.workers(2)
    children = service.children
    busy = [lab.send("blocking_c", 60), lab.send("nap", 60)]
    for task in busy:
        lab.await_begin(task)
    service.signal(signal.SIGKILL)
    eventually(lambda: not any(map(lives, children)))


def test_another_service_rescues_what_a_killed_one_leaves(lab: Lab) -> None:
    doomed = lab.workers(1)
    task = lab.send("nap", 60, exclusive=["a"])
    safe = lab.send("safe_nap", 0.1, exclusive=["a"])
    lab.await_begin(task)
    lab.workers(1)
    elapsed = stopwatch()
    doomed.signal(signal.SIGKILL)
    assert lab.await_end(task)["state"] == "failed"
    assert lab.await_end(safe)["state"] == "completed"
    assert elapsed() < 10


def test_what_an_actor_leaves_behind_ends_with_its_process(lab: Lab) -> None:
    lab.workers(1)
    task = lab.send("fork_and_linger", 60)
    assert lab.await_end(task)["state"] == "failed"
    (left,) = [int(event.what.split("-")[1]) for event in lab.events(task) if event.what.startswith("left")]
    eventually(lambda: not lives(left))


def test_two_services_share_the_work(lab: Lab) -> None:
    services = [lab.workers(1), lab.workers(1)]
    tasks = [lab.send("nap", 20) for _ in range(2)]
    assert {lab.await_begin(task).pid for task in tasks} == {pid for service in services for pid in service.children}


def test_threads_run_tasks_side_by_side_in_one_process(lab: Lab) -> None:
    lab.workers(1, threads=3)
    tasks = [lab.send("nap", 20) for _ in range(3)]
    assert len({lab.await_begin(task).pid for task in tasks}) == 1
    assert {lab.state(task) for task in tasks} == {"running"}


def test_children_do_not_share_connections(lab: Lab) -> None:
    """The supervisor has spoken with the database before it forks; that conversation stays its own."""
    lab.workers(2)
    tasks = [lab.send("backend") for _ in range(2)] + [lab.send("nap", 0.5) for _ in range(2)]
    tasks += [lab.send("sql_loop", 1) for _ in range(2)]
    assert {lab.await_end(task)["state"] for task in tasks} == {"completed"}


def test_an_actor_may_fork(lab: Lab) -> None:
    lab.workers(1)
    returns, helper = lab.send("fork_and_return"), lab.send("fork_and_use_database")
    assert lab.await_end(returns)["result"] == "parent"
    assert lab.await_end(helper)["result"] == 42
    assert lab.await_end(lab.send("backend"))["state"] == "completed"


def _name(lab: Lab, row: dict) -> str:
    return str(lab.sql("SELECT name FROM worker WHERE id = %s", (row["worker_id"],))[0][0])
