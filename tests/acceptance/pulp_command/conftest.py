"""The command that the tests of this folder call, names that nobody else uses, and something to mirror."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support import names
from tests.support.platform import RunningPlatform
from tests.support.pulp_command import PulpCommand, kept_promises


@pytest.fixture
def pulp(request: pytest.FixtureRequest, platform: RunningPlatform) -> Iterator[PulpCommand]:
    """The ``pulp`` command; at its end the test has called all the subcommands that it says it drives."""
    yield from kept_promises(request, platform)


@pytest.fixture
def fresh() -> Callable[[str], str]:
    """Makes names that no other test uses."""
    return names.fresh
