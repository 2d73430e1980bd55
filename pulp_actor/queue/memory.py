"""The task engine in memory: the same promises as `pulp_actor.queue.engine.Engine`, in a page.

It is what `StubTaskBroker` runs on, and it doubles as the specification that the SQL is tested against: states, grants,
and the order in which tasks become ready and are claimed are the same after each step. It knows neither a database nor
a worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pulp_actor.queue.engine import Claim, Running, TaskSpec

#: How far apart the turns of one fair key are in virtual time, and what one step of priority is worth.
TURN, PRIORITY_STEP = 100, 1000

FINAL = ("completed", "failed", "canceled", "skipped")


@dataclass
class MemoryTask:
    """A task and its record. ``due_at`` is in seconds of the monotonic clock, None once it is due."""

    spec: TaskSpec
    message: str
    state: str = "waiting"
    attempt: int = 0
    worker: UUID | None = None
    due_at: float | None = None
    retries: int = 0
    result: Any = None
    error: Any = None
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    created_resources: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Ticket:
    """A lock of an unfinished task: held when ``granted``, else waiting its turn."""

    task: UUID
    shared: bool
    granted: bool


@dataclass(order=True)
class Ready:
    """A message in its queue; claimed in order of ``rank``, then ``seq``."""

    rank: int
    seq: int
    task: UUID
    queue: str
    fair_key: str
    tag: int


class MemoryEngine:
    """Safe to use from several threads.

    Parameters:
        notify: called with the name of a channel where the real engine would NOTIFY.

    Attributes:
        tasks: every task, in order of dispatch.
        lines: for each resource, the tickets on it in order.
        ready: the messages that can be claimed.
        changed: notified after each change.
    """

    connections = 0

    def __init__(self, notify: Callable[[str], None] = lambda channel: None) -> None:
        self.tasks: dict[UUID, MemoryTask] = {}
        self.lines: dict[str, list[Ticket]] = {}
        self.ready: list[Ready] = []
        self.changed = threading.Condition(threading.RLock())
        self._notify = notify
        self._virtual_time = 0
        self._seq = 0

    def dispatch(self, specs: Iterable[TaskSpec], *, cursor: Any = None) -> None:
        """Add tasks; one that is unfinished already stays as it is."""
        with self.changed:
            for spec in specs:
                known = self.tasks.get(spec.id)
                if known is not None and known.state not in FINAL:
                    continue
                self.tasks.pop(spec.id, None)
                task = self.tasks[spec.id] = MemoryTask(spec, spec.message, attempt=known.attempt if known else 0)
                self._wait(task, spec.delay)

    def claim(self, queue: str, worker: UUID) -> Claim | None:
        """The next message of ``queue``, now running under ``worker``'s lease, or None."""
        with self.changed:
            message = min((one for one in self.ready if one.queue == queue), default=None)
            if message is None:
                return None
            self.ready.remove(message)
            self._virtual_time = max(self._virtual_time + 1, message.tag)
            task = self.tasks[message.task]
            task.state, task.worker, task.attempt = "running", worker, task.attempt + 1
            self.changed.notify_all()
            return Claim(task.spec.id, worker, task.attempt, task.message)

    def finish(self, claim: Claim | Running, state: str, *, error: Any = None, result: Any = None) -> bool:
        """End a task; its locks go to the next in line. False: the lease was lost and nothing was changed."""
        return self.finish_with(claim, state, (), error=error, result=result)

    def finish_and_claim(
        self, claim: Claim, state: str, queue: str, *, error: Any = None, result: Any = None,
    ) -> tuple[bool, Claim | None]:
        """As `finish` and then `claim`."""
        with self.changed:
            return self.finish(claim, state, error=error, result=result), self.claim(queue, claim.worker)

    def finish_with(self, claim: Claim | Running, state: str, followups: Sequence[TaskSpec], *, error: Any = None,
                    result: Any = None) -> bool:
        """As `finish`, and dispatch what follows from the task."""
        with self.changed:
            task = self._held(claim, "running", "canceling")
            if task is None:
                return False
            task.state, task.error, task.result = state, error, result
            self._release(task)
            self.dispatch(followups)
            return True

    def give_back(self, claim: Claim | Running, *, delay: float | None = None, message: str | None = None,
                  error: Any = None, count: bool = False) -> bool:
        """Send a running task to the end of its line, after ``delay`` seconds if given; one that is being cancelled ends."""
        with self.changed:
            if self._held(claim, "canceling"):
                return self.finish(claim, "canceled")
            task = self._held(claim, "running")
            if task is None:
                return False
            task.state, task.worker, task.error = "waiting", None, error
            task.message = message or task.message
            task.retries += count
            self._release(task)
            self._wait(task, delay)
            return True

    def cancel(self, key: UUID) -> str | None:
        """Cancel a task. Returns the state it is in then, or None when there is no such task."""
        with self.changed:
            task = self.tasks.get(key)
            if task is None:
                return None
            if task.state == "waiting":
                self.ready = [one for one in self.ready if one.task != key]
                task.state, task.due_at = "canceled", None
                self._release(task)
            elif task.state == "running":
                task.state = "canceling"
                self._notify("pulp_task_cancel")
            return task.state

    def start_due(self, key: UUID) -> bool:
        """Put a delayed task in line. False: it is in line already, or has ended."""
        with self.changed:
            task = self.tasks[key]
            if task.state != "waiting" or task.due_at is None:
                return False
            self._wait(task, None)
            return True

    def lose(self, worker: UUID) -> None:
        """What becomes of the tasks of a worker that died, in order of dispatch."""
        for running in self.running_of([worker]):
            if running.canceling:
                self.finish(running, "canceled")
            elif running.retry_on_loss:
                self.give_back(running, count=True)
            else:
                self.finish(running, "failed")

    def _held(self, claim: Claim | Running, *states: str) -> MemoryTask | None:
        task = self.tasks.get(claim.task)
        if task is None or task.state not in states or (task.worker, task.attempt) != (claim.worker, claim.attempt):
            return None
        return task

    def _wait(self, task: MemoryTask, delay: float | None) -> None:
        """Have a task wait: until it is due, else for its locks, else for a worker."""
        task.due_at = None if delay is None else time.monotonic() + delay
        if delay is not None:
            self._notify("pulp_task_delayed")
        else:
            self._take(task)
            if not self.blockers(task):
                self._enqueue(task)
        self.changed.notify_all()

    def _take(self, task: MemoryTask) -> None:
        """An exclusive ticket is granted if no ticket stands, a shared one if no exclusive one stands, held or waiting."""
        for resource in task.spec.exclusive:
            line = self.lines.setdefault(resource, [])
            line.append(Ticket(task.spec.id, False, granted=not line))
        for resource in task.spec.shared:
            line = self.lines.setdefault(resource, [])
            line.append(Ticket(task.spec.id, True, granted=all(ticket.shared for ticket in line)))

    def _release(self, task: MemoryTask) -> None:
        """Grant each resource to whoever is next: the first, and, if that is shared, all shared ones behind it."""
        candidates: set[UUID] = set()
        for resource in (*task.spec.exclusive, *task.spec.shared):
            line = self.lines[resource] = [one for one in self.lines.get(resource, ()) if one.task != task.spec.id]
            for place, ticket in enumerate(line):
                if place and not (ticket.shared and line[place - 1].shared):
                    break
                if not ticket.granted:
                    ticket.granted = True
                    candidates.add(ticket.task)
        for other in list(self.tasks.values()):
            if other.spec.id in candidates and not self.blockers(other):
                self._enqueue(other)
        self.changed.notify_all()

    def blockers(self, task: MemoryTask) -> int:
        """How many of its locks a task lacks."""
        names = (*task.spec.exclusive, *task.spec.shared)
        return sum(not one.granted for name in names for one in self.lines.get(name, ()) if one.task == task.spec.id)

    def _enqueue(self, task: MemoryTask) -> None:
        """A message's turn comes one step after the last turn of the same fair key, and not before now."""
        key = f"{task.spec.priority} {task.spec.fair_key}"
        last = max((one.tag for one in self.ready if one.fair_key == key), default=-TURN)
        tag = max(last + TURN, self._virtual_time, 1)
        self._seq += 1
        self.ready.append(Ready(
            tag + task.spec.priority * PRIORITY_STEP, self._seq, task.spec.id, task.spec.queue, key, tag))
        self._notify(f"dramatiq.{task.spec.queue}.enqueue")

    # What brokers and middleware ask for

    def running_of(self, workers: Sequence[UUID]) -> list[Running]:
        with self.changed:
            return [
                Running(key, task.worker, task.attempt, task.state == "canceling", task.spec.retry_on_loss)
                for key, task in self.tasks.items()
                if task.worker in workers and task.worker is not None and task.state in ("running", "canceling")
            ]

    def canceling_of(self, workers: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        return [(running.task, running.worker) for running in self.running_of(workers) if running.canceling]

    def waiting_in(self, queue: str) -> list[UUID]:
        with self.changed:
            return [key for key, task in reversed(self.tasks.items())
                    if task.spec.queue == queue and task.state == "waiting"]

    def report_progress(self, task: UUID, code: str, message: str, state: str, total: int | None, done: int,
                        suffix: str | None) -> None:
        self.tasks[task].progress[code] = {
            "message": message, "state": state, "total": total, "done": done, "suffix": suffix}

    def add_created_resource(self, task: UUID, href: str, prn: str, *, cursor: Any = None) -> None:
        self.tasks[task].created_resources.append((href, prn))

    def close(self) -> None:
        """There is nothing to close."""
