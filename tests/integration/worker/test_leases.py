"""Leases, connections and offices: what a process holds on the server, and what becomes of it."""

from __future__ import annotations

import os
from typing import Any

import psycopg2
import pytest

from pulp_actor.db import connected
from pulp_actor.db.connection import Database, connect_raw
from pulp_actor.queue.engine import Engine
from pulp_actor.queue.housekeeping import Housekeeper
from pulp_actor.queue.leases import Leases, Member
from tests.support.workers.waiting import eventually


def in_child(work: Any) -> int:
    """Run ``work`` in a forked child; its exit code: what ``work`` returned, as 0 for True."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def backend(database: Database) -> int:
    return int(database.execute_sql("SELECT pg_backend_pid()").fetchone()[0])


def test_a_forked_child_has_connections_of_its_own(database: Database) -> None:
    with connected():
        mine = backend(database)

    def work() -> bool:
        with connected():
            return backend(database) != mine

    assert in_child(work) == 0
    with connected():
        assert backend(database) == mine
        assert in_child(work) == 0
        assert backend(database) == mine


def test_a_forked_child_does_not_keep_its_parents_session_alive(database: Database) -> None:
    """A killed parent's lease must be free although a child that it left behind lives on."""
    with connected():
        holder = connect_raw()
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(4711)")
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, holder.fileno())  # as when this process is killed: no goodbye
        os.close(null)
        with connect_raw() as other, other.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'; SELECT pg_advisory_lock(4711)")
        os.close(write)
        os.close(read)
        os.waitpid(pid, 0)


def test_a_member_that_was_declared_gone_is_reported_whoever_reconnected(database: Database) -> None:
    leases = Leases()
    lost, other, third = (Member("worker", number) for number in range(3))
    for member in (lost, other, third):
        leases.add(member)
    with connect_raw() as admin, admin.cursor() as cursor:
        cursor.execute("UPDATE worker SET gone_at = now() WHERE id = %s", (lost.id,))
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (leases.connection.info.backend_pid,))
    leases.discard()
    leases.remove(other.id)
    assert leases.beat() == {lost.id}
    assert leases.beat() == set()
    leases.close()


def test_a_lock_timeout_does_not_cost_the_connection(database: Database) -> None:
    engine = Engine()
    engine.execute("SET lock_timeout = '10ms'")
    with connect_raw() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1)")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            engine.execute("SELECT pg_advisory_lock(1)")
    assert engine.connections == 1
    assert engine.execute("SHOW lock_timeout") == [("10ms",)]
    engine.close()


def test_a_chore_that_fails_keeps_nobody_from_theirs(database: Database) -> None:
    class Broken:
        def tick(self) -> float | None:
            raise RuntimeError("a bug")

    class Fine:
        done = 0

        def tick(self) -> float | None:
            self.done += 1
            return 0.5

    housekeeper, fine = Housekeeper(), Fine()
    housekeeper._chores = (Broken(), fine)  # type: ignore[assignment]
    assert housekeeper.tick() == 0.5
    assert fine.done == 1
    housekeeper.engine.close()


def test_one_housekeeper_at_a_time(database: Database) -> None:
    first, second = Housekeeper(), Housekeeper()
    first.tick()
    second.tick()
    assert (first.elected, second.elected) == (True, False)
    first.engine.close()
    # The server lets go of the office when it sees the socket close, which it does in its own time.
    assert eventually(lambda: second.tick() is not None and second.elected, what="the second one in office")
    second.engine.close()
