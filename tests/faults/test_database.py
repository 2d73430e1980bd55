"""The database goes away: connections are killed one kind at a time, the server restarts, stays away, crashes."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from pulp_actor.db.embedded import EmbeddedServer
from tests.faults import invariants
from tests.support.workers import actors
from tests.support.workers.lab import Lab
from tests.support.workers.waiting import eventually, stopwatch

#: The kinds of connection that workers hold, by application name.
KINDS = ("pulp-actor queue", "pulp-actor listen", "pulp-actor lease", "pulp-actor housekeeper")


def kill_backends(lab: Lab, name: str) -> int:
    """Kill the server processes behind connections of one kind. Returns how many."""
    actors.broker.engine.close()  # ours is not meant
    return sum(1 for _ in lab.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name LIKE %s", (name + "%",)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_connection_costs_no_task(lab: Lab, kind: str) -> None:
    service = lab.workers(2)
    before = set(service.children)
    running = lab.send("nap", 2, exclusive=["a"])
    lab.await_begin(running)
    assert kill_backends(lab, kind) > 0
    tasks = [running, *(lab.send("nap", 0.05, exclusive=["a"]) for _ in range(5)), lab.send("noop", delay=0.2)]
    assert {lab.await_end(task)["state"] for task in tasks} == {"completed"}
    assert set(service.children) == before, "nobody had to be replaced"
    eventually(lambda: {name for (name,) in lab.sql(
        "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()")} >= set(KINDS), 15)
    invariants.check(lab, tasks)


def test_a_killed_connection_of_an_actor_fails_its_task_only(lab: Lab) -> None:
    service = lab.workers(1)
    before = service.children
    task = lab.send("slow_sql", 60)
    lab.await_begin(task)
    eventually(lambda: lab.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND query LIKE 'SELECT pg_sleep%%'"), 10)
    assert lab.await_end(task)["state"] == "failed"
    assert lab.await_end(lab.send("backend"))["state"] == "completed"
    assert service.children == before
    invariants.check(lab)


def test_every_connection_is_killed_again_and_again(lab: Lab) -> None:
    lab.workers(2)
    tasks = [lab.send("nap", 0.05, exclusive=[f"r{number % 7}"]) for number in range(120)]
    for round_ in range(8):
        count = len(tasks) * (round_ + 1) // 10
        eventually(lambda count=count: len(lab.events(what="end")) >= count, 60)
        for kind in KINDS:
            kill_backends(lab, kind)
    lab.await_quiet(90)
    report = invariants.check(lab, tasks)
    assert report.states == {"completed": len(tasks)}


@pytest.mark.parametrize("crash", [False, True])
def test_a_restart_in_the_middle_of_work(
    island: Lab, server: EmbeddedServer, crash: bool, figure: Callable[[str, float], None]
) -> None:
    service = island.workers(2)
    before = set(service.children)
    running = island.send("nap", 6, exclusive=["a"])
    island.await_begin(running)
    tasks = [running, *(island.send("nap", 0.02, exclusive=["a", f"r{number % 3}"]) for number in range(20))]
    server.stop(immediate=crash)
    server.start()
    elapsed = stopwatch()
    assert island.await_end(island.send("noop"), 30)["state"] == "completed"
    figure(f"server {'crashed' if crash else 'restarted'} to next task done", elapsed())
    island.await_quiet(60)
    assert invariants.check(island, tasks).states == {"completed": len(tasks) + 1}
    assert set(service.children) == before, "nobody had to be replaced"


def test_an_outage_longer_than_a_lease_costs_no_task(island: Lab, server: EmbeddedServer) -> None:
    """Nobody can give a sign of life while the database is away; that makes nobody dead."""
    services = [island.workers(1, settings={"WORKER_TTL": 4}) for _ in range(2)]
    before = [service.children for service in services]
    tasks = [island.send("nap", 12, exclusive=[name]) for name in "ab"]
    for task in tasks:
        island.await_begin(task)
    server.stop()
    pause = stopwatch()
    eventually(lambda: pause() > 7, 10)
    server.start()
    assert {island.await_end(task, 40)["state"] for task in tasks} == {"completed"}
    assert [service.children for service in services] == before
    invariants.check(island, tasks)


def test_a_service_started_while_the_database_is_away_begins_when_it_is_back(
    island: Lab, server: EmbeddedServer
) -> None:
    task = island.send("noop")
    server.stop()
    service = island.workers(1, ready=False)
    eventually(lambda: "the database is away" in service.log, 15)
    server.start()
    assert island.await_end(task, 30)["state"] == "completed"


def test_a_service_can_be_stopped_while_the_database_is_away(island: Lab, server: EmbeddedServer) -> None:
    service = island.workers(2, grace=0.5)
    task = island.send("safe_nap", 60)
    island.await_begin(task)
    server.stop()
    service.signal(signal.SIGTERM)
    assert service.wait(30) == 0
    server.start()
    assert island.state(task) == "running"
    island.workers(1)
    eventually(lambda: island.task(task)["attempt"] == 2, 20)
    island.cancel(task)
    assert island.await_end(task)["state"] == "canceled"
    invariants.check(island, [task])


def test_lost_notifications_cost_five_seconds_at_most(lab: Lab, figure: Callable[[str, float], None]) -> None:
    lab.workers(2)
    assert lab.await_end(lab.send("noop"))["state"] == "completed"
    # Tasks come without a word: the trigger-free way is a notification that says nothing.
    lab.sql("CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''")
    lab.sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', "
            "current_database()); END $$")
    for kind in KINDS:
        kill_backends(lab, kind)
    eventually(lambda: lab.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                               "AND application_name = 'pulp-actor listen'") == [(2,)], 15)
    slowest = 0.0
    for _ in range(3):
        elapsed = stopwatch()
        first = lab.send("noop", exclusive=["a"])
        second = lab.send("noop", exclusive=["a"])
        assert lab.await_end(first)["state"] == "completed"
        slowest = max(slowest, elapsed())
        assert lab.await_end(second)["state"] == "completed"
    figure("longest start without notifications", slowest)
    assert slowest < 5.5
    running = lab.send("nap", 60)
    lab.await_begin(running)
    elapsed = stopwatch()
    lab.cancel(running)
    assert lab.await_end(running)["state"] == "canceled"
    figure("cancel without notifications", elapsed())
    assert elapsed() < 10
    invariants.check(lab)


def test_messages_that_were_deleted_are_put_back(lab: Lab) -> None:
    tasks = [lab.send("noop", exclusive=["a"]) for _ in range(3)]
    lab.sql("DELETE FROM dramatiq.queue")
    lab.workers(1)
    assert {lab.await_end(task)["state"] for task in tasks} == {"completed"}
    invariants.check(lab, tasks)
