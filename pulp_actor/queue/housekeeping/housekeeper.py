"""The housekeeper: runs the chores in the one process that was elected for it.

The election is a session advisory lock on the housekeeper's connection: when that process or its connection dies, the
next to ask is elected.
"""

from __future__ import annotations

import threading

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
ELECTION_INTERVAL = 4.0
#: No statement of a chore may wait longer than this for a lock: the process has other things to do.
LOCK_TIMEOUT = "2s"

logger = get_logger(__name__)


class Housekeeper:
    """Call `tick` from a loop, or `run` in a thread."""

    def __init__(self) -> None:
        self.engine = Engine(lambda: connect_raw(application_name="pulp-actor housekeeper"))
        self.elected = False
        self._connections = 0
        self._chores = (
            Starter(self.engine), Rescuer(self.engine), Scheduler(self.engine), Healer(self.engine),
            Cleaner(self.engine),
        )
        self._stopping = threading.Event()

    def tick(self) -> float:
        """One round. Returns the seconds until the next is due; never raises for a database that is away."""
        try:
            if not self._in_office():
                return ELECTION_INTERVAL
            times = [chore.tick() for chore in self._chores]
            return max(0.0, min([INTERVAL, *(seconds for seconds in times if seconds is not None)]))
        except psycopg2.Error as error:
            logger.warning("housekeeping was put off", error=" ".join(str(error).split()))
            return INTERVAL

    def run(self) -> None:
        """Rounds until `stop`; for a thread."""
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = self.tick()
        self.engine.close()

    def stop(self) -> None:
        self._stopping.set()

    def _in_office(self) -> bool:
        if self.elected and self._connections == self.engine.connections:
            return True
        (won,) = self.engine.execute(SQL.elect)[0]
        if won and not self.elected:
            logger.info("elected housekeeper")
        self.elected, self._connections = won, self.engine.connections
        if won:
            self.engine.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        return won
