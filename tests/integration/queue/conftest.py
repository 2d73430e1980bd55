"""Databases with the queue's tables alone: what somebody has who uses the queue without the platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dramatiq
import pytest

from pulp_actor.db.connection import Database
from pulp_actor.db.connection import database as pool
from pulp_actor.db.migrate import migrate
from tests.support.postgres import Server, bound
from tests.support.queue import Bench, real_bench, stub_bench


@pytest.fixture(scope="session")
def queue_template(postgres: Server) -> Iterator[str]:
    """The name of a database with the queue's tables, to be copied."""
    with postgres.empty() as url:
        with bound(url):
            migrate(queue_only=True)
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def queue_database(postgres: Server, queue_template: str, data_dir: Path) -> Iterator[Database]:
    """A fresh database with the queue's tables that the pool is bound to."""
    with postgres.clone(queue_template) as url, bound(url):
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


def _in_use(bench: Bench) -> Iterator[Any]:
    before = dramatiq.broker.global_broker
    dramatiq.set_broker(bench.broker)
    yield bench
    dramatiq.broker.global_broker = before
    bench.broker.close()
