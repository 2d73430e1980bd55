"""``pulp-actor tasks``: see what the queue does, find out why a task does not run, clear a jam, hand out work.

The commands talk to the database directly, so that they work when the API does not. They must never change a task but
through the engine. How things are drawn is in `task_views`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import click
import peewee
import psycopg2
from rich.console import Console
from rich.live import Live
from rich.text import Text

from pulp_actor.cli import task_views
from pulp_actor.cli.running import use_running_platform
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import href_of, parse_reference, prn_of, split_api_path
from pulp_actor.models.resources import TASK
from pulp_actor.queue import inspect
from pulp_actor.queue.models import STATES, Task, TaskGroup
from pulp_actor.queue.overview import overview
from pulp_actor.queue.telling import explanation_json, task_json
from pulp_actor.settings import settings

#: Width of what goes to a file or a pipe, in characters: nothing is cut off there.
PIPE_WIDTH = 250

Command = Callable[..., Any]


def on_platform(command: Command) -> Command:
    """Options that all commands have: which platform, and JSON or not. The command runs once the platform was found."""
    @click.option("--data-dir", help="Directory of the running platform (setting DATA_DIR).")
    @click.option("--json", "json_", is_flag=True, help="Print JSON instead of text for people.")
    @functools.wraps(command)
    def wrapped(*args: Any, data_dir: str | None, **kwargs: Any) -> Any:
        with _one_line_errors():
            use_running_platform(data_dir or click.get_current_context().find_object(str))
        return command(*args, **kwargs)

    return wrapped


@click.group()
@click.option("--data-dir", help="Directory of the running platform (setting DATA_DIR).")
@click.pass_context
def tasks(context: click.Context, data_dir: str | None) -> None:
    """See and steer the task queue, straight from the database."""
    context.obj = data_dir


@tasks.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(sorted(STATES)), help="Only tasks in this state.")
@click.option("--actor", default="", help="Only tasks whose actor's name contains this.")
@click.option("--resource", default="", help="Only tasks with a lock whose name contains this (or an href).")
@click.option("--worker", default="", help="Only tasks of workers whose name contains this.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@on_platform
def list_command(
    states: tuple[str, ...], actor: str, resource: str, worker: str, limit: int, json_: bool
) -> None:
    """List tasks, newest first."""
    with _one_line_errors():
        rows = inspect.list_tasks(
            states=states, actor=actor, resource=_resource(resource), worker=worker, limit=limit)
    if json_:
        _print_json([{
            **task_json(row.task), "locks": row.locks, "retries": row.retries, "error": row.error,
            "ran_seconds": row.ran.total_seconds() if row.ran else None} for row in rows])
    else:
        _print(task_views.task_table(rows))


@tasks.command()
@click.argument("task")
@on_platform
def show(task: str, json_: bool) -> None:
    """Show everything about a TASK (its id, href or PRN), but for its arguments: they may hold secrets."""
    with _one_line_errors():
        found = inspect.details(_task_id(task))
    if not json_:
        _print(task_views.task_details(found, _href(found.task.id)))
        return
    locks = [
        {"resource": resource, "shared": shared, "held": held, "before_it": ahead}
        for resource, shared, held, ahead in found.locks]
    _print_json({
        **task_json(found.task), **found.columns, "locks": locks, "progress": found.progress,
        "created_resources": found.created_resources, "children": [_href(child) for child in found.children],
        "profile_artifacts": found.profile_artifacts})


@tasks.command()
@click.argument("task")
@click.option("--depth", type=click.IntRange(0), default=inspect.MAX_DEPTH, show_default=True, help="How deep to draw.")
@click.option("--width", type=click.IntRange(1), default=inspect.MAX_WIDTH, show_default=True,
              help="How many tasks of each line to draw.")
@on_platform
def why(task: str, depth: int, width: int, json_: bool) -> None:
    """Tell why a TASK does not run: what blocks it, transitively, who holds that, and since when."""
    with _one_line_errors():
        found = inspect.explain(_task_id(task), depth=depth, width=width)
    if json_:
        _print_json(explanation_json(found))
    else:
        _print(task_views.explanation(found))


@tasks.command()
@click.option("--once", is_flag=True, help="Print once and leave.")
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds between looks.")
@on_platform
def top(once: bool, interval: float, json_: bool) -> None:
    """Watch workers, running tasks, the resources most waited for, and the depth of the queue. Ctrl-C leaves."""
    if json_ or once:
        with _one_line_errors(), _until_interrupted():
            for _ in _ticks(interval, once):
                found = overview()
                if json_:
                    _print_json(_overview_json(found), indent=None if not once else 2)
                else:
                    _print(task_views.overview_page(found))
        return
    console = Console()
    with _until_interrupted(), Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        for _ in _ticks(interval, once=False):
            live.update(_page(), refresh=True)


def _page() -> Any:
    """The overview; or, as the watch goes on through a restart of the database, that it is away."""
    try:
        return task_views.overview_page(overview())
    except (peewee.OperationalError, peewee.InterfaceError, psycopg2.OperationalError) as error:
        return Text(_database_away(error), style="red")


@tasks.command()
@click.argument("task", nargs=-1)
@click.option("--all-waiting", is_flag=True, help="Cancel every task that has not started.")
@click.option("--group", help="Cancel every unfinished task of this group (its id, href or PRN).")
@on_platform
def cancel(task: tuple[str, ...], all_waiting: bool, group: str | None, json_: bool) -> None:
    """Cancel TASKs, by id, href or PRN: waiting ones at once, running ones by interrupting them."""
    from pulp_actor.queue.groups import cancel_all_waiting, cancel_group, cancel_tasks

    if bool(task) + all_waiting + bool(group) != 1:
        raise click.UsageError("name one of: TASK, --all-waiting, --group")
    with _one_line_errors():
        if all_waiting:
            answers = cancel_all_waiting()
        elif group:
            answers = cancel_group(_key(group, TaskGroup, "task group"))
        else:
            answers = cancel_tasks([_task_id(one) for one in task])
    if json_:
        _print_json([{"task": _href(key), "state": state} for key, state in answers.items()])
        return
    for key in list(answers) if task else ():
        click.echo(f"{key} {_what_became(answers[key])}")
    if not task:
        interrupted = sum(state == "canceling" for state in answers.values())
        cancelled = sum(state == "canceled" for state in answers.values())
        click.echo(f"{cancelled} cancelled, {interrupted} being interrupted")


def _what_became(state: str) -> str:
    return {"canceled": "cancelled", "canceling": "is being interrupted"}.get(state, f"had ended: {state}")


@tasks.command()
@click.argument("name")
@click.option("--args", "args", default="[]", metavar="JSON", help="Positional arguments, as a JSON array.")
@click.option("--kwargs", default="{}", metavar="JSON", help="Named arguments, as a JSON object.")
@click.option("--exclusive", multiple=True, metavar="R", help="Lock this resource; may be given several times.")
@click.option("--shared", multiple=True, metavar="R", help="Lock this resource together with others that share it.")
@click.option("--immediate", is_flag=True, help="Run it here and now if its locks are free.")
@click.option("--group", metavar="HREF", help="Put it into this task group.")
@on_platform
def dispatch(
    name: str, args: str, kwargs: str, exclusive: tuple[str, ...], shared: tuple[str, ...], immediate: bool,
    group: str | None, json_: bool,
) -> None:
    """Dispatch a task of the actor NAME, and print the new task's href."""
    from pulp_actor.queue import dispatch as dispatch_task
    from pulp_actor.queue import load_actors

    arguments = _json_option("--args", args, list, "array")
    named = _json_option("--kwargs", kwargs, dict, "object")
    with _one_line_errors():
        load_actors()
        _check_actor(name)
        new = dispatch_task(
            name, arguments, named, exclusive=map(_resource, exclusive), shared=map(_resource, shared),
            immediate=immediate, task_group=_existing_group(group))
    if json_:
        _print_json({"task": _href(new.id), "state": new.state, "result": new.result, "error": new.error})
    else:
        click.echo(_href(new.id))


# What the user gave


def _task_id(text: str) -> UUID:
    return _key(text, Task, "task")


def _key(text: str, model: Any, what: str) -> UUID:
    """The key in an id, href or PRN.

    Raises:
        click.ClickException: it is none of these.
    """
    try:
        return UUID(text)
    except ValueError:
        pass
    try:
        reference = parse_reference(text, anywhere=True)
    except PulpActorError:
        reference = None
    if reference is None or reference.resource.model is not model:
        raise click.ClickException(f"{text!r} is not the id, href or PRN of a {what}")
    return UUID(reference.key)


def _check_actor(name: str) -> None:
    """Refuse a name that no actor has, with the nearest that one has, or the setting that would declare it."""
    from pulp_actor.queue import platform_broker

    known = platform_broker().get_declared_actors()
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    if name.startswith("pulpcore.app.tasks.test.") and not settings.DIAGNOSTIC_ACTORS:
        hint = ": set PULP_DIAGNOSTIC_ACTORS=true for the workers and for this command"
    raise click.ClickException(f"no actor is named {name!r}{hint}")


def _resource(text: str) -> str:
    """The name under which a resource is locked: the PRN of what an href names, else what was given."""
    if split_api_path(text) is None:
        return text
    reference = parse_reference(text, anywhere=True)
    return prn_of(reference.resource, reference.key)


def _existing_group(text: str | None) -> UUID | None:
    if text is None:
        return None
    from pulp_actor.db import connected

    key = _key(text, TaskGroup, "task group")
    with connected():
        if not TaskGroup.select().where(TaskGroup.id == key).exists():
            raise click.ClickException(f"there is no task group {key}")
    return key


def _json_option(option: str, text: str, kind: type, what: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{option} is not JSON: {error}") from None
    if not isinstance(value, kind):
        raise click.ClickException(f"{option} must be a JSON {what}, not {text}")
    return value


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Show what can go wrong as one line, and leave with exit code 1."""
    try:
        yield
    except PulpActorError as error:
        raise click.ClickException(str(error)) from None
    except (peewee.OperationalError, peewee.InterfaceError, psycopg2.OperationalError) as error:
        raise click.ClickException(_database_away(error)) from None


def _database_away(error: Exception) -> str:
    return f"the database is away: {' '.join(str(error).split())}"


@contextmanager
def _until_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        return


def _ticks(interval: float, once: bool) -> Iterator[None]:
    """Yields now and, unless ``once``, every ``interval`` seconds."""
    never = threading.Event()
    yield
    while not once:
        never.wait(interval)
        yield


# What the user gets


def _print(renderable: Any) -> None:
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(renderable)
        return
    pipe = Console(highlight=False, width=PIPE_WIDTH)
    with pipe.capture() as capture:
        pipe.print(renderable)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def _print_json(value: Any, indent: int | None = 2) -> None:
    click.echo(json.dumps(value, indent=indent, default=_plain))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _href(key: UUID) -> str:
    return href_of(TASK, key)


def _overview_json(found: Any) -> dict[str, Any]:
    return dataclasses.asdict(found)
