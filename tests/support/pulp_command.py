"""The real ``pulp`` command in the test's own process: click's runner in place of a shell, everything else as its users
have it, configuration file, HTTP and all. A call costs a tenth of what a new process does; `RunningPlatform.pulp` is that.

A test says with ``@drives("artifact show", ...)`` which subcommands it drives, and the fixture ``pulp`` holds it to its
word (`tests.support.promises`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tests.support.platform import RunningPlatform, command_environment
from tests.support.promises import Promises

#: Marks a test with the subcommands it drives: ``"file remote create"``.
drives = Promises("drives")


@cache
def pulp_main() -> click.Group:
    """The command, with the subcommands of every installed plugin."""
    from pulp_cli import load_plugins, main

    load_plugins()
    return main


def subcommands(group: click.Command | None = None, words: tuple[str, ...] = ()) -> Iterator[str]:
    """All subcommands that are no groups: ``"file remote create"``."""
    group = group or pulp_main()
    if not isinstance(group, click.Group):
        yield " ".join(words)
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        yield from subcommands(group.get_command(context, name), (*words, name))


def subcommand_of(arguments: tuple[str, ...]) -> str:
    """The subcommand that these arguments call, without any options."""
    here: click.Command = pulp_main()
    words = []
    for word in arguments:
        if isinstance(here, click.Group) and (found := here.get_command(click.Context(here), word)) is not None:
            here = found
            words.append(word)
    return " ".join(words)


class PulpCommand:
    """Calls the command against one platform.

    Attributes:
        succeeded: the subcommands that have been called and have ended well.
    """

    def __init__(self, platform: RunningPlatform) -> None:
        self.platform = platform
        self.succeeded: set[str] = set()

    def run(self, *arguments: str, input: str | None = None, **environment: str) -> Result:
        """Call it and return what came of it."""
        words = ["--config", str(self.platform.pulp_config()), *arguments]
        done = CliRunner().invoke(
            pulp_main(), words, prog_name="pulp", input=input,
            env=command_environment(self.platform.directory) | environment)
        if done.exit_code == 0:
            self.succeeded.add(subcommand_of(arguments))
        return done

    def __call__(self, *arguments: str, **options: Any) -> Any:
        """Call it, see that it ends well, and return the JSON it printed, or None."""
        done = self.run(*arguments, **options)
        assert done.exit_code == 0, _said(arguments, done)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str, **options: Any) -> str:
        """Call it, see that it fails, and return what it said."""
        done = self.run(*arguments, **options)
        assert done.exit_code != 0, _said(arguments, done)
        return done.stderr


def _said(arguments: tuple[str, ...], done: Result) -> str:
    return f"pulp {' '.join(arguments)}: exit {done.exit_code}\n{done.stdout}\n{done.stderr}\n{done.exception!r}"


def kept_promises(request: pytest.FixtureRequest, platform: RunningPlatform) -> Iterator[PulpCommand]:
    """What the fixture ``pulp`` does: hand out the command, and hold the test to what it said it drives."""
    command = PulpCommand(platform)
    yield command
    drives.check(request, command.succeeded)


Fresh = Callable[[str], str]
