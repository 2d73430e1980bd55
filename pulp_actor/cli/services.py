"""Child processes of the platform: started with their log in a file, watched, and stopped in order.

Knows nothing of what a service does. Each runs in a process group of its own, so that Ctrl-C in the terminal reaches only
the process that keeps them, which then stops them one after another; the kernel stops them if that process is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from pulp_actor.db.binaries import parent_death_signal

#: Lines of a service's log that are shown when it died.
TAIL_LINES = 15


class Service:
    """One service.

    Parameters:
        name: what people call it, and what its log is called.
        module: run as ``python -m module``.
        log: file that its output is appended to.
        stop_timeout: seconds it may take to stop before it is killed.
    """

    def __init__(self, name: str, module: str, log: Path, stop_timeout: float) -> None:
        self.name = name
        self.log = log
        self._module = module
        self._stop_timeout = stop_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, environment: Mapping[str, str], on_end: Callable[[Service, int], None]) -> None:
        """Start it. Call this from a thread that lives as long as the service shall.

        Parameters:
            on_end: called with the service and its exit code, from a thread, when it has ended for whatever reason.
        """
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=0, preexec_fn=lambda: parent_death_signal(signal.SIGTERM),
            )
        process = self._process
        threading.Thread(
            target=lambda: on_end(self, process.wait()), name=f"watch {self.name}", daemon=True,
        ).start()

    def stop(self) -> None:
        """Ask it to stop, wait until it has, and end it if it does not."""
        if self._process is None:
            return
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(self._stop_timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it and what it has started, at once."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def log_tail(self) -> str:
        """The last lines of what it logged since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])
