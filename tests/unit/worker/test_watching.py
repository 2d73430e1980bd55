"""The thread that watches for cancellation: what it asks, and that it misses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from dramatiq.message import Message

from pulp_actor.queue.engine import Claim
from pulp_actor.queue.messages import TaskMessage
from pulp_actor.queue.tasking import Cancel
from tests.support.workers.waiting import eventually

INTERVAL = "pulp_actor.middleware.cancel.LOOK_INTERVAL"


class Broker:
    """What the middleware knows of a broker. Counts looks; ``canceling`` are the tasks that a look finds."""

    def __init__(self) -> None:
        self.worker_id, self.hub, self.engine = uuid4(), self, self
        self.looked = threading.Event()
        self.canceling: set[UUID] = set()
        self.notify: Callable[[str], None]

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> None:
        assert channel == "pulp_task_cancel"
        self.notify = callback

    def canceling_of(self, workers: list[UUID]) -> list[tuple[UUID, UUID]]:
        self.looked.set()
        return [(task, self.worker_id) for task in self.canceling]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def watch(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cancel]:
    """A watching middleware that looks unasked only once an hour."""
    monkeypatch.setattr(INTERVAL, 3600.0)
    watch = Cancel()
    watch.before_worker_boot(broker, None)  # type: ignore[arg-type]
    yield watch
    watch.after_worker_shutdown(broker, None)  # type: ignore[arg-type]
    assert watch._thread is not None
    watch._thread.join(10)


def start(watch: Cancel, broker: Any) -> TaskMessage:
    message = TaskMessage(Message("default", "actor", (), {}, {}), Claim(uuid4(), broker.worker_id, 1, "", False))
    watch.before_process_message(broker, message)
    return message


def test_a_start_asks_nothing(broker: Broker, watch: Cancel) -> None:
    start(watch, broker)
    assert not broker.looked.wait(0.2)


def test_a_notification_is_heeded(broker: Broker, watch: Cancel) -> None:
    message = start(watch, broker)
    broker.canceling.add(message.claim.task)
    broker.notify("")
    eventually(lambda: message.outcome.canceled)


def test_a_notification_between_claim_and_start_is_heeded_at_the_start(broker: Broker, watch: Cancel) -> None:
    broker.notify("")
    eventually(lambda: watch._unheeded)
    assert not broker.looked.is_set()
    start(watch, broker)
    assert broker.looked.wait(10)


def test_without_a_notification_there_is_a_look_now_and_then(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INTERVAL, 0.01)
    watch = Cancel()
    watch.before_worker_boot(broker, None)  # type: ignore[arg-type]
    try:
        message = start(watch, broker)
        assert broker.looked.wait(10)
        broker.canceling.add(message.claim.task)
        eventually(lambda: message.outcome.canceled)
    finally:
        watch.after_worker_shutdown(broker, None)  # type: ignore[arg-type]
