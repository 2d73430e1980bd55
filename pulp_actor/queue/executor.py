"""An executor: one worker process, forked from the supervisor, that runs tasks until it is told to stop.

It runs dramatiq's own worker on our broker. Its lease is held by the supervisor, which also kills it when a cancelled
actor does not react.
"""

from __future__ import annotations

import ctypes
import functools
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from dramatiq import Worker
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware, Shutdown

from pulp_actor import domains, tracing
from pulp_actor.logs import get_logger
from pulp_actor.middleware.metering import Metering
from pulp_actor.middleware.tracing import Tracing
from pulp_actor.queue.actors import platform_broker
from pulp_actor.queue.broker import TaskBroker
from pulp_actor.queue.leases import Member

#: Seconds an interrupted actor has to unwind before the process leaves anyway.
UNWIND = 5.0
#: Exit code of a process that asks to be replaced.
RECYCLED = 10
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

    def __init__(self, limits: Limits, leave: Callable[[], None]) -> None:
        self._limits = limits
        self._leave = leave
        self._tasks = 0

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        # Before the task is ended: afterwards the process has perhaps claimed the next one.
        self._tasks += 1
        if self._limits.max_tasks and self._tasks >= self._limits.max_tasks:
            self._recycle("tasks", self._tasks)
        elif self._limits.max_memory:
            resident = psutil.Process().memory_info().rss >> 20
            if resident >= self._limits.max_memory:
                self._recycle("resident MiB", resident)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)

    def _recycle(self, what: str, value: int) -> None:
        logger.info("leaving to be replaced", limit=what, value=value)
        self._leave()


class Executor:
    """The process's main thread waits here while dramatiq's threads work.

    Parameters:
        supervisor: process id of the parent, with which this process shall die.
    """

    def __init__(
        self, member: Member, limits: Limits, broker: TaskBroker | None = None, *, supervisor: int | None = None
    ) -> None:
        self._limits = limits
        self._supervisor = supervisor
        #: What the main thread wakes up for: terminate, recycle, idle, free.
        self._words: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._terminated = False
        self._broker = broker or platform_broker()
        self._broker.worker_id = member.id
        self._broker.supervised = True

    def run(self) -> int:
        """Work until SIGTERM, a limit, or (in burst mode) until there is nothing left to do. Returns the exit code."""
        die_with_parent(self._supervisor)
        self._catch_signals()
        broker = self._broker
        domains.listen(broker.hub)
        broker.add_middleware(Metering())
        if tracing.start("pulp-worker"):
            broker.add_middleware(Tracing())
        broker.add_middleware(Recycle(self._limits, lambda: self._leave("recycle")))
        if self._limits.burst:
            broker.on_idle = self._leave_if_idle
        worker = Worker(
            broker, queues=set(self._limits.queues) or None, worker_threads=self._limits.threads)
        broker.emit_after("process_boot")  # as dramatiq's command does: time limits are watched from here on
        threading.excepthook = functools.partial(_leave_with_thread, worker)
        worker.start()
        logger.info("worker started", worker=str(broker.worker_id), threads=self._limits.threads)
        reason = self._words.get()
        broker.accepting = False
        self._finish_tasks()
        for thread in (*worker.workers, *worker.consumers.values()):
            thread.stop()  # all at once; `Worker.stop` would wait for one kind, then for the other
        worker.stop(timeout=int(UNWIND * 1000))
        broker.close()
        tracing.stop()
        return RECYCLED if reason == "recycle" and not self._terminated else 0

    def _finish_tasks(self) -> None:
        """Let running tasks end: in their own time, or within the grace period once somebody wants us to stop."""
        threading.Thread(target=self._wait_until_free, daemon=True).start()
        while not self._terminated:
            if self._words.get() == "free":
                return
        if self._free_within(self._limits.grace):
            return
        logger.warning("interrupting what still runs", grace=self._limits.grace)
        self._broker.interrupt_all(Shutdown)
        self._free_within(UNWIND)

    def _wait_until_free(self) -> None:
        """Say so once every thread is idle: they give their permits back as their tasks end."""
        for _ in range(self._limits.threads):
            self._broker.idle_threads.acquire()
        self._words.put("free")

    def _free_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        try:
            while self._words.get(timeout=max(0.0, deadline - time.monotonic())) != "free":
                continue
        except queue.Empty:
            return False
        return True

    def _leave(self, reason: str) -> None:
        self._broker.accepting = False
        self._words.put(reason)

    def _leave_if_idle(self) -> None:
        if not self._broker.busy:
            self._leave("idle")

    def _catch_signals(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def _on_terminate(self, _signal: int, _frame: Any) -> None:
        # However often: systemd may send it to us as well as to the supervisor, which alone can tell that it is in earnest
        # the second time, and then kills us.
        self._terminated = True
        self._words.put("terminate")


def _leave_with_thread(worker: Worker, death: threading.ExceptHookArgs) -> None:
    """A process whose own threads have died would hold its lease and do nothing; its supervisor can do better. The threads
    that an actor starts are its own affair."""
    threading.__excepthook__(death)
    if death.thread in (*worker.workers, *worker.consumers.values()):
        logger.critical("a thread died; leaving", thread=death.thread and death.thread.name)
        os._exit(1)


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies, however that comes about (prctl(2), PR_SET_PDEATHSIG).

    Leaves at once when ``parent`` is dead already.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
