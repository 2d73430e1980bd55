"""A lab for each test: a fresh database and real worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.db.connection import Database
from tests.support.workers.lab import Lab


@pytest.fixture
def lab(database: Database, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(database.url, tmp_path)
    yield lab
    lab.close()
