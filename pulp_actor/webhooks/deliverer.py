"""The thread that delivers: one in each worker process, of which one at a time is elected, by an advisory lock.

It sleeps until the database says that something has been put into the outbox, until the next attempt of something is due,
or for `SWEEP` seconds, in case the process that was elected has died. dramatiq middleware, so that it lives as long as a
worker.
"""

from __future__ import annotations

import threading
from typing import Any

import psycopg2
from dramatiq import Broker
from dramatiq.middleware import Middleware
from peewee import DatabaseError, InterfaceError

from pulp_actor.db import connected, database, load_queries
from pulp_actor.logs import get_logger

#: Channel on which a trigger says that something was put into the outbox.
CHANNEL = "pulp_webhooks"
#: Key of the advisory lock of the one who delivers.
OFFICE = 0x70756C70_77656268
#: Seconds between two looks when nobody says anything.
SWEEP = 30.0

SQL = load_queries("pulp_actor.webhooks", "delivery.sql")
logger = get_logger(__name__)


class Deliverer(Middleware):
    """Delivers while its worker runs."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._stopping = False

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        self._stopping = False
        broker.hub.subscribe(CHANNEL, lambda _payload: self._wake.set())  # type: ignore[attr-defined]
        threading.Thread(target=self.run, name="webhooks", daemon=True).start()

    def before_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Rounds until `stop`."""
        while not self._stopping:
            self._wake.clear()
            self._wake.wait(self.round())

    def round(self) -> float:
        """Deliver what is due, if nobody else does. Returns the seconds until there is something to do."""
        try:
            with connected():
                return self._round()
        except (DatabaseError, InterfaceError, psycopg2.Error) as error:
            logger.warning("webhooks were put off", error=" ".join(str(error).split()))
        except Exception:
            logger.exception("webhooks were put off")
        return SWEEP

    def _round(self) -> float:
        from pulp_actor.webhooks.delivery import deliver_due  # noqa: PLC0415  (only workers need an HTTP client)

        seconds = self._next_due()
        if seconds > 0:
            return seconds
        if not database.execute_sql(SQL.elect, (OFFICE,)).fetchone()[0]:
            return SWEEP
        try:
            while not self._stopping and deliver_due():
                continue
            database.execute_sql(SQL.forget)
        finally:
            database.execute_sql(SQL.resign, (OFFICE,))
        return max(0.0, self._next_due())

    @staticmethod
    def _next_due() -> float:
        (seconds,) = database.execute_sql(SQL.next_due).fetchone()
        return SWEEP if seconds is None else min(SWEEP, seconds)
