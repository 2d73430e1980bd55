"""The engine: one method per critical section of the queue, each one statement and one commit.

It owns one connection of its own beside the pool, shared by the threads of a process under a lock: claiming, ending and
progress are single round trips, and must not depend on what an actor does with its own connection.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2.errors import UniqueViolation
from psycopg2.extras import Json, register_uuid

from pulp_actor.db import load_queries
from pulp_actor.db.connection import connect_raw, is_alive

register_uuid()
SQL = load_queries("pulp_actor.queue", "queries.sql")

#: SQLSTATE of "start over in strict mode"; see task_lock_for_release in functions.sql.
START_OVER = "PA001"
#: SQLSTATE of a claim by a worker that was declared gone.
WORKER_GONE = "PA002"
#: What a counter can hold.
NO_BOUND = 2**62
#: Milliseconds for which the counter of a group of tasks is kept after its last change: thirty days.
BARRIER_TTL = 30 * 24 * 3_600_000


@dataclass
class TaskSpec:
    """What is dispatched. ``message`` is the dramatiq message as text; ``delay`` is in seconds."""

    id: UUID
    actor: str
    queue: str
    message: str
    exclusive: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    priority: int = 0
    fair_key: str | None = None
    delay: float | None = None
    retry_on_loss: bool = False
    immediate: bool = False
    domain_id: UUID | None = None
    created_by: int | None = None
    logging_cid: str = ""
    parent_id: UUID | None = None
    group_id: UUID | None = None
    diagnostics: list[str] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether it has to wait for nothing but a worker."""
        return self.delay is None and not self.exclusive and not self.shared


@dataclass(frozen=True)
class Claim:
    """A task that runs under a worker's lease. ``attempt`` is the fencing token: every write that ends the task carries
    it, and is refused once somebody else has taken the task over. ``foreign``: a stock producer sent it, without
    taking locks. The waits, in seconds, are those for its locks (None: it has none) and for a worker (None: not known)."""

    task: UUID
    worker: UUID
    attempt: int
    message: str
    foreign: bool = False
    lock_wait: float | None = field(default=None, compare=False)
    queue_wait: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Running:
    """A row of what runs under a lease."""

    task: UUID
    worker: UUID
    attempt: int
    canceling: bool
    retry_on_loss: bool


class Engine:
    """Calls the queue's SQL. Safe to use from several threads."""

    def __init__(self, connect: Callable[[], Any] = connect_raw) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._conn: Any = None
        self._cursor: Any = None
        #: How often the connection has been opened; a change tells a worker to look for claims whose answer was lost.
        self.connections = 0

    def execute(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = (), *, cursor: Any = None,
    ) -> list[tuple[Any, ...]]:
        """Run one statement on the engine's own connection, or on ``cursor`` inside somebody's transaction.

        Raises:
            psycopg2.Error: what the server answered. After an OperationalError or InterfaceError the next call connects
                again.
        """
        if cursor is not None:
            cursor.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []
        # Not through `_session`: when an idle worker needs a context manager's code, it is cold (ADR 20).
        with self._lock:
            own = self._open()
            try:
                own.execute(query, parameters)
                return own.fetchall() if own.description else []
            except psycopg2.Error as error:
                self._look_after(error)
                raise

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """The cursor on the engine's own connection, for one thread at a time."""
        with self._lock:
            own = self._open()
            try:
                yield own
            except psycopg2.Error as error:
                self._look_after(error)
                raise

    def close(self) -> None:
        with self._lock:
            self._discard()

    def detach(self) -> Any:
        """Let go of the connection without closing it, and return it: for a forked child that must not touch it."""
        conn, self._conn, self._cursor = self._conn, None, None
        return conn

    def dispatch(self, specs: Iterable[TaskSpec], *, cursor: Any = None) -> None:
        """Write tasks, locks and messages: all or nothing."""
        specs = list(specs)
        if cursor is None and len(specs) == 1 and specs[0].is_ready:
            try:
                self.execute(SQL.dispatch_ready, vars(specs[0]))
                return
            except UniqueViolation:
                pass  # its message was sent before, and what that means now is for task_dispatch to say
        query = SQL.dispatch_elsewhere if cursor else SQL.dispatch
        self.execute(query, (json.dumps([vars(spec) for spec in specs], default=str),), cursor=cursor)

    def claim(self, queue: str, worker: UUID) -> Claim | None:
        """The next message of ``queue``, now running under ``worker``'s lease, or None.

        Raises:
            psycopg2.Error: as `execute`; also when there is a message and the worker was declared gone.
        """
        rows = self.execute(SQL.claim, (queue, worker))
        if rows and rows[0][0] is None:
            rows = self.execute(SQL.take, (queue, worker))
        if not rows:
            return None
        task, attempt, message, foreign, lock_wait, queue_wait, *_ = rows[0]
        return Claim(task, worker, attempt, message, foreign, lock_wait, queue_wait)

    def adopt(self, claim: Claim, spec: TaskSpec) -> bool:
        """Send a claimed foreign message to the end of the lines of its locks, as a task like any other."""
        return bool(self.execute(SQL.adopt, (
            claim.task, claim.worker, claim.attempt, spec.exclusive, spec.shared, spec.message, spec.priority,
            spec.fair_key, spec.retry_on_loss))[0][0])

    def finish(self, claim: Claim | Running, state: str, *, error: Any = None, result: Any = None) -> bool:
        """End a task; its locks go to the next in line. False: the lease was lost and nothing was written."""
        return self._release(
            SQL.finish, (claim.task, claim.worker, claim.attempt, state, _json(error), _json(result)))

    def finish_and_claim(
        self, claim: Claim, state: str, queue: str, *, error: Any = None, result: Any = None,
    ) -> tuple[bool, Claim | None]:
        """As `finish` and then `claim`, with one commit for both. There is a claim only for a worker whose lease is held."""
        try:
            rows = self.execute(SQL.finish_and_claim, (
                claim.task, claim.worker, claim.attempt, state, _json(error), _json(result), False, queue))
        except psycopg2.Error as refusal:
            if refusal.pgcode not in (START_OVER, WORKER_GONE):
                raise
            return self.finish(claim, state, error=error, result=result), None
        done, task, attempt, message, *further = rows[0]
        return done, None if task is None else Claim(task, claim.worker, attempt, message, *further)

    def finish_with(
        self, claim: Claim, state: str, followups: Sequence[TaskSpec], *, barrier: str | None = None,
        callbacks: Sequence[TaskSpec] = (), error: Any = None, result: Any = None,
    ) -> bool:
        """As `finish`, and dispatch what follows from the task in the same transaction.

        Parameters:
            barrier: a counter to count down by one, as dramatiq's barriers are.
            callbacks: what follows if that was the last of it.
        """
        possible = [*followups, *callbacks]
        exclusive = sorted({name for spec in possible for name in spec.exclusive})
        shared = sorted({name for spec in possible for name in spec.shared})
        with self._session() as cursor:
            try:
                cursor.execute("BEGIN")
                # Everything is locked in one go, for the order of locks holds across both statements.
                cursor.execute(SQL.lock_with_task, (exclusive, shared, claim.task))
                cursor.execute(SQL.finish, (
                    claim.task, claim.worker, claim.attempt, state, _json(error), _json(result), True))
                (done,) = cursor.fetchone()
                if done:
                    last = barrier is not None and self._is_last(barrier, cursor)
                    self.dispatch(possible if last else followups, cursor=cursor)
                cursor.execute("COMMIT" if done else "ROLLBACK")
                return bool(done)
            except BaseException:  # an interrupt, too, must not leave the transaction open
                self._discard()
                raise

    def _is_last(self, barrier: str, cursor: Any) -> bool:
        """Count a barrier down, which does not go below one: whether that was its last party."""
        return not self.execute(
            SQL.rate_limit_add, (barrier, -1, 1, NO_BOUND, BARRIER_TTL, None), cursor=cursor)[0][0]

    def give_back(self, claim: Claim | Running, *, delay: float | None = None, message: str | None = None,
                  error: Any = None, count: bool = False) -> bool:
        """Send a running task to the end of its line, after ``delay`` seconds if given. ``count``: it is a retry."""
        return self._release(
            SQL.give_back, (claim.task, claim.worker, claim.attempt, delay, message, _json(error), count))

    def cancel(self, task: UUID | str) -> str | None:
        """Cancel a task. Returns the state it is in then, or None when there is no such task."""
        return self._release(SQL.cancel, (task,))

    def running_of(self, workers: Sequence[UUID]) -> list[Running]:
        """What runs under these workers' leases."""
        return [
            Running(task, worker, attempt, state == "canceling", retry_on_loss)
            for task, worker, attempt, state, retry_on_loss in self.execute(SQL.running_of, (list(workers),))
        ]

    def canceling_of(self, workers: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        """(task, worker) of what runs under these workers' leases and is to be interrupted."""
        return [(task, worker) for task, worker, _attempt in self.execute(SQL.canceling_of, (list(workers),))]

    def waiting_in(self, queue: str) -> list[UUID]:
        """The waiting tasks of a queue, newest first: cancelled in this order, none hands its locks to the next."""
        return [row[0] for row in self.execute(SQL.waiting_in, (queue,))]

    def report_progress(self, task: UUID, code: str, message: str, state: str, total: int | None, done: int,
                        suffix: str | None) -> None:
        """Write a progress report, or what has changed in it."""
        self.execute(SQL.report_progress, (task, code, message, state, total, done, suffix))

    def add_created_resource(self, task: UUID, href: str, prn: str, *, cursor: Any = None) -> None:
        """Note what a task made."""
        self.execute(SQL.add_created_resource, (task, href, prn), cursor=cursor)

    def _release(self, query: str, parameters: tuple[Any, ...]) -> Any:
        """Run a statement that gives locks back; start over in strict mode when an exclusive ticket turned up meanwhile."""
        try:
            return self.execute(query, (*parameters, False))[0][0]
        except psycopg2.Error as error:
            if error.pgcode != START_OVER:
                raise
        return self.execute(query, (*parameters, True))[0][0]

    def _open(self) -> Any:
        """The cursor on the engine's own connection, which is opened if need be."""
        # Asking the socket costs a system call; without it, the first statement after a restart of the server would fail.
        if self._conn is None or not is_alive(self._conn):
            self._discard()
            conn = self._connect()
            self._cursor = conn.cursor()
            self._cursor.execute(SQL.prepare)
            self._conn = conn
            self.connections += 1
        return self._cursor

    def _look_after(self, error: psycopg2.Error) -> None:
        """Drop the connection if an error means that it is gone.

        Raises:
            psycopg2.OperationalError: it is, and the error did not say so.
        """
        if self._conn is not None and not _broken(self._conn, error):
            return
        self._discard()
        if not isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
            # When a server dies in mid-sentence, psycopg2 may call it a mere DatabaseError.
            raise psycopg2.OperationalError(str(error)) from error

    def _discard(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = self._cursor = None


def _broken(conn: Any, error: psycopg2.Error) -> bool:
    """Whether an error means that the connection is gone. A lock timeout or a deadlock is an OperationalError too, but
    leaves it whole, with the session locks on it."""
    if conn.closed or type(error) is psycopg2.DatabaseError:
        return True
    if not isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return False
    return error.pgcode is None or error.pgcode[:2] in ("08", "57")


def _json(value: Any) -> Json | None:
    return None if value is None else Json(value)
