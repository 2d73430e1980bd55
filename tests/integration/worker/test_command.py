"""The command ``pulp-worker``, as an administrator or systemd runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pulp_actor.settings import settings
from tests.support.workers.lab import Lab
from tests.support.workers.waiting import eventually

COMMAND = [sys.executable, "-m", "pulp_actor.queue.service"]


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options], env=os.environ | environment, capture_output=True, text=True, timeout=60)


def test_it_starts_and_stops(lab: Lab) -> None:
    service = lab.start(
        [*COMMAND, "--processes", "2", "--grace", "1"], {"PULP_DATABASE_URL": lab.url, "PULP_DATA_DIR": settings.DATA_DIR})
    eventually(lambda: len(lab.registered(service)) == 2, 30, lambda: service.log)
    ((versions,),) = lab.sql("SELECT DISTINCT versions FROM worker")
    assert {"core", "actor"} <= set(versions)
    service.signal(signal.SIGTERM)
    assert service.wait(20) == 0
    assert lab.sql("SELECT count(*) FROM worker WHERE gone_at IS NULL") == [(0,)]


def test_burst_with_nothing_to_do_leaves_at_once(lab: Lab) -> None:
    done = run("--burst", "--processes", "1", PULP_DATABASE_URL=lab.url, PULP_DATA_DIR=settings.DATA_DIR)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("url", "words"), [
    ("", "no database is configured"),
    ("postgresql://nobody@127.0.0.1:1/nothing", "cannot reach the database"),
])
def test_without_a_database_it_says_so_in_one_line(tmp_path: Path, url: str, words: str) -> None:
    done = run(PULP_DATABASE_URL=url, PULP_DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_on_a_schema_that_is_behind_it_names_the_command(lab: Lab) -> None:
    lab.sql("DELETE FROM migration_core")
    done = run("--burst", PULP_DATABASE_URL=lab.url, PULP_DATA_DIR=settings.DATA_DIR)
    assert done.returncode == 1
    assert "pulp-actor migrate" in done.stderr
