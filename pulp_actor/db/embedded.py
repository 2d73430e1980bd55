"""A PostgreSQL server of our own in a directory, run as a child process for as long as its owner lives.

It listens on a Unix socket in a folder that only its user can enter, so that no password is needed and no port is
taken. It is stopped by its owner, and by the kernel when the owner dies. Must never know what is stored in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil
import psycopg2

from pulp_actor.db.binaries import Binaries, find_binaries, locale_options, parent_death_signal
from pulp_actor.errors import ConfigurationError

USER = "postgres"
DATABASE = "pulp"
PORT = 5432

#: Longest path of a folder for sockets: the socket's own name must still fit into sockaddr_un (unix(7), 108 bytes).
MAX_SOCKET_FOLDER = 80

#: Seconds to wait for the server to answer; recovery after a crash can take some.
START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0

#: A modest server beside other services on a small machine. What ``postgresql.conf`` says further down wins.
TUNING: Mapping[str, str] = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    "jit": "off",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "wal_compression": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "10min",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: What servers before 18 do not know.
TUNING_18: Mapping[str, str] = {"io_method": "sync"}


def socket_folder(directory: Path) -> Path:
    """Where the server of ``directory`` has its socket: in it, or in /tmp where that path would be too long or odd."""
    inside = directory.absolute() / "socket"
    if len(os.fsencode(inside)) <= MAX_SOCKET_FOLDER and re.fullmatch(r"[\w./+-]+", str(inside), re.ASCII):
        return inside
    mark = hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()[:16]
    return Path("/tmp") / f"pulp-actor-{os.geteuid()}-{mark}"


def database_url(directory: Path, database: str = DATABASE) -> str:
    """The URL of a database on the server of ``directory``, whether it runs or not."""
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_folder(directory)), safe='')}&port={PORT}"


class EmbeddedServer:
    """The server of one directory, which holds the cluster (``data``), a lock file and mostly the socket.

    Parameters:
        directory: e.g. ``<data dir>/postgres``; made if need be, its parent must exist.
        log: file that the server's log is appended to; default: ``server.log`` in the directory.
        options: server settings that go before `TUNING`, e.g. ``{"fsync": "off"}`` in tests.
    """

    def __init__(self, directory: Path, *, log: Path | None = None, options: Mapping[str, str] | None = None) -> None:
        self.directory = directory.absolute()
        self.cluster = self.directory / "data"
        self.log = log or self.directory / "server.log"
        self._options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._log_start = 0

    @property
    def url(self) -> str:
        """The URL of the database ``pulp``."""
        return database_url(self.directory)

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """The exit code of a server that ended by itself, else None."""
        return self._process.poll() if self._process else None

    def wait(self) -> int:
        """Wait until the server has ended, and return its exit code; may be called from another thread."""
        process = self._process
        return process.wait() if process else 0

    def start(self) -> None:
        """Start the server, making it first if there is none yet, and return when it answers.

        Call it from a thread that lives as long as the server shall: the kernel stops the server with that thread.

        Raises:
            ConfigurationError: it cannot run here, or runs already; the text is one line.
        """
        try:
            _private_folder(self.directory)
            self._take_lock()
            _private_folder(socket_folder(self.directory))
            self._end_leftover()
            binaries = find_binaries(self.directory)
            if not self.cluster.exists():
                self._initialize(binaries)
            _give_to(self.cluster, binaries.runner.uid)
            self._write_settings(binaries)
            self._launch(binaries)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server (a "fast shutdown": sessions are ended, nothing is lost) and wait until it has gone.

        ``immediate`` skips the checkpoint, for data that is thrown away.
        """
        if self._process is not None:
            _stop(self._process, signal.SIGQUIT if immediate else signal.SIGINT)
            self._process = None
        folder = socket_folder(self.directory)
        if self._lock is not None:
            if folder.parent != self.directory and folder.is_dir():
                shutil.rmtree(folder)
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        self._lock = (self.directory / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise ConfigurationError(f"the database in {self.directory} is in use by another process") from None

    def _end_leftover(self) -> None:
        """End a server whose owner was killed, and remove the files of one that was: a pid may have been given anew."""
        pid_file = self.cluster / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            pid = 0
        leftover = _server_process(pid, self.cluster)
        if leftover is not None:
            leftover.send_signal(signal.SIGINT)
            try:
                leftover.wait(STOP_TIMEOUT)
            except psutil.TimeoutExpired:
                raise ConfigurationError(f"an earlier server (process {pid}) does not stop: end it first") from None
        pid_file.unlink(missing_ok=True)
        for path in socket_folder(self.directory).glob(".s.PGSQL.*"):
            path.unlink(missing_ok=True)

    def _initialize(self, binaries: Binaries) -> None:
        """Make the cluster under another name and move it into place, so that an interrupted attempt leaves no half."""
        draft = self.directory / "data.new"
        if draft.exists():
            shutil.rmtree(draft)
        arguments = [f"--pgdata={draft}", f"--username={USER}", "--auth=trust", *locale_options(binaries.major)]
        if self._options.get("fsync") == "off":
            arguments.append("--no-sync")
        done = subprocess.run(
            binaries.command("initdb", *arguments), capture_output=True, text=True, check=False, cwd=self.directory,
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            reason = next((line for line in lines if "error" in line.lower()), lines[-1])
            raise ConfigurationError(f"cannot make a database in {self.directory}: {reason}")
        conf = draft / "postgresql.conf"
        conf.write_text(
            "# Settings of yours go below this line, which brings in those that are written at each start.\n"
            "include_if_exists = 'pulp-actor.conf'\n" + conf.read_text()
        )
        draft.rename(self.cluster)

    def _write_settings(self, binaries: Binaries) -> None:
        values = dict(TUNING)
        if binaries.major >= 18:
            values |= TUNING_18
        values |= self._options
        lines = [f"{name} = '{value}'\n" for name, value in values.items()]
        path = self.cluster / "pulp-actor.conf"
        path.write_text("# Written at each start: make changes in postgresql.conf.\n" + "".join(lines))
        os.chown(path, binaries.runner.uid, -1)

    def _launch(self, binaries: Binaries) -> None:
        command = binaries.command(
            "postgres", "-D", str(self.cluster), "-c", f"port={PORT}", "-c", "listen_addresses=",
            "-c", f"unix_socket_directories={socket_folder(self.directory)}",
        )
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                # A group of its own: Ctrl-C in the terminal is for the owner, who stops its children in order.
                process_group=0, preexec_fn=lambda: parent_death_signal(signal.SIGINT),
            )

    def _wait_until_ready(self) -> None:
        """Wait until the server accepts sessions, and make the database if it has none."""
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                conn = psycopg2.connect(database_url(self.directory, "postgres"))
                break
            except psycopg2.OperationalError as error:
                if self._process.poll() is not None:
                    raise ConfigurationError(f"PostgreSQL did not start: {self._last_words()}") from None
                if time.monotonic() > deadline:
                    raise ConfigurationError(f"PostgreSQL does not answer: {' '.join(str(error).split())}") from None
            try:
                self._process.wait(0.02)  # there is nothing to be told by, except that it has ended
            except subprocess.TimeoutExpired:
                pass
        conn.autocommit = True
        try:
            _create_database(conn)
        finally:
            conn.close()

    def _last_words(self) -> str:
        """The end of what the server logged since it was started, in a line."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        # Without "2026-01-01 12:00:00.000 UTC [123] LOG:  "; that it is starting is what we were told while we asked.
        texts = [re.sub(r"^.*? \[\d+\] [A-Z]+: +", "", line) for line in lines if "starting up" not in line]
        return "; ".join(texts[-3:]) or "it logged nothing"


def _create_database(conn: Any) -> None:
    with conn.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE}")


def _private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, or check that one which is there is ours."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if path.is_symlink() or not path.is_dir() or found.st_uid != os.geteuid():
            raise ConfigurationError(f"{path} is not a directory of this user") from None
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(f"cannot make {path}: {error.strerror}") from None


def _give_to(cluster: Path, uid: int) -> None:
    """Give the cluster to the user that the server runs as, if an earlier start ran it as another."""
    if cluster.stat().st_uid == uid:
        return
    for folder, _, files in os.walk(cluster):
        os.chown(folder, uid, -1)
        for name in files:
            os.chown(os.path.join(folder, name), uid, -1, follow_symlinks=False)


def _server_process(pid: int, cluster: Path) -> psutil.Process | None:
    """The process, if it is a server that runs on ``cluster``."""
    try:
        process = psutil.Process(pid) if pid > 0 else None
        if process is not None and process.name() == "postgres" and Path(process.cwd()) == cluster.resolve():
            return process
    except psutil.Error:
        return None
    return None


def _stop(process: subprocess.Popen[bytes], signal_number: int) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal_number)
    for harder in (signal.SIGQUIT, signal.SIGKILL):
        try:
            process.wait(STOP_TIMEOUT)
            return
        except subprocess.TimeoutExpired:
            process.send_signal(harder)
    process.wait()
