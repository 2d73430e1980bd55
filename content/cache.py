"""What the process remembers of what paths mean: bounded, and dropped whole the moment the database says that something
that paths depend on has changed.

An answer is kept only if nothing changed while it was looked up. While the process cannot hear of changes (its listening
connection is lost) nothing is answered from memory, except when the database cannot be asked either: then nothing can be
changed, and what was true still is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from pulp_actor.db.listen import ListenHub

#: The channel of the triggers on what paths depend on.
CHANNEL = "pulp_content_changed"


class Cache:
    """Least recently used answers. `clear` may be called from any thread, everything else from the event loop."""

    def __init__(self, size: int = 100_000, negatives: int = 10_000) -> None:
        self._size = {False: size, True: negatives}
        self._entries: dict[bool, OrderedDict[Hashable, Any]] = {False: OrderedDict(), True: OrderedDict()}
        self._hub: ListenHub | None = None
        #: Counts the changes heard of.
        self.generation = 0

    def listen(self, hub: ListenHub) -> None:
        """Be told of changes by ``hub``."""
        self._hub = hub
        hub.subscribe(CHANNEL, lambda _: self.clear())

    @property
    def current(self) -> bool:
        """Whether the cache would hear of a change."""
        return self._hub is None or self._hub.connected.is_set()

    def clear(self) -> None:
        # First the count, so that an answer on its way is not kept; new dictionaries rather than emptied ones, because
        # the event loop may be in the middle of a look-up.
        self.generation += 1
        self._entries = {False: OrderedDict(), True: OrderedDict()}

    def get(self, key: Hashable) -> Any:
        """The remembered answer, or None."""
        return self.get_stale(key) if self.current else None

    def get_stale(self, key: Hashable) -> Any:
        """The remembered answer, or None, even if the cache may have missed a change."""
        for entries in self._entries.values():
            found = entries.get(key)
            if found is not None:
                try:
                    entries.move_to_end(key)
                except KeyError:
                    pass  # cleared meanwhile
                return found
        return None

    def put(self, key: Hashable, value: Any, generation: int, *, negative: bool = False) -> None:
        """Remember ``value``, unless something has changed since ``generation``.

        Answers that say "nothing there" have room of their own, so that a flood of them pushes nothing else out.
        """
        entries = self._entries[negative]
        if generation != self.generation or not self.current:
            return
        entries[key] = value
        if len(entries) > self._size[negative]:
            entries.popitem(last=False)

    def drop(self, key: Hashable) -> None:
        for entries in self._entries.values():
            entries.pop(key, None)
