"""Many producers, workers and troublemakers at once on a real server; then the history is read for broken promises.

``QUEUE_HISTORY_SECONDS`` makes it longer than the quick suite has time for.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from pulp_actor.db.connection import Database
from pulp_actor.identifiers import uuid7
from pulp_actor.queue.engine import Claim, Engine
from pulp_actor.queue.rescue import declare_gone
from tests.support.queue import raw, register, task

SECONDS = float(os.environ.get("QUEUE_HISTORY_SECONDS", "6"))
#: So that what was dispatched in that time is worked off in about as much.
TASKS = int(100 * SECONDS)
RESOURCES = [f"r{number}" for number in range(6)]
QUEUES = ["default", "slow"]

#: Notes every grant and every end of a ticket in the order in which they were made: a history in the database's order.
#: The notes of one transaction and those of the next on the same resource are ordered by the resource's advisory lock.
HISTORY = """
    DROP TABLE IF EXISTS history CASCADE;
    CREATE TABLE history (
        n bigint GENERATED ALWAYS AS IDENTITY, what text, task_id uuid, resource text, shared boolean, seq bigint);
    CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.granted THEN
                INSERT INTO history (what, task_id, resource, shared, seq)
                VALUES ('release', OLD.task_id, OLD.resource, OLD.shared, OLD.seq);
            END IF;
        ELSIF NEW.granted THEN
            INSERT INTO history (what, task_id, resource, shared, seq)
            VALUES ('grant', NEW.task_id, NEW.resource, NEW.shared, NEW.seq);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON task_ticket FOR EACH ROW EXECUTE FUNCTION note()
"""


@dataclass
class Totals:
    dispatched: int = 0
    ended: int = 0
    returned: int = 0
    rescued: int = 0
    refused: int = 0


class Hammer:
    """Threads that dispatch, work, fail, give back, cancel and die."""

    def __init__(self, seconds: float, seed: int) -> None:
        self.deadline = time.monotonic() + seconds
        self.seed = seed
        self.totals = Totals()
        self.errors: list[BaseException] = []
        self.producing = threading.Event()
        self.producing.set()
        self._lock = threading.Lock()
        self._known: list[UUID] = []

    def count(self, what: str, by: int = 1) -> None:
        with self._lock:
            setattr(self.totals, what, getattr(self.totals, what) + by)

    def run(self) -> None:
        roles: list[Callable[[Engine, random.Random], None]] = [
            *[self.produce] * 3, *[self.work] * 4, self.meddle]
        threads = [
            threading.Thread(target=self._guard, args=(role, random.Random(self.seed + number)))
            for number, role in enumerate(roles)
        ]
        for thread in threads:
            thread.start()
        for thread in threads[:3]:
            thread.join(self.deadline - time.monotonic() + 60)
        self.producing.clear()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "it hangs"

    def _guard(self, role: Callable[[Engine, random.Random], None], dice: random.Random) -> None:
        engine = Engine()
        try:
            role(engine, dice)
        except BaseException as error:
            self.errors.append(error)
        finally:
            engine.close()

    def wish(self, dice: random.Random) -> Any:
        names = dice.sample(RESOURCES, dice.choice([0, 1, 1, 1, 2, 3]))
        cut = dice.randint(0, len(names))
        return task(exclusive=names[:cut], shared=names[cut:], queue=dice.choice(QUEUES),
                    priority=dice.choice([0, 0, 0, -1, 1]), retry_on_loss=dice.random() < 0.5,
                    delay=dice.choice([None, None, None, 0.05]))

    def produce(self, engine: Engine, dice: random.Random) -> None:
        while time.monotonic() < self.deadline and self.totals.dispatched < TASKS:
            specs = [self.wish(dice) for _ in range(dice.choice([1, 1, 1, 5]))]
            engine.dispatch(specs)
            self.count("dispatched", len(specs))
            with self._lock:
                self._known += [spec.id for spec in specs]

    def work(self, engine: Engine, dice: random.Random) -> None:
        with closing(raw()) as leases:
            self._work(engine, dice, leases)

    def _work(self, engine: Engine, dice: random.Random, leases: Any) -> None:
        worker = register(engine, uuid7(), leases=leases)
        while self.producing.is_set() or self._unfinished(engine):
            claim = engine.claim(dice.choice(QUEUES), worker)
            if claim is None:
                self._start_due(engine)
                continue
            fate = dice.random()
            if fate < 0.04:
                self.count("rescued", declare_gone(engine, worker, "was killed"))
                self.count("refused", not engine.finish(claim, "completed"))
                worker = register(engine, uuid7(), leases=leases)
            elif fate < 0.14:
                assert engine.give_back(claim, delay=dice.choice([None, 0.02]), count=True)
                self.count("returned")
            elif fate < 0.24:
                specs = [self.wish(dice)]
                assert engine.finish_with(claim, "completed", specs)
                self.count("ended")
                self.count("dispatched")
            else:
                self.go_on(engine, dice, claim)

    def go_on(self, engine: Engine, dice: random.Random, claim: Claim | None) -> None:
        """End tasks one after the other, each with the claim of the next."""
        while claim is not None:
            done, claim = engine.finish_and_claim(claim, dice.choice(["completed", "failed"]), dice.choice(QUEUES))
            assert done
            self.count("ended")

    def meddle(self, engine: Engine, dice: random.Random) -> None:
        """Cancels, and heals what is whole."""
        while self.producing.is_set():
            with self._lock:
                keys = dice.sample(self._known, min(2, len(self._known)))
            for key in keys:
                engine.cancel(key)
            engine.execute("SELECT task_heal()")

    @staticmethod
    def _unfinished(engine: Engine) -> bool:
        """Whether a task is left; one that nobody will ever be able to start keeps its workers here until they "hang"."""
        return bool(engine.execute("SELECT 1 FROM task WHERE finished_at IS NULL LIMIT 1"))

    @staticmethod
    def _start_due(engine: Engine) -> None:
        for (key,) in engine.execute("SELECT id FROM task WHERE state = 'waiting' AND eta <= clock_timestamp()"):
            engine.execute("SELECT task_start_due(%s)", (key,))


@contextmanager
def history(engine: Engine) -> Iterator[None]:
    engine.execute(HISTORY)
    yield
    engine.execute("DROP TRIGGER note ON task_ticket; DROP TABLE history; DROP FUNCTION note()")


@pytest.mark.timeout(600)
def test_nothing_is_broken_by_many_hands(queue_database: Database) -> None:
    engine = Engine()
    seed = random.randrange(2**32)
    hammer = Hammer(SECONDS, seed)
    with history(engine):
        hammer.run()
        assert not hammer.errors, (seed, hammer.errors)
        assert_nothing_is_left(engine)
        assert_no_conflicting_holders(engine)
        assert_first_in_first_out(engine)
    assert engine.execute("SELECT count(*) FROM task") == [(hammer.totals.dispatched,)], seed
    assert hammer.totals.ended > 50, hammer.totals
    engine.close()


def assert_nothing_is_left(engine: Engine) -> None:
    """Every task has ended; no lock and no message is left."""
    assert engine.execute("SELECT state, count(*) FROM task WHERE finished_at IS NULL GROUP BY 1") == []
    assert engine.execute("SELECT count(*) FROM task_ticket") == [(0,)]
    assert engine.execute("SELECT count(*) FROM dramatiq.queue") == [(0,)]


def assert_no_conflicting_holders(engine: Engine) -> None:
    """At no point in the history did an exclusive holder have company."""
    holders: dict[str, dict[UUID, bool]] = defaultdict(dict)
    for what, key, resource, shared in engine.execute("SELECT what, task_id, resource, shared FROM history ORDER BY n"):
        held = holders[resource]
        if what == "release":
            del held[key]
            continue
        assert not held or (shared and all(held.values())), (resource, key, held)
        held[key] = shared
    assert not any(holders.values())


def assert_first_in_first_out(engine: Engine) -> None:
    """Of two tickets of one resource that conflict, the one that came first was granted first."""
    last_exclusive: dict[str, int] = defaultdict(int)
    last_any: dict[str, int] = defaultdict(int)
    for resource, shared, seq in engine.execute(
        "SELECT resource, shared, seq FROM history WHERE what = 'grant' ORDER BY n"
    ):
        assert seq > (last_exclusive if shared else last_any)[resource], (resource, seq)
        last_any[resource] = max(last_any[resource], seq)
        if not shared:
            last_exclusive[resource] = seq
