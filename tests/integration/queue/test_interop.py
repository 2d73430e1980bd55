"""Side by side with stock dramatiq-pg: its producers, its readers of results, its command."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq_pg import PostgresBroker

from pulp_actor.queue.engine import SQL
from tests.support.queue import Bench, task
from tests.support.workers.waiting import eventually


@pytest.fixture
def stock(real: Bench) -> Iterator[PostgresBroker]:
    """A stock dramatiq-pg broker on the same database."""
    broker = PostgresBroker(url=real.url)
    yield broker
    broker.pool.closeall()


def test_a_stock_producer_enqueues_and_our_worker_runs_it(real: Bench, stock: PostgresBroker) -> None:
    seen: list[Any] = []
    real.actor(lambda *args, **kwargs: seen.append((args, kwargs)), actor_name="act", queue_name="work")
    theirs = dramatiq.actor(lambda *args, **kwargs: None, actor_name="act", queue_name="work", broker=stock)

    with real.working():
        assert real.broker.hub.connected.wait(5)
        message = theirs.send(1, two=[3])
        real.until(lambda: seen)
        (record,) = real.wait(message)

    assert seen == [((1,), {"two": [3]})]
    assert record.state == "completed"


def test_a_large_message_of_a_stock_producer(real: Bench, stock: PostgresBroker) -> None:
    sizes: list[int] = []
    real.actor(lambda text: sizes.append(len(text)), actor_name="act")
    theirs = dramatiq.actor(lambda text: None, actor_name="act", broker=stock)
    theirs.send("x" * 50_000)
    with real.working():
        real.until(lambda: sizes == [50_000])


def test_a_stock_producer_enqueues_with_a_delay(real: Bench, stock: PostgresBroker) -> None:
    ran: list[int] = []
    real.actor(lambda: ran.append(1), actor_name="act")
    theirs = dramatiq.actor(lambda: None, actor_name="act", broker=stock)

    message = theirs.send_with_options(delay=300)

    assert real.engine.claim("default", real.worker()) is None, "it is not due"
    with real.working():
        real.until(lambda: ran, timeout=15)
        assert real.wait(message)[0].state == "completed"


def test_retries_of_a_stock_message_are_ours(real: Bench, stock: PostgresBroker) -> None:
    runs: list[int] = []

    def falter() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError

    real.actor(falter, actor_name="act", max_retries=1, min_backoff=1, max_backoff=1)
    theirs = dramatiq.actor(lambda: None, actor_name="act", broker=stock)
    message = theirs.send()
    with real.working():
        real.until(lambda: len(runs) == 2)
        assert real.wait(message)[0].retries == 1


def test_the_result_of_a_stock_message_is_read_by_a_stock_reader(real: Bench, stock: PostgresBroker) -> None:
    real.actor(lambda x: {"double": 2 * x}, actor_name="act", store_results=True)
    theirs = dramatiq.actor(lambda x: None, actor_name="act", broker=stock)
    message = theirs.send(4)
    with real.working():
        assert message.get_result(backend=stock.backend, block=True, timeout=10_000) == {"double": 8}
        assert message.get_result(backend=stock.backend) == {"double": 8}


def test_a_stock_message_gets_the_locks_that_it_asks_for(real: Bench, stock: PostgresBroker) -> None:
    # A stock producer writes options into the message and takes no locks; running it at once would break the promise.
    real.actor(lambda: None, actor_name="act")
    theirs = dramatiq.actor(lambda: None, actor_name="act", broker=stock)
    worker = real.worker()
    holder = task(exclusive=["shelf"])
    real.engine.dispatch([holder])
    held = real.engine.claim("default", worker)
    message = theirs.send_with_options(exclusive=["shelf"])

    with real.working():
        eventually_adopted(real, message)
        assert real.record(message).state == "waiting"
        assert real.engine.execute("SELECT blockers FROM task WHERE id = %s", (message.message_id,)) == [(1,)]
        assert real.engine.finish(held, "completed")
        assert real.wait(message)[0].state == "completed"


def test_a_stock_message_gets_the_locks_that_its_actor_declares(real: Bench, stock: PostgresBroker) -> None:
    ran: list[str] = []
    real.actor(lambda shelf: ran.append(shelf), actor_name="act", exclusive=lambda shelf: [f"shelf:{shelf}"])
    theirs = dramatiq.actor(lambda shelf: None, actor_name="act", broker=stock)
    message = theirs.send("a")
    with real.working():
        real.until(lambda: ran)
        real.wait(message)
    assert real.engine.execute("SELECT exclusive FROM task WHERE id = %s", (message.message_id,)) == [(["shelf:a"],)]


def test_a_stock_message_whose_locks_cannot_be_told_fails(real: Bench, stock: PostgresBroker) -> None:
    real.actor(lambda: None, actor_name="act", exclusive=lambda: 1 / 0)
    theirs = dramatiq.actor(lambda: None, actor_name="act", broker=stock)
    message = theirs.send()
    with real.working():
        eventually_adopted(real, message)
    record = real.record(message)
    assert (record.state, "ZeroDivisionError" in record.error["description"]) == ("failed", True)


@pytest.mark.parametrize("text", ["null", "{}", '{"queue_name": "default"}', "[1]", '"x"'])
@pytest.mark.usefixtures("long_sweep")
def test_a_message_that_is_none_fails_and_harms_nobody(real: Bench, text: str) -> None:
    act = real.actor(lambda: None, actor_name="act")
    real.engine.execute(
        "INSERT INTO dramatiq.queue (message_id, queue_name, state, message)"
        " VALUES (gen_random_uuid(), 'default', 'queued', %s)", (text,))
    message = act.send()
    with real.working():
        real.wait(message)  # it is claimed at once after the other, without waiting for a sweep
    assert real.engine.execute("SELECT state FROM task WHERE actor <> 'act'") == [("failed",)]


def test_the_message_of_a_task_that_was_purged_is_dropped(real: Bench) -> None:
    left_over, following = task(), task()
    real.engine.dispatch([left_over])
    real.engine.execute("DELETE FROM task")
    real.engine.dispatch([following])
    assert real.engine.claim("default", real.worker()).task == following.id
    assert real.engine.execute("SELECT count(*) FROM dramatiq.queue") == [(0,)]
    assert real.engine.execute("SELECT id FROM task") == [(following.id,)]


def eventually_adopted(real: Bench, message: Any) -> None:
    """Wait until a worker has seen a stock message."""
    eventually(lambda: real.engine.execute(
        "SELECT id FROM task WHERE id = %s AND state <> 'running'", (message.message_id,)))


# The command

#: It asks a part of old setuptools for its own version; new ones have dropped that part.
PKG_RESOURCES = """
from importlib import metadata

class get_distribution:
    def __init__(self, name):
        self.version = metadata.version(name)
"""


def call(real: Bench, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``dramatiq-pg``."""
    if importlib.util.find_spec("pkg_resources") is None:
        (folder / "pkg_resources.py").write_text(PKG_RESOURCES)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dramatiq_pg.cli", "--dsn", real.url, *arguments],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | {"PYTHONPATH": str(folder)})


@pytest.fixture
def run(real: Bench, tmp_path: Path) -> Callable[..., str]:
    """A function that runs ``dramatiq-pg`` and returns what it prints."""
    def run(*arguments: str) -> str:
        done = call(real, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


needs_command = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="the dramatiq-pg command needs distutils, which went with Python 3.12")


@pytest.fixture
def filled(real: Bench) -> Bench:
    """A queue with a ready, a blocked and a delayed task, a running one, and a result."""
    act = real.actor(lambda: 5, actor_name="act", store_results=True)
    with real.working(threads=1):
        real.wait(act.send())
    worker = real.worker()
    running = task(priority=-10)
    real.engine.dispatch([running])
    assert real.engine.claim("default", worker).task == running.id
    act.send_with_options(exclusive=["shelf"])
    act.send_with_options(exclusive=["shelf"])
    act.send_with_options(delay=3_600_000)
    return real


@needs_command
def test_stats(filled: Bench, run: Callable[..., str]) -> None:
    assert run("stats").split("\n")[:4] == ["queued: 1", "consumed: 0", "done: 1", "rejected: 0"]


@needs_command
def test_recover_finds_nothing_to_recover(filled: Bench, run: Callable[..., str]) -> None:
    before = filled.engine.execute("SELECT id, state, attempt FROM task ORDER BY seq")
    assert "Recovered 0" in run("recover", "--minage", "0 s")
    assert filled.engine.execute("SELECT id, state, attempt FROM task ORDER BY seq") == before


@needs_command
def test_purge_drops_old_results_only(filled: Bench, run: Callable[..., str]) -> None:
    assert "Deleted 0" in run("purge")
    assert "Deleted 1" in run("purge", "--maxage", "0 s")
    assert filled.engine.execute("SELECT count(*) FROM task") == [(5,)]


@needs_command
def test_flush_loses_no_task(filled: Bench, run: Callable[..., str]) -> None:
    """The tasks are the truth: their messages are put back by the housekeeper. `TaskBroker.flush` cancels."""
    assert "Flushed 1" in run("flush")
    assert filled.engine.execute(SQL.heal) == [(1,)]
    assert "queued: 1" in run("stats")


@needs_command
def test_init_changes_nothing_on_a_queue_of_ours(filled: Bench, tmp_path: Path) -> None:
    """It fails, for its types exist, and leaves everything as it was."""
    before = filled.engine.execute("SELECT count(*) FROM dramatiq.queue")
    done = call(filled, tmp_path, "init")
    assert "already exists" in done.stderr
    assert filled.engine.execute("SELECT count(*) FROM dramatiq.queue") == before
