"""Task groups, and cancelling many tasks at once.

A group says what belongs together; ``all_tasks_dispatched`` says that nothing more will come, so that whoever waits for
the group knows when it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from pulp_actor.db import connected, database, load_queries, transaction
from pulp_actor.domains import current_domain_id
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import uuid7
from pulp_actor.queue.actors import platform_broker

SQL = load_queries("pulp_actor.queue", "groups.sql")

#: Tasks that are cancelled in one transaction, where many are: one commit for all of them, and nobody waits for long.
BATCH = 200


@contextmanager
def task_group(description: str, *, domain: UUID | None = None) -> Iterator[UUID]:
    """A new task group for the length of a block, whose value is its key; give it to `dispatch` as ``task_group``.

    When the block ends, also by an exception, the group is marked as fully dispatched. Inside a transaction all of it
    is written together; outside, the group can be seen at once.
    """
    group = new_group(description, domain=domain)
    try:
        yield group
    finally:
        finish_group(group)


def new_group(description: str, *, domain: UUID | None = None) -> UUID:
    """Make a task group, to be ended by `finish_group`. Returns its key."""
    key = uuid7()
    with connected():
        database.execute_sql(SQL.new_group, (key, description, domain or current_domain_id()))
    return key


def finish_group(group: UUID) -> None:
    """Note that every task of a group has been dispatched."""
    with connected():
        database.execute_sql(SQL.finish_group, (group,))


def cancel_tasks(tasks: Iterable[UUID]) -> dict[UUID, str]:
    """Cancel some tasks, in this order. Returns the state that each is in then.

    Raises:
        NotFound: one of them does not exist; those before it are cancelled.
    """
    engine = platform_broker().engine
    answers: dict[UUID, str] = {}
    for task in tasks:
        state = engine.cancel(task)
        if state is None:
            raise NotFound(f"there is no task {task}")
        answers[task] = state
    return answers


def cancel_all_waiting() -> dict[UUID, str]:
    """Cancel every task that waits; the newest first, for otherwise each would hand its locks to the next, which would
    start before its turn to be cancelled comes. Returns the state that each is in then."""
    return _cancel(_found(SQL.waiting_newest_first))


def cancel_group(group: UUID) -> dict[UUID, str]:
    """Cancel every unfinished task of a group, and those that these dispatch meanwhile. Returns their states then.

    Raises:
        NotFound: there is no such group.
    """
    if not _found(SQL.group_exists, group):
        raise NotFound(f"there is no task group {group}")
    answers: dict[UUID, str] = {}
    while found := [task for task in _found(SQL.unfinished_of_group, group) if task not in answers]:
        answers |= _cancel(found)
    finish_group(group)
    return answers


def _found(query: str, *parameters: UUID) -> list[UUID]:
    with connected():
        return [key for (key,) in database.execute_sql(query, parameters).fetchall()]


def _cancel(tasks: Sequence[UUID]) -> dict[UUID, str]:
    """Cancel tasks in this order; one that was purged in between is ``gone``."""
    answers: dict[UUID, str] = {}
    for start in range(0, len(tasks), BATCH):
        batch = list(tasks[start:start + BATCH])
        with transaction():
            database.execute_sql(SQL.lock_all, {"tasks": batch})
            rows = database.execute_sql(SQL.cancel_all, {"tasks": batch}).fetchall()
        answers |= {task: state or "gone" for task, state in rows}
    return answers
