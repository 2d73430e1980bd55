"""Harmless actors to try a queue with; declared where the setting DIAGNOSTIC_ACTORS is on. They touch no content."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from dramatiq.middleware import Interrupt

from pulp_actor.identifiers import href_of, prn_of
from pulp_actor.models.resources import TASK_GROUP
from pulp_actor.queue import actor, current_task, dispatch
from pulp_actor.queue.groups import finish_group, new_group

PREFIX = "pulpcore.app.tasks.test."
#: Seconds between the moments at which a sleeping actor can be interrupted.
NAP = 0.1


class DeliberateFailure(Exception):
    """What the failing actors raise."""


def _sleep_until(end: float) -> None:
    """Sleep until the monotonic clock says ``end``: in naps, for an exception cannot reach a thread that is inside the
    system call."""
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(NAP, left))


@actor(name=PREFIX + "dummy_task")
def dummy_task() -> None:
    """Do nothing."""


@actor(name=PREFIX + "sleep")
def sleep(seconds: float) -> None:
    """Sleep for ``seconds`` seconds; wakes up when it is cancelled."""
    _sleep_until(time.monotonic() + seconds)


@actor(name=PREFIX + "asleep")
async def asleep(seconds: float) -> None:
    """Sleep for ``seconds`` seconds, as an async actor."""
    await asyncio.sleep(seconds)


@actor(name=PREFIX + "gooey_task")
def gooey_task(seconds: float) -> None:
    """Sleep for ``seconds`` seconds whatever comes: it swallows every interrupt, and can only be killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            _sleep_until(end)
        except Interrupt:
            continue


@actor(name=PREFIX + "failing_task")
def failing_task(error_message: str = "A task that fails on purpose.") -> None:
    """Fail with a message."""
    raise DeliberateFailure(error_message)


@actor(name=PREFIX + "afailing_task")
async def afailing_task(error_message: str = "An async task that fails on purpose.") -> None:
    """Fail with a message, as an async actor."""
    raise DeliberateFailure(error_message)


@actor(name=PREFIX + "dummy_group_task")
def dummy_group_task(children: int = 3, seconds: float = 0.0) -> dict[str, str]:
    """Dispatch ``children`` tasks that sleep for ``seconds`` seconds into this task's group, or a new one."""
    group = _group("Tasks that sleep")
    for _ in range(children):
        dispatch(PREFIX + "sleep", [seconds], task_group=group)
    return _finished(group)


@actor(name=PREFIX + "group_task_with_finalizer")
def group_task_with_finalizer(children: int = 3, seconds: float = 0.0) -> dict[str, str]:
    """As `dummy_group_task`, and dispatch one more task that starts when all the others have ended: they share a lock
    on the group, it takes it exclusively."""
    group = _group("Tasks that sleep, and a last one")
    lock = [prn_of(TASK_GROUP, group)]
    for _ in range(children):
        dispatch(PREFIX + "sleep", [seconds], task_group=group, shared=lock)
    dispatch(PREFIX + "dummy_task", task_group=group, exclusive=lock)
    return _finished(group)


def _group(description: str) -> UUID:
    return current_task().group_id or new_group(description)


def _finished(group: UUID) -> dict[str, str]:
    finish_group(group)
    href = href_of(TASK_GROUP, group)
    current_task().add_created_resource(href, prn_of(TASK_GROUP, group))
    return {"task_group": href}
