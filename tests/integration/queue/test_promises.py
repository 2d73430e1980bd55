"""The nine promises of the task engine, one by one. Each test fails when its promise is broken."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from pulp_actor.db import transaction
from pulp_actor.identifiers import uuid7
from pulp_actor.queue import TaskBroker, actor, consumer, dispatch, platform_broker
from pulp_actor.queue.engine import SQL, Engine
from pulp_actor.queue.housekeeping import Housekeeper
from pulp_actor.queue.rescue import declare_gone
from tests.support.queue import Bench, raw, register, task
from tests.support.workers.lab import Lab
from tests.support.workers.waiting import eventually, stopwatch

#: How many tasks wait on one busy repository: where it matters most, and elsewhere.
MOST, MANY = 20_000, 4_000


class Counting(Engine):
    """Counts what is asked of the server."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.calls: Counter[str] = Counter()

    def execute(self, query: str, parameters: Any = (), *, cursor: Any = None) -> Any:
        self.calls[query] += 1
        return super().execute(query, parameters, cursor=cursor)


# 1. Transactional


def test_promise_1_transactional(real: Bench) -> None:
    """dispatch() writes task, locks and message in the caller's transaction: all or nothing."""
    act = real.actor(lambda: None, actor_name="act")
    everything = "SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM task_ticket), " \
        "(SELECT count(*) FROM dramatiq.queue)"

    def send_and_fail() -> None:
        with transaction():
            act.send_with_options(exclusive=["shelf"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send_and_fail()
    assert real.engine.execute(everything) == [(0, 0, 0)]

    with transaction():
        act.send_with_options(exclusive=["shelf"])
    assert real.engine.execute(everything) == [(1, 1, 1)]


# 2. Exclusive and shared locks


@pytest.mark.parametrize(("held", "wanted"), [(False, False), (True, False), (False, True)])
def test_promise_2_the_database_itself_refuses_conflicting_holders(real: Bench, held: bool, wanted: bool) -> None:
    """Whatever the code does, an exclusive holder stands alone."""
    insert = "INSERT INTO task_ticket (task_id, resource, shared, granted) VALUES (%s, 'shelf', %s, true)"
    real.engine.execute(insert, (uuid7(), held))
    with pytest.raises(psycopg2.errors.ExclusionViolation):
        real.engine.execute(insert, (uuid7(), wanted))


def test_promise_2_shared_holders_may_be_many(real: Bench) -> None:
    insert = "INSERT INTO task_ticket (task_id, resource, shared, granted) VALUES (%s, 'shelf', true, true)"
    for _ in range(3):
        real.engine.execute(insert, (uuid7(),))
    assert real.engine.execute("SELECT count(*) FROM task_ticket WHERE resource = 'shelf' AND granted") == [(3,)]


def test_promise_2_a_blocked_task_cannot_run(real: Bench) -> None:
    """Not even by a message that somebody made by hand."""
    worker = real.worker()
    first, second = task(exclusive=["shelf"]), task(exclusive=["shelf"])
    real.engine.dispatch([first, second])
    real.engine.execute(
        "INSERT INTO dramatiq.queue (message_id, queue_name, state, rank) VALUES (%s, 'default', 'queued', -1)",
        (second.id,))
    assert real.engine.claim("default", worker).task == first.id
    with pytest.raises(psycopg2.errors.CheckViolation):
        real.engine.execute("UPDATE task SET state = 'running' WHERE id = %s", (second.id,))


# 3. FIFO without convoy


def test_promise_3_first_in_first_out_per_resource(bench: Bench) -> None:
    worker = bench.worker()
    specs = [task(exclusive=["a", "b"] if number % 3 == 0 else ["a"]) for number in range(12)]
    bench.engine.dispatch(specs)
    assert [claim.task for claim in bench.claim_all(worker)] == [spec.id for spec in specs]


@pytest.mark.parametrize("lock", ["exclusive", "shared"])
def test_promise_3_no_convoy(real: Bench, lock: str) -> None:
    """What each step touches does not grow with the number of tasks that are blocked, or ready, on other resources.

    Counted in pages, for a clock tells more of the machine. The plans are made while the queue is empty, as those of a
    long-lived connection are.
    """
    worker = real.worker()
    for table in ("task", "task_ticket", "dramatiq.queue"):
        real.engine.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    for _ in range(7):
        pages_of_a_life(real.engine, worker)
    alone = fewest_pages_of_a_life(real.engine, worker)
    for _ in range(0, MANY, 2000):
        real.engine.dispatch([task(**{lock: ["busy"]}) for _ in range(2000)])  # type: ignore[arg-type]

    crowded = fewest_pages_of_a_life(real.engine, worker)

    assert {step: pages for step, pages in crowded.items() if pages > alone[step] + 40} == {}, alone


def fewest_pages_of_a_life(engine: Engine, worker: UUID) -> dict[str, int]:
    """The best of ten: now and then a connection has its catalogues to read again, or several in a row."""
    lives = [pages_of_a_life(engine, worker) for _ in range(10)]
    return {step: min(life[step] for life in lives) for step in lives[0]}


def pages_of_a_life(engine: Engine, worker: UUID) -> dict[str, int]:
    """How many pages each step in the life of a task touches."""
    ended, dropped, late = task(exclusive=["free"], priority=-9), task(shared=["free"]), task(exclusive=["x"], delay=60)

    def pages(query: str, *parameters: Any) -> int:
        ((plan,),) = engine.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query, parameters)
        return plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]

    found = {
        f"dispatch {name}": pages(SQL.dispatch, json.dumps([asdict(spec)], default=str))
        for name, spec in (("exclusive", ended), ("behind", dropped), ("delayed", late))
    }
    found["claim"] = pages(SQL.claim, "default", worker)
    claim = next(running for running in engine.running_of([worker]) if running.task == ended.id)
    found["finish"] = pages(SQL.finish, claim.task, claim.worker, claim.attempt, "completed", None, None, False)
    found["cancel"] = pages(SQL.cancel, dropped.id, False)
    found["start due"] = pages("SELECT task_start_due(%s)", late.id)
    found["cancel due"] = pages(SQL.cancel, late.id, True)
    return found


# 4. No polling


@pytest.mark.usefixtures("long_sweep")
def test_promise_4_a_blocked_task_has_no_message_until_its_turn_comes(real: Bench) -> None:
    leave = threading.Event()
    hold = real.actor(lambda: leave.wait(10), actor_name="hold")
    with real.working(threads=2):
        first = hold.send_with_options(exclusive=["shelf"])
        second = hold.send_with_options(exclusive=["shelf"])
        assert real.engine.execute("SELECT count(*) FROM dramatiq.queue WHERE message_id = %s", (second.message_id,)) \
            == [(0,)]
        leave.set()
        # The transaction that ends the first enqueues the second and says so: nothing else wakes the worker.
        real.wait(first, second, timeout=3)


@pytest.mark.usefixtures("long_sweep")
def test_promise_4_a_dispatch_wakes_a_sleeping_worker_at_once(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=1):
        real.wait(act.send())
        assert real.broker.hub.connected.wait(5)
        times = []
        for _ in range(10):
            start = time.perf_counter()
            real.wait(act.send(), timeout=3)
            times.append(time.perf_counter() - start)
    assert sorted(times)[5] < 0.25


@pytest.mark.usefixtures("long_sweep")
def test_promise_4_an_idle_worker_asks_nothing(real: Bench) -> None:
    real.broker.engine = real.engine = engine = Counting()
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=2):
        real.wait(act.send())
        assert real.broker.hub.connected.wait(5)
        eventually(lambda: not real.broker.ready_event("default").is_set())
        engine.calls.clear()
        threading.Event().wait(1.5)  # a time in which nothing shall happen is all that can be waited for
        assert not engine.calls


def test_promise_4_a_lost_notification_is_healed_by_a_sweep(real: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    act = real.actor(lambda: None, actor_name="act")
    monkeypatch.setattr(real.broker.hub, "subscribe", lambda channel, callback: None)
    with real.working(threads=1):
        eventually(lambda: not real.broker.ready_event("default").is_set())
        real.wait(act.send(), timeout=max(consumer.SWEEP) + 10)


@pytest.mark.usefixtures("long_sweep")
def test_promise_4_one_task_is_no_storm(real: Bench) -> None:
    """A wake-up costs an idle worker at most one claim."""
    brokers = [TaskBroker() for _ in range(12)]
    ready = []
    for broker in brokers:
        broker.engine = Counting()
        broker.worker_id = register(real.engine, uuid7())
        broker.declare_queue("default")
        ready.append(broker.consume("default", timeout=5000))
        broker.hub.start()
    try:
        for broker, one in zip(brokers, ready, strict=True):
            assert broker.hub.connected.wait(10)
            eventually(broker.ready_event("default").is_set)
            assert next(one) is None
            broker.engine.calls.clear()
        real.actor(lambda: None, actor_name="act").send()
        found: list[Any] = []
        threads = [threading.Thread(target=lambda one=one: found.append(next(one))) for one in ready]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        claims = [broker.engine.calls[SQL.claim] for broker in brokers]
        assert sum(message is not None for message in found) == 1
        assert max(claims) == 1
        assert sum(claims) <= len(brokers)
    finally:
        for broker in brokers:
            broker.close()


# 5. Leases and fencing


def test_promise_5_whoever_lost_the_lease_cannot_write(real: Bench) -> None:
    worker, other = real.worker(), real.worker()
    spec = task(exclusive=["shelf"], retry_on_loss=True)
    real.engine.dispatch([spec])
    paused = real.engine.claim("default", worker)
    declare_gone(real.engine, worker, "was lost")
    again = real.engine.claim("default", other)
    assert again.task == spec.id

    assert not real.engine.finish(paused, "completed", result="stale")
    assert not real.engine.give_back(paused)
    assert not real.engine.finish_with(paused, "completed", [task()])
    assert real.record(spec.id).state == "running"
    following = task()
    real.engine.dispatch([following])
    with pytest.raises(psycopg2.Error, match="declared gone"):
        real.engine.claim("default", worker)
    assert real.record(following.id).state == "waiting"
    assert real.engine.claim("default", other).task == following.id
    assert real.engine.finish(again, "completed", result="fresh")
    assert real.record(spec.id).result == "fresh"


def test_promise_5_an_earlier_attempt_of_the_same_worker_cannot_write(bench: Bench) -> None:
    worker = bench.worker()
    spec = task()
    bench.engine.dispatch([spec])
    early = bench.engine.claim("default", worker)
    bench.engine.give_back(early)
    late = bench.engine.claim("default", worker)
    assert not bench.engine.finish(early, "failed")
    assert bench.engine.finish(late, "completed")


def test_promise_5_the_tasks_of_a_lost_worker_fail_or_run_again_and_free_their_locks(real: Bench) -> None:
    worker, other = real.worker(), real.worker()
    safe, unsafe = task(exclusive=["a"], retry_on_loss=True), task(exclusive=["b"])
    behind = [task(exclusive=["a"]), task(exclusive=["b"])]
    real.engine.dispatch([safe, unsafe, *behind])
    for _ in range(2):
        assert real.engine.claim("default", worker)

    assert declare_gone(real.engine, worker, "was killed") == 2

    assert real.record(unsafe.id).state == "failed"
    assert "was killed while it ran this task" in real.record(unsafe.id).error["description"]
    assert {claim.task for claim in real.claim_all(other)} == {behind[0].id, behind[1].id, safe.id}
    assert real.record(safe.id).retries == 1


def test_promise_5_a_killed_worker_process_is_noticed_at_once(lab: Lab) -> None:
    service = lab.workers(1)
    doomed, following = lab.send("forever", exclusive=["shelf"]), lab.send("noop", exclusive=["shelf"])
    lab.await_begin(doomed)
    elapsed = stopwatch()
    os.kill(service.children[0], signal.SIGKILL)
    assert lab.await_end(following)["state"] == "completed"
    assert elapsed() < 10
    assert lab.state(doomed) == "failed"


# 6. Cancel


def test_promise_6_waiting_at_once_running_by_interrupt(bench: Bench) -> None:
    inside = threading.Event()

    def endless() -> None:
        inside.set()
        while True:
            time.sleep(0.01)

    act = bench.actor(endless)
    running, waiting = (act.send_with_options(exclusive=["shelf"]) for _ in range(2))
    with bench.working(threads=1):
        assert inside.wait(10)
        assert bench.broker.cancel(waiting) == "canceled"
        assert bench.broker.cancel(running) == "canceling"
        assert bench.wait(running)[0].state == "canceled"


def test_promise_6_what_does_not_react_is_killed(lab: Lab) -> None:
    lab.workers(1)
    deaf = lab.send("deep_sleep", 60)
    lab.await_begin(deaf)
    elapsed = stopwatch()
    assert lab.cancel(deaf) == "canceling"
    assert lab.await_end(deaf)["state"] == "canceled"
    assert elapsed() < 10


# 7. One task at a time per process


def test_promise_7_one_task_at_a_time_per_process(lab: Lab) -> None:
    lab.workers(2)
    for one in [lab.send("nap", 0.2) for _ in range(8)]:
        assert lab.await_end(one)["state"] == "completed"
    overlaps = lab.sql("""
        SELECT count(*) FROM task AS a JOIN task AS b ON a.worker_id = b.worker_id AND a.id <> b.id
            AND a.started_at < b.finished_at AND b.started_at < a.finished_at""")
    assert overlaps == [(0,)]
    assert lab.sql("SELECT count(DISTINCT worker_id) FROM task") == [(2,)]


# 8. Retries, schedules, priorities, fairness


def test_promise_8_a_retry_joins_the_end_of_the_line_when_it_is_due(bench: Bench) -> None:
    worker = bench.worker()
    retried, other = task(exclusive=["shelf"]), task(exclusive=["shelf"])
    bench.engine.dispatch([retried, other])
    bench.engine.give_back(bench.engine.claim("default", worker), delay=3600, count=True)
    assert [claim.task for claim in bench.claim_all(worker)] == [other.id]
    assert (bench.record(retried.id).state, bench.record(retried.id).retries) == ("waiting", 1)


def test_promise_8_priorities_cannot_starve(bench: Bench) -> None:
    """A low priority waits its time, not for ever: what comes later than it, long enough, comes after it."""
    worker = bench.worker()
    low = task(priority=5, fair_key="low")
    bench.engine.dispatch([low])
    order = []
    while low.id not in order and len(order) < 200:
        bench.engine.dispatch([task(priority=0, fair_key="busy") for _ in range(2)])
        order += [claim.task for claim in bench.claim_all(worker, limit=1)]
    assert low.id in order, "it starved"
    assert len(order) > 10, "priority counts for something"


@pytest.mark.parametrize(("lock", "number"), [("shared", MOST), ("exclusive", MANY), (None, MANY)])
def test_promise_8_fairness(real: Bench, lock: str | None, number: int) -> None:
    """One repository with 20,000 waiting tasks does not delay another's first, whether they are blocked or all ready."""
    worker = real.worker()
    kind = {"shared": {"shared": ["busy"]}, "exclusive": {"exclusive": ["busy"]}, None: {"fair_key": "busy"}}[lock]
    for _ in range(0, number, 2000):
        real.engine.dispatch([task(**kind) for _ in range(2000)])  # type: ignore[arg-type]
    first = task(exclusive=["other"])
    real.engine.dispatch([first])
    claims = real.claim_all(worker, limit=3)
    assert first.id in [claim.task for claim in claims]


def test_promise_8_a_schedule_fires_once_however_many_keep_house(real: Bench) -> None:
    platform = platform_broker()
    before = dict(platform.actors)

    @actor(name="test.tick")
    def tick() -> None:
        """Is never run here."""

    real.engine.execute(
        "INSERT INTO task_schedule (id, name, actor, interval_seconds, next_dispatch)"
        " VALUES (%s, 'tick', 'test.tick', 3600, now() - interval '3 hours')", (uuid7(),))
    houses = [Housekeeper() for _ in range(4)]
    try:
        threads = [threading.Thread(target=house.tick) for house in houses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert real.engine.execute("SELECT count(*) FROM task") == [(1,)]
        assert real.engine.execute("SELECT next_dispatch > now() FROM task_schedule") == [(True,)]
    finally:
        for house in houses:
            house.engine.close()
        platform.actors = before
        platform.engine.close()


# 9. Immediate tasks


def test_promise_9_immediate_tasks_run_at_once_or_become_ordinary_ones(real: Bench) -> None:
    platform = platform_broker()
    before = dict(platform.actors)
    ran = []

    @actor(name="test.act")
    def act(name: str) -> None:
        ran.append(name)

    try:
        assert dispatch("test.act", ("at once",), exclusive=["shelf"], immediate=True).state == "completed"
        assert dispatch("test.act", ("holder",), exclusive=["shelf"]).state == "waiting"
        assert dispatch("test.act", ("later",), exclusive=["shelf"], immediate=True).state == "waiting"
        assert ran == ["at once"]
        with closing(raw()) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT state, blockers FROM task ORDER BY seq")
            assert cursor.fetchall() == [("completed", 0), ("waiting", 0), ("waiting", 1)]
    finally:
        platform.actors = before
        platform.engine.close()
