"""Finds the API that a command is to speak to, and the credentials for it: named by options, or left by ``up``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from pulp_actor.cli.client import Client
from pulp_actor.cli.rundir import RunDir
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which platform a command works on."""
    for option in (
        click.option("--insecure", is_flag=True, help="Do not check the API's TLS certificate."),
        click.option("--password", metavar="TEXT", help="That user's password; asked for if it is needed."),
        click.option("--user", metavar="NAME", help="Who to log in as. [admin]"),
        click.option("--api", metavar="URL", help="The API of a platform that runs elsewhere."),
        click.option("--data-dir", metavar="DIR", help="Data directory of a platform that runs here."),
    ):
        command = option(command)
    return command


def connect(data_dir: str | None, api: str | None, user: str | None, password: str | None, insecure: bool) -> Client:
    """A client for the platform that the options name: the one in the data directory, if they name none.

    Raises:
        ConfigurationError: nothing runs there.
    """
    if api:
        name = user or "admin"
        return Client(api, name, password or settings.ADMIN_PASSWORD or _ask(name), verify=not insecure)
    if data_dir:
        settings.set("--data-dir", DATA_DIR=data_dir)
    facts = RunDir(settings.data_dir).read()
    if facts is None:
        raise ConfigurationError(
            f"nothing runs in {settings.data_dir}: start it with `pulp-actor up`, or name another with --data-dir or --api"
        )
    name = user or facts.username
    known = facts.password if name == facts.username else ""
    return Client(facts.api, name, password or known or _ask(name), verify=not insecure)


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"the password of {name} is needed: give --password or set PULP_ADMIN_PASSWORD")
    return click.prompt(f"Password of {name}", hide_input=True, err=True)
