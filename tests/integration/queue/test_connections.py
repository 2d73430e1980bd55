"""A worker and its connections: whatever the server does to them, no claim is lost and none is run twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from pulp_actor.db import database
from pulp_actor.queue import tasking
from pulp_actor.queue.engine import Engine
from tests.support.queue import Bench, task
from tests.support.workers.waiting import eventually

TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = %s"""


@pytest.mark.parametrize("name", ["pulp-actor queue", "pulp-actor listen", "pulp-actor lease", "pulp-actor housekeeper"])
def test_a_worker_survives_the_loss_of_a_connection(real: Bench, name: str) -> None:
    ran: list[int] = []
    act = real.actor(lambda number: ran.append(number), actor_name="act")
    with real.working(threads=1):
        real.wait(act.send(1))
        assert real.broker.hub.connected.wait(10)
        with other_engine(real) as other:
            eventually(lambda: other.execute(TERMINATE, (name,))[0][0] > 0)
        eventually(lambda: send(act, 2))
        eventually(lambda: 2 in ran)


def send(act: Any, number: int) -> bool:
    """Send, unless the connection is found broken: then the caller is told, and tries again."""
    try:
        act.send(number)
    except psycopg2.OperationalError:
        return False
    return True


def other_engine(real: Bench) -> Any:
    """An engine with a connection of its own."""
    return closing(Engine())


@pytest.fixture
def backend(real: Bench) -> Any:
    """An actor that notes the server process of its connection; it may leave a transaction open."""
    pids: list[int] = []

    def act(leave_open: bool = False) -> None:
        if leave_open:
            database.atomic().__enter__()
        pids.append(database.execute_sql("SELECT pg_backend_pid()").fetchone()[0])

    actor = real.actor(act, actor_name="act")

    def run(**kwargs: bool) -> int:
        assert real.wait(actor.send(**kwargs))[0].state == "completed"
        return pids[-1]

    return run


def test_a_thread_keeps_the_connection_of_its_actors(real: Bench, backend: Callable[..., int]) -> None:
    with real.working(threads=1):
        first = backend()
        assert backend() == first
        assert real.engine.execute("SELECT pg_terminate_backend(%s, 5000)", (first,)) == [(True,)]
        assert backend() != first
    assert not database._in_use, "a thread that ends gives it back"


def test_a_transaction_that_an_actor_leaves_open_ends_with_it(real: Bench, backend: Callable[..., int]) -> None:
    with real.working(threads=1):
        left = backend(leave_open=True)
        eventually(lambda: not real.engine.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (left,)))
        assert backend() != left


def test_a_claim_whose_answer_was_lost_is_handed_back(real: Bench) -> None:
    broker = real.broker
    broker.worker_id = real.worker()
    broker.declare_queue("default")
    real.actor(lambda: None, actor_name="act")
    lost = task()
    real.engine.dispatch([lost])
    assert broker.claim("empty") is None
    with other_engine(real) as other:
        assert other.claim("default", broker.worker_id).task == lost.id  # the answer of this never came

    assert broker.claim("empty") is None
    assert real.record(lost.id).state == "running", "nothing makes us suspicious yet"
    broker.engine.close()
    assert broker.claim("empty") is None
    assert real.record(lost.id).state == "waiting"


def test_the_server_may_have_been_at_the_lost_claim_when_we_asked(
    real: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasking, "SECOND_LOOK", 0.0)
    broker = real.broker
    broker.worker_id = real.worker()
    lost = task()
    real.engine.dispatch([lost])
    broker.engine.close()
    assert broker.claim("empty") is None, "the first look, too early"
    with other_engine(real) as other:
        assert other.claim("default", broker.worker_id)
    assert broker.claim("empty") is None, "the second look"
    assert real.record(lost.id).state == "waiting"


def test_a_claim_that_is_being_made_is_not_taken_for_a_lost_one(real: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # With two queues, one consumer's new connection must not hand back what the other has just claimed.
    broker = real.broker
    broker.worker_id = real.worker()
    act = real.actor(lambda: None, actor_name="act")
    message = act.send()
    claimed, go_on = threading.Event(), threading.Event()
    claim = broker.engine.claim

    def slow_claim(queue: str, worker: Any) -> Any:
        found = claim(queue, worker)
        if queue == "default":
            claimed.set()
            go_on.wait(10)
        return found

    monkeypatch.setattr(broker.engine, "claim", slow_claim)
    thread = threading.Thread(target=broker.claim, args=("default",))
    thread.start()
    assert claimed.wait(10)
    broker.engine.close()
    other = threading.Thread(target=broker.claim, args=("empty",))
    other.start()
    other.join(0.3)
    go_on.set()
    thread.join(10)
    other.join(10)
    assert real.record(message).state == "running"
    assert real.record(message).attempt == 1
