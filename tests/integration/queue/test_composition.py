"""What dramatiq makes of several messages, kept with PostgreSQL and in memory alike: pipelines, groups, callbacks, results
that others wait for, rate limiters and barriers."""

from __future__ import annotations

import threading
from typing import Any

import dramatiq
import pytest
from dramatiq.message import Message
from dramatiq.rate_limits import Barrier, BucketRateLimiter, ConcurrentRateLimiter
from dramatiq.results import ResultFailure, ResultMissing

from pulp_actor.queue.messages import TaskMessage
from pulp_actor.queue.rescue import declare_gone
from tests.support.queue import Bench


def test_pipeline(bench: Bench) -> None:
    add = bench.actor(lambda x, y: x + y, actor_name="add", store_results=True)
    line = dramatiq.pipeline([add.message(1, 2), add.message(3), add.message_with_options(args=(4,), exclusive=["x"])])
    with bench.working():
        line.run()
        assert line.get_result(block=True, timeout=10_000) == 10
        bench.wait(*line.messages)


def test_a_pipeline_stops_at_a_step_that_fails(bench: Bench) -> None:
    ran = []
    fail = bench.actor(lambda: 1 / 0, actor_name="fail")
    after = bench.actor(lambda: ran.append(1), actor_name="after")
    line = dramatiq.pipeline([fail.message(), after.message()]).run()
    with bench.working():
        bench.wait(line.messages[0])
        bench.until(lambda: not bench.broker.busy)
    assert not ran


def test_group_and_its_completion_callback(bench: Bench) -> None:
    add = bench.actor(lambda x, y: x + y, actor_name="add", store_results=True)
    done = threading.Event()
    finish = bench.actor(lambda: done.set(), actor_name="finish")
    group = dramatiq.group([add.message(number, 1) for number in range(6)])
    group.add_completion_callback(finish.message())
    with bench.working():
        group.run()
        assert list(group.get_results(block=True, timeout=10_000)) == [1, 2, 3, 4, 5, 6]
        assert done.wait(10)
    assert group.completed


def test_a_member_that_died_before_its_end_was_written_is_not_counted(real: Bench) -> None:
    ran: list[str] = []
    act = real.actor(lambda name: ran.append(name), actor_name="act", retry_on_loss=True)
    finish = real.actor(lambda: ran.append("finish"), actor_name="finish")
    group = dramatiq.group([act.message("first"), act.message("second")])
    group.add_completion_callback(finish.message())
    group.run()
    worker = real.worker()
    doomed = real.engine.claim("default", worker)
    lost = TaskMessage(Message.decode(doomed.message.encode()), doomed)
    real.broker.emit_after("process_message", lost, result=None)   # the actor has returned; then its process is killed
    real.broker._ending.message = None
    declare_gone(real.engine, worker, "was killed")
    with real.working(threads=1):
        real.until(lambda: "finish" in ran)
    assert ran == ["second", "first", "finish"]


def test_success_and_failure_callbacks(bench: Bench) -> None:
    told: list[Any] = []
    bench.actor(lambda message, result: told.append(result), actor_name="well")
    bench.actor(lambda message, error: told.append(error["type"]), actor_name="badly")
    good = bench.actor(lambda: 7, actor_name="good")
    bad = bench.actor(lambda: 1 / 0, actor_name="bad")
    with bench.working(threads=1):
        bench.wait(good.send_with_options(on_success="well"), bad.send_with_options(on_failure="badly"))
        bench.until(lambda: len(told) == 2)
    assert told == [7, "ZeroDivisionError"]


def test_results_can_be_waited_for_or_asked_for(bench: Bench) -> None:
    leave = threading.Event()
    act = bench.actor(lambda: (leave.wait(10), 5)[1], actor_name="act", store_results=True)
    message = act.send()
    with bench.working():
        with pytest.raises(ResultMissing):
            message.get_result()
        threading.Timer(0.2, leave.set).start()
        assert message.get_result(block=True, timeout=10_000) == 5
        assert message.get_result() == 5


def test_the_failure_of_an_actor_that_stores_results_is_raised(bench: Bench) -> None:
    fail = bench.actor(lambda: 1 / 0, actor_name="fail", store_results=True)
    message = fail.send()
    with bench.working():
        bench.wait(message)
        with pytest.raises(ResultFailure, match="division by zero"):
            message.get_result(block=True, timeout=10_000)


def test_a_large_result(bench: Bench) -> None:
    # dramatiq-pg sends results along in a notification, which may not be longer than 8,000 bytes.
    act = bench.actor(lambda: "x" * 100_000, actor_name="act", store_results=True)
    message = act.send()
    with bench.working():
        assert len(message.get_result(block=True, timeout=10_000)) == 100_000


def test_rate_limiters(bench: Bench) -> None:
    backend = next(one for one in bench.broker.middleware if hasattr(one, "rate_limiter_backend")).rate_limiter_backend
    two = ConcurrentRateLimiter(backend, "two", limit=2)
    with two.acquire(), two.acquire(raise_on_failure=False) as second:
        assert second
        with two.acquire(raise_on_failure=False) as third:
            assert not third
    with two.acquire() as again:
        assert again
    bucket = BucketRateLimiter(backend, "bucket", limit=1, bucket=60_000)
    with bucket.acquire():
        pass
    with bucket.acquire(raise_on_failure=False) as more:
        assert not more


def test_barriers(bench: Bench) -> None:
    backend = next(one for one in bench.broker.middleware if hasattr(one, "rate_limiter_backend")).rate_limiter_backend
    barrier = Barrier(backend, "gate")
    assert barrier.create(parties=2)
    assert not barrier.wait(block=False)
    passed = []
    waiter = threading.Thread(target=lambda: passed.append(Barrier(backend, "other").create(1)))
    waiter.start()
    assert barrier.wait(block=False)
    waiter.join(10)
    assert passed == [True]
