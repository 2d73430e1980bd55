"""The consumer: hands a worker one claimed message at a time.

It sleeps on an event that the LISTEN hub sets, and claims when it is woken, never more than there are idle threads. The
event is cleared before a claim and set again after one that found something; cleared after a claim, a wake-up that came
in between would be lost. A jittered sweep every few seconds is the net under lost notifications.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg2
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import DecodeError
from dramatiq.message import Message

from pulp_actor.errors import PulpActorError
from pulp_actor.queue.compat import BrokerConnectionError
from pulp_actor.queue.messages import TaskMessage

if TYPE_CHECKING:
    from pulp_actor.queue.broker import TaskBroker

#: Seconds between two claims that nothing asked for; a lost notification costs at most the larger.
SWEEP = (3.0, 5.0)


class TaskConsumer(Consumer):
    """Consumes one queue. ``timeout`` is in milliseconds, as dramatiq gives it."""

    def __init__(self, broker: TaskBroker, queue_name: str, timeout: int) -> None:
        self._broker = broker
        self._queue = queue_name
        self._timeout = timeout / 1000
        self._ready = broker.ready_event(queue_name)
        self._ready.set()
        self._closed = threading.Event()
        self._sweep_at = 0.0
        self._connections = broker.engine.connections

    def __next__(self) -> MessageProxy | None:
        if not self._broker.accepting:
            self._closed.wait(self._timeout)
            return None
        if not self._ready.wait(self._timeout) and time.monotonic() < self._sweep_at:
            return None
        if not self._broker.idle_threads.acquire(timeout=self._timeout):
            return None
        message = None
        try:
            message = self._claim()
        finally:
            if message is None:
                self._broker.idle_threads.release()
        return message

    def ack(self, message: TaskMessage) -> None:
        self._end(message)

    def nack(self, message: TaskMessage) -> None:
        self._end(message)

    def requeue(self, messages: Iterable[TaskMessage]) -> None:
        """Hand back what was claimed and not started, when the worker stops."""
        for message in messages:
            self._broker.hand_back(message)
            self._broker.idle_threads.release()

    def close(self) -> None:
        self._closed.set()

    def _claim(self) -> TaskMessage | None:
        self._ready.clear()
        self._sweep_at = time.monotonic() + random.uniform(*SWEEP)
        try:
            claim = self._broker.engine.claim(self._queue, self._broker.worker_id)
            if self._connections != self._broker.engine.connections:
                self._connections = self._broker.engine.connections
                self._broker.return_lost_claims(claim)
        except psycopg2.Error as error:
            self._ready.set()
            raise BrokerConnectionError(" ".join(str(error).split())) from None
        if claim is None:
            if self._broker.on_idle:
                self._broker.on_idle()
            return None
        self._ready.set()
        try:
            message = Message.decode(self._broker.codec.decode(claim.message).encode())
        except (DecodeError, PulpActorError) as error:
            self._broker.reject(claim, error)
            return None
        if message.queue_name != self._queue:
            message = message.copy(queue_name=self._queue)
        proxy = TaskMessage(message, claim)
        self._broker.claimed(proxy)
        return proxy

    def _end(self, message: TaskMessage) -> None:
        try:
            self._broker.end(message)
        except psycopg2.Error as error:
            raise BrokerConnectionError(" ".join(str(error).split())) from None
        self._broker.idle_threads.release()
