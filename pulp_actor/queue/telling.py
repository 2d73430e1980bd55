"""What is said of tasks, in words and as JSON: the same on a terminal, in ``--json`` and through the API.

It turns what `inspect` and `overview` return into sentences and plain values. It asks nobody anything and knows no
terminal.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

from pulp_actor.identifiers import href_of, registry
from pulp_actor.queue.inspect import Blocker, Explanation, TaskInfo, Wait
from pulp_actor.queue.models import Task


def duration(length: timedelta | None, units: int = 2) -> str:
    """A length of time in the two largest units that matter, or in one: ``850 ms``, ``12 s``, ``4 min 10 s``."""
    if length is None:
        return ""
    seconds = max(0.0, length.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, unit, smaller_size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest and units > 1 else "")
    return f"{whole} s"


def moment_text(moment: datetime | None, now: datetime) -> str:
    """A moment with its distance from now: ``2026-01-02 05:04:05 UTC (in 2 h)``."""
    if moment is None:
        return ""
    distance = f"in {duration(moment - now)}" if moment > now else f"{duration(now - moment)} ago"
    return f"{moment:%Y-%m-%d %H:%M:%S %Z} ({distance})"


def short_name(actor: str) -> str:
    """The last two parts of an actor's name."""
    return ".".join(actor.split(".")[-2:])


def verdict(why: Explanation) -> str:
    """Why a task does not run, or what it does, in a sentence or two."""
    task, now = why.task, why.now
    phase = task.phase
    if phase == "blocked":
        before = "1 task goes" if why.blocking == 1 else f"{why.blocking} tasks go"
        return f"{before} before it."
    if phase == "ready":
        return f"Nothing blocks it; it waits for a worker. {_prospects(why)}"
    if phase == "delayed":
        return f"It waits for its time: {moment_text(task.eta, now)}." if task.eta and task.eta > now else (
            "Its time has come; the housekeeper of a running worker puts it in line.")
    if phase == "running":
        return f"Nothing blocks it: it has been running for {duration(now - task.since)} on {task.worker}."
    if phase == "canceling":
        return f"It was asked to stop. {task.worker} interrupts it, and its supervisor kills it if it does not react."
    return f"It has ended: {task.state} {duration(now - task.since)} ago."


def _prospects(why: Explanation) -> str:
    online, busy = why.workers
    if not online:
        return "No worker is online: start one with `pulp-worker`."
    staff = f"{busy} of {online} workers are busy"
    if why.messages_before is None:
        return f"Its message is missing; the housekeeper of a running worker puts it back within seconds. {staff}."
    before = {0: "It is the next one", 1: "1 message goes before its own"}.get(
        why.messages_before, f"{why.messages_before} messages go before its own")
    return f"{before}; {staff}."


# As JSON: times stay `datetime`, which whoever encodes writes in its own way


def task_json(task: TaskInfo) -> dict[str, Any]:
    """A task in a line."""
    href = href_of(registry.get(Task), task.id)
    return {"task": href, "phase": task.phase, "since": task.since, **dataclasses.asdict(task)}


def explanation_json(why: Explanation) -> dict[str, Any]:
    """Why a task does not run, with the verdict."""
    online, busy = why.workers
    return {
        "task": task_json(why.task), "verdict": verdict(why), "now": why.now, "blocking": why.blocking,
        "waits": [_wait_json(wait) for wait in why.waits], "causes": [task_json(cause) for cause in why.causes],
        "messages_before": why.messages_before, "workers": {"online": online, "busy": busy},
    }


def _wait_json(wait: Wait) -> dict[str, Any]:
    return {
        "resource": wait.resource, "shared": wait.shared, "holders": wait.holders, "ahead": wait.ahead,
        "held_by": [_blocker_json(blocker) for blocker in wait.held_by],
        "next_in_line": [_blocker_json(blocker) for blocker in wait.next_in_line],
    }


def _blocker_json(blocker: Blocker) -> dict[str, Any]:
    return {
        "task": task_json(blocker.task), "shared": blocker.shared, "repeated": blocker.repeated, "cut": blocker.cut,
        "waits": [_wait_json(wait) for wait in blocker.waits],
    }
