"""A broker in memory, for unit tests of actors: same locks, same order, same states, no server.

    broker = StubTaskBroker()
    dramatiq.set_broker(broker)

    @dramatiq.actor
    def rebuild(shelf): ...

    message = rebuild.send_with_options(args=("a",), exclusive=["shelf:a"])
    with broker.working():                      # a dramatiq worker, in threads
        broker.join(rebuild.queue_name)
    assert broker.task(message).state == "completed"

Actors run in threads of the test's process, without a database connection unless they open one. What only a server can
give is missing: transactions, leases, several processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.message import Message
from dramatiq.middleware import GroupCallbacks, Middleware
from dramatiq.rate_limits.backends.stub import StubBackend as StubRateLimiter
from dramatiq.results import Results
from dramatiq.results.backends.stub import StubBackend as StubResults

from pulp_actor.queue.consumer import TaskConsumer
from pulp_actor.queue.memory import FINAL, MemoryEngine, MemoryTask
from pulp_actor.queue.messages import TaskMessage
from pulp_actor.queue.tasking import Tasking, default_middleware


class MemoryHub:
    """Tells the subscribers of a channel what a LISTEN hub would."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callable[[str | None], None]]] = {}

    def subscribe(self, channel: str, callback: Callable[[str | None], None]) -> None:
        self._callbacks.setdefault(channel, []).append(callback)

    def notify(self, channel: str) -> None:
        for callback in self._callbacks.get(channel, ()):
            callback("")

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self) -> None:
        """There is nothing to stop."""


class StubTaskBroker(Tasking, StubBroker):
    """Tasks with locks, in memory.

    Parameters:
        middleware: as for any dramatiq broker; when None, that of the real broker with results and group callbacks
            kept in memory.

    Attributes:
        engine: the task engine; ``engine.tasks`` are all tasks by key.
    """

    def __init__(self, middleware: list[Middleware] | None = None) -> None:
        hub = MemoryHub()
        self.set_up(MemoryEngine(hub.notify), hub)
        self.supervised = True
        self._booted = False
        hub.subscribe("pulp_task_delayed", lambda _payload: self._wind_up())
        super().__init__(stub_middleware() if middleware is None else middleware)
        logging.getLogger("dramatiq.results.middleware.Results").setLevel(logging.ERROR)

    def task(self, message: Message | UUID | str) -> MemoryTask:
        """The record of a message's task: ``state``, ``result``, ``error``, ``retries`` …"""
        return self.engine.tasks[UUID(str(getattr(message, "message_id", message)))]

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 100) -> TaskConsumer:
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        return StubTaskConsumer(self, queue_name, timeout)

    def start_delayed(self) -> int:
        """Put every delayed task and retry in line now, as if its time had come. Returns how many those were."""
        return sum(self.engine.start_due(key) for key, task in list(self.engine.tasks.items()) if task.due_at is not None)

    def _wind_up(self) -> None:
        """Have delayed tasks put in line when they are due."""
        now = time.monotonic()
        for key, task in list(self.engine.tasks.items()):
            if task.due_at is not None:
                timer = threading.Timer(max(0.0, task.due_at - now), self._start_if_due, (key, task.due_at))
                timer.daemon = True
                timer.start()

    def _start_if_due(self, key: UUID, due_at: float) -> None:
        task = self.engine.tasks.get(key)
        if task is not None and task.due_at == due_at:
            self.engine.start_due(key)

    @contextmanager
    def working(self, *, threads: int = 2) -> Iterator[Worker]:
        """A worker that runs for the length of a ``with`` block."""
        worker = Worker(self, worker_threads=threads, worker_timeout=50)
        if not self._booted:
            self.emit_after("process_boot")  # time limits are watched from here on
            self._booted = True
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()

    def join(self, queue_name: str, *, fail_fast: bool | None = None, timeout: int | None = None) -> None:
        """Wait until no task of a queue is unfinished.

        Parameters:
            fail_fast: raise what the first failed actor raised; True when None.
            timeout: in milliseconds; for ever when None.

        Raises:
            QueueNotFound: the queue was never declared.
            QueueJoinTimeout: it took too long.
        """
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        with self.engine.changed:
            if not self.engine.changed.wait_for(
                lambda: not self._unfinished(queue_name), None if timeout is None else timeout / 1000
            ):
                raise QueueJoinTimeout(queue_name)
        if fail_fast is None or fail_fast:
            for message in self.dead_letters_by_queue[queue_name]:
                if message._exception is not None:
                    raise message._exception from None

    def _unfinished(self, queue_name: str) -> bool:
        return any(task.spec.queue == queue_name and task.state not in FINAL for task in self.engine.tasks.values())


class StubTaskConsumer(TaskConsumer):
    """Keeps rejected messages with their exceptions, as `StubBroker.dead_letters`."""

    def nack(self, message: TaskMessage) -> None:
        # Before the end is known to anyone who joins the queue.
        letters = self._broker.dead_letters_by_queue[self._queue]  # type: ignore[attr-defined]
        letters.append(message)
        message.clear_exception = lambda: None  # type: ignore[method-assign]  # the test wants to see it
        super().nack(message)


def stub_middleware() -> list[Middleware]:
    """The real broker's middleware, with what needs a server replaced by its double in memory."""
    return [*default_middleware(database=False), Results(backend=StubResults()), GroupCallbacks(StubRateLimiter())]
