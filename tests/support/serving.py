"""HTTP servers of a few lines, for what the platform speaks to: a handler, served by threads for the length of a block."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Base of handlers: says nothing on the terminal."""

    def body(self) -> bytes:
        """The body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, content: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a body, of which a HEAD request gets the length."""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads them."""


def listening(handler: type[Handler]) -> ThreadingHTTPServer:
    """A server on a free port of loopback, to be run by `served`."""
    return ThreadingHTTPServer(("127.0.0.1", 0), handler)


def url_of(server: ThreadingHTTPServer) -> str:
    """A server's address, without a slash at its end."""
    return f"http://127.0.0.1:{server.server_port}"


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    """Run a server for the length of the block, whose value is its address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="served", daemon=True)
    thread.start()
    try:
        yield url_of(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
