"""The checker itself: it finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.faults import invariants
from tests.support.workers import journal
from tests.support.workers.lab import Lab

#: Locks that lock nothing.
ALL_GRANTED = """
ALTER TABLE task_ticket DROP CONSTRAINT task_ticket_no_conflict;
CREATE OR REPLACE FUNCTION task_take_tickets(p_task uuid, p_exclusive text[], p_shared text[])
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task_ticket (task_id, resource, shared, granted) SELECT p_task, r, false, true FROM unnest(p_exclusive) AS r;
    RETURN 0;
END $$;
"""


def some_work(lab: Lab) -> list:
    lab.workers(2)
    tasks = [lab.send("nap", 0.2, exclusive=["a"]) for _ in range(6)]
    lab.await_quiet()
    return tasks


def test_all_is_well(lab: Lab) -> None:
    report = invariants.check(lab, some_work(lab))
    assert (report.tasks, report.runs) == (6, 6)


def test_locks_that_lock_nothing(lab: Lab) -> None:
    lab.sql(ALL_GRANTED)
    tasks = some_work(lab)
    with pytest.raises(AssertionError, match="out of turn") as error:
        invariants.check(lab, tasks)
    assert "ran beside a conflicting task" in str(error.value) or "started out of turn" in str(error.value)


def test_a_lost_task(lab: Lab) -> None:
    tasks = some_work(lab)
    lab.sql("DELETE FROM task WHERE id = %s", (tasks[0],))
    with pytest.raises(AssertionError, match="dispatched and gone"):
        invariants.check(lab, tasks)


def test_a_task_that_never_ends(lab: Lab) -> None:
    task = lab.send("noop")
    with pytest.raises(AssertionError, match="never ended"):
        invariants.check(lab, [task])


def test_a_task_that_ran_twice(lab: Lab) -> None:
    tasks = some_work(lab)
    journal.open_journal(lab.journal_path)
    journal.note(tasks[0], "begin")
    with pytest.raises(AssertionError, match="ran 2 times"):
        invariants.check(lab, tasks)


def test_a_lock_that_is_left(lab: Lab) -> None:
    tasks = some_work(lab)
    lab.sql("INSERT INTO task_ticket (task_id, resource, shared, granted) VALUES (%s, 'x', false, true)", (tasks[0],))
    with pytest.raises(AssertionError, match="ticket left"):
        invariants.check(lab, tasks)
