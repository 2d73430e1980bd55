"""Worker processes, and the schedules by which work is dispatched again and again."""

from __future__ import annotations

from peewee import Select

from api.core.common import newest_first, orderings
from api.core.roles import role_operations
from api.endpoints import Endpoint, Key
from api.filters import Filter, FilterSet, boolean_filter, identity_filters, text_filters, time_filters
from api.operations import listing, reading
from api.schemas.base import ObjectSchema
from api.schemas.fields import DateTime, Json, Row, Text
from api.schemas.references import Href, show_href
from pulp_actor.models.resources import TASK_SCHEDULE, WORKER
from pulp_actor.queue.models import Task, TaskSchedule, Worker


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


def _interval(row: Row) -> str | None:
    """``[days ]hours:minutes:seconds``; a schedule by cron shows its expression."""
    seconds = row["interval_seconds"]
    if seconds is None:
        return row["cron"]
    days, rest = divmod(int(seconds), 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} {clock}" if days else clock


class TaskScheduleSchema(ObjectSchema):
    wire_name = "TaskSchedule"
    model = TaskSchedule

    name = Text(required=True)
    task_name = Text(required=True, show=lambda row: row["actor"], help="The name of the actor.")
    dispatch_interval = Text(required=True, null=True, show=_interval, help="How much time lies between two tasks.")
    next_dispatch = DateTime(read_only=True, null=True)
    last_task = Href(show=show_href(Task, "last_task_id"))


def worker_endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            path="workers", tag="Workers", schema=WorkerSchema, rows=worker_rows, filters=worker_filters(),
            resource=WORKER, keys=[Key("pulp_id", Worker.id)], operations=[listing(), reading()],
        ),
        Endpoint(
            path="task-schedules", tag="Task-Schedules", schema=TaskScheduleSchema, resource=TASK_SCHEDULE,
            rows=lambda: TaskSchedule.select(TaskSchedule), keys=[Key("pulp_id", TaskSchedule.id)],
            filters=FilterSet(
                [
                    *identity_filters(TaskSchedule.id, TaskSchedule),
                    *text_filters("name", TaskSchedule.name, ("exact", "contains")),
                    *text_filters("task_name", TaskSchedule.actor, ("exact", "contains")),
                ],
                orderings(
                    TaskSchedule, ("name", "next_dispatch"), task_name=TaskSchedule.actor,
                    dispatch_interval=TaskSchedule.interval_seconds, task_kwargs=TaskSchedule.kwargs,
                    task_args=TaskSchedule.id),
                newest_first(TaskSchedule),
            ),
            operations=[listing(), reading(), *role_operations()],
        ),
    ]

