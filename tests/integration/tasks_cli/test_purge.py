"""Purging the records of finished tasks."""

from __future__ import annotations

import datetime

import pytest

from actors import purge as module
from actors.purge import purge
from pulp_actor.db import connected
from pulp_actor.errors import ValidationError
from pulp_actor.queue.context import CurrentTask, _current
from pulp_actor.queue.groups import new_group, task_group
from pulp_actor.queue.models import Task, TaskGroup
from tests.support.tasks import Queue


@pytest.fixture
def finished(queue: Queue) -> Queue:
    """Tasks that ended an hour ago in each state, one that ended just now, and some that have not ended."""
    worker = queue.hire()
    for state in ("completed", "failed", "canceled", "skipped"):
        queue.add(state)
        queue.work(worker, state)
        queue.end(state, state)
    queue.engine.execute("UPDATE task SET finished_at = finished_at - interval '1 hour'")
    queue.add("just now")
    queue.work(worker, "just now")
    queue.end("just now")
    queue.add("runs", ["r"])
    queue.work(worker, "runs")
    queue.add("waits", ["r"])
    return queue


def left(queue: Queue) -> set[str]:
    with connected():
        return {queue.name(key) for (key,) in Task.select(Task.id).tuples()}


def half_an_hour_ago() -> str:
    return (datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=30)).isoformat()


def test_only_completed_tasks_by_default(finished: Queue) -> None:
    with connected():
        assert purge(half_an_hour_ago()) == {"tasks": 1, "task_groups": 0}
    assert left(finished) == {"failed", "canceled", "skipped", "just now", "runs", "waits"}


def test_by_state(finished: Queue) -> None:
    with connected():
        assert purge(half_an_hour_ago(), ["failed", "canceled"])["tasks"] == 2
    assert left(finished) == {"completed", "skipped", "just now", "runs", "waits"}


def test_a_task_that_has_not_ended_stays_whatever_the_time(finished: Queue) -> None:
    with connected():
        assert purge("2999-01-01", ["completed", "failed", "canceled", "skipped"])["tasks"] == 5
    assert left(finished) == {"runs", "waits"}


def test_nothing_is_younger_than_thirty_days(finished: Queue) -> None:
    with connected():
        assert purge()["tasks"] == 0


@pytest.mark.parametrize(("arguments", "field"), [
    (("yesterday",), "finished_before"), (("2026-01-01", ["running"]), "states"), (("2026-01-01", ["x"]), "states")])
def test_bad_arguments_are_named(arguments: tuple[object, ...], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        purge(*arguments)
    assert set(refused.value.messages) == {field}


def test_in_batches_with_progress(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    worker = queue.hire()
    for number in range(20):
        queue.add(f"task {number}")
        queue.work(worker, f"task {number}")
        queue.end(f"task {number}")
    queue.engine.report_progress(queue.ids["task 3"], "a", "b", "completed", 1, 1, None)
    current = CurrentTask()
    token = _current.set(current)
    try:
        with connected():
            assert purge("2999-01-01")["tasks"] == 20
    finally:
        _current.reset(token)
    report = current.reports["purge.tasks"]
    assert (report.total, report.done, report.state) == (20, 20, "completed")
    assert queue.engine.execute("SELECT count(*) FROM progress_report") == [(0,)]


def test_empty_groups_that_are_over_go_too(queue: Queue) -> None:
    with task_group("over"):
        pass
    with task_group("has a task") as kept:
        queue.add("waits", group_id=kept)
    still_dispatching = new_group("not over")
    with connected():
        assert purge("2999-01-01") == {"tasks": 0, "task_groups": 1}
        assert {group.id for group in TaskGroup.select()} == {kept, still_dispatching}
