"""A backend in PostgreSQL for dramatiq's rate limiters, barriers and group callbacks.

    broker.add_middleware(TaskGroupCallbacks(PostgresRateLimiter()))

Counters are rows that expire; who waits for a barrier listens. It knows nothing of tasks.
"""

from __future__ import annotations

import hashlib
import select
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from dramatiq.rate_limits import RateLimiterBackend

from pulp_actor.db.connection import connect_raw
from pulp_actor.queue.engine import NO_BOUND, SQL, Engine


class PostgresRateLimiter(RateLimiterBackend):
    """Times to live and timeouts are in milliseconds, as dramatiq gives them.

    Parameters:
        engine: whose connection to use; one of its own, opened on first use, when None.
    """

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine or Engine(lambda: connect_raw(application_name="pulp-actor rate limits"))

    def add(self, key: str, value: int, ttl: int) -> bool:
        return bool(self._engine.execute(SQL.rate_limit_new, (key, value, ttl)))

    def incr(self, key: str, amount: int, maximum: int, ttl: int) -> bool:
        return self._add(key, amount, -NO_BOUND, maximum, ttl)

    def decr(self, key: str, amount: int, minimum: int, ttl: int) -> bool:
        return self._add(key, -amount, minimum, NO_BOUND, ttl)

    def incr_and_sum(
        self, key: str, keys: Iterable[str] | Callable[[], Iterable[str]], amount: int, maximum: int, ttl: int
    ) -> bool:
        names = list(keys() if callable(keys) else keys)
        return self._add(key, amount, -NO_BOUND, maximum, ttl, names)

    def wait(self, key: str, timeout: int) -> bool:
        """Wait for an event; one that happened before is not missed."""
        deadline = time.monotonic() + timeout / 1000
        with closing(connect_raw(application_name="pulp-actor barrier")) as conn, conn.cursor() as cursor:
            cursor.execute('LISTEN "dramatiq.rate_limit"')
            while True:
                cursor.execute(SQL.rate_limit_has, (key,))
                if cursor.rowcount:
                    return True
                if not _heard(conn, hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), deadline):
                    return False

    def wait_notify(self, key: str, ttl: int) -> None:
        self._engine.execute(SQL.rate_limit_tell, (key, ttl))

    def _add(self, key: str, amount: int, minimum: int, maximum: int, ttl: int, keys: list[str] | None = None) -> bool:
        return bool(self._engine.execute(SQL.rate_limit_add, (key, amount, minimum, maximum, ttl, keys))[0][0])


def _heard(conn: Any, payload: str, deadline: float) -> bool:
    """Whether a notification with this payload came before the deadline."""
    while (left := deadline - time.monotonic()) > 0:
        if select.select([conn], [], [], left)[0]:
            conn.poll()
            heard = {one.payload for one in conn.notifies}
            conn.notifies.clear()
            if payload in heard:
                return True
    return False
