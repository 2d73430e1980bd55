"""An interrupt reaches an actor's function and nothing else: not the code before it, nor what writes its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from dramatiq.message import Message

from pulp_actor.queue.engine import Claim
from pulp_actor.queue.errors import LeaseLost, TaskCanceled
from pulp_actor.queue.messages import TaskMessage
from pulp_actor.queue.tasking import Cancel


class Desk:
    """A thread that works on one message."""

    def __init__(self) -> None:
        self.cancel = Cancel()
        self.task = uuid4()
        message = Message("default", "actor", (), {}, {})
        self.message = TaskMessage(message, Claim(self.task, uuid4(), 1, "", False))
        self.cancel.before_process_message(None, self.message)  # type: ignore[arg-type]

    def actor(self, function: Callable[[], Any]) -> Any:
        """``function`` as the actor's."""
        actor = SimpleNamespace(fn=function)
        self.cancel.after_declare_actor(None, actor)  # type: ignore[arg-type]
        return actor.fn

    def interrupt(self, kind: Any = TaskCanceled) -> None:
        self.cancel.interrupt(self.task, kind)


def some_bytecode() -> None:
    """Time and opportunity for an interrupt to strike."""
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        time.sleep(0.001)


def test_inside_the_function() -> None:
    desk = Desk()

    def work() -> None:
        threading.Thread(target=desk.interrupt).start()
        while True:
            time.sleep(0.001)

    with pytest.raises(TaskCanceled):
        desk.actor(work)()
    assert desk.message.outcome.canceled


def test_before_the_function_has_begun() -> None:
    desk, ran = Desk(), []
    desk.interrupt()
    some_bytecode()
    with pytest.raises(TaskCanceled):
        desk.actor(lambda: ran.append(1))()
    assert not ran


def test_after_the_function_has_ended() -> None:
    desk = Desk()
    assert desk.actor(lambda: 7)() == 7
    desk.interrupt()
    some_bytecode()


def test_after_the_function_has_failed() -> None:
    desk = Desk()
    with pytest.raises(ZeroDivisionError):
        desk.actor(lambda: 1 / 0)()
    desk.interrupt()
    some_bytecode()


def test_at_the_very_end_of_the_function_it_strikes_inside_or_never() -> None:
    for attempt in range(200):
        desk = Desk()
        start = threading.Barrier(2)

        def meddle(desk: Desk = desk, start: threading.Barrier = start, attempt: int = attempt) -> None:
            start.wait()
            for _ in range(attempt):
                pass
            desk.interrupt()

        def work(start: threading.Barrier = start) -> None:
            start.wait()

        meddler = threading.Thread(target=meddle)
        meddler.start()
        try:
            desk.actor(work)()
        except TaskCanceled:
            pass
        meddler.join()
        some = [None for _ in range(100)]  # a late one would strike here
        assert len(some) == 100


def test_once_only() -> None:
    desk, struck = Desk(), []

    def work() -> None:
        for kind in (TaskCanceled, TaskCanceled, LeaseLost):
            try:
                desk.interrupt(kind)
                some_bytecode()
            except (TaskCanceled, LeaseLost) as error:
                struck.append(type(error))

    desk.actor(work)()
    assert struck == [TaskCanceled]


def test_an_actor_called_as_a_plain_function() -> None:
    cancel, actor = Cancel(), SimpleNamespace(fn=lambda: 7)
    cancel.after_declare_actor(None, actor)  # type: ignore[arg-type]
    assert actor.fn() == 7
