"""The broker: dramatiq's API over the task engine.

It extends dramatiq-pg's broker: messages live in dramatiq-pg's table, its results backend is used, a stock dramatiq-pg
producer can enqueue to us. What a message means is ours: it is a task with a row, locks and a lease.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg2
from dramatiq.message import Message
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    Callbacks,
    CurrentMessage,
    Middleware,
    Pipelines,
    Retries,
    Shutdown,
    ShutdownNotifications,
    TimeLimit,
)
from dramatiq_pg import PostgresBroker
from psycopg2.pool import ThreadedConnectionPool

from pulp_actor.db import database
from pulp_actor.db.connection import before_commit, configure, connect_raw, in_transaction
from pulp_actor.db.listen import ListenHub
from pulp_actor.identifiers import uuid7
from pulp_actor.logs import get_logger
from pulp_actor.middleware.cancel import Cancel
from pulp_actor.middleware.connections import DatabaseConnection
from pulp_actor.middleware.current import CurrentTaskContext
from pulp_actor.middleware.lease import Lease
from pulp_actor.middleware.outcome import OutcomeRecorder
from pulp_actor.middleware.resources import Resources
from pulp_actor.queue.compat import BrokerConnectionError
from pulp_actor.queue.consumer import TaskConsumer
from pulp_actor.queue.engine import Claim, Engine, TaskSpec
from pulp_actor.queue.errors import LeaseLost, TaskCanceled, UnknownActor, UnstorableResult
from pulp_actor.queue.failures import failure
from pulp_actor.queue.messages import Codec, Plain, TaskMessage

logger = get_logger(__name__)


def default_middleware() -> list[Middleware]:
    """dramatiq's defaults with values that suit tasks of hours (no time limit, no retries unless an actor asks for
    them), then ours."""
    return [
        AgeLimit(), TimeLimit(time_limit=float("inf")), ShutdownNotifications(), Callbacks(), Pipelines(),
        Retries(max_retries=0), AsyncIO(), CurrentMessage(),
        Lease(), Resources(), DatabaseConnection(), Cancel(), CurrentTaskContext(), OutcomeRecorder(),
    ]


class TaskBroker(PostgresBroker):
    """Tasks with locks, over PostgreSQL.

    Parameters:
        url: a PostgreSQL URL; when empty, the one that `pulp_actor.db.configure` was given.
        codec: how messages are stored; encrypts where tasks carry secrets.
        middleware: as for any dramatiq broker; `default_middleware` when None.

    Attributes:
        engine: the task engine.
        hub: the LISTEN hub; runs between worker boot and shutdown.
        worker_id: the lease that claims are made under.
        supervised: True where a supervisor of ours holds the lease.
        accepting: set to False to claim no more.
        on_idle: called when a claim found nothing.
        idle_threads: a permit for each worker thread that has nothing to do.
    """

    def __init__(self, *, url: str = "", codec: Codec | None = None, middleware: list[Middleware] | None = None) -> None:
        if url:
            configure(url)
        self.engine = Engine(lambda: connect_raw(application_name="pulp-actor queue"))
        self.codec = codec or Plain()
        self.worker_id: UUID = uuid7()
        self.supervised = False
        self.accepting = True
        self.on_idle: Callable[[], None] | None = None
        self.idle_threads = threading.Semaphore(1)
        self.hub = ListenHub(application_name="pulp-actor listen")
        self._ready: dict[str, threading.Event] = {}
        self._claims: dict[UUID, TaskMessage] = {}
        self._ending = threading.local()
        super().__init__(
            pool=_LazyPool(), results=True,
            middleware=default_middleware() if middleware is None else middleware)
        # The recorder of outcomes must come last; PostgresBroker has just added Results behind it.
        self.middleware.sort(key=lambda one: isinstance(one, OutcomeRecorder))
        # Results warns about each value of an actor that does not store its results; the task's row keeps them all.
        logging.getLogger("dramatiq.results.middleware.Results").setLevel(logging.ERROR)

    # Producing

    def declare_queue(self, queue_name: str) -> None:
        """There are no delay queues: a delayed task waits in its row."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = True
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message, *, delay: int | None = None) -> Message:
        """Make a task of a message. ``delay`` is in milliseconds. Inside `pulp_actor.db.transaction` the task is written
        with everything else as the transaction ends; a message that Retries sends again goes back to its own task."""
        if isinstance(message, TaskMessage):
            if not isinstance(message.outcome.error, (TaskCanceled, LeaseLost, Shutdown)):
                message.retry_delay = (delay or 0) / 1000
            return message
        self.emit_before("enqueue", message, delay)
        self._write(self.spec(message, delay))
        self.emit_after("enqueue", message, delay)
        return message

    def spec(self, message: Message, delay: int | None = None) -> TaskSpec:
        """What the engine is to write for a message."""
        options = message.options
        exclusive, shared = options.get("exclusive", []), options.get("shared", [])
        actor = self.actors.get(message.actor_name)
        return TaskSpec(
            id=UUID(str(message.message_id)), actor=message.actor_name, queue=message.queue_name,
            message=self.codec.encode(message.encode().decode()),
            exclusive=exclusive, shared=shared,
            priority=options.get("priority", actor.priority if actor else 0),
            fair_key=options.get("fair_key") or next(iter([*exclusive, *shared]), message.actor_name),
            delay=None if delay is None else delay / 1000,
            retry_on_loss=bool(options.get("retry_on_loss", False)),
            immediate=bool(options.get("immediate", False)),
            created_by=options.get("created_by"), logging_cid=options.get("cid", ""),
            parent_id=options.get("parent"), group_id=options.get("task_group"), domain_id=options.get("domain"),
            diagnostics=options.get("diagnostics", []),
        )

    def _write(self, spec: TaskSpec) -> None:
        ending: TaskMessage | None = getattr(self._ending, "message", None)
        if ending is not None:
            ending.followups.append(spec)
        elif in_transaction():
            # One by one, two transactions could deadlock: all tasks of one are written at once, as it ends.
            before_commit(self._write_collected, spec)
        elif not database.is_closed() and database.in_transaction():
            self.engine.dispatch([spec], cursor=database.cursor())
        else:
            self.engine.dispatch([spec])

    def _write_collected(self, specs: list[TaskSpec]) -> None:
        self.engine.dispatch(specs, cursor=database.cursor())

    # Consuming

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> TaskConsumer:
        """A consumer of one queue. ``prefetch`` is ignored: nothing is claimed that cannot start at once."""
        return TaskConsumer(self, queue_name, timeout)

    def ready_event(self, queue_name: str) -> threading.Event:
        """The event that is set when ``queue_name`` may have a message."""
        event = self._ready.get(queue_name)
        if event is None:
            event = self._ready[queue_name] = threading.Event()
            self.hub.subscribe(f"dramatiq.{queue_name}.enqueue", lambda _payload: event.set())
        return event

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        if signal == "worker_boot":
            self.idle_threads = threading.Semaphore(args[0].worker_threads)
            super().emit_before(signal, *args, **kwargs)
            self.hub.start()
            return
        super().emit_before(signal, *args, **kwargs)

    def claimed(self, message: TaskMessage) -> None:
        self._claims[message.claim.task] = message

    @property
    def busy(self) -> bool:
        """True while a claimed message has not been ended."""
        return bool(self._claims)

    def begin_end(self, message: TaskMessage) -> None:
        """From here on, what this thread enqueues belongs to the end of ``message``'s task."""
        self._ending.message = message

    def end(self, message: TaskMessage) -> None:
        """Write the end of a claimed message's task, with what followed from it.

        Raises:
            psycopg2.OperationalError, psycopg2.InterfaceError: the database did not answer; call again.
        """
        self._ending.message = None
        try:
            done = self._write_end(message)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            raise
        except (psycopg2.Error, TypeError, ValueError) as error:
            # What the actor returned cannot be stored; the task must end all the same.
            done = self.engine.finish(message.claim, "failed", error=failure(UnstorableResult(error)))
        self._claims.pop(message.claim.task, None)
        if not done:
            logger.warning("lease lost: the end of this task was not written", task=str(message.claim.task))

    def _write_end(self, message: TaskMessage) -> bool:
        outcome, error = message.outcome, message.outcome.error
        if message.retry_delay is not None:
            # A retry without delay still goes to the end of the line.
            return self.engine.give_back(
                message.claim, delay=message.retry_delay or None, error=error and failure(error), count=True,
                message=self.codec.encode(message._message.encode().decode()))
        if isinstance(error, Shutdown) and message.options.get("retry_on_loss"):
            return self.engine.give_back(message.claim)
        if outcome.skipped:
            return self.engine.finish(message.claim, "skipped", error={"description": "The message was too old."})
        if isinstance(error, TaskCanceled):
            return self.engine.finish(message.claim, "canceled")
        if error is not None or message.failed:
            return self._finish(message, "failed", error=failure(error or UnknownActor(
                f"This worker knows no actor named {message.actor_name!r}.")))
        return self._finish(message, "completed", result=outcome.result)

    def reject(self, claim: Claim, error: Exception) -> None:
        """Fail a task whose message cannot be read."""
        logger.error("unreadable message", task=str(claim.task), error=str(error))
        self.engine.finish(claim, "failed", error=failure(error))

    def _finish(self, message: TaskMessage, state: str, *, result: Any = None, error: Any = None) -> bool:
        if message.followups:
            return self.engine.finish_with(message.claim, state, message.followups, result=result, error=error)
        return self.engine.finish(message.claim, state, result=result, error=error)

    def hand_back(self, message: TaskMessage) -> None:
        """Return a claimed message that was not started."""
        try:
            self.engine.give_back(message.claim)
        except psycopg2.Error as error:
            raise BrokerConnectionError(str(error)) from None
        self._claims.pop(message.claim.task, None)

    def return_lost_claims(self, current: Claim | None) -> None:
        """After a new connection: hand back what runs under our lease and we know nothing of, because the answer to its
        claim was lost with the old connection."""
        known = {*self._claims, current.task if current else None}
        for running in self.engine.running_of([self.worker_id]):
            if running.task not in known:
                logger.warning("handing back a claim whose answer was lost", task=str(running.task))
                self.engine.give_back(running)

    def interrupt_all(self, kind: type[Any]) -> None:
        """Raise ``kind`` in every thread that runs an actor."""
        for middleware in self.middleware:
            if isinstance(middleware, Cancel):
                middleware.interrupt_all(kind)

    def close(self) -> None:
        self.hub.stop()
        self.engine.close()

    # Administration, as dramatiq defines it

    def flush(self, queue_name: str) -> None:
        """Cancel every waiting task of a queue."""
        for (task,) in self.engine.execute(
            "SELECT id FROM task WHERE queue = %s AND state = 'waiting'", (queue_name,)
        ):
            self.engine.cancel(task)

    def flush_all(self) -> None:
        for queue_name in self.get_declared_queues():
            self.flush(queue_name)


class _LazyPool:
    """A psycopg2 pool for dramatiq-pg's results backend that connects on first use."""

    minconn = 1

    def __init__(self) -> None:
        self._pool: ThreadedConnectionPool | None = None

    def getconn(self) -> Any:
        if self._pool is None:
            self._pool = ThreadedConnectionPool(0, 16, database.url, application_name="pulp-actor results")
        return self._pool.getconn()

    def putconn(self, conn: Any) -> None:
        assert self._pool is not None
        self._pool.putconn(conn)

