"""Cancelling, on real workers: whatever a task does, it ends within seconds, and what waits behind it goes on."""

from __future__ import annotations

import random
import uuid

import pytest

from pulp_actor.queue.models import FINAL_STATES
from tests.faults import invariants
from tests.support.workers import actors
from tests.support.workers.lab import Lab
from tests.support.workers.waiting import eventually, stopwatch

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("actor", "killed"), [
    ("nap", False),         # plain Python: the interrupt gets through
    ("async_nap", False),   # an async actor: its coroutine is cancelled
    ("slow_sql", False),    # a long statement: it is cancelled on the server
    ("deep_sleep", True),   # one long system call: the process is killed after the grace period
    ("blocking_c", True),   # C code that keeps the interpreter lock: likewise
    ("stubborn", True),     # swallows the interrupt: likewise
])
def test_a_running_task_is_cancelled(lab: Lab, actor: str, killed: bool) -> None:
    service = lab.workers(1, settings={"TASK_CANCEL_GRACE": 3})
    before = service.children
    task = lab.send(actor, 60, exclusive=["a"])
    after = lab.send("noop", exclusive=["a"])
    lab.await_begin(task)
    elapsed = stopwatch()
    assert lab.cancel(task) == "canceling"
    row = lab.await_state(task, "canceled")
    assert elapsed() < 10
    assert row["error"] is None
    assert lab.await_end(after)["state"] == "completed"
    assert (service.children != before) is killed
    invariants.check(lab, [task, after])


def test_the_default_grace_keeps_the_promise_of_ten_seconds(lab: Lab) -> None:
    lab.workers(1)
    task = lab.send("blocking_c", 60)
    lab.await_begin(task)
    elapsed = stopwatch()
    lab.cancel(task)
    lab.await_state(task, "canceled")
    assert elapsed() < 10


def test_a_process_whose_task_reacted_lives_on(lab: Lab) -> None:
    service = lab.workers(1, settings={"TASK_CANCEL_GRACE": 1})
    before = service.children
    for actor in ("nap", "slow_sql", "async_nap"):
        task = lab.send(actor, 60)
        lab.await_begin(task)
        lab.cancel(task)
        lab.await_state(task, "canceled")
    assert lab.await_end(lab.send("who"))["result"] == before[0]


def test_a_connection_whose_statement_was_cancelled_serves_the_next_task(lab: Lab) -> None:
    lab.workers(1)
    for _ in range(5):
        task = lab.send("slow_sql", 60)
        lab.await_begin(task)
        lab.cancel(task)
        lab.await_state(task, "canceled")
        assert lab.await_end(lab.send("backend"))["state"] == "completed"


def test_all_waiting_tasks_are_cancelled(lab: Lab) -> None:
    lab.workers(1)
    running = lab.send("nap", 2, exclusive=["a"])
    lab.await_begin(running)
    waiting = [lab.send("noop", exclusive=["a"]) for _ in range(50)] + [lab.send("noop", delay=60)]
    actors.broker.flush_all()
    assert {lab.state(task) for task in waiting} == {"canceled"}
    assert lab.await_end(running)["state"] == "completed"
    assert not lab.events(what="begin") or {event.task for event in lab.events(what="begin")} == {running}
    invariants.check(lab)


def test_a_whole_group_is_cancelled(lab: Lab) -> None:
    lab.workers(2)
    group = uuid.uuid4()
    lab.sql("INSERT INTO task_group (id) VALUES (%s)", (group,))
    running = lab.send("nap", 60, task_group=str(group))
    lab.await_begin(running)
    members = [running, *(lab.send("noop", exclusive=["x"], task_group=str(group), delay=60) for _ in range(5))]
    outsider = lab.send("noop")
    for (task,) in lab.sql("SELECT id FROM task WHERE group_id = %s", (group,)):
        lab.cancel(task)
    assert {lab.await_end(task)["state"] for task in members} == {"canceled"}
    assert lab.await_end(outsider)["state"] == "completed"


def test_cancelling_twice_and_after_the_end_changes_nothing(lab: Lab) -> None:
    lab.workers(1)
    done = lab.send("echo", 5)
    lab.await_end(done)
    assert lab.cancel(done) == "completed"
    assert lab.task(done)["result"] == 5
    waiting = lab.send("noop", delay=60)
    assert (lab.cancel(waiting), lab.cancel(waiting)) == ("canceled", "canceled")
    assert lab.cancel(uuid.uuid4()) is None


def test_cancel_races_with_the_end(lab: Lab) -> None:
    """At every moment around its end, a cancelled task is either canceled or has ended as it would have; its process is
    none the worse for it."""
    service = lab.workers(2)
    before = set(service.children)
    dice = random.Random(7)
    tasks = []
    for number in range(150):
        actor = dice.choice(["nap", "slow_sql", "async_nap", "fail"])
        task = lab.send(actor, 0.02 if actor != "fail" else "on purpose", exclusive=[f"r{number % 5}"])
        tasks.append(task)
        pause = stopwatch()
        gap = dice.random() * 0.06
        eventually(lambda pause=pause, gap=gap: pause() > gap, 5)
        lab.cancel(task)
    lab.await_quiet(30)
    report = invariants.check(lab, tasks)
    assert set(report.states) <= FINAL_STATES
    assert set(service.children) == before, "no process had to be killed"


def test_cancel_races_with_a_retry(lab: Lab) -> None:
    lab.workers(2)
    tasks = [lab.send("fail_first", 2, exclusive=[f"r{number % 3}"]) for number in range(30)]
    for task in tasks:
        eventually(lambda task=task: lab.task(task)["attempt"] >= 1 or lab.state(task) in FINAL_STATES, 20)
        lab.cancel(task)
    lab.await_quiet(30)
    invariants.check(lab, tasks)


def test_a_task_that_is_being_cancelled_when_its_worker_dies_is_cancelled(lab: Lab) -> None:
    service = lab.workers(1, settings={"TASK_CANCEL_GRACE": 60})
    task = lab.send("stubborn", 60)
    lab.await_begin(task)
    lab.cancel(task)
    eventually(lambda: lab.events(task, "swallowed"), 10)
    service.stop()
    lab.workers(1)
    assert lab.await_end(task)["state"] == "canceled"
