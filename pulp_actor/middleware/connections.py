"""Gives an actor's thread a database connection, the same one for each message that it runs."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from pulp_actor.db import database
from pulp_actor.db.connection import is_alive


class DatabaseConnection(Middleware):
    """Opens the connection before the actor, and sees after it that nothing was left in mid-way. The thread keeps it for
    its next message: to ask the pool each time would lengthen the way of every task.

    ``lazy`` tells it to leave opening to whoever asks: for queues whose actors do not use the platform's database.
    """

    def __init__(self, *, lazy: bool = False) -> None:
        self.lazy = lazy

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if self.lazy:
            return
        if not database.is_closed() and not is_alive(database.connection()):
            database.close()  # the server has gone away meanwhile; the pool does not hand it out again
        database.connect(reuse_if_open=True)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if self.lazy:
            release()
        else:
            settle()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)

    def before_worker_thread_shutdown(self, broker: Broker, thread: Any) -> None:
        release()


def settle() -> None:
    """Bring this thread's connection to rest, whatever state an interrupted actor left it in."""
    if database.is_closed():
        return
    while database.in_transaction():
        database.pop_transaction()
    conn = database.connection()
    if conn.get_transaction_status() != TRANSACTION_STATUS_IDLE:
        conn.close()  # by which the server undoes what was left in mid-way
        database.close()


def release() -> None:
    """Give this thread's connection back to the pool, at rest."""
    settle()
    if not database.is_closed():
        database.close()
