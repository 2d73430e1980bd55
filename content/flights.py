"""Which process fetches a file: of all content processes of the platform, on whatever machine, one. Knows locks and
notifications, neither sources nor bytes.

The claim on a file is an advisory lock of a session, so that the database itself gives it back when a process or its machine
dies. The end of a claim is announced, whatever came of it; who waits looks then what there is. A link in the directory of
temporary files leads other processes of the machine to the file that grows.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from psycopg2 import Error

from pulp_actor.db import database, load_queries
from pulp_actor.db.connection import connect_raw
from pulp_actor.db.listen import ListenHub
from pulp_actor.storage.base import temporary_directory

CHANNEL = "pulp_file_fetched"

sql = load_queries("content", "flights.sql")


class Flight:
    """One attempt to claim a file. ``mine``: it is for this process to fetch; ``ended``: set when that of another ends."""

    def __init__(self, name: str, mine: bool) -> None:
        self.mine = mine
        self.ended = asyncio.Event()
        self.link = temporary_directory() / f"{name}.growing"

    def show(self, path: Path) -> None:
        """Let other processes of this machine read ``path`` while it grows."""
        if self.mine:
            new = self.link.with_suffix(f".{os.getpid()}")
            new.unlink(missing_ok=True)  # left by a process of that number
            new.symlink_to(path)
            new.replace(self.link)


class Flights:
    """Claims on files. One per process, used from the event loop only.

    Parameters:
        hub: hears of the ends of claims; None: they are noticed when they are looked for.
    """

    def __init__(self, hub: ListenHub | None = None) -> None:
        # A thread of its own: claims are made one by one on one session, and must not wait for other questions.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flights")
        self._session: Any = None
        self._followed: dict[str, set[Flight]] = {}
        if hub is not None:
            loop = asyncio.get_running_loop()
            hub.subscribe(CHANNEL, lambda name: _call_soon(loop, self._announce, name))

    @asynccontextmanager
    async def claim(self, key: str) -> AsyncIterator[Flight]:
        """Try to be the one who fetches the file named ``key``, for the length of the block.

        Raises:
            psycopg2.Error: the database is away.
        """
        name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        number = int.from_bytes(bytes.fromhex(name[:16]), signed=True)
        loop = asyncio.get_running_loop()
        flight = Flight(name, mine=False)
        # Listened for before the lock is tried: an end between the two must not be missed.
        self._followed.setdefault(name, set()).add(flight)
        try:
            (flight.mine,) = await loop.run_in_executor(self._thread, self._ask, sql.claim, {"key": number})
            try:
                yield flight
            finally:
                if flight.mine:
                    flight.link.unlink(missing_ok=True)
                    # Not awaited by a caller that is being canceled; the thread does it all the same.
                    await asyncio.shield(loop.run_in_executor(
                        self._thread, self._release, {"key": number, "name": name}))
        finally:
            self._followed[name].discard(flight)
            if not self._followed[name]:
                del self._followed[name]

    def close(self) -> None:
        """Give back every claim."""
        self._thread.shutdown(wait=True)
        if self._session is not None:
            self._session.close()

    def _announce(self, name: str | None) -> None:
        """A claim has ended; None: any may have."""
        groups = self._followed.values() if name is None else [self._followed.get(name, set())]
        for flight in itertools.chain.from_iterable(groups):
            flight.ended.set()

    def _release(self, parameters: dict[str, Any]) -> None:
        try:
            self._ask(sql.release, parameters)
        except Error:
            return  # the session is lost, and its claims with it

    def _ask(self, query: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
        try:
            if self._session is None:
                self._session = connect_raw(database.url, application_name="pulp-content flights")
            with self._session.cursor() as cursor:
                cursor.execute(query, parameters)
                return tuple(cursor.fetchone())
        except Error:
            if self._session is not None:
                self._session.close()
                self._session = None
            raise


def _call_soon(loop: asyncio.AbstractEventLoop, function: Any, name: str | None) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, name)
