"""The scheduler: dispatches what is scheduled, by interval or by cron, each firing once however many workers run.

The row of a schedule is locked while it fires, and its next time is written in the transaction that dispatches the
task. Firings that were missed while nothing ran are made up for by one.
"""

from __future__ import annotations

import datetime
from typing import Any

from croniter import croniter

from pulp_actor.db import database, transaction
from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine
from pulp_actor.queue.errors import UnknownActor

logger = get_logger(__name__)


class Scheduler:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tick(self) -> float | None:
        while (seconds := self._engine.execute(SQL.next_schedule)[0][0]) is not None and seconds <= 0:
            if not self._fire():
                break
        return seconds

    def _fire(self) -> bool:
        """Dispatch the schedule that is due first. False when somebody else has."""
        with transaction():
            row = database.execute_sql(SQL.due_schedules).fetchone()
            if row is None:
                return False
            key, name, actor, kwargs, exclusive, shared, interval, cron, due = row
            task = self._dispatch(name, actor, kwargs, exclusive, shared)
            following = next_time(due, interval, cron)
            database.execute_sql(SQL.reschedule, (following, task, key))
        return True

    def _dispatch(self, name: str, actor: str, kwargs: Any, exclusive: list[str], shared: list[str]) -> Any:
        from pulp_actor.queue.dispatch import dispatch  # noqa: PLC0415  (dispatch builds the broker that runs us)

        try:
            return dispatch(actor, kwargs=kwargs, exclusive=exclusive, shared=shared).id
        except UnknownActor as error:
            logger.error("a schedule names an unknown actor", schedule=name, error=str(error))
            return None


def next_time(due: datetime.datetime, interval: float | None, cron: str | None) -> datetime.datetime | None:
    """When a schedule that was due at ``due`` fires next: the first time after now; None: never again."""
    now = datetime.datetime.now(datetime.UTC)
    if cron:
        return croniter(cron, now).get_next(datetime.datetime)
    if interval:
        missed = max(0.0, (now - due).total_seconds()) // interval
        return due + datetime.timedelta(seconds=interval * (missed + 1))
    return None
