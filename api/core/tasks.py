"""Tasks, task groups and workers: what the task engine shows of itself, and cancelling."""

from __future__ import annotations

import datetime
from typing import Any

from peewee import SQL, Expression, Select, fn

from api.call import Answer, Call
from api.core.common import newest_first, orderings
from api.endpoints import Endpoint, Key, Operation
from api.filters import (
    Filter,
    FilterSet,
    boolean_filter,
    choice_filters,
    custom,
    identity_filters,
    key_of,
    text_filters,
    time_filters,
)
from api.operations import action, listing, reading
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import Boolean, Choice, DateTime, Integer, Json, ListOf, Row, Text, wire_time
from api.schemas.nested import Object
from api.schemas.references import Href, show_href
from pulp_actor.identifiers import href_of, parse_reference, prn_of
from pulp_actor.models import User
from pulp_actor.models.base import utcnow
from pulp_actor.models.resources import TASK
from pulp_actor.queue import platform_broker
from pulp_actor.queue.models import FINAL_STATES, STATES, CreatedResource, ProgressReport, Task, TaskGroup, Worker

#: How long ago tasks ended that are purged when a request does not say.
PURGE_AGE = datetime.timedelta(days=30)

PURGE = "pulpcore.app.tasks.purge.purge"


class ProgressReportSchema(WireSchema):
    wire_name = "ProgressReport"
    message = Text(read_only=True)
    code = Text(read_only=True)
    state = Text(read_only=True)
    total = Integer(read_only=True)
    done = Integer(read_only=True)
    suffix = Text(read_only=True, null=True)


def _hrefs(column: str) -> Any:
    return lambda row: row[column] or []


def _child_tasks(row: Row) -> list[str]:
    return [href_of(TASK, key) for key in row["child_ids"] or ()]


def _reserved(row: Row) -> list[str]:
    return [*row["exclusive"], *(f"shared:{name}" for name in row["shared"])]


class TaskSchema(ObjectSchema):
    wire_name = "Task"
    model = Task

    state = Text(read_only=True, help="Where it is in its life.")
    name = Text(required=True, show=lambda row: row["actor"], help="The name of the actor.")
    logging_cid = Text(required=True, help="The correlation id of the request that asked for it.")
    created_by = Text(format="uri", null=True, read_only=True, show=show_href(User, "created_by"))
    unblocked_at = DateTime(read_only=True, help="When its locks were free.")
    started_at = DateTime(read_only=True)
    finished_at = DateTime(read_only=True)
    error = Json(type="object", read_only=True, help="Why it failed.")
    worker = Text(format="uri", null=True, read_only=True, show=show_href(Worker, "worker_id"))
    parent_task = Href(show=show_href(Task, "parent_id"))
    child_tasks = ListOf(Text(format="uri"), read_only=True, show=_child_tasks)
    task_group = Href(show=show_href(TaskGroup, "group_id"))
    progress_reports = Object(ProgressReportSchema, many=True, read_only=True, show=_hrefs("progress_reports"))
    created_resources = ListOf(Text(format="uri"), read_only=True, show=_hrefs("created_hrefs"))
    created_resource_prns = ListOf(Text(format="uri"), read_only=True, show=_hrefs("created_prns"))
    reserved_resources_record = ListOf(Text(), read_only=True, show=_reserved, help="The resources it locks.")
    result = Json(read_only=True, help="What it returned.")
    pulp_api_version = Text(default="v3", show=lambda row: "v3")


#: Columns of a task that are shown; its message holds its arguments and never leaves the server.
_TASK_COLUMNS = (
    "id", "state", "actor", "logging_cid", "created_by", "unblocked_at", "started_at", "finished_at", "error",
    "worker_id", "parent_id", "group_id", "exclusive", "shared", "result", "pulp_created", "pulp_last_updated",
)


def task_rows() -> Select:
    """All tasks with their children, reports and what they made, in one query whatever their number."""
    child = Task.alias()
    children = child.select(fn.ARRAY_AGG(child.id)).where(child.parent_id == Task.id)
    report = fn.JSONB_BUILD_OBJECT(
        "message", ProgressReport.message, "code", ProgressReport.code, "state", ProgressReport.state,
        "total", ProgressReport.total, "done", ProgressReport.done, "suffix", ProgressReport.suffix)
    reports = ProgressReport.select(fn.JSONB_AGG(report).order_by(ProgressReport.id)).where(
        ProgressReport.task == Task.id)

    def made(column: Any) -> Select:
        return CreatedResource.select(fn.ARRAY_AGG(column).order_by(CreatedResource.id)).where(
            CreatedResource.task == Task.id)

    return Task.select(
        *[getattr(Task, name) for name in _TASK_COLUMNS], children.alias("child_ids"),
        reports.alias("progress_reports"), made(CreatedResource.href).alias("created_hrefs"),
        made(CreatedResource.prn).alias("created_prns"),
    )


def _resource(text: str) -> str:
    """The name of a lock: an href stands for the PRN of the object, anything else for itself."""
    if not text.startswith("/"):
        return text.removeprefix("shared:")
    parsed = parse_reference(text)
    return prn_of(parsed.resource, parsed.key)


def _locks(*columns: Any) -> Any:
    """Tasks that have one of these resources in one of these columns."""
    def where(texts: list[str]) -> Any:
        condition = None
        for text in texts:
            for column in columns:
                one = Expression(column, "@>", fn.ARRAY_APPEND(SQL("'{}'::text[]"), _resource(text)))
                condition = one if condition is None else condition | one
        return condition

    return where


def _resource_filters(name: str, *columns: Any) -> list[Filter]:
    where = _locks(*columns)
    return [custom(name, lambda text: where([text])), custom(f"{name}__in", where, many=True)]


def _making(text: str) -> Any:
    column = CreatedResource.href if text.startswith("/") else CreatedResource.prn
    return Task.id.in_(CreatedResource.select(CreatedResource.task).where(column == text))


def _parent_of(text: str) -> Any:
    child = Task.alias()
    return Task.id.in_(child.select(child.parent_id).where(child.id == key_of(text, Task)))


def task_filters() -> FilterSet:
    """What tasks can be filtered and ordered by."""
    order = orderings(
        Task, ("error", "finished_at", "immediate", "logging_cid", "result", "started_at", "state", "unblocked_at"),
        name=Task.actor, deferred=Task.immediate, reserved_resources_record=Task.exclusive, versions=Task.id,
        enc_args=Task.id, enc_kwargs=Task.id, profile_options=Task.diagnostics, pulp_api_version=Task.id,
    )
    return FilterSet(
        [
            *identity_filters(Task.id, Task),
            custom("child_tasks", _parent_of), custom("created_resources", _making),
            *_resource_filters("exclusive_resources", Task.exclusive),
            *_resource_filters("shared_resources", Task.shared),
            *_resource_filters("reserved_resources", Task.exclusive, Task.shared),
            *time_filters("finished_at", Task.finished_at), *time_filters("started_at", Task.started_at),
            *time_filters("unblocked_at", Task.unblocked_at), *time_filters("pulp_created", Task.pulp_created),
            *text_filters("logging_cid", Task.logging_cid, ("exact", "contains")),
            *text_filters("name", Task.actor, ("exact", "contains", "in", "ne")),
            *choice_filters("state", Task.state, sorted(STATES), ("exact",)),
            *text_filters("state", Task.state, ("in", "ne")),
            custom("parent_task", lambda text: Task.parent_id == key_of(text, Task)),
            custom("task_group", lambda text: Task.group_id == key_of(text, TaskGroup)),
            custom("worker", lambda text: Task.worker_id == key_of(text, Worker)),
        ],
        order, newest_first(Task),
    )


class TaskCancel(WireSchema):
    wire_name = "TaskCancel"
    state = Text(required=True, help="\"canceled\".")


def _check_cancel(call: Call) -> None:
    if call.read().get("state") != "canceled":
        raise refuse("state", "The only change that can be asked for is \"canceled\".")


def _cancel(call: Call) -> Answer:
    call.row()
    _check_cancel(call)
    before = call.row()["state"]
    if before not in FINAL_STATES:
        platform_broker().engine.cancel(call.keys["pulp_id"])
    return Answer(409 if before in FINAL_STATES else 200, call.endpoint.wire.show(call.row()))


def _delete(call: Call) -> Answer:
    row = call.row()
    if row["state"] not in FINAL_STATES:
        raise refuse("non_field_errors", "Only a task that has ended can be deleted.")
    Task.delete().where(Task.id == row["id"], Task.state.in_(list(FINAL_STATES))).execute()
    return Answer(204)


class Purge(WireSchema):
    wire_name = "Purge"
    finished_before = DateTime(
        default=lambda: utcnow() - PURGE_AGE, help="Tasks that ended before this moment; by default 30 days ago.")
    states = ListOf(
        Choice(("skipped", "completed", "failed", "canceled"), enum="StatesEnum"), default=["completed"],
        help="Tasks that ended in one of these states.")


def _purge(call: Call) -> Answer:
    data = call.read()
    before = wire_time(data["finished_before"])
    return call.accepted(PURGE, {"finished_before": before, "states": data["states"]}, exclusive=["tasks:purge"])


# --- groups -----------------------------------------------------------------------------------------------------------

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
    _check_cancel(call)
    open_tasks = Task.select().where(Task.group_id == call.keys["pulp_id"], Task.state.not_in(list(FINAL_STATES)))
    keys = [task.id for task in open_tasks]
    for key in keys:
        platform_broker().engine.cancel(key)
    return Answer(200 if keys else 409, call.endpoint.wire.show(call.row()))


# --- workers ----------------------------------------------------------------------------------------------------------

class WorkerSchema(ObjectSchema):
    wire_name = "Worker"
    model = Worker

    name = Text(read_only=True)
    last_heartbeat = DateTime(read_only=True)
    versions = Json(type="object", values="string", read_only=True)
    current_task = Href(show=show_href(Task, "current_task_id"))


def worker_rows() -> Select:
    """All worker processes that are or were there lately, with what they are working at."""
    running = Task.select(Task.id).where(
        Task.worker_id == Worker.id, Task.state.in_(["running", "canceling"])).limit(1)
    return Worker.select(Worker, running.alias("current_task_id")).where(Worker.kind == "worker")


def worker_filters() -> FilterSet:
    """What workers can be filtered and ordered by."""
    here = Worker.gone_at.is_null()
    return FilterSet(
        [
            *identity_filters(Worker.id, Worker), *time_filters("last_heartbeat", Worker.last_heartbeat),
            *text_filters("name", Worker.name), boolean_filter("online", here),
            Filter("missing", boolean_filter("missing", here).kind, lambda value: Worker.gone_at.is_null(not value)),
        ],
        orderings(Worker, ("last_heartbeat", "name", "versions"), app_type=Worker.kind, ttl=Worker.id),
        newest_first(Worker),
    )


def task_endpoints() -> list[Endpoint]:
    cancel: dict[str, Any] = {
        "on_item": True, "request": TaskCancel, "partial": True, "responses": {200: "object", 409: "object"},
    }
    return [
        Endpoint(
            path="tasks", tag="Tasks", schema=TaskSchema, rows=task_rows, resource=TASK, filters=task_filters(),
            keys=[Key("pulp_id", Task.id)],
            operations=[
                listing(), reading(), Operation("cancel", "PATCH", _cancel, **cancel),
                Operation("delete", "DELETE", _delete, on_item=True, responses={204: None}),
                action("purge", _purge, Purge, on_item=False, help="Delete tasks that ended."),
            ],
        ),
        Endpoint(
            path="task-groups", tag="Task-Groups", schema=TaskGroupSchema, rows=task_group_rows,
            filters=FilterSet([], {}, newest_first(TaskGroup), query_language=False),
            keys=[Key("pulp_id", TaskGroup.id)],
            operations=[listing(), reading(), Operation("cancel", "PATCH", _cancel_group, **cancel)],
        ),
        Endpoint(
            path="workers", tag="Workers", schema=WorkerSchema, rows=worker_rows, filters=worker_filters(),
            keys=[Key("pulp_id", Worker.id)], operations=[listing(), reading()],
        ),
    ]
