"""Keeps the worker's lease, and its share of the housekeeping, from threads of the worker process itself.

For processes that our supervisor did not start, such as those of the stock ``dramatiq`` command. A heartbeat from inside
the process stops when an actor's C code holds the interpreter lock for longer than ``WORKER_TTL``; `pulp-worker` does not
have that weakness.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from dramatiq.broker import Broker
from dramatiq.middleware import Middleware

from pulp_actor.logs import get_logger
from pulp_actor.queue.errors import LeaseLost
from pulp_actor.queue.housekeeping import Housekeeper
from pulp_actor.queue.leases import LeaseThread, Member

#: Channel on which the engine tells that a task was delayed.
DELAYED_CHANNEL = "pulp_task_delayed"

logger = get_logger(__name__)


class Lease(Middleware):
    """Does nothing in a process that a supervisor looks after (``broker.supervised``)."""

    def __init__(self) -> None:
        self._lease: LeaseThread | None = None
        self._housekeeper: Housekeeper | None = None

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        if broker.supervised:  # type: ignore[attr-defined]
            return
        # A lease of its own for each boot: forked workers share the broker's first one, and one that left stays gone.
        member = Member("worker", os.getpid())
        broker.worker_id = member.id  # type: ignore[attr-defined]
        self._lease = LeaseThread(member, on_lost=lambda: self._start_over(broker))
        self._lease.start()
        self._housekeeper = Housekeeper()
        broker.hub.subscribe(DELAYED_CHANNEL, self._wake_housekeeper)  # type: ignore[attr-defined]
        threading.Thread(target=self._housekeeper.run, name="housekeeper", daemon=True).start()

    def after_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        if self._housekeeper:
            self._housekeeper.stop()
        if self._lease:
            self._lease.stop()

    def _wake_housekeeper(self, _payload: str | None) -> None:
        if self._housekeeper:
            self._housekeeper.wake()

    def _start_over(self, broker: Any) -> Member:
        """We were declared gone, and our tasks were rescued: stop working on them and go on as somebody new."""
        logger.warning("this worker was declared gone; starting over", worker=str(broker.worker_id))
        broker.interrupt_all(LeaseLost)
        member = Member("worker", os.getpid())
        broker.worker_id = member.id
        return member
