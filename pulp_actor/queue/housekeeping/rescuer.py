"""The rescuer: finds workers that are gone and rescues their tasks.

A worker is gone when nobody holds its lease for a few seconds (long enough for a live one to come back after PostgreSQL
restarted or its connection was killed), or when its heartbeat has stood still for `WORKER_TTL` although its connection
is open: then it hangs, or its host is suspended. Both are judged by this process's monotonic clock: a clock that is set
back or forward makes nobody dead. Elapsed time alone is never enough to take a task from a worker that beats.
"""

from __future__ import annotations

import time
from uuid import UUID

from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine
from pulp_actor.queue.rescue import declare_gone, rescue_orphans
from pulp_actor.settings import settings

#: Seconds for which a lease may be free before its owner counts as dead.
GRACE = 5.0
#: Seconds without a look after which what was seen before counts for nothing.
BLIND = 10.0

logger = get_logger(__name__)


class Rescuer:
    def __init__(self, engine: Engine, *, grace: float = GRACE) -> None:
        self._engine = engine
        self._grace = grace
        self._free_since: dict[UUID, float] = {}
        self._beats: dict[UUID, tuple[int, float]] = {}
        self._last_look = 0.0
        self._connections = 0

    def tick(self) -> float | None:
        for worker, name, free_for, silent_for in self.watch():
            if free_for >= self._grace:
                logger.warning("a process is gone", worker=name)
                declare_gone(self._engine, worker, "died")
            elif silent_for >= settings.WORKER_TTL:
                logger.warning("a process hangs", worker=name)
                self._engine.execute(SQL.evict_lease, (worker,))
                declare_gone(self._engine, worker, "stopped responding")
        rescue_orphans(self._engine)
        now = time.monotonic()
        return min((since + self._grace - now for since in self._free_since.values()), default=None)

    def watch(self) -> list[tuple[UUID, str, float, float]]:
        """Look at every process: (id, name, seconds its lease has been free, seconds without a heartbeat)."""
        now = time.monotonic()
        present = self._engine.execute(SQL.present)
        self._forget_if_blind(now)
        here = {row[0] for row in present}
        self._free_since = {worker: since for worker, since in self._free_since.items() if worker in here}
        self._beats = {worker: beat for worker, beat in self._beats.items() if worker in here}
        return [
            (worker, name, self._free_for(worker, free, now), self._silent_for(worker, beat, now))
            for worker, _kind, name, beat, free in present
        ]

    def _forget_if_blind(self, now: float) -> None:
        """Start the watch anew after a time in which nobody could be seen: while the database was away, or this process
        was stopped, the others had no chance to give a sign of life either."""
        if self._connections != self._engine.connections or now - self._last_look > BLIND:
            self._free_since.clear()
            self._beats.clear()
        self._connections, self._last_look = self._engine.connections, now

    def _free_for(self, worker: UUID, free: bool, now: float) -> float:
        if not free:
            self._free_since.pop(worker, None)
            return 0.0
        return now - self._free_since.setdefault(worker, now)

    def _silent_for(self, worker: UUID, beat: int, now: float) -> float:
        last, since = self._beats.get(worker, (None, now))
        if last != beat:
            self._beats[worker] = (beat, now)
            return 0.0
        return now - since
