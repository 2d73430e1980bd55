"""How somebody tests their own actors, without a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

from pulp_actor.queue import current_task
from pulp_actor.queue.stub import StubTaskBroker


@pytest.fixture
def broker() -> Iterator[StubTaskBroker]:
    before = dramatiq.broker.global_broker
    broker = StubTaskBroker()
    dramatiq.set_broker(broker)
    yield broker
    dramatiq.broker.global_broker = before
    broker.close()


def declare(broker: StubTaskBroker, function: Any, **options: Any) -> Any:
    return dramatiq.actor(function, broker=broker, actor_name="act", **options)


def test_a_task_waits_until_a_worker_runs(broker: StubTaskBroker) -> None:
    message = declare(broker, lambda x: x + 1).send(1)
    assert broker.task(message).state == "waiting"
    with broker.working():
        broker.join("default", timeout=5000)
    assert (broker.task(message).state, broker.task(message).result) == ("completed", 2)


def test_join_raises_what_an_actor_raised(broker: StubTaskBroker) -> None:
    message = declare(broker, lambda: 1 / 0).send()
    with broker.working(), pytest.raises(ZeroDivisionError):
        broker.join("default", timeout=5000)
    assert broker.task(message).state == "failed"
    assert [letter.message_id for letter in broker.dead_letters] == [message.message_id]


def test_join_can_leave_that_to_the_test(broker: StubTaskBroker) -> None:
    declare(broker, lambda: 1 / 0).send()
    with broker.working():
        broker.join("default", fail_fast=False, timeout=5000)
    assert len(broker.dead_letters) == 1


def test_join_gives_up(broker: StubTaskBroker) -> None:
    declare(broker, lambda: None).send()
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=10)
    with pytest.raises(QueueNotFound):
        broker.join("nowhere")


def test_locks_can_be_looked_at(broker: StubTaskBroker) -> None:
    act = declare(broker, lambda: None)
    first, second = (act.send_with_options(exclusive=["shelf"]) for _ in range(2))
    assert [(str(one.task), one.granted) for one in broker.engine.lines["shelf"]] == [
        (first.message_id, True), (second.message_id, False)]
    assert broker.engine.blockers(broker.task(second)) == 1


def test_delayed_tasks_and_retries_need_not_be_waited_for(broker: StubTaskBroker) -> None:
    runs = []

    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError

    act = declare(broker, act, max_retries=1, min_backoff=3_600_000, max_backoff=3_600_000)
    message = act.send_with_options(delay=3_600_000)
    assert broker.start_delayed() == 1
    with broker.working():
        with broker.engine.changed:
            assert broker.engine.changed.wait_for(lambda: broker.task(message).retries == 1, 5)
        assert broker.start_delayed() == 1
        broker.join("default", timeout=5000)
    assert (broker.task(message).state, len(runs)) == ("completed", 2)


def test_cancel(broker: StubTaskBroker) -> None:
    act = declare(broker, lambda: None)
    message = act.send()
    assert broker.cancel(message) == "canceled"
    assert broker.task(message).state == "canceled"
    assert broker.cancel("00000000-0000-7000-8000-000000000000") is None


def test_what_an_actor_records(broker: StubTaskBroker) -> None:
    def act() -> None:
        current_task().add_created_resource("/things/1/", "prn:thing:1")
        with current_task().progress("code", "Doing", total=3) as progress:
            progress.increment(3)

    message = declare(broker, act).send()
    with broker.working():
        broker.join("default", timeout=5000)
    assert broker.task(message).created_resources == [("/things/1/", "prn:thing:1")]
    assert broker.task(message).progress["code"]["done"] == 3


def test_the_worker_can_be_started_again(broker: StubTaskBroker) -> None:
    act = declare(broker, lambda: None)
    for _ in range(2):
        message = act.send()
        with broker.working():
            broker.join("default", timeout=5000)
        assert broker.task(message).state == "completed"


def test_threads_do_not_deadlock(broker: StubTaskBroker) -> None:
    act = declare(broker, lambda: None)

    def produce() -> None:
        for _ in range(30):
            act.send_with_options(exclusive=["a", "b"])

    threads = [threading.Thread(target=produce) for _ in range(4)]
    with broker.working(threads=4):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        broker.join("default", timeout=20_000)
    assert {task.state for task in broker.engine.tasks.values()} == {"completed"}
