"""The diagnostic actors on real workers; groups; what tasks record about themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pulp_actor.db import connected
from pulp_actor.db import database as pool
from pulp_actor.models import Artifact
from pulp_actor.queue import dispatch, load_actors
from pulp_actor.queue.inspect import TaskDetails, details, profile_artifacts
from pulp_actor.queue.models import FINAL_STATES, Task, TaskGroup
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from tests.support.tasks import Command
from tests.support.workers.lab import Service
from tests.support.workers.waiting import eventually

TEST = "pulpcore.app.tasks.test."


@pytest.fixture(autouse=True)
def _declared(workers: Service) -> Iterator[None]:
    with settings.override(DIAGNOSTIC_ACTORS=True):
        load_actors()
        yield


def start(name: str, *args: Any, **options: Any) -> UUID:
    return dispatch(TEST + name, args, **options).id


def ended(*tasks: UUID) -> list[TaskDetails]:
    """The tasks, once all have ended."""
    def all_ended() -> list[TaskDetails]:
        found = [details(task) for task in tasks]
        return found if all(one.task.state in FINAL_STATES for one in found) else []

    return eventually(all_ended, what=lambda: str([details(task).task for task in tasks]))


def running(task: UUID) -> bool:
    return details(task).task.state == "running"


def test_each_does_what_its_name_says() -> None:
    tasks = [
        start("dummy_task"), start("sleep", 0.1), start("asleep", 0.1), start("gooey_task", 0.1),
        start("failing_task"), start("afailing_task"), start("failing_task", "Mind the gap.")]
    found = ended(*tasks)
    assert [one.task.state for one in found] == ["completed"] * 4 + ["failed"] * 3
    assert [one.columns["error"]["description"] for one in found[4:]] == [
        "DeliberateFailure: A task that fails on purpose.", "DeliberateFailure: An async task that fails on purpose.",
        "DeliberateFailure: Mind the gap."]
    assert "in failing_task" in found[4].columns["error"]["traceback"]


@pytest.mark.parametrize("name", ["sleep", "asleep"])
def test_a_sleeping_task_wakes_up_when_it_is_cancelled(command: Command, name: str) -> None:
    task = start(name, 300)
    eventually(lambda: running(task))
    worker = details(task).task.worker
    assert command.text("cancel", str(task)) == f"{task} is being interrupted\n"
    (found,) = ended(task)
    assert found.task.state == "canceled"
    after = start("dummy_task"), start("dummy_task")
    ended(*after)
    with connected():
        assert pool.execute_sql("SELECT gone_at FROM worker WHERE name = %s", (worker,)).fetchone() == (None,)


def test_a_gooey_task_ignores_being_interrupted_and_is_killed(command: Command, workers: Service) -> None:
    task = start("gooey_task", 300, exclusive=["glue"])
    after = start("dummy_task", exclusive=["glue"])
    eventually(lambda: running(task))
    before = set(workers.children)
    command("cancel", str(task))
    found, next_one = ended(task, after)
    assert (found.task.state, next_one.task.state) == ("canceled", "completed")
    eventually(lambda: len(workers.children) == 2 and set(workers.children) != before)


def test_everything_can_be_cancelled_while_workers_are_at_it(command: Command) -> None:
    tasks = [start("sleep", 0.05, exclusive=[f"r{number % 5}"], shared=[f"s{number % 2}"]) for number in range(300)]
    found = command.json("cancel", "--all-waiting")
    states = {one.task.state for one in ended(*tasks)}
    assert found and states <= {"completed", "canceled"}
    with connected():
        assert pool.execute_sql("SELECT count(*) FROM task_ticket").fetchone() == (0,)
        assert pool.execute_sql("SELECT count(*) FROM dramatiq.queue WHERE state = 'queued'").fetchone() == (0,)


def test_a_group_task_dispatches_into_a_group_of_its_own() -> None:
    (parent,) = ended(start("dummy_group_task", 4))
    (group_href,) = parent.created_resources
    assert parent.columns["result"] == {"task_group": group_href}
    assert len(parent.children) == 4
    assert all(child.task.state == "completed" for child in ended(*parent.children))
    with connected():
        group = TaskGroup.get_by_id(UUID(group_href.split("/")[-2]))
        assert group.all_tasks_dispatched and Task.select().where(Task.group_id == group.id).count() == 4


def test_the_finalizer_starts_when_all_others_have_ended() -> None:
    (parent,) = ended(start("group_task_with_finalizer", 3, 0.3))
    *children, finalizer = ended(*parent.children)
    assert finalizer.task.actor == TEST + "dummy_task" and len(children) == 3
    assert all(child.task.finished <= finalizer.task.started for child in children)


def test_a_task_records_what_it_was_asked_to(data_dir: Path) -> None:
    task = start("failing_task", "token=abc123 failed", diagnostics=["memory", "pyinstrument", "logs"])
    quiet = start("dummy_task")
    ended(task, quiet)
    records = contents(task)
    assert profile_artifacts(quiet) == {} and set(records) == {"memory", "pyinstrument", "logs"}
    header, *samples = records["memory"].splitlines()
    assert header == "seconds,resident_bytes" and len(samples) >= 2
    assert all(int(sample.split(",")[1]) > 1 << 20 for sample in samples)
    assert "<html" in records["pyinstrument"].lower() and str(task) in records["pyinstrument"]
    lines = [json.loads(line) for line in records["logs"].splitlines()]
    assert any("unhandled exception" in line["event"] for line in lines)
    assert "abc123" not in records["logs"] and "DeliberateFailure" in records["logs"]


@pytest.mark.parametrize("name", ["sleep", "asleep"])
def test_a_cancelled_task_leaves_its_records(command: Command, name: str) -> None:
    task = start(name, 300, diagnostics=["memory", "logs", "no such thing"])
    eventually(lambda: running(task))
    command("cancel", str(task))
    ended(task)
    assert set(contents(task)) == {"memory", "logs"}
    assert command.json("show", str(task))["profile_artifacts"].keys() == {"memory", "logs"}


def contents(task: UUID) -> dict[str, str]:
    """What a task recorded: name → text."""
    with connected():
        return {
            name: b"".join(get_storage().open(Artifact.get_by_id(artifact).file)).decode()
            for name, artifact in profile_artifacts(task).items()}
