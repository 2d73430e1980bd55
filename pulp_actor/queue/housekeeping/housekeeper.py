"""The housekeeper: runs the chores in the one process that was elected for it.

The election is a session advisory lock on the housekeeper's connection: when that process or its connection dies, the
next to ask is elected. One that is stopped, but whose connection is open, is put out of office by those who wait for it:
they watch whether its connection still does anything.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg2

from pulp_actor.db.connection import connect_raw
from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine
from pulp_actor.queue.housekeeping.cleaner import Cleaner
from pulp_actor.queue.housekeeping.healer import Healer
from pulp_actor.queue.housekeeping.rescuer import Rescuer
from pulp_actor.queue.housekeeping.scheduler import Scheduler
from pulp_actor.queue.housekeeping.starter import Starter

#: Seconds between two rounds when nothing is known to be due earlier.
INTERVAL = 2.0
#: Seconds between two applications for the office.
ELECTION_INTERVAL = 2.0
#: Seconds without a sign of work after which the holder of the office is put out of it.
IDLE_HOLDER = 6.0
#: No statement of a chore may wait longer than this for a lock: the process has other things to do.
LOCK_TIMEOUT = "500ms"

logger = get_logger(__name__)


class Housekeeper:
    """Call `tick` from a loop, or `run` in a thread."""

    def __init__(self) -> None:
        self.engine = Engine(_connect)
        self.elected = False
        self._connections = 0
        self._holder: tuple[Any, float] = (None, 0.0)
        self._rescuer = Rescuer(self.engine)
        self._chores = (
            self._rescuer, Starter(self.engine), Scheduler(self.engine), Healer(self.engine),
            Cleaner(self.engine),
        )
        self._stopping = False
        self._wake = threading.Event()

    def tick(self) -> float:
        """One round. Returns the seconds until the next is due; never raises for a database that is away."""
        try:
            if not self._in_office():
                self._watch_holder()
                return ELECTION_INTERVAL
        except psycopg2.Error as error:
            logger.warning("housekeeping was put off", error=" ".join(str(error).split()))
            return INTERVAL
        times = [self._do(chore) for chore in self._chores]
        return max(0.0, min([INTERVAL, *(seconds for seconds in times if seconds is not None)]))

    def run(self) -> None:
        """Rounds until `stop`; for a thread."""
        while not self._stopping:
            self._wake.wait(self.tick())
            self._wake.clear()
        self.engine.close()

    def wake(self) -> None:
        """Have the next round at once: something was delayed, for less long than we sleep perhaps."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def _do(self, chore: Any) -> float | None:
        """One chore. Whatever goes wrong with it, the others are done, and the process lives on."""
        try:
            return chore.tick()
        except psycopg2.Error as error:
            logger.warning("a chore was put off", chore=type(chore).__name__, error=" ".join(str(error).split()))
        except Exception:
            logger.exception("a chore failed", chore=type(chore).__name__)
        return None

    def _in_office(self) -> bool:
        if self.elected and self._connections == self.engine.connections:
            return True
        (won,) = self.engine.execute(SQL.elect)[0]
        if won and not self.elected:
            logger.info("elected housekeeper")
        self.elected, self._connections = won, self.engine.connections
        return won

    def _watch_holder(self) -> None:
        """Put a holder that does nothing out of office. Judged by our monotonic clock and by whether its last statement
        is still the same, so that no clock that is set matters.

        Its workers have perhaps stopped with it. Who may follow therefore watches them as it does: the time for which they
        have been silent is known when the office changes hands.
        """
        self._rescuer.watch()
        seen = tuple(self.engine.execute(SQL.office_holder))
        if seen != self._holder[0]:
            self._holder = (seen, time.monotonic())
        idle_for = time.monotonic() - self._holder[1]
        if seen and idle_for >= IDLE_HOLDER:
            logger.warning("the housekeeper does nothing; putting it out of office", backend=seen[0][0])
            self.engine.execute("SELECT pg_terminate_backend(%s)", (seen[0][0],))


def _connect() -> Any:
    conn = connect_raw(application_name="pulp-actor housekeeper")
    with conn.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    return conn
