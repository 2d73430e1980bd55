"""The cleaner: drops finished tasks after `TASK_PROTECTION_TIME`, old results, and the names of processes long gone."""

from __future__ import annotations

import time

from pulp_actor.queue.engine import SQL, Engine
from pulp_actor.settings import settings

#: Seconds between two cleanings.
INTERVAL = 300.0


class Cleaner:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = time.monotonic() + INTERVAL

    def tick(self) -> float | None:
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + INTERVAL
        self._engine.execute(SQL.clean_messages)
        self._engine.execute(SQL.clean_workers)
        self._engine.execute(SQL.clean_rate_limits)
        if settings.TASK_PROTECTION_TIME:
            self._engine.execute(SQL.clean_tasks, (settings.TASK_PROTECTION_TIME,))
        return None
