"""``pulp-actor export`` and ``import``: repositories into an archive and out of it again, through the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pulp_actor.cli.client import Client, Object
from pulp_actor.cli.connect import connect, connection_options
from pulp_actor.cli.progress import task_bars
from pulp_actor.errors import ConfigurationError, NotFound

Watch = Callable[[Object], None]


@click.command("export")
@click.argument("repositories", nargs=-1, required=True, metavar="REPOSITORY...")
@click.option("--to", "folder", metavar="DIR", required=True, help="Folder on the server, below ALLOWED_EXPORT_PATHS.")
@click.option("--name", metavar="NAME", help="The exporter's name. [that of the first repository]")
@click.option("--incremental", is_flag=True, help="Leave out what the exporter's last export had.")
@click.option("--chunk-size", metavar="SIZE", help="Split the archive into files of this size: 500MB, 4GB.")
@click.option("--json", "as_json", is_flag=True, help="Print the export as JSON.")
@connection_options
def export_(
    repositories: tuple[str, ...], folder: str, name: str | None, incremental: bool, chunk_size: str | None, as_json: bool,
    data_dir: str | None, api: str | None, user: str | None, password: str | None, insecure: bool,
) -> None:
    """Export the latest versions of some repositories, by name, into an archive."""
    client = connect(data_dir, api, user, password, insecure)
    body: Object = {"full": not incremental} | ({"chunk_size": chunk_size} if chunk_size else {})
    with task_bars() as bars:
        made = run_export(client, name or repositories[0], repositories, str(Path(folder)), body, bars)
    if as_json:
        print(json.dumps(made, indent=2))
        return
    console = Console(highlight=False)
    files = made["output_file_info"]
    console.print(f"{len(repositories)} repositories in {len(files)} file(s); import them with", markup=False)
    console.print(f"pulp-actor import {made['toc_info']['file']}", markup=False, soft_wrap=True)


def run_export(
    client: Client, name: str, repositories: Sequence[str], folder: str, body: Object, watch: Watch,
) -> Object:
    """Export; returns the export.

    Raises:
        NotFound: there is no such repository.
        ApiError, TaskFailed
    """
    hrefs = [_repository(client, one) for one in repositories]
    exporter = client.ensure("exporters/core/pulp/", name, {"path": folder, "repositories": hrefs})
    task = client.run(f"{exporter['pulp_href']}exports/", body, watch)
    return client.get(task["created_resources"][0])


@click.command("import")
@click.argument("path")
@click.option("--map", "mapping", metavar="THERE=HERE", multiple=True, help="Where a repository of the archive goes.")
@click.option("--create", is_flag=True, help="Make repositories that are not here.")
@click.option("--check", "only_check", is_flag=True, help="Look whether it can be done, and do no more.")
@click.option("--name", metavar="NAME", default="pulp-actor import", help="Name of the importer.")
@click.option("--json", "as_json", is_flag=True, help="Print the new versions' hrefs as JSON.")
@connection_options
def import_(
    path: str, mapping: tuple[str, ...], create: bool, only_check: bool, name: str, as_json: bool, data_dir: str | None,
    api: str | None, user: str | None, password: str | None, insecure: bool,
) -> None:
    """Import an archive: PATH is its table of contents (…-toc.json), or its one file, on the server."""
    client = connect(data_dir, api, user, password, insecure)
    console = Console(highlight=False)
    names = dict(_pair(one) for one in mapping)
    source = {"toc" if path.endswith(".json") else "path": path}
    if only_check:
        _check(client, console, source, as_json)
        return
    with task_bars() as bars:
        task = run_import(client, name, names, source | {"create_repositories": create}, bars)
    versions = [href for href in task["created_resources"] if "/versions/" in href]
    if as_json:
        print(json.dumps({"versions": versions, "task": task["pulp_href"]}, indent=2))
        return
    console.print(f"{len(versions)} new version(s)" + ("" if versions else ": all of it was here"), markup=False)


def run_import(client: Client, name: str, mapping: dict[str, str], body: Object, watch: Watch) -> Object:
    """Import; returns the task that did it. Raises ApiError, TaskFailed."""
    importer = client.ensure("importers/core/pulp/", name, {"repo_mapping": mapping})
    group = client.request("POST", f"{importer['pulp_href']}imports/", json=body)["task_group"]
    (task,) = client.get(group)["tasks"]
    return client.wait(task["pulp_href"], watch)


def _check(client: Client, console: Console, source: Object, as_json: bool) -> None:
    """Raises ConfigurationError, with all that speaks against the import."""
    verdicts: dict[str, Any] = client.request("POST", "importers/core/pulp/import-check/", json=source)
    faults = [message for verdict in verdicts.values() for message in verdict["messages"]]
    if faults:
        raise ConfigurationError("; ".join(faults))
    if as_json:
        print(json.dumps(verdicts, indent=2))
    else:
        console.print("the archive can be read", markup=False)


def _repository(client: Client, name: str) -> str:
    found = client.find("repositories/", name=name)
    if found is None:
        raise NotFound(f"there is no repository {name!r}")
    return found["pulp_href"]


def _pair(text: str) -> tuple[str, str]:
    there, equals, here = text.partition("=")
    if not (there and equals and here):
        raise ConfigurationError(f"--map {text!r}: a name there, an equals sign and a name here are needed")
    return there, here
