"""A bench to try brokers on: the same tests drive the one over PostgreSQL and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import dramatiq
from dramatiq import Worker
from dramatiq.middleware import Middleware

from pulp_actor.db import database
from pulp_actor.db.connection import connect_raw
from pulp_actor.identifiers import uuid7
from pulp_actor.queue import TaskBroker
from pulp_actor.queue.engine import SQL, Claim, Engine, TaskSpec
from pulp_actor.queue.stub import StubTaskBroker

FINAL = {"completed", "failed", "canceled", "skipped"}


def task(*, exclusive: Sequence[str] = (), shared: Sequence[str] = (), **options: Any) -> TaskSpec:
    """A task to hand to an engine, whose message is not meant to be run."""
    options = {"id": uuid7(), "actor": "none", "queue": "default", "message": "{}", "fair_key": None} | options
    options["fair_key"] = options["fair_key"] or next(iter([*exclusive, *shared]), options["actor"])
    return TaskSpec(exclusive=sorted(exclusive), shared=sorted(shared), **options)


def register(engine: Engine, worker: UUID, *, leases: Any = None) -> UUID:
    """Make a worker of an id: enough to claim with. ``leases``: a connection that is to hold its lease."""
    if leases is not None:
        with leases.cursor() as cursor:
            cursor.execute(SQL.hold_lease, (worker,))
    engine.execute(
        "INSERT INTO worker (id, kind, name, host, pid) VALUES (%s, 'worker', 'test', 'test', 0)", (worker,))
    return worker


@dataclass(frozen=True)
class Record:
    """What is known of a task, whichever engine keeps it."""

    state: str
    result: Any
    error: Any
    retries: int
    attempt: int

    @property
    def done(self) -> bool:
        return self.state in FINAL


class Told(Middleware):
    """Says whenever a worker has written the end of a message, or sent it back."""

    def __init__(self) -> None:
        self.changed = threading.Condition()

    def after_ack(self, broker: Any, message: Any) -> None:
        with self.changed:
            self.changed.notify_all()

    after_nack = after_ack


class Bench:
    """A broker with a worker at hand.

    Attributes:
        broker: the broker under test.
        real: True over PostgreSQL.
    """

    def __init__(self, broker: Any) -> None:
        self.broker = broker
        self._booted = False
        self.real = isinstance(broker, TaskBroker)
        self.engine = broker.engine
        self._told = Told()
        self._leases: Any = None
        broker.add_middleware(self._told)

    @property
    def url(self) -> str:
        """The database's."""
        return database.url

    def actor(self, function: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Declare an actor on the broker."""
        def declare(fn: Callable[..., Any]) -> Any:
            return dramatiq.actor(fn, broker=self.broker, **options)

        return declare if function is None else declare(function)

    @contextmanager
    def working(self, threads: int = 4, **options: Any) -> Iterator[Worker]:
        """A dramatiq worker for the length of a ``with`` block."""
        worker = Worker(self.broker, worker_threads=threads, worker_timeout=100, **options)
        if not self._booted:
            self.broker.emit_after("process_boot")  # as whoever starts worker processes does, once in each
            self._booted = True
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(timeout=10_000)

    def worker(self) -> UUID:
        """A worker's id to call the engine with directly. Its lease is held until the bench is closed."""
        if not self.real:
            return uuid7()
        self._leases = self._leases or raw()
        return register(self.engine, uuid7(), leases=self._leases)

    def close(self) -> None:
        self.broker.close()
        if self._leases is not None:
            self._leases.close()

    def record(self, message: Any) -> Record:
        key = UUID(str(getattr(message, "message_id", message)))
        if not self.real:
            found = self.engine.tasks[key]
            return Record(found.state, found.result, found.error, found.retries, found.attempt)
        rows = self.engine.execute("SELECT state, result, error, retries, attempt FROM task WHERE id = %s", (key,))
        return Record(*rows[0])

    def wait(self, *messages: Any, timeout: float = 15) -> list[Record]:
        """The records of some messages, once all of them have ended."""
        self.until(lambda: all(self.record(message).done for message in messages), timeout)
        return [self.record(message) for message in messages]

    def until(self, predicate: Callable[[], Any], timeout: float = 15) -> None:
        """Wait until a predicate holds; it is tried again whenever a message has ended."""
        with self._told.changed:
            assert self._told.changed.wait_for(predicate, timeout), "it did not happen in time"

    def claim_all(self, worker: UUID, queue: str = "default", limit: int = 100_000) -> list[Claim]:
        """Claim and complete what is ready, one after the other. Returns the claims in order."""
        claims = []
        while len(claims) < limit and (claim := self.engine.claim(queue, worker)):
            assert self.engine.finish(claim, "completed")
            claims.append(claim)
        return claims


def real_bench() -> Bench:
    """A bench over the database that the pool is bound to."""
    return Bench(TaskBroker())


def stub_bench() -> Bench:
    """A bench in memory."""
    return Bench(StubTaskBroker())


def raw() -> Any:
    """A connection of the test's own, in autocommit mode."""
    return connect_raw(application_name="test")
