"""SIGKILL of a worker process, and of a whole service, at each step of a task's way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from uuid import UUID

import pytest

from tests.faults import invariants
from tests.support.workers import gates
from tests.support.workers.lab import Gate, Lab
from tests.support.workers.waiting import eventually, stopwatch

#: Steps after which the end stands, or will stand as soon as the server goes on.
WRITTEN = ("ending", "ended")


def at_step(lab: Lab, step: str, actor: str, stack: ExitStack) -> tuple[UUID, list[UUID], Gate | None]:
    """Bring a task to a step and hold it there. Returns (task, tasks behind it, the gate or None)."""
    gate = None if step == "running" else stack.enter_context(lab.closed_gate(step))
    seconds = 0.3 if gate else 60 if actor == "nap" else 1
    task = lab.send(actor, seconds, exclusive=["a"], shared=["b"])
    # A process that has ended a task goes for the next at once: what is behind must not be that one.
    behind = [] if step == "ended" else [lab.send("noop", exclusive=["a"]), lab.send("noop", exclusive=["b"])]
    if gate:
        gate.await_visitor()
    else:
        lab.await_begin(task)
    return task, behind, gate


@pytest.mark.parametrize("actor", ["nap", "safe_nap"])
@pytest.mark.parametrize("step", ["claiming", "claimed", "running", "ran", "ending", "ended"])
def test_kill_a_worker_process(
    lab: Lab, step: str, actor: str, figure: Callable[[str, float], None]
) -> None:
    service = lab.workers(1, gates=True)
    with ExitStack() as stack:
        task, behind, gate = at_step(lab, step, actor, stack)
        (child,) = service.children
        elapsed = stopwatch()
        os.kill(child, signal.SIGKILL)
        eventually(lambda: service.children and child not in service.children, 10, "a new process")
        if gate:
            gate.open()
        expect_end(lab, task, step, actor)
        for one in behind:
            assert lab.await_end(one)["state"] == "completed"
    figure(f"worker killed at {step} ({actor}) to next task done", elapsed())
    assert elapsed() < 10
    invariants.check(lab, [task, *behind])


@pytest.mark.parametrize("actor", ["nap", "safe_nap"])
@pytest.mark.parametrize("step", ["claiming", "claimed", "running", "ran", "ending", "ended"])
def test_kill_a_service(lab: Lab, step: str, actor: str, figure: Callable[[str, float], None]) -> None:
    doomed = lab.workers(1, gates=True)
    with ExitStack() as stack:
        task, behind, gate = at_step(lab, step, actor, stack)
        children = doomed.children
        lab.workers(1)
        elapsed = stopwatch()
        doomed.signal(signal.SIGKILL)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), 5, "its children's end")
        if gate:
            gate.open()
        expect_end(lab, task, step, actor)
        for one in behind:
            assert lab.await_end(one)["state"] == "completed"
    figure(f"service killed at {step} ({actor}) to next task done", elapsed())
    assert elapsed() < 10
    invariants.check(lab, [task, *behind])


def expect_end(lab: Lab, task: UUID, step: str, actor: str) -> None:
    row = lab.await_end(task)
    if step in WRITTEN or actor == "safe_nap":
        assert row["state"] == "completed", row["error"]
    else:
        assert row["state"] == "failed"
        assert "while it ran this task" in row["error"]["description"]


def test_every_step_is_tried() -> None:
    assert set(gates.STEPS) | {"running"} == {"claiming", "claimed", "running", "ran", "ending", "ended"}


def test_a_supervisor_that_dies_while_it_starts_a_child_leaves_no_orphan(lab: Lab) -> None:
    """The child waits for its lease; when its parent dies first, it must go too."""
    lab.sql("BEGIN; LOCK TABLE worker IN EXCLUSIVE MODE")
    try:
        service = lab.workers(1, ready=False)
        (child,) = eventually(lambda: service.children, 10)
        service.signal(signal.SIGKILL)
        eventually(lambda: not os.path.exists(f"/proc/{child}"), 10, "the child's end")
    finally:
        lab.sql("ROLLBACK")
