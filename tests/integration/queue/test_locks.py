"""What locks promise to somebody who writes actors, with PostgreSQL and in memory alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from dramatiq.middleware import MiddlewareError

from pulp_actor.queue.engine import Claim, Engine
from tests.support.queue import Bench, raw, task
from tests.support.workers.waiting import eventually


class Journal:
    """Notes who is inside an actor, and in which order they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside: set[Any] = set()
        self.most_inside = 0
        self.order: list[Any] = []

    def visit(self, name: Any, meanwhile: Callable[[], Any] = lambda: None) -> None:
        with self._lock:
            self.inside.add(name)
            self.order.append(name)
            self.most_inside = max(self.most_inside, len(self.inside))
        meanwhile()
        with self._lock:
            self.inside.remove(name)


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_exclusive_tasks_of_one_resource_never_overlap_and_keep_their_order(bench: Bench, journal: Journal) -> None:
    visit = bench.actor(journal.visit, actor_name="visit")
    messages = [visit.send_with_options(args=(number,), exclusive=["shelf"]) for number in range(12)]

    with bench.working(threads=4):
        records = bench.wait(*messages)

    assert {record.state for record in records} == {"completed"}
    assert journal.most_inside == 1
    assert journal.order == list(range(12))


def test_shared_tasks_of_one_resource_overlap(bench: Bench, journal: Journal) -> None:
    together = threading.Barrier(3)
    visit = bench.actor(lambda number: journal.visit(number, lambda: together.wait(10)), actor_name="visit")
    messages = [visit.send_with_options(args=(number,), shared=["shelf"]) for number in range(3)]

    with bench.working(threads=3):
        records = bench.wait(*messages)

    assert [record.state for record in records] == ["completed"] * 3
    assert journal.most_inside == 3


def test_an_exclusive_task_waits_for_shared_ones_and_those_behind_it_wait_for_it(bench: Bench) -> None:
    worker = bench.worker()
    first, second = task(shared=["shelf"]), task(shared=["shelf"])
    writer = task(exclusive=["shelf"])
    late = task(shared=["shelf"])
    bench.engine.dispatch([first, second, writer, late])

    held = [bench.engine.claim("default", worker) for _ in range(2)]
    assert [claim.task for claim in held] == [first.id, second.id]
    assert bench.engine.claim("default", worker) is None

    bench.engine.finish(held[0], "completed")
    assert bench.engine.claim("default", worker) is None, "a reader still holds the shelf"
    bench.engine.finish(held[1], "completed")
    writing = bench.engine.claim("default", worker)
    assert writing.task == writer.id
    assert bench.engine.claim("default", worker) is None, "a reader overtook a writer"
    bench.engine.finish(writing, "completed")
    assert bench.engine.claim("default", worker).task == late.id


def test_a_reader_does_not_overtake_a_waiting_writer(bench: Bench) -> None:
    worker = bench.worker()
    reader, writer, late = task(shared=["shelf"]), task(exclusive=["shelf"]), task(shared=["shelf"])
    bench.engine.dispatch([reader, writer, late])

    assert [claim.task for claim in bench.claim_all(worker)] == [reader.id, writer.id, late.id]


def test_a_task_takes_all_its_locks_or_none_starts_it(bench: Bench) -> None:
    worker = bench.worker()
    left, right = task(exclusive=["left"]), task(exclusive=["right"])
    both = task(exclusive=["left", "right"])
    behind = task(exclusive=["left"])
    bench.engine.dispatch([left, right, both, behind])

    holding = {claim.task: claim for claim in (bench.engine.claim("default", worker) for _ in range(2))}
    assert set(holding) == {left.id, right.id}
    bench.engine.finish(holding[left.id], "completed")
    assert bench.engine.claim("default", worker) is None, "it has one lock of two"
    bench.engine.finish(holding[right.id], "completed")
    assert [claim.task for claim in bench.claim_all(worker)] == [both.id, behind.id]


def test_opposite_orders_of_two_locks_do_not_deadlock(bench: Bench, journal: Journal) -> None:
    visit = bench.actor(journal.visit, actor_name="visit")
    messages = [
        visit.send_with_options(args=(number,), exclusive=["a", "b"] if number % 2 else ["b", "a"])
        for number in range(20)
    ]

    with bench.working(threads=4):
        bench.wait(*messages)

    assert journal.order == list(range(20))


def test_a_free_task_is_not_delayed_by_blocked_ones(bench: Bench) -> None:
    leave = threading.Event()
    hold = bench.actor(lambda: leave.wait(10), actor_name="hold")
    work = bench.actor(lambda: None, actor_name="work")
    holder = hold.send_with_options(exclusive=["busy"])
    blocked = [work.send_with_options(exclusive=["busy"]) for _ in range(100)]
    free = work.send_with_options(exclusive=["free"])

    with bench.working(threads=2):
        bench.wait(free)
        assert bench.record(holder).state == "running"
        assert {bench.record(message).state for message in blocked} == {"waiting"}
        leave.set()
        bench.wait(*blocked)


def test_an_actor_names_its_locks_by_a_list_or_a_function(bench: Bench) -> None:
    fixed = bench.actor(lambda: None, actor_name="fixed", exclusive=["everything"])
    by_shelf = bench.actor(lambda shelf: None, actor_name="by_shelf", shared=lambda shelf: [f"shelf:{shelf}"])

    assert _locks(bench, fixed.send()) == (["everything"], [])
    assert _locks(bench, by_shelf.send("a")) == ([], ["shelf:a"])


def test_the_locks_of_a_message_are_added_to_those_of_its_actor(bench: Bench) -> None:
    # A task must never run with fewer locks than its actor needs.
    act = bench.actor(lambda: None, actor_name="act", exclusive=["b"], shared=["s"])

    assert _locks(bench, act.send_with_options(exclusive=["a"], shared=["b", "t"])) == (["a", "b"], ["s", "t"])


@pytest.mark.parametrize("options", [
    {"exclusive": "shelf"}, {"shared": 3}, {"exclusive": lambda: 1 / 0},
])
def test_a_lock_that_cannot_be_told_stops_the_message(bench: Bench, options: dict[str, Any]) -> None:
    # dramatiq logs what a middleware raises and goes on: the message would run without its lock.
    act = bench.actor(lambda: None, actor_name="act", **options)

    with pytest.raises(MiddlewareError, match=r"act: (exclusive|shared)"):
        act.send()
    assert bench.engine.claim("default", bench.worker()) is None


def _locks(bench: Bench, message: Any) -> tuple[list[str], list[str]]:
    return message.options["exclusive"], message.options["shared"]


def test_two_readers_that_end_while_a_writer_arrives_do_not_both_leave_it_to_the_other(real: Bench) -> None:
    # Readers end under a lock that they share. A writer that arrives after they have looked, and before they have that
    # lock, must be granted by one of them: they start over, one at a time.
    worker = real.worker()
    writer = task(exclusive=["shelf"])
    real.engine.dispatch([task(shared=["shelf"]), task(shared=["shelf"])])
    claims = [real.engine.claim("default", worker) for _ in range(2)]
    real.engine.execute(DAWDLE)
    try:
        with closing(raw()) as conn, conn.cursor() as cursor:
            cursor.execute("BEGIN")
            real.engine.dispatch([writer], cursor=cursor)
            threads = [threading.Thread(target=_finish_apart, args=(claim,)) for claim in claims]
            for thread in threads:
                thread.start()
            eventually(lambda: real.engine.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == [(2,)])
            cursor.execute("COMMIT")
        for thread in threads:
            thread.join(10)
        assert real.engine.execute("SELECT granted FROM task_ticket WHERE task_id = %s", (writer.id,)) == [(True,)]
    finally:
        real.engine.execute("DROP TRIGGER dawdle ON task_ticket; DROP FUNCTION dawdle()")


#: Makes a transaction that gave locks back wait before it commits, so that two that may do so at once do.
DAWDLE = """
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER dawdle AFTER DELETE ON task_ticket DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION dawdle()"""


def _finish_apart(claim: Claim) -> None:
    with closing(Engine()) as engine:
        assert engine.finish(claim, "completed")
