"""Labs for faults, and the figures that they bring to light, shown when the run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulp_actor.db.connection import Database
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from tests.support.postgres import bound
from tests.support.workers.lab import Lab

_figures: list[str] = []


@pytest.fixture
def figure() -> Callable[[str, float], None]:
    """Note a measured time, in seconds, or another figure."""
    return lambda what, value: _figures.append(f"{what}: {value:.2f}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("figures")
        for line in _figures:
            terminalreporter.write_line(line)


@pytest.fixture
def lab(database: Database, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(database.url, tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL server of the test's own, to be stopped and started at will."""
    # What was committed must survive a crash of the server, if not of the machine.
    server = EmbeddedServer(tmp_path / "postgres", options={"fsync": "off", "max_connections": "200"})
    server.start()
    yield server
    server.stop(immediate=True)


@pytest.fixture
def island(server: EmbeddedServer, tmp_path: Path) -> Iterator[Lab]:
    """A lab on that server."""
    with bound(server.url):
        migrate(queue_only=True)
        lab = Lab(server.url, tmp_path)
        yield lab
        lab.close()
