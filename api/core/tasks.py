"""Tasks: what the task engine shows of them, cancelling, and purging."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from peewee import SQL, Expression, Select, fn

from api.call import Answer, Call
from api.core.common import newest_first, orderings
from api.core.roles import role_operations
from api.endpoints import Endpoint, Key, Operation
from api.filters import (
    Filter,
    FilterSet,
    choice_filters,
    custom,
    identity_filters,
    key_of,
    text_filters,
    time_filters,
)
from api.operations import action, listing, reading
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import Choice, DateTime, Integer, Json, ListOf, Row, Text, wire_time
from api.schemas.nested import Object
from api.schemas.references import Href, parse, show_href
from pulp_actor.domains import domain_resource
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import href_of, prn_of
from pulp_actor.models import Artifact, User
from pulp_actor.models.base import utcnow
from pulp_actor.models.resources import TASK
from pulp_actor.queue.groups import cancel_tasks
from pulp_actor.queue.models import FINAL_STATES, STATES, CreatedResource, ProgressReport, Task, TaskGroup, Worker
from pulp_actor.queue.models import ProfileArtifact as Recorded
from pulp_actor.storage import get_storage

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
    parsed = parse(text)
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


def check_cancel(call: Call) -> None:
    if call.read().get("state") != "canceled":
        raise refuse("state", "The only change that can be asked for is \"canceled\".")


def _cancel(call: Call) -> Answer:
    call.row()
    check_cancel(call)
    before = call.row()["state"]
    if before not in FINAL_STATES:
        cancel_tasks([UUID(call.keys["pulp_id"])])
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
    return call.accepted(
        PURGE, {"finished_before": before, "states": data["states"]}, exclusive=[domain_resource("tasks:purge")])


class ProfileArtifact(WireSchema):
    wire_name = "ProfileArtifact"
    urls = Json(type="object", values="uri", required=True, help="Name of what was recorded -> where to get it.")


def _profiles(call: Call) -> Answer:
    """The names and addresses of what a task recorded about itself; with the parameter ``name``, the bytes of one."""
    row = call.row()
    name = call.params.get("name", [None])[-1]
    found: Any = (
        Recorded.select(Recorded.name, Artifact.file).join(Artifact, on=Recorded.artifact_id == Artifact.id)
        .where(Recorded.task == row["id"]).tuples()
    )
    files: dict[str, str] = dict(list(found))
    if name is None:
        return Answer(200, {"urls": {one: f"{call.url}?{urlencode({'name': one})}" for one in files}})
    if name not in files:
        raise NotFound("the task recorded nothing of that name")
    return Answer(200, b"".join(get_storage().open(files[name])), {"Content-Type": "application/octet-stream"})


def cancelling() -> dict[str, Any]:
    """What the operations that cancel a task or a group are declared with."""
    return {"on_item": True, "request": TaskCancel, "partial": True, "responses": {200: "object", 409: "object"}}


def task_endpoint() -> Endpoint:
    return Endpoint(
        path="tasks", tag="Tasks", schema=TaskSchema, rows=task_rows, resource=TASK, filters=task_filters(),
        keys=[Key("pulp_id", Task.id)],
        operations=[
            listing(), reading(), Operation("cancel", "PATCH", _cancel, **cancelling()),
            Operation("delete", "DELETE", _delete, on_item=True, responses={204: None}),
            action("purge", _purge, Purge, on_item=False, help="Delete tasks that ended."),
            action("profile_artifacts", _profiles, method="GET", responses={200: ProfileArtifact}),
            *role_operations(),
        ],
    )
