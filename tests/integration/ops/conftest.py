"""A PostgreSQL server that a test can stop, with a migrated database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.db.migrate import migrate
from tests.support.platform import RunningPlatform, running_platform
from tests.support.ports import free_port
from tests.support.postgres import bound
from tests.support.workers.fixtures import server

__all__ = ["own_database", "server"]


@pytest.fixture
def own_database(server: EmbeddedServer, data_dir: Path) -> Iterator[EmbeddedServer]:
    """The server of a migrated database, which the settings name."""
    with bound(server.url):
        migrate()
        yield server


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform whose services have several processes each, and whose workers tell their metrics."""
    directory = tmp_path_factory.mktemp("busy")
    with running_platform(
        directory, API_PROCESSES="2", CONTENT_PROCESSES="2", WORKERS="2", DIAGNOSTIC_ACTORS="true",
        WORKER_METRICS_BIND=f"127.0.0.1:{free_port()}",
    ) as platform:
        yield platform
