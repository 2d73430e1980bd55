"""A busy thread goes on with its queue's next task in the transaction that ends the one before."""

from __future__ import annotations

import threading
from collections import Counter

from pulp_actor.identifiers import uuid7
from pulp_actor.queue.engine import SQL
from pulp_actor.queue.rescue import declare_gone
from tests.support.queue import Bench, register, task
from tests.support.workers.waiting import eventually


def test_a_busy_thread_commits_once_for_each_task(real: Bench, monkeypatch) -> None:
    statements: Counter[str] = Counter()
    execute = real.engine.execute

    def counted(query: str, *args, **kwargs):
        statements[query] += 1
        return execute(query, *args, **kwargs)

    monkeypatch.setattr(real.engine, "execute", counted)
    act = real.actor(lambda: None, actor_name="act")
    messages = [act.send() for _ in range(20)]
    with real.working(threads=1):
        assert {record.state for record in real.wait(*messages)} == {"completed"}
    assert statements[SQL.finish_and_claim] == 20
    assert statements[SQL.finish] == 0
    assert statements[SQL.claim] <= 3, "the first task, and looks that found nothing"
    assert statements[SQL.take] == 0, "each was found by the statement for the usual case"


def test_the_next_task_may_be_the_one_that_this_end_unblocks(bench: Bench) -> None:
    worker = bench.worker()
    first, second = task(exclusive=["shelf"]), task(exclusive=["shelf"])
    bench.engine.dispatch([first, second])
    held = bench.engine.claim("default", worker)
    done, following = bench.engine.finish_and_claim(held, "completed", "default")
    assert done and following.task == second.id
    assert bench.engine.finish_and_claim(following, "completed", "default") == (True, None)


def test_another_queue_is_not_starved(bench: Bench) -> None:
    ran: list[str] = []
    act = bench.actor(lambda: ran.append("busy"), actor_name="act")
    rare = bench.actor(lambda: ran.append("rare"), actor_name="rare", queue_name="rare")
    messages = [act.send() for _ in range(40)] + [rare.send()]
    with bench.working(threads=1):
        bench.wait(*messages)
    assert ran.index("rare") < 20, ran


def test_a_worker_that_was_declared_gone_ends_nothing_and_claims_nothing(real: Bench) -> None:
    worker = real.worker()
    first, second = task(), task()
    real.engine.dispatch([first, second])
    held = real.engine.claim("default", worker)
    declare_gone(real.engine, worker, "was lost")
    assert real.engine.finish_and_claim(held, "completed", "default") == (False, None)
    assert real.record(first.id).state == "failed"
    assert real.record(second.id).state == "waiting"


def test_who_was_killed_meanwhile_has_its_end_written_and_gets_no_other_task(real: Bench) -> None:
    worker = register(real.engine, uuid7())  # nobody holds its lease
    first, second = task(), task()
    real.engine.dispatch([first, second])
    held = real.engine.claim("default", worker)
    assert real.engine.finish_and_claim(held, "completed", "default") == (True, None)
    assert real.record(first.id).state == "completed"
    assert real.record(second.id).state == "waiting"


def test_a_pausing_worker_claims_no_more(bench: Bench) -> None:
    entered, leave = threading.Event(), threading.Event()

    def act() -> None:
        entered.set()
        leave.wait(10)

    actor = bench.actor(act, actor_name="act")
    first, second = actor.send(), actor.send()
    with bench.working(threads=1) as worker:
        assert entered.wait(10)
        pausing = threading.Thread(target=worker.pause)
        pausing.start()
        eventually(lambda: worker.consumers["default"].paused)
        leave.set()
        bench.wait(first)
        pausing.join(10)
        assert bench.record(second).state == "waiting"
        worker.resume()
        bench.wait(second)


def test_a_message_of_an_actor_that_is_not_known_does_not_stop_the_others(bench: Bench) -> None:
    act = bench.actor(lambda: None, actor_name="act")
    unknown = [act.message().copy(actor_name="nobody", message_id=str(uuid7())) for _ in range(5)]
    messages = []
    for message in unknown:
        messages += [act.send(), bench.broker.enqueue(message)]
    with bench.working(threads=1):
        states = [record.state for record in bench.wait(*messages, act.send())]
    assert states == ["completed", "failed"] * 5 + ["completed"]
