"""Gives an actor's thread a database connection for as long as it runs a message."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

from pulp_actor.db import database


class DatabaseConnection(Middleware):
    """Opens the connection before the actor, gives it back to the pool after, rolled back if it was left in mid-way.

    ``lazy`` tells it to leave opening to whoever asks: for queues whose actors do not use the platform's database.
    """

    def __init__(self, *, lazy: bool = False) -> None:
        self.lazy = lazy

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if not self.lazy:
            database.connect(reuse_if_open=True)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        release()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        release()


def release() -> None:
    """Give this thread's connection back, whatever state an interrupted actor left it in."""
    if database.is_closed():
        return
    while database.in_transaction():
        database.pop_transaction()
    conn = database.connection()
    if not conn.closed:
        conn.rollback()
    database.close()
