"""What an actor can know of and do to its own task: `current_task`.

Outside a worker (in a unit test that calls an actor as a plain function) the current task is a stand-in that keeps
everything in memory.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg2

from pulp_actor.db import database
from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import Engine

logger = get_logger(__name__)

#: Seconds between two writes of one progress report.
PROGRESS_INTERVAL = 0.5


class Progress:
    """A progress report. A context manager: it ends as ``completed``, or as ``failed`` or ``canceled`` with its block."""

    def __init__(self, task: CurrentTask, code: str, message: str, total: int | None, suffix: str | None) -> None:
        self.code, self.message, self.total, self.suffix = code, message, total, suffix
        self.done = 0
        self.state = "running"
        self._task = task
        self._written_at = -PROGRESS_INTERVAL
        self._writing = threading.Lock()
        self._timer: threading.Timer | None = None

    def increment(self, by: int = 1) -> None:
        """Count ``by`` more items as done. Costs nothing most of the time: writes are at least half a second apart, and the
        last count is written even if the next one is long in coming."""
        self.done += by
        since = time.monotonic() - self._written_at
        if since >= PROGRESS_INTERVAL:
            self.save()
        elif self._timer is None and self._task.reports_by_itself:
            self._timer = threading.Timer(PROGRESS_INTERVAL - since, self._save_late)
            self._timer.daemon = True
            self._timer.start()

    def save(self) -> None:
        """Write the report now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._writing:
            self._written_at = time.monotonic()
            self._task._report(self)

    def _save_late(self) -> None:
        """In the timer's thread. A report that cannot be written is no reason to end the task: its end writes it again."""
        try:
            self.save()
        except psycopg2.Error as error:
            logger.warning("progress was not written", code=self.code, reason=" ".join(str(error).split()))

    def __enter__(self) -> Self:
        self.save()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.state = "completed"
        else:
            self.state = "failed" if issubclass(kind, Exception) else "canceled"
        self.save()


class CurrentTask:
    """The task that an actor runs as; this base class is the stand-in outside a worker.

    Attributes:
        id: the task's key, None outside a worker.
        created_by: key of the user who asked for it.
        reports: the progress reports so far, by code.
        created_resources: (href, PRN) of what it made so far.
        reports_by_itself: progress may be written from another thread than the actor's.
    """

    id: UUID | None = None
    created_by: int | None = None
    group_id: UUID | None = None
    domain_id: UUID | None = None
    logging_cid: str = ""
    reports_by_itself = False

    def __init__(self) -> None:
        self.reports: dict[str, Progress] = {}
        self.created_resources: list[tuple[str, str]] = []

    def progress(self, code: str, message: str, *, total: int | None = None, suffix: str | None = None) -> Progress:
        """A new progress report, named ``code`` on the wire. Use it as a context manager."""
        report = self.reports[code] = Progress(self, code, message, total, suffix)
        return report

    def add_created_resource(self, href: str, prn: str) -> None:
        """Note that the task made an object. Written with the actor's own transaction, if it is in one."""
        self.created_resources.append((href, prn))

    def _report(self, progress: Progress) -> None:
        """Write a progress report."""


class WorkerTask(CurrentTask):
    """The current task in a worker: writes through the engine's connection, so that reports are seen at once even while
    the actor is inside a long transaction."""

    id: UUID
    reports_by_itself = True

    def __init__(self, engine: Engine, task_id: UUID, options: dict[str, Any]) -> None:
        super().__init__()
        self.id = task_id
        self.created_by = options.get("created_by")
        self.logging_cid = options.get("cid", "")
        self.group_id = _uuid(options.get("task_group"))
        self.domain_id = _uuid(options.get("domain"))
        self._engine = engine

    def _report(self, progress: Progress) -> None:
        self._engine.report_progress(
            self.id, progress.code, progress.message, progress.state, progress.total, progress.done, progress.suffix)

    def add_created_resource(self, href: str, prn: str) -> None:
        super().add_created_resource(href, prn)
        cursor = database.cursor() if not database.is_closed() and database.in_transaction() else None
        self._engine.add_created_resource(self.id, href, prn, cursor=cursor)


class ImmediateTask(CurrentTask):
    """The current task of an actor that runs inside its caller's transaction: its record is written at the end."""

    def __init__(self, task_id: UUID, options: dict[str, Any]) -> None:
        super().__init__()
        self.id = task_id
        self.created_by = options.get("created_by")
        self.logging_cid = options.get("cid", "")
        self.group_id = _uuid(options.get("task_group"))
        self.domain_id = _uuid(options.get("domain"))


_current: ContextVar[CurrentTask | None] = ContextVar("current_task", default=None)


def current_task() -> CurrentTask:
    """The task that is running here; a new in-memory stand-in when none is."""
    return _current.get() or CurrentTask()


def _uuid(value: str | None) -> UUID | None:
    return UUID(value) if value else None
