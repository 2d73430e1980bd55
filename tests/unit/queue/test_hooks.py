"""Middleware is called as dramatiq calls it, though hooks that do nothing are left out."""

from __future__ import annotations

from typing import Any

import pytest
from dramatiq.middleware import Middleware, MiddlewareError

from pulp_actor.queue.stub import StubTaskBroker


class Noting(Middleware):
    """Notes its name when a message is acknowledged; does so with an error if it has one."""

    def __init__(self, name: str, notes: list[str], error: Exception | None = None) -> None:
        self.name, self.notes, self.error = name, notes, error

    def note(self) -> None:
        self.notes.append(self.name)
        if self.error:
            raise self.error

    def before_ack(self, broker: Any, message: Any) -> None:
        self.note()

    def after_ack(self, broker: Any, message: Any) -> None:
        self.note()


def test_the_hooks_before_run_in_order_and_those_after_in_reverse() -> None:
    notes: list[str] = []
    broker = StubTaskBroker([Noting("a", notes), Middleware(), Noting("b", notes)])
    broker.emit_before("ack", None)
    broker.emit_after("ack", None)
    assert notes == ["a", "b", "b", "a"]


def test_a_hook_that_fails_keeps_none_of_the_others_from_running() -> None:
    notes: list[str] = []
    broker = StubTaskBroker([Noting("a", notes, ValueError()), Noting("b", notes, ValueError())])
    broker.emit_before("ack", None)
    broker.emit_after("ack", None)
    assert notes == ["a", "b", "b", "a"]


def test_a_middleware_error_reaches_whoever_told() -> None:
    notes: list[str] = []
    broker = StubTaskBroker([Noting("a", notes, MiddlewareError("no")), Noting("b", notes)])
    with pytest.raises(MiddlewareError):
        broker.emit_before("ack", None)
    assert notes == ["a"]


def test_middleware_that_comes_and_goes_later_is_heeded() -> None:
    notes: list[str] = []
    broker = StubTaskBroker([])
    broker.emit_before("ack", None)
    late = Noting("late", notes)
    broker.add_middleware(late)
    broker.emit_before("ack", None)
    assert notes == ["late"]
    broker.middleware.remove(late)
    broker.emit_before("ack", None)
    assert notes == ["late"]


def test_a_hook_that_only_the_object_has_is_called() -> None:
    notes: list[str] = []
    middleware = Middleware()
    middleware.after_ack = lambda broker, message: notes.append("own")  # type: ignore[method-assign]
    StubTaskBroker([middleware]).emit_after("ack", None)
    assert notes == ["own"]


def test_a_signal_that_dramatiq_does_not_know_reaches_those_that_do() -> None:
    class Special(Middleware):
        heard: Any = None

        def after_special(self, broker: Any, what: str) -> None:
            self.heard = what

    special = Special()
    StubTaskBroker([Middleware(), special]).emit_after("special", "word")
    assert special.heard == "word"
