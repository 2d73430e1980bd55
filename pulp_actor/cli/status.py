"""``pulp-actor status``: what runs, and whether it is well."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pulp_actor.cli.client import ApiError, Client, Object
from pulp_actor.cli.rundir import RunDir
from pulp_actor.errors import ConfigurationError
from pulp_actor.identifiers import console_path
from pulp_actor.queue.telling import duration
from pulp_actor.settings import settings

#: Width of the bar that shows how full the store is, in characters.
BAR_WIDTH = 20
#: A store with less than this share free is shown in red.
NEARLY_FULL = 0.1


@click.command()
@click.option("--data-dir", metavar="DIR", help="Data directory of a platform that runs here.")
@click.option("--api", metavar="URL", help="The API of a platform that runs elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")
def status(data_dir: str | None, api: str | None, as_json: bool) -> None:
    """Say what runs, and whether it is well. The exit code is 1 if it is not."""
    client = _client(data_dir, api)
    answer = client.get("status/")
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        Console(highlight=False).print(status_page(client.origin, answer, _queue(client)))
    sys.exit(0 if is_well(answer) else 1)


def _client(data_dir: str | None, api: str | None) -> Client:
    """Speaks to the API at ``api`` as nobody, or to that of the platform that runs here as its admin."""
    if api:
        return Client(api)
    if data_dir:
        settings.set("--data-dir", DATA_DIR=data_dir)
    facts = RunDir(settings.data_dir).read()
    if facts is None:
        raise ConfigurationError(f"nothing runs in {settings.data_dir}: start it with `pulp-actor up`")
    return Client(facts.api, facts.username, facts.password)


def _queue(client: Client) -> Object | None:
    """What the queue does, if we may know."""
    try:
        return client.get("actor/queue/")
    except ApiError as error:
        if error.status in (401, 403, 503):
            return None
        raise


def is_well(answer: Object) -> bool:
    """True if the database is reached and there are workers and content servers."""
    connected = answer["database_connection"]["connected"]
    return bool(connected and answer["online_workers"] and answer["online_content_apps"])


def status_page(origin: str, answer: Object, queue: Object | None) -> RenderableType:
    """Everything in rows of a few words; the first one says whether it is well."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    content = answer.get("content_settings") or {}
    table.add_row("Health", Text("● well", style="green") if is_well(answer) else Text(f"● {_trouble(answer)}", style="red"))
    table.add_row("API", f"{origin}{settings.API_ROOT}api/v3/  {_processes(answer['online_api_apps'])}")
    table.add_row("Console", f"{origin}{console_path()}")
    origin_of_content = f"{content.get('content_origin', '')}{content.get('content_path_prefix', '')}"
    table.add_row("Content", f"{origin_of_content}  {_processes(answer['online_content_apps'])}")
    table.add_row("Workers", _workers(answer, queue))
    if queue is not None:
        table.add_row("Queue", _waiting(queue))
    table.add_row("Database", "connected" if answer["database_connection"]["connected"] else Text("away", style="red"))
    if usage := _storage(answer.get("storage") or {}):
        table.add_row("Storage", usage)
    table.add_row("Versions", ", ".join(f"{each['component']} {each['version']}" for each in answer["versions"]))
    return table


def _trouble(answer: Object) -> str:
    """What is wrong, in a line."""
    if not answer["database_connection"]["connected"]:
        return "not well: the database is away"
    missing = [what for what, there in (
        ("no worker is online", answer["online_workers"]),
        ("no content server is online", answer["online_content_apps"])) if not there]
    return f"not well: {' and '.join(missing)}"


def _workers(answer: Object, queue: Object | None) -> str:
    online = len(answer["online_workers"])
    if queue is None:
        return f"{online} online"
    busy = {process["id"] for process in queue["processes"] if process["task"] and process["kind"] == "worker"}
    return f"{online} online, {len(busy)} busy"


def _waiting(queue: Object) -> str:
    waiting = queue["ready"] + queue["blocked"] + queue["delayed"]
    if not waiting:
        return "nothing waits"
    text = f"{waiting:,} waiting: {queue['ready']:,} ready, {queue['blocked']:,} blocked, {queue['delayed']:,} delayed"
    if queue["oldest_waiting"]:
        text += f"; oldest {duration(datetime.now(UTC) - datetime.fromisoformat(queue['oldest_waiting']))}"
    return text


def _storage(usage: dict[str, Any]) -> RenderableType | None:
    total, free = usage.get("total"), usage.get("free")
    if not total or free is None:
        return None
    used = total - free
    style = "red" if free / total < NEARLY_FULL else "green"
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        ProgressBar(total=total, completed=used, width=BAR_WIDTH, complete_style=style, finished_style=style),
        f"{used / total:.0%} used, {free / 2**30:,.1f} of {total / 2**30:,.1f} GiB free")
    return grid


def _processes(apps: list[Object]) -> str:
    return "1 process" if len(apps) == 1 else f"{len(apps)} processes"
