"""`why`: what blocks a task, transitively, who holds it and since when."""

from __future__ import annotations

import time

import pytest

from pulp_actor.db import transaction
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import uuid7
from pulp_actor.queue.engine import TaskSpec
from pulp_actor.queue.inspect import MAX_FOLLOWED, SQL, Blocker, Wait, explain
from tests.support.tasks import Command, Queue


def names(queue: Queue, blockers: list[Blocker]) -> list[str]:
    return [queue.name(blocker.task.id) for blocker in blockers]


def only_wait(waits: list[Wait]) -> Wait:
    (wait,) = waits
    return wait


def test_a_task_behind_a_holder_names_the_holder_and_its_worker(queue: Queue) -> None:
    queue.add("holder", ["repo"])
    queue.add("late", ["repo"])
    queue.work(queue.hire(), "holder")

    found = explain(queue.ids["late"])

    wait = only_wait(found.waits)
    assert (wait.resource, wait.shared, wait.holders, wait.ahead) == ("repo", False, 1, 0)
    assert names(queue, wait.held_by) == ["holder"]
    holder = wait.held_by[0].task
    assert holder.state == "running" and holder.worker and holder.started and holder.started <= found.now
    assert [cause.id for cause in found.causes] == [queue.ids["holder"]]
    assert found.blocking == 1


def test_it_follows_a_chain_over_several_resources(queue: Queue) -> None:
    queue.add("first", ["a"])
    queue.add("second", ["a", "b"])
    queue.add("third", ["b", "c"])
    queue.add("fourth", ["c"])

    found = explain(queue.ids["fourth"])

    third = only_wait(found.waits).held_by[0]
    assert queue.name(third.task.id) == "third" and third.task.phase == "blocked"
    second = only_wait(third.waits).held_by[0]
    assert queue.name(second.task.id) == "second"
    first = only_wait(second.waits).held_by[0]
    assert queue.name(first.task.id) == "first" and first.waits == []
    assert [queue.name(cause.id) for cause in found.causes] == ["first"]
    assert found.blocking == 3


def test_tasks_ahead_in_the_line_block_with_all_that_blocks_them(queue: Queue) -> None:
    queue.add("holds a", ["a"])
    queue.add("holds b", ["b"])
    queue.add("wants both", ["a", "b"])
    queue.add("late", ["a"])

    found = explain(queue.ids["late"])

    wait = only_wait(found.waits)
    assert (wait.ahead, names(queue, wait.held_by), names(queue, wait.next_in_line)) == (1, ["holds a"], ["wants both"])
    assert only_wait(wait.next_in_line[0].waits).resource == "b"
    assert sorted(queue.name(cause.id) for cause in found.causes) == ["holds a", "holds b"]


def test_shared_tasks_do_not_wait_for_their_own_company(queue: Queue) -> None:
    queue.add("writer", ["r"])
    for number in range(3):
        queue.add(f"reader {number}", shared=["r"])

    found = explain(queue.ids["reader 2"])

    assert (only_wait(found.waits).ahead, found.blocking) == (0, 1)
    assert [queue.name(cause.id) for cause in found.causes] == ["writer"]


def test_an_exclusive_task_waits_for_every_reader_before_it(queue: Queue) -> None:
    for number in range(5):
        queue.add(f"reader {number}", shared=["r"])
    queue.add("writer", ["r"])
    queue.add("late reader", shared=["r"])

    wait = only_wait(explain(queue.ids["writer"]).waits)
    assert (wait.holders, len(wait.held_by), wait.ahead) == (5, 3, 0)
    late = explain(queue.ids["late reader"])
    assert late.blocking == 6 and len(late.causes) == 5
    assert names(queue, only_wait(late.waits).next_in_line) == ["writer"]


def test_a_task_is_followed_once(queue: Queue) -> None:
    queue.add("root", ["x"])
    queue.add("entangled", ["x", "a", "b"])
    queue.add("late", ["a", "b"])

    waits = {wait.resource: wait for wait in explain(queue.ids["late"]).waits}

    assert only_wait(waits["a"].held_by[0].waits).resource == "x"
    assert waits["b"].held_by[0].repeated and waits["b"].held_by[0].waits == []


def test_the_tree_is_cut_at_a_depth_but_the_causes_are_complete(queue: Queue) -> None:
    for number in range(12):
        queue.add(f"task {number}", [f"r{number}", f"r{number + 1}"])

    found = explain(queue.ids["task 11"], depth=2)

    node = only_wait(only_wait(only_wait(found.waits).held_by[0].waits).held_by[0].waits).held_by[0]
    assert node.cut and node.waits == []
    assert [queue.name(cause.id) for cause in found.causes] == ["task 0"]


@pytest.mark.parametrize(("shape", "blocking"), [("one line", 20_000), ("two lines", 3_000), ("a chain", 3_000)])
def test_it_is_quick_with_thousands_of_waiting_tasks_and_no_statistics(queue: Queue, shape: str, blocking: int) -> None:
    resources = {
        "one line": lambda number: ["r"], "two lines": lambda number: ["r", "s"],
        "a chain": lambda number: sorted([f"r{number}", f"r{number + 1}"]),
    }[shape]
    specs = [TaskSpec(uuid7(), "a", "default", "{}", exclusive=resources(number)) for number in range(blocking + 1)]
    for start in range(0, len(specs), 5000):
        queue.engine.dispatch(specs[start:start + 5000])

    start_time = time.monotonic()
    found = explain(specs[-1].id)

    assert time.monotonic() - start_time < 20  # about one second, if the machine has nothing else to do
    assert found.blocking == blocking
    assert [cause.id for cause in found.causes] == [specs[0].id]
    assert _size(found.waits) < 10 * MAX_FOLLOWED


def test_each_step_is_an_index_lookup_whatever_the_statistics_say(queue: Queue) -> None:
    queue.add("only", ["r"])
    with transaction() as database:
        database.execute_sql(SQL.index_plans)
        plan = database.execute_sql("EXPLAIN " + SQL.why, {"task": str(queue.ids["only"])}).fetchall()
    scans = [line for (line,) in plan if " on task" in line]
    assert len(scans) >= 6 and all("Index" in line for line in scans), scans


def _size(waits: list[Wait]) -> int:
    return sum(
        1 + _size(blocker.waits) for wait in waits for blocker in (*wait.held_by, *wait.next_in_line))


def test_a_task_that_does_not_exist(queue: Queue, command: Command) -> None:
    key = uuid7()
    with pytest.raises(NotFound):
        explain(key)
    assert command.error("why", str(key)) == f"Error: there is no task {key}"


# What the command says, by the phase that the task is in


def test_it_draws_the_tree(queue: Queue, command: Command) -> None:
    queue.add("holder", ["prn:repo"])
    queue.add("ahead", ["prn:repo", "prn:remote"])
    queue.add("late", ["prn:repo"])
    queue.add("other", ["prn:remote"])
    queue.work(queue.hire(), "holder")

    lines = command.text("why", str(queue.ids["other"])).splitlines()

    assert lines[0].startswith(f"{queue.ids['other']} test.other waiting for ")
    assert lines[1] == "└── prn:remote exclusive, next in line"
    assert lines[2].startswith(f"    └── held (exclusive) by {queue.ids['ahead']} test.ahead waiting for ")
    assert lines[3] == "        └── prn:repo exclusive, next in line"
    assert lines[4].startswith(f"            └── held (exclusive) by {queue.ids['holder']} test.holder running for ")
    assert lines[5] == "2 tasks go before it. In the end it waits for:"
    assert lines[6].startswith(f"  {queue.ids['holder']} test.holder running for ") and " on 4711@" in lines[6]


def test_a_ready_task_without_workers(queue: Queue, command: Command) -> None:
    queue.add("ready")
    assert "No worker is online: start one with `pulp-worker`." in command.text("why", str(queue.ids["ready"]))


def test_a_ready_task_behind_others(queue: Queue, command: Command) -> None:
    worker = queue.hire()
    for name in ("runs", "next", "last"):
        queue.add(name)
    queue.work(worker, "runs")

    assert "It is the next one; 1 of 1 workers are busy." in command.text("why", str(queue.ids["next"]))
    assert "1 message goes before its own; 1 of 1 workers are busy." in command.text("why", str(queue.ids["last"]))


def test_a_ready_task_whose_message_was_deleted_by_hand(queue: Queue, command: Command) -> None:
    queue.hire()
    queue.add("lost")
    queue.engine.execute("DELETE FROM dramatiq.queue")
    assert "Its message is missing" in command.text("why", str(queue.ids["lost"]))


def test_a_delayed_task(queue: Queue, command: Command) -> None:
    queue.add("delayed", delay=600.0)
    text = command.text("why", str(queue.ids["delayed"]))
    assert "It waits for its time: " in text and "(in 9 min 5" in text


def test_running_canceling_and_ended_tasks(queue: Queue, command: Command) -> None:
    worker = queue.hire()
    queue.add("task")
    queue.work(worker, "task")
    key = str(queue.ids["task"])
    assert "Nothing blocks it: it has been running for " in command.text("why", key)
    queue.engine.cancel(key)
    assert "It was asked to stop." in command.text("why", key)
    queue.end("task", "canceled")
    assert "It has ended: canceled " in command.text("why", key)


def test_json_tells_the_same(queue: Queue, command: Command) -> None:
    queue.add("holder", ["repo"])
    queue.add("late", shared=["repo"])

    found = command.json("why", str(queue.ids["late"]))

    assert found["task"]["task"] == f"/pulp/api/v3/tasks/{queue.ids['late']}/"
    assert found["task"]["phase"] == "blocked" and found["blocking"] == 1
    (wait,) = found["waits"]
    assert (wait["resource"], wait["shared"], wait["holders"], wait["ahead"]) == ("repo", True, 1, 0)
    assert wait["held_by"][0]["task"]["id"] == str(queue.ids["holder"])
    assert found["causes"][0]["phase"] == "ready"
    assert found["workers"] == {"online": 0, "busy": 0}
