"""The queue at a glance: what `pulp-actor tasks top` draws. Like `inspect`, it only reads, and knows no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pulp_actor.db import connected, database
from pulp_actor.queue.inspect import SQL

#: How many resources are listed.
HOTTEST = 10


@dataclass(frozen=True)
class Process:
    """A process that is online. ``alive`` is False when nobody holds its lease: it is dead, and about to be declared
    so, or has yet to come back after the database was restarted. Of a worker with several threads there is one row per
    task."""

    id: UUID
    name: str
    host: str
    kind: str
    alive: bool
    since: datetime
    last_heartbeat: datetime
    task: UUID | None
    actor: str | None
    state: str | None
    started: datetime | None


@dataclass(frozen=True)
class HotResource:
    """A resource that tasks wait for: how many, since when the first, how many hold it, and one that does."""

    resource: str
    waiting: int
    since: datetime
    holders: int
    held_by: UUID | None


@dataclass(frozen=True)
class Overview:
    """The queue at ``now``. ``ready`` tasks wait for a worker, ``blocked`` ones for locks, ``delayed`` ones for their
    time. ``oldest_waiting`` is when the oldest task that is not delayed was created, ``oldest_ready`` since when the
    first in line is ready. ``queues``: messages ready in each queue."""

    ready: int
    blocked: int
    delayed: int
    running: int
    canceling: int
    oldest_waiting: datetime | None
    oldest_ready: datetime | None
    now: datetime
    queues: dict[str, int]
    processes: list[Process]
    hottest: list[HotResource]

    @property
    def workers(self) -> list[Process]:
        return [process for process in self.processes if process.kind == "worker"]


def overview() -> Overview:
    """The queue as it is now."""
    with connected():
        counts = database.execute_sql(SQL.counts).fetchone()
        queues = dict(database.execute_sql(SQL.queues).fetchall())
        processes = [_process(*row) for row in database.execute_sql(SQL.workers).fetchall()]
        hottest = [HotResource(*row) for row in database.execute_sql(SQL.hottest, (HOTTEST,)).fetchall()]
    ready, blocked, delayed, running, canceling, oldest_waiting, oldest_ready, now = counts
    return Overview(
        ready, blocked, delayed, running, canceling, oldest_waiting, oldest_ready, now, queues, processes, hottest)


def _process(
    key: UUID, name: str, host: str, kind: str, lease_is_free: bool, since: datetime, last_heartbeat: datetime,
    task: UUID | None, actor: str | None, state: str | None, started: datetime | None,
) -> Process:
    return Process(
        key, name, host, kind, not lease_is_free, since, last_heartbeat, task, actor, state, started)
