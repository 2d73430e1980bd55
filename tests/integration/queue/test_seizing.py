"""A message that comes to an idle worker is claimed by the thread that hears of it, and none is forgotten for that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from pulp_actor.db import transaction
from tests.support.queue import Bench
from tests.support.workers.waiting import eventually

pytestmark = pytest.mark.usefixtures("long_sweep")


@pytest.fixture
def claims(real: Bench, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """(thread, whether it found something) of each claim."""
    seen: list[tuple[str, bool]] = []
    claim = real.engine.claim

    def noted(*args: Any) -> Any:
        found = claim(*args)
        seen.append((threading.current_thread().name, found is not None))
        return found

    monkeypatch.setattr(real.engine, "claim", noted)
    return seen


def idle(real: Bench) -> None:
    """Wait until the worker listens and its consumers sleep."""
    assert real.broker.hub.connected.wait(10)
    eventually(lambda: not any(event.is_set() for event in real.broker._ready.values()))


def hearing(real: Bench) -> threading.Event:
    """An event that is set when the hub has told the broker, and everyone else, of a message."""
    heard = threading.Event()
    real.broker.hub.subscribe("dramatiq.default.enqueue", lambda payload: payload is not None and heard.set())
    return heard


def together(*sends: Callable[[], Any]) -> list[Any]:
    """Send messages in one transaction, so that one notification tells of all of them."""
    with transaction():
        return [send() for send in sends]


def test_the_thread_that_hears_of_a_message_claims_it(real: Bench, claims: list[tuple[str, bool]]) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=1):
        idle(real)
        claims.clear()
        real.wait(act.send())
    assert claims[0] == ("listen", True)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_task_costs_one_look_besides_its_claim(real: Bench, claims: list[tuple[str, bool]], threads: int) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=threads):
        idle(real)
        claims.clear()
        for _ in range(5):
            real.wait(act.send())
            idle(real)
    assert sum(found for _, found in claims) == 5
    assert len(claims) <= 11, "two for each task, and the last look of the start"


def test_all_messages_of_one_notification_are_run(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=1):
        idle(real)
        real.wait(*together(*[act.send] * 5))


def test_each_idle_thread_gets_one(real: Bench) -> None:
    meeting = threading.Barrier(4)
    act = real.actor(lambda: meeting.wait(10), actor_name="act")
    with real.working(threads=4):
        idle(real)
        records = real.wait(*together(*[act.send] * 4))
    assert {record.state for record in records} == {"completed"}


def test_what_waits_behind_a_task_that_is_put_off_is_run(real: Bench) -> None:
    """Such a task ends without a look at the queue, and nothing else happens that would wake anybody."""
    def fail() -> None:
        raise ValueError

    put_off = real.actor(fail, actor_name="fail", max_retries=1, min_backoff=600_000, max_backoff=600_000)
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=1):
        idle(real)
        real.wait(together(put_off.send, act.send)[1])


def test_another_queue_is_served_while_one_is_busy(real: Bench) -> None:
    leave = threading.Event()
    long = real.actor(lambda: leave.wait(10), actor_name="long")
    rare = real.actor(lambda: None, actor_name="rare", queue_name="rare")
    with real.working(threads=2):
        idle(real)
        held = together(long.send, rare.send, rare.send)
        real.wait(*held[1:])
        assert real.record(held[0]).state == "running"
        leave.set()
        real.wait(held[0])


def test_nothing_is_claimed_for_a_worker_that_pauses(real: Bench, claims: list[tuple[str, bool]]) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=1) as worker:
        heard = hearing(real)
        idle(real)
        worker.pause()
        claims.clear()
        message = act.send()
        assert heard.wait(10)
        assert not any(found for _, found in claims)
        worker.resume()
        real.wait(message)


def test_nobody_who_listens_waits_for_a_claim_of_another_thread(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with real.working(threads=2):
        heard = hearing(real)
        idle(real)
        with real.broker._claiming:
            message = act.send()
            assert heard.wait(10)
        real.wait(message)


def test_a_message_of_an_unknown_actor_fails_and_the_next_is_run(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    other = real.actor(lambda: None, actor_name="other")
    with real.working(threads=1):
        idle(real)
        del real.broker.actors["other"]
        assert real.wait(other.send())[0].state == "failed"
        assert real.wait(act.send())[0].state == "completed"


def test_a_claim_that_fails_is_made_again_by_the_consumer(real: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    act = real.actor(lambda: None, actor_name="act")
    claim = real.engine.claim

    def fail_in_the_hub(*args: Any) -> Any:
        if threading.current_thread().name == "listen":
            raise psycopg2.OperationalError("the server is away")
        return claim(*args)

    with real.working(threads=1):
        idle(real)
        monkeypatch.setattr(real.engine, "claim", fail_in_the_hub)
        for _ in range(2):
            real.wait(act.send())
