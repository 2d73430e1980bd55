"""The real ``pulp`` command, called in the test's own process (`tests.support.in_process`), and what is called of it.

A test says with ``@drives("artifact show", ...)`` which subcommands it drives, and the fixture ``pulp`` holds it to its
word (`tests.support.promises`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click.testing import Result

from tests.support.in_process import failed, pulp_main, succeeded
from tests.support.platform import RunningPlatform
from tests.support.promises import Promises

#: Marks a test with the subcommands it drives: ``"file remote create"``.
drives = Promises("drives")


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
        done = self.platform.run_pulp(*arguments, input=input, **environment)
        if done.exit_code == 0:
            self.succeeded.add(subcommand_of(arguments))
        return done

    def __call__(self, *arguments: str, **options: Any) -> Any:
        """Call it, see that it ends well, and return the JSON it printed, or None."""
        done = self.run(*arguments, **options)
        return succeeded(arguments, done)

    def refused(self, *arguments: str, **options: Any) -> str:
        """Call it, see that it fails, and return what it said."""
        done = self.run(*arguments, **options)
        return failed(arguments, done)


def kept_promises(request: pytest.FixtureRequest, platform: RunningPlatform) -> Iterator[PulpCommand]:
    """What the fixture ``pulp`` does: hand out the command, and hold the test to what it said it drives."""
    command = PulpCommand(platform)
    yield command
    drives.check(request, command.succeeded)


Fresh = Callable[[str], str]
