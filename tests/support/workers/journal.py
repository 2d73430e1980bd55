"""A journal of what actors really did: one line per event, appended to a file, so that it survives every fault that is
injected into the database and into the process that writes it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

_path: str | None = None


@dataclass(frozen=True)
class Event:
    """``what`` is ``begin`` or ``end`` (or a word of an actor's own); ``at`` is CLOCK_MONOTONIC in nanoseconds, which all
    processes of a machine share."""

    task: UUID
    what: str
    pid: int
    at: int


def open_journal(path: str | Path) -> None:
    """Where `note` writes in this process and those it forks."""
    global _path
    _path = str(path)


def note(task: UUID | None, what: str) -> None:
    """Append an event."""
    if _path is None or task is None:
        return
    fd = os.open(_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, f"{task} {what} {os.getpid()} {time.monotonic_ns()}\n".encode())
    finally:
        os.close(fd)


def read(path: str | Path) -> list[Event]:
    """Every event so far, in the order of writing."""
    if not Path(path).exists():
        return []
    rows = [line.split() for line in Path(path).read_text().splitlines()]
    return [Event(UUID(task), what, int(pid), int(at)) for task, what, pid, at in rows]
