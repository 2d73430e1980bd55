"""What must hold after every fault: no task lost, none run twice unless it was declared safe, no lock left, no overlap of
conflicting tasks, first come first served on each resource.

It reads the history that the lab's triggers wrote inside the engine's critical sections, whose order is exact, and the
journal of what actors really did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.support.workers.lab import Lab


@dataclass
class Report:
    """What was found. ``faults`` is empty when all is well."""

    tasks: int = 0
    runs: int = 0
    states: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.tasks} tasks, {self.runs} runs, {dict(self.states)}; faults: {self.faults[:10]}"


def check(lab: Lab, sent: Iterable[UUID] | None = None) -> Report:
    """Check every promise once all tasks have ended. ``sent``: the tasks whose dispatch was answered."""
    report = Report()
    _nothing_lost(lab, sent, report)
    _nothing_left(lab, report)
    _none_run_twice(lab, report)
    _locks_respected(lab, report)
    _no_real_overlap(lab, report)
    assert not report.faults, str(report)
    return report


def _nothing_lost(lab: Lab, sent: Iterable[UUID] | None, report: Report) -> None:
    states = dict(lab.sql("SELECT id::text, state FROM task"))
    report.tasks, report.states = len(states), Counter(states.values())
    report.faults += [f"dispatched and gone: {task}" for task in sent or () if str(task) not in states]
    report.faults += [f"never ended: {task} is {state}" for task, state in states.items()
                      if state in ("waiting", "running", "canceling")]


def _nothing_left(lab: Lab, report: Report) -> None:
    report.faults += [f"ticket left: {row}" for row in lab.sql("SELECT task_id, resource, granted FROM task_ticket")]
    report.faults += [f"message left: {row}" for row in lab.sql(
        "SELECT message_id FROM dramatiq.queue WHERE state = 'queued'")]


def _none_run_twice(lab: Lab, report: Report) -> None:
    runs = Counter(event.task for event in lab.events(what="begin"))
    report.runs = sum(runs.values())
    allowed = {UUID(task): 1 + retries for task, retries in lab.sql("SELECT id::text, retries FROM task")}
    safe = {UUID(task) for (task,) in lab.sql("SELECT id::text FROM task WHERE retry_on_loss")}
    report.faults += [f"ran {count} times: {task}" for task, count in runs.items()
                      if task not in safe and count > allowed.get(task, 1)]
    completed = {UUID(task) for (task,) in lab.sql("SELECT id::text FROM task WHERE state = 'completed'")}
    report.faults += [f"completed and never ran: {task}" for task in completed if not runs[task]]


def _locks_respected(lab: Lab, report: Report) -> None:
    """Along each resource's line: a task starts only after every conflicting ticket before its own has been released."""
    starts = defaultdict(list)
    for task, at in lab.sql("SELECT task, at FROM lab_task WHERE new = 'running' ORDER BY at"):
        starts[task].append(at)
    line: Any = None
    exclusive_until = any_until = 0
    for resource, task, seq, shared, taken, granted, released in lab.sql(
        "SELECT resource, task, seq, shared, taken, granted, released FROM lab_ticket ORDER BY resource, seq"
    ):
        if resource != line:
            line, exclusive_until, any_until = resource, 0, 0
        if released is None:
            report.faults.append(f"ticket never released: {task} on {resource}")
            continue
        before = exclusive_until if shared else any_until
        ran = [at for at in starts[task] if taken < at < released]
        if granted is not None and granted < before:
            report.faults.append(f"granted out of turn: {task} on {resource} (ticket {seq})")
        if ran and (granted is None or ran[0] < before or ran[0] < granted):
            report.faults.append(f"started out of turn: {task} on {resource} (ticket {seq})")
        any_until = max(any_until, released)
        if not shared:
            exclusive_until = max(exclusive_until, released)


def _no_real_overlap(lab: Lab, report: Report) -> None:
    """As the actors saw it, by the machine's monotonic clock. A run without an end was killed: it is not judged here."""
    begun: dict[tuple[UUID, int], int] = {}
    spans = defaultdict(list)
    for event in lab.events():
        if event.what == "begin":
            begun[event.task, event.pid] = event.at
        elif event.what == "end" and (event.task, event.pid) in begun:
            spans[event.task].append((begun.pop((event.task, event.pid)), event.at))
    held = defaultdict(list)
    for task, exclusive, shared in lab.sql("SELECT id, exclusive, shared FROM task"):
        for start, end in spans[UUID(str(task))]:
            for resource in exclusive:
                held[resource].append((start, end, False, task))
            for resource in shared:
                held[resource].append((start, end, True, task))
    for resource, uses in held.items():
        _sweep(resource, sorted(uses), report)


def _sweep(resource: str, uses: list[tuple[int, int, bool, Any]], report: Report) -> None:
    exclusive_until = any_until = 0
    for start, end, shared, task in uses:
        if start < (exclusive_until if shared else any_until):
            report.faults.append(f"ran beside a conflicting task: {task} on {resource}")
        any_until = max(any_until, end)
        if not shared:
            exclusive_until = max(exclusive_until, end)
