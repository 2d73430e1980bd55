"""How long a task waited, for its locks and for a worker: what metrics are told with each claim."""

from __future__ import annotations

import pytest

from pulp_actor.queue.engine import SQL
from tests.support.queue import Bench, task

HOUR = 3600.0


@pytest.fixture
def timed(real: Bench) -> Bench:
    real.engine.timed = True
    return real


def an_hour_passes(bench: Bench) -> None:
    """For every task, whatever it waits for."""
    bench.engine.execute("""
        UPDATE task SET pulp_created = pulp_created - interval '1 hour', eta = eta - interval '1 hour',
            pulp_last_updated = pulp_last_updated - interval '1 hour', unblocked_at = unblocked_at - interval '1 hour'
    """)


def start_due(bench: Bench) -> None:
    for row in bench.engine.execute(SQL.due):
        assert bench.engine.execute(SQL.start_due, row) == [(True,)]


def test_a_task_without_locks_waits_for_a_worker_alone(timed: Bench) -> None:
    timed.engine.dispatch([task()])
    an_hour_passes(timed)
    claim = timed.engine.claim("default", timed.worker())
    assert claim.lock_wait is None
    assert claim.queue_wait == pytest.approx(HOUR, abs=60)


@pytest.mark.parametrize("at_once", [True, False], ids=["the next claim", "a claim of its own"])
def test_a_lock_that_another_holds_is_waited_for(timed: Bench, at_once: bool) -> None:
    worker = timed.worker()
    timed.engine.dispatch([task(exclusive=["shelf"]), task(exclusive=["shelf"])])
    held = timed.engine.claim("default", worker)
    assert held.lock_wait == pytest.approx(0, abs=60)
    an_hour_passes(timed)
    if at_once:
        _, claim = timed.engine.finish_and_claim(held, "completed", "default")
    else:
        timed.engine.finish(held, "completed")
        claim = timed.engine.claim("default", worker)
    assert claim.lock_wait == pytest.approx(HOUR, abs=60)
    assert claim.queue_wait == pytest.approx(0, abs=60)


def test_a_delay_is_no_wait_for_a_lock(timed: Bench) -> None:
    worker = timed.worker()
    timed.engine.dispatch([task(exclusive=["shelf"], delay=HOUR)])
    an_hour_passes(timed)
    start_due(timed)
    claim = timed.engine.claim("default", worker)
    assert (claim.lock_wait, claim.queue_wait) == (pytest.approx(0, abs=60), pytest.approx(0, abs=60))

    # Nor is the pause before it is tried again; what it then waits for another's end is.
    timed.engine.give_back(claim, delay=HOUR, count=True)
    an_hour_passes(timed)
    timed.engine.dispatch([task(exclusive=["shelf"], priority=-1)])
    other = timed.engine.claim("default", worker)
    start_due(timed)
    an_hour_passes(timed)
    timed.engine.finish(other, "completed")
    again = timed.engine.claim("default", worker)
    assert again.task == claim.task
    assert again.lock_wait == pytest.approx(HOUR, abs=60)
