"""Databases with the queue's tables alone: what somebody has who uses the queue without the platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dramatiq
import pytest

from pulp_actor.db.connection import Database
from pulp_actor.db.connection import database as pool
from pulp_actor.db.migrate import migrate
from pulp_actor.queue import consumer
from tests.support.postgres import Server, bound
from tests.support.queue import Bench, raw, real_bench, stub_bench
from tests.support.workers.lab import Lab

#: Empties a database faster than a new one is made.
CLEAN = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    TRUNCATE task, task_group, task_ticket, worker, progress_report, created_resource, task_schedule, profile_artifact,
        rate_limit, dramatiq.queue RESTART IDENTITY CASCADE;
    ALTER SEQUENCE dramatiq.clock RESTART
"""


@pytest.fixture(scope="session")
def queue_url(postgres: Server) -> Iterator[str]:
    """The URL of a database with the queue's tables."""
    with postgres.empty() as url:
        with bound(url):
            migrate(queue_only=True)
        yield url


@pytest.fixture
def queue_database(queue_url: str, data_dir: Path) -> Iterator[Database]:
    """A database with the queue's tables, empty, that the pool is bound to."""
    with bound(queue_url):
        with closing(raw()) as conn, conn.cursor() as cursor:
            cursor.execute(CLEAN)
        yield pool


@pytest.fixture
def real(queue_database: Database) -> Iterator[Bench]:
    """A bench over PostgreSQL."""
    yield from _in_use(real_bench())


@pytest.fixture(params=["postgresql", "memory"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench over PostgreSQL, and one in memory: the same is expected of both."""
    if request.param == "postgresql":
        yield request.getfixturevalue("real")
    else:
        yield from _in_use(stub_bench())


@pytest.fixture
def long_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sweep comes to the help of a notification that was not sent, or not heeded."""
    monkeypatch.setattr(consumer, "SWEEP", (600.0, 600.0))


@pytest.fixture
def lab(postgres: Server, data_dir: Path, tmp_path: Path) -> Iterator[Lab]:
    """Real worker processes, over a database of their own: the lab watches its tables by triggers."""
    with postgres.empty() as url, bound(url):
        migrate(queue_only=True)
        lab = Lab(url, tmp_path)
        yield lab
        lab.close()


def _in_use(bench: Bench) -> Iterator[Any]:
    before = dramatiq.broker.global_broker
    dramatiq.set_broker(bench.broker)
    yield bench
    dramatiq.broker.global_broker = before
    bench.close()
