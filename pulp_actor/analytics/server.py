"""Receives reports over HTTP and shows a summary of them: a small server for an organisation that wants to know its own
installations. Anybody who can reach it can report to it and read the summary; who should not must be kept away from it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pulp_actor.analytics.page import render
from pulp_actor.analytics.store import BadReport, Reports
from pulp_actor.errors import ConfigurationError
from pulp_actor.logs import get_logger

#: Bytes that a report may have.
MAX_SIZE = 64 * 1024
#: Seconds that a client may take for its request.
PATIENCE = 10.0
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

logger = get_logger(__name__)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE

    def __init__(self, reports: Reports, *arguments: object) -> None:
        self._reports = reports
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._answer(411, "a report needs a Content-Length")
        elif int(length) > MAX_SIZE:
            self._answer(413, "this is too long for a report")
        else:
            self._receive(self.rfile.read(int(length)))

    def _receive(self, body: bytes) -> None:
        try:
            self._reports.add(json.loads(body))
        except (ValueError, BadReport) as error:
            self._answer(400, str(error))
        else:
            self._answer(204, "")

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, render(self._reports.summary()), "text/html")
        elif self.path == "/summary.json":
            self._answer(200, json.dumps(asdict(self._reports.summary()), indent=1), "application/json")
        else:
            self._answer(404, "404: Not Found")

    do_HEAD = do_GET

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if status >= 400:
            self.close_connection = True  # the body may not have been read
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format % args)


def make_server(host: str, port: int, reports: Reports) -> ThreadingHTTPServer:
    """A server that listens; `serve_forever` runs it. Raises ConfigurationError if the address cannot be had."""
    try:
        return ThreadingHTTPServer((host, port), partial(_Handler, reports))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
