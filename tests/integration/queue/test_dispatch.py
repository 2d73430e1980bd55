"""Handing out work: in the caller's transaction, and on the spot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import dramatiq
import pytest
from psycopg2 import OperationalError
from psycopg2.errors import InvalidParameterValue, LockNotAvailable

from pulp_actor.db import transaction
from pulp_actor.db.connection import Database, before_commit
from pulp_actor.identifiers import uuid7
from pulp_actor.queue import UnknownActor, actor, current_task, dispatch, platform_broker
from tests.support.queue import Bench, raw, register, task


def _in_transaction(*steps: Callable[[], Any]) -> None:
    with transaction():
        for step in steps:
            step()


class Undone(Exception):
    """Raised to roll a transaction back."""


def rolled_back(*steps: Callable[[], Any]) -> None:
    """Do some steps in a transaction (a savepoint when nested) that is rolled back."""
    def undo() -> None:
        raise Undone

    with pytest.raises(Undone):
        _in_transaction(*steps, undo)


def tasks(bench: Bench) -> list[tuple[str, str]]:
    return bench.engine.execute("SELECT actor, state FROM task ORDER BY seq")


def test_a_task_is_written_with_the_rest_of_the_transaction(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    with transaction() as db:
        db.execute_sql("CREATE TABLE thing (id integer)")
        act.send_with_options(exclusive=["shelf"])
        assert tasks(real) == [], "nobody else sees it yet"
    assert tasks(real) == [("act", "waiting")]
    assert real.engine.execute("SELECT count(*) FROM task_ticket") == [(1,)]
    real.engine.execute("DROP TABLE thing")


def test_nothing_is_left_of_a_transaction_that_rolls_back(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    rolled_back(lambda: act.send_with_options(exclusive=["shelf"]))
    assert tasks(real) == []
    assert real.engine.execute("SELECT count(*) FROM task_ticket") == [(0,)]
    assert real.engine.execute("SELECT count(*) FROM dramatiq.queue") == [(0,)]


def test_a_savepoint_that_rolls_back_takes_its_tasks_with_it(real: Bench) -> None:
    act = real.actor(lambda name: None, actor_name="act")
    other = real.actor(lambda: None, actor_name="other")
    with transaction():
        act.send("kept")
        rolled_back(other.send)
    assert tasks(real) == [("act", "waiting")]


def test_nothing_is_written_when_the_commit_fails(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")

    def refuse(_items: list[Any]) -> None:
        raise Undone

    with pytest.raises(Undone):
        _in_transaction(act.send, lambda: before_commit(refuse, None))
    assert tasks(real) == []


def test_two_transactions_that_lock_in_opposite_order_do_not_deadlock(real: Bench) -> None:
    act = real.actor(lambda: None, actor_name="act")
    errors: list[BaseException] = []

    def produce(first: str, second: str) -> None:
        try:
            for _ in range(40):
                with transaction():
                    act.send_with_options(exclusive=[first])
                    act.send_with_options(exclusive=[second])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=produce, args=pair) for pair in (("a", "b"), ("b", "a"), ("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert real.engine.execute("SELECT count(*) FROM task") == [(320,)]


def test_the_next_step_is_written_with_the_end_of_the_task_or_neither_is(real: Bench) -> None:
    worker = real.worker()
    first = task()
    real.engine.dispatch([first])
    claim = real.engine.claim("default", worker)
    broken = task()
    broken.queue = None  # type: ignore[assignment]
    with pytest.raises(OperationalError, match="null value"):
        real.engine.finish_with(claim, "completed", [broken])
    assert real.record(first.id).state == "running"

    assert real.engine.finish_with(claim, "completed", [task()])
    assert [state for _, state in tasks(real)] == ["completed", "waiting"]


def test_a_task_without_locks_is_written_with_its_message_or_not_at_all(real: Bench) -> None:
    with pytest.raises(InvalidParameterValue, match="channel name too long"):
        real.engine.dispatch([task(queue="q" * 60)])
    assert tasks(real) == []
    real.engine.dispatch([task()])
    assert len(tasks(real)) == 1


def test_a_worker_that_lost_its_lease_dispatches_nothing(real: Bench) -> None:
    worker = real.worker()
    real.engine.dispatch([task()])
    claim = real.engine.claim("default", worker)
    real.engine.give_back(claim)
    assert not real.engine.finish_with(claim, "completed", [task()])
    assert len(tasks(real)) == 1


# Immediate tasks


@pytest.fixture
def platform(queue_database: Database) -> Iterator[Any]:
    """The platform's broker, with no actors declared but the test's."""
    broker = platform_broker()
    before, middleware = dict(broker.actors), list(broker.middleware)
    previous = dramatiq.broker.global_broker
    dramatiq.set_broker(broker)
    yield broker
    dramatiq.broker.global_broker = previous
    broker.actors, broker.middleware = before, middleware
    broker.engine.close()


def records(platform: Any) -> list[tuple[Any, ...]]:
    return platform.engine.execute("SELECT id, state, result, error ->> 'description' FROM task ORDER BY seq")


def test_an_immediate_task_has_ended_when_dispatch_returns(platform: Any) -> None:
    @actor(name="test.add")
    def add(x: int, y: int) -> int:
        current_task().add_created_resource("/things/1/", "prn:thing:1")
        with current_task().progress("adding", "Adding", total=1) as progress:
            progress.increment()
        return x + y

    done = dispatch("test.add", (1,), {"y": 2}, exclusive=["shelf"], immediate=True)

    assert (done.state, done.result) == ("completed", 3)
    assert records(platform) == [(done.id, "completed", 3, None)]
    assert platform.engine.execute("SELECT task_id, prn FROM created_resource") == [(done.id, "prn:thing:1")]
    assert platform.engine.execute("SELECT state, done FROM progress_report") == [("completed", 1)]
    assert platform.engine.execute("SELECT count(*) FROM task_ticket") == [(0,)]


def test_an_immediate_task_becomes_an_ordinary_one_when_its_locks_are_taken(platform: Any) -> None:
    @actor(name="test.act")
    def act() -> None:
        raise AssertionError("it must not run here")

    dispatch("test.act", exclusive=["shelf"])
    later = dispatch("test.act", shared=["shelf"], immediate=True)

    assert later.state == "waiting"
    assert platform.engine.execute("SELECT blockers FROM task WHERE id = %s", (later.id,)) == [(1,)]


def test_the_failure_of_an_immediate_task_is_recorded_and_its_work_undone(platform: Any) -> None:
    @actor(name="test.fail")
    def fail() -> None:
        platform.engine.execute("SELECT 1")
        dispatch("test.child")
        current_task().add_created_resource("/things/1/", "prn:thing:1")
        raise ValueError("no good")

    @actor(name="test.child")
    def child() -> None:
        """Never runs."""

    done = dispatch("test.fail", immediate=True)

    assert (done.state, done.error["description"]) == ("failed", "ValueError: no good")
    assert records(platform) == [(done.id, "failed", None, "ValueError: no good")]
    assert platform.engine.execute("SELECT count(*) FROM created_resource") == [(0,)]


@pytest.mark.parametrize("result", [object(), {1, 2}, float("nan"), "\0"])
def test_an_immediate_task_whose_result_cannot_be_stored_fails(platform: Any, result: Any) -> None:
    @actor(name="test.act")
    def act() -> Any:
        return result

    with transaction():
        done = dispatch("test.act", immediate=True)
    assert done.state == "failed"
    assert "cannot be stored" in done.error["description"]
    assert records(platform)[0][1] == "failed"


def test_an_immediate_task_goes_with_the_transaction_around_it(platform: Any) -> None:
    @actor(name="test.act")
    def act() -> None:
        """Does nothing."""

    rolled_back(lambda: dispatch("test.act", immediate=True))
    assert records(platform) == []


def test_while_an_immediate_task_runs_nobody_else_gets_its_locks(platform: Any) -> None:
    waited = threading.Event()

    @actor(name="test.act")
    def act() -> None:
        with closing(raw()) as conn, conn.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
            with pytest.raises(LockNotAvailable):
                platform.engine.dispatch([task(exclusive=["shelf"])], cursor=cursor)
        waited.set()

    assert dispatch("test.act", exclusive=["shelf"], immediate=True).error is None
    assert waited.is_set()


def test_an_async_actor_is_not_run_on_the_spot(platform: Any) -> None:
    @actor(name="test.later")
    async def later() -> None:
        """Needs a worker's event loop."""

    assert dispatch("test.later", immediate=True).state == "waiting"


def test_the_locks_that_an_actor_declares_are_added(platform: Any) -> None:
    @actor(name="test.act", exclusive=["own"])
    def act() -> None:
        """Does nothing."""

    done = dispatch("test.act", shared=["more"])
    assert platform.engine.execute("SELECT exclusive, shared FROM task WHERE id = %s", (done.id,)) == [
        (["own"], ["more"])]


def test_an_unknown_actor_is_refused(platform: Any) -> None:
    with pytest.raises(UnknownActor, match=r"test\.nobody"):
        dispatch("test.nobody")


def test_arguments_are_encrypted_at_rest(platform: Any) -> None:
    @actor(name="test.act")
    def act(password: str) -> None:
        """Does nothing."""

    dispatch("test.act", kwargs={"password": "hunter2"})
    with closing(raw()) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT task.message, queue.message FROM task JOIN dramatiq.queue ON message_id = id")
        ((stored, queued),) = cursor.fetchall()
    assert stored
    assert "hunter2" not in stored
    assert queued is None, "it is in the task's row alone"
    assert platform.engine.claim("default", register(platform.engine, uuid7())).message
