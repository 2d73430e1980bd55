"""An origin to mirror from: a real HTTP server on loopback with generated repositories, that can misbehave on demand."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from tests.support.serving import Handler

MANIFEST = "PULP_MANIFEST"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_files(count: int, seed: str = "", size: int = 0) -> dict[str, bytes]:
    """``count`` small files by relative path, different for each seed; ``size``: at least so many bytes each."""
    files = {}
    for number in range(count):
        data = f"{seed} file {number}\n".encode()
        files[f"dir{number % 7}/file-{number:05}.txt"] = data * (size // len(data) + 1)
    return files


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The ``PULP_MANIFEST`` of files by relative path."""
    return "".join(f"{path},{sha256(data)},{len(data)}\n" for path, data in files.items()).encode()


class Gate:
    """Holds requests back. ``arrived`` is set when one waits, which tests wait for instead of guessing."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        """Let everybody through, from now on."""
        self._open.set()

    def pass_through(self) -> None:
        self.arrived.set()
        self._open.wait()


class Origin:
    """Use as a context manager. Paths are those of URLs, with a leading slash."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._bodies: dict[str, bytes] = {}
        self._statuses: dict[str, int] = {}
        self._gates: dict[str, Gate] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.origin = self
        self._thread = threading.Thread(target=self._server.serve_forever, name="origin", daemon=True)

    def __enter__(self) -> Origin:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for gate in self._gates.values():
            gate.open()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The origin's URL without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def publish(self, name: str, files: Mapping[str, bytes], manifest: bytes | None = None) -> str:
        """Serve files and their manifest (or another one, to lie) below ``/name/``. Returns the manifest's URL."""
        with self._lock:
            for path, data in files.items():
                self._bodies[f"/{name}/{path}"] = data
            self._bodies[f"/{name}/{MANIFEST}"] = manifest_of(files) if manifest is None else manifest
        return f"{self.url}/{name}/{MANIFEST}"

    def answer(self, path: str, status: int) -> None:
        """Answer requests for a path with a status and no content."""
        self._statuses[path] = status

    def hold(self, path: str) -> Gate:
        """Hold requests for a path back until the gate is opened."""
        gate = self._gates[path] = Gate()
        return gate

    def respond(self, path: str) -> tuple[int, bytes]:
        """Count a request and say what to answer, after its gate has been passed."""
        with self._lock:
            self.requests[path] += 1
        gate = self._gates.get(path)
        if gate is not None:
            gate.pass_through()
        if path in self._statuses:
            return self._statuses[path], b""
        if path not in self._bodies:
            return 404, b""
        return 200, self._bodies[path]


class _Server(ThreadingHTTPServer):
    origin: Origin
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in mid-request is part of the tests."""


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        status, body = self.server.origin.respond(self.path)
        self.answer(body, status=status)

    do_HEAD = do_GET


@contextmanager
def running_origin() -> Iterator[Origin]:
    """An origin that is served for the length of the block."""
    with Origin() as origin:
        yield origin
