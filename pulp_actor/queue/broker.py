"""The broker: dramatiq's API over the task engine.

It extends dramatiq-pg's broker: messages live in dramatiq-pg's table, its results backend is used, a stock dramatiq-pg
producer can enqueue to us. What a message means is ours: it is a task with a row, locks and a lease.
"""

from __future__ import annotations

import logging

import psycopg2
from dramatiq.middleware import Middleware
from dramatiq.results import Results
from dramatiq_pg import PostgresBroker

from pulp_actor.db import database
from pulp_actor.db.connection import before_commit, configure, connect_raw, in_transaction
from pulp_actor.db.listen import ListenHub
from pulp_actor.middleware.group_callbacks import TaskGroupCallbacks
from pulp_actor.queue.barriers import PostgresRateLimiter
from pulp_actor.queue.engine import Engine, TaskSpec
from pulp_actor.queue.messages import Codec
from pulp_actor.queue.results import TaskResults
from pulp_actor.queue.tasking import Tasking, default_middleware


class TaskBroker(Tasking, PostgresBroker):
    """Tasks with locks, over PostgreSQL.

    Parameters:
        url: a PostgreSQL URL; when empty, the one that `pulp_actor.db.configure` was given.
        codec: how messages are stored; encrypts where tasks carry secrets.
        middleware: as for any dramatiq broker; `default_middleware` when None.
    """

    def __init__(self, *, url: str = "", codec: Codec | None = None, middleware: list[Middleware] | None = None) -> None:
        if url:
            configure(url)
        self.set_up(
            Engine(lambda: connect_raw(application_name="pulp-actor queue")),
            ListenHub(application_name="pulp-actor listen"), codec)
        # A pool is asked for and not used: the engine's connection serves results too.
        PostgresBroker.__init__(
            self, pool=object(), results=False,
            middleware=default_middleware() if middleware is None else middleware)
        self.backend = TaskResults(self.engine)
        self.add_middleware(Results(backend=self.backend))
        if middleware is None:
            self.add_middleware(TaskGroupCallbacks(PostgresRateLimiter(self.engine)))
        # Results warns about each value of an actor that does not store its results; the task's row keeps them all.
        logging.getLogger("dramatiq.results.middleware.Results").setLevel(logging.ERROR)

    def _told(self, queue_name: str, payload: str | None) -> None:
        """Whoever hears of a message claims it if a thread is idle: to wake the consumer first takes its time."""
        try:
            seen_to = payload is not None and self.seize(queue_name)
        except psycopg2.Error:
            seen_to = False  # the consumer will find out, and say so
        if not seen_to:
            super()._told(queue_name, payload)

    def _write(self, spec: TaskSpec) -> None:
        """Write the task: in the caller's transaction, if there is one."""
        if in_transaction():
            # One by one, two transactions could deadlock: all tasks of one are written at once, as it ends.
            before_commit(self._write_collected, spec)
        elif not database.is_closed() and database.in_transaction():
            self.engine.dispatch([spec], cursor=database.cursor())
        else:
            self.engine.dispatch([spec])

    def _write_collected(self, specs: list[TaskSpec]) -> None:
        self.engine.dispatch(specs, cursor=database.cursor())
