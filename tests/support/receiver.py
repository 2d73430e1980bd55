"""A receiver of webhooks: a real HTTP server that keeps what it is told, and answers as it is asked to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.serving import Handler, listening, served


class Receiver:
    """``requests``: (headers, body) of each; ``status``: what is answered from now on."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.url = ""

    def told(self, event: str) -> list[dict[str, Any]]:
        """The data of every request about an event."""
        bodies = [json.loads(body) for _, body in self.requests]
        return [body["data"] for body in bodies if body["event"] == event]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Hook(Handler):
        def do_POST(self) -> None:
            receiver.requests.append((dict(self.headers), self.body()))
            self.answer(status=receiver.status, headers={"Location": receiver.url})

    with served(listening(Hook)) as url:
        receiver.url = f"{url}/hook"
        yield receiver
