"""Interrupts an actor whose task is being cancelled, or whose worker has lost its lease.

A NOTIFY says that something is to be cancelled; because one can be lost, a look every few seconds backs it up, but only
while an actor runs. The interrupt is raised in the actor's thread; the statement that the actor's connection may be in is
cancelled too, since an exception cannot reach a thread inside libpq. What does not react is killed by the supervisor.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Interrupt, Middleware, raise_thread_exception

from pulp_actor.db import database
from pulp_actor.logs import get_logger
from pulp_actor.queue.errors import TaskCanceled
from pulp_actor.queue.messages import TaskMessage

#: Channel on which task_cancel tells that something is to be interrupted.
CHANNEL = "pulp_task_cancel"
#: Seconds between two looks without a notification, while an actor runs.
LOOK_INTERVAL = 3.0

logger = get_logger(__name__)


@dataclass
class _Running:
    """A message that a thread works on. ``wanted`` is the interrupt that is to reach its actor, at most one ever;
    ``inside`` says whether the actor's function is being run, the only time when it may be raised."""

    thread: int
    message: TaskMessage
    connection: Any
    wanted: type[Interrupt] | None = None
    inside: bool = False


class Cancel(Middleware):
    """One watching thread per process. It asks the database only while an actor runs, and is not woken as one starts: just
    then the interpreter has something better to do."""

    def __init__(self) -> None:
        self._running: dict[UUID, _Running] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        #: A notification came while nothing ran: it may be about a task that was claimed and had not got here.
        self._unheeded = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._broker: Any = None

    def after_declare_actor(self, broker: Broker, actor: Any) -> None:
        """Wrap the actor's function, so that an interrupt cannot strike outside it: in dramatiq's own code it would end
        the worker thread, or leave an outcome unwritten."""
        actor.fn = self._guarded(actor.fn)

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            running = self._enter()
            if running is None:
                return function(*args, **kwargs)
            try:
                return function(*args, **kwargs)
            finally:
                self._leave(running)

        return guarded

    def _enter(self) -> _Running | None:
        thread = threading.get_ident()
        with self._lock:
            running = next((one for one in self._running.values() if one.thread == thread and not one.inside), None)
            if running is None:
                return None  # called as a plain function, or by another actor
            if running.wanted is None:
                running.inside = True
                return running
        raise running.wanted

    def _leave(self, running: _Running) -> None:
        """No interrupt after this: one that was raised and has not struck yet is taken back."""
        with self._lock:
            running.inside = False
            _take_back_interrupt()

    def before_worker_boot(self, broker: Broker, worker: Any) -> None:
        self._broker = broker
        broker.hub.subscribe(CHANNEL, lambda _payload: self._wake.set())  # type: ignore[attr-defined]
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="cancel", daemon=True)
        self._thread.start()

    def after_worker_shutdown(self, broker: Broker, worker: Any) -> None:
        self._stopping = True
        self._wake.set()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if isinstance(message, TaskMessage):
            connection = None if database.is_closed() else database.connection()
            with self._lock:
                self._running[message.claim.task] = _Running(threading.get_ident(), message, connection)
                unheeded, self._unheeded = self._unheeded, False
            if unheeded:
                self._wake.set()

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        if isinstance(message, TaskMessage):
            with self._lock:
                self._running.pop(message.claim.task, None)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)

    def interrupt(self, task: UUID, kind: type[Interrupt]) -> None:
        """Raise ``kind`` in the thread that runs ``task``, once."""
        with self._lock:
            running = self._running.get(task)
            if running is None or running.wanted is not None:
                return
            running.wanted = kind
            running.message.outcome.canceled = issubclass(kind, TaskCanceled)
            logger.info("interrupting", task=str(task), why=kind.__name__)
            if running.inside:
                raise_thread_exception(running.thread, kind)
                # Under the lock: afterwards the connection may serve another task.
                _cancel_statement(running.connection)

    def interrupt_all(self, kind: type[Interrupt]) -> None:
        """Raise ``kind`` in every thread that runs a task."""
        for task in list(self._running):
            self.interrupt(task, kind)

    def _watch(self) -> None:
        while not self._stopping:
            told = self._wake.wait(LOOK_INTERVAL)
            self._wake.clear()
            with self._lock:
                idle = not self._running
                self._unheeded |= told and idle
            if not idle and not self._stopping:
                self._look()

    def _look(self) -> None:
        try:
            rows = self._broker.engine.canceling_of([self._broker.worker_id])
        except psycopg2.Error as error:
            logger.warning("cannot look for cancelled tasks", error=" ".join(str(error).split()))
            return
        for task, _worker in rows:
            self.interrupt(task, TaskCanceled)


class _Nothing(BaseException):
    """Raised in the place of an interrupt that is taken back."""


def _take_back_interrupt() -> None:
    """Forget an interrupt of this thread that was raised and has not struck.

    Another one takes its place, and strikes here. Clearing it (with NULL) would do on CPython 3.13; before that, the
    interpreter goes on looking for the exception that is gone, and then runs in circles as soon as a profiler or a
    tracer is set.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    try:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_Nothing))
        while True:
            pass
    except _Nothing:
        return


def _cancel_statement(connection: Any) -> None:
    if connection is None or connection.closed:
        return
    try:
        connection.cancel()
    except psycopg2.Error as error:
        logger.debug("no statement to cancel", error=str(error))
