"""An executor: one worker process, forked from the supervisor, that runs tasks until it is told to stop.

It runs dramatiq's own worker on our broker. Its lease is held by the supervisor, which also kills it when a cancelled
actor does not react.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from dataclasses import dataclass
from typing import Any

import psutil
from dramatiq import Worker
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware, Shutdown

from pulp_actor.logs import get_logger
from pulp_actor.queue.actors import platform_broker
from pulp_actor.queue.broker import TaskBroker
from pulp_actor.queue.leases import Member

#: Seconds an interrupted actor has to unwind before the process leaves anyway.
UNWIND = 5.0
_PR_SET_PDEATHSIG = 1

logger = get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """When an executor is replaced or leaves. ``max_memory`` is in MiB; 0 means no limit. ``grace`` is in seconds."""

    threads: int = 1
    grace: float = 30.0
    max_tasks: int = 0
    max_memory: int = 0
    burst: bool = False
    queues: frozenset[str] = frozenset()


class Recycle(Middleware):
    """Asks the executor to leave after so many tasks, or when it has grown too large."""

    def __init__(self, limits: Limits, leave: threading.Event) -> None:
        self._limits = limits
        self._leave = leave
        self._tasks = 0

    def after_ack(self, broker: Broker, message: MessageProxy) -> None:
        self._tasks += 1
        if self._limits.max_tasks and self._tasks >= self._limits.max_tasks:
            self._recycle(broker, "tasks", self._tasks)
        elif self._limits.max_memory:
            resident = psutil.Process().memory_info().rss >> 20
            if resident >= self._limits.max_memory:
                self._recycle(broker, "resident MiB", resident)

    after_nack = after_ack

    def _recycle(self, broker: Any, what: str, value: int) -> None:
        logger.info("leaving to be replaced", limit=what, value=value)
        broker.accepting = False
        self._leave.set()


class Executor:
    """The process's main thread waits here while dramatiq's threads work."""

    def __init__(self, member: Member, limits: Limits, broker: TaskBroker | None = None) -> None:
        self._limits = limits
        self._leave = threading.Event()
        self._done = threading.Event()
        self._broker = broker or platform_broker()
        self._broker.worker_id = member.id
        self._broker.supervised = True

    def run(self) -> None:
        """Work until SIGTERM, a limit, or (in burst mode) until there is nothing left to do."""
        die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_terminate)
        broker = self._broker
        broker.add_middleware(Recycle(self._limits, self._leave))
        if self._limits.burst:
            broker.on_idle = self._leave_if_idle
        worker = Worker(
            broker, queues=set(self._limits.queues) or None, worker_threads=self._limits.threads)
        worker.start()
        logger.info("worker started", worker=str(broker.worker_id), threads=self._limits.threads)
        self._leave.wait()
        broker.accepting = False
        self._finish_tasks()
        worker.stop(timeout=int(UNWIND * 1000))
        broker.close()

    def _finish_tasks(self) -> None:
        """Give running tasks their grace period, then interrupt them."""
        waiter = threading.Thread(target=self._wait_until_free, daemon=True)
        waiter.start()
        self._done.wait(self._limits.grace)
        if self._done.is_set():
            return
        logger.warning("interrupting what still runs", grace=self._limits.grace)
        self._broker.interrupt_all(Shutdown)
        self._done.wait(UNWIND)

    def _wait_until_free(self) -> None:
        """Set ``_done`` once every thread is idle: they give their permits back as their tasks end."""
        for _ in range(self._limits.threads):
            self._broker.idle_threads.acquire()
        self._done.set()

    def _on_terminate(self, _signal: int, _frame: Any) -> None:
        if self._leave.is_set():
            logger.warning("leaving at once")
            os._exit(1)
        self._leave.set()

    def _leave_if_idle(self) -> None:
        if not self._broker.busy:
            self._leave.set()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, however that comes about (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
