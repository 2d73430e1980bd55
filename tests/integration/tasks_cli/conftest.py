"""A queue prepared by hand, the command, and real workers that know the diagnostic actors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.db.connection import Database
from pulp_actor.queue.actors import platform_broker
from pulp_actor.settings import settings
from tests.support.tasks import Command, Queue
from tests.support.workers.lab import Service
from tests.support.workers.waiting import eventually


@pytest.fixture
def queue(database: Database) -> Iterator[Queue]:
    queue = Queue()
    yield queue
    queue.close()
    platform_broker().engine.close()


@pytest.fixture
def command() -> Command:
    return Command()


@pytest.fixture
def workers(database: Database, data_dir: Path, tmp_path: Path) -> Iterator[Service]:
    """A real worker service with two processes, and the diagnostic actors on both sides."""
    with settings.override(DIAGNOSTIC_ACTORS=True, TASK_DIAGNOSTICS=True, TASK_CANCEL_GRACE=1):
        service = Service(
            [sys.executable, "-m", "pulp_actor.queue.service", "--processes", "2"], tmp_path / "worker.log",
            settings.environment())
        try:
            eventually(lambda: _online(database) == 2, what=lambda: service.log)
            yield service
        finally:
            service.stop()
            platform_broker().engine.close()


def _online(database: Database) -> int:
    with database.connection_context():
        return database.execute_sql("SELECT count(*) FROM worker WHERE gone_at IS NULL").fetchone()[0]
