"""Notes which units of content are asked for, so that those that nobody wants can be pruned.

    notes = RequestNotes()
    notes.note(file.content_artifact_id)      # on every hit: a look into a set
    notes.flush()                             # now and then, in a thread: one statement

A unit is written down once an hour at most. Notes that have not been written when a process dies are lost: pruning goes by
days. Must never know a request.
"""

from __future__ import annotations

import time
import uuid

from pulp_actor.db import connected, database, load_queries

#: Seconds for which a file that was noted is not noted again.
FORGET_AFTER = 3600.0
#: Files that are remembered at most; from there on all are forgotten, and may be noted once more.
LIMIT = 200_000

SQL = load_queries("pulp_actor", "requested.sql")


class RequestNotes:
    """One per process. `note` belongs to one thread; `flush` may run in another."""

    def __init__(self) -> None:
        self._seen: set[uuid.UUID] = set()
        self._pending: list[uuid.UUID] = []
        self._forget_at = time.monotonic() + FORGET_AFTER

    def note(self, content_artifact_id: uuid.UUID) -> None:
        """A file was asked for."""
        if content_artifact_id in self._seen:
            return
        if len(self._seen) >= LIMIT or time.monotonic() >= self._forget_at:
            self._seen.clear()
            self._forget_at = time.monotonic() + FORGET_AFTER
        self._seen.add(content_artifact_id)
        self._pending.append(content_artifact_id)

    def flush(self) -> int:
        """Write down what was noted since the last time; returns how many units. Blocks.

        Raises:
            peewee.DatabaseError: the database is away; the notes are kept for the next time.
        """
        count = len(self._pending)
        if not count:
            return 0
        with connected():
            written = database.execute_sql(SQL.note_requests, ([str(key) for key in self._pending[:count]],)).rowcount
        del self._pending[:count]
        return int(written)
