"""Rescue: what happens to the tasks of a worker that is gone.

A task whose actor says that it is safe to run again goes to the end of its line, within bounds; any other fails, with the
reason.
Either way its locks go to the next in line.
"""

from __future__ import annotations

from uuid import UUID

import psycopg2

from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL, Engine, Running

#: How often a task is run again, all retries counted, before the loss of its worker fails it after all: it may be what
#: kills them.
MAX_RETRIES = 20

logger = get_logger(__name__)


def declare_gone(engine: Engine, worker: UUID, reason: str) -> int:
    """Declare a worker gone, so that it can claim nothing more, and rescue its tasks. Returns how many those were."""
    engine.execute(SQL.leave, (worker,))
    return rescue_orphans(engine, reason, worker)


def rescue_orphans(engine: Engine, reason: str = "was lost", of: UUID | None = None) -> int:
    """Rescue every task that runs under a lease that has ended. Returns how many were rescued.

    Parameters:
        reason: what became of the worker, to follow its name.
        of: rescue only this worker's.

    Raises:
        psycopg2.Error: the database is away. A task that cannot be had now, because somebody holds its locks for long,
            keeps none of the others waiting; it is left to the next call.
    """
    rescued = 0
    for task, worker, attempt, state, retry_on_loss, name, retries in engine.execute(SQL.orphaned):
        if of not in (None, worker):
            continue
        running = Running(task, worker, attempt, state == "canceling", retry_on_loss and retries < MAX_RETRIES)
        try:
            done = _rescue(engine, running, f"The worker {name} {reason} while it ran this task.")
        except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected) as error:
            logger.warning("rescue was put off", task=str(task), error=" ".join(str(error).split()))
            continue
        if done:
            rescued += 1
            logger.warning("rescued a task", task=str(task), worker=name, reason=reason)
    return rescued


def _rescue(engine: Engine, running: Running, description: str) -> bool:
    error = {"description": description, "traceback": ""}
    if running.canceling:
        return engine.finish(running, "canceled")
    if running.retry_on_loss:
        return engine.give_back(running, count=True, error=error)
    return engine.finish(running, "failed", error=error)
