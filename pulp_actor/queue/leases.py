"""Leases: how a process shows that it is alive.

A lease is a row in ``worker`` and a session advisory lock on its id. The lock goes with the connection, so a killed
process is noticed as soon as the server sees the socket close; heartbeats are for processes that hang. One connection
can hold the leases of several processes: a supervisor's holds those of its children.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2.extras import Json

from pulp_actor.db.connection import connect_raw
from pulp_actor.identifiers import uuid7
from pulp_actor.logs import get_logger
from pulp_actor.queue.engine import SQL
from pulp_actor.settings import settings

#: Seconds between heartbeats, at most.
HEARTBEAT = 5.0
#: Seconds to wait for a lease that a dead connection of ours may still hold.
LOCK_TIMEOUT = 3

logger = get_logger(__name__)


def heartbeat() -> float:
    """Seconds between heartbeats: several of them in the time after which a process counts as lost."""
    return min(HEARTBEAT, settings.WORKER_TTL / 4)


@dataclass
class Member:
    """A process that holds a lease."""

    kind: str
    pid: int
    versions: dict[str, str] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid7)

    @property
    def name(self) -> str:
        return f"{self.pid}@{socket.gethostname()}"


class Leases:
    """The leases that one connection holds. Not thread-safe."""

    def __init__(self, channels: tuple[str, ...] = ()) -> None:
        self._channels = channels
        self._members: dict[UUID, Member] = {}
        self._lost: set[UUID] = set()
        self.connection: Any = None

    def connect(self) -> None:
        """Open the connection, if need be, and take every lease on it. Members that were declared gone meanwhile are
        members no more; the next `beat` says which.

        Raises:
            psycopg2.Error: the server cannot be reached, or a lease is still held elsewhere.
        """
        if self._is_open():
            return
        self.connection = connect_raw(application_name="pulp-actor lease")
        try:
            self._take_all()
        except psycopg2.Error:
            self.discard()  # half the leases are as good as none: the next call takes them all
            raise

    def _take_all(self) -> None:
        self._execute(f"SET lock_timeout = '{LOCK_TIMEOUT}s'")
        for channel in self._channels:
            self._execute(f"LISTEN {channel}")
        for member in list(self._members.values()):
            if not self._take(member):
                self._lost.add(member.id)
                del self._members[member.id]

    def add(self, member: Member) -> None:
        """Register a process and hold its lease."""
        self._members[member.id] = member
        if self._is_open():
            self._take(member)
        else:
            self.connect()

    def remove(self, member_id: UUID) -> None:
        """A process has ended: drop its lease and sign it off."""
        self._members.pop(member_id, None)
        self.connect()
        self._execute(SQL.leave, (member_id,))
        self._execute(SQL.drop_lease, (member_id,))

    def beat(self) -> set[UUID]:
        """A sign of life of every member. Returns those that were declared gone since the last call; they are members
        no more."""
        self.connect()
        if self._members:
            alive = {row[0] for row in self._execute(SQL.beat, (list(self._members),))}
            self._lost |= set(self._members) - alive
        lost, self._lost = self._lost, set()
        for gone in lost:
            self._members.pop(gone, None)
        return lost

    def notified(self) -> set[str]:
        """The channels on which something was heard since the last call."""
        self.connection.poll()
        heard = {notification.channel for notification in self.connection.notifies}
        self.connection.notifies.clear()
        return heard

    def close(self) -> None:
        """Sign every member off and close the connection."""
        if not self._is_open():
            return
        for member_id in list(self._members):
            self.remove(member_id)
        self.connection.close()

    def discard(self) -> None:
        """Forget a broken connection; the next `beat` opens another."""
        if self.connection is not None:
            self.connection.close()

    def _is_open(self) -> bool:
        return self.connection is not None and not self.connection.closed

    def _take(self, member: Member) -> bool:
        try:
            self._execute(SQL.hold_lease, (member.id,))
        except psycopg2.errors.LockNotAvailable:
            self._execute(SQL.evict_lease, (member.id,))
            self._execute(SQL.hold_lease, (member.id,))
        rows = self._execute(SQL.register, (
            member.id, member.kind, member.name, socket.gethostname(), member.pid, Json(member.versions)))
        return bool(rows)

    def _execute(self, query: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []


class LeaseThread:
    """Keeps one process's lease from a thread of its own: for processes that have no supervisor of ours.

    Parameters:
        member: the process.
        on_lost: called in the thread when the process was declared gone; returns the member it goes on as, or None.
    """

    def __init__(self, member: Member, on_lost: Callable[[], Member | None]) -> None:
        self._member = member
        self._on_lost = on_lost
        self._leases = Leases()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Take the lease, then keep it.

        Raises:
            psycopg2.OperationalError: the server cannot be reached.
        """
        self._leases.add(self._member)
        self._thread.start()

    def stop(self) -> None:
        """Sign off."""
        self._stopping.set()
        self._thread.join(10)
        try:
            self._leases.close()
        except psycopg2.Error as error:
            logger.debug("could not sign off", error=str(error))

    def _run(self) -> None:
        while not self._stopping.wait(heartbeat()):
            try:
                if self._leases.beat():
                    successor = self._on_lost()
                    if successor is None:
                        return
                    self._leases.add(successor)
            except psycopg2.Error as error:
                logger.warning("no heartbeat", error=" ".join(str(error).split()))
                self._leases.discard()
