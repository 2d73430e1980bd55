"""How long a task waited, for its locks and for a worker: what metrics are told with each claim."""

from __future__ import annotations

import pytest

from pulp_actor.queue.engine import SQL
from tests.support.queue import Bench, task

HOUR = 3600.0


def an_hour_passes(bench: Bench) -> None:
    """For every task, whatever it waits for."""
    bench.engine.execute("""
        UPDATE task SET pulp_created = pulp_created - interval '1 hour', eta = eta - interval '1 hour',
            pulp_last_updated = pulp_last_updated - interval '1 hour', unblocked_at = unblocked_at - interval '1 hour'
    """)


def start_due(bench: Bench) -> None:
    for row in bench.engine.execute(SQL.due):
        assert bench.engine.execute(SQL.start_due, row) == [(True,)]


def test_a_task_without_locks_waits_for_a_worker_alone(real: Bench) -> None:
    real.engine.dispatch([task()])
    an_hour_passes(real)
    claim = real.engine.claim("default", real.worker())
    assert claim.lock_wait is None
    assert claim.queue_wait == pytest.approx(HOUR, abs=60)


@pytest.mark.parametrize("at_once", [True, False], ids=["the next claim", "a claim of its own"])
def test_a_lock_that_another_holds_is_waited_for(real: Bench, at_once: bool) -> None:
    worker = real.worker()
    real.engine.dispatch([task(exclusive=["shelf"]), task(exclusive=["shelf"])])
    held = real.engine.claim("default", worker)
    assert held.lock_wait == pytest.approx(0, abs=60)
    an_hour_passes(real)
    if at_once:
        _, claim = real.engine.finish_and_claim(held, "completed", "default")
    else:
        real.engine.finish(held, "completed")
        claim = real.engine.claim("default", worker)
    assert claim.lock_wait == pytest.approx(HOUR, abs=60)
    assert claim.queue_wait == pytest.approx(0, abs=60)


def test_a_delay_is_no_wait_for_a_lock(real: Bench) -> None:
    worker = real.worker()
    real.engine.dispatch([task(exclusive=["shelf"], delay=HOUR)])
    an_hour_passes(real)
    start_due(real)
    claim = real.engine.claim("default", worker)
    assert (claim.lock_wait, claim.queue_wait) == (pytest.approx(0, abs=60), pytest.approx(0, abs=60))

    # Nor is the pause before it is tried again; what it then waits for another's end is.
    real.engine.give_back(claim, delay=HOUR, count=True)
    an_hour_passes(real)
    real.engine.dispatch([task(exclusive=["shelf"], priority=-1)])
    other = real.engine.claim("default", worker)
    start_due(real)
    an_hour_passes(real)
    real.engine.finish(other, "completed")
    again = real.engine.claim("default", worker)
    assert again.task == claim.task
    assert again.lock_wait == pytest.approx(HOUR, abs=60)
