"""``pulp-actor schedule``: tasks that are dispatched by interval or by cron, such as orphan cleanup at night.

Speaks to the database, as the scheduler does: the API of the contract can only show schedules.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import click
from croniter import croniter
from rich.console import Console
from rich.table import Table

from pulp_actor.cli.admin import database_options, reachable_database
from pulp_actor.db import connected, transaction
from pulp_actor.errors import ConfigurationError
from pulp_actor.models.base import utcnow
from pulp_actor.queue.actors import load_actors, platform_broker
from pulp_actor.queue.models import TaskSchedule

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.group()
def schedule() -> None:
    """Have tasks dispatched by interval or by cron."""


@schedule.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@database_options
def list_command(as_json: bool, data_dir: str | None, database_url: str | None) -> None:
    """List all schedules and when each is due."""
    with reachable_database(data_dir, database_url), connected():
        found = [_shown(one) for one in TaskSchedule.select().order_by(TaskSchedule.name)]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Task", "When", "Due next", "Arguments"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "Arguments")
    for one in found:
        when = one["cron"] or f"every {one['interval_seconds']:g} s"
        table.add_row(one["name"], one["task"], when, one["next_dispatch"] or "never", json.dumps(one["arguments"]))
    Console(highlight=False, markup=False, soft_wrap=True).print(table)


def _shown(one: Any) -> dict[str, Any]:
    """A schedule as JSON."""
    return {
        "name": one.name, "task": one.actor, "cron": one.cron, "interval_seconds": one.interval_seconds,
        "next_dispatch": one.next_dispatch.isoformat(timespec="seconds") if one.next_dispatch else None,
        "arguments": one.kwargs, "locks": one.exclusive,
    }


@schedule.command("set")
@click.argument("name")
@click.argument("task")
@click.option("--every", metavar="TIME", help="Interval: 90s, 30m, 6h, 1d.")
@click.option("--cron", metavar="EXPRESSION", help="Five fields, in UTC: \"0 3 * * *\" is at three every night.")
@click.option("--arguments", metavar="JSON", default="{}", help="The task's arguments by name, as a JSON object.")
@click.option("--lock", "locks", metavar="RESOURCE", multiple=True, help="A resource that the task locks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@database_options
def set_command(
    name: str, task: str, every: str | None, cron: str | None, arguments: str, locks: tuple[str, ...], as_json: bool,
    data_dir: str | None, database_url: str | None,
) -> None:
    """Make the schedule NAME of a TASK, or change it: `pulp-actor schedule set cleanup
    pulpcore.app.tasks.orphan.orphan_cleanup --cron "0 3 * * *" --lock orphans`.
    """
    interval, due = _first(every, cron)
    values = {
        "actor": _known(task), "kwargs": _object(arguments), "exclusive": list(locks), "shared": [],
        "interval_seconds": interval, "cron": cron, "next_dispatch": due, "pulp_last_updated": utcnow(),
    }
    with reachable_database(data_dir, database_url), transaction():
        if not TaskSchedule.update(**values).where(TaskSchedule.name == name).execute():
            TaskSchedule.create(name=name, pulp_created=utcnow(), **values)
        made = _shown(TaskSchedule.get(name=name))
    print(json.dumps(made, indent=2) if as_json else f"{name}: due at {due.isoformat(timespec='seconds')}")


@schedule.command("remove")
@click.argument("name")
@database_options
def remove_command(name: str, data_dir: str | None, database_url: str | None) -> None:
    """Remove the schedule NAME."""
    with reachable_database(data_dir, database_url), transaction():
        if not TaskSchedule.delete().where(TaskSchedule.name == name).execute():
            raise ConfigurationError(f"there is no schedule {name}")


def _first(every: str | None, cron: str | None) -> tuple[float | None, datetime.datetime]:
    """The interval in seconds, if there is one, and when the schedule is due first."""
    if (every is None) == (cron is None):
        raise ConfigurationError("one of --every and --cron is needed")
    if cron is not None:
        if not croniter.is_valid(cron):
            raise ConfigurationError(f"{cron!r} is no cron expression")
        return None, croniter(cron, utcnow()).get_next(datetime.datetime)
    match = re.fullmatch(r"(\d+)([smhd])", every or "")
    if not match or not int(match[1]):
        raise ConfigurationError(f"{every!r} is no interval: 90s, 30m, 6h or 1d would be")
    seconds = int(match[1]) * _SECONDS[match[2]]
    return float(seconds), utcnow() + datetime.timedelta(seconds=seconds)


def _known(task: str) -> str:
    load_actors()
    known = platform_broker().get_declared_actors()
    if task not in known:
        raise ConfigurationError(f"no task is named {task!r}; there are:\n  " + "\n  ".join(sorted(known)))
    return task


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{text!r} is no JSON object")
    return found
