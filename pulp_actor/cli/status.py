"""``pulp-actor status``: what runs, and whether it is well."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.table import Table

from pulp_actor.cli.client import Client, Object
from pulp_actor.cli.rundir import RunDir
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings


@click.command()
@click.option("--data-dir", metavar="DIR", help="Data directory of a platform that runs here.")
@click.option("--api", metavar="URL", help="The API of a platform that runs elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")
def status(data_dir: str | None, api: str | None, as_json: bool) -> None:
    """Say what runs, and whether it is well. The exit code is 1 if it is not."""
    if data_dir:
        settings.set("--data-dir", DATA_DIR=data_dir)
    if not api:
        facts = RunDir(settings.data_dir).read()
        if facts is None:
            raise ConfigurationError(f"nothing runs in {settings.data_dir}: start it with `pulp-actor up`")
        api = facts.api
    answer = Client(api).get("status/")
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        _show(api, answer)
    sys.exit(0 if is_well(answer) else 1)


def is_well(answer: Object) -> bool:
    """True if the database is reached and there are workers and content servers."""
    connected = answer["database_connection"]["connected"]
    return bool(connected and answer["online_workers"] and answer["online_content_apps"])


def _show(api: str, answer: Object) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    versions = {each["component"]: each["version"] for each in answer["versions"]}
    table.add_row("API", f"{api}   ({_processes(answer['online_api_apps'])})")
    content = answer.get("content_settings") or {}
    origin = f"{content.get('content_origin', '')}{content.get('content_path_prefix', '')}"
    table.add_row("Content", f"{origin}   ({_processes(answer['online_content_apps'])})")
    table.add_row("Workers", str(len(answer["online_workers"])))
    table.add_row("Database", "connected" if answer["database_connection"]["connected"] else "away")
    if storage := answer.get("storage"):
        total, free = storage.get("total"), storage.get("free")
        if total:
            table.add_row("Storage", f"{free / 2**30:.1f} GiB free of {total / 2**30:.1f}")
    table.add_row("Versions", ", ".join(f"{name} {version}" for name, version in versions.items()))
    console = Console(highlight=False)
    console.print(table)
    console.print("[green]well[/]" if is_well(answer) else "[red]not well[/]")


def _processes(apps: list[Object]) -> str:
    return "1 process" if len(apps) == 1 else f"{len(apps)} processes"
