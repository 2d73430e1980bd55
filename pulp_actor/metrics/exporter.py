"""Tells a worker service's metrics, and whether it can do its work, over HTTP: a small process beside the workers.

Of its own, because a supervisor that forks must have no threads, and must never wait for a client that is slow.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

from pulp_actor.errors import ConfigurationError
from pulp_actor.health import readiness
from pulp_actor.logs import get_logger
from pulp_actor.metrics.exposition import CONTENT_TYPE, expose

#: Seconds before a process that has died is replaced.
RESTART_DELAY = 1.0
#: Seconds that a client may take for its request.
PATIENCE = 10.0

logger = get_logger(__name__)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE, expose())
        elif path == "/livez/":
            self._answer(200, "text/plain", b"alive")  # it dies with its supervisor
        elif path == "/readyz/":
            found = readiness()
            self._answer(200 if all(found.values()) else 503, "application/json", json.dumps(found).encode())
        else:
            self._answer(404, "text/plain", b"404: Not Found")

    do_HEAD = do_GET

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not logged."""


class Exporter:
    """The process as its supervisor sees it.

    Parameters:
        bind: ``host:port``.

    Raises:
        ConfigurationError: this is no address of ours, or somebody else has it.
    """

    def __init__(self, bind: str) -> None:
        host, _, port = bind.rpartition(":")
        if not port.isdigit():
            raise ConfigurationError(f"WORKER_METRICS_BIND must be host:port, not {bind!r}")
        host = host.strip("[]") or "0.0.0.0"
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, int(port)), family=family, backlog=16)
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {bind}: {error.strerror or error}") from None
        self._pid: int | None = None
        self._start_at = 0.0

    def keep(self) -> bool:
        """Whether a process has to be forked for `serve` now."""
        return self._pid is None and time.monotonic() >= self._start_at

    def started(self, pid: int) -> None:
        self._pid = pid

    def ended(self, pid: int) -> None:
        """A child of the supervisor has ended, perhaps this one."""
        if pid == self._pid:
            logger.error("the process that tells metrics has died", pid=pid)
            self._pid, self._start_at = None, time.monotonic() + RESTART_DELAY

    def close(self) -> None:
        """Let go of the socket, in a child that has other work."""
        self._listener.close()

    def stop(self) -> None:
        """End the process."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)

    def serve(self) -> NoReturn:
        """Serve until the supervisor's end. In the forked process."""
        server = ThreadingHTTPServer(("", 0), _Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = self._listener
        server.serve_forever()
        os._exit(0)
