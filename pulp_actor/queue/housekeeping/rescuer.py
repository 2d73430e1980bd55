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

logger = get_logger(__name__)


class Rescuer:
    def __init__(self, engine: Engine, *, grace: float = GRACE) -> None:
        self._engine = engine
        self._grace = grace
        self._free_since: dict[UUID, float] = {}
        self._beats: dict[UUID, tuple[int, float]] = {}

    def tick(self) -> float | None:
        now = time.monotonic()
        present = self._engine.execute(SQL.present)
        for worker, _kind, name, beat, free in present:
            free_since = self._free_since.setdefault(worker, now) if free else self._free_since.pop(worker, now)
            if free and now - free_since >= self._grace:
                logger.warning("a process is gone", worker=name)
                declare_gone(self._engine, worker, "died")
            elif self._stood_still(worker, beat, now) >= settings.WORKER_TTL:
                logger.warning("a process hangs", worker=name)
                self._engine.execute(SQL.evict_lease, (worker,))
                declare_gone(self._engine, worker, "stopped responding")
        here = {row[0] for row in present}
        self._free_since = {worker: since for worker, since in self._free_since.items() if worker in here}
        self._beats = {worker: beat for worker, beat in self._beats.items() if worker in here}
        rescue_orphans(self._engine)
        return None

    def _stood_still(self, worker: UUID, beat: int, now: float) -> float:
        last, since = self._beats.get(worker, (None, now))
        if last != beat:
            self._beats[worker] = (beat, now)
            return 0.0
        return now - since
