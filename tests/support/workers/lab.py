"""The lab: one database, any number of worker services, and the means to watch and disturb them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg2

from pulp_actor.db.connection import connect_raw
from pulp_actor.queue.models import FINAL_STATES
from tests.support.workers import actors, gates, journal
from tests.support.workers.waiting import eventually

ROOT = Path(__file__).parents[3]
ENTRY = "tests.support.workers.entry"
STOCK = "tests.support.workers.stock"


class Service:
    """A worker service: the supervisor's process and what it started."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True,
                env=os.environ | environment)
        self.pid = self.popen.pid

    @property
    def children(self) -> list[int]:
        """Process ids of the executors that live."""
        try:
            found = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
        return [one.pid for one in found if lives(one.pid)]

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float = 30.0) -> int:
        """The exit code, once it has left."""
        return self.popen.wait(timeout)

    def stop(self) -> None:
        """End it, whatever state it is in, with all that it started: they share its session."""
        family = [one.pid for one in psutil.process_iter() if one.pid != self.pid and _session(one.pid) == self.pid]
        for pid in [self.pid, *family]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.popen.wait(10)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


class Lab:
    """Parameters: the URL of a migrated database, and a directory for journals and logs."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.journal_path = directory / "journal"
        self._directory = directory
        self._services: list[Service] = []
        self._admin: Any = None
        actors.broker.engine.close()
        with self.connection() as conn, conn.cursor() as cursor:
            cursor.execute(gates.SCHEMA)

    # Workers

    def workers(
        self, processes: int = 1, *, settings: dict[str, Any] | None = None, gates: bool = False,
        clock: str | None = None, environment: dict[str, str] | None = None, url: str | None = None,
        ready: bool = True, **limits: Any,
    ) -> Service:
        """Start a worker service and, unless ``ready`` is False, wait until its processes have registered."""
        options = {
            "url": url or self.url, "journal": str(self.journal_path), "processes": processes, "limits": limits,
            "settings": settings or {}, "gates": gates, "clock": clock,
        }
        service = self.start([sys.executable, "-m", ENTRY, json.dumps(options)], environment)
        if ready:
            eventually(lambda: len(self.registered(service)) == processes, 60, lambda: service.log)
        return service

    def stock(self, processes: int = 1, *, environment: dict[str, str] | None = None) -> Service:
        """Start dramatiq's own command, and wait until its processes have registered."""
        command = [sys.executable, "-m", "dramatiq", STOCK, "--processes", str(processes), "--threads", "1"]
        service = self.start(command, {
            "PULP_DATABASE_URL": self.url, "LAB_JOURNAL": str(self.journal_path), **(environment or {})})
        eventually(
            lambda: self.sql("SELECT count(*) FROM worker WHERE gone_at IS NULL") == [(processes,)], 60,
            lambda: service.log)
        return service

    def start(self, command: list[str], environment: dict[str, str] | None = None) -> Service:
        """Start any command as a service; it is ended with the lab."""
        log = self._directory / f"service-{len(self._services)}.log"
        service = Service(command, log, environment or {})
        self._services.append(service)
        return service

    def registered(self, service: Service) -> list[int]:
        """Those of the service's processes that have registered and not left."""
        present = {pid for (pid,) in self.sql("SELECT pid FROM worker WHERE gone_at IS NULL")}
        return [pid for pid in service.children if pid in present]

    def close(self) -> None:
        for service in self._services:
            service.stop()
        actors.broker.engine.close()
        if self._admin is not None:
            self._admin.close()

    # Tasks

    def send(self, actor: str, *args: Any, exclusive: list[str] | None = None, shared: list[str] | None = None,
             delay: float | None = None, **options: Any) -> UUID:
        """Dispatch a task. Returns its key. ``delay`` is in seconds."""
        message = actors.broker.get_actor(actor).send_with_options(
            args=args, exclusive=exclusive or [], shared=shared or [],
            delay=None if delay is None else int(delay * 1000), **options)
        return UUID(message.message_id)

    def cancel(self, task: UUID) -> str | None:
        return actors.broker.engine.cancel(task)

    def task(self, key: UUID) -> dict[str, Any]:
        """The task's row."""
        return self.rows("SELECT * FROM task WHERE id = %s", (key,))[0]

    def state(self, key: UUID) -> str:
        return str(self.sql("SELECT state FROM task WHERE id = %s", (key,))[0][0])

    def await_state(self, key: UUID, *states: str, timeout: float = 20.0) -> dict[str, Any]:
        """The task's row, once it is in one of ``states``."""
        eventually(lambda: self.state(key) in states, timeout, lambda: f"{states}: {self.describe(key)}")
        return self.task(key)

    def await_end(self, key: UUID, timeout: float = 20.0) -> dict[str, Any]:
        return self.await_state(key, *FINAL_STATES, timeout=timeout)

    def await_begin(self, key: UUID, timeout: float = 20.0) -> journal.Event:
        """The event of the actor's (last) beginning."""
        eventually(lambda: self.events(key, "begin"), timeout, lambda: f"the start of {self.describe(key)}")
        return self.events(key, "begin")[-1]

    def events(self, key: UUID | None = None, what: str | None = None) -> list[journal.Event]:
        """What the journal says, of one task, or of one kind."""
        return [
            event for event in journal.read(self.journal_path)
            if (key is None or event.task == key) and (what is None or event.what == what)
        ]

    def unfinished(self) -> int:
        return int(self.sql("SELECT count(*) FROM task WHERE state IN ('waiting', 'running', 'canceling')")[0][0])

    def await_quiet(self, timeout: float = 60.0) -> None:
        """Wait until every task has ended."""
        eventually(lambda: self.unfinished() == 0, timeout, lambda: "\n".join(map(str, self.rows(
            "SELECT id, actor, state, blockers, attempt, exclusive, shared FROM task "
            "WHERE state IN ('waiting', 'running', 'canceling') LIMIT 10"))))

    def describe(self, key: UUID) -> str:
        return f"{self.task(key)}\n" + "\n".join(service.log[-3000:] for service in self._services)

    # The database

    @contextmanager
    def connection(self, name: str = "lab") -> Iterator[Any]:
        """A connection of one's own, in autocommit mode."""
        conn = connect_raw(self.url, application_name=name)
        try:
            yield conn
        finally:
            conn.close()

    def sql(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement on the lab's own connection, which is opened again when a fault has taken it."""
        for last in (False, True):
            try:
                if self._admin is None or self._admin.closed:
                    self._admin = connect_raw(self.url, application_name="lab")
                with self._admin.cursor() as cursor:
                    cursor.execute(query, parameters or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg2.DatabaseError:
                # Of no matter which kind: when the server goes in mid-sentence, it is not always an OperationalError.
                if self._admin is not None:
                    self._admin.close()
                if last:
                    raise
        return []

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        return [row for (row,) in self.sql(f"SELECT to_jsonb(q) FROM ({query}) AS q", parameters)]

    # Gates

    @contextmanager
    def closed_gate(self, step: str) -> Iterator[Gate]:
        """Close a gate for the length of the block, or until `Gate.open`."""
        assert step in gates.STEPS
        ((key,),) = self.sql("INSERT INTO lab_gate (step) VALUES (%s) RETURNING key", (step,))
        with self.connection("lab gatekeeper") as conn:
            gate = Gate(self, step, key, conn)
            try:
                yield gate
            finally:
                gate.open()


class Gate:
    """A closed gate."""

    def __init__(self, lab: Lab, step: str, key: int, conn: Any) -> None:
        self._lab, self._step, self._key, self._conn = lab, step, key, conn
        with conn.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (key,))

    def await_visitor(self, timeout: float = 20.0) -> int:
        """Wait until somebody stands before the gate. Returns their server process."""
        return eventually(self._visitor, timeout, f"somebody at the gate {self._step}")

    def _visitor(self) -> int | None:
        rows = self._lab.sql(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND classid = 0 AND NOT granted",
            (self._key,))
        return rows[0][0] if rows else None

    def open(self) -> None:
        """Let everybody through, now and from now on."""
        if self._conn.closed:
            return
        self._lab.sql("DELETE FROM lab_gate WHERE step = %s", (self._step,))
        self._conn.close()


def lives(pid: int) -> bool:
    """Whether there is such a process, and it has not ended and merely not been waited for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
