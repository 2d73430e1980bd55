"""A small HTTP/1.1 load generator: some kept-alive connections that ask for one path again and again, in one process.

It reads answers by their Content-Length and nothing else, so that it costs less than what it measures.
"""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass


@dataclass
class Load:
    """What was achieved: answers and bytes of their bodies, in how many seconds."""

    answers: int
    size: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    @property
    def throughput(self) -> float:
        """Bytes per second."""
        return self.size / self.seconds


class _Connection:
    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.left = 0
        self.head = b""

    def ask(self) -> None:
        self.socket.sendall(self.request)
        self.left, self.head = -1, b""

    def take(self, buffer: memoryview) -> int | None:
        """Read once; the size of the body if the answer is complete now, else None."""
        count = self.socket.recv_into(buffer)
        if not count:
            raise ConnectionError("the server closed the connection")
        if self.left < 0:
            self.head += bytes(buffer[:count])
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return None
            mark = self.head.lower().index(b"content-length:") + 15
            self.size = int(self.head[mark:self.head.index(b"\r", mark)])
            self.left = self.size - (len(self.head) - end - 4)
        else:
            self.left -= count
        return self.size if self.left == 0 else None


def load(url: str, connections: int, seconds: float) -> Load:
    """Ask for ``url`` on ``connections`` connections at a time for some seconds."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    request = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        connection = _Connection((name, int(port)), request)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask()
    buffer = memoryview(bytearray(1 << 20))
    answers = size = 0
    start = time.perf_counter()
    end = start + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(0.1):
            body = key.data.take(buffer)
            if body is not None:
                answers += 1
                size += body
                key.data.ask()
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return Load(answers, size, now - start)
