"""The healer: the net under what should never happen, such as messages deleted by hand.

It also puts messages in line that a stock dramatiq-pg producer sent with a delay.
"""

from __future__ import annotations

import time

from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine

#: Seconds between two looks.
INTERVAL = 4.0

logger = get_logger(__name__)


class Healer:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = 0.0

    def tick(self) -> float | None:
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + INTERVAL
        (healed,) = self._engine.execute(SQL.heal)[0]
        if healed:
            logger.warning("put lost or delayed messages in line", messages=healed)
        return None
