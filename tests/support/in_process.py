"""The real ``pulp`` command in the test's own process: click's runner in place of a shell, everything else as its users
have it, configuration file, HTTP and all.

Three things cost a user seconds that would add up to minutes here, and prove nothing more the hundredth time: a new
interpreter for each call, reading the server's document of 700 operations again, and asking a second later whether a task
has ended. Here the interpreter stays, a document that is the same to the byte is read once, and a task is asked after
sooner.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import cache, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from click.testing import CliRunner, Result

#: Seconds between two looks at a task that has not ended.
PAUSE = 0.05


@cache
def pulp_main() -> click.Group:
    """The command, with the subcommands of every installed plugin."""
    from pulp_cli import load_plugins, main
    from pulp_glue.common import context, openapi

    openapi.OpenAPI._parse_api = _remembering(openapi.OpenAPI._parse_api)
    context.time = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, PAUSE)))
    load_plugins()
    return main


def _remembering(parse: Callable[[Any, bytes], None]) -> Callable[[Any, bytes], None]:
    """``OpenAPI._parse_api``, which reads a document into attributes of an object, and does it once for each document."""
    known: dict[bytes, dict[str, Any]] = {}

    @wraps(parse)
    def parse_once(api: Any, document: bytes) -> None:
        if document not in known:
            before = set(vars(api))
            parse(api, document)
            known[document] = {name: value for name, value in vars(api).items() if name not in before}
        vars(api).update(known[document])

    return parse_once


def invoke(config: Path, *arguments: str, environment: Mapping[str, str], input: str | None = None) -> Result:
    """Call the command with the configuration file ``config`` and return what came of it."""
    return CliRunner().invoke(
        pulp_main(), ["--config", str(config), *arguments], prog_name="pulp", input=input, env=environment)


def succeeded(arguments: tuple[str, ...], done: Result) -> Any:
    """See that a call has ended well, and return the JSON it printed, or None."""
    assert done.exit_code == 0, _said(arguments, done)
    return json.loads(done.stdout) if done.stdout.strip() else None


def failed(arguments: tuple[str, ...], done: Result) -> str:
    """See that a call has failed, and return what it said."""
    assert done.exit_code != 0, _said(arguments, done)
    return done.stderr


def _said(arguments: tuple[str, ...], done: Result) -> str:
    return f"pulp {' '.join(arguments)}: exit {done.exit_code}\n{done.stdout}\n{done.stderr}\n{done.exception!r}"
