"""The consumer: hands a worker one claimed message at a time.

It sleeps on an event that the LISTEN hub sets, and claims when it is woken, never more than there are idle threads. The
event is cleared before a claim and set again after one that found something; cleared after a claim, a wake-up that came
in between would be lost. A jittered sweep every few seconds is the net under lost notifications.

Two others claim past it, each into the same worker: a thread that ends a task, in the same transaction (`_end`), and over
PostgreSQL the hub's thread, for an idle thread and at once (`Tasking.seize`). If that was the only thread, the consumer is
told when it ends a task and does not go on.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import psycopg2
from dramatiq.broker import Consumer, MessageProxy

from pulp_actor.queue.compat import BrokerConnectionError
from pulp_actor.queue.messages import TaskMessage

if TYPE_CHECKING:
    from pulp_actor.queue.tasking import Tasking

#: Seconds between two claims that nothing asked for; a lost notification costs at most the larger.
SWEEP = (3.0, 5.0)


class TaskConsumer(Consumer):
    """Consumes one queue. ``timeout`` is in milliseconds, as dramatiq gives it."""

    def __init__(self, broker: Tasking, queue_name: str, timeout: int) -> None:
        self._broker = broker
        self._queue = queue_name
        self._timeout = timeout / 1000
        self._ready = broker.ready_event(queue_name)
        self._ready.set()
        self._closed = threading.Event()
        self._sweep_at = 0.0

    def __next__(self) -> MessageProxy | None:
        if not self._broker.accepting:
            self._closed.wait(self._timeout)
            return None
        if not self._ready.wait(self._timeout) and time.monotonic() < self._sweep_at:
            return None
        if not self._obtain_permit():
            return None
        message = None
        try:
            # Asked again: the permit may have come from a task that ended because the process is to stop.
            message = self._claim() if self._broker.takes(self._queue) else None
        finally:
            if message is None:
                self._broker.idle_threads.release()
        return message

    def ack(self, message: TaskMessage) -> None:
        self._end(message, self._broker.feed(self._queue))

    def nack(self, message: TaskMessage) -> None:
        self._end(message, None)

    def requeue(self, messages: Iterable[TaskMessage]) -> None:
        """Hand back what was claimed and not started, when the worker stops."""
        for message in messages:
            try:
                self._broker.hand_back(message)
            except psycopg2.Error as error:
                raise BrokerConnectionError(" ".join(str(error).split())) from None
            self._broker.idle_threads.release()

    def close(self) -> None:
        self._closed.set()

    def _claim(self) -> TaskMessage | None:
        self._ready.clear()
        self._sweep_at = time.monotonic() + random.uniform(*SWEEP)
        try:
            message = self._broker.claim(self._queue)
        except psycopg2.Error as error:
            self._ready.set()
            raise BrokerConnectionError(" ".join(str(error).split())) from None
        if message is not None:
            self._ready.set()
        elif self._broker.on_idle:
            self._broker.on_idle()
        return message

    def _obtain_permit(self) -> bool:
        self._broker.waiting.add(self._queue)
        try:
            return self._broker.idle_threads.acquire(timeout=self._timeout)
        finally:
            self._broker.waiting.discard(self._queue)

    def _end(self, message: TaskMessage, feed: Callable[[TaskMessage], None] | None) -> None:
        try:
            following = self._broker.end(message, go_on=self._queue if feed else None)
        except psycopg2.Error as error:
            raise BrokerConnectionError(" ".join(str(error).split())) from None
        if feed and following:
            feed(following)  # with the permit of the task that has ended
        else:
            self._broker.idle_threads.release()
            if self._queue in self._broker.untold:
                self._broker.untold.discard(self._queue)
                self._ready.set()
