"""The starter: puts delayed tasks (and retries) in line when they are due."""

from __future__ import annotations

import psycopg2

from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine

logger = get_logger(__name__)


#: Seconds until the next attempt at a task whose locks somebody keeps.
RETRY = 1.0


class Starter:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tick(self) -> float | None:
        held = False
        for (task,) in self._engine.execute(SQL.due):
            try:
                self._engine.execute(SQL.start_due, (task,))
            except psycopg2.errors.LockNotAvailable:
                held = True
                logger.debug("somebody holds the locks of a task that is due", task=str(task))
        return RETRY if held else self._engine.execute(SQL.next_due)[0][0]
