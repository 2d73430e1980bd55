"""A PostgreSQL server that a test can stop, with a migrated database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from tests.support.postgres import bound
from tests.support.workers.fixtures import server

__all__ = ["own_database", "server"]


@pytest.fixture
def own_database(server: EmbeddedServer, data_dir: Path) -> Iterator[EmbeddedServer]:
    """The server of a migrated database, which the settings name."""
    with bound(server.url):
        migrate()
        yield server
