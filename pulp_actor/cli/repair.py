"""``pulp-actor repair``: read every stored file, compare its digest, and fetch again what is missing or damaged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from pulp_actor.cli.client import Client, Object
from pulp_actor.cli.connect import connect, connection_options
from pulp_actor.cli.progress import task_bars
from pulp_actor.errors import NotFound

#: How many files that could not be repaired are named; the task's result has them all.
NAMED = 10


@click.command()
@click.argument("repository", required=False)
@click.option("--version", type=click.IntRange(0), metavar="NUMBER", help="Of the repository. [the latest]")
@click.option("--quick", is_flag=True, help="Look only whether files are there and have their size; read none.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@connection_options
def repair(
    repository: str | None, version: int | None, quick: bool, as_json: bool, **platform: Any,
) -> None:
    """Repair stored files: all of them, or those of a version of REPOSITORY, by its name.

    What is missing or damaged is fetched again. The exit code is 1 if something could not be repaired.
    """
    if version is not None and repository is None:
        raise click.UsageError("--version needs a REPOSITORY")
    client = connect(**platform)
    with task_bars() as bars:
        result = run_repair(client, repository, version, not quick, bars)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    sys.exit(1 if result["unrepaired"] else 0)


def run_repair(
    client: Client, repository: str | None, version: int | None, verify: bool, watch: Callable[[Object], None],
) -> Object:
    """Repair, and return what was found: how many files were ``missing``, ``corrupted`` and ``repaired``, as the task's
    reports count them, and the hrefs of those ``unrepaired``, which its result has where there are any.

    Raises:
        NotFound: there is no such repository.
        ApiError, TaskFailed
    """
    path = "repair/"
    if repository is not None:
        found = client.find("repositories/", name=repository)
        if found is None:
            raise NotFound(f"there is no repository {repository!r}")
        at = found["latest_version_href"] if version is None else f"{found['versions_href']}{version}/"
        path = f"{at}repair/"
    task = client.run(path, {"verify_checksums": verify}, watch)
    done = {report["code"]: report["done"] for report in task["progress_reports"]}
    found = {what: done.get(f"repair.{what}", 0) for what in ("missing", "corrupted", "repaired")}
    return {**found, "unrepaired": (task["result"] or {}).get("unrepaired", [])}


def _show(result: Object) -> None:
    console = Console(highlight=False)
    faults = result["missing"] + result["corrupted"]
    if not faults:
        console.print("[green]✓[/] every file is whole")
        return
    console.print(f"{result['missing']:,} missing, {result['corrupted']:,} damaged; {result['repaired']:,} of them repaired")
    left = result["unrepaired"]
    if left:
        console.print(f"[red]✕[/] {faults - result['repaired']:,} could not be repaired: no remote has them")
        for href in left[:NAMED]:
            console.print(f"  {href}", markup=False, soft_wrap=True)
