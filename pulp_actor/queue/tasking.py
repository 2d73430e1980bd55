"""What a broker does with tasks: how a message becomes one, runs, and ends.

Shared by the broker over PostgreSQL and by the one in memory, so that what a unit test sees of an actor is what a worker
does. It knows an engine by its methods only, and never a table.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg2
from dramatiq.broker import Broker
from dramatiq.message import Message
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    Callbacks,
    CurrentMessage,
    Middleware,
    MiddlewareError,
    Pipelines,
    Retries,
    Shutdown,
    ShutdownNotifications,
    TimeLimit,
)

from pulp_actor.identifiers import uuid7
from pulp_actor.logs import get_logger
from pulp_actor.metrics.table import LEASES_LOST
from pulp_actor.middleware.cancel import Cancel
from pulp_actor.middleware.connections import DatabaseConnection
from pulp_actor.middleware.current import CurrentTaskContext
from pulp_actor.middleware.lease import Lease
from pulp_actor.middleware.outcome import OutcomeRecorder
from pulp_actor.middleware.resources import Resources
from pulp_actor.queue.consumer import TaskConsumer
from pulp_actor.queue.engine import Claim, TaskSpec
from pulp_actor.queue.errors import LeaseLost, TaskCanceled, UnknownActor, UnstorableResult
from pulp_actor.queue.failures import failure
from pulp_actor.queue.messages import Codec, Plain, TaskMessage

#: Seconds after a new connection at which claims whose answer was lost are looked for once more: the server may still
#: have been at one when we asked the first time.
SECOND_LOOK = 10.0

logger = get_logger(__name__)


def default_middleware(*, database: bool = True) -> list[Middleware]:
    """dramatiq's defaults with values that suit tasks of hours (no time limit, no retries unless an actor asks for
    them), then ours. ``database``: give each actor a connection of the pool."""
    return [
        AgeLimit(), TimeLimit(time_limit=float("inf")), ShutdownNotifications(), Callbacks(), Pipelines(),
        Retries(max_retries=0), AsyncIO(), CurrentMessage(),
        Lease(), Resources(), DatabaseConnection(lazy=not database), Cancel(), CurrentTaskContext(), OutcomeRecorder(),
    ]


class Tasking(Broker):
    """The part of a broker that deals in tasks.

    Attributes:
        engine: the task engine, `pulp_actor.queue.engine.Engine` or `pulp_actor.queue.memory.MemoryEngine`.
        hub: who tells of notifications; runs from worker boot until the broker is closed.
        worker_id: the lease that claims are made under.
        supervised: True where somebody else holds the lease.
        accepting: set to False to claim no more.
        on_idle: called when a claim found nothing.
        idle_threads: a permit for each worker thread that has nothing to do.
        waiting: the queues whose consumers wait for a permit.
        untold: the queues whose consumers have not been told of a message, because nobody but the thread that runs it
            could run the next.
    """

    engine: Any
    hub: Any

    def set_up(self, engine: Any, hub: Any, codec: Codec | None = None) -> None:
        """Call before the middleware is added."""
        self.engine, self.hub = engine, hub
        self.codec: Codec = codec or Plain()
        self.worker_id: UUID = uuid7()
        self.supervised = False
        self.accepting = True
        self.on_idle: Callable[[], None] | None = None
        self.idle_threads = threading.Semaphore(1)
        self.waiting: set[str] = set()
        self.untold: set[str] = set()
        self._worker: Any = None
        self._ready: dict[str, threading.Event] = {}
        self._claims: dict[UUID, TaskMessage] = {}
        self._claiming = threading.Lock()
        self._feeding = threading.Lock()
        self._connections = 0
        self._second_look = float("inf")
        self._ending = threading.local()
        self._hooks: tuple[list[Middleware], dict[str, list[Callable[..., None]]]] = ([], {})

    def add_middleware(self, middleware: Middleware, *, before: Any = None, after: Any = None) -> None:
        """As dramatiq's, but the recorder of outcomes stays last: what those before it enqueue when an actor has ended
        is then known to belong to the task's end."""
        super().add_middleware(middleware, before=before, after=after)
        self.middleware.sort(key=lambda one: isinstance(one, OutcomeRecorder))

    # Producing

    def declare_queue(self, queue_name: str) -> None:
        """There are no delay queues: a delayed task waits in its row."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = True
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message, *, delay: int | None = None) -> Message:
        """Make a task of a message. ``delay`` is in milliseconds. A message that Retries sends again goes back to its
        own task; one that is enqueued as an actor ends is written with that end."""
        if isinstance(message, TaskMessage):
            interrupted = isinstance(message.outcome.error, (TaskCanceled, LeaseLost, Shutdown))
            if not interrupted and not message.outcome.canceled:
                message.retry_delay = (delay or 0) / 1000
            return message
        spec = self.plan(message, delay)
        ending: TaskMessage | None = getattr(self._ending, "message", None)
        if ending is not None:
            ending.followups.append(spec)
        else:
            self._write(spec)
        self.emit_after("enqueue", message, delay)
        return message

    def plan(self, message: Message, delay: int | None = None) -> TaskSpec:
        """What enqueuing a message would write."""
        self.emit_before("enqueue", message, delay)
        return self.spec(message, delay)

    def _write(self, spec: TaskSpec) -> None:
        self.engine.dispatch([spec])

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
            delay=delay / 1000 if delay else None,
            retry_on_loss=bool(options.get("retry_on_loss", False)),
            immediate=bool(options.get("immediate", False)),
            created_by=options.get("created_by"), logging_cid=options.get("cid", ""),
            parent_id=options.get("parent"), group_id=options.get("task_group"), domain_id=options.get("domain"),
            diagnostics=options.get("diagnostics", []),
        )

    # Consuming

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> TaskConsumer:
        """A consumer of one queue. ``prefetch`` is ignored: nothing is claimed that cannot start at once."""
        return TaskConsumer(self, queue_name, timeout)

    def ready_event(self, queue_name: str) -> threading.Event:
        """The event that is set when ``queue_name`` may have a message."""
        event = self._ready.get(queue_name)
        if event is None:
            event = self._ready[queue_name] = threading.Event()
            self.hub.subscribe(f"dramatiq.{queue_name}.enqueue", partial(self._told, queue_name))
        return event

    def _told(self, queue_name: str, payload: str | None) -> None:
        """Called by the hub when a queue may have a message: have its consumer look."""
        self._ready[queue_name].set()

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        if signal == "worker_boot":
            self._worker = args[0]
            self.idle_threads = threading.Semaphore(self._worker.worker_threads)
        elif signal == "worker_shutdown":
            with self._feeding:
                self._worker = None
        for hook in self._hooks_of(f"before_{signal}"):
            try:
                hook(self, *args, **kwargs)
            except MiddlewareError:
                raise
            except Exception:
                self._complain(hook)
        if signal == "worker_boot":
            self.hub.start()

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        for hook in reversed(self._hooks_of(f"after_{signal}")):
            try:
                hook(self, *args, **kwargs)
            except Exception:
                self._complain(hook)

    def _hooks_of(self, name: str) -> list[Callable[..., None]]:
        """The hooks of that name, in order of the middleware. Of the fifteen or so that each signal has, most are the empty
        ones of `Middleware`: to know those spares each task some hundred calls."""
        middleware, hooks = self._hooks
        if middleware != self.middleware:
            middleware, hooks = self._hooks = list(self.middleware), {}
        if name not in hooks:
            empty = getattr(Middleware, name, None)
            bound = [getattr(one, name, None) for one in middleware]
            hooks[name] = [hook for hook in bound if hook and getattr(hook, "__func__", hook) is not empty]
        return hooks[name]

    def _complain(self, hook: Callable[..., None]) -> None:
        self.logger.critical("Unexpected failure in %r.", hook, exc_info=True)

    def claim(self, queue_name: str) -> TaskMessage | None:
        """The next message of a queue, now running under our lease. One with which nothing can be done is ended here.

        Raises:
            psycopg2.Error: the database did not answer.
        """
        # One at a time: a claim that is not noted yet must not be taken for one whose answer was lost.
        with self._claiming:
            while True:
                claim = self.engine.claim(queue_name, self.worker_id)
                message = self._take(claim, queue_name)
                if claim is None or message is not None:
                    return message

    def _take(self, claim: Claim | None, queue_name: str) -> TaskMessage | None:
        """Note a claim, and return it as a message that can be run; None when there is none, or it was dealt with."""
        self._return_lost_claims(claim.task if claim else None)
        message = self._prepare(claim, queue_name) if claim else None
        if message is not None:
            self._claims[message.claim.task] = message
        return message

    def _prepare(self, claim: Claim, queue_name: str) -> TaskMessage | None:
        """A claim as a message that can be run; None when it was dealt with."""
        try:
            message = Message.decode(self.codec.decode(claim.message).encode())
        except Exception as error:
            logger.error("a message cannot be read", task=str(claim.task), error=str(error))
            self.engine.finish(claim, "failed", error=failure(error))
            return None
        if message.queue_name != queue_name:
            message = message.copy(queue_name=queue_name)
        claimed = TaskMessage(message, claim)
        return None if claim.foreign and self._adopt(claimed) else claimed

    def _adopt(self, message: TaskMessage) -> bool:
        """A stock producer sent this message and took no locks. If it or its actor wants some, send it to the end of
        their lines, and return True."""
        try:
            self.emit_before("enqueue", message._message, None)
        except MiddlewareError as error:
            self.engine.finish(message.claim, "failed", error=failure(error))
            return True
        spec = self.spec(message._message)
        if not (spec.exclusive or spec.shared):
            return False
        self.engine.adopt(message.claim, spec)
        return True

    def _return_lost_claims(self, current: UUID | None) -> None:
        """After a new connection: hand back what runs under our lease and we know nothing of, because the answer to its
        claim was lost with the old connection."""
        now = time.monotonic()
        if self._connections != self.engine.connections:
            self._connections, self._second_look = self.engine.connections, now + SECOND_LOOK
        elif now < self._second_look:
            return
        else:
            self._second_look = float("inf")
        for running in self.engine.running_of([self.worker_id]):
            if running.task != current and running.task not in self._claims:
                logger.warning("handing back a claim whose answer was lost", task=str(running.task))
                self.engine.give_back(running)

    # Ending

    @property
    def busy(self) -> bool:
        """True while a claimed message has not been ended."""
        return bool(self._claims)

    def begin_end(self, message: TaskMessage) -> None:
        """From here on, what this thread enqueues belongs to the end of ``message``'s task.

        In a process that an actor has forked and that has come back from it, ends that process: the task is its
        parent's.
        """
        if os.getpid() != message.pid:
            os._exit(0 if message.outcome.error is None else 1)
        self._ending.message = message

    def end(self, message: TaskMessage, go_on: str | None = None) -> TaskMessage | None:
        """Write the end of a claimed message's task, with what followed from it.

        Parameters:
            go_on: a queue whose next message the thread may go on with. It is claimed in the same transaction and
                returned, so that a busy worker commits once for each task.

        Raises:
            psycopg2.OperationalError, psycopg2.InterfaceError: the database did not answer; call again.
        """
        self._ending.message = None
        following = None
        try:
            if self.is_to_return(message):
                done = self._return(message)
            elif go_on is None or message.followups or message.barrier:
                done = self._finish(message)
            else:
                done, following = self._finish_and_claim(message, go_on)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            raise
        except (psycopg2.Error, TypeError, ValueError) as error:
            # What the actor returned cannot be stored; the task must end all the same.
            done = self.engine.finish(message.claim, "failed", error=failure(UnstorableResult(error)))
        self._claims.pop(message.claim.task, None)
        if not done:
            LEASES_LOST.inc()
            logger.warning("lease lost: the end of this task was not written", task=str(message.claim.task))
        return following

    @staticmethod
    def is_to_return(message: TaskMessage) -> bool:
        """Whether a message that was processed is to go back to wait."""
        if message.retry_delay is not None:
            return True
        return isinstance(message.outcome.error, Shutdown) and bool(message.options.get("retry_on_loss"))

    def _return(self, message: TaskMessage) -> bool:
        if message.retry_delay is None:
            return self.engine.give_back(message.claim)
        error = message.outcome.error
        # A retry without delay still goes to the end of the line.
        return self.engine.give_back(
            message.claim, delay=message.retry_delay or None, error=error and failure(error), count=True,
            message=self.codec.encode(message._message.encode().decode()))

    def _finish(self, message: TaskMessage) -> bool:
        state, result, error = self.outcome(message)
        if message.barrier:
            return self.engine.finish_with(
                message.claim, state, message.followups, result=result, error=error,
                barrier=message.barrier, callbacks=message.callbacks)
        if message.followups:
            return self.engine.finish_with(message.claim, state, message.followups, result=result, error=error)
        return self.engine.finish(message.claim, state, result=result, error=error)

    def _finish_and_claim(self, message: TaskMessage, queue_name: str) -> tuple[bool, TaskMessage | None]:
        state, result, error = self.outcome(message)
        with self._claiming:
            done, claim = self.engine.finish_and_claim(message.claim, state, queue_name, result=result, error=error)
            return done, self._take(claim, queue_name)

    def takes(self, queue_name: str) -> bool:
        """Whether messages of a queue are wanted: not once the worker is to stop or to pause."""
        consumer = self._worker and self._worker.consumers.get(queue_name)
        return self.accepting and (consumer is None or (consumer.running and not consumer.paused))

    def feed(self, queue_name: str) -> Callable[[TaskMessage], None] | None:
        """Where to put a message of a queue that is claimed for a thread of dramatiq's worker, past the consumer. None when
        no more are wanted, or another queue's turn has come."""
        worker = self._worker
        thread = worker and worker.consumers.get(queue_name)
        # Without its consumer, which it makes as it starts, it could not acknowledge.
        if not (thread and thread.consumer) or not self.takes(queue_name) or not self.waiting <= {queue_name}:
            return None
        return thread.handle_message

    def seize(self, queue_name: str) -> bool:
        """Claim a message of a queue for an idle thread and have it run. True: the consumer need not look. There was none,
        or no other thread could run what there may be besides, and this one looks when it ends."""
        with self._feeding:
            feed = self.feed(queue_name)
            # Behind a claim, or an end that waits for somebody's locks, the consumer can wait as well.
            if feed is None or self._claiming.locked() or not self.idle_threads.acquire(blocking=False):
                return False
            message = None
            try:
                message = self.claim(queue_name)
            finally:
                if message is None:
                    self.idle_threads.release()
            if message is None:
                return True
            alone = self._worker.worker_threads == 1 and len(self._worker.consumers) == 1
            if alone:
                self.untold.add(queue_name)
            feed(message)  # with the permit
            return alone

    def outcome(self, message: TaskMessage) -> tuple[str, Any, dict[str, Any] | None]:
        """(state, result, error) to be written for a message that was processed."""
        outcome, error = message.outcome, message.outcome.error
        if outcome.skipped:
            return "skipped", None, {"description": "The message was too old."}
        if error is not None and (outcome.canceled or isinstance(error, TaskCanceled)):
            # Whatever the interrupt became on its way through the actor: a cancelled SQL statement, a KeyError.
            return "canceled", None, None
        if error is not None or message.failed:
            return "failed", None, failure(error or UnknownActor(
                f"This worker knows no actor named {message.actor_name!r}."))
        return "completed", outcome.result, None

    def hand_back(self, message: TaskMessage) -> None:
        """Return a claimed message that was not started.

        Raises:
            psycopg2.Error: the database did not answer.
        """
        self.engine.give_back(message.claim)
        self._claims.pop(message.claim.task, None)

    def interrupt_all(self, kind: type[Any]) -> None:
        """Raise ``kind`` in every thread that runs an actor."""
        for middleware in self.middleware:
            if isinstance(middleware, Cancel):
                middleware.interrupt_all(kind)

    def cancel(self, message: Message | UUID | str) -> str | None:
        """Cancel a message's task. Returns the state it is in then, or None when there is no such task."""
        return self.engine.cancel(UUID(str(getattr(message, "message_id", message))))

    def flush(self, queue_name: str) -> None:
        """Cancel every waiting task of a queue."""
        for task in self.engine.waiting_in(queue_name):
            self.engine.cancel(task)

    def flush_all(self) -> None:
        for queue_name in self.get_declared_queues():
            self.flush(queue_name)

    def close(self) -> None:
        self.hub.stop()
        self.engine.close()
