"""The supervisor: keeps N executor processes alive, holds their leases, and ends what cannot be ended from inside.

A single thread that sleeps in select() on signals and on the lease connection; so it may fork at any time. Executors
are forked from it after everything has been imported: their memory is shared until they write to it.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psutil
import psycopg2

from pulp_actor.logs import get_logger
from pulp_actor.middleware.cancel import CHANNEL as CANCEL_CHANNEL
from pulp_actor.queue import notify
from pulp_actor.queue.engine import SQL
from pulp_actor.queue.executor import Executor, Limits
from pulp_actor.queue.housekeeping import Housekeeper
from pulp_actor.queue.leases import HEARTBEAT, Leases, Member
from pulp_actor.queue.rescue import declare_gone
from pulp_actor.settings import settings

DELAYED_CHANNEL = "pulp_task_delayed"
#: Seconds before a child that died at once is started again; doubled with each death in a row.
RESTART_DELAY = 0.2
#: Seconds a child must live for its death not to count as one in a row.
HEALTHY_AFTER = 10.0

logger = get_logger(__name__)


@dataclass
class Child:
    """An executor process. Times are of the monotonic clock, in seconds."""

    member: Member
    pid: int
    started: float = field(default_factory=time.monotonic)
    kill_at: float | None = None
    killed: bool = False
    why: str = "died"
    stopped_since: float | None = None


class Supervisor:
    """Parameters: how many executors, with which limits, and which versions their rows in ``worker`` show."""

    def __init__(self, processes: int, limits: Limits, versions: dict[str, str]) -> None:
        self._processes = processes
        self._limits = limits
        self._versions = versions
        self._leases = Leases(channels=(CANCEL_CHANNEL, DELAYED_CHANNEL))
        self._housekeeper = Housekeeper()
        self._children: dict[int, Child] = {}
        self._stopping = False
        self._next_beat = 0.0
        self._next_house = 0.0
        self._spawn_at = 0.0
        self._deaths_in_a_row = 0
        self._signals_read, self._signals_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> int:
        """Supervise until told to stop (or, in burst mode, until every executor has left). Returns an exit code."""
        self._catch_signals()
        gc.collect()
        gc.freeze()
        while not (self._stopping and not self._children):
            self._round()
            if self._limits.burst and not self._children:
                break
        self._sign_off()
        return 0

    def _round(self) -> None:
        try:
            self._keep_staffed()
            self._keep_leases()
            self._keep_house()
        except psycopg2.Error as error:
            logger.warning("the database is away", error=" ".join(str(error).split()))
            self._leases.discard()
            self._next_beat = time.monotonic() + 0.5
        self._kill_overdue()
        self._sleep()

    # Children

    def _keep_staffed(self) -> None:
        """Start executors until there are enough; a burst starts each once."""
        if self._stopping or time.monotonic() < self._spawn_at:
            return
        while len(self._children) < self._processes:
            self._spawn()
        if self._limits.burst:
            self._spawn_at = float("inf")
        notify.ready()

    def _spawn(self) -> None:
        self._leases.connect()
        gate_read, gate_write = os.pipe()
        member = Member("worker", 0, self._versions)
        pid = os.fork()
        if pid == 0:
            os.close(gate_write)
            self._become_executor(member, gate_read)
        os.close(gate_read)
        member.pid = pid
        self._children[pid] = Child(member, pid)
        try:
            self._leases.add(member)
        finally:
            os.close(gate_write)  # the executor may start: its lease is held, or it will be told that it is not

    def _become_executor(self, member: Member, gate: int) -> None:
        """In the child: never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for connection in (self._leases.connection, self._housekeeper.engine.detach()):
                _neutralize(connection)
            os.read(gate, 1)
            member.pid = os.getpid()
            Executor(member, self._limits).run()
            code = 0
        except Exception:
            logger.exception("worker process failed")
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Note which children have ended, and rescue what they left behind at once."""
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                self._bury(child, status)

    def _bury(self, child: Child, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code != 0 and not self._stopping:
            quick = time.monotonic() - child.started < HEALTHY_AFTER and not child.killed
            self._deaths_in_a_row = self._deaths_in_a_row + 1 if quick else 0
            self._spawn_at = time.monotonic() + min(30.0, RESTART_DELAY * 2**self._deaths_in_a_row)
            logger.error("worker process died", pid=child.pid, exit_code=code, why=child.why)
        try:
            self._leases.remove(child.member.id)
            if code != 0:
                declare_gone(self._housekeeper.engine, child.member.id, child.why)
        except psycopg2.Error as error:
            logger.warning("left to the rescuer", worker=child.member.name, error=str(error))

    def _kill(self, child: Child, why: str) -> None:
        child.why, child.kill_at, child.killed = why, None, True
        os.kill(child.pid, signal.SIGKILL)

    # Leases and cancelling

    def _keep_leases(self) -> None:
        """Heartbeats; children that were declared gone are replaced, for their tasks were rescued."""
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + HEARTBEAT
            notify.watchdog()
            self._watch_stopped()
            lost = self._leases.beat()
            for child in list(self._children.values()):
                if child.member.id in lost:
                    logger.warning("a worker was declared gone; replacing it", worker=child.member.name)
                    self._kill(child, "was declared gone")
            self._look_for_cancelled()

    def _look_for_cancelled(self) -> None:
        """Give executors with a cancelled task some seconds to end it."""
        workers = [child.member.id for child in self._children.values()]
        cancelled: set[UUID] = {row[1] for row in self._housekeeper.engine.execute(SQL.canceling_of, (workers,))}
        for child in self._children.values():
            if child.member.id not in cancelled:
                child.kill_at = None
            elif child.kill_at is None and not child.killed:
                child.kill_at = time.monotonic() + settings.TASK_CANCEL_GRACE

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        if not any(child.kill_at is not None and child.kill_at <= now for child in self._children.values()):
            return
        try:
            self._look_for_cancelled()
        except psycopg2.Error as error:
            logger.warning("cannot tell whether the cancelled task has ended", error=str(error))
            return
        for child in self._children.values():
            if child.kill_at is not None and child.kill_at <= now:
                logger.warning("killing a worker whose task does not react to being cancelled", pid=child.pid)
                self._kill(child, "was killed")

    def _watch_stopped(self) -> None:
        """A child that was stopped (SIGSTOP) for longer than a lease lasts is as good as dead."""
        for child in list(self._children.values()):
            try:
                stopped = psutil.Process(child.pid).status() == psutil.STATUS_STOPPED
            except psutil.NoSuchProcess:
                continue
            if not stopped:
                child.stopped_since = None
            elif child.stopped_since is None:
                child.stopped_since = time.monotonic()
            elif time.monotonic() - child.stopped_since >= settings.WORKER_TTL:
                self._kill(child, "was stopped for too long")

    # The loop

    def _keep_house(self) -> None:
        if time.monotonic() >= self._next_house:
            self._next_house = time.monotonic() + self._housekeeper.tick()

    def _sleep(self) -> None:
        times = [self._next_beat, self._next_house]
        if len(self._children) < self._processes and not self._stopping:
            times.append(self._spawn_at)
        times += [child.kill_at for child in self._children.values() if child.kill_at is not None]
        wait: list[Any] = [self._signals_read]
        connection = self._leases.connection
        if connection is not None and not connection.closed:
            wait.append(connection)
        readable, _, _ = select.select(wait, [], [], max(0.0, min(times) - time.monotonic()))
        if self._signals_read in readable:
            for number in os.read(self._signals_read, 4096):
                self._on_signal(number)
        if connection in readable:
            self._on_notify()

    def _on_notify(self) -> None:
        try:
            heard = self._leases.notified()
            if CANCEL_CHANNEL in heard:
                self._look_for_cancelled()
            if DELAYED_CHANNEL in heard:
                self._next_house = 0.0
        except psycopg2.Error as error:
            logger.warning("lease connection lost", error=" ".join(str(error).split()))
            self._leases.discard()
            self._next_beat = 0.0

    def _catch_signals(self) -> None:
        signal.set_wakeup_fd(self._signals_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
            return
        if number not in (signal.SIGTERM, signal.SIGINT):
            return
        if not self._stopping:
            logger.info("stopping", tasks="finish or are handed back", grace=self._limits.grace)
            notify.stopping()
        self._stopping = True
        for child in self._children.values():
            os.kill(child.pid, signal.SIGTERM)  # the second time, it leaves at once

    def _sign_off(self) -> None:
        try:
            self._leases.close()
        except psycopg2.Error as error:
            logger.debug("could not sign off", error=str(error))


def _neutralize(connection: Any) -> None:
    """In a forked child: make a connection inherited from the parent harmless, without a word to the server."""
    if connection is not None and not connection.closed:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, connection.fileno())
        os.close(null)
