"""Actors that misbehave: each harms its own task at most."""

from __future__ import annotations

import pytest

from tests.faults import invariants
from tests.support.workers.lab import Lab


def test_an_actor_that_never_returns_holds_its_own_resource_only(lab: Lab) -> None:
    lab.workers(2)
    stuck = lab.send("forever", exclusive=["a"])
    lab.await_begin(stuck)
    behind = lab.send("noop", exclusive=["a"])
    others = [lab.send("noop", exclusive=["b"]) for _ in range(20)]
    assert {lab.await_end(task)["state"] for task in others} == {"completed"}
    assert lab.state(behind) == "waiting"
    lab.cancel(stuck)
    assert lab.await_end(stuck)["state"] == "canceled"
    assert lab.await_end(behind)["state"] == "completed"
    invariants.check(lab)


@pytest.mark.parametrize(("actor", "argument", "state", "words"), [
    ("leave", 0, "failed", "left while it ran this task"),
    ("leave", 3, "failed", "died (exit code 3) while it ran this task"),
    ("exit_politely", 3, "failed", "SystemExit"),
    ("fail", "on purpose", "failed", "ValueError: on purpose"),
    ("unstorable", "nul", "failed", "cannot be stored"),
    ("unstorable", "surrogate", "failed", "cannot be stored"),
    ("unstorable", "object", "failed", "cannot be stored"),
    ("careless_thread", None, "completed", ""),
    ("fork_and_return", None, "completed", ""),
    ("fork_and_linger", 60, "failed", "was killed (SIGKILL)"),
])
def test_an_actor_that_misbehaves(lab: Lab, actor: str, argument: object, state: str, words: str) -> None:
    lab.workers(1)
    task = lab.send(actor, *([] if argument is None else [argument]), exclusive=["a"])
    behind = lab.send("backend", exclusive=["a"])
    row = lab.await_end(task)
    assert row["state"] == state
    assert words in (row["error"] or {"description": ""})["description"]
    assert lab.await_end(behind)["state"] == "completed"
    invariants.check(lab, [task, behind])


def test_an_actor_that_leaks_memory_has_its_process_replaced(lab: Lab) -> None:
    service = lab.workers(1, max_memory=250)
    first = service.children
    tasks = [lab.send("hoard", 100, exclusive=["a"]) for _ in range(4)]
    assert {lab.await_end(task)["state"] for task in tasks} == {"completed"}
    assert max(lab.task(task)["result"] for task in tasks) <= 3
    assert lab.await_end(lab.send("who"))["result"] not in first
    invariants.check(lab, tasks)


def test_a_safe_task_that_kills_every_worker_fails_in_the_end(lab: Lab) -> None:
    lab.workers(2)
    poison = lab.send("leave_safely", 3, exclusive=["a"])
    behind = lab.send("noop", exclusive=["a"])
    row = lab.await_end(poison, 60)
    assert (row["state"], row["retries"]) == ("failed", 20)
    assert lab.await_end(behind)["state"] == "completed"
    invariants.check(lab, [poison, behind])
