"""Answers of the database that a process remembers for as long as it hears of changes, and no longer.

A trigger on the table notifies the channel; nothing expires by time. Without a hub, or while the hub has lost its
connection, every question is asked anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from pulp_actor.db.listen import ListenHub

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: Most answers that one memory holds.
LIMIT = 1024


class Remembered(Generic[K, V]):
    """Parameters:
        channel: is notified whenever an answer may have changed.
        ask: asks the database; None is "there is none", and is not remembered.
    """

    def __init__(self, channel: str, ask: Callable[[K], V | None]) -> None:
        self._channel, self._ask = channel, ask
        self._hub: ListenHub | None = None
        self._known: dict[K, V] = {}
        self._lock = threading.Lock()
        self._changes = 0

    def listen(self, hub: ListenHub) -> None:
        """Remember from now on, for as long as ``hub`` is connected."""
        hub.subscribe(self._channel, self._forget)
        self._hub = hub

    def get(self, key: K) -> V | None:
        """The answer, from memory or from the database."""
        hears = self._hub is not None and self._hub.connected.is_set()
        if hears and (known := self._known.get(key)) is not None:
            return known
        before = self._changes
        answer = self._ask(key)
        if hears and answer is not None:
            with self._lock:
                if self._changes == before:  # else it may have been read before the change that we heard of
                    if len(self._known) >= LIMIT:
                        self._known.clear()
                    self._known[key] = answer
        return answer

    def _forget(self, _payload: str | None) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()
