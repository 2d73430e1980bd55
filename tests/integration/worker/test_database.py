"""The worker service comes through a restart of PostgreSQL and the loss of its connections; tests/faults has the rest."""

from __future__ import annotations

from pulp_actor.db.embedded import EmbeddedServer
from tests.faults import invariants
from tests.support.workers.lab import Lab


def test_a_restart_costs_neither_the_running_task_nor_a_process(island: Lab, server: EmbeddedServer) -> None:
    service = island.workers(2)
    before = set(service.children)
    running = island.send("nap", 3, exclusive=["a"])
    waiting = [island.send("noop", exclusive=["a"]), island.send("noop", delay=1)]
    island.await_begin(running)
    server.stop()
    server.start()
    assert {island.await_end(task)["state"] for task in (running, *waiting)} == {"completed"}
    assert set(service.children) == before
    invariants.check(island, [running, *waiting])


def test_all_connections_are_lost_at_once(lab: Lab) -> None:
    service = lab.workers(2)
    before = set(service.children)
    running = lab.send("nap", 2, exclusive=["a"])
    waiting = lab.send("noop", exclusive=["a"])
    lab.await_begin(running)
    lab.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE 'pulp-actor%' AND pid <> pg_backend_pid()")
    assert {lab.await_end(task)["state"] for task in (running, waiting)} == {"completed"}
    assert set(service.children) == before
    invariants.check(lab, [running, waiting])
