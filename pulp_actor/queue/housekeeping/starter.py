"""The starter: puts delayed tasks (and retries) in line when they are due.

Due times are in the server's wall clock time. When that clock is set back, they are set back with it: a retry that was
to come in a second must not come in an hour. A clock that is set forward makes tasks early, which does no harm.
"""

from __future__ import annotations

import time

import psycopg2

from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine

#: Seconds until the next attempt at a task whose locks somebody keeps.
RETRY = 1.0
#: Seconds by which the clock must have gone back; less is within what a slow answer can feign.
STEP = 5.0

logger = get_logger(__name__)


class Starter:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._offset: float | None = None

    def tick(self) -> float | None:
        self._follow_clock()
        held = False
        for (task,) in self._engine.execute(SQL.due):
            try:
                self._engine.execute(SQL.start_due, (task,))
            except psycopg2.errors.LockNotAvailable:
                held = True
                logger.debug("somebody holds the locks of a task that is due", task=str(task))
        return RETRY if held else self._engine.execute(SQL.next_due)[0][0]

    def _follow_clock(self) -> None:
        before = time.monotonic()
        ((server,),) = self._engine.execute(SQL.clock)
        offset, self._offset = self._offset, server - before
        if offset is not None and offset - self._offset > STEP:
            back = offset - self._offset
            logger.warning("the server's clock was set back; so are the due times", seconds=round(back))
            self._engine.execute(SQL.shift_due, (back,))
