"""The supervisor: keeps N executor processes alive, holds their leases, and ends what cannot be ended from inside.

A single thread that sleeps in select() on signals and on the lease connection; so it may fork at any time. Executors
are forked from it after everything has been imported: their memory is shared until they write to it. It knows no actor.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from typing import Any, NoReturn

import psutil
import psycopg2

from pulp_actor.logs import get_logger
from pulp_actor.metrics.exporter import Exporter
from pulp_actor.metrics.shared import Slots, take_slot
from pulp_actor.metrics.table import WORKER_PROCESSES, WORKERS_LOST
from pulp_actor.middleware.cancel import CHANNEL as CANCEL_CHANNEL
from pulp_actor.queue import notify
from pulp_actor.queue.broker import TaskBroker
from pulp_actor.queue.child import Child
from pulp_actor.queue.engine import SQL
from pulp_actor.queue.executor import RECYCLED, UNWIND, Executor, Limits, die_with_parent
from pulp_actor.queue.housekeeping import Housekeeper
from pulp_actor.queue.leases import Leases, Member, heartbeat
from pulp_actor.queue.rescue import declare_gone, rescue_orphans
from pulp_actor.settings import settings

DELAYED_CHANNEL = "pulp_task_delayed"
#: Seconds before a child that died at once is started again; doubled with each death in a row.
RESTART_DELAY = 0.2
#: Seconds between attempts to reach a database that is away.
AWAY_DELAY = 0.5
#: Why a child is ended that somebody else has given up.
GONE = "was declared gone"
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

logger = get_logger(__name__)


class Supervisor:
    """Parameters: how many executors, with which limits, which versions their rows in ``worker`` show, whose actors
    they run (the platform's broker when None), and who tells the metrics (nobody when None)."""

    def __init__(
        self, processes: int, limits: Limits, versions: dict[str, str], broker: TaskBroker | None = None,
        exporter: Exporter | None = None,
    ) -> None:
        self._wanted = processes
        self._limits = limits
        self._versions = versions
        self._broker = broker
        self._leases = Leases(channels=(CANCEL_CHANNEL, DELAYED_CHANNEL))
        self._housekeeper = Housekeeper()
        self._children: dict[int, Child] = {}
        self._exporter = exporter
        self._exporter_slot: int | None = None
        self._slots = Slots()
        self._stopping = False
        self._leave_by = float("inf")
        self._announced = False
        self._next_beat = self._next_house = self._next_watchdog = self._spawn_at = 0.0
        self._deaths_in_a_row = 0
        self._signals_read, self._signals_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> int:
        """Supervise until told to stop (or, in burst mode, until every executor has left). Returns an exit code."""
        self._catch_signals()
        gc.collect()
        gc.freeze()
        while self._children or (self._wanted and not self._stopping):
            self._round()
        if self._exporter is not None:
            self._exporter.stop()
        self._sign_off()
        return 0

    def _round(self) -> None:
        self._keep_watchdog()
        self._keep_exporter()
        try:
            self._keep_staffed()
            self._keep_leases()
            self._keep_house()
        except psycopg2.Error as error:
            logger.warning("the database is away", error=" ".join(str(error).split()))
            self._leases.discard()
            self._next_beat = self._spawn_at = time.monotonic() + AWAY_DELAY
        self._kill_overdue()
        self._sleep()

    # Children

    def _keep_staffed(self) -> None:
        """Start executors until there are enough."""
        if self._stopping or time.monotonic() < self._spawn_at:
            return
        while len(self._children) < self._wanted:
            self._spawn()
        if not self._announced:
            self._announced = True
            notify.ready()

    def _spawn(self) -> None:
        self._leases.connect()
        gate_read, gate_write = os.pipe()
        member = Member("worker", 0, self._versions)
        slot = self._slots.assign()
        # A signal that comes before the child has its own handlers waits until it has.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        pid = os.fork()
        if pid == 0:
            os.close(gate_write)
            self._become_executor(member, gate_read, slot)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        os.close(gate_read)
        member.pid = pid
        self._children[pid] = Child(member, pid, slot)
        WORKER_PROCESSES.set(len(self._children))
        try:
            self._leases.add(member)
        finally:
            os.close(gate_write)  # the executor may start: its lease is held, or will be at the next heartbeat

    def _become_executor(self, member: Member, gate: int, slot: int) -> NoReturn:
        """In the child. Its own process group lets the supervisor end what an actor has started and left behind."""
        code = 1
        try:
            supervisor = os.getppid()
            os.setpgid(0, 0)
            self._leave_supervising(slot)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGINT})
            if self._exporter is not None:
                self._exporter.close()
            os.read(gate, 1)
            os.close(gate)
            member.pid = os.getpid()
            code = Executor(member, self._limits, self._broker, supervisor=supervisor).run()
        except Exception:
            logger.exception("worker process failed")
        finally:
            os._exit(code)

    def _leave_supervising(self, slot: int) -> None:
        """In a child: let go of what is the supervisor's, and count for oneself."""
        take_slot(slot)
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        for fd in (self._signals_read, self._signals_write):
            os.close(fd)

    def _keep_exporter(self) -> None:
        """Have a process that tells metrics, if they are to be told."""
        if self._exporter is None or self._stopping or not self._exporter.keep():
            return
        if self._exporter_slot is None:
            self._exporter_slot = self._slots.assign()
        supervisor = os.getpid()
        pid = os.fork()
        if pid:
            self._exporter.started(pid)
            return
        try:
            self._leave_supervising(self._exporter_slot)
            die_with_parent(supervisor)
            self._exporter.serve()
        except Exception:
            logger.exception("metrics cannot be told")
        finally:
            os._exit(1)

    def _reap(self) -> None:
        """Note which children have ended, and rescue what they left behind at once."""
        while self._children:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            child = self._children.pop(ended.si_pid, None)
            if child is not None:
                child.kill_group()  # while its number still cannot be given to another process
            _, status = os.waitpid(ended.si_pid, 0)
            if child is not None:
                self._bury(child, os.waitstatus_to_exitcode(status))
            elif self._exporter is not None:
                self._exporter.ended(ended.si_pid)

    def _bury(self, child: Child, code: int) -> None:
        rescued = 0
        self._slots.release(child.slot)
        WORKER_PROCESSES.set(len(self._children))
        try:
            self._leases.remove(child.member.id)
            rescued = declare_gone(self._housekeeper.engine, child.member.id, child.obituary(code))
        except psycopg2.Error as error:
            logger.warning("left to the rescuer", worker=child.member.name, error=" ".join(str(error).split()))
        if code == 0 and self._limits.burst:
            self._wanted -= 1  # it found nothing more to do
        if code not in (0, RECYCLED) and not self._stopping:
            WORKERS_LOST.labels("declared gone" if child.why == GONE else "died").inc()
            logger.error("worker process died", pid=child.pid, exit_code=code, why=child.obituary(code))
            self._put_off(child, rescued)

    def _put_off(self, child: Child, rescued: int) -> None:
        """Wait longer and longer for a process that cannot start; one that died of its task is replaced at once."""
        self._deaths_in_a_row = self._deaths_in_a_row + 1 if child.died_young and not rescued else 0
        self._spawn_at = time.monotonic() + min(30.0, RESTART_DELAY * (2**self._deaths_in_a_row - 1))

    # Leases and cancelling

    def _keep_leases(self) -> None:
        """Heartbeats; children that were declared gone are replaced, for their tasks were rescued."""
        if time.monotonic() < self._next_beat:
            return
        self._watch_stopped()
        lost = self._leases.beat()
        self._next_beat = time.monotonic() + heartbeat()
        for child in list(self._children.values()):
            if child.member.id in lost:
                logger.warning("a worker was declared gone; replacing it", worker=child.member.name)
                child.kill(GONE)
        self._look_for_cancelled()

    def _look_for_cancelled(self) -> None:
        """Give executors with a cancelled task some seconds to end it."""
        workers = [child.member.id for child in self._children.values()]
        cancelled = {
            worker: (task, attempt)
            for task, worker, attempt in self._housekeeper.engine.execute(SQL.canceling_of, (workers,))
        }
        for child in self._children.values():
            child.expect_end_of(cancelled.get(child.member.id), settings.TASK_CANCEL_GRACE)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        if now >= self._leave_by:
            for child in self._children.values():
                child.kill("was stopped")
            self._leave_by = float("inf")
        overdue = [child for child in self._children.values() if child.kill_at is not None and child.kill_at <= now]
        if not overdue:
            return
        # Held still, so that it cannot end the task and claim another between the look and the kill.
        for child in overdue:
            os.kill(child.pid, signal.SIGSTOP)
        try:
            self._look_for_cancelled()
            for child in overdue:
                if child.kill_at is not None:
                    logger.warning("killing a worker whose task does not react to being cancelled", pid=child.pid)
                    child.kill("was killed")
        except psycopg2.Error as error:
            logger.warning("cannot tell whether the cancelled task has ended", error=" ".join(str(error).split()))
            for child in overdue:
                child.kill_at = now + AWAY_DELAY
        finally:
            for child in overdue:
                os.kill(child.pid, signal.SIGCONT)

    def _watch_stopped(self) -> None:
        """A child that was stopped (SIGSTOP) for longer than a lease lasts is as good as dead."""
        for child in list(self._children.values()):
            try:
                stopped = psutil.Process(child.pid).status() == psutil.STATUS_STOPPED
            except psutil.NoSuchProcess:
                continue
            if child.stopped_for(stopped) >= settings.WORKER_TTL:
                child.kill("was stopped for too long")

    # The loop

    def _keep_house(self) -> None:
        if time.monotonic() >= self._next_house:
            self._next_house = time.monotonic() + self._housekeeper.tick()

    def _keep_watchdog(self) -> None:
        if time.monotonic() >= self._next_watchdog:
            self._next_watchdog = time.monotonic() + notify.WATCHDOG_INTERVAL
            notify.watchdog()

    def _sleep(self) -> None:
        times = [self._next_beat, self._next_house, self._next_watchdog, self._leave_by]
        if len(self._children) < self._wanted and not self._stopping:
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
        for number in _HANDLED:
            signal.signal(number, lambda *_: None)

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._stop_at_once() if self._stopping else self._stop()

    def _stop(self) -> None:
        logger.info("stopping", tasks="finish or are handed back", grace=self._limits.grace)
        notify.stopping()
        self._stopping = True
        # Executors leave by themselves within their grace period, unless C code keeps them from it.
        self._leave_by = time.monotonic() + self._limits.grace + 2 * UNWIND + 1
        for child in self._children.values():
            child.why = "was stopped"
            os.kill(child.pid, signal.SIGTERM)

    def _stop_at_once(self) -> None:
        logger.warning("stopping at once")
        for child in self._children.values():
            child.kill("was stopped")

    def _sign_off(self) -> None:
        try:
            # A claim that was under way when its worker left may have come through after the worker's burial.
            rescue_orphans(self._housekeeper.engine)
            self._leases.close()
        except psycopg2.Error as error:
            logger.debug("could not sign off", error=" ".join(str(error).split()))
