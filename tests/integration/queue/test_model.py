"""The SQL does what the engine in memory does, step by step: states, grants, order of readiness, order of claims.

Hypothesis makes up the steps. ``QUEUE_MODEL_EXAMPLES`` asks for more than the quick suite has time for.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from pulp_actor.db.connection import Database
from pulp_actor.identifiers import uuid7
from pulp_actor.queue.engine import Claim, Engine
from pulp_actor.queue.memory import MemoryEngine
from pulp_actor.queue.rescue import declare_gone
from tests.support.queue import raw, register, task

RESOURCES = ["a", "b", "c"]
QUEUES = ["default", "slow"]
EXAMPLES = int(os.environ.get("QUEUE_MODEL_EXAMPLES", "25"))

names = st.lists(st.sampled_from(RESOURCES), unique=True, max_size=2)
locks = st.tuples(names, names).map(
    lambda pair: {"exclusive": pair[0], "shared": [name for name in pair[1] if name not in pair[0]]})
options = st.fixed_dictionaries({
    "locks": locks,
    "priority": st.sampled_from([0, 0, 0, -1, 1, 10]),
    "queue": st.sampled_from([QUEUES[0], *QUEUES]),
    "delay": st.sampled_from([None, None, None, 3600.0]),
    "retry_on_loss": st.booleans(),
})


def specs_of(wishes: list[dict[str, Any]]) -> list[Any]:
    return [
        task(**wish["locks"], priority=wish["priority"], queue=wish["queue"], delay=wish["delay"],
             retry_on_loss=wish["retry_on_loss"])
        for wish in wishes
    ]


class EngineAgainstModel(RuleBasedStateMachine):
    """Both engines are told the same; after each step they must agree."""

    engine: Engine
    leases: Any
    reset: Any

    @initialize()
    def start(self) -> None:
        self.reset()
        self.model = MemoryEngine()
        self.workers: list[UUID] = []
        self.claims: list[Claim] = []
        self.zombies: list[Claim] = []
        self.hire()
        self.hire()

    def hire(self) -> None:
        self.workers.append(register(self.engine, uuid7(), leases=self.leases))

    @rule(wishes=st.lists(options, min_size=1, max_size=3))
    def dispatch(self, wishes: list[dict[str, Any]]) -> None:
        specs = specs_of(wishes)
        self.engine.dispatch(specs)
        self.model.dispatch(specs)

    @rule(data=st.data())
    def dispatch_again(self, data: st.DataObject) -> None:
        if self.model.tasks:
            spec = self.model.tasks[data.draw(st.sampled_from(list(self.model.tasks)))].spec
            self.engine.dispatch([spec])
            self.model.dispatch([spec])

    @rule(data=st.data(), queue=st.sampled_from(QUEUES))
    def claim(self, data: st.DataObject, queue: str) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        real, modelled = self.engine.claim(queue, worker), self.model.claim(queue, worker)
        assert real == modelled
        if real:
            self.claims.append(real)

    def take(self, data: st.DataObject) -> Claim:
        claim = data.draw(st.sampled_from(self.claims))
        self.claims.remove(claim)
        self.zombies.append(claim)
        return claim

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), state=st.sampled_from(["completed", "failed", "canceled", "skipped"]))
    def finish(self, data: st.DataObject, state: str) -> None:
        claim = self.take(data)
        assert self.engine.finish(claim, state)
        assert self.model.finish(claim, state)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), queue=st.sampled_from(QUEUES))
    def finish_and_claim(self, data: st.DataObject, queue: str) -> None:
        claim = self.take(data)
        real, modelled = (one.finish_and_claim(claim, "completed", queue) for one in (self.engine, self.model))
        assert real == modelled and real[0]
        if real[1]:
            self.claims.append(real[1])

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), wishes=st.lists(options, min_size=1, max_size=2))
    def finish_with_followups(self, data: st.DataObject, wishes: list[dict[str, Any]]) -> None:
        claim, specs = self.take(data), specs_of(wishes)
        assert self.engine.finish_with(claim, "completed", specs)
        assert self.model.finish_with(claim, "completed", specs)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), delay=st.sampled_from([None, 3600.0]), count=st.booleans())
    def give_back(self, data: st.DataObject, delay: float | None, count: bool) -> None:
        claim = self.take(data)
        assert self.engine.give_back(claim, delay=delay, count=count)
        assert self.model.give_back(claim, delay=delay, count=count)

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def write_as_a_zombie(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.zombies))
        assert not self.engine.finish(claim, "completed", result="from the grave")
        assert not self.engine.give_back(claim)
        assert not self.engine.finish_with(claim, "completed", specs_of([]))

    @precondition(lambda self: self.model.tasks)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.model.tasks)))
        assert self.engine.cancel(key) == self.model.cancel(key)

    @precondition(lambda self: any(one.due_at is not None for one in self.model.tasks.values()))
    @rule(data=st.data())
    def become_due(self, data: st.DataObject) -> None:
        delayed = [key for key, one in self.model.tasks.items() if one.due_at is not None]
        key = data.draw(st.sampled_from(delayed))
        (started,) = self.engine.execute("SELECT task_start_due(%s)", (key,))[0]
        assert started == self.model.start_due(key)

    @rule(data=st.data())
    def lose_a_worker(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        self.hire()
        declare_gone(self.engine, worker, "was killed")
        self.model.lose(worker)
        lost = [claim for claim in self.claims if claim.worker == worker]
        self.claims = [claim for claim in self.claims if claim.worker != worker]
        self.zombies += lost

    @rule()
    def heal(self) -> None:
        """Where nothing was lost, there is nothing to put back."""
        assert self.engine.execute("SELECT task_heal()") == [(0,)]

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self.states() == {
            key: (one.state, one.attempt, one.retries, one.worker if one.state in ("running", "canceling") else None,
                  self.model.blockers(one) if one.state == "waiting" else 0, one.due_at is not None)
            for key, one in self.model.tasks.items()
        }
        assert self.lines() == {
            resource: [(one.task, one.shared, one.granted) for one in line]
            for resource, line in self.model.lines.items() if line
        }
        assert self.ready() == [(one.task, one.queue, one.tag, one.rank) for one in sorted(self.model.ready)]

    def states(self) -> dict[UUID, tuple[Any, ...]]:
        return {row[0]: row[1:] for row in self.engine.execute("""
            SELECT id, state, attempt, retries, CASE WHEN state IN ('running', 'canceling') THEN worker_id END,
                CASE WHEN state = 'waiting' THEN blockers ELSE 0 END, eta IS NOT NULL FROM task""")}

    def lines(self) -> dict[str, list[tuple[Any, ...]]]:
        found: dict[str, list[tuple[Any, ...]]] = {}
        for resource, *ticket in self.engine.execute(
            "SELECT resource, task_id, shared, granted FROM task_ticket ORDER BY seq"
        ):
            found.setdefault(resource, []).append(tuple(ticket))
        return found

    def ready(self) -> list[tuple[Any, ...]]:
        return self.engine.execute(
            "SELECT message_id, queue_name, tag, rank FROM dramatiq.queue WHERE state = 'queued' ORDER BY rank, seq")


@pytest.mark.timeout(600)
def test_the_engine_does_what_the_model_does(queue_database: Database) -> None:
    engine = Engine()

    class Machine(EngineAgainstModel):
        pass

    Machine.engine = engine
    Machine.leases = raw()
    Machine.reset = lambda self: engine.execute(
        "TRUNCATE task, task_ticket, worker, dramatiq.queue RESTART IDENTITY CASCADE;"
        "ALTER SEQUENCE dramatiq.clock RESTART")
    run_state_machine_as_test(Machine, settings=settings(
        max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)))
    Machine.leases.close()
    engine.close()
