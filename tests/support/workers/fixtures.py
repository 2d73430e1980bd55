"""The fixtures of tests that use a lab; a conftest imports those it wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.db.connection import Database
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from tests.support.postgres import bound
from tests.support.workers.lab import Lab


@pytest.fixture
def lab(database: Database, tmp_path: Path) -> Iterator[Lab]:
    """A fresh database and the means to start real workers on it."""
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
