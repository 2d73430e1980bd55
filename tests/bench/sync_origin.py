"""A small, quick HTTP origin in a process of its own: every ``file-<n>`` is 64 bytes that say its number, and
``MANIFEST-<count>`` lists the first ``count`` of them. Does nothing but that, so that the client is what is measured."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SPAWN = multiprocessing.get_context("spawn")
SIZE = 64


def body(number: int) -> bytes:
    return f"file {number}\n".encode().ljust(SIZE, b".")


def manifest(count: int) -> bytes:
    lines = (f"dir-{n % 100}/file-{n},{hashlib.sha256(body(n)).hexdigest()},{SIZE}\n" for n in range(count))
    return "".join(lines).encode()


class Origin(asyncio.Protocol):
    """One connection. Requests are answered in order; a request is whatever ends in an empty line."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            request, self.buffer = self.buffer[:end], self.buffer[end + 4:]
            name = request.split(b" ", 2)[1].rpartition(b"/")[2].decode()
            kind, _, number = name.partition("-")
            answer = manifest(int(number)) if kind == "MANIFEST" else body(int(number))
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def _serve(pipe: Any) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def origin() -> Iterator[str]:
    """Run the origin; yields its base URL."""
    parent, child = SPAWN.Pipe()
    process = SPAWN.Process(target=_serve, args=(child,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{parent.recv()}/"
    finally:
        process.terminate()
        process.join()
