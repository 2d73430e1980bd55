"""Samples: what queue and store were like every few seconds of the last week, for plots that outlive a restart.

Every API process runs a `Sampler`; the database lets one of them write each sample. It must never know who draws them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import peewee
import psycopg2

from pulp_actor.db import connected, database, load_queries, transaction
from pulp_actor.logs import get_logger
from pulp_actor.settings import settings
from pulp_actor.storage import StorageError, get_storage

_SQL = load_queries("pulp_actor", "samples.sql")

#: How long samples are kept.
KEPT = timedelta(days=7)
#: Points in a series, at most.
POINTS = 120

logger = get_logger(__name__)


@dataclass(frozen=True)
class Point:
    """The samples of one span of time that begins at ``at``: averages of what there was, sums of what happened (None:
    unknown), and bytes of the store (None: it does not tell)."""

    at: datetime
    ready: float
    blocked: float
    delayed: float
    running: float
    workers: float
    dispatched: int | None
    ended: int | None
    failed: int | None
    storage_total: int | None
    storage_used: int | None


def take_sample(interval: float) -> bool:
    """Write a sample, unless somebody has or does in these ``interval`` seconds. Returns whether it was written."""
    total, used = _usage()
    with transaction():
        if not database.execute_sql(_SQL.is_due, (interval,)).fetchone()[0]:
            return False
        database.execute_sql(_SQL.take, {"total": total, "used": used})
        database.execute_sql(_SQL.drop_old, (KEPT,))
    return True


def series(span: timedelta) -> tuple[timedelta, list[Point]]:
    """The last ``span`` of time in at most `POINTS` points, oldest first, and how much time each stands for."""
    width = max(span / POINTS, timedelta(seconds=max(1, settings.SAMPLE_INTERVAL)))
    with connected():
        rows = database.execute_sql(_SQL.series, {"width": width, "span": span}).fetchall()
    return width, [Point(*row) for row in rows]


def _usage() -> tuple[int | None, int | None]:
    try:
        usage = get_storage().usage()
    except (StorageError, OSError) as error:
        logger.warning("sample: storage not available", error=str(error))
        return None, None
    return usage.total, usage.used


class Sampler:
    """Takes samples in a thread of its own until it is stopped."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Start, after any fork, if samples are wanted."""
        if settings.SAMPLE_INTERVAL > 0:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while True:
            try:
                take_sample(settings.SAMPLE_INTERVAL)
            except (peewee.OperationalError, peewee.InterfaceError, psycopg2.OperationalError) as error:
                logger.warning("sample: database not available", error=str(error).strip())
            if self._stopping.wait(settings.SAMPLE_INTERVAL):
                return
