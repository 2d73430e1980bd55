"""Whom the rescuer declares gone, and whom it spares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from pulp_actor.queue.engine import SQL
from pulp_actor.queue.housekeeping import rescuer as module
from pulp_actor.queue.housekeeping.rescuer import Rescuer
from pulp_actor.settings import settings

WORKER = uuid4()


class FakeEngine:
    """One worker, as the database shows it. ``gone`` is who was declared gone."""

    def __init__(self) -> None:
        self.connections = 1
        self.beat, self.free = 0, False
        self.gone: list[UUID] = []

    def execute(self, query: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        if query == SQL.present:
            return [] if self.gone else [(WORKER, "worker", "1@here", self.beat, self.free)]
        if query == SQL.leave:
            self.gone.append(parameters[0])
        return []


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = FakeEngine()
        self.now = 1000.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        self.rescuer = Rescuer(self.engine)  # type: ignore[arg-type]
        self.rescuer.tick()

    def pass_time(self, seconds: float, *, step: float = 1.0, beats: bool = True) -> None:
        """Time goes by, with a look every ``step`` seconds."""
        for _ in range(int(seconds / step)):
            self.now += step
            self.engine.beat += beats
            self.rescuer.tick()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with settings.override(WORKER_TTL=30):
        yield World(monkeypatch)


def test_a_worker_that_beats_lives(world: World) -> None:
    world.pass_time(1000)
    assert not world.engine.gone


def test_a_lease_that_is_free_for_some_seconds_means_death(world: World) -> None:
    world.engine.free = True
    world.pass_time(4)
    assert not world.engine.gone
    world.pass_time(3)
    assert world.engine.gone == [WORKER]


def test_a_lease_that_is_taken_again_in_time_does_not(world: World) -> None:
    for _ in range(20):
        world.engine.free = True
        world.pass_time(3)
        world.engine.free = False
        world.pass_time(1)
    assert not world.engine.gone


def test_a_worker_that_holds_its_lease_and_is_silent_hangs(world: World) -> None:
    world.pass_time(28, beats=False)
    assert not world.engine.gone
    world.pass_time(4, beats=False)
    assert world.engine.gone == [WORKER]


def test_the_silence_of_an_outage_counts_for_nothing(world: World) -> None:
    world.pass_time(20, beats=False)
    world.now += 3600  # nobody could look, nor beat
    world.engine.connections += 1
    world.rescuer.tick()
    assert not world.engine.gone
    world.pass_time(20, beats=False)
    assert not world.engine.gone


def test_a_lease_seen_free_before_an_outage_counts_for_nothing(world: World) -> None:
    world.engine.free = True
    world.pass_time(1)
    world.now += 60
    world.engine.connections += 1
    world.rescuer.tick()
    assert not world.engine.gone


def test_a_rescuer_that_was_stopped_itself_starts_anew(world: World) -> None:
    world.pass_time(20, beats=False)
    world.now += 60
    world.rescuer.tick()
    assert not world.engine.gone


def test_it_comes_back_when_a_grace_period_ends(world: World) -> None:
    world.engine.free = True
    assert world.rescuer.tick() == pytest.approx(module.GRACE)
    world.now += 2
    assert world.rescuer.tick() == pytest.approx(module.GRACE - 2)
