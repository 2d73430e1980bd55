"""``pulp-actor quota``: how much a domain or a repository may hold. Speaks to the API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pulp_actor.cli.client import Object
from pulp_actor.cli.connect import connect, connection_options
from pulp_actor.errors import ConfigurationError

QUOTAS = "quotas/"

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}


@click.group()
def quota() -> None:
    """Say how much a domain or a repository may hold, and see how much it does."""


@quota.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@connection_options
def list_command(as_json: bool, **platform: Any) -> None:
    """List all quotas and what is used of them."""
    found = list(connect(**platform).every(QUOTAS, ordering="name"))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Of", "Bytes", "of", "Units", "of"):
        table.add_column(heading)
    for one in found:
        table.add_row(
            one["name"], one["repository"] or "the domain", size(one["used_bytes"]), _limit(one["max_bytes"], size),
            f"{one['used_units']:,}", _limit(one["max_units"], "{:,}".format))
    Console(highlight=False, markup=False, soft_wrap=True).print(table)


@quota.command("set")
@click.argument("name")
@click.option("--repository", metavar="HREF", help="The repository it is for. [everything in the domain]")
@click.option("--bytes", "max_bytes", metavar="SIZE", help="Bytes that are allowed: 500, 10G, 1.5TiB; none: any number.")
@click.option("--units", "max_units", metavar="NUMBER", help="Units of content that are allowed; none: any number.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@connection_options
def set_command(
    name: str, repository: str | None, max_bytes: str | None, max_units: str | None, as_json: bool, **platform: Any,
) -> None:
    """Make the quota NAME, or change it."""
    body: Object = {}
    if repository is not None:
        body["repository"] = repository
    if max_bytes is not None:
        body["max_bytes"] = None if max_bytes == "none" else parse_size(max_bytes)
    if max_units is not None:
        body["max_units"] = None if max_units == "none" else _number(max_units)
    made = connect(**platform).ensure(QUOTAS, name, body)
    if as_json:
        print(json.dumps(made, indent=2))
        return
    used = f"{size(made['used_bytes'])} of {_limit(made['max_bytes'], size)}"
    print(f"{name}: {used}, {made['used_units']:,} of {_limit(made['max_units'], '{:,}'.format)} units")


@quota.command("remove")
@click.argument("name")
@connection_options
def remove_command(name: str, **platform: Any) -> None:
    """Remove the quota NAME."""
    client = connect(**platform)
    found = client.find(QUOTAS, name=name)
    if found is None:
        raise ConfigurationError(f"there is no quota {name}")
    client.request("DELETE", found["pulp_href"])


def parse_size(text: str) -> int:
    """Bytes: ``500``, ``10G``, ``1.5TiB`` (all binary).

    Raises:
        ConfigurationError: this is no size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not match:
        raise ConfigurationError(f"{text!r} is no size: 500, 10G or 1.5TiB would be")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def size(count: int) -> str:
    """``1.5 GiB``."""
    for name in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024:
            return f"{count:.4g} {name}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:,.1f} PiB"


def _number(text: str) -> int:
    if not text.isdigit():
        raise ConfigurationError(f"{text!r} is no number of units")
    return int(text)


def _limit(value: int | None, shown: Callable[[int], str]) -> str:
    return "any number" if value is None else shown(value)
