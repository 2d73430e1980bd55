"""Endpoints of ours below ``actor/``: the queue at a glance, the lock graph, why a task does not run, samples for plots, and
the settings in force. Pulp has no such thing, so they are a component of their own in the OpenAPI document.

Answers leave out the time at which they were true (HTTP's ``Date`` tells it), so that nothing new is the same answer.
"""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from api.call import Answer, Call
from api.endpoints import Endpoint, Key, Operation
from api.schemas.base import WireSchema, refuse
from api.schemas.fields import Boolean, DateTime, Integer, Json, Number, Text, wire_time
from api.schemas.nested import Object
from pulp_actor.domains import current_domain_id, of_current_domain
from pulp_actor.errors import NotFound
from pulp_actor.identifiers import href_of, registry
from pulp_actor.models.resources import TASK
from pulp_actor.queue.inspect import explain
from pulp_actor.queue.lockgraph import lock_graph
from pulp_actor.queue.models import Task
from pulp_actor.queue.overview import overview
from pulp_actor.queue.telling import explanation_json, task_json
from pulp_actor.samples import KEPT, series
from pulp_actor.settings import SETTINGS, settings

COMPONENT = "actor"

#: Who may look: whoever may see all tasks, and whoever may see how the platform is set up.
VIEW_TASKS, VIEW_SETTINGS = "core.view_task", "actor.view_settings"


class QueueProcess(WireSchema):
    wire_name = "QueueProcess"
    id = Text(format="uuid", read_only=True)
    name = Text(read_only=True, help="Process id and host.")
    host = Text(read_only=True)
    kind = Text(read_only=True, help="worker, api or content.")
    alive = Boolean(read_only=True, help="False: nobody holds its lease. It died, or has yet to come back after a restart.")
    since = DateTime(read_only=True)
    task = Text(format="uri", null=True, read_only=True, help="What it runs; null where that is of another domain.")
    actor = Text(null=True, read_only=True)
    state = Text(null=True, read_only=True)
    started = DateTime(null=True, read_only=True)


class QueueOverview(WireSchema):
    wire_name = "QueueOverview"
    ready = Integer(read_only=True, help="Tasks that wait for a worker.")
    blocked = Integer(read_only=True, help="Tasks that wait for locks.")
    delayed = Integer(read_only=True, help="Tasks that wait for their time.")
    running = Integer(read_only=True)
    canceling = Integer(read_only=True)
    oldest_waiting = DateTime(null=True, read_only=True, help="When the oldest task that is not delayed was made.")
    oldest_ready = DateTime(null=True, read_only=True, help="Since when the first in line is ready.")
    queues = Json(type="object", values="integer", read_only=True, help="Queue -> messages that are ready in it.")
    processes = Object(QueueProcess, many=True, read_only=True)


class LockResource(WireSchema):
    wire_name = "LockResource"
    name = Text(read_only=True)
    holders = Integer(read_only=True)
    waiting = Integer(read_only=True)


class LockEdge(WireSchema):
    wire_name = "LockEdge"
    task = Text(format="uri", read_only=True)
    resource = Text(read_only=True)
    shared = Boolean(read_only=True)
    granted = Boolean(read_only=True, help="Held; else waited for.")
    place = Integer(read_only=True, help="Place in the line for the resource, from 1.")


class LockGraphSchema(WireSchema):
    wire_name = "LockGraph"
    contended = Integer(read_only=True, help="How many resources are waited for.")
    resources = Object(LockResource, many=True, read_only=True, help="Those most waited for.")
    tasks = Json(read_only=True, help="The tasks that hold them or stand in front of their lines.")
    edges = Object(LockEdge, many=True, read_only=True)


class TaskExplanation(WireSchema):
    wire_name = "TaskExplanation"
    verdict = Text(read_only=True, help="Why it does not run, in a sentence or two.")
    now = DateTime(read_only=True)
    task = Json(type="object", read_only=True)
    blocking = Integer(read_only=True, help="How many tasks must end, or get out of its way, before it starts.")
    waits = Json(read_only=True, help="The locks that it lacks, with who is before it, transitively.")
    causes = Json(read_only=True, help="The tasks that it waits for in the end.")
    messages_before = Integer(null=True, read_only=True, help="Messages that go before its own, if it is ready.")
    workers = Json(type="object", read_only=True, help="How many workers are online, and busy.")


class SamplePoint(WireSchema):
    wire_name = "SamplePoint"
    at = DateTime(read_only=True)
    ready = Number(read_only=True)
    blocked = Number(read_only=True)
    delayed = Number(read_only=True)
    running = Number(read_only=True)
    workers = Number(read_only=True)
    dispatched = Integer(null=True, read_only=True)
    ended = Integer(null=True, read_only=True)
    failed = Integer(null=True, read_only=True)
    storage_total = Integer(null=True, read_only=True, help="Bytes.")
    storage_used = Integer(null=True, read_only=True, help="Bytes.")


class SampleSeries(WireSchema):
    wire_name = "SampleSeries"
    width = Number(read_only=True, help="Seconds that a point stands for.")
    points = Object(SamplePoint, many=True, read_only=True, help="Oldest first; where nobody sampled there is none.")


class SettingInForce(WireSchema):
    wire_name = "SettingInForce"
    name = Text(read_only=True)
    value = Json(read_only=True, help="Secrets are masked.")
    default = Json(read_only=True)
    type = Text(read_only=True)
    source = Text(read_only=True, help="default, a file, or an environment variable.")
    help = Text(read_only=True)


class SettingsInForce(WireSchema):
    wire_name = "SettingsInForce"
    settings = Object(SettingInForce, many=True, read_only=True)


def plain(value: Any) -> Any:
    """Dataclasses, times and keys as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, datetime.datetime):
        return wire_time(value)
    return str(value) if isinstance(value, uuid.UUID) else value


def _task_href(key: uuid.UUID | None) -> str | None:
    return href_of(registry.get(Task), key) if key else None


def _queue(call: Call) -> Answer:
    found = plain(overview())
    here = _of_this_domain([process["task"] for process in found["processes"] if process["task"]])
    processes = []
    for process in found["processes"]:
        seen = process["task"] in here
        task = {"task": _task_href(process["task"]) if seen else None, "actor": process["actor"] if seen else None}
        processes.append({name: value for name, value in process.items() if name != "last_heartbeat"} | task)
    kept = {name: value for name, value in found.items() if name not in ("now", "hottest")}
    return Answer(200, kept | {"processes": processes})


def _of_this_domain(keys: Sequence[str]) -> set[str]:
    """Those tasks that may be seen from the current domain."""
    if not keys:
        return set()
    return {str(key) for (key,) in of_current_domain(Task.select(Task.id).where(Task.id.in_(keys))).tuples()}


def _locks(call: Call) -> Answer:
    graph = lock_graph(current_domain_id() if settings.DOMAIN_ENABLED else None)
    return Answer(200, {
        "contended": graph.contended, "resources": plain(graph.resources),
        "tasks": [plain(task_json(task)) for task in graph.tasks],
        "edges": [plain(edge) | {"task": _task_href(edge.task)} for edge in graph.edges],
    })


def _why(call: Call) -> Answer:
    key = call.keys["pulp_id"]
    if not _of_this_domain([key]):
        raise NotFound("there is no such task")
    return Answer(200, plain(explanation_json(explain(uuid.UUID(key)))))


def _samples(call: Call) -> Answer:
    text = call.params.get("hours", ["1"])[-1]
    try:
        hours = float(text)
    except ValueError:
        raise refuse("hours", "A number is needed here.") from None
    most = KEPT / datetime.timedelta(hours=1)
    if not 0 < hours <= most:
        raise refuse("hours", f"A number between 0 and {most:.0f} is needed here.")
    width, points = series(datetime.timedelta(hours=hours))
    return Answer(200, {"width": width.total_seconds(), "points": plain(points)})


def _settings(call: Call) -> Answer:
    return Answer(200, {"settings": [
        {
            "name": row.name, "value": settings.shown(row.name), "default": row.default, "type": row.type.__name__,
            "source": settings.source(row.name), "help": row.help,
        } for row in SETTINGS.values()
    ]})


def _fact(path: str, run: Any, schema: type[WireSchema], permission: str, help: str, **options: Any) -> Endpoint:
    operation = Operation(
        "read", "GET", run, responses={200: schema}, permission=permission, help=help, **options)
    return Endpoint(
        path=f"actor/{path}", tag=f"Actor: {path.title()}", component=COMPONENT, listed=False, operations=[operation])


def console_endpoints() -> list[Endpoint]:
    """What is ours, for the console and for whoever else has a use for it."""
    why = Operation(
        "why", "GET", _why, on_item=True, suffix="why", responses={200: TaskExplanation}, permission=VIEW_TASKS,
        help="Why a task does not run: what blocks it, transitively, and what that comes down to.")
    return [
        _fact("queue", _queue, QueueOverview, VIEW_TASKS, "The queue at a glance, and who runs what."),
        _fact("locks", _locks, LockGraphSchema, VIEW_TASKS, "Who holds the resources most waited for, and who is in line."),
        _fact("samples", _samples, SampleSeries, VIEW_TASKS, "What queue and store were like in the last hours.",
              query=[("hours", Number(default=1.0, help="How far back to look; a week at most."))]),
        _fact("settings", _settings, SettingsInForce, VIEW_SETTINGS, "The settings in force; secrets are masked."),
        Endpoint(path="actor/tasks", tag="Actor: Tasks", component=COMPONENT, listed=False, keys=[Key("pulp_id", Task.id)],
                 href_name="actor_task", owner=TASK,
                 operations=[why]),
    ]
