"""Results of actors (dramatiq's ``store_results``), in dramatiq-pg's table and format.

dramatiq-pg's own backend sends each result along in a notification, which fails above 8,000 bytes, hands out what an
actor raised as if it were its result, and listens on pooled connections without ever ceasing to. Rows are the same, so
that both can read what either has written.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from dramatiq.message import Message
from dramatiq.results import ResultBackend, ResultMissing, ResultTimeout
from dramatiq_pg import PostgresBackend
from psycopg2.extensions import quote_ident
from psycopg2.extras import Json

from pulp_actor.db.connection import connect_raw
from pulp_actor.queue.engine import SQL, Engine

#: Milliseconds that a blocking `get_result` waits when it is not told; dramatiq's default.
TIMEOUT = 10_000


class TaskResults(PostgresBackend):
    """Times are in milliseconds, as dramatiq gives them.

    Parameters:
        engine: whose connection to use for all that does not wait.
        connect: opens the connection of one that waits.
    """

    def __init__(self, engine: Engine, connect: Callable[[], Any] = connect_raw) -> None:
        ResultBackend.__init__(self)
        self._engine = engine
        self._connect = connect

    def get_result(self, message: Message, *, block: bool = False, timeout: int | None = None) -> Any:
        """What the actor returned; what it raised is raised as ResultFailure.

        Raises:
            ResultMissing: it is not there (yet), and ``block`` is False.
            ResultTimeout: it did not come in time.
        """
        key = self.build_message_key(message)
        rows = self._engine.execute(SQL.get_result, (key,))
        if not rows and not block:
            raise ResultMissing(message)
        if not rows:
            rows = self._wait(key, time.monotonic() + (TIMEOUT if timeout is None else timeout) / 1000)
        if not rows:
            raise ResultTimeout(message)
        return self.unwrap_result(rows[0][0])

    def _wait(self, key: str, deadline: float) -> list[Any]:
        """The result's row, or nothing when it did not come in time."""
        with closing(self._connect()) as conn, conn.cursor() as cursor:
            cursor.execute("LISTEN " + quote_ident(f"dramatiq.{key}.results", conn))
            while True:
                cursor.execute(SQL.get_result, (key,))
                rows = cursor.fetchall()
                left = deadline - time.monotonic()
                if rows or left <= 0:
                    return rows
                select.select([conn], [], [], left)
                conn.poll()

    def _store(self, message_key: str, result: Any, ttl: int) -> None:
        self._engine.execute(SQL.store_result, (message_key, Json(result, dumps=self._dumps), ttl))

    def _dumps(self, value: Any) -> str:
        return self.encoder.encode(value).decode()
