"""What dramatiq promises of one message, kept: with PostgreSQL and in memory alike."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage, TimeLimitExceeded

from pulp_actor.queue import current_task
from tests.support.queue import Bench, task
from tests.support.workers.waiting import eventually


def test_send_runs_the_actor_with_its_arguments(bench: Bench) -> None:
    seen = []
    act = bench.actor(lambda *args, **kwargs: seen.append((args, kwargs)), actor_name="act")

    with bench.working():
        bench.wait(act.send(1, "two", three=[3]))

    assert seen == [((1, "two"), {"three": [3]})]


def test_the_result_and_the_error_of_a_task_are_kept(bench: Bench) -> None:
    give = bench.actor(lambda: {"answer": [42]}, actor_name="give")
    fail = bench.actor(lambda: 1 / 0, actor_name="fail")

    with bench.working():
        given, failed = bench.wait(give.send(), fail.send())

    assert (given.state, given.result, given.error) == ("completed", {"answer": [42]}, None)
    assert (failed.state, failed.result) == ("failed", None)
    assert failed.error["description"] == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in failed.error["traceback"]


@pytest.fixture
def quiet() -> Iterator[None]:
    """No logs: pytest's processes cannot send each other a captured line with half a surrogate pair."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("text", ["a NUL: \0", "half a pair: \ud800"], ids=["NUL", "surrogate"])
@pytest.mark.usefixtures("quiet")
def test_an_error_that_the_database_cannot_keep_as_it_is_still_ends_the_task(bench: Bench, text: str) -> None:
    def fail() -> None:
        raise ValueError(text)

    fail = bench.actor(fail, max_retries=1, min_backoff=1)
    with bench.working():
        (record,) = bench.wait(fail.send(), timeout=20)

    assert record.state == "failed"


def test_a_message_for_an_actor_that_nobody_declared_fails(bench: Bench) -> None:
    known = bench.actor(lambda: None, actor_name="known")
    unknown = known.message().copy(actor_name="unknown")
    bench.broker.enqueue(unknown)

    with bench.working(threads=1):
        failed, after = bench.wait(unknown, known.send())

    assert failed.state == "failed"
    assert "unknown" in failed.error["description"]
    assert after.state == "completed", "the worker goes on"


def test_a_message_sent_twice_is_one_task(bench: Bench) -> None:
    runs = []
    act = bench.actor(lambda: runs.append(1), actor_name="act")
    message = act.send()
    bench.broker.enqueue(message)
    with bench.working():
        bench.wait(message)
        bench.until(lambda: not bench.broker.busy)
    assert runs == [1]


def test_a_message_sent_again_after_its_end_runs_again(bench: Bench) -> None:
    runs = []
    act = bench.actor(lambda: runs.append(1), actor_name="act")
    message = act.send()
    with bench.working():
        bench.wait(message)
        bench.broker.enqueue(message)
        bench.until(lambda: len(runs) == 2 and bench.record(message).done)


def test_delay(bench: Bench) -> None:
    started = []
    act = bench.actor(lambda: started.append(time.monotonic()), actor_name="act")
    with bench.working():
        now = time.monotonic()
        late = act.send_with_options(delay=700)
        (early,) = bench.wait(act.send())
        assert early.state == "completed"
        assert bench.record(late).state == "waiting"
        bench.wait(late)
    assert 0.7 <= started[1] - now < 4


def test_a_delayed_task_holds_no_lock_until_it_is_due(bench: Bench) -> None:
    worker = bench.worker()
    late = task(exclusive=["shelf"], delay=3600)
    now = task(exclusive=["shelf"])
    bench.engine.dispatch([late, now])

    claim = bench.engine.claim("default", worker)
    assert claim.task == now.id
    if bench.real:
        bench.engine.execute("SELECT task_start_due(%s)", (late.id,))
    else:
        bench.engine.start_due(late.id)
    assert bench.engine.claim("default", worker) is None
    bench.engine.finish(claim, "completed")
    assert bench.engine.claim("default", worker).task == late.id


def test_no_retry_unless_the_actor_asks_for_it(bench: Bench) -> None:
    fail = bench.actor(lambda: 1 / 0, actor_name="fail")
    with bench.working():
        (record,) = bench.wait(fail.send())
    assert (record.state, record.retries, record.attempt) == ("failed", 0, 1)


def test_retries_with_backoff_until_it_succeeds(bench: Bench) -> None:
    runs = []

    def falter() -> str:
        runs.append(time.monotonic())
        if len(runs) < 3:
            raise ValueError(len(runs))
        return "at last"

    falter = bench.actor(falter, max_retries=5, min_backoff=200, max_backoff=400)
    with bench.working():
        (record,) = bench.wait(falter.send())

    assert (record.state, record.result, record.retries) == ("completed", "at last", 2)
    assert runs[1] - runs[0] >= 0.1, "dramatiq's backoff is jittered, by half"


def test_retries_end(bench: Bench) -> None:
    given_up = []
    bench.actor(lambda message, retries: given_up.append(retries), actor_name="give_up")
    fail = bench.actor(
        lambda: 1 / 0, actor_name="fail", max_retries=2, min_backoff=1, max_backoff=1, on_retry_exhausted="give_up")
    with bench.working():
        (record,) = bench.wait(fail.send())
        bench.until(lambda: given_up)
    assert (record.state, record.retries) == ("failed", 2)
    assert given_up == [{"retries": 2, "max_retries": 2}]


def test_a_retry_gives_its_locks_back_and_joins_the_end_of_the_line(bench: Bench) -> None:
    order = []

    def act(name: str) -> None:
        order.append(name)
        if order == ["first"]:
            raise ValueError

    act = bench.actor(act, max_retries=1, min_backoff=500, max_backoff=500)
    messages = [act.send_with_options(args=(name,), exclusive=["shelf"]) for name in ("first", "second", "third")]
    with bench.working():
        bench.wait(*messages)
    assert order == ["first", "second", "third", "first"]


def test_a_retry_can_be_asked_for_from_inside(bench: Bench) -> None:
    runs = []

    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise dramatiq.errors.Retry("once more", delay=1)

    act = bench.actor(act, max_retries=1)
    with bench.working():
        (record,) = bench.wait(act.send())
    assert (record.state, len(runs)) == ("completed", 2)


def test_max_age_skips_what_waited_too_long(bench: Bench) -> None:
    ran = []
    act = bench.actor(lambda: ran.append(1), actor_name="act", max_age=50)
    old = act.message()
    bench.broker.enqueue(old.copy(message_timestamp=old.message_timestamp - 1000))
    with bench.working():
        (record,) = bench.wait(old)
    assert record.state == "skipped"
    assert not ran


def test_time_limit(bench: Bench) -> None:
    ended = []

    def act() -> None:
        try:
            while True:
                time.sleep(0.01)
        except TimeLimitExceeded:
            ended.append(1)
            raise

    act = bench.actor(act, time_limit=100)
    with bench.working():
        (record,) = bench.wait(act.send())
    assert ended
    assert (record.state, record.error["description"]) == ("failed", "The task ran into its time limit.")


def test_smaller_priority_goes_first(bench: Bench) -> None:
    order = []
    late = bench.actor(lambda: order.append("late"), actor_name="late", priority=10)
    soon = bench.actor(lambda: order.append("soon"), actor_name="soon", priority=-10)
    act = bench.actor(lambda: order.append("act"), actor_name="act")
    messages = [late.send(), act.send(), soon.send(), act.send_with_options(priority=20)]
    with bench.working(threads=1):
        bench.wait(*messages)
    assert order == ["soon", "act", "late", "act"]


def test_several_queues(bench: Bench) -> None:
    seen: dict[str, str] = {}

    def act() -> None:
        message = CurrentMessage.get_current_message()
        seen[message.message_id] = message.queue_name

    fast, slow = bench.actor(act, actor_name="fast"), bench.actor(act, actor_name="slow", queue_name="slow")
    messages = [fast.send(), slow.send()] * 3
    with bench.working(threads=2):
        bench.wait(*messages)
    assert set(seen.values()) == {"default", "slow"}


def test_a_worker_of_one_queue_leaves_the_others_alone(bench: Bench) -> None:
    fast = bench.actor(lambda: None, actor_name="fast")
    slow = bench.actor(lambda: None, actor_name="slow", queue_name="slow")
    left, done = slow.send(), fast.send()
    with bench.working(queues={"default"}):
        bench.wait(done)
    assert bench.record(left).state == "waiting"


def test_a_worker_can_be_started_again_on_the_same_broker(bench: Bench) -> None:
    act = bench.actor(lambda: None, actor_name="act")
    for _ in range(2):
        with bench.working(threads=1):
            assert bench.wait(act.send())[0].state == "completed"
    if bench.real:
        listeners = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pulp-actor listen'" \
            " AND datname = current_database()"
        assert bench.engine.execute(listeners) == [(1,)]


def test_async_actors(bench: Bench) -> None:
    async def act(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    act = bench.actor(act)
    with bench.working():
        (record,) = bench.wait(act.send_with_options(args=(1,), exclusive=["shelf"]))
    assert (record.state, record.result) == ("completed", 2)


def test_cancel_a_waiting_task(bench: Bench) -> None:
    worker = bench.worker()
    first, second, third = (task(exclusive=["shelf"]) for _ in range(3))
    bench.engine.dispatch([first, second, third])

    assert bench.broker.cancel(second.id) == "canceled"
    assert [claim.task for claim in bench.claim_all(worker)] == [first.id, third.id]
    assert bench.record(second.id).state == "canceled"
    assert bench.broker.cancel(first.id) == "completed", "what has ended stays as it is"


def test_cancel_a_running_task_interrupts_its_actor(bench: Bench) -> None:
    inside = threading.Event()

    def act() -> None:
        inside.set()
        while True:
            time.sleep(0.01)

    act = bench.actor(act, max_retries=3)
    message = act.send_with_options(exclusive=["shelf"])
    after = bench.actor(lambda: None, actor_name="after").send_with_options(exclusive=["shelf"])
    with bench.working():
        assert inside.wait(10)
        assert bench.broker.cancel(message) == "canceling"
        record, next_record = bench.wait(message, after)
    assert (record.state, record.retries) == ("canceled", 0)
    assert next_record.state == "completed"


def test_a_task_that_is_cancelled_while_it_asks_for_a_retry_ends(bench: Bench) -> None:
    # It used to stay in canceling, for only running tasks could be sent back to wait.
    worker = bench.worker()
    spec, behind = task(exclusive=["shelf"]), task(exclusive=["shelf"])
    bench.engine.dispatch([spec, behind])
    claim = bench.engine.claim("default", worker)
    bench.engine.cancel(spec.id)

    assert bench.engine.give_back(claim, count=True)
    assert bench.record(spec.id).state == "canceled"
    assert bench.engine.claim("default", worker).task == behind.id


def test_flush_cancels_what_waits_in_a_queue(bench: Bench) -> None:
    act = bench.actor(lambda: None, actor_name="act")
    other = bench.actor(lambda: None, actor_name="other", queue_name="other")
    flushed, kept = [act.send() for _ in range(3)], other.send()
    bench.broker.flush("default")
    assert {bench.record(message).state for message in flushed} == {"canceled"}
    assert bench.record(kept).state == "waiting"


def test_what_was_counted_is_seen_though_the_next_count_is_long_in_coming(real: Bench) -> None:
    seen = threading.Event()

    def slow() -> None:
        with current_task().progress("step", "Stepping") as progress:
            for _ in range(3):
                progress.increment()
            assert seen.wait(30)

    message = real.actor(slow).send()
    with real.working():
        eventually(lambda: real.engine.execute("SELECT state, done FROM progress_report") == [("running", 3)])
        seen.set()
        assert real.wait(message)[0].state == "completed"
    assert real.engine.execute("SELECT state, done FROM progress_report") == [("completed", 3)]


def test_an_actor_can_report_progress_and_dispatch_more(bench: Bench) -> None:
    child = bench.actor(lambda: current_task().id and str(current_task().id), actor_name="child")
    sent = []

    def parent() -> None:
        with current_task().progress("step", "Stepping", total=2) as progress:
            progress.increment(2)
        sent.append(child.send())

    parent = bench.actor(parent)
    message = parent.send()
    with bench.working():
        bench.wait(message)
        (record,) = bench.wait(sent[0])
    assert record.result == sent[0].message_id
    if bench.real:
        rows = bench.engine.execute("SELECT code, state, total, done FROM progress_report")
        assert rows == [("step", "completed", 2, 2)]
    else:
        progress = bench.broker.task(message).progress["step"]
        assert (progress["state"], progress["total"], progress["done"]) == ("completed", 2, 2)
