"""Fixtures that every suite shares: a database of one's own, a platform of real processes, an origin to mirror from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pulp_actor.db.connection import Database
from pulp_actor.db.connection import database as pool
from pulp_actor.errors import ConfigurationError
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings
from tests.support.origin import Origin, running_origin
from tests.support.platform import RunningPlatform, running_platform
from tests.support.postgres import Server, bound

#: Where files and servers of tests live, if it is there and large enough: making a database is making a thousand files.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30


#: Test processes per processor: most of what the tests do is wait, for services to start, to notice and to end.
CROWD = 2

#: Bytes that one test process needs with its database server and its platform.
SHARE = 2 << 30


def pytest_xdist_auto_num_workers() -> int:
    """How many ``-n auto`` is: as many as the processors can keep moving and the memory has room for."""
    return max(1, min(CROWD * len(os.sched_getaffinity(0)), psutil.virtual_memory().available // SHARE))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take long and end with those that take no time, so that no process is left alone with a
    long one at the end. Modules are handed out whole; among equals the order stays what it was, which is random."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in long, "unit" in item.path.parts))


def pytest_configure() -> None:
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server for this test process. Where none can run, tests are skipped; in CI they fail."""
    server = Server(tmp_path_factory.mktemp("postgres"))
    try:
        server.start()
    except ConfigurationError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory of the test's own, with an encryption key, in force as the setting ``DATA_DIR``."""
    directory = tmp_path / "data"
    directory.mkdir()
    with settings.override(DATA_DIR=str(directory)):
        keyring.forget()
        keyring.create()
        yield directory
    keyring.forget()


@pytest.fixture
def database(postgres: Server, data_dir: Path) -> Iterator[Database]:
    """A fresh, migrated database that `pulp_actor.db.database` is bound to; nothing is connected yet."""
    with postgres.migrated() as url, bound(url):
        yield pool


@pytest.fixture
def empty_database(postgres: Server, data_dir: Path) -> Iterator[Database]:
    """A database without tables that `pulp_actor.db.database` is bound to."""
    with postgres.empty() as url, bound(url):
        yield pool


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A running platform of real processes, one for all tests of this process: give objects names of your own."""
    shelf = tmp_path_factory.mktemp("shelf")
    with running_platform(
        tmp_path_factory.mktemp("platform"), DIAGNOSTIC_ACTORS="true", TASK_DIAGNOSTICS="true",
        ALLOWED_EXPORT_PATHS=json.dumps([str(shelf)]),
        ALLOWED_IMPORT_PATHS=json.dumps([str(shelf)]),
    ) as platform:
        platform.shelf = shelf
        yield platform


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server to mirror from, that can misbehave on demand."""
    with running_origin() as origin:
        yield origin
