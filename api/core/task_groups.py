"""Groups of tasks: their sums, and cancelling all that is left of one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from peewee import SQL, Select, fn

from api.call import Answer, Call
from api.core.common import newest_first
from api.core.tasks import cancelling, check_cancel
from api.endpoints import Endpoint, Key, Operation
from api.filters import FilterSet
from api.operations import listing, reading
from api.schemas.base import WireSchema
from api.schemas.fields import Boolean, Integer, Row, Text
from api.schemas.nested import Object
from api.schemas.references import show_href
from pulp_actor.identifiers import prn_of
from pulp_actor.models.resources import TASK, TASK_GROUP
from pulp_actor.queue.groups import cancel_group
from pulp_actor.queue.models import ProgressReport, Task, TaskGroup, Worker


class GroupProgressReport(WireSchema):
    wire_name = "GroupProgressReport"
    message = Text(read_only=True)
    code = Text(read_only=True)
    total = Integer(read_only=True)
    done = Integer(read_only=True)
    suffix = Text(read_only=True, null=True)


class MinimalTask(WireSchema):
    """A task in its group; its row is JSON already."""

    wire_name = "MinimalTask"
    pulp_href = Text(format="uri", read_only=True, show=show_href(Task, "id"))
    prn = Text(read_only=True, show=lambda row: prn_of(TASK, row["id"]))
    pulp_api_version = Text(default="v3", show=lambda row: "v3")
    name = Text(required=True, show=lambda row: row["actor"])
    state = Text(read_only=True)
    unblocked_at = Text(format="date-time", read_only=True)
    started_at = Text(format="date-time", read_only=True)
    finished_at = Text(format="date-time", read_only=True)
    pulp_created = Text(format="date-time", read_only=True)
    pulp_last_updated = Text(format="date-time", read_only=True)
    worker = Text(format="uri", null=True, read_only=True, show=show_href(Worker, "worker_id"))


_minimal_task = MinimalTask()


def _state_count(state: str) -> Any:
    return Integer(read_only=True, show=lambda row: sum(task["state"] == state for task in row["tasks"] or ()))


def _group_reports(row: Row) -> list[dict[str, Any]]:
    return row["reports"] or []


class TaskGroupSchema(WireSchema):
    wire_name = "TaskGroup"
    pulp_href = Text(format="uri", read_only=True, show=show_href(TaskGroup, "id"))
    prn = Text(read_only=True, show=lambda row: f"prn:core.taskgroup:{row['id']}")
    description = Text(required=True)
    all_tasks_dispatched = Boolean(required=True)
    waiting = _state_count("waiting")
    skipped = _state_count("skipped")
    running = _state_count("running")
    completed = _state_count("completed")
    canceled = _state_count("canceled")
    failed = _state_count("failed")
    canceling = _state_count("canceling")
    group_progress_reports = Object(GroupProgressReport, many=True, read_only=True, show=_group_reports)
    tasks = Object(
        MinimalTask, many=True, read_only=True,
        show=lambda row: [_minimal_task.show(task) for task in row["tasks"] or ()])


def task_group_rows() -> Select:
    """All groups with their tasks and the sums of their tasks' progress reports."""
    names = ("id", "actor", "state", "unblocked_at", "started_at", "finished_at", "worker_id", "pulp_created",
             "pulp_last_updated")
    task = fn.JSONB_BUILD_OBJECT(*[part for name in names for part in (name, getattr(Task, name))])
    tasks = Task.select(fn.JSONB_AGG(task).order_by(Task.seq)).where(Task.group_id == TaskGroup.id)
    sums = (
        ProgressReport.select(
            ProgressReport.code, fn.MIN(ProgressReport.message).alias("message"),
            fn.SUM(ProgressReport.total).alias("total"), fn.SUM(ProgressReport.done).alias("done"),
            fn.MIN(ProgressReport.suffix).alias("suffix"))
        .join(Task).where(Task.group_id == TaskGroup.id).group_by(ProgressReport.code).alias("sums")
    )
    reports = Select([sums], [fn.JSONB_AGG(fn.TO_JSONB(SQL('"sums"')))])
    return TaskGroup.select(TaskGroup, tasks.alias("tasks"), reports.alias("reports"))


def _cancel_group(call: Call) -> Answer:
    call.row()
    check_cancel(call)
    canceled = cancel_group(UUID(call.keys["pulp_id"]))
    return Answer(200 if canceled else 409, call.endpoint.wire.show(call.row()))


def task_group_endpoint() -> Endpoint:
    return Endpoint(
        path="task-groups", tag="Task-Groups", schema=TaskGroupSchema, rows=task_group_rows, resource=TASK_GROUP,
        filters=FilterSet([], {}, newest_first(TaskGroup), query_language=False), keys=[Key("pulp_id", TaskGroup.id)],
        operations=[listing(), reading(), Operation("cancel", "PATCH", _cancel_group, **cancelling())],
    )
