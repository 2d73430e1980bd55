"""Clocks that are set back by an hour, on the server and in workers: nothing is ordered or judged by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults import invariants
from tests.support.workers import actors
from tests.support.workers.lab import Lab
from tests.support.workers.waiting import eventually, stopwatch


@contextmanager
def server_clock(lab: Lab) -> Iterator[None]:
    """Have the engine's SQL read a clock that the test can set: ``UPDATE lab_offset SET value = …``."""
    lab.sql("CREATE TABLE lab_offset (value interval NOT NULL); INSERT INTO lab_offset VALUES ('0')")
    for name in ("clock_timestamp", "now"):
        lab.sql(f"CREATE FUNCTION public.{name}() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
                f"'SELECT pg_catalog.{name}() + value FROM public.lab_offset'")
    lab.sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', "
            "current_database()); END $$")
    actors.broker.engine.close()
    yield


def step_back(lab: Lab) -> None:
    lab.sql("UPDATE lab_offset SET value = '-1 hour'")


def work_across_a_step(lab: Lab, step: Callable[[], object]) -> None:
    """Tasks before and after the clock is set back, in lines on three resources."""
    first = lab.send("nap", 1, exclusive=["r0", "r1", "r2"])
    lab.await_begin(first)
    tasks = [first, *(lab.send("nap", 0.01, exclusive=[f"r{number % 3}"]) for number in range(30))]
    retried = lab.send("fail_first", 2)
    step()
    tasks += [lab.send("nap", 0.01, exclusive=[f"r{number % 3}"]) for number in range(30)]
    delayed = lab.send("noop", delay=1)
    elapsed = stopwatch()
    lab.await_quiet(30)
    assert elapsed() < 20
    assert lab.state(retried) == "completed"
    assert lab.state(delayed) == "completed"
    assert lab.sql("SELECT count(*) FROM worker WHERE gone_at IS NOT NULL") == [(0,)]
    report = invariants.check(lab, tasks)
    assert report.states == {"completed": len(tasks) + 2}


def test_the_servers_clock_is_set_back(lab: Lab) -> None:
    with server_clock(lab):
        lab.workers(2, settings={"WORKER_TTL": 4})
        work_across_a_step(lab, lambda: step_back(lab))


def test_a_delayed_task_is_not_an_hour_late_when_the_clock_is_set_back(lab: Lab) -> None:
    with server_clock(lab):
        lab.workers(1)
        delayed = lab.send("noop", delay=4)
        elapsed = stopwatch()
        eventually(lambda: elapsed() > 1, 5)
        step_back(lab)
        assert lab.await_end(delayed, 20)["state"] == "completed"
        assert elapsed() > 3, "and not early either"


def test_the_workers_clock_is_set_back(lab: Lab, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    lab.workers(2, settings={"WORKER_TTL": 4}, clock=str(clock))
    work_across_a_step(lab, lambda: clock.write_text("-3600"))
