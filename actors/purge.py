"""Deleting the records of finished tasks."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from uuid import UUID

from pulp_actor.db import database, load_queries, transaction
from pulp_actor.domains import current_domain_id
from pulp_actor.errors import ValidationError
from pulp_actor.queue import actor, current_task
from pulp_actor.queue.context import Progress
from pulp_actor.queue.models import FINAL_STATES

SQL = load_queries("actors", "purge.sql")

#: Tasks that are deleted in one transaction.
BATCH = 1000
#: Days for which finished tasks are kept where a purge names no time.
DEFAULT_AGE = 30
#: Before every key.
_NIL = UUID(int=0)


@actor(name="pulpcore.app.tasks.purge.purge")
def purge(finished_before: str | None = None, states: Sequence[str] | None = None) -> dict[str, int]:
    """Delete the records of tasks that ended before a time, with their progress reports and what else hangs on them.

    Parameters:
        finished_before: a date or time of ISO 8601, in UTC if it names no zone; 30 days ago when None.
        states: final states whose tasks are deleted; ``["completed"]`` when None.

    Returns ``{"tasks": …, "task_groups": …}``, how many were deleted.

    Raises:
        ValidationError: a time that cannot be read, or a state that is not final.
    """
    before = _moment(finished_before)
    states = ["completed"] if states is None else list(states)
    unknown = sorted(set(states) - FINAL_STATES)
    if unknown:
        raise ValidationError({"states": [f"{', '.join(unknown)}: not a final state"]})
    domain = current_domain_id()
    total = database.execute_sql(SQL.count_tasks, (domain, before, states)).fetchone()[0]
    with current_task().progress("purge.tasks", "Purging tasks", total=total) as progress:
        tasks = _delete_tasks(domain, before, states, progress)
    with current_task().progress("purge.task_groups", "Purging task groups") as progress:
        groups = _delete_groups(domain, before)
        progress.increment(groups)
    return {"tasks": tasks, "task_groups": groups}


def _delete_tasks(domain: UUID, before: datetime.datetime, states: Sequence[str], progress: Progress) -> int:
    """Delete in order of the key, each batch from where the last one ended: the rows just deleted are not read again."""
    after, deleted = _NIL, 0
    while True:
        with transaction():
            rows = database.execute_sql(SQL.delete_tasks, (domain, before, list(states), after, BATCH)).fetchall()
        if not rows:
            return deleted
        after = max(key for (key,) in rows)
        deleted += len(rows)
        progress.increment(len(rows))


def _delete_groups(domain: UUID, before: datetime.datetime) -> int:
    with transaction():
        return database.execute_sql(SQL.delete_groups, (domain, before)).rowcount


def _moment(text: str | None) -> datetime.datetime:
    if text is None:
        return datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=DEFAULT_AGE)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValidationError({"finished_before": [f"{text!r} is not a date or time"]}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
